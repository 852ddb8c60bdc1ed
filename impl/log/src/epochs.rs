//! The leader epochs of one log: where each begins (KIP-101, KIP-279).

use crate::checkpoint::{self, LEADER_EPOCH};
use crate::disk::{self, DiskError, unless_out_of_room};
use crate::error::LogError;
use crate::log::Log;

/// Epochs and their first offsets, both strictly ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Epochs {
    entries: Vec<(i32, i64)>,
}

impl Epochs {
    /// Takes over the entries of a checkpoint, or says which one does not ascend.
    pub(crate) fn from_entries(entries: Vec<(i32, i64)>) -> Result<Self, (i32, i64)> {
        for pair in entries.windows(2) {
            if pair[1].0 <= pair[0].0 || pair[1].1 <= pair[0].1 {
                return Err(pair[1]);
            }
        }
        Ok(Self { entries })
    }

    pub(crate) fn entries(&self) -> &[(i32, i64)] {
        &self.entries
    }

    pub(crate) fn latest(&self) -> Option<i32> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// The epoch that `offset` was written in.
    pub(crate) fn epoch_at(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|index| self.entries[index].0)
    }

    /// Lets `epoch` begin at `start`; entries that this contradicts go. Returns whether anything changed.
    pub(crate) fn assign(&mut self, epoch: i32, start: i64) -> bool {
        if self.latest() == Some(epoch) {
            return false;
        }
        self.entries.retain(|(e, s)| *e < epoch && *s < start);
        self.entries.push((epoch, start));
        true
    }

    /// Forgets the epochs that begin at `end` or after.
    pub(crate) fn truncate_from_end(&mut self, end: i64) -> bool {
        let kept = self.entries.partition_point(|(_, start)| *start < end);
        let changed = kept < self.entries.len();
        self.entries.truncate(kept);
        changed
    }

    /// Forgets the epochs that end at `start` or before; the one that holds `start` begins there.
    pub(crate) fn truncate_from_start(&mut self, start: i64) -> bool {
        let after = self.entries.partition_point(|(_, s)| *s <= start);
        let Some(holding) = after.checked_sub(1) else {
            return false;
        };
        let changed = holding > 0 || self.entries[0].1 < start;
        self.entries.drain(..holding);
        self.entries[0].1 = start;
        changed
    }
}

impl Log {
    /// Each leader epoch and its first offset, ascending.
    pub fn epoch_boundaries(&self) -> &[(i32, i64)] {
        self.epochs.entries()
    }

    /// The leader epoch that the record at `offset` was written in.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.epochs.epoch_at(offset)
    }

    /// Lets the leader epoch `epoch` begin at the log's end; durable when it returns. A leader calls this
    /// before it appends in a new epoch.
    pub fn assign_epoch(&mut self, epoch: i32) -> Result<(), LogError> {
        self.assign_epoch_at(epoch, self.end)
    }

    pub(crate) fn assign_epoch_at(&mut self, epoch: i32, start: i64) -> Result<(), LogError> {
        if self.epochs.latest() == Some(epoch) {
            return Ok(());
        }
        let before = self.epochs.clone();
        if self.epochs.assign(epoch, start)
            && let Err(e) = self.write_epochs()
        {
            self.epochs = before;
            return Err(e.into());
        }
        Ok(())
    }

    pub(crate) fn write_epochs(&mut self) -> Result<(), DiskError> {
        if self.made {
            let text = checkpoint::epochs_text(self.epochs.entries());
            disk::replace(&self.directory.join(LEADER_EPOCH), text.as_bytes())?;
        }
        self.epochs_unwritten = false;
        Ok(())
    }

    /// Writes the epochs after some were dropped, once there is room. The file has all that the records are of, for it is
    /// written before them. As long as nothing is appended, what else it has lies past the log's end or before its start
    /// and is dropped again when the log is opened.
    pub(crate) fn epochs_dropped(&mut self) -> Result<(), DiskError> {
        let written = self.write_epochs();
        self.epochs_unwritten = written.is_err();
        unless_out_of_room(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> Epochs {
        Epochs::from_entries(entries.to_vec()).unwrap()
    }

    #[test]
    fn epochs_of_offsets() {
        let e = epochs(&[(2, 10), (4, 20), (5, 30)]);
        assert_eq!((e.epoch_at(9), e.epoch_at(10), e.epoch_at(29)), (None, Some(2), Some(4)));
    }

    #[test]
    fn changes() {
        assert_eq!(Epochs::from_entries(vec![(1, 0), (1, 5)]), Err((1, 5)));
        assert_eq!(Epochs::from_entries(vec![(1, 5), (2, 5)]), Err((2, 5)));

        let mut e = epochs(&[(0, 0)]);
        assert!(!e.assign(0, 5));
        assert!(e.assign(1, 0), "an epoch that wrote nothing is replaced");
        assert_eq!(e, epochs(&[(1, 0)]));
        assert!(e.assign(3, 7));
        assert_eq!(e, epochs(&[(1, 0), (3, 7)]));

        let mut e = epochs(&[(1, 0), (2, 594), (3, 1468)]);
        assert!(e.truncate_from_end(1468));
        assert_eq!(e, epochs(&[(1, 0), (2, 594)]));
        assert!(!e.truncate_from_end(595));

        let mut e = epochs(&[(1, 0), (2, 594), (3, 1468)]);
        assert!(e.truncate_from_start(1418));
        assert_eq!(e, epochs(&[(2, 1418), (3, 1468)]));
        assert!(!e.truncate_from_start(1418));
        assert!(e.truncate_from_start(1468));
        assert_eq!(e, epochs(&[(3, 1468)]));
    }
}
