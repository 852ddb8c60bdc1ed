//! `ApiVersionsRequest`, key 18, versions 0-4. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

/// `ApiVersionsRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ApiVersionsRequest {
    /// `ClientSoftwareName`, versions 3+.
    pub client_software_name: crate::Str,
    /// `ClientSoftwareVersion`, versions 3+.
    pub client_software_version: crate::Str,
}

impl ApiVersionsRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let client_software_name = if message_version >= 3 {
            r.string(flexible).at("ClientSoftwareName")?
        } else {
            crate::Str::default()
        };
        let client_software_version = if message_version >= 3 {
            r.string(flexible).at("ClientSoftwareVersion")?
        } else {
            crate::Str::default()
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { client_software_name, client_software_version })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        if message_version >= 3 {
            crate::write::string(buf, flexible, &self.client_software_name)
                .at("ClientSoftwareName")?;
        }
        if message_version >= 3 {
            crate::write::string(buf, flexible, &self.client_software_version)
                .at("ClientSoftwareVersion")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for ApiVersionsRequest {
    const NAME: &'static str = "ApiVersionsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;
    const FLEXIBLE_SINCE: i16 = 3;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for ApiVersionsRequest {
    const KEY: i16 = 18;
    type Response = super::api_versions_response::ApiVersionsResponse;
}
