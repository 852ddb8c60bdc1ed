use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::model::explorable::Explorable;
use crate::model::live::Live;
use crate::quorum::Role;
use crate::types::{Epoch, Offset};
use world::{Item, summary};

fn model(nodes: u8, faults: u8, values: u8) -> LiveModel {
    LiveModel::new(LiveBounds { nodes, faults, values, voters: None }).unwrap()
}

fn with_voters(faults: u8, values: u8, (first, adds, removes): (u8, u8, u8)) -> LiveModel {
    let voters = Some(LiveVoters { first, adds, removes });
    LiveModel::new(LiveBounds { nodes: 3, faults, values, voters }).unwrap()
}

/// Worlds in the order of a breadth-first search, so many at most.
fn worlds(model: &LiveModel, most: usize) -> Vec<LiveWorld> {
    let mut queue: VecDeque<_> = stateright::Model::init_states(model).into();
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    while let Some(world) = queue.pop_front() {
        let mut found = Vec::new();
        model.successors(&world, &mut found);
        for (_, next) in found {
            let mut bytes = Vec::new();
            model.encode(&next, &mut bytes);
            if seen.len() < most && seen.insert(bytes) {
                queue.push_back(next);
            }
        }
        all.push(world);
    }
    all
}

#[test]
fn worlds_are_their_bytes() {
    for model in [model(3, 1, 1), with_voters(1, 1, (2, 1, 1))] {
        let mut seen = BTreeSet::new();
        for world in worlds(&model, 20_000) {
            let mut bytes = Vec::new();
            model.encode(&world, &mut bytes);
            assert_eq!(model.decode(&bytes), world);
            let mut again = world.clone();
            again.settle();
            assert_eq!(again, world, "what is settled stays as it is");
            seen.insert(bytes);
        }
        assert!(seen.len() > 15_000, "{}", seen.len());
    }
}

#[test]
fn voters_that_are_wanted_come_to_vote() {
    for (changes, wanted) in [((2, 1, 0), 0b111), ((3, 0, 1), 0b110), ((2, 1, 1), 0b110)] {
        let worlds = worlds(&with_voters(0, 0, changes), 100_000);
        let quiet: Vec<_> = worlds.iter().filter(|world| world.successors().is_empty()).collect();
        assert!(!quiet.is_empty());
        for world in quiet {
            assert_eq!(world.committed.0, wanted, "{world:?}");
            for member in &world.members {
                assert_eq!(world::Nodes::of(member.state.voters()).0, wanted, "{world:?}");
            }
        }
    }
}

/// The same world as it would be after more epochs, and behind one entry more, if that is one that is dropped.
fn earlier(world: &LiveWorld) -> Option<LiveWorld> {
    let mut world = world.clone();
    let first = *world.members.iter().find_map(|member| member.log.first())?;
    for member in &mut world.members {
        let state = &mut member.state;
        if state.election.epoch == Epoch(0) {
            return None;
        }
        state.election.epoch = Epoch(state.election.epoch.0 + 3);
        // Who lacks it may lead without it. What the others have is then cut off, be it one entry or two: no difference either,
        // but not the same world.
        let Item { epoch, value, voters } = *member.log.first()?;
        if member.log[0] != first || value || state.log.flushed == Offset::ZERO {
            return None;
        }
        member.log.insert(0, Item { epoch, value, voters });
        for item in &mut member.log {
            item.epoch = Epoch(item.epoch.0 + 3);
        }
        let later = |offset: &mut Offset| *offset = offset.plus(1);
        if let Role::Leader { epoch_start, progress, .. } = &mut state.role {
            if *epoch_start == Offset::ZERO {
                return None;
            }
            later(epoch_start);
            for known in progress.values_mut() {
                later(&mut known.end);
            }
        }
        state.high_watermark.iter_mut().for_each(later);
        later(&mut state.log.flushed);
        state.log = summary(&member.log, state.log.flushed);
    }
    Some(world)
}

#[test]
fn what_is_left_out_makes_no_difference() {
    let mut compared = 0;
    for world in worlds(&model(2, 2, 1), 30_000) {
        let Some(other) = earlier(&world) else { continue };
        let mut settled = other.clone();
        settled.settle();
        assert_eq!(settled, world);
        // Whether nothing changes any more, and so whether timers fire, is asked of what is settled.
        let next = |world: &LiveWorld| {
            let mut next = world.successors();
            next.retain(|(action, next)| {
                let is_timer = matches!(action, LiveAction::Timer(..) | LiveAction::Early(..));
                !is_timer && *next != settled
            });
            for (action, _) in &mut next {
                // One entry more is kept where there is one more.
                if let LiveAction::Crash(_, keeps) = action {
                    *keeps = 0;
                }
            }
            next
        };
        assert!(next(&other) == next(&world), "{other:?}");
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn what_heals_is_fair_and_no_fault_is() {
    let model = with_voters(1, 1, (2, 1, 0));
    let groups = model.fair();
    assert_eq!(groups.len(), 18);
    for world in worlds(&model, 3_000) {
        let mut found = Vec::new();
        model.successors(&world, &mut found);
        for (action, next) in found {
            let heals = model.fairness_of(&action);
            let perturbs = matches!(
                action,
                LiveAction::Mend(..) | LiveAction::Unreachable(..) | LiveAction::Propose(_)
            );
            assert_eq!(heals.count_ones() == 0, perturbs || next.faults < world.faults, "{action}");
        }
    }
}

#[test]
fn a_timer_that_is_set_again_and_again_does_not_fire() {
    // Of three nodes that are linked one leads, and the others follow: nothing happens any more.
    let model = model(3, 0, 0);
    let quiet = worlds(&model, 10_000).into_iter().filter(|world| world.successors().is_empty());
    let mut count = 0;
    for world in quiet {
        count += 1;
        let leads = world.members.iter().filter(|member| member.state.is_leader()).count();
        assert_eq!(leads, 1, "{world:?}");
        // Cut off, the leader waits for its check-quorum timer, and the others for their leader.
        let leader = world.members.iter().position(|member| member.state.is_leader()).unwrap();
        let mut cut = LiveWorld { fired: 0, ..world.clone() };
        for other in (0..3).filter(|other| *other != leader) {
            cut.links &= !LiveWorld::link(leader, other);
        }
        let timers = cut.successors().into_iter();
        let timers = timers.filter(|(action, _)| matches!(action, LiveAction::Timer(..))).count();
        assert_eq!(timers, 3);
    }
    assert!(count >= 3, "{count}");
}
