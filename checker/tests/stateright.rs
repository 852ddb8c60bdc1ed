//! What Stateright 0.31.0 gets wrong, each on a small model that this engine gets right. Each test says both, so it fails on
//! the day on which Stateright is mended, and the reason not to rest a verdict on it can be looked at again.
//!
//! `eventually` is not here: liveness has tests of its own. Nor is the explorer's symmetry, which has no count to compare.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kraftig_checker::engine::{End, Found, Limits, search};
use kraftig_spec::model::{Explorable, Story};
use stateright::util::{HashableHashMap, HashableHashSet};
use stateright::{Checker, Model, Property};

fn ours(model: &impl Explorable, max_depth: Option<usize>) -> Found {
    search(model, &Limits { max_depth, ..Limits::of(1) }, |_| {}).unwrap()
}

/// Which property is broken, and in how many steps.
fn broken(found: &Found) -> Vec<(&'static str, usize)> {
    found.violations.iter().map(|it| (it.property, it.steps())).collect()
}

/// Numbers, and arrows between them; 0 is the start.
struct Graph {
    arrows: fn(u32) -> Vec<u32>,
    properties: fn() -> Vec<Property<Graph>>,
}

impl Model for Graph {
    type State = u32;
    type Action = u32;

    fn init_states(&self) -> Vec<u32> {
        vec![0]
    }

    fn actions(&self, state: &u32, actions: &mut Vec<u32>) {
        actions.extend((self.arrows)(*state));
    }

    fn next_state(&self, _: &u32, next: u32) -> Option<u32> {
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        (self.properties)()
    }
}

impl Explorable for Graph {
    fn encode(&self, state: &u32, to: &mut Vec<u8>) {
        to.extend_from_slice(&state.to_le_bytes());
    }

    fn decode(&self, bytes: &[u8]) -> u32 {
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    fn story(&self, _: &[u32]) -> Story {
        Story { lanes: Vec::new(), steps: Vec::new() }
    }
}

/// Two boxes, and a thing that is put into one of them.
struct Boxes<B> {
    empty: B,
    full: B,
}

impl<B: Clone + Eq + Hash + Debug> Model for Boxes<B> {
    type State = (B, B);
    type Action = bool;

    fn init_states(&self) -> Vec<(B, B)> {
        vec![(self.empty.clone(), self.empty.clone())]
    }

    fn actions(&self, state: &(B, B), actions: &mut Vec<bool>) {
        if state.0 == self.empty && state.1 == self.empty {
            actions.extend([false, true]);
        }
    }

    fn next_state(&self, _: &(B, B), second: bool) -> Option<(B, B)> {
        let (empty, full) = (self.empty.clone(), self.full.clone());
        Some(if second { (empty, full) } else { (full, empty) })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("the second stays empty", |it: &Self, (_, b)| *b == it.empty)]
    }
}

impl<B: Clone + Eq + Hash + Debug + Send + Sync> Explorable for Boxes<B> {
    fn encode(&self, (first, second): &(B, B), to: &mut Vec<u8>) {
        to.extend([first, second].map(|it| u8::from(*it == self.full)));
    }

    fn decode(&self, bytes: &[u8]) -> (B, B) {
        let one = |byte| if byte == 1 { self.full.clone() } else { self.empty.clone() };
        (one(bytes[0]), one(bytes[1]))
    }

    fn story(&self, _: &[(B, B)]) -> Story {
        Story { lanes: Vec::new(), steps: Vec::new() }
    }
}

fn missed_by_theirs<B>(empty: B, full: B)
where
    B: Clone + Eq + Hash + Debug + Send + Sync + 'static,
{
    let found = ours(&Boxes { empty: empty.clone(), full: full.clone() }, None);
    assert_eq!(found.unique, 3);
    assert_eq!(broken(&found), [("the second stays empty", 1)]);
    let theirs = Boxes { empty, full }.checker().spawn_bfs().join();
    assert_eq!(theirs.unique_state_count(), 2);
    assert!(theirs.discoveries().is_empty());
}

/// `HashableHashSet` and `HashableHashMap` hash their items without their number, so `({1}, {})` and `({}, {1})` have one
/// fingerprint, and only the first of them is ever looked at.
#[test]
fn sets_and_maps_collide() {
    missed_by_theirs(HashableHashSet::<u8>::new(), HashableHashSet::from_iter([1]));
    missed_by_theirs(HashableHashMap::<u8, u8>::new(), HashableHashMap::from_iter([(1, 1)]));
}

/// A later hit takes the place of the first, as long as another property is still to be judged.
#[test]
fn counterexamples_are_not_the_shortest() {
    let line = || Graph {
        arrows: |state| if state < 10 { vec![state + 1] } else { Vec::new() },
        properties: || {
            vec![
                Property::always("below 3", |_: &Graph, state| *state < 3),
                Property::always("below 11", |_: &Graph, state| *state < 11),
            ]
        },
    };
    assert_eq!(broken(&ours(&line(), None)), [("below 3", 3)]);
    let theirs = line().checker().spawn_bfs().join();
    assert_eq!(theirs.discovery("below 3").unwrap().into_actions().len(), 10);
}

/// A state that was first reached where the depth ends is not looked at again where it is reached in fewer steps.
#[test]
fn a_bounded_search_in_depth_misses_what_is_near() {
    // The long way to 4 is gone first: 0, 2, 3, 4. The short one is 0, 1, 4.
    let two_ways = || Graph {
        arrows: |state| match state {
            0 => vec![1, 2],
            1 | 3 => vec![4],
            2 => vec![3],
            _ => Vec::new(),
        },
        properties: || vec![Property::always("not 4", |_: &Graph, state| *state != 4)],
    };
    // Stateright counts states, and judges those before the last of so many.
    assert_eq!(broken(&ours(&two_ways(), Some(2))), [("not 4", 2)]);
    let theirs = two_ways().checker().target_max_depth(4).spawn_dfs().join();
    assert!(theirs.discoveries().is_empty());
    // Within the same bound their own search in breadth finds it.
    let theirs = two_ways().checker().target_max_depth(4).spawn_bfs().join();
    assert_eq!(theirs.discovery("not 4").unwrap().into_actions().len(), 2);
}

/// The states of the last level are counted as seen, and no property is judged in them.
#[test]
fn the_last_level_of_a_bounded_search_is_not_judged() {
    let line = || Graph {
        arrows: |state| vec![state + 1],
        properties: || vec![Property::always("below 3", |_: &Graph, state| *state < 3)],
    };
    let found = ours(&line(), Some(3));
    assert_eq!((found.unique, broken(&found)), (4, vec![("below 3", 3)]));
    let theirs = line().checker().target_max_depth(4).spawn_bfs().join();
    assert_eq!(theirs.unique_state_count(), 4);
    assert!(theirs.discoveries().is_empty());
}

/// Two of a kind, each of which may get ready.
struct Twins;

impl Model for Twins {
    type State = [bool; 2];
    type Action = usize;

    fn init_states(&self) -> Vec<[bool; 2]> {
        vec![[false; 2]]
    }

    fn actions(&self, state: &[bool; 2], actions: &mut Vec<usize>) {
        actions.extend((0..2).filter(|one| !state[*one]));
    }

    fn next_state(&self, state: &[bool; 2], one: usize) -> Option<[bool; 2]> {
        let mut next = *state;
        next[one] = true;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("two", |_: &Self, state: &[bool; 2]| state.len() == 2)]
    }
}

fn sorted(mut state: [bool; 2]) -> [bool; 2] {
    state.sort_unstable();
    state
}

/// What are the same twins has the same bytes.
impl Explorable for Twins {
    fn encode(&self, state: &[bool; 2], to: &mut Vec<u8>) {
        to.extend(sorted(*state).map(u8::from));
    }

    fn decode(&self, bytes: &[u8]) -> [bool; 2] {
        [bytes[0] == 1, bytes[1] == 1]
    }

    fn story(&self, _: &[[bool; 2]]) -> Story {
        Story { lanes: Vec::new(), steps: Vec::new() }
    }
}

/// `symmetry` says which states are one, and only the search in depth listens.
#[test]
fn a_search_in_breadth_ignores_symmetry() {
    assert_eq!(ours(&Twins, None).unique, 3);
    let theirs = || Twins.checker().symmetry_fn(|state| sorted(*state));
    assert_eq!(theirs().spawn_bfs().join().unique_state_count(), 4);
    assert_eq!(theirs().spawn_dfs().join().unique_state_count(), 3);
}

static TIME_IS_UP: AtomicBool = AtomicBool::new(false);

/// With one thread, the default, the time that a search is given is asked for when a thread looks for work, which the only one
/// does when it has none left. This engine has no such switch: a search that was killed goes on from its checkpoint, and one
/// with a depth ends exactly there, with one thread as with many.
#[test]
fn one_thread_takes_all_the_time_it_wants() {
    let fan = || Graph {
        arrows: |state| match state {
            0 => {
                while !TIME_IS_UP.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                (1..=1000).collect()
            }
            1..=1000 => (1..=10).map(|next| state * 1000 + next).collect(),
            _ => Vec::new(),
        },
        properties: || vec![Property::always("a number", |_: &Graph, _| true)],
    };
    for time in (0..14).map(|power| Duration::from_millis(1 << power)) {
        TIME_IS_UP.store(false, Ordering::Release);
        let theirs = fan().checker().timeout(time).spawn_bfs();
        while !theirs.is_done() {
            std::thread::yield_now();
        }
        // They say themselves that they are done, and are still at the start.
        assert_eq!(theirs.unique_state_count(), 1);
        TIME_IS_UP.store(true, Ordering::Release);
        match theirs.join().unique_state_count() {
            // The time was up before the thread began.
            1 => {}
            all => {
                assert_eq!(all, 11_001);
                let found = ours(&fan(), Some(1));
                assert_eq!((found.end, found.unique), (End::MaxDepth, 1001));
                return;
            }
        }
    }
    panic!("a thread that never begins, or Stateright that ends in time");
}
