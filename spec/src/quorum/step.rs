//! Start, and one step: what happens goes to the rules for it, and what they ask for is put in its order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::{
    Answer, Effect, Error, Event, FetchAnswer, FetchSnapshot, ReadFrom, Refusal, Request, Response,
    SnapshotAnswer, Timer, VoteAnswer,
};
use super::lost_majority::is_from_outside;
#[cfg(feature = "mutants")]
use super::mutant;
use super::replication::NOTHING_FETCHED;
use super::requests::{asked_the_same, requests};
use super::state::{Config, ConfigError, Contact, ElectionState, Restored, Role, State};
use crate::types::{Epoch, NodeId};

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
        // Whatever else it was before: an observer does not go on with a campaign.
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
        Event::Requested { request } if is_from_outside(step.state, &request) => {
            step.refuse_lost_voter(&request);
        }
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

    /// Nothing that it says is believed, nor does it hear of anything but this.
    fn refuse_lost_voter(&mut self, request: &Request) {
        self.effects.push(Effect::Refuse { refusal: Refusal::LostVoter });
        let answer = match request {
            Request::Vote(_) => Answer::Vote(VoteAnswer { granted: false }),
            Request::BeginQuorumEpoch(_) => Answer::BeginQuorumEpoch,
            Request::EndQuorumEpoch(_) => Answer::EndQuorumEpoch,
            Request::Fetch(_) => Answer::Fetch(NOTHING_FETCHED),
            Request::FetchSnapshot(FetchSnapshot { snapshot, position, .. }) => {
                let (snapshot, position) = (*snapshot, *position);
                Answer::FetchSnapshot(SnapshotAnswer {
                    snapshot,
                    position,
                    voters: None,
                    chunk: None,
                })
            }
        };
        // Nor of the epoch: it would make the next one, and so would this history, which must have none in common with that.
        let (epoch, leader, error) = (Epoch(0), None, Error::InvalidRequest);
        self.effects.push(Effect::Respond { response: Response { epoch, leader, error, answer } });
    }

    fn timer_fired(&mut self, timer: Timer) {
        let may_campaign = self.state.may_campaign();
        let campaigns = mutant!(ObserversCampaign: true, else may_campaign);
        let timer = mutant!(NeverChecksQuorum: mutant::but_check_quorum(timer), else timer);
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
                let contact = mutant!(ForgetsLostLeader: Contact::None, else Contact::Silent);
                mutant!(StuckInProspective: self.become_prospective(), else self.give_up(contact));
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
            && let Some(refusal) = self.unbelievable(response.epoch, leader, current)
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

    /// A leader that cannot write makes room for one that can.
    fn disk_full(&mut self, full: bool) {
        self.state.disk_full = full;
        if full {
            self.resign();
        } else if self.state.may_campaign() && matches!(self.state.role, Role::Unattached) {
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

    pub(super) fn change_role(&mut self, role: Role) {
        let old = std::mem::replace(&mut self.state.role, role);
        if let Role::Leader { .. } = old {
            // The epoch may have changed already, in this step.
            let epoch = self.found.unwrap_or(self.state.election).epoch;
            self.effects.push(Effect::LostLeader { epoch });
            self.effects.push(Effect::WakeParked);
        }
        let may_campaign = self.state.may_campaign();
        for timer in timers(&old, may_campaign) {
            if !timers(&self.state.role, may_campaign).contains(timer) {
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
        for timer in timers(&self.state.role, self.state.may_campaign()) {
            self.set_timer(*timer);
        }
    }

    pub(super) fn set_timer(&mut self, timer: Timer) {
        let of_leader = matches!(timer, Timer::CheckQuorum | Timer::BeginQuorumEpoch);
        if of_leader && self.state.is_alone() {
            // There is nobody to hear from and nobody to tell.
            return;
        }
        let timeouts = self.state.config.timeouts;
        let (min_ms, max_ms) = match timer {
            Timer::Election => (timeouts.election_ms, timeouts.election_ms * 2),
            Timer::Fetch => (timeouts.fetch_ms, timeouts.fetch_ms),
            Timer::CheckQuorum => (timeouts.fetch_ms * 3 / 2, timeouts.fetch_ms * 3 / 2),
            Timer::BeginQuorumEpoch => (timeouts.fetch_ms / 2, timeouts.fetch_ms / 2),
        };
        self.effects.push(Effect::SetTimer { timer, min_ms, max_ms });
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

fn timers(role: &Role, may_campaign: bool) -> &'static [Timer] {
    match role {
        Role::Unattached if !may_campaign => &[],
        Role::Unattached
        | Role::Prospective { .. }
        | Role::Candidate { .. }
        | Role::Resigned { .. } => &[Timer::Election],
        Role::Follower { .. } => &[Timer::Fetch],
        Role::Leader { .. } => &[Timer::CheckQuorum, Timer::BeginQuorumEpoch],
    }
}
