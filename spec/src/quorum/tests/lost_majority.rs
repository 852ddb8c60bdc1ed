//! A directory that goes on alone.

use super::*;
use crate::quorum::{
    Recovery, RecoveryError, VoterSet, VotersAt, holds_as_much, is_interrupted, recover,
};
use crate::types::Uuid;

fn on(id: i32, directory: u8) -> ReplicaKey {
    ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([directory; 16])) }
}

fn configured(voters: VoterSet, outside: Vec<ReplicaKey>) -> Config {
    Config { local: on(1, 1), voters, bootstrap: vec![NodeId(-2)], outside, ..config(0) }
}

/// Two records of epoch 3, behind one that names these voters; epoch 5 was heard of.
fn found(voters: &[ReplicaKey]) -> Restored {
    let mut log = log(&[(1, 1), (3, 2)]);
    if !voters.is_empty() {
        let voters = VoterSet::of(voters.iter().copied());
        log.voters.push(VotersAt { end: Offset(1), voters });
    }
    Restored { election: elected(5, Some(2), None), log, ..Restored::default() }
}

fn dynamic(voters: &[ReplicaKey]) -> Result<Recovery<u8>, RecoveryError> {
    recover(configured(VoterSet::default(), Vec::new()), found(voters), Epoch(0))
}

#[test]
fn a_directory_becomes_the_only_voter_in_a_new_epoch() {
    let recovery = dynamic(&[on(1, 1), on(2, 2), on(3, 3)]).unwrap();
    let batch = Batch {
        base_offset: Offset(3),
        records: 1,
        epoch: Epoch(6),
        payload: Payload::Voters,
        voters: Some(VoterSet::of([on(1, 1)])),
    };
    let state = elected(6, None, None);
    assert_eq!(recovery.epoch, Epoch(6));
    assert_eq!(recovery.outside, [on(2, 2), on(3, 3)]);
    let expected = [
        Effect::WriteElectionState { state },
        Effect::Append { batches: vec![batch] },
        Effect::Flush,
    ];
    assert_eq!(recovery.effects, expected);
}

#[test]
fn static_voters_are_named_with_the_version_that_allows_it() {
    let voters = VoterSet::fixed([1, 2, 3].map(NodeId));
    let recovery = recover::<u8>(configured(voters, Vec::new()), found(&[]), Epoch(0)).unwrap();
    let [_, Effect::Append { batches }, _] = &recovery.effects[..] else { panic!("an append") };
    assert_eq!((batches[0].records, &batches[0].payload), (2, &Payload::Upgrade));
    assert_eq!(recovery.outside, [key(2), key(3)]);
}

#[test]
fn the_epoch_is_above_all_that_was_heard_of() {
    let voters = [on(1, 1), on(2, 2), on(3, 3)];
    let at = |heard| {
        let config = configured(VoterSet::default(), Vec::new());
        recover::<u8>(config, found(&voters), Epoch(heard)).map(|recovery| recovery.epoch)
    };
    assert_eq!(at(4), Ok(Epoch(6)));
    assert_eq!(at(1005), Ok(Epoch(1006)));
    assert_eq!(at(i32::MAX - 1), Err(RecoveryError::LastEpoch(Epoch(i32::MAX - 1))));
}

#[test]
fn who_was_given_up_before_stays_outside() {
    let config = configured(VoterSet::default(), vec![on(3, 3), on(4, 4)]);
    let voters = [on(1, 1), on(2, 2), on(3, 3)];
    let recovery = recover::<u8>(config, found(&voters), Epoch(0)).unwrap();
    assert_eq!(recovery.outside, [on(3, 3), on(4, 4), on(2, 2)]);
}

/// The disk ended it between the file and the record.
#[test]
fn a_recovery_that_did_not_come_to_its_end() {
    let interrupted = |voters: &[ReplicaKey], outside: &[ReplicaKey]| {
        let config = configured(VoterSet::default(), outside.to_vec());
        is_interrupted(&start::<u8>(config, found(voters)).unwrap().0)
    };
    let old = [on(1, 1), on(2, 2), on(3, 3)];
    assert!(interrupted(&old, &old[1..]));
    assert!(interrupted(&old[1..], &old[1..]), "an observer's directory");
    assert!(!interrupted(&old, &[]));
    assert!(!interrupted(&[on(1, 1)], &old[1..]));
    assert!(!interrupted(&[on(1, 1), on(2, 9), on(3, 8)], &old[1..]), "they were formatted anew");
    let config = configured(VoterSet::fixed([1, 2, 3].map(NodeId)), vec![key(2), key(3)]);
    assert!(is_interrupted(&start::<u8>(config, found(&[])).unwrap().0));
}

#[test]
fn what_needs_no_recovery_or_allows_none_is_refused() {
    assert_eq!(dynamic(&[on(1, 1)]), Err(RecoveryError::Alone(on(1, 1))));
    let config = configured(VoterSet::default(), Vec::new());
    let empty = recover::<u8>(config.clone(), Restored::default(), Epoch(0));
    assert_eq!(empty, Err(RecoveryError::Empty));
    let nameless = Config { local: key(1), ..config };
    let refused = recover::<u8>(nameless, found(&[on(1, 1)]), Epoch(0));
    assert_eq!(refused, Err(RecoveryError::NoDirectory));
}

/// Voter 2 is gone; its id votes again on another directory.
#[test]
fn lost_voters_are_not_heard() {
    let mut restored = found(&[on(1, 1), on(2, 9)]);
    restored.election = elected(5, None, Some(1));
    let config = configured(VoterSet::default(), vec![on(2, 2), on(3, 3)]);
    let (mut state, _) = start::<u8>(config, restored).unwrap();
    let asked = |candidate| {
        let Request::Vote(vote) = vote(9, 0, 8, 100) else { unreachable!() };
        Request::Vote(Vote { candidate, voter: on(1, 1), ..vote })
    };
    for (request, lost) in [
        (asked(on(2, 2)), true),
        (asked(on(3, 3)), true),
        (begin(9, 3), true),
        (
            Request::EndQuorumEpoch(EndQuorumEpoch {
                epoch: Epoch(9),
                leader: NodeId(3),
                successors: vec![],
            }),
            true,
        ),
        (Request::Fetch(Fetch { replica: on(3, 3), ..fetch(9, 0, 3, 3) }), true),
        // A leader is named without its directory: it may be the voter of today.
        (begin(5, 2), false),
        (asked(on(2, 9)), false),
        (asked(on(4, 4)), false),
    ] {
        let before = state.election();
        let effects = ask(&mut state, request.clone());
        assert_eq!(refusals(&effects) == [Refusal::LostVoter], lost, "{request:?}");
        if lost {
            assert_eq!(state.election(), before, "{request:?}");
            // They would make the next epoch, and so would this node.
            let Response { epoch, leader, .. } = respond(&effects);
            assert_eq!((*epoch, *leader), (Epoch(0), None), "{request:?}");
        }
    }
}

/// Who gives no directory, or whose is not known, is taken for lost unless its id votes again.
#[test]
fn an_id_without_a_directory_is_outside_as_a_whole() {
    let config = configured(VoterSet::default(), vec![key(2), on(3, 3)]);
    let (mut state, _) = start::<u8>(config, found(&[on(1, 1), on(3, 9)])).unwrap();
    for (replica, lost) in [(on(2, 7), true), (key(2), true), (key(3), false), (on(3, 3), true)] {
        let request = Request::Fetch(Fetch { replica, ..fetch(5, 0, 3, 3) });
        let refused = refusals(&ask(&mut state, request)) == [Refusal::LostVoter];
        assert_eq!(refused, lost, "{replica:?}");
    }
}

#[test]
fn the_later_epoch_holds_more_and_then_the_longer_log() {
    let logs = [log(&[(1, 9)]), log(&[(1, 1), (2, 1)]), log(&[(1, 1), (2, 2)])];
    for (place, one) in logs.iter().enumerate() {
        for (other, two) in logs.iter().enumerate() {
            assert_eq!(holds_as_much(one, two), place >= other);
        }
    }
}
