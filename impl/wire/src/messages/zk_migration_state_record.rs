//! `ZkMigrationStateRecord`, key 21, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ZkMigrationStateRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ZkMigrationStateRecord {
    /// `ZkMigrationState`, versions 0+.
    pub zk_migration_state: i8,
}

impl ZkMigrationStateRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let zk_migration_state = r.i8().at("ZkMigrationState")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { zk_migration_state })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i8(self.zk_migration_state);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for ZkMigrationStateRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("zkMigrationState", &self.zk_migration_state);
        object.end();
    }
}

impl crate::Message for ZkMigrationStateRecord {
    const NAME: &'static str = "ZkMigrationStateRecord";
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
