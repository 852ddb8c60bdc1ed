//! A segment's two sparse indexes: `.index` (offset to position) and `.timeindex` (timestamp to offset).
//!
//! The active segment's are kept in memory, in a file's form only when the segment is rolled or closed;
//! after a crash they are made anew from the segment. A sealed segment's are searched in their files.

use std::path::{Path, PathBuf};

use crate::disk::{self, DiskError};

/// Bytes of an `.index` entry: relative offset (i32), position (i32).
const OFFSET_ENTRY: u64 = 8;
/// Bytes of a `.timeindex` entry: timestamp in ms (i64), relative offset (i32).
const TIME_ENTRY: u64 = 12;

/// A segment's indexes in memory. Offsets are relative to the segment's base offset.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    /// (last offset of a batch, the batch's position), both ascending.
    pub(crate) offsets: Vec<(u32, u32)>,
    /// (largest timestamp so far, last offset of the batch that has it), both ascending.
    pub(crate) times: Vec<(i64, u32)>,
    /// How many entries of each are in the files already.
    stored: (usize, usize),
}

impl Indexes {
    /// Adds a batch. Kafka takes an entry only past the last one.
    pub(crate) fn push(&mut self, last: u32, position: u32, largest: (i64, u32)) {
        if self.offsets.last().is_none_or(|(previous, _)| *previous < last) {
            self.offsets.push((last, position));
        }
        self.push_time(largest);
    }

    /// Adds a timestamp where it is larger than all before it.
    pub(crate) fn push_time(&mut self, largest: (i64, u32)) {
        if largest.0 > self.times.last().map_or(-1, |(time, _)| *time) {
            self.times.push(largest);
        }
    }

    /// Whether a file of `max_bytes` has no room for another batch's entries.
    pub(crate) fn is_full(&self, max_bytes: u32) -> bool {
        let max_bytes = u64::from(max_bytes);
        self.offsets.len() as u64 >= max_bytes / OFFSET_ENTRY
            || self.times.len() as u64 + 1 >= max_bytes / TIME_ENTRY
    }

    /// Brings both files up to date and cuts them to their entries. Nothing is flushed; returns whether there
    /// was anything new to write.
    pub(crate) fn write(&self, paths: &Paths) -> Result<bool, DiskError> {
        let mut bytes = Vec::new();
        for (last, position) in &self.offsets[self.stored.0..] {
            bytes.extend_from_slice(&last.to_be_bytes());
            bytes.extend_from_slice(&position.to_be_bytes());
        }
        store(&paths.offsets, &bytes, self.stored.0 as u64 * OFFSET_ENTRY)?;
        bytes.clear();
        for (time, last) in &self.times[self.stored.1..] {
            bytes.extend_from_slice(&time.to_be_bytes());
            bytes.extend_from_slice(&last.to_be_bytes());
        }
        store(&paths.times, &bytes, self.stored.1 as u64 * TIME_ENTRY)?;
        Ok(self.stored != (self.offsets.len(), self.times.len()))
    }

    /// Reads both files of a segment of `size` bytes; `None` where one is missing or is not what a clean
    /// stop leaves.
    pub(crate) fn read(paths: &Paths, size: u32) -> Result<Option<Self>, DiskError> {
        let (Some(offsets), Some(times)) = (read_all(&paths.offsets)?, read_all(&paths.times)?)
        else {
            return Ok(None);
        };
        let (offsets, odd_offsets) = offsets.as_chunks::<{ OFFSET_ENTRY as usize }>();
        let (times, odd_times) = times.as_chunks::<{ TIME_ENTRY as usize }>();
        let offsets: Vec<_> = offsets.iter().copied().map(offset_entry).collect();
        let times: Vec<_> = times.iter().copied().map(time_entry).collect();
        let whole = odd_offsets.is_empty()
            && odd_times.is_empty()
            && offsets.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1)
            && offsets.last().is_none_or(|(_, position)| *position < size)
            && times.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
        let stored = (offsets.len(), times.len());
        Ok(whole.then_some(Self { offsets, times, stored }))
    }
}

/// Writes `bytes` at `position`, where the file ends then.
fn store(path: &Path, bytes: &[u8], position: u64) -> Result<(), DiskError> {
    let file = disk::open_or_create(path)?;
    if !bytes.is_empty() {
        file.write_at(bytes, position)?;
    }
    file.set_len(position + bytes.len() as u64)
}

fn read_all(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match disk::read(path) {
        Err(e) if e.is_not_found() => Ok(None),
        bytes => bytes.map(Some),
    }
}

fn offset_entry(bytes: [u8; OFFSET_ENTRY as usize]) -> (u32, u32) {
    let entry = u64::from_be_bytes(bytes);
    ((entry >> 32) as u32, entry as u32)
}

fn time_entry(bytes: [u8; TIME_ENTRY as usize]) -> (i64, u32) {
    let mut wide = [0; 16];
    wide[4..].copy_from_slice(&bytes);
    let entry = u128::from_be_bytes(wide);
    ((entry >> 32) as i64, entry as u32)
}

/// Where a segment's index files are.
pub(crate) struct Paths {
    pub(crate) offsets: PathBuf,
    pub(crate) times: PathBuf,
}

impl Paths {
    pub(crate) fn new(directory: &Path, base_offset: i64) -> Self {
        Self {
            offsets: directory.join(format!("{base_offset:020}.index")),
            times: directory.join(format!("{base_offset:020}.timeindex")),
        }
    }

    /// Makes both files of an active segment empty.
    pub(crate) fn clear(&self) -> Result<(), DiskError> {
        disk::create(&self.offsets)?;
        disk::create(&self.times)?;
        Ok(())
    }

    /// Makes both files as long as they may become, with holes, as Kafka keeps an active segment's.
    pub(crate) fn preallocate(&self, max_bytes: u32) -> Result<(), DiskError> {
        let max_bytes = u64::from(max_bytes);
        disk::open_or_create(&self.offsets)?.set_len(max_bytes / OFFSET_ENTRY * OFFSET_ENTRY)?;
        disk::open_or_create(&self.times)?.set_len(max_bytes / TIME_ENTRY * TIME_ENTRY)
    }

    /// Searches a sealed segment's `.index`: the position of the last indexed batch whose last offset is at
    /// most `relative`; 0 where there is none.
    pub(crate) fn position(&self, relative: u32) -> Result<u32, DiskError> {
        let file = disk::open(&self.offsets)?;
        let entry = |index: u64| {
            let mut bytes = [0; OFFSET_ENTRY as usize];
            file.read_exact_at(&mut bytes, index * OFFSET_ENTRY)?;
            Ok(offset_entry(bytes))
        };
        let after = partition_point(file.len()? / OFFSET_ENTRY, |i| Ok(entry(i)?.0 <= relative))?;
        after.checked_sub(1).map_or(Ok(0), |i| Ok(entry(i)?.1))
    }

    /// Searches a sealed segment's `.timeindex`: the relative offset of its last entry below `timestamp`; 0
    /// where there is none.
    pub(crate) fn offset_before(&self, timestamp: i64) -> Result<u32, DiskError> {
        let file = disk::open(&self.times)?;
        let entry = |index: u64| {
            let mut bytes = [0; TIME_ENTRY as usize];
            file.read_exact_at(&mut bytes, index * TIME_ENTRY)?;
            Ok(time_entry(bytes))
        };
        let after = partition_point(file.len()? / TIME_ENTRY, |i| Ok(entry(i)?.0 < timestamp))?;
        after.checked_sub(1).map_or(Ok(0), |i| Ok(entry(i)?.1))
    }

    /// The largest timestamp of a sealed segment of `size` bytes (-1 where no batch has one) and its batch's
    /// relative offset; `None` where a file is missing or cannot be a sealed segment's.
    pub(crate) fn check_sealed(&self, size: u32) -> Result<Option<(i64, u32)>, DiskError> {
        let (offsets, times) = match (disk::open(&self.offsets), disk::open(&self.times)) {
            (Err(e), _) | (_, Err(e)) if e.is_not_found() => return Ok(None),
            (offsets, times) => (offsets?, times?),
        };
        let (offsets_len, times_len) = (offsets.len()?, times.len()?);
        if offsets_len % OFFSET_ENTRY != 0 || times_len % TIME_ENTRY != 0 {
            return Ok(None);
        }
        if let Some(last) = offsets_len.checked_sub(OFFSET_ENTRY) {
            let mut bytes = [0; OFFSET_ENTRY as usize];
            offsets.read_exact_at(&mut bytes, last)?;
            let (_, position) = offset_entry(bytes);
            // The first batch has no entry; a file that was never cut to its entries ends in zeros.
            if position == 0 || position >= size {
                return Ok(None);
            }
        }
        let Some(last) = times_len.checked_sub(TIME_ENTRY) else {
            return Ok(Some((-1, 0)));
        };
        let mut bytes = [0; TIME_ENTRY as usize];
        times.read_exact_at(&mut bytes, last)?;
        let (time, offset) = time_entry(bytes);
        Ok((time != 0 || times_len == TIME_ENTRY).then_some((time, offset)))
    }

    pub(crate) fn remove(&self) -> Result<(), DiskError> {
        disk::remove(&self.offsets)?;
        disk::remove(&self.times)
    }
}

/// The first of `count` indexes for which `holds` is false; it is true for all before.
fn partition_point(
    count: u64,
    mut holds: impl FnMut(u64) -> Result<bool, DiskError>,
) -> Result<u64, DiskError> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
