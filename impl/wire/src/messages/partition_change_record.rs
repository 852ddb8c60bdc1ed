//! `PartitionChangeRecord`, key 5, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `PartitionChangeRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionChangeRecord {
    /// `PartitionId`, versions 0+.
    pub partition_id: i32,
    /// `TopicId`, versions 0+.
    pub topic_id: crate::Uuid,
    /// `Isr`, versions 0+, nullable in 0+, tag 0.
    pub isr: Option<Vec<i32>>,
    /// `Leader`, versions 0+, tag 1.
    pub leader: i32,
    /// `Replicas`, versions 0+, nullable in 0+, tag 2.
    pub replicas: Option<Vec<i32>>,
    /// `RemovingReplicas`, versions 0+, nullable in 0+, tag 3.
    pub removing_replicas: Option<Vec<i32>>,
    /// `AddingReplicas`, versions 0+, nullable in 0+, tag 4.
    pub adding_replicas: Option<Vec<i32>>,
    /// `LeaderRecoveryState`, versions 0+, tag 5.
    pub leader_recovery_state: i8,
    /// `EligibleLeaderReplicas`, versions 2+, nullable in 2+, tag 6.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// `LastKnownElr`, versions 2+, nullable in 2+, tag 7.
    pub last_known_elr: Option<Vec<i32>>,
    /// `Directories`, versions 1+, nullable in 1+, tag 8.
    pub directories: Option<Vec<crate::Uuid>>,
}

impl Default for PartitionChangeRecord {
    fn default() -> Self {
        Self {
            partition_id: -1,
            topic_id: crate::Uuid::ZERO,
            isr: None,
            leader: -2,
            replicas: None,
            removing_replicas: None,
            adding_replicas: None,
            leader_recovery_state: -1,
            eligible_leader_replicas: None,
            last_known_elr: None,
            directories: None,
        }
    }
}

impl PartitionChangeRecord {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let partition_id = r.i32().at("PartitionId")?;
        let topic_id = r.uuid().at("TopicId")?;
        let mut isr = None;
        let mut leader = None;
        let mut replicas = None;
        let mut removing_replicas = None;
        let mut adding_replicas = None;
        let mut leader_recovery_state = None;
        let mut eligible_leader_replicas = None;
        let mut last_known_elr = None;
        let mut directories = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut isr, |r| r.nullable_array(true, crate::Reader::i32).at("Isr"))?;
                }
                1 => {
                    r.once(&mut leader, |r| r.i32().at("Leader"))?;
                }
                2 => {
                    r.once(&mut replicas, |r| {
                        r.nullable_array(true, crate::Reader::i32).at("Replicas")
                    })?;
                }
                3 => {
                    r.once(&mut removing_replicas, |r| {
                        r.nullable_array(true, crate::Reader::i32).at("RemovingReplicas")
                    })?;
                }
                4 => {
                    r.once(&mut adding_replicas, |r| {
                        r.nullable_array(true, crate::Reader::i32).at("AddingReplicas")
                    })?;
                }
                5 => {
                    r.once(&mut leader_recovery_state, |r| r.i8().at("LeaderRecoveryState"))?;
                }
                6 if message_version >= 2 => {
                    r.once(&mut eligible_leader_replicas, |r| {
                        r.nullable_array(true, crate::Reader::i32).at("EligibleLeaderReplicas")
                    })?;
                }
                7 if message_version >= 2 => {
                    r.once(&mut last_known_elr, |r| {
                        r.nullable_array(true, crate::Reader::i32).at("LastKnownElr")
                    })?;
                }
                8 if message_version >= 1 => {
                    r.once(&mut directories, |r| {
                        r.nullable_array(true, crate::Reader::uuid).at("Directories")
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            partition_id,
            topic_id,
            isr: isr.unwrap_or_default(),
            leader: leader.unwrap_or(-2),
            replicas: replicas.unwrap_or_default(),
            removing_replicas: removing_replicas.unwrap_or_default(),
            adding_replicas: adding_replicas.unwrap_or_default(),
            leader_recovery_state: leader_recovery_state.unwrap_or(-1),
            eligible_leader_replicas: eligible_leader_replicas.unwrap_or_default(),
            last_known_elr: last_known_elr.unwrap_or_default(),
            directories: directories.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.partition_id);
        buf.put_slice(&self.topic_id.0);
        let tag_isr = self.isr.is_some();
        let tag_leader = self.leader != -2;
        let tag_replicas = self.replicas.is_some();
        let tag_removing_replicas = self.removing_replicas.is_some();
        let tag_adding_replicas = self.adding_replicas.is_some();
        let tag_leader_recovery_state = self.leader_recovery_state != -1;
        let tag_eligible_leader_replicas =
            message_version >= 2 && (self.eligible_leader_replicas.is_some());
        if message_version < 2 && (self.eligible_leader_replicas.is_some()) {
            return Err(crate::EncodeError::not_in_version("EligibleLeaderReplicas"));
        }
        let tag_last_known_elr = message_version >= 2 && (self.last_known_elr.is_some());
        if message_version < 2 && (self.last_known_elr.is_some()) {
            return Err(crate::EncodeError::not_in_version("LastKnownElr"));
        }
        let tag_directories = message_version >= 1 && (self.directories.is_some());
        if message_version < 1 && (self.directories.is_some()) {
            return Err(crate::EncodeError::not_in_version("Directories"));
        }
        crate::write::uvarint(
            buf,
            u32::from(tag_isr)
                + u32::from(tag_leader)
                + u32::from(tag_replicas)
                + u32::from(tag_removing_replicas)
                + u32::from(tag_adding_replicas)
                + u32::from(tag_leader_recovery_state)
                + u32::from(tag_eligible_leader_replicas)
                + u32::from(tag_last_known_elr)
                + u32::from(tag_directories),
        );
        if tag_isr {
            crate::write::tag(buf, 0, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Long,
                    true,
                    self.isr.as_ref(),
                    |buf, v| {
                        crate::write::array(buf, true, v, |buf, v| {
                            buf.put_i32(*v);
                            Ok(())
                        })
                    },
                )
            })
            .at("Isr")?;
        }
        if tag_leader {
            crate::write::tag(buf, 1, |buf| {
                buf.put_i32(self.leader);
                Ok(())
            })
            .at("Leader")?;
        }
        if tag_replicas {
            crate::write::tag(buf, 2, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Long,
                    true,
                    self.replicas.as_ref(),
                    |buf, v| {
                        crate::write::array(buf, true, v, |buf, v| {
                            buf.put_i32(*v);
                            Ok(())
                        })
                    },
                )
            })
            .at("Replicas")?;
        }
        if tag_removing_replicas {
            crate::write::tag(buf, 3, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Long,
                    true,
                    self.removing_replicas.as_ref(),
                    |buf, v| {
                        crate::write::array(buf, true, v, |buf, v| {
                            buf.put_i32(*v);
                            Ok(())
                        })
                    },
                )
            })
            .at("RemovingReplicas")?;
        }
        if tag_adding_replicas {
            crate::write::tag(buf, 4, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Long,
                    true,
                    self.adding_replicas.as_ref(),
                    |buf, v| {
                        crate::write::array(buf, true, v, |buf, v| {
                            buf.put_i32(*v);
                            Ok(())
                        })
                    },
                )
            })
            .at("AddingReplicas")?;
        }
        if tag_leader_recovery_state {
            crate::write::tag(buf, 5, |buf| {
                buf.put_i8(self.leader_recovery_state);
                Ok(())
            })
            .at("LeaderRecoveryState")?;
        }
        if tag_eligible_leader_replicas {
            crate::write::tag(buf, 6, |buf| {
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
            crate::write::tag(buf, 7, |buf| {
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
        if tag_directories {
            crate::write::tag(buf, 8, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Long,
                    true,
                    self.directories.as_ref(),
                    |buf, v| {
                        crate::write::array(buf, true, v, |buf, v| {
                            buf.put_slice(&v.0);
                            Ok(())
                        })
                    },
                )
            })
            .at("Directories")?;
        }

        Ok(())
    }
}

impl crate::json::Json for PartitionChangeRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("partitionId", &self.partition_id);
        object.field("topicId", &self.topic_id);
        if self.isr.is_some() {
            object.field("isr", &self.isr);
        }
        if self.leader != -2 {
            object.field("leader", &self.leader);
        }
        if self.replicas.is_some() {
            object.field("replicas", &self.replicas);
        }
        if self.removing_replicas.is_some() {
            object.field("removingReplicas", &self.removing_replicas);
        }
        if self.adding_replicas.is_some() {
            object.field("addingReplicas", &self.adding_replicas);
        }
        if self.leader_recovery_state != -1 {
            object.field("leaderRecoveryState", &self.leader_recovery_state);
        }
        if message_version >= 1 && self.directories.is_some() {
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

impl crate::Message for PartitionChangeRecord {
    const NAME: &'static str = "PartitionChangeRecord";
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
