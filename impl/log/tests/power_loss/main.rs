//! A log, its checkpoints and `quorum-state` on a disk that forgets: the power goes at every change of a run,
//! and again at every change of the recovery. `POWER_LOSS_TIMES=10 cargo test -p kraftig-log --test power_loss` tries
//! ten times as much.

mod everywhere;
mod expected;
mod failure;
mod gaps;
mod recovery;
mod steps;
mod store;

use kraftig_log::disk::simulated::Fault;

use everywhere::everywhere;
use steps::{METADATA, PARTITION, SHORT, Step, for_metadata, random_steps};
use store::Kind;

/// How many times as much is tried as usual: `POWER_LOSS_TIMES`, 1 where it is not set.
fn times() -> u64 {
    match std::env::var("POWER_LOSS_TIMES") {
        Ok(times) => times.parse().expect("POWER_LOSS_TIMES is a number"),
        Err(_) => 1,
    }
}

/// Cuts the power everywhere in one run and in its recoveries; there must have been more than `least` changes.
fn one_run(name: &str, kind: Kind, steps: &[Step], least: u64) {
    let seeds = 6 * times();
    let counted = everywhere(name, kind, steps, seeds, None, true).unwrap();
    let (losses, changes) = (counted.losses, counted.changes);
    println!("power losses: {losses} at {changes} changes of {name}, {seeds} seeds");
    assert!(changes > least, "{counted:?}");
}

#[test]
fn a_partition_keeps_what_was_flushed() {
    one_run("a-partition", Kind::Partition, PARTITION, 150);
}

#[test]
fn the_metadata_log_keeps_what_was_flushed() {
    one_run("the-metadata-log", Kind::Metadata, &for_metadata(PARTITION), 120);
}

#[test]
fn the_metadata_log_keeps_what_no_snapshot_holds() {
    one_run("a-metadata-log-with-snapshots", Kind::Metadata, METADATA, 150);
}

#[test]
fn short_runs_keep_what_was_flushed() {
    let (mut losses, seeds) = (0, 20 * times());
    for steps in SHORT {
        losses += everywhere("short", Kind::Partition, steps, seeds, None, true).unwrap().losses;
        let steps = for_metadata(steps);
        losses += everywhere("short", Kind::Metadata, &steps, seeds, None, true).unwrap().losses;
    }
    println!("power losses: {losses} of short runs, {seeds} seeds");
}

/// How many runs from seeds of each kind are tried.
const RUNS: u64 = 20;

/// Cuts the power everywhere in runs from seeds.
fn other_runs(name: &str, kind: Kind) {
    let (runs, seeds) = (RUNS * times(), 12);
    let (mut losses, mut changes) = (0, 0);
    for run in 0..runs {
        let steps = random_steps(run, 25);
        let steps = if kind == Kind::Metadata { for_metadata(&steps) } else { steps };
        let counted = everywhere(name, kind, &steps, seeds, None, false).unwrap();
        losses += counted.losses;
        changes += counted.changes;
    }
    println!("power losses: {losses} at {changes} changes of {runs} {name}, {seeds} seeds");
}

#[test]
fn other_partitions_keep_what_was_flushed() {
    other_runs("other-partitions", Kind::Partition);
}

#[test]
fn other_metadata_logs_keep_what_was_flushed() {
    other_runs("other-metadata-logs", Kind::Metadata);
}

/// The tests above would see it if nothing were flushed.
#[test]
fn a_disk_that_does_not_flush_loses() {
    for fault in [Fault::FlushDoesNothing, Fault::DirectorySyncLeftOut] {
        for (kind, steps) in [
            (Kind::Partition, PARTITION.to_vec()),
            (Kind::Metadata, for_metadata(PARTITION)),
            (Kind::Metadata, METADATA.to_vec()),
        ] {
            let lost = everywhere("broken", kind, &steps, 6, Some(fault), false).unwrap_err();
            println!("{fault:?}: {}", lost.lines().next().unwrap_or_default());
        }
    }
}
