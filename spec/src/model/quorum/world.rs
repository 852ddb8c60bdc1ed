//! The nodes, what happened to them so far, and everything that can happen next.

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use super::action::{Action, Cut};
use super::draft::Draft;
use super::message::Message;
use super::network::Network;
use crate::quorum::properties::{self, Entry, NodeView, Property, Violations};
use crate::quorum::{
    Batch, Config, Contact, Effect, Event, LogSummary, NewBatch, Payload, ReadFrom, Restored, Role,
    State, Timeouts, Timer, snapshot_id, start,
};
use crate::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId};

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
    /// Whether nodes may take snapshots of what is committed, at any point, and drop what they hold from their logs.
    pub snapshots: bool,
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
    /// Its log; the part from `state.log().flushed` on may be lost in a crash. What the log no longer holds at its beginning
    /// stands here as the snapshot holds it: like all snapshots, what was committed (`SnapshotEqualsPrefix`).
    pub log: Vec<Entry<Value>>,
    /// The pre-vote that completes a majority is on its way, where requests are whole RPCs. Nobody records a pre-vote: when
    /// it arrives, whoever gave it may long have given it to another, or campaign itself.
    pub promised: bool,
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
    /// How messages travel.
    pub network: Network,
    /// What is under way.
    pub messages: Vec<Rc<Message>>,
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
    /// A snapshot was loaded.
    pub installed: bool,
}

impl World {
    /// Nodes that never ran.
    pub fn initial(bounds: Bounds) -> Self {
        let node =
            |id| Node::restart(configuration(bounds.nodes, id), Restored::default(), &[], &[]);
        Self {
            nodes: (0..bounds.nodes).map(node).map(Rc::new).collect(),
            committed: Vec::new(),
            used: 0,
            crashes_left: bounds.crashes,
            network: Network::Rpc,
            messages: Vec::new(),
        }
    }

    /// Everything that can happen next and changes something.
    pub fn successors(&self, bounds: Bounds) -> Vec<Successor> {
        let mut next = Next { world: self, bounds, found: Vec::new() };
        for node in 0..self.nodes.len() {
            next.local_actions(node);
            next.crashes(node);
            if bounds.snapshots {
                next.snapshots(node);
            }
            next.requests(node);
        }
        next.messages();
        next.found
    }

    /// The properties of a state that this one breaks.
    pub fn violations(&self) -> Violations {
        let views: Vec<_> = self.nodes.iter().map(|node| node.view()).collect();
        properties::violations(self.nodes.len(), &views, &self.committed)
    }
}

pub(super) fn index(id: NodeId) -> usize {
    id.0 as usize - 1
}

/// The configuration of node `node` of `nodes`. Made once: every state of every search shares it.
pub(super) fn configuration(nodes: u8, node: u8) -> Arc<Config> {
    static ALL: OnceLock<Vec<Vec<Arc<Config>>>> = OnceLock::new();
    let of = |nodes: u8, node: u8| Config {
        local: ReplicaKey { id: NodeId(i32::from(node) + 1), directory: DirectoryId::ABSENT },
        voters: (1..=i32::from(nodes)).map(NodeId).collect(),
        timeouts: Timeouts::default(),
    };
    let all = ALL.get_or_init(|| {
        let cluster = |nodes| (0..nodes).map(|node| Arc::new(of(nodes, node))).collect();
        (0..=MOST_NODES).map(cluster).collect()
    });
    Arc::clone(&all[usize::from(nodes)][usize::from(node)])
}

pub(super) fn summary(
    log: &[Entry<Value>],
    start: SnapshotId,
    latest: SnapshotId,
    flushed: Offset,
) -> LogSummary {
    let mut summary = LogSummary { start, latest, end: start.end, ..LogSummary::default() };
    for entry in log.iter().filter(|entry| entry.end > start.end) {
        summary.append(entry.epoch, entry.end);
    }
    summary.flushed = flushed;
    summary
}

impl Node {
    pub(super) fn restart(
        config: Arc<Config>,
        restored: Restored,
        log: &[Entry<Value>],
        committed: &[Entry<Value>],
    ) -> Self {
        let (state, effects) = start(config, restored).expect("the model's nodes are voters");
        // What a start does nobody sees before a flush, and a log is replaced anew if it has to be. So a crash in the middle of it leaves what a crash
        // after it can leave, and needs no cuts of its own.
        let seen = |effect: &Effect<Value>| {
            matches!(
                effect,
                Effect::Respond { .. }
                    | Effect::AdvanceHighWatermark { .. }
                    | Effect::Truncate { .. }
            )
        };
        assert!(!effects.iter().any(seen), "a start is seen from outside");
        let mut node = Self { state, log: log.to_vec(), promised: false };
        if effects.iter().any(|effect| matches!(effect, Effect::ReplaceLog { .. })) {
            node.log = committed[..node.state.log.start.end.0 as usize].to_vec();
        }
        node.carry_out(&effects);
        node.forget_idle();
        node
    }

    /// A majority would vote for it, and the last to say so has said so. Who they are makes no difference any more.
    pub(super) fn promise(&mut self) {
        let id = self.id();
        if let Role::Prospective { granted, .. } = &mut self.state.role {
            granted.retain(|voter| *voter == id);
            self.promised = true;
        }
    }

    pub(super) fn id(&self) -> NodeId {
        self.state.config.local.id
    }

    fn view(&self) -> NodeView<'_, Value> {
        let State { role, election, log, high_watermark, .. } = &self.state;
        NodeView {
            id: self.id(),
            role: Some(role),
            epoch: election.epoch,
            leader: election.leader,
            log: &self.log,
            log_start: log.start.end,
            latest_snapshot: log.latest.end,
            flushed: log.flushed,
            high_watermark: *high_watermark,
        }
    }

    /// What effects do to the log on disk.
    pub(super) fn carry_out(&mut self, effects: &[Effect<Value>]) {
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
    pub(super) fn forget_idle(&mut self) {
        match &mut self.state.role {
            Role::Leader { heard, acknowledged, progress, .. } => {
                heard.clear();
                acknowledged.clear();
                progress.retain(|_, known| known.end > Offset::ZERO);
            }
            Role::Prospective { refused, .. } | Role::Candidate { refused, .. } => refused.clear(),
            // The vote for another is kept on disk beside the leader, but once there is a leader no
            // rule reads it: votes are refused in this epoch, and a restart follows the leader.
            Role::Follower { contact, .. } => {
                // Timers fire at any time here, so all that it decides is whether a pre-vote is refused. The model's
                // followers never refuse one for that: each may have lost its leader, rightly or not, at any moment.
                *contact = Contact::None;
            }
            Role::Resigned { successors, acknowledged } => {
                successors.clear();
                acknowledged.clear();
            }
            Role::Unattached => {}
        }
        if self.state.election.leader.is_some() {
            // A vote is kept on disk beside the leader, but once there is a leader no rule reads it: votes are
            // refused in this epoch, and a restart follows the leader.
            self.state.election.voted = None;
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
    Entry { end: batch.end(), epoch: batch.epoch, value, leader }
}

/// On the network the record by which node `i` opens an epoch is the value `OPENS + i`.
pub(super) const OPENS: Value = 128;

pub(super) fn batches(log: &[Entry<Value>], read: ReadFrom, take: usize) -> Vec<Batch<Value>> {
    let following = log.iter().filter(|entry| entry.end > read.offset);
    following
        .take(take)
        .map(|entry| Batch {
            base_offset: Offset(entry.end.0 - 1),
            records: 1,
            epoch: entry.epoch,
            payload: entry.leader.map_or(entry.value, |leader| OPENS + leader.0 as u8),
        })
        .collect()
}

pub(super) struct Next<'a> {
    pub(super) world: &'a World,
    bounds: Bounds,
    found: Vec<Successor>,
}

impl Next<'_> {
    pub(super) fn keep(&mut self, mut draft: Draft, action: Action) {
        draft.world.settle();
        let Draft { world, violations, truncated, lost, partial, installed, .. } = draft;
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
            installed,
        });
    }

    fn act(&mut self, node: usize, event: &Event<Value>, action: impl Fn(Option<Cut>) -> Action) {
        for (draft, cut) in Draft::of(self.world).outcomes(node, event) {
            self.keep(draft, action(cut));
        }
    }

    fn local_actions(&mut self, node: usize) {
        let Node { state, promised, .. } = &*self.world.nodes[node];
        let id = state.config.local.id;
        let State { role, election, log, .. } = state;
        let timer = match role {
            Role::Follower { .. } => Some(Timer::Fetch),
            Role::Leader { .. } => None,
            _ => Some(Timer::Election),
        };
        if let Some(timer) = timer {
            let event = Event::TimerFired { timer };
            self.act(node, &event, |cut| Action::Timeout(id, cut));
        } else if self.bounds.resign {
            self.act(node, &Event::Resign, |_| Action::Resign(id));
        }
        if *promised {
            self.promise(node);
        }
        // Whether it leads is for the core to say.
        if self.world.used < self.bounds.values {
            let batches = vec![NewBatch { records: 1, payload: self.unused_value() }];
            let event = Event::Append { epoch: election.epoch, batches };
            let first = self.found.len();
            self.act(node, &event, |cut| Action::Propose(id, cut));
            for successor in &mut self.found[first..] {
                successor.world.used += 1;
            }
        }
        // A follower asks for more only when all is flushed, so a flush of a part changes nothing there.
        let next =
            if state.is_leader() { log.flushed.0 + 1 } else { log.end.0.max(log.flushed.0 + 1) };
        for end in next..=log.end.0 {
            let event = Event::Flushed { end: Offset(end) };
            self.act(node, &event, |cut| Action::Flush(id, Offset(end), cut));
        }
    }

    /// A snapshot of any committed part of the log, and a log that begins after any snapshot.
    fn snapshots(&mut self, node: usize) {
        let Node { state, log, .. } = &*self.world.nodes[node];
        let id = state.config.local.id;
        for end in 1..=log.len() {
            let Some(snapshot) = snapshot_id(state, Offset(end as i64)) else { continue };
            let event = Event::SnapshotTaken { snapshot };
            let first = self.found.len();
            self.act(node, &event, |_| Action::Snapshot(id, snapshot.end));
            let committed = &self.world.committed;
            if !properties::snapshot_equals_prefix(snapshot, &log[..end], committed) {
                for successor in &mut self.found[first..] {
                    successor.violations |= Property::SnapshotEqualsPrefix.bit();
                }
            }
        }
        // Of the snapshots before the latest one the core does not know whether they are there.
        for end in state.log.latest.end.0.max(1)..=log.len() as i64 {
            let to = SnapshotId { end: Offset(end), epoch: log[end as usize - 1].epoch };
            let event = Event::Clean { to };
            self.act(node, &event, |cut| Action::Clean(id, to.end, cut));
        }
    }

    /// The smallest value that is in no log and not under way. A value that is lost everywhere is forgotten, so its name
    /// is free again.
    fn unused_value(&self) -> Value {
        let World { nodes, committed, messages, .. } = self.world;
        let known = nodes.iter().flat_map(|node| node.log.iter()).chain(committed);
        let sent = messages.iter().flat_map(|message| message.values());
        let known: u16 =
            known.map(|entry| entry.value).chain(sent).fold(0, |known, value| known | 1 << value);
        (1..=self.bounds.values)
            .find(|value| known & 1 << value == 0)
            .expect("fewer values were proposed than there are")
    }

    fn crashes(&mut self, node: usize) {
        if self.world.crashes_left == Some(0) {
            return;
        }
        let Node { state, log, .. } = &*self.world.nodes[node];
        for keeps in state.log.flushed.0 as usize..=log.len() {
            let mut draft = Draft::of(self.world);
            draft.crash(node, state.election, keeps);
            self.keep(draft, Action::Crash(state.config.local.id, keeps as u8));
        }
    }
}
