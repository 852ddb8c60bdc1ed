//! A log, its checkpoints and `quorum-state`, used as the node uses them.

use std::path::Path;
use std::sync::Arc;

use kraftig_log::checkpoint::{self, CheckpointError, LOG_START, RECOVERY_POINT};
use kraftig_log::disk;
use kraftig_log::quorum_state::{QuorumState, Version};
use kraftig_log::{Known, Log, LogConfig};
use kraftig_spec::types::{Epoch, NodeId, TopicId, Uuid};

use crate::expected::Expected;
use crate::failure::Failure;
use crate::steps::Step;

pub(crate) const TOPIC: TopicId = TopicId(Uuid([7; 16]));

/// Which log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A partition's: a clean stop and checkpoints are believed.
    Partition,
    /// The metadata log: nothing is believed, and no offset may be missing.
    Metadata,
}

/// A directory of a log directory, taken up as the node does it.
pub(crate) struct Store<'a> {
    pub(crate) root: &'a Path,
    pub(crate) kind: Kind,
    pub(crate) config: Arc<LogConfig>,
}

impl Store<'_> {
    pub(crate) fn new(root: &Path, kind: Kind) -> Store<'_> {
        // Small segments and indexes: little data makes much happen.
        let config = LogConfig {
            segment_bytes: 4000,
            index_interval_bytes: 300,
            index_bytes: 1200,
            ..LogConfig::default()
        };
        Store { root, kind, config: Arc::new(config) }
    }

    pub(crate) fn open(&self) -> Result<Log, Failure> {
        let directory = self.root.join("t-0");
        let offset = |name| -> i64 {
            let offsets = checkpoint::read_offsets(&self.root.join(name)).unwrap_or_default();
            offsets.get(&("t".to_owned(), 0)).copied().unwrap_or_default()
        };
        let known = match self.kind {
            Kind::Partition => Known {
                clean: checkpoint::take_clean_shutdown(self.root)?.is_some(),
                recovery_point: offset(RECOVERY_POINT),
                start_offset: offset(LOG_START),
                contiguous: false,
            },
            Kind::Metadata => Known { contiguous: true, ..Known::default() },
        };
        let is_log = |name: &String| name.strip_suffix(".log").is_some();
        let mut log = if disk::exists(&directory)? && disk::list(&directory)?.iter().any(is_log) {
            let (log, recovery) = Log::open(&directory, known, self.config.clone(), 0)?;
            if let Some(start) = recovery.ignored_start {
                return Err(Failure::Lost(format!(
                    "the records up to {start}, where the log began"
                )));
            }
            log
        } else {
            Log::create(&directory, TOPIC, Some(0), self.config.clone(), 0)?
        };
        if known.recovery_point > log.flushed_offset() {
            self.write_checkpoints(log.start_offset(), log.flushed_offset())?;
        }
        if self.kind == Kind::Metadata {
            log.flush(0)?;
        }
        Ok(log)
    }

    /// Stops cleanly, in the node's order.
    fn close(&self, log: Log, expected: &mut Expected) -> Result<(), Failure> {
        let (start, end) = (log.start_offset(), log.end_offset());
        log.close(0)?;
        expected.flushed = expected.end;
        if self.kind == Kind::Partition {
            self.checkpoint(start, end, expected)?;
            checkpoint::write_clean_shutdown(self.root, 1)?;
        }
        Ok(())
    }

    fn checkpoint(&self, start: i64, flushed: i64, expected: &mut Expected) -> Result<(), Failure> {
        self.write_checkpoints(start, flushed)?;
        expected.start_in_checkpoint = start;
        Ok(())
    }

    fn write_checkpoints(&self, start: i64, flushed: i64) -> Result<(), Failure> {
        for (name, offset) in [(RECOVERY_POINT, flushed), (LOG_START, start)] {
            checkpoint::write_offsets(&self.root.join(name), [("t", 0, offset)].into_iter())
                .map_err(|e| match e {
                    CheckpointError::Disk(e) => e.into(),
                    e @ CheckpointError::Malformed { .. } => Failure::Lost(e.to_string()),
                })?;
        }
        Ok(())
    }

    /// Does the steps and notes what was acknowledged.
    pub(crate) fn run(&self, steps: &[Step], expected: &mut Expected) -> Result<(), Failure> {
        let mut log = self.open()?;
        log.assign_topic_id(TOPIC)?;
        for step in steps {
            match *step {
                Step::Append(count) => {
                    let mut bytes = Vec::new();
                    for _ in 0..count {
                        let batch = expected.next_batch();
                        bytes.extend_from_slice(&batch.bytes);
                        expected.batches.push(batch);
                    }
                    log.append(&bytes, 0)?;
                }
                Step::Flush => expected.flushed = log.flush(0)?,
                Step::NextEpoch => expected.epoch += 1,
                Step::Truncate(count) => {
                    let keep = expected.batches.len().saturating_sub(count);
                    let before = expected.batches.clone();
                    expected.batches.truncate(keep);
                    let to = expected.batches.last().map_or(0, |b| b.end).max(expected.start);
                    expected.end = to;
                    expected.flushed = expected.flushed.min(to);
                    expected.before_cut = Some(before);
                    log.truncate_to(to, 0)?;
                    expected.before_cut = None;
                    if self.kind == Kind::Partition {
                        self.checkpoint(log.start_offset(), log.flushed_offset(), expected)?;
                    }
                }
                Step::AdvanceStart(count) => {
                    let later = expected.batches.iter().filter(|batch| batch.base > expected.start);
                    expected.start =
                        later.clone().nth(count - 1).map_or(expected.start, |batch| batch.base);
                    log.advance_start_to(expected.start, 0)?;
                    expected.flushed = log.flushed_offset();
                }
                Step::Expire(count) => {
                    let kept = expected.batches.len().saturating_sub(count);
                    let below = expected.batches[..kept].last().map_or(0, |batch| batch.end);
                    expected.start = expected.start.max(below);
                    log.delete_expired(below, i64::MAX)?;
                    expected.start = log.start_offset();
                    expected.flushed = log.flushed_offset();
                }
                Step::Clean(count) => {
                    let later = expected.batches.iter().filter(|batch| batch.base > expected.start);
                    expected.start =
                        later.clone().nth(count - 1).map_or(expected.start, |batch| batch.base);
                    log.clean_to(expected.start)?;
                }
                Step::Replace(further) => {
                    let to = expected.end + further;
                    // What was acknowledged is in the snapshot.
                    expected.flushed = 0;
                    expected.before_cut = Some(std::mem::take(&mut expected.batches));
                    expected.replacing = Some(to);
                    log.restart_at(to, 0)?;
                    (expected.start, expected.end, expected.flushed) = (to, to, to);
                    (expected.before_cut, expected.replacing) = (None, None);
                }
                Step::Checkpoint => {
                    self.checkpoint(log.start_offset(), log.flushed_offset(), expected)?;
                }
                Step::Promise => {
                    let epoch =
                        Epoch(expected.promised.as_ref().map_or(1, |last| last.epoch.0 + 1));
                    let voters = Version::V0 { voters: vec![NodeId(1)] };
                    let voted = Some(NodeId(epoch.0 % 3));
                    let promise = QuorumState { leader: None, epoch, voted, version: voters };
                    expected.promising = Some(promise.clone());
                    promise.write(self.root)?;
                    expected.promised = expected.promising.take();
                }
                Step::Restart => {
                    self.close(log, expected)?;
                    log = self.open()?;
                }
            }
        }
        Ok(())
    }
}
