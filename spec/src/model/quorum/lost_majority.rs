//! One directory goes on alone when an operator has given the others up.

use std::rc::Rc;

use super::action::Action;
use super::draft::Draft;
use super::world::{Changes, FIRST, Next, Node, Value, World, configuration, generation};
use crate::quorum::properties::{self, Property};
use crate::quorum::{Effect, Restored, holds_as_much, loses_nothing, recover};
use crate::types::{Epoch, Offset};

impl World {
    /// Whether a node was given up. It lives on with others of its kind, and all that it says reaches the recovered node; but
    /// nobody is judged by what it takes for committed any more.
    pub(super) fn is_lost(&self, node: usize) -> bool {
        let key = self.nodes[node].state.config.local;
        self.nodes.iter().any(|other| other.state.config.outside.contains(&key))
    }

    /// Whether nothing passes between two nodes: an old voter does not start again, and if one does, a new directory is not
    /// told of it. The recovered node has to bear it.
    pub(super) fn are_parted(&self, one: usize, other: usize) -> bool {
        let recovered = |node: usize| !self.nodes[node].state.config.outside.is_empty();
        self.is_lost(one) != self.is_lost(other) && !recovered(one) && !recovered(other)
    }
}

impl Next<'_> {
    /// The other voters are lost, as an operator believes, and a directory becomes the only voter.
    pub(super) fn recover(&mut self, node: usize) {
        let Some(Changes { recovers: true, .. }) = self.world.changes else { return };
        let nodes = &self.world.nodes;
        let Node { state, log, .. } = &*nodes[node];
        // Else the directory that was lost before would not be told from the one that is there.
        if nodes.iter().any(|other| generation(other.state.config.local) != FIRST) {
            return;
        }
        let mut draft = Draft::of(self.world);
        let found = draft.disk(node, state.election, log.len());
        let Ok(recovery) = recover::<Value>(state.config.clone(), found.clone(), Epoch(0)) else {
            return;
        };
        let Restored { mut election, .. } = found;
        let mut after = Node::clone(&nodes[node]);
        after.carry_out(&recovery.effects);
        for effect in &recovery.effects {
            if let Effect::WriteElectionState { state } = effect {
                election = *state;
            }
        }
        let id = state.config.local.id;
        let config = configuration(nodes.len() as u8, node as u8, FIRST, false, true);
        let kept = common(&self.world.committed, log);
        if !self.keeps_committed(node, kept) {
            draft.violations |= Property::RecoveryKeepsCommitted.bit();
        }
        draft.world.nodes[node] = Rc::new(after);
        draft.world.committed.truncate(kept);
        let keeps = draft.world.nodes[node].log.len();
        let restored = draft.disk(node, election, keeps);
        let log = draft.world.nodes[node].log.clone();
        let restarted = Node::restart(config, restored, &log, &draft.world.committed);
        // Who follows the old quorum and has no vote in it is given up too. That he is heard no more is the operator's word.
        let outside = &restarted.state.config.outside;
        assert!(recovery.outside.iter().all(|key| outside.contains(key)), "who is outside");
        draft.world.nodes[node] = Rc::new(restarted);
        draft.world.disconnect(id);
        if let Some(changes) = &mut draft.world.changes {
            changes.recovers = false;
        }
        self.keep(draft, Action::Recover(id));
    }

    /// Whether `kept` of what is committed is enough, where the operator has compared each directory that holds no more
    /// ([`Property::RecoveryKeepsCommitted`]).
    fn keeps_committed(&self, node: usize, kept: usize) -> bool {
        let World { nodes, committed, .. } = self.world;
        let chosen = &nodes[node].state;
        let mut compared =
            nodes.iter().filter(|other| holds_as_much(&chosen.log, &other.state.log));
        let keys: Vec<_> = compared.clone().map(|other| other.state.config.local).collect();
        compared.all(|other| common(committed, &other.log) <= kept)
            && (!loses_nothing(chosen.voters(), &keys) || kept == committed.len())
    }
}

/// How many entries two logs have in common.
fn common(one: &[properties::Entry<Value>], other: &[properties::Entry<Value>]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// Whether an entry names voters that an operator made the only ones: the first of its epoch, which nobody leads.
pub(super) fn is_recovery(log: &[properties::Entry<Value>], at: usize) -> bool {
    let entry = &log[at];
    let before = at.checked_sub(1).map_or(Epoch(0), |last| log[last].epoch);
    entry.leader.is_none() && entry.epoch > before && entry.end > Offset(1)
}
