//! The nodes, the links between them, and what can happen.

use std::fmt;

use crate::model::quorum::message::kind;
use crate::model::quorum::world::configuration;
use crate::quorum::{
    Batch, Effect, Event, Fetch, LogSummary, NewBatch, Payload, ReadFrom, Request, Response,
    Restored, Role, State, Timer, requests, start, step,
};
use crate::types::{Epoch, NodeId, Offset, SnapshotId};

/// What a log holds at one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Of the leader that wrote it.
    pub(super) epoch: Epoch,
    /// Whether it is the value that a client proposed.
    pub(super) value: bool,
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
        summary.append(item.epoch, Offset(offset as i64 + 1));
    }
    summary.flushed = flushed;
    summary
}

impl Member {
    /// The timer that runs at a node of this role.
    fn timer(&self) -> Timer {
        match self.state.role {
            Role::Follower { .. } => Timer::Fetch,
            Role::Leader { .. } => Timer::CheckQuorum,
            _ => Timer::Election,
        }
    }

    fn unflushed(&self) -> bool {
        self.state.log.flushed < self.state.log.end
    }
}

impl LiveWorld {
    /// Nodes that never ran.
    pub(super) fn initial(nodes: u8, faults: u8, values: u8) -> Self {
        let blank =
            |node| Member { state: restarted(nodes, node, Restored::default()), log: Vec::new() };
        let links = (1 << (nodes * nodes.saturating_sub(1) / 2)) - 1;
        let members = (0..nodes).map(blank).collect();
        Self { members, links, faults, values, fate: Fate::None, fired: 0 }
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
        let Member { state, log } = &mut self.members[node];
        let mut said = Said::default();
        for effect in step(state, event) {
            match effect {
                Effect::Truncate { to } => log.truncate(to.0 as usize),
                Effect::Append { batches } => log.extend(batches.iter().map(|batch| Item {
                    epoch: batch.epoch,
                    value: batch.payload == Payload::Records(1),
                })),
                Effect::AdvanceHighWatermark { to }
                    if log[..to.0 as usize].iter().any(|item| item.value) =>
                {
                    self.fate = Fate::Known;
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
            voters: None,
        };
        response.map(|read| (read.offset.0..read.end.0).map(batch).collect())
    }

    /// Whether what the nodes go on saying to each other sets the timer of `node` again and again. Asked when nothing else
    /// happens any more.
    fn is_kept_alive(&self, node: usize) -> bool {
        let timer = self.members[node].timer();
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
        let alone = self.members.len() == 1;
        let waits = |node: &usize| !alone && !self.is_kept_alive(*node);
        let waiting = self.nodes().filter(waits).fold(0, |bits, node| bits | 1 << node);
        let left = waiting & !self.fired;
        let (round, before) = if left == 0 { (waiting, 0) } else { (left, self.fired) };
        for node in self.nodes().filter(|node| round & 1 << node != 0) {
            let timer = self.members[node].timer();
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
            let timer = self.members[node].timer();
            if waiting & 1 << node == 0 {
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
        let nodes = self.members.len() as u8;
        let Member { state, log } = &mut self.members[node];
        log.truncate(keeps);
        let log_summary = summary(log, Offset(keeps as i64));
        let election = state.election;
        let restored = Restored { election, snapshot_voters: None, log: log_summary };
        *state = restarted(nodes, node as u8, restored);
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
        }
    }
}

fn restarted(nodes: u8, node: u8, restored: Restored) -> State {
    let config = configuration(nodes, node, 0, true, false);
    let (state, _) = start::<u8>(config, restored).expect("the model's nodes are voters");
    state
}
