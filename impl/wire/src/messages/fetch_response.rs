//! `FetchResponse`, key 1, versions 4-18. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FetchResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FetchResponse {
    /// `ThrottleTimeMs`, versions 1+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 7+.
    pub error_code: i16,
    /// `SessionId`, versions 7+.
    pub session_id: i32,
    /// `Responses`, versions 0+.
    pub responses: Vec<FetchableTopicResponse>,
    /// `NodeEndpoints`, versions 16+, tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl FetchResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = if message_version >= 7 { r.i16().at("ErrorCode")? } else { 0 };
        let session_id = if message_version >= 7 { r.i32().at("SessionId")? } else { 0 };
        let responses = r
            .array(flexible, |r| FetchableTopicResponse::read(r, message_version))
            .at("Responses")?;
        let mut node_endpoints = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 if message_version >= 16 => {
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
        Ok(Self {
            throttle_time_ms,
            error_code,
            session_id,
            responses,
            node_endpoints: node_endpoints.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        buf.put_i32(self.throttle_time_ms);
        if message_version >= 7 {
            buf.put_i16(self.error_code);
        }
        if message_version >= 7 {
            buf.put_i32(self.session_id);
        } else if self.session_id != 0 {
            return Err(crate::EncodeError::not_in_version("SessionId"));
        }
        crate::write::array(buf, flexible, &self.responses, |buf, v| v.write(buf, message_version))
            .at("Responses")?;
        let tag_node_endpoints = message_version >= 16 && (!self.node_endpoints.is_empty());
        if message_version < 16 && (!self.node_endpoints.is_empty()) {
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

/// `FetchableTopicResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FetchableTopicResponse {
    /// `Topic`, versions 0-12.
    pub topic: crate::Str,
    /// `TopicId`, versions 13+.
    pub topic_id: crate::Uuid,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<PartitionData>,
}

impl FetchableTopicResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let topic = if message_version <= 12 {
            r.string(flexible).at("Topic")?
        } else {
            crate::Str::default()
        };
        let topic_id =
            if message_version >= 13 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let partitions =
            r.array(flexible, |r| PartitionData::read(r, message_version)).at("Partitions")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { topic, topic_id, partitions })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        if message_version <= 12 {
            crate::write::string(buf, flexible, &self.topic).at("Topic")?;
        }
        if message_version >= 13 {
            buf.put_slice(&self.topic_id.0);
        }
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
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionData {
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `HighWatermark`, versions 0+.
    pub high_watermark: i64,
    /// `LastStableOffset`, versions 4+.
    pub last_stable_offset: i64,
    /// `LogStartOffset`, versions 5+.
    pub log_start_offset: i64,
    /// `AbortedTransactions`, versions 4+, nullable in 4+.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// `PreferredReadReplica`, versions 11+.
    pub preferred_read_replica: i32,
    /// `Records`, versions 0+, nullable in 0+.
    pub records: Option<bytes::Bytes>,
    /// `DivergingEpoch`, versions 12+, tag 0.
    pub diverging_epoch: EpochEndOffset,
    /// `CurrentLeader`, versions 12+, tag 1.
    pub current_leader: LeaderIdAndEpoch,
    /// `SnapshotId`, versions 12+, tag 2.
    pub snapshot_id: SnapshotId,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: None,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
        }
    }
}

impl PartitionData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let partition_index = r.i32().at("PartitionIndex")?;
        let error_code = r.i16().at("ErrorCode")?;
        let high_watermark = r.i64().at("HighWatermark")?;
        let last_stable_offset = r.i64().at("LastStableOffset")?;
        let log_start_offset =
            if message_version >= 5 { r.i64().at("LogStartOffset")? } else { -1 };
        let aborted_transactions = r
            .nullable_array(flexible, |r| AbortedTransaction::read(r, message_version))
            .at("AbortedTransactions")?;
        let preferred_read_replica =
            if message_version >= 11 { r.i32().at("PreferredReadReplica")? } else { -1 };
        let records = r.nullable_bytes(flexible).at("Records")?;
        let mut diverging_epoch = None;
        let mut current_leader = None;
        let mut snapshot_id = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 => {
                        r.once(&mut diverging_epoch, |r| {
                            EpochEndOffset::read(r, message_version).at("DivergingEpoch")
                        })?;
                    }
                    1 => {
                        r.once(&mut current_leader, |r| {
                            LeaderIdAndEpoch::read(r, message_version).at("CurrentLeader")
                        })?;
                    }
                    2 => {
                        r.once(&mut snapshot_id, |r| {
                            SnapshotId::read(r, message_version).at("SnapshotId")
                        })?;
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(Self {
            partition_index,
            error_code,
            high_watermark,
            last_stable_offset,
            log_start_offset,
            aborted_transactions,
            preferred_read_replica,
            records,
            diverging_epoch: diverging_epoch.unwrap_or_default(),
            current_leader: current_leader.unwrap_or_default(),
            snapshot_id: snapshot_id.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        buf.put_i32(self.partition_index);
        buf.put_i16(self.error_code);
        buf.put_i64(self.high_watermark);
        buf.put_i64(self.last_stable_offset);
        if message_version >= 5 {
            buf.put_i64(self.log_start_offset);
        }
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Long,
            true,
            self.aborted_transactions.as_ref(),
            |buf, v| crate::write::array(buf, flexible, v, |buf, v| v.write(buf, message_version)),
        )
        .at("AbortedTransactions")?;
        if message_version >= 11 {
            buf.put_i32(self.preferred_read_replica);
        } else if self.preferred_read_replica != -1 {
            return Err(crate::EncodeError::not_in_version("PreferredReadReplica"));
        }
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Long,
            true,
            self.records.as_ref(),
            |buf, v| crate::write::bytes(buf, flexible, v),
        )
        .at("Records")?;
        let tag_diverging_epoch =
            message_version >= 12 && (self.diverging_epoch != EpochEndOffset::default());
        if message_version < 12 && (self.diverging_epoch != EpochEndOffset::default()) {
            return Err(crate::EncodeError::not_in_version("DivergingEpoch"));
        }
        let tag_current_leader =
            message_version >= 12 && (self.current_leader != LeaderIdAndEpoch::default());
        if message_version < 12 && (self.current_leader != LeaderIdAndEpoch::default()) {
            return Err(crate::EncodeError::not_in_version("CurrentLeader"));
        }
        let tag_snapshot_id = message_version >= 12 && (self.snapshot_id != SnapshotId::default());
        if message_version < 12 && (self.snapshot_id != SnapshotId::default()) {
            return Err(crate::EncodeError::not_in_version("SnapshotId"));
        }
        if flexible {
            crate::write::uvarint(
                buf,
                u32::from(tag_diverging_epoch)
                    + u32::from(tag_current_leader)
                    + u32::from(tag_snapshot_id),
            );
            if tag_diverging_epoch {
                crate::write::tag(buf, 0, |buf| self.diverging_epoch.write(buf, message_version))
                    .at("DivergingEpoch")?;
            }
            if tag_current_leader {
                crate::write::tag(buf, 1, |buf| self.current_leader.write(buf, message_version))
                    .at("CurrentLeader")?;
            }
            if tag_snapshot_id {
                crate::write::tag(buf, 2, |buf| self.snapshot_id.write(buf, message_version))
                    .at("SnapshotId")?;
            }
        }
        Ok(())
    }
}

/// `EpochEndOffset` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochEndOffset {
    /// `Epoch`, versions 12+.
    pub epoch: i32,
    /// `EndOffset`, versions 12+.
    pub end_offset: i64,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self { epoch: -1, end_offset: -1 }
    }
}

impl EpochEndOffset {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let epoch = if message_version >= 12 { r.i32().at("Epoch")? } else { -1 };
        let end_offset = if message_version >= 12 { r.i64().at("EndOffset")? } else { -1 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { epoch, end_offset })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        if message_version >= 12 {
            buf.put_i32(self.epoch);
        } else if self.epoch != -1 {
            return Err(crate::EncodeError::not_in_version("Epoch"));
        }
        if message_version >= 12 {
            buf.put_i64(self.end_offset);
        } else if self.end_offset != -1 {
            return Err(crate::EncodeError::not_in_version("EndOffset"));
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
    /// `LeaderId`, versions 12+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 12+.
    pub leader_epoch: i32,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self { leader_id: -1, leader_epoch: -1 }
    }
}

impl LeaderIdAndEpoch {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let leader_id = if message_version >= 12 { r.i32().at("LeaderId")? } else { -1 };
        let leader_epoch = if message_version >= 12 { r.i32().at("LeaderEpoch")? } else { -1 };
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
        let flexible = message_version >= 12;
        if message_version >= 12 {
            buf.put_i32(self.leader_id);
        } else if self.leader_id != -1 {
            return Err(crate::EncodeError::not_in_version("LeaderId"));
        }
        if message_version >= 12 {
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

/// `SnapshotId` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotId {
    /// `EndOffset`, versions 0+.
    pub end_offset: i64,
    /// `Epoch`, versions 0+.
    pub epoch: i32,
}

impl Default for SnapshotId {
    fn default() -> Self {
        Self { end_offset: -1, epoch: -1 }
    }
}

impl SnapshotId {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let end_offset = r.i64().at("EndOffset")?;
        let epoch = r.i32().at("Epoch")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { end_offset, epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        buf.put_i64(self.end_offset);
        buf.put_i32(self.epoch);
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `AbortedTransaction` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AbortedTransaction {
    /// `ProducerId`, versions 4+.
    pub producer_id: i64,
    /// `FirstOffset`, versions 4+.
    pub first_offset: i64,
}

impl AbortedTransaction {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let producer_id = r.i64().at("ProducerId")?;
        let first_offset = r.i64().at("FirstOffset")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { producer_id, first_offset })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        buf.put_i64(self.producer_id);
        buf.put_i64(self.first_offset);
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `NodeEndpoint` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NodeEndpoint {
    /// `NodeId`, versions 16+.
    pub node_id: i32,
    /// `Host`, versions 16+.
    pub host: crate::Str,
    /// `Port`, versions 16+.
    pub port: i32,
    /// `Rack`, versions 16+, nullable in 16+.
    pub rack: Option<crate::Str>,
}

impl NodeEndpoint {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let node_id = if message_version >= 16 { r.i32().at("NodeId")? } else { 0 };
        let host = if message_version >= 16 {
            r.string(flexible).at("Host")?
        } else {
            crate::Str::default()
        };
        let port = if message_version >= 16 { r.i32().at("Port")? } else { 0 };
        let rack =
            if message_version >= 16 { r.nullable_string(flexible).at("Rack")? } else { None };
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
        let flexible = message_version >= 12;
        if message_version >= 16 {
            buf.put_i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(crate::EncodeError::not_in_version("NodeId"));
        }
        if message_version >= 16 {
            crate::write::string(buf, flexible, &self.host).at("Host")?;
        } else if !self.host.is_empty() {
            return Err(crate::EncodeError::not_in_version("Host"));
        }
        if message_version >= 16 {
            buf.put_i32(self.port);
        } else if self.port != 0 {
            return Err(crate::EncodeError::not_in_version("Port"));
        }
        if message_version >= 16 {
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

impl crate::Message for FetchResponse {
    const NAME: &'static str = "FetchResponse";
    const MIN_VERSION: i16 = 4;
    const MAX_VERSION: i16 = 18;
    const FLEXIBLE_SINCE: i16 = 12;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
