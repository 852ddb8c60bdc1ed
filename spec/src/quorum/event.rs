//! What can reach the quorum core, and what it asks for.

use serde::{Deserialize, Serialize};

use super::state::ElectionState;
use super::voters::{VoterChangeError, VoterSet};
use crate::types::{Epoch, NodeId, Offset, ReplicaKey, SnapshotId};

/// Something that reaches a node. `P` is the payload of a record batch: a byte in the model, the
/// batch's bytes in the server; the core passes it on and never looks into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event<P> {
    /// A timer that an effect had set ran out.
    TimerFired {
        /// Which.
        timer: Timer,
    },
    /// Another node asks. Every request is answered by exactly one [`Effect::Respond`] or, for a
    /// fetch with nothing to give yet, [`Effect::Park`].
    Requested {
        /// The question.
        request: Request,
    },
    /// Another node answered.
    Answered {
        /// Who was asked.
        from: NodeId,
        /// What it was asked. An answer to a question that the node no longer asks counts only for
        /// the epoch and leader that it names.
        request: Request,
        /// What it said.
        response: Response<Vec<Batch<P>>>,
    },
    /// The state machine above has records for the log; they are appended if this node leads `epoch`.
    Append {
        /// The epoch in which the records were made.
        epoch: Epoch,
        /// The batches, in order.
        batches: Vec<NewBatch<P>>,
    },
    /// Change the voters, if this node leads and may do so now ([`super::changed_voters`]).
    ChangeVoters {
        /// How.
        change: VoterChange,
    },
    /// Let the log name the voters from now on, if this node leads and may do so ([`super::may_upgrade`]): `kraft.version` 1.
    UpgradeVoters {
        /// Those of the configuration, each with its directory.
        voters: VoterSet,
    },
    /// Everything below `end` is on stable storage.
    Flushed {
        /// Exclusive.
        end: Offset,
    },
    /// A snapshot of what this node has applied stands on stable storage under its name
    /// ([`super::snapshot_id`]).
    SnapshotTaken {
        /// Which.
        snapshot: SnapshotId,
    },
    /// The log is longer than it need be: what a snapshot holds may go.
    Clean {
        /// A snapshot that is on the disk: the log is to begin after it.
        to: SnapshotId,
    },
    /// Give up leadership, for example before a shutdown.
    Resign,
    /// There is hardly room left on the disk of the log, or there is room again. Without it the node leads nothing,
    /// campaigns for nothing and asks for no records, but goes on voting and answering.
    DiskFull {
        /// Whether there is no room.
        full: bool,
    },
    /// A hint: the connection to `node` was closed, and the attempt to connect anew was refused or closed again. It
    /// makes a failover faster; safety does not rest on it.
    Unreachable {
        /// Who cannot be reached.
        node: NodeId,
    },
}

/// A change of the voters by one (KIP-853).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VoterChange {
    /// One more (`AddRaftVoter`, key 80).
    Add {
        /// Which.
        key: ReplicaKey,
        /// The end of the leader's log when it had last all of it ([`super::Fetched::caught_up`]); 0 if it never had.
        end: Offset,
    },
    /// One less (`RemoveRaftVoter`, key 81).
    Remove(ReplicaKey),
    /// The same voters, and something else is new of this one, as where it listens (`UpdateRaftVoter`, key 82).
    Update(ReplicaKey),
}

/// The timers of a node. Each is set at most once at a time; setting it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Timer {
    /// Unattached: time to campaign. Prospective, Candidate: the campaign is over. Resigned: time to leave the epoch.
    Election,
    /// Follower: the leader has been silent for too long.
    Fetch,
    /// Leader: no majority was heard from.
    CheckQuorum,
    /// Leader: time to tell the voters again who leads.
    BeginQuorumEpoch,
}

/// A record batch with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch<P> {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Number of records, at least 1.
    pub records: u32,
    /// The epoch of the leader that wrote it.
    pub epoch: Epoch,
    /// What it holds.
    pub payload: P,
    /// The voters that it names.
    pub voters: Option<VoterSet>,
}

impl<P> Batch<P> {
    /// The offset after its last record.
    pub fn end(&self) -> Offset {
        self.base_offset.plus(i64::from(self.records))
    }
}

/// A record batch that has no place in the log yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewBatch<P> {
    /// Number of records, at least 1.
    pub records: u32,
    /// What it holds.
    pub payload: P,
}

/// What an appended batch holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Payload<P> {
    /// The control record that opens an epoch. Only with it can earlier entries be committed.
    LeaderChange {
        /// The new leader.
        leader: NodeId,
        /// All voters.
        voters: Vec<NodeId>,
        /// Those that voted for it.
        granting: Vec<NodeId>,
    },
    /// The control record that names the voters from here on: those of the batch.
    Voters,
    /// The same after one that says that from now on the log does so: `kraft.version` 1.
    Upgrade,
    /// Records of the state machine above, or batches as the leader sent them.
    Records(P),
}

/// What one node asks of another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// Vote for me.
    Vote(Vote),
    /// I lead.
    BeginQuorumEpoch(BeginQuorumEpoch),
    /// I lead no longer.
    EndQuorumEpoch(EndQuorumEpoch),
    /// Give me what follows my log's end.
    Fetch(Fetch),
    /// Give me a part of a snapshot.
    FetchSnapshot(FetchSnapshot),
}

impl Request {
    /// The epoch that its sender is in.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Vote(vote) => vote.epoch,
            Self::BeginQuorumEpoch(begin) => begin.epoch,
            Self::EndQuorumEpoch(end) => end.epoch,
            Self::Fetch(fetch) => fetch.epoch,
            Self::FetchSnapshot(fetch) => fetch.epoch,
        }
    }
}

/// A candidate asks for a vote, or a prospective one whether it would get it (Vote, key 52; KIP-996).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// Whether this only asks if a vote would be granted in the epoch to come. Nobody records such a vote.
    pub pre_vote: bool,
    /// The epoch that the sender is in: a candidate wants to lead it.
    pub epoch: Epoch,
    /// Who asks.
    pub candidate: ReplicaKey,
    /// Who is asked; an absent directory means any.
    pub voter: ReplicaKey,
    /// Epoch of the last entry of the candidate's log.
    pub last_epoch: Epoch,
    /// End of the candidate's log, all of it flushed.
    pub last_end: Offset,
}

/// A leader tells that it leads (`BeginQuorumEpoch`, key 53).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BeginQuorumEpoch {
    /// The epoch.
    pub epoch: Epoch,
    /// Its leader.
    pub leader: NodeId,
    /// Who is told; an absent directory means any.
    pub voter: ReplicaKey,
}

/// A leader tells that it gave up (`EndQuorumEpoch`, key 54).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndQuorumEpoch {
    /// The epoch.
    pub epoch: Epoch,
    /// Who led it.
    pub leader: NodeId,
    /// The other voters, those first whose logs reach farthest: the order in which they should campaign. Empty if it is
    /// not known.
    pub successors: Vec<NodeId>,
}

/// A replica asks for what follows its log, and says thereby that all before is flushed (Fetch, key 1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fetch {
    /// The epoch in which it follows.
    pub epoch: Epoch,
    /// Who asks.
    pub replica: ReplicaKey,
    /// The end of its log.
    pub offset: Offset,
    /// Epoch of the last entry of its log.
    pub last_fetched_epoch: Epoch,
    /// The high watermark that it knows. `i64::MAX` where it does not say (before Fetch v18).
    pub high_watermark: Offset,
    /// Whether the leader may keep the request until it has something to give.
    pub may_park: bool,
}

/// A replica whose log is behind the start of the leader's asks for a chunk of its snapshot (`FetchSnapshot`, key 59;
/// KIP-630).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchSnapshot {
    /// The epoch in which it follows.
    pub epoch: Epoch,
    /// Who asks.
    pub replica: ReplicaKey,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// From which byte on.
    pub position: i64,
}

/// An answer to a [`Request`], always with what the node knows of epoch and leader. `R` is what a
/// fetch brings: the place to read from where it is sent, batches where it is received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response<R> {
    /// The epoch of the node that answers.
    pub epoch: Epoch,
    /// The leader of that epoch, where known.
    pub leader: Option<NodeId>,
    /// Why the request was not served; [`Error::None`] if it was.
    pub error: Error,
    /// What the request asked for.
    pub answer: Answer<R>,
}

/// The part of a [`Response`] that depends on the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer<R> {
    /// To [`Request::Vote`].
    Vote(VoteAnswer),
    /// To [`Request::BeginQuorumEpoch`].
    BeginQuorumEpoch,
    /// To [`Request::EndQuorumEpoch`].
    EndQuorumEpoch,
    /// To [`Request::Fetch`].
    Fetch(FetchAnswer<R>),
    /// To [`Request::FetchSnapshot`].
    FetchSnapshot(SnapshotAnswer),
}

/// Whether the vote was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoteAnswer {
    /// It was.
    pub granted: bool,
}

/// What a fetch brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchAnswer<R> {
    /// The leader's high watermark, where it has one.
    pub high_watermark: Option<Offset>,
    /// Set if the follower's log differs from the leader's.
    pub diverging: Option<Diverging>,
    /// Set if the leader's log no longer holds what follows the follower's: the snapshot to load instead.
    pub snapshot: Option<SnapshotId>,
    /// Set if there are records after the follower's end.
    pub records: Option<R>,
}

/// The largest epoch at or below the follower's last in which the logs can agree, and its end there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diverging {
    /// That epoch.
    pub epoch: Epoch,
    /// Where it ends in the leader's log, exclusive.
    pub end: Offset,
}

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotAnswer {
    /// Of which.
    pub snapshot: SnapshotId,
    /// Place of the first byte.
    pub position: i64,
    /// In an answer that brings the last byte: the voters that the snapshot names.
    pub voters: Option<VoterSet>,
    /// What was read. `None` as the core answers: the caller reads the file, or answers
    /// [`Error::SnapshotNotFound`] or [`Error::PositionOutOfRange`] in its place.
    pub chunk: Option<Chunk>,
}

/// Bytes of a snapshot. The core needs to know how many; the caller has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// Bytes of the whole snapshot.
    pub size: i64,
    /// Bytes of this part.
    pub bytes: i64,
}

/// Whole batches from `offset` on, as many as the caller likes but at least one and none at or
/// beyond `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadFrom {
    /// The first record's offset.
    pub offset: Offset,
    /// The log's end, exclusive.
    pub end: Offset,
}

/// Kafka's error codes, as far as the quorum uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Error {
    /// 0.
    None,
    /// 6: this node does not lead.
    NotLeaderOrFollower,
    /// 42: the request contradicts itself, or what this node knows to be true.
    InvalidRequest,
    /// 74: the request's epoch is over.
    FencedLeaderEpoch,
    /// 75: the request's epoch is one that this node has not heard of.
    UnknownLeaderEpoch,
    /// 98: there is no such snapshot, or no more.
    SnapshotNotFound,
    /// 99: the snapshot has no such byte.
    PositionOutOfRange,
    /// 125: the request is for another replica.
    InvalidVoterKey,
}

/// Something for the caller to do. Effects are carried out in their order: none may begin before the
/// one in front of it is done, as a crash leaves a prefix of them behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "camelCase")]
pub enum Effect<P> {
    /// Replace the `quorum-state` file, durably. At most once a step, and first.
    WriteElectionState {
        /// The new content.
        state: ElectionState,
    },
    /// Cut the log, durably: a crash must not bring the suffix back.
    Truncate {
        /// The new end, exclusive.
        to: Offset,
    },
    /// Append to the log. Not durable until [`Event::Flushed`].
    Append {
        /// The batches, from the log's end on.
        batches: Vec<Batch<Payload<P>>>,
    },
    /// Write the bytes that this step's answer brought into the unfinished file of `snapshot`; at position 0 it is a new one.
    KeepChunk {
        /// Which snapshot.
        snapshot: SnapshotId,
        /// Place of the first byte: all before it is there.
        position: i64,
    },
    /// The unfinished file of `snapshot` is whole: bring it to stable storage under its name.
    InstallSnapshot {
        /// Which.
        snapshot: SnapshotId,
    },
    /// Drop the whole log, durably: it goes on, empty, after `snapshot`.
    ReplaceLog {
        /// Which; it is on stable storage.
        snapshot: SnapshotId,
    },
    /// The log begins after `to` from now on: records before it may go, and older snapshots.
    CleanLog {
        /// Which; it is on stable storage.
        to: SnapshotId,
    },
    /// Bring the log to stable storage and say so by [`Event::Flushed`]. Several may be served at once.
    Flush,
    /// (Re)start a timer with a random delay from `min_ms` to `max_ms`.
    SetTimer {
        /// Which.
        timer: Timer,
        /// Shortest delay in milliseconds.
        min_ms: u64,
        /// Longest delay in milliseconds.
        max_ms: u64,
    },
    /// Stop a timer.
    CancelTimer {
        /// Which.
        timer: Timer,
    },
    /// This node leads.
    BecameLeader {
        /// The epoch.
        epoch: Epoch,
        /// The end of the log before this epoch. Everything before it is known to be committed, and the
        /// state machine above may take over, once the high watermark has passed it.
        epoch_start: Offset,
    },
    /// This node leads no longer.
    LostLeader {
        /// The epoch in which it led.
        epoch: Epoch,
    },
    /// Everything below is committed.
    AdvanceHighWatermark {
        /// Exclusive.
        to: Offset,
    },
    /// Submit all parked fetches again: the log's end, the high watermark or the role changed.
    WakeParked,
    /// Answer the request of this step.
    Respond {
        /// The answer.
        response: Response<ReadFrom>,
    },
    /// Keep the fetch of this step until [`Effect::WakeParked`]; when its time is up, submit it again with
    /// `may_park` off.
    Park,
    /// The voters are not changed.
    RefuseVoters {
        /// Why.
        error: VoterChangeError,
    },
    /// Log and count something that this node did not take part in.
    Refuse {
        /// Why.
        refusal: Refusal,
    },
}

/// What a node did not take part in, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// The request is malformed: a negative offset, a last epoch that is not below the candidate's.
    MalformedRequest,
    /// A leader was named that contradicts the one known in the same epoch.
    ContradictingLeader,
    /// A leader was named that is no voter, or is this very node, which does not lead.
    ImpossibleLeader,
    /// A candidate asks for a vote that is no voter, or has this node's own id.
    ImpossibleCandidate,
    /// A voter that was given up when its majority was lost asks for something ([`super::recover`]).
    LostVoter,
    /// An epoch was named after which there could be no other.
    LastEpoch,
    /// A fetched batch does not follow the log's end, is empty, or is of an impossible epoch.
    UnfitBatch,
    /// The leader wants records gone that it had said to be committed.
    TruncationBelowHighWatermark,
    /// The leader names a place to cut that is not within the log.
    UnfitTruncation,
    /// A snapshot is offered, taken or to be cleaned up to that does not fit the log: it is behind what is
    /// committed, or not committed, or not on the way that the log went.
    UnfitSnapshot,
    /// A chunk of a snapshot is empty or longer than what is missing, or another one than was asked for.
    UnfitChunk,
    /// Records came from the state machine above when this node did not lead that epoch.
    AppendWithoutLeadership,
}
