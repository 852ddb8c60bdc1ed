//! What other nodes ask of the quorum over the network: Vote and `BeginQuorumEpoch` (KIP-595, KIP-853).
//!
//! Checked here is what names the cluster and the log, in stock Kafka's order; all else is decided by the core.

use bytes::Bytes;
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::{Answer, BeginQuorumEpoch, Error, Request, Response, Vote};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey};
use kraftig_wire::messages::{
    begin_quorum_epoch_request as begin_request, begin_quorum_epoch_response as begin_response,
    vote_request, vote_response,
};
use kraftig_wire::{ErrorCode, Str, Uuid};
use tokio::sync::Semaphore;

use crate::quorum::QuorumHandle;

/// The topic of the metadata log.
const TOPIC: &str = "__cluster_metadata";
/// Its only partition.
const PARTITION: i32 = 0;
/// The voter id of a request that does not say whom it asks.
const ANY_VOTER: i32 = -1;
/// Questions that may be with the quorum at once: far fewer than its queue is long, for whoever finds it full waits
/// with a whole thread, and this node's own records go through it too.
const MOST_ASKED: usize = 64;

/// The quorum as other nodes reach it.
#[derive(Debug)]
pub struct Peers {
    quorum: QuorumHandle,
    local: NodeId,
    cluster_id: Str,
    asked: Semaphore,
}

impl Peers {
    /// The way to the quorum of the cluster with this id, on the node `local`.
    pub fn new(quorum: QuorumHandle, local: NodeId, cluster_id: Str) -> Self {
        Self { quorum, local, cluster_id, asked: Semaphore::new(MOST_ASKED) }
    }

    /// Answers Vote. `endpoint` tells where a node can be reached by who asks.
    pub async fn vote(
        &self,
        version: i16,
        request: &vote_request::VoteRequest,
        endpoint: impl Fn(NodeId) -> Option<Endpoint>,
    ) -> vote_response::VoteResponse {
        use vote_response::{NodeEndpoint, PartitionData, TopicData, VoteResponse};
        let refused =
            |error: ErrorCode| VoteResponse { error_code: error.0, ..VoteResponse::default() };
        if !self.is_cluster(request.cluster_id.as_ref()) {
            return refused(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let asked = only(&request.topics)
            .filter(|topic| *topic.topic_name == *TOPIC)
            .and_then(|topic| only(&topic.partitions))
            .filter(|partition| partition.partition_index == PARTITION);
        let Some(asked) = asked else {
            return refused(ErrorCode::INVALID_REQUEST);
        };
        let vote = Vote {
            epoch: Epoch(asked.replica_epoch),
            candidate: replica(asked.replica_id, asked.replica_directory_id),
            voter: self.voter(request.voter_id, asked.voter_directory_id),
            last_epoch: Epoch(asked.last_offset_epoch),
            last_end: Offset(asked.last_offset),
        };
        let Some(response) = self.ask(Request::Vote(vote)).await else {
            return refused(ErrorCode::BROKER_NOT_AVAILABLE);
        };
        let node_endpoint = |id: NodeId| {
            let Endpoint { host, port, .. } = endpoint(id)?;
            Some(NodeEndpoint { node_id: id.0, host: Str::from(host), port })
        };
        VoteResponse {
            topics: vec![TopicData {
                topic_name: Str::from_static(TOPIC),
                partitions: vec![PartitionData {
                    partition_index: PARTITION,
                    error_code: code(response.error).0,
                    leader_id: leader_id(&response),
                    leader_epoch: response.epoch.0,
                    vote_granted: matches!(response.answer, Answer::Vote(answer) if answer.granted),
                }],
            }],
            node_endpoints: known_leader(version, &response)
                .and_then(node_endpoint)
                .into_iter()
                .collect(),
            ..VoteResponse::default()
        }
    }

    /// Answers `BeginQuorumEpoch`. `endpoint` tells where a node can be reached by who asks.
    pub async fn begin_quorum_epoch(
        &self,
        version: i16,
        request: &begin_request::BeginQuorumEpochRequest,
        endpoint: impl Fn(NodeId) -> Option<Endpoint>,
    ) -> begin_response::BeginQuorumEpochResponse {
        use begin_response::{BeginQuorumEpochResponse, NodeEndpoint, PartitionData, TopicData};
        let refused = |error: ErrorCode| BeginQuorumEpochResponse {
            error_code: error.0,
            ..BeginQuorumEpochResponse::default()
        };
        if !self.is_cluster(request.cluster_id.as_ref()) {
            return refused(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let asked = only(&request.topics)
            .filter(|topic| *topic.topic_name == *TOPIC)
            .and_then(|topic| only(&topic.partitions))
            .filter(|partition| partition.partition_index == PARTITION);
        let Some(asked) = asked else {
            return refused(ErrorCode::INVALID_REQUEST);
        };
        let begin = BeginQuorumEpoch {
            epoch: Epoch(asked.leader_epoch),
            leader: NodeId(asked.leader_id),
            voter: self.voter(request.voter_id, asked.voter_directory_id),
        };
        let Some(response) = self.ask(Request::BeginQuorumEpoch(begin)).await else {
            return refused(ErrorCode::BROKER_NOT_AVAILABLE);
        };
        let node_endpoint = |id: NodeId| {
            let Endpoint { host, port, .. } = endpoint(id)?;
            Some(NodeEndpoint { node_id: id.0, host: Str::from(host), port })
        };
        BeginQuorumEpochResponse {
            topics: vec![TopicData {
                topic_name: Str::from_static(TOPIC),
                partitions: vec![PartitionData {
                    partition_index: PARTITION,
                    error_code: code(response.error).0,
                    leader_id: leader_id(&response),
                    leader_epoch: response.epoch.0,
                }],
            }],
            node_endpoints: known_leader(version, &response)
                .and_then(node_endpoint)
                .into_iter()
                .collect(),
            ..BeginQuorumEpochResponse::default()
        }
    }

    /// Whoever names no cluster is served.
    fn is_cluster(&self, id: Option<&Str>) -> bool {
        id.is_none_or(|id| *id == self.cluster_id)
    }

    /// Who is asked; this node where the request does not say, as before version 1.
    fn voter(&self, id: i32, directory: Uuid) -> ReplicaKey {
        if id == ANY_VOTER { replica(self.local.0, Uuid::ZERO) } else { replica(id, directory) }
    }

    /// Asks the quorum; `None` once it has stopped.
    async fn ask(&self, request: Request) -> Option<Response<Bytes>> {
        let _turn = self.asked.acquire().await.ok()?;
        self.quorum.request(request).await.ok()
    }
}

fn only<T>(items: &[T]) -> Option<&T> {
    match items {
        [item] => Some(item),
        _ => None,
    }
}

fn replica(id: i32, directory: Uuid) -> ReplicaKey {
    ReplicaKey { id: NodeId(id), directory: DirectoryId(directory) }
}

fn leader_id(response: &Response<Bytes>) -> i32 {
    response.leader.map_or(-1, |id| id.0)
}

/// The leader whose endpoint is told: version 0 has no room for it.
fn known_leader(version: i16, response: &Response<Bytes>) -> Option<NodeId> {
    response.leader.filter(|_| version > 0)
}

fn code(error: Error) -> ErrorCode {
    match error {
        Error::None => ErrorCode::NONE,
        Error::NotLeaderOrFollower => ErrorCode::NOT_LEADER_OR_FOLLOWER,
        Error::InvalidRequest => ErrorCode::INVALID_REQUEST,
        Error::FencedLeaderEpoch => ErrorCode::FENCED_LEADER_EPOCH,
        Error::UnknownLeaderEpoch => ErrorCode::UNKNOWN_LEADER_EPOCH,
        Error::InvalidVoterKey => ErrorCode::INVALID_VOTER_KEY,
    }
}
