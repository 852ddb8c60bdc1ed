//! `DescribeTopicPartitionsRequest`, key 75, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DescribeTopicPartitionsRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsRequest {
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicRequest>,
    /// `ResponsePartitionLimit`, versions 0+.
    pub response_partition_limit: i32,
    /// `Cursor`, versions 0+, nullable in 0+.
    pub cursor: Option<Cursor>,
}

impl Default for DescribeTopicPartitionsRequest {
    fn default() -> Self {
        Self { topics: Vec::new(), response_partition_limit: 2000, cursor: None }
    }
}

impl DescribeTopicPartitionsRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let topics = r.array(true, |r| TopicRequest::read(r, message_version)).at("Topics")?;
        let response_partition_limit = r.i32().at("ResponsePartitionLimit")?;
        let cursor = r.nullable_struct(|r| Cursor::read(r, message_version)).at("Cursor")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { topics, response_partition_limit, cursor })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::array(buf, true, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        buf.put_i32(self.response_partition_limit);
        crate::write::nullable_struct(buf, self.cursor.as_ref(), |buf, v| {
            v.write(buf, message_version)
        })
        .at("Cursor")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `TopicRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopicRequest {
    /// `Name`, versions 0+.
    pub name: crate::Str,
}

impl TopicRequest {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `Cursor` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Cursor {
    /// `TopicName`, versions 0+.
    pub topic_name: crate::Str,
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
}

impl Cursor {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let topic_name = r.string(true).at("TopicName")?;
        let partition_index = r.i32().at("PartitionIndex")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { topic_name, partition_index })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.topic_name).at("TopicName")?;
        buf.put_i32(self.partition_index);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for DescribeTopicPartitionsRequest {
    const NAME: &'static str = "DescribeTopicPartitionsRequest";
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

impl crate::Request for DescribeTopicPartitionsRequest {
    const KEY: i16 = 75;
    type Response = super::describe_topic_partitions_response::DescribeTopicPartitionsResponse;
}
