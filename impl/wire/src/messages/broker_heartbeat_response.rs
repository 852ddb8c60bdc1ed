//! `BrokerHeartbeatResponse`, key 63, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `BrokerHeartbeatResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerHeartbeatResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `IsCaughtUp`, versions 0+.
    pub is_caught_up: bool,
    /// `IsFenced`, versions 0+.
    pub is_fenced: bool,
    /// `ShouldShutDown`, versions 0+.
    pub should_shut_down: bool,
}

impl Default for BrokerHeartbeatResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            is_caught_up: false,
            is_fenced: true,
            should_shut_down: false,
        }
    }
}

impl BrokerHeartbeatResponse {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let is_caught_up = r.bool().at("IsCaughtUp")?;
        let is_fenced = r.bool().at("IsFenced")?;
        let should_shut_down = r.bool().at("ShouldShutDown")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { throttle_time_ms, error_code, is_caught_up, is_fenced, should_shut_down })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        buf.put_i16(self.error_code);
        buf.put_u8(u8::from(self.is_caught_up));
        buf.put_u8(u8::from(self.is_fenced));
        buf.put_u8(u8::from(self.should_shut_down));
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for BrokerHeartbeatResponse {
    const NAME: &'static str = "BrokerHeartbeatResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
