//! One replica of a partition: a directory of segments, and what is known about them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kraftig_spec::types::TopicId;
use kraftig_wire::batch::{BatchError, BatchHeader, verify_crc};

use crate::checkpoint::{self, LEADER_EPOCH, PARTITION_METADATA};
use crate::config::LogConfig;
use crate::disk::{self, DiskError};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::partition_dir::marked_name;
use crate::producers::{self, Producer, Producers};
use crate::segment::Segment;

/// A replica's log. One owner writes; what readers take out ([`ReadSlice`](crate::ReadSlice),
/// [`FlushHandle`]) works without it.
///
/// Offsets count records. An end offset is exclusive. Times are ms since 1970.
#[derive(Debug)]
pub struct Log {
    pub(crate) directory: PathBuf,
    pub(crate) config: Arc<LogConfig>,
    pub(crate) topic_id: Option<TopicId>,
    /// Whether the directory and its files are there. A new replica's come with its first record: most of a
    /// cluster's partitions are empty for long, and files are what making one costs.
    pub(crate) made: bool,
    /// Ascending, never empty; the last one is active.
    pub(crate) segments: Vec<Segment>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) flushed: i64,
    pub(crate) flushed_at: i64,
    /// Whether the directory has entries that a power cut would lose.
    pub(crate) directory_unflushed: bool,
    /// Counts truncations: a flush begun before one proves nothing about what is written after it.
    pub(crate) truncations: u64,
    pub(crate) epochs: Epochs,
    /// Whether their file lacks what the disk had no room for. Nothing is appended before it is there.
    pub(crate) epochs_unwritten: bool,
    pub(crate) producers: Producers,
    /// The offset of the newest producer snapshot.
    pub(crate) snapshot: Option<i64>,
}

/// What an append has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub first_offset: i64,
    /// The log's end offset.
    pub end_offset: i64,
    /// Whether a segment was rolled: a good time to flush, and then to write the recovery point.
    pub rolled: bool,
}

/// A flush that is still to be carried out; it needs no lock on the log.
#[derive(Debug)]
pub struct FlushHandle {
    files: Vec<PathOrFile>,
    directories: Vec<PathBuf>,
    up_to: i64,
    active_base: i64,
    truncations: u64,
}

#[derive(Debug)]
enum PathOrFile {
    Path(PathBuf),
    File(Arc<disk::File>),
}

impl FlushHandle {
    /// Returns when everything below [`up_to`](Self::up_to) is on the disk. After an error nobody knows what
    /// is: do not try again, stop using the log directory.
    pub fn sync(&self) -> Result<(), DiskError> {
        for file in &self.files {
            match file {
                PathOrFile::File(file) => file.sync()?,
                PathOrFile::Path(path) => match disk::open(path) {
                    // Retention has deleted the segment meanwhile.
                    Err(e) if e.is_not_found() => {}
                    file => file?.sync()?,
                },
            }
        }
        self.directories.iter().try_for_each(|directory| disk::sync_dir(directory))
    }

    /// The log's end offset when the flush was asked for.
    pub fn up_to(&self) -> i64 {
        self.up_to
    }
}

impl Log {
    /// An empty log for a new replica. `epoch` is the leader's, where this replica leads from the beginning.
    /// Its directory is made when the first record comes, or with the first [`flush`](Self::flush). What an attempt
    /// that failed has left there is replaced, records never are.
    pub fn create(
        directory: &Path,
        topic_id: TopicId,
        epoch: Option<i32>,
        config: Arc<LogConfig>,
        now: i64,
    ) -> Result<Self, LogError> {
        if disk::exists(directory)? {
            for name in disk::list(directory)? {
                let path = directory.join(&name);
                if name.strip_suffix(".log").is_some() && disk::len(&path)? > 0 {
                    return Err(LogError::HasRecords(path));
                }
            }
        }
        let epochs = Epochs::from_entries(epoch.map(|epoch| (epoch, 0)).into_iter().collect())
            .unwrap_or_default();
        Ok(Self {
            directory: directory.to_path_buf(),
            config,
            topic_id: Some(topic_id),
            made: false,
            segments: vec![Segment::new_active(0, now)],
            start: 0,
            end: 0,
            flushed: 0,
            flushed_at: now,
            directory_unflushed: true,
            truncations: 0,
            epochs,
            epochs_unwritten: false,
            producers: Producers::new(),
            snapshot: None,
        })
    }

    /// Makes the directory and its files where they are not yet. Nothing is flushed.
    fn make(&mut self) -> Result<(), LogError> {
        if self.made {
            return Ok(());
        }
        disk::create_dir(&self.directory)?;
        let text = if self.epochs.entries().is_empty() {
            String::new()
        } else {
            checkpoint::epochs_text(self.epochs.entries())
        };
        disk::create(&self.directory.join(LEADER_EPOCH))?.write_at(text.as_bytes(), 0)?;
        if let Some(topic_id) = self.topic_id {
            let text = checkpoint::partition_metadata_text(topic_id);
            disk::create(&self.directory.join(PARTITION_METADATA))?.write_at(text.as_bytes(), 0)?;
        }
        self.active().make(&self.directory, &self.config)?;
        self.made = true;
        Ok(())
    }

    /// The replica's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The topic's id, where `partition.metadata` has one.
    pub fn topic_id(&self) -> Option<TopicId> {
        self.topic_id
    }

    /// Takes the topic's id into `partition.metadata`, durably, where it has none: a power cut after the
    /// partition was made, or a Kafka before 2.8, leaves it so.
    pub fn assign_topic_id(&mut self, topic_id: TopicId) -> Result<(), LogError> {
        if self.topic_id.is_none() {
            let text = checkpoint::partition_metadata_text(topic_id);
            disk::replace(&self.directory.join(PARTITION_METADATA), text.as_bytes())?;
            self.topic_id = Some(topic_id);
        }
        Ok(())
    }

    /// The configuration in use.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// Uses another configuration from now on.
    pub fn set_config(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// The first offset that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start
    }

    /// The offset of the next record.
    pub fn end_offset(&self) -> i64 {
        self.end
    }

    /// Everything below is on the disk: the recovery point.
    pub fn flushed_offset(&self) -> i64 {
        self.flushed
    }

    /// The bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.size)).sum()
    }

    /// What is remembered of a producer.
    pub fn producer(&self, id: i64) -> Option<&Producer> {
        self.producers.get(&id)
    }

    /// Forgets the producers that have appended nothing since `before`, open transactions excepted
    /// (`producer.id.expiration.ms`).
    pub fn expire_producers(&mut self, before: i64) {
        self.producers.retain(|_, producer| {
            producer.last_timestamp >= before || producer.current_transaction_first_offset >= 0
        });
    }

    pub(crate) fn active(&self) -> &Segment {
        // The list is never empty.
        &self.segments[self.segments.len() - 1]
    }

    /// Takes the indexes of the active segment to their files.
    fn seal_active(&mut self) -> Result<(), DiskError> {
        let active = self.segments.len() - 1;
        self.segments[active].seal(&self.directory)
    }

    /// Appends whole batches that have their offsets and epochs: the first begins at the log's end, each
    /// follows the one before, and epochs do not go back. CRCs are not checked; `now` is for rolling by time.
    pub fn append(&mut self, batches: &[u8], now: i64) -> Result<Appended, LogError> {
        let first_offset = self.end;
        let limit = self.config.segment_bytes;
        let too_large = LogError::TooLarge { size: batches.len(), limit };
        let size =
            u32::try_from(batches.len()).ok().filter(|size| *size <= limit).ok_or(too_large)?;
        let mut end = self.end;
        let mut epoch = self.epochs.latest();
        let mut timestamp = -1;
        for header in headers(batches) {
            let (position, header) = header?;
            if header.base_offset != end {
                return Err(LogError::NotNext { base: header.base_offset, end });
            }
            if let Some(latest) = epoch.filter(|latest| *latest > header.leader_epoch) {
                return Err(LogError::EpochBack { epoch: header.leader_epoch, latest });
            }
            if header.last_offset_delta < 0 || header.next_offset() < end {
                return Err(LogError::Malformed {
                    position,
                    problem: format!("the last offset delta is {}", header.last_offset_delta),
                });
            }
            end = header.next_offset();
            epoch = Some(header.leader_epoch);
            timestamp = timestamp.max(header.max_timestamp);
        }
        if size == 0 {
            return Ok(Appended { first_offset, end_offset: end, rolled: false });
        }

        self.make()?;
        if self.epochs_unwritten {
            self.write_epochs()?;
        }
        let rolled = self.active().is_full_for(size, end - 1, timestamp, &self.config, now);
        if rolled {
            self.roll(now)?;
        }
        let checked = || headers(batches).filter_map(Result::ok).map(|(_, header)| header);
        // Before the batches: they are in the log or not, whatever fails.
        for header in checked() {
            self.assign_epoch_at(header.leader_epoch, header.base_offset)?;
        }
        let active = self.segments.len() - 1;
        self.segments[active].append(&self.directory, batches, checked(), &self.config)?;
        self.end = end;
        for header in checked() {
            producers::update(&mut self.producers, &header);
        }
        Ok(Appended { first_offset, end_offset: end, rolled })
    }

    /// Appends what a leader has sent: as [`append`](Self::append), but each CRC is checked, and a last batch
    /// that is not there as a whole (a fetch ends where its size ends) is left out.
    pub fn append_as_follower(&mut self, batches: &[u8], now: i64) -> Result<Appended, LogError> {
        let mut whole = 0;
        for header in headers(batches) {
            let (position, header) = match header {
                Err(LogError::Malformed { problem: _, position })
                    if is_cut(&batches[position..]) =>
                {
                    break;
                }
                header => header?,
            };
            verify_crc(&batches[position..])
                .map_err(|e| LogError::Malformed { position, problem: e.to_string() })?;
            whole = position + header.size();
        }
        self.append(&batches[..whole], now)
    }

    /// Whether these batches, appended now, would begin a new segment.
    pub fn rolls_with(&self, batches: &[u8], now: i64) -> bool {
        let (mut end, mut timestamp) = (self.end, -1);
        for (_, header) in headers(batches).filter_map(Result::ok) {
            end = header.next_offset();
            timestamp = timestamp.max(header.max_timestamp);
        }
        let size = u32::try_from(batches.len()).unwrap_or(u32::MAX);
        self.active().is_full_for(size, end - 1, timestamp, &self.config, now)
    }

    /// Begins a new active segment at the log's end.
    pub(crate) fn roll(&mut self, now: i64) -> Result<(), LogError> {
        self.write_snapshot()?;
        let segment = Segment::create(&self.directory, self.end, &self.config, now)?;
        if let Err(e) = self.seal_active() {
            segment.remove(&self.directory)?;
            return Err(e.into());
        }
        self.segments.push(segment);
        self.directory_unflushed = true;
        Ok(())
    }

    /// Writes the producers' state at the log's end, where there is no snapshot of it.
    pub(crate) fn write_snapshot(&mut self) -> Result<Option<PathBuf>, DiskError> {
        if self.end <= self.snapshot.unwrap_or(0) {
            return Ok(None);
        }
        let path = self.directory.join(producers::snapshot_name(self.end));
        disk::create(&path)?.write_at(&producers::snapshot_bytes(&self.producers), 0)?;
        self.snapshot = Some(self.end);
        self.directory_unflushed = true;
        Ok(Some(path))
    }

    /// Whether `flush.messages` or `flush.ms` asks for a flush.
    pub fn flush_due(&self, now: i64) -> bool {
        let unflushed = self.end - self.flushed;
        unflushed > 0
            && (unflushed >= self.config.flush_messages
                || now - self.flushed_at >= self.config.flush_ms)
    }

    /// A flush of everything appended so far. Carry it out ([`FlushHandle::sync`]) without a lock on the
    /// log, then tell the log ([`flushed`](Self::flushed)).
    pub fn flush_handle(&mut self) -> Result<FlushHandle, LogError> {
        self.make()?;
        let mut files = Vec::new();
        let next_bases: Vec<i64> =
            self.segments.iter().skip(1).map(|s| s.base).chain([self.end]).collect();
        for (segment, end) in self.segments.iter_mut().zip(next_bases) {
            if end > self.flushed {
                files.push(PathOrFile::File(segment.file(&self.directory)?.clone()));
            }
            if segment.indexes_unflushed {
                files.extend(segment.index_paths(&self.directory).map(PathOrFile::Path));
            }
        }
        let mut directories = Vec::new();
        if self.directory_unflushed {
            // Without its topic id a log would be taken for that of any topic of the name.
            files.push(PathOrFile::Path(self.directory.join(PARTITION_METADATA)));
            directories.push(self.directory.clone());
            directories.extend(self.directory.parent().map(Path::to_path_buf));
        }
        Ok(FlushHandle {
            files,
            directories,
            up_to: self.end,
            active_base: self.active().base,
            truncations: self.truncations,
        })
    }

    /// Takes note of a flush that is complete, and returns the flushed offset.
    pub fn flushed(&mut self, flush: &FlushHandle, now: i64) -> i64 {
        if flush.truncations == self.truncations {
            self.flushed = self.flushed.max(flush.up_to);
            for segment in
                self.segments.iter_mut().filter(|segment| segment.base < flush.active_base)
            {
                segment.indexes_unflushed = false;
            }
            if flush.active_base == self.active().base {
                self.directory_unflushed = false;
            }
        }
        self.flushed_at = now;
        self.flushed
    }

    /// Flushes everything appended so far.
    pub fn flush(&mut self, now: i64) -> Result<i64, LogError> {
        let flush = self.flush_handle()?;
        flush.sync()?;
        Ok(self.flushed(&flush, now))
    }

    /// Stops cleanly: the next start need not scan the log, if the directory's mark of a clean stop says so.
    pub fn close(mut self, now: i64) -> Result<(), LogError> {
        if !self.made {
            return Ok(());
        }
        if self.epochs_unwritten {
            self.write_epochs()?;
        }
        self.seal_active()?;
        let snapshot = self.write_snapshot()?;
        // The next start takes the names in the directory for safe, of a log without records too.
        if self.flushed < self.end || self.active().indexes_unflushed || self.directory_unflushed {
            self.flush(now)?;
        }
        if let Some(snapshot) = snapshot {
            disk::open(&snapshot)?.sync()?;
        }
        Ok(())
    }

    /// Deletes the log: its directory, if it was ever made, gets a name ending in `-delete`, which is returned.
    /// The files are removed later ([`disk::remove_dir`], `file.delete.delay.ms`), or after the next start.
    pub fn delete(self) -> Result<Option<PathBuf>, LogError> {
        if !self.made {
            // Making it may have failed half-way.
            disk::remove_dir(&self.directory)?;
            return Ok(None);
        }
        self.rename("-delete").map(Some)
    }

    /// Sets the log aside, as one that the cluster does not know: its directory gets a name ending in `-stray`,
    /// which is returned. Nobody removes it.
    pub fn set_aside(self) -> Result<PathBuf, LogError> {
        self.rename("-stray")
    }

    fn rename(self, suffix: &str) -> Result<PathBuf, LogError> {
        let name = self.directory.file_name().unwrap_or_default().to_string_lossy();
        let marked = self.directory.with_file_name(marked_name(&name, suffix)?);
        disk::rename(&self.directory, &marked)?;
        Ok(marked)
    }
}

/// The headers of the batches in `bytes` and their positions; an error ends them.
fn headers(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, BatchHeader), LogError>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(position..).filter(|rest| !rest.is_empty())?;
        let at = position;
        let header = BatchHeader::parse(rest).and_then(|header| {
            let whole = header.size() <= rest.len();
            whole
                .then_some(header)
                .ok_or(BatchError::Incomplete { needed: header.size(), have: rest.len() })
        });
        position = header.as_ref().map_or(bytes.len(), |header| at + header.size());
        Some(
            header
                .map(|header| (at, header))
                .map_err(|e| LogError::Malformed { position: at, problem: e.to_string() }),
        )
    })
}

/// Whether `bytes` are the beginning of a batch, and not all of it.
fn is_cut(bytes: &[u8]) -> bool {
    match BatchHeader::parse(bytes) {
        Ok(header) => header.size() > bytes.len(),
        Err(e) => matches!(e, BatchError::Incomplete { .. }),
    }
}
