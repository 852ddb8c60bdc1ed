//! Who votes: a set that the log itself may change (KIP-853).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{Effect, Payload, Timer, VoterChange};
use super::lost_majority::is_outside;
use super::state::{Role, State};
use super::step::Step;
use crate::types::{DirectoryId, NodeId, Offset, ReplicaKey};

/// The voters, each with the directory that votes. With static voters (kraft.version 0) no directory is known, and each
/// matches any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<ReplicaKey>", into = "Vec<ReplicaKey>")]
pub struct VoterSet(BTreeMap<NodeId, DirectoryId>);

/// As they stand in a trace: keys of JSON are strings, which do not come back as numbers from within a tagged record.
impl From<Vec<ReplicaKey>> for VoterSet {
    fn from(keys: Vec<ReplicaKey>) -> Self {
        Self::of(keys)
    }
}

impl From<VoterSet> for Vec<ReplicaKey> {
    fn from(voters: VoterSet) -> Self {
        voters.keys().collect()
    }
}

impl FromIterator<NodeId> for VoterSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(ids: I) -> Self {
        Self::fixed(ids)
    }
}

impl<const N: usize> From<[NodeId; N]> for VoterSet {
    fn from(ids: [NodeId; N]) -> Self {
        Self::fixed(ids)
    }
}

/// The voters from a place in a log on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VotersAt {
    /// The end of the batch that names them, or of the snapshot that does; 0 for those that a directory was formatted with.
    pub end: Offset,
    /// They.
    pub voters: VoterSet,
}

impl VoterSet {
    /// Voters whose directories nobody knows (`controller.quorum.voters`).
    pub fn fixed(ids: impl IntoIterator<Item = NodeId>) -> Self {
        Self(ids.into_iter().map(|id| (id, DirectoryId::ABSENT)).collect())
    }

    /// Voters with their directories.
    pub fn of(keys: impl IntoIterator<Item = ReplicaKey>) -> Self {
        Self(keys.into_iter().map(|key| (key.id, key.directory)).collect())
    }

    /// Their ids, ascending.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied()
    }

    /// Each with its directory, ascending by id.
    pub fn keys(&self) -> impl Iterator<Item = ReplicaKey> {
        self.0.iter().map(|(id, directory)| ReplicaKey { id: *id, directory: *directory })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: then nobody knows them yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a node of that id votes, whatever its directory.
    pub fn has(&self, id: NodeId) -> bool {
        self.0.contains_key(&id)
    }

    /// Whether that replica votes.
    pub fn contains(&self, key: ReplicaKey) -> bool {
        let matches =
            |known: &DirectoryId| *known == DirectoryId::ABSENT || *known == key.directory;
        self.0.get(&key.id).is_some_and(matches)
    }

    /// The voter of that id; an absent directory where it is not known.
    pub fn key(&self, id: NodeId) -> ReplicaKey {
        let directory = self.0.get(&id).copied().unwrap_or(DirectoryId::ABSENT);
        ReplicaKey { id, directory }
    }

    /// Whether so many of them are more than half.
    pub fn is_majority(&self, nodes: usize) -> bool {
        mutant!(HalfIsMajority: nodes >= self.len() / 2, else nodes > self.len() / 2)
    }

    /// Whether there are some and no directory is known: voters that only their configuration names.
    pub fn is_fixed(&self) -> bool {
        !self.is_empty() && self.0.values().all(|directory| *directory == DirectoryId::ABSENT)
    }

    /// The same voters, and one that may be of another directory than before.
    #[must_use]
    pub fn with(&self, key: ReplicaKey) -> Self {
        let mut voters = self.0.clone();
        voters.insert(key.id, key.directory);
        Self(voters)
    }

    /// The same voters without that of this id.
    #[must_use]
    pub fn without(&self, id: NodeId) -> Self {
        let mut voters = self.0.clone();
        voters.remove(&id);
        Self(voters)
    }
}

/// Why the voters are not changed. The names are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VoterChangeError {
    /// 6: this node does not lead.
    NotLeaderOrFollower,
    /// 7: nothing of this epoch is committed yet.
    HighWatermarkUnknown,
    /// 7: the last change is not committed yet.
    ChangeUncommitted,
    /// 7: who is to be added has not caught up.
    Lagging,
    /// 7: it was appended, and who waited for its commit has waited too long.
    RequestTimedOut,
    /// 35: voters are static (kraft.version 0).
    UnsupportedVersion,
    /// 126: a node of that id votes already.
    DuplicateVoter,
    /// 127: no such replica votes, or it is the last one.
    VoterNotFound,
    /// 42: the directory was given up when its majority was lost, and holds another history.
    LostVoter,
    /// 95: the directories of the static voters are not all known, so the log cannot name them.
    DirectoriesUnknown,
}

/// The voters after a change, if it may be made now: one at a time, and only after an entry of the leader's own epoch is
/// committed (Ongaro 2015; KAFKA-16535).
pub fn changed_voters(state: &State, change: VoterChange) -> Result<VoterSet, VoterChangeError> {
    let (voters, epoch_start) = changeable(state)?;
    if voters.is_fixed() {
        return Err(VoterChangeError::UnsupportedVersion);
    }
    match change {
        VoterChange::Add { key, .. } if mutant!(AddReplacesDirectory: voters.contains(key), else voters.has(key.id)) => {
            Err(VoterChangeError::DuplicateVoter)
        }
        VoterChange::Add { key, .. } if is_outside(state, key) => Err(VoterChangeError::LostVoter),
        // As in Kafka it must have had all at some time in this epoch, of which there is `LeaderChange` at least.
        VoterChange::Add { end, .. } if end <= epoch_start => Err(VoterChangeError::Lagging),
        VoterChange::Add { key, .. } => Ok(voters.with(key)),
        VoterChange::Update(key) if voters.keys().any(|known| known == key) => Ok(voters.clone()),
        VoterChange::Update(_) => Err(VoterChangeError::VoterNotFound),
        VoterChange::Remove(key)
            if !voters.keys().any(|known| known == key) || voters.len() == 1 =>
        {
            Err(VoterChangeError::VoterNotFound)
        }
        VoterChange::Remove(key) => Ok(voters.without(key.id)),
    }
}

/// Whether the log may name the voters from now on, where only the configuration did (`kraft.version` 0 to 1): these are the
/// same nodes, each with its directory.
pub fn may_upgrade(state: &State, named: &VoterSet) -> Result<(), VoterChangeError> {
    let (voters, _) = changeable(state)?;
    if !voters.is_fixed() {
        return Err(VoterChangeError::DuplicateVoter);
    }
    let known = named.keys().all(|key| key.directory != DirectoryId::ABSENT);
    if known && named.ids().eq(voters.ids()) && named.contains(state.config.local) {
        Ok(())
    } else {
        Err(VoterChangeError::DirectoriesUnknown)
    }
}

/// The voters, if a leader may change them now, and where its epoch began.
fn changeable(state: &State) -> Result<(&VoterSet, Offset), VoterChangeError> {
    let State { role: Role::Leader { epoch_start, .. }, log, high_watermark, .. } = state else {
        return Err(VoterChangeError::NotLeaderOrFollower);
    };
    if mutant!(ChangesBeforeCommit: false, else high_watermark.is_none()) {
        return Err(VoterChangeError::HighWatermarkUnknown);
    }
    let last = log.voters.last().map_or(Offset::ZERO, |last| last.end);
    let committed = |to: &Offset| last <= *to;
    if mutant!(ChangesTwice: false, else !high_watermark.as_ref().is_none_or(committed)) {
        return Err(VoterChangeError::ChangeUncommitted);
    }
    Ok((state.voters(), *epoch_start))
}

impl<P> Step<'_, P> {
    /// Appends the record of a change. It takes effect at once, and is undone where the record is cut off.
    pub(super) fn change_voters(&mut self, change: VoterChange) {
        match changed_voters(self.state, change) {
            Ok(voters) => self.name_voters(voters, Payload::Voters),
            Err(error) => self.effects.push(Effect::RefuseVoters { error }),
        }
    }

    /// Appends the record that names the voters for the first time.
    pub(super) fn upgrade_voters(&mut self, voters: VoterSet) {
        match may_upgrade(self.state, &voters) {
            Ok(()) => self.name_voters(voters, Payload::Upgrade),
            Err(error) => self.effects.push(Effect::RefuseVoters { error }),
        }
    }

    fn name_voters(&mut self, voters: VoterSet, payload: Payload<P>) {
        let (epoch, was_alone) = (self.state.election.epoch, self.state.is_alone());
        self.append_naming(epoch, Some(voters), payload);
        for timer in [Timer::CheckQuorum, Timer::BeginQuorumEpoch] {
            match (was_alone, self.state.is_alone()) {
                (false, true) => self.effects.push(Effect::CancelTimer { timer }),
                (true, false) => self.set_timer(timer),
                _ => {}
            }
        }
        self.effects.push(Effect::Flush);
        self.effects.push(Effect::WakeParked);
        self.advance_leader_high_watermark();
    }

    /// A leader whose removal is committed has nothing to lead any more.
    pub(super) fn resign_if_removed(&mut self) {
        let State { config, log, high_watermark, role: Role::Leader { .. }, .. } = &*self.state
        else {
            return;
        };
        let removed = !self.state.voters().contains(config.local);
        let at = log.voters.last().map_or(Offset::ZERO, |last| last.end);
        if removed && high_watermark.is_some_and(|to| to >= at) {
            self.resign();
        }
    }
}
