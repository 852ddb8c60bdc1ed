//! `ApiVersions`: what is served here, and in which versions (KIP-35, KIP-511, KIP-584).

use kraftig_spec::controller::{FEATURES, KRAFT_VERSION};
use kraftig_wire::messages::add_raft_voter_request::AddRaftVoterRequest;
use kraftig_wire::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use kraftig_wire::messages::begin_quorum_epoch_request::BeginQuorumEpochRequest;
use kraftig_wire::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use kraftig_wire::messages::broker_registration_request::BrokerRegistrationRequest;
use kraftig_wire::messages::controller_registration_request::ControllerRegistrationRequest;
use kraftig_wire::messages::create_topics_request::CreateTopicsRequest;
use kraftig_wire::messages::delete_topics_request::DeleteTopicsRequest;
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_configs_request::DescribeConfigsRequest;
use kraftig_wire::messages::describe_quorum_request::DescribeQuorumRequest;
use kraftig_wire::messages::describe_topic_partitions_request::DescribeTopicPartitionsRequest;
use kraftig_wire::messages::end_quorum_epoch_request::EndQuorumEpochRequest;
use kraftig_wire::messages::envelope_request::EnvelopeRequest;
use kraftig_wire::messages::fetch_request::FetchRequest;
use kraftig_wire::messages::fetch_snapshot_request::FetchSnapshotRequest;
use kraftig_wire::messages::find_coordinator_request::FindCoordinatorRequest;
use kraftig_wire::messages::init_producer_id_request::InitProducerIdRequest;
use kraftig_wire::messages::list_offsets_request::ListOffsetsRequest;
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::messages::produce_request::ProduceRequest;
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::update_features_request::UpdateFeaturesRequest;
use kraftig_wire::messages::update_raft_voter_request::UpdateRaftVoterRequest;
use kraftig_wire::messages::vote_request::VoteRequest;
use kraftig_wire::{Api, ErrorCode, Request, Str};

use super::{Broker, RequestContext};

/// The APIs of a broker listener.
const BROKER: &[i16] = &[
    ProduceRequest::KEY,
    FetchRequest::KEY,
    ListOffsetsRequest::KEY,
    MetadataRequest::KEY,
    FindCoordinatorRequest::KEY,
    ApiVersionsRequest::KEY,
    CreateTopicsRequest::KEY,
    DeleteTopicsRequest::KEY,
    InitProducerIdRequest::KEY,
    DescribeConfigsRequest::KEY,
    DescribeQuorumRequest::KEY,
    UpdateFeaturesRequest::KEY,
    DescribeClusterRequest::KEY,
    DescribeTopicPartitionsRequest::KEY,
    AddRaftVoterRequest::KEY,
    RemoveRaftVoterRequest::KEY,
];

/// The APIs of a controller listener.
const CONTROLLER: &[i16] = &[
    FetchRequest::KEY,
    ApiVersionsRequest::KEY,
    CreateTopicsRequest::KEY,
    DeleteTopicsRequest::KEY,
    DescribeConfigsRequest::KEY,
    VoteRequest::KEY,
    BeginQuorumEpochRequest::KEY,
    EndQuorumEpochRequest::KEY,
    DescribeQuorumRequest::KEY,
    UpdateFeaturesRequest::KEY,
    EnvelopeRequest::KEY,
    FetchSnapshotRequest::KEY,
    DescribeClusterRequest::KEY,
    BrokerRegistrationRequest::KEY,
    BrokerHeartbeatRequest::KEY,
    AllocateProducerIdsRequest::KEY,
    ControllerRegistrationRequest::KEY,
    AddRaftVoterRequest::KEY,
    RemoveRaftVoterRequest::KEY,
    UpdateRaftVoterRequest::KEY,
];

/// The API with this key, in the versions that the listener serves.
pub fn served(key: i16, context: &RequestContext) -> Option<Api> {
    let keys = if context.listener.is_controller { CONTROLLER } else { BROKER };
    Api::by_key(key).filter(|api| keys.contains(&api.key)).copied()
}

/// Answers with what the listener serves.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    version: i16,
    request: &ApiVersionsRequest,
) -> ApiVersionsResponse {
    let named = is_software_name(&request.client_software_name)
        && is_software_name(&request.client_software_version);
    if version >= 3 && !named {
        return ApiVersionsResponse {
            error_code: ErrorCode::INVALID_REQUEST.0,
            ..ApiVersionsResponse::default()
        };
    }
    let keys = if context.listener.is_controller { CONTROLLER } else { BROKER };
    let mut response = ApiVersionsResponse {
        api_keys: keys.iter().filter_map(|key| served(*key, context)).map(api_version).collect(),
        ..ApiVersionsResponse::default()
    };
    if version >= 3 {
        let image = broker.metadata.load();
        response.supported_features = FEATURES
            .iter()
            // A client of version 3 takes a lowest level of 0 for an error (KAFKA-17011).
            .filter(|feature| version >= 4 || feature.min > 0)
            .map(|feature| SupportedFeatureKey {
                name: Str::from_static(feature.name),
                min_version: feature.min,
                max_version: feature.max,
            })
            .collect();
        response.finalized_features = image
            .features
            .iter()
            .map(|(name, level)| FinalizedFeatureKey {
                name: Str::from(name.as_ref()),
                max_version_level: *level,
                min_version_level: *level,
            })
            .collect();
        // It is no record of the metadata that says it, and level 0 is not told.
        let kraft_version = broker.quorum.voters().kraft_version;
        if kraft_version > 0 {
            response.finalized_features.push(FinalizedFeatureKey {
                name: Str::from_static(KRAFT_VERSION),
                max_version_level: kraft_version,
                min_version_level: kraft_version,
            });
        }
        let epoch = if context.listener.is_controller { image.features_end } else { image.end };
        response.finalized_features_epoch = epoch.0 - 1;
    }
    response
}

/// The answer to a version that is too new, in version 0: the client shall ask again in a version that is served.
pub fn unsupported_version() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION.0,
        api_keys: Api::by_key(ApiVersionsRequest::KEY)
            .copied()
            .map(api_version)
            .into_iter()
            .collect(),
        ..ApiVersionsResponse::default()
    }
}

fn api_version(api: Api) -> ApiVersion {
    ApiVersion {
        api_key: api.key,
        // Versions 0 to 2 are gone since 4.0, but librdkafka before 2.6 turns to formats that nobody speaks any
        // more where 0 is not advertised (KAFKA-18659).
        min_version: if api.key == ProduceRequest::KEY { 0 } else { api.min_version },
        max_version: api.max_version,
    }
}

/// Letters and digits, with `-` and `.` between them.
fn is_software_name(name: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte))
}
