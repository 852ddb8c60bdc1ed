//! Which states were seen, and from which each was first reached.

use super::pages::Pages;
use super::places::Places;

/// 128 bits that stand for a state.
pub type Fingerprint = u128;

/// The fingerprint of a state with these bytes. The same on every machine and in every build.
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    xxhash_rust::xxh3::xxh3_128(bytes)
}

/// The chance that two of so many different states have one fingerprint, if fingerprints are spread evenly.
#[expect(clippy::cast_precision_loss, reason = "odds are told to one digit")]
pub(super) fn odds_of_collision(unique: u64) -> f64 {
    let unique = unique as f64;
    unique * unique / 2.0 / 2f64.powi(128)
}

pub(super) const SHARD_BITS: u32 = 4;
/// States are spread over so many shards, by their fingerprints. The number is fixed: with it the order in which states are
/// found, and so what a search finds first, would change.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;
/// The most states of a shard.
const MOST: usize = (1 << (32 - SHARD_BITS)) - 1;

/// A state that was seen: its place in its shard, and the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub(super) u32);

impl Id {
    fn new(shard: usize, place: usize) -> Self {
        Self((place as u32) << SHARD_BITS | shard as u32)
    }

    pub(super) fn shard(self) -> usize {
        self.0 as usize % SHARDS
    }

    pub(super) fn place(self) -> usize {
        self.0 as usize >> SHARD_BITS
    }
}

/// The shard of a fingerprint. The table of the shard goes by other bits.
pub(super) fn shard_of(fingerprint: Fingerprint) -> usize {
    (fingerprint >> 64) as usize % SHARDS
}

/// Some of the states that were seen.
#[derive(Debug)]
pub(super) struct Shard {
    number: usize,
    /// Places, by fingerprint.
    places: Places,
    fingerprints: Pages<Fingerprint>,
    /// The initial states are their own.
    parents: Pages<u32>,
}

impl Shard {
    fn new(number: usize) -> Self {
        let places = Places::default();
        Self { number, places, fingerprints: Pages::new(), parents: Pages::new() }
    }

    fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.places.find(fingerprint, &self.fingerprints).is_ok()
    }

    /// The new state's id; `None` if it was seen before. Without a parent it is an initial state.
    pub(super) fn insert(&mut self, fingerprint: Fingerprint, parent: Option<Id>) -> Option<Id> {
        self.places.make_room(&self.fingerprints);
        let free = self.places.find(fingerprint, &self.fingerprints).err()?;
        let place = self.fingerprints.len();
        assert!(place < MOST, "more than four billion states: no memory holds them");
        self.places.put(free, fingerprint, place);
        let id = Id::new(self.number, place);
        self.fingerprints.push(fingerprint);
        self.parents.push(parent.unwrap_or(id).0);
        Some(id)
    }

    pub(super) fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// What the state at `place` is known by: its fingerprint, and its parent.
    pub(super) fn get(&self, place: usize) -> (Fingerprint, Id) {
        (self.fingerprints.get(place), Id(self.parents.get(place)))
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.places.bytes() + self.fingerprints.bytes() + self.parents.bytes()
    }
}

/// All states that were seen.
#[derive(Debug)]
pub struct Visited {
    pub(super) shards: Vec<Shard>,
}

impl Default for Visited {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(Shard::new).collect() }
    }
}

impl Visited {
    /// Whether a state with this fingerprint was seen.
    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.shards[shard_of(fingerprint)].contains(fingerprint)
    }

    /// Has the memory that [`Self::contains`] will read brought near. No read waits for another's answer here, so that a processor
    /// does many at a time.
    pub(super) fn ask_for(&self, prints: impl Iterator<Item = Fingerprint> + Clone) {
        let places = |print| &self.shards[shard_of(print)].places;
        let slots = prints.clone().map(|print| places(print).slot(print));
        std::hint::black_box(slots.fold(0, |all, slot| all ^ slot));
        let lists = prints.map(|print| {
            let shard = &self.shards[shard_of(print)];
            shard.places.likely(print).map_or(0, |place| shard.fingerprints.get(place))
        });
        std::hint::black_box(lists.fold(0, |all, print| all ^ print));
    }

    /// Keeps a state, and from which it was reached: an initial state from none. Its id; `None` if it was seen before.
    pub fn insert(&mut self, fingerprint: Fingerprint, parent: Option<Id>) -> Option<Id> {
        self.shards[shard_of(fingerprint)].insert(fingerprint, parent)
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(Shard::bytes).sum()
    }

    /// The fingerprints from an initial state to `id`.
    pub(super) fn path(&self, mut id: Id) -> Vec<Fingerprint> {
        let mut path = Vec::new();
        loop {
            let (fingerprint, parent) = self.shards[id.shard()].get(id.place());
            path.push(fingerprint);
            if parent == id {
                break;
            }
            id = parent;
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_found_again() {
        let mut visited = Visited::default();
        let mut ids = Vec::new();
        let print = |number: u32| fingerprint(&number.to_le_bytes());
        for number in 0..100_000u32 {
            let print = print(number);
            assert!(!visited.contains(print));
            let parent = ids.last().copied();
            let id = visited.insert(print, parent).unwrap();
            assert!(visited.insert(print, parent).is_none());
            ids.push(id);
        }
        assert_eq!(visited.len(), 100_000);
        assert!((0..100_000).all(|number| visited.contains(print(number))));
        assert!(!visited.contains(print(100_000)));
        let path = visited.path(ids[500]);
        assert_eq!(path, (0..=500).map(print).collect::<Vec<_>>());
    }

    #[test]
    fn a_state_takes_no_more_than_30_bytes() {
        let mut visited = Visited::default();
        for number in 0..3_000_000u32 {
            visited.insert(fingerprint(&number.to_le_bytes()), None);
            if number >= 100_000 && number % 1000 == 0 {
                let (bytes, states) = (visited.bytes(), number as usize);
                assert!(bytes <= 30 * states, "{bytes} bytes for {states}");
            }
        }
    }
}
