//! Changes of the voters, until they are committed or there is another leader.

use std::slice;

use kraftig_spec::quorum::{self, Event, VoterChange, VoterChangeError, VoterSet};
use kraftig_spec::types::Offset;
use tokio::sync::oneshot;

use super::super::voters::MOST_VOTERS_BYTES;
use super::super::{Acknowledge, ChangeError, ChangeVoters};
use super::{Driver, QuorumError, World};

/// Tells what became of a change.
pub(in super::super) type ChangeReply = oneshot::Sender<Result<(), ChangeError>>;

/// A change of the voters that is not committed yet.
pub(super) struct Change {
    /// The end of the batch that names them.
    end: Offset,
    reply: ChangeReply,
}

impl<W: World> Driver<W> {
    /// Changes the voters by one, if this node leads and the core lets it. Gives the end of the log then.
    pub(in super::super) fn change_voters(
        &mut self,
        change: ChangeVoters,
        when: Acknowledge,
        reply: ChangeReply,
    ) -> Result<Option<Offset>, QuorumError> {
        self.has_room_for(MOST_VOTERS_BYTES)?;
        // Whoever asked may be gone.
        match self.may_change_voters(&change) {
            Err(error @ ChangeError::TooLarge) => {
                let _ = reply.send(Err(error));
                return Ok(None);
            }
            Ok(()) if self.is_said(&change) => {
                let _ = reply.send(Ok(()));
                return Ok(None);
            }
            _ => {}
        }
        let by = |change| Event::ChangeVoters { change };
        let (event, voters) = match change {
            ChangeVoters::Add(voter) => {
                let key = voter.replica;
                let told = self.replicas.get(key);
                let end = told.and_then(|told| told.caught_up).unwrap_or_default();
                (by(VoterChange::Add { key, end }), vec![voter])
            }
            ChangeVoters::Remove(key) => (by(VoterChange::Remove(key)), Vec::new()),
            ChangeVoters::Update(voter) => (by(VoterChange::Update(voter.replica)), vec![voter]),
            ChangeVoters::Upgrade(voters) => {
                let keys = VoterSet::of(voters.iter().map(|voter| voter.replica));
                (Event::UpgradeVoters { voters: keys }, voters)
            }
        };
        self.storage.set_changed(voters);
        let outcome = self.step(event)?;
        self.storage.set_changed(Vec::new());
        let end = self.state.log().end;
        let is_appended = outcome.voters_refused.is_none();
        // Whoever asked may be gone.
        match (outcome.voters_refused, when) {
            (Some(error), _) => drop(reply.send(Err(error.into()))),
            (None, Acknowledge::Appended) => drop(reply.send(Ok(()))),
            (None, Acknowledge::Committed) => self.changes.push(Change { end, reply }),
        }
        Ok(is_appended.then_some(end))
    }

    /// Whether this node could change the voters now, if a new one has caught up: the core lets it, and all could read it.
    pub(in super::super) fn may_change_voters(
        &self,
        change: &ChangeVoters,
    ) -> Result<(), ChangeError> {
        let changed = |change| quorum::changed_voters(&self.state, change);
        let (keys, said) = match change {
            ChangeVoters::Add(voter) => {
                let end = Offset(i64::MAX);
                (changed(VoterChange::Add { key: voter.replica, end })?, slice::from_ref(voter))
            }
            // What is left was in a record before.
            ChangeVoters::Remove(key) => return Ok(changed(VoterChange::Remove(*key)).map(drop)?),
            ChangeVoters::Update(voter) => {
                (changed(VoterChange::Update(voter.replica))?, slice::from_ref(voter))
            }
            ChangeVoters::Upgrade(voters) => {
                let keys = VoterSet::of(voters.iter().map(|voter| voter.replica));
                quorum::may_upgrade(&self.state, &keys)?;
                (keys, &voters[..])
            }
        };
        if self.storage.can_name(&keys, said) { Ok(()) } else { Err(ChangeError::TooLarge) }
    }

    /// Whether the log says it already. A follower whose answer was lost asks again; stock Kafka appends the same once more, and
    /// lets no other change be until that is committed.
    fn is_said(&self, change: &ChangeVoters) -> bool {
        let ChangeVoters::Update(voter) = change else { return false };
        self.storage.voters().get(voter.replica.id).is_some_and(|known| known.is_as(voter))
    }

    /// Everything before `to` is committed.
    pub(super) fn answer_changes(&mut self, to: Offset) {
        for change in self.changes.extract_if(.., |change| change.end <= to) {
            let _ = change.reply.send(Ok(()));
        }
    }

    /// This node leads no longer: others will know.
    pub(super) fn fail_changes(&mut self) {
        for change in self.changes.drain(..) {
            let _ = change.reply.send(Err(VoterChangeError::NotLeaderOrFollower.into()));
        }
    }
}
