//! `AddRaftVoterResponse`, key 80, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `AddRaftVoterResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct AddRaftVoterResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 0+, nullable in 0+.
    pub error_message: Option<crate::Str>,
}

impl Default for AddRaftVoterResponse {
    fn default() -> Self {
        Self { throttle_time_ms: 0, error_code: 0, error_message: Some(crate::Str::default()) }
    }
}

impl AddRaftVoterResponse {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = r.nullable_string(true).at("ErrorMessage")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { throttle_time_ms, error_code, error_message })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        buf.put_i16(self.error_code);
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.error_message.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("ErrorMessage")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for AddRaftVoterResponse {
    const NAME: &'static str = "AddRaftVoterResponse";
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
