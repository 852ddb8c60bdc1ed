//! Record batches of magic 2 (KIP-98): the unit in which records travel and lie in a log.
//!
//! A batch is a header of 61 bytes and its records, which may be compressed as a whole. The base offset and
//! the leader epoch stand before the part that the checksum covers, so that a leader can set them without
//! touching the rest.

mod builder;
mod compression;
pub mod control;
mod record;

pub use builder::BatchBuilder;
pub use compression::Compression;
pub use record::{Header, Headers, Record, RecordIter, Records, Validated};

use bytes::{Bytes, BytesMut};

/// The size of a batch without records.
pub const HEADER_SIZE: usize = 61;
/// The offset and the length in front of what the length counts.
pub const LOG_OVERHEAD: usize = 12;
/// The smallest length that a batch of any magic can say, as Kafka has it.
const MIN_LENGTH: i32 = 14;
/// The only version of the format that Kafka 4 still stores.
const MAGIC: i8 = 2;

const LENGTH_AT: usize = 8;
const LEADER_EPOCH_AT: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;

const CODEC_BITS: i16 = 0x07;
const TIMESTAMP_TYPE_BIT: i16 = 0x08;
const TRANSACTIONAL_BIT: i16 = 0x10;
const CONTROL_BIT: i16 = 0x20;
const DELETE_HORIZON_BIT: i16 = 0x40;

/// Why bytes are no batch, or a batch is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end inside a batch. At the end of a log this is a torn write, at the end of a fetch a
    /// batch that did not fit.
    #[error("the batch needs {needed} bytes and there are {have}")]
    Incomplete {
        /// How many bytes the batch has, as far as can be seen.
        needed: usize,
        /// How many bytes there are.
        have: usize,
    },
    /// A length that no batch can have.
    #[error("the batch says that it is {0} bytes long, less than a batch can be")]
    Length(i32),
    /// Another format: message sets of magic 0 and 1 went with Kafka 4.0 (KIP-724).
    #[error("the batch has magic {0}; only 2 is supported")]
    Magic(i8),
    /// The bytes are not those that were written.
    #[error("the checksum is {computed:#010x} and the batch says {stored:#010x}")]
    Crc {
        /// What the batch says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A codec that does not exist.
    #[error("compression codec {0} does not exist")]
    Codec(u8),
    /// The compressed records cannot be read.
    #[error("{0} cannot be read: {1}")]
    Compressed(Compression, String),
    /// The records are bigger, decompressed, than the caller allows.
    #[error("the records take more than {limit} bytes when decompressed")]
    TooLarge {
        /// The caller's limit, in bytes.
        limit: usize,
    },
    /// The header's count, its last offset and its records do not agree.
    #[error("the batch says {count} records and a last offset delta of {last_offset_delta}")]
    OffsetRange {
        /// The number of records that the header says.
        count: i32,
        /// The last offset delta that the header says.
        last_offset_delta: i32,
    },
    /// A record that is malformed, or not where it should be.
    #[error("record {index}: {rule}")]
    Record {
        /// The record's position in the batch.
        index: usize,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// Bytes behind the last record.
    #[error("{0} bytes follow the last record")]
    Trailing(usize),
}

/// Who sets the time of a record: `message.timestamp.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer; each record has its own.
    CreateTime,
    /// The leader; all records have the batch's maximum.
    LogAppendTime,
}

/// The fixed part of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record, when the batch was written. Compaction keeps it.
    pub base_offset: i64,
    /// The bytes after this field.
    pub length: i32,
    /// The epoch of the leader that appended the batch; -1 from a producer.
    pub leader_epoch: i32,
    /// CRC-32C of everything from the attributes to the end.
    pub crc: u32,
    /// Codec, timestamp type, transactional, control and delete horizon bits.
    pub attributes: i16,
    /// The last record's offset, from the base offset. Compaction keeps it.
    pub last_offset_delta: i32,
    /// The time that the records' times are relative to, in milliseconds; with a delete horizon, the horizon.
    pub base_timestamp: i64,
    /// The greatest time of a record, in milliseconds.
    pub max_timestamp: i64,
    /// The idempotent producer, or -1.
    pub producer_id: i64,
    /// The producer's epoch, or -1.
    pub producer_epoch: i16,
    /// The sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// The number of records; 0 in a batch that compaction has emptied.
    pub record_count: i32,
}

impl BatchHeader {
    /// The header at the start of `bytes`. Of the batch only the header has to be there: compare
    /// [`BatchHeader::size`] with what is.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let mut at = 0;
        let base_offset = i64::from_be_bytes(field(bytes, &mut at)?);
        let length = i32::from_be_bytes(field(bytes, &mut at)?);
        if length < MIN_LENGTH {
            return Err(BatchError::Length(length));
        }
        let leader_epoch = i32::from_be_bytes(field(bytes, &mut at)?);
        let magic = i8::from_be_bytes(field(bytes, &mut at)?);
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        if (length as usize) < HEADER_SIZE - LOG_OVERHEAD {
            return Err(BatchError::Length(length));
        }
        Ok(Self {
            base_offset,
            length,
            leader_epoch,
            crc: u32::from_be_bytes(field(bytes, &mut at)?),
            attributes: i16::from_be_bytes(field(bytes, &mut at)?),
            last_offset_delta: i32::from_be_bytes(field(bytes, &mut at)?),
            base_timestamp: i64::from_be_bytes(field(bytes, &mut at)?),
            max_timestamp: i64::from_be_bytes(field(bytes, &mut at)?),
            producer_id: i64::from_be_bytes(field(bytes, &mut at)?),
            producer_epoch: i16::from_be_bytes(field(bytes, &mut at)?),
            base_sequence: i32::from_be_bytes(field(bytes, &mut at)?),
            record_count: i32::from_be_bytes(field(bytes, &mut at)?),
        })
    }

    /// The bytes that the whole batch takes.
    pub fn size(&self) -> usize {
        // Never negative: `parse` has seen to it.
        LOG_OVERHEAD + self.length as usize
    }

    /// The offset of the last record, even where compaction has removed it.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// The offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// How the records are compressed.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        Compression::from_attributes(self.attributes)
    }

    /// Who set the times of the records.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & TIMESTAMP_TYPE_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether the records are for the cluster and not for clients.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Whether the base timestamp is the time from which compaction may drop tombstones (KIP-534).
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & DELETE_HORIZON_BIT != 0
    }
}

/// The next `N` bytes of a header.
fn field<const N: usize>(bytes: &[u8], at: &mut usize) -> Result<[u8; N], BatchError> {
    let Some(value) = bytes.get(*at..).and_then(<[u8]>::first_chunk) else {
        return Err(BatchError::Incomplete { needed: HEADER_SIZE, have: bytes.len() });
    };
    *at += N;
    Ok(*value)
}

/// The header and the bytes of the batch at the start of `bytes`, which must all be there.
fn whole(bytes: &[u8]) -> Result<(BatchHeader, &[u8]), BatchError> {
    let header = BatchHeader::parse(bytes)?;
    let needed = header.size();
    match bytes.get(..needed) {
        Some(batch) => Ok((header, batch)),
        None => Err(BatchError::Incomplete { needed, have: bytes.len() }),
    }
}

/// Checks the checksum of the batch at the start of `bytes`.
pub fn verify_crc(bytes: &[u8]) -> Result<(), BatchError> {
    let (header, batch) = whole(bytes)?;
    let computed = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    if computed == header.crc {
        Ok(())
    } else {
        Err(BatchError::Crc { stored: header.crc, computed })
    }
}

/// Gives the batch at the start of `bytes` its place in a log. The checksum stays right.
pub fn set_base_offset_and_epoch(
    bytes: &mut [u8],
    base_offset: i64,
    leader_epoch: i32,
) -> Result<(), BatchError> {
    BatchHeader::parse(bytes)?;
    bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.to_be_bytes());
    Ok(())
}

/// Sets who gave the records of the batch at the start of `bytes` their times, and the greatest of them in
/// milliseconds, and writes the checksum anew.
pub fn set_max_timestamp(
    bytes: &mut [u8],
    kind: TimestampType,
    max_timestamp: i64,
) -> Result<(), BatchError> {
    let (header, batch) = whole(bytes)?;
    let size = batch.len();
    let attributes = match kind {
        TimestampType::CreateTime => header.attributes & !TIMESTAMP_TYPE_BIT,
        TimestampType::LogAppendTime => header.attributes | TIMESTAMP_TYPE_BIT,
    };
    bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[ATTRIBUTES_AT..size]);
    bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

/// One whole batch.
#[derive(Clone, Debug)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// The batch at the start of `bytes`, as a slice of them.
    pub fn parse(bytes: &Bytes) -> Result<Self, BatchError> {
        let (header, batch) = whole(bytes)?;
        let size = batch.len();
        Ok(Self { header, bytes: bytes.slice(..size) })
    }

    /// The fixed part.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All of the batch.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Checks the checksum.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        verify_crc(&self.bytes)
    }

    /// The records, decompressed into at most `limit` bytes.
    pub fn records(&self, limit: usize) -> Result<Records, BatchError> {
        let body = self.bytes.slice(HEADER_SIZE..);
        let data = self.header.compression()?.decompress(body, limit)?;
        Ok(Records::new(self.header, data))
    }

    /// The same batch with its records in another codec. `level` is gzip's or Zstandard's. The records are
    /// decompressed into at most `limit` bytes.
    pub fn recompressed(
        &self,
        codec: Compression,
        level: Option<i32>,
        limit: usize,
    ) -> Result<BytesMut, BatchError> {
        let body = self.bytes.slice(HEADER_SIZE..);
        let data = self.header.compression()?.decompress(body, limit)?;
        let body = codec.compress(&data, level)?;
        let size = HEADER_SIZE + body.len();
        let length =
            i32::try_from(size - LOG_OVERHEAD).map_err(|_| BatchError::TooLarge { limit })?;
        let attributes = self.header.attributes & !CODEC_BITS | codec.attributes();
        let mut bytes = BytesMut::with_capacity(size);
        bytes.extend_from_slice(&self.bytes[..HEADER_SIZE]);
        bytes.extend_from_slice(&body);
        bytes[LENGTH_AT..LOG_OVERHEAD].copy_from_slice(&length.to_be_bytes());
        bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[ATTRIBUTES_AT..]);
        bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
        Ok(bytes)
    }

    /// Checks that the batch is as a producer must send it: at least one record, offsets without gaps from 0
    /// on, and every record exactly as long as it says. The records are decompressed into at most `limit`
    /// bytes. The checksum is not looked at.
    pub fn validate(&self, limit: usize) -> Result<Validated, BatchError> {
        let BatchHeader { record_count: count, last_offset_delta, .. } = self.header;
        if count <= 0 || last_offset_delta != count - 1 {
            return Err(BatchError::OffsetRange { count, last_offset_delta });
        }
        self.records(limit)?.validate()
    }
}

/// The batches in `bytes`, one after the other. An error is the last item: nothing after it can be found.
pub fn batches(bytes: Bytes) -> Batches {
    Batches { rest: bytes }
}

/// See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let batch = Batch::parse(&self.rest);
        self.rest = match &batch {
            Ok(batch) => self.rest.slice(batch.bytes.len()..),
            Err(_) => Bytes::new(),
        };
        Some(batch)
    }
}

/// A zigzag varint of 32 bits, as records hold them.
fn put_varint(buf: &mut bytes::BytesMut, value: i32) {
    put_varlong(buf, i64::from(value));
}

/// A zigzag varint of 64 bits, as records hold them.
fn put_varlong(buf: &mut bytes::BytesMut, value: i64) {
    use bytes::BufMut as _;
    let mut value = (value << 1 ^ value >> 63) as u64;
    while value > 0x7f {
        buf.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    buf.put_u8(value as u8);
}
