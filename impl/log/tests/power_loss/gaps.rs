//! Segments that go one by one, so that what a power cut leaves of them has no gap.

use std::path::Path;

use kraftig_log::disk::simulated::Disk;

use crate::expected::{Batch, Expected};
use crate::steps::Step;
use crate::store::{Kind, Store};

/// Of several segments that are cut off the last one goes first: what a power cut leaves is still a log's beginning.
#[test]
fn a_truncation_leaves_no_gap() {
    let path = Path::new("/simulated/truncation");
    let left_path = Path::new("/simulated/truncation-left");
    for changes in 0.. {
        let disk = Disk::mount(path);
        let mut expected = Expected::default();
        let store = Store::new(path, Kind::Partition);
        store
            .run(&[[Step::Append(3); 20].as_slice(), &[Step::Flush]].concat(), &mut expected)
            .unwrap();
        let mut log = store.open().unwrap();
        log.flush(0).unwrap();
        assert!(log.size() > 3 * 4000, "four segments");
        disk.power_off_after(changes);
        let done = log.truncate_to(2, 0).is_ok();
        for seed in 0..10 {
            let _left = disk.after_power_loss(left_path, seed);
            let mut log = Store::new(left_path, Kind::Partition).open().unwrap();
            let found: Vec<_> =
                log.batches_from(0).unwrap().map(|batch| Batch::from(&batch.unwrap())).collect();
            assert!(expected.batches.starts_with(&found), "change {changes}, seed {seed}");
            assert!(!done || log.end_offset() <= 2);
        }
        if done {
            break;
        }
    }
}

/// Of several segments that are cleaned away the first one goes first: what a power cut leaves is still a log's end.
#[test]
fn a_cleaning_leaves_no_gap() {
    let path = Path::new("/simulated/cleaning");
    let left_path = Path::new("/simulated/cleaning-left");
    for changes in 0.. {
        let disk = Disk::mount(path);
        let mut expected = Expected::default();
        let store = Store::new(path, Kind::Metadata);
        store
            .run(&[[Step::Append(3); 20].as_slice(), &[Step::Flush]].concat(), &mut expected)
            .unwrap();
        let mut log = store.open().unwrap();
        assert!(log.size() > 3 * 4000, "four segments");
        disk.power_off_after(changes);
        let done = log.clean_to(expected.end - 2).is_ok();
        for seed in 0..40 {
            let _left = disk.after_power_loss(left_path, seed);
            let mut log = Store::new(left_path, Kind::Metadata).open().unwrap();
            assert_eq!(log.end_offset(), expected.end, "change {changes}, seed {seed}");
            let all = log.batches_from(log.start_offset()).unwrap();
            let found: Vec<_> = all.map(|batch| Batch::from(&batch.unwrap())).collect();
            assert!(expected.batches.ends_with(&found), "change {changes}, seed {seed}");
            assert!(!done || log.start_offset() > 0);
        }
        if done {
            break;
        }
    }
}
