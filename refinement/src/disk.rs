//! What a trace says that a node's disk holds.

use kraftig_spec::quorum::properties::Entry;
use kraftig_spec::quorum::{Batch, Effect, ElectionState, LogSummary, Payload, Restored};
use kraftig_spec::types::{DirectoryId, NodeId, Offset, ReplicaKey};

/// What a batch holds, as far as a trace tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// It was there before the first trace began.
    Unknown,
    /// The record that opens an epoch, with all voters.
    LeaderChange(Vec<NodeId>),
    /// Records, by their batch's CRC-32C.
    Records(u32),
}

/// The disk as the effects of a trace left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The `quorum-state` file.
    pub election: ElectionState,
    /// The log, batch by batch.
    pub log: Vec<Entry<Content>>,
    /// Everything below would survive a power failure.
    pub flushed: Offset,
}

impl Disk {
    /// The disk that a trace begins with. Its log is known only by its epochs.
    pub fn found(restored: &Restored) -> Self {
        let LogSummary { end, epochs, .. } = &restored.log;
        let ends = epochs.iter().skip(1).map(|next| next.start).chain([*end]);
        let log = epochs
            .iter()
            .zip(ends)
            .map(|(known, end)| Entry {
                end,
                epoch: known.epoch,
                value: Content::Unknown,
                leader: None,
            })
            .collect();
        Self { election: restored.election, log, flushed: *end }
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

    /// What an effect does to the disk.
    pub fn carry_out(&mut self, effect: &Effect<u32>) {
        match effect {
            Effect::WriteElectionState { state } => self.election = *state,
            Effect::Truncate { to } => {
                self.log.retain(|entry| entry.end <= *to);
                self.flushed = self.flushed.min(*to);
            }
            Effect::Append { batches } => self.log.extend(batches.iter().map(entry)),
            _ => {}
        }
    }

    /// Why no crash of this disk can leave what a start found; `None` if one can. What was flushed must be
    /// there; of the rest, any whole number of batches.
    pub fn cannot_leave(&self, found: &Restored) -> Option<String> {
        if found.election != self.election && found.election != without_directory(self.election) {
            let (found, held) = (found.election, self.election);
            return Some(format!("found the election state {found:?} where {held:?} was written"));
        }
        let end = found.log.end;
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
        let expected = self.summary(end);
        (found.log.epochs != expected.epochs).then(|| {
            format!(
                "found the epochs {:?} where {:?} were written",
                found.log.epochs, expected.epochs
            )
        })
    }

    /// Keeps what a start found.
    pub fn keep(&mut self, found: &Restored) {
        let end = found.log.end;
        self.election = found.election;
        self.log.retain(|entry| entry.end <= end);
        self.flushed = end;
    }

    /// The log up to `end` as the core knows it.
    pub fn summary(&self, end: Offset) -> LogSummary {
        let mut summary = LogSummary { end, flushed: end, ..LogSummary::default() };
        let mut start = Offset::ZERO;
        for entry in self.log.iter().take_while(|entry| entry.end <= end) {
            if summary.epochs.last().is_none_or(|last| last.epoch < entry.epoch) {
                summary.epochs.push(kraftig_spec::quorum::EpochStart { epoch: entry.epoch, start });
            }
            start = entry.end;
        }
        summary
    }
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
        Payload::Records(crc) => (Content::Records(*crc), None),
    };
    Entry { end: batch.end(), epoch: batch.epoch, value, leader }
}
