//! A log on a disk: append, flush, read. Batches hold 100 records of 100 B. Reads find their data in the page cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kraftig_log::{Log, LogConfig};
use kraftig_spec::types::{TopicId, Uuid};
use kraftig_wire::batch::set_base_offset_and_epoch;
use tempfile::TempDir;

mod records;

const RECORDS: i64 = 100;
/// After so many batches, about 45 MiB, appends go on in a fresh log.
const BATCHES: u64 = 4096;

/// An empty log, and the directory that goes with it.
fn create() -> (TempDir, Log) {
    let root = tempfile::tempdir().unwrap();
    let config = Arc::new(LogConfig::default());
    let topic = TopicId(Uuid([7; 16]));
    let log = Log::create(&root.path().join("t-0"), topic, Some(0), config, 0).unwrap();
    (root, log)
}

/// Appends `batch` `count` times, each at its place.
fn append(log: &mut Log, batch: &mut BytesMut, count: u64) {
    for _ in 0..count {
        set_base_offset_and_epoch(batch, log.end_offset(), 0).unwrap();
        log.append(batch, 0).unwrap();
    }
}

/// How long `count` calls take, each log being used for `BATCHES` of them.
fn timed(count: u64, mut call: impl FnMut(&mut Log)) -> Duration {
    let mut left = count;
    let mut spent = Duration::ZERO;
    while left > 0 {
        let (_root, mut log) = create();
        let calls = left.min(BATCHES);
        let began = Instant::now();
        for _ in 0..calls {
            call(&mut log);
        }
        spent += began.elapsed();
        left -= calls;
    }
    spent
}

fn log(c: &mut Criterion) {
    let mut batch = BytesMut::from(&records::batch(RECORDS as usize, 100)[..]);
    let size = batch.len() as u64;
    let mut group = c.benchmark_group("log");
    group.sample_size(20);

    group.throughput(Throughput::Bytes(size));
    group.bench_function("append", |b| {
        b.iter_custom(|count| timed(count, |log| append(log, &mut batch, 1)));
    });
    group.bench_function("append and flush", |b| {
        b.iter_custom(|count| {
            timed(count, |log| {
                append(log, &mut batch, 1);
                log.flush(0).unwrap();
            })
        });
    });

    let (_root, mut log) = create();
    append(&mut log, &mut batch, BATCHES);
    // Offsets all over the log: each read looks its place up in the index.
    let mut offset = 0;
    let mut next = move || {
        offset = (offset + 7919 * RECORDS) % (3072 * RECORDS);
        offset
    };
    for (name, batches) in [("read one batch", 1), ("read 1 MiB", (1 << 20) / size)] {
        let bytes = batches * size;
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(name, |b| {
            b.iter(|| {
                let slice = log.read(next(), bytes as usize, true, i64::MAX);
                let read = slice.unwrap().unwrap().read().unwrap();
                assert_eq!(read.len() as u64, bytes);
                read
            });
        });
    }
    group.throughput(Throughput::Bytes(BATCHES * size));
    group.bench_function("replay all batches", |b| {
        b.iter(|| log.batches_from(0).unwrap().map(Result::unwrap).count());
    });
    group.finish();
}

criterion_group!(benches, log);
criterion_main!(benches);
