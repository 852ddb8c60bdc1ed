//! The nodes, the links between them, and what can happen.

use std::fmt;
use std::sync::Arc;

use super::live::{LiveBounds, LiveVoters};
use crate::model::quorum::message::kind;
use crate::model::quorum::world::{FIRST, configuration, replica};
use crate::quorum::{
    Batch, Config, Contact, Effect, ElectionState, Event, Fetch, LogSummary, NewBatch, Payload,
    ReadFrom, Request, Response, Restored, Role, State, Timer, VoterChange, VoterSet, VotersAt,
    requests, start, step,
};
use crate::types::{Epoch, NodeId, Offset, SnapshotId};

/// What a log holds at one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Of the leader that wrote it.
    pub(super) epoch: Epoch,
    /// Whether it is the value that a client proposed.
    pub(super) value: bool,
    /// The voters that it names; none where it names none.
    pub(super) voters: Nodes,
}

/// A set of nodes, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nodes(pub(super) u8);

impl Nodes {
    pub(super) const NONE: Self = Self(0);

    /// Those of these places.
    pub(super) fn places(places: impl IntoIterator<Item = usize>) -> Self {
        Self(places.into_iter().fold(0, |bits, node| bits | 1 << node))
    }

    pub(super) fn of(voters: &VoterSet) -> Self {
        Self::places(voters.ids().map(index))
    }

    pub(super) fn has(self, node: usize) -> bool {
        self.0 >> node & 1 == 1
    }

    /// How many nodes are in one of the two and not in the other.
    pub(super) fn apart(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }

    /// Whether more than half of these are among those.
    pub(super) fn have_majority_in(self, those: Self) -> bool {
        (self.0 & those.0).count_ones() > self.0.count_ones() / 2
    }

    fn voters(self) -> VoterSet {
        VoterSet::of((0..8).filter(|node| self.has(*node)).map(|node| replica(node as u8, FIRST)))
    }
}

/// One node: the protocol's own state, and its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) state: State,
    pub(super) log: Vec<Item>,
}

/// What became of the value that a client proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// There is none.
    None,
    /// A log holds it.
    Open,
    /// It is committed, or lost: no log holds it.
    Known,
}

/// All nodes, and the network between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveWorld {
    /// Node `i` has id `i + 1`.
    pub(super) members: Vec<Member>,
    /// A bit for each link that is up; see [`Self::link`].
    pub(super) links: u8,
    /// Faults that are left.
    pub(super) faults: u8,
    /// Values that clients may still propose, one after the other.
    pub(super) values: u8,
    /// What became of the last.
    pub(super) fate: Fate,
    /// The nodes whose timers have fired in this round.
    pub(super) fired: u8,
    /// Who is to vote in the end, where the log names the voters; none where they are static.
    pub(super) wanted: Nodes,
    /// Who votes as far as anybody took it for committed; all, where voters are static.
    pub(super) committed: Nodes,
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiveAction {
    /// A request acts, and its answer arrives: from whom, to whom, and its name.
    Rpc(NodeId, NodeId, &'static str),
    /// A node has flushed its log.
    Flush(NodeId),
    /// The timer of a node fires.
    Timer(NodeId, Timer),
    /// A timer fires too early, while messages are under way.
    Early(NodeId, Timer),
    /// A request acts, and its answer is lost.
    Lose(NodeId, NodeId, &'static str),
    /// The power goes and comes back; the log keeps that many entries.
    Crash(NodeId, u8),
    /// A link goes down.
    Cut(NodeId, NodeId),
    /// All links of a node go down.
    Isolate(NodeId),
    /// A link comes up.
    Mend(NodeId, NodeId),
    /// A node finds that it cannot connect to its leader.
    Unreachable(NodeId, NodeId),
    /// A client proposes a value to a leader.
    Propose(NodeId),
    /// The operator asks a leader for another voter.
    Add(NodeId, NodeId),
    /// The operator asks a leader for one voter less.
    Remove(NodeId, NodeId),
}

impl fmt::Display for LiveAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rpc(from, to, kind) => write!(f, "{kind} {from} -> {to}, answered"),
            Self::Flush(node) => write!(f, "{node} has flushed"),
            Self::Timer(node, timer) => write!(f, "{node} times out ({timer:?})"),
            Self::Early(node, timer) => write!(f, "{node} times out too early ({timer:?})"),
            Self::Lose(from, to, kind) => write!(f, "{kind} {from} -> {to}, answer lost"),
            Self::Crash(node, keeps) => write!(f, "{node} crashes, keeps {keeps}, restarts"),
            Self::Cut(one, other) => write!(f, "the link {one} - {other} goes down"),
            Self::Isolate(node) => write!(f, "{node} is cut off"),
            Self::Mend(one, other) => write!(f, "the link {one} - {other} comes up"),
            Self::Unreachable(node, leader) => write!(f, "{node} cannot connect to {leader}"),
            Self::Propose(node) => write!(f, "{node} appends a value"),
            Self::Add(node, other) => write!(f, "{node} appends that {other} votes"),
            Self::Remove(node, other) => write!(f, "{node} appends that {other} votes no more"),
        }
    }
}

/// What a step said, and which timers it set.
#[derive(Default)]
struct Said {
    answer: Option<Response<ReadFrom>>,
    set: Vec<Timer>,
}

pub(super) fn id(node: usize) -> NodeId {
    NodeId(node as i32 + 1)
}

pub(super) fn index(id: NodeId) -> usize {
    id.0 as usize - 1
}

/// What elections and replication need to know of a log.
pub(super) fn summary(log: &[Item], flushed: Offset) -> LogSummary {
    let mut summary = LogSummary { start: SnapshotId::NONE, ..LogSummary::default() };
    for (offset, item) in log.iter().enumerate() {
        let end = Offset(offset as i64 + 1);
        summary.append(item.epoch, end);
        if item.voters != Nodes::NONE {
            summary.voters.push(VotersAt { end, voters: item.voters.voters() });
        }
    }
    summary.flushed = flushed;
    summary
}

impl Member {
    /// The timer that runs at this node, if one does.
    fn timer(&self) -> Option<Timer> {
        match self.state.role {
            Role::Follower { .. } => Some(Timer::Fetch),
            Role::Leader { .. } => (!self.state.is_alone()).then_some(Timer::CheckQuorum),
            // An observer waits until somebody says who leads.
            Role::Unattached => self.state.may_campaign().then_some(Timer::Election),
            _ => Some(Timer::Election),
        }
    }

    fn unflushed(&self) -> bool {
        self.state.log.flushed < self.state.log.end
    }
}

impl LiveWorld {
    /// Nodes that never ran. Where the log names the voters epoch 1 is over: its one entry names them, and is committed.
    pub(super) fn initial(bounds: LiveBounds) -> Self {
        let LiveBounds { nodes, faults, values, voters } = bounds;
        let all = Nodes::places(0..usize::from(nodes));
        let (first, wanted) = voters.map_or((Nodes::NONE, Nodes::NONE), |voters| {
            let LiveVoters { first, adds, removes } = voters;
            let first = usize::from(first);
            let wanted = usize::from(removes)..first + usize::from(adds);
            (Nodes::places(0..first), Nodes::places(wanted))
        });
        let names = Item { epoch: Epoch(1), value: false, voters: first };
        let member = |node: u8| {
            let votes = first.has(usize::from(node));
            let log: Vec<Item> = votes.then_some(names).into_iter().collect();
            let epoch = if votes { Epoch(1) } else { Epoch(0) };
            let election = ElectionState { epoch, ..ElectionState::default() };
            let log_summary = summary(&log, Offset(log.len() as i64));
            let restored = Restored { election, snapshot_voters: None, log: log_summary };
            let (state, effects) = started(config(nodes, node, wanted), restored);
            (Member { state, log }, effects)
        };
        let links = (1 << (nodes * nodes.saturating_sub(1) / 2)) - 1;
        let (members, effects): (_, Vec<_>) = (0..nodes).map(member).unzip();
        let committed = if first == Nodes::NONE { all } else { first };
        let (fate, fired) = (Fate::None, 0);
        let mut world = Self { members, links, faults, values, fate, fired, wanted, committed };
        for (node, effects) in effects.into_iter().enumerate() {
            world.carry_out(node, effects);
        }
        world
    }

    fn nodes(&self) -> std::ops::Range<usize> {
        0..self.members.len()
    }

    /// The bit of the link between two nodes.
    pub(super) fn link(one: usize, other: usize) -> u8 {
        let (low, high) = (one.min(other), one.max(other));
        1 << (high * (high - 1) / 2 + low)
    }

    pub(super) fn linked(&self, one: usize, other: usize) -> bool {
        self.links & Self::link(one, other) != 0
    }

    fn step(&mut self, node: usize, event: Event<u8>) -> Said {
        let effects = step(&mut self.members[node].state, event);
        self.carry_out(node, effects)
    }

    fn carry_out(&mut self, node: usize, effects: Vec<Effect<u8>>) -> Said {
        let log = &mut self.members[node].log;
        let mut said = Said::default();
        for effect in effects {
            match effect {
                Effect::Truncate { to } => log.truncate(to.0 as usize),
                Effect::Append { batches } => log.extend(batches.iter().map(|batch| Item {
                    epoch: batch.epoch,
                    value: batch.payload == Payload::Records(1),
                    voters: batch.voters.as_ref().map_or(Nodes::NONE, Nodes::of),
                })),
                Effect::AdvanceHighWatermark { to } => {
                    let committed = &log[..to.0 as usize];
                    if committed.iter().any(|item| item.value) {
                        self.fate = Fate::Known;
                    }
                    // Each change that is committed comes nearer to what is wanted; who lags behind may know an earlier one.
                    let named = committed.iter().rev().find(|item| item.voters != Nodes::NONE);
                    if let Some(Item { voters, .. }) = named
                        && voters.apart(self.wanted) < self.committed.apart(self.wanted)
                    {
                        self.committed = *voters;
                    }
                }
                Effect::Respond { response } => said.answer = Some(response),
                Effect::SetTimer { timer, .. } => said.set.push(timer),
                _ => {}
            }
        }
        said
    }

    /// `from` asks `to`. What `from` says when it has the answer.
    fn rpc(&mut self, from: usize, to: usize, request: &Request, arrives: bool) -> Said {
        // A fetch that waits is answered in the end.
        let request = match request {
            Request::Fetch(fetch) => Request::Fetch(Fetch { may_park: false, ..fetch.clone() }),
            other => other.clone(),
        };
        let said = self.step(to, Event::Requested { request: request.clone() });
        let Some(response) = said.answer.filter(|_| arrives) else { return Said::default() };
        let response = self.with_records(to, &response);
        self.step(from, Event::Answered { from: id(to), request, response })
    }

    /// The answer with all that it can bring.
    fn with_records(&self, to: usize, response: &Response<ReadFrom>) -> Response<Vec<Batch<u8>>> {
        let log = &self.members[to].log;
        let batch = |at: i64| Batch {
            base_offset: Offset(at),
            records: 1,
            epoch: log[at as usize].epoch,
            payload: u8::from(log[at as usize].value),
            voters: Some(log[at as usize].voters)
                .filter(|voters| *voters != Nodes::NONE)
                .map(Nodes::voters),
        };
        response.map(|read| (read.offset.0..read.end.0).map(batch).collect())
    }

    /// Whether what the nodes go on saying to each other sets the timer of `node` again and again. Asked when nothing else
    /// happens any more.
    fn is_kept_alive(&self, node: usize, timer: Timer) -> bool {
        let mut world = self.clone();
        let fetches = |world: &mut Self, from: usize, to: usize| {
            let asked = requests(&world.members[from].state).into_iter();
            let mut fetches = asked
                .filter(|(whom, request)| *whom == id(to) && matches!(request, Request::Fetch(_)));
            fetches.next().filter(|_| world.linked(from, to)).map(|(_, request)| request)
        };
        match timer {
            Timer::Fetch => {
                let Some(leader) = world.members[node].state.election.leader.map(index) else {
                    return false;
                };
                let Some(request) = fetches(&mut world, node, leader) else { return false };
                world.rpc(node, leader, &request, true).set.contains(&timer)
            }
            Timer::CheckQuorum => {
                // Each that can fetches twice: whoever is heard from is among them.
                let others = self.nodes().chain(self.nodes()).filter(|other| *other != node);
                others.fold(false, |set, from| {
                    let Some(request) = fetches(&mut world, from, node) else { return set };
                    set | world.step(node, Event::Requested { request }).set.contains(&timer)
                })
            }
            _ => false,
        }
    }

    /// Everything that can happen next and changes something.
    pub(super) fn successors(&self) -> Vec<(LiveAction, Self)> {
        let mut found = Vec::new();
        self.messages(&mut found);
        let waiting = if found.is_empty() { self.timers(&mut found) } else { 0 };
        if self.faults > 0 {
            self.faults(waiting, &mut found);
        }
        self.changes(&mut found);
        found
    }

    fn keep(&self, action: LiveAction, mut world: Self, found: &mut Vec<(LiveAction, Self)>) {
        world.settle();
        if world != *self {
            found.push((action, world));
        }
    }

    /// What is fast.
    fn messages(&self, found: &mut Vec<(LiveAction, Self)>) {
        for (from, to, request) in self.asked() {
            let mut world = self.clone();
            world.rpc(from, to, &request, true);
            self.keep(LiveAction::Rpc(id(from), id(to), kind(&request)), world, found);
        }
        for node in self.nodes().filter(|node| self.members[*node].unflushed()) {
            let mut world = self.clone();
            let end = world.members[node].state.log.end;
            world.step(node, Event::Flushed { end });
            self.keep(LiveAction::Flush(id(node)), world, found);
        }
    }

    /// What the nodes say, over links that are up.
    fn asked(&self) -> Vec<(usize, usize, Request)> {
        let of = |from: usize| {
            let asked = requests(&self.members[from].state).into_iter();
            asked.map(move |(to, request)| (from, index(to), request))
        };
        self.nodes().flat_map(of).filter(|(from, to, _)| self.linked(*from, *to)).collect()
    }

    /// The timers that fire in this round. Which wait: a bit for each node.
    fn timers(&self, found: &mut Vec<(LiveAction, Self)>) -> u8 {
        let waits = |node: &usize| {
            let timer = self.members[*node].timer();
            timer.is_some_and(|timer| !self.is_kept_alive(*node, timer))
        };
        let waiting = Nodes::places(self.nodes().filter(waits)).0;
        let left = waiting & !self.fired;
        let (round, before) = if left == 0 { (waiting, 0) } else { (left, self.fired) };
        for node in self.nodes().filter(|node| round & 1 << node != 0) {
            let Some(timer) = self.members[node].timer() else { continue };
            let mut world = Self { fired: before | 1 << node, ..self.clone() };
            world.step(node, Event::TimerFired { timer });
            self.keep(LiveAction::Timer(id(node), timer), world, found);
        }
        waiting
    }

    fn faults(&self, waiting: u8, found: &mut Vec<(LiveAction, Self)>) {
        let hit = || Self { faults: self.faults - 1, ..self.clone() };
        let bits = |node: usize| {
            let others = self.nodes().filter(move |other| *other != node);
            others.fold(0, |bits, other| bits | Self::link(node, other))
        };
        for node in self.nodes() {
            let Member { state, log } = &self.members[node];
            if waiting & 1 << node == 0
                && let Some(timer) = self.members[node].timer()
            {
                let mut early = hit();
                early.step(node, Event::TimerFired { timer });
                self.keep(LiveAction::Early(id(node), timer), early, found);
            }
            for keeps in state.log.flushed.0 as usize..=log.len() {
                let mut crash = hit();
                crash.crash(node, keeps);
                self.keep(LiveAction::Crash(id(node), keeps as u8), crash, found);
            }
            if (self.links & bits(node)).count_ones() > 1 {
                let cut = Self { links: self.links & !bits(node), ..hit() };
                self.keep(LiveAction::Isolate(id(node)), cut, found);
            }
            for other in (node + 1..self.members.len()).filter(|other| self.linked(node, *other)) {
                let cut = Self { links: self.links & !Self::link(node, other), ..hit() };
                self.keep(LiveAction::Cut(id(node), id(other)), cut, found);
            }
        }
        for (from, to, request) in self.asked() {
            let mut lost = hit();
            lost.rpc(from, to, &request, false);
            let same = lost.members == self.members;
            if !same {
                self.keep(LiveAction::Lose(id(from), id(to), kind(&request)), lost, found);
            }
        }
    }

    fn crash(&mut self, node: usize, keeps: usize) {
        let Member { state, log } = &mut self.members[node];
        log.truncate(keeps);
        let log_summary = summary(log, Offset(keeps as i64));
        let election = state.election;
        let restored = Restored { election, snapshot_voters: None, log: log_summary };
        let (started, effects) = started(Arc::clone(&state.config), restored);
        *state = started;
        self.carry_out(node, effects);
    }

    /// What may happen or not, and is no fault.
    fn changes(&self, found: &mut Vec<(LiveAction, Self)>) {
        for node in self.nodes() {
            for other in (node + 1..self.members.len()).filter(|other| !self.linked(node, *other)) {
                let mended = Self { links: self.links | Self::link(node, other), ..self.clone() };
                self.keep(LiveAction::Mend(id(node), id(other)), mended, found);
            }
            let state = &self.members[node].state;
            if let (Role::Follower { .. }, Some(leader)) = (&state.role, state.election.leader)
                && !self.linked(node, index(leader))
            {
                let mut told = self.clone();
                told.step(node, Event::Unreachable { node: leader });
                self.keep(LiveAction::Unreachable(id(node), leader), told, found);
            }
            if state.is_leader() && self.values > 0 && self.fate != Fate::Open {
                let mut proposed =
                    Self { values: self.values - 1, fate: Fate::Open, ..self.clone() };
                let batches = vec![NewBatch { records: 1, payload: 1 }];
                let epoch = state.election.epoch;
                proposed.step(node, Event::Append { epoch, batches });
                self.keep(LiveAction::Propose(id(node)), proposed, found);
            }
            if state.is_leader() && self.wanted != Nodes::NONE {
                self.voters(node, found);
            }
        }
    }

    /// What the operator may ask a leader for. Whether it does so is for the core to say.
    fn voters(&self, leader: usize, found: &mut Vec<(LiveAction, Self)>) {
        let now = Nodes::of(self.members[leader].state.voters());
        for other in self.nodes().filter(|other| now.has(*other) != self.wanted.has(*other)) {
            let key = self.members[other].state.config.local;
            let (action, change) = if now.has(other) {
                (LiveAction::Remove(id(leader), id(other)), VoterChange::Remove(key))
            } else {
                let end = self.fetched(leader, other);
                (LiveAction::Add(id(leader), id(other)), VoterChange::Add { key, end })
            };
            let mut changed = self.clone();
            changed.step(leader, Event::ChangeVoters { change });
            self.keep(action, changed, found);
        }
    }

    /// How far a node has come that fetches from a leader.
    fn fetched(&self, leader: usize, other: usize) -> Offset {
        let of = |node: usize| &self.members[node].state;
        let follows = Role::Follower { contact: Contact::Fetched, download: None };
        let epoch = of(leader).election;
        if of(other).role == follows && of(other).election == epoch {
            of(other).log.flushed
        } else {
            Offset::ZERO
        }
    }
}

/// Of a node where the log names the voters in the end, or where they are static.
pub(super) fn config(nodes: u8, node: u8, wanted: Nodes) -> Arc<Config> {
    let fixed = wanted == Nodes::NONE;
    configuration(nodes, node, if fixed { 0 } else { FIRST }, fixed, false)
}

fn started(config: Arc<Config>, restored: Restored) -> (State, Vec<Effect<u8>>) {
    start(config, restored).expect("the model's nodes know whom to ask")
}
