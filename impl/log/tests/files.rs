//! The files of a log are Kafka's, and recovery after a crash brings back what was whole.

mod common;

use std::fs;
use std::sync::Arc;

use common::{Replica, TOPIC, batch, content, listing, small};
use kraftig_log::{Known, Log, LogConfig, LogError};
use kraftig_wire::batch::BatchHeader;

const FIRST: &str = "00000000000000000000";

#[test]
fn a_new_replica_has_kafkas_files() {
    let replica = Replica::new(LogConfig::default());
    let log = Log::create(&replica.path(), TOPIC, Some(0), replica.config.clone(), 0).unwrap();
    log.close(0).unwrap();
    assert!(!replica.path().exists(), "an empty replica costs no files");
    let log = replica.create();
    let expected = |sizes: [u64; 3]| {
        let [index, log, timeindex] = sizes;
        vec![
            (format!("{FIRST}.index"), index),
            (format!("{FIRST}.log"), log),
            (format!("{FIRST}.timeindex"), timeindex),
            ("leader-epoch-checkpoint".to_owned(), 8),
            ("partition.metadata".to_owned(), 43),
        ]
    };
    assert_eq!(listing(&replica.path()), expected([10_485_760, 0, 10_485_756]));
    assert_eq!(fs::read_to_string(replica.file("leader-epoch-checkpoint")).unwrap(), "0\n1\n0 0\n");
    let metadata = fs::read_to_string(replica.file("partition.metadata")).unwrap();
    assert_eq!(metadata, format!("version: 0\ntopic_id: {TOPIC}"));
    log.close(0).unwrap();
    assert_eq!(listing(&replica.path()), expected([0, 0, 0]));
    let log = replica.open_clean();
    assert_eq!((log.start_offset(), log.end_offset(), log.topic_id()), (0, 0, Some(TOPIC)));
}

#[test]
fn idle_logs_hold_no_descriptors() {
    let root = tempfile::tempdir().unwrap();
    let config = Arc::new(LogConfig::default());
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let logs: Vec<Log> = (0..500)
        .map(|p| {
            Log::create(&root.path().join(format!("t-{p}")), TOPIC, Some(0), config.clone(), 0)
                .unwrap()
        })
        .collect();
    // Other tests of this process open some files meanwhile.
    assert!(
        open() < before + 250,
        "{} logs, {before} descriptors before, {} now",
        logs.len(),
        open()
    );
}

/// Appends batches of one to three records until the log has rolled twice; returns their bytes.
fn fill(log: &mut Log, epoch: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rolls = 0;
    let mut time = 1000;
    while rolls < 2 {
        // Times go up and down, as clients' clocks do.
        time += if log.end_offset() % 5 == 0 { -30 } else { 20 };
        let batch = batch(log.end_offset(), 1 + (log.end_offset() % 3) as usize, epoch, time);
        rolls += i32::from(log.append(&batch, 0).unwrap().rolled);
        bytes.extend_from_slice(&batch);
    }
    bytes
}

/// What Kafka's rule gives for a segment: an entry for the first batch after more than the interval.
fn expected_indexes(segment: &[u8], base: i64, interval: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut index, mut times) = (Vec::new(), Vec::new());
    let (mut position, mut since) = (0, 0);
    let (mut largest, mut largest_offset, mut stored) = (-1, 0, -1);
    let mut push_time = |time: i64, offset: i64, stored: &mut i64| {
        if time > *stored {
            times.extend_from_slice(&time.to_be_bytes());
            times.extend_from_slice(&((offset - base) as u32).to_be_bytes());
            *stored = time;
        }
    };
    while position < segment.len() {
        let header = BatchHeader::parse(&segment[position..]).unwrap();
        if header.max_timestamp > largest {
            (largest, largest_offset) = (header.max_timestamp, header.last_offset());
        }
        if since > interval {
            index.extend_from_slice(&((header.last_offset() - base) as u32).to_be_bytes());
            index.extend_from_slice(&(position as u32).to_be_bytes());
            push_time(largest, largest_offset, &mut stored);
            since = 0;
        }
        position += header.size();
        since += header.size();
    }
    push_time(largest, largest_offset, &mut stored);
    (index, times)
}

#[test]
fn indexes_follow_kafkas_rule_rolled_closed_or_recovered() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    let bytes = fill(&mut log, 0);
    let crashed = replica.crash();
    let (recovered, recovery) = crashed.open(Known::default());
    assert_eq!((recovery.segments_read, recovery.damage), (3, None));
    assert_eq!(recovered.end_offset(), log.end_offset());
    log.close(0).unwrap();
    recovered.close(0).unwrap();
    assert_eq!(listing(&replica.path()), listing(&crashed.path()));

    let mut seen = Vec::new();
    let mut indexed = 0;
    for (name, _) in listing(&replica.path()) {
        let Some(base) = name.strip_suffix(".log") else {
            continue;
        };
        let segment = fs::read(replica.file(&name)).unwrap();
        let (index, times) = expected_indexes(&segment, base.parse().unwrap(), 200);
        for replica in [&replica, &crashed] {
            assert_eq!(
                fs::read(replica.file(&format!("{base}.index"))).unwrap(),
                index,
                "{base}.index"
            );
            assert_eq!(
                fs::read(replica.file(&format!("{base}.timeindex"))).unwrap(),
                times,
                "{base}.timeindex"
            );
        }
        indexed += index.len();
        seen.extend_from_slice(&segment);
    }
    assert_eq!(seen, bytes);
    assert!(indexed > 0);
    assert_eq!(content(&mut replica.open_clean()), bytes);
}

#[test]
fn reopening_without_a_write_leaves_the_files_as_they_were() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    fill(&mut log, 0);
    log.close(0).unwrap();
    let all = |replica: &Replica| -> Vec<Vec<u8>> {
        listing(&replica.path())
            .iter()
            .map(|(name, _)| fs::read(replica.file(name)).unwrap())
            .collect()
    };
    let before = all(&replica);
    replica.open_clean().close(0).unwrap();
    assert_eq!(all(&replica), before);
}

/// Three batches in one segment of a log whose offsets must all be there; the last one's beginning.
fn three_batches() -> (Replica, usize) {
    let replica =
        Replica::new(LogConfig { index_bytes: 1200, ..LogConfig::metadata(1 << 20, i64::MAX) });
    let mut log = replica.create();
    log.append(&batch(0, 2, 0, 10), 0).unwrap();
    log.append(&batch(2, 3, 1, 20), 0).unwrap();
    let last = log.size() as usize;
    log.append(&batch(5, 1, 2, 30), 0).unwrap();
    (replica, last)
}

const CONTIGUOUS: Known =
    Known { clean: false, recovery_point: 0, start_offset: 0, contiguous: true };

#[test]
fn a_torn_tail_is_cut_at_the_batch_before() {
    let (replica, last) = three_batches();
    let name = format!("{FIRST}.log");
    let bytes = fs::read(replica.file(&name)).unwrap();
    for len in last..bytes.len() {
        let torn = replica.crash();
        fs::write(torn.file(&name), &bytes[..len]).unwrap();
        let (mut log, recovery) = torn.open(CONTIGUOUS);
        assert_eq!(log.end_offset(), 5, "torn at {len}");
        assert_eq!(recovery.bytes_lost, (len - last) as u64);
        assert_eq!(recovery.damage.is_some(), len > last);
        assert_eq!(fs::metadata(torn.file(&name)).unwrap().len(), last as u64);
        assert_eq!(content(&mut log), bytes[..last]);
        assert_eq!(log.epoch_boundaries(), [(0, 0), (1, 2)]);
        log.append(&batch(5, 1, 2, 30), 0).unwrap();
        assert_eq!(content(&mut log), bytes, "the log goes on");
    }
    // A write that reached the disk with its length only.
    let torn = replica.crash();
    fs::OpenOptions::new()
        .write(true)
        .open(torn.file(&name))
        .unwrap()
        .set_len(bytes.len() as u64 + 4096)
        .unwrap();
    let (log, recovery) = torn.open(CONTIGUOUS);
    assert_eq!((log.end_offset(), recovery.bytes_lost), (6, 4096));
}

#[test]
fn a_flipped_bit_is_seen() {
    let (replica, last) = three_batches();
    let name = format!("{FIRST}.log");
    let bytes = fs::read(replica.file(&name)).unwrap();
    for at in last..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            fs::write(replica.file(&name), &damaged).unwrap();
            let (log, recovery) = replica.open(CONTIGUOUS);
            // The leader epoch is outside of the checksum: a larger one may be true.
            let larger_epoch = (last + 12..last + 16).contains(&at) && {
                let epoch = damaged[last + 12..last + 16].try_into().unwrap();
                i32::from_be_bytes(epoch) > 0
            };
            let end = if larger_epoch { 6 } else { 5 };
            assert_eq!(
                (log.end_offset(), recovery.damage.is_none()),
                (end, larger_epoch),
                "byte {at} bit {bit}"
            );
        }
    }
}

#[test]
fn what_follows_damage_goes() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    fill(&mut log, 0);
    let size = log.size();
    drop(log);
    let damaged = replica.crash();
    let name = format!("{FIRST}.log");
    let mut bytes = fs::read(damaged.file(&name)).unwrap();
    let first = BatchHeader::parse(&bytes).unwrap();
    bytes[first.size() + 70] ^= 1;
    fs::write(damaged.file(&name), &bytes).unwrap();
    let (log, recovery) = damaged.open(Known::default());
    assert_eq!(log.end_offset(), first.next_offset());
    assert_eq!(recovery.bytes_lost, size - first.size() as u64);
    assert!(recovery.damage.unwrap().contains(&format!("{name} at byte {}", first.size())));
    let logs = listing(&damaged.path())
        .into_iter()
        .filter(|(name, _)| name.strip_suffix(".log").is_some())
        .count();
    assert_eq!(logs, 1);

    // What is below the recovery point is not read again.
    let below = replica.crash();
    fs::write(below.file(&name), &bytes).unwrap();
    let second: i64 = listing(&below.path())
        .iter()
        .filter_map(|(name, _)| name.strip_suffix(".log")?.parse().ok())
        .nth(1)
        .unwrap();
    let known = Known { recovery_point: second, ..Known::default() };
    let (log, recovery) = below.open(known);
    assert_eq!((recovery.segments_read, recovery.damage), (2, None));
    assert_eq!(log.size(), size);
    assert_eq!(log.flushed_offset(), second);
}

#[test]
fn lost_indexes_and_epochs_are_found_again() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    let mut bytes = fill(&mut log, 3);
    log.assign_epoch(7).unwrap();
    bytes.extend(fill(&mut log, 7));
    let epochs = log.epoch_boundaries().to_vec();
    log.close(0).unwrap();
    for lost in
        ["leader-epoch-checkpoint", &format!("{FIRST}.index"), &format!("{FIRST}.timeindex")]
    {
        for damage in ["removed", "damaged"] {
            let copy = replica.crash();
            if damage == "removed" {
                fs::remove_file(copy.file(lost)).unwrap();
            } else {
                fs::write(copy.file(lost), "x").unwrap();
            }
            let known = Known { clean: true, ..Known::default() };
            let (mut log, recovery) = copy.open(known);
            assert!(
                recovery.segments_read > 1 && recovery.damage.is_none(),
                "{lost} {damage}: {recovery:?}"
            );
            assert_eq!(content(&mut log), bytes, "{lost} {damage}");
            assert_eq!(log.epoch_boundaries(), epochs, "{lost} {damage}");
        }
    }
}

#[test]
fn a_gap_is_damage_only_where_no_offset_may_be_missing() {
    for contiguous in [false, true] {
        let replica = Replica::new(small());
        drop(replica.create());
        let bytes = [batch(0, 2, 0, 0), batch(4, 1, 0, 0)].concat();
        fs::write(replica.file(&format!("{FIRST}.log")), &bytes).unwrap();
        let (log, recovery) = replica.open(Known { contiguous, ..Known::default() });
        let expected = if contiguous { (2, true) } else { (5, false) };
        assert_eq!((log.end_offset(), recovery.damage.is_some()), expected);
    }
}

#[test]
fn an_epoch_without_records_counts_in_a_data_partition_only() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    log.append(&batch(0, 2, 3, 0), 0).unwrap();
    log.assign_epoch(5).unwrap();
    log.close(0).unwrap();
    assert_eq!(replica.open_clean().epoch_boundaries(), [(3, 0), (5, 2)]);
    let (log, _) = replica.open(CONTIGUOUS);
    assert_eq!(log.epoch_boundaries(), [(3, 0)]);
}

#[test]
fn a_lost_topic_id_is_assigned_again() {
    for lost in ["", "version: 0\ntopic_id: "] {
        let replica = Replica::new(small());
        replica.create().close(0).unwrap();
        let path = replica.file("partition.metadata");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, lost).unwrap();
        let mut log = replica.open_clean();
        assert_eq!(log.topic_id(), None);
        log.assign_topic_id(TOPIC).unwrap();
        assert_eq!(log.topic_id(), Some(TOPIC));
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn leftovers_go_and_strange_things_are_refused() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    log.append(&batch(0, 2, 0, 0), 0).unwrap();
    log.close(0).unwrap();
    let before = listing(&replica.path());
    for name in [
        "00000000000000000000.log.deleted",
        "00000000000000000009.index",
        "00000000000000000009.timeindex",
    ] {
        fs::write(replica.file(name), "").unwrap();
    }
    replica.open_clean().close(0).unwrap();
    assert_eq!(listing(&replica.path()), before);

    let swap = replica.crash();
    fs::write(swap.file("00000000000000000000.log.swap"), "").unwrap();
    let open =
        |replica: &Replica| Log::open(&replica.path(), Known::default(), replica.config.clone(), 0);
    assert!(matches!(open(&swap), Err(LogError::UnfinishedSwap(_))));

    let old = replica.crash();
    let mut bytes = batch(0, 2, 0, 0).to_vec();
    bytes[16] = 1;
    fs::write(old.file(&format!("{FIRST}.log")), &bytes).unwrap();
    assert!(matches!(open(&old), Err(LogError::OldFormat { magic: 1, .. })));
    assert_eq!(fs::read(old.file(&format!("{FIRST}.log"))).unwrap(), bytes, "nothing is touched");
}

#[test]
fn a_deleted_log_is_renamed() {
    let replica = Replica::new(small());
    let log = Log::create(&replica.path(), TOPIC, Some(0), replica.config.clone(), 0).unwrap();
    assert_eq!(log.delete().unwrap(), None, "it has no directory yet");
    let path = replica.create().delete().unwrap().unwrap();
    assert!(!replica.path().exists());
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("t-0.")
            && name.ends_with("-delete")
            && name.len() == "t-0.".len() + 32 + "-delete".len()
    );
}

#[test]
fn a_log_is_not_made_where_there_are_records() {
    let replica = Replica::new(small());
    drop(replica.create());
    let mut log = replica.create();
    log.append(&batch(0, 1, 0, 0), 0).unwrap();
    let again = Log::create(&replica.path(), TOPIC, Some(0), replica.config.clone(), 0);
    assert!(matches!(again, Err(LogError::HasRecords(_))));
    assert_eq!(replica.crash().open(Known::default()).0.end_offset(), 1);
}
