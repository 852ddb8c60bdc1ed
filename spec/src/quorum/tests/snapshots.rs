//! Snapshots in place of a log's beginning, and a disk without room.

use super::*;
use crate::types::SnapshotId;

/// Node 1 of three, leading epoch 5 behind five records of epoch 3, all flushed.
fn veteran() -> State {
    let mut state = node(3, elected(5, None, Some(1)), log(&[(3, 5)]));
    let (to, request) = requests(&state).remove(0);
    let response = Response {
        epoch: Epoch(5),
        leader: None,
        error: Error::None,
        answer: Answer::Vote(VoteAnswer { granted: true }),
    };
    step::<u8>(&mut state, Event::Answered { from: to, request, response });
    step::<u8>(&mut state, Event::Flushed { end: Offset(6) });
    state
}

fn fetched(state: &mut State, replica: i32, offset: i64, last_fetched_epoch: i32) -> Effects {
    let fetch = Fetch { may_park: false, ..fetch(5, replica, offset, last_fetched_epoch) };
    ask(state, Request::Fetch(fetch))
}

fn snapshot(end: i64, epoch: i32) -> SnapshotId {
    SnapshotId { end: Offset(end), epoch: Epoch(epoch) }
}

/// A log that goes on after a snapshot.
fn log_after(start: SnapshotId, epochs: &[(i32, i64)]) -> LogSummary {
    let mut log = LogSummary::default();
    log.replace(start, None);
    for (epoch, records) in epochs {
        log.append(Epoch(*epoch), log.end.plus(*records));
    }
    log.flushed = log.end;
    log
}

fn chunk(snapshot: SnapshotId, position: i64, size: i64, bytes: i64) -> SnapshotAnswer {
    SnapshotAnswer { snapshot, position, voters: None, chunk: Some(Chunk { size, bytes }) }
}

/// A follower of node 2 in epoch 4 that was told to load that snapshot.
fn loading(log: LogSummary, snapshot: SnapshotId) -> State {
    let mut state = node(3, elected(4, Some(2), None), log);
    let refused = refusals(&answered(&mut state, told_to_load(snapshot)));
    assert_eq!(refused, []);
    state
}

fn told_to_load(snapshot: SnapshotId) -> FetchAnswer<Vec<Batch<u8>>> {
    FetchAnswer {
        high_watermark: Some(Offset(9)),
        diverging: None,
        snapshot: Some(snapshot),
        records: None,
    }
}

fn brought(state: &mut State, error: Error, answer: SnapshotAnswer) -> Effects {
    let (from, request) = requests(state).remove(0);
    let response = Response {
        epoch: state.election().epoch,
        leader: state.election().leader,
        error,
        answer: Answer::FetchSnapshot(answer),
    };
    step(state, Event::Answered { from, request, response })
}

fn download(state: &State) -> Option<Download> {
    match state.role() {
        Role::Follower { download, .. } => *download,
        role => panic!("{role:?}"),
    }
}

#[test]
fn a_log_behind_a_snapshot_knows_its_last_epoch_and_where_it_can_agree() {
    let empty = log_after(snapshot(5, 2), &[]);
    assert_eq!((empty.last_epoch(), empty.end), (Epoch(2), Offset(5)));
    let log = log_after(snapshot(5, 2), &[(2, 1), (4, 3)]);
    assert_eq!(log.epochs, [EpochStart { epoch: Epoch(4), start: Offset(6) }]);
    for (asked, epoch, end) in [(1, 1, 6), (2, 2, 6), (3, 2, 6), (4, 4, 9), (7, 4, 9)] {
        let expected = Diverging { epoch: Epoch(epoch), end: Offset(end) };
        assert_eq!(log.end_of_epoch(Epoch(asked)), expected, "{asked}");
    }
    let mut cut = log.clone();
    cut.clean(snapshot(7, 4));
    assert_eq!(cut, LogSummary { latest: log.latest, ..log_after(snapshot(7, 4), &[(4, 2)]) });
}

#[test]
fn a_log_without_its_beginning_begins_after_the_first_snapshot_on_its_way() {
    let epochs = [(2, 4), (4, 7)]
        .map(|(epoch, start)| EpochStart { epoch: Epoch(epoch), start: Offset(start) });
    let begins =
        |base, snapshots: &[SnapshotId]| begins_after(Offset(base), Offset(9), &epochs, snapshots);
    assert_eq!(begins(0, &[snapshot(5, 2)]), SnapshotId::NONE, "nothing is gone");
    assert_eq!(begins(4, &[snapshot(5, 2), snapshot(8, 4)]), snapshot(5, 2));
    assert_eq!(begins(4, &[snapshot(4, 1)]), snapshot(4, 1));
    assert_eq!(begins(4, &[snapshot(9, 4)]), snapshot(9, 4));
    for elsewhere in [snapshot(5, 1), snapshot(8, 2), snapshot(10, 4), snapshot(4, 3)] {
        assert_eq!(begins(4, &[elsewhere]), snapshot(4, 0), "{elsewhere:?}");
    }
    assert_eq!(begins(4, &[]), snapshot(4, 0));
}

#[test]
fn a_snapshot_is_taken_of_what_is_committed_and_of_more_than_the_last() {
    let mut state = node(3, elected(4, Some(2), None), log(&[(1, 3), (4, 2)]));
    assert_eq!(snapshot_id(&state, Offset(3)), None, "nothing is known to be committed");
    answered(&mut state, brings(5, 1, 4, 4));
    assert_eq!(snapshot_id(&state, Offset(5)), None);
    assert_eq!(snapshot_id(&state, Offset(3)), Some(snapshot(3, 1)));
    assert_eq!(snapshot_id(&state, Offset(4)), Some(snapshot(4, 4)));
    let take = |state: &mut State, snapshot| {
        refusals(&step(state, Event::<u8>::SnapshotTaken { snapshot }))
    };
    assert_eq!(take(&mut state, snapshot(3, 4)), [Refusal::UnfitSnapshot]);
    assert_eq!(take(&mut state, snapshot(3, 1)), []);
    assert_eq!(state.log().latest, snapshot(3, 1));
    assert_eq!(take(&mut state, snapshot(3, 1)), [Refusal::UnfitSnapshot], "it is there");
    let clean = |state: &mut State, to| step(state, Event::<u8>::Clean { to });
    for unfit in [snapshot(4, 4), snapshot(3, 2), snapshot(0, 0)] {
        assert_eq!(refusals(&clean(&mut state, unfit)), [Refusal::UnfitSnapshot], "{unfit:?}");
    }
    assert_eq!(clean(&mut state, snapshot(3, 1)), [Effect::CleanLog { to: snapshot(3, 1) }]);
    assert_eq!((state.log().start, state.log().end), (snapshot(3, 1), Offset(6)));
}

#[test]
fn a_restart_replaces_a_log_that_does_not_reach_its_snapshot() {
    let with = |mut log: LogSummary, latest| {
        log.latest = latest;
        let restored = Restored { election: elected(4, Some(2), None), log, ..Restored::default() };
        start::<u8>(config(3), restored).unwrap()
    };
    // It ends before, and it went another way.
    for log in [log(&[(1, 3)]), log(&[(1, 3), (3, 2)]), LogSummary::default()] {
        let (state, effects) = with(log, snapshot(4, 2));
        assert!(effects.contains(&Effect::ReplaceLog { snapshot: snapshot(4, 2) }));
        assert_eq!(*state.log(), log_after(snapshot(4, 2), &[]));
        assert_eq!(state.high_watermark(), Some(Offset(4)));
    }
    let (state, effects) = with(log(&[(1, 3), (2, 2)]), snapshot(4, 2));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::ReplaceLog { .. })));
    assert_eq!((state.log().end, state.high_watermark()), (Offset(5), Some(Offset(4))));
    // What lies before its start is nowhere.
    let mut log = log_after(snapshot(4, 2), &[(2, 2)]);
    log.latest = SnapshotId::NONE;
    let restored = Restored { log, ..Restored::default() };
    let error = start::<u8>(config(3), restored).unwrap_err();
    assert_eq!(error, ConfigError::NoSnapshot { start: Offset(4) });
}

#[test]
fn who_is_behind_the_log_is_told_of_the_latest_snapshot_and_who_strays_is_cut_first() {
    let mut state = veteran();
    fetched(&mut state, 2, 6, 5);
    let taken = snapshot_id(&state, Offset(6)).unwrap();
    step::<u8>(&mut state, Event::SnapshotTaken { snapshot: taken });
    let told = |state: &mut State, offset, epoch| match &respond(&fetched(state, 3, offset, epoch))
        .answer
    {
        Answer::Fetch(FetchAnswer { snapshot, diverging, records, .. }) => {
            (*snapshot, *diverging, records.is_some())
        }
        answer => panic!("{answer:?}"),
    };
    assert_eq!(told(&mut state, 0, 0), (Some(taken), None, false), "not the whole log");
    assert_eq!(told(&mut state, 5, 3), (None, None, true), "the log has what follows");
    step::<u8>(&mut state, Event::Clean { to: taken });
    assert_eq!(told(&mut state, 5, 3), (Some(taken), None, false));
    assert_eq!(told(&mut state, 7, 3), (Some(taken), None, false), "all of it strays");
    assert_eq!(told(&mut state, 6, 5), (None, None, false));
}

#[test]
fn a_snapshot_is_loaded_chunk_by_chunk_and_takes_the_place_of_the_log() {
    let wanted = snapshot(7, 3);
    let mut state = loading(log(&[(1, 3)]), wanted);
    let ask = |state: &State| match requests(state).remove(0) {
        (to, Request::FetchSnapshot(fetch)) => (to.0, fetch.snapshot, fetch.position),
        request => panic!("{request:?}"),
    };
    assert_eq!(ask(&state), (2, wanted, 0));
    let effects = brought(&mut state, Error::None, chunk(wanted, 0, 10, 4));
    assert!(effects.contains(&Effect::KeepChunk { snapshot: wanted, position: 0 }));
    assert_eq!(ask(&state), (2, wanted, 4));
    let effects = brought(&mut state, Error::None, chunk(wanted, 4, 10, 6));
    let expected = [
        Effect::KeepChunk { snapshot: wanted, position: 4 },
        Effect::InstallSnapshot { snapshot: wanted },
        Effect::ReplaceLog { snapshot: wanted },
        Effect::AdvanceHighWatermark { to: Offset(7) },
    ];
    assert!(effects.ends_with(&expected), "{effects:?}");
    assert_eq!(*state.log(), log_after(wanted, &[]));
    let (to, Request::Fetch(fetch)) = requests(&state).remove(0) else { panic!("no fetch") };
    assert_eq!((to.0, fetch.offset, fetch.last_fetched_epoch), (2, Offset(7), Epoch(3)));
}

#[test]
fn a_chunk_that_does_not_fit_ends_the_loading() {
    let wanted = snapshot(7, 3);
    for unfit in [
        chunk(wanted, 1, 10, 4),
        chunk(snapshot(8, 3), 0, 10, 4),
        chunk(wanted, 0, 10, 0),
        chunk(wanted, 0, 10, 11),
        chunk(wanted, 0, -1, i64::MAX),
        SnapshotAnswer { snapshot: wanted, position: 0, voters: None, chunk: None },
    ] {
        let mut state = loading(log(&[(1, 3)]), wanted);
        let effects = brought(&mut state, Error::None, unfit.clone());
        assert_eq!(refusals(&effects), [Refusal::UnfitChunk], "{unfit:?}");
        assert_eq!(download(&state), None);
    }
    // It is gone by now; and so is the leader.
    for (error, contact) in [
        (Error::SnapshotNotFound, Contact::Fetched),
        (Error::PositionOutOfRange, Contact::Fetched),
        (Error::NotLeaderOrFollower, Contact::Lost),
    ] {
        let mut state = loading(log(&[(1, 3)]), wanted);
        brought(&mut state, error, chunk(wanted, 0, 10, 4));
        assert_eq!(*state.role(), Role::Follower { contact, download: None });
    }
    let mut state = loading(log(&[(1, 3)]), wanted);
    step::<u8>(&mut state, Event::TimerFired { timer: Timer::Fetch });
    assert!(matches!(state.role(), Role::Prospective { .. }));
}

#[test]
fn a_snapshot_that_would_lose_something_is_not_loaded() {
    let mut state = node(3, elected(4, Some(2), None), log(&[(1, 3), (4, 2)]));
    answered(&mut state, brings(5, 1, 4, 5));
    step::<u8>(&mut state, Event::Flushed { end: Offset(6) });
    for unfit in [
        snapshot(4, 1), // before what is committed
        snapshot(6, 4), // the log is there
        snapshot(9, 5), // of an epoch to come
        snapshot(9, 0),
        snapshot(0, 0),
    ] {
        let effects = answered(&mut state, told_to_load(unfit));
        assert_eq!(refusals(&effects), [Refusal::UnfitSnapshot], "{unfit:?}");
        assert_eq!(download(&state), None);
    }
}

#[test]
fn who_led_and_follows_again_cuts_nothing_that_its_snapshot_holds() {
    let mut state = veteran();
    fetched(&mut state, 2, 6, 5);
    let taken = snapshot_id(&state, Offset(6)).unwrap();
    step::<u8>(&mut state, Event::SnapshotTaken { snapshot: taken });
    step::<u8>(&mut state, Event::Resign);
    let begin = BeginQuorumEpoch { epoch: Epoch(6), leader: NodeId(2), voter: key(1) };
    ask(&mut state, Request::BeginQuorumEpoch(begin));
    let effects = answered(
        &mut state,
        FetchAnswer {
            high_watermark: None,
            diverging: Some(Diverging { epoch: Epoch(3), end: Offset(2) }),
            snapshot: None,
            records: None,
        },
    );
    assert_eq!(refusals(&effects), [Refusal::TruncationBelowHighWatermark]);
    assert_eq!(state.log().end, Offset(6));
}

#[test]
fn a_leader_serves_what_may_be_a_snapshot_of_its_log_and_nobody_else_does() {
    let mut state = veteran();
    fetched(&mut state, 2, 6, 5);
    let taken = snapshot_id(&state, Offset(6)).unwrap();
    step::<u8>(&mut state, Event::SnapshotTaken { snapshot: taken });
    let get = |state: &mut State, epoch, snapshot, position| {
        let replica = key(3);
        let fetch = FetchSnapshot { epoch: Epoch(epoch), replica, snapshot, position };
        respond(&ask(state, Request::FetchSnapshot(fetch))).error
    };
    assert_eq!(get(&mut state, 5, taken, 0), Error::None);
    assert_eq!(get(&mut state, 5, taken, -1), Error::PositionOutOfRange);
    assert_eq!(get(&mut state, 5, snapshot(6, 4), 0), Error::SnapshotNotFound);
    assert_eq!(get(&mut state, 5, snapshot(7, 5), 0), Error::SnapshotNotFound);
    assert_eq!(get(&mut state, 5, SnapshotId::NONE, 0), Error::SnapshotNotFound);
    assert_eq!(get(&mut state, 4, taken, 0), Error::FencedLeaderEpoch);
    assert_eq!(get(&mut state, 6, taken, 0), Error::UnknownLeaderEpoch);
    step::<u8>(&mut state, Event::Resign);
    assert_eq!(get(&mut state, 5, taken, 0), Error::NotLeaderOrFollower);
}

// ---------- a full disk

#[test]
fn a_node_without_room_leads_nothing_asks_for_nothing_and_still_votes() {
    let full = |state: &mut State, full| step::<u8>(state, Event::DiskFull { full });
    let mut state = veteran();
    full(&mut state, true);
    assert!(matches!(state.role(), Role::Resigned { .. }));
    for _ in 0..2 {
        step::<u8>(&mut state, Event::TimerFired { timer: Timer::Election });
        assert_eq!(*state.role(), Role::Unattached);
    }
    let effects = ask(&mut state, vote(7, 2, 6, 9));
    assert_eq!(respond(&effects).answer, Answer::Vote(VoteAnswer { granted: true }));
    let effects = full(&mut state, false);
    assert!(matches!(effects[..], [Effect::SetTimer { timer: Timer::Election, .. }]));
    step::<u8>(&mut state, Event::TimerFired { timer: Timer::Election });
    assert!(matches!(state.role(), Role::Prospective { .. }));

    let mut follower = node(3, elected(4, Some(2), None), log(&[(1, 3)]));
    full(&mut follower, true);
    assert!(requests(&follower).is_empty());
    step::<u8>(&mut follower, Event::TimerFired { timer: Timer::Fetch });
    assert_eq!(*follower.role(), Role::Follower { contact: Contact::Lost, download: None });
    full(&mut follower, false);
    assert_eq!(requests(&follower).len(), 1);

    // A broker beside the only voter must not take its place.
    let observer = Config { local: key(9), ..config(1) };
    let (mut observer, _) = start::<u8>(observer, Restored::default()).unwrap();
    full(&mut observer, true);
    assert_eq!(full(&mut observer, false), []);
    assert_eq!(*observer.role(), Role::Unattached);

    let mut alone = node(1, ElectionState::default(), LogSummary::default());
    full(&mut alone, true);
    step::<u8>(&mut alone, Event::TimerFired { timer: Timer::Election });
    full(&mut alone, false);
    assert!(alone.is_leader());
}
