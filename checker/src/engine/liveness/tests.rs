use kraftig_spec::model::{Explorable, Story};
use stateright::{Checker, Model, Property};

use super::*;

/// A graph that is written down: edges by action, which actions are weakly fair, and what is promised.
#[derive(Clone)]
struct Drawn {
    edges: &'static [(u8, u8, &'static str)],
    fair: &'static [&'static str],
    kind: Wanted,
}

#[derive(Clone, Copy)]
enum Wanted {
    /// One of these again and again.
    Again(&'static [u8]),
    /// Only these in the end.
    Only(&'static [u8]),
    /// The first leads to one of the second.
    Leads(u8, &'static [u8]),
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a model is asked about a reference to a state"
)]
fn good(drawn: &Drawn, state: &u8) -> bool {
    match drawn.kind {
        Wanted::Again(good) | Wanted::Only(good) | Wanted::Leads(_, good) => good.contains(state),
    }
}

impl Model for Drawn {
    type State = u8;
    type Action = (&'static str, u8);

    fn init_states(&self) -> Vec<u8> {
        vec![0]
    }

    fn actions(&self, state: &u8, actions: &mut Vec<Self::Action>) {
        let from = self.edges.iter().filter(|(from, ..)| from == state);
        actions.extend(from.map(|(_, to, name)| (*name, *to)));
    }

    fn next_state(&self, _: &u8, (_, to): Self::Action) -> Option<u8> {
        Some(to)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::eventually("good", good)]
    }
}

impl Explorable for Drawn {
    fn encode(&self, state: &u8, to: &mut Vec<u8>) {
        to.push(*state);
    }

    fn decode(&self, bytes: &[u8]) -> u8 {
        bytes[0]
    }

    fn story(&self, _: &[u8]) -> Story {
        Story { lanes: Vec::new(), steps: Vec::new() }
    }
}

impl Live for Drawn {
    fn fair(&self) -> Vec<String> {
        self.fair.iter().map(|name| (*name).to_owned()).collect()
    }

    fn fairness_of(&self, (name, _): &Self::Action) -> u64 {
        let named = self.fair.iter().enumerate().filter(|(_, fair)| *fair == name);
        named.fold(0, |groups, (index, _)| groups | 1 << index)
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        let kind = match self.kind {
            Wanted::Again(_) => Kind::AlwaysEventually(good),
            Wanted::Only(_) => Kind::EventuallyAlways(good),
            Wanted::Leads(..) => Kind::LeadsTo(
                |drawn, state| matches!(drawn.kind, Wanted::Leads(from, _) if from == *state),
                good,
            ),
        };
        vec![Promise { name: "good", kind }]
    }
}

/// The stem and the loop that break the promise, if it is broken.
fn broken(
    edges: &'static [(u8, u8, &'static str)],
    fair: &'static [&'static str],
    kind: Wanted,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let drawn = Drawn { edges, fair, kind };
    let mut judged = judge(&drawn, 1, 1 << 20);
    assert!(judged.complete);
    let lasso = judged.promises.remove(0).broken?;
    let stem = lasso.stem.iter().map(|(_, state)| *state).collect();
    Some((stem, lasso.around.iter().map(|(_, state)| *state).collect()))
}

#[test]
fn a_loop_that_stateright_takes_for_fine() {
    // From 1 on it goes round, and never comes to 3.
    let edges = &[(0, 1, "a"), (1, 2, "b"), (2, 1, "c")];
    let kind = Wanted::Again(&[3]);
    let theirs = Drawn { edges, fair: &[], kind }.checker().spawn_bfs().join();
    assert!(theirs.is_done() && theirs.discoveries().is_empty(), "Stateright found it");

    let all_fair = broken(edges, &["a", "b", "c"], kind);
    assert_eq!(all_fair, Some((vec![0, 1], vec![2, 1])));
    // "In the end", as Stateright means it: what the start leads to.
    let from_the_start = broken(edges, &["a", "b", "c"], Wanted::Leads(0, &[3]));
    assert_eq!(from_the_start, Some((vec![0, 1], vec![2, 1])));
}

#[test]
fn what_is_not_fair_need_not_happen() {
    let edges = &[(0, 1, "a"), (1, 2, "b")];
    let kind = Wanted::Again(&[2]);
    assert_eq!(broken(edges, &["a", "b"], kind), None);
    assert_eq!(broken(edges, &["a"], kind), Some((vec![0, 1], vec![])));
    assert_eq!(broken(edges, &["b"], kind), Some((vec![0], vec![])));
}

#[test]
fn a_way_out_that_is_always_open_is_taken_only_if_it_is_fair() {
    let edges = &[(0, 1, "round"), (1, 0, "round"), (0, 2, "out"), (1, 2, "out")];
    let kind = Wanted::Again(&[2]);
    assert_eq!(broken(edges, &["round", "out"], kind), None);
    // Without a group that acts or cannot act it may even stay where it is.
    assert_eq!(broken(edges, &["round"], kind), Some((vec![0], vec![1, 0])));
    assert_eq!(broken(edges, &[], kind), Some((vec![0], vec![])));
}

#[test]
fn weak_fairness_owes_nothing_to_what_is_closed_from_time_to_time() {
    let edges = &[(0, 1, "round"), (1, 0, "round"), (0, 2, "out")];
    let kind = Wanted::Again(&[2]);
    assert_eq!(broken(edges, &["round", "out"], kind), Some((vec![0], vec![1, 0])));
}

#[test]
fn a_loop_goes_by_whatever_fairness_asks_for() {
    // "x" can act everywhere, and does so inside only between 3 and 0.
    let edges = &[(0, 1, "a"), (1, 0, "a"), (1, 3, "a"), (3, 0, "x"), (0, 9, "x"), (1, 9, "x")];
    let kind = Wanted::Again(&[9]);
    assert_eq!(broken(edges, &["x"], kind), Some((vec![0], vec![1, 3, 0])));
}

#[test]
fn what_leads_to_something_is_owed_from_there_on() {
    let edges = &[(0, 0, "a"), (0, 1, "a"), (1, 2, "a"), (2, 3, "a"), (3, 2, "a"), (3, 4, "b")];
    assert_eq!(broken(edges, &["a"], Wanted::Leads(1, &[2])), None);
    // 2 and 3 for ever, though 4 could be reached now and then.
    let kind = Wanted::Leads(1, &[4]);
    assert_eq!(broken(edges, &["a", "b"], kind), Some((vec![0, 1, 2], vec![3, 2])));
    assert_eq!(broken(edges, &["a", "b"], Wanted::Leads(7, &[4])), None);
    // Owed again after it was kept.
    let again = &[(0, 1, "a"), (1, 2, "a"), (2, 1, "a"), (1, 5, "c")];
    assert_eq!(broken(again, &["a"], Wanted::Leads(1, &[2])), Some((vec![0, 1, 5], vec![])));
}

#[test]
fn what_holds_in_the_end() {
    let edges = &[(0, 1, "a"), (1, 0, "a"), (1, 2, "b"), (2, 1, "b"), (2, 3, "c")];
    let kind = Wanted::Only(&[1, 3]);
    assert_eq!(broken(edges, &["a", "b"], kind), Some((vec![0], vec![1, 0])));
    // The loop must come by what is not so, even if it begins elsewhere.
    assert_eq!(
        broken(edges, &["a", "b"], Wanted::Only(&[0, 1, 3])),
        Some((vec![0], vec![1, 2, 1, 0]))
    );
    assert_eq!(broken(&[(0, 1, "a"), (1, 3, "a")], &["a"], kind), None);
    // To stay in a state that is good is no harm, though the component has others.
    assert_eq!(broken(&[(0, 1, "a"), (1, 0, "b")], &["a"], kind), Some((vec![0], vec![1, 0])));
    assert_eq!(broken(&[(0, 1, "a")], &[], kind), Some((vec![0], vec![])));
}

#[test]
fn a_step_that_changes_nothing_is_none() {
    let edges = &[(0, 0, "a"), (0, 1, "b")];
    assert_eq!(broken(edges, &["a"], Wanted::Again(&[1])), Some((vec![0], vec![])));
    assert_eq!(broken(edges, &["b"], Wanted::Again(&[1])), None);
}

#[test]
fn what_does_not_fit_is_not_judged() {
    let drawn = Drawn { edges: &[(0, 1, "a")], fair: &[], kind: Wanted::Again(&[1]) };
    let judged = judge(&drawn, 1, 0);
    assert!(!judged.complete && judged.promises.is_empty());
}

/// Components by their definition: each reaches the other.
#[test]
fn components_are_those_that_reach_each_other() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let states = random.usize(1..9);
        let edges: Vec<Vec<u32>> = (0..states)
            .map(|_| (0..states as u32).filter(|_| random.u8(..) < 50).collect())
            .collect();
        let left_out = random.u32(0..9);
        let in_it = |id: u32| id != left_out;
        let of = components(states, in_it, |id| edges[id as usize].iter().copied());
        let mut reaches: Vec<Vec<bool>> =
            (0..states).map(|from| (0..states).map(|to| from == to).collect()).collect();
        for _ in 0..states {
            for from in (0..states).filter(|id| in_it(*id as u32)) {
                for through in edges[from].clone().into_iter().filter(|id| in_it(*id)) {
                    let further = reaches[through as usize].clone();
                    for (reached, more) in reaches[from].iter_mut().zip(further) {
                        *reached |= more;
                    }
                }
            }
        }
        for one in 0..states {
            assert_eq!(of[one] == NONE, !in_it(one as u32));
            for other in (0..states).filter(|id| in_it(*id as u32) && in_it(one as u32)) {
                let together = reaches[one][other] && reaches[other][one];
                assert_eq!(of[one] == of[other], together, "{edges:?} {one} {other}");
            }
        }
    }
}
