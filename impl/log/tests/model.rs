//! A log against the simplest thing that could be one: a list of batches.

mod common;

use bytes::Bytes;
use common::{Replica, batch, content, small};
use kraftig_log::{Known, Log};
use proptest::prelude::*;

/// What is done to a log. Offsets are given as parts of the log, in 1/256.
#[derive(Clone, Copy, Debug)]
enum Op {
    Append { records: usize, time: i64 },
    NextEpoch,
    Truncate { at: u8 },
    AdvanceStart { at: u8 },
    Read { at: u8, max: usize, up_to: u8 },
    Flush,
    Stop,
    Crash { torn: usize },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (1..6usize, 0..1000i64).prop_map(|(records, time)| Op::Append { records, time }),
        1 => Just(Op::NextEpoch),
        1 => any::<u8>().prop_map(|at| Op::Truncate { at }),
        1 => any::<u8>().prop_map(|at| Op::AdvanceStart { at }),
        6 => (any::<u8>(), 0..3000usize, any::<u8>()).prop_map(|(at, max, up_to)| Op::Read { at, max, up_to }),
        1 => Just(Op::Flush),
        1 => Just(Op::Stop),
        1 => (0..300usize).prop_map(|torn| Op::Crash { torn }),
    ]
}

#[derive(Default)]
struct Model {
    /// Base offset, end offset, epoch, bytes.
    batches: Vec<(i64, i64, i32, Bytes)>,
    start: i64,
    end: i64,
    epoch: i32,
}

impl Model {
    fn at(&self, part: u8) -> i64 {
        self.start + (self.end - self.start) * i64::from(part) / 255
    }

    fn from(&self, offset: i64) -> impl Iterator<Item = &(i64, i64, i32, Bytes)> {
        self.batches.iter().filter(move |(_, end, ..)| *end > offset)
    }

    fn bytes_from(&self, offset: i64) -> Vec<u8> {
        self.from(offset).flat_map(|(.., bytes)| bytes.to_vec()).collect()
    }

    fn epochs(&self) -> Vec<(i32, i64)> {
        let mut epochs: Vec<(i32, i64)> = Vec::new();
        for (base, _, epoch, _) in self.from(self.start) {
            if epochs.last().is_none_or(|(last, _)| last < epoch) {
                epochs.push((*epoch, (*base).max(self.start)));
            }
        }
        epochs
    }
}

fn check(log: &mut Log, model: &Model) {
    assert_eq!((log.start_offset(), log.end_offset()), (model.start, model.end));
    assert_eq!(content(log), model.bytes_from(model.start));
    // The epoch that an empty log begins in is remembered until the log is opened again.
    if model.start < model.end {
        assert_eq!(log.epoch_boundaries(), model.epochs());
    }
    assert!(log.flushed_offset() <= model.end);
}

fn apply(replica: &Replica, mut log: Log, model: &mut Model, op: Op) -> Log {
    match op {
        Op::Append { records, time } => {
            let bytes = batch(model.end, records, model.epoch, time);
            log.append(&bytes, 0).unwrap();
            let end = model.end + records as i64;
            model.batches.push((model.end, end, model.epoch, bytes));
            model.end = end;
        }
        Op::NextEpoch => model.epoch += 1,
        Op::Truncate { at } => {
            let to = model.at(at);
            let end = log.truncate_to(to, 0).unwrap();
            model.batches.retain(|(_, end, ..)| *end <= to);
            model.end = model.batches.last().map_or(0, |(_, end, ..)| *end).max(model.start);
            assert_eq!(end, model.end);
            assert!(log.flushed_offset() <= end);
        }
        Op::AdvanceStart { at } => {
            model.start = model.at(at);
            log.advance_start_to(model.start, 0).unwrap();
        }
        Op::Read { at, max, up_to } => {
            let (offset, up_to) = (model.at(at), model.at(up_to));
            let expected: Vec<u8> = model
                .from(offset)
                .take_while(|(_, end, ..)| *end <= up_to)
                .flat_map(|(.., bytes)| bytes.to_vec())
                .collect();
            let first = model.from(offset).next().map_or(0, |(.., bytes)| bytes.len());
            for one in [false, true] {
                let read = log.read(offset, max, one, up_to).unwrap();
                let read = read.map_or_else(Bytes::new, |slice| slice.read().unwrap());
                assert!(
                    expected.starts_with(&read),
                    "{offset} up to {up_to}: {} bytes",
                    read.len()
                );
                let most = if one { max.max(first) } else { max };
                assert!(read.len() <= most);
                // A fetch ends where a segment ends: one batch is there, or none where it has no room.
                let least = first.min(expected.len());
                assert!(read.len() >= if least <= most { least } else { 0 });
                assert!(read.is_empty() || read.len() >= least);
            }
        }
        Op::Flush => assert_eq!(log.flush(0).unwrap(), model.end),
        Op::Stop => {
            log.close(0).unwrap();
            let known = Known { clean: true, start_offset: model.start, ..Known::default() };
            log = replica.open(known).0;
        }
        Op::Crash { torn } => {
            let recovery_point = log.flushed_offset();
            drop(log);
            // A write that was going on: the beginning of a batch, not all of it.
            let next = batch(model.end, 20, model.epoch, 0);
            let newest = common::listing(&replica.path())
                .into_iter()
                .rfind(|(name, _)| name.strip_suffix(".log").is_some())
                .unwrap();
            let path = replica.file(&newest.0);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.extend_from_slice(&next[..torn.min(next.len() - 1)]);
            std::fs::write(&path, bytes).unwrap();
            let known = Known { recovery_point, start_offset: model.start, ..Known::default() };
            let (opened, recovery) = replica.open(known);
            assert_eq!(recovery.bytes_lost, torn.min(next.len() - 1) as u64);
            if recovery.ignored_start.is_some() {
                // The batch that the log began in was cut off at its end: what lies before is there again.
                (model.start, model.end) = (opened.start_offset(), opened.end_offset());
            }
            log = opened;
        }
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_list_of_batches(ops in prop::collection::vec(op(), 1..60)) {
        let replica = Replica::new(small());
        let mut model = Model::default();
        let mut log = replica.create();
        log.append(&batch(0, 1, 0, 0), 0).unwrap();
        model.batches.push((0, 1, 0, batch(0, 1, 0, 0)));
        model.end = 1;
        for op in ops {
            log = apply(&replica, log, &mut model, op);
            check(&mut log, &model);
        }
    }
}
