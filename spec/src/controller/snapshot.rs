//! The records that a snapshot of an image holds (KIP-630), in the order in which Kafka writes them.

use super::features::{METADATA_VERSION, MetadataVersion};
use super::image::{Broker, Controller, Image, Partition};
use super::record::{self, NO_LEADER, Record, RegisterBroker, RegisterController};
use crate::types::{NodeId, TopicId};

/// The records that make the image anew from nothing. `metadata.version` comes first: it says in which versions
/// the others are written. What the finalized `metadata.version` has no room for is left out, as Kafka does.
///
/// A record of a snapshot has no offset of its own: replay each at the offset before the snapshot's end, in the
/// snapshot's epoch. A broker's `registration_offset` and `features_end` are then those of the snapshot.
pub fn snapshot_records(image: &Image) -> impl Iterator<Item = Record> {
    let version = image.metadata_version();
    let has_controllers = version.is_some_and(MetadataVersion::has_controller_registration);
    let controllers = image.controllers.values().filter(move |_| has_controllers);
    features(image)
        .chain(image.brokers.values().map(move |broker| register_broker(broker, version)))
        .chain(controllers.map(|controller| register_controller(controller)))
        .chain(topics(image))
        .chain(configs(image))
        .chain(producer_ids(image))
}

fn features(image: &Image) -> impl Iterator<Item = Record> {
    let is_version = |name: &str| name == METADATA_VERSION;
    let first = image.features.iter().filter(move |(name, _)| is_version(name));
    let others = image.features.iter().filter(move |(name, _)| !is_version(name));
    first
        .chain(others)
        .map(|(name, level)| Record::FeatureLevel { name: name.to_string(), feature_level: *level })
}

fn register_broker(broker: &Broker, version: Option<MetadataVersion>) -> Record {
    let has_directories = version.is_some_and(MetadataVersion::has_directory_assignment);
    Record::RegisterBroker(RegisterBroker {
        broker_id: broker.id,
        is_migrating_zk_broker: false,
        incarnation_id: broker.incarnation_id,
        broker_epoch: broker.epoch,
        end_points: broker.end_points.clone(),
        features: broker.features.clone(),
        rack: broker.rack.clone(),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
        log_dirs: if has_directories { broker.directories.clone() } else { Vec::new() },
    })
}

fn register_controller(controller: &Controller) -> Record {
    Record::RegisterController(RegisterController {
        controller_id: controller.id,
        incarnation_id: controller.incarnation_id,
        zk_migration_ready: false,
        end_points: controller.end_points.clone(),
        features: controller.features.clone(),
    })
}

fn topics(image: &Image) -> impl Iterator<Item = Record> {
    let version = image.metadata_version();
    image.topics.values().flat_map(move |topic| {
        let record = Record::Topic { name: topic.name.to_string(), topic_id: topic.id };
        let partitions = topic.partitions.iter();
        std::iter::once(record).chain(partitions.map(move |(number, partition)| {
            Record::Partition(partition_record(topic.id, *number, partition, version))
        }))
    })
}

fn partition_record(
    topic_id: TopicId,
    number: i32,
    partition: &Partition,
    version: Option<MetadataVersion>,
) -> record::Partition {
    let has_directories = version.is_some_and(MetadataVersion::has_directory_assignment);
    let has_elr = version.is_some_and(MetadataVersion::has_elr);
    let elr = |list: &Vec<NodeId>| (has_elr && !list.is_empty()).then(|| list.clone());
    record::Partition {
        partition_id: number,
        topic_id,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        removing_replicas: partition.removing_replicas.clone(),
        adding_replicas: partition.adding_replicas.clone(),
        leader: partition.leader.unwrap_or(NO_LEADER),
        leader_recovery_state: i8::from(partition.recovering),
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        directories: if has_directories { partition.directories.clone() } else { Vec::new() },
        eligible_leader_replicas: elr(&partition.elr),
        last_known_elr: elr(&partition.last_known_elr),
    }
}

fn configs(image: &Image) -> impl Iterator<Item = Record> {
    image.configs.iter().flat_map(|(resource, configs)| {
        configs.iter().map(move |(name, value)| Record::Config {
            resource_type: resource.resource_type,
            resource_name: resource.name.to_string(),
            name: name.to_string(),
            value: Some(value.to_string()),
        })
    })
}

/// Whom the last block went to is not in a snapshot.
fn producer_ids(image: &Image) -> impl Iterator<Item = Record> {
    let next = Some(image.next_producer_id).filter(|next| *next > 0);
    next.into_iter().map(|next_producer_id| Record::ProducerIds {
        broker_id: NodeId(-1),
        broker_epoch: -1,
        next_producer_id,
    })
}
