//! What elections and replication need to know of a log.

use serde::{Deserialize, Serialize};

use super::event::Diverging;
use super::voters::{VoterSet, VotersAt};
use crate::types::{Epoch, Offset, SnapshotId};

/// Where an epoch begins in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochStart {
    /// The epoch.
    pub epoch: Epoch,
    /// The offset of its first record.
    pub start: Offset,
}

/// All that votes, divergence and high watermarks need to know of a log: Kafka's leader-epoch cache
/// and three offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSummary {
    /// The snapshot after which it begins; none if it begins with the first record.
    pub start: SnapshotId,
    /// The latest snapshot that is on the disk.
    pub latest: SnapshotId,
    /// Offset after the last record.
    pub end: Offset,
    /// Everything below is on stable storage.
    pub flushed: Offset,
    /// The voters that the log, the snapshot before it or the format of the directory names, ascending in their places.
    /// Empty where only the configuration does.
    pub voters: Vec<VotersAt>,
    /// The epochs after that of `start` that have records, ascending in epoch and start.
    pub epochs: Vec<EpochStart>,
}

/// After which snapshot a log begins whose first record is at `base`; `snapshots` are those on the disk, the oldest first. No
/// file says it. If the log's first records are gone it is the first of them, if that lies on the way the log went: what is
/// before is in it, and in none that is older. One that does not was about to take the log's place; then the log begins after
/// nothing that is there, in epoch 0.
pub fn begins_after(
    base: Offset,
    end: Offset,
    epochs: &[EpochStart],
    snapshots: &[SnapshotId],
) -> SnapshotId {
    let nowhere = SnapshotId { end: base, epoch: Epoch(0) };
    let Some(first) = snapshots.first().copied() else { return nowhere };
    let before = epochs.iter().rev().find(|known| known.start < first.end);
    let lies_on_it = if first.end == base {
        epochs.first().is_none_or(|next| next.epoch >= first.epoch)
    } else {
        first.end <= end && before.is_some_and(|last| last.epoch == first.epoch)
    };
    if base == Offset::ZERO || !lies_on_it { nowhere } else { first }
}

impl LogSummary {
    /// Epoch of the last record, be it in the snapshot that the log begins after; 0 if there never was any.
    pub fn last_epoch(&self) -> Epoch {
        let before = mutant!(EmptyLogHasNoEpoch: Epoch(0), else self.start.epoch);
        self.epochs.last().map_or(before, |last| last.epoch)
    }

    /// Epoch of the last record before `end`, which is not before the log's start.
    pub(super) fn epoch_before(&self, end: Offset) -> Epoch {
        let before = self.epochs.partition_point(|known| known.start < end);
        before.checked_sub(1).map_or(self.start.epoch, |last| self.epochs[last].epoch)
    }

    /// Whether the log has been where the snapshot ends. Then it holds the same records (log matching).
    pub(super) fn contains(&self, snapshot: SnapshotId) -> bool {
        (self.start.end..=self.end).contains(&snapshot.end)
            && self.epoch_before(snapshot.end) == snapshot.epoch
    }

    /// The largest epoch at or below `epoch` that has records, and where it ends. For an epoch after
    /// the last: the last and the log's end. For one before all: that epoch, which ends where the
    /// log starts. What a snapshot holds counts as its last epoch. (KIP-101, KIP-279.)
    pub fn end_of_epoch(&self, epoch: Epoch) -> Diverging {
        let after = self.epochs.partition_point(|known| known.epoch <= epoch);
        let end = self.epochs.get(after).map_or(self.end, |next| next.start);
        match after.checked_sub(1) {
            Some(floor) => Diverging { epoch: self.epochs[floor].epoch, end },
            None if (1..=epoch.0).contains(&self.start.epoch.0) => {
                Diverging { epoch: self.start.epoch, end }
            }
            None => Diverging { epoch, end },
        }
    }

    pub(crate) fn append(&mut self, epoch: Epoch, end: Offset) {
        if epoch > self.last_epoch() {
            self.epochs.push(EpochStart { epoch, start: self.end });
        }
        self.end = end;
    }

    pub(super) fn truncate(&mut self, to: Offset) {
        self.epochs.retain(|known| known.start < to);
        mutant!(TruncationKeepsVoters: (), else self.voters.retain(|known| known.end <= to));
        self.end = to;
        self.flushed = self.flushed.min(to);
    }

    /// The records before the end of `to` go. They are as safe as the snapshot is.
    pub(crate) fn clean(&mut self, to: SnapshotId) {
        self.start = to;
        self.flushed = self.flushed.max(to.end);
        let later = self.voters.partition_point(|known| known.end <= to.end);
        if let Some(last) = later.checked_sub(1) {
            self.voters.drain(..last);
            self.voters[0].end = to.end;
        }
        self.forget_early_epochs();
    }

    /// Where the epoch of `start` goes on is known by `start`.
    pub(super) fn forget_early_epochs(&mut self) {
        let start = self.start;
        self.epochs.retain(|known| known.epoch > start.epoch);
    }

    /// All records go, and the log goes on after `snapshot`, which names these voters.
    pub(crate) fn replace(&mut self, snapshot: SnapshotId, voters: Option<VoterSet>) {
        let loaded = mutant!(InstallForgetsVoters: None, else voters);
        let named = |voters| VotersAt { end: snapshot.end, voters };
        *self = Self {
            start: snapshot,
            latest: snapshot,
            end: snapshot.end,
            flushed: snapshot.end,
            epochs: Vec::new(),
            voters: loaded.map(named).into_iter().collect(),
        };
    }
}
