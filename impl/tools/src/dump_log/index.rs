//! A segment's indexes, held against its log.

use std::path::Path;

use kraftig_log::disk::{self, File};

use super::log::Batches;
use super::{Findings, absolute, base_offset};
use crate::output::{Failure, Output};

/// The most that the records of one batch may take when decompressed.
const DECOMPRESSED_LIMIT: usize = 1 << 30;

/// The entries of an index: all of `N` bytes, up to the first that is none. An index of a segment in use is as long as
/// it may become, with zeros behind its entries.
fn entries<const N: usize>(path: &Path, offset_at: usize) -> Result<Vec<[u8; N]>, Failure> {
    let bytes = disk::read(path)?;
    let mut entries = bytes.as_chunks::<N>().0.to_vec();
    let used = |entry: &[u8; N]| entry[offset_at..offset_at + 4] != [0; 4];
    let end = entries.iter().skip(1).position(|entry| !used(entry));
    entries.truncate(end.map_or(entries.len(), |end| end + 1));
    Ok(entries)
}

/// `N` bytes of an entry.
fn part<const N: usize>(entry: &[u8], at: usize) -> [u8; N] {
    entry.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// An offset entry: (offset, position).
fn offset_entry(base: i64, entry: [u8; 8]) -> (i64, u32) {
    (offset(base, part(&entry, 0)), u32::from_be_bytes(part(&entry, 4)))
}

/// The offset that an entry has relative to the segment's first.
fn offset(base: i64, relative: [u8; 4]) -> i64 {
    base.saturating_add(i64::from(i32::from_be_bytes(relative)))
}

pub(super) fn dump_offsets(
    path: &Path,
    verify_only: bool,
    findings: &mut Findings,
    out: &mut Output,
) -> Result<(), Failure> {
    let base = base_offset(path)?;
    let log = open_log(path)?;
    let mut entries = entries::<8>(path, 0)?;
    if log.len()? == 0 && entries == [[0; 8]] {
        entries.clear();
    }
    if entries.is_empty() {
        out.line(format!("{} is empty.", path.display()));
    }
    for entry in entries {
        let (offset, position) = offset_entry(base, entry);
        let found = Batches::new(&log, position.into(), log.len()?).next()?;
        let found = found.map_or(-1, |batch| batch.header().last_offset());
        if found != offset {
            let heading = format!("Mismatches in :{}", absolute(path)?);
            findings.add(&heading, format!("  Index offset: {offset}, log offset: {found}"));
        }
        if !verify_only {
            out.line(format!("offset: {offset} position: {position}"));
        }
    }
    Ok(())
}

pub(super) fn dump_times(
    path: &Path,
    verify_only: bool,
    findings: &mut Findings,
    out: &mut Output,
) -> Result<(), Failure> {
    let base = base_offset(path)?;
    let log = open_log(path)?;
    let offsets: Vec<_> = entries::<8>(&path.with_extension("index"), 0)?
        .into_iter()
        .map(|entry| offset_entry(base, entry))
        .collect();
    let shown = absolute(path)?;
    let mut previous = -1;
    for entry in entries::<12>(path, 8)? {
        let timestamp = i64::from_be_bytes(part(&entry, 0));
        let offset = offset(base, part(&entry, 8));
        let before = offsets.iter().rev().find(|(known, _)| *known <= offset);
        let position = before.map_or(0, |(_, position)| *position);
        match largest_at(&log, position, offset)? {
            Err(found) => {
                let heading = "The following indexed offsets are not found in the log.";
                let line = format!("Indexed offset: {offset}, found log offset: {found}");
                findings.add(heading, line);
            }
            Ok(largest) => {
                if largest != timestamp {
                    let heading = format!("Found timestamp mismatch in :{shown}");
                    let line = format!("  Index timestamp: {timestamp}, log timestamp: {largest}");
                    findings.add(&heading, line);
                }
                if previous >= timestamp {
                    let heading = format!("Found out of order timestamp in :{shown}");
                    let line = format!(
                        "  Index timestamp: {timestamp}, Previously indexed timestamp: {previous}"
                    );
                    findings.add(&heading, line);
                }
            }
        }
        if !verify_only {
            out.line(format!("timestamp: {timestamp} offset: {offset}"));
        }
        previous = timestamp;
    }
    Ok(())
}

/// The largest time in the batch whose last record is at `offset`; else the last offset of the batch that holds it,
/// or -1.
fn largest_at(log: &File, position: u32, offset: i64) -> Result<Result<i64, i64>, Failure> {
    let mut batches = Batches::new(log, position.into(), log.len()?);
    while let Some(batch) = batches.next()? {
        let last = batch.header().last_offset();
        if last < offset {
            continue;
        }
        if last > offset {
            return Ok(Err(last));
        }
        let mut largest = -1;
        for record in &batch.records(DECOMPRESSED_LIMIT)? {
            largest = largest.max(record?.timestamp);
        }
        return Ok(Ok(largest));
    }
    Ok(Err(-1))
}

/// Opens the segment that an index belongs to.
fn open_log(index: &Path) -> Result<File, Failure> {
    Ok(disk::open_to_read(&index.with_extension("log"))?)
}

/// The aborted transactions of a segment.
pub(super) fn dump_transactions(path: &Path, out: &mut Output) -> Result<(), Failure> {
    for entry in disk::read(path)?.as_chunks::<34>().0 {
        let number = |at| i64::from_be_bytes(part(entry, at));
        out.line(format!(
            "version: {} producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            i16::from_be_bytes(part(entry, 0)),
            number(2),
            number(10),
            number(18),
            number(26)
        ));
    }
    Ok(())
}
