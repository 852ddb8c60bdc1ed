//! Taking up a log that is on the disk: after a clean stop by its indexes, after a crash by reading it.

use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::{self, LEADER_EPOCH, PARTITION_METADATA};
use crate::config::LogConfig;
use crate::disk::{self, unless_out_of_room};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::log::Log;
use crate::producers::{self, Producers};
use crate::read::Headers;
use crate::segment::Segment;

/// What is known of a log before it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether the log directory was stopped cleanly. The metadata log is never trusted.
    pub clean: bool,
    /// `recovery-point-offset-checkpoint`: what is below is on the disk and is not read again. If this or the
    /// start is beyond the end after a crash, it may be another log's: then everything is read, and both are to be
    /// written anew before anything is appended.
    pub recovery_point: i64,
    /// `log-start-offset-checkpoint`: the log begins there, or at its first segment if that is later. One beyond
    /// the end of what is left after a crash is ignored: it deletes no records.
    pub start_offset: i64,
    /// Whether no offset may be missing, as in the metadata log. Compaction leaves gaps in others.
    pub contiguous: bool,
}

/// What opening a log had to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// How many segments were read and checked.
    pub segments_read: usize,
    /// What was found damaged first, if anything: file, byte and reason. It and all after it is gone.
    pub damage: Option<String>,
    /// How many bytes of the log are gone.
    pub bytes_lost: u64,
    /// The log start that was ignored, for it is beyond the end of the records that are there. Once the log reaches
    /// there, the next start would believe it.
    pub ignored_start: Option<i64>,
}

impl Log {
    /// Opens the log in `directory`, which [`create`](Log::create) or Kafka made. After a crash each
    /// segment that reaches beyond the recovery point is read, each batch and its CRC checked; the first that
    /// is torn or damaged is cut off with all that follows, and the indexes are made anew.
    pub fn open(
        directory: &Path,
        known: Known,
        config: Arc<LogConfig>,
        now: i64,
    ) -> Result<(Self, Recovery), LogError> {
        let bases = clean_up(directory)?;
        let mut epochs = checkpoint::read_epochs(&directory.join(LEADER_EPOCH))
            .ok()
            .and_then(|entries| Epochs::from_entries(entries).ok())
            .filter(|epochs| epochs.latest().is_some());
        // Without its epochs a log is not to be used: they are found by reading all of it.
        let mut trusted = match (&epochs, known.clean) {
            (None, _) => 0,
            (Some(_), true) => i64::MAX,
            (Some(_), false) => known.recovery_point,
        };
        let epochs = epochs.get_or_insert_default();
        let stored_epochs = epochs.clone();

        let mut recovery = Recovery::default();
        let mut segments: Vec<Segment> = Vec::new();
        let mut end = 0;
        for (index, base) in bases.iter().copied().enumerate() {
            let next_base = bases.get(index + 1).copied();
            let mut segment = Segment::open(directory, base, now)?;
            let follows = base >= end && !(known.contiguous && index > 0 && base > end);
            if recovery.damage.is_some() || !follows {
                recovery
                    .damage
                    .get_or_insert_with(|| format!("segment {base} cannot follow offset {end}"));
                recovery.bytes_lost += u64::from(segment.size);
                segment.remove(directory)?;
                continue;
            }
            end = base;
            let loaded = match next_base {
                Some(next_base) if next_base <= trusted => {
                    end = next_base;
                    segment.load_sealed(directory)?
                }
                None if trusted == i64::MAX => match segment.load_active(directory, &config)? {
                    Some(found) => {
                        end = found;
                        true
                    }
                    None => false,
                },
                _ => false,
            };
            if !loaded {
                // The epochs from here on come from the batches, so all of these have to be read.
                trusted = 0;
                if known.contiguous && index == 0 {
                    // What is before the log's start is in a snapshot, or was of the log that this one replaced.
                    *epochs = Epochs::default();
                } else if segment.size > 0 || known.contiguous {
                    epochs.truncate_from_end(base);
                }
                end = base;
                let size = segment.size;
                let scan = segment.recover(directory, &config, known.contiguous, |header| {
                    if let Some(latest) =
                        epochs.latest().filter(|latest| *latest > header.leader_epoch)
                    {
                        return Err(format!(
                            "epoch {} follows epoch {latest}",
                            header.leader_epoch
                        ));
                    }
                    epochs.assign(header.leader_epoch, header.base_offset);
                    Ok(())
                })?;
                end = scan.end.max(end);
                recovery.segments_read += 1;
                recovery.damage = scan.damage;
                recovery.bytes_lost += u64::from(size - segment.size);
                if next_base.is_some() && recovery.damage.is_none() {
                    // Without room its indexes stay in memory.
                    unless_out_of_room(segment.seal(directory))?;
                }
            }
            segments.push(segment);
        }
        let foreign = !known.clean && known.recovery_point.max(known.start_offset) > end;
        if foreign && recovery.segments_read < bases.len() {
            let known = Known { recovery_point: 0, ..known };
            let (log, again) = Self::open(directory, known, config, now)?;
            let recovery = Recovery {
                segments_read: recovery.segments_read + again.segments_read,
                damage: recovery.damage.or(again.damage),
                bytes_lost: recovery.bytes_lost + again.bytes_lost,
                ignored_start: again.ignored_start,
            };
            return Ok((log, recovery));
        }
        if segments.is_empty() {
            end = known.start_offset.max(0);
            segments.push(Segment::create(directory, end, &config, now)?);
        }
        if recovery.damage.is_some() {
            disk::sync_dir(directory)?;
        }
        // A data partition may have begun an epoch and written nothing in it. In the metadata log an epoch is
        // one that has records, for votes are compared by them.
        epochs.truncate_from_end(end + i64::from(!known.contiguous));
        let mut start = known.start_offset.max(segments[0].base);
        if start > end && !known.clean && segments.iter().any(|segment| segment.size > 0) {
            recovery.ignored_start = Some(start);
            start = segments[0].base;
        }
        let flushed = match known.recovery_point {
            _ if known.clean => end,
            beyond if beyond > end => 0,
            point => point,
        };
        let mut log = Self {
            directory: directory.to_path_buf(),
            config,
            topic_id: checkpoint::read_partition_metadata(&directory.join(PARTITION_METADATA))
                .unwrap_or_default(),
            made: true,
            segments,
            start: start.min(end),
            end,
            flushed,
            flushed_at: now,
            // After a crash nobody knows which entries of the directory are on the disk.
            directory_unflushed: !known.clean,
            truncations: 0,
            epochs: std::mem::take(epochs),
            epochs_unwritten: false,
            producers: Producers::new(),
            snapshot: None,
        };
        log.load_producers()?;
        if start > end {
            log.restart_at(start, now)?;
        }
        log.epochs.truncate_from_start(log.start);
        if log.epochs != stored_epochs {
            log.epochs_dropped()?;
        }
        Ok((log, recovery))
    }

    /// Finds the producers' state at the log's end: from the newest snapshot and the batches after it.
    /// Snapshots that are of no use any more go.
    pub(crate) fn load_producers(&mut self) -> Result<(), LogError> {
        self.producers.clear();
        self.snapshot = None;
        let mut from = self.start;
        for offset in offsets_of(&disk::list(&self.directory)?, producers::SUFFIX).into_iter().rev()
        {
            let path = self.directory.join(producers::snapshot_name(offset));
            if offset > self.end {
                disk::remove(&path)?;
            } else if self.snapshot.is_none() {
                if let Some(producers) = producers::read_snapshot(&path)? {
                    self.producers = producers;
                    self.snapshot = Some(offset);
                    from = from.max(offset);
                }
            } else if self.segments.binary_search_by_key(&offset, |segment| segment.base).is_err() {
                disk::remove(&path)?;
            }
        }
        if from == self.end {
            return Ok(());
        }
        let first = self.segment_at(from);
        for index in first..self.segments.len() {
            let Some((position, _)) = self.segments[index].find(&self.directory, from)? else {
                continue;
            };
            let slice = self.segments[index].slice(&self.directory, position)?;
            for header in slice.into_iter().flat_map(Headers::new) {
                producers::update(&mut self.producers, &header?.1);
            }
        }
        Ok(())
    }
}

/// Removes what earlier runs have left behind; returns the base offsets of the segments, ascending.
fn clean_up(directory: &Path) -> Result<Vec<i64>, LogError> {
    let names = disk::list(directory)?;
    let bases = offsets_of(&names, ".log");
    for name in &names {
        let path = directory.join(name);
        let ends = |suffix: &str| name.ends_with(suffix);
        if ends(".swap") {
            return Err(LogError::UnfinishedSwap(path));
        }
        let orphan = [".index", ".timeindex", ".txnindex"]
            .iter()
            .filter_map(|suffix| offset_of(name, suffix))
            .any(|base| bases.binary_search(&base).is_err());
        if orphan || ends(".deleted") || ends(".cleaned") {
            disk::remove(&path)?;
        }
    }
    Ok(bases)
}

/// The offset in a file name of 20 digits and `suffix`.
fn offset_of(name: &str, suffix: &str) -> Option<i64> {
    let digits = name.strip_suffix(suffix)?;
    let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn offsets_of(names: &[String], suffix: &str) -> Vec<i64> {
    // Sorted names of equal length are sorted numbers.
    names.iter().filter_map(|name| offset_of(name, suffix)).collect()
}
