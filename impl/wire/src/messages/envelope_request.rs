//! `EnvelopeRequest`, key 58, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

/// `EnvelopeRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvelopeRequest {
    /// `RequestData`, versions 0+.
    pub request_data: bytes::Bytes,
    /// `RequestPrincipal`, versions 0+, nullable in 0+.
    pub request_principal: Option<bytes::Bytes>,
    /// `ClientHostAddress`, versions 0+.
    pub client_host_address: bytes::Bytes,
}

impl Default for EnvelopeRequest {
    fn default() -> Self {
        Self {
            request_data: bytes::Bytes::new(),
            request_principal: Some(bytes::Bytes::new()),
            client_host_address: bytes::Bytes::new(),
        }
    }
}

impl EnvelopeRequest {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let request_data = r.bytes(true).at("RequestData")?;
        let request_principal = r.nullable_bytes(true).at("RequestPrincipal")?;
        let client_host_address = r.bytes(true).at("ClientHostAddress")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { request_data, request_principal, client_host_address })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::bytes(buf, true, &self.request_data).at("RequestData")?;
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Long,
            true,
            self.request_principal.as_ref(),
            |buf, v| crate::write::bytes(buf, true, v),
        )
        .at("RequestPrincipal")?;
        crate::write::bytes(buf, true, &self.client_host_address).at("ClientHostAddress")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for EnvelopeRequest {
    const NAME: &'static str = "EnvelopeRequest";
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

impl crate::Request for EnvelopeRequest {
    const KEY: i16 = 58;
    type Response = super::envelope_response::EnvelopeResponse;
}
