//! `UnregisterBrokerRecord`, key 1, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `UnregisterBrokerRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UnregisterBrokerRecord {
    /// `BrokerId`, versions 0+.
    pub broker_id: i32,
    /// `BrokerEpoch`, versions 0+.
    pub broker_epoch: i64,
}

impl UnregisterBrokerRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let broker_id = r.i32().at("BrokerId")?;
        let broker_epoch = r.i64().at("BrokerEpoch")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { broker_id, broker_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.broker_id);
        buf.put_i64(self.broker_epoch);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for UnregisterBrokerRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("brokerId", &self.broker_id);
        object.field("brokerEpoch", &self.broker_epoch);
        object.end();
    }
}

impl crate::Message for UnregisterBrokerRecord {
    const NAME: &'static str = "UnregisterBrokerRecord";
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
