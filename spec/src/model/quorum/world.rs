//! The nodes, what happened to them so far, and everything that can happen next.

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use super::action::{Action, Cut};
use super::draft::Draft;
use super::lost_majority::is_recovery;
use super::message::Message;
use super::network::Network;
use super::snapshots::Snapshots;
use crate::quorum::properties::{self, Entry, NodeView, Property, Violations};
use crate::quorum::{
    Batch, Config, Contact, Effect, ElectionState, Event, LogSummary, NewBatch, Payload, ReadFrom,
    Restored, Role, State, Timeouts, Timer, VoterChange, VoterSet, VotersAt, start,
};
use crate::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId, Uuid};

/// The largest world: the id of a node must fit in 3 bits beside "nobody".
pub(super) const MOST_NODES: u8 = 7;

/// What a batch holds in the model: 0 opens an epoch, others are values that clients proposed.
pub type Value = u16;

/// How the voters may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// How often a node becomes a voter.
    pub adds: u8,
    /// How often one ceases to be.
    pub removes: u8,
    /// How often a node loses its disk, and comes back with another directory.
    pub wipes: u8,
    /// Whether the voters are first those that the configurations name (`kraft.version` 0), all nodes, until a leader
    /// upgrades.
    pub upgrade: bool,
    /// Whether one directory of a voter may go on alone, as its operator takes the others for lost.
    pub recovers: bool,
}

/// How far the world goes. Within them everything is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Nodes, from 1.
    pub nodes: u8,
    /// How many of them vote at first, and how that may change. `None`: all, for ever (kraft.version 0). Else the quorum
    /// begins in epoch 1, with its first voters committed.
    pub voters: Option<(u8, Changes)>,
    /// The highest epoch that a node may campaign in.
    pub epochs: u8,
    /// How many values clients propose.
    pub values: u8,
    /// How many crashes there can be; `None`: any number, not counted.
    pub crashes: Option<u8>,
    /// Whether leaders may resign at any time.
    pub resign: bool,
    /// Whether nodes may take snapshots of what is committed, at any point, and drop what they hold from their logs.
    pub snapshots: Snapshots,
    /// Whether any node that asks for pre-votes may get enough of them at any time, whoever would give one. Nodes can do all that
    /// they can otherwise, and more; and a state does not say who has given one.
    pub assumes_pre_votes: bool,
}

impl Bounds {
    /// All nodes vote, for ever, leaders may resign at any time, and there are no snapshots.
    pub const fn of((nodes, epochs, values): (u8, u8, u8), crashes: Option<u8>) -> Self {
        let snapshots = Snapshots::None;
        let (voters, resign, assumes_pre_votes) = (None, true, false);
        Self { nodes, voters, epochs, values, crashes, resign, snapshots, assumes_pre_votes }
    }
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
    /// Nobody votes at first, or more nodes than there are.
    #[error("--voters: of {0} nodes 1 to {0} vote at first")]
    FirstVoters(u8),
    /// Messages that name so many nodes have no room.
    #[error("--nodes {0}: where voters change, only the network rpc holds more than 3 nodes")]
    NamedVoters(u8),
    /// More crashes than can be counted.
    #[error("--crashes {0}: at most 14 can be counted; `any` needs no count")]
    Crashes(u8),
    /// A load is one action where snapshots are left open.
    #[error(
        "--network: only rpc leaves open which snapshots there are; others take --snapshots stored"
    )]
    DeferredSnapshots,
    /// Who has given a pre-vote is left out only where requests are whole RPCs.
    #[error("--network: only rpc assumes pre-votes")]
    AssumedPreVotes,
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
    /// Where a state does not say which snapshots there are: up to where the node may have one, if that is beyond its high
    /// watermark. Else 0.
    pub known: Offset,
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
    /// The changes of voters that are left, if they can change.
    pub changes: Option<Changes>,
    /// How messages travel.
    pub network: Network,
    /// Whether there are snapshots, and whether a state says which.
    pub snapshots: Snapshots,
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
    /// The properties that the step breaks.
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
        let dynamic = bounds.voters.is_some();
        let fixed = bounds.voters.is_none_or(|(_, changes)| changes.upgrade);
        let first = bounds.voters.filter(|_| !fixed).map(|(voters, _)| {
            let named = (0..voters).map(|node| replica(node, FIRST));
            let value = naming(&VoterSet::of(named));
            Entry { end: Offset(1), epoch: Epoch(1), value, leader: None }
        });
        let committed: Vec<_> = first.into_iter().collect();
        let node = |id| {
            let votes = !fixed && bounds.voters.is_some_and(|(voters, _)| id < voters);
            let (log, epoch) = if votes { (&committed[..], Epoch(1)) } else { (&[][..], Epoch(0)) };
            let summary =
                summary(log, SnapshotId::NONE, SnapshotId::NONE, Offset(log.len() as i64));
            let election = ElectionState { epoch, ..ElectionState::default() };
            let restored = Restored { election, snapshot_voters: None, log: summary };
            let generation = if dynamic { FIRST } else { 0 };
            let config = configuration(bounds.nodes, id, generation, fixed, false);
            Node::restart(config, restored, log, &committed)
        };
        Self {
            nodes: (0..bounds.nodes).map(node).map(Rc::new).collect(),
            changes: bounds.voters.map(|(_, changes)| changes),
            committed: committed.clone(),
            used: 0,
            crashes_left: bounds.crashes,
            network: Network::Rpc,
            snapshots: bounds.snapshots,
            messages: Vec::new(),
        }
    }

    /// Everything that can happen next and changes something.
    pub fn successors(&self, bounds: Bounds) -> Vec<Successor> {
        let mut next = Next { world: self, bounds, found: Vec::new() };
        for node in 0..self.nodes.len() {
            next.alone(node);
            next.voters(node);
            next.recover(node);
            for other in 0..self.nodes.len() {
                next.with(node, other);
            }
        }
        next.messages();
        next.found
    }

    /// What can happen next to a node, alone or with one other.
    pub(super) fn concerning(
        &self,
        bounds: Bounds,
        node: usize,
        other: Option<usize>,
    ) -> Vec<Successor> {
        let mut next = Next { world: self, bounds, found: Vec::new() };
        match other {
            None => next.alone(node),
            Some(other) => next.with(node, other),
        }
        next.found
    }

    /// The properties of a state that this one breaks.
    pub fn violations(&self) -> Violations {
        let judged = (0..self.nodes.len()).filter(|node| !self.is_lost(*node));
        let views: Vec<_> = judged.map(|node| self.nodes[node].view()).collect();
        let named = |(at, entry): (usize, &Entry<Value>)| {
            named_by(entry.value).map(|voters| (voters, is_recovery(&self.committed, at)))
        };
        let named: Vec<(VoterSet, bool)> =
            self.committed.iter().enumerate().filter_map(named).collect();
        let linear = named.windows(2).all(|sets| {
            let [(before, _), (after, recovered)] = sets else { return true };
            *recovered || properties::changes_by_one(before, after)
        });
        let broken = if linear { 0 } else { Property::VotersChangeByOne.bit() };
        let committing = self.committing(named.last().map(|(voters, _)| voters));
        broken | properties::violations(&committing, &views, &self.committed)
    }

    /// The sets of voters that may have committed the last entry.
    fn committing(&self, last: Option<&VoterSet>) -> Vec<VoterSet> {
        let Some(last) = last else {
            return vec![self.nodes.iter().map(|node| node.id()).collect()];
        };
        let mut sets = vec![last.clone()];
        for (_, node) in self.nodes.iter().enumerate().filter(|(node, _)| !self.is_lost(*node)) {
            let following = node.log.iter().skip(self.committed.len());
            sets.extend(following.filter_map(|entry| named_by(entry.value)).take(1));
        }
        sets
    }

    /// The voters that a snapshot names.
    pub(super) fn voters_before(committed: &[Entry<Value>], end: Offset) -> Option<VoterSet> {
        let before = committed.iter().take_while(|entry| entry.end <= end);
        before.filter_map(|entry| named_by(entry.value)).last()
    }
}

pub(super) fn index(id: NodeId) -> usize {
    id.0 as usize - 1
}

/// The first directory of a node whose directories are told apart; 0 stands for one that nobody knows.
pub(super) const FIRST: u8 = 1;
/// The last that a state has room for.
pub(super) const LAST: u8 = 3;

/// Node `node` with one of its directories.
pub(super) fn replica(node: u8, generation: u8) -> ReplicaKey {
    let directory = match generation {
        0 => DirectoryId::ABSENT,
        _ => DirectoryId(Uuid([generation; 16])),
    };
    ReplicaKey { id: NodeId(i32::from(node) + 1), directory }
}

/// Which of its directories a node runs on.
pub(super) fn generation(key: ReplicaKey) -> u8 {
    key.directory.0.0[0]
}

/// A record that names voters is a value with this bit, and two bits for each node.
pub(super) const VOTERS: Value = 1 << 15;

pub(super) fn naming(voters: &VoterSet) -> Value {
    voters
        .keys()
        .fold(VOTERS, |value, key| value | Value::from(generation(key)) << (2 * (key.id.0 - 1)))
}

/// The voters that a record names, if it does.
pub(super) fn named_by(value: Value) -> Option<VoterSet> {
    let key = |node: u8| {
        let generation = (value >> (2 * node)) as u8 & 3;
        (generation > 0).then(|| replica(node, generation))
    };
    (value & VOTERS != 0).then(|| VoterSet::of((0..MOST_NODES).filter_map(key)))
}

/// The configuration of node `node` of `nodes` on a directory, whether it names the voters, and whether the directory was made
/// the only voter. Made once: every state of every search shares it.
pub(super) fn configuration(
    nodes: u8,
    node: u8,
    generation: u8,
    fixed: bool,
    recovered: bool,
) -> Arc<Config> {
    /// Of one node, for each of its directories that where voters are not fixed, fixed, and where it was recovered.
    type Directories = Vec<[Arc<Config>; 3]>;
    static ALL: OnceLock<Vec<Vec<Directories>>> = OnceLock::new();
    let of = |nodes: u8, node: u8, generation: u8, fixed: bool, recovered: bool| {
        let ids = (1..=i32::from(nodes)).map(NodeId);
        let (voters, bootstrap) = if fixed {
            (ids.collect(), Vec::new())
        } else {
            (VoterSet::default(), ids.filter(|id| id.0 != i32::from(node) + 1).collect())
        };
        let others = (0..nodes).filter(|other| recovered && *other != node);
        let outside = others.map(|other| replica(other, FIRST)).collect();
        let local = replica(node, generation);
        Arc::new(Config { local, voters, bootstrap, outside, timeouts: Timeouts::default() })
    };
    let all = ALL.get_or_init(|| {
        let forms = |nodes, node, it| {
            [(false, false), (true, false), (false, true)]
                .map(|(fixed, recovered)| of(nodes, node, it, fixed, recovered))
        };
        let directories = |nodes, node| (0..=LAST).map(|it| forms(nodes, node, it)).collect();
        let cluster = |nodes| (0..nodes).map(|node| directories(nodes, node)).collect();
        (0..=MOST_NODES).map(cluster).collect()
    });
    let form = usize::from(fixed) + 2 * usize::from(recovered);
    Arc::clone(&all[usize::from(nodes)][usize::from(node)][usize::from(generation)][form])
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
        if let Some(voters) = named_by(entry.value) {
            summary.voters.push(VotersAt { end: entry.end, voters });
        }
    }
    if let Some(voters) = World::voters_before(log, start.end) {
        summary.voters.insert(0, VotersAt { end: start.end, voters });
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
        let mut node = Self { state, log: log.to_vec(), promised: false, known: Offset::ZERO };
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

    pub(super) fn view(&self) -> NodeView<'_, Value> {
        let State { role, election, log, high_watermark, .. } = &self.state;
        NodeView {
            id: self.id(),
            directory: self.state.config.local.directory,
            may_campaign: self.state.may_campaign(),
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
        Payload::Voters | Payload::Upgrade => (batch.voters.as_ref().map_or(0, naming), None),
        // A follower gets the record that opens an epoch as the leader sent it.
        Payload::Records(value) if value >= OPENS && value & VOTERS == 0 => {
            (0, Some(NodeId(i32::from(value - OPENS))))
        }
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
            payload: entry.leader.map_or(entry.value, |leader| OPENS + leader.0 as Value),
            voters: named_by(entry.value),
        })
        .collect()
}

pub(super) struct Next<'a> {
    pub(super) world: &'a World,
    pub(super) bounds: Bounds,
    pub(super) found: Vec<Successor>,
}

impl Next<'_> {
    pub(super) fn keep(&mut self, mut draft: Draft, action: Action) {
        draft.world.settle();
        let Draft { world, violations, truncated, lost, partial, installed, .. } = draft;
        // Where the log names voters from the first, epoch 1 is over when the world begins.
        let named = self.bounds.voters.is_some_and(|(_, changes)| !changes.upgrade);
        let epochs = i32::from(self.bounds.epochs) + i32::from(named);
        let beyond = |node: &Node| node.state.election.epoch > Epoch(epochs);
        if world == *self.world && violations == 0 || world.nodes.iter().any(|node| beyond(node)) {
            return;
        }
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

    pub(super) fn act(
        &mut self,
        node: usize,
        event: &Event<Value>,
        action: impl Fn(Option<Cut>) -> Action,
    ) {
        for (draft, cut) in Draft::of(self.world).outcomes(node, event) {
            self.keep(draft, action(cut));
        }
    }

    /// What a node can do, or what can happen to it, that concerns no other node.
    pub(super) fn alone(&mut self, node: usize) {
        self.local_actions(node);
        self.crashes(node);
        self.snapshots(node);
    }

    /// What a node can ask of another.
    pub(super) fn with(&mut self, node: usize, other: usize) {
        self.load(node, other);
        self.requests(node, other);
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
        if *promised || self.bounds.assumes_pre_votes && matches!(role, Role::Prospective { .. }) {
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

    /// A voter more or less, as a leader decides it, and a disk that is lost.
    fn voters(&mut self, node: usize) {
        let Some(changes) = self.world.changes else { return };
        let state = &self.world.nodes[node].state;
        let id = state.config.local.id;
        let mut tries = Vec::new();
        if changes.upgrade && state.log.voters.is_empty() {
            let voters = VoterSet::of(self.world.nodes.iter().map(|node| node.state.config.local));
            let event = Event::UpgradeVoters { voters };
            self.act(node, &event, |cut| Action::UpgradeVoters(id, cut));
        }
        if changes.adds > 0 {
            // How far a node must have come before it votes is for its own good: whoever is added may lack everything.
            let end = Offset(i64::MAX);
            // What was given up is not added: whom its operator asks knows it, or has never heard of it.
            let all = 0..self.world.nodes.len();
            let known = all.filter(|other| !self.world.are_parted(node, *other));
            let keys = known.map(|other| self.world.nodes[other].state.config.local);
            tries.extend(keys.map(|key| VoterChange::Add { key, end }));
        }
        if changes.removes > 0 {
            tries.extend(state.voters().keys().map(VoterChange::Remove));
        }
        for change in tries {
            let first = self.found.len();
            self.act(node, &Event::ChangeVoters { change }, |cut| {
                Action::ChangeVoters(id, change, cut)
            });
            for successor in &mut self.found[first..] {
                let Some(left) = &mut successor.world.changes else { continue };
                match change {
                    VoterChange::Add { .. } => left.adds -= 1,
                    _ => left.removes -= 1,
                }
            }
        }
        let generation = generation(state.config.local);
        // The only voter there is is not given up too.
        if changes.wipes > 0 && generation < LAST && state.config.outside.is_empty() {
            let mut draft = Draft::of(self.world);
            let config = configuration(self.bounds.nodes, node as u8, generation + 1, false, false);
            let blank = Node::restart(config, Restored::default(), &[], &[]);
            draft.world.nodes[node] = Rc::new(blank);
            draft.world.disconnect(id);
            if let Some(left) = &mut draft.world.changes {
                left.wipes -= 1;
            }
            self.keep(draft, Action::Wipe(id));
        }
    }

    /// The smallest value that is in no log and not under way. A value that is lost everywhere is forgotten, so its name
    /// is free again.
    pub(super) fn unused_value(&self) -> Value {
        let World { nodes, committed, messages, .. } = self.world;
        let known = nodes.iter().flat_map(|node| node.log.iter()).chain(committed);
        let sent = messages.iter().flat_map(|message| message.values());
        let known: u16 = known
            .map(|entry| entry.value)
            .chain(sent)
            .filter(|value| value & VOTERS == 0)
            .fold(0, |known, value| known | 1 << value);
        (1..=Value::from(self.bounds.values))
            .find(|value| known & 1 << value == 0)
            .expect("fewer values were proposed than there are")
    }

    fn crashes(&mut self, node: usize) {
        if self.world.crashes_left == Some(0) {
            return;
        }
        let Node { state, log, .. } = &*self.world.nodes[node];
        let keeps = state.log.flushed.0 as usize..=log.len();
        for (draft, keeps, snapshot) in Draft::of(self.world).crashes(node, state.election, keeps) {
            self.keep(draft, Action::Crash(state.config.local.id, keeps, snapshot));
        }
    }
}
