//! The rules one by one. What they add up to is the model checker's to say.

use std::collections::BTreeSet;

use super::*;
use crate::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey};

mod lost_majority;
mod snapshots;
mod voters;

type Effects = Vec<Effect<u8>>;

fn key(id: i32) -> ReplicaKey {
    ReplicaKey { id: NodeId(id), directory: DirectoryId::ABSENT }
}

fn config(voters: i32) -> Config {
    Config {
        local: key(1),
        voters: (1..=voters).map(NodeId).collect(),
        bootstrap: Vec::new(),
        outside: Vec::new(),
        timeouts: Timeouts::default(),
    }
}

fn elected(epoch: i32, leader: Option<i32>, voted: Option<i32>) -> ElectionState {
    ElectionState { epoch: Epoch(epoch), leader: leader.map(NodeId), voted: voted.map(key) }
}

/// A log of so many records in each epoch, all flushed.
fn log(epochs: &[(i32, i64)]) -> LogSummary {
    let mut log = LogSummary::default();
    for (epoch, records) in epochs {
        log.append(Epoch(*epoch), log.end.plus(*records));
    }
    log.flushed = log.end;
    log
}

fn node(voters: i32, election: ElectionState, log: LogSummary) -> State {
    start::<u8>(config(voters), Restored { election, log, ..Restored::default() }).unwrap().0
}

fn respond(effects: &Effects) -> &Response<ReadFrom> {
    let answer = effects.iter().find_map(|effect| match effect {
        Effect::Respond { response } => Some(response),
        _ => None,
    });
    answer.expect("an answer")
}

fn refusals(effects: &Effects) -> Vec<Refusal> {
    let refusal = |effect: &Effect<u8>| match effect {
        Effect::Refuse { refusal } => Some(*refusal),
        _ => None,
    };
    effects.iter().filter_map(refusal).collect()
}

fn ask(state: &mut State, request: Request) -> Effects {
    step(state, Event::Requested { request })
}

fn vote(epoch: i32, candidate: i32, last_epoch: i32, last_end: i64) -> Request {
    Request::Vote(Vote {
        pre_vote: false,
        epoch: Epoch(epoch),
        candidate: key(candidate),
        voter: key(1),
        last_epoch: Epoch(last_epoch),
        last_end: Offset(last_end),
    })
}

fn begin(epoch: i32, leader: i32) -> Request {
    Request::BeginQuorumEpoch(BeginQuorumEpoch {
        epoch: Epoch(epoch),
        leader: NodeId(leader),
        voter: key(1),
    })
}

fn fetch(epoch: i32, replica: i32, offset: i64, last_fetched_epoch: i32) -> Fetch {
    Fetch {
        epoch: Epoch(epoch),
        replica: key(replica),
        offset: Offset(offset),
        last_fetched_epoch: Epoch(last_fetched_epoch),
        high_watermark: Offset(i64::MAX),
        may_park: true,
    }
}

/// Node 1 of three, leading epoch 1, with nothing flushed and nobody heard from.
fn leader() -> State {
    let mut state = node(3, elected(1, None, Some(1)), log(&[]));
    let (to, request) = requests(&state).remove(0);
    let response = Response {
        epoch: Epoch(1),
        leader: None,
        error: Error::None,
        answer: Answer::Vote(VoteAnswer { granted: true }),
    };
    step::<u8>(&mut state, Event::Answered { from: to, request, response });
    assert!(state.is_leader());
    state
}

#[test]
fn start_up_order() {
    let candidate =
        Role::Candidate { granted: BTreeSet::from([NodeId(1)]), refused: BTreeSet::new() };
    for (found, epochs, role, written) in [
        (elected(0, None, None), &[][..], Role::Unattached, elected(0, None, None)),
        // The log is ahead of the file: the file was lost.
        (elected(2, Some(1), None), &[(3, 1)], Role::Unattached, elected(3, None, None)),
        (elected(3, Some(1), None), &[(3, 1)], Role::resigned(), elected(3, Some(1), None)),
        (elected(3, None, Some(1)), &[], candidate.clone(), elected(3, None, Some(1))),
        (elected(3, Some(3), Some(1)), &[], candidate, elected(3, None, Some(1))),
        (elected(3, Some(3), Some(2)), &[], Role::FOLLOWER, elected(3, Some(3), Some(2))),
        (elected(3, Some(3), None), &[], Role::FOLLOWER, elected(3, Some(3), None)),
        (elected(3, None, Some(2)), &[], Role::Unattached, elected(3, None, Some(2))),
        // A leader that is no voter cannot be followed.
        (elected(3, Some(9), None), &[], Role::Unattached, elected(3, Some(9), None)),
    ] {
        let restored = Restored { election: found, log: log(epochs), ..Restored::default() };
        let (state, effects) = start::<u8>(config(3), restored).unwrap();
        assert_eq!((state.role(), state.election()), (&role, written), "{found:?}");
        assert_eq!(effects[0], Effect::WriteElectionState { state: written }, "{found:?}");
    }
}

#[test]
fn the_only_voter_leads_at_once_and_commits_only_what_is_flushed() {
    let restored = Restored {
        election: elected(4, Some(1), None),
        log: log(&[(4, 7)]),
        ..Restored::default()
    };
    let (mut state, effects) = start::<u8>(config(1), restored).unwrap();
    assert_eq!(effects[0], Effect::WriteElectionState { state: elected(5, Some(1), None) });
    assert!(state.is_leader() && state.high_watermark().is_none());
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::AdvanceHighWatermark { .. })));
    let effects: Effects = step(&mut state, Event::Flushed { end: Offset(8) });
    assert_eq!(effects[0], Effect::AdvanceHighWatermark { to: Offset(8) });
    let batches = vec![NewBatch { records: 3, payload: 7 }];
    step::<u8>(&mut state, Event::Append { epoch: Epoch(5), batches });
    assert_eq!(state.high_watermark(), Some(Offset(8)));
    step::<u8>(&mut state, Event::Flushed { end: Offset(11) });
    assert_eq!(state.high_watermark(), Some(Offset(11)));
}

#[test]
fn votes() {
    let granted = |state: &mut State, request| {
        let effects = ask(state, request);
        match &respond(&effects).answer {
            Answer::Vote(answer) => (respond(&effects).error, answer.granted),
            other => panic!("{other:?}"),
        }
    };
    let mut state = node(3, elected(1, None, None), log(&[(1, 5)]));
    assert_eq!(
        granted(&mut state, vote(0, 2, 0, 0)),
        (Error::InvalidRequest, false),
        "malformed before stale"
    );
    assert_eq!(granted(&mut state, vote(2, 2, 1, 4)), (Error::None, false), "a shorter log");
    assert_eq!(state.election(), elected(2, None, None), "the epoch counts all the same");
    assert_eq!(granted(&mut state, vote(1, 2, 0, 9)), (Error::FencedLeaderEpoch, false));
    assert_eq!(granted(&mut state, vote(2, 2, 1, 5)), (Error::None, true));
    assert_eq!(granted(&mut state, vote(2, 3, 1, 9)), (Error::None, false), "one vote in an epoch");
    assert_eq!(granted(&mut state, vote(2, 2, 1, 5)), (Error::None, true), "the answer was lost");
    assert_eq!(granted(&mut state, vote(2, -1, 1, 5)), (Error::InvalidRequest, false));
    assert_eq!(granted(&mut state, vote(i32::MAX, 2, 1, 5)), (Error::InvalidRequest, false));
    assert_eq!(state.election(), elected(2, None, Some(2)));

    let Request::Vote(mut other) = vote(3, 2, 1, 9) else { unreachable!() };
    other.voter = key(2);
    let effects = ask(&mut state, Request::Vote(other));
    assert_eq!(respond(&effects).error, Error::InvalidVoterKey);
}

#[test]
fn a_grant_is_written_before_it_is_said_and_in_one_write() {
    let mut state = node(3, elected(1, None, None), log(&[]));
    let effects = ask(&mut state, vote(7, 2, 0, 0));
    assert_eq!(effects[0], Effect::WriteElectionState { state: elected(7, None, Some(2)) });
    assert!(matches!(effects.last(), Some(Effect::Respond { .. })));
    let writes =
        effects.iter().filter(|effect| matches!(effect, Effect::WriteElectionState { .. }));
    assert_eq!(writes.count(), 1);
}

#[test]
fn no_message_ends_a_node() {
    let mut state = node(3, elected(4, Some(2), None), log(&[(4, 5)]));
    for (request, refusal) in [
        (begin(4, 3), Refusal::ContradictingLeader),
        (begin(4, 1), Refusal::ContradictingLeader),
        (begin(9, 1), Refusal::ImpossibleLeader),
        (begin(9, 77), Refusal::ImpossibleLeader),
        (begin(i32::MAX, 3), Refusal::LastEpoch),
        (Request::Fetch(fetch(4, 2, -1, 0)), Refusal::MalformedRequest),
        (Request::Fetch(fetch(4, 2, 0, 5)), Refusal::MalformedRequest),
        (vote(5, 2, 5, 0), Refusal::MalformedRequest),
        (vote(5, 77, 0, 0), Refusal::ImpossibleCandidate),
        (vote(5, -1, 0, 0), Refusal::ImpossibleCandidate),
        (vote(5, 1, 0, 0), Refusal::ImpossibleCandidate),
    ] {
        let before = state.clone();
        let effects = ask(&mut state, request.clone());
        assert_eq!(refusals(&effects), [refusal], "{request:?}");
        assert_eq!(respond(&effects).error, Error::InvalidRequest, "{request:?}");
        assert_eq!(state, before, "{request:?}");
    }
}

#[test]
fn a_restarted_leader_is_named_by_those_who_still_follow_it() {
    // It said itself that it led epoch 4, so being told so contradicts nothing.
    let mut state = node(3, elected(4, Some(1), None), log(&[(4, 5)]));
    assert_eq!(state.role(), &Role::resigned());
    let effects = ask(&mut state, vote(4, 2, 3, 9));
    assert_eq!(respond(&effects).answer, Answer::Vote(VoteAnswer { granted: false }));
    assert!(refusals(&ask(&mut state, begin(4, 1))).is_empty());
}

#[test]
fn a_leader_counts_flushed_majorities_of_its_own_epoch() {
    let mut state = leader();
    let park = ask(&mut state, Request::Fetch(fetch(1, 2, 1, 1)));
    assert_eq!(
        park,
        [Effect::SetTimer { timer: Timer::CheckQuorum, min_ms: 3000, max_ms: 3000 }, Effect::Park]
    );
    assert_eq!(state.high_watermark(), None, "its own entry is not flushed");
    let effects: Effects = step(&mut state, Event::Flushed { end: Offset(1) });
    assert_eq!(effects, [Effect::AdvanceHighWatermark { to: Offset(1) }, Effect::WakeParked]);
    // A late fetch from further back takes nothing away.
    ask(&mut state, Request::Fetch(fetch(1, 2, 0, 0)));
    let Role::Leader { progress, .. } = state.role() else { panic!() };
    assert_eq!(progress[&NodeId(2)].end, Offset(1));
    // Another directory is another replica.
    let mut wiped = fetch(1, 2, 0, 0);
    wiped.replica.directory = DirectoryId::LOST;
    ask(&mut state, Request::Fetch(wiped));
    let Role::Leader { progress, .. } = state.role() else { panic!() };
    assert_eq!(progress[&NodeId(2)].end, Offset(0));
}

#[test]
fn a_fetch_that_diverges_is_told_where() {
    let mut state = leader();
    let batches = vec![NewBatch { records: 9, payload: 1 }];
    step::<u8>(&mut state, Event::Append { epoch: Epoch(1), batches });
    let mut answer = |epoch, offset, last| {
        let effects = ask(&mut state, Request::Fetch(fetch(epoch, 2, offset, last)));
        let response = respond(&effects).clone();
        match response.answer {
            Answer::Fetch(answer) => (response.error, answer.diverging, answer.records),
            other => panic!("{other:?}"),
        }
    };
    let diverging = |epoch, end| Some(Diverging { epoch: Epoch(epoch), end: Offset(end) });
    let read = |offset| Some(ReadFrom { offset: Offset(offset), end: Offset(10) });
    assert_eq!(answer(1, 11, 1), (Error::None, diverging(1, 10), None), "beyond the end");
    assert_eq!(answer(1, 5, 0), (Error::None, diverging(0, 0), None), "before the first epoch");
    assert_eq!(answer(1, 0, 0), (Error::None, None, read(0)));
    assert_eq!(answer(1, 4, 1), (Error::None, None, read(4)));
    assert_eq!(answer(0, 0, 0).0, Error::FencedLeaderEpoch);
    assert_eq!(answer(2, 0, 0).0, Error::UnknownLeaderEpoch);
}

fn answered(state: &mut State, answer: FetchAnswer<Vec<Batch<u8>>>) -> Effects {
    let (from, request) = requests(state).remove(0);
    let election = state.election();
    let response = Response {
        epoch: election.epoch,
        leader: election.leader,
        error: Error::None,
        answer: Answer::Fetch(answer),
    };
    step(state, Event::Answered { from, request, response })
}

fn brings(base: i64, records: u32, epoch: i32, high_watermark: i64) -> FetchAnswer<Vec<Batch<u8>>> {
    let batch =
        Batch { base_offset: Offset(base), records, epoch: Epoch(epoch), payload: 1, voters: None };
    FetchAnswer {
        high_watermark: Some(Offset(high_watermark)),
        diverging: None,
        snapshot: None,
        records: Some(vec![batch]),
    }
}

#[test]
fn a_follower_appends_what_fits_and_fetches_again_when_it_is_flushed() {
    let mut state = node(3, elected(4, Some(2), None), log(&[(2, 5)]));
    for unfit in [brings(4, 1, 4, 0), brings(5, 0, 4, 0), brings(5, 1, 1, 0), brings(5, 1, 5, 0)] {
        let effects = answered(&mut state, unfit.clone());
        assert_eq!(refusals(&effects), [Refusal::UnfitBatch], "{unfit:?}");
        assert_eq!(state.log().end, Offset(5));
    }
    answered(&mut state, brings(5, 2, 4, 6));
    assert_eq!((state.log().end, state.high_watermark()), (Offset(7), Some(Offset(6))));
    assert!(requests(&state).is_empty(), "a fetch says that all before it is flushed");
    step::<u8>(&mut state, Event::Flushed { end: Offset(7) });
    assert_eq!(requests(&state).len(), 1);
}

#[test]
fn a_follower_cuts_what_differs_but_never_what_is_committed() {
    let diverging = |epoch, end| FetchAnswer {
        high_watermark: None,
        diverging: Some(Diverging { epoch: Epoch(epoch), end: Offset(end) }),
        snapshot: None,
        records: None,
    };
    let follower = || node(3, elected(4, Some(2), None), log(&[(1, 3), (3, 2)]));
    for (told, end) in
        [(diverging(3, 4), 4), (diverging(2, 9), 3), (diverging(1, 2), 2), (diverging(0, 0), 0)]
    {
        let mut state = follower();
        let effects = answered(&mut state, told.clone());
        assert!(effects.contains(&Effect::Truncate { to: Offset(end) }), "{told:?}: {effects:?}");
        assert_eq!((state.log().end, state.log().flushed), (Offset(end), Offset(end)));
    }
    let mut state = follower();
    answered(&mut state, brings(5, 1, 4, 4));
    step::<u8>(&mut state, Event::Flushed { end: Offset(6) });
    let effects = answered(&mut state, diverging(1, 2));
    assert_eq!(refusals(&effects), [Refusal::TruncationBelowHighWatermark]);
    let effects = answered(&mut state, diverging(4, 9));
    assert_eq!(refusals(&effects), [Refusal::UnfitTruncation]);
    assert_eq!(state.log().end, Offset(6));
}

#[test]
fn an_answer_that_was_overtaken_changes_nothing() {
    let mut state = node(3, elected(4, Some(2), None), log(&[(2, 5)]));
    let (from, request) = requests(&state).remove(0);
    answered(&mut state, brings(5, 1, 4, 0));
    let late = Response {
        epoch: Epoch(4),
        leader: Some(NodeId(2)),
        error: Error::None,
        answer: Answer::Fetch(brings(6, 1, 4, 9)),
    };
    let before = state.clone();
    assert!(step(&mut state, Event::Answered { from, request, response: late }).is_empty());
    assert_eq!(state, before);
}

#[test]
fn a_leader_that_no_majority_fetches_from_resigns() {
    let mut state = leader();
    let effects: Effects = step(&mut state, Event::TimerFired { timer: Timer::CheckQuorum });
    let successors = vec![NodeId(2), NodeId(3)];
    assert_eq!(state.role(), &Role::Resigned { successors, acknowledged: BTreeSet::new() });
    assert!(effects.contains(&Effect::LostLeader { epoch: Epoch(1) }));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::WriteElectionState { .. })));
    // It leaves the epoch, and campaigns like anybody else.
    let effects: Effects = step(&mut state, Event::TimerFired { timer: Timer::Election });
    assert_eq!(effects[0], Effect::WriteElectionState { state: elected(2, None, None) });
    assert_eq!(state.role(), &Role::Unattached);
    fire(&mut state, Timer::Election);
    assert!(matches!(state.role(), Role::Prospective { .. }));
    assert_eq!(state.election(), elected(2, None, None));
}

fn fire(state: &mut State, timer: Timer) -> Effects {
    step(state, Event::TimerFired { timer })
}

/// The other voters' answers to what the node asks now.
fn answer_votes(state: &mut State, granted: &[(i32, bool)]) -> Effects {
    let mut effects = Vec::new();
    for (from, granted) in granted {
        let asked = requests(state).into_iter().find(|(to, _)| *to == NodeId(*from));
        let (from, request) = asked.expect("it asks that voter");
        let ElectionState { epoch, leader, .. } = state.election();
        let answer = Answer::Vote(VoteAnswer { granted: *granted });
        let response = Response { epoch, leader, error: Error::None, answer };
        effects.extend(step(state, Event::Answered { from, request, response }));
    }
    effects
}

fn set(timer: Timer, min_ms: u64, max_ms: u64) -> Effect<u8> {
    Effect::SetTimer { timer, min_ms, max_ms }
}

#[test]
fn a_campaign_begins_with_pre_votes_of_the_present_epoch() {
    let mut state = node(3, elected(4, None, None), log(&[(4, 5)]));
    assert!(
        fire(&mut state, Timer::Election)
            .iter()
            .all(|effect| !matches!(effect, Effect::WriteElectionState { .. }))
    );
    for (_, request) in requests(&state) {
        let Request::Vote(vote) = request else { panic!("{request:?}") };
        assert!(vote.pre_vote && vote.epoch == Epoch(4) && vote.last_epoch == Epoch(4));
    }
    let effects = answer_votes(&mut state, &[(2, true)]);
    assert_eq!(effects[0], Effect::WriteElectionState { state: elected(5, None, Some(1)) });
    assert!(matches!(state.role(), Role::Candidate { granted, .. } if granted.len() == 1));
    // Somebody else campaigns too: after a while it asks again in the same epoch, and makes no other.
    let effects = answer_votes(&mut state, &[(2, false)]);
    assert_eq!(effects, [set(Timer::Election, 0, 150)]);
    fire(&mut state, Timer::Election);
    assert!(matches!(state.role(), Role::Prospective { .. }));
    answer_votes(&mut state, &[(2, false), (3, false)]);
    assert_eq!((state.role(), state.election()), (&Role::Unattached, elected(5, None, Some(1))));
}

#[test]
fn a_follower_that_would_not_be_elected_goes_on_following() {
    let mut state = node(3, elected(4, Some(2), None), log(&[(4, 5)]));
    let requests_before = requests(&state);
    let effects: Effects = step(&mut state, Event::Unreachable { node: NodeId(2) });
    assert_eq!(effects, [set(Timer::Fetch, 0, 30)]);
    let effects: Effects = step(&mut state, Event::Unreachable { node: NodeId(2) });
    assert!(effects.is_empty(), "the timer runs already");
    assert_eq!(requests(&state), requests_before, "it still asks its leader");
    fire(&mut state, Timer::Fetch);
    // The leader, who does not answer, counts as one that refuses.
    answer_votes(&mut state, &[(3, false)]);
    assert_eq!((state.role(), state.election()), (&Role::FOLLOWER, elected(4, Some(2), None)));
    assert_eq!(requests(&state), requests_before);
    // That another node is gone is nothing to it.
    let effects: Effects = step(&mut state, Event::Unreachable { node: NodeId(3) });
    assert!(effects.is_empty());
}

#[test]
fn pre_votes_are_refused_by_who_hears_from_its_leader_and_change_nothing() {
    let pre_vote = |epoch, last_end| {
        let Request::Vote(vote) = vote(epoch, 3, 3, last_end) else { unreachable!() };
        Request::Vote(Vote { pre_vote: true, ..vote })
    };
    let granted = |state: &mut State, request| {
        let before = state.clone();
        let effects = ask(state, request);
        assert_eq!(*state, before);
        respond(&effects).answer == Answer::Vote(VoteAnswer { granted: true })
    };
    let mut state = node(3, elected(4, Some(2), None), log(&[(3, 5)]));
    assert!(granted(&mut state, pre_vote(4, 5)), "it has not heard from its leader yet");
    assert!(!granted(&mut state, pre_vote(4, 4)), "a shorter log");
    let nothing =
        FetchAnswer { high_watermark: None, diverging: None, snapshot: None, records: None };
    answered(&mut state, nothing);
    assert!(!granted(&mut state, pre_vote(4, 5)));
    step::<u8>(&mut state, Event::Unreachable { node: NodeId(2) });
    assert!(granted(&mut state, pre_vote(4, 5)));
    // Who has voted, and who is a candidate itself, says what it would do in the epoch to come.
    assert!(granted(&mut node(3, elected(4, None, Some(2)), log(&[(3, 5)])), pre_vote(4, 5)));
    assert!(granted(&mut node(3, elected(4, None, Some(1)), log(&[(3, 5)])), pre_vote(4, 5)));
    assert!(granted(&mut node(3, elected(4, Some(1), None), log(&[(3, 5)])), pre_vote(4, 5)));
    assert!(!granted(&mut leader(), pre_vote(1, 9)));
    // A later epoch counts, as that of any message.
    let mut state = leader();
    let effects = ask(&mut state, pre_vote(6, 9));
    assert_eq!(state.election(), elected(6, None, None));
    assert_eq!(respond(&effects).answer, Answer::Vote(VoteAnswer { granted: true }));
}

/// Found on real clusters: each of these once kept a quorum without a leader for seconds.
#[test]
fn two_that_lost_their_leader_do_not_hinder_each_other() {
    let pre_vote = |candidate, last_epoch, last_end| {
        let Request::Vote(vote) = vote(4, candidate, last_epoch, last_end) else { unreachable!() };
        Request::Vote(Vote { pre_vote: true, ..vote })
    };
    let granted =
        |effects: &Effects| respond(effects).answer == Answer::Vote(VoteAnswer { granted: true });
    let lost = || {
        let mut state = node(3, elected(4, Some(2), None), log(&[(3, 5)]));
        step::<u8>(&mut state, Event::Unreachable { node: NodeId(2) });
        state
    };
    // Whoever grants waits, and whoever refuses does not, even if the leader named another first.
    let mut state = lost();
    let effects = ask(&mut state, pre_vote(3, 3, 5));
    assert!(granted(&effects) && effects.contains(&set(Timer::Fetch, 100, 200)), "{effects:?}");
    let effects = ask(&mut state, pre_vote(3, 3, 4));
    assert!(!granted(&effects) && effects.contains(&set(Timer::Fetch, 0, 30)), "{effects:?}");
}

#[test]
fn a_leader_that_resigns_names_its_successors() {
    let mut state = leader();
    ask(&mut state, Request::Fetch(fetch(1, 3, 1, 1)));
    step::<u8>(&mut state, Event::Resign);
    let said = requests(&state);
    let ids = |successors: &[i32]| successors.iter().copied().map(NodeId).collect::<Vec<_>>();
    let end = EndQuorumEpoch { epoch: Epoch(1), leader: NodeId(1), successors: ids(&[3, 2]) };
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|(_, request)| *request == Request::EndQuorumEpoch(end.clone())));
    let (from, request) = said[0].clone();
    let answer = Answer::EndQuorumEpoch;
    let (epoch, leader) = (Epoch(1), Some(NodeId(1)));
    let response = Response { epoch, leader, error: Error::None, answer };
    step::<u8>(&mut state, Event::Answered { from, request, response });
    assert_eq!(requests(&state).len(), 1, "who knows need not be told again");

    // The first campaigns at once, the others later and later, whoever is not named last.
    for (successors, ms) in [
        (&[1, 3][..], 0),
        (&[3, 1], 500),
        (&[3, 4, 5, 1], 500),
        (&[3, 4, 1, 5], 250),
        (&[3], 1000),
        (&[], 1000),
    ] {
        let mut state = node(3, elected(4, Some(2), None), log(&[(3, 5)]));
        let end =
            EndQuorumEpoch { epoch: Epoch(4), leader: NodeId(2), successors: ids(successors) };
        let effects = ask(&mut state, Request::EndQuorumEpoch(end));
        assert!(effects.contains(&set(Timer::Fetch, ms, ms)), "{successors:?}: {effects:?}");
        assert_eq!(state.role(), &Role::Follower { contact: Contact::Lost, download: None });
    }
    // Who has lost its leader already is not put off by one that knows of no successors.
    let mut state = node(3, elected(4, Some(2), None), log(&[(3, 5)]));
    step::<u8>(&mut state, Event::Unreachable { node: NodeId(2) });
    let (epoch, leader) = (Epoch(4), NodeId(2));
    let end = EndQuorumEpoch { epoch, leader, successors: Vec::new() };
    assert_eq!(ask(&mut state, Request::EndQuorumEpoch(end)).len(), 1);
    let mut state = node(3, elected(4, None, None), log(&[(3, 5)]));
    for (epoch, leader, error) in [
        (3, 2, Error::FencedLeaderEpoch),
        (5, 77, Error::InvalidRequest),
        (5, 1, Error::InvalidRequest),
    ] {
        let (epoch, leader) = (Epoch(epoch), NodeId(leader));
        let end = EndQuorumEpoch { epoch, leader, successors: Vec::new() };
        assert_eq!(respond(&ask(&mut state, Request::EndQuorumEpoch(end))).error, error);
        assert_eq!(state.election(), elected(4, None, None));
    }
}

#[test]
fn an_observer_asks_every_voter_who_leads_and_never_campaigns() {
    let observer = || Config { local: key(9), ..config(3) };
    let restored = Restored { log: log(&[]), ..Restored::default() };
    let (mut state, effects) = start::<u8>(observer(), restored).unwrap();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::SetTimer { .. })));
    let asked = |state: &State| {
        let fetches = requests(state).into_iter().map(|(to, request)| match request {
            Request::Fetch(fetch) => (to.0, fetch.may_park),
            other => panic!("{other:?}"),
        });
        fetches.collect::<Vec<_>>()
    };
    let everybody = [(1, false), (2, false), (3, false)];
    assert_eq!(asked(&state), everybody);
    let (from, request) = requests(&state).remove(0);
    let nothing = || {
        Answer::Fetch(FetchAnswer {
            high_watermark: None,
            diverging: None,
            snapshot: None,
            records: None,
        })
    };
    let response = Response {
        epoch: Epoch(4),
        leader: Some(NodeId(2)),
        error: Error::FencedLeaderEpoch,
        answer: nothing(),
    };
    step::<u8>(&mut state, Event::Answered { from, request, response });
    assert_eq!(asked(&state), [(2, false)]);
    answered(&mut state, brings(0, 2, 4, 2));
    step::<u8>(&mut state, Event::Flushed { end: Offset(2) });
    assert_eq!((state.high_watermark(), asked(&state)), (Some(Offset(2)), vec![(2, true)]));
    // A leader that says it is none, one that is gone, and one that is silent: the others are asked too.
    let (from, request) = requests(&state).remove(0);
    let error = Error::NotLeaderOrFollower;
    let (epoch, leader) = (Epoch(4), Some(NodeId(2)));
    let response = Response { epoch, leader, error, answer: nothing() };
    step::<u8>(&mut state, Event::Answered { from, request, response });
    assert_eq!(asked(&state), everybody);
    // Only the leader's answer counts, whoever else is asked the same.
    let (from, request) = requests(&state).remove(0);
    let answer = Answer::Fetch(brings(2, 1, 4, 3));
    let response = Response { epoch, leader, error: Error::None, answer };
    step::<u8>(&mut state, Event::Answered { from, request, response });
    assert_eq!(state.log().end, Offset(2));
    let (from, request) = requests(&state).remove(1);
    let response = Response { epoch, leader, error: Error::None, answer: nothing() };
    step::<u8>(&mut state, Event::Answered { from, request, response });
    assert_eq!(asked(&state), [(2, true)]);
    assert_eq!(fire(&mut state, Timer::Fetch), [set(Timer::Fetch, 2000, 2000)]);
    assert_eq!(asked(&state), everybody);
    assert_eq!(state.election(), elected(4, Some(2), None));

    // Not even one that was a candidate or led when it was a voter, and it votes for nobody.
    for (found, role) in [
        (elected(4, None, Some(9)), Role::Unattached),
        (elected(4, Some(9), None), Role::resigned()),
    ] {
        let restored = Restored { election: found, log: log(&[]), ..Restored::default() };
        let (mut state, _) = start::<u8>(observer(), restored).unwrap();
        assert_eq!(state.role(), &role, "{found:?}");
        for pre_vote in [false, true] {
            let Request::Vote(vote) = vote(5, 2, 0, 0) else { unreachable!() };
            let request = Request::Vote(Vote { pre_vote, voter: key(9), ..vote });
            let effects = ask(&mut state, request);
            assert_eq!(respond(&effects).answer, Answer::Vote(VoteAnswer { granted: false }));
        }
        assert_eq!(state.election(), elected(5, None, None));
    }
}

#[test]
fn the_last_epoch_is_no_trap() {
    let mut state = node(3, elected(i32::MAX, None, Some(2)), log(&[]));
    let effects: Effects = step(&mut state, Event::TimerFired { timer: Timer::Election });
    assert_eq!(refusals(&effects), [Refusal::LastEpoch]);
    assert_eq!(state.election(), elected(i32::MAX, None, Some(2)), "the vote stands");
}
