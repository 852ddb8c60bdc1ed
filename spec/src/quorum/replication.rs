//! Appending, fetching, truncating, and what of it all is committed.

use std::cmp::Ordering;

use super::event::{
    Batch, Diverging, Effect, Error, Fetch, FetchAnswer, NewBatch, Payload, ReadFrom, Refusal,
    Timer,
};
use super::lost_majority::is_near;
use super::state::{Contact, Progress, Role, State};
use super::step::Step;
use super::voters::{VoterSet, VotersAt};
use crate::types::{Epoch, NodeId, Offset, ReplicaKey};

/// How far the log of one that fetches has come, as its leader sees it (Kafka's `ReplicaState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The end of its log, which is the leader's up to there.
    pub end: Offset,
    /// The end of the leader's log when it was asked.
    pub leader_end: Offset,
    /// The end of the leader's log when the other had last all of it; `None` as long as it never had in this epoch.
    pub caught_up: Option<Offset>,
}

/// What a fetch that this leader has taken tells of the log of whoever sent it; `before` is what was known in this epoch. `None`
/// where it tells nothing: another leads, or the log is another one, or lies before what is left of this one.
pub fn fetched(state: &State, before: Option<Fetched>, fetch: &Fetch) -> Option<Fetched> {
    let (end, leader_end) = (fetch.offset, state.log.end);
    let is_taken = state.is_leader() && fetch.epoch == state.election.epoch;
    if !is_taken || state.needs_snapshot(fetch) || state.differs_from(fetch) {
        return None;
    }
    let caught_up = match before {
        _ if end >= leader_end => Some(leader_end),
        // It has all that there was when it asked last.
        Some(before) if end >= before.leader_end => Some(before.leader_end),
        Some(before) => before.caught_up,
        None => None,
    };
    Some(Fetched { end, leader_end, caught_up })
}

impl State {
    /// Whether the log of one that fetches is another one than this at its end.
    fn differs_from(&self, fetch: &Fetch) -> bool {
        let agreed = self.log.end_of_epoch(fetch.last_fetched_epoch);
        let differs = fetch.offset > Offset::ZERO
            && (agreed.epoch != fetch.last_fetched_epoch
                || mutant!(DivergenceByEpochOnly: false, else agreed.end < fetch.offset));
        mutant!(NoDivergence: false, else differs)
    }
}

pub(super) const NOTHING_FETCHED: FetchAnswer<ReadFrom> =
    FetchAnswer { high_watermark: None, diverging: None, snapshot: None, records: None };

impl<P> Step<'_, P> {
    pub(super) fn append(&mut self, epoch: Epoch, batches: Vec<NewBatch<P>>) {
        let is_leader = self.state.is_leader();
        let leads = mutant!(AppendsWhenResigned:
            is_leader || matches!(self.state.role, Role::Resigned { .. }), else is_leader);
        let fits = leads && self.state.election.epoch == epoch;
        if !fits || batches.iter().any(|batch| batch.records == 0) {
            let refusal = Refusal::AppendWithoutLeadership;
            return self.effects.push(Effect::Refuse { refusal });
        }
        for batch in batches {
            self.append_records(epoch, batch.records, Payload::Records(batch.payload));
        }
        self.effects.push(Effect::Flush);
        self.effects.push(Effect::WakeParked);
    }

    /// Appends one batch of records.
    pub(super) fn append_records(&mut self, epoch: Epoch, records: u32, payload: Payload<P>) {
        let base_offset = self.state.log.end;
        self.append_batch(Batch { base_offset, records, epoch, payload, voters: None });
    }

    /// Appends control records, of which the last two name the voters if there are any to name: the version of the
    /// protocol and they.
    pub(super) fn append_naming(
        &mut self,
        epoch: Epoch,
        voters: Option<VoterSet>,
        payload: Payload<P>,
    ) {
        let base_offset = self.state.log.end;
        let records = match (&payload, &voters) {
            (Payload::LeaderChange { .. }, Some(_)) => 3,
            (Payload::Upgrade, _) => 2,
            _ => 1,
        };
        self.append_batch(Batch { base_offset, records, epoch, payload, voters });
    }

    /// Appends a batch to those that this step appends already, if there are any.
    pub(super) fn append_batch(&mut self, batch: Batch<Payload<P>>) {
        let log = &mut self.state.log;
        log.append(batch.epoch, batch.end());
        if let Some(voters) = &batch.voters {
            log.voters.push(VotersAt { end: batch.end(), voters: voters.clone() });
            if let Role::Leader { progress, .. } = &mut self.state.role {
                progress.retain(|id, known| {
                    voters.contains(ReplicaKey { id: *id, directory: known.directory })
                });
            }
        }
        match self.effects.last_mut() {
            Some(Effect::Append { batches }) => batches.push(batch),
            _ => self.effects.push(Effect::Append { batches: vec![batch] }),
        }
    }

    pub(super) fn flushed(&mut self, end: Offset) {
        let log = &mut self.state.log;
        log.flushed = log.flushed.max(end.min(log.end));
        mutant!(FlushDropsTail: self.cut_beyond(end));
        self.advance_leader_high_watermark();
    }

    pub(super) fn fetch_requested(&mut self, fetch: &Fetch) {
        let malformed = fetch.offset.0 < 0
            || fetch.last_fetched_epoch.0 < 0
            || fetch.last_fetched_epoch > fetch.epoch;
        if mutant!(ServesVotersOnly:
            malformed || !self.state.voters().contains(fetch.replica), else malformed)
        {
            self.effects.push(Effect::Refuse { refusal: Refusal::MalformedRequest });
            return self.respond_fetch(Error::InvalidRequest, NOTHING_FETCHED);
        }
        self.follow_into(fetch.epoch);
        if let Some(error) = self.cannot_serve(fetch.epoch) {
            return self.respond_fetch(error, NOTHING_FETCHED);
        }
        let log = &self.state.log;
        if self.state.needs_snapshot(fetch) {
            let (high_watermark, snapshot) = (self.state.high_watermark, Some(log.latest));
            self.hear(fetch.replica);
            let answer = FetchAnswer { high_watermark, snapshot, ..NOTHING_FETCHED };
            return self.respond_fetch(Error::None, answer);
        }
        let agreed = log.end_of_epoch(fetch.last_fetched_epoch);
        let diverges = self.state.differs_from(fetch);
        let end = log.end;
        self.hear(fetch.replica);
        if !diverges {
            self.note_progress(fetch);
            self.advance_leader_high_watermark();
        }
        // What it committed may be that this node votes no longer.
        if let Some(error) = self.cannot_serve(fetch.epoch) {
            return self.respond_fetch(error, NOTHING_FETCHED);
        }
        let high_watermark = self.state.high_watermark;
        let records =
            (!diverges && fetch.offset < end).then_some(ReadFrom { offset: fetch.offset, end });
        let news = high_watermark.is_some_and(|to| to > fetch.high_watermark);
        if fetch.may_park && !diverges && records.is_none() && !news {
            return self.effects.push(Effect::Park);
        }
        let diverging = diverges.then_some(agreed);
        let answer = FetchAnswer { high_watermark, diverging, snapshot: None, records };
        self.respond_fetch(Error::None, answer);
    }

    /// Nothing that a leader of an earlier epoch says means anything to who has come to a later one, so it takes an election to serve it again. An
    /// observer cannot hold it: the leader goes to that epoch. Where voters are static no message but a voter's may depose it.
    fn follow_into(&mut self, epoch: Epoch) {
        let own = self.state.election.epoch;
        let leads = self.state.is_leader() && !self.state.voters().is_fixed();
        let follows = leads && epoch > own && is_near(epoch, own) && epoch.next().is_some();
        if mutant!(LeadsOnInFormerEpoch: false, else follows) {
            self.become_unattached(epoch);
        }
    }

    /// Why this node can tell nothing to who follows a leader in `epoch`.
    pub(super) fn cannot_serve(&self, epoch: Epoch) -> Option<Error> {
        match epoch.cmp(&self.state.election.epoch) {
            Ordering::Less => Some(Error::FencedLeaderEpoch),
            // It knows more than this node; but only the leader of that epoch may say so.
            Ordering::Greater => Some(Error::UnknownLeaderEpoch),
            Ordering::Equal => {
                let leads_not = !self.state.is_leader();
                mutant!(RemovedLeaderServesNobody:
                    leads_not || !self.state.is_voter(), else leads_not)
                .then_some(Error::NotLeaderOrFollower)
            }
        }
    }

    /// A voter that asks for anything lives, and knows its leader.
    pub(super) fn hear(&mut self, replica: ReplicaKey) {
        let State { config, log, role: Role::Leader { heard, acknowledged, .. }, .. } =
            &mut *self.state
        else {
            return;
        };
        let voters = log.voters.last().map_or(&config.voters, |last| &last.voters);
        if replica.id == config.local.id || !voters.contains(replica) {
            return;
        }
        acknowledged.insert(replica.id);
        heard.insert(replica.id);
        let lives = voters.ids().filter(|id| heard.contains(id)).count();
        let counts_itself = voters.contains(config.local);
        let itself = usize::from(mutant!(ChecksQuorumWithRemovedLeader: true, else counts_itself));
        if voters.is_majority(lives + mutant!(ChecksQuorumWithoutLeader: 0, else itself)) {
            heard.clear();
            self.set_timer(Timer::CheckQuorum);
        }
    }

    /// A fetch from an offset says that everything before it is flushed.
    fn note_progress(&mut self, fetch: &Fetch) {
        let State { config, log, role: Role::Leader { progress, .. }, .. } = &mut *self.state
        else {
            return;
        };
        let voters = log.voters.last().map_or(&config.voters, |last| &last.voters);
        let Fetch { replica, offset, .. } = *fetch;
        if replica.id == config.local.id || !voters.contains(replica) {
            return;
        }
        let anew = Progress { directory: replica.directory, end: Offset::ZERO };
        let known = progress.entry(replica.id).or_insert(anew);
        if known.directory != replica.directory {
            *known = anew;
        }
        let vouched = mutant!(CountsNextOffset: offset.plus(1), else offset);
        known.end = mutant!(EndsOverwritten: vouched, else known.end.max(vouched));
    }

    /// What a majority has flushed is committed, once an entry of the leader's own epoch is among it.
    pub(super) fn advance_leader_high_watermark(&mut self) {
        let State {
            config,
            role: Role::Leader { epoch_start, progress, .. },
            log,
            high_watermark,
            ..
        } = &mut *self.state
        else {
            return;
        };
        let voters = log.voters.last().map_or(&config.voters, |last| &last.voters);
        let counted = mutant!(RemovedLeaderCounts: &voters.with(config.local), else voters);
        // A leader that is no voter any more is not among them (KAFKA-16530).
        let mut ends: Vec<Offset> = counted
            .keys()
            .map(|key| match progress.get(&key.id) {
                _ if config.is_local(key) => mutant!(CountsUnflushed: log.end, else log.flushed),
                Some(known) => known.end,
                None => Offset::ZERO,
            })
            .collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let to = mutant!(OneIsMajority: ends[0], else ends[ends.len() / 2]);
        let beyond_start = mutant!(CommitsAtEpochStart: to >= *epoch_start, else to > *epoch_start);
        let own_epoch = mutant!(CommitsOldEpochs: true, else beyond_start);
        if own_epoch && to > high_watermark.unwrap_or(Offset::ZERO) {
            *high_watermark = Some(to);
            self.effects.push(Effect::AdvanceHighWatermark { to });
            self.effects.push(Effect::WakeParked);
            self.resign_if_removed();
        }
    }

    pub(super) fn fetch_answered(&mut self, from: NodeId, answer: FetchAnswer<Vec<Batch<P>>>) {
        let Role::Follower { contact, .. } = &mut self.state.role else { return };
        if self.state.election.leader != Some(from) {
            // An observer asks all voters, and only its leader can tell it anything.
            return;
        }
        *contact = Contact::Fetched;
        self.set_timer(Timer::Fetch);
        if let Some(diverging) = answer.diverging {
            mutant!(HighWatermarkBeforeTruncation: self.learn_high_watermark(answer.high_watermark));
            return self.truncate(diverging);
        }
        if let Some(snapshot) = answer.snapshot {
            return self.begin_download(snapshot);
        }
        if let Some(batches) = answer.records {
            if !self.fits(&batches) {
                return self.effects.push(Effect::Refuse { refusal: Refusal::UnfitBatch });
            }
            for Batch { base_offset, records, epoch, payload, voters } in batches {
                let payload = Payload::Records(payload);
                self.append_batch(Batch { base_offset, records, epoch, payload, voters });
            }
            self.effects.push(Effect::Flush);
        }
        self.learn_high_watermark(answer.high_watermark);
    }

    /// What the leader says is committed, as far as this log reaches. Never goes back: answers may be late.
    fn learn_high_watermark(&mut self, told: Option<Offset>) {
        let State { log, high_watermark, .. } = &mut *self.state;
        let told = told.unwrap_or(Offset::ZERO);
        let to = mutant!(HighWatermarkBeyondLog: told, else told.min(log.end));
        let known = high_watermark.unwrap_or(Offset::ZERO);
        if mutant!(HighWatermarkOverwritten: to != known, else to > known) {
            *high_watermark = Some(to);
            self.effects.push(Effect::AdvanceHighWatermark { to });
        }
    }

    fn fits(&self, batches: &[Batch<P>]) -> bool {
        let State { election, log, .. } = &*self.state;
        let (mut end, mut epoch) = (log.end, log.last_epoch().max(Epoch(1)));
        for batch in batches {
            let fits = batch.base_offset == end
                && batch.records > 0
                && (epoch..=election.epoch).contains(&batch.epoch);
            if !fits {
                return false;
            }
            (end, epoch) = (batch.end(), batch.epoch);
        }
        !batches.is_empty()
    }

    /// Cuts the log to the largest offset at which it can still agree with the leader's.
    fn truncate(&mut self, diverging: Diverging) {
        let State { log, high_watermark, .. } = &mut *self.state;
        let own = log.end_of_epoch(diverging.epoch);
        let to = if own.epoch == diverging.epoch { own.end.min(diverging.end) } else { own.end };
        // Never what was said to be committed (KAFKA-12460).
        let committed = high_watermark.unwrap_or(Offset::ZERO).max(log.latest.end);
        if mutant!(TruncatesCommitted: false, else to < committed) {
            let refusal = Refusal::TruncationBelowHighWatermark;
            return self.effects.push(Effect::Refuse { refusal });
        }
        if !(log.start.end..log.end).contains(&to) {
            return self.effects.push(Effect::Refuse { refusal: Refusal::UnfitTruncation });
        }
        mutant!(TruncationDoesNothing: (), else self.cut(to));
    }

    pub(super) fn cut(&mut self, to: Offset) {
        self.state.log.truncate(to);
        self.effects.push(Effect::Truncate { to });
    }
}
