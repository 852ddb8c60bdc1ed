//! What other nodes ask of the quorum over the network: Vote, `BeginQuorumEpoch`, `EndQuorumEpoch` and Fetch of the metadata
//! log (KIP-595, KIP-996); `FetchSnapshot` in `snapshot` (KIP-630), changes of the voters in `voters` (KIP-853).
//!
//! Checked here is what names the cluster and the log, in stock Kafka's order; all else is decided by the core.

mod snapshot;
pub(crate) mod voters;

use std::time::Duration;

use bytes::Bytes;
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::{
    Answer, BeginQuorumEpoch, EndQuorumEpoch, Error, Fetch, FetchAnswer, Request, Response, Vote,
};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, TopicId};
use kraftig_wire::messages::{
    begin_quorum_epoch_request as begin_request, begin_quorum_epoch_response as begin_response,
    end_quorum_epoch_request as end_request, end_quorum_epoch_response as end_response,
    fetch_request, fetch_response, vote_request, vote_response,
};
use kraftig_wire::{ErrorCode, Str, Uuid};
use tokio::sync::Semaphore;

use crate::quorum::messages::{PARTITION, TOPIC};
use crate::quorum::{Peer, QuorumHandle, QuorumStatus};

/// The voter id of a request that does not say whom it asks.
const ANY_VOTER: i32 = -1;
/// Questions that may be with the quorum at once.
const MOST_ASKED: usize = 64;
/// Fetches that may wait for records at once, beside those questions; further ones are answered with what there is.
const MOST_WAITING: usize = 512;
/// From this version on a replica says who it is in a structure of its own (KIP-903).
const REPLICA_STATE_VERSION: i16 = 15;
/// From this version on an answer has room for the leader's endpoint, as stock nodes fill it.
const ENDPOINTS_VERSION: i16 = 17;

/// The quorum as other nodes reach it.
#[derive(Debug)]
pub struct Peers {
    quorum: QuorumHandle,
    local: NodeId,
    cluster_id: Str,
    /// The name of the listener on which controllers reach each other.
    listener: String,
    asked: Semaphore,
    waiting: Semaphore,
}

impl Peers {
    /// The way to the quorum of the cluster with this id, on the node `local`. `listener` is the name of that on which
    /// controllers reach each other.
    pub fn new(quorum: QuorumHandle, local: NodeId, cluster_id: Str, listener: String) -> Self {
        Self {
            quorum,
            local,
            cluster_id,
            listener,
            asked: Semaphore::new(MOST_ASKED),
            waiting: Semaphore::new(MOST_WAITING),
        }
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
            pre_vote: asked.pre_vote,
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
        let (epoch, leader) = (Epoch(asked.leader_epoch), NodeId(asked.leader_id));
        let voter = self.voter(request.voter_id, asked.voter_directory_id);
        let begin = BeginQuorumEpoch { epoch, leader, voter };
        let Some(response) = self.ask(Request::BeginQuorumEpoch(begin)).await else {
            return refused(ErrorCode::BROKER_NOT_AVAILABLE);
        };
        // It says where it listens itself, and it does lead.
        let is_leader = response.error == Error::None
            && (response.epoch, response.leader) == (epoch, Some(leader))
            && leader != self.local;
        let at = request.leader_endpoints.iter().find(|at| *at.name == *self.listener);
        if let Some(at) = at.filter(|at| is_leader && at.port > 0 && !at.host.is_empty()) {
            self.quorum.located(Peer { id: leader, host: at.host.to_string(), port: at.port });
        }
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

    /// Answers `EndQuorumEpoch`. `endpoint` tells where a node can be reached by who asks.
    pub async fn end_quorum_epoch(
        &self,
        version: i16,
        request: &end_request::EndQuorumEpochRequest,
        endpoint: impl Fn(NodeId) -> Option<Endpoint>,
    ) -> end_response::EndQuorumEpochResponse {
        use end_response::{EndQuorumEpochResponse, NodeEndpoint, PartitionData, TopicData};
        let refused = |error: ErrorCode| EndQuorumEpochResponse {
            error_code: error.0,
            ..EndQuorumEpochResponse::default()
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
        let successors = if version > 0 {
            asked.preferred_candidates.iter().map(|one| NodeId(one.candidate_id)).collect()
        } else {
            asked.preferred_successors.iter().map(|id| NodeId(*id)).collect()
        };
        let end = EndQuorumEpoch {
            epoch: Epoch(asked.leader_epoch),
            leader: NodeId(asked.leader_id),
            successors,
        };
        let Some(response) = self.ask(Request::EndQuorumEpoch(end)).await else {
            return refused(ErrorCode::BROKER_NOT_AVAILABLE);
        };
        let node_endpoint = |id: NodeId| {
            let Endpoint { host, port, .. } = endpoint(id)?;
            Some(NodeEndpoint { node_id: id.0, host: Str::from(host), port })
        };
        EndQuorumEpochResponse {
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
            ..EndQuorumEpochResponse::default()
        }
    }

    /// Answers Fetch of the metadata log. How many bytes it brings is this node's choice, as it is stock Kafka's.
    /// `endpoint` tells where a node can be reached by who asks.
    pub async fn fetch(
        &self,
        version: i16,
        request: &fetch_request::FetchRequest,
        endpoint: impl Fn(NodeId) -> Option<Endpoint>,
    ) -> fetch_response::FetchResponse {
        use fetch_response::{FetchResponse, NodeEndpoint};
        let refused =
            |error: ErrorCode| FetchResponse { error_code: error.0, ..FetchResponse::default() };
        if !self.is_cluster(request.cluster_id.as_ref()) {
            return refused(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let asked = only(&request.topics)
            .filter(|topic| topic.topic_id == TopicId::METADATA.0)
            .and_then(|topic| only(&topic.partitions))
            .filter(|partition| partition.partition == PARTITION);
        let Some(asked) = asked else {
            return refused(ErrorCode::INVALID_REQUEST);
        };
        let id = if version < REPLICA_STATE_VERSION {
            request.replica_id
        } else {
            request.replica_state.replica_id
        };
        // A place for one that waits is taken by whoever may come to wait.
        let place = if request.max_wait_ms > 0 { self.waiting.try_acquire().ok() } else { None };
        let fetch = Request::Fetch(Fetch {
            epoch: Epoch(asked.current_leader_epoch),
            replica: replica(id, asked.replica_directory_id),
            offset: Offset(asked.fetch_offset),
            last_fetched_epoch: Epoch(asked.last_fetched_epoch),
            high_watermark: Offset(asked.high_watermark),
            may_park: place.is_some(),
        });
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
        let response = if request.max_wait_ms < 0 {
            Some(self.refused_fetch())
        } else if place.is_some() {
            self.quorum.request(fetch, wait).await.ok()
        } else {
            self.ask(fetch).await
        };
        let Some(response) = response else {
            return refused(ErrorCode::BROKER_NOT_AVAILABLE);
        };
        let leader = response.leader.filter(|_| version >= ENDPOINTS_VERSION);
        let node_endpoint = |id: NodeId| {
            let Endpoint { host, port, .. } = endpoint(id)?;
            let (host, port) = (Str::from(host), i32::from(port));
            Some(NodeEndpoint { node_id: id.0, host, port, rack: None })
        };
        FetchResponse {
            responses: vec![fetch_response::FetchableTopicResponse {
                topic_id: TopicId::METADATA.0,
                partitions: vec![fetched(response, self.quorum.status().start)],
                ..fetch_response::FetchableTopicResponse::default()
            }],
            node_endpoints: leader.and_then(node_endpoint).into_iter().collect(),
            ..FetchResponse::default()
        }
    }

    /// The answer to a fetch that makes no sense before it says anything about the log.
    fn refused_fetch(&self) -> Response<Bytes> {
        let QuorumStatus { epoch, leader, .. } = self.quorum.status();
        let answer =
            FetchAnswer { high_watermark: None, diverging: None, snapshot: None, records: None };
        Response { epoch, leader, error: Error::InvalidRequest, answer: Answer::Fetch(answer) }
    }

    fn is_cluster(&self, id: Option<&Str>) -> bool {
        is_cluster(id, &self.cluster_id)
    }

    /// Who is asked; this node where the request does not say, as before version 1.
    fn voter(&self, id: i32, directory: Uuid) -> ReplicaKey {
        if id == ANY_VOTER { replica(self.local.0, Uuid::ZERO) } else { replica(id, directory) }
    }

    /// Asks the quorum; `None` once it has stopped.
    async fn ask(&self, request: Request) -> Option<Response<Bytes>> {
        let _turn = self.asked.acquire().await.ok()?;
        self.quorum.request(request, Duration::ZERO).await.ok()
    }
}

fn fetched(response: Response<Bytes>, log_start: Offset) -> fetch_response::PartitionData {
    use fetch_response::{EpochEndOffset, LeaderIdAndEpoch, PartitionData, SnapshotId};
    let current_leader =
        LeaderIdAndEpoch { leader_id: leader_id(&response), leader_epoch: response.epoch.0 };
    let data = PartitionData {
        partition_index: PARTITION,
        error_code: code(response.error).0,
        last_stable_offset: -1,
        preferred_read_replica: -1,
        aborted_transactions: Some(Vec::new()),
        current_leader,
        // An error says nothing of the log, in Kafka too.
        log_start_offset: 0,
        ..PartitionData::default()
    };
    match response.answer {
        Answer::Fetch(FetchAnswer { high_watermark, diverging, snapshot, records })
            if response.error == Error::None =>
        {
            PartitionData {
                high_watermark: high_watermark.map_or(-1, |to| to.0),
                log_start_offset: log_start.0,
                diverging_epoch: diverging.map_or_else(EpochEndOffset::default, |at| {
                    EpochEndOffset { epoch: at.epoch.0, end_offset: at.end.0 }
                }),
                snapshot_id: snapshot.map_or_else(SnapshotId::default, |id| SnapshotId {
                    end_offset: id.end.0,
                    epoch: id.epoch.0,
                }),
                records: Some(records.unwrap_or_default()),
                ..data
            }
        }
        _ => PartitionData { high_watermark: -1, records: Some(Bytes::new()), ..data },
    }
}

/// Whoever names no cluster is served.
fn is_cluster(id: Option<&Str>, own: &Str) -> bool {
    id.is_none_or(|id| id == own)
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
        Error::SnapshotNotFound => ErrorCode::SNAPSHOT_NOT_FOUND,
        Error::PositionOutOfRange => ErrorCode::POSITION_OUT_OF_RANGE,
        Error::InvalidVoterKey => ErrorCode::INVALID_VOTER_KEY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_no_log_start() {
        let fetched = |error| {
            let answer = Answer::Fetch(FetchAnswer {
                high_watermark: Some(Offset(9)),
                diverging: None,
                snapshot: None,
                records: None,
            });
            let response = Response { epoch: Epoch(3), leader: Some(NodeId(1)), error, answer };
            let data = super::fetched(response, Offset(7));
            (data.log_start_offset, data.high_watermark, data.last_stable_offset)
        };
        assert_eq!(fetched(Error::None), (7, 9, -1));
        assert_eq!(fetched(Error::FencedLeaderEpoch), (0, -1, -1));
    }
}
