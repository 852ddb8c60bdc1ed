//! Breadth-first search, level by level.
//!
//! States are compared whole, so that no two are ever taken for one. Threads compute what can come
//! next; one of them puts it together in order. So counts, depths and counterexamples are the same for any
//! number of threads, and counterexamples are the shortest.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};
use kraftig_spec::model::quorum::{Packed, QuorumModel};
use kraftig_spec::quorum::properties::{Property, Violations};

/// What a search found.
pub(crate) struct Found {
    /// Every state once, in the order of discovery.
    states: Vec<Packed>,
    /// For each state the one it was first reached from; the first state's is itself.
    parents: Vec<u32>,
    /// Transitions that were computed, and the initial state.
    pub(crate) generated: u64,
    /// Steps from the initial state to the farthest.
    pub(crate) depth: usize,
    /// Whether nothing was left to explore.
    pub(crate) complete: bool,
    /// The first state that breaks each property that is broken.
    pub(crate) violations: Vec<(Property, usize)>,
}

impl Found {
    /// How many states there are.
    pub(crate) fn unique(&self) -> usize {
        self.states.len()
    }

    /// Every state once, in the order of discovery.
    pub(crate) fn states(&self) -> &[Packed] {
        &self.states
    }

    /// The states from the initial one to `state`.
    pub(crate) fn path(&self, mut state: usize) -> Vec<Packed> {
        let mut path = vec![self.states[state].clone()];
        while state != 0 {
            state = self.parents[state] as usize;
            path.push(self.states[state].clone());
        }
        path.reverse();
        path
    }
}

/// How a search goes on; told once a level and every so many states.
pub(crate) struct Progress {
    pub(crate) level: usize,
    pub(crate) unique: usize,
    pub(crate) waiting: usize,
}

/// States that a thread takes at once.
const CHUNK: usize = 64;
/// States that are explored between two looks at what came of them.
const BLOCK: usize = 64 * 1024;

/// Explores everything, or what is within `max_depth` steps. Ends with the first level in which a property
/// is broken.
pub(crate) fn search(
    model: &QuorumModel,
    threads: usize,
    max_depth: Option<usize>,
    mut progress: impl FnMut(&Progress),
) -> Found {
    let hasher = DefaultHashBuilder::default();
    let mut known: HashTable<u32> = HashTable::new();
    let mut found = Found {
        states: vec![model.initial()],
        parents: vec![0],
        generated: 1,
        depth: 0,
        complete: true,
        violations: Vec::new(),
    };
    known.insert_unique(hasher.hash_one(&found.states[0]), 0, |_| 0);
    let mut broken: Violations = 0;
    let mut level = 0..1;
    while !level.is_empty() && broken == 0 {
        if max_depth == Some(found.depth) {
            // Only if something new could come next was anything left out.
            found.complete = level.clone().all(|state| {
                let next = model.transitions(&found.states[state]);
                next.iter().all(|transition| {
                    let hash = hasher.hash_one(&transition.next);
                    known
                        .find(hash, |index| found.states[*index as usize] == transition.next)
                        .is_some()
                })
            });
            break;
        }
        let mut start = level.start;
        while start < level.end {
            let block = start..level.end.min(start + BLOCK);
            progress(&Progress {
                level: found.depth,
                unique: found.unique(),
                waiting: level.end - start,
            });
            for (parent, next) in explore(model, &found.states[block.clone()], threads) {
                found.generated += 1;
                let hash = hasher.hash_one(&next);
                let states = &mut found.states;
                let entry = known.entry(
                    hash,
                    |index| states[*index as usize] == next,
                    |index| hasher.hash_one(&states[*index as usize]),
                );
                if let hashbrown::hash_table::Entry::Vacant(vacant) = entry {
                    let index = states.len();
                    vacant.insert(
                        u32::try_from(index).expect("four billion states do not fit in memory"),
                    );
                    found.parents.push((block.start + parent) as u32);
                    for property in Property::ALL {
                        if next.violations & !broken & property.bit() != 0 {
                            broken |= property.bit();
                            found.violations.push((property, index));
                        }
                    }
                    states.push(next);
                }
            }
            start = block.end;
        }
        level = level.end..found.unique();
        if !level.is_empty() {
            found.depth += 1;
        }
    }
    found.complete &= broken == 0;
    found
}

/// Everything that comes after each of `states`, with the place of the state in the slice, in order.
fn explore(model: &QuorumModel, states: &[Packed], threads: usize) -> Vec<(usize, Packed)> {
    let next_chunk = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let chunk = next_chunk.fetch_add(1, Ordering::Relaxed);
            let start = chunk * CHUNK;
            if start >= states.len() {
                return done;
            }
            let end = states.len().min(start + CHUNK);
            let mut next = Vec::new();
            for (index, state) in states[start..end].iter().enumerate() {
                let after = model.transitions(state);
                next.extend(after.into_iter().map(|transition| (start + index, transition.next)));
            }
            done.push((chunk, next));
        }
    };
    let mut chunks = if threads == 1 || states.len() <= CHUNK {
        work()
    } else {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().flat_map(join).collect()
        })
    };
    chunks.sort_unstable_by_key(|(chunk, _)| *chunk);
    chunks.into_iter().flat_map(|(_, next)| next).collect()
}

#[cfg(test)]
mod tests {
    use kraftig_spec::model::quorum::Bounds;
    use stateright::{Checker, Model};

    use super::*;

    fn model(nodes: u8, epochs: u8, values: u8, crashes: Option<u8>) -> QuorumModel {
        QuorumModel::new(Bounds {
            nodes,
            epochs,
            values,
            crashes,
            resign: true,
            snapshots: false,
            voters: None,
        })
        .unwrap()
    }

    #[test]
    fn threads_change_nothing() {
        let one = search(&model(3, 2, 0, None), 1, None, |_| {});
        let two = search(&model(3, 2, 0, None), 2, None, |_| {});
        assert_eq!(
            (one.unique(), one.generated, one.depth, one.complete),
            (two.unique(), two.generated, two.depth, two.complete)
        );
        assert!(one.states == two.states && one.parents == two.parents);
    }

    #[test]
    fn stateright_sees_the_same() {
        for (nodes, epochs, values, crashes) in
            [(2, 2, 1, None), (3, 1, 1, Some(1)), (3, 2, 0, None)]
        {
            let ours = search(&model(nodes, epochs, values, crashes), 2, None, |_| {});
            let theirs = model(nodes, epochs, values, crashes).checker().spawn_bfs().join();
            assert_eq!(ours.unique(), theirs.unique_state_count());
            assert_eq!(ours.generated, theirs.state_count() as u64);
            assert!(theirs.discoveries().is_empty());
        }
    }

    #[test]
    fn a_cut_search_is_not_complete() {
        let all = search(&model(2, 1, 1, Some(0)), 1, None, |_| {});
        assert!(all.complete);
        assert!(search(&model(2, 1, 1, Some(0)), 1, Some(all.depth), |_| {}).complete);
        assert!(!search(&model(2, 1, 1, Some(0)), 1, Some(all.depth - 1), |_| {}).complete);
    }
}
