//! What a producer has sent, checked and made ready to append: one batch of magic 2.

use bytes::{Bytes, BytesMut};
use kraftig_wire::ErrorCode;
use kraftig_wire::batch::{
    Batch, BatchError, BatchHeader, Compression, Records, TimestampType, Validated,
    set_max_timestamp,
};

use super::topic_config::TopicConfig;

/// The most that the records of one batch may take when decompressed. Searches by timestamp can read as much.
pub(crate) const MAX_DECOMPRESSED: usize = 128 << 20;
/// The time of a record that has none.
const NO_TIMESTAMP: i64 = -1;
/// How many record errors are put into one answer.
const MAX_RECORD_ERRORS: usize = 1000;

/// A batch that can be appended.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The batch; offsets and epoch are still to be set.
    pub(crate) bytes: BytesMut,
    /// Its header.
    pub(crate) header: BatchHeader,
    /// The time that the broker has given to its records, or -1.
    pub(crate) log_append_time: i64,
}

/// Why a batch is not appended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: ErrorCode,
    /// The text beside the error.
    pub(crate) message: Option<String>,
    /// What is wrong with single records, by their position in the batch.
    pub(crate) records: Vec<(i32, String)>,
    /// Whether the answer tells the log's start offset, as Kafka's does for some errors.
    pub(crate) with_start: bool,
    /// Whether it is for the size of the records when decompressed alone: then the batch is still there, and may be
    /// prepared with a higher limit.
    pub(crate) expands: bool,
}

impl Refusal {
    /// An error with its text.
    pub(crate) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..error.into() }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None, records: Vec::new(), with_start: false, expands: false }
    }
}

/// The batch was looked at and is wrong.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal { with_start: true, ..Refusal::new(ErrorCode::INVALID_RECORD, message) }
}

/// Checks what a Produce request of `version` holds for one partition of `topic`, in Kafka's order, and gives
/// its records their times and their codec where the topic says so. Decompressed they may take `limit` bytes.
pub(crate) fn prepare(
    records: &mut Bytes,
    version: i16,
    topic: &str,
    partition: i32,
    config: &TopicConfig,
    now: i64,
    limit: usize,
) -> Result<Prepared, Refusal> {
    let header = only_batch(records, version)?;
    if header.base_offset != 0 {
        return Err(invalid(format!(
            "The base offset of a batch to append is {}, and must be 0",
            header.base_offset
        )));
    }
    check_size(records, config)?;
    let batch = Batch::parse(records)
        .map_err(|e| Refusal::new(ErrorCode::CORRUPT_MESSAGE, e.to_string()))?;
    batch.verify_crc().map_err(|e| Refusal::new(ErrorCode::CORRUPT_MESSAGE, e.to_string()))?;
    if header.is_control() {
        return Err(invalid("Clients are not allowed to write control records"));
    }
    if header.producer_id >= 0 && header.base_sequence < 0 {
        return Err(invalid(format!(
            "The sequence number of a producer with an id is {}",
            header.base_sequence
        )));
    }
    let seen = batch.validate(limit).map_err(|e| match e {
        BatchError::TooLarge { .. } => {
            Refusal { expands: true, ..Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, e.to_string()) }
        }
        e => invalid(e.to_string()),
    })?;
    if is_suspect(&header, &seen, config, now) {
        let records = batch.records(limit).map_err(|e| invalid(e.to_string()))?;
        check_records(&records, &header, topic, partition, config, now)?;
    }
    let mut bytes = match config.compression {
        Some((codec, level)) if header.compression() != Ok(codec) => {
            let bytes = batch.recompressed(codec, level, limit);
            let bytes = bytes.map_err(|e| invalid(e.to_string()))?;
            check_size(&bytes, config)?;
            bytes
        }
        _ => {
            drop(batch);
            // Without a copy, if nothing else of the request is still in use.
            BytesMut::from(std::mem::take(records))
        }
    };
    if bytes.len() > config.log.segment_bytes as usize {
        let (size, limit) = (bytes.len(), config.log.segment_bytes);
        return Err(Refusal::new(
            ErrorCode::RECORD_LIST_TOO_LARGE,
            format!("The batch has {size} bytes, and segment.bytes is {limit}"),
        ));
    }
    let mut header = BatchHeader::parse(&bytes).map_err(|e| invalid(e.to_string()))?;
    let (kind, max_timestamp) = if config.log_append_time {
        (TimestampType::LogAppendTime, now)
    } else {
        (TimestampType::CreateTime, seen.max_timestamp)
    };
    if header.timestamp_type() != kind || header.max_timestamp != max_timestamp {
        set_max_timestamp(&mut bytes, kind, max_timestamp).map_err(|e| invalid(e.to_string()))?;
        header = BatchHeader::parse(&bytes).map_err(|e| invalid(e.to_string()))?;
    }
    let log_append_time = if config.log_append_time { now } else { NO_TIMESTAMP };
    Ok(Prepared { bytes, header, log_append_time })
}

fn check_size(batch: &[u8], config: &TopicConfig) -> Result<(), Refusal> {
    let (size, limit) = (batch.len(), config.max_message_bytes);
    if size <= limit {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::MESSAGE_TOO_LARGE,
        format!("The batch has {size} bytes, and max.message.bytes is {limit}"),
    ))
}

/// Leaves the one batch in `records`. What follows it and is no whole batch is ignored, as it is by Kafka.
fn only_batch(records: &mut Bytes, version: i16) -> Result<BatchHeader, Refusal> {
    let none = || {
        Refusal::new(
            ErrorCode::INVALID_RECORD,
            "A Produce request must have a record batch for each partition",
        )
    };
    let header = next_batch(records)?.ok_or_else(none)?;
    let rest = records.split_off(header.size());
    if matches!(header.compression(), Ok(Compression::Zstd)) && version < 7 {
        return Err(Refusal::new(
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            format!("zstd needs version 7 of the Produce request, and this is version {version}"),
        ));
    }
    if next_batch(&rest)?.is_some() {
        return Err(Refusal::new(
            ErrorCode::INVALID_RECORD,
            "A Produce request must have exactly one record batch for each partition",
        ));
    }
    Ok(header)
}

/// The header of the batch that `records` begins with; `None` if it is not there as a whole.
fn next_batch(records: &[u8]) -> Result<Option<BatchHeader>, Refusal> {
    match BatchHeader::parse(records) {
        Ok(header) if header.size() > records.len() => Ok(None),
        Ok(header) => Ok(Some(header)),
        Err(BatchError::Incomplete { .. }) => Ok(None),
        Err(BatchError::Magic(magic @ 0..=1)) => Err(Refusal::new(
            ErrorCode::INVALID_RECORD,
            format!(
                "A Produce request may only hold record batches of magic 2, and this has {magic}"
            ),
        )),
        Err(BatchError::Magic(magic)) => Err(Refusal::new(
            ErrorCode::CORRUPT_MESSAGE,
            format!("Invalid magic found in record: {magic}"),
        )),
        Err(BatchError::Length(length)) => Err(Refusal::new(
            ErrorCode::CORRUPT_MESSAGE,
            format!("Record size {length} is less than the minimum record overhead (14)"),
        )),
        Err(e) => Err(Refusal::new(ErrorCode::CORRUPT_MESSAGE, e.to_string())),
    }
}

fn is_out_of_range(timestamp: i64, config: &TopicConfig, now: i64) -> bool {
    let age = now.saturating_sub(timestamp);
    age > config.timestamp_before_max_ms || age.saturating_neg() > config.timestamp_after_max_ms
}

/// Whether some record may break a rule of the topic: then each has to be looked at.
fn is_suspect(header: &BatchHeader, seen: &Validated, config: &TopicConfig, now: i64) -> bool {
    let by_time = if config.log_append_time {
        header.timestamp_type() == TimestampType::LogAppendTime
    } else {
        is_out_of_range(seen.min_timestamp, config, now)
            || is_out_of_range(seen.max_timestamp, config, now)
    };
    by_time || config.compacted && !seen.all_keyed
}

/// Checks each record against the rules of the topic, and tells of each that breaks one.
fn check_records(
    records: &Records,
    header: &BatchHeader,
    topic: &str,
    partition: i32,
    config: &TopicConfig,
    now: i64,
) -> Result<(), Refusal> {
    let mut wrong = Vec::new();
    let mut error = ErrorCode::INVALID_RECORD;
    for (index, record) in records.iter().enumerate() {
        let record = record.map_err(|e| invalid(e.to_string()))?;
        let rule = if config.compacted && record.key.is_none() {
            format!(
                "Compacted topic cannot accept message without key in topic partition {topic}-{partition}"
            )
        } else if config.log_append_time {
            if header.timestamp_type() != TimestampType::LogAppendTime {
                continue;
            }
            error = ErrorCode::INVALID_TIMESTAMP;
            "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.".to_owned()
        } else if record.timestamp != NO_TIMESTAMP && is_out_of_range(record.timestamp, config, now)
        {
            error = ErrorCode::INVALID_TIMESTAMP;
            format!(
                "Timestamp {} of message with offset {index} is out of range. The timestamp should be within [{}, {}]",
                record.timestamp,
                now.wrapping_sub(config.timestamp_before_max_ms),
                now.wrapping_add(config.timestamp_after_max_ms),
            )
        } else {
            continue;
        };
        if wrong.len() < MAX_RECORD_ERRORS {
            wrong.push((index as i32, rule));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let message = if error == ErrorCode::INVALID_TIMESTAMP {
        "One or more records have been rejected due to invalid timestamp".to_owned()
    } else {
        format!(
            "One or more records have been rejected due to {} record errors in total",
            wrong.len()
        )
    };
    Err(Refusal { records: wrong, with_start: true, ..Refusal::new(error, message) })
}
