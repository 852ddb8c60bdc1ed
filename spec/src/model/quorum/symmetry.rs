//! Which worlds are one state: those that differ only in the names of nodes or values.

use super::pack::{Packed, pack, role_number};
use super::world::{Node, World, generation, named_by};
use crate::quorum::properties::Violations;
use crate::quorum::{Download, Role, State};
use crate::types::NodeId;

impl Packed {
    /// The one of all equivalent forms of `world` whose bits are smallest.
    pub fn canonical(world: &World, violations: Violations) -> Self {
        let signatures: Vec<u64> = world.nodes.iter().map(|node| signature(node)).collect();
        let mut order: Vec<u8> = (0..world.nodes.len() as u8).collect();
        order.sort_by_key(|node| signatures[usize::from(*node)]);
        let mut smallest = None;
        permute_ties(&mut order, &signatures, 0, &mut |order| {
            let packed = pack(world, order, violations);
            if smallest.as_ref().is_none_or(|known| packed < *known) {
                smallest = Some(packed);
            }
        });
        smallest.expect("nodes have an order")
    }
}

/// Calls `visit` with every order that keeps signatures ascending: only nodes with equal signatures
/// change places, for only they can be each other's image.
pub(super) fn permute_ties(
    order: &mut [u8],
    signatures: &[u64],
    from: usize,
    visit: &mut impl FnMut(&[u8]),
) {
    if from == order.len() {
        return visit(order);
    }
    for other in from..order.len() {
        if signatures[usize::from(order[other])] != signatures[usize::from(order[from])] {
            break;
        }
        order.swap(from, other);
        permute_ties(order, signatures, from + 1, visit);
        order.swap(from, other);
    }
}

/// Mixes all of a node that does not depend on names. Nodes that renaming can exchange have equal
/// signatures; that others might have them too costs time and no more.
pub(super) fn signature(node: &Node) -> u64 {
    let Node { state, log, promised, known } = node;
    let State { config, election, role, log: summary, high_watermark, .. } = state;
    let mut mix = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |value: u64| mix = (mix ^ value).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    let whom = |id: Option<NodeId>| id.map_or(0, |id| if id == config.local.id { 1 } else { 2 });
    add(role_number(role));
    add(election.epoch.0 as u64);
    add(whom(election.leader) << 2 | whom(election.voted.map(|key| key.id)));
    add(summary.flushed.0 as u64);
    add((known.0 << 16 | summary.start.end.0 << 8 | summary.latest.end.0) as u64);
    if let Role::Follower { download: Some(Download { snapshot, position }), .. } = role {
        add((snapshot.end.0 << 8 | position) as u64 + 1);
    }
    add(high_watermark.map_or(0, |to| to.0 as u64));
    match role {
        Role::Prospective { granted, .. } | Role::Candidate { granted, .. } => {
            add((granted.len() as u64) << 1 | u64::from(*promised));
        }
        Role::Leader { progress, .. } => {
            let mut ends: Vec<i64> = progress.values().map(|known| known.end.0).collect();
            ends.sort_unstable();
            for end in ends {
                add(end as u64);
            }
        }
        _ => {}
    }
    add(u64::from(generation(config.local)) << 4
        | election.voted.map_or(0, |key| u64::from(generation(key))));
    for entry in log {
        add((entry.epoch.0 as u64) << 2 | whom(entry.leader));
        if let Some(voters) = named_by(entry.value) {
            add((voters.len() as u64) << 1 | u64::from(voters.contains(config.local)));
        }
    }
    mix
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::rc::Rc;

    use super::super::world::{VOTERS, Value};
    use super::super::{Bounds, Changes, QuorumModel};
    use super::*;
    use crate::quorum::properties::Entry;

    fn is_value(entry: &Entry<Value>) -> bool {
        entry.leader.is_none() && entry.value & VOTERS == 0
    }

    /// The values in the logs, in the order in which packing comes upon them.
    fn values(world: &World) -> Vec<Value> {
        let logs = world.nodes.iter().flat_map(|node| &node.log);
        let mut found = Vec::new();
        for entry in world.committed.iter().chain(logs).filter(|entry| is_value(entry)) {
            if !found.contains(&entry.value) {
                found.push(entry.value);
            }
        }
        found
    }

    /// The state with its nodes in every order.
    fn orders(state: &Packed) -> HashSet<Packed> {
        let world = state.world();
        let mut order: Vec<u8> = (0..world.nodes.len() as u8).collect();
        let mut forms = HashSet::new();
        permute_ties(&mut order, &[0; 8], 0, &mut |order| {
            forms.insert(pack(&world, order, state.violations));
        });
        forms
    }

    /// How many worlds the state stands for, where there are so many values: its nodes in every order, and every value for
    /// each that is in a log.
    fn orbit(state: &Packed, most: u8) -> u64 {
        let used = values(&state.world()).len() as u64;
        orders(state).len() as u64 * (0..used).map(|taken| u64::from(most) - taken).product::<u64>()
    }

    /// The sum of the orbits of all states.
    fn by_orbits(model: &QuorumModel) -> u64 {
        let mut seen = HashSet::from([model.initial()]);
        let mut next = vec![model.initial()];
        while let Some(state) = next.pop() {
            let following = model.transitions(&state).into_iter().map(|it| it.next);
            next.extend(following.filter(|state| seen.insert(state.clone())));
        }
        seen.iter().map(|state| orbit(state, model.bounds().values)).sum()
    }

    /// What a proposal leads to if the value is any that is in no log; without symmetry it is always the smallest.
    fn with_each_value(before: &World, after: World, most: u8) -> Vec<World> {
        let known = values(before);
        let Some(new) = values(&after).into_iter().find(|value| !known.contains(value)) else {
            return vec![after];
        };
        let unused = (1..=Value::from(most)).filter(|value| !known.contains(value));
        let renamed = |value| {
            let mut world = after.clone();
            let logs = world.nodes.iter_mut().flat_map(|node| &mut Rc::make_mut(node).log);
            for entry in logs.chain(&mut world.committed) {
                if is_value(entry) && entry.value == new {
                    entry.value = value;
                }
            }
            world
        };
        unused.map(renamed).collect()
    }

    /// All worlds that can be reached from these, none of them renamed: every node and every value keeps its name.
    fn named(model: &QuorumModel, starts: Vec<World>) -> u64 {
        let order: Vec<u8> = (0..model.bounds().nodes).collect();
        let key = |world: &World, violations| (pack(world, &order, violations), values(world));
        let mut seen: HashSet<_> = starts.iter().map(|world| key(world, 0)).collect();
        let mut next = starts;
        while let Some(world) = next.pop() {
            for successor in model.following(&world) {
                assert_eq!(successor.violations, 0);
                for after in with_each_value(&world, successor.world, model.bounds().values) {
                    if seen.insert(key(&after, 0)) {
                        next.push(after);
                    }
                }
            }
        }
        seen.len() as u64
    }

    fn changing(nodes: u8, first: u8, (adds, removes, wipes): (u8, u8, u8)) -> Bounds {
        let changes = Changes { adds, removes, wipes, upgrade: false, recovers: false };
        Bounds { voters: Some((first, changes)), ..Bounds::of((nodes, 1, 0), Some(0)) }
    }

    #[test]
    fn orbits_add_up_to_all_worlds() {
        for bounds in [
            Bounds::of((2, 2, 0), None),
            Bounds::of((3, 1, 0), None),
            Bounds::of((2, 1, 1), None),
            Bounds::of((2, 1, 3), Some(1)),
            Bounds::of((3, 1, 1), Some(0)),
            changing(2, 2, (0, 1, 1)),
            changing(3, 2, (1, 0, 0)),
        ] {
            let model = QuorumModel::new(bounds).unwrap();
            // Where only some vote at first it makes a difference who, and each choice is a start.
            let starts = orders(&model.initial());
            let all = named(&model, starts.iter().map(Packed::world).collect());
            assert_eq!(by_orbits(&model), all, "{bounds:?}");
            println!("{bounds:?}: {all} worlds");
        }
    }

    /// From one of several starts not all worlds are reached that have a name in the orbits.
    #[test]
    fn a_world_that_is_left_out_shows() {
        let model = QuorumModel::new(changing(3, 2, (1, 0, 0))).unwrap();
        assert!(named(&model, vec![model.initial_world()]) < by_orbits(&model));
    }
}
