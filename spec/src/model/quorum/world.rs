//! The nodes, what happened to them so far, and everything that can happen next.

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use crate::quorum::properties::{self, Entry, NodeView, Property, Violations};
use crate::quorum::{
    Answer, Batch, Config, Effect, Event, LogSummary, NewBatch, Payload, ReadFrom, Request,
    Response, Restored, Role, State, Timeouts, Timer, requests, start, step,
};
use crate::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey};

/// The largest world: the id of a node must fit in 3 bits beside "nobody".
pub(super) const MOST_NODES: u8 = 7;

/// What a batch holds in the model: 0 opens an epoch, others are values that clients proposed.
pub type Value = u8;

/// How far the world goes. Within them everything is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Voters, from 1.
    pub nodes: u8,
    /// The highest epoch that a node may campaign in.
    pub epochs: u8,
    /// How many values clients propose.
    pub values: u8,
    /// How many crashes there can be; `None`: any number, not counted.
    pub crashes: Option<u8>,
    /// Whether leaders may resign at any time.
    pub resign: bool,
}

/// Why a model cannot be built with these bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// A world without nodes, or with more than a state has room for.
    #[error("--nodes {0}: the model holds 1 to 7 nodes")]
    Nodes(u8),
    /// A log could be longer than a state has room for.
    #[error(
        "--epochs {epochs} --values {values}: with {nodes} nodes a state has room for {room} of both together"
    )]
    Logs {
        /// As asked for.
        nodes: u8,
        /// As asked for.
        epochs: u8,
        /// As asked for.
        values: u8,
        /// The largest sum.
        room: u32,
    },
    /// More crashes than can be counted.
    #[error("--crashes {0}: at most 14 can be counted; `any` needs no count")]
    Crashes(u8),
}

/// One node: the protocol's own state, and the log that the state is a summary of. What its disk
/// holds of the election is what its state says, as it is written first in each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// As [`step`] left it, without what only paces messages (who was heard from lately, who refused).
    pub state: State,
    /// Its log; the part from `state.log().flushed` on may be lost in a crash.
    pub log: Vec<Entry<Value>>,
}

/// All nodes, and what was seen of them from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Node `i` has id `i + 1`. A step changes one or two, and shares the others with the world before.
    pub nodes: Vec<Rc<Node>>,
    /// Everything that any node ever took for committed.
    pub committed: Vec<Entry<Value>>,
    /// Values proposed so far.
    pub used: u8,
    /// Crashes that are left, if they are counted.
    pub crashes_left: Option<u8>,
}

/// A crash inside a step: after which of its effects, and how many entries the log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// The effects that were done.
    pub effects: u8,
    /// The entries that the log came back with.
    pub keeps: u8,
}

/// Which request an RPC carries, and how the RPC ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rpc {
    /// Who asks.
    pub from: NodeId,
    /// Who is asked.
    pub to: NodeId,
    /// `Vote`, `BeginQuorumEpoch` or `Fetch`.
    pub kind: &'static str,
    /// Whether the receiver crashed while it acted.
    pub receiver: Option<Cut>,
    /// `None`: the answer was lost, or never sent. Else how many entries it brought.
    pub arrives: Option<u8>,
    /// Whether the asking node crashed while it acted on the answer.
    pub sender: Option<Cut>,
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The timer of a node that does not lead fires, and it campaigns.
    Timeout(NodeId, Option<Cut>),
    /// A client proposes the next value to a leader.
    Propose(NodeId, Option<Cut>),
    /// A flush completes: everything below the offset is on the disk.
    Flush(NodeId, Offset, Option<Cut>),
    /// The power goes and comes back; the log keeps that many entries.
    Crash(NodeId, u8),
    /// A leader gives up, by its own will or as no majority fetched from it.
    Resign(NodeId),
    /// A request acts, and its answer arrives or is lost.
    Rpc(Rpc),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crash = |f: &mut fmt::Formatter<'_>, node: NodeId, cut: Option<Cut>| match cut {
            Some(cut) => {
                write!(
                    f,
                    "; {node} crashes after effect {} and keeps {}",
                    cut.effects, cut.keeps
                )
            }
            None => Ok(()),
        };
        match *self {
            Self::Timeout(node, cut) => {
                write!(f, "{node} times out")?;
                crash(f, node, cut)
            }
            Self::Propose(node, cut) => {
                write!(f, "{node} appends a value")?;
                crash(f, node, cut)
            }
            Self::Flush(node, end, cut) => {
                write!(f, "{node} has flushed up to {end}")?;
                crash(f, node, cut)
            }
            Self::Crash(node, keeps) => write!(f, "{node} crashes, keeps {keeps}, restarts"),
            Self::Resign(node) => write!(f, "{node} resigns"),
            Self::Rpc(rpc) => {
                write!(f, "{} {} -> {}", rpc.kind, rpc.from, rpc.to)?;
                crash(f, rpc.to, rpc.receiver)?;
                match rpc.arrives {
                    None => f.write_str(", answer lost")?,
                    Some(0) => f.write_str(", answered")?,
                    Some(entries) => write!(f, ", brings {entries}")?,
                }
                crash(f, rpc.from, rpc.sender)
            }
        }
    }
}

/// A world that can come next.
#[derive(Clone, Debug)]
pub struct Successor {
    /// By which action.
    pub action: Action,
    /// What it looks like.
    pub world: World,
    /// The properties that the step or the world breaks.
    pub violations: Violations,
    /// Entries of a log that a truncation removed.
    pub truncated: bool,
    /// Entries of a log that a crash lost.
    pub lost: bool,
    /// A fetch brought less than it could.
    pub partial: bool,
}

impl World {
    /// Nodes that never ran.
    pub fn initial(bounds: Bounds) -> Self {
        let node = |id| Node::restart(configuration(bounds.nodes, id), Restored::default(), &[]);
        Self {
            nodes: (0..bounds.nodes).map(node).map(Rc::new).collect(),
            committed: Vec::new(),
            used: 0,
            crashes_left: bounds.crashes,
        }
    }

    /// Everything that can happen next and changes something.
    pub fn successors(&self, bounds: Bounds) -> Vec<Successor> {
        let mut next = Next {
            world: self,
            bounds,
            found: Vec::new(),
        };
        for node in 0..self.nodes.len() {
            next.local_actions(node);
            next.crashes(node);
            for (to, request) in requests(&self.nodes[node].state) {
                next.rpc(node, index(to), request);
            }
        }
        next.found
    }

    /// The properties of a state that this one breaks.
    pub fn violations(&self) -> Violations {
        let views: Vec<_> = self.nodes.iter().map(|node| node.view()).collect();
        properties::violations(self.nodes.len(), &views, &self.committed)
    }
}

fn index(id: NodeId) -> usize {
    id.0 as usize - 1
}

/// The configuration of node `node` of `nodes`. Made once: every state of every search shares it.
pub(super) fn configuration(nodes: u8, node: u8) -> Arc<Config> {
    static ALL: OnceLock<Vec<Vec<Arc<Config>>>> = OnceLock::new();
    let of = |nodes: u8, node: u8| Config {
        local: ReplicaKey {
            id: NodeId(i32::from(node) + 1),
            directory: DirectoryId::ABSENT,
        },
        voters: (1..=i32::from(nodes)).map(NodeId).collect(),
        timeouts: Timeouts::default(),
    };
    let all = ALL.get_or_init(|| {
        let cluster = |nodes| (0..nodes).map(|node| Arc::new(of(nodes, node))).collect();
        (0..=MOST_NODES).map(cluster).collect()
    });
    Arc::clone(&all[usize::from(nodes)][usize::from(node)])
}

pub(super) fn summary(log: &[Entry<Value>], flushed: Offset) -> LogSummary {
    let mut summary = LogSummary::default();
    for entry in log {
        summary.append(entry.epoch, entry.end);
    }
    summary.flushed = flushed;
    summary
}

impl Node {
    fn restart(config: Arc<Config>, restored: Restored, log: &[Entry<Value>]) -> Self {
        let (state, effects) = start(config, restored).expect("the model's nodes are voters");
        let mut node = Self {
            state,
            log: log.to_vec(),
        };
        node.carry_out(&effects);
        node.forget_idle();
        node
    }

    fn id(&self) -> NodeId {
        self.state.config.local.id
    }

    fn view(&self) -> NodeView<'_, Value> {
        let State {
            role,
            election,
            log,
            ..
        } = &self.state;
        NodeView {
            id: self.id(),
            role: Some(role),
            epoch: election.epoch,
            leader: election.leader,
            log: &self.log,
            flushed: log.flushed,
        }
    }

    /// What effects do to the log on disk.
    fn carry_out(&mut self, effects: &[Effect<Value>]) {
        for effect in effects {
            match effect {
                Effect::Truncate { to } => self.log.retain(|entry| entry.end <= *to),
                Effect::Append { batches } => self.log.extend(batches.iter().map(entry)),
                _ => {}
            }
        }
    }

    /// Drops what decides only how often a message is sent, and what is never read again. Any message may
    /// be sent at any time here, and a leader may resign at any time, so nothing that a node can do is
    /// lost with it.
    fn forget_idle(&mut self) {
        match &mut self.state.role {
            Role::Leader {
                heard,
                acknowledged,
                progress,
                ..
            } => {
                heard.clear();
                acknowledged.clear();
                progress.retain(|_, known| known.end > Offset::ZERO);
            }
            Role::Candidate { refused, .. } => refused.clear(),
            // The vote for another is kept on disk beside the leader, but once there is a leader no
            // rule reads it: votes are refused in this epoch, and a restart follows the leader.
            Role::Follower => self.state.election.voted = None,
            _ => {}
        }
    }
}

fn entry(batch: &Batch<Payload<Value>>) -> Entry<Value> {
    let (value, leader) = match batch.payload {
        Payload::LeaderChange { leader, .. } => (0, Some(leader)),
        // A follower gets the record that opens an epoch as the leader sent it.
        Payload::Records(value) if value >= OPENS => (0, Some(NodeId(i32::from(value - OPENS)))),
        Payload::Records(value) => (value, None),
    };
    Entry {
        end: batch.end(),
        epoch: batch.epoch,
        value,
        leader,
    }
}

/// On the network the record by which node `i` opens an epoch is the value `OPENS + i`.
const OPENS: Value = 128;

fn batches(log: &[Entry<Value>], read: ReadFrom, take: usize) -> Vec<Batch<Value>> {
    let following = log.iter().filter(|entry| entry.end > read.offset);
    following
        .take(take)
        .map(|entry| Batch {
            base_offset: Offset(entry.end.0 - 1),
            records: 1,
            epoch: entry.epoch,
            payload: entry
                .leader
                .map_or(entry.value, |leader| OPENS + leader.0 as u8),
        })
        .collect()
}

struct Next<'a> {
    world: &'a World,
    bounds: Bounds,
    found: Vec<Successor>,
}

/// A world in the making.
#[derive(Clone)]
struct Draft {
    world: World,
    violations: Violations,
    truncated: bool,
    lost: bool,
    partial: bool,
    answer: Option<Response<ReadFrom>>,
}

impl Draft {
    fn of(world: &World) -> Self {
        Self {
            world: world.clone(),
            violations: 0,
            truncated: false,
            lost: false,
            partial: false,
            answer: None,
        }
    }

    /// Does the first `done` effects of a step of `node`, and judges them.
    fn carry_out(&mut self, node: usize, after: &State, effects: &[Effect<Value>], done: usize) {
        let World {
            nodes, committed, ..
        } = &mut self.world;
        let actor = Rc::make_mut(&mut nodes[node]);
        for effect in &effects[..done] {
            match effect {
                Effect::Truncate { to } => {
                    self.truncated = true;
                    if !properties::truncation_keeps_committed(&actor.log, *to, committed) {
                        self.violations |= Property::NoTruncationBelowHighWatermark.bit();
                    }
                    if actor.state.is_leader() && after.is_leader() {
                        self.violations |= Property::LeaderAppendOnly.bit();
                    }
                }
                Effect::AdvanceHighWatermark { to } => {
                    if !properties::commit(committed, &actor.log, *to) {
                        self.violations |= Property::CommittedImmutable.bit();
                    }
                }
                Effect::Respond { response } => self.answer = Some(response.clone()),
                _ => {}
            }
            actor.carry_out(std::slice::from_ref(effect));
        }
        let same_role =
            std::mem::discriminant(&actor.state.role) == std::mem::discriminant(&after.role);
        if same_role && done == effects.len() && after.high_watermark < actor.state.high_watermark {
            self.violations |= Property::HighWatermarkMonotonic.bit();
        }
    }

    /// The power goes at `node` and comes back. The log keeps `keeps` entries.
    fn crash(&mut self, node: usize, restored: Restored, keeps: usize) {
        let actor = &self.world.nodes[node];
        self.lost |= keeps < actor.log.len();
        let kept = &actor.log[..keeps];
        let log = summary(kept, Offset(keeps as i64));
        let config = Arc::clone(&actor.state.config);
        let restarted = Node::restart(config, Restored { log, ..restored }, kept);
        self.world.nodes[node] = Rc::new(restarted);
        if let Some(left) = &mut self.world.crashes_left {
            *left -= 1;
        }
    }
}

impl Next<'_> {
    fn keep(&mut self, draft: Draft, action: Action) {
        let Draft {
            world,
            violations,
            truncated,
            lost,
            partial,
            ..
        } = draft;
        let beyond = |node: &Node| node.state.election.epoch > Epoch(i32::from(self.bounds.epochs));
        if world == *self.world && violations == 0 || world.nodes.iter().any(|node| beyond(node)) {
            return;
        }
        let violations = violations | world.violations();
        self.found.push(Successor {
            action,
            world,
            violations,
            truncated,
            lost,
            partial,
        });
    }

    /// Every way in which a step of `node` can go: to its end, or to a crash after any effect.
    fn outcomes(
        &self,
        before: &Draft,
        node: usize,
        event: &Event<Value>,
    ) -> Vec<(Draft, Option<Cut>)> {
        let old = &before.world.nodes[node];
        let mut after = old.state.clone();
        let effects = step(&mut after, event.clone());
        let mut outcomes = Vec::new();
        if before.world.crashes_left != Some(0) {
            for done in 1..effects.len() {
                // After an effect that neither the disk nor anybody else sees, it is as before it.
                if !matches!(
                    effects[done - 1],
                    Effect::WriteElectionState { .. }
                        | Effect::Truncate { .. }
                        | Effect::Append { .. }
                        | Effect::AdvanceHighWatermark { .. }
                        | Effect::Respond { .. }
                ) {
                    continue;
                }
                let mut cut = before.clone();
                cut.carry_out(node, &after, &effects, done);
                let election = effects[..done]
                    .iter()
                    .find_map(|effect| match effect {
                        Effect::WriteElectionState { state } => Some(*state),
                        _ => None,
                    })
                    .unwrap_or(old.state.election);
                let length = cut.world.nodes[node].log.len();
                // That a flush is complete is heard only when it is.
                let flushed = match event {
                    Event::Flushed { end } => old.state.log.flushed.max(*end),
                    _ => old.state.log.flushed,
                };
                let flushed = (flushed.0 as usize).min(length);
                for keeps in flushed..=length {
                    let mut crashed = cut.clone();
                    crashed.crash(
                        node,
                        Restored {
                            election,
                            ..Restored::default()
                        },
                        keeps,
                    );
                    let cut = Cut {
                        effects: done as u8,
                        keeps: keeps as u8,
                    };
                    outcomes.push((crashed, Some(cut)));
                }
            }
        }
        let mut whole = before.clone();
        whole.carry_out(node, &after, &effects, effects.len());
        let actor = Rc::make_mut(&mut whole.world.nodes[node]);
        actor.state = after;
        actor.forget_idle();
        outcomes.push((whole, None));
        outcomes
    }

    fn act(&mut self, node: usize, event: &Event<Value>, action: impl Fn(Option<Cut>) -> Action) {
        for (draft, cut) in self.outcomes(&Draft::of(self.world), node, event) {
            self.keep(draft, action(cut));
        }
    }

    fn local_actions(&mut self, node: usize) {
        let Node { state, .. } = &*self.world.nodes[node];
        let id = state.config.local.id;
        let State {
            role,
            election,
            log,
            ..
        } = state;
        let timer = match role {
            Role::Follower => Some(Timer::Fetch),
            Role::Leader { .. } => None,
            _ => Some(Timer::Election),
        };
        if let Some(timer) = timer {
            let event = Event::TimerFired { timer };
            self.act(node, &event, |cut| Action::Timeout(id, cut));
        } else {
            if self.bounds.resign {
                self.act(node, &Event::Resign, |_| Action::Resign(id));
            }
            if self.world.used < self.bounds.values {
                let batches = vec![NewBatch {
                    records: 1,
                    payload: self.unused_value(),
                }];
                let event = Event::Append {
                    epoch: election.epoch,
                    batches,
                };
                let first = self.found.len();
                self.act(node, &event, |cut| Action::Propose(id, cut));
                for successor in &mut self.found[first..] {
                    successor.world.used += 1;
                }
            }
        }
        // A follower asks for more only when all is flushed, so a flush of a part changes nothing there.
        let next = if state.is_leader() {
            log.flushed.0 + 1
        } else {
            log.end.0.max(log.flushed.0 + 1)
        };
        for end in next..=log.end.0 {
            let event = Event::Flushed { end: Offset(end) };
            self.act(node, &event, |cut| Action::Flush(id, Offset(end), cut));
        }
    }

    /// The smallest value that is in no log. A value that is lost everywhere is forgotten, so its name
    /// is free again.
    fn unused_value(&self) -> Value {
        let World {
            nodes, committed, ..
        } = self.world;
        let known = nodes
            .iter()
            .flat_map(|node| node.log.iter())
            .chain(committed);
        (1..=self.bounds.values)
            .find(|value| known.clone().all(|entry| entry.value != *value))
            .expect("fewer values were proposed than there are")
    }

    fn crashes(&mut self, node: usize) {
        if self.world.crashes_left == Some(0) {
            return;
        }
        let Node { state, log } = &*self.world.nodes[node];
        for keeps in state.log.flushed.0 as usize..=log.len() {
            let mut draft = Draft::of(self.world);
            let restored = Restored {
                election: state.election,
                ..Restored::default()
            };
            draft.crash(node, restored, keeps);
            self.keep(draft, Action::Crash(state.config.local.id, keeps as u8));
        }
    }

    fn rpc(&mut self, from: usize, to: usize, request: Request) {
        let kind = match request {
            Request::Vote(_) => "Vote",
            Request::BeginQuorumEpoch(_) => "BeginQuorumEpoch",
            Request::Fetch(_) => "Fetch",
        };
        let ids = (self.world.nodes[from].id(), self.world.nodes[to].id());
        let rpc = |receiver, arrives, sender| {
            Action::Rpc(Rpc {
                from: ids.0,
                to: ids.1,
                kind,
                receiver,
                arrives,
                sender,
            })
        };
        let asked = Event::Requested {
            request: request.clone(),
        };
        for (mut draft, receiver) in self.outcomes(&Draft::of(self.world), to, &asked) {
            let answer = draft.answer.take();
            if let Some(answer) = answer {
                // The entries are read before the answer leaves, so from the log as it was then.
                let read = match &answer.answer {
                    Answer::Fetch(fetch) => fetch.records,
                    _ => None,
                };
                let log = if receiver.is_some() {
                    &self.world.nodes[to].log
                } else {
                    &draft.world.nodes[to].log
                };
                let most = read.map_or(0, |read| (read.end.0 - read.offset.0) as usize);
                for take in most.min(1)..=most {
                    let event = Event::Answered {
                        from: ids.1,
                        request: request.clone(),
                        response: answer.map(|read| batches(log, *read, take)),
                    };
                    for (mut draft, sender) in self.outcomes(&draft, from, &event) {
                        draft.partial = take < most;
                        self.keep(draft, rpc(receiver, Some(take as u8), sender));
                    }
                }
            }
            self.keep(draft, rpc(receiver, None, None));
        }
    }
}
