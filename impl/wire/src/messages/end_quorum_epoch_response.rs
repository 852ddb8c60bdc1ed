//! `EndQuorumEpochResponse`, key 54, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `EndQuorumEpochResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct EndQuorumEpochResponse {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicData>,
    /// `NodeEndpoints`, versions 1+, tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl EndQuorumEpochResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let error_code = r.i16().at("ErrorCode")?;
        let topics = r.array(flexible, |r| TopicData::read(r, message_version)).at("Topics")?;
        let mut node_endpoints = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 => {
                        r.once(&mut node_endpoints, |r| {
                            r.array(flexible, |r| NodeEndpoint::read(r, message_version))
                                .at("NodeEndpoints")
                        })?;
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(Self { error_code, topics, node_endpoints: node_endpoints.unwrap_or_default() })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        buf.put_i16(self.error_code);
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        let tag_node_endpoints = message_version >= 1 && (!self.node_endpoints.is_empty());
        if message_version < 1 && (!self.node_endpoints.is_empty()) {
            return Err(crate::EncodeError::not_in_version("NodeEndpoints"));
        }
        if flexible {
            crate::write::uvarint(buf, u32::from(tag_node_endpoints));
            if tag_node_endpoints {
                crate::write::tag(buf, 0, |buf| {
                    crate::write::array(buf, flexible, &self.node_endpoints, |buf, v| {
                        v.write(buf, message_version)
                    })
                })
                .at("NodeEndpoints")?;
            }
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
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
}

impl PartitionData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 1;
        let partition_index = r.i32().at("PartitionIndex")?;
        let error_code = r.i16().at("ErrorCode")?;
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { partition_index, error_code, leader_id, leader_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        buf.put_i32(self.partition_index);
        buf.put_i16(self.error_code);
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
        if flexible {
            crate::write::uvarint(buf, 0);
        }
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
        let flexible = message_version >= 1;
        let node_id = if message_version >= 1 { r.i32().at("NodeId")? } else { 0 };
        let host = if message_version >= 1 {
            r.string(flexible).at("Host")?
        } else {
            crate::Str::default()
        };
        let port = if message_version >= 1 { r.u16().at("Port")? } else { 0 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { node_id, host, port })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 1;
        if message_version >= 1 {
            buf.put_i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(crate::EncodeError::not_in_version("NodeId"));
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

impl crate::Message for EndQuorumEpochResponse {
    const NAME: &'static str = "EndQuorumEpochResponse";
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
