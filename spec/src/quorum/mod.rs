//! Who leads the metadata log, and what of it is committed: KIP-595, with snapshots (KIP-630), changes of
//! the voters (KIP-853) and pre-votes (KIP-996).
//!
//! What this protocol promises, whatever messages are lost and whichever nodes crash and lose what
//! they had not flushed:
//!
//! * at most one leader is elected in an epoch;
//! * an entry at or below a high watermark is on the flushed logs of a majority, is in the log of
//!   every later leader, and never changes;
//! * a log is only ever truncated where it differs from the leader's, and never below what its node
//!   knows to be committed.
//!
//! The core is one state and one function. [`start`] makes the state from what the disk holds,
//! [`step`] takes an event and tells the effects to carry out, in order; [`requests`] tells what the
//! node has to say now. Correlation ids, slots in flight, retries and connections are the caller's.
//!
//! Where Apache Kafka is weaker, this is stricter: an entry counts, for the leader too, only when it
//! is flushed; a vote is asked for only with a flushed log; and nothing that comes from the network
//! ends a node: it is refused, and the refusal is an effect that the caller logs and counts.
//! `papers/quorum.md` holds the sources and the argument rule by rule.

#[macro_use]
pub mod mutant;

mod election;
mod event;
mod log_summary;
mod lost_majority;
pub mod properties;
mod replication;
mod requests;
mod snapshots;
mod state;
mod step;
pub mod trace;
mod voters;

pub use event::{
    Answer, Batch, BeginQuorumEpoch, Chunk, Diverging, Effect, EndQuorumEpoch, Error, Event, Fetch,
    FetchAnswer, FetchSnapshot, NewBatch, Payload, ReadFrom, Refusal, Request, Response,
    SnapshotAnswer, Timer, Vote, VoteAnswer, VoterChange,
};
pub use log_summary::{EpochStart, LogSummary, begins_after};
pub use lost_majority::{
    Answering, Recovery, RecoveryError, answering, count_compared, heard, holds_as_much,
    is_interrupted, is_whole, lives_on, loses_nothing, recover, replaces_log,
};
pub use replication::{Fetched, fetched};
#[cfg(feature = "model")]
pub(crate) use requests::asked_the_same;
pub use requests::requests;
pub use snapshots::snapshot_id;
pub use state::{
    Config, ConfigError, Contact, Download, ElectionState, Progress, Restored, Role, State,
    Timeouts,
};
pub use step::{start, step};
pub use voters::{VoterChangeError, VoterSet, VotersAt, changed_voters, may_upgrade};

#[cfg(test)]
mod tests;
