//! `DescribeQuorum`: who leads the metadata quorum, who votes and fetches, and how far each has come (KIP-595, KIP-836,
//! KIP-853).

use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::types::{NodeId, Offset, ReplicaKey};
use kraftig_wire::messages::describe_quorum_request::DescribeQuorumRequest;
use kraftig_wire::messages::describe_quorum_response::{
    DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, Standing, StandingVoter,
    TopicData,
};
use kraftig_wire::{ErrorCode, Message, Str, Uuid};

use super::ControllerHandle;
use super::channel::{ControllerChannel, Question};
use crate::config::Config;
use crate::net::client::{ClientError, Connection};
use crate::quorum::messages::{PARTITION, TOPIC};
use crate::quorum::{QuorumDescription, QuorumHandle, ReplicaDescription, Voter, Voters};

/// From this version on there is room for directories, for texts, and for where voters listen.
const NODES_VERSION: i16 = 2;

/// Kafka's texts of the errors.
const UNKNOWN_TOPIC: &str = "This server does not host this topic-partition.";
pub(super) const NOT_LEADER: &str = "For requests intended only for the leader, this error indicates that the broker is not the current leader. For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition.";

/// Answers on a controller listener: only the leader knows.
pub async fn handle(
    quorum: &QuorumHandle,
    config: &Config,
    version: i16,
    request: &DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let of_log = match &request.topics[..] {
        [topic] if *topic.topic_name == *TOPIC => {
            matches!(&topic.partitions[..], [one] if one.partition_index == PARTITION)
        }
        _ => false,
    };
    let response = if !of_log {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| PartitionData {
                partition_index: partition.partition_index,
                ..refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC)
            });
            TopicData { topic_name: topic.topic_name.clone(), partitions: partitions.collect() }
        });
        DescribeQuorumResponse { topics: topics.collect(), ..DescribeQuorumResponse::default() }
    } else if let Some(description) = quorum.describe().await {
        described(&description, standing(quorum, config), &quorum.voters())
    } else {
        let standing = standing(quorum, config);
        of_the_log(PartitionData {
            standing,
            ..refused(ErrorCode::NOT_LEADER_OR_FOLLOWER, NOT_LEADER)
        })
    };
    in_version(response, version)
}

/// Answers on a broker listener with what the active controller says.
pub async fn ask(
    channel: &ControllerChannel,
    (quorum, config): (&QuorumHandle, &Config),
    version: i16,
    request: &DescribeQuorumRequest,
    within: std::time::Duration,
) -> DescribeQuorumResponse {
    let question = Describe { quorum, config, request };
    let response = channel.ask(&question, within).await.unwrap_or_else(|error| {
        tracing::warn!("the quorum is not described: {error}");
        DescribeQuorumResponse {
            error_code: ErrorCode::REQUEST_TIMED_OUT.0,
            error_message: Some(Str::from_static("The request timed out.")),
            ..DescribeQuorumResponse::default()
        }
    });
    in_version(response, version)
}

/// A client's request, for the active controller.
struct Describe<'a> {
    quorum: &'a QuorumHandle,
    config: &'a Config,
    request: &'a DescribeQuorumRequest,
}

impl Question for Describe<'_> {
    type Answer = DescribeQuorumResponse;

    async fn here(&self, _controller: &ControllerHandle) -> Option<Self::Answer> {
        let newest = DescribeQuorumRequest::MAX_VERSION;
        active(handle(self.quorum, self.config, newest, self.request).await)
    }

    async fn there(&self, connection: &Connection) -> Result<Option<Self::Answer>, ClientError> {
        Ok(active(connection.send(self.request).await?))
    }
}

/// The answer, if the node that gave it leads or need not.
fn active(response: DescribeQuorumResponse) -> Option<DescribeQuorumResponse> {
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let elsewhere = partitions.any(|part| part.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER.0);
    (!elsewhere).then_some(response)
}

fn refused(error: ErrorCode, text: &'static str) -> PartitionData {
    PartitionData {
        error_code: error.0,
        error_message: Some(Str::from_static(text)),
        ..PartitionData::default()
    }
}

fn of_the_log(partition: PartitionData) -> DescribeQuorumResponse {
    DescribeQuorumResponse {
        topics: vec![TopicData {
            topic_name: Str::from_static(TOPIC),
            partitions: vec![PartitionData { partition_index: PARTITION, ..partition }],
        }],
        ..DescribeQuorumResponse::default()
    }
}

fn described(
    description: &QuorumDescription,
    standing: Standing,
    voters: &Voters,
) -> DescribeQuorumResponse {
    let replica = |replica: &ReplicaDescription| ReplicaState {
        replica_id: replica.replica.id.0,
        replica_directory_id: replica.replica.directory.0,
        log_end_offset: offset(replica.end),
        last_fetch_timestamp: replica.last_fetch_ms.unwrap_or(-1),
        last_caught_up_timestamp: replica.last_caught_up_ms.unwrap_or(-1),
    };
    let node = |voter: &Voter| Node {
        node_id: voter.replica.id.0,
        listeners: voter.endpoints.iter().map(listener).collect(),
    };
    DescribeQuorumResponse {
        nodes: voters.voters.iter().map(node).collect(),
        ..of_the_log(PartitionData {
            leader_id: description.leader.0,
            leader_epoch: description.epoch.0,
            high_watermark: offset(description.high_watermark),
            current_voters: description.voters.iter().map(replica).collect(),
            observers: description.observers.iter().map(replica).collect(),
            standing,
            ..PartitionData::default()
        })
    }
}

/// What this node tells of itself whether it leads or not, for `kraftig quorum explain`; Kafka's tools skip it.
fn standing(quorum: &QuorumHandle, config: &Config) -> Standing {
    let status = quorum.status();
    let first = config.listeners.controller_names.first();
    let node = |id: Option<NodeId>| id.map_or(-1, |id| id.0);
    let directory = |replica: Option<ReplicaKey>| replica.map_or(Uuid::ZERO, |it| it.directory.0);
    let voter = |voter: &Voter| {
        let at = voter.endpoints.iter().find(|at| Some(&at.name) == first);
        StandingVoter {
            voter_id: voter.replica.id.0,
            voter_directory_id: voter.replica.directory.0,
            host: at.map_or_else(Str::default, |at| Str::from(&at.host)),
            port: at.map_or(0, |at| at.port),
        }
    };
    Standing {
        role: Str::from_static(status.role),
        node_id: config.node_id.0,
        directory_id: directory(status.local),
        epoch: status.epoch.0,
        leader_id: node(status.leader),
        voted_id: node(status.voted.map(|voted| voted.id)),
        voted_directory_id: directory(status.voted),
        log_start_offset: status.start.0,
        log_end_offset: status.end.0,
        flushed_offset: status.flushed.0,
        high_watermark: offset(status.high_watermark),
        disk_full: status.disk_full,
        voters: quorum.voters().voters.iter().map(voter).collect(),
    }
}

fn listener(at: &Endpoint) -> Listener {
    Listener { name: Str::from(&at.name), host: Str::from(&at.host), port: at.port }
}

fn offset(offset: Option<Offset>) -> i64 {
    offset.map_or(-1, |offset| offset.0)
}

/// Without what the version has no room for and may not leave out silently.
fn in_version(mut response: DescribeQuorumResponse, version: i16) -> DescribeQuorumResponse {
    if version < NODES_VERSION {
        response.nodes.clear();
        for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            for state in partition.current_voters.iter_mut().chain(&mut partition.observers) {
                state.replica_directory_id = Uuid::ZERO;
            }
        }
    }
    response
}
