//! What can happen, remembered by the nodes that it concerns.
//!
//! Where voters are fixed and requests are whole RPCs, an action concerns one node or two, and what is committed. A search meets
//! few different nodes, and few pairs of them, in very many worlds: each is stepped once, by the same functions as everywhere,
//! and looked up from then on. Nothing is decided here; `tests` hold it against stepping every world anew.

use hashbrown::HashMap;

use super::action::Action;
use super::checked::{QuorumModel, Transition};
use super::pack::{
    ANY, Bits, CRASHES, ENTRY, EPOCH, ID, NETWORK, OFFSET, Packed, ROLE, Renaming, SNAPSHOTS,
    WORDS, put_node, read_log, read_node,
};
use super::symmetry::{permute_ties, signature};
use super::witness::{happened, role};
use super::world::{Node, Successor, Value, World};
use crate::quorum::properties::{self, Entry, NodeView, Violations};
use crate::quorum::{VoterSet, mutant};

/// A node or what is committed, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Piece {
    /// Where it stands: the place of a node, or [`COMMITTED`].
    place: u8,
    len: u8,
    bits: [u64; 3],
}

const COMMITTED: u8 = u8::MAX;
/// Nobody else is concerned.
const ALONE: u32 = u32::MAX;
/// When so much is remembered, all is forgotten: an action takes about 100 bytes.
const MOST: usize = 2 << 20;

/// A piece, and what is often asked of it.
#[derive(Debug)]
struct Fact {
    piece: Piece,
    what: What,
    /// Blind to names; 0 of what is committed.
    signature: u64,
    /// The witnesses that it is.
    roles: u64,
    /// The values in its log, in the order in which they come up: four bits each.
    values: u32,
}

#[derive(Debug)]
enum What {
    Node(Box<Node>),
    Committed(Vec<Entry<Value>>),
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    node: u32,
    other: u32,
    committed: u32,
    /// The value that can be proposed; 0: none.
    value: u8,
    /// How many crashes can be: 0, 1, or 2 for more.
    crashes: u8,
}

/// Something that can happen, and the pieces after it.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    action: Action,
    node: u32,
    other: u32,
    committed: u32,
    proposed: u8,
    crashed: u8,
    violations: Violations,
    seen: u64,
}

/// Nodes by place.
type Places = [u32; 7];

/// The pieces of a state.
struct Parts {
    network: u64,
    snapshots: u64,
    crashes: u64,
    used: u64,
    count: usize,
    committed: u32,
    nodes: Places,
}

/// All that a thread remembers.
#[derive(Debug, Default)]
pub(super) struct Memo {
    facts: Vec<Fact>,
    known: HashMap<Piece, u32>,
    steps: HashMap<Key, (u32, u32)>,
    outcomes: Vec<Outcome>,
    renamed: HashMap<(u32, u32, u32), u32>,
}

impl Memo {
    /// Puts everything that can come after `state` at the end of `found`.
    pub(super) fn successors(
        &mut self,
        model: &QuorumModel,
        state: &Packed,
        found: &mut Vec<(Transition, Packed)>,
    ) {
        if self.outcomes.len() > MOST || self.renamed.len() > MOST {
            *self = Self::default();
        }
        let parts = self.parts(state);
        let mut world = None;
        let value = self.proposable(model, &parts);
        let crashes = if parts.crashes == ANY { 2 } else { parts.crashes.min(2) as u8 };
        for node in 0..parts.count {
            for other in 0..=parts.count {
                // First what concerns the node alone, then each other.
                let (other, with, value) = match other.checked_sub(1) {
                    None => (ALONE, None, value),
                    Some(other) if other == node => continue,
                    Some(other) => (parts.nodes[other], Some(other), 0),
                };
                let key = Key {
                    node: parts.nodes[node],
                    other,
                    committed: parts.committed,
                    value,
                    crashes,
                };
                let known = self.steps.get(&key).copied();
                let (from, to) = known.unwrap_or_else(|| {
                    let world = world.get_or_insert_with(|| state.world());
                    let range = self.step(model, world, (node, with), &key);
                    self.steps.insert(key, range);
                    range
                });
                for index in from..to {
                    found.push(self.after(&parts, node, with, self.outcomes[index as usize]));
                }
            }
        }
    }

    /// The properties of a state that this one breaks.
    pub(super) fn violations(&mut self, state: &Packed) -> Violations {
        let Parts { count, committed, nodes, .. } = self.parts(state);
        let view = |id: &u32| match &self.facts[*id as usize].what {
            What::Node(node) => Some(node.view()),
            What::Committed(_) => None,
        };
        let views: Vec<NodeView<'_, Value>> = nodes[..count].iter().filter_map(view).collect();
        let voters: VoterSet = views.iter().map(|view| view.id).collect();
        match &self.facts[committed as usize].what {
            What::Committed(entries) => properties::violations(&[voters], &views, entries),
            What::Node(_) => 0,
        }
    }

    /// Steps a node, alone or with another, in a world that has them.
    fn step(
        &mut self,
        model: &QuorumModel,
        world: &World,
        (node, other): (usize, Option<usize>),
        key: &Key,
    ) -> (u32, u32) {
        let from = self.outcomes.len() as u32;
        for successor in
            mutant::within(model.mutants(), || world.concerning(model.bounds(), node, other))
        {
            let outcome = self.outcome(model, world, (node, other), key, &successor);
            self.outcomes.push(outcome);
        }
        (from, self.outcomes.len() as u32)
    }

    fn outcome(
        &mut self,
        model: &QuorumModel,
        world: &World,
        (node, other): (usize, Option<usize>),
        key: &Key,
        successor: &Successor,
    ) -> Outcome {
        let after = &successor.world;
        let mut node_after = |place: usize, before: u32| {
            let same = std::rc::Rc::ptr_eq(&after.nodes[place], &world.nodes[place]);
            if same { before } else { self.node(&after.nodes[place], after.nodes.len(), place) }
        };
        let one = node_after(node, key.node);
        let two = other.map_or(ALONE, |other| node_after(other, key.other));
        let committed = if after.committed == world.committed {
            key.committed
        } else {
            self.committed(&after.committed)
        };
        let left = |world: &World| world.crashes_left.unwrap_or(0);
        Outcome {
            action: successor.action,
            node: one,
            other: two,
            committed,
            proposed: after.used - world.used,
            crashed: left(world) - left(after),
            violations: successor.violations & model.judged(),
            seen: happened(successor),
        }
    }

    /// The state after something has happened.
    fn after(
        &mut self,
        parts: &Parts,
        node: usize,
        other: Option<usize>,
        outcome: Outcome,
    ) -> (Transition, Packed) {
        let mut nodes = parts.nodes;
        nodes[node] = outcome.node;
        if let Some(other) = other {
            nodes[other] = outcome.other;
        }
        let roles = nodes[..parts.count].iter().map(|id| self.facts[*id as usize].roles);
        let seen = roles.fold(outcome.seen, |seen, roles| seen | roles);
        let after = Parts {
            nodes,
            committed: outcome.committed,
            used: parts.used + u64::from(outcome.proposed),
            crashes: parts.crashes - u64::from(outcome.crashed),
            ..*parts
        };
        let bits = self.canonical(&after);
        let next = Packed { bits, messages: Box::default(), violations: outcome.violations };
        (Transition { action: outcome.action, next: next.clone(), seen }, next)
    }

    /// The smallest bits of all equivalent forms, as [`Packed::canonical`] finds them.
    fn canonical(&mut self, parts: &Parts) -> [u64; WORDS] {
        let nodes = &parts.nodes[..parts.count];
        let mut signatures = [0; 7];
        let mut order = [0, 1, 2, 3, 4, 5, 6];
        let order = &mut order[..parts.count];
        for (signature, id) in signatures.iter_mut().zip(nodes) {
            *signature = self.facts[*id as usize].signature;
        }
        order.sort_unstable_by_key(|place| signatures[usize::from(*place)]);
        let mut smallest = None;
        permute_ties(order, &signatures, 0, &mut |order| {
            let bits = self.renamed(parts, order);
            if smallest.is_none_or(|known| bits < known) {
                smallest = Some(bits);
            }
        });
        smallest.expect("nodes have an order")
    }

    /// The bits with the nodes in that order, and the values by first occurrence.
    fn renamed(&mut self, parts: &Parts, order: &[u8]) -> [u64; WORDS] {
        let mut places = 0;
        for (place, node) in order.iter().enumerate() {
            places |= (place as u32) << (4 * node);
        }
        let mut names = Names::default();
        names.take(self.facts[parts.committed as usize].values);
        for node in order {
            names.take(self.facts[parts.nodes[usize::from(*node)] as usize].values);
        }
        let mut to = Joined::default();
        to.put(parts.count as u64, ID);
        to.put(parts.network, NETWORK);
        to.put(parts.snapshots, SNAPSHOTS);
        to.put(parts.crashes, CRASHES);
        to.put(parts.used, OFFSET);
        to.put(0, 1);
        to.join(self.rename(parts.committed, places, names.map, parts.count));
        for node in order {
            to.join(self.rename(parts.nodes[usize::from(*node)], places, names.map, parts.count));
        }
        to.words
    }

    /// A piece by new names.
    fn rename(&mut self, id: u32, places: u32, names: u32, count: usize) -> Piece {
        // Most steps leave all names as they are.
        if keeps_names(places, names, count) {
            return self.facts[id as usize].piece;
        }
        if let Some(known) = self.renamed.get(&(id, places, names)) {
            return self.facts[*known as usize].piece;
        }
        let by_place: [u8; 7] = std::array::from_fn(|node| (places >> (4 * node) & 15) as u8);
        let values = std::array::from_fn(|value| match value {
            0..8 => (names >> (4 * value) & 15) as Value,
            _ => 0,
        });
        let mut renaming = Renaming { nodes: &by_place, values, named: 0 };
        let mut order = [0; 7];
        for node in 0..count {
            order[usize::from(by_place[node])] = node as u8;
        }
        let mut to = Bits::default();
        let place = match &self.facts[id as usize].what {
            What::Committed(entries) => {
                renaming.entries(&mut to, entries, None);
                COMMITTED
            }
            What::Node(node) => {
                put_node(&mut to, &mut renaming, &order[..count], node, &[], None);
                by_place[usize::from(self.facts[id as usize].piece.place)]
            }
        };
        let new = self.intern(piece(place, to), count);
        self.renamed.insert((id, places, names), new);
        self.facts[new as usize].piece
    }

    /// The id of a node as it is in a world.
    fn node(&mut self, node: &Node, count: usize, place: usize) -> u32 {
        let mut to = Bits::default();
        let mut names = Renaming { nodes: &IDENTITY, values: SAME, named: 0 };
        put_node(&mut to, &mut names, &IDENTITY[..count], node, &[], None);
        self.intern(piece(place as u8, to), count)
    }

    fn committed(&mut self, entries: &[Entry<Value>]) -> u32 {
        let mut to = Bits::default();
        let mut names = Renaming { nodes: &IDENTITY, values: SAME, named: 0 };
        names.entries(&mut to, entries, None);
        self.intern(piece(COMMITTED, to), 0)
    }

    fn intern(&mut self, piece: Piece, count: usize) -> u32 {
        let Self { facts, known, .. } = self;
        *known.entry(piece).or_insert_with(|| {
            facts.push(Fact::of(piece, count));
            facts.len() as u32 - 1
        })
    }

    /// The smallest value that is in no log, if one may be proposed.
    fn proposable(&self, model: &QuorumModel, parts: &Parts) -> u8 {
        if parts.used >= u64::from(model.bounds().values) {
            return 0;
        }
        let mut names = Names::default();
        names.take(self.facts[parts.committed as usize].values);
        for id in &parts.nodes[..parts.count] {
            names.take(self.facts[*id as usize].values);
        }
        (1..8).find(|value| names.of(*value) == 0).unwrap_or(0) as u8
    }

    /// Cuts a state into its pieces.
    fn parts(&mut self, state: &Packed) -> Parts {
        let mut from = Bits::of(state.bits);
        let count = from.get(ID) as usize;
        let (network, snapshots) = (from.get(NETWORK), from.get(SNAPSHOTS));
        let (crashes, used) = (from.get(CRASHES), from.get(OFFSET));
        from.get(1);
        let committed = self.cut(&mut from, COMMITTED, count, |from| {
            let len = from.get(OFFSET) as u32;
            from.skip(len * ENTRY);
        });
        let mut nodes = [0; 7];
        for (place, id) in nodes[..count].iter_mut().enumerate() {
            *id = self.cut(&mut from, place as u8, count, |from| skip_node(from, count as u32));
        }
        Parts { network, snapshots, crashes, used, count, committed, nodes }
    }

    /// The piece that `skip` goes over.
    fn cut(
        &mut self,
        from: &mut Bits<WORDS>,
        place: u8,
        count: usize,
        skip: impl FnOnce(&mut Bits<WORDS>),
    ) -> u32 {
        let start = from.at();
        skip(from);
        let bits = from.between(start);
        self.intern(Piece { place, len: (from.at() - start) as u8, bits }, count)
    }
}

fn skip_node(from: &mut Bits<WORDS>, count: u32) {
    let role = from.get(ROLE);
    from.skip(EPOCH + 2 * ID + 2 * OFFSET);
    if from.get(1) == 1 {
        from.skip(3 * OFFSET);
        if from.get(1) == 1 {
            from.skip(OFFSET + 1);
        }
    }
    let len = from.get(OFFSET) as u32;
    from.skip(len * ENTRY);
    match role {
        2 | 5 => from.skip(1 + count),
        3 => from.skip(OFFSET * (count - 1)),
        _ => {}
    }
}

/// Whether each node stays where it is, and each value that has a name keeps it.
fn keeps_names(places: u32, names: u32, count: usize) -> bool {
    let all = 0x0654_3210 & ((1 << (4 * count)) - 1);
    // A nibble of the second is 0, or as in the first.
    let changed = names ^ 0x7654_3210;
    let given = (names | names >> 1 | names >> 2 | names >> 3) & 0x1111_1111;
    places == all && changed & (given * 15) == 0
}

const IDENTITY: [u8; 7] = [0, 1, 2, 3, 4, 5, 6];
const SAME: [Value; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn piece(place: u8, bits: Bits<3>) -> Piece {
    Piece { place, len: bits.at() as u8, bits: bits.words() }
}

impl Fact {
    fn of(piece: Piece, count: usize) -> Self {
        let mut from = Bits::of(piece.bits);
        let values = |log: &[Entry<Value>]| {
            let mut names = Names::default();
            for entry in log.iter().filter(|entry| entry.leader.is_none()) {
                names.take(u32::from(entry.value));
            }
            names.in_order()
        };
        if piece.place == COMMITTED {
            let entries = read_log(&mut from, 0, None);
            let values = values(&entries);
            return Self { piece, what: What::Committed(entries), signature: 0, roles: 0, values };
        }
        let node = read_node(&mut from, (count as u8, piece.place, true), &[], None);
        let (signature, roles, values) = (signature(&node), role(&node), values(&node.log));
        Self { piece, what: What::Node(Box::new(node)), signature, roles, values }
    }
}

/// Values by the order in which they come up.
#[derive(Default)]
struct Names {
    /// The new name of each value, four bits each.
    map: u32,
    named: u32,
}

impl Names {
    /// Takes values in their order, four bits each.
    fn take(&mut self, mut values: u32) {
        while values != 0 {
            let value = values & 15;
            values >>= 4;
            if self.of(value) == 0 {
                self.named += 1;
                self.map |= self.named << (4 * value);
            }
        }
    }

    /// The new name of a value; 0: it has none.
    fn of(&self, value: u32) -> u32 {
        self.map >> (4 * value) & 15
    }

    /// The values that have a name, in the order of these.
    fn in_order(&self) -> u32 {
        (1..8).fold(0, |all, value| match self.of(value) {
            0 => all,
            name => all | value << (4 * (name - 1)),
        })
    }
}

/// Pieces one after another.
#[derive(Default)]
struct Joined {
    words: [u64; WORDS],
    at: u32,
}

impl Joined {
    fn put(&mut self, bits: u64, width: u32) {
        let (word, shift) = ((self.at / 64) as usize, self.at % 64);
        self.words[word] |= bits << shift;
        if shift + width > 64 {
            self.words[word + 1] |= bits >> (64 - shift);
        }
        self.at += width;
    }

    fn join(&mut self, Piece { len, bits, .. }: Piece) {
        let mut left = u32::from(len);
        for word in bits {
            if left == 0 {
                break;
            }
            self.put(word, left.min(64));
            left -= left.min(64);
        }
    }
}
