//! What was sent, as the senders' traces tell: for every message that is received, another node's line.

use std::collections::{HashMap, HashSet};

use kraftig_spec::quorum::properties::Entry;
use kraftig_spec::quorum::{
    Answer, Batch, Effect, Error, Fetch, FetchAnswer, Payload, ReadFrom, Request, Response,
    VoterSet,
};
use kraftig_spec::types::{Epoch, NodeId, Offset};

use crate::disk::Content;

/// A request on its way: from, to, and what it asks.
type Key = (NodeId, NodeId, Request);

#[derive(Default)]
pub(super) struct Messages {
    sent: HashSet<Key>,
    /// Each answer that was given and not received yet.
    given: HashMap<Key, Vec<Given>>,
    /// The control records that leaders made, by their epochs and offsets.
    control: HashMap<(Epoch, Offset), Control>,
    pub(super) received: u64,
}

struct Given {
    response: Response<ReadFrom>,
    /// What the log held where the answer says that it is to be read.
    log: Vec<Entry<Content>>,
}

struct Control {
    value: Content,
    /// Who opens an epoch with it.
    leader: Option<NodeId>,
    voters: Option<VoterSet>,
    /// The CRC of its batch, once somebody fetched it: the leader's own trace does not tell.
    crc: Option<u32>,
}

/// Who asks.
fn sender(request: &Request) -> NodeId {
    match request {
        Request::Vote(vote) => vote.candidate.id,
        Request::BeginQuorumEpoch(begin) => begin.leader,
        Request::EndQuorumEpoch(end) => end.leader,
        Request::Fetch(fetch) => fetch.replica.id,
        Request::FetchSnapshot(fetch) => fetch.replica.id,
    }
}

/// Stands for all whom a node knows by their addresses only (`controller.quorum.bootstrap.servers`).
const ANYBODY: NodeId = NodeId(-1);

/// Whom a request is for, as far as its sender knows.
fn known(to: NodeId) -> NodeId {
    if to < ANYBODY { ANYBODY } else { to }
}

/// The request as it was sent: whether a fetch may be parked is the receiver's to change.
fn as_sent(request: &Request) -> Request {
    match request {
        Request::Fetch(fetch) => Request::Fetch(Fetch { may_park: true, ..fetch.clone() }),
        other => other.clone(),
    }
}

/// The answer that the core gave as the driver sent it: it reads the chunk of a snapshot, or finds that there is none.
fn with_chunk(given: &Response<ReadFrom>, sent: &Response<Vec<Batch<u32>>>) -> Response<ReadFrom> {
    let mut read = given.clone();
    if let (Error::None, Answer::FetchSnapshot(read), Answer::FetchSnapshot(sent)) =
        (given.error, &mut read.answer, &sent.answer)
    {
        read.chunk = sent.chunk;
        // They stand in the snapshot. Whether they are right is seen when it takes the log's place.
        read.voters.clone_from(&sent.voters);
    }
    let none = matches!(sent.error, Error::SnapshotNotFound | Error::PositionOutOfRange);
    if given.error == Error::None && none && matches!(given.answer, Answer::FetchSnapshot(_)) {
        read.error = sent.error;
    }
    read
}

impl Messages {
    /// `from` has this to say now.
    pub(super) fn say(&mut self, from: NodeId, to: NodeId, request: &Request) {
        self.sent.insert((from, known(to), as_sent(request)));
    }

    pub(super) fn was_sent(&self, to: NodeId, request: &Request) -> Result<(), String> {
        let key = (sender(request), to, as_sent(request));
        let somewhere = (key.0, ANYBODY, key.2.clone());
        if self.sent.contains(&key) || self.sent.contains(&somewhere) {
            return Ok(());
        }
        Err(format!("received {request:?}, which node {} had not sent", key.0))
    }

    /// `by` answers a request; `log` is what its log holds.
    pub(super) fn give(
        &mut self,
        by: NodeId,
        request: &Request,
        response: &Response<ReadFrom>,
        log: &[Entry<Content>],
    ) {
        let read = match &response.answer {
            Answer::Fetch(FetchAnswer { records: Some(read), .. }) => *read,
            _ => ReadFrom { offset: Offset::ZERO, end: Offset::ZERO },
        };
        let log = log.iter().filter(|entry| entry.end > read.offset && entry.end <= read.end);
        let given = Given { response: response.clone(), log: log.cloned().collect() };
        self.given.entry((sender(request), by, as_sent(request))).or_default().push(given);
    }

    pub(super) fn was_given(
        &self,
        to: NodeId,
        by: NodeId,
        request: &Request,
        response: &Response<Vec<Batch<u32>>>,
    ) -> Result<(), String> {
        match self.find(to, by, request, response) {
            Some(_) => Ok(()),
            None => Err(format!("received {response:?}, which node {by} had not answered")),
        }
    }

    /// Takes an answer out: each is received once.
    pub(super) fn receive(
        &mut self,
        to: NodeId,
        by: NodeId,
        request: &Request,
        response: &Response<Vec<Batch<u32>>>,
    ) {
        let Some((giver, index)) = self.find(to, by, request, response) else { return };
        self.received += 1;
        // Who listens at an address is open, so what came from there is left for whom it may have been meant.
        let sure = known(by) != ANYBODY;
        if sure && let Some(given) = self.given.get_mut(&(to, giver, as_sent(request))) {
            given.remove(index);
        }
        let Answer::Fetch(FetchAnswer { records: Some(batches), .. }) = &response.answer else {
            return;
        };
        for batch in batches {
            if let Some(control) = self.control.get_mut(&(batch.epoch, batch.base_offset)) {
                control.crc = Some(batch.payload);
            }
        }
    }

    fn find(
        &self,
        to: NodeId,
        by: NodeId,
        request: &Request,
        response: &Response<Vec<Batch<u32>>>,
    ) -> Option<(NodeId, usize)> {
        let request = as_sent(request);
        let is_of = |by: NodeId, given: &[Given]| {
            given.iter().position(|given| self.is(given, response)).map(|index| (by, index))
        };
        if known(by) != ANYBODY {
            return is_of(by, self.given.get(&(to, by, request))?);
        }
        // It came from an address; whoever listens there gave it.
        let of = |key: &Key| key.0 == to && key.2 == request;
        self.given.iter().filter(|(key, _)| of(key)).find_map(|(key, given)| is_of(key.1, given))
    }

    /// Whether an answer is that which was given, with some of what the log held, from its beginning on.
    fn is(&self, given: &Given, response: &Response<Vec<Batch<u32>>>) -> bool {
        let read = with_chunk(&given.response, response);
        if read.map(|_| ()) != response.map(|_| ()) {
            return false;
        }
        let (
            Answer::Fetch(FetchAnswer { records: Some(read), .. }),
            Answer::Fetch(FetchAnswer { records: Some(batches), .. }),
        ) = (&given.response.answer, &response.answer)
        else {
            return true;
        };
        let mut base = read.offset;
        let fits = batches.len() <= given.log.len()
            && batches.iter().zip(&given.log).all(|(batch, entry)| {
                let fits = batch.base_offset == base
                    && batch.end() == entry.end
                    && batch.epoch == entry.epoch
                    && self.holds(batch, &entry.value);
                base = entry.end;
                fits
            });
        fits && !batches.is_empty()
    }

    fn holds(&self, batch: &Batch<u32>, value: &Content) -> bool {
        match value {
            Content::Records(crc) => batch.payload == *crc && batch.voters.is_none(),
            Content::LeaderChange(_) | Content::Voters(_) => {
                let control = self.control.get(&(batch.epoch, batch.base_offset));
                control.is_some_and(|control| {
                    control.voters == batch.voters
                        && control.crc.is_none_or(|crc| crc == batch.payload)
                })
            }
            Content::Unknown => false,
        }
    }

    /// Notes the control records that a leader makes.
    pub(super) fn note_control(&mut self, effect: &Effect<u32>) {
        let Effect::Append { batches } = effect else { return };
        for batch in batches {
            let (value, leader) = match &batch.payload {
                Payload::LeaderChange { leader, voters, .. } => {
                    (Content::LeaderChange(voters.clone()), Some(*leader))
                }
                Payload::Voters | Payload::Upgrade => {
                    (Content::Voters(batch.voters.clone().unwrap_or_default()), None)
                }
                Payload::Records(_) => continue,
            };
            let control = Control { value, leader, voters: batch.voters.clone(), crc: None };
            self.control.insert((batch.epoch, batch.base_offset), control);
        }
    }

    /// What is known of a follower's batch beside its CRC: what its leader made of it.
    pub(super) fn know(&self, base: Offset, entry: &mut Entry<Content>) {
        if let Content::Records(crc) = entry.value
            && let Some(control) = self.control.get(&(entry.epoch, base))
            && control.crc == Some(crc)
        {
            entry.value = control.value.clone();
            entry.leader = control.leader;
        }
    }
}
