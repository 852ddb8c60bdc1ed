//! What a trace says that a node's disk holds.

use kraftig_spec::quorum::properties::Entry;
use kraftig_spec::quorum::{
    Batch, Effect, ElectionState, EpochStart, LogSummary, Payload, Restored, VoterSet, VotersAt,
};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId};

/// What a batch holds, as far as a trace tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// It was there before the first trace began.
    Unknown,
    /// The record that opens an epoch, with all voters.
    LeaderChange(Vec<NodeId>),
    /// The record that names the voters.
    Voters(VoterSet),
    /// Records, by their batch's CRC-32C.
    Records(u32),
}

/// The disk as the effects of a trace left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The `quorum-state` file.
    pub election: ElectionState,
    /// The log, batch by batch, with what snapshots hold of it at its beginning.
    pub log: Vec<Entry<Content>>,
    /// Everything below would survive a power failure.
    pub flushed: Offset,
    /// The snapshot that the log files go on from.
    pub start: SnapshotId,
    /// The latest snapshot.
    pub latest: SnapshotId,
    /// The voters that the log names, and the snapshot before it.
    pub voters: Vec<VotersAt>,
}

impl Disk {
    /// The disk that a trace begins with. Its log is known only by its epochs.
    pub fn found(restored: &Restored) -> Self {
        let LogSummary { start, latest, end, ref epochs, .. } = restored.log;
        // What a snapshot holds, and where its epoch goes on; then the later epochs.
        let known = [(start.epoch, start.end)]
            .into_iter()
            .chain(epochs.iter().map(|known| (known.epoch, known.start)));
        let ends = epochs.iter().map(|next| next.start).chain([end]);
        let mut log = Vec::new();
        if !start.is_none() {
            log.push(unknown(start));
        }
        for ((epoch, _), end) in known.zip(ends).filter(|((_, from), end)| from < end) {
            log.push(unknown(SnapshotId { end, epoch }));
        }
        let voters = restored.log.voters.clone();
        Self { election: restored.election, log, flushed: end, start, latest, voters }
    }

    /// The log's end.
    pub fn end(&self) -> Offset {
        self.log.last().map_or(Offset::ZERO, |entry| entry.end)
    }

    /// The offset at which the log was known only by its epochs, if it was.
    pub fn unknown_below(&self) -> Offset {
        let unknown = self.log.iter().take_while(|entry| entry.value == Content::Unknown);
        unknown.last().map_or(Offset::ZERO, |entry| entry.end)
    }

    /// What an effect does to the disk. What a snapshot from elsewhere holds was committed.
    pub fn carry_out(&mut self, effect: &Effect<u32>, committed: &[Entry<Content>]) {
        match effect {
            Effect::WriteElectionState { state } => self.election = *state,
            Effect::Truncate { to } => {
                self.log.retain(|entry| entry.end <= *to);
                self.voters.retain(|named| named.end <= *to);
                self.flushed = self.flushed.min(*to);
            }
            Effect::Append { batches } => {
                self.log.extend(batches.iter().map(entry));
                self.voters.extend(batches.iter().filter_map(named));
            }
            Effect::InstallSnapshot { snapshot } => self.latest = *snapshot,
            Effect::ReplaceLog { snapshot } => self.replace(*snapshot, committed),
            Effect::CleanLog { to } => {
                self.start = *to;
                self.flushed = self.flushed.max(to.end);
            }
            _ => {}
        }
    }

    fn replace(&mut self, snapshot: SnapshotId, committed: &[Entry<Content>]) {
        self.log =
            committed.iter().take_while(|entry| entry.end <= snapshot.end).cloned().collect();
        if self.end() < snapshot.end {
            self.log.push(unknown(snapshot));
        }
        self.voters.retain(|named| named.end <= snapshot.end);
        (self.start, self.latest, self.flushed) = (snapshot, snapshot, snapshot.end);
    }

    /// Whether the log was where the snapshot ends.
    fn contains(&self, snapshot: SnapshotId) -> bool {
        let ends =
            |entry: &Entry<Content>| (entry.end, entry.epoch) == (snapshot.end, snapshot.epoch);
        snapshot.is_none() || self.log.iter().any(ends)
    }

    /// Why no crash of this disk can leave what a start found; `None` if one can. What was flushed must be
    /// there; of the rest, any whole number of batches.
    pub fn cannot_leave(&self, found: &Restored) -> Option<String> {
        if found.election != self.election && found.election != without_directory(self.election) {
            let (found, held) = (found.election, self.election);
            return Some(format!("found the election state {found:?} where {held:?} was written"));
        }
        let LogSummary { start, latest, end, .. } = found.log;
        // One that stands under its name is told of a little later.
        if latest != self.latest && !(latest.end > self.latest.end && self.contains(latest)) {
            return Some(format!(
                "found the snapshot {latest} where {} was the latest",
                self.latest
            ));
        }
        // A log that no snapshot leads up to is about to be replaced.
        let leads_nowhere = start.epoch == Epoch(0) && !start.is_none();
        if start != self.start
            && !leads_nowhere
            && !(start.end < self.start.end && self.contains(start))
        {
            return Some(format!("found a log from {start} on where it began at {}", self.start));
        }
        if end < self.flushed {
            return Some(format!(
                "found a log that ends at {end}, but {} was flushed",
                self.flushed
            ));
        }
        let boundary = |entry: &Entry<Content>| entry.end == end;
        if end != Offset::ZERO && !self.log.iter().any(boundary) {
            return Some(format!("found a log that ends at {end}, where no batch ends"));
        }
        // Files tell where the epoch of the snapshot goes on, too.
        let epochs = found.log.epochs.iter().filter(|known| known.epoch > start.epoch);
        let found_voters = found.log.voters.last().map(|last| &last.voters);
        let (found, written): (Vec<_>, _) =
            (epochs.copied().collect(), self.summary(start, end).epochs);
        if found != written && !leads_nowhere {
            return Some(format!("found the epochs {found:?} where {written:?} were written"));
        }
        let written = self.voters_at(end);
        (found_voters != written && !leads_nowhere)
            .then(|| format!("found the voters {found_voters:?} where {written:?} were written"))
    }

    /// Keeps what a start found.
    pub fn keep(&mut self, found: &Restored) {
        let end = found.log.end;
        self.election = found.election;
        (self.start, self.latest) = (found.log.start, found.log.latest);
        self.log.retain(|entry| entry.end <= end);
        self.voters.clone_from(&found.log.voters);
        self.flushed = end;
    }

    /// The voters that a log up to `end` names.
    pub fn voters_at(&self, end: Offset) -> Option<&VoterSet> {
        self.voters.iter().rev().find(|named| named.end <= end).map(|named| &named.voters)
    }

    /// The log after `after` and up to `end` as the core knows it.
    pub fn summary(&self, after: SnapshotId, end: Offset) -> LogSummary {
        let latest = self.latest;
        let mut summary =
            LogSummary { start: after, latest, end, flushed: end, ..LogSummary::default() };
        let mut start = Offset::ZERO;
        for entry in self.log.iter().take_while(|entry| entry.end <= end) {
            if entry.end > after.end && entry.epoch > summary.last_epoch() {
                summary.epochs.push(EpochStart { epoch: entry.epoch, start });
            }
            start = entry.end;
        }
        summary
    }
}

/// Something that reaches up to there, and is in no trace.
fn unknown(SnapshotId { end, epoch }: SnapshotId) -> Entry<Content> {
    Entry { end, epoch, value: Content::Unknown, leader: None }
}

/// The file has no room for the directory of whom the node voted for: with static voters (kraft.version 0) it is
/// of version 0.
fn without_directory(state: ElectionState) -> ElectionState {
    let voted = state.voted.map(|voted| ReplicaKey { directory: DirectoryId::ABSENT, ..voted });
    ElectionState { voted, ..state }
}

fn entry(batch: &Batch<Payload<u32>>) -> Entry<Content> {
    let (value, leader) = match &batch.payload {
        Payload::LeaderChange { leader, voters, .. } => {
            (Content::LeaderChange(voters.clone()), Some(*leader))
        }
        Payload::Voters | Payload::Upgrade => {
            (Content::Voters(batch.voters.clone().unwrap_or_default()), None)
        }
        Payload::Records(crc) => (Content::Records(*crc), None),
    };
    Entry { end: batch.end(), epoch: batch.epoch, value, leader }
}

fn named(batch: &Batch<Payload<u32>>) -> Option<VotersAt> {
    batch.voters.as_ref().map(|voters| VotersAt { end: batch.end(), voters: voters.clone() })
}
