//! A log's operations: appends, reads, timestamps, flushes, truncation, retention, producers.

mod common;

use common::{Replica, batch, content, small};
use kraftig_log::{Known, Log, LogConfig, LogError, ProducedBatch, TimestampedOffset};
use kraftig_wire::batch::{BatchBuilder, BatchHeader};

fn bases(log: &mut Log) -> Vec<i64> {
    let start = log.start_offset();
    log.batches_from(start).unwrap().map(|batch| batch.unwrap().header().base_offset).collect()
}

#[test]
fn appends_are_checked() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    let appended = log.append(&[batch(0, 2, 1, 0), batch(2, 1, 3, 0)].concat(), 0).unwrap();
    assert_eq!((appended.first_offset, appended.end_offset, appended.rolled), (0, 3, false));
    assert_eq!(log.epoch_boundaries(), [(1, 0), (3, 2)]);

    assert!(matches!(
        log.append(&batch(4, 1, 3, 0), 0),
        Err(LogError::NotNext { base: 4, end: 3 })
    ));
    assert!(matches!(
        log.append(&batch(2, 1, 3, 0), 0),
        Err(LogError::NotNext { base: 2, end: 3 })
    ));
    assert!(matches!(
        log.append(&batch(3, 1, 2, 0), 0),
        Err(LogError::EpochBack { epoch: 2, latest: 3 })
    ));
    let second_wrong = [batch(3, 1, 3, 0), batch(5, 1, 3, 0)].concat();
    assert!(matches!(log.append(&second_wrong, 0), Err(LogError::NotNext { base: 5, end: 4 })));
    let cut = batch(3, 1, 3, 0);
    assert!(matches!(
        log.append(&cut[..cut.len() - 1], 0),
        Err(LogError::Malformed { position: 0, .. })
    ));
    let mut negative = cut.to_vec();
    negative[23] = 0x80;
    assert!(matches!(log.append(&negative, 0), Err(LogError::Malformed { position: 0, .. })));
    let large = batch(3, 100, 3, 0);
    assert!(matches!(log.append(&large, 0), Err(LogError::TooLarge { limit: 1000, .. })));
    assert_eq!(log.end_offset(), 3, "a refused append changes nothing");
    assert_eq!(bases(&mut log), [0, 2]);
}

#[test]
fn a_follower_takes_whole_batches_only() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    let fetched = [batch(0, 2, 1, 0), batch(2, 2, 1, 0)].concat();
    let first = batch(0, 2, 1, 0).len();
    for len in 0..first {
        assert_eq!(log.append_as_follower(&fetched[..len], 0).unwrap().end_offset, 0);
    }
    let mut damaged = fetched.clone();
    damaged[first + 70] ^= 1;
    assert!(
        matches!(log.append_as_follower(&damaged, 0), Err(LogError::Malformed { position, .. }) if position == first)
    );
    assert_eq!(log.end_offset(), 0);
    assert_eq!(log.append_as_follower(&fetched[..fetched.len() - 1], 0).unwrap().end_offset, 2);
    assert_eq!(log.append_as_follower(&fetched[first..], 0).unwrap().end_offset, 4);
    assert_eq!(content(&mut log), fetched);
}

#[test]
fn reads_are_kafkas() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    let batches: Vec<_> = (0..4).map(|i| batch(i * 3, 3, 0, 0)).collect();
    for batch in &batches {
        log.append(batch, 0).unwrap();
    }
    let size = batches[0].len();
    let read = |log: &mut Log, offset, max, one, up_to| {
        log.read(offset, max, one, up_to).unwrap().map(|slice| slice.read().unwrap().to_vec())
    };
    let all = batches.concat();
    let top = i64::MAX;
    // From the batch that holds the offset, cut at the size.
    assert_eq!(read(&mut log, 0, usize::MAX, false, top), Some(all.clone()));
    assert_eq!(read(&mut log, 5, 2 * size + 7, false, top), Some(all[size..3 * size + 7].to_vec()));
    // Too little room for one batch: nothing, or exactly one.
    assert_eq!(read(&mut log, 5, size - 1, false, top), None);
    assert_eq!(read(&mut log, 5, size, false, top), Some(batches[1].to_vec()));
    assert_eq!(read(&mut log, 5, 10, true, top), Some(batches[1].to_vec()));
    assert_eq!(read(&mut log, 5, 0, true, top), Some(batches[1].to_vec()));
    assert_eq!(read(&mut log, 5, 0, false, top), None);
    // Nothing that reaches the bound.
    assert_eq!(read(&mut log, 0, usize::MAX, true, 6), Some(all[..2 * size].to_vec()));
    assert_eq!(read(&mut log, 0, usize::MAX, true, 8), Some(all[..2 * size].to_vec()));
    assert_eq!(read(&mut log, 6, usize::MAX, true, 8), None);
    assert_eq!(read(&mut log, 6, usize::MAX, true, 6), None);
    assert_eq!(read(&mut log, 12, usize::MAX, true, top), None);
    assert!(matches!(
        log.read(13, 1, true, top),
        Err(LogError::OutOfRange { offset: 13, start: 0, end: 12 })
    ));
    assert!(matches!(log.read(-1, 1, true, top), Err(LogError::OutOfRange { .. })));

    // A slice outlives its segment.
    let slice = log.read(0, usize::MAX, true, top).unwrap().unwrap();
    log.delete().unwrap();
    assert_eq!(slice.read().unwrap(), all);
}

#[test]
fn segments_roll_by_size_time_index_and_offset() {
    let rolls = |config: LogConfig, times: &[i64]| -> Vec<bool> {
        let replica = Replica::new(config);
        let mut log = replica.create();
        times
            .iter()
            .map(|time| log.append(&batch(log.end_offset(), 1, 0, *time), *time).unwrap().rolled)
            .collect()
    };
    let size = batch(0, 1, 0, 0).len() as u32;
    let by_size = LogConfig { segment_bytes: 2 * size, ..small() };
    assert_eq!(rolls(by_size, &[0; 5]), [false, false, true, false, true]);
    let by_time = LogConfig { segment_ms: 100, ..small() };
    assert_eq!(rolls(by_time, &[50, 150, 151, 252, 251]), [false, false, true, true, false]);
    let by_index = LogConfig { index_interval_bytes: 0, index_bytes: 16, ..small() };
    // The time index, of 12-byte entries, has room for one entry and keeps it for the last.
    assert_eq!(rolls(by_index, &[0, 1, 2]), [false, true, true]);

    let replica = Replica::new(small());
    let mut log = replica.create();
    log.append(&batch(0, 1, 0, 0), 0).unwrap();
    let mut far = batch(1, 1, 0, 0).to_vec();
    far[23..27].copy_from_slice(&i32::MAX.to_be_bytes());
    assert!(log.append(&far, 0).unwrap().rolled, "offsets in an index are 31 bits");
}

#[test]
fn timestamps_are_found() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    let times = [100, 300, 200, 300, 50, 400, 350, 400, 20];
    let mut repeated = Vec::new();
    for round in 0..3 {
        for time in times {
            repeated.push(round * 1000 + time);
        }
    }
    log.assign_epoch(4).unwrap();
    for time in &repeated {
        log.append(&batch(log.end_offset(), 2, 4, *time), 0).unwrap();
    }
    log.close(0).unwrap();
    // Active or sealed, from memory or from the files: the answer is that of a search record by record.
    let crashed = replica.crash();
    for mut log in [replica.open_clean(), crashed.open(Known::default()).0] {
        assert!(log.size() > 2 * 1000, "several segments");
        for start in [0, 7, 20] {
            log.advance_start_to(start, 0).unwrap();
            let records = || {
                repeated
                    .iter()
                    .flat_map(|time| [*time; 2])
                    .zip(0..)
                    .filter(|(_, offset)| *offset >= start)
            };
            let record =
                |(timestamp, offset)| TimestampedOffset { offset, timestamp, leader_epoch: 4 };
            for wanted in (0..2500).step_by(25) {
                let expected = records().find(|(time, _)| *time >= wanted).map(record);
                assert_eq!(
                    log.offset_for_timestamp(wanted).unwrap(),
                    expected,
                    "time {wanted} from {start}"
                );
            }
            let largest = records().map(|(time, _)| time).max();
            let expected = records().find(|(time, _)| Some(*time) == largest).map(record);
            assert_eq!(log.max_timestamp_offset().unwrap(), expected);
        }
    }
    let empty = Replica::new(small());
    assert_eq!(empty.create().max_timestamp_offset().unwrap(), None);
}

#[test]
fn a_flush_covers_what_was_there_when_it_began() {
    let replica = Replica::new(LogConfig { flush_messages: 3, flush_ms: 1000, ..small() });
    let mut log = replica.create();
    assert!(!log.flush_due(5000), "nothing to flush");
    log.append(&batch(0, 2, 0, 0), 0).unwrap();
    assert!(!log.flush_due(999) && log.flush_due(1000), "flush.ms");
    let flush = log.flush_handle().unwrap();
    log.append(&batch(2, 2, 0, 0), 0).unwrap();
    flush.sync().unwrap();
    assert_eq!(log.flushed(&flush, 1000), 2);
    assert!(!log.flush_due(1000));
    log.append(&batch(4, 1, 0, 0), 0).unwrap();
    assert!(log.flush_due(1000), "flush.messages");
    assert_eq!(log.flush(1000).unwrap(), 5);

    // What is written in the place of what was truncated is not covered by an earlier flush.
    log.append(&batch(5, 1, 0, 0), 0).unwrap();
    let flush = log.flush_handle().unwrap();
    assert_eq!(log.truncate_to(4, 0).unwrap(), 4);
    assert_eq!(log.flushed_offset(), 4);
    log.append(&batch(4, 2, 0, 0), 0).unwrap();
    flush.sync().unwrap();
    assert_eq!(log.flushed(&flush, 0), 4);
    assert_eq!(log.flush(0).unwrap(), 6);

    // A flush survives the removal of its segments.
    for _ in 0..20 {
        log.append(&batch(log.end_offset(), 3, 0, 0), 0).unwrap();
    }
    let flush = log.flush_handle().unwrap();
    log.advance_start_to(log.end_offset(), 0).unwrap();
    flush.sync().unwrap();
    assert_eq!(log.flushed(&flush, 0), log.end_offset());
}

#[test]
fn truncation_cuts_batches_segments_and_epochs() {
    let build = || {
        let copy = Replica::new(small());
        let mut log = copy.create();
        for index in 0..20 {
            log.append(&batch(index * 3, 3, index as i32 / 4, index), 0).unwrap();
        }
        (copy, log)
    };
    for offset in 0..=60 {
        let (replica, mut log) = build();
        let all = content(&mut log);
        let end = log.truncate_to(offset, 0).unwrap();
        assert_eq!(end, offset / 3 * 3, "to {offset}: a batch goes as a whole");
        assert_eq!(log.end_offset(), end);
        let kept = (end / 3) as usize;
        assert!(all.starts_with(&content(&mut log)));
        assert_eq!(bases(&mut log), (0..kept as i64).map(|i| i * 3).collect::<Vec<_>>());
        let epochs: Vec<_> =
            (0..5).map(|e| (e, i64::from(e) * 12)).filter(|(_, start)| *start < end).collect();
        assert_eq!(log.epoch_boundaries(), epochs);
        let next = kept as i32 / 4;
        log.append(&batch(end, 1, next, 0), 0).unwrap();
        let expected = content(&mut log);
        let crashed = replica.crash();
        let (mut recovered, recovery) = crashed.open(Known::default());
        assert_eq!((recovery.damage, content(&mut recovered) == expected), (None, true));
        log.close(0).unwrap();
        assert_eq!(content(&mut replica.open_clean()), expected);
    }
    let (_replica, mut log) = build();
    log.advance_start_to(30, 0).unwrap();
    assert!(matches!(log.truncate_to(29, 0), Err(LogError::OutOfRange { .. })));
}

#[test]
fn old_segments_are_deleted() {
    let with = |retention_ms, retention_bytes| {
        let replica = Replica::new(LogConfig { retention_ms, retention_bytes, ..small() });
        let mut log = replica.create();
        for index in 0..60 {
            log.append(&batch(index, 1, index as i32 / 20, index * 10), 0).unwrap();
        }
        (replica, log)
    };
    let (_replica, mut log) = with(-1, -1);
    assert_eq!(log.delete_expired(60, i64::MAX).unwrap(), 0);

    let (replica, mut log) = with(300, -1);
    assert_eq!(log.delete_expired(0, 590).unwrap(), 0, "not above the high watermark");
    assert!(log.delete_expired(60, 590).unwrap() > 0);
    let start = log.start_offset();
    assert!((20..30).contains(&start), "{start}: a segment goes when its newest record is too old");
    assert_eq!(log.epoch_boundaries(), [(1, start), (2, 40)]);
    assert!(matches!(log.read(start - 1, 1, true, 60), Err(LogError::OutOfRange { .. })));
    assert_eq!(replica.crash().open(Known::default()).0.start_offset(), start);
    log.delete_expired(60, 10_000).unwrap();
    assert_eq!(
        (log.start_offset(), log.end_offset(), log.size()),
        (60, 60, 0),
        "the active one goes too"
    );
    log.append(&batch(60, 1, 5, 0), 0).unwrap();

    let (_replica, mut log) = with(-1, 2500);
    assert!(log.delete_expired(60, 0).unwrap() > 0);
    assert!(log.size() >= 2500 && log.size() < 3500, "{}", log.size());

    let (_replica, mut log) = with(-1, -1);
    log.advance_start_to(30, 0).unwrap();
    log.advance_start_to(10, 0).unwrap();
    assert_eq!(log.start_offset(), 30);
    assert!(log.size() < with(-1, -1).1.size());
    assert!(matches!(log.advance_start_to(61, 0), Err(LogError::OutOfRange { .. })));
}

#[test]
fn producers_are_remembered() {
    let from = |producer: i64, epoch: i16, sequence: i32, base: i64| {
        let mut bytes = BatchBuilder::new(base, 0, 77);
        bytes.push(None, Some(b"x"));
        bytes.push(None, Some(b"y"));
        let mut bytes = bytes.build().to_vec();
        bytes[43..51].copy_from_slice(&producer.to_be_bytes());
        bytes[51..53].copy_from_slice(&epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes
    };
    let replica = Replica::new(LogConfig { segment_bytes: 300, ..small() });
    let mut log = replica.create();
    for index in 0..10 {
        log.append(&from(9, 1, index * 2, i64::from(index) * 2), 0).unwrap();
    }
    let producer = log.producer(9).unwrap();
    let sequences: Vec<_> = producer.batches.iter().map(ProducedBatch::first_sequence).collect();
    assert_eq!((producer.epoch, sequences), (1, vec![10, 12, 14, 16, 18]));

    let (recovered, _) = replica.crash().open(Known::default());
    let batch = recovered.producer(9).unwrap().batches.back().unwrap();
    assert_eq!((batch.last_sequence, batch.last_offset, batch.timestamp), (19, 19, 77));

    log.truncate_to(10, 0).unwrap();
    assert_eq!(log.producer(9).unwrap().batches.back().unwrap().last_sequence, 9);
    log.append(&from(9, 2, 0, 10), 0).unwrap();
    log.append(&from(8, 0, 0, 12), 0).unwrap();
    assert_eq!(log.producer(9).unwrap().batches.len(), 1, "an epoch begins anew");
    log.close(0).unwrap();
    let mut log = replica.open_clean();
    assert_eq!(log.producer(9).map(|p| (p.epoch, p.batches[0].last_offset)), Some((2, 11)));
    assert!(log.producer(8).is_some() && log.producer(7).is_none());
    log.expire_producers(78);
    assert!(log.producer(9).is_none());
}

#[test]
fn checkpoints_beyond_the_end_delete_nothing() {
    let replica = Replica::new(small());
    let mut log = replica.create();
    for index in 0..20 {
        log.append(&batch(index * 3, 3, 0, 0), 0).unwrap();
    }
    let all = content(&mut log);
    let crashed = replica.crash();
    let (mut log, recovery) = crashed.open(Known { start_offset: 500, ..Known::default() });
    assert_eq!((log.start_offset(), log.end_offset(), content(&mut log) == all), (0, 60, true));
    assert_eq!((recovery.damage, recovery.ignored_start), (None, Some(500)));

    // A recovery point of another log: not even sealed segments are trusted.
    let crashed = replica.crash();
    let mut bytes = std::fs::read(crashed.file("00000000000000000000.log")).unwrap();
    bytes[70] ^= 1;
    std::fs::write(crashed.file("00000000000000000000.log"), bytes).unwrap();
    let (log, recovery) = crashed.open(Known { recovery_point: 61, ..Known::default() });
    assert!(recovery.damage.is_some());
    assert_eq!((log.end_offset(), log.flushed_offset()), (0, 0));

    // A log that has lost all of its records does not give their offsets again.
    let empty = Replica::new(small());
    drop(empty.create());
    let (mut log, _) = empty.open(Known { start_offset: 9, ..Known::default() });
    assert_eq!((log.start_offset(), log.end_offset(), log.size()), (9, 9, 0));
    log.append(&batch(9, 1, 0, 0), 0).unwrap();
    assert_eq!(BatchHeader::parse(&content(&mut log)).unwrap().base_offset, 9);
}
