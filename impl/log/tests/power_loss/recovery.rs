//! What has to be there after a power loss.

use kraftig_log::Log;
use kraftig_log::quorum_state::QuorumState;

use crate::expected::{Batch, Expected};
use crate::failure::Failure;
use crate::store::{Kind, Store, TOPIC};

impl Store<'_> {
    /// Takes up what is left; everything acknowledged must be there, and nothing that was never written.
    pub(crate) fn recover(&self, expected: &Expected) -> Result<Log, Failure> {
        let mut log = self.open()?;
        let lost = |what: String| Err(Failure::Lost(what));
        let promise = QuorumState::read(self.root)?;
        if promise != expected.promised && (promise.is_none() || promise != expected.promising) {
            return lost(format!("quorum-state is {promise:?}, not {:?}", expected.promised));
        }
        if expected.flushed > 0 && log.topic_id() != Some(TOPIC) {
            return lost(format!("the topic id is {:?}", log.topic_id()));
        }
        let (start, end) = (log.start_offset(), log.end_offset());
        if expected.replacing == Some(start) && start == end {
            return Ok(log);
        }
        // Each segment is an entry of its directory, and each may be lost while nothing is acknowledged: where a partition
        // made its second segment before its first flush, there may be only that one. A flush makes all names safe, so
        // what is acknowledged is never behind the beginning.
        let nothing_safe = self.kind == Kind::Partition && expected.flushed <= expected.start;
        let late = start > expected.start && !nothing_safe;
        if late || start < expected.start_in_checkpoint {
            return lost(format!("the log begins at {start}, not at {}", expected.start));
        }
        if end < expected.flushed {
            return lost(format!(
                "the log ends at {end}, and is acknowledged to {}",
                expected.flushed
            ));
        }
        let mut found = Vec::new();
        for batch in log.batches_from(expected.start.min(end).max(start))? {
            found.push(Batch::from(&batch?));
        }
        let is_there = |all: &Vec<Batch>| {
            let mut all = all.iter().filter(|batch| batch.base >= expected.start);
            match self.kind {
                Kind::Metadata => found.iter().all(|batch| all.next() == Some(batch)),
                // A whole segment may be lost before one that is not, as far as nothing is acknowledged: offsets
                // may be missing in a partition.
                Kind::Partition => found.iter().all(|batch| all.any(|one| one == batch)),
            }
        };
        if !is_there(&expected.batches) && !expected.before_cut.as_ref().is_some_and(is_there) {
            return lost(format!("the log has batches that it should not have, up to {end}"));
        }
        let mut acknowledged = expected
            .batches
            .iter()
            .filter(|batch| batch.base >= expected.start && batch.end <= expected.flushed);
        if let Some(batch) = acknowledged.find(|batch| !found.contains(batch)) {
            return lost(format!("the batch at {} is gone", batch.base));
        }
        Ok(log)
    }

    /// Recovers and goes on: what is acknowledged after a recovery is as safe as before.
    pub(crate) fn go_on(&self, expected: &mut Expected) -> Result<(), Failure> {
        let mut log = self.recover(expected)?;
        log.assign_topic_id(TOPIC)?;
        let from = log.start_offset();
        expected.start = from;
        expected.batches.clear();
        expected.before_cut = None;
        for batch in log.batches_from(from)? {
            expected.batches.push(Batch::from(&batch?));
        }
        expected.end = log.end_offset();
        expected.epoch += 1;
        expected.promised = QuorumState::read(self.root)?;
        expected.promising = None;
        let batch = expected.next_batch();
        expected.batches.push(batch.clone());
        log.append(&batch.bytes, 0)?;
        expected.flushed = log.flush(0)?;
        Ok(())
    }
}
