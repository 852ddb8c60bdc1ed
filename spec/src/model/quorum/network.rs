//! How messages travel: as whole RPCs, through slots, or out of a set that never forgets.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::action::{Action, Cut, Leg, Rpc};
use super::draft::Draft;
use super::message::{Brought, Message, kind};
use super::world::{Next, World, batches, index};
use crate::quorum::properties::{self, Property};
use crate::quorum::{
    Answer, Chunk, Error, Event, Request, Response, Role, State, Vote, VoteAnswer, asked_the_same,
    requests,
};
use crate::types::NodeId;

/// The chunks of a snapshot.
const CHUNKS: i64 = 2;

/// How messages travel. The first form is the one that is searched far; the others are literal, cost much
/// more, and are there to show that the first loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// A request acts, and its answer arrives or is lost, in one action. Nothing is ever under way.
    Rpc,
    /// For each ordered pair of nodes a slot with one RPC: its request, then its answer, which may be lost
    /// at any time. When the asking node has something else to say, or crashes, its RPC is gone.
    Slots,
    /// The same, but an RPC is gone only when it is lost or its asker crashes: requests and answers
    /// arrive late too.
    LateSlots,
    /// A node sends what it has to say at once. All that was ever sent may arrive at any time and any
    /// number of times, an answer when the node has its request to say. Left out is what can never change
    /// anything again.
    Set,
    /// The same, and nothing is left out.
    WholeSet,
}

impl Network {
    /// All, in the order in which lists name them.
    pub const ALL: [Self; 5] = [Self::Rpc, Self::Slots, Self::LateSlots, Self::Set, Self::WholeSet];

    /// Its name in commands and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Slots => "slots",
            Self::LateSlots => "late-slots",
            Self::Set => "set",
            Self::WholeSet => "whole-set",
        }
    }

    /// Whether what has arrived may arrive again.
    pub(super) fn remembers(self) -> bool {
        matches!(self, Self::Set | Self::WholeSet)
    }
}

/// Whether a node still has this to say.
fn asks(state: &State, to: NodeId, request: &Request) -> bool {
    requests(state).iter().any(|(whom, asked)| *whom == to && asked_the_same(asked, request))
}

impl World {
    fn state(&self, node: NodeId) -> &State {
        &self.nodes[index(node)].state
    }

    /// The same nodes, with nothing under way: what the other forms are compared by.
    #[must_use]
    pub fn without_messages(mut self) -> Self {
        for node in &mut self.nodes {
            if node.promised {
                Rc::make_mut(node).promised = false;
            }
        }
        Self { network: Network::Rpc, messages: Vec::new(), ..self }
    }

    /// Sends and leaves out what is sent and left out by itself.
    pub(super) fn settle(&mut self) {
        if self.network.remembers() {
            for node in 0..self.nodes.len() {
                let from = self.nodes[node].id();
                for (to, request) in requests(&self.nodes[node].state) {
                    self.send(Message { from, to, request, answer: None });
                }
            }
        }
        let mut messages = std::mem::take(&mut self.messages);
        match self.network {
            Network::Slots => messages
                .retain(|message| asks(self.state(message.from), message.to, &message.request)),
            Network::Set => messages.retain(|message| match &message.answer {
                None => self.request_matters(message),
                Some(answer) => self.answer_matters(message, answer),
            }),
            Network::Rpc | Network::LateSlots | Network::WholeSet => {}
        }
        self.messages = messages;
    }

    fn send(&mut self, message: Message) {
        if !self.messages.iter().any(|known| **known == message) {
            self.messages.push(Rc::new(message));
        }
    }

    /// Drops a message that has arrived or is lost, unless the network sends it again.
    fn forget(&mut self, message: &Message) {
        if !self.network.remembers() {
            self.messages.retain(|known| **known != *message);
        }
    }

    /// Connections die with the process that opened them.
    pub(super) fn disconnect(&mut self, node: NodeId) {
        if !self.network.remembers() {
            self.messages.retain(|message| message.from != node);
        }
    }

    /// A request that its sender has still to say matters always. A late one does not where it changes
    /// nothing for ever: epochs never fall, and within an epoch a vote is given once, a leader is known
    /// once, and nobody leads again.
    fn request_matters(&self, Message { from, to, request, .. }: &Message) -> bool {
        let receiver = self.state(*to);
        let election = receiver.election;
        let acts = || match request {
            _ if request.epoch() != election.epoch => request.epoch() > election.epoch,
            Request::Vote(Vote { pre_vote, .. }) => {
                !pre_vote && election.voted.is_none() && election.leader.is_none()
            }
            Request::BeginQuorumEpoch(_) | Request::EndQuorumEpoch(_) => election.leader.is_none(),
            Request::Fetch(_) | Request::FetchSnapshot(_) => receiver.is_leader(),
        };
        acts() || asks(self.state(*from), *to, request)
    }

    /// An answer matters while its request can be asked again, which takes a node that has kept its part in
    /// that epoch; and if it tells anything then.
    fn answer_matters(&self, Message { from, request, .. }: &Message, answer: &Brought) -> bool {
        let asker = self.state(*from);
        let election = asker.election;
        let tells = match (&asker.role, request, &answer.answer) {
            (
                Role::Prospective { .. } | Role::Candidate { .. },
                Request::Vote(_),
                Answer::Vote(answer),
            ) => {
                // A prospective node that is refused may give up; it may do so by its timer just as well.
                answer.granted
            }
            (Role::Leader { .. }, Request::BeginQuorumEpoch(_), _)
            | (Role::Resigned { .. }, Request::EndQuorumEpoch(_), _) => false,
            (Role::Follower { .. }, Request::Fetch(fetch), Answer::Fetch(found)) => {
                found.diverging.is_some()
                    || found.snapshot.is_some()
                    || found.records.is_some()
                    || found.high_watermark > Some(fetch.high_watermark)
            }
            (Role::Follower { .. }, Request::FetchSnapshot(_), Answer::FetchSnapshot(_)) => true,
            _ => return false,
        };
        let names_leader = answer.leader.is_some() && election.leader.is_none();
        request.epoch() == election.epoch
            && (answer.epoch > election.epoch
                || answer.epoch == election.epoch && (names_leader || tells))
    }
}

impl Next<'_> {
    /// What can be done about that which `from` has to say to another node now.
    pub(super) fn requests(&mut self, from: usize, other: usize) {
        let id = self.world.nodes[from].id();
        let state = &self.world.nodes[from].state;
        let said = requests(state).into_iter().filter(|(to, _)| index(*to) == other);
        for (to, request) in said {
            if self.world.are_parted(from, index(to)) {
                continue;
            }
            if !properties::epoch_is_not_invented(state, &request) {
                let mut draft = Draft::of(self.world);
                draft.violations |= Property::EpochNotInvented.bit();
                let message = Message { from: id, to, request: request.clone(), answer: None };
                self.keep(draft, Action::Send(leg(&message)));
            }
            match self.world.network {
                Network::Rpc => self.rpc(from, index(to), &request),
                Network::Slots | Network::LateSlots => {
                    let mut messages = self.world.messages.iter();
                    if !messages.any(|message| message.from == id && message.to == to) {
                        let message = Message { from: id, to, request, answer: None };
                        let action = Action::Send(leg(&message));
                        let mut draft = Draft::of(self.world);
                        draft.world.send(message);
                        self.keep(draft, action);
                    }
                }
                // It was sent at once.
                Network::Set | Network::WholeSet => {}
            }
        }
    }

    /// What the messages under way can do.
    pub(super) fn messages(&mut self) {
        for message in &self.world.messages {
            match &message.answer {
                None => self.receive(message),
                Some(answer) => self.arrive(message, answer),
            }
            if !self.world.network.remembers() {
                let mut lost = Draft::of(self.world);
                lost.world.forget(message);
                self.keep(lost, Action::Lose(leg(message)));
            }
        }
    }

    /// A request reaches its receiver.
    fn receive(&mut self, message: &Message) {
        let network = self.world.network;
        let to = index(message.to);
        let asked = Event::Requested { request: message.request.clone() };
        for (mut draft, receiver) in Draft::of(self.world).outcomes(to, &asked) {
            let mut answers = self.answers(&mut draft, to, receiver);
            if answers.is_empty() {
                draft.world.forget(message);
                self.keep(draft, Action::Receive(leg(message), receiver, None));
                continue;
            }
            if network.remembers() {
                // It is kept with all that it can bring; how much that is shows when it arrives.
                answers.drain(..answers.len() - 1);
            }
            for (take, partial, response) in answers {
                let mut draft = draft.clone();
                draft.world.forget(message);
                draft.partial = partial;
                draft.world.send(Message { answer: Some(response), ..message.clone() });
                self.keep(draft, Action::Receive(leg(message), receiver, Some(take)));
            }
        }
    }

    /// An answer reaches the node that asked.
    fn arrive(&mut self, message: &Message, answer: &Brought) {
        let Message { from, to, request, .. } = message;
        // A set has no connections, which end with the process that asked and with the next request.
        if self.world.network.remembers() && !asks(self.world.state(*from), *to, request) {
            return;
        }
        let most = match &answer.answer {
            Answer::Fetch(fetch) => fetch.records.as_ref().map_or(0, Vec::len),
            _ => 0,
        };
        let least = if self.world.network.remembers() { most.min(1) } else { most };
        let mut start = Draft::of(self.world);
        start.world.forget(message);
        for take in least..=most {
            let event = Event::Answered {
                from: *to,
                request: request.clone(),
                response: answer.map(|records| records[..take].to_vec()),
            };
            for (mut draft, sender) in start.outcomes(index(*from), &event) {
                draft.partial = take < most;
                self.keep(draft, Action::Arrive(leg(message), sender, take as u8));
            }
        }
    }

    fn rpc(&mut self, from: usize, to: usize, request: &Request) {
        let kind = kind(request);
        let ids = (self.world.nodes[from].id(), self.world.nodes[to].id());
        let rpc = |receiver, arrives, sender| {
            Action::Rpc(Rpc { from: ids.0, to: ids.1, kind, receiver, arrives, sender })
        };
        let asked = Event::Requested { request: request.clone() };
        for (mut draft, receiver) in Draft::of(self.world).outcomes(to, &asked) {
            for (take, partial, response) in self.answers(&mut draft, to, receiver) {
                let pre_votes = pre_votes(&draft, from, request, &response);
                if pre_votes.is_some() && self.bounds.assumes_pre_votes {
                    continue;
                }
                let state = &draft.world.nodes[from].state;
                if pre_votes.is_some_and(|count| state.voters().is_majority(count)) {
                    let mut draft = draft.clone();
                    Rc::make_mut(&mut draft.world.nodes[from]).promise();
                    self.keep(draft, rpc(receiver, None, None));
                    continue;
                }
                // Whether a vote counts that another directory gave.
                let voter = self.world.nodes[to].state.config.local;
                let grants = matches!(response.answer, Answer::Vote(VoteAnswer { granted: true }));
                let foreign = grants && !self.world.nodes[from].state.voters().contains(voter);
                let event = Event::Answered { from: ids.1, request: request.clone(), response };
                for (mut draft, sender) in draft.outcomes(from, &event) {
                    if foreign {
                        draft.violations |= Property::VotesAreOfVoters.bit();
                    }
                    draft.partial = partial;
                    self.keep(draft, rpc(receiver, Some(take), sender));
                }
            }
            self.keep(draft, rpc(receiver, None, None));
        }
    }

    /// The last pre-vote that a node needs arrives.
    pub(super) fn promise(&mut self, node: usize) {
        let mut start = Draft::of(self.world);
        let asker = Rc::make_mut(&mut start.world.nodes[node]);
        let id = asker.id();
        let Some(from) = asker.state.others().last() else { return };
        let voters: BTreeSet<NodeId> = asker.state.voters().ids().collect();
        let State { election, role, .. } = &mut asker.state;
        let Role::Prospective { granted, .. } = role else { return };
        // Whose pre-votes these are makes no difference any more.
        *granted = voters.into_iter().filter(|voter| *voter != from).collect();
        let epoch = election.epoch;
        let answer = Answer::Vote(VoteAnswer { granted: true });
        let response = Response { epoch, leader: None, error: Error::None, answer };
        let still = requests(&asker.state).into_iter().find(|(to, _)| *to == from);
        let Some((_, request)) = still else { return };
        let message = Message { from: id, to: from, request: request.clone(), answer: None };
        let leg = Leg { answer: true, ..leg(&message) };
        let event = Event::Answered { from, request, response };
        for (draft, cut) in start.outcomes(node, &event) {
            self.keep(draft, Action::Arrive(leg, cut, 0));
        }
    }

    /// The answers that can leave when node `to` has acted as in `draft`: how many entries each brings,
    /// and whether it could bring more.
    pub(super) fn answers(
        &self,
        draft: &mut Draft,
        to: usize,
        receiver: Option<Cut>,
    ) -> Vec<(u8, bool, Brought)> {
        let Some(mut answer) = draft.answer.take() else { return Vec::new() };
        if let (Error::None, Answer::FetchSnapshot(found)) = (answer.error, &mut answer.answer) {
            // A snapshot has two chunks here. One before the latest may be gone.
            found.chunk = Some(Chunk { size: CHUNKS, bytes: 1 });
            if found.position + 1 == CHUNKS {
                let committed = &self.world.committed;
                found.voters = World::voters_before(committed, found.snapshot.end);
            }
            let is_latest = found.snapshot == self.world.nodes[to].state.log().latest;
            let found = answer.map(|_| Vec::new());
            let gone = Response { error: Error::SnapshotNotFound, ..found.clone() };
            let either = [found].into_iter().chain((!is_latest).then_some(gone));
            return either.map(|answer| (0, false, answer)).collect();
        }
        // The entries are read before the answer leaves, so from the log as it was then.
        let read = match &answer.answer {
            Answer::Fetch(fetch) => fetch.records,
            _ => None,
        };
        let log =
            if receiver.is_some() { &self.world.nodes[to].log } else { &draft.world.nodes[to].log };
        let most = read.map_or(0, |read| (read.end.0 - read.offset.0) as usize);
        (most.min(1)..=most)
            .map(|take| (take as u8, take < most, answer.map(|read| batches(log, *read, take))))
            .collect()
    }
}

pub(super) fn leg(message: &Message) -> Leg {
    let Message { from, to, request, answer } = message;
    Leg { from: *from, to: *to, kind: kind(request), answer: answer.is_some() }
}

/// How many pre-votes `from` has with this answer, if it is one.
fn pre_votes(draft: &Draft, from: usize, request: &Request, answer: &Brought) -> Option<usize> {
    let state = &draft.world.nodes[from].state;
    let State { election, role: Role::Prospective { granted, .. }, .. } = state else {
        return None;
    };
    let counts = answer.epoch == election.epoch
        && (answer.leader.is_none() || answer.leader == election.leader);
    let is_one = counts
        && matches!(request, Request::Vote(Vote { pre_vote: true, .. }))
        && matches!(answer.answer, Answer::Vote(VoteAnswer { granted: true }));
    is_one.then_some(granted.len() + 1)
}
