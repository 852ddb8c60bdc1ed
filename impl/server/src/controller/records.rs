//! Metadata records between their meaning ([`Record`]) and their bytes ([`MetadataRecord`]).

use bytes::Bytes;
use kraftig_spec::controller::MetadataVersion;
use kraftig_spec::controller::record::{
    BrokerRegistrationChange, Endpoint, Partition, PartitionChange, Record, RegisterBroker,
    RegisterController, SupportedFeature,
};
use kraftig_spec::types::{DirectoryId, NodeId, TopicId, Uuid};
use kraftig_wire::messages::{
    MetadataRecord, abort_transaction_record::AbortTransactionRecord,
    begin_transaction_record::BeginTransactionRecord,
    broker_registration_change_record::BrokerRegistrationChangeRecord,
    clear_elr_record::ClearElrRecord, config_record::ConfigRecord,
    end_transaction_record::EndTransactionRecord, feature_level_record::FeatureLevelRecord,
    fence_broker_record::FenceBrokerRecord, no_op_record::NoOpRecord,
    partition_change_record::PartitionChangeRecord, partition_record::PartitionRecord,
    producer_ids_record::ProducerIdsRecord, register_broker_record as broker_record,
    register_broker_record::RegisterBrokerRecord, register_controller_record as controller_record,
    register_controller_record::RegisterControllerRecord, remove_topic_record::RemoveTopicRecord,
    topic_record::TopicRecord, unfence_broker_record::UnfenceBrokerRecord,
    unregister_broker_record::UnregisterBrokerRecord,
    zk_migration_state_record::ZkMigrationStateRecord,
};
use kraftig_wire::{DecodeError, EncodeError, Str};

/// Why a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A field cannot be carried.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It came from a newer node: what it says is not known.
    #[error("a metadata record of unknown type {0} cannot be written")]
    Unknown(i32),
}

/// The framed bytes of a record, in the version that the cluster's `metadata.version` asks for.
pub fn encode(record: &Record, metadata_version: MetadataVersion) -> Result<Bytes, RecordError> {
    let version = record.version(metadata_version) as i16;
    let message = to_wire(record).ok_or(RecordError::Unknown(record.api_key()))?;
    Ok(message.encode(version)?)
}

/// The record that is all of `value`.
pub fn decode(value: &[u8]) -> Result<Record, DecodeError> {
    let (message, version) = MetadataRecord::decode_versioned(value)?;
    Ok(from_wire(message, version))
}

fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn uuids(directories: &[DirectoryId]) -> Vec<Uuid> {
    directories.iter().map(|directory| directory.0).collect()
}

fn directories(ids: &[Uuid]) -> Vec<DirectoryId> {
    ids.iter().copied().map(DirectoryId).collect()
}

fn to_wire(record: &Record) -> Option<MetadataRecord> {
    let text = |text: &str| Str::from(text);
    Some(match record {
        Record::RegisterBroker(record) => register_broker(record),
        Record::UnregisterBroker { broker_id, broker_epoch } => {
            MetadataRecord::UnregisterBroker(UnregisterBrokerRecord {
                broker_id: broker_id.0,
                broker_epoch: *broker_epoch,
            })
        }
        Record::Topic { name, topic_id } => {
            MetadataRecord::Topic(TopicRecord { name: text(name), topic_id: topic_id.0 })
        }
        Record::Partition(record) => MetadataRecord::Partition(PartitionRecord {
            partition_id: record.partition_id,
            topic_id: record.topic_id.0,
            replicas: ids(&record.replicas),
            isr: ids(&record.isr),
            removing_replicas: ids(&record.removing_replicas),
            adding_replicas: ids(&record.adding_replicas),
            leader: record.leader.0,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
            directories: uuids(&record.directories),
            leader_recovery_state: record.leader_recovery_state,
            eligible_leader_replicas: record.eligible_leader_replicas.as_deref().map(ids),
            last_known_elr: record.last_known_elr.as_deref().map(ids),
        }),
        Record::Config { resource_type, resource_name, name, value } => {
            MetadataRecord::Config(ConfigRecord {
                resource_type: *resource_type,
                resource_name: text(resource_name),
                name: text(name),
                value: value.as_deref().map(Str::from),
            })
        }
        Record::PartitionChange(record) => MetadataRecord::PartitionChange(PartitionChangeRecord {
            partition_id: record.partition_id,
            topic_id: record.topic_id.0,
            isr: record.isr.as_deref().map(ids),
            leader: record.leader.0,
            replicas: record.replicas.as_deref().map(ids),
            removing_replicas: record.removing_replicas.as_deref().map(ids),
            adding_replicas: record.adding_replicas.as_deref().map(ids),
            leader_recovery_state: record.leader_recovery_state,
            eligible_leader_replicas: record.eligible_leader_replicas.as_deref().map(ids),
            last_known_elr: record.last_known_elr.as_deref().map(ids),
            directories: record.directories.as_deref().map(uuids),
        }),
        Record::FenceBroker { id, epoch } => {
            MetadataRecord::FenceBroker(FenceBrokerRecord { id: id.0, epoch: *epoch })
        }
        Record::UnfenceBroker { id, epoch } => {
            MetadataRecord::UnfenceBroker(UnfenceBrokerRecord { id: id.0, epoch: *epoch })
        }
        Record::RemoveTopic { topic_id } => {
            MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: topic_id.0 })
        }
        Record::FeatureLevel { name, feature_level } => {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: text(name),
                feature_level: *feature_level,
            })
        }
        Record::ProducerIds { broker_id, broker_epoch, next_producer_id } => {
            MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker_id: broker_id.0,
                broker_epoch: *broker_epoch,
                next_producer_id: *next_producer_id,
            })
        }
        Record::BrokerRegistrationChange(record) => {
            MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
                broker_id: record.broker_id.0,
                broker_epoch: record.broker_epoch,
                fenced: record.fenced,
                in_controlled_shutdown: record.in_controlled_shutdown,
                log_dirs: uuids(&record.log_dirs),
            })
        }
        Record::NoOp => MetadataRecord::NoOp(NoOpRecord {}),
        Record::ZkMigrationState { zk_migration_state } => {
            MetadataRecord::ZkMigrationState(ZkMigrationStateRecord {
                zk_migration_state: *zk_migration_state,
            })
        }
        Record::BeginTransaction { name } => {
            MetadataRecord::BeginTransaction(BeginTransactionRecord {
                name: name.as_deref().map(Str::from),
            })
        }
        Record::EndTransaction => MetadataRecord::EndTransaction(EndTransactionRecord {}),
        Record::AbortTransaction { reason } => {
            MetadataRecord::AbortTransaction(AbortTransactionRecord {
                reason: reason.as_deref().map(Str::from),
            })
        }
        Record::RegisterController(record) => register_controller(record),
        Record::ClearElr { topic_name } => {
            MetadataRecord::ClearElr(ClearElrRecord { topic_name: text(topic_name) })
        }
        Record::Unknown { .. } => return None,
    })
}

fn register_broker(record: &RegisterBroker) -> MetadataRecord {
    MetadataRecord::RegisterBroker(RegisterBrokerRecord {
        broker_id: record.broker_id.0,
        is_migrating_zk_broker: record.is_migrating_zk_broker,
        incarnation_id: record.incarnation_id,
        broker_epoch: record.broker_epoch,
        end_points: record
            .end_points
            .iter()
            .map(|endpoint| broker_record::BrokerEndpoint {
                name: Str::from(&endpoint.name),
                host: Str::from(&endpoint.host),
                port: endpoint.port,
                security_protocol: endpoint.security_protocol,
            })
            .collect(),
        features: record
            .features
            .iter()
            .map(|feature| broker_record::BrokerFeature {
                name: Str::from(&feature.name),
                min_supported_version: feature.min_supported_version,
                max_supported_version: feature.max_supported_version,
            })
            .collect(),
        rack: record.rack.as_deref().map(Str::from),
        fenced: record.fenced,
        in_controlled_shutdown: record.in_controlled_shutdown,
        log_dirs: uuids(&record.log_dirs),
    })
}

fn register_controller(record: &RegisterController) -> MetadataRecord {
    MetadataRecord::RegisterController(RegisterControllerRecord {
        controller_id: record.controller_id.0,
        incarnation_id: record.incarnation_id,
        zk_migration_ready: record.zk_migration_ready,
        end_points: record
            .end_points
            .iter()
            .map(|endpoint| controller_record::ControllerEndpoint {
                name: Str::from(&endpoint.name),
                host: Str::from(&endpoint.host),
                port: endpoint.port,
                security_protocol: endpoint.security_protocol,
            })
            .collect(),
        features: record
            .features
            .iter()
            .map(|feature| controller_record::ControllerFeature {
                name: Str::from(&feature.name),
                min_supported_version: feature.min_supported_version,
                max_supported_version: feature.max_supported_version,
            })
            .collect(),
    })
}

/// What a record says. One that only the wire format knows becomes [`Record::Unknown`], which no image replays.
pub fn from_wire(message: MetadataRecord, version: i16) -> Record {
    match message {
        MetadataRecord::RegisterBroker(record) => Record::RegisterBroker(RegisterBroker {
            broker_id: NodeId(record.broker_id),
            is_migrating_zk_broker: record.is_migrating_zk_broker,
            incarnation_id: record.incarnation_id,
            broker_epoch: record.broker_epoch,
            end_points: record
                .end_points
                .into_iter()
                .map(|endpoint| Endpoint {
                    name: endpoint.name.into(),
                    host: endpoint.host.into(),
                    port: endpoint.port,
                    security_protocol: endpoint.security_protocol,
                })
                .collect(),
            features: record
                .features
                .into_iter()
                .map(|feature| SupportedFeature {
                    name: feature.name.into(),
                    min_supported_version: feature.min_supported_version,
                    max_supported_version: feature.max_supported_version,
                })
                .collect(),
            rack: record.rack.map(String::from),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            log_dirs: directories(&record.log_dirs),
        }),
        MetadataRecord::RegisterController(record) => {
            Record::RegisterController(RegisterController {
                controller_id: NodeId(record.controller_id),
                incarnation_id: record.incarnation_id,
                zk_migration_ready: record.zk_migration_ready,
                end_points: record
                    .end_points
                    .into_iter()
                    .map(|endpoint| Endpoint {
                        name: endpoint.name.into(),
                        host: endpoint.host.into(),
                        port: endpoint.port,
                        security_protocol: endpoint.security_protocol,
                    })
                    .collect(),
                features: record
                    .features
                    .into_iter()
                    .map(|feature| SupportedFeature {
                        name: feature.name.into(),
                        min_supported_version: feature.min_supported_version,
                        max_supported_version: feature.max_supported_version,
                    })
                    .collect(),
            })
        }
        MetadataRecord::UnregisterBroker(record) => Record::UnregisterBroker {
            broker_id: NodeId(record.broker_id),
            broker_epoch: record.broker_epoch,
        },
        MetadataRecord::Topic(record) => {
            Record::Topic { name: record.name.into(), topic_id: TopicId(record.topic_id) }
        }
        MetadataRecord::Partition(record) => Record::Partition(Partition {
            partition_id: record.partition_id,
            topic_id: TopicId(record.topic_id),
            replicas: nodes(&record.replicas),
            isr: nodes(&record.isr),
            removing_replicas: nodes(&record.removing_replicas),
            adding_replicas: nodes(&record.adding_replicas),
            leader: NodeId(record.leader),
            leader_recovery_state: record.leader_recovery_state,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
            directories: directories(&record.directories),
            eligible_leader_replicas: record.eligible_leader_replicas.as_deref().map(nodes),
            last_known_elr: record.last_known_elr.as_deref().map(nodes),
        }),
        MetadataRecord::PartitionChange(record) => Record::PartitionChange(PartitionChange {
            partition_id: record.partition_id,
            topic_id: TopicId(record.topic_id),
            isr: record.isr.as_deref().map(nodes),
            leader: NodeId(record.leader),
            replicas: record.replicas.as_deref().map(nodes),
            removing_replicas: record.removing_replicas.as_deref().map(nodes),
            adding_replicas: record.adding_replicas.as_deref().map(nodes),
            leader_recovery_state: record.leader_recovery_state,
            directories: record.directories.as_deref().map(directories),
            eligible_leader_replicas: record.eligible_leader_replicas.as_deref().map(nodes),
            last_known_elr: record.last_known_elr.as_deref().map(nodes),
        }),
        MetadataRecord::Config(record) => Record::Config {
            resource_type: record.resource_type,
            resource_name: record.resource_name.into(),
            name: record.name.into(),
            value: record.value.map(String::from),
        },
        MetadataRecord::FenceBroker(record) => {
            Record::FenceBroker { id: NodeId(record.id), epoch: record.epoch }
        }
        MetadataRecord::UnfenceBroker(record) => {
            Record::UnfenceBroker { id: NodeId(record.id), epoch: record.epoch }
        }
        MetadataRecord::RemoveTopic(record) => {
            Record::RemoveTopic { topic_id: TopicId(record.topic_id) }
        }
        MetadataRecord::FeatureLevel(record) => {
            Record::FeatureLevel { name: record.name.into(), feature_level: record.feature_level }
        }
        MetadataRecord::ProducerIds(record) => Record::ProducerIds {
            broker_id: NodeId(record.broker_id),
            broker_epoch: record.broker_epoch,
            next_producer_id: record.next_producer_id,
        },
        MetadataRecord::BrokerRegistrationChange(record) => {
            Record::BrokerRegistrationChange(BrokerRegistrationChange {
                broker_id: NodeId(record.broker_id),
                broker_epoch: record.broker_epoch,
                fenced: record.fenced,
                in_controlled_shutdown: record.in_controlled_shutdown,
                log_dirs: directories(&record.log_dirs),
            })
        }
        MetadataRecord::NoOp(_) => Record::NoOp,
        MetadataRecord::ZkMigrationState(record) => {
            Record::ZkMigrationState { zk_migration_state: record.zk_migration_state }
        }
        MetadataRecord::BeginTransaction(record) => {
            Record::BeginTransaction { name: record.name.map(String::from) }
        }
        MetadataRecord::EndTransaction(_) => Record::EndTransaction,
        MetadataRecord::AbortTransaction(record) => {
            Record::AbortTransaction { reason: record.reason.map(String::from) }
        }
        MetadataRecord::ClearElr(record) => {
            Record::ClearElr { topic_name: record.topic_name.into() }
        }
        other => Record::Unknown { api_key: i32::from(other.key()), version: i32::from(version) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let id = TopicId(Uuid([7; 16]));
        let records = [
            Record::RegisterBroker(RegisterBroker {
                broker_id: NodeId(1),
                is_migrating_zk_broker: false,
                incarnation_id: Uuid([1; 16]),
                broker_epoch: 8,
                end_points: vec![Endpoint {
                    name: "PLAINTEXT".into(),
                    host: "localhost".into(),
                    port: 9092,
                    security_protocol: 0,
                }],
                features: vec![SupportedFeature {
                    name: "metadata.version".into(),
                    min_supported_version: 7,
                    max_supported_version: 29,
                }],
                rack: Some("r".into()),
                fenced: true,
                in_controlled_shutdown: false,
                log_dirs: vec![DirectoryId(Uuid([2; 16]))],
            }),
            Record::RegisterController(RegisterController {
                controller_id: NodeId(1),
                incarnation_id: Uuid([1; 16]),
                zk_migration_ready: false,
                end_points: Vec::new(),
                features: Vec::new(),
            }),
            Record::Topic { name: "t".into(), topic_id: id },
            Record::Partition(Partition {
                partition_id: 3,
                topic_id: id,
                replicas: vec![NodeId(1), NodeId(2)],
                isr: vec![NodeId(1)],
                removing_replicas: Vec::new(),
                adding_replicas: vec![NodeId(2)],
                leader: NodeId(1),
                leader_recovery_state: 1,
                leader_epoch: 4,
                partition_epoch: 5,
                directories: vec![DirectoryId(Uuid([2; 16])), DirectoryId::UNASSIGNED],
                eligible_leader_replicas: Some(vec![NodeId(2)]),
                last_known_elr: None,
            }),
            Record::PartitionChange(PartitionChange {
                partition_id: 3,
                topic_id: id,
                isr: Some(Vec::new()),
                leader: NodeId(-1),
                directories: Some(vec![DirectoryId::LOST]),
                last_known_elr: Some(vec![NodeId(1)]),
                ..PartitionChange::default()
            }),
            Record::Config {
                resource_type: 2,
                resource_name: "t".into(),
                name: "retention.ms".into(),
                value: None,
            },
            Record::BrokerRegistrationChange(BrokerRegistrationChange {
                broker_id: NodeId(1),
                broker_epoch: 8,
                fenced: -1,
                in_controlled_shutdown: 0,
                log_dirs: Vec::new(),
            }),
            Record::ProducerIds { broker_id: NodeId(1), broker_epoch: 8, next_producer_id: 1000 },
            Record::BeginTransaction { name: Some("Bootstrap records".into()) },
            Record::EndTransaction,
            Record::NoOp,
        ];
        for record in records {
            let bytes = encode(&record, MetadataVersion::LATEST).unwrap();
            assert_eq!(decode(&bytes).unwrap(), record);
        }
        // As stock Kafka 4.2.0 writes them.
        let stock = |record: &Record| encode(record, MetadataVersion::LATEST).unwrap();
        assert_eq!(stock(&Record::NoOp)[..], [1, 0x14, 0, 0]);
        assert_eq!(
            stock(&Record::FeatureLevel { name: "metadata.version".into(), feature_level: 29 })[..],
            *b"\x01\x0c\x00\x11metadata.version\x00\x1d\x00"
        );
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        // An ACL: the wire format knows it and the image does not.
        let acl = MetadataRecord::AccessControlEntry(
            kraftig_wire::messages::access_control_entry_record::AccessControlEntryRecord::default(
            ),
        );
        let record = decode(&acl.encode(0).unwrap()).unwrap();
        assert_eq!(record, Record::Unknown { api_key: 18, version: 0 });
        assert!(encode(&record, MetadataVersion::LATEST).is_err());
        assert!(decode(&[1, 0x7f, 0, 0]).is_err());
        assert!(decode(&[]).is_err());
    }
}
