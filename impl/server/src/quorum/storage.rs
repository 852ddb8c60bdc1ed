//! The metadata log and the election state on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kraftig_log::quorum_state::{QuorumState, Version};
use kraftig_log::snapshot::SnapshotFile;
use kraftig_log::{Known, Log, LogConfig, disk, snapshot};
use kraftig_spec::quorum::{
    Batch, Diverging, ElectionState, EpochStart, LogSummary, Payload, ReadFrom, Restored, VoterSet,
    begins_after,
};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId, TopicId};
use kraftig_wire::batch::{self, BatchBuilder, BatchError, set_base_offset_and_epoch};
use kraftig_wire::messages::ControlRecord;
use kraftig_wire::messages::kraft_version_record::KRaftVersionRecord;
use kraftig_wire::messages::leader_change_message::{self, LeaderChangeMessage};

use super::voters::{MOST_VOTERS_BYTES, Named, Voter, Voters, named_by, named_in};
use super::{CommittedBatch, QuorumError, once_voter, recovery};

/// Most bytes of a batch's records once they are read back; the log's own writer stays far below.
const MOST_RECORD_BYTES: usize = 16 << 20;

pub(super) struct Storage {
    directory: PathBuf,
    /// The voters as the log names them.
    named: Named,
    /// What a change that the core is asked for is to say of voters.
    changed: Vec<Voter>,
    /// Whether this very directory was a voter's at any time, and who it is.
    once_voter: (bool, ReplicaKey),
    config: Arc<LogConfig>,
    log: Log,
    bytes_lost: u64,
}

impl Storage {
    /// Opens the directory, and tells what it held. Everything that was read is on stable storage then: the
    /// page cache survives a `kill -9`, so that something can be read does not say that it is durable.
    pub(super) fn open(
        directory: &Path,
        config: LogConfig,
        (local, fixed): (ReplicaKey, Voters),
        now: i64,
    ) -> Result<(Self, Restored), QuorumError> {
        let config = Arc::new(config);
        let is_log = |name: &String| Path::new(name).extension().is_some_and(|kind| kind == "log");
        let has_log = disk::exists(directory)? && disk::list(directory)?.iter().any(is_log);
        let mut bytes_lost = 0;
        let mut log = if has_log {
            recovery::check(directory)?;
            let known = Known { contiguous: true, ..Known::default() };
            let (mut log, recovery) = Log::open(directory, known, config.clone(), now)?;
            log.assign_topic_id(TopicId::METADATA)?;
            bytes_lost = recovery.bytes_lost;
            if let Some(damage) = recovery.damage {
                tracing::warn!("cut {bytes_lost} bytes off the end of the metadata log: {damage}");
            }
            log
        } else {
            Log::create(directory, TopicId::METADATA, None, config.clone(), now)?
        };
        log.flush(now)?;
        let snapshots = snapshot::clean(directory, Offset(log.start_offset()))?;
        disk::sync_dir(directory)?;
        if let Some(parent) = directory.parent() {
            disk::sync_dir(parent)?;
        }
        let election =
            QuorumState::read(directory)?.as_ref().map_or_else(ElectionState::default, election);
        if disk::exists(&directory.join(kraftig_log::quorum_state::FILE_NAME))? {
            disk::open(&directory.join(kraftig_log::quorum_state::FILE_NAME))?.sync()?;
        }
        // A vote must be possible when nothing else is any more.
        QuorumState::prepare(directory)?;
        let mut named = Named::new(fixed);
        let mut summary = summary(&mut log, &snapshots)?;
        if let Some(first) = snapshots.first().filter(|first| **first == summary.start) {
            // What a directory was formatted with is the snapshot before all.
            named.replace(first.end, voters_of_snapshot(directory, *first)?);
        }
        for batch in log.batches_from(log.start_offset())? {
            let batch = batch?;
            let header = batch.header();
            let found = named_in(&batch);
            let found = found
                .map_err(|source| QuorumError::Voters { offset: header.base_offset, source })?;
            if let Some(voters) = found {
                named.append(Offset(header.next_offset()), voters);
            }
        }
        summary.voters = named.history();
        let latest = summary.latest;
        let snapshot_voters = if latest.is_none() {
            None
        } else {
            voters_of_snapshot(directory, latest)?.map(|voters| voters.set())
        };
        let once_voter = (once_voter::is_remembered(directory, local)?, local);
        let directory = directory.to_owned();
        let changed = Vec::new();
        let storage = Self { directory, named, changed, once_voter, config, log, bytes_lost };
        Ok((storage, Restored { election, snapshot_voters, log: summary }))
    }

    /// How many bytes were cut off the log's end as damaged when it was opened.
    pub(super) fn bytes_lost(&self) -> u64 {
        self.bytes_lost
    }

    /// Those that vote now: the last that the log names, or those of the configuration.
    pub(super) fn voters(&self) -> &Arc<Voters> {
        self.named.latest()
    }

    /// Whether this replica was a voter at any time, as far as its directory remembers: it does when that is committed, or
    /// about to be forgotten.
    pub(super) fn was_voter(&self) -> bool {
        self.once_voter.0
    }

    /// Remembers that this replica is a voter, if the log says so before `to`: the log may forget it.
    pub(super) fn remember_voters(&mut self, to: Offset) -> Result<(), QuorumError> {
        let (is_remembered, local) = &mut self.once_voter;
        if !*is_remembered && self.named.was_voter(*local, to) {
            once_voter::remember(&self.directory, *local)?;
            *is_remembered = true;
        }
        Ok(())
    }

    /// Whether the record of the voters with these keys is one that all can read, where `changed` says what is new of them.
    pub(super) fn can_name(&self, keys: &VoterSet, changed: &[Voter]) -> bool {
        let record = ControlRecord::Voters(self.named.with_keys(keys, changed).to_record());
        control_batch(&[record], 0).is_ok_and(|batch| batch.len() <= MOST_VOTERS_BYTES)
    }

    /// What the next change of the voters says of those that are new, or that change.
    pub(super) fn set_changed(&mut self, voters: Vec<Voter>) {
        self.changed = voters;
    }

    pub(super) fn write_election_state(&self, state: ElectionState) -> Result<(), QuorumError> {
        let voters = self.voters();
        let file = QuorumState {
            leader: state.leader,
            epoch: state.epoch,
            voted: state.voted.map(|voted| voted.id),
            version: if voters.kraft_version > 0 {
                let voted = state.voted.map(|voted| voted.directory);
                Version::V1 { voted_directory: voted.unwrap_or(DirectoryId::ABSENT) }
            } else {
                let ids = voters.voters.iter().map(|voter| voter.replica.id);
                Version::V0 { voters: ids.collect() }
            },
        };
        file.write(&self.directory)?;
        Ok(())
    }

    pub(super) fn append(
        &mut self,
        batches: &[Batch<Payload<Bytes>>],
        now: i64,
    ) -> Result<(), QuorumError> {
        let mut bytes = BytesMut::new();
        for batch in batches {
            let records = self.records_of(batch, now)?;
            // What is written at once lies in one segment.
            if bytes.len() + records.len() > self.config.segment_bytes as usize {
                self.write(&bytes.split(), now)?;
            }
            let start = bytes.len();
            bytes.extend_from_slice(&records);
            set_base_offset_and_epoch(&mut bytes[start..], batch.base_offset.0, batch.epoch.0)
                .expect("a batch that this node built, or checked when it came");
        }
        self.write(&bytes, now)
    }

    /// The bytes of a batch that is to be appended. The voters that it names vote from now on.
    fn records_of(
        &mut self,
        batch: &Batch<Payload<Bytes>>,
        now: i64,
    ) -> Result<Bytes, QuorumError> {
        let named = batch.voters.as_ref().map(|keys| self.named.with_keys(keys, &self.changed));
        let (records, named) = match (&batch.payload, named) {
            (Payload::Records(records), None) => (records.clone(), None),
            (Payload::Records(records), Some(_)) => {
                let offset = batch.base_offset.0;
                let parsed = batch::Batch::parse(records)
                    .map_err(|source| QuorumError::Batch { offset, source })?;
                let found = named_in(&parsed);
                let found = found.map_err(|source| QuorumError::Voters { offset, source })?;
                (records.clone(), found)
            }
            (Payload::LeaderChange { leader, voters, granting }, named) => {
                let mut records = vec![leader_change(*leader, voters, granting)];
                if let Some(named) = &named {
                    let kraft_version = named.kraft_version;
                    let version = KRaftVersionRecord { version: 0, kraft_version };
                    records.push(ControlRecord::KRaftVersion(version));
                    records.push(ControlRecord::Voters(named.to_record()));
                }
                (control_batch(&records, now)?, named)
            }
            (Payload::Upgrade, named) => {
                let named = named.unwrap_or_default();
                let kraft_version = named.kraft_version;
                let version = KRaftVersionRecord { version: 0, kraft_version };
                let records = [
                    ControlRecord::KRaftVersion(version),
                    ControlRecord::Voters(named.to_record()),
                ];
                (control_batch(&records, now)?, Some(named))
            }
            (Payload::Voters, named) => {
                let named = named.unwrap_or_default();
                let record = ControlRecord::Voters(named.to_record());
                (control_batch(&[record], now)?, Some(named))
            }
        };
        if let Some(named) = named {
            self.named.append(batch.end(), named);
        }
        Ok(records)
    }

    /// Writes whole batches at the end of the log. All segments but the last are flushed: so a crash tears the
    /// last one only, and damage in another is none of a crash.
    fn write(&mut self, batches: &[u8], now: i64) -> Result<(), QuorumError> {
        if self.log.rolls_with(batches, now) {
            self.log.flush(now)?;
        }
        self.log.append_as_follower(batches, now)?;
        Ok(())
    }

    /// Cuts the log, durably. A place inside of a batch is an error: the log would end before it, and the core
    /// would not know.
    pub(super) fn truncate(&mut self, to: Offset, now: i64) -> Result<(), QuorumError> {
        let end = Offset(self.log.truncate_to(to.0, now)?);
        if end != to {
            return Err(QuorumError::Cut { to, end });
        }
        self.named.truncate(to);
        Ok(())
    }

    /// Drops the log, durably: it goes on, empty, after the snapshot.
    pub(super) fn restart_after(
        &mut self,
        snapshot: SnapshotId,
        now: i64,
    ) -> Result<(), QuorumError> {
        self.remember_voters(Offset(i64::MAX))?;
        self.log.restart_at(snapshot.end.0, now)?;
        self.named.replace(snapshot.end, voters_of_snapshot(&self.directory, snapshot)?);
        Ok(())
    }

    /// Lets the log begin after the snapshot.
    pub(super) fn clean_to(&mut self, snapshot: SnapshotId) -> Result<(), QuorumError> {
        self.log.clean_to(snapshot.end.0)?;
        self.named.clean(snapshot.end);
        Ok(())
    }

    /// The bytes of all segments.
    pub(super) fn size(&self) -> u64 {
        self.log.size()
    }

    /// Whether an epoch ends inside of a batch of that epoch, if `diverging` is true: the batch would be in two logs,
    /// and whole in one of them only. No log that shares its beginning ends there.
    pub(super) fn is_split_by(&mut self, diverging: Diverging) -> Result<bool, QuorumError> {
        if !(self.log.start_offset()..self.log.end_offset()).contains(&diverging.end.0) {
            return Ok(false);
        }
        let batch = self.log.batches_from(diverging.end.0)?.next().transpose()?;
        Ok(batch.is_some_and(|batch| {
            let header = batch.header();
            header.base_offset != diverging.end.0 && header.leader_epoch == diverging.epoch.0
        }))
    }

    /// Brings everything to stable storage; gives back up to where.
    pub(super) fn flush(&mut self, now: i64) -> Result<Offset, QuorumError> {
        self.log.flush(now)?;
        Ok(Offset(self.log.flushed_offset()))
    }

    pub(super) fn close(self, now: i64) -> Result<(), QuorumError> {
        self.log.close(now)?;
        Ok(())
    }

    /// The bytes of whole batches, at most about `bytes` of them but at least one batch.
    pub(super) fn read(&mut self, read: ReadFrom, bytes: usize) -> Result<Bytes, QuorumError> {
        let mut found = BytesMut::new();
        for batch in self.log.batches_from(read.offset.0)? {
            let batch = batch?;
            let full = !found.is_empty() && found.len() + batch.bytes().len() > bytes;
            if full || batch.header().base_offset >= read.end.0 {
                break;
            }
            found.extend_from_slice(batch.bytes());
        }
        Ok(found.freeze())
    }

    /// The batches in what another node sent. `None` if there are none, or if any of it is no batch that this log could
    /// hold and read back. Where they belong is the core's to judge; a last batch that was cut off is left out.
    pub(super) fn batches_in(&self, received: &Bytes) -> Option<Vec<Batch<Bytes>>> {
        let mut found = Vec::new();
        for batch in batch::batches(received.clone()) {
            let batch = match batch {
                Err(BatchError::Incomplete { .. }) => break,
                batch => batch.ok()?,
            };
            let header = batch.header();
            let records = header.last_offset_delta.checked_add(1).filter(|count| *count > 0)?;
            let fits = header.size() <= self.largest_batch()
                && header.record_count == records
                && header.base_offset >= 0
                && header.base_offset.checked_add(records.into()).is_some();
            if !fits || batch.verify_crc().is_err() || values(&batch).is_err() {
                return None;
            }
            let voters = named_in(&batch).ok()?.map(|voters| voters.set());
            found.push(Batch {
                base_offset: Offset(header.base_offset),
                records: records as u32,
                epoch: Epoch(header.leader_epoch),
                payload: batch.bytes().clone(),
                voters,
            });
        }
        (!found.is_empty()).then_some(found)
    }

    fn largest_batch(&self) -> usize {
        recovery::LARGEST_BATCH.min(self.config.segment_bytes as usize)
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
            let records = values(&batch)
                .map_err(|source| QuorumError::Batch { offset: header.base_offset, source })?;
            let voters = named_in(&batch)
                .map_err(|source| QuorumError::Voters { offset: header.base_offset, source })?;
            size += header.size();
            found.push(CommittedBatch {
                base_offset: Offset(header.base_offset),
                last_offset: Offset(header.last_offset()),
                epoch: Epoch(header.leader_epoch),
                timestamp_ms: header.max_timestamp,
                size: header.size(),
                records,
                voters,
            });
        }
        Ok(found)
    }
}

/// What the log and the snapshots, the oldest first, are for the core.
fn summary(log: &mut Log, snapshots: &[SnapshotId]) -> Result<LogSummary, QuorumError> {
    let epochs = log.epoch_boundaries().iter();
    let epochs: Vec<_> = epochs
        .map(|(epoch, start)| EpochStart { epoch: Epoch(*epoch), start: Offset(*start) })
        .collect();
    let (base, end) = (Offset(log.start_offset()), Offset(log.end_offset()));
    let start = begins_after(base, end, &epochs, snapshots);
    if !start.is_none() && snapshots.first() == Some(&start) {
        log.clean_to(start.end.0)?;
    }
    let latest = snapshots.last().copied().unwrap_or_default();
    Ok(LogSummary { start, latest, end, flushed: end, voters: Vec::new(), epochs })
}

/// The framed metadata records of a batch; `None` for a control batch.
fn values(batch: &batch::Batch) -> Result<Option<Vec<Bytes>>, BatchError> {
    if batch.header().is_control() {
        return Ok(None);
    }
    let records = batch.records(MOST_RECORD_BYTES)?;
    let value = |record: Result<batch::Record<'_>, BatchError>| {
        Ok(records.slice(record?.value.unwrap_or_default()))
    };
    records.iter().map(value).collect::<Result<_, _>>().map(Some)
}

/// A batch of metadata records that has no place yet: its CRC covers neither offset nor epoch.
pub(super) fn data_batch(records: &[Bytes], now: i64) -> Bytes {
    let mut builder = BatchBuilder::new(0, 0, now);
    for record in records {
        builder.push(None, Some(record));
    }
    builder.build()
}

/// The voters that a snapshot names, if it names any.
fn voters_of_snapshot(directory: &Path, id: SnapshotId) -> Result<Option<Voters>, QuorumError> {
    let path = snapshot::path(directory, id);
    let (header, _) = SnapshotFile::open_at(&path)?.contents()?;
    named_by(&header).map_err(|_| QuorumError::SnapshotVoters(path))
}

fn leader_change(leader: NodeId, voters: &[NodeId], granting: &[NodeId]) -> ControlRecord {
    let voter = |id: &NodeId| leader_change_message::Voter {
        voter_id: id.0,
        ..leader_change_message::Voter::default()
    };
    ControlRecord::LeaderChange(LeaderChangeMessage {
        leader_id: leader.0,
        voters: voters.iter().map(voter).collect(),
        granting_voters: granting.iter().map(voter).collect(),
        ..LeaderChangeMessage::default()
    })
}

fn control_batch(records: &[ControlRecord], now: i64) -> Result<Bytes, QuorumError> {
    let mut builder = BatchBuilder::new_control(0, 0, now);
    for record in records {
        builder.push_control(record).map_err(QuorumError::Control)?;
    }
    Ok(builder.build())
}

fn election(file: &QuorumState) -> ElectionState {
    let directory = match &file.version {
        Version::V0 { .. } => DirectoryId::ABSENT,
        Version::V1 { voted_directory } => *voted_directory,
    };
    let voted = file.voted.map(|id| ReplicaKey { id, directory });
    ElectionState { epoch: file.epoch, leader: file.leader, voted }
}
