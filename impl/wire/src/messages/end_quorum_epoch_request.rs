//! `EndQuorumEpochRequest`, key 54, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `EndQuorumEpochRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct EndQuorumEpochRequest {
    /// `ClusterId`, versions 0+, nullable in 0+.
    pub cluster_id: Option<crate::Str>,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicData>,
    /// `LeaderEndpoints`, versions 1+.
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

impl EndQuorumEpochRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let cluster_id = r.nullable_string(flexible).at("ClusterId")?;
        let topics = r.array(flexible, |r| TopicData::read(r, message_version)).at("Topics")?;
        let leader_endpoints = if message_version >= 1 {
            r.array(flexible, |r| LeaderEndpoint::read(r, message_version)).at("LeaderEndpoints")?
        } else {
            Vec::new()
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { cluster_id, topics, leader_endpoints })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            true,
            self.cluster_id.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("ClusterId")?;
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        if message_version >= 1 {
            crate::write::array(buf, flexible, &self.leader_endpoints, |buf, v| {
                v.write(buf, message_version)
            })
            .at("LeaderEndpoints")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
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
        let flexible = message_version >= 1;
        let topic_name = r.string(flexible).at("TopicName")?;
        let partitions =
            r.array(flexible, |r| PartitionData::read(r, message_version)).at("Partitions")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { topic_name, partitions })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        crate::write::string(buf, flexible, &self.topic_name).at("TopicName")?;
        crate::write::array(buf, flexible, &self.partitions, |buf, v| {
            v.write(buf, message_version)
        })
        .at("Partitions")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `PartitionData` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PartitionData {
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
    /// `PreferredSuccessors`, versions 0.
    pub preferred_successors: Vec<i32>,
    /// `PreferredCandidates`, versions 1+.
    pub preferred_candidates: Vec<ReplicaInfo>,
}

impl PartitionData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let partition_index = r.i32().at("PartitionIndex")?;
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        let preferred_successors = if message_version <= 0 {
            r.array(flexible, crate::Reader::i32).at("PreferredSuccessors")?
        } else {
            Vec::new()
        };
        let preferred_candidates = if message_version >= 1 {
            r.array(flexible, |r| ReplicaInfo::read(r, message_version))
                .at("PreferredCandidates")?
        } else {
            Vec::new()
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self {
            partition_index,
            leader_id,
            leader_epoch,
            preferred_successors,
            preferred_candidates,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        buf.put_i32(self.partition_index);
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
        if message_version <= 0 {
            crate::write::array(buf, flexible, &self.preferred_successors, |buf, v| {
                buf.put_i32(*v);
                Ok(())
            })
            .at("PreferredSuccessors")?;
        }
        if message_version >= 1 {
            crate::write::array(buf, flexible, &self.preferred_candidates, |buf, v| {
                v.write(buf, message_version)
            })
            .at("PreferredCandidates")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `ReplicaInfo` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ReplicaInfo {
    /// `CandidateId`, versions 1+.
    pub candidate_id: i32,
    /// `CandidateDirectoryId`, versions 1+.
    pub candidate_directory_id: crate::Uuid,
}

impl ReplicaInfo {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let candidate_id = if message_version >= 1 { r.i32().at("CandidateId")? } else { 0 };
        let candidate_directory_id = if message_version >= 1 {
            r.uuid().at("CandidateDirectoryId")?
        } else {
            crate::Uuid::ZERO
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { candidate_id, candidate_directory_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        if message_version >= 1 {
            buf.put_i32(self.candidate_id);
        } else if self.candidate_id != 0 {
            return Err(crate::EncodeError::not_in_version("CandidateId"));
        }
        if message_version >= 1 {
            buf.put_slice(&self.candidate_directory_id.0);
        } else if !self.candidate_directory_id.is_zero() {
            return Err(crate::EncodeError::not_in_version("CandidateDirectoryId"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `LeaderEndpoint` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LeaderEndpoint {
    /// `Name`, versions 1+.
    pub name: crate::Str,
    /// `Host`, versions 1+.
    pub host: crate::Str,
    /// `Port`, versions 1+.
    pub port: u16,
}

impl LeaderEndpoint {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let name = if message_version >= 1 {
            r.string(flexible).at("Name")?
        } else {
            crate::Str::default()
        };
        let host = if message_version >= 1 {
            r.string(flexible).at("Host")?
        } else {
            crate::Str::default()
        };
        let port = if message_version >= 1 { r.u16().at("Port")? } else { 0 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, host, port })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        if message_version >= 1 {
            crate::write::string(buf, flexible, &self.name).at("Name")?;
        } else if !self.name.is_empty() {
            return Err(crate::EncodeError::not_in_version("Name"));
        }
        if message_version >= 1 {
            crate::write::string(buf, flexible, &self.host).at("Host")?;
        } else if !self.host.is_empty() {
            return Err(crate::EncodeError::not_in_version("Host"));
        }
        if message_version >= 1 {
            buf.put_u16(self.port);
        } else if self.port != 0 {
            return Err(crate::EncodeError::not_in_version("Port"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for EndQuorumEpochRequest {
    const NAME: &'static str = "EndQuorumEpochRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;
    const FLEXIBLE_SINCE: i16 = 1;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for EndQuorumEpochRequest {
    const KEY: i16 = 54;
    type Response = super::end_quorum_epoch_response::EndQuorumEpochResponse;
}
