//! Messages that are under way, and their bits.

use super::pack::{Bits, Renaming};
use super::world::{OPENS, VOTERS, Value, generation, named_by, naming, replica};
use crate::quorum::{
    Answer, Batch, BeginQuorumEpoch, Chunk, Diverging, EndQuorumEpoch, Error, Fetch, FetchAnswer,
    FetchSnapshot, Request, Response, SnapshotAnswer, Vote, VoteAnswer,
};
use crate::types::{Epoch, NodeId, Offset, SnapshotId};

/// An answer with the entries that it brings.
pub type Brought = Response<Vec<Batch<Value>>>;

/// A request on its way, or the answer to it on its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who asks.
    pub from: NodeId,
    /// Who is asked.
    pub to: NodeId,
    /// What.
    pub request: Request,
    /// The answer; `None` while the request travels.
    pub answer: Option<Brought>,
}

/// The request's name in Kafka.
pub(super) fn kind(request: &Request) -> &'static str {
    match request {
        Request::Vote(Vote { pre_vote: true, .. }) => "PreVote",
        Request::Vote(_) => "Vote",
        Request::BeginQuorumEpoch(_) => "BeginQuorumEpoch",
        Request::EndQuorumEpoch(_) => "EndQuorumEpoch",
        Request::Fetch(_) => "Fetch",
        Request::FetchSnapshot(_) => "FetchSnapshot",
    }
}

const ERRORS: [Error; 8] = [
    Error::None,
    Error::NotLeaderOrFollower,
    Error::InvalidRequest,
    Error::FencedLeaderEpoch,
    Error::UnknownLeaderEpoch,
    Error::InvalidVoterKey,
    Error::SnapshotNotFound,
    Error::PositionOutOfRange,
];

/// What entries may take of the longest message, an answer to a fetch, in bits.
pub(super) const MOST_BITS: u32 = 128 - 58;
/// One of them. Where voters change it takes one more,
pub(super) const ENTRY_BITS: u32 = NUMBER + 1 + CONTENT;
/// and one that names voters so many.
pub(super) const NAMING: u32 = NUMBER + 1 + 2 * NAMED;
/// The most entries that an answer has room for where they do not change.
pub(super) const MOST_ENTRIES: u32 = MOST_BITS / ENTRY_BITS;

// Widths of fields in bits.
const ID: u32 = 3;
const KIND: u32 = 3;
const NUMBER: u32 = 4;
const ERROR: u32 = 3;
const CONTENT: u32 = 3;
const GENERATION: u32 = 2;
/// Of so many nodes a message can say which of them vote.
pub(super) const NAMED: u32 = 3;

fn put_snapshot(to: &mut Bits<2>, snapshot: SnapshotId) {
    to.put(snapshot.end.0 as u64, NUMBER);
    to.put(snapshot.epoch.0 as u64, NUMBER);
}

fn snapshot(bits: &mut Bits<2>) -> SnapshotId {
    SnapshotId { end: Offset(bits.get(NUMBER) as i64), epoch: Epoch(bits.get(NUMBER) as i32) }
}

/// On which directory the sender runs, and for which the message is, as far as it says; 0 for none.
fn generations(request: &Request) -> (u8, u8) {
    match request {
        Request::Vote(Vote { candidate, voter, .. }) => {
            (generation(*candidate), generation(*voter))
        }
        Request::BeginQuorumEpoch(BeginQuorumEpoch { voter, .. }) => (0, generation(*voter)),
        Request::EndQuorumEpoch(_) => (0, 0),
        Request::Fetch(Fetch { replica, .. })
        | Request::FetchSnapshot(FetchSnapshot { replica, .. }) => (generation(*replica), 0),
    }
}

fn put_voters(to: &mut Bits<2>, names: &Renaming<'_>, value: Value) {
    to.put(names.voters(NAMED as usize, value), 2 * NAMED);
}

fn voters(bits: &mut Bits<2>) -> Value {
    VOTERS | bits.get(2 * NAMED) as Value
}

fn end(end: Option<Offset>) -> u64 {
    end.map_or(0, |end| end.0 as u64)
}

impl Message {
    /// The values that it carries.
    pub(super) fn values(&self) -> impl Iterator<Item = Value> {
        let records = match &self.answer {
            Some(Response { answer: Answer::Fetch(fetch), .. }) => fetch.records.as_deref(),
            _ => None,
        };
        let payloads = records.unwrap_or_default().iter().map(|batch| batch.payload);
        payloads.filter(|payload| *payload < OPENS)
    }

    pub(super) fn pack(&self, names: &mut Renaming<'_>) -> u128 {
        let mut to = Bits::<2>::default();
        to.put(names.node(Some(self.from)), ID);
        to.put(names.node(Some(self.to)), ID);
        let (sender, receiver) = generations(&self.request);
        to.put(u64::from(sender), GENERATION);
        to.put(u64::from(receiver), GENERATION);
        match &self.request {
            Request::Vote(Vote { pre_vote, epoch, last_epoch, last_end, .. }) => {
                to.put(0, KIND);
                to.put(u64::from(*pre_vote), 1);
                to.put(epoch.0 as u64, NUMBER);
                to.put(last_epoch.0 as u64, NUMBER);
                to.put(last_end.0 as u64, NUMBER);
            }
            Request::BeginQuorumEpoch(BeginQuorumEpoch { epoch, .. }) => {
                to.put(1, KIND);
                to.put(epoch.0 as u64, NUMBER);
            }
            // Whom it names as successors only paces them, and the model's nodes do not remember.
            Request::EndQuorumEpoch(EndQuorumEpoch { epoch, .. }) => {
                to.put(3, KIND);
                to.put(epoch.0 as u64, NUMBER);
            }
            Request::Fetch(Fetch { epoch, offset, last_fetched_epoch, high_watermark, .. }) => {
                to.put(2, KIND);
                to.put(epoch.0 as u64, NUMBER);
                to.put(offset.0 as u64, NUMBER);
                to.put(last_fetched_epoch.0 as u64, NUMBER);
                to.put(high_watermark.0 as u64, NUMBER);
            }
            Request::FetchSnapshot(FetchSnapshot { epoch, snapshot, position, .. }) => {
                to.put(4, KIND);
                to.put(epoch.0 as u64, NUMBER);
                put_snapshot(&mut to, *snapshot);
                to.put(*position as u64, NUMBER);
            }
        }
        to.put(u64::from(self.answer.is_some()), 1);
        if let Some(Response { epoch, leader, error, answer }) = &self.answer {
            to.put(epoch.0 as u64, NUMBER);
            to.put(names.node(*leader), ID);
            let error = ERRORS.iter().position(|known| known == error);
            to.put(error.expect("all errors are listed") as u64, ERROR);
            match answer {
                Answer::Vote(VoteAnswer { granted }) => to.put(u64::from(*granted), 1),
                Answer::BeginQuorumEpoch | Answer::EndQuorumEpoch => {}
                Answer::FetchSnapshot(SnapshotAnswer { voters, chunk, .. }) => {
                    to.put(u64::from(voters.is_some()), 1);
                    if let Some(voters) = voters {
                        put_voters(&mut to, names, naming(voters));
                    }
                    to.put(u64::from(chunk.is_some()), 1);
                    if let Some(chunk) = chunk {
                        to.put(chunk.size as u64, NUMBER);
                        to.put(chunk.bytes as u64, NUMBER);
                    }
                }
                Answer::Fetch(FetchAnswer { high_watermark, diverging, snapshot, records }) => {
                    to.put(end(*high_watermark), NUMBER);
                    to.put(u64::from(diverging.is_some()), 1);
                    if let Some(diverging) = diverging {
                        to.put(diverging.epoch.0 as u64, NUMBER);
                        to.put(diverging.end.0 as u64, NUMBER);
                    }
                    to.put(u64::from(snapshot.is_some()), 1);
                    if let Some(snapshot) = snapshot {
                        put_snapshot(&mut to, *snapshot);
                    }
                    let records = records.as_deref().unwrap_or_default();
                    to.put(records.len() as u64, NUMBER);
                    for batch in records {
                        to.put(batch.epoch.0 as u64, NUMBER);
                        if sender > 0 {
                            to.put(u64::from(batch.voters.is_some()), 1);
                        }
                        if batch.voters.is_some() {
                            put_voters(&mut to, names, batch.payload);
                            continue;
                        }
                        let opens = batch.payload >= OPENS;
                        to.put(u64::from(opens), 1);
                        let content = if opens {
                            names.node(Some(NodeId(i32::from(batch.payload - OPENS))))
                        } else {
                            names.value(batch.payload)
                        };
                        to.put(content, CONTENT);
                    }
                }
            }
        }
        let [low, high] = to.words();
        u128::from(high) << 64 | u128::from(low)
    }

    pub(super) fn unpack(bits: u128) -> Self {
        let mut bits = Bits::of([bits as u64, (bits >> 64) as u64]);
        let id = |bits: &mut Bits<2>| NodeId(bits.get(ID) as i32);
        let epoch = |bits: &mut Bits<2>| Epoch(bits.get(NUMBER) as i32);
        let offset = |bits: &mut Bits<2>| Offset(bits.get(NUMBER) as i64);
        let some = |offset: Offset| (offset > Offset::ZERO).then_some(offset);
        let (from, to) = (id(&mut bits), id(&mut bits));
        let (sender, receiver) = (bits.get(GENERATION) as u8, bits.get(GENERATION) as u8);
        let asker = replica(from.0 as u8 - 1, sender);
        let voter = replica(to.0 as u8 - 1, receiver);
        let request = match bits.get(KIND) {
            0 => Request::Vote(Vote {
                pre_vote: bits.get(1) == 1,
                epoch: epoch(&mut bits),
                candidate: asker,
                voter,
                last_epoch: epoch(&mut bits),
                last_end: offset(&mut bits),
            }),
            1 => Request::BeginQuorumEpoch(BeginQuorumEpoch {
                epoch: epoch(&mut bits),
                leader: from,
                voter,
            }),
            3 => Request::EndQuorumEpoch(EndQuorumEpoch {
                epoch: epoch(&mut bits),
                leader: from,
                successors: Vec::new(),
            }),
            4 => Request::FetchSnapshot(FetchSnapshot {
                epoch: epoch(&mut bits),
                replica: asker,
                snapshot: snapshot(&mut bits),
                position: bits.get(NUMBER) as i64,
            }),
            _ => Request::Fetch(Fetch {
                epoch: epoch(&mut bits),
                replica: asker,
                offset: offset(&mut bits),
                last_fetched_epoch: epoch(&mut bits),
                high_watermark: offset(&mut bits),
                may_park: false,
            }),
        };
        let answer = (bits.get(1) == 1).then(|| Response {
            epoch: epoch(&mut bits),
            leader: Some(id(&mut bits)).filter(|leader| leader.0 > 0),
            error: ERRORS[bits.get(ERROR) as usize],
            answer: match &request {
                Request::Vote(_) => Answer::Vote(VoteAnswer { granted: bits.get(1) == 1 }),
                Request::BeginQuorumEpoch(_) => Answer::BeginQuorumEpoch,
                Request::EndQuorumEpoch(_) => Answer::EndQuorumEpoch,
                Request::FetchSnapshot(FetchSnapshot { snapshot, position, .. }) => {
                    Answer::FetchSnapshot(SnapshotAnswer {
                        snapshot: *snapshot,
                        position: *position,
                        voters: (bits.get(1) == 1).then(|| named_by(voters(&mut bits))).flatten(),
                        chunk: (bits.get(1) == 1).then(|| Chunk {
                            size: bits.get(NUMBER) as i64,
                            bytes: bits.get(NUMBER) as i64,
                        }),
                    })
                }
                Request::Fetch(fetch) => Answer::Fetch(FetchAnswer {
                    high_watermark: some(offset(&mut bits)),
                    diverging: (bits.get(1) == 1)
                        .then(|| Diverging { epoch: epoch(&mut bits), end: offset(&mut bits) }),
                    snapshot: (bits.get(1) == 1).then(|| snapshot(&mut bits)),
                    records: records(&mut bits, fetch),
                }),
            },
        });
        Self { from, to, request, answer }
    }
}

fn records(bits: &mut Bits<2>, fetch: &Fetch) -> Option<Vec<Batch<Value>>> {
    let (from, dynamic) = (fetch.offset, generation(fetch.replica) > 0);
    let count = bits.get(NUMBER) as i64;
    let batch = |place| {
        let epoch = Epoch(bits.get(NUMBER) as i32);
        let names = dynamic && bits.get(1) == 1;
        let payload = if names {
            voters(bits)
        } else {
            bits.get(1) as Value * OPENS + bits.get(CONTENT) as Value
        };
        let voters = named_by(payload);
        Batch { base_offset: from.plus(place), records: 1, epoch, payload, voters }
    };
    (count > 0).then(|| (0..count).map(batch).collect())
}
