//! What a running node writes down of its quorum core, so that every step of it can be done again.
//!
//! A trace is a text file, one JSON object a line. Each start of the node begins with `start`; then
//! each event stands before the step that it causes, and each effect before it is carried out. A
//! completion ([`super::Event::Flushed`]) is written where the system call has returned. So whatever
//! a crash leaves on the disk was asked for by a line of the trace. The last line may be torn.

use serde::{Deserialize, Serialize};

use super::event::{Answer, Batch, Effect, Event, FetchAnswer, NewBatch, Payload, Response};
use super::state::{Config, Restored};

/// One line. `D` is a digest that stands for a batch's content: in the server its CRC-32C, which
/// covers neither its offset nor its epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase")]
pub enum TraceRecord<D> {
    /// The node starts with what it found.
    Start {
        /// Who it is.
        config: Config,
        /// What its disk held.
        restored: Restored,
    },
    /// Something reaches it.
    Event(Event<D>),
    /// It is about to do something.
    Effect(Effect<D>),
}

impl<P> Event<P> {
    /// The same event with other payloads.
    pub fn map<Q>(&self, digest: impl Fn(&P) -> Q) -> Event<Q> {
        match self {
            Self::TimerFired { timer } => Event::TimerFired { timer: *timer },
            Self::Requested { request } => Event::Requested { request: request.clone() },
            Self::Answered { from, request, response } => Event::Answered {
                from: *from,
                request: request.clone(),
                response: response
                    .map(|batches| batches.iter().map(|batch| batch.map(&digest)).collect()),
            },
            Self::Append { epoch, batches } => {
                let digested = |batch: &NewBatch<P>| NewBatch {
                    records: batch.records,
                    payload: digest(&batch.payload),
                };
                Event::Append { epoch: *epoch, batches: batches.iter().map(digested).collect() }
            }
            Self::Flushed { end } => Event::Flushed { end: *end },
            Self::ChangeVoters { change } => Event::ChangeVoters { change: *change },
            Self::UpgradeVoters { voters } => Event::UpgradeVoters { voters: voters.clone() },
            Self::SnapshotTaken { snapshot } => Event::SnapshotTaken { snapshot: *snapshot },
            Self::Clean { to } => Event::Clean { to: *to },
            Self::Resign => Event::Resign,
            Self::DiskFull { full } => Event::DiskFull { full: *full },
            Self::Unreachable { node } => Event::Unreachable { node: *node },
        }
    }
}

impl<P> Effect<P> {
    /// The same effect with other payloads.
    pub fn map<Q>(&self, digest: impl Fn(&P) -> Q) -> Effect<Q> {
        match self {
            Self::Append { batches } => {
                let digested = |batch: &Batch<Payload<P>>| {
                    batch.map(|payload| match payload {
                        Payload::LeaderChange { leader, voters, granting } => {
                            Payload::LeaderChange {
                                leader: *leader,
                                voters: voters.clone(),
                                granting: granting.clone(),
                            }
                        }
                        Payload::Voters => Payload::Voters,
                        Payload::Upgrade => Payload::Upgrade,
                        Payload::Records(payload) => Payload::Records(digest(payload)),
                    })
                };
                Effect::Append { batches: batches.iter().map(digested).collect() }
            }
            Self::WriteElectionState { state } => Effect::WriteElectionState { state: *state },
            Self::Truncate { to } => Effect::Truncate { to: *to },
            Self::KeepChunk { snapshot, position } => {
                Effect::KeepChunk { snapshot: *snapshot, position: *position }
            }
            Self::InstallSnapshot { snapshot } => Effect::InstallSnapshot { snapshot: *snapshot },
            Self::ReplaceLog { snapshot } => Effect::ReplaceLog { snapshot: *snapshot },
            Self::CleanLog { to } => Effect::CleanLog { to: *to },
            Self::RefuseVoters { error } => Effect::RefuseVoters { error: *error },
            Self::Flush => Effect::Flush,
            Self::SetTimer { timer, min_ms, max_ms } => {
                Effect::SetTimer { timer: *timer, min_ms: *min_ms, max_ms: *max_ms }
            }
            Self::CancelTimer { timer } => Effect::CancelTimer { timer: *timer },
            Self::BecameLeader { epoch, epoch_start } => {
                Effect::BecameLeader { epoch: *epoch, epoch_start: *epoch_start }
            }
            Self::LostLeader { epoch } => Effect::LostLeader { epoch: *epoch },
            Self::AdvanceHighWatermark { to } => Effect::AdvanceHighWatermark { to: *to },
            Self::WakeParked => Effect::WakeParked,
            Self::Respond { response } => Effect::Respond { response: response.clone() },
            Self::Park => Effect::Park,
            Self::Refuse { refusal } => Effect::Refuse { refusal: *refusal },
        }
    }
}

impl<P> Batch<P> {
    fn map<Q>(&self, digest: impl Fn(&P) -> Q) -> Batch<Q> {
        Batch {
            base_offset: self.base_offset,
            records: self.records,
            epoch: self.epoch,
            payload: digest(&self.payload),
            voters: self.voters.clone(),
        }
    }
}

impl<R> Response<R> {
    /// The same answer with other records.
    pub fn map<Q>(&self, records: impl FnOnce(&R) -> Q) -> Response<Q> {
        let answer = match &self.answer {
            Answer::Vote(answer) => Answer::Vote(*answer),
            Answer::BeginQuorumEpoch => Answer::BeginQuorumEpoch,
            Answer::EndQuorumEpoch => Answer::EndQuorumEpoch,
            Answer::Fetch(answer) => Answer::Fetch(FetchAnswer {
                high_watermark: answer.high_watermark,
                diverging: answer.diverging,
                snapshot: answer.snapshot,
                records: answer.records.as_ref().map(records),
            }),
            Answer::FetchSnapshot(answer) => Answer::FetchSnapshot(answer.clone()),
        };
        Response { epoch: self.epoch, leader: self.leader, error: self.error, answer }
    }
}
