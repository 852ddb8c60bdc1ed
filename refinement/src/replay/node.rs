//! One node: its trace against the functions of the model, and what its disk must hold.

use std::collections::{BTreeSet, VecDeque};

use kraftig_spec::quorum::properties::{self, Entry, NodeView, Property};
use kraftig_spec::quorum::trace::TraceRecord;
use kraftig_spec::quorum::{
    Config, Effect, ElectionState, Event, Request, Restored, State, Timer, VoterSet, VotersAt,
    requests, start, step,
};
use kraftig_spec::types::{NodeId, Offset, SnapshotId};

use super::lines::{Lines, Trace};
use super::{ReplayError, Replayed, Shared, broken};
use crate::disk::{Content, Disk};

pub(super) struct Node {
    lines: Lines,
    /// The line to take next; text that is no record, with the reason.
    next: Option<Result<TraceRecord<u32>, String>>,
    running: Option<Running>,
    torn: Option<String>,
    pub(super) done: Replayed,
}

struct Running {
    config: Config,
    state: State,
    disk: Disk,
    /// How the disk was before the last effect, which a crash may have prevented.
    before: Option<Before>,
    /// What the step asked for and the trace has yet to show.
    expected: VecDeque<Effect<u32>>,
    timers: BTreeSet<Timer>,
    flush_asked: bool,
    /// The request of this step.
    asked: Option<Request>,
    /// What the node had to say when it was looked at last.
    said: Vec<(NodeId, Request)>,
}

/// What it takes to have the disk as it was before an effect.
enum Before {
    Election(ElectionState),
    Appended {
        batches: usize,
        voters: Vec<VotersAt>,
    },
    Truncated {
        removed: Vec<Entry<Content>>,
        voters: Vec<VotersAt>,
    },
    /// A snapshot got its name.
    Installed {
        latest: SnapshotId,
    },
    Cleaned {
        start: SnapshotId,
    },
    /// The log files went one by one.
    Replaced {
        log: Vec<Entry<Content>>,
        start: SnapshotId,
        voters: Vec<VotersAt>,
    },
}

impl Before {
    fn of(effect: &Effect<u32>, disk: &Disk) -> Option<Self> {
        match effect {
            Effect::WriteElectionState { .. } => Some(Self::Election(disk.election)),
            Effect::Append { .. } => {
                Some(Self::Appended { batches: disk.log.len(), voters: disk.voters.clone() })
            }
            Effect::Truncate { to } => {
                let removed = disk.log.iter().filter(|entry| entry.end > *to).cloned().collect();
                Some(Self::Truncated { removed, voters: disk.voters.clone() })
            }
            Effect::InstallSnapshot { .. } => Some(Self::Installed { latest: disk.latest }),
            Effect::CleanLog { .. } => Some(Self::Cleaned { start: disk.start }),
            Effect::ReplaceLog { .. } => {
                let (log, voters) = (disk.log.clone(), disk.voters.clone());
                Some(Self::Replaced { log, start: disk.start, voters })
            }
            _ => None,
        }
    }

    fn undo(self, mut disk: Disk) -> Disk {
        match self {
            Self::Election(election) => disk.election = election,
            Self::Appended { batches, voters } => {
                disk.log.truncate(batches);
                disk.voters = voters;
            }
            // A truncation that was cut short may have removed a part, so none of it counts as flushed any more.
            Self::Truncated { removed, voters } => {
                disk.log.extend(removed);
                disk.voters = voters;
            }
            Self::Installed { latest } => disk.latest = latest,
            Self::Cleaned { start } => disk.start = start,
            Self::Replaced { log, start, voters } => {
                (disk.log, disk.start, disk.flushed) = (log, start, start.end);
                disk.voters = voters;
            }
        }
        disk
    }
}

impl Node {
    pub(super) fn new(traces: Vec<Trace>) -> Result<Self, ReplayError> {
        let lines = Lines::new(traces);
        let mut node =
            Self { lines, next: None, running: None, torn: None, done: Replayed::default() };
        node.read()?;
        Ok(node)
    }

    /// Goes on to the next line.
    pub(super) fn read(&mut self) -> Result<(), ReplayError> {
        let line = self.lines.next()?;
        self.next = line.map(|line| serde_json::from_str(&line).map_err(|error| error.to_string()));
        Ok(())
    }

    pub(super) fn refused(&self, why: String) -> ReplayError {
        let (file, line) = self.lines.place();
        ReplayError::Refused { file, line, why }
    }

    fn config(&self) -> Option<&Config> {
        match (&self.running, &self.next) {
            (Some(running), _) => Some(&running.config),
            (None, Some(Ok(TraceRecord::Start { config, .. }))) => Some(config),
            _ => None,
        }
    }

    /// Who this is, from the first line on.
    pub(super) fn local(&self) -> Option<NodeId> {
        self.config().map(|config| config.local.id)
    }

    /// The voters that it begins with.
    pub(super) fn voters(&self) -> Option<VoterSet> {
        match (&self.running, &self.next) {
            (Some(running), _) => Some(running.state.voters().clone()),
            (None, Some(Ok(TraceRecord::Start { config, restored }))) => {
                let named = restored.log.voters.last().map(|last| &last.voters);
                Some(named.unwrap_or(&config.voters).clone())
            }
            _ => None,
        }
    }

    /// Whether it votes, or may come to.
    pub(super) fn may_vote(&self) -> bool {
        let votes =
            |config: &Config| config.voters.is_empty() || config.voters.contains(config.local);
        self.config().is_some_and(votes)
    }

    /// The first voters that its log names after `end`.
    pub(super) fn voters_after(&self, end: Offset) -> Option<&VoterSet> {
        let named = &self.running.as_ref()?.disk.voters;
        named.iter().find(|named| named.end > end).map(|named| &named.voters)
    }

    pub(super) fn view(&self) -> Option<NodeView<'_, Content>> {
        let Running { config, state, disk, expected, .. } = self.running.as_ref()?;
        Some(NodeView {
            id: config.local.id,
            directory: config.local.directory,
            may_campaign: state.may_campaign(),
            role: Some(state.role()),
            epoch: state.election().epoch,
            leader: state.election().leader,
            log: &disk.log,
            flushed: disk.flushed,
            log_start: disk.start.end,
            latest_snapshot: disk.latest.end,
            // In the middle of a step the state is ahead of the disk.
            high_watermark: state.high_watermark().filter(|_| expected.is_empty()),
        })
    }

    /// The message of the next line that nobody has sent yet.
    pub(super) fn missing(&self, shared: &Shared) -> Option<String> {
        let messages = shared.messages.as_ref()?;
        let local = self.running.as_ref()?.config.local.id;
        match self.next.as_ref()?.as_ref().ok()? {
            TraceRecord::Event(Event::Requested { request }) => {
                messages.was_sent(local, request).err()
            }
            TraceRecord::Event(Event::Answered { from, request, response }) => {
                messages.was_given(local, *from, request, response).err()
            }
            _ => None,
        }
    }

    /// Takes the next line: whether anything changed that a property could see; `None` after the last.
    pub(super) fn take(&mut self, shared: &mut Shared) -> Option<Result<bool, String>> {
        let taken = match self.next.take()? {
            Ok(record) => self.record(record, shared),
            // Whether that is legal is seen at the next line: only a start may follow.
            Err(error) => self.tear(&error).map(|()| false),
        };
        if taken.is_ok()
            && let Some(running) = &mut self.running
        {
            running.say(shared);
        }
        Some(taken)
    }

    fn tear(&mut self, error: &str) -> Result<(), String> {
        if let Some(torn) = &self.torn {
            return Err(torn.clone());
        }
        self.torn = Some(format!(
            "not a trace record ({error}), and no crash follows that could have torn it"
        ));
        self.done.torn += 1;
        Ok(())
    }

    fn record(&mut self, record: TraceRecord<u32>, shared: &mut Shared) -> Result<bool, String> {
        if let TraceRecord::Start { config, restored } = record {
            self.torn = None;
            return self.start(config, restored, shared);
        }
        if let Some(torn) = self.torn.take() {
            return Err(torn);
        }
        let running = self.running.as_mut().ok_or("the trace does not begin with a start")?;
        match record {
            TraceRecord::Event(event) => {
                self.done.events += 1;
                running.event(&event, shared)?;
                Ok(true)
            }
            TraceRecord::Effect(effect) => {
                self.done.effects += 1;
                self.done.elections += u64::from(matches!(effect, Effect::BecameLeader { .. }));
                self.done.cleaned += u64::from(matches!(effect, Effect::CleanLog { .. }));
                self.done.loaded += u64::from(matches!(effect, Effect::InstallSnapshot { .. }));
                self.done.truncations += u64::from(matches!(effect, Effect::Truncate { .. }));
                running.effect(&effect, shared)
            }
            TraceRecord::Start { .. } => unreachable!("taken above"),
        }
    }

    fn start(
        &mut self,
        config: Config,
        restored: Restored,
        shared: &Shared,
    ) -> Result<bool, String> {
        self.done.starts += 1;
        if restored.log.flushed != restored.log.end {
            return Err("what is read at a start must be flushed before anything else".to_owned());
        }
        let disk = match self.running.take() {
            None if shared.messages.is_some() && restored.log.end > Offset::ZERO => {
                let why = "the log has entries from before this trace: what others fetch of them cannot be judged";
                return Err(format!("{why}; give the traces from the first start on"));
            }
            None => Disk::found(&restored),
            Some(last) if last.is_replaced_by(&config) => {
                if restored.log.end > Offset::ZERO || restored.election.voted.is_some() {
                    return Err("a new directory begins with something".to_owned());
                }
                Disk::found(&restored)
            }
            Some(last) => last.restart(&config, &restored)?,
        };
        let (state, effects) =
            start(config.clone(), restored).map_err(|error| format!("cannot start: {error}"))?;
        self.running = Some(Running {
            config,
            state,
            disk,
            before: None,
            expected: effects.into(),
            timers: BTreeSet::new(),
            flush_asked: false,
            asked: None,
            said: Vec::new(),
        });
        Ok(true)
    }

    pub(super) fn finish(self) -> Replayed {
        let mut done = self.done;
        if let Some(running) = self.running {
            done.high_watermark = running.state.high_watermark();
            done.disks = running.disks();
        }
        done
    }
}

impl Running {
    /// The disk after the last effect, and as it was before it.
    fn disks(self) -> Vec<Disk> {
        let before = self.before.map(|before| before.undo(self.disk.clone()));
        [self.disk].into_iter().chain(before).collect()
    }

    /// Whether the next start is on another directory: the disk was lost. Who votes by its id alone may not do that.
    fn is_replaced_by(&self, config: &Config) -> bool {
        self.config.local.id == config.local.id
            && self.config.local.directory != config.local.directory
            && self.config.voters == config.voters
            && !config.voters.contains(config.local)
    }

    /// The disk of the next start, if a crash here can have left it so.
    fn restart(self, config: &Config, found: &Restored) -> Result<Disk, String> {
        if self.config.local != config.local || self.config.voters != config.voters {
            return Err(format!(
                "starts as {:?}, but ran as {:?}",
                config.local, self.config.local
            ));
        }
        let mut why = String::new();
        for mut disk in self.disks() {
            match disk.cannot_leave(found) {
                None => {
                    disk.keep(found);
                    return Ok(disk);
                }
                Some(reason) if why.is_empty() => why = reason,
                Some(_) => {}
            }
        }
        Err(why)
    }

    /// Between two steps the node may send what it has to say.
    fn say(&mut self, shared: &mut Shared) {
        let Some(messages) = &mut shared.messages else { return };
        if !self.expected.is_empty() {
            return;
        }
        let said = requests(&self.state);
        if said != self.said {
            for (to, request) in &said {
                messages.say(self.config.local.id, *to, request);
            }
            self.said = said;
        }
    }

    fn event(&mut self, event: &Event<u32>, shared: &mut Shared) -> Result<(), String> {
        if let Some(missing) = self.expected.front() {
            return Err(format!("before this event the model does {missing:?}"));
        }
        self.before = None;
        self.asked = None;
        match event {
            Event::TimerFired { timer } if !self.timers.remove(timer) => {
                return Err(format!("timer {timer:?} was not set"));
            }
            Event::Flushed { .. } if !self.flush_asked => {
                return Err("a flush completed that nothing asked for".to_owned());
            }
            Event::Flushed { end } if *end > self.disk.end() => {
                return Err(format!(
                    "flushed up to {end}, but the log ends at {}",
                    self.disk.end()
                ));
            }
            Event::Flushed { end } => {
                self.flush_asked = false;
                self.disk.flushed = self.disk.flushed.max(*end);
            }
            Event::Requested { request } => {
                if let Some(messages) = &mut shared.messages {
                    messages.received += 1;
                    self.asked = Some(request.clone());
                }
            }
            Event::Answered { from, request, response } => {
                if let Some(messages) = &mut shared.messages {
                    messages.receive(self.config.local.id, *from, request, response);
                }
            }
            Event::SnapshotTaken { snapshot } => {
                let content = self.disk.log.iter().take_while(|entry| entry.end <= snapshot.end);
                let content: Vec<_> = content.cloned().collect();
                if !properties::snapshot_equals_prefix(*snapshot, &content, &shared.committed) {
                    broken(Property::SnapshotEqualsPrefix.bit())?;
                }
                self.disk.latest = *snapshot;
            }
            _ => {}
        }
        let before = self.state.clone();
        self.expected = step(&mut self.state, event.clone()).into();
        if properties::campaign_has_pre_votes(&before, event, &self.state) {
            return Ok(());
        }
        broken(Property::CampaignHasPreVotes.bit())
    }

    /// Whether anything changed that a property could see.
    fn effect(&mut self, effect: &Effect<u32>, shared: &mut Shared) -> Result<bool, String> {
        match self.expected.pop_front() {
            Some(expected) if expected == *effect => {}
            Some(expected) => return Err(format!("the model does {expected:?} here")),
            None => return Err("the model does nothing here".to_owned()),
        }
        self.before = Before::of(effect, &self.disk);
        match effect {
            Effect::SetTimer { timer, .. } => {
                self.timers.insert(*timer);
            }
            Effect::CancelTimer { timer } => {
                self.timers.remove(timer);
            }
            Effect::Flush => self.flush_asked = true,
            Effect::AdvanceHighWatermark { to } => {
                let agrees = properties::commit(&mut shared.committed, &self.disk.log, *to);
                if !agrees || !shared.commit_voters(&self.disk.voters, *to) {
                    broken(Property::CommittedImmutable.bit())?;
                }
            }
            Effect::Truncate { to }
            | Effect::ReplaceLog { snapshot: SnapshotId { end: to, .. } } => {
                let log = &self.disk.log;
                let keeps = properties::truncation_keeps_committed(log, *to, &shared.committed);
                if !keeps {
                    broken(Property::NoTruncationBelowHighWatermark.bit())?;
                }
            }
            Effect::Respond { response } => {
                if let (Some(messages), Some(request)) = (&mut shared.messages, &self.asked) {
                    messages.give(self.config.local.id, request, response, &self.disk.log);
                }
            }
            _ => {}
        }
        if let Effect::ReplaceLog { snapshot } = effect {
            // The core knows them from the header of the file.
            let named = self.state.log().voters.last().cloned();
            let of_snapshot = named.filter(|named| named.end == snapshot.end);
            let committed = shared.voters_at(snapshot.end);
            if committed.is_some() && of_snapshot.as_ref().map(|named| &named.voters) != committed {
                broken(Property::SnapshotEqualsPrefix.bit())?;
            }
            self.disk.voters = of_snapshot.into_iter().collect();
        }
        self.write(effect, shared);
        let committed = matches!(effect, Effect::AdvanceHighWatermark { .. });
        Ok(self.before.is_some() || committed || self.expected.is_empty())
    }

    /// What the effect does to the disk.
    fn write(&mut self, effect: &Effect<u32>, shared: &mut Shared) {
        let known = self.disk.log.len();
        let mut base = self.disk.end();
        self.disk.carry_out(effect, &shared.committed);
        if let (Some(messages), Effect::Append { .. }) = (&mut shared.messages, effect) {
            messages.note_control(effect);
            for entry in &mut self.disk.log[known..] {
                messages.know(base, entry);
                base = entry.end;
            }
        }
    }
}
