//! Segments and snapshots: batches, and the records in them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use kraftig_log::bootstrap;
use kraftig_log::disk::{self, File};
use kraftig_log::snapshot::SnapshotId;
use kraftig_wire::batch::control::ControlRecord;
use kraftig_wire::batch::{Batch, BatchHeader, HEADER_SIZE, LOG_OVERHEAD, Record, TimestampType};
use kraftig_wire::messages::MetadataRecord;

use super::{DumpLog, Findings, absolute, base_offset};
use crate::output::{Failure, Output, fail};

/// The most that the records of one batch may take when decompressed.
const DECOMPRESSED_LIMIT: usize = 1 << 30;

/// The bytes of a batch up to its magic: where there are no more, there is no batch.
const UP_TO_MAGIC: u64 = 17;

/// The least that a record of any format takes.
const MIN_SIZE: i32 = 14;

/// The batches of a file, one after the other, whatever is in them.
pub(super) struct Batches<'a> {
    file: &'a File,
    position: u64,
    end: u64,
}

impl<'a> Batches<'a> {
    pub(super) fn new(file: &'a File, position: u64, end: u64) -> Self {
        Self { file, position, end }
    }

    /// Where the next one begins.
    fn position(&self) -> u64 {
        self.position
    }

    /// The next one; `None` where the rest is none.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, Failure> {
        let left = self.end.saturating_sub(self.position);
        if left <= UP_TO_MAGIC {
            return Ok(None);
        }
        let shown = self.file.path().display();
        let mut header = [0; HEADER_SIZE];
        let read = self.file.read_at(&mut header, self.position)?;
        let size = header[8..LOG_OVERHEAD].first_chunk().copied().map_or(0, i32::from_be_bytes);
        if size < MIN_SIZE {
            return fail(format!(
                "Found record size {size} smaller than minimum record overhead ({MIN_SIZE}) in file {shown}."
            ));
        }
        let size = LOG_OVERHEAD as u64 + u64::from(size.unsigned_abs());
        if size > left {
            return Ok(None);
        }
        let damaged = |error| Failure(format!("{shown}, byte {}: {error}", self.position));
        BatchHeader::parse(&header[..read]).map_err(damaged)?;
        let mut bytes = vec![0; size as usize];
        self.file.read_exact_at(&mut bytes, self.position)?;
        let batch = Batch::parse(&bytes.into()).map_err(damaged)?;
        self.position += size;
        Ok(Some(batch))
    }
}

pub(super) fn dump(
    path: &Path,
    options: &DumpLog,
    findings: &mut Findings,
    out: &mut Output,
) -> Result<(), Failure> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if path.extension() == Some(OsStr::new("log")) {
        out.line(format!("Log starting offset: {}", base_offset(path)?));
    } else if name == bootstrap::FILE_NAME {
        out.line("KRaft bootstrap snapshot");
    } else {
        let SnapshotId { end, epoch } = name.parse()?;
        out.line(format!("Snapshot end offset: {end}, epoch: {epoch}"));
    }
    let file = disk::open_to_read(path)?;
    let len = file.len()?;
    let end = options.max_bytes.map_or(len, |max| len.min(u64::from(max)));
    let mut batches = Batches::new(&file, 0, end);
    let mut last_offset: Option<i64> = None;
    loop {
        let position = batches.position();
        let Some(batch) = batches.next()? else {
            break;
        };
        out.line(describe(&batch, position)?);
        if !options.deep_iteration && !options.prints_data() {
            continue;
        }
        for record in &batch.records(DECOMPRESSED_LIMIT)? {
            let record = record?;
            if let Some(last) = last_offset
                && last.checked_add(1) != Some(record.offset)
            {
                let heading = format!("Non-consecutive offsets in {}", absolute(path)?);
                findings.add(&heading, format!("  {last} is followed by {}", record.offset));
            }
            last_offset = Some(record.offset);
            out.line(record_line(&batch, &record, options));
        }
    }
    if batches.position() < end && options.max_bytes.is_none() {
        let invalid = end - batches.position();
        out.line(format!("Found {invalid} invalid bytes at the end of {name}"));
    }
    Ok(())
}

fn describe(batch: &Batch, position: u64) -> Result<String, Failure> {
    let header = batch.header();
    let horizon = if header.has_delete_horizon() {
        format!("OptionalLong[{}]", header.base_timestamp)
    } else {
        "OptionalLong.empty".to_owned()
    };
    Ok(format!(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} \
         producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} \
         deleteHorizonMs: {horizon} position: {position} {}: {} size: {} magic: 2 \
         compresscodec: {} crc: {} isvalid: {}",
        header.base_offset,
        header.last_offset(),
        header.record_count,
        header.base_sequence,
        sequence(header, header.last_offset_delta),
        header.producer_id,
        header.producer_epoch,
        header.leader_epoch,
        header.is_transactional(),
        header.is_control(),
        timestamp_type(header),
        header.max_timestamp,
        header.size(),
        header.compression()?,
        header.crc,
        batch.verify_crc().is_ok(),
    ))
}

fn record_line(batch: &Batch, record: &Record, options: &DumpLog) -> String {
    let header = batch.header();
    let mut line = String::new();
    let mut prefix = "| ";
    // Writing to a String cannot fail.
    if !options.skip_record_metadata {
        let size = |part: Option<&[u8]>| part.map_or(-1, |bytes| bytes.len() as i64);
        let keys: Vec<_> =
            record.headers.iter().map(|header| String::from_utf8_lossy(header.key)).collect();
        let _ = write!(
            line,
            "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
            record.offset,
            timestamp_type(header),
            record.timestamp,
            size(record.key),
            size(record.value),
            sequence(header, record.offset_delta),
            keys.join(",")
        );
        prefix = " ";
        if header.is_control() {
            line.push_str(&control(record));
        }
    }
    if options.prints_data() && !header.is_control() {
        if options.cluster_metadata_decoder {
            let _ = write!(line, " payload: {}", metadata(record));
        } else {
            if let Some(key) = record.key {
                let _ = write!(line, "{prefix}key: {}", String::from_utf8_lossy(key));
            }
            if let Some(value) = record.value {
                let _ = write!(line, " payload: {}", String::from_utf8_lossy(value));
            }
        }
    }
    line
}

/// What a control record says, with a blank before it.
fn control(record: &Record) -> String {
    let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
    let kind = key.get(2..4).and_then(<[u8]>::first_chunk).copied().map_or(-1, i16::from_be_bytes);
    let marker = match kind {
        0 => Some("ABORT"),
        1 => Some("COMMIT"),
        _ => None,
    };
    if let Some(marker) = marker {
        let epoch = value.get(2..6).and_then(<[u8]>::first_chunk).copied();
        let epoch = epoch.map_or(-1, i32::from_be_bytes);
        return format!(" endTxnMarker: {marker} coordinatorEpoch: {epoch}");
    }
    let record = match ControlRecord::decode(key, value) {
        Ok(record) => record,
        Err(_) if !(2..=6).contains(&kind) => return format!(" controlType: UNKNOWN({kind})"),
        Err(error) => return format!(" Error at {}, skipping. {error}", record.offset),
    };
    let name = match record {
        ControlRecord::LeaderChange(_) => "LeaderChange:",
        ControlRecord::SnapshotHeader(_) => "SnapshotHeader",
        ControlRecord::SnapshotFooter(_) => "SnapshotFooter",
        ControlRecord::KRaftVersion(_) => "KRaftVersion",
        ControlRecord::Voters(_) => "KRaftVoters",
    };
    format!(" {name} {}", record.to_json())
}

/// A record of the metadata log as JSON.
fn metadata(record: &Record) -> String {
    match MetadataRecord::decode_versioned(record.value.unwrap_or_default()) {
        Ok((decoded, version)) => format!(
            "{{\"type\":\"{}\",\"version\":{version},\"data\":{}}}",
            constant(decoded.name()),
            decoded.to_json(version)
        ),
        Err(error) => format!("Error at {}, skipping. {error}", record.offset),
    }
}

/// `NoOpRecord` as `NO_OP_RECORD`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(c.to_ascii_uppercase());
    }
    constant
}

/// The sequence number of the record at `delta`; after [`i32::MAX`] comes 0.
fn sequence(header: &BatchHeader, delta: i32) -> i32 {
    if header.base_sequence < 0 { -1 } else { header.base_sequence.wrapping_add(delta) & i32::MAX }
}

fn timestamp_type(header: &BatchHeader) -> &'static str {
    match header.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}
