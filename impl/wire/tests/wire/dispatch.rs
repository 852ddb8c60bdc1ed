//! Our messages by the names of the schemas.

use bytes::{Bytes, BytesMut};
use kraftig_wire::{DecodeError, Message, decode_all, messages};
use kraftig_wire_generator::schema;

/// Decodes all of `body` and encodes it again.
fn again<M: Message>(body: Bytes, version: i16) -> Result<Bytes, DecodeError> {
    let message: M = decode_all(body, version)?;
    let mut out = BytesMut::new();
    message.encode(&mut out, version).expect("what was decoded can be encoded");
    Ok(out.freeze())
}

macro_rules! by_name {
    ($($module:ident :: $name:ident,)*) => {
        /// Decodes a message of this schema and version, and encodes it again.
        pub(crate) fn decode_encode(
            schema: &schema::Message,
            body: Bytes,
            version: i16,
        ) -> Result<Bytes, DecodeError> {
            match schema.name() {
                $(stringify!($name) => again::<messages::$module::$name>(body, version),)*
                other => panic!("{other} is not listed here"),
            }
        }
    };
}

by_name! {
    abort_transaction_record::AbortTransactionRecord,
    access_control_entry_record::AccessControlEntryRecord,
    add_raft_voter_request::AddRaftVoterRequest,
    add_raft_voter_response::AddRaftVoterResponse,
    allocate_producer_ids_request::AllocateProducerIdsRequest,
    allocate_producer_ids_response::AllocateProducerIdsResponse,
    api_versions_request::ApiVersionsRequest,
    api_versions_response::ApiVersionsResponse,
    begin_quorum_epoch_request::BeginQuorumEpochRequest,
    begin_quorum_epoch_response::BeginQuorumEpochResponse,
    begin_transaction_record::BeginTransactionRecord,
    broker_heartbeat_request::BrokerHeartbeatRequest,
    broker_heartbeat_response::BrokerHeartbeatResponse,
    broker_registration_change_record::BrokerRegistrationChangeRecord,
    broker_registration_request::BrokerRegistrationRequest,
    broker_registration_response::BrokerRegistrationResponse,
    clear_elr_record::ClearElrRecord,
    client_quota_record::ClientQuotaRecord,
    config_record::ConfigRecord,
    controller_registration_request::ControllerRegistrationRequest,
    controller_registration_response::ControllerRegistrationResponse,
    create_topics_request::CreateTopicsRequest,
    create_topics_response::CreateTopicsResponse,
    delegation_token_record::DelegationTokenRecord,
    delete_topics_request::DeleteTopicsRequest,
    delete_topics_response::DeleteTopicsResponse,
    describe_cluster_request::DescribeClusterRequest,
    describe_cluster_response::DescribeClusterResponse,
    describe_configs_request::DescribeConfigsRequest,
    describe_configs_response::DescribeConfigsResponse,
    describe_quorum_request::DescribeQuorumRequest,
    describe_quorum_response::DescribeQuorumResponse,
    describe_topic_partitions_request::DescribeTopicPartitionsRequest,
    describe_topic_partitions_response::DescribeTopicPartitionsResponse,
    end_quorum_epoch_request::EndQuorumEpochRequest,
    end_quorum_epoch_response::EndQuorumEpochResponse,
    end_transaction_record::EndTransactionRecord,
    envelope_request::EnvelopeRequest,
    envelope_response::EnvelopeResponse,
    feature_level_record::FeatureLevelRecord,
    fence_broker_record::FenceBrokerRecord,
    fetch_request::FetchRequest,
    fetch_response::FetchResponse,
    fetch_snapshot_request::FetchSnapshotRequest,
    fetch_snapshot_response::FetchSnapshotResponse,
    find_coordinator_request::FindCoordinatorRequest,
    find_coordinator_response::FindCoordinatorResponse,
    init_producer_id_request::InitProducerIdRequest,
    init_producer_id_response::InitProducerIdResponse,
    kraft_version_record::KRaftVersionRecord,
    leader_change_message::LeaderChangeMessage,
    list_offsets_request::ListOffsetsRequest,
    list_offsets_response::ListOffsetsResponse,
    metadata_request::MetadataRequest,
    metadata_response::MetadataResponse,
    no_op_record::NoOpRecord,
    partition_change_record::PartitionChangeRecord,
    partition_record::PartitionRecord,
    produce_request::ProduceRequest,
    produce_response::ProduceResponse,
    producer_ids_record::ProducerIdsRecord,
    register_broker_record::RegisterBrokerRecord,
    register_controller_record::RegisterControllerRecord,
    remove_access_control_entry_record::RemoveAccessControlEntryRecord,
    remove_delegation_token_record::RemoveDelegationTokenRecord,
    remove_raft_voter_request::RemoveRaftVoterRequest,
    remove_raft_voter_response::RemoveRaftVoterResponse,
    remove_topic_record::RemoveTopicRecord,
    remove_user_scram_credential_record::RemoveUserScramCredentialRecord,
    request_header::RequestHeader,
    response_header::ResponseHeader,
    snapshot_footer_record::SnapshotFooterRecord,
    snapshot_header_record::SnapshotHeaderRecord,
    topic_record::TopicRecord,
    unfence_broker_record::UnfenceBrokerRecord,
    unregister_broker_record::UnregisterBrokerRecord,
    update_features_request::UpdateFeaturesRequest,
    update_features_response::UpdateFeaturesResponse,
    update_raft_voter_request::UpdateRaftVoterRequest,
    update_raft_voter_response::UpdateRaftVoterResponse,
    user_scram_credential_record::UserScramCredentialRecord,
    vote_request::VoteRequest,
    vote_response::VoteResponse,
    voters_record::VotersRecord,
    zk_migration_state_record::ZkMigrationStateRecord,
}
