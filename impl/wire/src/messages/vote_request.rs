//! `VoteRequest`, key 52, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `VoteRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct VoteRequest {
    /// `ClusterId`, versions 0+, nullable in 0+.
    pub cluster_id: Option<crate::Str>,
    /// `VoterId`, versions 1+.
    pub voter_id: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicData>,
}

impl Default for VoteRequest {
    fn default() -> Self {
        Self { cluster_id: None, voter_id: -1, topics: Vec::new() }
    }
}

impl VoteRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let cluster_id = r.nullable_string(true).at("ClusterId")?;
        let voter_id = if message_version >= 1 { r.i32().at("VoterId")? } else { -1 };
        let topics = r.array(true, |r| TopicData::read(r, message_version)).at("Topics")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { cluster_id, voter_id, topics })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.cluster_id.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("ClusterId")?;
        if message_version >= 1 {
            buf.put_i32(self.voter_id);
        }
        crate::write::array(buf, true, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `TopicData` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopicData {
    /// `TopicName`, versions 0+.
    pub topic_name: crate::Str,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<PartitionData>,
}

impl TopicData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let topic_name = r.string(true).at("TopicName")?;
        let partitions =
            r.array(true, |r| PartitionData::read(r, message_version)).at("Partitions")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { topic_name, partitions })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.topic_name).at("TopicName")?;
        crate::write::array(buf, true, &self.partitions, |buf, v| v.write(buf, message_version))
            .at("Partitions")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `PartitionData` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PartitionData {
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `ReplicaEpoch`, versions 0+.
    pub replica_epoch: i32,
    /// `ReplicaId`, versions 0+.
    pub replica_id: i32,
    /// `ReplicaDirectoryId`, versions 1+.
    pub replica_directory_id: crate::Uuid,
    /// `VoterDirectoryId`, versions 1+.
    pub voter_directory_id: crate::Uuid,
    /// `LastOffsetEpoch`, versions 0+.
    pub last_offset_epoch: i32,
    /// `LastOffset`, versions 0+.
    pub last_offset: i64,
    /// `PreVote`, versions 2+.
    pub pre_vote: bool,
}

impl PartitionData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let partition_index = r.i32().at("PartitionIndex")?;
        let replica_epoch = r.i32().at("ReplicaEpoch")?;
        let replica_id = r.i32().at("ReplicaId")?;
        let replica_directory_id = if message_version >= 1 {
            r.uuid().at("ReplicaDirectoryId")?
        } else {
            crate::Uuid::ZERO
        };
        let voter_directory_id =
            if message_version >= 1 { r.uuid().at("VoterDirectoryId")? } else { crate::Uuid::ZERO };
        let last_offset_epoch = r.i32().at("LastOffsetEpoch")?;
        let last_offset = r.i64().at("LastOffset")?;
        let pre_vote = if message_version >= 2 { r.bool().at("PreVote")? } else { false };
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            partition_index,
            replica_epoch,
            replica_id,
            replica_directory_id,
            voter_directory_id,
            last_offset_epoch,
            last_offset,
            pre_vote,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.partition_index);
        buf.put_i32(self.replica_epoch);
        buf.put_i32(self.replica_id);
        if message_version >= 1 {
            buf.put_slice(&self.replica_directory_id.0);
        }
        if message_version >= 1 {
            buf.put_slice(&self.voter_directory_id.0);
        }
        buf.put_i32(self.last_offset_epoch);
        buf.put_i64(self.last_offset);
        if message_version >= 2 {
            buf.put_u8(u8::from(self.pre_vote));
        } else if self.pre_vote {
            return Err(crate::EncodeError::not_in_version("PreVote"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for VoteRequest {
    const NAME: &'static str = "VoteRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for VoteRequest {
    const KEY: i16 = 52;
    type Response = super::vote_response::VoteResponse;
}
