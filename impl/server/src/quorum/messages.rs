//! What the quorum core asks and hears, as messages on the wire, the way Kafka 4.2.0 sends them.

use bytes::Bytes;
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::{
    Answer, BeginQuorumEpoch, Chunk, Diverging, EndQuorumEpoch, Error, Fetch, FetchAnswer,
    FetchSnapshot, Response, SnapshotAnswer, Vote, VoteAnswer,
};
use kraftig_spec::types::{Epoch, NodeId, Offset, SnapshotId, TopicId};
use kraftig_wire::messages::{
    begin_quorum_epoch_request as begin_request, begin_quorum_epoch_response as begin_response,
    end_quorum_epoch_request as end_request, end_quorum_epoch_response as end_response,
    fetch_request, fetch_response, fetch_snapshot_request, fetch_snapshot_response, vote_request,
    vote_response,
};
use kraftig_wire::{ErrorCode, Str, Uuid};

use super::voters::Voters;

/// The topic of the metadata log.
pub(crate) const TOPIC: &str = "__cluster_metadata";
/// Its only partition.
pub(crate) const PARTITION: i32 = 0;
/// How long a leader may keep a fetch until it has something to give.
const FETCH_WAIT_MS: i32 = 500;
/// About how many bytes of records, or of a snapshot, a fetch asks for. Stock leaders have a limit of their own.
const FETCH_BYTES: i32 = 8 << 20;

/// Why an answer tells the core nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    /// An error code for the whole request, or one for the log that the quorum does not use.
    #[error("it answers {0:?}")]
    Code(ErrorCode),
    /// The answer is not about the metadata log, and about it alone.
    #[error("its answer is not about the metadata log")]
    Topic,
}

/// What is the same in all requests of this node.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) cluster_id: Str,
    /// Where this node's controller listens.
    pub(super) endpoints: Vec<Endpoint>,
}

impl Sender {
    pub(super) fn vote(&self, vote: &Vote) -> vote_request::VoteRequest {
        use vote_request::{PartitionData, TopicData, VoteRequest};
        VoteRequest {
            cluster_id: Some(self.cluster_id.clone()),
            voter_id: vote.voter.id.0,
            topics: vec![TopicData {
                topic_name: Str::from_static(TOPIC),
                partitions: vec![PartitionData {
                    partition_index: PARTITION,
                    replica_epoch: vote.epoch.0,
                    replica_id: vote.candidate.id.0,
                    replica_directory_id: vote.candidate.directory.0,
                    voter_directory_id: vote.voter.directory.0,
                    last_offset_epoch: vote.last_epoch.0,
                    last_offset: vote.last_end.0,
                    pre_vote: vote.pre_vote,
                }],
            }],
        }
    }

    pub(super) fn begin(&self, begin: &BeginQuorumEpoch) -> begin_request::BeginQuorumEpochRequest {
        use begin_request::{BeginQuorumEpochRequest, LeaderEndpoint, PartitionData, TopicData};
        let endpoint = |at: &Endpoint| LeaderEndpoint {
            name: Str::from(&at.name),
            host: Str::from(&at.host),
            port: at.port,
        };
        BeginQuorumEpochRequest {
            cluster_id: Some(self.cluster_id.clone()),
            voter_id: begin.voter.id.0,
            topics: vec![TopicData {
                topic_name: Str::from_static(TOPIC),
                partitions: vec![PartitionData {
                    partition_index: PARTITION,
                    voter_directory_id: begin.voter.directory.0,
                    leader_id: begin.leader.0,
                    leader_epoch: begin.epoch.0,
                }],
            }],
            leader_endpoints: self.endpoints.iter().map(endpoint).collect(),
        }
    }

    pub(super) fn end(
        &self,
        end: &EndQuorumEpoch,
        voters: &Voters,
    ) -> end_request::EndQuorumEpochRequest {
        use end_request::{EndQuorumEpochRequest, PartitionData, ReplicaInfo, TopicData};
        let candidate = |id: &NodeId| ReplicaInfo {
            candidate_id: id.0,
            candidate_directory_id: voters
                .get(*id)
                .map_or(Uuid::ZERO, |voter| voter.replica.directory.0),
        };
        EndQuorumEpochRequest {
            cluster_id: Some(self.cluster_id.clone()),
            topics: vec![TopicData {
                topic_name: Str::from_static(TOPIC),
                partitions: vec![PartitionData {
                    partition_index: PARTITION,
                    leader_id: end.leader.0,
                    leader_epoch: end.epoch.0,
                    preferred_successors: end.successors.iter().map(|id| id.0).collect(),
                    preferred_candidates: end.successors.iter().map(candidate).collect(),
                }],
            }],
            // Stock nodes say nothing here.
            leader_endpoints: Vec::new(),
        }
    }

    pub(super) fn fetch(&self, fetch: &Fetch) -> fetch_request::FetchRequest {
        use fetch_request::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
        FetchRequest {
            cluster_id: Some(self.cluster_id.clone()),
            replica_state: ReplicaState {
                replica_id: fetch.replica.id.0,
                ..ReplicaState::default()
            },
            max_wait_ms: if fetch.may_park { FETCH_WAIT_MS } else { 0 },
            max_bytes: FETCH_BYTES,
            topics: vec![FetchTopic {
                topic_id: TopicId::METADATA.0,
                partitions: vec![FetchPartition {
                    partition: PARTITION,
                    current_leader_epoch: fetch.epoch.0,
                    fetch_offset: fetch.offset.0,
                    last_fetched_epoch: fetch.last_fetched_epoch.0,
                    replica_directory_id: fetch.replica.directory.0,
                    high_watermark: fetch.high_watermark.0,
                    ..FetchPartition::default()
                }],
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        }
    }
}

impl Sender {
    pub(super) fn fetch_snapshot(
        &self,
        fetch: &FetchSnapshot,
    ) -> fetch_snapshot_request::FetchSnapshotRequest {
        use fetch_snapshot_request::{
            FetchSnapshotRequest, PartitionSnapshot, SnapshotId, TopicSnapshot,
        };
        FetchSnapshotRequest {
            cluster_id: Some(self.cluster_id.clone()),
            replica_id: fetch.replica.id.0,
            max_bytes: FETCH_BYTES,
            topics: vec![TopicSnapshot {
                name: Str::from_static(TOPIC),
                partitions: vec![PartitionSnapshot {
                    partition: PARTITION,
                    current_leader_epoch: fetch.epoch.0,
                    snapshot_id: SnapshotId {
                        end_offset: fetch.snapshot.end.0,
                        epoch: fetch.snapshot.epoch.0,
                    },
                    position: fetch.position,
                    replica_directory_id: fetch.replica.directory.0,
                }],
            }],
        }
    }
}

pub(super) fn vote_answer(
    response: vote_response::VoteResponse,
) -> Result<Response<Bytes>, AnswerError> {
    whole(response.error_code)?;
    let part = only(response.topics)
        .filter(|topic| *topic.topic_name == *TOPIC)
        .and_then(|topic| only(topic.partitions))
        .filter(|part| part.partition_index == PARTITION)
        .ok_or(AnswerError::Topic)?;
    let answer = Answer::Vote(VoteAnswer { granted: part.vote_granted });
    answer_of(part.error_code, part.leader_id, part.leader_epoch, answer)
}

pub(super) fn begin_answer(
    response: begin_response::BeginQuorumEpochResponse,
) -> Result<Response<Bytes>, AnswerError> {
    whole(response.error_code)?;
    let part = only(response.topics)
        .filter(|topic| *topic.topic_name == *TOPIC)
        .and_then(|topic| only(topic.partitions))
        .filter(|part| part.partition_index == PARTITION)
        .ok_or(AnswerError::Topic)?;
    answer_of(part.error_code, part.leader_id, part.leader_epoch, Answer::BeginQuorumEpoch)
}

pub(super) fn end_answer(
    response: end_response::EndQuorumEpochResponse,
) -> Result<Response<Bytes>, AnswerError> {
    whole(response.error_code)?;
    let part = only(response.topics)
        .filter(|topic| *topic.topic_name == *TOPIC)
        .and_then(|topic| only(topic.partitions))
        .filter(|part| part.partition_index == PARTITION)
        .ok_or(AnswerError::Topic)?;
    answer_of(part.error_code, part.leader_id, part.leader_epoch, Answer::EndQuorumEpoch)
}

pub(super) fn fetch_answer(
    response: fetch_response::FetchResponse,
) -> Result<Response<Bytes>, AnswerError> {
    whole(response.error_code)?;
    let part = only(response.responses)
        .filter(|topic| topic.topic_id == TopicId::METADATA.0)
        .and_then(|topic| only(topic.partitions))
        .filter(|part| part.partition_index == PARTITION)
        .ok_or(AnswerError::Topic)?;
    let snapshot = SnapshotId {
        end: Offset(part.snapshot_id.end_offset),
        epoch: Epoch(part.snapshot_id.epoch),
    };
    let diverging = Diverging {
        epoch: Epoch(part.diverging_epoch.epoch),
        end: Offset(part.diverging_epoch.end_offset),
    };
    let answer = Answer::Fetch(FetchAnswer {
        high_watermark: Some(Offset(part.high_watermark)).filter(|to| to.0 >= 0),
        diverging: Some(diverging).filter(|to| to.epoch.0 >= 0),
        snapshot: Some(snapshot).filter(|id| id.end.0 >= 0 && id.epoch.0 >= 0),
        records: part.records.filter(|records| !records.is_empty()),
    });
    let leader = part.current_leader;
    answer_of(part.error_code, leader.leader_id, leader.leader_epoch, answer)
}

/// The answer and the bytes that it brings.
pub(super) fn snapshot_answer(
    asked: &FetchSnapshot,
    response: fetch_snapshot_response::FetchSnapshotResponse,
) -> Result<(Response<Bytes>, Bytes), AnswerError> {
    if ErrorCode(response.error_code) == ErrorCode::UNKNOWN_SERVER_ERROR {
        // All that Kafka 4.2.0 has to say when it has no such snapshot, or leads no longer: its answer has no room for more.
        let FetchSnapshot { snapshot, position, .. } = *asked;
        let answer =
            Answer::FetchSnapshot(SnapshotAnswer { snapshot, position, voters: None, chunk: None });
        let error = Error::SnapshotNotFound;
        return Ok((Response { epoch: asked.epoch, leader: None, error, answer }, Bytes::new()));
    }
    whole(response.error_code)?;
    let part = only(response.topics)
        .filter(|topic| *topic.name == *TOPIC)
        .and_then(|topic| only(topic.partitions))
        .filter(|part| part.index == PARTITION)
        .ok_or(AnswerError::Topic)?;
    let chunk = part.unaligned_records;
    let answer = Answer::FetchSnapshot(SnapshotAnswer {
        snapshot: SnapshotId {
            end: Offset(part.snapshot_id.end_offset),
            epoch: Epoch(part.snapshot_id.epoch),
        },
        position: part.position,
        voters: None,
        chunk: (part.error_code == 0)
            .then_some(Chunk { size: part.size, bytes: chunk.len() as i64 }),
    });
    let leader = part.current_leader;
    let response = answer_of(part.error_code, leader.leader_id, leader.leader_epoch, answer)?;
    Ok((response, chunk))
}

fn whole(code: i16) -> Result<(), AnswerError> {
    match ErrorCode(code) {
        ErrorCode::NONE => Ok(()),
        code => Err(AnswerError::Code(code)),
    }
}

fn answer_of(
    code: i16,
    leader: i32,
    epoch: i32,
    answer: Answer<Bytes>,
) -> Result<Response<Bytes>, AnswerError> {
    let error = match ErrorCode(code) {
        ErrorCode::NONE => Error::None,
        ErrorCode::NOT_LEADER_OR_FOLLOWER => Error::NotLeaderOrFollower,
        ErrorCode::INVALID_REQUEST => Error::InvalidRequest,
        ErrorCode::FENCED_LEADER_EPOCH => Error::FencedLeaderEpoch,
        ErrorCode::UNKNOWN_LEADER_EPOCH => Error::UnknownLeaderEpoch,
        ErrorCode::SNAPSHOT_NOT_FOUND => Error::SnapshotNotFound,
        ErrorCode::POSITION_OUT_OF_RANGE => Error::PositionOutOfRange,
        ErrorCode::INVALID_VOTER_KEY => Error::InvalidVoterKey,
        code => return Err(AnswerError::Code(code)),
    };
    let leader = Some(NodeId(leader)).filter(|id| id.0 >= 0);
    Ok(Response { epoch: Epoch(epoch), leader, error, answer })
}

fn only<T>(items: Vec<T>) -> Option<T> {
    <[T; 1]>::try_from(items).ok().map(|[item]| item)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use kraftig_spec::types::{DirectoryId, ReplicaKey, Uuid};
    use kraftig_wire::{Request, encode_request_frame};

    use super::*;

    /// What a node of stock Kafka 4.2.0 sent in a quorum of three, caught on its way.
    #[test]
    fn requests_are_those_of_stock_kafka() {
        let sender = |port| Sender {
            cluster_id: Str::from("4L6g3nShT-eMCtK--X86sw"),
            endpoints: vec![Endpoint {
                name: "CONTROLLER".to_owned(),
                host: "localhost".to_owned(),
                port,
                security_protocol: 0,
            }],
        };
        let replica =
            |id, directory| ReplicaKey { id: NodeId(id), directory: DirectoryId(directory) };
        let directory = Uuid(0xab9d_dbcc_6acf_3c1b_d23a_3a52_044e_bcf5_u128.to_be_bytes());
        let vote = Vote {
            pre_vote: true,
            epoch: Epoch(0),
            candidate: replica(3, directory),
            voter: replica(1, Uuid::ZERO),
            last_epoch: Epoch(0),
            last_end: Offset(0),
        };
        let sent = hex(4, "raft-client-3", 2, &sender(31731).vote(&vote));
        assert_eq!(
            sent,
            "0034000200000004000d726166742d636c69656e742d330017344c3667336e5368542d654d43744b2d2d58383673770000000102135f5f636c75737465725f6d6574616461746102000000000000000000000003ab9ddbcc6acf3c1bd23a3a52044ebcf50000000000000000000000000000000000000000000000000000000001000000"
        );
        let begin =
            BeginQuorumEpoch { epoch: Epoch(1), leader: NodeId(3), voter: replica(1, Uuid::ZERO) };
        let sent = hex(9, "raft-client-3", 1, &sender(31731).begin(&begin));
        assert_eq!(
            sent,
            "0035000100000009000d726166742d636c69656e742d330017344c3667336e5368542d654d43744b2d2d58383673770000000102135f5f636c75737465725f6d6574616461746102000000000000000000000000000000000000000000000003000000010000020b434f4e54524f4c4c45520a6c6f63616c686f73747bf30000"
        );
        let successors = [2, 3].map(NodeId).into();
        let end = EndQuorumEpoch { epoch: Epoch(1), leader: NodeId(1), successors };
        let sent = hex(0x19, "raft-client-1", 1, &sender(31711).end(&end, &Voters::default()));
        assert_eq!(
            sent,
            "0036000100000019000d726166742d636c69656e742d310017344c3667336e5368542d654d43744b2d2d583836737702135f5f636c75737465725f6d65746164617461020000000000000001000000010300000002000000000000000000000000000000000000000003000000000000000000000000000000000000000100"
        );
        let fetch = Fetch {
            epoch: Epoch(1),
            replica: replica(2, Uuid(0x9394_95f5_77c5_de21_7e5c_79cc_ad2c_21cb_u128.to_be_bytes())),
            offset: Offset(0x50),
            last_fetched_epoch: Epoch(1),
            high_watermark: Offset(0x50),
            may_park: true,
        };
        let sent = hex(0xb3, "raft-client-2", 18, &sender(31721).fetch(&fetch));
        assert_eq!(
            sent,
            "00010012000000b3000d726166742d636c69656e742d3200000001f400000000008000000000000000ffffffff0200000000000000000000000000000001020000000000000001000000000000005000000001ffffffffffffffff00000000020010939495f577c5de217e5c79ccad2c21cb0108000000000000005000010102001717344c3667336e5368542d654d43744b2d2d5838367377010d00000002ffffffffffffffff00"
        );
    }

    fn hex<R: Request>(correlation_id: i32, client_id: &str, version: i16, request: &R) -> String {
        let frame = encode_request_frame(correlation_id, Some(client_id), version, request);
        let mut hex = String::new();
        for byte in &frame.expect("it fits")[4..] {
            write!(hex, "{byte:02x}").expect("a string takes all");
        }
        hex
    }

    #[test]
    fn answers_that_are_about_something_else_tell_nothing() {
        use vote_response::{PartitionData, TopicData, VoteResponse};
        let part = PartitionData { leader_id: -1, leader_epoch: 7, ..PartitionData::default() };
        let topic = TopicData { topic_name: Str::from_static(TOPIC), partitions: vec![part] };
        let good = VoteResponse { topics: vec![topic], ..VoteResponse::default() };
        let answer = vote_answer(good.clone()).unwrap();
        assert_eq!((answer.error, answer.epoch, answer.leader), (Error::None, Epoch(7), None));

        let with = |change: fn(&mut VoteResponse)| {
            let mut response = good.clone();
            change(&mut response);
            vote_answer(response).unwrap_err()
        };
        assert_eq!(with(|it| it.topics.clear()), AnswerError::Topic);
        assert_eq!(with(|it| it.topics.push(it.topics[0].clone())), AnswerError::Topic);
        assert_eq!(with(|it| it.topics[0].partitions[0].partition_index = 1), AnswerError::Topic);
        assert_eq!(with(|it| it.topics[0].topic_name = Str::from_static("t")), AnswerError::Topic);
        let down = AnswerError::Code(ErrorCode::BROKER_NOT_AVAILABLE);
        assert_eq!(with(|it| it.error_code = 8), down);
        assert_eq!(with(|it| it.topics[0].partitions[0].error_code = 8), down);
    }

    #[test]
    fn what_is_said_of_a_snapshot() {
        use fetch_snapshot_response::{FetchSnapshotResponse, PartitionSnapshot, TopicSnapshot};
        let id = SnapshotId { end: Offset(50), epoch: Epoch(3) };
        let asked = FetchSnapshot {
            epoch: Epoch(7),
            replica: ReplicaKey { id: NodeId(1), directory: DirectoryId::ABSENT },
            snapshot: id,
            position: 10,
        };
        let part = PartitionSnapshot {
            snapshot_id: fetch_snapshot_response::SnapshotId { end_offset: 50, epoch: 3 },
            size: 14,
            position: 10,
            unaligned_records: Bytes::from_static(b"rest"),
            ..PartitionSnapshot::default()
        };
        let topic = TopicSnapshot { name: Str::from_static(TOPIC), partitions: vec![part] };
        let good =
            FetchSnapshotResponse { topics: vec![topic], ..FetchSnapshotResponse::default() };
        let (answer, bytes) = snapshot_answer(&asked, good.clone()).unwrap();
        let chunk = Some(Chunk { size: 14, bytes: 4 });
        let brought = SnapshotAnswer { snapshot: id, position: 10, voters: None, chunk };
        assert_eq!(answer.answer, Answer::FetchSnapshot(brought));
        assert_eq!((answer.error, &bytes[..]), (Error::None, &b"rest"[..]));

        let mut gone = good.clone();
        gone.topics[0].partitions[0].error_code = ErrorCode::SNAPSHOT_NOT_FOUND.0;
        assert_eq!(snapshot_answer(&asked, gone).unwrap().0.error, Error::SnapshotNotFound);
        // What stock Kafka says of it.
        let failed = FetchSnapshotResponse { error_code: -1, ..FetchSnapshotResponse::default() };
        let (answer, _) = snapshot_answer(&asked, failed).unwrap();
        assert_eq!((answer.error, answer.epoch), (Error::SnapshotNotFound, Epoch(7)));
        let mut other = good;
        other.topics[0].partitions[0].index = 1;
        assert_eq!(snapshot_answer(&asked, other).unwrap_err(), AnswerError::Topic);
    }
}
