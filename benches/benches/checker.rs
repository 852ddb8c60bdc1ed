//! The model checker's work: 3 nodes, 2 epochs, 1 value, any number of crashes. One thread.

use std::collections::{HashSet, VecDeque};
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kraftig_spec::model::quorum::{Bounds, Packed, QuorumModel};

/// Every state that can be reached.
fn search(model: &QuorumModel) -> HashSet<Packed> {
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

fn checker(c: &mut Criterion) {
    let bounds = Bounds {
        nodes: 3,
        epochs: 2,
        values: 1,
        crashes: None,
        resign: true,
        snapshots: false,
        voters: None,
    };
    let model = QuorumModel::new(bounds).unwrap();
    let states = search(&model);
    let mut group = c.benchmark_group("checker");
    group.sample_size(10);
    group.throughput(Throughput::Elements(states.len() as u64));
    group.bench_function(format!("search of {} states", states.len()), |b| {
        b.iter(|| search(&model).len());
    });

    // States from all over the space, without the bookkeeping of a search: `step`, properties, symmetry.
    let some: Vec<Packed> = states.iter().step_by(97).cloned().collect();
    group.throughput(Throughput::Elements(some.len() as u64));
    group.bench_function(format!("transitions of {} states", some.len()), |b| {
        b.iter(|| {
            for state in &some {
                black_box(model.transitions(state));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, checker);
criterion_main!(benches);
