//! One segment of a log: a `.log` file of record batches and its indexes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kraftig_wire::batch::{Batch, BatchHeader};

use crate::config::LogConfig;
use crate::disk::{self, DiskError, File, unless_out_of_room};
use crate::error::LogError;
use crate::index::{Indexes, Paths};
use crate::read::{Batches, Headers, ReadSlice};

/// A segment. The directory that it lies in is the log's, and is passed to what needs it: there are many
/// segments, and most of them are idle.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The offset that the segment begins at: no batch in it is below.
    pub(crate) base: i64,
    /// The length of its batches in bytes.
    pub(crate) size: u32,
    /// The largest timestamp in it and its batch's last offset; `None` while no batch has a timestamp.
    pub(crate) largest: Option<(i64, i64)>,
    /// Whether its index files may not be on the disk.
    pub(crate) indexes_unflushed: bool,
    /// In memory while the segment is active.
    indexes: Option<Indexes>,
    /// Bytes since the last index entry.
    since_entry: u32,
    /// The largest timestamp of its first batch.
    first_timestamp: Option<i64>,
    /// When this node made or opened it, in ms.
    opened_at: i64,
    /// Opened at the first use.
    file: Option<Arc<File>>,
}

/// What a scan of a segment from its beginning found.
pub(crate) struct Scan {
    /// The offset after the last batch.
    pub(crate) end: i64,
    /// What was no batch, and where, if the scan stopped there.
    pub(crate) damage: Option<String>,
}

pub(crate) fn log_path(directory: &Path, base: i64) -> PathBuf {
    directory.join(format!("{base:020}.log"))
}

impl Segment {
    fn new(base: i64, now: i64) -> Self {
        Self {
            base,
            size: 0,
            largest: None,
            indexes_unflushed: false,
            indexes: None,
            since_entry: 0,
            first_timestamp: None,
            opened_at: now,
            file: None,
        }
    }

    /// An empty, active segment without files: [`make`](Self::make) them before anything is appended.
    pub(crate) fn new_active(base: i64, now: i64) -> Self {
        Self { indexes: Some(Indexes::default()), ..Self::new(base, now) }
    }

    /// Makes an empty, active segment and its files.
    pub(crate) fn create(
        directory: &Path,
        base: i64,
        config: &LogConfig,
        now: i64,
    ) -> Result<Self, DiskError> {
        let segment = Self::new_active(base, now);
        segment.make(directory, config)?;
        Ok(segment)
    }

    /// Makes the files of an empty, active segment.
    pub(crate) fn make(&self, directory: &Path, config: &LogConfig) -> Result<(), DiskError> {
        disk::create(&log_path(directory, self.base))?;
        if let Err(e) = Paths::new(directory, self.base).preallocate(config.index_bytes) {
            // A segment that nobody knows of would be in the way of what is appended to the one before.
            self.remove(directory)?;
            return Err(e);
        }
        Ok(())
    }

    /// Takes up an existing segment, as a sealed one; nothing is checked but its length.
    pub(crate) fn open(directory: &Path, base: i64, now: i64) -> Result<Self, LogError> {
        let path = log_path(directory, base);
        let size =
            u32::try_from(disk::len(&path)?).ok().filter(|size| i32::try_from(*size).is_ok());
        Ok(Self {
            size: size.ok_or_else(|| LogError::Damaged {
                path,
                position: i32::MAX as u64,
                problem: "a segment is at most 2 GiB long".to_owned(),
            })?,
            ..Self::new(base, now)
        })
    }

    /// The file, opened where it is not yet.
    pub(crate) fn file(&mut self, directory: &Path) -> Result<&Arc<File>, DiskError> {
        match &mut self.file {
            Some(file) => Ok(file),
            slot => Ok(slot.insert(Arc::new(disk::open(&log_path(directory, self.base))?))),
        }
    }

    /// The batches from `position` on; `None` where there are none.
    pub(crate) fn slice(
        &mut self,
        directory: &Path,
        position: u32,
    ) -> Result<Option<ReadSlice>, DiskError> {
        let len = self.size.saturating_sub(position) as usize;
        if len == 0 {
            return Ok(None);
        }
        Ok(Some(ReadSlice::new(self.file(directory)?.clone(), position.into(), len)))
    }

    /// `offset` relative to the base: what the indexes hold. Offsets of this segment always fit.
    fn relative(&self, offset: i64) -> u32 {
        offset.saturating_sub(self.base).clamp(0, i32::MAX.into()) as u32
    }

    /// Whether `size` bytes more, up to `last` and with `timestamp` their largest, belong into a new segment.
    pub(crate) fn is_full_for(
        &self,
        size: u32,
        last: i64,
        timestamp: i64,
        config: &LogConfig,
        now: i64,
    ) -> bool {
        let waited = match self.first_timestamp {
            Some(first) if first >= 0 => timestamp - first,
            _ => now - self.opened_at,
        };
        self.size > 0
            && (size > config.segment_bytes.saturating_sub(self.size)
                || waited > config.segment_ms
                || self.indexes.as_ref().is_some_and(|indexes| indexes.is_full(config.index_bytes))
                || last - self.base > i32::MAX.into())
    }

    /// Writes batches, whose headers these are, at the end.
    pub(crate) fn append(
        &mut self,
        directory: &Path,
        bytes: &[u8],
        headers: impl Iterator<Item = BatchHeader>,
        config: &LogConfig,
    ) -> Result<(), DiskError> {
        let size = self.size;
        let file = self.file(directory)?;
        if let Err(e) = file.write_at(bytes, size.into()) {
            // A full disk may have taken a part: it goes, for a clean stop promises that there is none.
            let _ = file.set_len(size.into());
            return Err(e);
        }
        for header in headers {
            self.note(&header, config.index_interval_bytes);
        }
        Ok(())
    }

    /// Takes note of the batch at the end: indexes, largest timestamp, size.
    fn note(&mut self, header: &BatchHeader, interval: u32) {
        let last = header.last_offset();
        if self.size == 0 {
            self.first_timestamp = Some(header.max_timestamp);
        }
        if header.max_timestamp > self.largest.map_or(-1, |(time, _)| time) {
            self.largest = Some((header.max_timestamp, last));
        }
        if self.since_entry > interval {
            let relative = self.relative(last);
            let largest = self.relative_largest();
            if let Some(indexes) = &mut self.indexes {
                indexes.push(relative, self.size, largest);
            }
            self.since_entry = 0;
        }
        self.size += header.size() as u32;
        self.since_entry += header.size() as u32;
    }

    fn relative_largest(&self) -> (i64, u32) {
        self.largest.map_or((-1, 0), |(time, offset)| (time, self.relative(offset)))
    }

    /// Makes the segment read-only: its indexes get their last entry, go to their files and leave memory.
    pub(crate) fn seal(&mut self, directory: &Path) -> Result<(), DiskError> {
        let largest = self.relative_largest();
        if let Some(indexes) = &mut self.indexes {
            indexes.push_time(largest);
            self.indexes_unflushed = indexes.write(&Paths::new(directory, self.base))?;
            self.indexes = None;
        }
        Ok(())
    }

    /// Where its index files are.
    pub(crate) fn index_paths(&self, directory: &Path) -> [PathBuf; 2] {
        let paths = Paths::new(directory, self.base);
        [paths.offsets, paths.times]
    }

    /// Takes up a sealed segment's largest timestamp from its index; `false` where an index is missing or
    /// cannot be right.
    pub(crate) fn load_sealed(&mut self, directory: &Path) -> Result<bool, DiskError> {
        let paths = Paths::new(directory, self.base);
        let Some((time, offset)) = paths.check_sealed(self.size)? else {
            return Ok(false);
        };
        self.largest = (time >= 0).then_some((time, self.base + i64::from(offset)));
        Ok(true)
    }

    /// Makes a cleanly closed segment active again and returns its end offset, or why that is not possible.
    pub(crate) fn load_active(
        &mut self,
        directory: &Path,
        config: &LogConfig,
    ) -> Result<Option<i64>, LogError> {
        let paths = Paths::new(directory, self.base);
        let Some(indexes) = Indexes::read(&paths, self.size)? else {
            return Ok(None);
        };
        if let Some(whole) = self.slice(directory, 0)? {
            let Some(Ok((_, first))) = Headers::new(whole).next() else {
                return Ok(None);
            };
            self.first_timestamp = Some(first.max_timestamp);
        }
        let position = indexes.offsets.last().map_or(0, |(_, position)| *position);
        self.largest =
            indexes.times.last().map(|(time, offset)| (*time, self.base + i64::from(*offset)));
        let mut end = self.base;
        for header in self.slice(directory, position)?.into_iter().flat_map(Headers::new) {
            let Ok((_, header)) = header else {
                return Ok(None);
            };
            end = header.next_offset();
            if header.max_timestamp > self.largest.map_or(-1, |(time, _)| time) {
                self.largest = Some((header.max_timestamp, header.last_offset()));
            }
        }
        self.indexes = Some(indexes);
        paths.preallocate(config.index_bytes)?;
        Ok(Some(end))
    }

    /// Reads the whole segment, checks each batch and its CRC, makes the indexes anew, and cuts off what is
    /// no batch, is at an offset that cannot follow, or is refused by `found`. The segment is active afterwards.
    pub(crate) fn recover(
        &mut self,
        directory: &Path,
        config: &LogConfig,
        contiguous: bool,
        mut found: impl FnMut(&BatchHeader) -> Result<(), String>,
    ) -> Result<Scan, LogError> {
        let whole = self.slice(directory, 0)?;
        let size = self.size;
        // The indexes are in memory: their files may be missing until there is room for them.
        unless_out_of_room(self.restart_indexes(directory))?;
        let mut next = self.base;
        let mut damage = None;
        let mut batches = Batches::new(whole);
        loop {
            let position = batches.position();
            let checked = match batches.next() {
                None => break,
                Some(Err(LogError::Damaged { problem, .. })) => Err(problem),
                Some(batch) => {
                    let batch = batch?;
                    self.check(&batch, next, contiguous)
                        .and_then(|()| found(batch.header()))
                        .map(|()| *batch.header())
                }
            };
            match checked {
                Ok(header) => {
                    next = header.next_offset();
                    self.note(&header, config.index_interval_bytes);
                }
                Err(problem) => {
                    let path = log_path(directory, self.base);
                    damage = Some(format!("{} at byte {position}: {problem}", path.display()));
                    break;
                }
            }
        }
        if self.size < size {
            let kept = self.size;
            let file = self.file(directory)?;
            file.set_len(kept.into())?;
            file.sync()?;
        }
        unless_out_of_room(Paths::new(directory, self.base).preallocate(config.index_bytes))?;
        Ok(Scan { end: next, damage })
    }

    /// Finds the first batch that ends at `offset` or after: its position and header.
    pub(crate) fn find(
        &mut self,
        directory: &Path,
        offset: i64,
    ) -> Result<Option<(u32, BatchHeader)>, LogError> {
        let relative = self.relative(offset);
        let position = match &self.indexes {
            Some(indexes) => {
                let after = indexes.offsets.partition_point(|(last, _)| *last <= relative);
                after.checked_sub(1).map_or(0, |index| indexes.offsets[index].1)
            }
            None => Paths::new(directory, self.base).position(relative)?,
        };
        let Some(slice) = self.slice(directory, position)? else {
            return Ok(None);
        };
        for header in Headers::new(slice) {
            let (position, header) = header?;
            if header.last_offset() >= offset {
                return Ok(Some((position as u32, header)));
            }
        }
        Ok(None)
    }

    /// An offset from which on the segment has every batch whose largest timestamp is `timestamp` or more.
    pub(crate) fn offset_before(&self, directory: &Path, timestamp: i64) -> Result<i64, DiskError> {
        let relative = match &self.indexes {
            Some(indexes) => {
                let after = indexes.times.partition_point(|(time, _)| *time < timestamp);
                after.checked_sub(1).map_or(0, |index| indexes.times[index].1)
            }
            None => Paths::new(directory, self.base).offset_before(timestamp)?,
        };
        Ok(self.base + i64::from(relative))
    }

    /// Cuts the segment at `position`, durably, and makes its indexes anew. The segment is active afterwards.
    pub(crate) fn cut(
        &mut self,
        directory: &Path,
        position: u32,
        config: &LogConfig,
    ) -> Result<(), LogError> {
        let file = self.file(directory)?;
        file.set_len(position.into())?;
        file.sync()?;
        self.size = position;
        let whole = self.slice(directory, 0)?;
        self.restart_indexes(directory)?;
        for header in whole.into_iter().flat_map(Headers::new) {
            self.note(&header?.1, config.index_interval_bytes);
        }
        Ok(Paths::new(directory, self.base).preallocate(config.index_bytes)?)
    }

    /// Removes the segment's files.
    pub(crate) fn remove(&self, directory: &Path) -> Result<(), DiskError> {
        disk::remove(&log_path(directory, self.base))?;
        Paths::new(directory, self.base).remove()
    }

    /// Forgets all that is known of the batches.
    fn restart_indexes(&mut self, directory: &Path) -> Result<(), DiskError> {
        self.size = 0;
        self.largest = None;
        self.since_entry = 0;
        self.first_timestamp = None;
        self.indexes = Some(Indexes::default());
        Paths::new(directory, self.base).clear()
    }

    /// Whether a batch found on the disk is whole and can stand at `next`, or after it where compaction may
    /// have left a gap.
    fn check(&self, batch: &Batch, next: i64, contiguous: bool) -> Result<(), String> {
        batch.verify_crc().map_err(|e| e.to_string())?;
        let header = batch.header();
        let follows = header.base_offset == next || (!contiguous && header.base_offset > next);
        let fits =
            header.last_offset_delta >= 0 && header.last_offset() - self.base <= i32::MAX.into();
        if follows && fits {
            return Ok(());
        }
        Err(format!(
            "a batch with offsets {} to {} cannot follow offset {next}",
            header.base_offset,
            header.last_offset()
        ))
    }
}
