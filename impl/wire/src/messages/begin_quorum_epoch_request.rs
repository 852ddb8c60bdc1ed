//! `BeginQuorumEpochRequest`, key 53, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `BeginQuorumEpochRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct BeginQuorumEpochRequest {
    /// `ClusterId`, versions 0+, nullable in 0+.
    pub cluster_id: Option<crate::Str>,
    /// `VoterId`, versions 1+.
    pub voter_id: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicData>,
    /// `LeaderEndpoints`, versions 1+.
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

impl Default for BeginQuorumEpochRequest {
    fn default() -> Self {
        Self { cluster_id: None, voter_id: -1, topics: Vec::new(), leader_endpoints: Vec::new() }
    }
}

impl BeginQuorumEpochRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let cluster_id = r.nullable_string(flexible).at("ClusterId")?;
        let voter_id = if message_version >= 1 { r.i32().at("VoterId")? } else { -1 };
        let topics = r.array(flexible, |r| TopicData::read(r, message_version)).at("Topics")?;
        let leader_endpoints = if message_version >= 1 {
            r.array(flexible, |r| LeaderEndpoint::read(r, message_version)).at("LeaderEndpoints")?
        } else {
            Vec::new()
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { cluster_id, voter_id, topics, leader_endpoints })
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
        if message_version >= 1 {
            buf.put_i32(self.voter_id);
        }
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
    /// `VoterDirectoryId`, versions 1+.
    pub voter_directory_id: crate::Uuid,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
}

impl PartitionData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let partition_index = r.i32().at("PartitionIndex")?;
        let voter_directory_id =
            if message_version >= 1 { r.uuid().at("VoterDirectoryId")? } else { crate::Uuid::ZERO };
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { partition_index, voter_directory_id, leader_id, leader_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        buf.put_i32(self.partition_index);
        if message_version >= 1 {
            buf.put_slice(&self.voter_directory_id.0);
        }
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
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

impl crate::Message for BeginQuorumEpochRequest {
    const NAME: &'static str = "BeginQuorumEpochRequest";
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

impl crate::Request for BeginQuorumEpochRequest {
    const KEY: i16 = 53;
    type Response = super::begin_quorum_epoch_response::BeginQuorumEpochResponse;
}
