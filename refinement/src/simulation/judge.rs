//! What the controllers and the clients were told, and whether it is still true.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use kraftig_server::quorum::CommittedBatch;
use kraftig_spec::types::{NodeId, Offset, SnapshotId};

use super::Failure;

/// Everything that any controller was told to be committed: there is one such log, and it only grows.
#[derive(Default)]
pub(super) struct Judge {
    committed: Vec<CommittedBatch>,
    pub(super) acknowledged: u64,
}

impl Judge {
    /// How many batches are known to be committed.
    pub(super) fn committed(&self) -> usize {
        self.committed.len()
    }

    /// The name of a snapshot of the first so many batches, and something that stands for them: a few bytes, as chunks may
    /// have one each.
    pub(super) fn before(&self, batches: usize) -> Option<(SnapshotId, Bytes)> {
        let known = self.committed.get(..batches)?;
        let last = known.last()?;
        let snapshot = SnapshotId { end: last.last_offset.plus(1), epoch: last.epoch };
        let mut hasher = DefaultHasher::new();
        for batch in known {
            (batch.base_offset, batch.epoch, &batch.records).hash(&mut hasher);
        }
        Some((snapshot, Bytes::from(format!("{batches} batches, {:016x}", hasher.finish()))))
    }

    /// How many batches are known before an offset.
    pub(super) fn batches_before(&self, end: Offset) -> usize {
        self.committed.partition_point(|batch| batch.base_offset < end)
    }

    /// `node` tells its controller of `batches`, after `told` others in this life.
    pub(super) fn told(
        &mut self,
        node: NodeId,
        told: usize,
        batches: &[CommittedBatch],
    ) -> Result<(), Failure> {
        for (place, batch) in (told..).zip(batches) {
            match self.committed.get(place) {
                Some(known) if known == batch => {}
                Some(known) => {
                    let (known, batch) = (Box::new(known.clone()), Box::new(batch.clone()));
                    return Err(Failure::OtherCommitted { node, known, batch });
                }
                None => {
                    let end =
                        self.committed.last().map_or(Offset::ZERO, |last| last.last_offset.plus(1));
                    if batch.base_offset != end {
                        return Err(Failure::Gap { node, end, base: batch.base_offset });
                    }
                    self.committed.push(batch.clone());
                }
            }
        }
        Ok(())
    }

    /// A client is told that its records are committed from `base` on. As what is committed is never another
    /// afterwards ([`told`](Self::told)), they are there for good.
    pub(super) fn acknowledge(&mut self, base: Offset, records: &[Bytes]) -> Result<(), Failure> {
        let place = self.committed.binary_search_by_key(&base, |batch| batch.base_offset);
        let there = place.ok().and_then(|place| self.committed[place].records.as_deref());
        if there != Some(records) {
            return Err(Failure::NotAcknowledged { base });
        }
        self.acknowledged += 1;
        Ok(())
    }
}
