//! A log, its checkpoints and `quorum-state` on a disk that forgets: the power goes at every change of a run,
//! and again at every change of the recovery.

mod everywhere;
mod expected;
mod failure;
mod gaps;
mod recovery;
mod steps;
mod store;

use std::collections::BTreeMap;

use kraftig_log::disk::simulated::Fault;

use everywhere::everywhere;
use steps::{METADATA, PARTITION, for_metadata, random_steps};
use store::Kind;

#[test]
fn a_partition_keeps_what_was_flushed() {
    let counted = everywhere("partition", Kind::Partition, PARTITION, 6, None, true).unwrap();
    println!(
        "power losses: {} at {} changes of a partition, 6 seeds",
        counted.losses, counted.changes
    );
    assert!(counted.changes > 150, "{counted:?}");
}

#[test]
fn the_metadata_log_keeps_what_was_flushed() {
    let steps = for_metadata(PARTITION);
    let counted = everywhere("metadata", Kind::Metadata, &steps, 6, None, true).unwrap();
    println!(
        "power losses: {} at {} changes of the metadata log, 6 seeds",
        counted.losses, counted.changes
    );
    assert!(counted.changes > 120, "{counted:?}");
}

#[test]
fn the_metadata_log_keeps_what_no_snapshot_holds() {
    let counted = everywhere("cleaned", Kind::Metadata, METADATA, 6, None, true).unwrap();
    println!(
        "power losses: {} at {} changes of a metadata log with snapshots, 6 seeds",
        counted.losses, counted.changes
    );
    assert!(counted.changes > 150, "{counted:?}");
}

#[test]
fn other_runs_keep_what_was_flushed() {
    let mut counted: BTreeMap<_, u64> = BTreeMap::new();
    for run in 0..12 {
        let steps = random_steps(run, 25);
        let found = everywhere("runs-partition", Kind::Partition, &steps, 12, None, false).unwrap();
        let steps = for_metadata(&steps);
        let more = everywhere("runs-metadata", Kind::Metadata, &steps, 12, None, false).unwrap();
        *counted.entry("losses").or_default() += found.losses + more.losses;
        *counted.entry("changes").or_default() += found.changes + more.changes;
    }
    println!(
        "power losses: {} at {} changes of 24 runs, 2 seeds",
        counted["losses"], counted["changes"]
    );
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
