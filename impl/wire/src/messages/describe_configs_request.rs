//! `DescribeConfigsRequest`, key 32, versions 1-4. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DescribeConfigsRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DescribeConfigsRequest {
    /// `Resources`, versions 0+.
    pub resources: Vec<DescribeConfigsResource>,
    /// `IncludeSynonyms`, versions 1+.
    pub include_synonyms: bool,
    /// `IncludeDocumentation`, versions 3+.
    pub include_documentation: bool,
}

impl DescribeConfigsRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let resources = r
            .array(flexible, |r| DescribeConfigsResource::read(r, message_version))
            .at("Resources")?;
        let include_synonyms = r.bool().at("IncludeSynonyms")?;
        let include_documentation =
            if message_version >= 3 { r.bool().at("IncludeDocumentation")? } else { false };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { resources, include_synonyms, include_documentation })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        crate::write::array(buf, flexible, &self.resources, |buf, v| v.write(buf, message_version))
            .at("Resources")?;
        buf.put_u8(u8::from(self.include_synonyms));
        if message_version >= 3 {
            buf.put_u8(u8::from(self.include_documentation));
        } else if self.include_documentation {
            return Err(crate::EncodeError::not_in_version("IncludeDocumentation"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `DescribeConfigsResource` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResource {
    /// `ResourceType`, versions 0+.
    pub resource_type: i8,
    /// `ResourceName`, versions 0+.
    pub resource_name: crate::Str,
    /// `ConfigurationKeys`, versions 0+, nullable in 0+.
    pub configuration_keys: Option<Vec<crate::Str>>,
}

impl Default for DescribeConfigsResource {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: crate::Str::default(),
            configuration_keys: Some(Vec::new()),
        }
    }
}

impl DescribeConfigsResource {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let resource_type = r.i8().at("ResourceType")?;
        let resource_name = r.string(flexible).at("ResourceName")?;
        let configuration_keys =
            r.nullable_array(flexible, |r| r.string(flexible)).at("ConfigurationKeys")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { resource_type, resource_name, configuration_keys })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        buf.put_i8(self.resource_type);
        crate::write::string(buf, flexible, &self.resource_name).at("ResourceName")?;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Long,
            true,
            self.configuration_keys.as_ref(),
            |buf, v| {
                crate::write::array(buf, flexible, v, |buf, v| {
                    crate::write::string(buf, flexible, v)
                })
            },
        )
        .at("ConfigurationKeys")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for DescribeConfigsRequest {
    const NAME: &'static str = "DescribeConfigsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 4;
    const FLEXIBLE_SINCE: i16 = 4;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for DescribeConfigsRequest {
    const KEY: i16 = 32;
    type Response = super::describe_configs_response::DescribeConfigsResponse;
}
