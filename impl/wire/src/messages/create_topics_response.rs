//! `CreateTopicsResponse`, key 19, versions 2-7. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `CreateTopicsResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CreateTopicsResponse {
    /// `ThrottleTimeMs`, versions 2+.
    pub throttle_time_ms: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<CreatableTopicResult>,
}

impl CreateTopicsResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 5;
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let topics =
            r.array(flexible, |r| CreatableTopicResult::read(r, message_version)).at("Topics")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { throttle_time_ms, topics })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 5;
        buf.put_i32(self.throttle_time_ms);
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `CreatableTopicResult` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicResult {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `TopicId`, versions 7+.
    pub topic_id: crate::Uuid,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 1+, nullable in 0+.
    pub error_message: Option<crate::Str>,
    /// `NumPartitions`, versions 5+.
    pub num_partitions: i32,
    /// `ReplicationFactor`, versions 5+.
    pub replication_factor: i16,
    /// `Configs`, versions 5+, nullable in 5+.
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    /// `TopicConfigErrorCode`, versions 5+, tag 0.
    pub topic_config_error_code: i16,
}

impl Default for CreatableTopicResult {
    fn default() -> Self {
        Self {
            name: crate::Str::default(),
            topic_id: crate::Uuid::ZERO,
            error_code: 0,
            error_message: Some(crate::Str::default()),
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
            topic_config_error_code: 0,
        }
    }
}

impl CreatableTopicResult {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 5;
        let name = r.string(flexible).at("Name")?;
        let topic_id =
            if message_version >= 7 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = r.nullable_string(flexible).at("ErrorMessage")?;
        let num_partitions = if message_version >= 5 { r.i32().at("NumPartitions")? } else { -1 };
        let replication_factor =
            if message_version >= 5 { r.i16().at("ReplicationFactor")? } else { -1 };
        let configs = if message_version >= 5 {
            r.nullable_array(flexible, |r| CreatableTopicConfigs::read(r, message_version))
                .at("Configs")?
        } else {
            Some(Vec::new())
        };
        let mut topic_config_error_code = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 => {
                        r.once(&mut topic_config_error_code, |r| {
                            r.i16().at("TopicConfigErrorCode")
                        })?;
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(Self {
            name,
            topic_id,
            error_code,
            error_message,
            num_partitions,
            replication_factor,
            configs,
            topic_config_error_code: topic_config_error_code.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 5;
        crate::write::string(buf, flexible, &self.name).at("Name")?;
        if message_version >= 7 {
            buf.put_slice(&self.topic_id.0);
        }
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
        if message_version >= 5 {
            buf.put_i32(self.num_partitions);
        }
        if message_version >= 5 {
            buf.put_i16(self.replication_factor);
        }
        if message_version >= 5 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Long,
                true,
                self.configs.as_ref(),
                |buf, v| {
                    crate::write::array(buf, flexible, v, |buf, v| v.write(buf, message_version))
                },
            )
            .at("Configs")?;
        }
        let tag_topic_config_error_code =
            message_version >= 5 && (self.topic_config_error_code != 0);
        if flexible {
            crate::write::uvarint(buf, u32::from(tag_topic_config_error_code));
            if tag_topic_config_error_code {
                crate::write::tag(buf, 0, |buf| {
                    buf.put_i16(self.topic_config_error_code);
                    Ok(())
                })
                .at("TopicConfigErrorCode")?;
            }
        }
        Ok(())
    }
}

/// `CreatableTopicConfigs` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicConfigs {
    /// `Name`, versions 5+.
    pub name: crate::Str,
    /// `Value`, versions 5+, nullable in 5+.
    pub value: Option<crate::Str>,
    /// `ReadOnly`, versions 5+.
    pub read_only: bool,
    /// `ConfigSource`, versions 5+.
    pub config_source: i8,
    /// `IsSensitive`, versions 5+.
    pub is_sensitive: bool,
}

impl Default for CreatableTopicConfigs {
    fn default() -> Self {
        Self {
            name: crate::Str::default(),
            value: Some(crate::Str::default()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
        }
    }
}

impl CreatableTopicConfigs {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 5;
        let name = if message_version >= 5 {
            r.string(flexible).at("Name")?
        } else {
            crate::Str::default()
        };
        let value = if message_version >= 5 {
            r.nullable_string(flexible).at("Value")?
        } else {
            Some(crate::Str::default())
        };
        let read_only = if message_version >= 5 { r.bool().at("ReadOnly")? } else { false };
        let config_source = if message_version >= 5 { r.i8().at("ConfigSource")? } else { -1 };
        let is_sensitive = if message_version >= 5 { r.bool().at("IsSensitive")? } else { false };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, value, read_only, config_source, is_sensitive })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 5;
        if message_version >= 5 {
            crate::write::string(buf, flexible, &self.name).at("Name")?;
        } else if !self.name.is_empty() {
            return Err(crate::EncodeError::not_in_version("Name"));
        }
        if message_version >= 5 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.value.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("Value")?;
        } else if self.value.as_ref().is_none_or(|v| !v.is_empty()) {
            return Err(crate::EncodeError::not_in_version("Value"));
        }
        if message_version >= 5 {
            buf.put_u8(u8::from(self.read_only));
        } else if self.read_only {
            return Err(crate::EncodeError::not_in_version("ReadOnly"));
        }
        if message_version >= 5 {
            buf.put_i8(self.config_source);
        }
        if message_version >= 5 {
            buf.put_u8(u8::from(self.is_sensitive));
        } else if self.is_sensitive {
            return Err(crate::EncodeError::not_in_version("IsSensitive"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for CreateTopicsResponse {
    const NAME: &'static str = "CreateTopicsResponse";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 7;
    const FLEXIBLE_SINCE: i16 = 5;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
