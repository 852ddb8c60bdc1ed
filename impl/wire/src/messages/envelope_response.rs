//! `EnvelopeResponse`, key 58, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `EnvelopeResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct EnvelopeResponse {
    /// `ResponseData`, versions 0+, nullable in 0+.
    pub response_data: Option<bytes::Bytes>,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
}

impl EnvelopeResponse {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let response_data = r.nullable_bytes(true).at("ResponseData")?;
        let error_code = r.i16().at("ErrorCode")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { response_data, error_code })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Long,
            true,
            self.response_data.as_ref(),
            |buf, v| crate::write::bytes(buf, true, v),
        )
        .at("ResponseData")?;
        buf.put_i16(self.error_code);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for EnvelopeResponse {
    const NAME: &'static str = "EnvelopeResponse";
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
