//! Elections and the changes of role.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{
    Answer, BeginQuorumEpoch, Effect, EndQuorumEpoch, Error, Payload, Refusal, Timer, Vote,
    VoteAnswer,
};
use super::lost_majority::is_lost_leader;
#[cfg(feature = "mutants")]
use super::mutant;
use super::state::{Contact, ElectionState, Role, State};
use super::step::Step;
use crate::types::{Epoch, NodeId, Offset};

/// How long a voter that cannot reach its leader waits at most before it campaigns, for each voter: as little as gives
/// one of them a good chance to be alone.
const FAILOVER_DELAY_MS: u64 = 10;
/// A candidate that lost tries again within this time, for each voter, if
/// `controller.quorum.election.backoff.max.ms` is not less.
const ELECTION_BACKOFF_MS: u64 = 50;

impl<P> Step<'_, P> {
    pub(super) fn vote_requested(&mut self, vote: &Vote) {
        // The epoch of a pre-vote is one that may have records.
        let last_epoch_fits =
            vote.last_epoch < vote.epoch || vote.pre_vote && vote.last_epoch == vote.epoch;
        let malformed = vote.last_end.0 < 0
            || vote.last_epoch.0 < 0
            || !last_epoch_fits
            || vote.epoch.next().is_none();
        if malformed {
            return self.refuse_vote(Refusal::MalformedRequest);
        }
        if vote.epoch < self.state.election.epoch {
            return self.respond_vote(Error::FencedLeaderEpoch, false);
        }
        let voters = self.state.voters();
        let is_other = vote.candidate.id != self.state.config.local.id;
        let voters_only = mutant!(RefusesUnknownCandidates: true, else voters.is_fixed());
        if !is_other || voters_only && !voters.has(vote.candidate.id) {
            // Where voters are static nobody else can lead. Apache Kafka adopts the epoch even so, and lets any message
            // depose its leader.
            return self.refuse_vote(Refusal::ImpossibleCandidate);
        }
        if vote.epoch > self.state.election.epoch {
            self.become_unattached(vote.epoch);
        }
        let config = &self.state.config;
        let for_me = mutant!(IgnoresDirectory:
            vote.voter.id == config.local.id, else config.is_local(vote.voter));
        if !for_me {
            return self.respond_vote(Error::InvalidVoterKey, false);
        }
        // Who does not know yet that it votes must vote all the same: else an election could wait for it for ever.
        let others_vote =
            mutant!(ObserversRefuseVotes: false, else !self.state.voters().is_fixed());
        let may_vote = self.state.is_voter() || others_vote;
        let granted =
            may_vote && if vote.pre_vote { self.grants_pre_vote(vote) } else { self.grants(vote) };
        let records = mutant!(RecordsPreVotes: true, else !vote.pre_vote);
        if granted && records && self.state.election.voted != Some(vote.candidate) {
            self.state.election.voted = Some(vote.candidate);
            self.set_timer(Timer::Election);
        }
        self.respond_vote(Error::None, granted);
    }

    /// Only a node that follows nobody votes, at most once in an epoch, and never for a log that is
    /// behind its own.
    fn grants(&self, vote: &Vote) -> bool {
        let State { role, election, .. } = &*self.state;
        match (role, election.voted, election.leader) {
            (Role::Unattached | Role::Prospective { .. }, None, None) => self.is_up_to_date(vote),
            // The answer was lost, and the candidate asks again. Its log is what it was: it was flushed.
            (Role::Unattached | Role::Prospective { .. }, Some(voted), None) => {
                mutant!(GrantsTwice: true, else voted == vote.candidate)
            }
            _ => false,
        }
    }

    /// Whether this node would vote for that log in an epoch to come. Whoever hears from its leader would not: a node
    /// that is cut off must not depose it.
    fn grants_pre_vote(&mut self, vote: &Vote) -> bool {
        let up_to_date = self.is_up_to_date(vote);
        let granted = mutant!(RefusesWithoutLeader:
            up_to_date && !matches!(self.state.role, Role::Follower { .. }), else up_to_date);
        match self.state.role {
            Role::Leader { .. } | Role::Follower { contact: Contact::Fetched, .. } => return false,
            Role::Follower { contact: Contact::Lost, .. } => {
                // Where the other may win it is first: two that campaign at once would both lose. Where its log is behind
                // this one, it is this node's turn, whoever the leader thought was ahead.
                let patience = self.state.config.timeouts.election_ms / 10;
                let (min_ms, max_ms) =
                    if granted { (patience, patience * 2) } else { (0, self.failover_delay_ms()) };
                self.effects.push(Effect::SetTimer { timer: Timer::Fetch, min_ms, max_ms });
            }
            _ => {}
        }
        granted
    }

    fn is_up_to_date(&self, vote: &Vote) -> bool {
        let log = &self.state.log;
        let up_to_date = (vote.last_epoch, vote.last_end) >= (log.last_epoch(), log.end);
        mutant!(VoteIgnoresLog: true, else up_to_date)
    }

    pub(super) fn begin_requested(&mut self, begin: &BeginQuorumEpoch) {
        let State { config, election, .. } = &*self.state;
        if mutant!(ObeysFormerEpoch: false, else begin.epoch < election.epoch) {
            return self.respond_begin(Error::FencedLeaderEpoch);
        }
        if let Some(refusal) = self.unbelievable(begin.epoch, begin.leader, false) {
            self.effects.push(Effect::Refuse { refusal });
            return self.respond_begin(Error::InvalidRequest);
        }
        let for_me = config.is_local(begin.voter);
        if begin.epoch > election.epoch || election.leader.is_none() {
            self.become_follower(begin.epoch, begin.leader);
        }
        self.respond_begin(if for_me { Error::None } else { Error::InvalidVoterKey });
    }

    pub(super) fn end_requested(&mut self, end: &EndQuorumEpoch) {
        let State { config, election, .. } = &*self.state;
        let (local, max_ms) = (config.local.id, config.timeouts.election_backoff_max_ms);
        if end.epoch < election.epoch {
            return self.respond_end(Error::FencedLeaderEpoch);
        }
        if let Some(refusal) = self.unbelievable(end.epoch, end.leader, false) {
            self.effects.push(Effect::Refuse { refusal });
            return self.respond_end(Error::InvalidRequest);
        }
        if end.epoch > election.epoch || election.leader.is_none() {
            self.become_follower(end.epoch, end.leader);
        }
        if let Role::Follower { contact, download } = &mut self.state.role {
            *download = None;
            // Whoever still refused pre-votes would keep the successor from its election (KAFKA-20895).
            let knew = std::mem::replace(contact, Contact::Lost) == Contact::Lost;
            let place = end.successors.iter().position(|id| *id == local);
            // Who is about to campaign anyway is put off only by who knows of better successors.
            if self.state.is_voter() && !(knew && place.is_none()) {
                // The first goes at once; each further one gives those before it twice the time.
                let ms = match place {
                    Some(0) => 0,
                    Some(place) => {
                        let first = max_ms.checked_shr(end.successors.len() as u32 - 1);
                        let doubled = 1u64.checked_shl(place as u32 - 1);
                        let ms = first.zip(doubled).and_then(|(ms, times)| ms.checked_mul(times));
                        ms.unwrap_or(max_ms).min(max_ms)
                    }
                    None => max_ms,
                };
                let timer = Timer::Fetch;
                self.effects.push(Effect::SetTimer { timer, min_ms: ms, max_ms: ms });
            }
        }
        self.respond_end(Error::None);
    }

    /// `node` is gone, or says that it leads no longer. If it is the leader whom this node follows, its successor is
    /// not kept waiting.
    pub(super) fn doubt(&mut self, node: NodeId) {
        let is_voter = self.state.is_voter();
        let State { election, role, .. } = &mut *self.state;
        if let Role::Follower { contact, download } = role
            && *contact != Contact::Lost
            && election.leader == Some(node)
        {
            (*contact, *download) = (Contact::Lost, None);
            if is_voter {
                let max_ms = self.failover_delay_ms();
                self.effects.push(Effect::SetTimer { timer: Timer::Fetch, min_ms: 0, max_ms });
            }
        }
    }

    pub(super) fn failover_delay_ms(&self) -> u64 {
        FAILOVER_DELAY_MS * self.state.voters().len() as u64
    }

    /// Why no node can lead `epoch` that is said to, judged by what this node knows. Apache Kafka stops
    /// the process here, so that one message ends it; it is the message that is wrong. Whom this node `asked` may know more:
    /// that the log names the voters by now, another leader among them.
    pub(super) fn unbelievable(
        &self,
        epoch: Epoch,
        leader: NodeId,
        asked: bool,
    ) -> Option<Refusal> {
        let State { config, election, .. } = &*self.state;
        let voters = self.state.voters();
        if is_lost_leader(self.state, leader) {
            Some(Refusal::LostVoter)
        } else if epoch.next().is_none() {
            Some(Refusal::LastEpoch)
        } else if epoch == election.epoch && election.leader.is_some_and(|known| known != leader) {
            Some(Refusal::ContradictingLeader)
        } else if voters.is_fixed() && !voters.has(leader) && !asked
            || (leader == config.local.id && election.leader != Some(leader))
            || (leader == config.local.id && epoch > election.epoch)
        {
            Some(Refusal::ImpossibleLeader)
        } else {
            None
        }
    }

    pub(super) fn vote_answered(&mut self, from: NodeId, answer: VoteAnswer) {
        let State { role, config, election, log, .. } = &mut *self.state;
        let voters = log.voters.last().map_or(&config.voters, |last| &last.voters);
        let pre_vote = matches!(role, Role::Prospective { .. });
        let (Role::Prospective { granted, refused } | Role::Candidate { granted, refused }) = role
        else {
            return;
        };
        if answer.granted {
            granted.insert(from);
            return self.go_on_if_elected();
        }
        refused.insert(from);
        if pre_vote {
            // A leader that lives refuses, and one that is gone will not answer.
            let against = |id: &NodeId| refused.contains(id) || election.leader == Some(*id);
            let possible = voters.ids().filter(|id| granted.contains(id) || !against(id));
            if !voters.is_majority(possible.count()) {
                mutant!(StuckInProspective: (), else self.give_up(Contact::None));
            }
            return;
        }
        // Somebody else campaigns too. Those who have not answered may be gone, the former leader first of all: they are
        // not waited for. Not everybody may try again at the same moment.
        let backoff_ms = ELECTION_BACKOFF_MS * voters.len() as u64;
        let max_ms = backoff_ms.min(config.timeouts.election_backoff_max_ms);
        self.effects.push(Effect::SetTimer { timer: Timer::Election, min_ms: 0, max_ms });
    }

    pub(super) fn go_on_if_elected(&mut self) {
        if self.state.disk_full {
            return;
        }
        let voters = self.state.voters();
        match &self.state.role {
            Role::Prospective { granted, .. } if voters.is_majority(granted.len()) => {
                self.become_candidate();
            }
            Role::Candidate { granted, .. } if voters.is_majority(granted.len()) => {
                let granting = granted.iter().copied().collect();
                self.become_leader(granting);
            }
            _ => {}
        }
    }

    pub(super) fn become_prospective(&mut self) {
        if self.state.election.epoch.next().is_none() {
            return self.effects.push(Effect::Refuse { refusal: Refusal::LastEpoch });
        }
        let granted = self.state.own_vote();
        self.change_role(Role::Prospective { granted, refused: BTreeSet::new() });
        self.go_on_if_elected();
    }

    /// There is no majority of pre-votes: whoever knows a leader follows it again, of which it has heard so much.
    pub(super) fn give_up(&mut self, contact: Contact) {
        let follows = Role::Follower { contact, download: None };
        let knows_leader = self.state.election.leader.is_some();
        self.change_role(if knows_leader { follows } else { Role::Unattached });
    }

    pub(super) fn become_candidate(&mut self) {
        let epoch = self.state.election.epoch.next().expect("there is an epoch to campaign for");
        let local = self.state.config.local;
        self.state.election = ElectionState { epoch, leader: None, voted: Some(local) };
        let alone = self.state.own_vote();
        let granted =
            mutant!(PreVotesCountAsVotes: mutant::pre_votes(&self.state.role), else alone);
        self.change_role(Role::Candidate { granted, refused: BTreeSet::new() });
        self.go_on_if_elected();
    }

    pub(super) fn leave_epoch(&mut self) {
        match self.state.election.epoch.next() {
            Some(epoch) => self.become_unattached(epoch),
            None => self.effects.push(Effect::Refuse { refusal: Refusal::LastEpoch }),
        }
    }

    fn become_leader(&mut self, granting: Vec<NodeId>) {
        let voters: Vec<NodeId> = self.state.voters().ids().collect();
        let State { config, election, log, .. } = &mut *self.state;
        let (leader, epoch, epoch_start) = (config.local.id, election.epoch, log.end);
        // What a directory was formatted with comes into the log with the first leader.
        let formatted = log.voters.last().filter(|last| last.end == Offset::ZERO).cloned();
        // The vote for itself has done its work: as leader it can never campaign in this epoch again.
        *election = ElectionState { epoch, leader: Some(leader), voted: None };
        self.change_role(Role::Leader {
            epoch_start,
            progress: BTreeMap::new(),
            heard: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
        });
        // Nothing of this epoch is committed yet, and nothing older counts before that (Raft, figure 8).
        self.state.high_watermark = None;
        self.effects.push(Effect::BecameLeader { epoch, epoch_start });
        let opens = Payload::LeaderChange { leader, voters, granting };
        self.append_naming(epoch, formatted.map(|named| named.voters), opens);
        self.effects.push(Effect::Flush);
    }

    pub(super) fn resign(&mut self) {
        let State { role: Role::Leader { progress, .. }, .. } = &*self.state else {
            return;
        };
        let end = |id: &NodeId| progress.get(id).map_or(Offset::ZERO, |known| known.end);
        let mut successors: Vec<NodeId> = self.state.others().collect();
        successors.sort_by_key(|id| std::cmp::Reverse(end(id)));
        self.change_role(Role::Resigned { successors, acknowledged: BTreeSet::new() });
        self.state.high_watermark = None;
    }

    pub(super) fn become_unattached(&mut self, epoch: Epoch) {
        assert!(epoch > self.state.election.epoch, "an epoch is left only for a later one");
        self.state.election = ElectionState { epoch, leader: None, voted: None };
        self.change_role(Role::Unattached);
    }

    pub(super) fn become_follower(&mut self, epoch: Epoch, leader: NodeId) {
        let State { config, election, .. } = &mut *self.state;
        // A vote for another is kept beside the leader, as stock nodes keep it. One for itself is not: it
        // has lost, and a restart would campaign again in an epoch that has its leader.
        let in_epoch = election.voted.filter(|_| epoch == election.epoch);
        let voted = in_epoch.filter(|voted| !config.is_local(*voted));
        *election = ElectionState { epoch, leader: Some(leader), voted };
        mutant!(CutsForNewLeader: self.cut_doubtful());
        self.change_role(Role::FOLLOWER);
    }

    fn refuse_vote(&mut self, refusal: Refusal) {
        self.effects.push(Effect::Refuse { refusal });
        self.respond_vote(Error::InvalidRequest, false);
    }

    fn respond_vote(&mut self, error: Error, granted: bool) {
        self.respond(error, Answer::Vote(VoteAnswer { granted }));
    }

    fn respond_begin(&mut self, error: Error) {
        self.respond(error, Answer::BeginQuorumEpoch);
    }

    fn respond_end(&mut self, error: Error) {
        self.respond(error, Answer::EndQuorumEpoch);
    }
}
