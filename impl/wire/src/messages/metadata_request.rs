//! `MetadataRequest`, key 3, versions 0-13. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `MetadataRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataRequest {
    /// `Topics`, versions 0+, nullable in 1+.
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// `AllowAutoTopicCreation`, versions 4+.
    pub allow_auto_topic_creation: bool,
    /// `IncludeClusterAuthorizedOperations`, versions 8-10.
    pub include_cluster_authorized_operations: bool,
    /// `IncludeTopicAuthorizedOperations`, versions 8+.
    pub include_topic_authorized_operations: bool,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
        }
    }
}

impl MetadataRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let topics = if message_version >= 1 {
            r.nullable_array(flexible, |r| MetadataRequestTopic::read(r, message_version))
                .at("Topics")
        } else {
            r.array(flexible, |r| MetadataRequestTopic::read(r, message_version))
                .map(Some)
                .at("Topics")
        }?;
        let allow_auto_topic_creation =
            if message_version >= 4 { r.bool().at("AllowAutoTopicCreation")? } else { true };
        let include_cluster_authorized_operations = if (8..=10).contains(&message_version) {
            r.bool().at("IncludeClusterAuthorizedOperations")?
        } else {
            false
        };
        let include_topic_authorized_operations = if message_version >= 8 {
            r.bool().at("IncludeTopicAuthorizedOperations")?
        } else {
            false
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self {
            topics,
            allow_auto_topic_creation,
            include_cluster_authorized_operations,
            include_topic_authorized_operations,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Long,
            message_version >= 1,
            self.topics.as_ref(),
            |buf, v| crate::write::array(buf, flexible, v, |buf, v| v.write(buf, message_version)),
        )
        .at("Topics")?;
        if message_version >= 4 {
            buf.put_u8(u8::from(self.allow_auto_topic_creation));
        } else if !self.allow_auto_topic_creation {
            return Err(crate::EncodeError::not_in_version("AllowAutoTopicCreation"));
        }
        if (8..=10).contains(&message_version) {
            buf.put_u8(u8::from(self.include_cluster_authorized_operations));
        } else if self.include_cluster_authorized_operations {
            return Err(crate::EncodeError::not_in_version("IncludeClusterAuthorizedOperations"));
        }
        if message_version >= 8 {
            buf.put_u8(u8::from(self.include_topic_authorized_operations));
        } else if self.include_topic_authorized_operations {
            return Err(crate::EncodeError::not_in_version("IncludeTopicAuthorizedOperations"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `MetadataRequestTopic` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataRequestTopic {
    /// `TopicId`, versions 10+.
    pub topic_id: crate::Uuid,
    /// `Name`, versions 0+, nullable in 10+.
    pub name: Option<crate::Str>,
}

impl Default for MetadataRequestTopic {
    fn default() -> Self {
        Self { topic_id: crate::Uuid::ZERO, name: Some(crate::Str::default()) }
    }
}

impl MetadataRequestTopic {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let topic_id =
            if message_version >= 10 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let name = if message_version >= 10 {
            r.nullable_string(flexible).at("Name")
        } else {
            r.string(flexible).map(Some).at("Name")
        }?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { topic_id, name })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        if message_version >= 10 {
            buf.put_slice(&self.topic_id.0);
        }
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            message_version >= 10,
            self.name.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("Name")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for MetadataRequest {
    const NAME: &'static str = "MetadataRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 13;
    const FLEXIBLE_SINCE: i16 = 9;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for MetadataRequest {
    const KEY: i16 = 3;
    type Response = super::metadata_response::MetadataResponse;
}
