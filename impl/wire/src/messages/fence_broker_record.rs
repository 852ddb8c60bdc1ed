//! `FenceBrokerRecord`, key 7, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FenceBrokerRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FenceBrokerRecord {
    /// `Id`, versions 0+.
    pub id: i32,
    /// `Epoch`, versions 0+.
    pub epoch: i64,
}

impl FenceBrokerRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let id = r.i32().at("Id")?;
        let epoch = r.i64().at("Epoch")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { id, epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.id);
        buf.put_i64(self.epoch);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for FenceBrokerRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("id", &self.id);
        object.field("epoch", &self.epoch);
        object.end();
    }
}

impl crate::Message for FenceBrokerRecord {
    const NAME: &'static str = "FenceBrokerRecord";
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
