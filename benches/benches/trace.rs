//! What a trace (`kraftig server start --trace`) costs a commit of the metadata log: the steps of the commit, the lines that they
//! write, and the flush that each commit waits for.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kraftig_log::{Log, LogConfig};
use kraftig_spec::quorum::trace::TraceRecord;
use kraftig_spec::quorum::{
    Config, Effect, Event, LogSummary, NewBatch, Restored, State, Timeouts, Timer, start, step,
};
use kraftig_spec::types::{DirectoryId, NodeId, ReplicaKey, TopicId, Uuid};
use kraftig_wire::batch::{BatchHeader, set_base_offset_and_epoch};

mod records;

/// A topic of ten partitions is eleven records.
const RECORDS: usize = 11;

/// The leader of a quorum of one, with nothing unflushed.
fn leader() -> State {
    let local = ReplicaKey { id: NodeId(1), directory: DirectoryId(Uuid([1; 16])) };
    let config = Config {
        local,
        voters: [local.id].into(),
        bootstrap: Vec::new(),
        outside: Vec::new(),
        timeouts: Timeouts::default(),
    };
    let log = LogSummary::default();
    let restored = Restored { log, ..Restored::default() };
    let (mut state, _) = start::<Bytes>(config, restored).unwrap();
    step::<Bytes>(&mut state, Event::TimerFired { timer: Timer::Election });
    let end = state.log().end;
    step::<Bytes>(&mut state, Event::Flushed { end });
    state
}

/// The steps of one commit, and what they take and ask for.
fn commit(state: &mut State, payload: &Bytes) -> Vec<(Event<Bytes>, Vec<Effect<Bytes>>)> {
    let batch = NewBatch { records: RECORDS as u32, payload: payload.clone() };
    let append = Event::Append { epoch: state.election().epoch, batches: vec![batch] };
    let appended = step(state, append.clone());
    let flushed = Event::Flushed { end: state.log().end };
    let committed = step(state, flushed.clone());
    vec![(append, appended), (flushed, committed)]
}

/// Writes the lines of a commit as the server does: each effect is in the file before it is carried out.
fn write(file: &mut impl Write, lines: &mut Vec<u8>, steps: &[(Event<Bytes>, Vec<Effect<Bytes>>)]) {
    let digest = |batch: &Bytes| BatchHeader::parse(batch).map_or(0, |header| header.crc);
    let line = |lines: &mut Vec<u8>, record: TraceRecord<u32>| {
        serde_json::to_writer(&mut *lines, &record).unwrap();
        lines.push(b'\n');
    };
    for (event, effects) in steps {
        line(lines, TraceRecord::Event(event.map(digest)));
        for effect in effects {
            line(lines, TraceRecord::Effect(effect.map(digest)));
            file.write_all(lines).unwrap();
            lines.clear();
        }
    }
}

fn trace(c: &mut Criterion) {
    let payload = records::batch(RECORDS, 80);
    let state = leader();
    let steps = commit(&mut state.clone(), &payload);
    let is_commit = |effect: &Effect<Bytes>| matches!(effect, Effect::AdvanceHighWatermark { .. });
    assert!(steps[1].1.iter().any(is_commit), "{steps:?}");
    let root = tempfile::tempdir().unwrap();
    let mut group = c.benchmark_group("trace");

    group.bench_function("the steps of a commit", |b| {
        b.iter_batched(
            || state.clone(),
            |mut state| (commit(&mut state, &payload), state),
            BatchSize::SmallInput,
        );
    });

    let mut file =
        OpenOptions::new().append(true).create(true).open(root.path().join("trace")).unwrap();
    let mut lines = Vec::new();
    group.bench_function("its lines, written", |b| {
        b.iter(|| write(&mut file, &mut lines, &steps));
    });

    let config = Arc::new(LogConfig::default());
    let topic = TopicId(Uuid([7; 16]));
    let mut log = Log::create(&root.path().join("t-0"), topic, Some(0), config, 0).unwrap();
    let mut batch = BytesMut::from(&payload[..]);
    group.sample_size(20);
    group.bench_function("its flush", |b| {
        b.iter(|| {
            set_base_offset_and_epoch(&mut batch, log.end_offset(), 0).unwrap();
            log.append(&batch, 0).unwrap();
            log.flush(0).unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, trace);
criterion_main!(benches);
