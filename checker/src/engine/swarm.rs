//! Walks at random, for bounds that nobody can exhaust. What they find is real; what they do not find may be there.

use std::ops::Range;

use fastrand::Rng;
use kraftig_spec::model::{Explorable, StepProperty};

use super::{Always, SearchError, always, in_parallel};

/// What walks came across.
#[derive(Debug)]
pub struct Walked<S> {
    /// Walks that were made.
    pub walks: u64,
    /// Steps of all of them.
    pub steps: u64,
    /// Steps of the longest.
    pub longest: usize,
    /// How often each landmark of the model was come across, in its order.
    pub covered: Vec<u64>,
    /// The shortest walk that breaks each property that is broken, of several that of the first seed: the property's name, the
    /// seed, and the states from the start. The shortest of all comes first.
    pub violations: Vec<(&'static str, u64, Vec<S>)>,
}

/// Walks once for each seed that `mine` takes, `depth` steps far or until nothing can happen or a property is broken. A seed is one walk, whoever
/// makes it.
pub fn swarm<M: Explorable>(
    model: &M,
    threads: usize,
    depth: usize,
    seeds: Range<u64>,
    mine: impl Fn(u64) -> bool,
    mut progress: impl FnMut(&Walked<M::State>),
) -> Result<Walked<M::State>, SearchError> {
    let (states, steps) = (always(model)?, model.step_properties());
    let mut all = Walked {
        walks: 0,
        steps: 0,
        longest: 0,
        covered: vec![0; model.landmarks().len()],
        violations: Vec::new(),
    };
    let mut seeds = seeds.filter(|seed| mine(*seed)).peekable();
    while seeds.peek().is_some() {
        let some: Vec<u64> = seeds.by_ref().take(16 * threads).collect();
        for walk in in_parallel(threads, &some, |seed| walk(model, &states, &steps, depth, *seed)) {
            all.add(walk);
        }
        progress(&all);
    }
    all.violations.sort_by_key(|(_, seed, path)| (path.len(), *seed));
    Ok(all)
}

impl<S> Walked<S> {
    fn add(&mut self, walk: Walk<S>) {
        let Walk { seed, path, covered, broken } = walk;
        let length = path.len() - 1;
        self.walks += 1;
        self.steps += length as u64;
        self.longest = self.longest.max(length);
        for (all, more) in self.covered.iter_mut().zip(covered) {
            *all += more;
        }
        let Some(property) = broken else { return };
        let known = self.violations.iter_mut().find(|(name, ..)| *name == property);
        match known {
            Some(shortest) if path.len() < shortest.2.len() => *shortest = (property, seed, path),
            Some(_) => {}
            None => self.violations.push((property, seed, path)),
        }
    }
}

/// One walk: its states, and the property that its last step breaks.
struct Walk<S> {
    seed: u64,
    path: Vec<S>,
    covered: Vec<u64>,
    broken: Option<&'static str>,
}

fn walk<M: Explorable>(
    model: &M,
    states: &[Always<M>],
    steps: &[StepProperty<M>],
    depth: usize,
    seed: u64,
) -> Walk<M::State> {
    let mut random = Rng::with_seed(seed);
    let mut covered = vec![0; model.landmarks().len()];
    let mut cover = |bits: u64| {
        for (index, count) in covered.iter_mut().enumerate() {
            *count += bits >> index & 1;
        }
    };
    let broken_by = |state: &M::State| {
        let broken = states.iter().find(|property| !(property.holds)(model, state));
        broken.map(|property| property.name)
    };
    let mut starts = model.init_states();
    let start = starts.swap_remove(random.usize(..starts.len()));
    cover(model.covered(None, &start));
    let mut broken = broken_by(&start);
    let mut path = vec![start];
    while path.len() <= depth && broken.is_none() {
        let state = &path[path.len() - 1];
        let Some(Picked { landmarks, next, broken: by_step }) =
            pick(model, steps, state, &mut random)
        else {
            break;
        };
        cover(landmarks);
        broken = by_step.or_else(|| broken_by(&next));
        path.push(next);
    }
    Walk { seed, path, covered, broken }
}

/// A step, taken at random.
struct Picked<S> {
    landmarks: u64,
    next: S,
    /// The property of steps that it breaks.
    broken: Option<&'static str>,
}

/// Picks something that can happen in `state`; `None` where nothing can.
fn pick<M: Explorable>(
    model: &M,
    steps: &[StepProperty<M>],
    state: &M::State,
    random: &mut Rng,
) -> Option<Picked<M::State>> {
    if !steps.is_empty() {
        let mut found = Vec::new();
        model.successors(state, &mut found);
        if found.is_empty() {
            return None;
        }
        let (action, next) = found.swap_remove(random.usize(..found.len()));
        let landmarks = model.covered(Some(&action), &next);
        let broken = steps.iter().find(|step| !(step.holds)(model, state, &action, &next));
        return Some(Picked { landmarks, next, broken: broken.map(|step| step.name) });
    }
    let (mut bytes, mut all, mut found) = (Vec::new(), Vec::new(), Vec::new());
    model.encode(state, &mut bytes);
    model.each_successor(&bytes, |landmarks, next| {
        let from = all.len();
        all.extend_from_slice(next);
        found.push((landmarks, from..all.len()));
    });
    if found.is_empty() {
        return None;
    }
    let (landmarks, place) = found.swap_remove(random.usize(..found.len()));
    Some(Picked { landmarks, next: model.decode(&all[place]), broken: None })
}
