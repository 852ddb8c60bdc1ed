//! `RequestHeader`, versions 1-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `RequestHeader` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestHeader {
    /// `RequestApiKey`, versions 0+.
    pub request_api_key: i16,
    /// `RequestApiVersion`, versions 0+.
    pub request_api_version: i16,
    /// `CorrelationId`, versions 0+.
    pub correlation_id: i32,
    /// `ClientId`, versions 1+, nullable in 1+.
    pub client_id: Option<crate::Str>,
}

impl Default for RequestHeader {
    fn default() -> Self {
        Self {
            request_api_key: 0,
            request_api_version: 0,
            correlation_id: 0,
            client_id: Some(crate::Str::default()),
        }
    }
}

impl RequestHeader {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 2;
        let request_api_key = r.i16().at("RequestApiKey")?;
        let request_api_version = r.i16().at("RequestApiVersion")?;
        let correlation_id = r.i32().at("CorrelationId")?;
        let client_id = r.nullable_string(false).at("ClientId")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { request_api_key, request_api_version, correlation_id, client_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 2;
        buf.put_i16(self.request_api_key);
        buf.put_i16(self.request_api_version);
        buf.put_i32(self.correlation_id);
        crate::write::nullable(
            buf,
            false,
            crate::write::Null::Short,
            true,
            self.client_id.as_ref(),
            |buf, v| crate::write::string(buf, false, v),
        )
        .at("ClientId")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for RequestHeader {
    const NAME: &'static str = "RequestHeader";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 2;
    const FLEXIBLE_SINCE: i16 = 2;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
