//! The counts are those of an independent search of thirty lines, and of the sizes measured on a
//! prototype of another hand.

use std::collections::{HashSet, VecDeque};

use super::*;

fn bounds(nodes: u8, epochs: u8, values: u8, crashes: Option<u8>, resign: bool) -> Bounds {
    Bounds {
        nodes,
        epochs,
        values,
        crashes,
        resign,
    }
}

/// The states that can be reached, and how many of them break a property.
fn search(bounds: Bounds) -> (usize, usize) {
    let model = QuorumModel::new(bounds).unwrap();
    let mut seen = HashSet::from([model.initial()]);
    let mut next = VecDeque::from([model.initial()]);
    while let Some(state) = next.pop_front() {
        for transition in model.transitions(&state) {
            if seen.insert(transition.next) {
                next.push_back(transition.next);
            }
        }
    }
    (
        seen.len(),
        seen.iter().filter(|state| state.violations != 0).count(),
    )
}

#[test]
fn print_counts() {
    let t = std::time::Instant::now();
    println!("3/3/1 {:?}", search(bounds(3, 3, 1, None, true)));
    println!("{:?}", t.elapsed());
}
