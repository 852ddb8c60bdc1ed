//! A log that is taken up on a disk without room for a byte: everything is read, and only what is new is refused.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{TOPIC, batch, content, small};
use kraftig_log::disk::simulated::Disk;
use kraftig_log::{Known, Log, LogError, disk};

/// A log of several segments in a directory of `disk`, with epochs 0, 1 and 2 from 0, 10 and 20 on, which was not stopped
/// cleanly. Its index files are gone.
fn left_by_a_crash(disk: &Disk) -> PathBuf {
    let directory = disk.path().join("t-0");
    let mut log = Log::create(&directory, TOPIC, Some(0), Arc::new(small()), 0).unwrap();
    for base in 0..30 {
        log.append(&batch(base, 1, base as i32 / 10, 5), 0).unwrap();
    }
    log.flush(0).unwrap();
    for name in disk::list(&directory).unwrap() {
        if name.ends_with("index") {
            disk::remove(&directory.join(name)).unwrap();
        }
    }
    directory
}

fn open(directory: &Path, known: Known) -> Log {
    Log::open(directory, known, Arc::new(small()), 0).unwrap().0
}

fn epochs_in_file(directory: &Path) -> String {
    String::from_utf8(disk::read(&directory.join("leader-epoch-checkpoint")).unwrap()).unwrap()
}

fn is_out_of_room<T>(result: &Result<T, LogError>) -> bool {
    matches!(result, Err(LogError::Disk(error)) if error.is_out_of_room())
}

#[test]
fn a_metadata_log_is_cleaned_and_read() {
    let disk = Disk::mount(Path::new("/simulated/full-metadata"));
    let directory = left_by_a_crash(&disk);
    let all: Vec<u8> = (12..30).flat_map(|base| batch(base, 1, base as i32 / 10, 5)).collect();
    disk.set_room(0);
    // Twice, for the first time may leave something that the second one trips over.
    for _ in 0..2 {
        let mut log = open(&directory, Known { contiguous: true, ..Known::default() });
        log.flush(0).unwrap();
        log.clean_to(12).unwrap();
        assert_eq!((log.start_offset(), log.end_offset()), (12, 30));
        assert_eq!(log.epoch_boundaries(), [(1, 12), (2, 20)]);
        assert_eq!(content(&mut log), all);
        assert_eq!(log.offset_for_timestamp(5).unwrap().unwrap().offset, 12);
        assert!(is_out_of_room(&log.append(&batch(30, 1, 2, 5), 0)), "what is new is refused");
        assert_eq!(log.end_offset(), 30);
    }
    let mut log = open(&directory, Known { contiguous: true, ..Known::default() });
    log.clean_to(12).unwrap();
    disk.set_room(u64::MAX);
    log.append(&batch(30, 1, 2, 5), 0).unwrap();
    assert_eq!(epochs_in_file(&directory), "0\n2\n1 12\n2 20\n", "before anything is appended");
}

#[test]
fn a_partition_is_read_and_stops_cleanly_when_there_is_room() {
    let disk = Disk::mount(Path::new("/simulated/full-partition"));
    let directory = left_by_a_crash(&disk);
    let known = Known { recovery_point: 30, start_offset: 15, ..Known::default() };
    disk.set_room(0);
    assert!(is_out_of_room(&open(&directory, known).close(0)), "no clean stop");
    let log = open(&directory, known);
    assert_eq!(log.epoch_boundaries(), [(1, 15), (2, 20)]);
    disk.set_room(u64::MAX);
    log.close(0).unwrap();
    assert_eq!(epochs_in_file(&directory), "0\n2\n1 15\n2 20\n");
    let mut log = open(&directory, Known { clean: true, ..known });
    assert_eq!((log.start_offset(), log.end_offset()), (15, 30));
    let all: Vec<u8> = (15..30).flat_map(|base| batch(base, 1, base as i32 / 10, 5)).collect();
    assert_eq!(content(&mut log), all);
}
