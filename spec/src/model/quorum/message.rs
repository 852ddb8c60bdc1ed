//! Messages that are under way, and their bits.

use super::pack::{Bits, Renaming};
use super::world::{OPENS, Value};
use crate::quorum::{
    Answer, Batch, BeginQuorumEpoch, Chunk, Diverging, EndQuorumEpoch, Error, Fetch, FetchAnswer,
    FetchSnapshot, Request, Response, SnapshotAnswer, Vote, VoteAnswer,
};
use crate::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId};

/// The most entries that an answer has room for.
pub(super) const MOST_ENTRIES: u32 = 9;

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

// Widths of fields in bits. The longest message, an answer to a fetch, has 54 and 8 for each entry.
const ID: u32 = 3;
const KIND: u32 = 3;
const NUMBER: u32 = 4;
const ERROR: u32 = 3;
const CONTENT: u32 = 3;

fn put_snapshot(to: &mut Bits<2>, snapshot: SnapshotId) {
    to.put(snapshot.end.0 as u64, NUMBER);
    to.put(snapshot.epoch.0 as u64, NUMBER);
}

fn snapshot(bits: &mut Bits<2>) -> SnapshotId {
    SnapshotId { end: Offset(bits.get(NUMBER) as i64), epoch: Epoch(bits.get(NUMBER) as i32) }
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
                Answer::FetchSnapshot(SnapshotAnswer { chunk, .. }) => {
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
        let key = |id| ReplicaKey { id, directory: DirectoryId::ABSENT };
        let id = |bits: &mut Bits<2>| NodeId(bits.get(ID) as i32);
        let epoch = |bits: &mut Bits<2>| Epoch(bits.get(NUMBER) as i32);
        let offset = |bits: &mut Bits<2>| Offset(bits.get(NUMBER) as i64);
        let some = |offset: Offset| (offset > Offset::ZERO).then_some(offset);
        let (from, to) = (id(&mut bits), id(&mut bits));
        let request = match bits.get(KIND) {
            0 => Request::Vote(Vote {
                pre_vote: bits.get(1) == 1,
                epoch: epoch(&mut bits),
                candidate: key(from),
                voter: key(to),
                last_epoch: epoch(&mut bits),
                last_end: offset(&mut bits),
            }),
            1 => Request::BeginQuorumEpoch(BeginQuorumEpoch {
                epoch: epoch(&mut bits),
                leader: from,
                voter: key(to),
            }),
            3 => Request::EndQuorumEpoch(EndQuorumEpoch {
                epoch: epoch(&mut bits),
                leader: from,
                successors: Vec::new(),
            }),
            4 => Request::FetchSnapshot(FetchSnapshot {
                epoch: epoch(&mut bits),
                replica: key(from),
                snapshot: snapshot(&mut bits),
                position: bits.get(NUMBER) as i64,
            }),
            _ => Request::Fetch(Fetch {
                epoch: epoch(&mut bits),
                replica: key(from),
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
                        voters: None,
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
                    records: records(&mut bits, fetch.offset),
                }),
            },
        });
        Self { from, to, request, answer }
    }
}

fn records(bits: &mut Bits<2>, from: Offset) -> Option<Vec<Batch<Value>>> {
    let count = bits.get(NUMBER) as i64;
    let batch = |place| {
        let epoch = Epoch(bits.get(NUMBER) as i32);
        let opens = bits.get(1) as Value * OPENS;
        let payload = opens + bits.get(CONTENT) as Value;
        Batch { base_offset: from.plus(place), records: 1, epoch, payload, voters: None }
    };
    (count > 0).then(|| (0..count).map(batch).collect())
}
