//! `ProduceResponse`, key 0, versions 3-13. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ProduceResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ProduceResponse {
    /// `Responses`, versions 0+.
    pub responses: Vec<TopicProduceResponse>,
    /// `ThrottleTimeMs`, versions 1+.
    pub throttle_time_ms: i32,
    /// `NodeEndpoints`, versions 10+, tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl ProduceResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let responses = r
            .array(flexible, |r| TopicProduceResponse::read(r, message_version))
            .at("Responses")?;
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let mut node_endpoints = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 if message_version >= 10 => {
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
        Ok(Self { responses, throttle_time_ms, node_endpoints: node_endpoints.unwrap_or_default() })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        crate::write::array(buf, flexible, &self.responses, |buf, v| v.write(buf, message_version))
            .at("Responses")?;
        buf.put_i32(self.throttle_time_ms);
        let tag_node_endpoints = message_version >= 10 && (!self.node_endpoints.is_empty());
        if message_version < 10 && (!self.node_endpoints.is_empty()) {
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

/// `TopicProduceResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopicProduceResponse {
    /// `Name`, versions 0-12.
    pub name: crate::Str,
    /// `TopicId`, versions 13+.
    pub topic_id: crate::Uuid,
    /// `PartitionResponses`, versions 0+.
    pub partition_responses: Vec<PartitionProduceResponse>,
}

impl TopicProduceResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let name = if message_version <= 12 {
            r.string(flexible).at("Name")?
        } else {
            crate::Str::default()
        };
        let topic_id =
            if message_version >= 13 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let partition_responses = r
            .array(flexible, |r| PartitionProduceResponse::read(r, message_version))
            .at("PartitionResponses")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, topic_id, partition_responses })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        if message_version <= 12 {
            crate::write::string(buf, flexible, &self.name).at("Name")?;
        }
        if message_version >= 13 {
            buf.put_slice(&self.topic_id.0);
        }
        crate::write::array(buf, flexible, &self.partition_responses, |buf, v| {
            v.write(buf, message_version)
        })
        .at("PartitionResponses")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `PartitionProduceResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionProduceResponse {
    /// `Index`, versions 0+.
    pub index: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `BaseOffset`, versions 0+.
    pub base_offset: i64,
    /// `LogAppendTimeMs`, versions 2+.
    pub log_append_time_ms: i64,
    /// `LogStartOffset`, versions 5+.
    pub log_start_offset: i64,
    /// `RecordErrors`, versions 8+.
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// `ErrorMessage`, versions 8+, nullable in 8+.
    pub error_message: Option<crate::Str>,
    /// `CurrentLeader`, versions 10+, tag 0.
    pub current_leader: LeaderIdAndEpoch,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        Self {
            index: 0,
            error_code: 0,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
        }
    }
}

impl PartitionProduceResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let index = r.i32().at("Index")?;
        let error_code = r.i16().at("ErrorCode")?;
        let base_offset = r.i64().at("BaseOffset")?;
        let log_append_time_ms = r.i64().at("LogAppendTimeMs")?;
        let log_start_offset =
            if message_version >= 5 { r.i64().at("LogStartOffset")? } else { -1 };
        let record_errors = if message_version >= 8 {
            r.array(flexible, |r| BatchIndexAndErrorMessage::read(r, message_version))
                .at("RecordErrors")?
        } else {
            Vec::new()
        };
        let error_message = if message_version >= 8 {
            r.nullable_string(flexible).at("ErrorMessage")?
        } else {
            None
        };
        let mut current_leader = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 if message_version >= 10 => {
                        r.once(&mut current_leader, |r| {
                            LeaderIdAndEpoch::read(r, message_version).at("CurrentLeader")
                        })?;
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(Self {
            index,
            error_code,
            base_offset,
            log_append_time_ms,
            log_start_offset,
            record_errors,
            error_message,
            current_leader: current_leader.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        buf.put_i32(self.index);
        buf.put_i16(self.error_code);
        buf.put_i64(self.base_offset);
        buf.put_i64(self.log_append_time_ms);
        if message_version >= 5 {
            buf.put_i64(self.log_start_offset);
        }
        if message_version >= 8 {
            crate::write::array(buf, flexible, &self.record_errors, |buf, v| {
                v.write(buf, message_version)
            })
            .at("RecordErrors")?;
        }
        if message_version >= 8 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.error_message.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("ErrorMessage")?;
        }
        let tag_current_leader =
            message_version >= 10 && (self.current_leader != LeaderIdAndEpoch::default());
        if message_version < 10 && (self.current_leader != LeaderIdAndEpoch::default()) {
            return Err(crate::EncodeError::not_in_version("CurrentLeader"));
        }
        if flexible {
            crate::write::uvarint(buf, u32::from(tag_current_leader));
            if tag_current_leader {
                crate::write::tag(buf, 0, |buf| self.current_leader.write(buf, message_version))
                    .at("CurrentLeader")?;
            }
        }
        Ok(())
    }
}

/// `BatchIndexAndErrorMessage` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BatchIndexAndErrorMessage {
    /// `BatchIndex`, versions 8+.
    pub batch_index: i32,
    /// `BatchIndexErrorMessage`, versions 8+, nullable in 8+.
    pub batch_index_error_message: Option<crate::Str>,
}

impl BatchIndexAndErrorMessage {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let batch_index = if message_version >= 8 { r.i32().at("BatchIndex")? } else { 0 };
        let batch_index_error_message = if message_version >= 8 {
            r.nullable_string(flexible).at("BatchIndexErrorMessage")?
        } else {
            None
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { batch_index, batch_index_error_message })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        if message_version >= 8 {
            buf.put_i32(self.batch_index);
        } else if self.batch_index != 0 {
            return Err(crate::EncodeError::not_in_version("BatchIndex"));
        }
        if message_version >= 8 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.batch_index_error_message.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("BatchIndexErrorMessage")?;
        } else if self.batch_index_error_message.is_some() {
            return Err(crate::EncodeError::not_in_version("BatchIndexErrorMessage"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `LeaderIdAndEpoch` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaderIdAndEpoch {
    /// `LeaderId`, versions 10+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 10+.
    pub leader_epoch: i32,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self { leader_id: -1, leader_epoch: -1 }
    }
}

impl LeaderIdAndEpoch {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let leader_id = if message_version >= 10 { r.i32().at("LeaderId")? } else { -1 };
        let leader_epoch = if message_version >= 10 { r.i32().at("LeaderEpoch")? } else { -1 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { leader_id, leader_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        if message_version >= 10 {
            buf.put_i32(self.leader_id);
        } else if self.leader_id != -1 {
            return Err(crate::EncodeError::not_in_version("LeaderId"));
        }
        if message_version >= 10 {
            buf.put_i32(self.leader_epoch);
        } else if self.leader_epoch != -1 {
            return Err(crate::EncodeError::not_in_version("LeaderEpoch"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `NodeEndpoint` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NodeEndpoint {
    /// `NodeId`, versions 10+.
    pub node_id: i32,
    /// `Host`, versions 10+.
    pub host: crate::Str,
    /// `Port`, versions 10+.
    pub port: i32,
    /// `Rack`, versions 10+, nullable in 10+.
    pub rack: Option<crate::Str>,
}

impl NodeEndpoint {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let node_id = if message_version >= 10 { r.i32().at("NodeId")? } else { 0 };
        let host = if message_version >= 10 {
            r.string(flexible).at("Host")?
        } else {
            crate::Str::default()
        };
        let port = if message_version >= 10 { r.i32().at("Port")? } else { 0 };
        let rack =
            if message_version >= 10 { r.nullable_string(flexible).at("Rack")? } else { None };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { node_id, host, port, rack })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        if message_version >= 10 {
            buf.put_i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(crate::EncodeError::not_in_version("NodeId"));
        }
        if message_version >= 10 {
            crate::write::string(buf, flexible, &self.host).at("Host")?;
        } else if !self.host.is_empty() {
            return Err(crate::EncodeError::not_in_version("Host"));
        }
        if message_version >= 10 {
            buf.put_i32(self.port);
        } else if self.port != 0 {
            return Err(crate::EncodeError::not_in_version("Port"));
        }
        if message_version >= 10 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.rack.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("Rack")?;
        } else if self.rack.is_some() {
            return Err(crate::EncodeError::not_in_version("Rack"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for ProduceResponse {
    const NAME: &'static str = "ProduceResponse";
    const MIN_VERSION: i16 = 3;
    const MAX_VERSION: i16 = 13;
    const FLEXIBLE_SINCE: i16 = 9;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
