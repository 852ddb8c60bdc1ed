//! Many seeds, on several threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Counts, Options, Run, run};

/// What came of some seeds. It does not depend on the number of threads.
pub struct Outcome {
    /// What happened, over all seeds before one that failed.
    pub counts: Counts,
    /// How many seeds that were.
    pub seeds: u64,
    /// The lowest seed that failed, and its run.
    pub failed: Option<(u64, Run)>,
    /// Where there was but one seed and it did not fail, its run.
    pub only: Option<(u64, Run)>,
}

/// Runs `count` seeds from `first` on, until one fails. `progress` is told how many are done.
pub fn seeds(
    first: u64,
    count: u64,
    options: Options,
    threads: usize,
    progress: impl Fn(u64) + Sync,
) -> Outcome {
    let end = first.saturating_add(count);
    let next = AtomicU64::new(first);
    // Seeds behind one that failed need not run.
    let stop = AtomicU64::new(end);
    let runs: Mutex<BTreeMap<u64, Run>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let mut run = run(seed, options);
                    if run.failure.is_some() {
                        stop.fetch_min(seed, Ordering::Relaxed);
                    } else if count > 1 {
                        run.traces.clear();
                    }
                    let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                    runs.insert(seed, run);
                    progress(runs.len() as u64);
                }
            });
        }
    });
    let mut outcome = Outcome { counts: Counts::default(), seeds: 0, failed: None, only: None };
    for (seed, run) in runs.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if run.failure.is_some() {
            outcome.failed = Some((seed, run));
            break;
        }
        outcome.counts.add(&run.counts);
        outcome.seeds += 1;
        if count == 1 {
            outcome.only = Some((seed, run));
        }
    }
    outcome
}
