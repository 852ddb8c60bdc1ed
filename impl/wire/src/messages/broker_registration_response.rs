//! `BrokerRegistrationResponse`, key 62, versions 0-4. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `BrokerRegistrationResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerRegistrationResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `BrokerEpoch`, versions 0+.
    pub broker_epoch: i64,
}

impl Default for BrokerRegistrationResponse {
    fn default() -> Self {
        Self { throttle_time_ms: 0, error_code: 0, broker_epoch: -1 }
    }
}

impl BrokerRegistrationResponse {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let broker_epoch = r.i64().at("BrokerEpoch")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { throttle_time_ms, error_code, broker_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        buf.put_i16(self.error_code);
        buf.put_i64(self.broker_epoch);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for BrokerRegistrationResponse {
    const NAME: &'static str = "BrokerRegistrationResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
