//! `quorum::step`, one row per kind of event. Nothing is sent or written: this is what the decision itself costs.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kraftig_spec::quorum::{
    Answer, Batch, BeginQuorumEpoch, Config, Effect, ElectionState, EpochStart, Error, Event,
    Fetch, FetchAnswer, LogSummary, NewBatch, Request, Response, Restored, State, Timeouts, Timer,
    Vote, VoteAnswer, requests, start, step,
};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, Uuid};

const THIS: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);
/// The epoch that the log ends in.
const OLD: Epoch = Epoch(8);
/// The epoch of the leader.
const NEW: Epoch = Epoch(9);

/// An effect that a row must have: a refusal would be measured as well.
type Expected = fn(&Effect<Bytes>) -> bool;

fn key(id: NodeId) -> ReplicaKey {
    let directory = DirectoryId(Uuid([id.0 as u8; 16]));
    ReplicaKey { id, directory }
}

fn config() -> Config {
    Config {
        local: key(THIS),
        voters: [THIS, OTHER, NodeId(3)].into(),
        bootstrap: Vec::new(),
        outside: Vec::new(),
        timeouts: Timeouts::default(),
    }
}

/// A log of 8 epochs of 1000 records each.
fn restored() -> Restored {
    let epochs = (0..8).map(|index| EpochStart {
        epoch: Epoch(index + 1),
        start: Offset(i64::from(index) * 1000),
    });
    Restored {
        election: ElectionState { epoch: OLD, leader: None, voted: None },
        snapshot_voters: None,
        log: LogSummary {
            end: Offset(8000),
            flushed: Offset(8000),
            epochs: epochs.collect(),
            ..LogSummary::default()
        },
    }
}

/// The node after some more events.
fn after(mut state: State, events: impl IntoIterator<Item = Event<Bytes>>) -> State {
    for event in events {
        step(&mut state, event);
    }
    state
}

fn records() -> Bytes {
    Bytes::from_static(&[0; 1024])
}

fn append() -> Event<Bytes> {
    let batch = NewBatch { records: 10, payload: records() };
    Event::Append { epoch: NEW, batches: vec![batch] }
}

/// The other voter has everything before `offset`.
fn fetch(offset: Offset) -> Event<Bytes> {
    let fetch = Fetch {
        epoch: NEW,
        replica: key(OTHER),
        offset,
        last_fetched_epoch: if offset.0 <= 8000 { OLD } else { NEW },
        high_watermark: Offset::ZERO,
        may_park: true,
    };
    Event::Requested { request: Request::Fetch(fetch) }
}

/// The other voter answers what the node asks it now.
fn answered(state: &State, answer: Answer<Vec<Batch<Bytes>>>) -> Event<Bytes> {
    let (_, request) = requests(state)
        .into_iter()
        .find(|(to, _)| *to == OTHER)
        .expect("a request to the other voter");
    let ElectionState { epoch, leader, .. } = state.election();
    let response = Response { epoch, leader, error: Error::None, answer };
    Event::Answered { from: OTHER, request, response }
}

fn quorum(c: &mut Criterion) {
    let mut group = c.benchmark_group("quorum");
    group.bench_function("start", |b| {
        b.iter_batched(
            || (config(), restored()),
            |(config, restored)| start::<Bytes>(config, restored),
            BatchSize::SmallInput,
        );
    });

    let (unattached, _) = start::<Bytes>(config(), restored()).unwrap();
    let vote = Event::Requested {
        request: Request::Vote(Vote {
            pre_vote: false,
            epoch: NEW,
            candidate: key(OTHER),
            voter: key(THIS),
            last_epoch: OLD,
            last_end: Offset(8000),
        }),
    };
    let begin = Event::Requested {
        request: Request::BeginQuorumEpoch(BeginQuorumEpoch {
            epoch: NEW,
            leader: OTHER,
            voter: key(THIS),
        }),
    };
    let follower = after(unattached.clone(), [begin.clone()]);
    let election = Event::TimerFired { timer: Timer::Election };
    let prospective = after(unattached.clone(), [election]);
    let pre_vote = answered(&prospective, Answer::Vote(VoteAnswer { granted: true }));
    let candidate = after(prospective.clone(), [pre_vote.clone()]);
    let granted = answered(&candidate, Answer::Vote(VoteAnswer { granted: true }));
    let leader = after(candidate.clone(), [granted.clone()]);
    let flushed = |state: &State| Event::Flushed { end: state.log().end };
    // The LeaderChange is flushed here; of the batch after it, each row tells who has it.
    let appended = after(leader.clone(), [flushed(&leader), append()]);
    let end = appended.log().end;
    let on_leader = after(appended.clone(), [flushed(&appended)]);
    let on_follower = after(appended.clone(), [fetch(end)]);
    let brought = FetchAnswer {
        high_watermark: Some(Offset(8000)),
        diverging: None,
        snapshot: None,
        records: Some(vec![Batch {
            base_offset: Offset(8000),
            records: 10,
            epoch: NEW,
            payload: records(),
            voters: None,
        }]),
    };
    let fetched = answered(&follower, Answer::Fetch(brought));

    let timer = Event::TimerFired { timer: Timer::Fetch };
    let rows: [(&str, &State, Event<Bytes>, Expected); 11] = [
        ("timer fired: campaign", &follower, timer, |e| {
            matches!(e, Effect::SetTimer { timer: Timer::Election, .. })
        }),
        ("PreVote answered: candidate", &prospective, pre_vote, |e| {
            matches!(e, Effect::WriteElectionState { .. })
        }),
        ("Vote requested: granted", &unattached, vote, |e| {
            matches!(e, Effect::WriteElectionState { .. })
        }),
        ("BeginQuorumEpoch requested: follow", &unattached, begin, |e| {
            matches!(e, Effect::WriteElectionState { .. })
        }),
        ("Fetch requested: records", &on_leader, fetch(Offset(8000)), |e| {
            matches!(e, Effect::Respond { .. })
        }),
        ("Fetch requested: commit", &on_leader, fetch(end), |e| {
            matches!(e, Effect::AdvanceHighWatermark { .. })
        }),
        ("Vote answered: elected", &candidate, granted, |e| {
            matches!(e, Effect::BecameLeader { .. })
        }),
        ("Fetch answered: records", &follower, fetched, |e| matches!(e, Effect::Append { .. })),
        ("append", &leader, append(), |e| matches!(e, Effect::Append { .. })),
        ("flushed: commit", &on_follower, flushed(&on_follower), |e| {
            matches!(e, Effect::AdvanceHighWatermark { .. })
        }),
        ("resign", &leader, Event::Resign, |e| matches!(e, Effect::LostLeader { .. })),
    ];
    for (name, state, event, expected) in rows {
        let effects = step(&mut state.clone(), event.clone());
        assert!(effects.iter().any(expected), "{name}: {effects:?}");
        group.bench_function(name, |b| {
            b.iter_batched(
                || (state.clone(), event.clone()),
                |(mut state, event)| {
                    let effects = step(&mut state, event);
                    (state, effects)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("requests of a follower", |b| {
        b.iter(|| requests(black_box(&follower)));
    });
    group.finish();
}

criterion_group!(benches, quorum);
criterion_main!(benches);
