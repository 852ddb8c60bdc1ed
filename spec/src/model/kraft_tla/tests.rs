//! What the model must not get wrong for the checker to be judged by it.

use std::collections::{HashMap, HashSet};

use stateright::{Checker, Expectation, Model};

use super::*;
use crate::model::Explorable;

fn bounds(servers: u8, values: u8, elections: u8, restarts: u8) -> Bounds {
    Bounds { servers, values, elections, restarts }
}

fn model(bounds: Bounds, symmetry: bool) -> KraftTla {
    KraftTla::new(bounds, symmetry, bounds.restarts == 0).unwrap()
}

/// What a search breadth first finds.
#[derive(Default)]
struct Found {
    states: HashSet<Vec<u8>>,
    /// As TLC counts: the initial state, and whatever follows a state, known or not.
    generated: u64,
    orbits: u64,
    /// Properties that do not hold, and the fewest steps to where they do not.
    broken: HashMap<&'static str, usize>,
    covered: u64,
    levels: usize,
}

fn search(model: &KraftTla) -> Found {
    let properties = model.properties();
    assert!(properties.iter().all(|property| property.expectation == Expectation::Always));
    let mut found = Found { generated: 1, ..Found::default() };
    let mut level = vec![model.initial()];
    let mut successors = Vec::new();
    let mut bytes = Vec::new();
    model.encode(&level[0], &mut bytes);
    found.states.insert(bytes.clone());
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for state in level {
            found.orbits += model.orbit(&state);
            for property in &properties {
                if !(property.condition)(model, &state) {
                    found.broken.entry(property.name).or_insert(found.levels);
                }
            }
            model.successors(&state, &mut successors);
            found.generated += successors.len() as u64;
            for (action, next) in successors.drain(..) {
                found.covered |= model.covered(Some(&action), &next);
                bytes.clear();
                model.encode(&next, &mut bytes);
                if !found.states.contains(&bytes) {
                    found.states.insert(bytes.clone());
                    next_level.push(next);
                }
            }
        }
        found.levels += 1;
        level = next_level;
    }
    found
}

type Row = ((u8, u8, u8, u8), bool, usize, u64, usize);

/// States, generated states and levels of `KRaft.tla`, as TLC finds them.
const TLC: [Row; 15] = [
    ((2, 1, 1, 0), false, 55, 69, 17),
    ((2, 1, 1, 0), true, 28, 36, 17),
    ((2, 2, 1, 0), false, 259, 349, 24),
    ((2, 1, 2, 0), false, 1_230, 1_827, 27),
    ((2, 1, 2, 0), true, 617, 917, 27),
    ((2, 2, 2, 0), false, 8_076, 12_053, 34),
    ((2, 2, 2, 0), true, 4_040, 6_030, 34),
    ((2, 1, 3, 0), false, 37_706, 66_629, 37),
    ((3, 1, 1, 0), false, 10_468, 23_167, 30),
    ((3, 1, 1, 0), true, 1_759, 3_894, 30),
    ((3, 2, 1, 0), true, 36_862, 78_705, 43),
    ((4, 1, 1, 0), true, 27_422, 81_984, 46),
    ((2, 1, 1, 1), false, 271, 371, 21),
    ((2, 1, 2, 1), false, 11_169, 16_617, 32),
    ((3, 1, 1, 1), true, 22_611, 48_356, 43),
];

#[test]
fn tlc_finds_the_same_numbers() {
    for ((servers, values, elections, restarts), symmetry, states, generated, levels) in TLC {
        let bounds = bounds(servers, values, elections, restarts);
        let found = search(&model(bounds, symmetry));
        let numbers = (found.states.len(), found.generated, found.levels);
        assert_eq!(numbers, (states, generated, levels), "{bounds:?}, symmetry {symmetry}");
        assert_eq!(found.broken, HashMap::new(), "{bounds:?}");
    }
}

#[test]
fn what_symmetry_leaves_out_is_counted_by_orbits() {
    for ((servers, values, elections, restarts), states) in [
        ((2, 1, 2, 0), 1_230),
        ((2, 2, 2, 0), 8_076),
        ((2, 1, 2, 1), 11_169),
        ((3, 1, 1, 0), 10_468),
        ((3, 2, 1, 0), 220_780),
        ((3, 1, 1, 1), 135_343),
    ] {
        let bounds = bounds(servers, values, elections, restarts);
        assert_eq!(search(&model(bounds, true)).orbits, states, "{bounds:?}");
    }
}

/// Every state that can be reached.
fn reachable(model: &KraftTla) -> HashSet<State> {
    let mut seen = HashSet::from([model.initial()]);
    let mut next = vec![model.initial()];
    let mut successors = Vec::new();
    while let Some(state) = next.pop() {
        model.successors(&state, &mut successors);
        for (_, successor) in successors.drain(..) {
            if seen.insert(successor.clone()) {
                next.push(successor);
            }
        }
    }
    seen
}

#[test]
fn a_state_is_its_bytes() {
    for (bounds, symmetry) in [
        (bounds(2, 1, 2, 1), false),
        (bounds(2, 2, 2, 0), true),
        (bounds(3, 1, 1, 0), false),
        (bounds(3, 1, 1, 1), true),
        (bounds(2, 0, 2, 1), false),
    ] {
        let model = model(bounds, symmetry);
        let states = reachable(&model);
        let mut all = HashSet::new();
        for state in &states {
            let mut bytes = vec![7];
            model.encode(state, &mut bytes);
            assert_eq!(model.decode(&bytes[1..]), *state);
            all.insert(bytes);
        }
        assert_eq!(all.len(), states.len(), "two states of {bounds:?} have the same bytes");
    }
}

/// The state with server `names[i - 1]` in place of each server `i`: done field by field.
fn renamed(state: &State, names: &[u8]) -> State {
    use super::server::{ASKED, LEADER, VOTED, VOTES, end_of};
    let new = |name: u64| match name {
        0 => 0,
        name => u64::from(names[name as usize - 1]),
    };
    let mut renamed = state.clone();
    for old in 1..=names.len() as u8 {
        let mut server = state.server(old);
        for field in [ASKED, LEADER, VOTED] {
            server = server.with(field, new(state.server(old).get(field)));
        }
        server = server.with(VOTES, 0);
        for other in 1..=names.len() {
            let (was, is) = (state.server(old), new(other as u64));
            server = server.with(end_of(is as usize - 1), was.get(end_of(other - 1)));
            let vote = was.get(VOTES) >> (other - 1) & 1;
            server = server.with(VOTES, server.get(VOTES) | vote << (is - 1));
        }
        renamed.set(names[usize::from(old) - 1], server);
    }
    for message in &mut renamed.messages {
        for field in [message::FROM, message::TO, message::LEADER] {
            *message = message.with(field, new(message.get(field)));
        }
    }
    renamed.messages.sort();
    renamed
}

#[test]
fn renamed_states_are_one() {
    let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    let (plain, symmetric) = (model(bounds(3, 1, 1, 0), false), model(bounds(3, 1, 1, 0), true));
    let mut canonical = HashSet::new();
    for state in reachable(&plain) {
        let stands = symmetric.canonical(state.clone());
        let forms: HashSet<_> = orders.iter().map(|names| renamed(&state, names)).collect();
        assert!(forms.contains(&stands));
        assert_eq!(symmetric.orbit(&stands), forms.len() as u64);
        assert!(forms.into_iter().all(|form| symmetric.canonical(form) == stands));
        canonical.insert(stands);
    }
    assert_eq!(canonical, reachable(&symmetric));
}

#[test]
fn a_restart_leads_to_what_should_be_impossible() {
    for symmetry in [false, true] {
        let model = KraftTla::new(bounds(3, 1, 1, 1), symmetry, true).unwrap();
        assert_eq!(search(&model).broken, HashMap::from([("NoIllegalState", 6)]));
    }
}

#[test]
fn what_must_be_come_across_is_come_across_and_nothing_else() {
    let mut all = Vec::new();
    for servers in 1..=3 {
        for values in 0..=2 {
            let most = if servers == 3 { 1 } else { 2 };
            all.extend((0..=most).map(|elections| bounds(servers, values, elections, 0)));
        }
    }
    all.extend([bounds(2, 1, 1, 1), bounds(2, 1, 2, 1), bounds(3, 1, 1, 1), bounds(2, 0, 0, 1)]);
    for bounds in all {
        let model = model(bounds, true);
        let covered = search(&model).covered;
        for (index, landmark) in model.landmarks().into_iter().enumerate() {
            let is_covered = covered >> index & 1 == 1;
            assert_eq!(is_covered, landmark.required, "{} in {bounds:?}", landmark.name);
        }
    }
}

/// What follows, of a kind and at a server.
fn follow(model: &KraftTla, state: &State, what: What, server: u8) -> (Action, State) {
    let mut successors = Vec::new();
    model.successors(state, &mut successors);
    let is_it = |(action, _): &(Action, State)| action.what == what && action.server == server;
    successors.into_iter().find(is_it).unwrap_or_else(|| panic!("{what:?} at {server}: {state:#?}"))
}

#[test]
fn a_log_that_diverges_is_cut() {
    let model = model(bounds(3, 1, 2, 0), false);
    let mut state = model.initial();
    let mut covered = 0;
    for (what, server) in [
        (What::RequestVote, 1),
        (What::HandleVoteRequest, 2),
        (What::HandleVoteResponse, 1),
        (What::BecomeLeader, 1),
        (What::ClientRequest, 1),
        (What::HandleBeginQuorum, 2),
        (What::RequestVote, 2),
        (What::HandleVoteRequest, 3),
        (What::HandleVoteRequest, 3),
        (What::HandleVoteResponse, 2),
        (What::BecomeLeader, 2),
        (What::HandleBeginQuorum, 1),
        (What::SendFetch, 1),
        (What::AnswerDiverging, 2),
    ] {
        let (action, next) = follow(&model, &state, what, server);
        covered |= model.covered(Some(&action), &next);
        state = next;
    }
    assert_eq!(state.server(1).entry(1), Some((2, 1)));
    let (action, next) = follow(&model, &state, What::HandleDiverging, 1);
    assert_eq!(next.server(1).end(), 0);
    let cut = model.landmarks().iter().position(|landmark| landmark.name == "a log truncated");
    let cut = 1 << cut.unwrap();
    assert_eq!((covered & cut, model.covered(Some(&action), &next) & cut), (0, cut));
}

/// Whoever handles a divergence has a longer log than before it is cut: that is why the landmark needs to look at nothing else.
#[test]
fn a_divergence_always_cuts() {
    let model = model(bounds(3, 2, 3, 0), false);
    let (mut draw, mut cuts) = (1_u64, 0);
    let mut successors = Vec::new();
    for _ in 0..3_000 {
        let mut state = model.initial();
        for _ in 0..80 {
            model.successors(&state, &mut successors);
            if successors.is_empty() {
                break;
            }
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (action, next) = successors.swap_remove((draw >> 33) as usize % successors.len());
            if action.what == What::HandleDiverging {
                assert!(next.server(action.server).end() < state.server(action.server).end());
                cuts += 1;
            }
            state = next;
            successors.clear();
        }
    }
    assert!(cuts > 10, "{cuts} divergences");
}

#[test]
fn stateright_finds_as_many() {
    let found = model(bounds(2, 1, 2, 0), false).checker().spawn_bfs().join();
    assert_eq!(found.unique_state_count(), 1_230);
    assert!(found.discoveries().is_empty());
}

#[test]
fn a_story_keeps_the_names_of_servers() {
    let model = KraftTla::new(bounds(3, 1, 1, 1), true, true).unwrap();
    let property = &model.properties()[3];
    let mut paths = vec![vec![model.initial()]];
    let path = loop {
        let is_bad = |path: &Vec<State>| !(property.condition)(&model, &path[path.len() - 1]);
        if let Some(place) = paths.iter().position(is_bad) {
            break paths.swap_remove(place);
        }
        let longer = paths.iter().flat_map(|path| {
            let mut successors = Vec::new();
            model.successors(&path[path.len() - 1], &mut successors);
            successors.into_iter().map(move |(_, next)| [&path[..], &[next]].concat())
        });
        paths = longer.collect();
    };
    let story = model.story(&path);
    assert_eq!(story.steps.len(), 7);
    let epochs = |lane: usize| {
        story.steps.iter().map(move |step| step.lanes[lane][1].1.parse::<u32>().unwrap())
    };
    let roles = |lane: usize| story.steps.iter().map(move |step| step.lanes[lane][0].1.as_str());
    let illegal = (0..3).filter(|lane| roles(*lane).next_back() == Some("Illegal"));
    let illegal: Vec<_> = illegal.collect();
    assert_eq!(illegal.len(), 1);
    // It voted, came back as a follower, and was told who leads. Names that change would show it elsewhere in between.
    assert!(roles(illegal[0]).any(|role| role == "Voted"));
    assert!(roles(illegal[0]).any(|role| role == "Follower"));
    for lane in (0..3).filter(|lane| *lane != illegal[0]) {
        assert!(epochs(lane).is_sorted());
    }
}

#[test]
fn broken_properties_are_seen() {
    use super::server::{EPOCH, HIGH, LEADER, ROLE};
    let model = KraftTla::new(bounds(3, 1, 2, 0), false, true).unwrap();
    let broken = |state: &State| -> Vec<&str> {
        let properties = model.properties();
        let broken = properties.iter().filter(|property| !(property.condition)(&model, state));
        broken.map(|property| property.name).collect()
    };
    let with = |changes: &[(u8, Server)]| {
        let mut state = model.initial();
        for (id, server) in changes {
            state.set(*id, *server);
        }
        state
    };
    let new = Server::new();
    assert_eq!(broken(&model.initial()), [""; 0]);
    let (one, two) = (new.with(LEADER, 1), new.with(LEADER, 2));
    assert_eq!(broken(&with(&[(1, one), (3, two)])), ["NeverTwoLeadersInSameEpoch"]);
    assert_eq!(broken(&with(&[(1, one), (3, two.with(EPOCH, 2))])), [""; 0]);
    let (one, two) = (new.append(2, 1).with(HIGH, 1), new.append(3, 1).with(HIGH, 1));
    assert_eq!(broken(&with(&[(2, one), (3, two)])), ["NoLogDivergence"]);
    assert_eq!(broken(&with(&[(2, one), (3, two.with(HIGH, 0))])), [""; 0]);
    assert_eq!(broken(&with(&[(1, new.with(ROLE, Role::Illegal as u64))])), ["NoIllegalState"]);
    let leader = new.with(ROLE, Role::Leader as u64).with(EPOCH, 2);
    let mut state = with(&[(1, leader)]);
    state.set_progress(1, Progress::Acknowledged);
    assert_eq!(broken(&state), ["LeaderHasAllAckedValues"]);
    state.set(1, leader.append(2, 1));
    assert_eq!(broken(&state), [""; 0]);
    state.set(1, leader);
    state.set(2, new.with(EPOCH, 3));
    assert_eq!(broken(&state), [""; 0]);
}

#[test]
fn bounds_say_what_fits() {
    for (bounds, text) in [
        (bounds(0, 1, 1, 0), "--servers 0: a state has room for 1 to 5 servers"),
        (bounds(6, 1, 1, 0), "--servers 6: a state has room for 1 to 5 servers"),
        (bounds(3, 4, 1, 0), "--values 4: a state has room for 0 to 3 values"),
        (bounds(3, 1, 7, 0), "--elections 7: a state has room for 0 to 6 elections"),
        (bounds(3, 1, 1, 8), "--restarts 8: a state has room for 0 to 7 restarts"),
    ] {
        assert_eq!(KraftTla::new(bounds, true, false).unwrap_err().to_string(), text);
    }
    assert!(KraftTla::new(bounds(5, 3, 6, 7), true, false).is_ok());
}
