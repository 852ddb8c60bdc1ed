//! The frame around each record of the metadata log (KIP-595): three unsigned varints, the frame's version
//! 1, the record's key and the record's version, and then its fields.

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::messages::MetadataRecord;
use crate::reader::Reader;
use crate::write;

const FRAME_VERSION: u32 = 1;

impl MetadataRecord {
    /// The record that is all of `value`. It owns its memory: nothing in it is a slice of a batch.
    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_versioned(value).map(|(record, _)| record)
    }

    /// The record that is all of `value`, and the version that it was written in.
    pub fn decode_versioned(value: &[u8]) -> Result<(Self, i16), DecodeError> {
        let mut r = Reader::new(Bytes::copy_from_slice(value));
        let frame = r.uvarint()?;
        if frame != FRAME_VERSION {
            return Err(r.error(DecodeErrorKind::FrameVersion(frame)));
        }
        let [key, version] = [r.uvarint()?, r.uvarint()?].map(i16::try_from);
        let (Ok(key), Ok(version)) = (key, version) else {
            return Err(r.error(DecodeErrorKind::Varint));
        };
        let record = Self::read(&mut r, key, version)?;
        r.finish().map_err(|error| error.within(record.name(), version))?;
        Ok((record, version))
    }

    /// The record with its frame.
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut buf = BytesMut::with_capacity(64);
        write::uvarint(&mut buf, FRAME_VERSION);
        write::uvarint(&mut buf, u32::from(self.key().unsigned_abs()));
        write::uvarint(&mut buf, u32::from(version.unsigned_abs()));
        self.write(&mut buf, version)?;
        Ok(buf.freeze())
    }
}
