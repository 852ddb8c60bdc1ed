//! What can happen, remembered by the nodes that it concerns.
//!
//! Where voters are fixed and requests are whole RPCs, an action concerns one node or two, and what is committed. A search meets
//! few different nodes, and few pairs of them, in very many worlds: each is stepped once, by the same functions as everywhere,
//! and looked up from then on. Names make no difference to a step: those that it concerns are stepped as the first of the world.
//! Nothing is decided here; `tests` hold it against stepping every world anew.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;

use super::checked::QuorumModel;
use super::network::Network;
use super::pack::{ANY, Bits, CRASHES, ID, NETWORK, OFFSET, Packed, SNAPSHOTS, WORDS, encode_bits};
use super::pieces::{Joined, Names, Pieces, Places, SAME_NAMES};
use super::symmetry::permute_ties;
use super::witness::happened;
use super::world::{Bounds, Successor, Value, World};
use crate::quorum::properties::{self, NodeView, Violations};
use crate::quorum::{VoterSet, mutant};
use crate::types::NodeId;

/// Nobody else is concerned.
const ALONE: u32 = u32::MAX;

/// What is stepped: pieces, by the names of a [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    node: u32,
    other: u32,
    committed: u32,
    /// The value that can be proposed; 0: none.
    value: u8,
    /// How many crashes can be: 0, 1, or 2 for more.
    crashes: u8,
}

/// Something that can happen, and the pieces after it, by the names of a [`Frame`].
#[derive(Clone, Copy, Debug)]
struct Outcome {
    node: u32,
    other: u32,
    committed: u32,
    violations: Violations,
    /// The witnesses of the step, but for the roles of nodes.
    seen: u64,
    proposed: u8,
    crashed: u8,
}

/// Names by which those that are concerned come first.
#[derive(Debug)]
struct Frame {
    /// The place in the frame of the node at each place.
    places: Places,
    node: usize,
    other: Option<usize>,
}

/// A piece, and whether it is by the names of a [`Frame`].
#[derive(Clone, Copy, Default)]
struct Framed {
    id: u32,
    is_framed: bool,
}

/// The pieces of a state.
#[derive(Clone, Copy)]
struct Parts {
    crashes: u64,
    used: u64,
    committed: Framed,
    nodes: [Framed; 7],
}

/// What the threads of a search remember.
#[derive(Debug)]
pub(super) struct Memos {
    /// One for each thread that has asked, while it does not use it.
    idle: Mutex<Vec<Memo>>,
    /// The bytes that each may take. One that takes more is forgotten.
    room: AtomicUsize,
}

/// The bytes that each thread may always remember.
const LEAST: usize = 64 << 20;
/// A table that grows takes so many times what it held, for a moment.
const GROWS: usize = 3;

impl Default for Memos {
    fn default() -> Self {
        Self { idle: Mutex::default(), room: LEAST.into() }
    }
}

impl Memos {
    /// Lets a memo work that no other thread uses meanwhile.
    pub(super) fn with<T>(&self, model: &QuorumModel, work: impl FnOnce(&mut Memo) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.room.load(Ordering::Relaxed);
        let taken = idle().pop().filter(|memo| memo.bytes() <= room);
        let mut memo = taken.unwrap_or_else(|| Memo::of(model));
        let done = work(&mut memo);
        idle().push(memo);
        done
    }

    /// How many bytes they may take together.
    pub(super) fn remember_at_most(&self, bytes: usize) {
        let threads = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        let each = bytes / threads.max(1) / GROWS;
        self.room.store(each.max(LEAST), Ordering::Relaxed);
    }
}

/// All that a thread remembers.
#[derive(Debug)]
pub(super) struct Memo {
    bounds: Bounds,
    pieces: Pieces,
    /// All nodes.
    voters: VoterSet,
    /// Where in `outcomes` it is what comes of each.
    steps: HashMap<Key, (u32, u32)>,
    outcomes: Vec<Outcome>,
    scratch: Scratch,
}

/// Room that is used again for each state.
#[derive(Debug, Default)]
struct Scratch {
    asked: Vec<Asked>,
    /// With the number of the one among `asked` that it comes of.
    found: Vec<(usize, Outcome)>,
    bytes: Vec<u8>,
}

/// What comes of a step is asked for.
#[derive(Debug)]
struct Asked {
    frame: Frame,
    key: Key,
    /// Where in `outcomes` it is, if it is.
    known: Option<(u32, u32)>,
}

impl Memo {
    /// Nothing yet.
    pub(super) fn of(model: &QuorumModel) -> Self {
        let Bounds { nodes, snapshots, .. } = model.bounds();
        Self {
            bounds: model.bounds(),
            pieces: Pieces::of(nodes, model.mutants(), snapshots),
            voters: (1..=i32::from(nodes)).map(NodeId).collect(),
            steps: HashMap::new(),
            outcomes: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// The bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let outcomes = self.outcomes.capacity() * size_of::<Outcome>();
        outcomes + self.steps.allocation_size() + self.pieces.bytes()
    }

    /// Shows everything that can come after `state`: its witnesses and its bytes.
    pub(super) fn successors(
        &mut self,
        model: &QuorumModel,
        state: &Packed,
        mut visit: impl FnMut(u64, &[u8]),
    ) {
        let parts = self.parts(state);
        let Scratch { mut asked, mut found, mut bytes } = std::mem::take(&mut self.scratch);
        asked.clear();
        self.ask(&parts, &mut asked);
        // What is far away in memory is looked up for all before any of it is used, so that a processor does several at a time.
        found.clear();
        for it in &mut asked {
            it.known = self.steps.get(&it.key).copied();
        }
        for (number, Asked { frame, key, known }) in asked.iter().enumerate() {
            let (from, to) = known.unwrap_or_else(|| self.step(model, &parts, frame, key));
            let outcomes = &self.outcomes[from as usize..to as usize];
            found.extend(outcomes.iter().map(|outcome| (number, *outcome)));
        }
        for (number, outcome) in &found {
            let Asked { frame, key, .. } = &asked[*number];
            bytes.clear();
            let seen = self.after(&parts, frame, key, outcome, &mut bytes);
            visit(seen, &bytes);
        }
        self.scratch = Scratch { asked, found, bytes };
    }

    /// Everything that concerns a node: first the node alone, then with each other that it has something to say to.
    fn ask(&mut self, parts: &Parts, asked: &mut Vec<Asked>) {
        let value = self.proposable(parts);
        let crashes = if parts.crashes == ANY { 2 } else { parts.crashes.min(2) as u8 };
        for node in 0..self.count() {
            let asks = self.pieces.fact(parts.nodes[node].id).asks;
            let others = (0..self.count()).filter(|other| *other != node && asks >> other & 1 == 1);
            for other in std::iter::once(None).chain(others.map(Some)) {
                let frame = Frame::of(self.count(), node, other);
                let key = self.key(parts, &frame, (value, crashes));
                asked.push(Asked { frame, key, known: None });
            }
        }
    }

    /// The properties of a state that this one breaks.
    pub(super) fn violations(&mut self, state: &Packed) -> Violations {
        let Parts { committed, nodes, .. } = self.parts(state);
        let ids = nodes[..self.count()].iter();
        let views: Vec<NodeView<'_, Value>> =
            ids.map(|node| self.pieces.as_node(node.id).view()).collect();
        let committed = self.pieces.as_committed(committed.id);
        properties::violations(std::slice::from_ref(&self.voters), &views, committed)
    }

    fn count(&self) -> usize {
        usize::from(self.bounds.nodes)
    }

    /// The pieces that a step concerns, by the names of the frame.
    fn key(&mut self, parts: &Parts, frame: &Frame, (value, crashes): (u8, u8)) -> Key {
        let mut framed = |piece: Framed| self.pieces.rename(piece.id, frame.places, SAME_NAMES);
        Key {
            node: framed(parts.nodes[frame.node]),
            other: frame.other.map_or(ALONE, |other| framed(parts.nodes[other])),
            committed: framed(parts.committed),
            value: if frame.other.is_none() { value } else { 0 },
            crashes,
        }
    }

    /// Steps a node, alone or with another, in a world that has them, unless that was done meanwhile: where in `outcomes` it is
    /// what comes of it.
    fn step(&mut self, model: &QuorumModel, parts: &Parts, frame: &Frame, key: &Key) -> (u32, u32) {
        if let Some(known) = self.steps.get(key) {
            return *known;
        }
        let world = self.world(parts, frame, key);
        let from = self.outcomes.len() as u32;
        let other = frame.other.map(|_| 1);
        for successor in mutant::within(model.mutants(), || world.concerning(self.bounds, 0, other))
        {
            let outcome = self.outcome(model, &world, key, &successor);
            self.outcomes.push(outcome);
        }
        let range = (from, self.outcomes.len() as u32);
        self.steps.insert(*key, range);
        range
    }

    /// The world of these parts, by the names of the frame.
    fn world(&mut self, parts: &Parts, frame: &Frame, key: &Key) -> World {
        let mut nodes = vec![None; self.count()];
        for (place, node) in parts.nodes[..self.count()].iter().enumerate() {
            let id = self.pieces.rename(node.id, frame.places, SAME_NAMES);
            nodes[frame.place(place)] = Some(Rc::new(self.pieces.as_node(id).clone()));
        }
        World {
            nodes: nodes.into_iter().flatten().collect(),
            committed: self.pieces.as_committed(key.committed).to_vec(),
            used: parts.used as u8,
            crashes_left: (parts.crashes != ANY).then_some(parts.crashes as u8),
            changes: None,
            network: Network::Rpc,
            snapshots: self.bounds.snapshots,
            messages: Vec::new(),
        }
    }

    fn outcome(
        &mut self,
        model: &QuorumModel,
        world: &World,
        key: &Key,
        successor: &Successor,
    ) -> Outcome {
        let after = &successor.world;
        let mut node_after = |place: usize, before: u32| {
            let same = Rc::ptr_eq(&after.nodes[place], &world.nodes[place]);
            if same { before } else { self.pieces.node(&after.nodes[place], place) }
        };
        let node = node_after(0, key.node);
        let other = if key.other == ALONE { ALONE } else { node_after(1, key.other) };
        let committed = if after.committed == world.committed {
            key.committed
        } else {
            self.pieces.committed(&after.committed)
        };
        let left = |world: &World| world.crashes_left.unwrap_or(0);
        Outcome {
            node,
            other,
            committed,
            proposed: after.used - world.used,
            crashed: left(world) - left(after),
            violations: successor.violations & model.judged(),
            seen: happened(successor),
        }
    }

    /// Puts the bytes of the state after something has happened at the end of `to`. What was seen then.
    fn after(
        &mut self,
        parts: &Parts,
        frame: &Frame,
        key: &Key,
        outcome: &Outcome,
        to: &mut Vec<u8>,
    ) -> u64 {
        let after = |new: u32, framed: u32, before: Framed| {
            if new == framed { before } else { Framed { id: new, is_framed: true } }
        };
        let mut nodes = parts.nodes;
        nodes[frame.node] = after(outcome.node, key.node, nodes[frame.node]);
        if let Some(other) = frame.other {
            nodes[other] = after(outcome.other, key.other, nodes[other]);
        }
        let parts = Parts {
            nodes,
            committed: after(outcome.committed, key.committed, parts.committed),
            used: parts.used + u64::from(outcome.proposed),
            crashes: parts.crashes - u64::from(outcome.crashed),
        };
        let roles = nodes[..self.count()].iter().map(|node| self.pieces.fact(node.id).roles);
        let seen = roles.fold(outcome.seen, |seen, roles| seen | roles);
        let bits = self.canonical(&parts, frame);
        encode_bits(&bits, outcome.violations, to);
        seen
    }

    /// The smallest bits of all equivalent forms, as [`Packed::canonical`] finds them.
    fn canonical(&mut self, parts: &Parts, frame: &Frame) -> [u64; WORDS] {
        let count = self.count();
        let mut signatures = [0; 7];
        let mut order = [0, 1, 2, 3, 4, 5, 6];
        let order = &mut order[..count];
        for (signature, node) in signatures.iter_mut().zip(&parts.nodes[..count]) {
            *signature = self.pieces.fact(node.id).signature;
        }
        order.sort_unstable_by_key(|place| signatures[usize::from(*place)]);
        let mut smallest = None;
        permute_ties(order, &signatures, 0, &mut |order| {
            let bits = self.renamed(parts, frame, order);
            if smallest.is_none_or(|known| bits < known) {
                smallest = Some(bits);
            }
        });
        smallest.expect("nodes have an order")
    }

    /// The bits with the nodes in that order, and the values by first occurrence.
    fn renamed(&mut self, parts: &Parts, frame: &Frame, order: &[u8]) -> [u64; WORDS] {
        // The new places of nodes: by the names of the state, and of the frame.
        let (mut places, mut framed) = (0, 0);
        let mut names = Names::default();
        names.take(self.pieces.fact(parts.committed.id).values);
        for (place, node) in order.iter().enumerate() {
            let node = usize::from(*node);
            places |= (place as Places) << (4 * node);
            framed |= (place as Places) << (4 * frame.place(node));
            names.take(self.pieces.fact(parts.nodes[node].id).values);
        }
        let names = names.map();
        let mut to = Joined::default();
        to.put(order.len() as u64, ID);
        to.put(Network::Rpc as u64, NETWORK);
        to.put(self.bounds.snapshots as u64, SNAPSHOTS);
        to.put(parts.crashes, CRASHES);
        to.put(parts.used, OFFSET);
        to.put(0, 1);
        let mut join = |Framed { id, is_framed }: Framed| {
            let id = self.pieces.rename(id, if is_framed { framed } else { places }, names);
            to.join(self.pieces.fact(id));
        };
        join(parts.committed);
        for node in order {
            join(parts.nodes[usize::from(*node)]);
        }
        to.words
    }

    /// The smallest value that is in no log, if one may be proposed.
    fn proposable(&self, parts: &Parts) -> u8 {
        if parts.used >= u64::from(self.bounds.values) {
            return 0;
        }
        let mut names = Names::default();
        names.take(self.pieces.fact(parts.committed.id).values);
        for node in &parts.nodes[..self.count()] {
            names.take(self.pieces.fact(node.id).values);
        }
        (1..8).find(|value| names.of(*value) == 0).unwrap_or(0) as u8
    }

    /// Cuts a state into its pieces.
    fn parts(&mut self, state: &Packed) -> Parts {
        let mut from = Bits::of(state.bits);
        from.skip(ID + NETWORK + SNAPSHOTS);
        let (crashes, used) = (from.get(CRASHES), from.get(OFFSET));
        from.skip(1);
        let framed = |id| Framed { id, is_framed: false };
        let committed = framed(self.pieces.cut_committed(&mut from));
        let mut nodes = [Framed::default(); 7];
        for (place, node) in nodes[..self.count()].iter_mut().enumerate() {
            *node = framed(self.pieces.cut_node(&mut from, place));
        }
        Parts { crashes, used, committed, nodes }
    }
}

impl Frame {
    fn of(count: usize, node: usize, other: Option<usize>) -> Self {
        let mut next = 1 + u32::from(other.is_some());
        let mut places = 0;
        for place in 0..count {
            let framed = if place == node {
                0
            } else if Some(place) == other {
                1
            } else {
                next += 1;
                next - 1
            };
            places |= framed << (4 * place);
        }
        Self { places, node, other }
    }

    /// The place in the frame of the node at `place`.
    fn place(&self, place: usize) -> usize {
        (self.places >> (4 * place) & 15) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::snapshots::Snapshots;
    use super::*;

    #[test]
    fn what_takes_more_room_than_there_is_is_forgotten_and_makes_no_difference() {
        let model = QuorumModel::new(Bounds {
            nodes: 2,
            epochs: 2,
            values: 1,
            crashes: Some(1),
            resign: true,
            snapshots: Snapshots::None,
            voters: None,
            assumes_pre_votes: false,
        });
        let model = model.unwrap();
        let (large, none) = (Memos::default(), Memos { room: 0.into(), ..Memos::default() });
        let successors = |memos: &Memos, state: &Packed| {
            let mut found = Vec::new();
            let visit = |seen: u64, bytes: &[u8]| found.push((seen, bytes.to_vec()));
            memos.with(&model, |memo| memo.successors(&model, state, visit));
            found
        };
        let remembered = |memos: &Memos| memos.idle.lock().unwrap()[0].steps.len();
        let (mut seen, mut waiting) = (HashSet::new(), vec![model.initial()]);
        while let Some(state) = waiting.pop() {
            let found = successors(&large, &state);
            assert_eq!(found, successors(&none, &state));
            // Each node, alone and with the other.
            assert!(remembered(&none) <= 4);
            let states = found.into_iter().map(|(_, bytes)| Packed::decode(&bytes));
            waiting.extend(states.filter(|state| seen.insert(state.clone())));
        }
        assert_eq!(seen.len(), 5_043);
        assert!(remembered(&large) > 500);
    }
}
