//! Records into the image. A record that contradicts the image is an error: the log or the replay is wrong,
//! and a node that goes on would decide from a state that no other node has.

use std::sync::Arc;

use super::image::{Broker, ConfigResource, Controller, Image, Partition, Topic};
use super::record::{self, NO_LEADER, NO_LEADER_CHANGE, NO_RECOVERY_CHANGE, Record};
use crate::types::{Epoch, NodeId, Offset, TopicId};

/// Why a record cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot replay the metadata record of type {api_key} at offset {offset}: {reason}")]
pub struct ReplayError {
    /// Where the record is.
    pub offset: Offset,
    /// Its type.
    pub api_key: i32,
    /// What is wrong with it.
    pub reason: ReplayFault,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayFault {
    /// It is of a type or a version that this node does not serve.
    #[error(
        "this node does not serve version {0} of it; a newer node wrote it or a feature is in use that is not served"
    )]
    Unknown(i32),
    /// It speaks of a broker that is not registered, or not with that epoch.
    #[error("no broker {0} is registered with epoch {1}")]
    NoSuchBroker(NodeId, i64),
    /// It speaks of a topic that does not exist.
    #[error("no topic has id {0}")]
    NoSuchTopic(TopicId),
    /// It speaks of a topic that does not exist.
    #[error("no topic is named '{0}'")]
    NoSuchTopicName(String),
    /// It speaks of a partition that does not exist.
    #[error("topic {0} has no partition {1}")]
    NoSuchPartition(TopicId, i32),
    /// It makes a topic that exists.
    #[error("a topic named '{0}' or with id {1} exists")]
    DuplicateTopic(String, TopicId),
    /// A field holds what it must not.
    #[error("field {0} holds {1}")]
    BadField(&'static str, i64),
    /// It begins a transaction inside another one.
    #[error("a transaction is open since offset {0}")]
    TransactionOpen(Offset),
    /// It ends a transaction that never began.
    #[error("no transaction is open")]
    NoTransaction,
}

impl Image {
    /// Replays one record. Begin, End and Abort are no business of an image: see [`super::Metadata`].
    /// On an error the image is as it was.
    pub fn replay(
        &mut self,
        record: &Record,
        offset: Offset,
        epoch: Epoch,
    ) -> Result<(), ReplayError> {
        self.apply(record, offset).map_err(|reason| ReplayError {
            offset,
            api_key: record.api_key(),
            reason,
        })?;
        self.end = offset.plus(1);
        self.epoch = epoch;
        Ok(())
    }

    fn apply(&mut self, record: &Record, offset: Offset) -> Result<(), ReplayFault> {
        match record {
            Record::RegisterBroker(record) => self.register_broker(record, offset),
            Record::UnregisterBroker { broker_id, broker_epoch } => {
                self.registered(*broker_id, *broker_epoch)?;
                self.brokers.remove(broker_id);
            }
            Record::Topic { name, topic_id } => self.add_topic(name, *topic_id)?,
            Record::Partition(record) => self.add_partition(record)?,
            Record::Config { resource_type, resource_name, name, value } => {
                let resource = ConfigResource {
                    resource_type: *resource_type,
                    name: resource_name.as_str().into(),
                };
                self.set_config(resource, name, value.as_deref());
            }
            Record::PartitionChange(record) => self.change_partition(record)?,
            Record::FenceBroker { id, epoch } => {
                self.set_fenced(*id, *epoch, true)?;
            }
            Record::UnfenceBroker { id, epoch } => {
                self.set_fenced(*id, *epoch, false)?;
            }
            Record::RemoveTopic { topic_id } => self.remove_topic(*topic_id)?,
            Record::FeatureLevel { name, feature_level } => {
                match feature_level {
                    ..0 => {
                        return Err(ReplayFault::BadField(
                            "featureLevel",
                            i64::from(*feature_level),
                        ));
                    }
                    0 => drop(self.features.remove(name.as_str())),
                    1.. => drop(self.features.insert(name.as_str().into(), *feature_level)),
                }
                self.features_end = offset.plus(1);
            }
            Record::ProducerIds { next_producer_id, .. } => {
                if *next_producer_id < self.next_producer_id {
                    return Err(ReplayFault::BadField("nextProducerId", *next_producer_id));
                }
                self.next_producer_id = *next_producer_id;
            }
            Record::BrokerRegistrationChange(record) => self.change_registration(record)?,
            Record::RegisterController(record) => {
                let controller = Controller {
                    id: record.controller_id,
                    incarnation_id: record.incarnation_id,
                    end_points: record.end_points.clone(),
                    features: record.features.clone(),
                };
                self.controllers.insert(record.controller_id, Arc::new(controller));
            }
            Record::ClearElr { topic_name } => self.clear_elr(topic_name)?,
            Record::NoOp
            | Record::ZkMigrationState { .. }
            | Record::BeginTransaction { .. }
            | Record::EndTransaction
            | Record::AbortTransaction { .. } => {}
            Record::Unknown { version, .. } => return Err(ReplayFault::Unknown(*version)),
        }
        Ok(())
    }

    fn register_broker(&mut self, record: &record::RegisterBroker, offset: Offset) {
        let broker = Broker {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            end_points: record.end_points.clone(),
            features: record.features.clone(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            directories: record.log_dirs.clone(),
            registration_offset: offset,
        };
        self.brokers.insert(record.broker_id, Arc::new(broker));
    }

    fn registered(&self, id: NodeId, epoch: i64) -> Result<&Arc<Broker>, ReplayFault> {
        self.brokers
            .get(&id)
            .filter(|broker| broker.epoch == epoch)
            .ok_or(ReplayFault::NoSuchBroker(id, epoch))
    }

    fn change_broker(
        &mut self,
        id: NodeId,
        epoch: i64,
        change: impl FnOnce(&mut Broker),
    ) -> Result<(), ReplayFault> {
        let mut broker = self.registered(id, epoch)?.as_ref().clone();
        change(&mut broker);
        self.brokers.insert(id, Arc::new(broker));
        Ok(())
    }

    fn set_fenced(&mut self, id: NodeId, epoch: i64, fenced: bool) -> Result<(), ReplayFault> {
        self.change_broker(id, epoch, |broker| broker.fenced = fenced)
    }

    fn change_registration(
        &mut self,
        record: &record::BrokerRegistrationChange,
    ) -> Result<(), ReplayFault> {
        if !(-1..=1).contains(&record.fenced) {
            return Err(ReplayFault::BadField("fenced", i64::from(record.fenced)));
        }
        if !(0..=1).contains(&record.in_controlled_shutdown) {
            return Err(ReplayFault::BadField(
                "inControlledShutdown",
                i64::from(record.in_controlled_shutdown),
            ));
        }
        self.change_broker(record.broker_id, record.broker_epoch, |broker| {
            if record.fenced != 0 {
                broker.fenced = record.fenced > 0;
            }
            if record.in_controlled_shutdown != 0 {
                broker.in_controlled_shutdown = true;
            }
            if !record.log_dirs.is_empty() {
                broker.directories.clone_from(&record.log_dirs);
            }
        })
    }

    fn add_topic(&mut self, name: &str, id: TopicId) -> Result<(), ReplayFault> {
        if self.topic_ids.contains_key(name) || self.topics.contains_key(&id) {
            return Err(ReplayFault::DuplicateTopic(name.to_owned(), id));
        }
        let name: Arc<str> = name.into();
        if let Some(unified) = unify(&name) {
            self.colliding_names.entry(unified.into()).or_default().insert(name.clone());
        }
        self.topic_ids.insert(name.clone(), id);
        self.topics.insert(id, Arc::new(Topic { name, id, partitions: imbl::OrdMap::new() }));
        Ok(())
    }

    fn remove_topic(&mut self, id: TopicId) -> Result<(), ReplayFault> {
        let topic = self.topics.remove(&id).ok_or(ReplayFault::NoSuchTopic(id))?;
        self.topic_ids.remove(&topic.name);
        self.configs.remove(&ConfigResource::topic(&topic.name));
        if let Some(unified) = unify(&topic.name)
            && let Some(names) = self.colliding_names.get_mut(unified.as_str())
        {
            names.remove(&topic.name);
            if names.is_empty() {
                self.colliding_names.remove(unified.as_str());
            }
        }
        Ok(())
    }

    fn set_config(&mut self, resource: ConfigResource, name: &str, value: Option<&str>) {
        let mut configs = self.configs.get(&resource).cloned().unwrap_or_default();
        match value {
            Some(value) => drop(configs.insert(name.into(), value.into())),
            None => drop(configs.remove(name)),
        }
        if configs.is_empty() {
            self.configs.remove(&resource);
        } else {
            self.configs.insert(resource, configs);
        }
    }

    fn set_partition(
        &mut self,
        topic_id: TopicId,
        number: i32,
        partition: Partition,
    ) -> Result<(), ReplayFault> {
        let topic = self.topics.get_mut(&topic_id).ok_or(ReplayFault::NoSuchTopic(topic_id))?;
        Arc::make_mut(topic).partitions.insert(number, Arc::new(partition));
        Ok(())
    }

    fn add_partition(&mut self, record: &record::Partition) -> Result<(), ReplayFault> {
        if record.partition_id < 0 {
            return Err(ReplayFault::BadField("partitionId", i64::from(record.partition_id)));
        }
        check_directories(&record.replicas, &record.directories)?;
        let partition = Partition {
            replicas: record.replicas.clone(),
            directories: record.directories.clone(),
            isr: record.isr.clone(),
            removing_replicas: record.removing_replicas.clone(),
            adding_replicas: record.adding_replicas.clone(),
            elr: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
            leader: leader(record.leader)?,
            recovering: recovering(record.leader_recovery_state)?,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        };
        self.set_partition(record.topic_id, record.partition_id, partition)
    }

    fn change_partition(&mut self, record: &record::PartitionChange) -> Result<(), ReplayFault> {
        let topic =
            self.topics.get(&record.topic_id).ok_or(ReplayFault::NoSuchTopic(record.topic_id))?;
        let no_partition = ReplayFault::NoSuchPartition(record.topic_id, record.partition_id);
        let mut partition =
            topic.partitions.get(&record.partition_id).ok_or(no_partition)?.as_ref().clone();
        let lists = [
            (&mut partition.isr, &record.isr),
            (&mut partition.replicas, &record.replicas),
            (&mut partition.removing_replicas, &record.removing_replicas),
            (&mut partition.adding_replicas, &record.adding_replicas),
            (&mut partition.elr, &record.eligible_leader_replicas),
            (&mut partition.last_known_elr, &record.last_known_elr),
        ];
        for (list, change) in lists {
            if let Some(change) = change {
                list.clone_from(change);
            }
        }
        if let Some(directories) = &record.directories {
            partition.directories.clone_from(directories);
        }
        check_directories(&partition.replicas, &partition.directories)?;
        if record.leader != NO_LEADER_CHANGE {
            partition.leader = leader(record.leader)?;
            partition.leader_epoch = partition.leader_epoch.saturating_add(1);
        }
        if record.leader_recovery_state != NO_RECOVERY_CHANGE {
            partition.recovering = recovering(record.leader_recovery_state)?;
        }
        partition.partition_epoch = partition.partition_epoch.saturating_add(1);
        self.set_partition(record.topic_id, record.partition_id, partition)
    }

    fn clear_elr(&mut self, topic_name: &str) -> Result<(), ReplayFault> {
        let topics = if topic_name.is_empty() {
            self.topics.keys().copied().collect()
        } else {
            vec![
                *self
                    .topic_ids
                    .get(topic_name)
                    .ok_or_else(|| ReplayFault::NoSuchTopicName(topic_name.to_owned()))?,
            ]
        };
        for id in topics {
            let Some(topic) = self.topics.get(&id) else {
                continue;
            };
            let has_elr = |partition: &Partition| {
                !partition.elr.is_empty() || !partition.last_known_elr.is_empty()
            };
            let with_elr: Vec<i32> = topic
                .partitions
                .iter()
                .filter(|(_, p)| has_elr(p))
                .map(|(number, _)| *number)
                .collect();
            for number in with_elr {
                let Some(mut partition) =
                    self.topics[&id].partitions.get(&number).map(|p| p.as_ref().clone())
                else {
                    continue;
                };
                partition.elr.clear();
                partition.last_known_elr.clear();
                self.set_partition(id, number, partition)?;
            }
        }
        Ok(())
    }
}

/// What a name reads when `.` is `_`; `None` where it holds neither and so collides with nothing.
pub(super) fn unify(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

fn leader(id: NodeId) -> Result<Option<NodeId>, ReplayFault> {
    match id {
        NO_LEADER => Ok(None),
        NodeId(0..) => Ok(Some(id)),
        NodeId(_) => Err(ReplayFault::BadField("leader", i64::from(id.0))),
    }
}

fn recovering(state: i8) -> Result<bool, ReplayFault> {
    match state {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ReplayFault::BadField("leaderRecoveryState", i64::from(state))),
    }
}

fn check_directories(
    replicas: &[NodeId],
    directories: &[crate::types::DirectoryId],
) -> Result<(), ReplayFault> {
    if directories.is_empty() || directories.len() == replicas.len() {
        Ok(())
    } else {
        Err(ReplayFault::BadField("directories (their number)", directories.len() as i64))
    }
}
