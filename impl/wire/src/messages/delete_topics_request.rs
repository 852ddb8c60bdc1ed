//! `DeleteTopicsRequest`, key 20, versions 1-6. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DeleteTopicsRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeleteTopicsRequest {
    /// `Topics`, versions 6+.
    pub topics: Vec<DeleteTopicState>,
    /// `TopicNames`, versions 0-5.
    pub topic_names: Vec<crate::Str>,
    /// `TimeoutMs`, versions 0+.
    pub timeout_ms: i32,
}

impl DeleteTopicsRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let topics = if message_version >= 6 {
            r.array(flexible, |r| DeleteTopicState::read(r, message_version)).at("Topics")?
        } else {
            Vec::new()
        };
        let topic_names = if message_version <= 5 {
            r.array(flexible, |r| r.string(flexible)).at("TopicNames")?
        } else {
            Vec::new()
        };
        let timeout_ms = r.i32().at("TimeoutMs")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { topics, topic_names, timeout_ms })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        if message_version >= 6 {
            crate::write::array(buf, flexible, &self.topics, |buf, v| {
                v.write(buf, message_version)
            })
            .at("Topics")?;
        } else if !self.topics.is_empty() {
            return Err(crate::EncodeError::not_in_version("Topics"));
        }
        if message_version <= 5 {
            crate::write::array(buf, flexible, &self.topic_names, |buf, v| {
                crate::write::string(buf, flexible, v)
            })
            .at("TopicNames")?;
        }
        buf.put_i32(self.timeout_ms);
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `DeleteTopicState` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeleteTopicState {
    /// `Name`, versions 6+, nullable in 6+.
    pub name: Option<crate::Str>,
    /// `TopicId`, versions 6+.
    pub topic_id: crate::Uuid,
}

impl DeleteTopicState {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let name =
            if message_version >= 6 { r.nullable_string(flexible).at("Name")? } else { None };
        let topic_id =
            if message_version >= 6 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, topic_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        if message_version >= 6 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.name.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("Name")?;
        } else if self.name.is_some() {
            return Err(crate::EncodeError::not_in_version("Name"));
        }
        if message_version >= 6 {
            buf.put_slice(&self.topic_id.0);
        } else if !self.topic_id.is_zero() {
            return Err(crate::EncodeError::not_in_version("TopicId"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for DeleteTopicsRequest {
    const NAME: &'static str = "DeleteTopicsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 6;
    const FLEXIBLE_SINCE: i16 = 4;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for DeleteTopicsRequest {
    const KEY: i16 = 20;
    type Response = super::delete_topics_response::DeleteTopicsResponse;
}
