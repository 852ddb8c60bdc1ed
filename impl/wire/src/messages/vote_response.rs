//! `VoteResponse`, key 52, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `VoteResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct VoteResponse {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicData>,
    /// `NodeEndpoints`, versions 1+, tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl VoteResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let error_code = r.i16().at("ErrorCode")?;
        let topics = r.array(true, |r| TopicData::read(r, message_version)).at("Topics")?;
        let mut node_endpoints = None;
        r.tags(|r, tag| {
            match tag {
                0 if message_version >= 1 => {
                    r.once(&mut node_endpoints, |r| {
                        r.array(true, |r| NodeEndpoint::read(r, message_version))
                            .at("NodeEndpoints")
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { error_code, topics, node_endpoints: node_endpoints.unwrap_or_default() })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.error_code);
        crate::write::array(buf, true, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        let tag_node_endpoints = message_version >= 1 && (!self.node_endpoints.is_empty());
        if message_version < 1 && (!self.node_endpoints.is_empty()) {
            return Err(crate::EncodeError::not_in_version("NodeEndpoints"));
        }
        crate::write::uvarint(buf, u32::from(tag_node_endpoints));
        if tag_node_endpoints {
            crate::write::tag(buf, 0, |buf| {
                crate::write::array(buf, true, &self.node_endpoints, |buf, v| {
                    v.write(buf, message_version)
                })
            })
            .at("NodeEndpoints")?;
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
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
    /// `VoteGranted`, versions 0+.
    pub vote_granted: bool,
}

impl PartitionData {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let partition_index = r.i32().at("PartitionIndex")?;
        let error_code = r.i16().at("ErrorCode")?;
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        let vote_granted = r.bool().at("VoteGranted")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { partition_index, error_code, leader_id, leader_epoch, vote_granted })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.partition_index);
        buf.put_i16(self.error_code);
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
        buf.put_u8(u8::from(self.vote_granted));
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `NodeEndpoint` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NodeEndpoint {
    /// `NodeId`, versions 1+.
    pub node_id: i32,
    /// `Host`, versions 1+.
    pub host: crate::Str,
    /// `Port`, versions 1+.
    pub port: u16,
}

impl NodeEndpoint {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let node_id = if message_version >= 1 { r.i32().at("NodeId")? } else { 0 };
        let host =
            if message_version >= 1 { r.string(true).at("Host")? } else { crate::Str::default() };
        let port = if message_version >= 1 { r.u16().at("Port")? } else { 0 };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { node_id, host, port })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        if message_version >= 1 {
            buf.put_i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(crate::EncodeError::not_in_version("NodeId"));
        }
        if message_version >= 1 {
            crate::write::string(buf, true, &self.host).at("Host")?;
        } else if !self.host.is_empty() {
            return Err(crate::EncodeError::not_in_version("Host"));
        }
        if message_version >= 1 {
            buf.put_u16(self.port);
        } else if self.port != 0 {
            return Err(crate::EncodeError::not_in_version("Port"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for VoteResponse {
    const NAME: &'static str = "VoteResponse";
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
