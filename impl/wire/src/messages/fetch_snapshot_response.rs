//! `FetchSnapshotResponse`, key 59, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FetchSnapshotResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FetchSnapshotResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicSnapshot>,
    /// `NodeEndpoints`, versions 1+, tag 0.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl FetchSnapshotResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let topics = r.array(true, |r| TopicSnapshot::read(r, message_version)).at("Topics")?;
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
        Ok(Self {
            throttle_time_ms,
            error_code,
            topics,
            node_endpoints: node_endpoints.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
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

/// `TopicSnapshot` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopicSnapshot {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<PartitionSnapshot>,
}

impl TopicSnapshot {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let partitions =
            r.array(true, |r| PartitionSnapshot::read(r, message_version)).at("Partitions")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, partitions })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        crate::write::array(buf, true, &self.partitions, |buf, v| v.write(buf, message_version))
            .at("Partitions")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `PartitionSnapshot` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PartitionSnapshot {
    /// `Index`, versions 0+.
    pub index: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `SnapshotId`, versions 0+.
    pub snapshot_id: SnapshotId,
    /// `Size`, versions 0+.
    pub size: i64,
    /// `Position`, versions 0+.
    pub position: i64,
    /// `UnalignedRecords`, versions 0+.
    pub unaligned_records: bytes::Bytes,
    /// `CurrentLeader`, versions 0+, tag 0.
    pub current_leader: LeaderIdAndEpoch,
}

impl PartitionSnapshot {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let index = r.i32().at("Index")?;
        let error_code = r.i16().at("ErrorCode")?;
        let snapshot_id = SnapshotId::read(r, message_version).at("SnapshotId")?;
        let size = r.i64().at("Size")?;
        let position = r.i64().at("Position")?;
        let unaligned_records = r.bytes(true).at("UnalignedRecords")?;
        let mut current_leader = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut current_leader, |r| {
                        LeaderIdAndEpoch::read(r, message_version).at("CurrentLeader")
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            index,
            error_code,
            snapshot_id,
            size,
            position,
            unaligned_records,
            current_leader: current_leader.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.index);
        buf.put_i16(self.error_code);
        self.snapshot_id.write(buf, message_version).at("SnapshotId")?;
        buf.put_i64(self.size);
        buf.put_i64(self.position);
        crate::write::bytes(buf, true, &self.unaligned_records).at("UnalignedRecords")?;
        let tag_current_leader = self.current_leader != LeaderIdAndEpoch::default();
        crate::write::uvarint(buf, u32::from(tag_current_leader));
        if tag_current_leader {
            crate::write::tag(buf, 0, |buf| self.current_leader.write(buf, message_version))
                .at("CurrentLeader")?;
        }

        Ok(())
    }
}

/// `SnapshotId` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SnapshotId {
    /// `EndOffset`, versions 0+.
    pub end_offset: i64,
    /// `Epoch`, versions 0+.
    pub epoch: i32,
}

impl SnapshotId {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let end_offset = r.i64().at("EndOffset")?;
        let epoch = r.i32().at("Epoch")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { end_offset, epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i64(self.end_offset);
        buf.put_i32(self.epoch);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `LeaderIdAndEpoch` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LeaderIdAndEpoch {
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
}

impl LeaderIdAndEpoch {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { leader_id, leader_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
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

impl crate::Message for FetchSnapshotResponse {
    const NAME: &'static str = "FetchSnapshotResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
