//! Snapshots of what is committed (KIP-630): taken in place of a log's beginning, and loaded by who is behind it.

use super::event::{
    Answer, Chunk, Effect, Error, Fetch, FetchSnapshot, Refusal, SnapshotAnswer, Timer,
};
use super::state::{Contact, Download, Role, State};
use super::step::Step;
use super::voters::VoterSet;
use crate::types::{Offset, SnapshotId};

/// The name of a snapshot of all records before `end`, if one may be taken: all of them must be committed, and there
/// must be more of them than in the latest.
pub fn snapshot_id(state: &State, end: Offset) -> Option<SnapshotId> {
    let State { log, high_watermark, .. } = state;
    let committed = mutant!(SnapshotsUncommitted: Some(log.end), else *high_watermark);
    // A leader that was just elected knows of nothing that is committed, but for what snapshots hold.
    let fits = log.latest.end < end && Some(end) <= committed;
    let epoch = log.epoch_before(end);
    let named = mutant!(SnapshotEndInclusive: Offset(end.0 - 1), else end);
    fits.then_some(SnapshotId { end: named, epoch })
}

/// What a snapshot is loaded in place of: nothing that the log still has is lost by it.
fn is_ahead(state: &State, snapshot: SnapshotId) -> bool {
    let State { election, log, high_watermark, .. } = state;
    (1..=election.epoch.0).contains(&snapshot.epoch.0)
        && snapshot.end > Offset::ZERO
        && snapshot.end >= high_watermark.unwrap_or_default()
        && snapshot.end >= log.latest.end
        && !log.contains(snapshot)
}

impl State {
    /// Whether this leader's log lacks what follows the follower's, or a snapshot spares it the whole log. Who has records
    /// of an epoch that this log never had cuts them first, for a stock node takes no snapshot of an earlier epoch.
    pub(super) fn needs_snapshot(&self, fetch: &Fetch) -> bool {
        let log = &self.log;
        let epoch = fetch.last_fetched_epoch;
        let is_behind = fetch.offset < log.start.end || epoch < log.start.epoch;
        let strays = epoch > log.start.epoch && log.end_of_epoch(epoch).epoch != epoch;
        !log.latest.is_none() && !strays && (is_behind || fetch.offset == Offset::ZERO)
    }
}

impl<P> Step<'_, P> {
    pub(super) fn snapshot_taken(&mut self, snapshot: SnapshotId) {
        if mutant!(SnapshotEndInclusive: false, else snapshot_id(self.state, snapshot.end) != Some(snapshot))
        {
            return self.effects.push(Effect::Refuse { refusal: Refusal::UnfitSnapshot });
        }
        self.state.log.latest = snapshot;
    }

    /// The log begins after a snapshot that is no later than the latest, so whoever needs what is gone gets that one.
    pub(super) fn clean(&mut self, to: SnapshotId) {
        let covered = mutant!(CleansBeyondSnapshot:
            self.state.high_watermark.unwrap_or_default(), else self.state.log.latest.end);
        let log = &mut self.state.log;
        let within = log.start.end < to.end && to.end <= covered;
        if !within || !log.contains(to) {
            return self.effects.push(Effect::Refuse { refusal: Refusal::UnfitSnapshot });
        }
        log.clean(to);
        self.effects.push(Effect::CleanLog { to });
    }

    pub(super) fn snapshot_requested(&mut self, fetch: &FetchSnapshot) {
        let FetchSnapshot { epoch, replica, snapshot, position } = *fetch;
        let answer =
            Answer::FetchSnapshot(SnapshotAnswer { snapshot, position, voters: None, chunk: None });
        if let Some(error) = self.cannot_serve(epoch) {
            return self.respond(error, answer);
        }
        self.hear(replica);
        let log = &self.state.log;
        let error =
            if snapshot.is_none() || snapshot.end > log.latest.end || !log.contains(snapshot) {
                Error::SnapshotNotFound
            } else if position < 0 {
                Error::PositionOutOfRange
            } else {
                Error::None
            };
        self.respond(error, answer);
    }

    pub(super) fn begin_download(&mut self, snapshot: SnapshotId) {
        if !is_ahead(self.state, snapshot) {
            return self.effects.push(Effect::Refuse { refusal: Refusal::UnfitSnapshot });
        }
        if let Role::Follower { download, .. } = &mut self.state.role {
            *download = Some(Download { snapshot, position: 0 });
        }
    }

    pub(super) fn end_download(&mut self) {
        if let Role::Follower { download, .. } = &mut self.state.role {
            *download = None;
        }
    }

    pub(super) fn snapshot_answered(&mut self, answer: SnapshotAnswer) {
        let Role::Follower { contact, download: Some(download) } = &mut self.state.role else {
            return;
        };
        let Download { snapshot, position } = *download;
        let place = (answer.snapshot, answer.position) == (snapshot, position);
        let Some(Chunk { size, bytes }) = answer.chunk.filter(|chunk| {
            place && chunk.bytes > 0 && chunk.bytes <= chunk.size.saturating_sub(position)
        }) else {
            self.end_download();
            return self.effects.push(Effect::Refuse { refusal: Refusal::UnfitChunk });
        };
        *contact = Contact::Fetched;
        download.position += bytes;
        let is_whole = download.position == size;
        self.set_timer(Timer::Fetch);
        self.effects.push(Effect::KeepChunk { snapshot, position });
        if is_whole {
            self.install(snapshot, answer.voters);
        }
    }

    /// The log was behind the snapshot, or on another way: none of it can be kept.
    fn install(&mut self, snapshot: SnapshotId, voters: Option<VoterSet>) {
        self.end_download();
        self.effects.push(Effect::InstallSnapshot { snapshot });
        self.state.log.latest = snapshot;
        mutant!(InstallKeepsLog: (), else self.replace_log(snapshot, voters));
        self.state.high_watermark = Some(snapshot.end);
        self.effects.push(Effect::AdvanceHighWatermark { to: snapshot.end });
    }

    fn replace_log(&mut self, snapshot: SnapshotId, voters: Option<VoterSet>) {
        self.state.log.replace(snapshot, voters);
        self.effects.push(Effect::ReplaceLog { snapshot });
    }
}
