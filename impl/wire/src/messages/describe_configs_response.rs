//! `DescribeConfigsResponse`, key 32, versions 1-4. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DescribeConfigsResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DescribeConfigsResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `Results`, versions 0+.
    pub results: Vec<DescribeConfigsResult>,
}

impl DescribeConfigsResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let results =
            r.array(flexible, |r| DescribeConfigsResult::read(r, message_version)).at("Results")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { throttle_time_ms, results })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        buf.put_i32(self.throttle_time_ms);
        crate::write::array(buf, flexible, &self.results, |buf, v| v.write(buf, message_version))
            .at("Results")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `DescribeConfigsResult` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResult {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 0+, nullable in 0+.
    pub error_message: Option<crate::Str>,
    /// `ResourceType`, versions 0+.
    pub resource_type: i8,
    /// `ResourceName`, versions 0+.
    pub resource_name: crate::Str,
    /// `Configs`, versions 0+.
    pub configs: Vec<DescribeConfigsResourceResult>,
}

impl Default for DescribeConfigsResult {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(crate::Str::default()),
            resource_type: 0,
            resource_name: crate::Str::default(),
            configs: Vec::new(),
        }
    }
}

impl DescribeConfigsResult {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = r.nullable_string(flexible).at("ErrorMessage")?;
        let resource_type = r.i8().at("ResourceType")?;
        let resource_name = r.string(flexible).at("ResourceName")?;
        let configs = r
            .array(flexible, |r| DescribeConfigsResourceResult::read(r, message_version))
            .at("Configs")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { error_code, error_message, resource_type, resource_name, configs })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        buf.put_i16(self.error_code);
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            true,
            self.error_message.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("ErrorMessage")?;
        buf.put_i8(self.resource_type);
        crate::write::string(buf, flexible, &self.resource_name).at("ResourceName")?;
        crate::write::array(buf, flexible, &self.configs, |buf, v| v.write(buf, message_version))
            .at("Configs")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `DescribeConfigsResourceResult` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResourceResult {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Value`, versions 0+, nullable in 0+.
    pub value: Option<crate::Str>,
    /// `ReadOnly`, versions 0+.
    pub read_only: bool,
    /// `ConfigSource`, versions 1+.
    pub config_source: i8,
    /// `IsSensitive`, versions 0+.
    pub is_sensitive: bool,
    /// `Synonyms`, versions 1+.
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// `ConfigType`, versions 3+.
    pub config_type: i8,
    /// `Documentation`, versions 3+, nullable in 0+.
    pub documentation: Option<crate::Str>,
}

impl Default for DescribeConfigsResourceResult {
    fn default() -> Self {
        Self {
            name: crate::Str::default(),
            value: Some(crate::Str::default()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: Vec::new(),
            config_type: 0,
            documentation: Some(crate::Str::default()),
        }
    }
}

impl DescribeConfigsResourceResult {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let name = r.string(flexible).at("Name")?;
        let value = r.nullable_string(flexible).at("Value")?;
        let read_only = r.bool().at("ReadOnly")?;
        let config_source = r.i8().at("ConfigSource")?;
        let is_sensitive = r.bool().at("IsSensitive")?;
        let synonyms = r
            .array(flexible, |r| DescribeConfigsSynonym::read(r, message_version))
            .at("Synonyms")?;
        let config_type = if message_version >= 3 { r.i8().at("ConfigType")? } else { 0 };
        let documentation = if message_version >= 3 {
            r.nullable_string(flexible).at("Documentation")?
        } else {
            Some(crate::Str::default())
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self {
            name,
            value,
            read_only,
            config_source,
            is_sensitive,
            synonyms,
            config_type,
            documentation,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        crate::write::string(buf, flexible, &self.name).at("Name")?;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            true,
            self.value.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("Value")?;
        buf.put_u8(u8::from(self.read_only));
        buf.put_i8(self.config_source);
        buf.put_u8(u8::from(self.is_sensitive));
        crate::write::array(buf, flexible, &self.synonyms, |buf, v| v.write(buf, message_version))
            .at("Synonyms")?;
        if message_version >= 3 {
            buf.put_i8(self.config_type);
        }
        if message_version >= 3 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.documentation.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("Documentation")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `DescribeConfigsSynonym` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsSynonym {
    /// `Name`, versions 1+.
    pub name: crate::Str,
    /// `Value`, versions 1+, nullable in 0+.
    pub value: Option<crate::Str>,
    /// `Source`, versions 1+.
    pub source: i8,
}

impl Default for DescribeConfigsSynonym {
    fn default() -> Self {
        Self { name: crate::Str::default(), value: Some(crate::Str::default()), source: 0 }
    }
}

impl DescribeConfigsSynonym {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let name = r.string(flexible).at("Name")?;
        let value = r.nullable_string(flexible).at("Value")?;
        let source = r.i8().at("Source")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, value, source })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        crate::write::string(buf, flexible, &self.name).at("Name")?;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            true,
            self.value.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("Value")?;
        buf.put_i8(self.source);
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for DescribeConfigsResponse {
    const NAME: &'static str = "DescribeConfigsResponse";
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
