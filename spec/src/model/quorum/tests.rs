//! What the model must not get wrong for its verdict to mean anything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::world::OPENS;
use super::*;
use crate::model::Explorable;
use crate::quorum::mutant::{Mutant, Mutants};
use crate::quorum::properties::Property;
use crate::quorum::{Answer, FetchAnswer, Request, Role};
use crate::types::{NodeId, ReplicaKey};

fn bounds(nodes: u8, epochs: u8, values: u8, crashes: Option<u8>, resign: bool) -> Bounds {
    Bounds {
        nodes,
        epochs,
        values,
        crashes,
        resign,
        snapshots: Snapshots::None,
        voters: None,
        assumes_pre_votes: false,
    }
}

/// So many nodes, of which the first vote, with so many added, removed and lost disks.
fn changing(nodes: u8, first: u8, (adds, removes, wipes): (u8, u8, u8)) -> Bounds {
    let voters = Some((first, Changes { adds, removes, wipes, upgrade: false, recovers: false }));
    Bounds { voters, ..bounds(nodes, 1, 0, None, true) }
}

/// Every state that can be reached.
fn reachable(bounds: Bounds) -> HashSet<Packed> {
    explored(&QuorumModel::new(bounds).unwrap())
}

fn explored(model: &QuorumModel) -> HashSet<Packed> {
    let mut seen = HashSet::from([model.initial()]);
    let mut next = VecDeque::from([model.initial()]);
    while let Some(state) = next.pop_front() {
        for transition in model.transitions(&state) {
            if seen.insert(transition.next.clone()) {
                next.push_back(transition.next);
            }
        }
    }
    seen
}

/// Whether no step and no state breaks a property.
fn clean(states: &HashSet<Packed>) -> bool {
    states.iter().all(|state| state.violations | state.world().violations() == 0)
}

/// What is remembered is what comes of stepping every world anew.
#[test]
fn what_is_remembered_is_what_happens() {
    let deferred = Bounds { snapshots: Snapshots::Deferred, ..bounds(3, 1, 1, Some(1), true) };
    let assumed = Bounds { assumes_pre_votes: true, ..bounds(4, 1, 0, None, true) };
    let mutated = [Mutant::CountsUnflushed, Mutant::VoteIgnoresLog, Mutant::FetchesUnflushed];
    for (bounds, mutants) in [
        (bounds(2, 2, 2, Some(2), true), &mutated[..0]),
        (bounds(3, 1, 2, None, true), &[]),
        (bounds(3, 2, 1, Some(1), true), &mutated),
        (deferred, &[]),
        (assumed, &[]),
    ] {
        let model = QuorumModel::new(bounds).unwrap().with_mutants(Mutants::of(mutants));
        let (mut bytes, mut broken) = (Vec::new(), 0);
        for (number, state) in explored(&model).iter().enumerate() {
            // Each state of a large world would take minutes; those of a set come in another order each time.
            if number > 20_000 {
                break;
            }
            let mut plainly = model.transitions(state).into_iter();
            bytes.clear();
            state.encode(&mut bytes);
            model.each_successor(&bytes, |seen, next| {
                let plain = plainly.next().expect("as many");
                assert_eq!(
                    (plain.next, plain.seen),
                    (Packed::decode(next), seen),
                    "{}",
                    plain.action
                );
            });
            assert_eq!(plainly.next(), None);
            let violations = state.world().violations();
            assert_eq!(model.broken(state), state.violations | violations);
            broken |= violations;
        }
        assert_eq!(broken == 0, mutants.is_empty(), "{bounds:?}");
    }
}

/// What a change of the core does to the number of states should surprise nobody.
#[test]
fn counts_are_known() {
    for (nodes, epochs, values, crashes, count) in [
        (2, 2, 1, Some(1), 2_474),
        (3, 1, 1, Some(0), 4_518),
        (3, 1, 1, Some(1), 12_290),
        (3, 2, 0, Some(0), 18_197),
    ] {
        let states = reachable(bounds(nodes, epochs, values, crashes, false));
        assert_eq!(
            states.len(),
            count,
            "{nodes} nodes, {epochs} epochs, {values} values, {crashes:?} crashes"
        );
        assert!(clean(&states));
    }
}

fn over(network: Network, bounds: Bounds) -> QuorumModel {
    QuorumModel::new(bounds).unwrap().over(network).unwrap()
}

fn node_states(states: &HashSet<Packed>) -> HashSet<Packed> {
    states.iter().map(Packed::node_state).collect()
}

#[test]
fn networks_that_hold_each_message_reach_the_same_node_states() {
    for (network, bounds) in [
        (Network::Slots, bounds(2, 2, 1, Some(1), false)),
        (Network::LateSlots, bounds(2, 2, 0, Some(1), false)),
        (Network::Set, bounds(2, 2, 0, Some(0), false)),
    ] {
        let states = explored(&over(network, bounds));
        assert!(clean(&states));
        assert!(node_states(&states) == node_states(&reachable(bounds)), "{network:?} {bounds:?}");
    }
}

fn with_snapshots(bounds: Bounds, snapshots: Snapshots, mutants: Mutants) -> HashSet<Packed> {
    let model = QuorumModel::new(Bounds { snapshots, ..bounds }).unwrap().with_mutants(mutants);
    let model = Property::ALL.into_iter().fold(model, QuorumModel::without);
    explored(&model).iter().map(Packed::without_snapshots).collect()
}

#[test]
fn snapshots_left_open_reach_the_same_node_states() {
    for bounds in
        [bounds(2, 2, 0, None, true), bounds(3, 1, 0, None, true), changing(2, 1, (1, 0, 0))]
    {
        let open = with_snapshots(bounds, Snapshots::Deferred, Mutants::NONE);
        assert!(open == with_snapshots(bounds, Snapshots::Stored, Mutants::NONE), "{bounds:?}");
        assert!(open.len() > reachable(bounds).len(), "{bounds:?}");
    }
}

/// They do so only because nothing but what finds them all reads which there are. If a vote depended on where the log begins,
/// states would be missing.
#[test]
fn a_vote_that_reads_where_the_log_begins_shows_in_stored_snapshots() {
    let bounds = bounds(2, 2, 1, None, true);
    let mutants = Mutants::of(&[Mutant::EmptyLogHasNoEpoch]);
    let open = with_snapshots(bounds, Snapshots::Deferred, mutants);
    assert!(open == with_snapshots(bounds, Snapshots::Deferred, Mutants::NONE));
    assert!(!with_snapshots(bounds, Snapshots::Stored, mutants).is_subset(&open));
}

#[test]
fn snapshots_are_left_open_only_where_nothing_is_under_way() {
    let bounds = Bounds { snapshots: Snapshots::Deferred, ..bounds(2, 1, 0, None, true) };
    assert_eq!(bounds.check(Network::Rpc), Ok(()));
    assert_eq!(bounds.check(Network::Slots), Err(BoundsError::DeferredSnapshots));
}

/// Where pre-votes are assumed nodes are as they are where each is asked for, but that nobody knows who has given one. There is
/// nothing else to find there as long as an epoch and a log are all that a pre-vote asks about.
#[test]
fn assumed_pre_votes_leave_no_world_out() {
    let forgetting = |state: &Packed| {
        let mut world = state.world();
        for node in &mut world.nodes {
            let node = Rc::make_mut(node);
            node.promised = false;
            let own = node.id();
            if let Role::Prospective { granted, .. } = &mut node.state.role {
                granted.retain(|id| *id == own);
            }
        }
        Packed::canonical(&world, 0)
    };
    for bounds in [bounds(3, 2, 0, Some(1), true), bounds(2, 2, 1, None, true)] {
        let asked: HashSet<Packed> = reachable(bounds).iter().map(forgetting).collect();
        let assumed = reachable(Bounds { assumes_pre_votes: true, ..bounds });
        assert!(clean(&assumed));
        assert!(asked.is_subset(&assumed), "{bounds:?}");
        println!("{bounds:?}: {} asked, {} assumed", asked.len(), assumed.len());
    }
}

/// Whole RPCs stand for late ones only because a fetch never takes back what an earlier one said. If it
/// did, a network that delivers late would reach more.
#[test]
fn an_end_that_goes_back_shows_in_a_set() {
    let bounds = bounds(3, 1, 0, None, false);
    let overwritten = Mutants::of(&[Mutant::EndsOverwritten]);
    let reached = |network, mutants| {
        let model = over(network, bounds).with_mutants(mutants);
        let model = Property::ALL.into_iter().fold(model, QuorumModel::without);
        node_states(&explored(&model)).len()
    };
    assert_eq!(reached(Network::Set, Mutants::NONE), 693);
    assert_eq!(reached(Network::Rpc, overwritten), 693);
    assert_eq!(reached(Network::Set, overwritten), 789);
}

#[test]
fn a_state_stands_for_its_world() {
    let static_voters = bounds(3, 2, 0, Some(0), true);
    let (first, changes) = changing(2, 2, (1, 0, 1)).voters.expect("voters");
    let voters = Some((first, Changes { recovers: true, ..changes }));
    let recovering = Bounds { voters, ..bounds(2, 2, 0, None, true) };
    let open = Bounds { snapshots: Snapshots::Deferred, ..bounds(3, 1, 1, None, true) };
    let stored = Bounds { snapshots: Snapshots::Stored, ..bounds(2, 2, 0, None, true) };
    let removing = changing(3, 3, (0, 1, 0));
    let all = changing(2, 2, (1, 1, 1));
    for bounds in [static_voters, open, stored, removing, all, recovering] {
        for state in reachable(bounds) {
            assert_eq!(Packed::canonical(&state.world(), 0), state);
        }
    }
    for network in [Network::LateSlots, Network::Set] {
        for state in explored(&over(network, bounds(2, 2, 1, Some(0), true))) {
            assert_eq!(Packed::canonical(&state.world(), 0), state);
        }
    }
}

/// All ways to rename three nodes, done to the world itself.
#[test]
fn renamed_worlds_are_one_state() {
    let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    for state in reachable(bounds(3, 2, 0, Some(0), true)).into_iter().step_by(7) {
        for names in orders {
            assert_eq!(Packed::canonical(&renamed(&state.world(), names), 0), state);
        }
    }
    let literal = over(Network::Slots, bounds(3, 1, 0, Some(0), false));
    for state in explored(&literal).into_iter().step_by(31) {
        for names in orders {
            assert_eq!(Packed::canonical(&renamed(&state.world(), names), 0), state);
        }
    }
}

fn renamed(world: &World, names: [i32; 3]) -> World {
    let name = |id: NodeId| NodeId(names[id.0 as usize - 1]);
    let key = |key: ReplicaKey| ReplicaKey { id: name(key.id), ..key };
    let mut nodes: HashMap<NodeId, Node> = HashMap::new();
    for node in &world.nodes {
        let mut node = (**node).clone();
        let id = name(node.state.config.local.id);
        node.state.config = world.nodes[id.0 as usize - 1].state.config.clone();
        let election = &mut node.state.election;
        election.leader = election.leader.map(name);
        election.voted = election.voted.map(key);
        node.state.role = match node.state.role {
            Role::Prospective { granted, refused } => {
                Role::Prospective { granted: granted.into_iter().map(name).collect(), refused }
            }
            Role::Candidate { granted, refused } => {
                Role::Candidate { granted: granted.into_iter().map(name).collect(), refused }
            }
            Role::Leader { epoch_start, progress, heard, acknowledged } => {
                let progress = progress.into_iter().map(|(id, end)| (name(id), end)).collect();
                Role::Leader { epoch_start, progress, heard, acknowledged }
            }
            role => role,
        };
        node.log.iter_mut().for_each(|entry| entry.leader = entry.leader.map(name));
        nodes.insert(id, node);
    }
    let mut world = world.clone();
    world.committed.iter_mut().for_each(|entry| entry.leader = entry.leader.map(name));
    for message in &mut world.messages {
        let Message { from, to, request, answer } = Rc::make_mut(message);
        (*from, *to) = (name(*from), name(*to));
        match request {
            Request::Vote(vote) => {
                (vote.candidate, vote.voter) = (key(vote.candidate), key(vote.voter));
            }
            Request::BeginQuorumEpoch(begin) => {
                (begin.leader, begin.voter) = (name(begin.leader), key(begin.voter));
            }
            Request::EndQuorumEpoch(end) => end.leader = name(end.leader),
            Request::Fetch(fetch) => fetch.replica = key(fetch.replica),
            Request::FetchSnapshot(fetch) => fetch.replica = key(fetch.replica),
        }
        if let Some(answer) = answer {
            answer.leader = answer.leader.map(name);
            if let Answer::Fetch(FetchAnswer { records: Some(records), .. }) = &mut answer.answer {
                for batch in records.iter_mut().filter(|batch| batch.payload >= OPENS) {
                    let leader = name(NodeId(i32::from(batch.payload - OPENS)));
                    batch.payload = OPENS + leader.0 as u16;
                }
            }
        }
    }
    world.nodes = (1..=3).map(|id| Rc::new(nodes.remove(&NodeId(id)).unwrap())).collect();
    world
}

/// Within one epoch and without a crash nothing can be lost, so every value that a leader appended can
/// still be committed: the search must see worlds that are done.
#[test]
fn the_search_reaches_worlds_in_which_all_is_committed() {
    let states = reachable(bounds(3, 1, 1, Some(0), false));
    let done = states.iter().any(|state| {
        let world = state.world();
        world.nodes.iter().all(|node| node.state.high_watermark() == Some(crate::types::Offset(2)))
    });
    assert!(done);
}

#[test]
fn bounds_that_do_not_fit_are_refused() {
    assert_eq!(bounds(0, 1, 1, None, true).check(Network::Rpc), Err(BoundsError::Nodes(0)));
    assert_eq!(bounds(8, 1, 1, None, true).check(Network::Rpc), Err(BoundsError::Nodes(8)));
    assert!(matches!(
        bounds(5, 9, 7, None, true).check(Network::Rpc),
        Err(BoundsError::Logs { .. })
    ));
    assert_eq!(bounds(3, 2, 1, Some(15), true).check(Network::Rpc), Err(BoundsError::Crashes(15)));
    assert_eq!(bounds(5, 3, 2, None, true).check(Network::Rpc), Ok(()));
}

/// What the server runs alone is a model too.
#[test]
fn the_only_voter_is_clean() {
    let states = reachable(bounds(1, 4, 3, None, true));
    assert!(states.len() > 100 && clean(&states));
}

/// Who reads a counterexample sees what each step did.
#[test]
fn every_step_changes_a_field() {
    let stored = Bounds { snapshots: Snapshots::Stored, ..bounds(2, 1, 1, None, true) };
    for (bounds, network) in [
        (bounds(2, 1, 1, Some(1), true), Network::Rpc),
        (bounds(2, 1, 1, None, true), Network::Slots),
        (bounds(2, 1, 0, None, true), Network::Set),
        (stored, Network::Rpc),
        (Bounds { snapshots: Snapshots::Deferred, ..stored }, Network::Rpc),
        (changing(2, 1, (1, 1, 1)), Network::Rpc),
    ] {
        let model = QuorumModel::new(bounds).unwrap().over(network).unwrap();
        for state in explored(&model) {
            let world = state.world();
            let lanes = story::lanes(&world);
            for step in model.following(&world) {
                let after = story::lanes(&step.world);
                assert_ne!(lanes, after, "{} at {world}", step.action);
            }
        }
    }
}
