//! `SnapshotHeaderRecord`, key 3, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `SnapshotHeaderRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SnapshotHeaderRecord {
    /// `Version`, versions 0+.
    pub version: i16,
    /// `LastContainedLogTimestamp`, versions 0+.
    pub last_contained_log_timestamp: i64,
}

impl SnapshotHeaderRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let version = r.i16().at("Version")?;
        let last_contained_log_timestamp = r.i64().at("LastContainedLogTimestamp")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { version, last_contained_log_timestamp })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.version);
        buf.put_i64(self.last_contained_log_timestamp);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for SnapshotHeaderRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("version", &self.version);
        object.field("lastContainedLogTimestamp", &self.last_contained_log_timestamp);
        object.end();
    }
}

impl crate::Message for SnapshotHeaderRecord {
    const NAME: &'static str = "SnapshotHeaderRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
