//! Worlds in pieces: each node by itself, and what is committed.
//!
//! A search meets few different pieces in very many worlds. Each is known by a number, and what it is by other names is looked up.

use hashbrown::HashMap;

use super::pack::{
    Bits, ENTRY, EPOCH, ID, OFFSET, ROLE, Renaming, WORDS, put_node, read_log, read_node,
};
use super::snapshots::Snapshots;
use super::symmetry::signature;
use super::witness::role;
use super::world::{Node, Value};
use crate::quorum::mutant::{self, Mutants};
use crate::quorum::properties::Entry;
use crate::quorum::requests;

/// A node or what is committed, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    /// Where it stands: the place of a node, or [`COMMITTED`].
    place: u8,
    len: u8,
    bits: [u64; 3],
}

const COMMITTED: u8 = u8::MAX;
/// The bytes that a node takes with its log and its sets, about.
const WHAT: usize = 1 << 10;

/// A piece, and what is asked of it at every step.
#[derive(Debug)]
pub(super) struct Fact {
    piece: Piece,
    /// The places of those that it has something to say to, a bit each; it may be more than these.
    pub(super) asks: u8,
    /// The values in its log, in the order in which they come up: four bits each.
    pub(super) values: u32,
    /// Blind to names; 0 of what is committed.
    pub(super) signature: u64,
    /// The witnesses that it is.
    pub(super) roles: u64,
}

#[derive(Debug)]
enum What {
    Node(Box<Node>),
    Committed(Vec<Entry<Value>>),
}

/// The new place of the node at each place, four bits each.
pub(super) type Places = u32;

/// All pieces that were met.
#[derive(Debug)]
pub(super) struct Pieces {
    count: usize,
    mutants: Mutants,
    snapshots: Snapshots,
    facts: Vec<Fact>,
    /// What each of the facts is about.
    whats: Vec<What>,
    known: HashMap<Piece, u32>,
    /// By piece, places, and new names of values.
    renamed: HashMap<(u32, Places, u32), u32>,
}

impl Pieces {
    /// Of worlds of so many nodes, that run with these bugs.
    pub(super) fn of(count: u8, mutants: Mutants, snapshots: Snapshots) -> Self {
        Self {
            count: count.into(),
            mutants,
            snapshots,
            facts: Vec::new(),
            whats: Vec::new(),
            known: HashMap::new(),
            renamed: HashMap::new(),
        }
    }

    /// The bytes that they take, about.
    pub(super) fn bytes(&self) -> usize {
        let facts = self.facts.capacity() * size_of::<Fact>();
        let whats = self.whats.capacity() * size_of::<What>() + self.whats.len() * WHAT;
        facts + whats + self.known.allocation_size() + self.renamed.allocation_size()
    }

    pub(super) fn fact(&self, id: u32) -> &Fact {
        &self.facts[id as usize]
    }

    /// The node that a piece is.
    pub(super) fn as_node(&self, id: u32) -> &Node {
        match &self.whats[id as usize] {
            What::Node(node) => node,
            What::Committed(_) => unreachable!("the piece of a node"),
        }
    }

    /// The entries that a piece is.
    pub(super) fn as_committed(&self, id: u32) -> &[Entry<Value>] {
        match &self.whats[id as usize] {
            What::Committed(entries) => entries,
            What::Node(_) => unreachable!("the piece of what is committed"),
        }
    }

    /// The piece of a node as it is in a world.
    pub(super) fn node(&mut self, node: &Node, place: usize) -> u32 {
        let mut to = Bits::default();
        let mut names = Renaming { nodes: &IDENTITY, values: SAME, named: 0 };
        put_node(&mut to, &mut names, &IDENTITY[..self.count], node, &[], None);
        self.intern(piece(place as u8, to))
    }

    /// The piece of what is committed.
    pub(super) fn committed(&mut self, entries: &[Entry<Value>]) -> u32 {
        let mut to = Bits::default();
        let mut names = Renaming { nodes: &IDENTITY, values: SAME, named: 0 };
        names.entries(&mut to, entries, None);
        self.intern(piece(COMMITTED, to))
    }

    /// Cuts off what is committed.
    pub(super) fn cut_committed(&mut self, from: &mut Bits<WORDS>) -> u32 {
        self.cut(from, COMMITTED, |from| {
            let len = from.get(OFFSET) as u32;
            from.skip(len * ENTRY);
        })
    }

    /// Cuts off the node at `place`.
    pub(super) fn cut_node(&mut self, from: &mut Bits<WORDS>, place: usize) -> u32 {
        let count = self.count as u32;
        self.cut(from, place as u8, |from| skip_node(from, count))
    }

    /// The piece that `skip` goes over.
    fn cut(
        &mut self,
        from: &mut Bits<WORDS>,
        place: u8,
        skip: impl FnOnce(&mut Bits<WORDS>),
    ) -> u32 {
        let start = from.at();
        skip(from);
        let bits = from.between(start);
        self.intern(Piece { place, len: (from.at() - start) as u8, bits })
    }

    fn intern(&mut self, piece: Piece) -> u32 {
        if let Some(known) = self.known.get(&piece) {
            return *known;
        }
        let what = What::of(piece, self.count);
        let id = self.facts.len() as u32;
        self.facts.push(self.learn(piece, &what));
        self.whats.push(what);
        self.known.insert(piece, id);
        id
    }

    fn learn(&self, piece: Piece, what: &What) -> Fact {
        let values = |log: &[Entry<Value>]| {
            let mut names = Names::default();
            for entry in log.iter().filter(|entry| entry.leader.is_none()) {
                names.take(u32::from(entry.value));
            }
            names.in_order()
        };
        match what {
            What::Committed(entries) => {
                Fact { piece, asks: 0, values: values(entries), signature: 0, roles: 0 }
            }
            What::Node(node) => Fact {
                piece,
                asks: self.asks(node),
                values: values(&node.log),
                signature: signature(node),
                roles: role(node),
            },
        }
    }

    /// Whom a node can ask anything, a bit each.
    fn asks(&self, node: &Node) -> u8 {
        // Where it is open which snapshots there are, it may load any other's.
        if self.snapshots == Snapshots::Deferred {
            return u8::MAX;
        }
        let said = mutant::within(self.mutants, || requests(&node.state));
        said.iter().fold(0, |asks, (to, _)| asks | 1 << (to.0 - 1))
    }

    /// A piece by new names.
    pub(super) fn rename(&mut self, id: u32, places: Places, names: u32) -> u32 {
        // Most steps leave all names as they are.
        if places == self.as_they_are() && names == SAME_NAMES {
            return id;
        }
        if let Some(known) = self.renamed.get(&(id, places, names)) {
            return *known;
        }
        let by_place: [u8; 7] = std::array::from_fn(|node| (places >> (4 * node) & 15) as u8);
        let values = std::array::from_fn(|value| match value {
            0..8 => (names >> (4 * value) & 15) as Value,
            _ => 0,
        });
        let mut renaming = Renaming { nodes: &by_place, values, named: 0 };
        let mut order = [0; 7];
        for node in 0..self.count {
            order[usize::from(by_place[node])] = node as u8;
        }
        let mut to = Bits::default();
        let place = match &self.whats[id as usize] {
            What::Committed(entries) => {
                renaming.entries(&mut to, entries, None);
                COMMITTED
            }
            What::Node(node) => {
                put_node(&mut to, &mut renaming, &order[..self.count], node, &[], None);
                by_place[usize::from(self.facts[id as usize].piece.place)]
            }
        };
        let new = self.intern(piece(place, to));
        self.renamed.insert((id, places, names), new);
        new
    }

    /// Each node where it is.
    pub(super) fn as_they_are(&self) -> Places {
        0x0654_3210 & ((1 << (4 * self.count)) - 1)
    }
}

impl What {
    fn of(piece: Piece, count: usize) -> Self {
        let mut from = Bits::of(piece.bits);
        if piece.place == COMMITTED {
            return Self::Committed(read_log(&mut from, 0, None));
        }
        let node = read_node(&mut from, (count as u8, piece.place, true), &[], None);
        Self::Node(Box::new(node))
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

const IDENTITY: [u8; 7] = [0, 1, 2, 3, 4, 5, 6];
const SAME: [Value; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn piece(place: u8, bits: Bits<3>) -> Piece {
    Piece { place, len: bits.at() as u8, bits: bits.words() }
}

/// Each value by its name.
pub(super) const SAME_NAMES: u32 = 0x7654_3210;

/// Values by the order in which they come up.
#[derive(Default)]
pub(super) struct Names {
    /// The new name of each value, four bits each.
    map: u32,
    named: u32,
}

impl Names {
    /// Takes values in their order, four bits each.
    pub(super) fn take(&mut self, mut values: u32) {
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
    pub(super) fn of(&self, value: u32) -> u32 {
        self.map >> (4 * value) & 15
    }

    /// The new name of each value, four bits each; [`SAME_NAMES`] if each that has a name keeps it.
    pub(super) fn map(&self) -> u32 {
        let given = (self.map | self.map >> 1 | self.map >> 2) & 0x1111_1111;
        if (self.map ^ SAME_NAMES) & (given * 15) == 0 { SAME_NAMES } else { self.map }
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
pub(super) struct Joined {
    pub(super) words: [u64; WORDS],
    at: u32,
}

impl Joined {
    pub(super) fn put(&mut self, bits: u64, width: u32) {
        let (word, shift) = ((self.at / 64) as usize, self.at % 64);
        self.words[word] |= bits << shift;
        if shift + width > 64 {
            self.words[word + 1] |= bits >> (64 - shift);
        }
        self.at += width;
    }

    pub(super) fn join(&mut self, fact: &Fact) {
        let Piece { len, bits, .. } = fact.piece;
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
