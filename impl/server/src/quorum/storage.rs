//! The metadata log and the election state on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use kraftig_log::quorum_state::{QuorumState, Version};
use kraftig_log::{Known, Log, LogConfig, disk};
use kraftig_spec::quorum::{Batch, ElectionState, EpochStart, LogSummary, Payload, Restored};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, TopicId};
use kraftig_wire::batch::{BatchBuilder, set_base_offset_and_epoch};
use kraftig_wire::messages::ControlRecord;
use kraftig_wire::messages::leader_change_message::{LeaderChangeMessage, Voter};

use super::{CommittedBatch, QuorumError, recovery};

/// Most bytes of a batch's records once they are read back; the log's own writer stays far below.
const MOST_RECORD_BYTES: usize = 16 << 20;

pub(super) struct Storage {
    directory: PathBuf,
    voters: Vec<NodeId>,
    log: Log,
}

impl Storage {
    /// Opens the directory, and tells what it held. Everything that was read is on stable storage then: the
    /// page cache survives a `kill -9`, so that something can be read does not say that it is durable.
    pub(super) fn open(
        directory: &Path,
        config: LogConfig,
        voters: Vec<NodeId>,
    ) -> Result<(Self, Restored), QuorumError> {
        let config = Arc::new(config);
        let is_log = |name: &String| Path::new(name).extension().is_some_and(|kind| kind == "log");
        let has_log = disk::exists(directory)? && disk::list(directory)?.iter().any(is_log);
        let mut log = if has_log {
            recovery::check(directory)?;
            let known = Known { contiguous: true, ..Known::default() };
            let (log, recovery) = Log::open(directory, known, config, now_ms())?;
            if let Some(damage) = recovery.damage {
                let lost = recovery.bytes_lost;
                tracing::warn!("cut {lost} bytes off the end of the metadata log: {damage}");
            }
            log
        } else {
            Log::create(directory, TopicId::METADATA, None, config, now_ms())?
        };
        log.flush(now_ms())?;
        disk::sync_dir(directory)?;
        if let Some(parent) = directory.parent() {
            disk::sync_dir(parent)?;
        }
        let election =
            QuorumState::read(directory)?.as_ref().map_or_else(ElectionState::default, election);
        if disk::exists(&directory.join(kraftig_log::quorum_state::FILE_NAME))? {
            disk::open(&directory.join(kraftig_log::quorum_state::FILE_NAME))?.sync()?;
        }
        let epochs = log.epoch_boundaries().iter();
        let summary = LogSummary {
            start: Offset(log.start_offset()),
            end: Offset(log.end_offset()),
            flushed: Offset(log.end_offset()),
            epochs: epochs
                .map(|(epoch, start)| EpochStart { epoch: Epoch(*epoch), start: Offset(*start) })
                .collect(),
        };
        let storage = Self { directory: directory.to_owned(), voters, log };
        Ok((storage, Restored { election, log: summary }))
    }

    pub(super) fn write_election_state(&self, state: ElectionState) -> Result<(), QuorumError> {
        let file = QuorumState {
            leader: state.leader,
            epoch: state.epoch,
            voted: state.voted.map(|voted| voted.id),
            version: Version::V0 { voters: self.voters.clone() },
        };
        file.write(&self.directory)?;
        Ok(())
    }

    pub(super) fn append(&mut self, batches: &[Batch<Payload<Bytes>>]) -> Result<(), QuorumError> {
        let now = now_ms();
        let mut bytes = BytesMut::new();
        for batch in batches {
            let start = bytes.len();
            match &batch.payload {
                Payload::Records(records) => bytes.extend_from_slice(records),
                Payload::LeaderChange { leader, voters, granting } => {
                    bytes.extend_from_slice(&leader_change(*leader, voters, granting, now));
                }
            }
            set_base_offset_and_epoch(&mut bytes[start..], batch.base_offset.0, batch.epoch.0)
                .expect("a batch that this node built, or checked when it came");
        }
        self.log.append_as_follower(&bytes, now)?;
        Ok(())
    }

    pub(super) fn truncate(&mut self, to: Offset) -> Result<(), QuorumError> {
        self.log.truncate_to(to.0, now_ms())?;
        Ok(())
    }

    /// Brings everything to stable storage; gives back up to where.
    pub(super) fn flush(&mut self) -> Result<Offset, QuorumError> {
        self.log.flush(now_ms())?;
        Ok(Offset(self.log.flushed_offset()))
    }

    pub(super) fn close(self) -> Result<(), QuorumError> {
        self.log.close(now_ms())?;
        Ok(())
    }

    /// The batches from `from` on, up to `to`, at most about `bytes` of them but at least one.
    pub(super) fn committed(
        &mut self,
        from: Offset,
        to: Offset,
        bytes: usize,
    ) -> Result<Vec<CommittedBatch>, QuorumError> {
        let mut found = Vec::new();
        let mut size = 0;
        for batch in self.log.batches_from(from.0)? {
            let batch = batch?;
            let header = batch.header();
            if header.base_offset >= to.0 || size >= bytes {
                break;
            }
            let damaged = |source| QuorumError::Batch { offset: header.base_offset, source };
            let records = if header.is_control() {
                None
            } else {
                let records = batch.records(MOST_RECORD_BYTES).map_err(damaged)?;
                let mut values = Vec::new();
                for record in &records {
                    let record = record.map_err(damaged)?;
                    values.push(records.slice(record.value.unwrap_or_default()));
                }
                Some(values)
            };
            size += header.size();
            found.push(CommittedBatch {
                base_offset: Offset(header.base_offset),
                last_offset: Offset(header.last_offset()),
                epoch: Epoch(header.leader_epoch),
                timestamp_ms: header.max_timestamp,
                records,
            });
        }
        Ok(found)
    }
}

/// A batch of metadata records that has no place yet: its CRC covers neither offset nor epoch.
pub(super) fn data_batch(records: &[Bytes]) -> Bytes {
    let mut builder = BatchBuilder::new(0, 0, now_ms());
    for record in records {
        builder.push(None, Some(record));
    }
    builder.build()
}

fn leader_change(leader: NodeId, voters: &[NodeId], granting: &[NodeId], now: i64) -> Bytes {
    let voter = |id: &NodeId| Voter { voter_id: id.0, ..Voter::default() };
    let message = LeaderChangeMessage {
        leader_id: leader.0,
        voters: voters.iter().map(voter).collect(),
        granting_voters: granting.iter().map(voter).collect(),
        ..LeaderChangeMessage::default()
    };
    let mut builder = BatchBuilder::new_control(0, 0, now);
    builder
        .push_control(&ControlRecord::LeaderChange(message))
        .expect("version 0 holds all that is set");
    builder.build()
}

fn election(file: &QuorumState) -> ElectionState {
    let directory = match &file.version {
        Version::V0 { .. } => DirectoryId::ABSENT,
        Version::V1 { voted_directory } => *voted_directory,
    };
    let voted = file.voted.map(|id| ReplicaKey { id, directory });
    ElectionState { epoch: file.epoch, leader: file.leader, voted }
}

pub(super) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
