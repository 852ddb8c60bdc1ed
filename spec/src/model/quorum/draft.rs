//! One world on its way to the next: effects carried out, crashes in the middle of them.

use std::rc::Rc;
use std::sync::Arc;

use super::action::Cut;
use super::snapshots::Snapshots;
use super::world::{Node, Value, World, summary};
use crate::quorum::properties::{self, Property, Violations};
use crate::quorum::{
    Effect, ElectionState, Event, LogSummary, ReadFrom, Response, Restored, Role, State, step,
};
use crate::types::Offset;

/// A world in the making.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) world: World,
    pub(super) violations: Violations,
    pub(super) truncated: bool,
    pub(super) lost: bool,
    pub(super) partial: bool,
    pub(super) installed: bool,
    pub(super) answer: Option<Response<ReadFrom>>,
}

impl Draft {
    pub(super) fn of(world: &World) -> Self {
        Self {
            world: world.clone(),
            violations: 0,
            truncated: false,
            lost: false,
            partial: false,
            installed: false,
            answer: None,
        }
    }

    /// Does the first `done` effects of a step of `node`, and judges them.
    fn carry_out(&mut self, node: usize, after: &State, effects: &[Effect<Value>], done: usize) {
        let (is_lost, found) = (self.world.is_lost(node), self.violations);
        if !self.commits_by_majority(node, after, &effects[..done]) {
            self.violations |= Property::Durability.bit();
        }
        let World { nodes, committed, .. } = &mut self.world;
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
                Effect::AdvanceHighWatermark { to } if !is_lost => {
                    let agrees = properties::commit(committed, &actor.log, *to);
                    if !agrees {
                        self.violations |= Property::CommittedImmutable.bit();
                    }
                }
                Effect::InstallSnapshot { snapshot } => {
                    // Each chunk followed the one before; what they make is the leader's.
                    let end = snapshot.end.0 as usize;
                    let content = committed.get(..end).unwrap_or_default();
                    if !properties::snapshot_equals_prefix(*snapshot, content, committed) {
                        self.violations |= Property::SnapshotEqualsPrefix.bit();
                    }
                    actor.state.log.latest = *snapshot;
                    self.installed = true;
                }
                Effect::ReplaceLog { snapshot } => {
                    if !properties::truncation_keeps_committed(&actor.log, snapshot.end, committed)
                    {
                        self.violations |= Property::NoTruncationBelowHighWatermark.bit();
                    }
                    let voters = World::voters_before(committed, snapshot.end);
                    actor.state.log.replace(*snapshot, voters);
                    actor.log = committed[..snapshot.end.0 as usize].to_vec();
                }
                Effect::CleanLog { to } => actor.state.log.clean(*to),
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
        if is_lost {
            self.violations = found;
        }
    }

    /// Whether what a leader takes for committed is on the flushed logs of a majority of the voters that it knows. Another set
    /// than its own is not asked: the next one may lack that majority, rightly (KAFKA-16580).
    fn commits_by_majority(&self, node: usize, after: &State, effects: &[Effect<Value>]) -> bool {
        let to = effects.iter().find_map(|effect| match effect {
            Effect::AdvanceHighWatermark { to } if after.is_leader() || self.leads(node) => {
                Some(*to)
            }
            _ => None,
        });
        let Some(to) = to else { return true };
        let own: Vec<_> = self.world.nodes[node].log.iter().take_while(|e| e.end <= to).collect();
        let voters = after.voters();
        let holds = |(index, other): (usize, &Rc<Node>)| {
            let flushed = if index == node { after.log.flushed } else { other.state.log.flushed };
            let same = other.log.iter().take(own.len()).eq(own.iter().copied());
            voters.contains(other.state.config.local) && flushed >= to && same
        };
        let nodes = &self.world.nodes;
        let holders = nodes.iter().enumerate().filter(|it| holds(*it)).count();
        let runs = nodes.iter().filter(|it| voters.contains(it.state.config.local)).count();
        // A directory that is lost may have held it.
        voters.is_fixed() || voters.is_majority(holders + voters.len() - runs)
    }

    fn leads(&self, node: usize) -> bool {
        self.world.nodes[node].state.is_leader()
    }

    /// The power goes at `node` and comes back. The log keeps `keeps` entries.
    pub(super) fn crash(&mut self, node: usize, election: ElectionState, keeps: usize) {
        let restored = self.disk(node, election, keeps);
        let actor = &self.world.nodes[node];
        self.lost |= keeps < actor.log.len();
        let kept = &actor.log[..keeps];
        let config = Arc::clone(&actor.state.config);
        let restarted = Node::restart(config, restored, kept, &self.world.committed);
        let id = restarted.id();
        self.world.nodes[node] = Rc::new(restarted);
        self.world.disconnect(id);
        if let Some(left) = &mut self.world.crashes_left {
            *left -= 1;
        }
    }

    /// What the disk of `node` holds when its log keeps `keeps` entries.
    pub(super) fn disk(&self, node: usize, election: ElectionState, keeps: usize) -> Restored {
        let actor = &self.world.nodes[node];
        let LogSummary { start, latest, .. } = actor.state.log;
        let log = summary(&actor.log[..keeps], start, latest, Offset(keeps as i64));
        let snapshot_voters = World::voters_before(&self.world.committed, latest.end);
        Restored { election, snapshot_voters, log }
    }

    /// Every way in which a step of `node` can go: to its end, or to a crash after any effect.
    pub(super) fn outcomes(&self, node: usize, event: &Event<Value>) -> Vec<(Self, Option<Cut>)> {
        let old = &self.world.nodes[node];
        let mut after = old.state.clone();
        let effects = step(&mut after, event.clone());
        let mut outcomes = Vec::new();
        let campaigns = properties::campaign_has_pre_votes(&old.state, event, &after);
        let broken = if campaigns { 0 } else { Property::CampaignHasPreVotes.bit() };
        if self.world.crashes_left != Some(0) {
            for done in 1..effects.len() {
                // After an effect that neither the disk nor anybody else sees, it is as before it.
                if !matches!(
                    effects[done - 1],
                    Effect::WriteElectionState { .. }
                        | Effect::Truncate { .. }
                        | Effect::Append { .. }
                        | Effect::InstallSnapshot { .. }
                        | Effect::ReplaceLog { .. }
                        | Effect::CleanLog { .. }
                        | Effect::AdvanceHighWatermark { .. }
                        | Effect::Respond { .. }
                ) {
                    continue;
                }
                let mut cut = self.clone();
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
                let start = cut.world.nodes[node].state.log.start.end;
                let flushed = (flushed.max(start).0 as usize).min(length);
                for (crashed, keeps, _) in cut.crashes(node, election, flushed..=length) {
                    outcomes.push((crashed, Some(Cut { effects: done as u8, keeps })));
                }
            }
        }
        let mut whole = self.clone();
        whole.carry_out(node, &after, &effects, effects.len());
        whole.violations |= broken;
        let actor = Rc::make_mut(&mut whole.world.nodes[node]);
        let named = World::voters_before(&actor.log, Offset(i64::MAX));
        if *named.as_ref().unwrap_or(&after.config.voters) != *after.voters() {
            whole.violations |= Property::VotersAreOfLog.bit();
        }
        actor.promised &= keeps_asking(&actor.state, &after);
        if whole.world.snapshots == Snapshots::Deferred {
            actor.remember(&after);
        }
        actor.state = after;
        actor.forget_idle();
        outcomes.push((whole, None));
        outcomes
    }
}

/// Whether a prospective node asks for the same pre-votes after a step.
fn keeps_asking(before: &State, after: &State) -> bool {
    let asks = |state: &State| {
        let State { role, election, log, .. } = state;
        let prospective = matches!(role, Role::Prospective { .. });
        prospective.then(|| (election.epoch, log.last_epoch(), log.end))
    };
    asks(before) == asks(after)
}
