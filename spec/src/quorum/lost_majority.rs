//! A quorum whose majority is lost for ever goes on from one directory that is left.
//!
//! Nothing that runs may do this: who cannot reach a majority does not know whether it lives. An operator does it to a
//! directory that nobody runs on, and vouches for the one thing that no node can know: that no directory of the old voters
//! starts again, but that one. Then there is one history. What it can lose is the end of the committed log, as far as no
//! directory holds it that the operator could compare: [`holds_as_much`] says which of them is to be taken, and
//! [`loses_nothing`] whether those are enough to be sure that nothing committed is lost.
//!
//! Should an old voter start all the same, with a majority of the old voters it makes a second history: nobody can hinder
//! that. But the recovered node hears nothing that comes from there ([`Recovery::outside`]), so its own history stays whole.

use std::sync::Arc;

use super::event::{Batch, Effect, Payload, Request};
use super::log_summary::LogSummary;
use super::state::{Config, ConfigError, ElectionState, Restored, State};
use super::step::start;
use super::voters::VoterSet;
use crate::types::{DirectoryId, Epoch, NodeId, ReplicaKey, SnapshotId};

/// What makes a directory the only voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery<P> {
    /// The old voters but this one, and those of recoveries before. A node of this directory must be started with them in
    /// [`Config::outside`] from now on, and they must be on the disk before the effects are.
    pub outside: Vec<ReplicaKey>,
    /// The epoch of the record that names this replica as the only voter.
    pub epoch: Epoch,
    /// What the disk must do, in this order. Left off in the middle it is another crash of the old voter, and recovering
    /// again goes on from there.
    pub effects: Vec<Effect<P>>,
}

/// Why a directory cannot go on alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// It is no directory of this node.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is nothing to go on from.
    #[error("the metadata log has no records: there is nothing to recover")]
    Empty,
    /// No majority is lost.
    #[error("node {} is the only voter already: it needs nobody else to lead", .0.id)]
    Alone(ReplicaKey),
    /// The record names voters by their directories.
    #[error("the directory has no id, so the metadata log cannot name it as a voter")]
    NoDirectory,
    /// There is none after it.
    #[error("there is no epoch after {0}")]
    LastEpoch(Epoch),
}

/// The snapshot that takes the place of the whole log when a node starts on this, if one does: see [`start`].
pub fn replaces_log(restored: &Restored) -> Option<SnapshotId> {
    let mut log = restored.log.clone();
    log.forget_early_epochs();
    (!log.contains(log.latest)).then_some(log.latest)
}

/// Whether a log has at least as much of the history as another: then it has all that is committed in the other. The same
/// as what a vote asks for.
pub fn holds_as_much(log: &LogSummary, other: &LogSummary) -> bool {
    let more = (log.last_epoch(), log.end) >= (other.last_epoch(), other.end);
    mutant!(RecoversLongest: log.end >= other.end, else more)
}

/// How many epochs those that are lost may have begun of which no directory that is left knows, and brokers may. Voters that
/// cannot agree begin one in some seconds, for weeks if nobody looks; and 2000 recoveries leave room for more.
const UNHEARD: i32 = 1_000_000;

/// What [`recover`] has to be above, by the epochs that are known of all directories that are left.
pub fn heard(known: impl IntoIterator<Item = Epoch>) -> Epoch {
    let known = known.into_iter().max().unwrap_or_default();
    Epoch(known.0.saturating_add(UNHEARD))
}

/// Whether `epoch` can have followed on `other` without a [`recover`] in between, after which nobody may hear of it who was given up.
pub(super) fn is_near(epoch: Epoch, other: Epoch) -> bool {
    epoch.0.abs_diff(other.0) < UNHEARD as u32 / 2
}

/// What it means that some of the old voters answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// None does, as it must be.
    Nobody,
    /// No majority does, this replica included: they would go on by the old voters as soon as they can.
    Some,
    /// A majority does, this replica included: it is not lost.
    Majority,
}

/// What it means that these answer, where the replica itself does not run: each by its directory, as far as that is known. An
/// older directory of the same node is another voter.
pub fn answering(voters: &VoterSet, local: ReplicaKey, answered: &[ReplicaKey]) -> Answering {
    let others = voters.keys().filter(|key| !is_same(*key, local));
    let others = others.filter(|key| answered.iter().any(|one| is_same(*key, *one))).count();
    match others + usize::from(voters.contains(local)) {
        _ if others == 0 => Answering::Nobody,
        alive if voters.is_majority(alive) => Answering::Majority,
        _ => Answering::Some,
    }
}

/// Whether two keys may be those of one replica: an absent directory matches any (KIP-853).
fn is_same(one: ReplicaKey, other: ReplicaKey) -> bool {
    let unknown = [one, other].iter().any(|key| key.directory == DirectoryId::ABSENT);
    one.id == other.id && (unknown || one.directory == other.directory)
}

/// Whether a controller that answers, a voter or not, shows that a quorum lives of which a log with these voters has not
/// heard: it leads, or it knows of other voters. They can have been replaced one by one while this replica was down, so that
/// none of the old ones has to be left.
pub fn lives_on(voters: &VoterSet, leads: bool, named: &[ReplicaKey]) -> bool {
    leads || named.iter().any(|key| !voters.keys().any(|known| is_same(known, *key)))
}

/// Whether a log says what its voter acknowledged. An empty one is that of a directory that was formatted anew, and one of
/// which bytes were cut off as damaged may have lost them to a disk.
pub fn is_whole(log: &LogSummary, bytes_lost: u64) -> bool {
    !is_empty(log) && bytes_lost == 0
}

fn is_empty(log: &LogSummary) -> bool {
    log.end == log.start.end && log.start.is_none()
}

/// How many of the voters are among those that were compared.
pub fn count_compared(voters: &VoterSet, compared: &[ReplicaKey]) -> usize {
    let is_compared = |key: &ReplicaKey| {
        compared.iter().any(|other| other.id == key.id && voters.contains(*other))
    };
    voters.keys().filter(is_compared).count()
}

/// Whether a log that holds as much as those of all `compared`, itself among them, lacks nothing that is committed, if each
/// of them [is whole](is_whole). Each majority of static voters has one of any half of them. Voters that the log names may be others by one already, of which
/// this log does not know: only a majority of the old ones meets each majority of those.
pub fn loses_nothing(voters: &VoterSet, compared: &[ReplicaKey]) -> bool {
    let found = count_compared(voters, compared);
    let half = mutant!(ComparesHalf: true, else voters.is_fixed());
    voters.is_majority(found) || (half && 2 * found >= voters.len())
}

/// Makes the replica of `config` the only voter, from what its disk holds. The epoch is above its own and above `heard`, the
/// highest that is known of any directory that will start again: an observer may have records of the lost leaders.
pub fn recover<P>(
    config: impl Into<Arc<Config>>,
    restored: Restored,
    heard: Epoch,
) -> Result<Recovery<P>, RecoveryError> {
    let config: Arc<Config> = config.into();
    let local = config.local;
    if local.directory == DirectoryId::ABSENT {
        return Err(RecoveryError::NoDirectory);
    }
    let (state, started) = start::<P>(Arc::clone(&config), restored)?;
    let State { log, election, .. } = &state;
    if is_empty(log) {
        return Err(RecoveryError::Empty);
    }
    if state.is_alone() {
        return Err(RecoveryError::Alone(local));
    }
    let highest = election.epoch.max(heard);
    let epoch = highest.next().filter(|epoch| epoch.next().is_some());
    let epoch = epoch.ok_or(RecoveryError::LastEpoch(highest))?;
    let mut outside = config.outside.clone();
    let others = state.voters().keys().filter(|key| !config.is_local(*key));
    outside.extend(others.filter(|key| !config.outside.contains(key)));
    // Where voters were static the log does not say yet that it names them.
    let fixed = state.voters().is_fixed();
    let payload = if fixed { Payload::Upgrade } else { Payload::Voters };
    let batch = Batch {
        base_offset: log.end,
        records: if fixed { 2 } else { 1 },
        epoch,
        payload,
        voters: Some(VoterSet::of([local])),
    };
    let replaces = |effect: &Effect<P>| matches!(effect, Effect::ReplaceLog { .. });
    let mut effects: Vec<Effect<P>> = started.into_iter().filter(replaces).collect();
    let state = ElectionState { epoch, leader: None, voted: None };
    effects.push(Effect::WriteElectionState { state });
    effects.push(Effect::Append { batches: vec![batch] });
    effects.push(Effect::Flush);
    Ok(Recovery { outside, epoch, effects })
}

/// Whether a recovery ended before its record was in the log: all the other voters are given up, and vote still. The node would
/// hear none of them, and lead nothing.
pub fn is_interrupted(state: &State) -> bool {
    let mut others = state.voters().keys().filter(|key| !state.config.is_local(*key)).peekable();
    others.peek().is_some() && others.all(|key| is_outside(state, key))
}

/// Whether a node that is said to lead was given up: where a leader is named its directory is not, so it is one unless its id
/// votes again.
pub(super) fn is_lost_leader(state: &State, leader: NodeId) -> bool {
    is_outside(state, unnamed(leader))
}

/// Whether a request comes from a directory that was lost with its majority. See [`is_lost_leader`] for those that say
/// that somebody leads.
pub(super) fn is_from_outside(state: &State, request: &Request) -> bool {
    let sender = match request {
        Request::Vote(vote) => vote.candidate,
        Request::Fetch(fetch) => fetch.replica,
        Request::FetchSnapshot(fetch) => fetch.replica,
        Request::BeginQuorumEpoch(begin) => unnamed(begin.leader),
        Request::EndQuorumEpoch(end) => unnamed(end.leader),
    };
    is_outside(state, sender)
}

/// Whether a replica was given up; one that names no directory if its id votes no more.
pub(super) fn is_outside(state: &State, replica: ReplicaKey) -> bool {
    let named = replica.directory != DirectoryId::ABSENT;
    let heard = mutant!(HearsLostVoters: true, else false);
    !heard
        && state.config.outside.iter().filter(|key| key.id == replica.id).any(|key| {
            let known = key.directory != DirectoryId::ABSENT;
            if named && known {
                key.directory == replica.directory
            } else {
                !known || !state.voters().has(key.id)
            }
        })
}

fn unnamed(id: NodeId) -> ReplicaKey {
    ReplicaKey { id, directory: DirectoryId::ABSENT }
}

#[cfg(test)]
mod tests {
    use super::super::log_summary::EpochStart;
    use super::*;
    use crate::types::{Offset, Uuid};

    fn key(id: i32) -> ReplicaKey {
        ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([id as u8; 16])) }
    }

    fn named(count: i32) -> VoterSet {
        VoterSet::of((1..=count).map(key))
    }

    #[test]
    fn a_log_that_a_snapshot_replaces() {
        let snapshot = SnapshotId { end: Offset(5), epoch: Epoch(2) };
        let log = |end, epoch| LogSummary {
            latest: snapshot,
            end: Offset(end),
            epochs: vec![EpochStart { epoch: Epoch(epoch), start: Offset(0) }],
            ..LogSummary::default()
        };
        let replaced = |log| replaces_log(&Restored { log, ..Restored::default() });
        assert_eq!(replaced(log(5, 2)), None);
        assert_eq!(replaced(log(4, 2)), Some(snapshot));
        assert_eq!(replaced(log(9, 1)), Some(snapshot));
        let after = LogSummary { start: snapshot, ..log(9, 2) };
        assert_eq!(replaced(after), None);
    }

    fn fixed(count: i32) -> VoterSet {
        VoterSet::fixed((1..=count).map(NodeId))
    }

    #[test]
    fn who_answers() {
        let answers = |voters: &VoterSet, ids: &[i32]| {
            let keys: Vec<ReplicaKey> = ids.iter().copied().map(key).collect();
            answering(voters, key(1), &keys)
        };
        for voters in [named(5), fixed(5)] {
            assert_eq!(answers(&voters, &[]), Answering::Nobody);
            // Neither itself nor who is no voter.
            assert_eq!(answers(&voters, &[1, 9]), Answering::Nobody);
            assert_eq!(answers(&voters, &[2]), Answering::Some);
            assert_eq!(answers(&voters, &[2, 2, 9]), Answering::Some);
            assert_eq!(answers(&voters, &[2, 5]), Answering::Majority);
        }
        // A directory that does not vote counts for nothing.
        let others = VoterSet::of([key(2), key(3), key(4)]);
        assert_eq!(answers(&others, &[2]), Answering::Some);
        assert_eq!(answers(&others, &[2, 4]), Answering::Majority);
        assert_eq!(answers(&fixed(2), &[2]), Answering::Majority);
        // Stock nodes say just which node they are.
        assert_eq!(answering(&named(3), key(1), &[unnamed(NodeId(2))]), Answering::Majority);
    }

    #[test]
    fn the_old_directory_of_the_same_node_answers() {
        let [new, other] = [8, 9].map(|directory| ReplicaKey { id: NodeId(1), ..key(directory) });
        let answers = |keys: &[ReplicaKey]| answering(&named(3), new, keys);
        assert_eq!(answers(&[key(1)]), Answering::Some);
        assert_eq!(answers(&[key(1), key(2)]), Answering::Majority);
        assert_eq!(answers(&[other]), Answering::Nobody);
        assert_eq!(answering(&fixed(3), new, &[key(1)]), Answering::Nobody);
    }

    #[test]
    fn a_quorum_that_the_log_has_not_heard_of() {
        for voters in [named(3), fixed(3)] {
            assert!(!lives_on(&voters, false, &[]));
            assert!(!lives_on(&voters, false, &[key(1), key(3), unnamed(NodeId(2))]));
            assert!(lives_on(&voters, true, &[]));
            assert!(lives_on(&voters, false, &[key(1), key(4)]));
            assert!(lives_on(&voters, false, &[unnamed(NodeId(4))]));
        }
        let anew = ReplicaKey { id: NodeId(2), ..key(9) };
        assert!(lives_on(&named(3), false, &[key(1), anew]));
    }

    #[test]
    fn a_log_that_does_not_say_what_its_voter_had() {
        let log = LogSummary { end: Offset(1), ..LogSummary::default() };
        assert!(is_whole(&log, 0) && !is_whole(&log, 1));
        assert!(!is_whole(&LogSummary::default(), 0));
        let start = SnapshotId { end: Offset(5), epoch: Epoch(2) };
        assert!(is_whole(&LogSummary { start, end: Offset(5), ..LogSummary::default() }, 0));
    }

    #[test]
    fn what_half_of_the_voters_hold() {
        let compared = |count: i32| (1..=count).map(key).collect::<Vec<_>>();
        for (voters, enough) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)] {
            assert!(loses_nothing(&fixed(voters), &compared(enough)), "{enough} of {voters}");
            assert!(!loses_nothing(&fixed(voters), &compared(enough - 1)), "{enough} of {voters}");
        }
        for (voters, enough) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
            assert!(loses_nothing(&named(voters), &compared(enough)), "{enough} of {voters}");
            assert!(!loses_nothing(&named(voters), &compared(enough - 1)), "{enough} of {voters}");
        }
        assert_eq!(count_compared(&named(3), &compared(2)), 2);
        // One that is compared twice, one that does not vote, and another directory.
        let other = ReplicaKey { directory: key(9).directory, ..key(2) };
        assert!(!loses_nothing(&named(3), &[key(1), key(1), key(9), other]));
    }

    #[test]
    fn epochs_that_nobody_knows() {
        assert_eq!(heard([Epoch(3), Epoch(7)]), Epoch(1_000_007));
        assert_eq!(heard([Epoch(i32::MAX - 2)]), Epoch(i32::MAX));
    }
}
