//! `AllocateProducerIdsResponse`, key 67, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `AllocateProducerIdsResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AllocateProducerIdsResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ProducerIdStart`, versions 0+.
    pub producer_id_start: i64,
    /// `ProducerIdLen`, versions 0+.
    pub producer_id_len: i32,
}

impl AllocateProducerIdsResponse {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let producer_id_start = r.i64().at("ProducerIdStart")?;
        let producer_id_len = r.i32().at("ProducerIdLen")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { throttle_time_ms, error_code, producer_id_start, producer_id_len })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        buf.put_i16(self.error_code);
        buf.put_i64(self.producer_id_start);
        buf.put_i32(self.producer_id_len);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for AllocateProducerIdsResponse {
    const NAME: &'static str = "AllocateProducerIdsResponse";
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
