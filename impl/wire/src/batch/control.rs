//! Control records of the metadata log: a key of four bytes, which says version 0 and the kind of record,
//! and a value whose first two bytes are its version.

use bytes::{Bytes, BytesMut};

use super::BatchBuilder;
use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;

pub use crate::messages::ControlRecord;

impl ControlRecord {
    /// The record with this key and value. It owns its memory: nothing in it is a slice of a batch.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, DecodeError> {
        let mut key = Reader::new(Bytes::copy_from_slice(key));
        // Kafka reads keys of later versions as those of version 0.
        key.i16()?;
        let kind = key.i16()?;
        let mut r = Reader::new(Bytes::copy_from_slice(value));
        let version = i16::from_be_bytes(r.peek()?);
        let record = Self::read(&mut r, kind, version)?;
        r.finish().map_err(|error| error.within(record.name(), version))?;
        Ok(record)
    }

    /// The record's key.
    pub fn encode_key(&self) -> [u8; 4] {
        let [high, low] = self.key().to_be_bytes();
        [0, 0, high, low]
    }

    /// The version that the record itself says.
    pub fn version(&self) -> i16 {
        match self {
            Self::LeaderChange(record) => record.version,
            Self::SnapshotHeader(record) => record.version,
            Self::SnapshotFooter(record) => record.version,
            Self::KRaftVersion(record) => record.version,
            Self::Voters(record) => record.version,
        }
    }

    /// The record's value, in the version that the record itself says.
    pub fn encode_value(&self) -> Result<Bytes, EncodeError> {
        let mut buf = BytesMut::with_capacity(64);
        self.write(&mut buf, self.version())?;
        Ok(buf.freeze())
    }
}

impl BatchBuilder {
    /// Adds a control record; the batch has to be one of [`BatchBuilder::new_control`].
    pub fn push_control(&mut self, record: &ControlRecord) -> Result<(), EncodeError> {
        let value = record.encode_value()?;
        self.push(Some(&record.encode_key()), Some(&value));
        Ok(())
    }
}
