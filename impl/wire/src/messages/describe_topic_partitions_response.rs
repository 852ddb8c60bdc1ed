//! `DescribeTopicPartitionsResponse`, key 75, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DescribeTopicPartitionsResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DescribeTopicPartitionsResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// `NextCursor`, versions 0+, nullable in 0+.
    pub next_cursor: Option<Cursor>,
}

impl DescribeTopicPartitionsResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let topics = r
            .array(true, |r| DescribeTopicPartitionsResponseTopic::read(r, message_version))
            .at("Topics")?;
        let next_cursor =
            r.nullable_struct(|r| Cursor::read(r, message_version)).at("NextCursor")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { throttle_time_ms, topics, next_cursor })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        crate::write::array(buf, true, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        crate::write::nullable_struct(buf, self.next_cursor.as_ref(), |buf, v| {
            v.write(buf, message_version)
        })
        .at("NextCursor")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `DescribeTopicPartitionsResponseTopic` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsResponseTopic {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `Name`, versions 0+, nullable in 0+.
    pub name: Option<crate::Str>,
    /// `TopicId`, versions 0+.
    pub topic_id: crate::Uuid,
    /// `IsInternal`, versions 0+.
    pub is_internal: bool,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// `TopicAuthorizedOperations`, versions 0+.
    pub topic_authorized_operations: i32,
}

impl Default for DescribeTopicPartitionsResponseTopic {
    fn default() -> Self {
        Self {
            error_code: 0,
            name: Some(crate::Str::default()),
            topic_id: crate::Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
        }
    }
}

impl DescribeTopicPartitionsResponseTopic {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let error_code = r.i16().at("ErrorCode")?;
        let name = r.nullable_string(true).at("Name")?;
        let topic_id = r.uuid().at("TopicId")?;
        let is_internal = r.bool().at("IsInternal")?;
        let partitions = r
            .array(true, |r| DescribeTopicPartitionsResponsePartition::read(r, message_version))
            .at("Partitions")?;
        let topic_authorized_operations = r.i32().at("TopicAuthorizedOperations")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            error_code,
            name,
            topic_id,
            is_internal,
            partitions,
            topic_authorized_operations,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.error_code);
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.name.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("Name")?;
        buf.put_slice(&self.topic_id.0);
        buf.put_u8(u8::from(self.is_internal));
        crate::write::array(buf, true, &self.partitions, |buf, v| v.write(buf, message_version))
            .at("Partitions")?;
        buf.put_i32(self.topic_authorized_operations);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `DescribeTopicPartitionsResponsePartition` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsResponsePartition {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
    /// `ReplicaNodes`, versions 0+.
    pub replica_nodes: Vec<i32>,
    /// `IsrNodes`, versions 0+.
    pub isr_nodes: Vec<i32>,
    /// `EligibleLeaderReplicas`, versions 0+, nullable in 0+.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// `LastKnownElr`, versions 0+, nullable in 0+.
    pub last_known_elr: Option<Vec<i32>>,
    /// `OfflineReplicas`, versions 0+.
    pub offline_replicas: Vec<i32>,
}

impl Default for DescribeTopicPartitionsResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: Vec::new(),
        }
    }
}

impl DescribeTopicPartitionsResponsePartition {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let error_code = r.i16().at("ErrorCode")?;
        let partition_index = r.i32().at("PartitionIndex")?;
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        let replica_nodes = r.array(true, crate::Reader::i32).at("ReplicaNodes")?;
        let isr_nodes = r.array(true, crate::Reader::i32).at("IsrNodes")?;
        let eligible_leader_replicas =
            r.nullable_array(true, crate::Reader::i32).at("EligibleLeaderReplicas")?;
        let last_known_elr = r.nullable_array(true, crate::Reader::i32).at("LastKnownElr")?;
        let offline_replicas = r.array(true, crate::Reader::i32).at("OfflineReplicas")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            error_code,
            partition_index,
            leader_id,
            leader_epoch,
            replica_nodes,
            isr_nodes,
            eligible_leader_replicas,
            last_known_elr,
            offline_replicas,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.error_code);
        buf.put_i32(self.partition_index);
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
        crate::write::array(buf, true, &self.replica_nodes, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("ReplicaNodes")?;
        crate::write::array(buf, true, &self.isr_nodes, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("IsrNodes")?;
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Long,
            true,
            self.eligible_leader_replicas.as_ref(),
            |buf, v| {
                crate::write::array(buf, true, v, |buf, v| {
                    buf.put_i32(*v);
                    Ok(())
                })
            },
        )
        .at("EligibleLeaderReplicas")?;
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Long,
            true,
            self.last_known_elr.as_ref(),
            |buf, v| {
                crate::write::array(buf, true, v, |buf, v| {
                    buf.put_i32(*v);
                    Ok(())
                })
            },
        )
        .at("LastKnownElr")?;
        crate::write::array(buf, true, &self.offline_replicas, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("OfflineReplicas")?;
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

impl crate::Message for DescribeTopicPartitionsResponse {
    const NAME: &'static str = "DescribeTopicPartitionsResponse";
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
