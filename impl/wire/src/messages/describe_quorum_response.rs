//! `DescribeQuorumResponse`, key 55, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DescribeQuorumResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeQuorumResponse {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 2+, nullable in 2+.
    pub error_message: Option<crate::Str>,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicData>,
    /// `Nodes`, versions 2+.
    pub nodes: Vec<Node>,
}

impl Default for DescribeQuorumResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(crate::Str::default()),
            topics: Vec::new(),
            nodes: Vec::new(),
        }
    }
}

impl DescribeQuorumResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = if message_version >= 2 {
            r.nullable_string(true).at("ErrorMessage")?
        } else {
            Some(crate::Str::default())
        };
        let topics = r.array(true, |r| TopicData::read(r, message_version)).at("Topics")?;
        let nodes = if message_version >= 2 {
            r.array(true, |r| Node::read(r, message_version)).at("Nodes")?
        } else {
            Vec::new()
        };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { error_code, error_message, topics, nodes })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.error_code);
        if message_version >= 2 {
            crate::write::nullable(
                buf,
                true,
                crate::write::Null::Short,
                true,
                self.error_message.as_ref(),
                |buf, v| crate::write::string(buf, true, v),
            )
            .at("ErrorMessage")?;
        }
        crate::write::array(buf, true, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        if message_version >= 2 {
            crate::write::array(buf, true, &self.nodes, |buf, v| v.write(buf, message_version))
                .at("Nodes")?;
        } else if !self.nodes.is_empty() {
            return Err(crate::EncodeError::not_in_version("Nodes"));
        }
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
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionData {
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 2+, nullable in 2+.
    pub error_message: Option<crate::Str>,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
    /// `HighWatermark`, versions 0+.
    pub high_watermark: i64,
    /// `CurrentVoters`, versions 0+.
    pub current_voters: Vec<ReplicaState>,
    /// `Observers`, versions 0+.
    pub observers: Vec<ReplicaState>,
    /// `Standing`, versions 0+, tag 10000.
    pub standing: Standing,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            error_message: Some(crate::Str::default()),
            leader_id: 0,
            leader_epoch: 0,
            high_watermark: 0,
            current_voters: Vec::new(),
            observers: Vec::new(),
            standing: Standing::default(),
        }
    }
}

impl PartitionData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let partition_index = r.i32().at("PartitionIndex")?;
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = if message_version >= 2 {
            r.nullable_string(true).at("ErrorMessage")?
        } else {
            Some(crate::Str::default())
        };
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        let high_watermark = r.i64().at("HighWatermark")?;
        let current_voters =
            r.array(true, |r| ReplicaState::read(r, message_version)).at("CurrentVoters")?;
        let observers =
            r.array(true, |r| ReplicaState::read(r, message_version)).at("Observers")?;
        let mut standing = None;
        r.tags(|r, tag| {
            match tag {
                10000 => {
                    r.once(&mut standing, |r| Standing::read(r, message_version).at("Standing"))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            partition_index,
            error_code,
            error_message,
            leader_id,
            leader_epoch,
            high_watermark,
            current_voters,
            observers,
            standing: standing.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.partition_index);
        buf.put_i16(self.error_code);
        if message_version >= 2 {
            crate::write::nullable(
                buf,
                true,
                crate::write::Null::Short,
                true,
                self.error_message.as_ref(),
                |buf, v| crate::write::string(buf, true, v),
            )
            .at("ErrorMessage")?;
        }
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
        buf.put_i64(self.high_watermark);
        crate::write::array(buf, true, &self.current_voters, |buf, v| {
            v.write(buf, message_version)
        })
        .at("CurrentVoters")?;
        crate::write::array(buf, true, &self.observers, |buf, v| v.write(buf, message_version))
            .at("Observers")?;
        let tag_standing = self.standing != Standing::default();
        crate::write::uvarint(buf, u32::from(tag_standing));
        if tag_standing {
            crate::write::tag(buf, 10000, |buf| self.standing.write(buf, message_version))
                .at("Standing")?;
        }

        Ok(())
    }
}

/// `Standing` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// `Role`, versions 0+.
    pub role: crate::Str,
    /// `NodeId`, versions 0+.
    pub node_id: i32,
    /// `DirectoryId`, versions 0+.
    pub directory_id: crate::Uuid,
    /// `Epoch`, versions 0+.
    pub epoch: i32,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `VotedId`, versions 0+.
    pub voted_id: i32,
    /// `VotedDirectoryId`, versions 0+.
    pub voted_directory_id: crate::Uuid,
    /// `LogStartOffset`, versions 0+.
    pub log_start_offset: i64,
    /// `LogEndOffset`, versions 0+.
    pub log_end_offset: i64,
    /// `FlushedOffset`, versions 0+.
    pub flushed_offset: i64,
    /// `HighWatermark`, versions 0+.
    pub high_watermark: i64,
    /// `DiskFull`, versions 0+.
    pub disk_full: bool,
    /// `Voters`, versions 0+.
    pub voters: Vec<StandingVoter>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            role: crate::Str::default(),
            node_id: -1,
            directory_id: crate::Uuid::ZERO,
            epoch: -1,
            leader_id: -1,
            voted_id: -1,
            voted_directory_id: crate::Uuid::ZERO,
            log_start_offset: -1,
            log_end_offset: -1,
            flushed_offset: -1,
            high_watermark: -1,
            disk_full: false,
            voters: Vec::new(),
        }
    }
}

impl Standing {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let role = r.string(true).at("Role")?;
        let node_id = r.i32().at("NodeId")?;
        let directory_id = r.uuid().at("DirectoryId")?;
        let epoch = r.i32().at("Epoch")?;
        let leader_id = r.i32().at("LeaderId")?;
        let voted_id = r.i32().at("VotedId")?;
        let voted_directory_id = r.uuid().at("VotedDirectoryId")?;
        let log_start_offset = r.i64().at("LogStartOffset")?;
        let log_end_offset = r.i64().at("LogEndOffset")?;
        let flushed_offset = r.i64().at("FlushedOffset")?;
        let high_watermark = r.i64().at("HighWatermark")?;
        let disk_full = r.bool().at("DiskFull")?;
        let voters = r.array(true, |r| StandingVoter::read(r, message_version)).at("Voters")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            role,
            node_id,
            directory_id,
            epoch,
            leader_id,
            voted_id,
            voted_directory_id,
            log_start_offset,
            log_end_offset,
            flushed_offset,
            high_watermark,
            disk_full,
            voters,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.role).at("Role")?;
        buf.put_i32(self.node_id);
        buf.put_slice(&self.directory_id.0);
        buf.put_i32(self.epoch);
        buf.put_i32(self.leader_id);
        buf.put_i32(self.voted_id);
        buf.put_slice(&self.voted_directory_id.0);
        buf.put_i64(self.log_start_offset);
        buf.put_i64(self.log_end_offset);
        buf.put_i64(self.flushed_offset);
        buf.put_i64(self.high_watermark);
        buf.put_u8(u8::from(self.disk_full));
        crate::write::array(buf, true, &self.voters, |buf, v| v.write(buf, message_version))
            .at("Voters")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `StandingVoter` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct StandingVoter {
    /// `VoterId`, versions 0+.
    pub voter_id: i32,
    /// `VoterDirectoryId`, versions 0+.
    pub voter_directory_id: crate::Uuid,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: u16,
}

impl StandingVoter {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let voter_id = r.i32().at("VoterId")?;
        let voter_directory_id = r.uuid().at("VoterDirectoryId")?;
        let host = r.string(true).at("Host")?;
        let port = r.u16().at("Port")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { voter_id, voter_directory_id, host, port })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.voter_id);
        buf.put_slice(&self.voter_directory_id.0);
        crate::write::string(buf, true, &self.host).at("Host")?;
        buf.put_u16(self.port);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `Node` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Node {
    /// `NodeId`, versions 2+.
    pub node_id: i32,
    /// `Listeners`, versions 2+.
    pub listeners: Vec<Listener>,
}

impl Node {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let node_id = if message_version >= 2 { r.i32().at("NodeId")? } else { 0 };
        let listeners = if message_version >= 2 {
            r.array(true, |r| Listener::read(r, message_version)).at("Listeners")?
        } else {
            Vec::new()
        };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { node_id, listeners })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        if message_version >= 2 {
            buf.put_i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(crate::EncodeError::not_in_version("NodeId"));
        }
        if message_version >= 2 {
            crate::write::array(buf, true, &self.listeners, |buf, v| v.write(buf, message_version))
                .at("Listeners")?;
        } else if !self.listeners.is_empty() {
            return Err(crate::EncodeError::not_in_version("Listeners"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `Listener` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Listener {
    /// `Name`, versions 2+.
    pub name: crate::Str,
    /// `Host`, versions 2+.
    pub host: crate::Str,
    /// `Port`, versions 2+.
    pub port: u16,
}

impl Listener {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let name =
            if message_version >= 2 { r.string(true).at("Name")? } else { crate::Str::default() };
        let host =
            if message_version >= 2 { r.string(true).at("Host")? } else { crate::Str::default() };
        let port = if message_version >= 2 { r.u16().at("Port")? } else { 0 };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, host, port })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        if message_version >= 2 {
            crate::write::string(buf, true, &self.name).at("Name")?;
        } else if !self.name.is_empty() {
            return Err(crate::EncodeError::not_in_version("Name"));
        }
        if message_version >= 2 {
            crate::write::string(buf, true, &self.host).at("Host")?;
        } else if !self.host.is_empty() {
            return Err(crate::EncodeError::not_in_version("Host"));
        }
        if message_version >= 2 {
            buf.put_u16(self.port);
        } else if self.port != 0 {
            return Err(crate::EncodeError::not_in_version("Port"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `ReplicaState` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaState {
    /// `ReplicaId`, versions 0+.
    pub replica_id: i32,
    /// `ReplicaDirectoryId`, versions 2+.
    pub replica_directory_id: crate::Uuid,
    /// `LogEndOffset`, versions 0+.
    pub log_end_offset: i64,
    /// `LastFetchTimestamp`, versions 1+.
    pub last_fetch_timestamp: i64,
    /// `LastCaughtUpTimestamp`, versions 1+.
    pub last_caught_up_timestamp: i64,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: 0,
            replica_directory_id: crate::Uuid::ZERO,
            log_end_offset: 0,
            last_fetch_timestamp: -1,
            last_caught_up_timestamp: -1,
        }
    }
}

impl ReplicaState {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let replica_id = r.i32().at("ReplicaId")?;
        let replica_directory_id = if message_version >= 2 {
            r.uuid().at("ReplicaDirectoryId")?
        } else {
            crate::Uuid::ZERO
        };
        let log_end_offset = r.i64().at("LogEndOffset")?;
        let last_fetch_timestamp =
            if message_version >= 1 { r.i64().at("LastFetchTimestamp")? } else { -1 };
        let last_caught_up_timestamp =
            if message_version >= 1 { r.i64().at("LastCaughtUpTimestamp")? } else { -1 };
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            replica_id,
            replica_directory_id,
            log_end_offset,
            last_fetch_timestamp,
            last_caught_up_timestamp,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.replica_id);
        if message_version >= 2 {
            buf.put_slice(&self.replica_directory_id.0);
        } else if !self.replica_directory_id.is_zero() {
            return Err(crate::EncodeError::not_in_version("ReplicaDirectoryId"));
        }
        buf.put_i64(self.log_end_offset);
        if message_version >= 1 {
            buf.put_i64(self.last_fetch_timestamp);
        }
        if message_version >= 1 {
            buf.put_i64(self.last_caught_up_timestamp);
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for DescribeQuorumResponse {
    const NAME: &'static str = "DescribeQuorumResponse";
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
