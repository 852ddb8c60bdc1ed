//! `FetchRequest`, key 1, versions 4-18. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FetchRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchRequest {
    /// `ReplicaId`, versions 0-14.
    pub replica_id: i32,
    /// `MaxWaitMs`, versions 0+.
    pub max_wait_ms: i32,
    /// `MinBytes`, versions 0+.
    pub min_bytes: i32,
    /// `MaxBytes`, versions 3+.
    pub max_bytes: i32,
    /// `IsolationLevel`, versions 4+.
    pub isolation_level: i8,
    /// `SessionId`, versions 7+.
    pub session_id: i32,
    /// `SessionEpoch`, versions 7+.
    pub session_epoch: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<FetchTopic>,
    /// `ForgottenTopicsData`, versions 7+.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// `RackId`, versions 11+.
    pub rack_id: crate::Str,
    /// `ClusterId`, versions 12+, nullable in 12+, tag 0.
    pub cluster_id: Option<crate::Str>,
    /// `ReplicaState`, versions 15+, tag 1.
    pub replica_state: ReplicaState,
}

impl Default for FetchRequest {
    fn default() -> Self {
        Self {
            replica_id: -1,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            rack_id: crate::Str::default(),
            cluster_id: None,
            replica_state: ReplicaState::default(),
        }
    }
}

impl FetchRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let replica_id = if message_version <= 14 { r.i32().at("ReplicaId")? } else { -1 };
        let max_wait_ms = r.i32().at("MaxWaitMs")?;
        let min_bytes = r.i32().at("MinBytes")?;
        let max_bytes = r.i32().at("MaxBytes")?;
        let isolation_level = r.i8().at("IsolationLevel")?;
        let session_id = if message_version >= 7 { r.i32().at("SessionId")? } else { 0 };
        let session_epoch = if message_version >= 7 { r.i32().at("SessionEpoch")? } else { -1 };
        let topics = r.array(flexible, |r| FetchTopic::read(r, message_version)).at("Topics")?;
        let forgotten_topics_data = if message_version >= 7 {
            r.array(flexible, |r| ForgottenTopic::read(r, message_version))
                .at("ForgottenTopicsData")?
        } else {
            Vec::new()
        };
        let rack_id = if message_version >= 11 {
            r.string(flexible).at("RackId")?
        } else {
            crate::Str::default()
        };
        let mut cluster_id = None;
        let mut replica_state = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 => {
                        r.once(&mut cluster_id, |r| r.nullable_string(flexible).at("ClusterId"))?;
                    }
                    1 if message_version >= 15 => {
                        r.once(&mut replica_state, |r| {
                            ReplicaState::read(r, message_version).at("ReplicaState")
                        })?;
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(Self {
            replica_id,
            max_wait_ms,
            min_bytes,
            max_bytes,
            isolation_level,
            session_id,
            session_epoch,
            topics,
            forgotten_topics_data,
            rack_id,
            cluster_id: cluster_id.unwrap_or_default(),
            replica_state: replica_state.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        if message_version <= 14 {
            buf.put_i32(self.replica_id);
        } else if self.replica_id != -1 {
            return Err(crate::EncodeError::not_in_version("ReplicaId"));
        }
        buf.put_i32(self.max_wait_ms);
        buf.put_i32(self.min_bytes);
        buf.put_i32(self.max_bytes);
        buf.put_i8(self.isolation_level);
        if message_version >= 7 {
            buf.put_i32(self.session_id);
        }
        if message_version >= 7 {
            buf.put_i32(self.session_epoch);
        }
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        if message_version >= 7 {
            crate::write::array(buf, flexible, &self.forgotten_topics_data, |buf, v| {
                v.write(buf, message_version)
            })
            .at("ForgottenTopicsData")?;
        } else if !self.forgotten_topics_data.is_empty() {
            return Err(crate::EncodeError::not_in_version("ForgottenTopicsData"));
        }
        if message_version >= 11 {
            crate::write::string(buf, flexible, &self.rack_id).at("RackId")?;
        }
        let tag_cluster_id = message_version >= 12 && (self.cluster_id.is_some());
        let tag_replica_state =
            message_version >= 15 && (self.replica_state != ReplicaState::default());
        if message_version < 15 && (self.replica_state != ReplicaState::default()) {
            return Err(crate::EncodeError::not_in_version("ReplicaState"));
        }
        if flexible {
            crate::write::uvarint(buf, u32::from(tag_cluster_id) + u32::from(tag_replica_state));
            if tag_cluster_id {
                crate::write::tag(buf, 0, |buf| {
                    crate::write::nullable(
                        buf,
                        flexible,
                        crate::write::Null::Short,
                        true,
                        self.cluster_id.as_ref(),
                        |buf, v| crate::write::string(buf, flexible, v),
                    )
                })
                .at("ClusterId")?;
            }
            if tag_replica_state {
                crate::write::tag(buf, 1, |buf| self.replica_state.write(buf, message_version))
                    .at("ReplicaState")?;
            }
        }
        Ok(())
    }
}

/// `ReplicaState` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaState {
    /// `ReplicaId`, versions 15+.
    pub replica_id: i32,
    /// `ReplicaEpoch`, versions 15+.
    pub replica_epoch: i64,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self { replica_id: -1, replica_epoch: -1 }
    }
}

impl ReplicaState {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let replica_id = if message_version >= 15 { r.i32().at("ReplicaId")? } else { -1 };
        let replica_epoch = if message_version >= 15 { r.i64().at("ReplicaEpoch")? } else { -1 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { replica_id, replica_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        if message_version >= 15 {
            buf.put_i32(self.replica_id);
        } else if self.replica_id != -1 {
            return Err(crate::EncodeError::not_in_version("ReplicaId"));
        }
        if message_version >= 15 {
            buf.put_i64(self.replica_epoch);
        } else if self.replica_epoch != -1 {
            return Err(crate::EncodeError::not_in_version("ReplicaEpoch"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `FetchTopic` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FetchTopic {
    /// `Topic`, versions 0-12.
    pub topic: crate::Str,
    /// `TopicId`, versions 13+.
    pub topic_id: crate::Uuid,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<FetchPartition>,
}

impl FetchTopic {
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
            r.array(flexible, |r| FetchPartition::read(r, message_version)).at("Partitions")?;
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

/// `FetchPartition` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchPartition {
    /// `Partition`, versions 0+.
    pub partition: i32,
    /// `CurrentLeaderEpoch`, versions 9+.
    pub current_leader_epoch: i32,
    /// `FetchOffset`, versions 0+.
    pub fetch_offset: i64,
    /// `LastFetchedEpoch`, versions 12+.
    pub last_fetched_epoch: i32,
    /// `LogStartOffset`, versions 5+.
    pub log_start_offset: i64,
    /// `PartitionMaxBytes`, versions 0+.
    pub partition_max_bytes: i32,
    /// `ReplicaDirectoryId`, versions 17+, tag 0.
    pub replica_directory_id: crate::Uuid,
    /// `HighWatermark`, versions 18+, tag 1.
    pub high_watermark: i64,
}

impl Default for FetchPartition {
    fn default() -> Self {
        Self {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
            replica_directory_id: crate::Uuid::ZERO,
            high_watermark: i64::MAX,
        }
    }
}

impl FetchPartition {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let partition = r.i32().at("Partition")?;
        let current_leader_epoch =
            if message_version >= 9 { r.i32().at("CurrentLeaderEpoch")? } else { -1 };
        let fetch_offset = r.i64().at("FetchOffset")?;
        let last_fetched_epoch =
            if message_version >= 12 { r.i32().at("LastFetchedEpoch")? } else { -1 };
        let log_start_offset =
            if message_version >= 5 { r.i64().at("LogStartOffset")? } else { -1 };
        let partition_max_bytes = r.i32().at("PartitionMaxBytes")?;
        let mut replica_directory_id = None;
        let mut high_watermark = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 if message_version >= 17 => {
                        r.once(&mut replica_directory_id, |r| r.uuid().at("ReplicaDirectoryId"))?;
                    }
                    1 if message_version >= 18 => {
                        r.once(&mut high_watermark, |r| r.i64().at("HighWatermark"))?;
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(Self {
            partition,
            current_leader_epoch,
            fetch_offset,
            last_fetched_epoch,
            log_start_offset,
            partition_max_bytes,
            replica_directory_id: replica_directory_id.unwrap_or_default(),
            high_watermark: high_watermark.unwrap_or(i64::MAX),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 12;
        buf.put_i32(self.partition);
        if message_version >= 9 {
            buf.put_i32(self.current_leader_epoch);
        }
        buf.put_i64(self.fetch_offset);
        if message_version >= 12 {
            buf.put_i32(self.last_fetched_epoch);
        } else if self.last_fetched_epoch != -1 {
            return Err(crate::EncodeError::not_in_version("LastFetchedEpoch"));
        }
        if message_version >= 5 {
            buf.put_i64(self.log_start_offset);
        }
        buf.put_i32(self.partition_max_bytes);
        let tag_replica_directory_id =
            message_version >= 17 && (!self.replica_directory_id.is_zero());
        let tag_high_watermark = message_version >= 18 && (self.high_watermark != i64::MAX);
        if flexible {
            crate::write::uvarint(
                buf,
                u32::from(tag_replica_directory_id) + u32::from(tag_high_watermark),
            );
            if tag_replica_directory_id {
                crate::write::tag(buf, 0, |buf| {
                    buf.put_slice(&self.replica_directory_id.0);
                    Ok(())
                })
                .at("ReplicaDirectoryId")?;
            }
            if tag_high_watermark {
                crate::write::tag(buf, 1, |buf| {
                    buf.put_i64(self.high_watermark);
                    Ok(())
                })
                .at("HighWatermark")?;
            }
        }
        Ok(())
    }
}

/// `ForgottenTopic` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ForgottenTopic {
    /// `Topic`, versions 7-12.
    pub topic: crate::Str,
    /// `TopicId`, versions 13+.
    pub topic_id: crate::Uuid,
    /// `Partitions`, versions 7+.
    pub partitions: Vec<i32>,
}

impl ForgottenTopic {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 12;
        let topic = if (7..=12).contains(&message_version) {
            r.string(flexible).at("Topic")?
        } else {
            crate::Str::default()
        };
        let topic_id =
            if message_version >= 13 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let partitions = if message_version >= 7 {
            r.array(flexible, crate::Reader::i32).at("Partitions")?
        } else {
            Vec::new()
        };
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
        if (7..=12).contains(&message_version) {
            crate::write::string(buf, flexible, &self.topic).at("Topic")?;
        }
        if message_version >= 13 {
            buf.put_slice(&self.topic_id.0);
        }
        if message_version >= 7 {
            crate::write::array(buf, flexible, &self.partitions, |buf, v| {
                buf.put_i32(*v);
                Ok(())
            })
            .at("Partitions")?;
        } else if !self.partitions.is_empty() {
            return Err(crate::EncodeError::not_in_version("Partitions"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for FetchRequest {
    const NAME: &'static str = "FetchRequest";
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

impl crate::Request for FetchRequest {
    const KEY: i16 = 1;
    type Response = super::fetch_response::FetchResponse;
}
