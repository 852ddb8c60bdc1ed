//! What can come after the states of a chunk.

use std::io;
use std::ops::Range;

use kraftig_spec::model::{Explorable, StepProperty};

use super::frontier::Chunk;
use super::visited::{Fingerprint, Id, SHARDS, Visited, fingerprint, shard_of};

/// At least so many states are looked up together.
const TOGETHER: usize = 128;

/// A state that nobody had seen when the block began.
#[derive(Clone, Copy)]
pub(super) struct Fresh {
    pub(super) fingerprint: Fingerprint,
    pub(super) parent: Option<Id>,
    /// How many came up before it in the part.
    pub(super) place: u32,
    /// Where its bytes are among the part's, and how many.
    from: u32,
    len: u32,
}

/// What came of a chunk.
pub(super) struct Part {
    /// In the order in which they came up; in that of each shard once [`Self::sort`]ed.
    fresh: Vec<Fresh>,
    /// The bytes of all these states.
    bytes: Vec<u8>,
    /// Where a shard begins in `fresh`, and after the last where it ends.
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
            starts: [0; SHARDS + 1],
            generated: 0,
            covered: vec![0; landmarks],
            broken_steps: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, fingerprint: Fingerprint, parent: Option<Id>, bytes: &[u8]) {
        let (place, from) = (self.fresh.len() as u32, self.bytes.len() as u32);
        self.bytes.extend_from_slice(bytes);
        self.fresh.push(Fresh { fingerprint, parent, place, from, len: bytes.len() as u32 });
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

    /// Adds those of `waiting` that were not seen. Memory is slow, so all are asked for before any is looked at.
    fn look_up(
        &mut self,
        visited: &Visited,
        lately: &mut Lately,
        waiting: &mut Vec<(Fingerprint, Id, Range<usize>)>,
        bytes: &mut Vec<u8>,
    ) {
        waiting.retain(|(print, ..)| lately.is_new(*print));
        visited.ask_for(waiting.iter().map(|(print, ..)| *print));
        for (print, id, place) in waiting.drain(..) {
            if !visited.contains(print) {
                self.add(print, Some(id), &bytes[place]);
            }
        }
        bytes.clear();
    }

    fn bytes_of(&self, fresh: &Fresh) -> &[u8] {
        &self.bytes[fresh.from as usize..][..fresh.len as usize]
    }

    /// Those of a shard, each with its bytes.
    pub(super) fn of(&self, shard: usize) -> impl Iterator<Item = (&Fresh, &[u8])> {
        let fresh = &self.fresh[self.starts[shard]..self.starts[shard + 1]];
        fresh.iter().map(|fresh| (fresh, self.bytes_of(fresh)))
    }

    /// Puts each shard's together, their bytes too: whoever takes a shard then reads from the front to the end.
    pub(super) fn sort(mut self) -> Self {
        for fresh in &self.fresh {
            self.starts[shard_of(fresh.fingerprint) + 1] += 1;
        }
        for shard in 0..SHARDS {
            self.starts[shard + 1] += self.starts[shard];
        }
        let mut next = self.starts;
        let mut sorted = self.fresh.clone();
        for fresh in &self.fresh {
            let at = &mut next[shard_of(fresh.fingerprint)];
            sorted[*at] = *fresh;
            *at += 1;
        }
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for fresh in &mut sorted {
            let from = bytes.len() as u32;
            bytes.extend_from_slice(self.bytes_of(fresh));
            fresh.from = from;
        }
        Self { fresh: sorted, bytes, ..self }
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
    let (mut found, mut bytes, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    let mut lately = Lately::new();
    let held = chunk.read()?;
    for (id, encoded) in Chunk::each(&held) {
        if steps.is_empty() {
            model.each_successor(encoded, |landmarks, next| {
                part.generated += 1;
                part.cover(landmarks);
                let from = bytes.len();
                bytes.extend_from_slice(next);
                waiting.push((fingerprint(next), id, from..bytes.len()));
            });
        } else {
            let state = model.decode(encoded);
            model.successors(&state, &mut found);
            part.generated += found.len() as u64;
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
                waiting.push((print, id, from..bytes.len()));
            }
        }
        if waiting.len() >= TOGETHER {
            part.look_up(visited, &mut lately, &mut waiting, &mut bytes);
        }
    }
    part.look_up(visited, &mut lately, &mut waiting, &mut bytes);
    Ok(part.sort())
}
