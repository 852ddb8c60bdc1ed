//! `ProducerIdsRecord`, key 15, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ProducerIdsRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerIdsRecord {
    /// `BrokerId`, versions 0+.
    pub broker_id: i32,
    /// `BrokerEpoch`, versions 0+.
    pub broker_epoch: i64,
    /// `NextProducerId`, versions 0+.
    pub next_producer_id: i64,
}

impl Default for ProducerIdsRecord {
    fn default() -> Self {
        Self { broker_id: 0, broker_epoch: -1, next_producer_id: 0 }
    }
}

impl ProducerIdsRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let broker_id = r.i32().at("BrokerId")?;
        let broker_epoch = r.i64().at("BrokerEpoch")?;
        let next_producer_id = r.i64().at("NextProducerId")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { broker_id, broker_epoch, next_producer_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.broker_id);
        buf.put_i64(self.broker_epoch);
        buf.put_i64(self.next_producer_id);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for ProducerIdsRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("brokerId", &self.broker_id);
        object.field("brokerEpoch", &self.broker_epoch);
        object.field("nextProducerId", &self.next_producer_id);
        object.end();
    }
}

impl crate::Message for ProducerIdsRecord {
    const NAME: &'static str = "ProducerIdsRecord";
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
