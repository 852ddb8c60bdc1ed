//! A record as `kafka-dump-log --cluster-metadata-decoder` prints it.

use std::fmt::Display;

use crate::controller::MetadataVersion;
use crate::controller::record::{
    Endpoint, NO_LEADER_CHANGE, NO_RECOVERY_CHANGE, Record, SupportedFeature,
};

/// `TYPE version {data}`.
pub(super) fn dump(record: &Record, version: MetadataVersion) -> String {
    let (kind, fields) = fields(record);
    format!("{kind}_RECORD {} {{{}}}", record.version(version), fields.join(","))
}

fn fields(record: &Record) -> (&'static str, Vec<String>) {
    match record {
        Record::RegisterBroker(r) => (
            "REGISTER_BROKER",
            vec![
                field("brokerId", r.broker_id),
                field("isMigratingZkBroker", r.is_migrating_zk_broker),
                field("incarnationId", text(r.incarnation_id)),
                field("brokerEpoch", r.broker_epoch),
                field("endPoints", end_points(&r.end_points)),
                field("features", features(&r.features)),
                field("rack", nullable(r.rack.as_deref())),
                field("fenced", r.fenced),
                field("inControlledShutdown", r.in_controlled_shutdown),
                field("logDirs", list(r.log_dirs.iter().map(text))),
            ],
        ),
        Record::RegisterController(r) => (
            "REGISTER_CONTROLLER",
            vec![
                field("controllerId", r.controller_id),
                field("incarnationId", text(r.incarnation_id)),
                field("zkMigrationReady", r.zk_migration_ready),
                field("endPoints", end_points(&r.end_points)),
                field("features", features(&r.features)),
            ],
        ),
        Record::Topic { name, topic_id } => {
            ("TOPIC", vec![field("name", text(name)), field("topicId", text(topic_id))])
        }
        Record::RemoveTopic { topic_id } => {
            ("REMOVE_TOPIC", vec![field("topicId", text(topic_id))])
        }
        Record::Config { resource_type, resource_name, name, value } => (
            "CONFIG",
            vec![
                field("resourceType", resource_type),
                field("resourceName", text(resource_name)),
                field("name", text(name)),
                field("value", nullable(value.as_deref())),
            ],
        ),
        Record::Partition(r) => {
            assert_eq!((&r.eligible_leader_replicas, &r.last_known_elr), (&None, &None));
            let state = r.leader_recovery_state;
            let mut fields = vec![
                field("partitionId", r.partition_id),
                field("topicId", text(r.topic_id)),
                field("replicas", list(&r.replicas)),
                field("isr", list(&r.isr)),
                field("removingReplicas", list(&r.removing_replicas)),
                field("addingReplicas", list(&r.adding_replicas)),
                field("leader", r.leader),
            ];
            fields.extend((state != 0).then(|| field("leaderRecoveryState", state)));
            fields.extend([
                field("leaderEpoch", r.leader_epoch),
                field("partitionEpoch", r.partition_epoch),
                field("directories", list(r.directories.iter().map(text))),
            ]);
            ("PARTITION", fields)
        }
        Record::PartitionChange(r) => {
            let mut fields =
                vec![field("partitionId", r.partition_id), field("topicId", text(r.topic_id))];
            fields.extend(r.isr.as_ref().map(|isr| field("isr", list(isr))));
            fields.extend((r.leader != NO_LEADER_CHANGE).then(|| field("leader", r.leader)));
            assert_eq!(
                (&r.replicas, &r.removing_replicas, &r.adding_replicas, &r.directories),
                (&None, &None, &None, &None)
            );
            let state = r.leader_recovery_state;
            fields
                .extend((state != NO_RECOVERY_CHANGE).then(|| field("leaderRecoveryState", state)));
            fields.extend(
                r.eligible_leader_replicas
                    .as_ref()
                    .map(|elr| field("eligibleLeaderReplicas", list(elr))),
            );
            fields.extend(r.last_known_elr.as_ref().map(|elr| field("lastKnownElr", list(elr))));
            ("PARTITION_CHANGE", fields)
        }
        Record::BrokerRegistrationChange(r) => {
            let mut fields =
                vec![field("brokerId", r.broker_id), field("brokerEpoch", r.broker_epoch)];
            fields.extend((r.fenced != 0).then(|| field("fenced", r.fenced)));
            fields.extend(
                (r.in_controlled_shutdown != 0)
                    .then(|| field("inControlledShutdown", r.in_controlled_shutdown)),
            );
            fields.extend(
                (!r.log_dirs.is_empty())
                    .then(|| field("logDirs", list(r.log_dirs.iter().map(text)))),
            );
            ("BROKER_REGISTRATION_CHANGE", fields)
        }
        Record::FeatureLevel { name, feature_level } => {
            ("FEATURE_LEVEL", vec![field("name", text(name)), field("featureLevel", feature_level)])
        }
        Record::ProducerIds { broker_id, broker_epoch, next_producer_id } => (
            "PRODUCER_IDS",
            vec![
                field("brokerId", broker_id),
                field("brokerEpoch", broker_epoch),
                field("nextProducerId", next_producer_id),
            ],
        ),
        Record::BeginTransaction { name: Some(name) } => {
            ("BEGIN_TRANSACTION", vec![field("name", text(name))])
        }
        Record::EndTransaction => ("END_TRANSACTION", Vec::new()),
        Record::ClearElr { topic_name } => {
            ("CLEAR_ELR", vec![field("topicName", text(topic_name))])
        }
        other => panic!("no test dumps {other:?}"),
    }
}

fn field(name: &str, value: impl Display) -> String {
    format!("\"{name}\":{value}")
}

fn text(value: impl Display) -> String {
    format!("\"{value}\"")
}

fn nullable(value: Option<&str>) -> String {
    value.map_or_else(|| "null".to_owned(), text)
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    format!("[{}]", values.join(","))
}

fn end_points(end_points: &[Endpoint]) -> String {
    list(end_points.iter().map(|end_point| {
        let fields = [
            field("name", text(&end_point.name)),
            field("host", text(&end_point.host)),
            field("port", end_point.port),
            field("securityProtocol", end_point.security_protocol),
        ];
        format!("{{{}}}", fields.join(","))
    }))
}

fn features(features: &[SupportedFeature]) -> String {
    list(features.iter().map(|feature| {
        let fields = [
            field("name", text(&feature.name)),
            field("minSupportedVersion", feature.min_supported_version),
            field("maxSupportedVersion", feature.max_supported_version),
        ];
        format!("{{{}}}", fields.join(","))
    }))
}
