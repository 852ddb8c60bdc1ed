//! Kafka's messages, written by `kraftig-wire-generator` from `schemas/`. Do not edit.

#![allow(clippy::unnecessary_wraps, reason = "every struct is read and written in the same way")]

pub mod abort_transaction_record;
pub mod access_control_entry_record;
pub mod add_raft_voter_request;
pub mod add_raft_voter_response;
pub mod allocate_producer_ids_request;
pub mod allocate_producer_ids_response;
pub mod api_versions_request;
pub mod api_versions_response;
pub mod begin_quorum_epoch_request;
pub mod begin_quorum_epoch_response;
pub mod begin_transaction_record;
pub mod broker_heartbeat_request;
pub mod broker_heartbeat_response;
pub mod broker_registration_change_record;
pub mod broker_registration_request;
pub mod broker_registration_response;
pub mod clear_elr_record;
pub mod client_quota_record;
pub mod config_record;
pub mod controller_registration_request;
pub mod controller_registration_response;
pub mod create_topics_request;
pub mod create_topics_response;
pub mod delegation_token_record;
pub mod delete_topics_request;
pub mod delete_topics_response;
pub mod describe_cluster_request;
pub mod describe_cluster_response;
pub mod describe_configs_request;
pub mod describe_configs_response;
pub mod describe_quorum_request;
pub mod describe_quorum_response;
pub mod describe_topic_partitions_request;
pub mod describe_topic_partitions_response;
pub mod end_quorum_epoch_request;
pub mod end_quorum_epoch_response;
pub mod end_transaction_record;
pub mod envelope_request;
pub mod envelope_response;
pub mod feature_level_record;
pub mod fence_broker_record;
pub mod fetch_request;
pub mod fetch_response;
pub mod fetch_snapshot_request;
pub mod fetch_snapshot_response;
pub mod find_coordinator_request;
pub mod find_coordinator_response;
pub mod init_producer_id_request;
pub mod init_producer_id_response;
pub mod kraft_version_record;
pub mod leader_change_message;
pub mod list_offsets_request;
pub mod list_offsets_response;
pub mod metadata_request;
pub mod metadata_response;
pub mod no_op_record;
pub mod partition_change_record;
pub mod partition_record;
pub mod produce_request;
pub mod produce_response;
pub mod producer_ids_record;
pub mod register_broker_record;
pub mod register_controller_record;
pub mod remove_access_control_entry_record;
pub mod remove_delegation_token_record;
pub mod remove_raft_voter_request;
pub mod remove_raft_voter_response;
pub mod remove_topic_record;
pub mod remove_user_scram_credential_record;
pub mod request_header;
pub mod response_header;
pub mod snapshot_footer_record;
pub mod snapshot_header_record;
pub mod topic_record;
pub mod unfence_broker_record;
pub mod unregister_broker_record;
pub mod update_features_request;
pub mod update_features_response;
pub mod update_raft_voter_request;
pub mod update_raft_voter_response;
pub mod user_scram_credential_record;
pub mod vote_request;
pub mod vote_response;
pub mod voters_record;
pub mod zk_migration_state_record;
/// Every API that this crate has messages for, by key.
pub const APIS: &[crate::Api] = &[
    crate::Api { key: 0, name: "Produce", min_version: 3, max_version: 13, flexible_since: 9 },
    crate::Api { key: 1, name: "Fetch", min_version: 4, max_version: 18, flexible_since: 12 },
    crate::Api { key: 2, name: "ListOffsets", min_version: 1, max_version: 11, flexible_since: 6 },
    crate::Api { key: 3, name: "Metadata", min_version: 0, max_version: 13, flexible_since: 9 },
    crate::Api {
        key: 10,
        name: "FindCoordinator",
        min_version: 0,
        max_version: 6,
        flexible_since: 3,
    },
    crate::Api { key: 18, name: "ApiVersions", min_version: 0, max_version: 4, flexible_since: 3 },
    crate::Api { key: 19, name: "CreateTopics", min_version: 2, max_version: 7, flexible_since: 5 },
    crate::Api { key: 20, name: "DeleteTopics", min_version: 1, max_version: 6, flexible_since: 4 },
    crate::Api {
        key: 22,
        name: "InitProducerId",
        min_version: 0,
        max_version: 5,
        flexible_since: 2,
    },
    crate::Api {
        key: 32,
        name: "DescribeConfigs",
        min_version: 1,
        max_version: 4,
        flexible_since: 4,
    },
    crate::Api { key: 52, name: "Vote", min_version: 0, max_version: 2, flexible_since: 0 },
    crate::Api {
        key: 53,
        name: "BeginQuorumEpoch",
        min_version: 0,
        max_version: 1,
        flexible_since: 1,
    },
    crate::Api {
        key: 54,
        name: "EndQuorumEpoch",
        min_version: 0,
        max_version: 1,
        flexible_since: 1,
    },
    crate::Api {
        key: 55,
        name: "DescribeQuorum",
        min_version: 0,
        max_version: 2,
        flexible_since: 0,
    },
    crate::Api {
        key: 57,
        name: "UpdateFeatures",
        min_version: 0,
        max_version: 2,
        flexible_since: 0,
    },
    crate::Api { key: 58, name: "Envelope", min_version: 0, max_version: 0, flexible_since: 0 },
    crate::Api {
        key: 59,
        name: "FetchSnapshot",
        min_version: 0,
        max_version: 1,
        flexible_since: 0,
    },
    crate::Api {
        key: 60,
        name: "DescribeCluster",
        min_version: 0,
        max_version: 2,
        flexible_since: 0,
    },
    crate::Api {
        key: 62,
        name: "BrokerRegistration",
        min_version: 0,
        max_version: 4,
        flexible_since: 0,
    },
    crate::Api {
        key: 63,
        name: "BrokerHeartbeat",
        min_version: 0,
        max_version: 1,
        flexible_since: 0,
    },
    crate::Api {
        key: 67,
        name: "AllocateProducerIds",
        min_version: 0,
        max_version: 0,
        flexible_since: 0,
    },
    crate::Api {
        key: 70,
        name: "ControllerRegistration",
        min_version: 0,
        max_version: 0,
        flexible_since: 0,
    },
    crate::Api {
        key: 75,
        name: "DescribeTopicPartitions",
        min_version: 0,
        max_version: 0,
        flexible_since: 0,
    },
    crate::Api { key: 80, name: "AddRaftVoter", min_version: 0, max_version: 1, flexible_since: 0 },
    crate::Api {
        key: 81,
        name: "RemoveRaftVoter",
        min_version: 0,
        max_version: 0,
        flexible_since: 0,
    },
    crate::Api {
        key: 82,
        name: "UpdateRaftVoter",
        min_version: 0,
        max_version: 0,
        flexible_since: 0,
    },
];

/// Gives the types of all requests, by key and each with a comma, to the macro that is named.
#[macro_export]
macro_rules! with_requests {
    ($name:ident) => {
        $name! {
        $crate::messages::produce_request::ProduceRequest,
        $crate::messages::fetch_request::FetchRequest,
        $crate::messages::list_offsets_request::ListOffsetsRequest,
        $crate::messages::metadata_request::MetadataRequest,
        $crate::messages::find_coordinator_request::FindCoordinatorRequest,
        $crate::messages::api_versions_request::ApiVersionsRequest,
        $crate::messages::create_topics_request::CreateTopicsRequest,
        $crate::messages::delete_topics_request::DeleteTopicsRequest,
        $crate::messages::init_producer_id_request::InitProducerIdRequest,
        $crate::messages::describe_configs_request::DescribeConfigsRequest,
        $crate::messages::vote_request::VoteRequest,
        $crate::messages::begin_quorum_epoch_request::BeginQuorumEpochRequest,
        $crate::messages::end_quorum_epoch_request::EndQuorumEpochRequest,
        $crate::messages::describe_quorum_request::DescribeQuorumRequest,
        $crate::messages::update_features_request::UpdateFeaturesRequest,
        $crate::messages::envelope_request::EnvelopeRequest,
        $crate::messages::fetch_snapshot_request::FetchSnapshotRequest,
        $crate::messages::describe_cluster_request::DescribeClusterRequest,
        $crate::messages::broker_registration_request::BrokerRegistrationRequest,
        $crate::messages::broker_heartbeat_request::BrokerHeartbeatRequest,
        $crate::messages::allocate_producer_ids_request::AllocateProducerIdsRequest,
        $crate::messages::controller_registration_request::ControllerRegistrationRequest,
        $crate::messages::describe_topic_partitions_request::DescribeTopicPartitionsRequest,
        $crate::messages::add_raft_voter_request::AddRaftVoterRequest,
        $crate::messages::remove_raft_voter_request::RemoveRaftVoterRequest,
        $crate::messages::update_raft_voter_request::UpdateRaftVoterRequest,
        }
    };
}

/// Any record of the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataRecord {
    /// `AbortTransactionRecord`, key 25.
    AbortTransaction(abort_transaction_record::AbortTransactionRecord),
    /// `AccessControlEntryRecord`, key 18.
    AccessControlEntry(access_control_entry_record::AccessControlEntryRecord),
    /// `BeginTransactionRecord`, key 23.
    BeginTransaction(begin_transaction_record::BeginTransactionRecord),
    /// `BrokerRegistrationChangeRecord`, key 17.
    BrokerRegistrationChange(broker_registration_change_record::BrokerRegistrationChangeRecord),
    /// `ClearElrRecord`, key 28.
    ClearElr(clear_elr_record::ClearElrRecord),
    /// `ClientQuotaRecord`, key 14.
    ClientQuota(client_quota_record::ClientQuotaRecord),
    /// `ConfigRecord`, key 4.
    Config(config_record::ConfigRecord),
    /// `DelegationTokenRecord`, key 10.
    DelegationToken(delegation_token_record::DelegationTokenRecord),
    /// `EndTransactionRecord`, key 24.
    EndTransaction(end_transaction_record::EndTransactionRecord),
    /// `FeatureLevelRecord`, key 12.
    FeatureLevel(feature_level_record::FeatureLevelRecord),
    /// `FenceBrokerRecord`, key 7.
    FenceBroker(fence_broker_record::FenceBrokerRecord),
    /// `NoOpRecord`, key 20.
    NoOp(no_op_record::NoOpRecord),
    /// `PartitionChangeRecord`, key 5.
    PartitionChange(partition_change_record::PartitionChangeRecord),
    /// `PartitionRecord`, key 3.
    Partition(partition_record::PartitionRecord),
    /// `ProducerIdsRecord`, key 15.
    ProducerIds(producer_ids_record::ProducerIdsRecord),
    /// `RegisterBrokerRecord`, key 0.
    RegisterBroker(register_broker_record::RegisterBrokerRecord),
    /// `RegisterControllerRecord`, key 27.
    RegisterController(register_controller_record::RegisterControllerRecord),
    /// `RemoveAccessControlEntryRecord`, key 19.
    RemoveAccessControlEntry(remove_access_control_entry_record::RemoveAccessControlEntryRecord),
    /// `RemoveDelegationTokenRecord`, key 26.
    RemoveDelegationToken(remove_delegation_token_record::RemoveDelegationTokenRecord),
    /// `RemoveTopicRecord`, key 9.
    RemoveTopic(remove_topic_record::RemoveTopicRecord),
    /// `RemoveUserScramCredentialRecord`, key 22.
    RemoveUserScramCredential(remove_user_scram_credential_record::RemoveUserScramCredentialRecord),
    /// `TopicRecord`, key 2.
    Topic(topic_record::TopicRecord),
    /// `UnfenceBrokerRecord`, key 8.
    UnfenceBroker(unfence_broker_record::UnfenceBrokerRecord),
    /// `UnregisterBrokerRecord`, key 1.
    UnregisterBroker(unregister_broker_record::UnregisterBrokerRecord),
    /// `UserScramCredentialRecord`, key 11.
    UserScramCredential(user_scram_credential_record::UserScramCredentialRecord),
    /// `ZkMigrationStateRecord`, key 21.
    ZkMigrationState(zk_migration_state_record::ZkMigrationStateRecord),
}

impl MetadataRecord {
    /// The number that tells this kind of record from the others.
    pub fn key(&self) -> i16 {
        match self {
            Self::AbortTransaction(_) => 25,
            Self::AccessControlEntry(_) => 18,
            Self::BeginTransaction(_) => 23,
            Self::BrokerRegistrationChange(_) => 17,
            Self::ClearElr(_) => 28,
            Self::ClientQuota(_) => 14,
            Self::Config(_) => 4,
            Self::DelegationToken(_) => 10,
            Self::EndTransaction(_) => 24,
            Self::FeatureLevel(_) => 12,
            Self::FenceBroker(_) => 7,
            Self::NoOp(_) => 20,
            Self::PartitionChange(_) => 5,
            Self::Partition(_) => 3,
            Self::ProducerIds(_) => 15,
            Self::RegisterBroker(_) => 0,
            Self::RegisterController(_) => 27,
            Self::RemoveAccessControlEntry(_) => 19,
            Self::RemoveDelegationToken(_) => 26,
            Self::RemoveTopic(_) => 9,
            Self::RemoveUserScramCredential(_) => 22,
            Self::Topic(_) => 2,
            Self::UnfenceBroker(_) => 8,
            Self::UnregisterBroker(_) => 1,
            Self::UserScramCredential(_) => 11,
            Self::ZkMigrationState(_) => 21,
        }
    }

    /// Kafka's name of this kind of record.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AbortTransaction(_) => "AbortTransactionRecord",
            Self::AccessControlEntry(_) => "AccessControlEntryRecord",
            Self::BeginTransaction(_) => "BeginTransactionRecord",
            Self::BrokerRegistrationChange(_) => "BrokerRegistrationChangeRecord",
            Self::ClearElr(_) => "ClearElrRecord",
            Self::ClientQuota(_) => "ClientQuotaRecord",
            Self::Config(_) => "ConfigRecord",
            Self::DelegationToken(_) => "DelegationTokenRecord",
            Self::EndTransaction(_) => "EndTransactionRecord",
            Self::FeatureLevel(_) => "FeatureLevelRecord",
            Self::FenceBroker(_) => "FenceBrokerRecord",
            Self::NoOp(_) => "NoOpRecord",
            Self::PartitionChange(_) => "PartitionChangeRecord",
            Self::Partition(_) => "PartitionRecord",
            Self::ProducerIds(_) => "ProducerIdsRecord",
            Self::RegisterBroker(_) => "RegisterBrokerRecord",
            Self::RegisterController(_) => "RegisterControllerRecord",
            Self::RemoveAccessControlEntry(_) => "RemoveAccessControlEntryRecord",
            Self::RemoveDelegationToken(_) => "RemoveDelegationTokenRecord",
            Self::RemoveTopic(_) => "RemoveTopicRecord",
            Self::RemoveUserScramCredential(_) => "RemoveUserScramCredentialRecord",
            Self::Topic(_) => "TopicRecord",
            Self::UnfenceBroker(_) => "UnfenceBrokerRecord",
            Self::UnregisterBroker(_) => "UnregisterBrokerRecord",
            Self::UserScramCredential(_) => "UserScramCredentialRecord",
            Self::ZkMigrationState(_) => "ZkMigrationStateRecord",
        }
    }

    /// The latest version of this kind of record.
    pub fn max_version(&self) -> i16 {
        match self { Self::AbortTransaction(_) => <abort_transaction_record::AbortTransactionRecord as crate::Message>::MAX_VERSION,
Self::AccessControlEntry(_) => <access_control_entry_record::AccessControlEntryRecord as crate::Message>::MAX_VERSION,
Self::BeginTransaction(_) => <begin_transaction_record::BeginTransactionRecord as crate::Message>::MAX_VERSION,
Self::BrokerRegistrationChange(_) => <broker_registration_change_record::BrokerRegistrationChangeRecord as crate::Message>::MAX_VERSION,
Self::ClearElr(_) => <clear_elr_record::ClearElrRecord as crate::Message>::MAX_VERSION,
Self::ClientQuota(_) => <client_quota_record::ClientQuotaRecord as crate::Message>::MAX_VERSION,
Self::Config(_) => <config_record::ConfigRecord as crate::Message>::MAX_VERSION,
Self::DelegationToken(_) => <delegation_token_record::DelegationTokenRecord as crate::Message>::MAX_VERSION,
Self::EndTransaction(_) => <end_transaction_record::EndTransactionRecord as crate::Message>::MAX_VERSION,
Self::FeatureLevel(_) => <feature_level_record::FeatureLevelRecord as crate::Message>::MAX_VERSION,
Self::FenceBroker(_) => <fence_broker_record::FenceBrokerRecord as crate::Message>::MAX_VERSION,
Self::NoOp(_) => <no_op_record::NoOpRecord as crate::Message>::MAX_VERSION,
Self::PartitionChange(_) => <partition_change_record::PartitionChangeRecord as crate::Message>::MAX_VERSION,
Self::Partition(_) => <partition_record::PartitionRecord as crate::Message>::MAX_VERSION,
Self::ProducerIds(_) => <producer_ids_record::ProducerIdsRecord as crate::Message>::MAX_VERSION,
Self::RegisterBroker(_) => <register_broker_record::RegisterBrokerRecord as crate::Message>::MAX_VERSION,
Self::RegisterController(_) => <register_controller_record::RegisterControllerRecord as crate::Message>::MAX_VERSION,
Self::RemoveAccessControlEntry(_) => <remove_access_control_entry_record::RemoveAccessControlEntryRecord as crate::Message>::MAX_VERSION,
Self::RemoveDelegationToken(_) => <remove_delegation_token_record::RemoveDelegationTokenRecord as crate::Message>::MAX_VERSION,
Self::RemoveTopic(_) => <remove_topic_record::RemoveTopicRecord as crate::Message>::MAX_VERSION,
Self::RemoveUserScramCredential(_) => <remove_user_scram_credential_record::RemoveUserScramCredentialRecord as crate::Message>::MAX_VERSION,
Self::Topic(_) => <topic_record::TopicRecord as crate::Message>::MAX_VERSION,
Self::UnfenceBroker(_) => <unfence_broker_record::UnfenceBrokerRecord as crate::Message>::MAX_VERSION,
Self::UnregisterBroker(_) => <unregister_broker_record::UnregisterBrokerRecord as crate::Message>::MAX_VERSION,
Self::UserScramCredential(_) => <user_scram_credential_record::UserScramCredentialRecord as crate::Message>::MAX_VERSION,
Self::ZkMigrationState(_) => <zk_migration_state_record::ZkMigrationStateRecord as crate::Message>::MAX_VERSION,
 }
    }

    /// Reads the record that `key` and `version` name.
    pub(crate) fn read(
        r: &mut crate::Reader,
        key: i16,
        version: i16,
    ) -> Result<Self, crate::DecodeError> {
        Ok(match key {
            25 => Self::AbortTransaction(crate::Message::decode(r, version)?),
            18 => Self::AccessControlEntry(crate::Message::decode(r, version)?),
            23 => Self::BeginTransaction(crate::Message::decode(r, version)?),
            17 => Self::BrokerRegistrationChange(crate::Message::decode(r, version)?),
            28 => Self::ClearElr(crate::Message::decode(r, version)?),
            14 => Self::ClientQuota(crate::Message::decode(r, version)?),
            4 => Self::Config(crate::Message::decode(r, version)?),
            10 => Self::DelegationToken(crate::Message::decode(r, version)?),
            24 => Self::EndTransaction(crate::Message::decode(r, version)?),
            12 => Self::FeatureLevel(crate::Message::decode(r, version)?),
            7 => Self::FenceBroker(crate::Message::decode(r, version)?),
            20 => Self::NoOp(crate::Message::decode(r, version)?),
            5 => Self::PartitionChange(crate::Message::decode(r, version)?),
            3 => Self::Partition(crate::Message::decode(r, version)?),
            15 => Self::ProducerIds(crate::Message::decode(r, version)?),
            0 => Self::RegisterBroker(crate::Message::decode(r, version)?),
            27 => Self::RegisterController(crate::Message::decode(r, version)?),
            19 => Self::RemoveAccessControlEntry(crate::Message::decode(r, version)?),
            26 => Self::RemoveDelegationToken(crate::Message::decode(r, version)?),
            9 => Self::RemoveTopic(crate::Message::decode(r, version)?),
            22 => Self::RemoveUserScramCredential(crate::Message::decode(r, version)?),
            2 => Self::Topic(crate::Message::decode(r, version)?),
            8 => Self::UnfenceBroker(crate::Message::decode(r, version)?),
            1 => Self::UnregisterBroker(crate::Message::decode(r, version)?),
            11 => Self::UserScramCredential(crate::Message::decode(r, version)?),
            21 => Self::ZkMigrationState(crate::Message::decode(r, version)?),
            _ => return Err(r.error(crate::DecodeErrorKind::UnknownKey(key))),
        })
    }

    /// Writes the record's fields, without its key.
    pub(crate) fn write(
        &self,
        buf: &mut bytes::BytesMut,
        version: i16,
    ) -> Result<(), crate::EncodeError> {
        match self {
            Self::AbortTransaction(record) => crate::Message::encode(record, buf, version),
            Self::AccessControlEntry(record) => crate::Message::encode(record, buf, version),
            Self::BeginTransaction(record) => crate::Message::encode(record, buf, version),
            Self::BrokerRegistrationChange(record) => crate::Message::encode(record, buf, version),
            Self::ClearElr(record) => crate::Message::encode(record, buf, version),
            Self::ClientQuota(record) => crate::Message::encode(record, buf, version),
            Self::Config(record) => crate::Message::encode(record, buf, version),
            Self::DelegationToken(record) => crate::Message::encode(record, buf, version),
            Self::EndTransaction(record) => crate::Message::encode(record, buf, version),
            Self::FeatureLevel(record) => crate::Message::encode(record, buf, version),
            Self::FenceBroker(record) => crate::Message::encode(record, buf, version),
            Self::NoOp(record) => crate::Message::encode(record, buf, version),
            Self::PartitionChange(record) => crate::Message::encode(record, buf, version),
            Self::Partition(record) => crate::Message::encode(record, buf, version),
            Self::ProducerIds(record) => crate::Message::encode(record, buf, version),
            Self::RegisterBroker(record) => crate::Message::encode(record, buf, version),
            Self::RegisterController(record) => crate::Message::encode(record, buf, version),
            Self::RemoveAccessControlEntry(record) => crate::Message::encode(record, buf, version),
            Self::RemoveDelegationToken(record) => crate::Message::encode(record, buf, version),
            Self::RemoveTopic(record) => crate::Message::encode(record, buf, version),
            Self::RemoveUserScramCredential(record) => crate::Message::encode(record, buf, version),
            Self::Topic(record) => crate::Message::encode(record, buf, version),
            Self::UnfenceBroker(record) => crate::Message::encode(record, buf, version),
            Self::UnregisterBroker(record) => crate::Message::encode(record, buf, version),
            Self::UserScramCredential(record) => crate::Message::encode(record, buf, version),
            Self::ZkMigrationState(record) => crate::Message::encode(record, buf, version),
        }
    }
}

impl crate::json::Json for MetadataRecord {
    fn json(&self, out: &mut String, version: i16) {
        match self {
            Self::AbortTransaction(record) => record.json(out, version),
            Self::AccessControlEntry(record) => record.json(out, version),
            Self::BeginTransaction(record) => record.json(out, version),
            Self::BrokerRegistrationChange(record) => record.json(out, version),
            Self::ClearElr(record) => record.json(out, version),
            Self::ClientQuota(record) => record.json(out, version),
            Self::Config(record) => record.json(out, version),
            Self::DelegationToken(record) => record.json(out, version),
            Self::EndTransaction(record) => record.json(out, version),
            Self::FeatureLevel(record) => record.json(out, version),
            Self::FenceBroker(record) => record.json(out, version),
            Self::NoOp(record) => record.json(out, version),
            Self::PartitionChange(record) => record.json(out, version),
            Self::Partition(record) => record.json(out, version),
            Self::ProducerIds(record) => record.json(out, version),
            Self::RegisterBroker(record) => record.json(out, version),
            Self::RegisterController(record) => record.json(out, version),
            Self::RemoveAccessControlEntry(record) => record.json(out, version),
            Self::RemoveDelegationToken(record) => record.json(out, version),
            Self::RemoveTopic(record) => record.json(out, version),
            Self::RemoveUserScramCredential(record) => record.json(out, version),
            Self::Topic(record) => record.json(out, version),
            Self::UnfenceBroker(record) => record.json(out, version),
            Self::UnregisterBroker(record) => record.json(out, version),
            Self::UserScramCredential(record) => record.json(out, version),
            Self::ZkMigrationState(record) => record.json(out, version),
        }
    }
}

impl From<abort_transaction_record::AbortTransactionRecord> for MetadataRecord {
    fn from(record: abort_transaction_record::AbortTransactionRecord) -> Self {
        Self::AbortTransaction(record)
    }
}

impl From<access_control_entry_record::AccessControlEntryRecord> for MetadataRecord {
    fn from(record: access_control_entry_record::AccessControlEntryRecord) -> Self {
        Self::AccessControlEntry(record)
    }
}

impl From<begin_transaction_record::BeginTransactionRecord> for MetadataRecord {
    fn from(record: begin_transaction_record::BeginTransactionRecord) -> Self {
        Self::BeginTransaction(record)
    }
}

impl From<broker_registration_change_record::BrokerRegistrationChangeRecord> for MetadataRecord {
    fn from(record: broker_registration_change_record::BrokerRegistrationChangeRecord) -> Self {
        Self::BrokerRegistrationChange(record)
    }
}

impl From<clear_elr_record::ClearElrRecord> for MetadataRecord {
    fn from(record: clear_elr_record::ClearElrRecord) -> Self {
        Self::ClearElr(record)
    }
}

impl From<client_quota_record::ClientQuotaRecord> for MetadataRecord {
    fn from(record: client_quota_record::ClientQuotaRecord) -> Self {
        Self::ClientQuota(record)
    }
}

impl From<config_record::ConfigRecord> for MetadataRecord {
    fn from(record: config_record::ConfigRecord) -> Self {
        Self::Config(record)
    }
}

impl From<delegation_token_record::DelegationTokenRecord> for MetadataRecord {
    fn from(record: delegation_token_record::DelegationTokenRecord) -> Self {
        Self::DelegationToken(record)
    }
}

impl From<end_transaction_record::EndTransactionRecord> for MetadataRecord {
    fn from(record: end_transaction_record::EndTransactionRecord) -> Self {
        Self::EndTransaction(record)
    }
}

impl From<feature_level_record::FeatureLevelRecord> for MetadataRecord {
    fn from(record: feature_level_record::FeatureLevelRecord) -> Self {
        Self::FeatureLevel(record)
    }
}

impl From<fence_broker_record::FenceBrokerRecord> for MetadataRecord {
    fn from(record: fence_broker_record::FenceBrokerRecord) -> Self {
        Self::FenceBroker(record)
    }
}

impl From<no_op_record::NoOpRecord> for MetadataRecord {
    fn from(record: no_op_record::NoOpRecord) -> Self {
        Self::NoOp(record)
    }
}

impl From<partition_change_record::PartitionChangeRecord> for MetadataRecord {
    fn from(record: partition_change_record::PartitionChangeRecord) -> Self {
        Self::PartitionChange(record)
    }
}

impl From<partition_record::PartitionRecord> for MetadataRecord {
    fn from(record: partition_record::PartitionRecord) -> Self {
        Self::Partition(record)
    }
}

impl From<producer_ids_record::ProducerIdsRecord> for MetadataRecord {
    fn from(record: producer_ids_record::ProducerIdsRecord) -> Self {
        Self::ProducerIds(record)
    }
}

impl From<register_broker_record::RegisterBrokerRecord> for MetadataRecord {
    fn from(record: register_broker_record::RegisterBrokerRecord) -> Self {
        Self::RegisterBroker(record)
    }
}

impl From<register_controller_record::RegisterControllerRecord> for MetadataRecord {
    fn from(record: register_controller_record::RegisterControllerRecord) -> Self {
        Self::RegisterController(record)
    }
}

impl From<remove_access_control_entry_record::RemoveAccessControlEntryRecord> for MetadataRecord {
    fn from(record: remove_access_control_entry_record::RemoveAccessControlEntryRecord) -> Self {
        Self::RemoveAccessControlEntry(record)
    }
}

impl From<remove_delegation_token_record::RemoveDelegationTokenRecord> for MetadataRecord {
    fn from(record: remove_delegation_token_record::RemoveDelegationTokenRecord) -> Self {
        Self::RemoveDelegationToken(record)
    }
}

impl From<remove_topic_record::RemoveTopicRecord> for MetadataRecord {
    fn from(record: remove_topic_record::RemoveTopicRecord) -> Self {
        Self::RemoveTopic(record)
    }
}

impl From<remove_user_scram_credential_record::RemoveUserScramCredentialRecord> for MetadataRecord {
    fn from(record: remove_user_scram_credential_record::RemoveUserScramCredentialRecord) -> Self {
        Self::RemoveUserScramCredential(record)
    }
}

impl From<topic_record::TopicRecord> for MetadataRecord {
    fn from(record: topic_record::TopicRecord) -> Self {
        Self::Topic(record)
    }
}

impl From<unfence_broker_record::UnfenceBrokerRecord> for MetadataRecord {
    fn from(record: unfence_broker_record::UnfenceBrokerRecord) -> Self {
        Self::UnfenceBroker(record)
    }
}

impl From<unregister_broker_record::UnregisterBrokerRecord> for MetadataRecord {
    fn from(record: unregister_broker_record::UnregisterBrokerRecord) -> Self {
        Self::UnregisterBroker(record)
    }
}

impl From<user_scram_credential_record::UserScramCredentialRecord> for MetadataRecord {
    fn from(record: user_scram_credential_record::UserScramCredentialRecord) -> Self {
        Self::UserScramCredential(record)
    }
}

impl From<zk_migration_state_record::ZkMigrationStateRecord> for MetadataRecord {
    fn from(record: zk_migration_state_record::ZkMigrationStateRecord) -> Self {
        Self::ZkMigrationState(record)
    }
}

/// Any record of a control batch of the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlRecord {
    /// `KRaftVersionRecord`, key 5.
    KRaftVersion(kraft_version_record::KRaftVersionRecord),
    /// `LeaderChangeMessage`, key 2.
    LeaderChange(leader_change_message::LeaderChangeMessage),
    /// `SnapshotFooterRecord`, key 4.
    SnapshotFooter(snapshot_footer_record::SnapshotFooterRecord),
    /// `SnapshotHeaderRecord`, key 3.
    SnapshotHeader(snapshot_header_record::SnapshotHeaderRecord),
    /// `VotersRecord`, key 6.
    Voters(voters_record::VotersRecord),
}

impl ControlRecord {
    /// The number that tells this kind of record from the others.
    pub fn key(&self) -> i16 {
        match self {
            Self::KRaftVersion(_) => 5,
            Self::LeaderChange(_) => 2,
            Self::SnapshotFooter(_) => 4,
            Self::SnapshotHeader(_) => 3,
            Self::Voters(_) => 6,
        }
    }

    /// Kafka's name of this kind of record.
    pub fn name(&self) -> &'static str {
        match self {
            Self::KRaftVersion(_) => "KRaftVersionRecord",
            Self::LeaderChange(_) => "LeaderChangeMessage",
            Self::SnapshotFooter(_) => "SnapshotFooterRecord",
            Self::SnapshotHeader(_) => "SnapshotHeaderRecord",
            Self::Voters(_) => "VotersRecord",
        }
    }

    /// The latest version of this kind of record.
    pub fn max_version(&self) -> i16 {
        match self {
            Self::KRaftVersion(_) => {
                <kraft_version_record::KRaftVersionRecord as crate::Message>::MAX_VERSION
            }
            Self::LeaderChange(_) => {
                <leader_change_message::LeaderChangeMessage as crate::Message>::MAX_VERSION
            }
            Self::SnapshotFooter(_) => {
                <snapshot_footer_record::SnapshotFooterRecord as crate::Message>::MAX_VERSION
            }
            Self::SnapshotHeader(_) => {
                <snapshot_header_record::SnapshotHeaderRecord as crate::Message>::MAX_VERSION
            }
            Self::Voters(_) => <voters_record::VotersRecord as crate::Message>::MAX_VERSION,
        }
    }

    /// Reads the record that `key` and `version` name.
    pub(crate) fn read(
        r: &mut crate::Reader,
        key: i16,
        version: i16,
    ) -> Result<Self, crate::DecodeError> {
        Ok(match key {
            5 => Self::KRaftVersion(crate::Message::decode(r, version)?),
            2 => Self::LeaderChange(crate::Message::decode(r, version)?),
            4 => Self::SnapshotFooter(crate::Message::decode(r, version)?),
            3 => Self::SnapshotHeader(crate::Message::decode(r, version)?),
            6 => Self::Voters(crate::Message::decode(r, version)?),
            _ => return Err(r.error(crate::DecodeErrorKind::UnknownKey(key))),
        })
    }

    /// Writes the record's fields, without its key.
    pub(crate) fn write(
        &self,
        buf: &mut bytes::BytesMut,
        version: i16,
    ) -> Result<(), crate::EncodeError> {
        match self {
            Self::KRaftVersion(record) => crate::Message::encode(record, buf, version),
            Self::LeaderChange(record) => crate::Message::encode(record, buf, version),
            Self::SnapshotFooter(record) => crate::Message::encode(record, buf, version),
            Self::SnapshotHeader(record) => crate::Message::encode(record, buf, version),
            Self::Voters(record) => crate::Message::encode(record, buf, version),
        }
    }
}

impl crate::json::Json for ControlRecord {
    fn json(&self, out: &mut String, version: i16) {
        match self {
            Self::KRaftVersion(record) => record.json(out, version),
            Self::LeaderChange(record) => record.json(out, version),
            Self::SnapshotFooter(record) => record.json(out, version),
            Self::SnapshotHeader(record) => record.json(out, version),
            Self::Voters(record) => record.json(out, version),
        }
    }
}

impl From<kraft_version_record::KRaftVersionRecord> for ControlRecord {
    fn from(record: kraft_version_record::KRaftVersionRecord) -> Self {
        Self::KRaftVersion(record)
    }
}

impl From<leader_change_message::LeaderChangeMessage> for ControlRecord {
    fn from(record: leader_change_message::LeaderChangeMessage) -> Self {
        Self::LeaderChange(record)
    }
}

impl From<snapshot_footer_record::SnapshotFooterRecord> for ControlRecord {
    fn from(record: snapshot_footer_record::SnapshotFooterRecord) -> Self {
        Self::SnapshotFooter(record)
    }
}

impl From<snapshot_header_record::SnapshotHeaderRecord> for ControlRecord {
    fn from(record: snapshot_header_record::SnapshotHeaderRecord) -> Self {
        Self::SnapshotHeader(record)
    }
}

impl From<voters_record::VotersRecord> for ControlRecord {
    fn from(record: voters_record::VotersRecord) -> Self {
        Self::Voters(record)
    }
}
