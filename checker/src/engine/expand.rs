//! What can come after the states of a chunk.

use std::io;
use std::ops::Range;

use kraftig_spec::model::{Explorable, StepProperty};

use super::frontier::Chunk;
use super::visited::{Fingerprint, Id, SHARDS, Visited, fingerprint, shard_of};

/// A state that nobody had seen when the block began.
pub(super) struct Fresh {
    pub(super) fingerprint: Fingerprint,
    pub(super) parent: Option<Id>,
    /// Where its bytes are among the part's.
    bytes: Range<u32>,
}

/// What came of a chunk.
pub(super) struct Part {
    /// In the order in which they came up.
    fresh: Vec<Fresh>,
    /// The bytes of all these states.
    bytes: Vec<u8>,
    /// Places in `fresh`: those of each shard together, ascending.
    order: Vec<u32>,
    /// Where a shard's places begin in `order`, and after the last where they end.
    starts: [usize; SHARDS + 1],
    pub(super) generated: u64,
    pub(super) covered: Vec<u64>,
    /// Which property of steps, from which state, to which.
    pub(super) broken_steps: Vec<(usize, Id, Fingerprint)>,
}

impl Part {
    pub(super) fn new(landmarks: usize) -> Self {
        Self {
            fresh: Vec::new(),
            bytes: Vec::new(),
            order: Vec::new(),
            starts: [0; SHARDS + 1],
            generated: 0,
            covered: vec![0; landmarks],
            broken_steps: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, fingerprint: Fingerprint, parent: Option<Id>, bytes: &[u8]) {
        let from = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        self.fresh.push(Fresh { fingerprint, parent, bytes: from..self.bytes.len() as u32 });
    }

    pub(super) fn cover(&mut self, mut bits: u64) {
        while bits != 0 {
            self.covered[bits.trailing_zeros() as usize] += 1;
            bits &= bits - 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty()
    }

    /// Those of a shard, each with its place in the part and its bytes.
    pub(super) fn of(&self, shard: usize) -> impl Iterator<Item = (u32, &Fresh, &[u8])> {
        self.order[self.starts[shard]..self.starts[shard + 1]].iter().map(|place| {
            let fresh = &self.fresh[*place as usize];
            let bytes = &self.bytes[fresh.bytes.start as usize..fresh.bytes.end as usize];
            (*place, fresh, bytes)
        })
    }

    /// Puts each shard's places together.
    pub(super) fn sort(mut self) -> Self {
        for fresh in &self.fresh {
            self.starts[shard_of(fresh.fingerprint) + 1] += 1;
        }
        for shard in 0..SHARDS {
            self.starts[shard + 1] += self.starts[shard];
        }
        let mut next = self.starts;
        self.order = vec![0; self.fresh.len()];
        for (place, fresh) in self.fresh.iter().enumerate() {
            let at = &mut next[shard_of(fresh.fingerprint)];
            self.order[*at] = place as u32;
            *at += 1;
        }
        self
    }
}

/// What was lately found to be known, or new. Most of what comes after a state came after one nearby too.
struct Lately {
    slots: Box<[Fingerprint]>,
}

impl Lately {
    const SLOTS: usize = 1 << 12;

    fn new() -> Self {
        // What stands in a slot at first does not belong there.
        Self { slots: (0..Self::SLOTS).map(|slot| !(slot as Fingerprint)).collect() }
    }

    /// Whether it is not among the latest; from now on it is.
    fn is_new(&mut self, print: Fingerprint) -> bool {
        let slot = &mut self.slots[print as usize % Self::SLOTS];
        let known = *slot == print;
        *slot = print;
        !known
    }
}

/// Everything that can come after the states of a chunk, but for what was seen.
pub(super) fn expand<M: Explorable>(
    model: &M,
    steps: &[StepProperty<M>],
    visited: &Visited,
    landmarks: usize,
    chunk: &Chunk,
) -> io::Result<Part> {
    let mut part = Part::new(landmarks);
    let (mut found, mut bytes, mut prints) = (Vec::new(), Vec::new(), Vec::new());
    let mut lately = Lately::new();
    let held = chunk.read()?;
    for (id, encoded) in Chunk::each(&held) {
        bytes.clear();
        if steps.is_empty() {
            model.each_successor(encoded, |landmarks, next| {
                part.cover(landmarks);
                let from = bytes.len();
                bytes.extend_from_slice(next);
                prints.push((fingerprint(next), from..bytes.len()));
            });
        } else {
            let state = model.decode(encoded);
            model.successors(&state, &mut found);
            for (action, next) in found.drain(..) {
                part.cover(model.covered(Some(&action), &next));
                let from = bytes.len();
                model.encode(&next, &mut bytes);
                let print = fingerprint(&bytes[from..]);
                for (index, step) in steps.iter().enumerate() {
                    if !(step.holds)(model, &state, &action, &next) {
                        part.broken_steps.push((index, id, print));
                    }
                }
                prints.push((print, from..bytes.len()));
            }
        }
        part.generated += prints.len() as u64;
        // Nothing else comes between these looks into memory, so that a processor does several at a time.
        for (print, place) in prints.drain(..) {
            if lately.is_new(print) && !visited.contains(print) {
                part.add(print, Some(id), &bytes[place]);
            }
        }
    }
    Ok(part.sort())
}
