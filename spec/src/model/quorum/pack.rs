//! Worlds as a few words of bits, the same for all worlds that differ only in names.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use super::message::{ENTRY_BITS, MOST_BITS, MOST_ENTRIES, Message, NAMED, NAMING};
use super::network::Network;
use super::snapshots::Snapshots;
use super::symmetry::permute_ties;
use super::world::{
    Bounds, BoundsError, Changes, MOST_NODES, Node, VOTERS, Value, World, configuration,
    generation, replica, summary,
};
use crate::quorum::properties::{Entry, Violations};
use crate::quorum::{Contact, Download, ElectionState, LogSummary, Progress, Role, State};
use crate::types::{Epoch, NodeId, Offset, SnapshotId};

pub(super) const WORDS: usize = 10;

/// A canonical world. Two worlds are equal here exactly if one becomes the other by renaming nodes and
/// values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packed {
    pub(super) bits: [u64; WORDS],
    /// What is under way, ascending.
    pub(super) messages: Box<[u128]>,
    /// The properties that the step into this world broke. A world with any is not explored further.
    pub violations: Violations,
}

// Widths of fields in bits.
pub(super) const ROLE: u32 = 3;
pub(super) const ID: u32 = 3;
pub(super) const NETWORK: u32 = 3;
pub(super) const SNAPSHOTS: u32 = 2;
pub(super) const EPOCH: u32 = 4;
pub(super) const OFFSET: u32 = 4;
pub(super) const CRASHES: u32 = 4;
const VALUE: u32 = 3;
/// Which directory of a node.
const GENERATION: u32 = 2;
/// Changes of voters that are left, of a kind.
const COUNT: u32 = 2;
pub(super) const ENTRY: u32 = EPOCH + 1 + VALUE;
/// Crashes that are not counted.
pub(super) const ANY: u64 = 15;

impl Bounds {
    /// Whether a state has room for such worlds.
    pub fn check(self, network: Network) -> Result<(), BoundsError> {
        let Self { nodes, voters, epochs, values, crashes, snapshots, .. } = self;
        if !(1..=MOST_NODES).contains(&nodes) {
            return Err(BoundsError::Nodes(nodes));
        }
        let n = u32::from(nodes);
        let held = if snapshots == Snapshots::None { 0 } else { 4 * OFFSET + 2 };
        let node = ROLE + EPOCH + 2 * ID + 3 * OFFSET + OFFSET * (n - 1) + 1 + held;
        // Where voters change: two directories' numbers for each node, its own and that of whom it voted for; and in each log
        // the records that name voters.
        let records = voters.map_or(0, |(_, Changes { adds, removes, recovers, .. })| {
            u32::from(adds) + u32::from(removes) + u32::from(recovers) + 1
        });
        let (node, entry, named) = match voters {
            None => (node, ENTRY, 0),
            Some(_) => {
                (node + 2 * GENERATION + 1, ENTRY + 1, records * (EPOCH + 1 + 2 * n) * (n + 1))
            }
        };
        let fixed =
            ID + NETWORK + SNAPSHOTS + CRASHES + OFFSET + OFFSET + 3 + 3 * COUNT + n * node + named;
        let room =
            ((WORDS as u32 * 64).saturating_sub(fixed) / (entry * (n + 1))).min(15 - records);
        let carried = match voters {
            _ if network == Network::Rpc => room,
            None => MOST_ENTRIES,
            Some(_) if n > NAMED => return Err(BoundsError::NamedVoters(nodes)),
            Some(_) => MOST_BITS.saturating_sub(records * NAMING) / (ENTRY_BITS + 1),
        };
        let room = room.min(carried);
        if voters.is_some_and(|(first, _)| !(1..=nodes).contains(&first)) {
            return Err(BoundsError::FirstVoters(nodes));
        }
        // A log holds at most one record that opens an epoch for each, and each value once.
        if u32::from(epochs) + u32::from(values) > room || values > 7 || epochs > 14 {
            return Err(BoundsError::Logs { nodes, epochs, values, room });
        }
        if snapshots == Snapshots::Deferred && network != Network::Rpc {
            return Err(BoundsError::DeferredSnapshots);
        }
        if self.assumes_pre_votes && network != Network::Rpc {
            return Err(BoundsError::AssumedPreVotes);
        }
        match crashes {
            Some(count) if u64::from(count) >= ANY => Err(BoundsError::Crashes(count)),
            _ => Ok(()),
        }
    }
}

/// Fields of bits, one after another.
pub(super) struct Bits<const N: usize> {
    words: [u64; N],
    at: u32,
}

impl<const N: usize> Default for Bits<N> {
    fn default() -> Self {
        Self::of([0; N])
    }
}

impl<const N: usize> Bits<N> {
    /// To be read from the first field on.
    pub(super) fn of(words: [u64; N]) -> Self {
        Self { words, at: 0 }
    }

    pub(super) fn words(self) -> [u64; N] {
        self.words
    }

    /// How far it has come.
    pub(super) fn at(&self) -> u32 {
        self.at
    }

    pub(super) fn skip(&mut self, width: u32) {
        self.at += width;
    }

    /// The bits from `start` to where it has come, at most three words of them.
    pub(super) fn between(&self, start: u32) -> [u64; 3] {
        let (first, shift) = ((start / 64) as usize, start % 64);
        let word = |index: usize| self.words.get(index).copied().unwrap_or(0);
        std::array::from_fn(|index| {
            let from = index as u32 * 64;
            let left = (self.at - start).saturating_sub(from).min(64);
            let low = word(first + index) >> shift;
            let high = if shift == 0 { 0 } else { word(first + index + 1) << (64 - shift) };
            let all = low | high;
            if left == 64 { all } else { all & ((1 << left) - 1) }
        })
    }

    pub(super) fn put(&mut self, value: u64, width: u32) {
        debug_assert!(value < 1 << width, "{value} does not fit in {width} bits");
        let (word, shift) = ((self.at / 64) as usize, self.at % 64);
        self.words[word] |= value << shift;
        if shift + width > 64 {
            self.words[word + 1] |= value >> (64 - shift);
        }
        self.at += width;
    }

    pub(super) fn get(&mut self, width: u32) -> u64 {
        let (word, shift) = ((self.at / 64) as usize, self.at % 64);
        let mut value = self.words[word] >> shift;
        if shift + width > 64 {
            value |= self.words[word + 1] << (64 - shift);
        }
        self.at += width;
        value & ((1 << width) - 1)
    }
}

/// New names: `nodes[old]` is the place of a node, `values[old]` the name of a value once it has one.
#[derive(Clone)]
pub(super) struct Renaming<'a> {
    pub(super) nodes: &'a [u8],
    pub(super) values: [Value; 16],
    pub(super) named: Value,
}

impl Renaming<'_> {
    /// Places count from 1, 0 is nobody.
    pub(super) fn node(&self, id: Option<NodeId>) -> u64 {
        id.map_or(0, |id| u64::from(self.nodes[id.0 as usize - 1]) + 1)
    }

    pub(super) fn value(&mut self, value: Value) -> u64 {
        let name = &mut self.values[usize::from(value)];
        if *name == 0 {
            self.named += 1;
            *name = self.named;
        }
        u64::from(*name)
    }

    /// The voters that a record names, by the places of nodes.
    pub(super) fn voters(&self, nodes: usize, value: Value) -> u64 {
        (0..nodes).fold(0, |bits, node| {
            bits | u64::from(value >> (2 * node) & 3) << (2 * self.nodes[node])
        })
    }

    pub(super) fn entries<const N: usize>(
        &mut self,
        to: &mut Bits<N>,
        log: &[Entry<Value>],
        nodes: Option<usize>,
    ) {
        to.put(log.len() as u64, OFFSET);
        for entry in log {
            to.put(entry.epoch.0 as u64, EPOCH);
            if let Some(nodes) = nodes {
                let names = entry.value & VOTERS != 0;
                to.put(u64::from(names), 1);
                if names {
                    to.put(self.voters(nodes, entry.value), 2 * nodes as u32);
                    continue;
                }
            }
            to.put(u64::from(entry.leader.is_some()), 1);
            let content = match entry.leader {
                None => self.value(entry.value),
                leader => self.node(leader),
            };
            to.put(content, VALUE);
        }
    }
}

impl Packed {
    /// Puts its bytes at the end of `to`: how many bytes of bits there are, the bits without the zeros at their end, and only where
    /// there are any the violations and the messages.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        encode_bits(&self.bits, self.violations, to);
        if self.violations == 0 && !self.messages.is_empty() {
            to.extend_from_slice(&self.violations.to_le_bytes());
        }
        for message in &self.messages {
            to.extend_from_slice(&message.to_le_bytes());
        }
    }

    /// The world with these bytes, as [`Self::encode`] gave them.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let (bits, rest) = bytes[1..].split_at(usize::from(bytes[0]));
        let word = |index: usize| {
            let mut word = [0; 8];
            let from = bits.get(index * 8..).unwrap_or_default();
            let from = &from[..from.len().min(8)];
            word[..from.len()].copy_from_slice(from);
            u64::from_le_bytes(word)
        };
        let (violations, messages) = rest.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let (messages, _) = messages.as_chunks();
        Self {
            bits: std::array::from_fn(word),
            messages: messages.iter().map(|message| u128::from_le_bytes(*message)).collect(),
            violations: Violations::from_le_bytes(*violations),
        }
    }

    /// The same world with nothing under way: what the forms of a network are compared by.
    #[must_use]
    pub fn node_state(&self) -> Self {
        Self::canonical(&self.world().without_messages(), 0)
    }

    /// The same world without all that is open where snapshots are: what the forms of snapshots are compared by.
    #[must_use]
    pub fn without_snapshots(&self) -> Self {
        Self::canonical(&self.world().without_snapshots(), 0)
    }

    /// The world that these bits stand for. Its step's violations are not part of it.
    pub fn world(&self) -> World {
        let mut from = Bits::of(self.bits);
        let count = from.get(ID) as u8;
        let network = Network::ALL[from.get(NETWORK) as usize];
        let snapshots = Snapshots::ALL[from.get(SNAPSHOTS) as usize];
        let crashes = from.get(CRASHES);
        let used = from.get(OFFSET) as u8;
        let changes = (from.get(1) == 1).then(|| Changes {
            adds: from.get(COUNT) as u8,
            removes: from.get(COUNT) as u8,
            wipes: from.get(COUNT) as u8,
            upgrade: from.get(1) == 1,
            recovers: from.get(1) == 1,
        });
        let fixed = changes.is_none_or(|changes| changes.upgrade);
        let dynamic = changes.map(|_| usize::from(count));
        let committed = read_log(&mut from, 0, dynamic);
        let node =
            |index| Rc::new(read_node(&mut from, (count, index, fixed), &committed, dynamic));
        let nodes = (0..count).map(node).collect();
        let crashes_left = (crashes != ANY).then_some(crashes as u8);
        let messages = self.messages.iter().map(|bits| Rc::new(Message::unpack(*bits))).collect();
        World { nodes, committed, used, crashes_left, changes, network, snapshots, messages }
    }
}

/// Puts the bytes of a world in which nothing is under way at the end of `to`, as [`Packed::encode`] does.
pub(super) fn encode_bits(bits: &[u64; WORDS], violations: Violations, to: &mut Vec<u8>) {
    let last = bits.iter().rposition(|word| *word != 0);
    let len = last.map_or(0, |last| 8 * last + 8 - bits[last].leading_zeros() as usize / 8);
    let start = to.len();
    to.push(len as u8);
    for word in &bits[..len.div_ceil(8)] {
        to.extend_from_slice(&word.to_le_bytes());
    }
    to.truncate(start + 1 + len);
    if violations != 0 {
        to.extend_from_slice(&violations.to_le_bytes());
    }
}

pub(super) fn role_number(role: &Role) -> u64 {
    match role {
        Role::Unattached => 0,
        Role::Follower { contact: Contact::Fetched, .. } => 1,
        Role::Candidate { .. } => 2,
        Role::Leader { .. } => 3,
        Role::Resigned { .. } => 4,
        Role::Prospective { .. } => 5,
        Role::Follower { .. } => 6,
    }
}

/// The world, its nodes in this order and its values named as they come.
pub(super) fn pack(world: &World, order: &[u8], violations: Violations) -> Packed {
    let mut places = [0; 8];
    for (place, node) in order.iter().enumerate() {
        places[usize::from(*node)] = place as u8;
    }
    let mut names = Renaming { nodes: &places, values: [0; 16], named: 0 };
    let mut to = Bits::default();
    to.put(world.nodes.len() as u64, ID);
    to.put(world.network as u64, NETWORK);
    to.put(world.snapshots as u64, SNAPSHOTS);
    to.put(world.crashes_left.map_or(ANY, u64::from), CRASHES);
    to.put(u64::from(world.used), OFFSET);
    to.put(u64::from(world.changes.is_some()), 1);
    if let Some(Changes { adds, removes, wipes, upgrade, recovers }) = world.changes {
        for left in [adds, removes, wipes] {
            to.put(u64::from(left), COUNT);
        }
        to.put(u64::from(upgrade), 1);
        to.put(u64::from(recovers), 1);
    }
    let dynamic = world.changes.map(|_| world.nodes.len());
    names.entries(&mut to, &world.committed, dynamic);
    for node in order {
        let node = &world.nodes[usize::from(*node)];
        put_node(&mut to, &mut names, order, node, &world.committed, dynamic);
    }
    let messages = pack_messages(world, &names).into();
    Packed { bits: to.words(), messages, violations }
}

/// One node, by new names, in a world in which the nodes stand in that order.
pub(super) fn put_node<const N: usize>(
    to: &mut Bits<N>,
    names: &mut Renaming<'_>,
    order: &[u8],
    node: &Node,
    committed: &[Entry<Value>],
    dynamic: Option<usize>,
) {
    let Node { state, log, promised, known } = node;
    to.put(role_number(&state.role), ROLE);
    to.put(state.election.epoch.0 as u64, EPOCH);
    to.put(names.node(state.election.leader), ID);
    to.put(names.node(state.election.voted.map(|key| key.id)), ID);
    to.put(state.log.flushed.0 as u64, OFFSET);
    to.put(state.high_watermark.map_or(0, |end| end.0 as u64), OFFSET);
    if dynamic.is_some() {
        let voted = state.election.voted.map_or(0, generation);
        to.put(u64::from(generation(state.config.local)), GENERATION);
        to.put(u64::from(voted), GENERATION);
        to.put(u64::from(!state.config.outside.is_empty()), 1);
    }
    put_snapshots(to, state, *known);
    names.entries(to, &log[held(state.log.start, committed)..], dynamic);
    let id = |place: &u8| NodeId(i32::from(*place) + 1);
    match &state.role {
        Role::Prospective { granted, .. } | Role::Candidate { granted, .. } => {
            to.put(u64::from(*promised), 1);
            for other in order {
                to.put(u64::from(granted.contains(&id(other))), 1);
            }
        }
        Role::Leader { progress, .. } => {
            for other in order.iter().filter(|other| id(other) != state.config.local.id) {
                let end = progress.get(&id(other)).map_or(0, |known| known.end.0 as u64);
                to.put(end, OFFSET);
            }
        }
        _ => {}
    }
}

/// How many entries need not be told, as they are in a snapshot. All of them are committed, unless a mutant is at work.
fn held(start: SnapshotId, committed: &[Entry<Value>]) -> usize {
    committed.len().min(start.end.0 as usize)
}

/// A snapshot's epoch is that of the last committed entry in it.
fn put_snapshots<const N: usize>(to: &mut Bits<N>, state: &State, known: Offset) {
    let LogSummary { start, latest, .. } = state.log;
    let download = match state.role {
        Role::Follower { download, .. } => download,
        _ => None,
    };
    let is_any =
        !latest.is_none() || download.is_some() || !start.is_none() || known > Offset::ZERO;
    to.put(u64::from(is_any), 1);
    if is_any {
        to.put(start.end.0 as u64, OFFSET);
        to.put(latest.end.0 as u64, OFFSET);
        to.put(known.0 as u64, OFFSET);
        to.put(u64::from(download.is_some()), 1);
        if let Some(Download { snapshot, position }) = download {
            to.put(snapshot.end.0 as u64, OFFSET);
            to.put(position as u64, 1);
        }
    }
}

fn read_snapshots<const N: usize>(
    from: &mut Bits<N>,
    committed: &[Entry<Value>],
) -> (SnapshotId, SnapshotId, Offset, Option<Download>) {
    let id = |from: &mut Bits<N>| {
        let end = Offset(from.get(OFFSET) as i64);
        let last = committed.iter().find(|entry| entry.end == end);
        SnapshotId { end, epoch: last.map_or(Epoch(0), |entry| entry.epoch) }
    };
    if from.get(1) == 0 {
        return (SnapshotId::NONE, SnapshotId::NONE, Offset::ZERO, None);
    }
    let (start, latest) = (id(from), id(from));
    let known = Offset(from.get(OFFSET) as i64);
    let download =
        (from.get(1) == 1).then(|| Download { snapshot: id(from), position: from.get(1) as i64 });
    (start, latest, known, download)
}

/// The messages in ascending order. Values that are in no log any more are named in each possible way, and
/// the smallest form is kept.
fn pack_messages(world: &World, names: &Renaming<'_>) -> Vec<u128> {
    let sent = world.messages.iter().flat_map(|message| message.values());
    let mut unnamed: Vec<u8> = sent.map(|value| value as u8).collect();
    unnamed.retain(|value| names.values[usize::from(*value)] == 0);
    unnamed.sort_unstable();
    unnamed.dedup();
    let mut smallest = None;
    permute_ties(&mut unnamed, &[0; 16], 0, &mut |order| {
        let mut names = names.clone();
        for value in order {
            names.value(Value::from(*value));
        }
        let packed = world.messages.iter().map(|message| message.pack(&mut names));
        let mut packed: Vec<u128> = packed.collect();
        packed.sort_unstable();
        if smallest.as_ref().is_none_or(|known| packed < *known) {
            smallest = Some(packed);
        }
    });
    smallest.expect("values have an order")
}

fn read_id<const N: usize>(from: &mut Bits<N>) -> Option<NodeId> {
    let place = from.get(ID) as i32;
    (place > 0).then_some(NodeId(place))
}

pub(super) fn read_log<const N: usize>(
    from: &mut Bits<N>,
    start: i64,
    dynamic: Option<usize>,
) -> Vec<Entry<Value>> {
    (start + 1..=start + from.get(OFFSET) as i64)
        .map(|end| {
            let epoch = Epoch(from.get(EPOCH) as i32);
            if let Some(nodes) = dynamic
                && from.get(1) == 1
            {
                let value = VOTERS | from.get(2 * nodes as u32) as Value;
                return Entry { end: Offset(end), epoch, value, leader: None };
            }
            let opens = from.get(1) == 1;
            let value = from.get(VALUE) as Value;
            let leader = opens.then_some(NodeId(i32::from(value)));
            Entry { end: Offset(end), epoch, value: if opens { 0 } else { value }, leader }
        })
        .collect()
}

pub(super) fn read_node<const N: usize>(
    from: &mut Bits<N>,
    (count, index, fixed): (u8, u8, bool),
    committed: &[Entry<Value>],
    dynamic: Option<usize>,
) -> Node {
    let role = from.get(ROLE);
    let epoch = Epoch(from.get(EPOCH) as i32);
    let leader = read_id(from);
    let voted = read_id(from);
    let flushed = Offset(from.get(OFFSET) as i64);
    let high_watermark = Offset(from.get(OFFSET) as i64);
    let (own, whose, recovered) = match dynamic {
        None => (0, 0, false),
        Some(_) => (from.get(GENERATION) as u8, from.get(GENERATION) as u8, from.get(1) == 1),
    };
    let config = configuration(count, index, own, fixed, recovered);
    let voted = voted.map(|id| replica(id.0 as u8 - 1, whose));
    let (start, latest, known, download) = read_snapshots(from, committed);
    let mut log = committed[..held(start, committed)].to_vec();
    log.extend(read_log(from, log.len() as i64, dynamic));
    let ids = || (1..=i32::from(count)).map(NodeId);
    let summary = summary(&log, start, latest, flushed);
    let voters = summary.voters.last().map_or(&config.voters, |last| &last.voters).clone();
    let promised = matches!(role, 2 | 5) && from.get(1) == 1;
    let role = match role {
        0 => Role::Unattached,
        1 => Role::Follower { contact: Contact::Fetched, download },
        2 => Role::Candidate {
            granted: ids().filter(|_| from.get(1) == 1).collect(),
            refused: BTreeSet::new(),
        },
        3 => Role::Leader {
            epoch_start: log
                .iter()
                .find(|entry| entry.epoch == epoch)
                .map_or(summary.end, |entry| Offset(entry.end.0 - 1)),
            progress: ids()
                .filter(|id| *id != config.local.id)
                .map(|id| {
                    let end = Offset(from.get(OFFSET) as i64);
                    // Where only the configuration names the voters, none loses its disk.
                    let named = voters.key(id);
                    let own = replica(id.0 as u8 - 1, own);
                    let directory = if voters.is_fixed() { own } else { named }.directory;
                    (id, Progress { directory, end })
                })
                .filter(|(_, known)| known.end > Offset::ZERO)
                .collect(),
            heard: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
        },
        4 => Role::resigned(),
        5 => Role::Prospective {
            granted: ids().filter(|_| from.get(1) == 1).collect(),
            refused: BTreeSet::new(),
        },
        _ => Role::Follower { contact: Contact::None, download },
    };
    let state = State {
        config,
        election: ElectionState { epoch, leader, voted },
        role,
        log: summary,
        high_watermark: (high_watermark > Offset::ZERO).then_some(high_watermark),
        disk_full: false,
    };
    Node { state, log, promised, known }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.world(), f)
    }
}
