//! One partition on this node: its log, who leads it, and who waits for more of it.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kraftig_log::checkpoint::CheckpointError;
use kraftig_log::disk::DiskError;
use kraftig_log::{FlushHandle, Log, LogError, ReadSlice, TimestampedOffset};
use kraftig_spec::controller;
use kraftig_spec::types::{DirectoryId, NodeId, TopicId};
use kraftig_wire::ErrorCode;
use kraftig_wire::batch::set_base_offset_and_epoch;
use rustix::io::Errno;
use tokio::sync::Notify;

use super::sequences::{self, Turn};
use super::topic_config::TopicConfig;
use super::validate::{Prepared, Refusal};

/// A log directory of this node.
#[derive(Debug)]
pub(crate) struct LogDirectory {
    pub(crate) path: Box<Path>,
    pub(crate) id: DirectoryId,
    /// A write or a flush has failed: nobody knows what is on the disk, and nothing in it is used any more.
    offline: AtomicBool,
    /// Whether anything has failed here since it was last asked.
    failed: AtomicBool,
    /// When it was last said that something is lacking.
    warned: Mutex<Option<Instant>>,
    /// Told when the directory goes offline.
    gone: Arc<Notify>,
}

/// Who lacks room or descriptors lacks them for each request: it is said at most so often.
const WARN_AGAIN: Duration = Duration::from_secs(10);

impl LogDirectory {
    pub(crate) fn new(path: &Path, id: DirectoryId, gone: Arc<Notify>) -> Self {
        Self {
            path: path.into(),
            id,
            offline: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            warned: Mutex::default(),
            gone,
        }
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Whether anything has failed here since the last call.
    pub(crate) fn take_failed(&self) -> bool {
        self.failed.swap(false, Ordering::AcqRel)
    }

    /// Takes the directory offline, unless the node has only run out of file descriptors, or the disk of room: then what
    /// is on the disk is as it was, and there may be more of both later.
    pub(crate) fn fail(&self, error: &(dyn Error + 'static)) {
        self.failed.store(true, Ordering::Release);
        if is_out_of_descriptors(error) || is_out_of_room(error) {
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            if warned.is_none_or(|at| at.elapsed() >= WARN_AGAIN) {
                *warned = Some(Instant::now());
                tracing::warn!("{error}; the log directory {} is used on", self.path.display());
            }
            return;
        }
        tracing::error!("log directory {} is offline: {error}", self.path.display());
        self.offline.store(true, Ordering::Release);
        self.gone.notify_one();
    }
}

fn is_out_of_descriptors(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>()?.raw_os_error())
        .any(|errno| [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error).contains(&errno))
}

fn is_out_of_room(error: &(dyn Error + 'static)) -> bool {
    let of_checkpoint = |error: &CheckpointError| match error {
        CheckpointError::Disk(error) => error.is_out_of_room(),
        CheckpointError::Malformed { .. } => false,
    };
    if let Some(error) = error.downcast_ref::<DiskError>() {
        return error.is_out_of_room();
    }
    match error.downcast_ref::<LogError>() {
        Some(LogError::Disk(error)) => error.is_out_of_room(),
        Some(LogError::Checkpoint(error)) => of_checkpoint(error),
        Some(_) => false,
        None => error.downcast_ref::<CheckpointError>().is_some_and(of_checkpoint),
    }
}

/// A replica of a partition on this node.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: TopicId,
    pub(crate) index: i32,
    pub(crate) directory: Arc<LogDirectory>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` until the partition could be made, and once it is closed or deleted.
    log: Option<Log>,
    config: Arc<TopicConfig>,
    leadership: Leadership,
    /// What consumers may see. While this node is the only replica it is the log's end, except for the time
    /// in which a flush is being waited for.
    high_watermark: i64,
    waiting: Vec<Arc<Notify>>,
}

/// What the metadata says about who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leadership {
    /// The leader.
    pub(crate) leader: Option<NodeId>,
    /// Whether it is this node.
    pub(crate) here: bool,
    /// The leader epoch.
    pub(crate) epoch: i32,
    in_sync: usize,
    /// Replicas that are not in sync and may lead next all the same (KIP-966).
    eligible: usize,
    replicas: usize,
}

impl Leadership {
    pub(crate) fn of(partition: &controller::Partition, this: NodeId) -> Self {
        Self {
            leader: partition.leader,
            here: partition.leader == Some(this),
            epoch: partition.leader_epoch,
            in_sync: partition.isr.len(),
            eligible: partition.elr.len(),
            replicas: partition.replicas.len(),
        }
    }
}

/// What an append has done.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// The time that the records were given, or -1.
    pub(crate) log_append_time: i64,
    pub(crate) log_start: i64,
    /// Whether the answer has to wait for a flush.
    pub(crate) must_flush: bool,
    /// Whether a segment is complete, which is a good time for a flush.
    pub(crate) rolled: bool,
}

/// What there is to read.
#[derive(Debug)]
pub(crate) struct Readable {
    pub(crate) slice: Option<ReadSlice>,
    pub(crate) high_watermark: i64,
    pub(crate) log_start: i64,
}

/// Which offset of a log is asked for (`ListOffsets`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The log's start.
    Earliest,
    /// The high watermark.
    Latest,
    /// The first record with the largest timestamp.
    MaxTimestamp,
    /// The first record with this timestamp or a later one.
    Timestamp(i64),
}

/// The offsets of a partition that go into checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) start: i64,
    pub(crate) high_watermark: i64,
    pub(crate) flushed: i64,
}

impl Partition {
    pub(crate) fn new(
        topic: Arc<str>,
        index: i32,
        topic_id: TopicId,
        directory: Arc<LogDirectory>,
        log: Option<Log>,
        config: Arc<TopicConfig>,
        leadership: Leadership,
    ) -> Self {
        // With `flush.messages` nothing is acknowledged that is not flushed, after a start neither.
        let high_watermark = log.as_ref().map_or(0, |log| match log.config().flush_messages {
            i64::MAX => log.end_offset(),
            _ => log.flushed_offset(),
        });
        let state = State { log, config, leadership, high_watermark, waiting: Vec::new() };
        Self { topic, topic_id, index, directory, state: Mutex::new(state) }
    }

    /// No method panics while it holds the lock, but one that did would leave a log that is as it was.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an error of the log is to a client. After one of the disk the log directory is used no more.
    fn failed(&self, error: LogError) -> ErrorCode {
        match error {
            LogError::Disk(error) => self.disk_failed(&error),
            LogError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
            LogError::TooLarge { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            error => {
                tracing::error!("{}-{}: {error}", self.topic, self.index);
                ErrorCode::UNKNOWN_SERVER_ERROR
            }
        }
    }

    fn disk_failed(&self, error: &DiskError) -> ErrorCode {
        self.directory.fail(error);
        ErrorCode::KAFKA_STORAGE_ERROR
    }

    /// The log of a partition that this node leads.
    fn leader_log<'a>(&self, state: &'a mut State) -> Result<&'a mut Log, ErrorCode> {
        if self.directory.is_offline() {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        if !state.leadership.here {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        state.log.as_mut().ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)
    }

    pub(crate) fn config(&self) -> Arc<TopicConfig> {
        self.lock().config.clone()
    }

    pub(crate) fn set_config(&self, config: Arc<TopicConfig>) {
        let mut state = self.lock();
        if let Some(log) = &mut state.log {
            log.set_config(config.log.clone());
        }
        state.config = config;
    }

    pub(crate) fn leadership(&self) -> Leadership {
        self.lock().leadership
    }

    pub(crate) fn set_leadership(&self, leadership: Leadership) {
        let mut state = self.lock();
        state.leadership = leadership;
        state.wake();
    }

    /// Appends a batch as the leader. Whoever waits for records is woken, unless a flush comes first.
    pub(crate) fn append(
        &self,
        batch: &mut Prepared,
        acks: i16,
        now: i64,
    ) -> Result<Appended, Refusal> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let leadership = state.leadership;
        let min_in_sync = state.config.min_insync_replicas.min(leadership.replicas);
        let log = self.leader_log(state)?;
        // Records are not copied to other replicas yet: one of them could lead next, and would not have this one.
        let is_alone = leadership.in_sync == 1 && leadership.eligible == 0;
        if !is_alone || acks == -1 && leadership.in_sync < min_in_sync {
            return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
        }
        let with_start = |error| Refusal { with_start: true, ..Refusal::from(error) };
        let log_start = log.start_offset();
        let id = batch.header.producer_id;
        if id >= 0
            && let Turn::Duplicate(first) =
                sequences::check(log.producer(id), &batch.header).map_err(with_start)?
        {
            // Not acknowledged before it is as safe as the first time.
            let must_flush = state.high_watermark <= first.last_offset;
            return Ok(Appended {
                base_offset: first.first_offset(),
                log_append_time: first.timestamp,
                log_start,
                must_flush,
                rolled: false,
            });
        }
        let base_offset = log.end_offset();
        set_base_offset_and_epoch(&mut batch.bytes, base_offset, leadership.epoch)
            .map_err(|_| ErrorCode::CORRUPT_MESSAGE)?;
        let appended = log.append(&batch.bytes, now).map_err(|e| self.failed(e))?;
        let must_flush = log.end_offset() - log.flushed_offset() >= log.config().flush_messages;
        if !must_flush {
            state.high_watermark = appended.end_offset;
            state.wake();
        }
        Ok(Appended {
            base_offset,
            log_append_time: batch.log_append_time,
            log_start,
            must_flush,
            rolled: appended.rolled,
        })
    }

    /// Flushes everything that is in the log now. Blocks; the log can be used meanwhile.
    pub(crate) fn flush(&self, now: i64) -> Result<(), ErrorCode> {
        let flush: FlushHandle = {
            let mut state = self.lock();
            let Some(log) = &mut state.log else {
                return Ok(());
            };
            log.flush_handle().map_err(|e| self.failed(e))?
        };
        match flush.sync() {
            // The partition has been deleted meanwhile, and its directory renamed.
            Err(e) if e.is_not_found() && self.lock().log.is_none() => return Ok(()),
            synced => synced.map_err(|e| self.disk_failed(&e))?,
        }
        let mut state = self.lock();
        let Some(log) = &mut state.log else {
            return Ok(());
        };
        let flushed = log.flushed(&flush, now);
        if state.high_watermark < flushed {
            state.high_watermark = flushed;
            state.wake();
        }
        Ok(())
    }

    /// Flushes if `flush.messages` or `flush.ms` says so. Blocks.
    pub(crate) fn flush_if_due(&self, now: i64) {
        let due = self.lock().log.as_ref().is_some_and(|log| log.flush_due(now));
        if due && !self.directory.is_offline() {
            // The failure has been logged, and the directory is offline.
            let _ = self.flush(now);
        }
    }

    /// What a consumer's fetch from `offset` gets. `epoch` is the leader epoch that the client knows, or -1.
    pub(crate) fn read(
        &self,
        offset: i64,
        epoch: i32,
        max_bytes: usize,
        min_one_batch: bool,
    ) -> Result<Readable, ErrorCode> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let high_watermark = state.high_watermark;
        let current = state.leadership.epoch;
        let log = self.leader_log(state)?;
        if epoch >= 0 {
            check_epoch(epoch, current)?;
        }
        let slice = log
            .read(offset, max_bytes, min_one_batch, high_watermark)
            .map_err(|e| self.failed(e))?;
        Ok(Readable { slice, high_watermark, log_start: log.start_offset() })
    }

    /// Finds an offset; `None` where there is no such record.
    pub(crate) fn find(
        &self,
        wanted: Wanted,
        epoch: i32,
    ) -> Result<Option<TimestampedOffset>, ErrorCode> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let high_watermark = state.high_watermark;
        let current = state.leadership.epoch;
        let log = self.leader_log(state)?;
        if epoch != -1 {
            check_epoch(epoch, current)?;
        }
        let at =
            |offset, leader_epoch| Some(TimestampedOffset { offset, timestamp: -1, leader_epoch });
        let found = match wanted {
            Wanted::Earliest => {
                let start = log.start_offset();
                at(start, log.epoch_at(start).unwrap_or(-1))
            }
            Wanted::Latest => at(high_watermark, current),
            Wanted::MaxTimestamp => log.max_timestamp_offset().map_err(|e| self.failed(e))?,
            Wanted::Timestamp(timestamp) => {
                log.offset_for_timestamp(timestamp).map_err(|e| self.failed(e))?
            }
        };
        Ok(found.filter(|found| {
            wanted == Wanted::Latest || found.timestamp < 0 || found.offset < high_watermark
        }))
    }

    /// Lets `waiter` be told of every change that a fetch may wait for, until [`forget`](Self::forget).
    pub(crate) fn tell(&self, waiter: &Arc<Notify>) {
        self.lock().waiting.push(waiter.clone());
    }

    pub(crate) fn forget(&self, waiter: &Arc<Notify>) {
        self.lock().waiting.retain(|one| !Arc::ptr_eq(one, waiter));
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(crate) fn offsets(&self) -> Option<Offsets> {
        let state = self.lock();
        let log = state.log.as_ref()?;
        Some(Offsets {
            start: log.start_offset(),
            high_watermark: state.high_watermark,
            flushed: log.flushed_offset(),
        })
    }

    /// Deletes what has had its time (`retention.*`) and forgets producers that are silent since `before`.
    pub(crate) fn clean(&self, now: i64, forget_producers_before: i64) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let high_watermark = state.high_watermark;
        let Some(log) = state.log.as_mut().filter(|_| !self.directory.is_offline()) else {
            return;
        };
        log.expire_producers(forget_producers_before);
        match log.delete_expired(high_watermark, now) {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!("{}-{}: {count} segments have expired", self.topic, self.index);
            }
            Err(e) => {
                self.failed(e);
            }
        }
    }

    /// Stops cleanly and gives the offsets for the checkpoints; everything is flushed.
    pub(crate) fn close(&self, now: i64) -> Option<Offsets> {
        let offsets = self.offsets()?;
        let log = self.take_log()?;
        let end = log.end_offset();
        if self.directory.is_offline() {
            return None;
        }
        if let Err(e) = log.close(now) {
            self.failed(e);
            return None;
        }
        Some(Offsets { flushed: end, high_watermark: end, ..offsets })
    }

    pub(crate) fn has_log(&self) -> bool {
        self.lock().log.is_some()
    }

    /// Gives the log to a partition that could not be made at first.
    pub(crate) fn put_log(&self, log: Log) {
        let mut state = self.lock();
        state.high_watermark = log.end_offset();
        state.log = Some(log);
        state.wake();
    }

    /// Takes the log away: to close it, or to delete it. Whoever waits is woken.
    pub(crate) fn take_log(&self) -> Option<Log> {
        let mut state = self.lock();
        state.wake();
        state.log.take()
    }
}

impl State {
    fn wake(&self) {
        for waiter in &self.waiting {
            waiter.notify_one();
        }
    }
}

fn check_epoch(epoch: i32, current: i32) -> Result<(), ErrorCode> {
    match epoch.cmp(&current) {
        std::cmp::Ordering::Less => Err(ErrorCode::FENCED_LEADER_EPOCH),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
    }
}
