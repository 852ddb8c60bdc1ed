//! Snapshots of what is committed: each kept in the state from when it is taken, or decided only when something reads it.

use std::ops::RangeInclusive;
use std::rc::Rc;

use super::action::Action;
use super::draft::Draft;
use super::world::{Next, Node, Value, World, index, summary};
use crate::quorum::properties::{self, Property};
use crate::quorum::{
    Answer, ElectionState, Event, FetchAnswer, LogSummary, Request, Role, State, requests,
    snapshot_id, step,
};
use crate::types::{Offset, SnapshotId};

/// Whether nodes take snapshots of what is committed, at any point, and drop what these hold from their logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    /// They take none.
    None,
    /// They do. A state does not say which snapshots there are, nor where logs begin: whatever reads that finds all that can be.
    Deferred,
    /// They do. A state says of each node which snapshot is its latest, and where its log begins.
    Stored,
}

impl Snapshots {
    /// All, in the order of their bits.
    pub const ALL: [Self; 3] = [Self::None, Self::Deferred, Self::Stored];
}

impl Node {
    /// The largest offset up to which it may have taken a snapshot by now.
    fn may_hold(&self) -> Offset {
        let committed = self.state.high_watermark.unwrap_or_default();
        committed.max(self.known).min(Offset(self.log.len() as i64))
    }

    /// It is about to be `after`. What it took for committed before, it may have a snapshot of, though it knows less then.
    pub(super) fn remember(&mut self, after: &State) {
        let most = self.known.max(self.state.high_watermark.unwrap_or_default());
        let still = after.high_watermark.unwrap_or_default();
        self.known = if most > still { most } else { Offset::ZERO };
    }

    /// Whatever its latest snapshot is, and wherever its log begins: all of that is left open again.
    fn leave_open(&mut self) {
        let flushed = self.state.log.flushed;
        self.state.log = summary(&self.log, SnapshotId::NONE, SnapshotId::NONE, flushed);
    }
}

impl World {
    /// The same nodes, without anything that is left open where snapshots are: what the two forms are compared by. Of a node that does
    /// not lead, whether it has flushed all is left, not how much.
    #[must_use]
    pub fn without_snapshots(mut self) -> Self {
        for node in &mut self.nodes {
            let node = Rc::make_mut(node);
            node.leave_open();
            node.known = Offset::ZERO;
            if let Role::Follower { download, .. } = &mut node.state.role {
                *download = None;
            }
            let log = &mut node.state.log;
            if log.flushed < log.end && !matches!(node.state.role, Role::Leader { .. }) {
                log.flushed = Offset::ZERO;
            }
        }
        Self { snapshots: Snapshots::Deferred, ..self }
    }
}

impl Draft {
    fn node(&mut self, node: usize) -> &mut Node {
        Rc::make_mut(&mut self.world.nodes[node])
    }

    fn leave_open(&mut self, node: usize) {
        self.node(node).leave_open();
    }

    /// A snapshot up to `end`, now, or earlier where the node does not know any more that this is committed.
    fn take(&mut self, node: usize, end: Offset) {
        let Node { state, log, .. } = self.node(node);
        if let Some(snapshot) = snapshot_id(state, end) {
            step::<Value>(state, Event::SnapshotTaken { snapshot });
        } else {
            let epoch = log[end.0 as usize - 1].epoch;
            state.log.latest = SnapshotId { end, epoch };
        }
    }

    /// What becomes of it if nothing crashes.
    fn whole(self, node: usize, event: &Event<Value>) -> Self {
        self.outcomes(node, event).pop().map_or(self, |(whole, _)| whole)
    }

    /// The ways in which the power can go at `node` and come back: how many entries the log keeps, and, where it is open, which
    /// snapshot is the latest.
    pub(super) fn crashes(
        &self,
        node: usize,
        election: ElectionState,
        keeps: RangeInclusive<usize>,
    ) -> Vec<(Self, u8, Offset)> {
        let actor = &self.world.nodes[node];
        let deferred = self.world.snapshots == Snapshots::Deferred;
        let open = deferred && actor.state.log.latest.is_none();
        let most = if open { actor.may_hold() } else { Offset::ZERO };
        let mut ways: Vec<(Self, u8, Offset)> = Vec::new();
        for end in (0..=most.0).map(Offset) {
            let mut held = self.clone();
            if end > Offset::ZERO {
                held.take(node, end);
            }
            for keeps in keeps.clone() {
                let mut back = held.clone();
                back.crash(node, election, keeps);
                if deferred {
                    back.leave_open(node);
                    // What the snapshot holds comes back, whether the log kept it or not.
                    if ways.iter().any(|(it, ..)| it.world.nodes[node] == back.world.nodes[node]) {
                        continue;
                    }
                }
                ways.push((back, keeps as u8, end));
            }
        }
        ways
    }
}

impl Next<'_> {
    /// A snapshot of any committed part of the log, and a log that begins after any snapshot.
    pub(super) fn snapshots(&mut self, node: usize) {
        match self.world.snapshots {
            Snapshots::None => {}
            Snapshots::Stored => self.stored(node),
            Snapshots::Deferred => {
                self.judge(node);
                self.clean(node);
            }
        }
    }

    fn stored(&mut self, node: usize) {
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

    /// Every snapshot that the node may take now. None changes the state, as it is left open which there are.
    fn judge(&mut self, node: usize) {
        let Node { state, log, .. } = &*self.world.nodes[node];
        let id = state.config.local.id;
        for end in 1..=log.len() {
            let Some(snapshot) = snapshot_id(state, Offset(end as i64)) else { continue };
            if !properties::snapshot_equals_prefix(snapshot, &log[..end], &self.world.committed) {
                let mut draft = Draft::of(self.world);
                draft.violations |= Property::SnapshotEqualsPrefix.bit();
                self.keep(draft, Action::Snapshot(id, snapshot.end));
            }
        }
    }

    /// Cleaning leaves behind nothing but that what the snapshot holds is flushed. At a node that does not lead, nothing but a crash
    /// reads how much of its log is flushed if not all is; and of all it may have been told as well.
    fn clean(&mut self, node: usize) {
        let Node { state, log, .. } = &*self.world.nodes[node];
        let id = state.config.local.id;
        let mut without = state.clone();
        for end in (1..=log.len() as i64).map(Offset) {
            let to = SnapshotId { end, epoch: log[end.0 as usize - 1].epoch };
            let event = Event::Clean { to };
            step::<Value>(&mut without, event.clone());
            let LogSummary { start, latest, .. } = without.log;
            if start.end > latest.end {
                let mut draft = Draft::of(self.world);
                draft.violations |= Property::SnapshotCoversLogStart.bit();
                self.keep(draft, Action::Clean(id, end, None));
            }
            let flushes = state.is_leader() && state.log.flushed < end;
            if flushes && end <= self.world.nodes[node].may_hold() {
                let mut held = Draft::of(self.world);
                held.take(node, end);
                let mut cleaned = held.whole(node, &event);
                cleaned.leave_open(node);
                self.keep(cleaned, Action::Clean(id, end, None));
            }
        }
    }

    /// A follower is told of a snapshot and loads it, all in one action: what it does meanwhile it can do without having begun, and the
    /// leader can do no less of it later.
    pub(super) fn load(&mut self, from: usize, leader: usize) {
        let State { role, election, .. } = &self.world.nodes[from].state;
        let (Role::Follower { .. }, Some(to)) = (role, election.leader) else { return };
        if self.world.snapshots != Snapshots::Deferred || index(to) != leader {
            return;
        }
        let leader = &self.world.nodes[index(to)];
        if !leader.state.is_leader() || leader.state.election.epoch != election.epoch {
            return;
        }
        let fetch = requests(&self.world.nodes[from].state).into_iter().find(|(id, _)| *id == to);
        let Some((_, fetch)) = fetch else { return };
        for end in 1..=leader.may_hold().0 {
            // Who needs a snapshot where the log begins early needs it where it begins late. That it begins says that what is
            // before is flushed, so the latest start that does not say so stands for those before it.
            let flushed = leader.state.log.flushed.0.min(end);
            let offer = (flushed..=end).find_map(|start| self.offer(index(to), &fetch, start, end));
            if let Some(draft) = offer {
                self.load_offered(draft, from, fetch.clone(), Offset(end));
            }
        }
    }

    /// What the leader answers whose log begins after `start` and whose latest snapshot ends at `end`, if it is that snapshot.
    fn offer(&self, leader: usize, fetch: &Request, start: i64, end: i64) -> Option<Draft> {
        let mut draft = Draft::of(self.world);
        if start > 0 {
            draft.take(leader, Offset(start));
            let to = draft.world.nodes[leader].state.log.latest;
            draft = draft.whole(leader, &Event::Clean { to });
        }
        if end > start {
            draft.take(leader, Offset(end));
        }
        let draft = draft.whole(leader, &Event::Requested { request: fetch.clone() });
        let answer = draft.answer.as_ref().map(|response| &response.answer);
        matches!(answer, Some(Answer::Fetch(FetchAnswer { snapshot: Some(_), .. })))
            .then_some(draft)
    }

    /// The answers arrive, chunk by chunk, until the snapshot is there or the follower asks for something else.
    fn load_offered(&mut self, mut draft: Draft, from: usize, mut request: Request, end: Offset) {
        let id = self.world.nodes[from].id();
        let Some(to) = self.world.nodes[from].state.election.leader else { return };
        loop {
            let Some((_, _, response)) =
                self.answers(&mut draft, index(to), None).into_iter().next()
            else {
                return;
            };
            let event = Event::Answered { from: to, request, response };
            let mut outcomes = draft.outcomes(from, &event);
            let asks = |(whole, _): &(Draft, _)| {
                let asked = requests(&whole.world.nodes[from].state);
                asked.into_iter().map(|(_, request)| request).next()
            };
            if let Some(chunk @ Request::FetchSnapshot(_)) = outcomes.last().and_then(asks) {
                let Some((whole, _)) = outcomes.pop() else { return };
                draft = whole.whole(index(to), &Event::Requested { request: chunk.clone() });
                request = chunk;
                continue;
            }
            for (mut draft, cut) in outcomes.into_iter().filter(|(it, _)| it.installed) {
                draft.leave_open(from);
                draft.leave_open(index(to));
                self.keep(draft, Action::Load(id, to, end, cut));
            }
            return;
        }
    }
}
