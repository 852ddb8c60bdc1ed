//! The parts of the model checker's work, each on one thread, on states that random walks come by: not those of a whole search, but from
//! all over it.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kraftig_checker::engine::{Fingerprint, Limits, Visited, fingerprint, search};
use kraftig_spec::model::Explorable;
use kraftig_spec::model::kraft_tla::{self, KraftTla};
use kraftig_spec::model::quorum::{self, QuorumModel};

const SAMPLES: usize = 1000;
/// States in the visited set when more come: too many for a processor's caches.
const SEEN: u64 = 1 << 20;

/// Different states, as bytes.
fn sample<M: Explorable>(model: &M) -> Vec<(M::State, Vec<u8>)> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut sampled = HashMap::new();
    let mut found = Vec::new();
    while sampled.len() < SAMPLES {
        let mut state = model.init_states().swap_remove(0);
        loop {
            model.successors(&state, &mut found);
            if found.is_empty() {
                break;
            }
            state = found.swap_remove(random.usize(..found.len())).1;
            found.clear();
            // Most walks begin alike: few of their first steps are taken.
            if random.u8(..4) == 0 && sampled.len() < SAMPLES {
                let mut bytes = Vec::new();
                model.encode(&state, &mut bytes);
                sampled.insert(bytes, state.clone());
            }
            // A walk may never end.
            if random.u8(..64) == 0 {
                break;
            }
        }
    }
    let mut states: Vec<_> = sampled.into_iter().map(|(bytes, state)| (state, bytes)).collect();
    states.sort_by(|(_, one), (_, other)| one.cmp(other));
    states
}

fn parts<M: Explorable>(c: &mut Criterion, name: &str, model: &M) {
    let states = sample(model);
    let bytes: usize = states.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut row = |group: &str, elements: u64, work: &mut dyn FnMut()| {
        let mut group = c.benchmark_group(group);
        group.throughput(Throughput::Elements(elements));
        let each = format!("{name}, {} B a state", bytes / states.len());
        group.bench_function(BenchmarkId::from_parameter(each), |b| b.iter(&mut *work));
    };
    let all = states.len() as u64;
    let mut to = Vec::new();
    row("encode", all, &mut || {
        for (state, _) in &states {
            to.clear();
            model.encode(black_box(state), &mut to);
        }
        black_box(&to);
    });
    row("decode", all, &mut || {
        for (_, bytes) in &states {
            black_box(model.decode(black_box(bytes)));
        }
    });
    let mut successors = 0;
    for (_, bytes) in &states {
        model.each_successor(bytes, |_, _| successors += 1);
    }
    row("successors", successors, &mut || {
        for (_, bytes) in &states {
            model.each_successor(black_box(bytes), |landmarks, next| {
                black_box((landmarks, next));
            });
        }
    });
    row("fingerprint", all, &mut || {
        for (_, bytes) in &states {
            black_box(fingerprint(black_box(bytes)));
        }
    });
}

/// Fingerprints of something that is not a state: the set sees no difference.
fn prints(numbers: std::ops::Range<u64>) -> Vec<Fingerprint> {
    numbers.map(|number| fingerprint(&number.to_le_bytes())).collect()
}

fn insert(c: &mut Criterion) {
    let (seen, new) = (prints(0..SEEN), prints(SEEN..SEEN + SAMPLES as u64));
    let fill = |visited: &mut Visited, prints: &[Fingerprint]| {
        let mut last = None;
        for print in prints {
            last = visited.insert(*print, last).or(last);
        }
    };
    let mut visited = Visited::default();
    fill(&mut visited, &seen);
    let mut group = c.benchmark_group("insert");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function("what was seen, of a million", |b| {
        let some: Vec<_> = seen.iter().step_by(1047).copied().collect();
        b.iter(|| some.iter().filter(|print| visited.contains(**print)).count());
    });
    group.bench_function("what was not seen, into nothing", |b| {
        b.iter_batched_ref(Visited::default, |visited| fill(visited, &new), BatchSize::LargeInput);
    });
    group.finish();
}

/// Whole searches, so that the parts can be held against them.
fn whole<M: Explorable>(c: &mut Criterion, name: &str, model: &M) {
    let find = || search(model, &Limits::of(1), |_| {}).expect("no disk is needed");
    let found = find();
    let mut group = c.benchmark_group("search");
    group.sample_size(10);
    group.throughput(Throughput::Elements(found.unique));
    group.bench_function(format!("{name}, {} states", found.unique), |b| b.iter(find));
    group.finish();
}

fn tla(values: u8, elections: u8) -> KraftTla {
    let bounds = kraft_tla::Bounds { servers: 3, values, elections, restarts: 0 };
    KraftTla::new(bounds, true, true).expect("bounds within what a state holds")
}

fn quorum(epochs: u8, values: u8) -> QuorumModel {
    let bounds = quorum::Bounds::of((3, epochs, values), None);
    QuorumModel::new(bounds).expect("bounds within what a state holds")
}

fn checker(c: &mut Criterion) {
    parts(c, "kraft-tla 3/1/2", &tla(1, 2));
    parts(c, "quorum 3/2/1", &quorum(2, 1));
    insert(c);
    whole(c, "kraft-tla 3/2/1", &tla(2, 1));
    whole(c, "quorum 3/2/0", &quorum(2, 0));
}

criterion_group!(benches, checker);
criterion_main!(benches);
