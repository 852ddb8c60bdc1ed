//! What the records up to an offset say about the cluster.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::features::{ELR_VERSION, METADATA_VERSION, MetadataVersion};
use super::record::{BROKER_RESOURCE, Endpoint, SupportedFeature, TOPIC_RESOURCE};
use crate::types::{DirectoryId, Epoch, NodeId, Offset, TopicId, Uuid};

/// The cluster as the records up to an offset have it.
///
/// A clone is cheap and shares what does not change: readers keep one while the log goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The offset after the last record that was replayed.
    pub end: Offset,
    /// The epoch of the last record that was replayed.
    pub epoch: Epoch,
    /// Finalized features and their levels; none is at level 0.
    pub features: OrdMap<Arc<str>, i16>,
    /// The offset after the last record that changed `features`.
    pub features_end: Offset,
    /// Registered brokers.
    pub brokers: OrdMap<NodeId, Arc<Broker>>,
    /// Registered controllers.
    pub controllers: OrdMap<NodeId, Arc<Controller>>,
    /// Topics by id.
    pub topics: OrdMap<TopicId, Arc<Topic>>,
    /// The id of each topic, by name.
    pub topic_ids: OrdMap<Arc<str>, TopicId>,
    /// The names that hold `.` or `_`, by what they read when `.` is `_`: such names share their metrics' names.
    pub(super) colliding_names: OrdMap<Arc<str>, OrdSet<Arc<str>>>,
    /// Configurations of each resource.
    pub configs: OrdMap<ConfigResource, OrdMap<Arc<str>, Arc<str>>>,
    /// The first id of the next block of producer ids.
    pub next_producer_id: i64,
}

/// What a configuration belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// The kind: 2 topic, 4 broker, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// The topic's name, or the broker's id in decimal, or empty for all brokers.
    pub name: Arc<str>,
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: &str) -> Self {
        Self { resource_type: TOPIC_RESOURCE, name: name.into() }
    }

    /// One broker or controller.
    pub fn broker(id: NodeId) -> Self {
        Self { resource_type: BROKER_RESOURCE, name: id.to_string().into() }
    }

    /// The default of all brokers.
    pub fn all_brokers() -> Self {
        Self { resource_type: BROKER_RESOURCE, name: "".into() }
    }
}

/// A registered broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// The broker.
    pub id: NodeId,
    /// The epoch of this registration.
    pub epoch: i64,
    /// The id of this run of the process.
    pub incarnation_id: Uuid,
    /// Where it listens.
    pub end_points: Vec<Endpoint>,
    /// What it serves.
    pub features: Vec<SupportedFeature>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Whether it is fenced: it serves no client and leads nothing.
    pub fenced: bool,
    /// Whether it is about to stop, or has stopped so.
    pub in_controlled_shutdown: bool,
    /// Its log directories that are online.
    pub directories: Vec<DirectoryId>,
    /// The offset of the registration's record. The broker may serve once its own replay is past it.
    pub registration_offset: Offset,
}

impl Broker {
    /// Whether it may lead partitions and be in ISRs.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether a replica in that directory is readable. An unknown directory counts as online (KIP-858).
    pub fn has_online_directory(&self, directory: DirectoryId) -> bool {
        match directory {
            DirectoryId::LOST => false,
            DirectoryId::UNASSIGNED | DirectoryId::ABSENT => true,
            named => self.directories.is_empty() || self.directories.contains(&named),
        }
    }

    /// The directory that a new replica on this broker is in, as far as the controller can tell.
    pub fn default_directory(&self) -> DirectoryId {
        match self.directories[..] {
            // The all-zero id is Kafka's "migrating": the broker registered before directories had ids.
            [] => DirectoryId::ABSENT,
            [only] => only,
            _ => DirectoryId::UNASSIGNED,
        }
    }
}

/// A registered controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// The controller.
    pub id: NodeId,
    /// The id of this run of the process.
    pub incarnation_id: Uuid,
    /// Where it listens.
    pub end_points: Vec<Endpoint>,
    /// What it serves.
    pub features: Vec<SupportedFeature>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: TopicId,
    /// Its partitions by number. A log in order leaves no gap in the numbers.
    pub partitions: OrdMap<i32, Arc<Partition>>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its replicas; the first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// The directory of each replica, in the order of `replicas`; empty where none is known.
    pub directories: Vec<DirectoryId>,
    /// The replicas that are in sync.
    pub isr: Vec<NodeId>,
    /// Replicas that a reassignment takes away.
    pub removing_replicas: Vec<NodeId>,
    /// Replicas that a reassignment adds.
    pub adding_replicas: Vec<NodeId>,
    /// Replicas that are out of sync and yet hold all that was acknowledged (KIP-966).
    pub elr: Vec<NodeId>,
    /// The last leader of a partition that has none.
    pub last_known_elr: Vec<NodeId>,
    /// The leader.
    pub leader: Option<NodeId>,
    /// Whether the leader was elected uncleanly and has not yet reported that it has recovered (KIP-704).
    pub recovering: bool,
    /// Grows with each election.
    pub leader_epoch: i32,
    /// Grows with each change.
    pub partition_epoch: i32,
}

impl Partition {
    /// The directory of a replica, where one is known.
    pub fn directory(&self, replica: NodeId) -> DirectoryId {
        let index = self.replicas.iter().position(|id| *id == replica);
        index.and_then(|index| self.directories.get(index).copied()).unwrap_or_default()
    }
}

impl Image {
    /// The finalized `metadata.version`; `None` until the bootstrap records are replayed.
    pub fn metadata_version(&self) -> Option<MetadataVersion> {
        self.features.get(METADATA_VERSION).copied().map(MetadataVersion)
    }

    /// Whether replicas are assigned to directories (KIP-858).
    pub fn has_directory_assignment(&self) -> bool {
        self.metadata_version().is_some_and(MetadataVersion::has_directory_assignment)
    }

    /// Whether eligible leader replicas are on.
    pub fn elr_enabled(&self) -> bool {
        self.features.get(ELR_VERSION).is_some_and(|level| *level > 0)
    }

    /// A topic by its name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(self.topic_ids.get(name)?)
    }

    /// Whether a broker may lead partitions and be in ISRs.
    pub fn is_active(&self, id: NodeId) -> bool {
        self.brokers.get(&id).is_some_and(|broker| broker.is_active())
    }

    /// One configuration of one resource.
    pub fn config(&self, resource: &ConfigResource, name: &str) -> Option<&str> {
        self.configs.get(resource)?.get(name).map(AsRef::as_ref)
    }

    /// Every partition, by topic and number.
    pub fn partitions(&self) -> impl Iterator<Item = (&Arc<Topic>, i32, &Arc<Partition>)> {
        self.topics.values().flat_map(|topic| {
            topic.partitions.iter().map(move |(number, partition)| (topic, *number, partition))
        })
    }
}
