//! `PartitionRecord`, key 3, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `PartitionRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionRecord {
    /// `PartitionId`, versions 0+.
    pub partition_id: i32,
    /// `TopicId`, versions 0+.
    pub topic_id: crate::Uuid,
    /// `Replicas`, versions 0+.
    pub replicas: Vec<i32>,
    /// `Isr`, versions 0+.
    pub isr: Vec<i32>,
    /// `RemovingReplicas`, versions 0+.
    pub removing_replicas: Vec<i32>,
    /// `AddingReplicas`, versions 0+.
    pub adding_replicas: Vec<i32>,
    /// `Leader`, versions 0+.
    pub leader: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
    /// `PartitionEpoch`, versions 0+.
    pub partition_epoch: i32,
    /// `Directories`, versions 1+.
    pub directories: Vec<crate::Uuid>,
    /// `LeaderRecoveryState`, versions 0+, tag 0.
    pub leader_recovery_state: i8,
    /// `EligibleLeaderReplicas`, versions 2+, nullable in 2+, tag 1.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// `LastKnownElr`, versions 2+, nullable in 2+, tag 2.
    pub last_known_elr: Option<Vec<i32>>,
}

impl Default for PartitionRecord {
    fn default() -> Self {
        Self {
            partition_id: -1,
            topic_id: crate::Uuid::ZERO,
            replicas: Vec::new(),
            isr: Vec::new(),
            removing_replicas: Vec::new(),
            adding_replicas: Vec::new(),
            leader: -1,
            leader_epoch: -1,
            partition_epoch: -1,
            directories: Vec::new(),
            leader_recovery_state: 0,
            eligible_leader_replicas: None,
            last_known_elr: None,
        }
    }
}

impl PartitionRecord {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let partition_id = r.i32().at("PartitionId")?;
        let topic_id = r.uuid().at("TopicId")?;
        let replicas = r.array(true, crate::Reader::i32).at("Replicas")?;
        let isr = r.array(true, crate::Reader::i32).at("Isr")?;
        let removing_replicas = r.array(true, crate::Reader::i32).at("RemovingReplicas")?;
        let adding_replicas = r.array(true, crate::Reader::i32).at("AddingReplicas")?;
        let leader = r.i32().at("Leader")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        let partition_epoch = r.i32().at("PartitionEpoch")?;
        let directories = if message_version >= 1 {
            r.array(true, crate::Reader::uuid).at("Directories")?
        } else {
            Vec::new()
        };
        let mut leader_recovery_state = None;
        let mut eligible_leader_replicas = None;
        let mut last_known_elr = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut leader_recovery_state, |r| r.i8().at("LeaderRecoveryState"))?;
                }
                1 if message_version >= 2 => {
                    r.once(&mut eligible_leader_replicas, |r| {
                        r.nullable_array(true, crate::Reader::i32).at("EligibleLeaderReplicas")
                    })?;
                }
                2 if message_version >= 2 => {
                    r.once(&mut last_known_elr, |r| {
                        r.nullable_array(true, crate::Reader::i32).at("LastKnownElr")
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            partition_id,
            topic_id,
            replicas,
            isr,
            removing_replicas,
            adding_replicas,
            leader,
            leader_epoch,
            partition_epoch,
            directories,
            leader_recovery_state: leader_recovery_state.unwrap_or_default(),
            eligible_leader_replicas: eligible_leader_replicas.unwrap_or_default(),
            last_known_elr: last_known_elr.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.partition_id);
        buf.put_slice(&self.topic_id.0);
        crate::write::array(buf, true, &self.replicas, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("Replicas")?;
        crate::write::array(buf, true, &self.isr, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("Isr")?;
        crate::write::array(buf, true, &self.removing_replicas, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("RemovingReplicas")?;
        crate::write::array(buf, true, &self.adding_replicas, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("AddingReplicas")?;
        buf.put_i32(self.leader);
        buf.put_i32(self.leader_epoch);
        buf.put_i32(self.partition_epoch);
        if message_version >= 1 {
            crate::write::array(buf, true, &self.directories, |buf, v| {
                buf.put_slice(&v.0);
                Ok(())
            })
            .at("Directories")?;
        } else if !self.directories.is_empty() {
            return Err(crate::EncodeError::not_in_version("Directories"));
        }
        let tag_leader_recovery_state = self.leader_recovery_state != 0;
        let tag_eligible_leader_replicas =
            message_version >= 2 && (self.eligible_leader_replicas.is_some());
        if message_version < 2 && (self.eligible_leader_replicas.is_some()) {
            return Err(crate::EncodeError::not_in_version("EligibleLeaderReplicas"));
        }
        let tag_last_known_elr = message_version >= 2 && (self.last_known_elr.is_some());
        if message_version < 2 && (self.last_known_elr.is_some()) {
            return Err(crate::EncodeError::not_in_version("LastKnownElr"));
        }
        crate::write::uvarint(
            buf,
            u32::from(tag_leader_recovery_state)
                + u32::from(tag_eligible_leader_replicas)
                + u32::from(tag_last_known_elr),
        );
        if tag_leader_recovery_state {
            crate::write::tag(buf, 0, |buf| {
                buf.put_i8(self.leader_recovery_state);
                Ok(())
            })
            .at("LeaderRecoveryState")?;
        }
        if tag_eligible_leader_replicas {
            crate::write::tag(buf, 1, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Long,
                    true,
                    self.eligible_leader_replicas.as_ref(),
                    |buf, v| {
                        crate::write::array(buf, true, v, |buf, v| {
                            buf.put_i32(*v);
                            Ok(())
                        })
                    },
                )
            })
            .at("EligibleLeaderReplicas")?;
        }
        if tag_last_known_elr {
            crate::write::tag(buf, 2, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Long,
                    true,
                    self.last_known_elr.as_ref(),
                    |buf, v| {
                        crate::write::array(buf, true, v, |buf, v| {
                            buf.put_i32(*v);
                            Ok(())
                        })
                    },
                )
            })
            .at("LastKnownElr")?;
        }

        Ok(())
    }
}

impl crate::json::Json for PartitionRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("partitionId", &self.partition_id);
        object.field("topicId", &self.topic_id);
        object.field("replicas", &self.replicas);
        object.field("isr", &self.isr);
        object.field("removingReplicas", &self.removing_replicas);
        object.field("addingReplicas", &self.adding_replicas);
        object.field("leader", &self.leader);
        if self.leader_recovery_state != 0 {
            object.field("leaderRecoveryState", &self.leader_recovery_state);
        }
        object.field("leaderEpoch", &self.leader_epoch);
        object.field("partitionEpoch", &self.partition_epoch);
        if message_version >= 1 {
            object.field("directories", &self.directories);
        }
        if message_version >= 2 && self.eligible_leader_replicas.is_some() {
            object.field("eligibleLeaderReplicas", &self.eligible_leader_replicas);
        }
        if message_version >= 2 && self.last_known_elr.is_some() {
            object.field("lastKnownElr", &self.last_known_elr);
        }
        object.end();
    }
}

impl crate::Message for PartitionRecord {
    const NAME: &'static str = "PartitionRecord";
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
