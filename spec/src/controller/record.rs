//! The records of the metadata log (KIP-631), as meaning and not as bytes.
//!
//! Fields carry Kafka's names and Kafka's values: `leader` is -1 for "none" and, in a change, -2 for
//! "as before"; a list that a change leaves alone is `None`.

use super::features::MetadataVersion;
use crate::types::{DirectoryId, NodeId, TopicId, Uuid};

/// The `leader` of a partition that has none.
pub const NO_LEADER: NodeId = NodeId(-1);
/// The `leader` of a change that does not touch it.
pub const NO_LEADER_CHANGE: NodeId = NodeId(-2);
/// The `leader_recovery_state` of a change that does not touch it.
pub const NO_RECOVERY_CHANGE: i8 = -1;
/// The `resource_type` of a topic.
pub const TOPIC_RESOURCE: i8 = 2;
/// The `resource_type` of a broker; with an empty name, of all brokers.
pub const BROKER_RESOURCE: i8 = 4;

/// One record of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// 0: a broker has registered, or registered anew.
    RegisterBroker(RegisterBroker),
    /// 1: a registration is gone.
    UnregisterBroker {
        /// The broker.
        broker_id: NodeId,
        /// The epoch of the registration that goes.
        broker_epoch: i64,
    },
    /// 2: a topic exists.
    Topic {
        /// Its name.
        name: String,
        /// Its id.
        topic_id: TopicId,
    },
    /// 3: the whole state of one partition.
    Partition(Partition),
    /// 4: one configuration of one resource.
    Config {
        /// The kind of resource: 2 topic, 4 broker, 16 client metrics, 32 group.
        resource_type: i8,
        /// Its name; empty for the default of all brokers.
        resource_name: String,
        /// The configuration's name.
        name: String,
        /// Its value; `None` removes it.
        value: Option<String>,
    },
    /// 5: what changes in one partition.
    PartitionChange(PartitionChange),
    /// 7: a broker is fenced. Written before 3.3-IV2 only.
    FenceBroker {
        /// The broker.
        id: NodeId,
        /// The epoch of its registration.
        epoch: i64,
    },
    /// 8: a broker is unfenced. Written before 3.3-IV2 only.
    UnfenceBroker {
        /// The broker.
        id: NodeId,
        /// The epoch of its registration.
        epoch: i64,
    },
    /// 9: a topic is gone, with its partitions and configurations.
    RemoveTopic {
        /// Its id.
        topic_id: TopicId,
    },
    /// 12: a feature has a new level.
    FeatureLevel {
        /// The feature.
        name: String,
        /// Its level; 0 turns it off.
        feature_level: i16,
    },
    /// 15: a block of producer ids is handed out.
    ProducerIds {
        /// Who got it; -1 in a snapshot.
        broker_id: NodeId,
        /// The epoch of its registration; -1 in a snapshot.
        broker_epoch: i64,
        /// The first id of the next block.
        next_producer_id: i64,
    },
    /// 17: what changes in a registration.
    BrokerRegistrationChange(BrokerRegistrationChange),
    /// 20: nothing; it moves the high watermark of an idle quorum (KIP-835).
    NoOp,
    /// 21: what was left of `ZooKeeper`; it has no meaning any more.
    ZkMigrationState {
        /// 0 "none" on a cluster that never had one.
        zk_migration_state: i8,
    },
    /// 23: what follows counts only once it ends (KIP-868).
    BeginTransaction {
        /// A name for readers.
        name: Option<String>,
    },
    /// 24: the open transaction counts.
    EndTransaction,
    /// 25: the open transaction never was.
    AbortTransaction {
        /// A reason for readers.
        reason: Option<String>,
    },
    /// 27: a controller has registered (KIP-919).
    RegisterController(RegisterController),
    /// 28: eligible leader replicas are forgotten (KIP-966).
    ClearElr {
        /// Of this topic; empty for all.
        topic_name: String,
    },
    /// A record that this version does not know. It cannot be replayed: what it says would be lost.
    Unknown {
        /// The record's type.
        api_key: i32,
        /// Its version.
        version: i32,
    },
}

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub name: String,
    /// The host that it advertises.
    pub host: String,
    /// The port that it advertises.
    pub port: u16,
    /// 0 PLAINTEXT, 1 SSL, 2 `SASL_PLAINTEXT`, 3 `SASL_SSL`.
    pub security_protocol: i16,
}

/// The levels of a feature that a node serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportedFeature {
    /// The feature.
    pub name: String,
    /// The lowest level.
    pub min_supported_version: i16,
    /// The highest level.
    pub max_supported_version: i16,
}

/// A broker's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterBroker {
    /// The broker.
    pub broker_id: NodeId,
    /// Always false since `ZooKeeper` is gone.
    pub is_migrating_zk_broker: bool,
    /// The id of this run of the process.
    pub incarnation_id: Uuid,
    /// The offset at which the registration was decided; later requests prove with it that they are of this run.
    pub broker_epoch: i64,
    /// Where it listens.
    pub end_points: Vec<Endpoint>,
    /// What it serves.
    pub features: Vec<SupportedFeature>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Whether it is fenced: true at first.
    pub fenced: bool,
    /// Whether it is about to stop.
    pub in_controlled_shutdown: bool,
    /// Its log directories that are online.
    pub log_dirs: Vec<DirectoryId>,
}

/// A controller's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterController {
    /// The controller.
    pub controller_id: NodeId,
    /// The id of this run of the process.
    pub incarnation_id: Uuid,
    /// Always false since `ZooKeeper` is gone.
    pub zk_migration_ready: bool,
    /// Where it listens.
    pub end_points: Vec<Endpoint>,
    /// What it serves.
    pub features: Vec<SupportedFeature>,
}

/// The whole state of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The partition.
    pub partition_id: i32,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its replicas; the first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// The replicas that are in sync.
    pub isr: Vec<NodeId>,
    /// Replicas that a reassignment takes away.
    pub removing_replicas: Vec<NodeId>,
    /// Replicas that a reassignment adds.
    pub adding_replicas: Vec<NodeId>,
    /// The leader, or [`NO_LEADER`].
    pub leader: NodeId,
    /// 0 recovered, 1 recovering from an unclean election (KIP-704).
    pub leader_recovery_state: i8,
    /// Grows with each election.
    pub leader_epoch: i32,
    /// Grows with each change.
    pub partition_epoch: i32,
    /// The directory of each replica, in the order of `replicas`.
    pub directories: Vec<DirectoryId>,
    /// Replicas that are out of sync and yet hold all that was acknowledged (KIP-966).
    pub eligible_leader_replicas: Option<Vec<NodeId>>,
    /// The last leader of a partition that has none.
    pub last_known_elr: Option<Vec<NodeId>>,
}

/// What changes in one partition. The [`Default`] changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionChange {
    /// The partition.
    pub partition_id: i32,
    /// Its topic.
    pub topic_id: TopicId,
    /// The replicas that are in sync.
    pub isr: Option<Vec<NodeId>>,
    /// The leader, [`NO_LEADER`] or [`NO_LEADER_CHANGE`].
    pub leader: NodeId,
    /// Its replicas.
    pub replicas: Option<Vec<NodeId>>,
    /// Replicas that a reassignment takes away.
    pub removing_replicas: Option<Vec<NodeId>>,
    /// Replicas that a reassignment adds.
    pub adding_replicas: Option<Vec<NodeId>>,
    /// 0 recovered, 1 recovering, or [`NO_RECOVERY_CHANGE`].
    pub leader_recovery_state: i8,
    /// The directory of each replica.
    pub directories: Option<Vec<DirectoryId>>,
    /// Replicas that are out of sync and yet hold all that was acknowledged.
    pub eligible_leader_replicas: Option<Vec<NodeId>>,
    /// The last leader of a partition that has none.
    pub last_known_elr: Option<Vec<NodeId>>,
}

impl Default for PartitionChange {
    fn default() -> Self {
        Self {
            partition_id: -1,
            topic_id: TopicId::default(),
            isr: None,
            leader: NO_LEADER_CHANGE,
            replicas: None,
            removing_replicas: None,
            adding_replicas: None,
            leader_recovery_state: NO_RECOVERY_CHANGE,
            directories: None,
            eligible_leader_replicas: None,
            last_known_elr: None,
        }
    }
}

/// What changes in a broker's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRegistrationChange {
    /// The broker.
    pub broker_id: NodeId,
    /// The epoch of its registration.
    pub broker_epoch: i64,
    /// 1 fences it, -1 unfences it, 0 leaves it.
    pub fenced: i8,
    /// 1 puts it into controlled shutdown, 0 leaves it.
    pub in_controlled_shutdown: i8,
    /// Its log directories that are online; empty leaves them.
    pub log_dirs: Vec<DirectoryId>,
}

impl Record {
    /// The record's type on the wire.
    pub fn api_key(&self) -> i32 {
        match self {
            Self::RegisterBroker(_) => 0,
            Self::UnregisterBroker { .. } => 1,
            Self::Topic { .. } => 2,
            Self::Partition(_) => 3,
            Self::Config { .. } => 4,
            Self::PartitionChange(_) => 5,
            Self::FenceBroker { .. } => 7,
            Self::UnfenceBroker { .. } => 8,
            Self::RemoveTopic { .. } => 9,
            Self::FeatureLevel { .. } => 12,
            Self::ProducerIds { .. } => 15,
            Self::BrokerRegistrationChange(_) => 17,
            Self::NoOp => 20,
            Self::ZkMigrationState { .. } => 21,
            Self::BeginTransaction { .. } => 23,
            Self::EndTransaction => 24,
            Self::AbortTransaction { .. } => 25,
            Self::RegisterController(_) => 27,
            Self::ClearElr { .. } => 28,
            Self::Unknown { api_key, .. } => *api_key,
        }
    }

    /// The version in which a controller writes the record at a `metadata.version`.
    ///
    /// A registration change takes the lowest version that holds what it says, as Kafka's does.
    pub fn version(&self, metadata_version: MetadataVersion) -> i32 {
        match self {
            Self::RegisterBroker(_) if metadata_version.has_directory_assignment() => 3,
            Self::RegisterBroker(_) if metadata_version >= MetadataVersion(8) => 2,
            Self::RegisterBroker(_) => 1,
            Self::Partition(_) | Self::PartitionChange(_) if metadata_version.has_elr() => 2,
            Self::Partition(_) | Self::PartitionChange(_) => {
                i32::from(metadata_version.has_directory_assignment())
            }
            Self::BrokerRegistrationChange(change) if !change.log_dirs.is_empty() => 2,
            Self::BrokerRegistrationChange(change) => i32::from(change.in_controlled_shutdown != 0),
            Self::Unknown { version, .. } => *version,
            _ => 0,
        }
    }
}
