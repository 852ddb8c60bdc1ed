//! What the controllers and the clients were told, and whether it is still true.

use bytes::Bytes;
use kraftig_server::quorum::CommittedBatch;
use kraftig_spec::types::{NodeId, Offset};

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
