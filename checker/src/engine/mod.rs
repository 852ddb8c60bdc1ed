//! The engine: breadth-first search, level by level, over states that are bytes.
//!
//! * **Exact**: counterexamples are the shortest, a bound on the depth cuts exactly there, and counts, depth and
//!   counterexamples are the same for any number of threads, any memory, and with any number of interruptions.
//! * A state that was seen is known by 128 bits of its bytes, and takes at most 30 bytes of memory with the one that it
//!   was first reached from. So a path is found by walking again from the start, fingerprint by fingerprint.
//! * A level is explored in blocks. In the first half of a block threads compute what can come next, and drop what is known;
//!   in the second half each thread puts what is new into its own shards, in the order of the level.

mod checkpoint;
mod expand;
mod frontier;
pub mod liveness;
mod pages;
mod places;
mod swarm;
mod verdict;
mod visited;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kraftig_spec::model::{Explorable, StepProperty};
use stateright::Expectation;

use checkpoint::Checkpoint;
pub use checkpoint::CheckpointError;
use expand::Part;
use frontier::{Queue, Spill};
pub use swarm::{Walked, swarm};
pub use verdict::{
    CheckpointAt, End, Found, Limits, Progress, SearchError, Violation, free_memory,
};
pub use visited::{Fingerprint, Id, Visited, fingerprint};
use visited::{SHARDS, Shard};

/// States that are explored between two looks at what came of them.
const BLOCK: usize = 16 * 1024;

/// Explores everything, or what is within the limits. Ends with the first level in which a property is broken.
pub fn search<M: Explorable>(
    model: &M,
    limits: &Limits,
    progress: impl FnMut(&Progress),
) -> Result<Found, SearchError> {
    search_each(model, limits, progress, |_| {})
}

/// The same, and shows each state once, in whatever order, from several threads.
pub fn search_each<M: Explorable>(
    model: &M,
    limits: &Limits,
    mut progress: impl FnMut(&Progress),
    each: impl Fn(&M::State) + Sync,
) -> Result<Found, SearchError> {
    let mut search = Search::new(model, limits, &each)?;
    let names: Vec<&'static str> = search.names().collect();
    let mut checkpoint = match &limits.checkpoint {
        Some(at) => Some(Checkpoint::open(at, &mut search.so_far, &names)?),
        None => None,
    };
    if search.so_far.levels.is_empty() {
        search.begin();
    }
    let end = loop {
        if search.so_far.now.states() == 0
            && let Some(end) = search.next_level()?
        {
            break end;
        }
        let SoFar { now, visited, levels, violations, .. } = &search.so_far;
        if visited.bytes() > limits.memory && violations.is_empty() {
            break End::Memory;
        }
        progress(&Progress {
            level: levels.len() - 1,
            unique: visited.len(),
            waiting: now.states(),
        });
        search.block()?;
        search.make_room()?;
        if let Some(checkpoint) = &mut checkpoint {
            checkpoint.write_if_due(&mut search.so_far)?;
        }
    };
    if let Some(checkpoint) = checkpoint {
        checkpoint.done()?;
    }
    Ok(search.found(end))
}

/// The states of the path to where a property is broken, the initial state first.
pub fn path<M: Explorable>(model: &M, violation: &Violation) -> Vec<M::State> {
    let mut bytes = Vec::new();
    let mut is = |state: &M::State, print: Fingerprint| {
        bytes.clear();
        model.encode(state, &mut bytes);
        fingerprint(&bytes) == print
    };
    let mut path: Vec<M::State> = Vec::new();
    for print in &violation.path {
        let states: Vec<M::State> = match path.last() {
            None => model.init_states(),
            Some(last) => {
                let mut found = Vec::new();
                model.successors(last, &mut found);
                found.into_iter().map(|(_, next)| next).collect()
            }
        };
        let next = states.into_iter().find(|state| is(state, *print));
        path.push(next.expect("a path that was found can be walked again"));
    }
    path
}

/// All that a search has come to between two blocks.
struct SoFar {
    visited: Visited,
    /// What is left of this level.
    now: Queue,
    /// What is known of the next level, by shard.
    next: Vec<Queue>,
    generated: u64,
    levels: Vec<u64>,
    covered: Vec<u64>,
    /// Of each property that is broken where it is first.
    violations: Vec<Violation>,
    seen_bytes: usize,
    spilled: u64,
    resumed: u64,
    before: Duration,
}

struct Search<'a, M: Explorable, E> {
    model: &'a M,
    each: &'a E,
    limits: &'a Limits,
    states: Vec<Always<M>>,
    steps: Vec<StepProperty<M>>,
    so_far: SoFar,
    /// For this level, and for the next.
    spills: Option<[Spill; 2]>,
}

/// A property of states.
struct Always<M: Explorable> {
    name: &'static str,
    holds: fn(&M, &M::State) -> bool,
}

fn always<M: Explorable>(model: &M) -> Result<Vec<Always<M>>, SearchError> {
    let judge = |property: stateright::Property<M>| match property.expectation {
        Expectation::Always => Ok(Always { name: property.name, holds: property.condition }),
        _ => Err(SearchError::Property(property.name)),
    };
    model.properties().into_iter().map(judge).collect()
}

/// A state that was not seen before: where in the block it came up first, and whose property is broken there.
struct Broken {
    part: usize,
    place: u32,
    property: usize,
    id: Id,
}

impl<'a, M: Explorable, E: Fn(&M::State) + Sync> Search<'a, M, E> {
    fn new(model: &'a M, limits: &'a Limits, each: &'a E) -> Result<Self, SearchError> {
        let states = always(model)?;
        let so_far = SoFar {
            visited: Visited::default(),
            now: Queue::default(),
            next: (0..SHARDS).map(|_| Queue::default()).collect(),
            generated: 0,
            levels: Vec::new(),
            covered: vec![0; model.landmarks().len()],
            violations: Vec::new(),
            seen_bytes: 0,
            spilled: 0,
            resumed: 0,
            before: Duration::ZERO,
        };
        let steps = model.step_properties();
        Ok(Self { model, each, limits, states, steps, so_far, spills: None })
    }

    /// Whether the first place at which it is broken is not known yet.
    fn is_whole(&self, property: &'static str) -> bool {
        !self.so_far.violations.iter().any(|violation| violation.property == property)
    }

    /// All properties.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let states = self.states.iter().map(|property| property.name);
        states.chain(self.steps.iter().map(|property| property.name))
    }

    fn begin(&mut self) {
        let mut part = Part::new(self.so_far.covered.len());
        let mut bytes = Vec::new();
        for state in self.model.init_states() {
            part.generated += 1;
            part.cover(self.model.covered(None, &state));
            bytes.clear();
            self.model.encode(&state, &mut bytes);
            part.add(fingerprint(&bytes), None, &bytes);
        }
        self.take_in(vec![part.sort()]);
    }

    /// What was found becomes the level to explore. `Some`: there is nothing more to do.
    fn next_level(&mut self) -> Result<Option<End>, SearchError> {
        let SoFar { now, next, levels, violations, .. } = &mut self.so_far;
        for queue in next {
            now.append(queue);
        }
        let new = now.states();
        if new > 0 {
            levels.push(new as u64);
        }
        if let Some(spills) = &mut self.spills {
            spills.swap(0, 1);
            spills[1].clear()?;
        }
        Ok(if !violations.is_empty() {
            Some(End::Violated)
        } else if new == 0 {
            Some(End::Complete)
        } else if self.limits.max_depth == Some(levels.len() - 1) {
            Some(if self.leads_on()? { End::MaxDepth } else { End::Complete })
        } else {
            None
        })
    }

    /// Explores some of what is left of this level.
    fn block(&mut self) -> Result<(), SearchError> {
        let chunks = self.so_far.now.take(BLOCK);
        let SoFar { visited, covered, .. } = &self.so_far;
        let expand = |chunk: &frontier::Chunk| {
            expand::expand(self.model, &self.steps, visited, covered.len(), chunk)
        };
        let parts = in_parallel(self.limits.threads, &chunks, expand);
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.take_in(parts);
        Ok(())
    }

    /// Takes in what a block led to.
    fn take_in(&mut self, mut parts: Vec<Part>) {
        for part in &mut parts {
            self.so_far.generated += part.generated;
            for (all, more) in self.so_far.covered.iter_mut().zip(&part.covered) {
                *all += more;
            }
            for (property, parent, next) in std::mem::take(&mut part.broken_steps) {
                let name = self.steps[property].name;
                if self.is_whole(name) {
                    let mut path = self.so_far.visited.path(parent);
                    path.push(next);
                    self.so_far.violations.push(Violation { property: name, path });
                }
            }
        }
        let judged: Vec<bool> =
            self.states.iter().map(|property| self.is_whole(property.name)).collect();
        let judge = |state: &M::State| {
            let all = self.model.broken(state);
            let breaks = |(index, property): (usize, &Always<M>)| match all {
                Some(broken) => broken >> index & 1 == 1,
                None => !(property.holds)(self.model, state),
            };
            let places = self.states.iter().enumerate().filter(|(index, _)| judged[*index]);
            places.filter(|it| breaks(*it)).map(|(index, _)| index).collect::<Vec<_>>()
        };
        let take = |(shard, queue): &mut (&mut Shard, &mut Queue), number: usize| {
            let mut broken = Vec::new();
            for (part, found) in parts.iter().enumerate() {
                for (fresh, bytes) in found.of(number) {
                    let Some(id) = shard.insert(fresh.fingerprint, fresh.parent) else { continue };
                    queue.push(id, bytes);
                    let state = self.model.decode(bytes);
                    (self.each)(&state);
                    let add = |property| Broken { part, place: fresh.place, property, id };
                    broken.extend(judge(&state).into_iter().map(add));
                }
            }
            broken
        };
        let SoFar { visited, next, .. } = &mut self.so_far;
        let mut shards: Vec<_> = visited.shards.iter_mut().zip(next.iter_mut()).collect();
        let mut broken = in_parallel_mut(self.limits.threads, &mut shards, take);
        broken.sort_by_key(|it: &Broken| (it.part, it.place));
        for Broken { property, id, .. } in broken {
            let name = self.states[property].name;
            if self.is_whole(name) {
                let path = self.so_far.visited.path(id);
                self.so_far.violations.push(Violation { property: name, path });
            }
        }
        self.so_far.seen_bytes = self.so_far.seen_bytes.max(self.so_far.visited.bytes());
    }

    /// Whether anything lies beyond this level.
    fn leads_on(&mut self) -> Result<bool, SearchError> {
        while self.so_far.now.states() > 0 {
            let chunks = self.so_far.now.take(BLOCK);
            let SoFar { visited, covered, .. } = &self.so_far;
            let expand = |chunk: &frontier::Chunk| {
                expand::expand(self.model, &self.steps, visited, covered.len(), chunk)
            };
            for part in in_parallel(self.limits.threads, &chunks, expand) {
                if !part?.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Puts what waits on a disk if memory has no room for it. What is left is the model's.
    fn make_room(&mut self) -> Result<(), SearchError> {
        let SoFar { visited, now, next, spilled, .. } = &mut self.so_far;
        let waiting = now.bytes() + next.iter().map(Queue::bytes).sum::<usize>();
        let taken = visited.bytes() + waiting;
        self.model.remember_at_most(self.limits.memory.saturating_sub(taken));
        if taken <= self.limits.memory {
            return Ok(());
        }
        let [this, following] = match &mut self.spills {
            Some(spills) => spills,
            none => none.insert([Spill::new()?, Spill::new()?]),
        };
        for queue in next {
            *spilled += following.take(queue)?;
        }
        *spilled += this.take(now)?;
        Ok(())
    }

    fn found(self, end: End) -> Found {
        let SoFar { visited, generated, levels, covered, violations, seen_bytes, .. } = self.so_far;
        let SoFar { spilled, resumed, before, .. } = self.so_far;
        let unique = visited.len() as u64;
        Found {
            unique,
            generated,
            levels,
            end,
            violations,
            covered,
            seen_bytes,
            spilled,
            resumed,
            before,
        }
    }
}

/// Does `work` for each item on several threads; the results in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    if threads == 1 || items.len() <= 1 {
        return items.iter().map(work).collect();
    }
    let taken = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let index = taken.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            done.extend(joined(other));
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does `work` for each item and its number on several threads; all that comes of it, in whatever order of the items.
fn in_parallel_mut<T: Send, R: Send>(
    threads: usize,
    items: &mut [T],
    work: impl Fn(&mut T, usize) -> Vec<R> + Sync,
) -> Vec<R> {
    let left = Mutex::new(items.iter_mut().enumerate());
    let run = || {
        let mut done = Vec::new();
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((number, item)) = next else { return done };
            done.extend(work(item, number));
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            done.extend(joined(other));
        }
        done
    })
}

fn joined<R>(thread: std::thread::ScopedJoinHandle<'_, R>) -> R {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests;
