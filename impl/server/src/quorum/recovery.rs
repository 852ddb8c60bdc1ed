//! Whether what is damaged in the metadata log is a torn tail.
//!
//! A crash tears the end of what was being written, and that was never acknowledged: it is cut off. Of what was not
//! flushed a power failure keeps any sectors, so something whole may even follow what it lost; but what it
//! lost reads as zeros, and all segments but the last were flushed. Any other damage with something whole
//! behind it is another thing: what is behind it was acknowledged, and cutting would forget it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use kraftig_log::disk::{self, File};
use kraftig_log::snapshot;
use kraftig_spec::types::Offset;
use kraftig_wire::batch::{BatchHeader, HEADER_SIZE, batches, verify_crc};

use super::QuorumError;

/// No batch of the metadata log is larger; a length above it is damage.
pub(super) const LARGEST_BATCH: usize = 64 << 20;
/// What a disk writes as a whole, at least.
const SECTOR: u64 = 512;
/// How far behind damage a whole batch is looked for.
const SEARCHED: usize = 64 << 20;

/// An error if cutting the log at its first damage would lose what was once whole, or if the log's beginning is
/// missing.
pub(super) fn check(directory: &Path) -> Result<(), QuorumError> {
    let mut segments: Vec<PathBuf> = disk::list(directory)?
        .iter()
        .map(|name| directory.join(name))
        .filter(|path| path.extension().is_some_and(|kind| kind == "log"))
        .collect();
    segments.sort();
    let first = segments.first().and_then(|path| path.file_stem()?.to_str()?.parse::<i64>().ok());
    let snapshots = snapshot::list(directory)?;
    let Some(start) = first.filter(|start| {
        *start == 0 || snapshots.last().is_some_and(|latest| latest.end >= Offset(*start))
    }) else {
        return Err(QuorumError::NoBeginning { directory: directory.to_owned() });
    };
    let count = segments.len();
    let (mut end, mut epoch) = (start, 0);
    for (index, path) in segments.into_iter().enumerate() {
        let file = disk::open(&path)?;
        let position = whole(&file, &mut end, &mut epoch)?;
        if position == file.len()? {
            continue;
        }
        let torn = index + 1 == count
            && (a_sector_is_missing(&file, position, end)?
                || !something_whole_follows(&file, position, end)?);
        if !torn {
            return Err(QuorumError::Damaged { file: path, position });
        }
    }
    Ok(())
}

/// The byte at which the batches end that are whole and follow each other. The checksum covers neither offset nor epoch:
/// these must go on from `end` and `epoch`, which go on with them. An epoch that goes back is no tear: one of the two is wrong.
fn whole(file: &File, end: &mut i64, epoch: &mut i32) -> Result<u64, QuorumError> {
    let (length, mut position) = (file.len()?, 0);
    let mut buffer = Vec::new();
    loop {
        buffer.resize(HEADER_SIZE, 0);
        let read = file.read_at(&mut buffer, position)?;
        let Ok(header) = BatchHeader::parse(&buffer[..read]) else { break };
        let fits = header.size() <= LARGEST_BATCH && header.size() as u64 <= length - position;
        if !fits || header.base_offset != *end {
            break;
        }
        buffer.resize(header.size(), 0);
        file.read_exact_at(&mut buffer, position)?;
        if verify_crc(&buffer).is_err() {
            break;
        }
        position += header.size() as u64;
        if header.leader_epoch < *epoch {
            return Err(QuorumError::Damaged { file: file.path().to_path_buf(), position });
        }
        (*end, *epoch) = (header.next_offset(), header.leader_epoch);
    }
    Ok(position)
}

/// Whether the batch that begins at `position` lacks what a sector of it held: there is nothing but zeros up to the
/// sector's end, and no batch would have them there.
fn a_sector_is_missing(file: &File, position: u64, end: i64) -> Result<bool, QuorumError> {
    let length = file.len()?;
    let mut buffer = vec![0; HEADER_SIZE];
    let read = file.read_at(&mut buffer, position)?;
    let size = match BatchHeader::parse(&buffer[..read]) {
        Ok(header) if header.size() <= LARGEST_BATCH => header.size(),
        _ => HEADER_SIZE,
    };
    let until = (position + size as u64).min(length);
    let mut from = position;
    while from < until {
        let to = ((from / SECTOR + 1) * SECTOR).min(length);
        buffer.resize((to - from) as usize, 0);
        file.read_exact_at(&mut buffer, from)?;
        // A batch begins with its offset, of which the first bytes may well be zeros, and its length.
        let differs = from > position
            || buffer.len() >= 12
            || end.to_be_bytes().iter().take(buffer.len()).any(|byte| *byte != 0);
        let is_whole = to % SECTOR == 0;
        if differs && is_whole && buffer.iter().all(|byte| *byte == 0) {
            return Ok(true);
        }
        from = to;
    }
    Ok(false)
}

fn something_whole_follows(file: &File, position: u64, end: i64) -> Result<bool, QuorumError> {
    let length = (file.len()? - position).min(SEARCHED as u64);
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, position)?;
    let bytes = Bytes::from(bytes);
    let whole_at = |from: usize| {
        let later =
            |header: &BatchHeader| header.base_offset >= end && header.size() <= LARGEST_BATCH;
        match batches(bytes.slice(from..)).next() {
            Some(Ok(batch)) => later(batch.header()) && batch.verify_crc().is_ok(),
            _ => false,
        }
    };
    Ok((1..bytes.len()).any(whole_at))
}
