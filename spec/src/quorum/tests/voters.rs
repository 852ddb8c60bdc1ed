//! Voters that the log names, and their changes.

use super::*;
use crate::quorum::{
    Fetched, VoterChange, VoterChangeError, VoterSet, VotersAt, changed_voters, fetched,
    may_upgrade,
};
use crate::types::{SnapshotId, Uuid};

/// Node `id` on the first of its directories, or on another.
fn on(id: i32, directory: u8) -> ReplicaKey {
    ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([directory; 16])) }
}

fn named(ids: &[i32]) -> VoterSet {
    VoterSet::of(ids.iter().map(|id| on(*id, 1)))
}

/// Node 1 with what its disk holds; whose directory was formatted with these voters, if there are any.
fn started(voters: &[i32], election: ElectionState) -> (State, Effects) {
    let config = Config {
        local: on(1, 1),
        voters: VoterSet::default(),
        bootstrap: vec![NodeId(-2), NodeId(-3)],
        outside: Vec::new(),
        timeouts: Timeouts::default(),
    };
    let first = VotersAt { end: Offset::ZERO, voters: named(voters) };
    let voters = if voters.is_empty() { Vec::new() } else { vec![first] };
    let log = LogSummary { voters, ..LogSummary::default() };
    start(config, Restored { election, log, ..Restored::default() }).unwrap()
}

fn flushed(state: &mut State) -> Effects {
    let end = state.log().end;
    step(state, Event::Flushed { end })
}

/// Node 1 leads epoch 1 of these voters; its first entries are flushed, and committed if it is alone.
fn leading(voters: &[i32]) -> State {
    let election = ElectionState { voted: Some(on(1, 1)), ..elected(1, None, None) };
    let (mut state, _) = started(voters, election);
    for (from, request) in requests(&state) {
        let answer = Answer::Vote(VoteAnswer { granted: true });
        let response = Response { epoch: Epoch(1), leader: None, error: Error::None, answer };
        step::<u8>(&mut state, Event::Answered { from, request, response });
    }
    assert!(state.is_leader());
    flushed(&mut state);
    state
}

fn holds(state: &mut State, replica: ReplicaKey, end: i64) -> Effects {
    let fetch = Fetch { may_park: false, replica, ..fetch(1, 0, end, 1) };
    ask(state, Request::Fetch(fetch))
}

fn change(state: &mut State, change: VoterChange) -> Effects {
    step(state, Event::ChangeVoters { change })
}

fn add(key: ReplicaKey) -> VoterChange {
    VoterChange::Add { key, end: Offset(i64::MAX) }
}

fn appended(effects: &Effects) -> Vec<(u32, Option<VoterSet>)> {
    let batches = |effect: &Effect<u8>| match effect {
        Effect::Append { batches } => batches.clone(),
        _ => Vec::new(),
    };
    effects.iter().flat_map(batches).map(|batch| (batch.records, batch.voters)).collect()
}

#[test]
fn the_first_leader_writes_what_its_directory_was_formatted_with() {
    let (state, effects) = started(&[1], ElectionState::default());
    assert!(state.is_leader());
    // LeaderChange, KRaftVersion and Voters.
    assert_eq!(appended(&effects), [(3, Some(named(&[1])))]);
    assert_eq!(state.log().voters.last().map(|last| last.end), Some(Offset(3)));
    // Whoever knows nobody asks where it was told to, and waits for nothing else.
    let (state, effects) = started(&[], ElectionState::default());
    assert_eq!(state.role(), &Role::Unattached);
    assert_eq!(appended(&effects), []);
    let asked: Vec<_> = requests(&state).into_iter().map(|(to, _)| to.0).collect();
    assert_eq!(asked, [-2, -3]);
}

#[test]
fn voters_change_one_at_a_time_after_a_commit_of_this_epoch() {
    use VoterChangeError as E;
    let mut state = leading(&[1, 2]);
    assert_eq!(changed_voters(&state, add(on(3, 1))), Err(E::HighWatermarkUnknown));
    holds(&mut state, on(2, 1), 3);
    for (change, refused) in [
        (add(on(2, 1)), E::DuplicateVoter),
        (add(on(2, 2)), E::DuplicateVoter),
        (VoterChange::Add { key: on(3, 1), end: Offset::ZERO }, E::Lagging),
        (VoterChange::Remove(on(3, 1)), E::VoterNotFound),
        (VoterChange::Remove(on(2, 2)), E::VoterNotFound),
        (VoterChange::Update(on(2, 2)), E::VoterNotFound),
    ] {
        let effects = self::change(&mut state, change);
        assert_eq!(effects, [Effect::RefuseVoters { error: refused }], "{change:?}");
    }
    let effects = change(&mut state, add(on(3, 1)));
    assert_eq!(appended(&effects), [(1, Some(named(&[1, 2, 3])))]);
    assert_eq!(state.voters(), &named(&[1, 2, 3]), "it counts from now on");
    assert_eq!(changed_voters(&state, add(on(4, 1))), Err(E::ChangeUncommitted));
    flushed(&mut state);
    holds(&mut state, on(3, 1), 4);
    assert_eq!(state.high_watermark(), Some(Offset(4)), "1 and 3 are a majority of three");
    let effects = change(&mut state, VoterChange::Update(on(3, 1)));
    assert_eq!(appended(&effects), [(1, Some(named(&[1, 2, 3])))]);

    let (state, _) = started(&[1, 2], ElectionState::default());
    assert_eq!(changed_voters(&state, add(on(3, 1))), Err(E::NotLeaderOrFollower));
    let state = leading(&[1]);
    assert_eq!(changed_voters(&state, VoterChange::Remove(on(1, 1))), Err(E::VoterNotFound));
}

#[test]
fn a_leader_that_is_removed_counts_itself_out_and_resigns_when_that_is_committed() {
    let mut state = leading(&[1, 2, 3]);
    holds(&mut state, on(2, 1), 3);
    change(&mut state, VoterChange::Remove(on(1, 1)));
    flushed(&mut state);
    holds(&mut state, on(2, 1), 4);
    assert_eq!(state.high_watermark(), Some(Offset(3)), "one of the two that vote");
    assert!(state.is_leader());
    let effects = holds(&mut state, on(3, 1), 4);
    assert!(effects.contains(&Effect::AdvanceHighWatermark { to: Offset(4) }));
    assert!(matches!(state.role(), Role::Resigned { .. }));
    // It must not vote in the epoch that it led, voter or not.
    let restored =
        Restored { election: state.election(), log: state.log().clone(), ..Restored::default() };
    let (mut state, _) = start::<u8>(state.config().clone(), restored).unwrap();
    assert_eq!(state.role(), &Role::resigned());
    step::<u8>(&mut state, Event::TimerFired { timer: Timer::Election });
    assert_eq!((state.role(), state.election().epoch), (&Role::Unattached, Epoch(2)));
}

#[test]
fn who_is_removed_campaigns_until_that_is_committed_and_does_not_vote_for_itself() {
    let removed = |committed: Option<i64>| {
        let (mut state, _) = started(&[1, 2], elected(1, Some(2), None));
        let mut log = state.log().clone();
        for (end, ids) in [(3, &[1, 2][..]), (4, &[2])] {
            log.append(Epoch(1), Offset(end));
            log.voters.push(VotersAt { end: Offset(end), voters: named(ids) });
        }
        log.flushed = log.end;
        (state.log, state.high_watermark) = (log, committed.map(Offset));
        let effects = step::<u8>(&mut state, Event::TimerFired { timer: Timer::Fetch });
        (state, effects)
    };
    for committed in [None, Some(3)] {
        let (mut state, _) = removed(committed);
        let nobody = BTreeSet::new();
        let campaigns = Role::Prospective { granted: nobody.clone(), refused: nobody };
        assert_eq!(state.role(), &campaigns, "it holds a record that may be nobody else's");
        // The only voter lacks the record: it grants the pre-vote and the vote, and follows.
        for _ in 0..2 {
            let (from, request) = requests(&state).remove(0);
            let answer = Answer::Vote(VoteAnswer { granted: true });
            let epoch = state.election().epoch;
            let response = Response { epoch, leader: None, error: Error::None, answer };
            step::<u8>(&mut state, Event::Answered { from, request, response });
        }
        assert!(state.is_leader());
        flushed(&mut state);
        assert_eq!(state.high_watermark(), None, "its own log does not count");
        let fetch = Fetch { may_park: false, replica: on(2, 1), ..fetch(2, 0, 5, 2) };
        let effects = ask(&mut state, Request::Fetch(fetch));
        assert!(effects.contains(&Effect::AdvanceHighWatermark { to: Offset(5) }), "{effects:?}");
        assert!(matches!(state.role(), Role::Resigned { .. }));
    }
    let (state, effects) = removed(Some(4));
    assert_eq!(state.role(), &Role::Follower { contact: Contact::Lost, download: None });
    let waits = |it: &Effect<u8>| matches!(it, Effect::SetTimer { timer: Timer::Fetch, .. });
    assert!(effects.iter().any(waits), "{effects:?}");
}

#[test]
fn a_voter_whom_nobody_answers_asks_where_it_was_told_to_who_leads() {
    // It knows the voters 1 and 2; they may have been replaced since.
    let (mut state, _) = started(&[1, 2], elected(1, Some(2), None));
    let asked = |state: &State| requests(state).into_iter().map(|(to, _)| to.0).collect::<Vec<_>>();
    assert_eq!(asked(&state), [2]);
    step::<u8>(&mut state, Event::TimerFired { timer: Timer::Fetch });
    assert_eq!(asked(&state), [2], "its pre-vote");
    let effects = step::<u8>(&mut state, Event::TimerFired { timer: Timer::Election });
    assert_eq!(state.role(), &Role::Follower { contact: Contact::Silent, download: None });
    assert!(effects.iter().any(|it| matches!(it, Effect::SetTimer { timer: Timer::Fetch, .. })));
    assert_eq!(asked(&state), [2, -2, -3]);
    // That it is gone is news even now: somebody else may answer by this time.
    let effects = step::<u8>(&mut state, Event::Unreachable { node: NodeId(2) });
    assert_eq!(effects, [set(Timer::Fetch, 0, 20)]);
}

#[test]
fn a_leader_goes_to_the_epoch_that_an_observer_has_come_to() {
    let mut state = leading(&[1, 2]);
    let asked_in = |state: &mut State, epoch: i32| {
        let fetch = Fetch { may_park: false, replica: on(4, 1), ..fetch(epoch, 0, 0, 0) };
        let effects = ask(state, Request::Fetch(fetch));
        (respond(&effects).epoch, respond(&effects).error)
    };
    let refused = (Epoch(1), Error::UnknownLeaderEpoch);
    assert_eq!(asked_in(&mut state, i32::MAX), refused, "after which there is none");
    assert!(state.is_leader());
    assert_eq!(asked_in(&mut state, 7), (Epoch(7), Error::NotLeaderOrFollower));
    assert_eq!((state.role(), state.election()), (&Role::Unattached, elected(7, None, None)));
    // Nor does it follow anybody into another history, that of a directory that went on alone.
    let mut state = leading(&[1, 2]);
    assert_eq!(asked_in(&mut state, 1_000_011), refused);
    assert!(state.is_leader());
    assert_eq!(asked_in(&mut state, 7), (Epoch(7), Error::NotLeaderOrFollower));
    // Who leads nothing has no need to: an election takes it there.
    assert_eq!(asked_in(&mut state, 8), (Epoch(7), Error::UnknownLeaderEpoch));
    // Where voters are static, nobody asks observers for their votes.
    let mut state = leader();
    assert_eq!(asked_in(&mut state, 7), refused);
    assert!(state.is_leader());
}

#[test]
fn who_is_alone_waits_for_nobody_and_who_is_no_longer_does() {
    let mut state = leading(&[1, 2]);
    holds(&mut state, on(2, 1), 3);
    let effects = change(&mut state, VoterChange::Remove(on(2, 1)));
    for timer in [Timer::CheckQuorum, Timer::BeginQuorumEpoch] {
        assert!(effects.contains(&Effect::CancelTimer { timer }), "{effects:?}");
    }
    flushed(&mut state);
    assert_eq!(state.high_watermark(), Some(Offset(4)));
    let effects = change(&mut state, add(on(2, 1)));
    let is_set = |timer: Timer| {
        effects.iter().any(|it| matches!(it, Effect::SetTimer { timer: set, .. } if *set == timer))
    };
    assert!(is_set(Timer::CheckQuorum) && is_set(Timer::BeginQuorumEpoch), "{effects:?}");
}

#[test]
fn an_observer_that_lost_a_leader_nobody_votes_for_asks_it_too() {
    let (mut state, _) = started(&[], ElectionState::default());
    let (from, request) = requests(&state).remove(0);
    let response = Response {
        epoch: Epoch(5),
        leader: Some(NodeId(4)),
        error: Error::NotLeaderOrFollower,
        answer: Answer::Fetch(FetchAnswer {
            high_watermark: None,
            diverging: None,
            snapshot: None,
            records: None,
        }),
    };
    step::<u8>(&mut state, Event::Answered { from, request, response });
    let asked =
        |state: &State| -> Vec<_> { requests(state).into_iter().map(|(to, _)| to.0).collect() };
    assert_eq!(asked(&state), [4]);
    step::<u8>(&mut state, Event::Unreachable { node: NodeId(4) });
    assert_eq!(asked(&state), [4, -2, -3]);
}

#[test]
fn static_voters_believe_whom_they_ask_that_another_node_leads() {
    let mut state = node(3, elected(4, Some(2), None), log(&[]));
    let (from, request) = requests(&state).remove(0);
    let response = Response {
        epoch: Epoch(5),
        leader: Some(NodeId(4)),
        error: Error::FencedLeaderEpoch,
        answer: Answer::Fetch(FetchAnswer {
            high_watermark: None,
            diverging: None,
            snapshot: None,
            records: None,
        }),
    };
    assert_eq!(refusals(&ask(&mut state, begin(5, 4))), [Refusal::ImpossibleLeader]);
    let effects: Effects = step(&mut state, Event::Answered { from, request, response });
    assert_eq!(refusals(&effects), []);
    assert_eq!(state.election(), elected(5, Some(4), None));
}

#[test]
fn a_directory_of_the_same_id_is_not_the_voter() {
    let mut state = leading(&[1, 2]);
    holds(&mut state, on(2, 2), 3);
    assert_eq!(state.high_watermark(), None, "it is lost, what it held");
    holds(&mut state, on(2, 1), 3);
    assert_eq!(state.high_watermark(), Some(Offset(3)));
    // A vote that another directory is asked for is not given, one that an observer is asked for is.
    let (mut state, _) = started(&[2, 3], ElectionState::default());
    for (voter, error, granted) in
        [(on(1, 2), Error::InvalidVoterKey, false), (on(1, 1), Error::None, true)]
    {
        let Request::Vote(vote) = vote(3, 2, 0, 0) else { unreachable!() };
        let request = Request::Vote(Vote { candidate: on(2, 1), voter, ..vote });
        let effects = ask(&mut state, request);
        let response = respond(&effects);
        assert_eq!(
            (response.error, &response.answer),
            (error, &Answer::Vote(VoteAnswer { granted }))
        );
    }
}

#[test]
fn what_names_voters_comes_and_goes_with_the_log() {
    let mut log = LogSummary::default();
    log.voters.push(VotersAt { end: Offset::ZERO, voters: named(&[1]) });
    for (end, ids) in [(3, &[1, 2][..]), (5, &[1, 2, 3])] {
        log.append(Epoch(1), Offset(end));
        log.voters.push(VotersAt { end: Offset(end), voters: named(ids) });
    }
    let last = |log: &LogSummary| log.voters.last().map(|last| last.voters.clone());
    let mut cut = log.clone();
    cut.truncate(Offset(4));
    assert_eq!(last(&cut), Some(named(&[1, 2])));
    cut.truncate(Offset::ZERO);
    assert_eq!(last(&cut), Some(named(&[1])), "the format stays");
    let mut cleaned = log.clone();
    cleaned.clean(SnapshotId { end: Offset(4), epoch: Epoch(1) });
    let ends: Vec<_> = cleaned.voters.iter().map(|named| named.end.0).collect();
    assert_eq!(ends, [4, 5], "what the snapshot names, and what comes after it");
    log.replace(SnapshotId { end: Offset(9), epoch: Epoch(2) }, Some(named(&[2, 3])));
    assert_eq!(last(&log), Some(named(&[2, 3])));
}

#[test]
fn static_voters_are_named_once_all_directories_are_known() {
    use VoterChangeError as E;
    let mut state = leader();
    assert_eq!(may_upgrade(&state, &named(&[1, 2, 3])), Err(E::HighWatermarkUnknown));
    flushed(&mut state);
    ask(&mut state, Request::Fetch(Fetch { may_park: false, ..fetch(1, 2, 1, 1) }));
    assert_eq!(changed_voters(&state, add(on(4, 1))), Err(E::UnsupportedVersion));
    // This node's own directory is not known in these tests, so that of nobody is.
    let known = |ids: &[i32]| VoterSet::of(ids.iter().map(|id| on(*id, 1)));
    for (voters, refused) in [
        (known(&[1, 2]), E::DirectoriesUnknown),
        (known(&[1, 2, 3, 4]), E::DirectoriesUnknown),
        (VoterSet::fixed([1, 2, 3].map(NodeId)), E::DirectoriesUnknown),
    ] {
        let effects: Effects = step(&mut state, Event::UpgradeVoters { voters });
        assert_eq!(effects, [Effect::RefuseVoters { error: refused }]);
    }

    let mut config = config(1);
    config.local = on(1, 1);
    let (mut state, _) = start::<u8>(config, Restored::default()).unwrap();
    flushed(&mut state);
    let effects: Effects = step(&mut state, Event::UpgradeVoters { voters: named(&[1]) });
    assert_eq!(appended(&effects), [(2, Some(named(&[1])))]);
    assert_eq!(state.voters(), &named(&[1]));
    flushed(&mut state);
    let effects: Effects = step(&mut state, Event::UpgradeVoters { voters: named(&[1]) });
    assert_eq!(effects, [Effect::RefuseVoters { error: E::DuplicateVoter }]);
}

#[test]
fn who_has_caught_up_is_told_by_fetches_that_fit() {
    let mut state = leading(&[1]);
    let fetch = |epoch, offset, last| Fetch { replica: on(3, 1), ..fetch(epoch, 0, offset, last) };
    let none = fetched(&state, None, &fetch(1, 0, 0)).unwrap();
    assert_eq!(none, Fetched { end: Offset(0), leader_end: Offset(3), caught_up: None });
    // A log that is not the leader's tells nothing, however long it is, nor does one that follows another leader.
    for strange in [fetch(1, i64::MAX, 1), fetch(1, 4, 1), fetch(2, 3, 1), fetch(1, 2, 0)] {
        assert_eq!(fetched(&state, Some(none), &strange), None, "{strange:?}");
    }
    let adds = |state: &State, known: Fetched| {
        let end = known.caught_up.unwrap_or_default();
        changed_voters(state, VoterChange::Add { key: on(3, 1), end }).is_ok()
    };
    let behind = fetched(&state, Some(none), &fetch(1, 2, 1)).unwrap();
    assert!(!adds(&state, behind));
    step(
        &mut state,
        Event::Append { epoch: Epoch(1), batches: vec![NewBatch { records: 2, payload: 1 }] },
    );
    flushed(&mut state);
    // It has all that there was when it asked before, though there is more now.
    let lately = fetched(&state, Some(behind), &fetch(1, 3, 1)).unwrap();
    let known = Fetched { end: Offset(3), leader_end: Offset(5), caught_up: Some(Offset(3)) };
    assert_eq!(lately, known);
    assert!(adds(&state, lately));
    let all = fetched(&state, None, &fetch(1, 5, 1)).unwrap();
    assert_eq!(all.caught_up, Some(Offset(5)));
    // A later fetch that is behind takes nothing back.
    assert_eq!(fetched(&state, Some(all), &fetch(1, 4, 1)).unwrap().caught_up, Some(Offset(5)));
    step::<u8>(&mut state, Event::Resign);
    assert_eq!(fetched(&state, Some(all), &fetch(1, 5, 1)), None);
}

#[test]
fn a_voter_whose_voters_may_all_be_gone_asks_where_it_was_told_to() {
    let asked = |state: &State| {
        let to =
            |(to, request): (NodeId, Request)| matches!(request, Request::Fetch(_)).then_some(to.0);
        requests(state).into_iter().filter_map(to).collect::<Vec<_>>()
    };
    let (mut state, _) = started(&[1, 2, 3], elected(1, None, None));
    assert_eq!(state.role(), &Role::Unattached);
    assert_eq!(asked(&state), [-2, -3]);
    step::<u8>(&mut state, Event::TimerFired { timer: Timer::Election });
    assert!(matches!(state.role(), Role::Prospective { .. }));
    assert!(asked(&state).is_empty(), "it asks for votes");
    step::<u8>(&mut state, Event::TimerFired { timer: Timer::Election });
    assert_eq!(asked(&state), [-2, -3], "in vain");
    // One of those that came after them names the leader.
    let (from, request) = requests(&state).swap_remove(0);
    let (error, answer) = (
        Error::NotLeaderOrFollower,
        FetchAnswer { high_watermark: None, diverging: None, snapshot: None, records: None },
    );
    let response =
        Response { epoch: Epoch(7), leader: Some(NodeId(5)), error, answer: Answer::Fetch(answer) };
    step::<u8>(&mut state, Event::Answered { from, request, response });
    assert_eq!((state.election().epoch, asked(&state)), (Epoch(7), vec![5]));

    // So it is where the leader is gone that it followed.
    let (mut state, _) = started(&[1, 2, 3], elected(1, Some(2), None));
    assert_eq!(asked(&state), [2]);
    step::<u8>(&mut state, Event::Unreachable { node: NodeId(2) });
    assert_eq!(asked(&state), [2, -2, -3]);
}
