//! What a run has done, and what of it was acknowledged.

use bytes::Bytes;
use kraftig_log::quorum_state::QuorumState;
use kraftig_wire::batch::{self as wire, BatchBuilder};

/// What was done, and what of it was acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) batches: Vec<Batch>,
    pub(crate) end: i64,
    /// What else there may be: the log as it was before a truncation that was not acknowledged.
    pub(crate) before_cut: Option<Vec<Batch>>,
    /// What else there may be: an empty log that begins here.
    pub(crate) replacing: Option<i64>,
    /// All below is acknowledged.
    pub(crate) flushed: i64,
    pub(crate) start: i64,
    pub(crate) start_in_checkpoint: i64,
    pub(crate) epoch: i32,
    pub(crate) promised: Option<QuorumState>,
    /// A promise that was not acknowledged.
    pub(crate) promising: Option<QuorumState>,
    /// Counts batches, so that no two are alike.
    pub(crate) written: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) base: i64,
    pub(crate) end: i64,
    pub(crate) bytes: Bytes,
}

impl From<&wire::Batch> for Batch {
    fn from(batch: &wire::Batch) -> Self {
        let (base, end) = (batch.header().base_offset, batch.header().next_offset());
        Self { base, end, bytes: batch.bytes().clone() }
    }
}

impl Expected {
    pub(crate) fn next_batch(&mut self) -> Batch {
        let base = self.end;
        let count = 1 + self.written % 3;
        let mut builder = BatchBuilder::new(base, self.epoch, 1000 + self.written as i64);
        for record in 0..count {
            // Some batches reach over several sectors.
            let text = format!("{} {record} ", self.written).repeat(1 + self.written as usize % 40);
            builder.push(None, Some(text.as_bytes()));
        }
        self.written += 1;
        self.end += count as i64;
        Batch { base, end: self.end, bytes: builder.build() }
    }
}
