//! Start, elections and the changes of role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::{
    Answer, BeginQuorumEpoch, Effect, EndQuorumEpoch, Error, Event, Fetch, FetchAnswer,
    FetchSnapshot, Payload, ReadFrom, Refusal, Request, Response, Timer, Vote, VoteAnswer,
};
#[cfg(feature = "mutants")]
use super::mutant;
use super::state::{Config, ConfigError, Contact, Download, ElectionState, Restored, Role, State};
use crate::types::{Epoch, NodeId, Offset};

/// How long a voter that cannot reach its leader waits at most before it campaigns, for each voter: as little as gives
/// one of them a good chance to be alone.
const FAILOVER_DELAY_MS: u64 = 10;
/// A candidate that lost tries again within this time, for each voter, if
/// `controller.quorum.election.backoff.max.ms` is not less.
const ELECTION_BACKOFF_MS: u64 = 50;

/// Makes a node from what its disk holds.
///
/// The order of the rules is Apache Kafka's: a log ahead of the election state stands above it; a
/// leader comes back Resigned and never leads that epoch again, as it may have lost entries that
/// others fetched (KAFKA-10527); a candidate campaigns again in the same epoch, for its vote is
/// its own; a follower follows.
pub fn start<P>(
    config: impl Into<Arc<Config>>,
    restored: Restored,
) -> Result<(State, Vec<Effect<P>>), ConfigError> {
    let config: Arc<Config> = config.into();
    config.check()?;
    let Restored { election, mut log, snapshot_voters } = restored;
    let mut election = mutant!(RestartForgetsVote: mutant::forgetful(election), else election);
    log.flushed = log.end;
    log.forget_early_epochs();
    if log.start.end > log.latest.end {
        return Err(ConfigError::NoSnapshot { start: log.start.end });
    }
    // It lost what it had not flushed, or was about to load a snapshot in place of the log.
    let keeps_log = mutant!(KeepsLogBesideSnapshot: true, else log.contains(log.latest));
    if !keeps_log {
        log.replace(log.latest, snapshot_voters);
    }
    let snapshot = log.latest;
    let voters = log.voters.last().map_or(&config.voters, |last| &last.voters);
    let is_voter = voters.contains(config.local);
    // A leader that is no voter any more leads until its removal is committed.
    let follows = election.leader.is_some_and(|leader| voters.has(leader) || !voters.is_fixed());
    let role = if election.epoch < log.last_epoch() {
        election = ElectionState { epoch: log.last_epoch(), leader: None, voted: None };
        Role::Unattached
    } else if election.leader == Some(config.local.id) {
        // Also if it is no voter any more: it must not vote in the epoch that it led.
        mutant!(RestartResumesLeading: mutant::leader_again(&log), else Role::resigned())
    } else if !is_voter {
        // Whatever else it was before: an observer does not campaign.
        if follows { Role::FOLLOWER } else { Role::Unattached }
    } else if election.voted.is_some_and(|voted| config.is_local(voted)) {
        election.leader = None;
        Role::Candidate { granted: BTreeSet::from([config.local.id]), refused: BTreeSet::new() }
    } else if follows {
        Role::FOLLOWER
    } else {
        Role::Unattached
    };
    // What a snapshot holds was committed.
    let high_watermark = (!snapshot.is_none()).then_some(snapshot.end);
    let mut state = State { config, election, role, log, high_watermark, disk_full: false };
    let mut step = Step { state: &mut state, found: None, effects: Vec::new() };
    if !keeps_log {
        step.effects.push(Effect::ReplaceLog { snapshot });
    }
    step.set_timers();
    if step.state.is_voter() && step.state.others().next().is_none() {
        // The only voter need not wait for anybody.
        if matches!(step.state.role, Role::Candidate { .. }) {
            step.go_on_if_elected();
        } else {
            step.become_prospective();
        }
    }
    let effects = step.finish();
    Ok((state, effects))
}

/// Takes one event. The effects must be carried out in their order.
pub fn step<P>(state: &mut State, event: Event<P>) -> Vec<Effect<P>> {
    let found = Some(state.election);
    let mut step = Step { state, found, effects: Vec::new() };
    match event {
        Event::TimerFired { timer } => step.timer_fired(timer),
        Event::Requested { request: Request::Vote(vote) } => step.vote_requested(&vote),
        Event::Requested { request: Request::BeginQuorumEpoch(begin) } => {
            step.begin_requested(&begin);
        }
        Event::Requested { request: Request::EndQuorumEpoch(end) } => step.end_requested(&end),
        Event::Requested { request: Request::Fetch(fetch) } => step.fetch_requested(&fetch),
        Event::Requested { request: Request::FetchSnapshot(fetch) } => {
            step.snapshot_requested(&fetch);
        }
        Event::Answered { from, request, response } => step.answered(from, &request, response),
        Event::Append { epoch, batches } => step.append(epoch, batches),
        Event::ChangeVoters { change } => step.change_voters(change),
        Event::UpgradeVoters { voters } => step.upgrade_voters(voters),
        Event::Flushed { end } => step.flushed(end),
        Event::SnapshotTaken { snapshot } => step.snapshot_taken(snapshot),
        Event::Clean { to } => step.clean(to),
        Event::Resign => step.resign(),
        Event::DiskFull { full } => step.disk_full(full),
        Event::Unreachable { node } => step.doubt(node),
    }
    step.finish()
}

/// What the node has to say now, and to whom. A pure function of its state: an answer is current as
/// long as its request is among these.
pub fn requests(state: &State) -> Vec<(NodeId, Request)> {
    let State { config, election, role, log, disk_full, .. } = state;
    let voters = state.voters();
    // What a node says of its own log must outlive a crash: a candidate would else be granted a vote
    // for entries that it loses, and a leader would count them.
    let all_flushed = log.flushed == log.end;
    let may_claim = !disk_full && mutant!(VoteClaimsUnflushed: true, else all_flushed);
    let may_fetch = !disk_full && mutant!(FetchesUnflushed: true, else all_flushed);
    match role {
        Role::Prospective { granted, refused } | Role::Candidate { granted, refused }
            if may_claim =>
        {
            let pre_vote = matches!(role, Role::Prospective { .. });
            let epoch = mutant!(PreVoteOfNextEpoch:
                mutant::next_if(pre_vote, election.epoch), else election.epoch);
            let vote = |id| Vote {
                pre_vote,
                epoch,
                candidate: config.local,
                voter: voters.key(id),
                last_epoch: log.last_epoch(),
                last_end: log.end,
            };
            state
                .others()
                .filter(|id| !granted.contains(id) && !refused.contains(id))
                .map(|id| (id, Request::Vote(vote(id))))
                .collect()
        }
        Role::Leader { acknowledged, .. } => state
            .others()
            .filter(|id| !acknowledged.contains(id))
            .map(|id| {
                let begin = BeginQuorumEpoch {
                    epoch: election.epoch,
                    leader: config.local.id,
                    voter: voters.key(id),
                };
                (id, Request::BeginQuorumEpoch(begin))
            })
            .collect(),
        Role::Resigned { successors, acknowledged } => {
            let end = EndQuorumEpoch {
                epoch: election.epoch,
                leader: config.local.id,
                successors: successors.clone(),
            };
            state
                .others()
                .filter(|id| !acknowledged.contains(id))
                .map(|id| (id, Request::EndQuorumEpoch(end.clone())))
                .collect()
        }
        Role::Follower { download: Some(Download { snapshot, position }), .. } if !disk_full => {
            let fetch = FetchSnapshot {
                epoch: election.epoch,
                replica: config.local,
                snapshot: *snapshot,
                position: *position,
            };
            election
                .leader
                .map(|leader| (leader, Request::FetchSnapshot(fetch)))
                .into_iter()
                .collect()
        }
        Role::Follower { .. } | Role::Unattached if may_fetch => {
            let fetch = Fetch {
                epoch: election.epoch,
                replica: config.local,
                offset: log.end,
                last_fetched_epoch: log.last_epoch(),
                high_watermark: state.high_watermark.unwrap_or_default(),
                // Until it has answered once, whether the leader is there at all is worth an answer at once.
                may_park: matches!(role, Role::Follower { contact: Contact::Fetched, .. }),
            };
            // Whoever leads answers an observer; the others name the leader. The voters that it knows may all be gone.
            let seeks = !state.is_voter()
                && matches!(role, Role::Unattached | Role::Follower { contact: Contact::Lost, .. });
            let asked: Vec<NodeId> = match role {
                _ if seeks => state.others().chain(config.bootstrap.iter().copied()).collect(),
                Role::Follower { .. } => election.leader.into_iter().collect(),
                _ => Vec::new(),
            };
            asked.into_iter().map(|id| (id, Request::Fetch(fetch.clone()))).collect()
        }
        _ => Vec::new(),
    }
}

/// One step under way: the state, and the effects that it has asked for so far.
pub(super) struct Step<'a, P> {
    pub(super) state: &'a mut State,
    /// The election state on disk; `None` at the start, which writes it in any case.
    found: Option<ElectionState>,
    pub(super) effects: Vec<Effect<P>>,
}

impl<P> Step<'_, P> {
    /// The election state is written once a step and before all else, however often it changed: a new
    /// epoch and the vote in it are one write, and no answer leaves before it.
    fn finish(mut self) -> Vec<Effect<P>> {
        if self.found != Some(self.state.election) {
            let write = Effect::WriteElectionState { state: self.state.election };
            let place = mutant!(AnswersBeforeWriting: self.effects.len(), else 0);
            self.effects.insert(place, write);
        }
        self.effects
    }

    fn timer_fired(&mut self, timer: Timer) {
        let is_voter = self.state.is_voter();
        let campaigns = mutant!(ObserversCampaign: true, else is_voter);
        match (timer, &mut self.state.role) {
            (Timer::Fetch, Role::Follower { contact, download }) if !campaigns => {
                (*contact, *download) = (Contact::Lost, None);
                self.set_timer(Timer::Fetch);
            }
            // An observer has no such timer.
            (Timer::Election, Role::Unattached) if !campaigns => {}
            (Timer::Election, Role::Unattached | Role::Candidate { .. })
            | (Timer::Fetch, Role::Follower { .. })
                if self.state.disk_full =>
            {
                // It asks its leader for nothing, so it does not know whether it lives.
                self.lose_contact();
                self.set_timer(timer);
            }
            (Timer::Election, Role::Unattached | Role::Candidate { .. })
            | (Timer::Fetch, Role::Follower { .. }) => {
                mutant!(CampaignsWithoutPreVotes:
                    self.become_candidate(), else self.become_prospective());
            }
            (Timer::Election, Role::Prospective { .. }) => {
                self.give_up();
                if self.state.role == Role::Unattached {
                    self.set_timer(Timer::Election);
                }
            }
            // It recorded that it leads this epoch, so it can neither vote nor campaign in it.
            (Timer::Election, Role::Resigned { .. }) => self.leave_epoch(),
            (Timer::CheckQuorum, Role::Leader { .. }) => self.resign(),
            (Timer::BeginQuorumEpoch, Role::Leader { acknowledged, .. }) => {
                acknowledged.clear();
                self.set_timer(Timer::BeginQuorumEpoch);
            }
            // A timer that ran out just as it was cancelled.
            _ => {}
        }
    }

    fn vote_requested(&mut self, vote: &Vote) {
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
        if !is_other || voters.is_fixed() && !voters.has(vote.candidate.id) {
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
        let votes = self.state.is_voter() || !self.state.voters().is_fixed();
        let granted =
            votes && if vote.pre_vote { self.grants_pre_vote(vote) } else { self.grants(vote) };
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
        let granted = self.is_up_to_date(vote);
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

    fn begin_requested(&mut self, begin: &BeginQuorumEpoch) {
        let State { config, election, .. } = &*self.state;
        if mutant!(ObeysFormerEpoch: false, else begin.epoch < election.epoch) {
            return self.respond_begin(Error::FencedLeaderEpoch);
        }
        if let Some(refusal) = self.unbelievable(begin.epoch, begin.leader) {
            self.effects.push(Effect::Refuse { refusal });
            return self.respond_begin(Error::InvalidRequest);
        }
        let for_me = config.is_local(begin.voter);
        if begin.epoch > election.epoch || election.leader.is_none() {
            self.become_follower(begin.epoch, begin.leader);
        }
        self.respond_begin(if for_me { Error::None } else { Error::InvalidVoterKey });
    }

    fn end_requested(&mut self, end: &EndQuorumEpoch) {
        let State { config, election, .. } = &*self.state;
        let (local, max_ms) = (config.local.id, config.timeouts.election_backoff_max_ms);
        if end.epoch < election.epoch {
            return self.respond_end(Error::FencedLeaderEpoch);
        }
        if let Some(refusal) = self.unbelievable(end.epoch, end.leader) {
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
    fn doubt(&mut self, node: NodeId) {
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

    fn failover_delay_ms(&self) -> u64 {
        FAILOVER_DELAY_MS * self.state.voters().len() as u64
    }

    /// Why no node can lead `epoch` that is said to, judged by what this node knows. Apache Kafka stops
    /// the process here, so that one message ends it; it is the message that is wrong.
    fn unbelievable(&self, epoch: Epoch, leader: NodeId) -> Option<Refusal> {
        let State { config, election, .. } = &*self.state;
        let voters = self.state.voters();
        if epoch.next().is_none() {
            Some(Refusal::LastEpoch)
        } else if epoch == election.epoch && election.leader.is_some_and(|known| known != leader) {
            Some(Refusal::ContradictingLeader)
        } else if voters.is_fixed() && !voters.has(leader)
            || (leader == config.local.id && election.leader != Some(leader))
            || (leader == config.local.id && epoch > election.epoch)
        {
            Some(Refusal::ImpossibleLeader)
        } else {
            None
        }
    }

    fn answered(
        &mut self,
        from: NodeId,
        request: &Request,
        response: Response<Vec<super::Batch<P>>>,
    ) {
        // Asked before anything changes: an answer that was overtaken tells of epochs, and no more.
        let current = requests(self.state).iter().any(|(to, asked)| {
            *to == from && mutant!(AnswersNotCorrelated: true, else asked_the_same(asked, request))
        });
        if response.epoch < self.state.election.epoch {
            return;
        }
        if let Some(leader) = response.leader
            && let Some(refusal) = self.unbelievable(response.epoch, leader)
        {
            return self.effects.push(Effect::Refuse { refusal });
        }
        if response.epoch.next().is_none() {
            return self.effects.push(Effect::Refuse { refusal: Refusal::LastEpoch });
        }
        let newer = response.epoch > self.state.election.epoch;
        let free = newer || self.state.election.leader.is_none();
        match response.leader {
            Some(leader)
                if mutant!(FollowsItself:
                    free || leader == self.state.config.local.id, else free) =>
            {
                return self.become_follower(response.epoch, leader);
            }
            None if newer => return self.become_unattached(response.epoch),
            _ => {}
        }
        if !current {
            return;
        }
        match (response.error, response.answer) {
            (Error::None, Answer::Vote(answer)) => self.vote_answered(from, answer),
            (Error::None, Answer::BeginQuorumEpoch) => {
                if let Role::Leader { acknowledged, .. } = &mut self.state.role {
                    acknowledged.insert(from);
                }
            }
            (Error::None, Answer::EndQuorumEpoch) => {
                if let Role::Resigned { acknowledged, .. } = &mut self.state.role {
                    acknowledged.insert(from);
                }
            }
            (Error::None, Answer::Fetch(answer)) => self.fetch_answered(from, answer),
            (Error::None, Answer::FetchSnapshot(answer)) => self.snapshot_answered(answer),
            (Error::NotLeaderOrFollower, Answer::Fetch(_)) => self.doubt(from),
            (error, Answer::FetchSnapshot(_)) => {
                self.end_download();
                if error == Error::NotLeaderOrFollower {
                    self.doubt(from);
                }
            }
            _ => {}
        }
    }

    fn vote_answered(&mut self, from: NodeId, answer: VoteAnswer) {
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
                self.give_up();
            }
            return;
        }
        // Somebody else campaigns too. Those who have not answered may be gone, the former leader first of all: they are
        // not waited for. Not everybody may try again at the same moment.
        let backoff_ms = ELECTION_BACKOFF_MS * voters.len() as u64;
        let max_ms = backoff_ms.min(config.timeouts.election_backoff_max_ms);
        self.effects.push(Effect::SetTimer { timer: Timer::Election, min_ms: 0, max_ms });
    }

    /// A leader that cannot write makes room for one that can.
    fn disk_full(&mut self, full: bool) {
        self.state.disk_full = full;
        if full {
            self.resign();
        } else if self.state.is_voter() && matches!(self.state.role, Role::Unattached) {
            if self.state.others().next().is_none() {
                self.become_prospective();
            } else {
                self.set_timer(Timer::Election);
            }
        }
    }

    fn lose_contact(&mut self) {
        if let Role::Follower { contact, .. } = &mut self.state.role {
            *contact = Contact::Lost;
        }
    }

    fn go_on_if_elected(&mut self) {
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

    fn become_prospective(&mut self) {
        if self.state.election.epoch.next().is_none() {
            return self.effects.push(Effect::Refuse { refusal: Refusal::LastEpoch });
        }
        let granted = BTreeSet::from([self.state.config.local.id]);
        self.change_role(Role::Prospective { granted, refused: BTreeSet::new() });
        self.go_on_if_elected();
    }

    /// There is no majority of pre-votes: whoever knows a leader follows it again.
    fn give_up(&mut self) {
        let knows_leader = self.state.election.leader.is_some();
        self.change_role(if knows_leader { Role::FOLLOWER } else { Role::Unattached });
    }

    fn become_candidate(&mut self) {
        let epoch = self.state.election.epoch.next().expect("there is an epoch to campaign for");
        let local = self.state.config.local;
        self.state.election = ElectionState { epoch, leader: None, voted: Some(local) };
        let alone = BTreeSet::from([local.id]);
        let granted =
            mutant!(PreVotesCountAsVotes: mutant::pre_votes(&self.state.role), else alone);
        self.change_role(Role::Candidate { granted, refused: BTreeSet::new() });
        self.go_on_if_elected();
    }

    fn leave_epoch(&mut self) {
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

    fn become_unattached(&mut self, epoch: Epoch) {
        assert!(epoch > self.state.election.epoch, "an epoch is left only for a later one");
        self.state.election = ElectionState { epoch, leader: None, voted: None };
        self.change_role(Role::Unattached);
    }

    fn become_follower(&mut self, epoch: Epoch, leader: NodeId) {
        let State { config, election, .. } = &mut *self.state;
        // A vote for another is kept beside the leader, as stock nodes keep it. One for itself is not: it
        // has lost, and a restart would campaign again in an epoch that has its leader.
        let in_epoch = election.voted.filter(|_| epoch == election.epoch);
        let voted = in_epoch.filter(|voted| !config.is_local(*voted));
        *election = ElectionState { epoch, leader: Some(leader), voted };
        mutant!(CutsForNewLeader: self.cut_doubtful());
        self.change_role(Role::FOLLOWER);
    }

    fn change_role(&mut self, role: Role) {
        let old = std::mem::replace(&mut self.state.role, role);
        if let Role::Leader { .. } = old {
            // The epoch may have changed already, in this step.
            let epoch = self.found.unwrap_or(self.state.election).epoch;
            self.effects.push(Effect::LostLeader { epoch });
            self.effects.push(Effect::WakeParked);
        }
        let is_voter = self.state.is_voter();
        for timer in timers(&old, is_voter) {
            if !timers(&self.state.role, is_voter).contains(timer) {
                self.effects.push(Effect::CancelTimer { timer: *timer });
            }
        }
        // A node that only learns of a later epoch must not put its own campaign off: else a
        // node that campaigns without end could keep all others from it.
        let waits =
            matches!(old, Role::Unattached | Role::Prospective { .. } | Role::Candidate { .. });
        let keeps_waiting = waits && matches!(self.state.role, Role::Unattached);
        if !keeps_waiting {
            self.set_timers();
        }
    }

    fn set_timers(&mut self) {
        for timer in timers(&self.state.role, self.state.is_voter()) {
            self.set_timer(*timer);
        }
    }

    pub(super) fn set_timer(&mut self, timer: Timer) {
        let config = &self.state.config;
        let is_alone = self.state.is_voter() && self.state.others().next().is_none();
        if is_alone && timer != Timer::Election {
            // There is nobody to hear from and nobody to tell.
            return;
        }
        let timeouts = config.timeouts;
        let (min_ms, max_ms) = match timer {
            Timer::Election => (timeouts.election_ms, timeouts.election_ms * 2),
            Timer::Fetch => (timeouts.fetch_ms, timeouts.fetch_ms),
            Timer::CheckQuorum => (timeouts.fetch_ms * 3 / 2, timeouts.fetch_ms * 3 / 2),
            Timer::BeginQuorumEpoch => (timeouts.fetch_ms / 2, timeouts.fetch_ms / 2),
        };
        self.effects.push(Effect::SetTimer { timer, min_ms, max_ms });
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

    pub(super) fn respond_fetch(&mut self, error: Error, answer: FetchAnswer<ReadFrom>) {
        self.respond(error, Answer::Fetch(answer));
    }

    pub(super) fn respond(&mut self, error: Error, answer: Answer<ReadFrom>) {
        let epoch = self.state.election.epoch;
        let leader = mutant!(NamesVoteAsLeader:
            mutant::leader_or_vote(self.state.election, &answer), else self.state.election.leader);
        self.effects.push(Effect::Respond { response: Response { epoch, leader, error, answer } });
    }
}

/// Two fetches ask the same if they differ only in what a caller may change on the way.
pub(crate) fn asked_the_same(asked: &Request, request: &Request) -> bool {
    match (asked, request) {
        (Request::Fetch(asked), Request::Fetch(request)) => {
            let same_wait = Fetch { may_park: asked.may_park, ..request.clone() };
            *asked == same_wait
        }
        _ => asked == request,
    }
}

fn timers(role: &Role, is_voter: bool) -> &'static [Timer] {
    match role {
        Role::Unattached if !is_voter => &[],
        Role::Unattached
        | Role::Prospective { .. }
        | Role::Candidate { .. }
        | Role::Resigned { .. } => &[Timer::Election],
        Role::Follower { .. } => &[Timer::Fetch],
        Role::Leader { .. } => &[Timer::CheckQuorum, Timer::BeginQuorumEpoch],
    }
}
