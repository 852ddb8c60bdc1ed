//! The records of a batch.

use bytes::Bytes;

use super::{BatchError, BatchHeader, TimestampType};

/// The records of one batch, decompressed.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    data: Bytes,
}

/// One record. Its key, value and headers are slices of the decompressed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its offset, from the base offset.
    pub offset_delta: i32,
    /// Its time, in milliseconds.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

/// The headers of a record, in order; a key may be there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    bytes: Cursor<'a>,
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its key: UTF-8, if the producer kept to the protocol.
    pub key: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// What [`super::Batch::validate`] has seen of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validated {
    /// The greatest time of a record, in milliseconds.
    pub max_timestamp: i64,
    /// The offset of the first record with that time, from the base offset.
    pub max_timestamp_offset_delta: i32,
    /// The least time of a record, in milliseconds.
    pub min_timestamp: i64,
    /// Whether every record has a key, as compaction needs.
    pub all_keyed: bool,
    /// The size of the records when decompressed, in bytes.
    pub size: usize,
}

impl Records {
    pub(super) fn new(header: BatchHeader, data: Bytes) -> Self {
        Self { header, data }
    }

    /// Each record in turn. An error is the last item.
    pub fn iter(&self) -> RecordIter<'_> {
        let left = self.header.record_count.max(0) as usize;
        RecordIter { header: &self.header, index: 0, left, rest: Cursor(&self.data) }
    }

    /// `bytes`, which are part of a record of this batch, as a slice that keeps the batch in memory.
    pub fn slice(&self, bytes: &[u8]) -> Bytes {
        self.data.slice_ref(bytes)
    }

    pub(super) fn validate(&self) -> Result<Validated, BatchError> {
        let mut seen = Validated {
            max_timestamp: i64::MIN,
            max_timestamp_offset_delta: 0,
            min_timestamp: i64::MAX,
            all_keyed: true,
            size: self.data.len(),
        };
        for (index, record) in self.iter().enumerate() {
            let record = record?;
            if record.offset_delta as usize != index {
                return Err(BatchError::Record {
                    index,
                    rule: "its offset does not follow the one before",
                });
            }
            if record.timestamp > seen.max_timestamp {
                seen.max_timestamp = record.timestamp;
                seen.max_timestamp_offset_delta = record.offset_delta;
            }
            seen.min_timestamp = seen.min_timestamp.min(record.timestamp);
            seen.all_keyed &= record.key.is_some();
        }
        Ok(seen)
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<Record<'a>, BatchError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// See [`Records::iter`].
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: &'a BatchHeader,
    index: usize,
    left: usize,
    rest: Cursor<'a>,
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let trailing = std::mem::take(&mut self.rest.0).len();
            return (trailing > 0).then_some(Err(BatchError::Trailing(trailing)));
        }
        let record = self.record().map_err(|rule| BatchError::Record { index: self.index, rule });
        if record.is_ok() {
            self.left -= 1;
        } else {
            (self.left, self.rest) = (0, Cursor(&[]));
        }
        self.index += 1;
        Some(record)
    }
}

impl<'a> RecordIter<'a> {
    fn record(&mut self) -> Result<Record<'a>, &'static str> {
        let length = self.rest.varint()?;
        let mut body = Cursor(self.rest.take(length)?);
        body.take(1)?; // Attributes: no bit has a meaning yet.
        let timestamp_delta = body.varlong()?;
        let offset_delta = body.varint()?;
        let key = body.nullable()?;
        let value = body.nullable()?;
        let count = body.varint()?;
        let bytes = body;
        // A header is at least two bytes.
        let count = usize::try_from(count).map_err(|_| "its header count is negative")?;
        if count > bytes.0.len() / 2 {
            return Err("its header count is more than its bytes");
        }
        for _ in 0..count {
            body.header()?;
        }
        if !body.0.is_empty() {
            return Err("it is shorter than its length");
        }
        if offset_delta < 0 {
            return Err("its offset delta is negative");
        }
        let offset = self
            .header
            .base_offset
            .checked_add(i64::from(offset_delta))
            .ok_or("its offset overflows")?;
        let timestamp = match self.header.timestamp_type() {
            TimestampType::LogAppendTime => self.header.max_timestamp,
            TimestampType::CreateTime => self
                .header
                .base_timestamp
                .checked_add(timestamp_delta)
                .ok_or("its timestamp overflows")?,
        };
        Ok(Record {
            offset,
            offset_delta,
            timestamp,
            key,
            value,
            headers: Headers { count, bytes },
        })
    }
}

impl<'a> Headers<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each header in turn.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut rest = self.bytes;
        // Reading the record has read its headers: none of them is malformed.
        (0..self.count).map_while(move |_| rest.header().ok())
    }
}

/// Reads the fields of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: i32) -> Result<&'a [u8], &'static str> {
        let length = usize::try_from(length).map_err(|_| "a length is negative")?;
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or("a length is more than the bytes that are left")?;
        self.0 = rest;
        Ok(taken)
    }

    fn nullable(&mut self) -> Result<Option<&'a [u8]>, &'static str> {
        match self.varint()? {
            -1 => Ok(None),
            length => self.take(length).map(Some),
        }
    }

    fn header(&mut self) -> Result<Header<'a>, &'static str> {
        let length = self.varint()?;
        Ok(Header { key: self.take(length)?, value: self.nullable()? })
    }

    fn varint(&mut self) -> Result<i32, &'static str> {
        i32::try_from(self.varlong()?).map_err(|_| "a varint is more than 32 bits")
    }

    fn varlong(&mut self) -> Result<i64, &'static str> {
        let mut value = 0u64;
        for (index, byte) in self.0.iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.0 = &self.0[index + 1..];
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err("a varint does not end")
    }
}
