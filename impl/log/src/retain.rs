//! Making a log shorter: at its end to follow another leader, at its start when records have had their time.

use crate::disk;
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::log::Log;
use crate::producers;
use crate::segment::{Segment, log_path};

impl Log {
    /// Removes every batch that reaches `offset`, durably, and returns the log's new end: `offset`, or below
    /// it where that lies inside of a batch, for a batch goes as a whole. A recovery point past the new end is to be
    /// written anew before anything is appended: below it the next start would read nothing.
    pub fn truncate_to(&mut self, offset: i64, now: i64) -> Result<i64, LogError> {
        if offset >= self.end {
            return Ok(self.end);
        }
        if offset < self.start {
            return Err(LogError::OutOfRange { offset, start: self.start, end: self.end });
        }
        let index = self.segment_at(offset);
        let cut = self.segments[index].find(&self.directory, offset)?;
        self.truncations += 1;
        while self.segments.len() > index + 1 {
            self.segments[self.segments.len() - 1].remove(&self.directory)?;
            self.segments.pop();
            // One after the other, so that a power cut leaves no gap between two segments.
            disk::sync_dir(&self.directory)?;
        }
        let segment = &mut self.segments[index];
        let position = cut.map_or(segment.size, |(position, _)| position);
        let end = cut.map_or(offset, |(_, header)| header.base_offset.min(offset));
        // A log may begin inside of a batch (DeleteRecords); its end is not before its beginning.
        self.end = end.max(self.start);
        segment.cut(&self.directory, position, &self.config)?;
        disk::sync_dir(&self.directory)?;
        self.flushed = self.flushed.min(self.end);
        if self.epochs.truncate_from_end(self.end) {
            self.epochs_dropped()?;
        }
        self.load_producers()?;
        self.flushed_at = now;
        Ok(self.end)
    }

    /// Lets the log begin at `offset` (`DeleteRecords`, a leader's log start, a snapshot), and removes the
    /// segments that are wholly before it. A start offset never goes back.
    pub fn advance_start_to(&mut self, offset: i64, now: i64) -> Result<(), LogError> {
        if offset > self.end {
            return Err(LogError::OutOfRange { offset, start: self.start, end: self.end });
        }
        if offset <= self.start {
            return Ok(());
        }
        self.flush_before_start(offset, now)?;
        self.start = offset;
        let gone = self.segment_at(offset);
        self.remove_first(gone)
    }

    /// Before the log begins at `start`: what a power cut leaves of it must reach there, else its offsets would be given
    /// again. So the records up to there are flushed, and the names of the segments that are to stay.
    fn flush_before_start(&mut self, start: i64, now: i64) -> Result<(), LogError> {
        if start > self.flushed || self.directory_unflushed {
            self.flush(now)?;
        }
        Ok(())
    }

    /// Lets the metadata log begin at `offset`, where a snapshot ends (KIP-630), and removes the segments that are wholly
    /// before it. A power cut leaves no gap: what follows one would be lost. The start itself is in no file: the next
    /// time the log is opened it begins with its first segment.
    pub fn clean_to(&mut self, offset: i64) -> Result<(), LogError> {
        if offset > self.end {
            return Err(LogError::OutOfRange { offset, start: self.start, end: self.end });
        }
        self.start = self.start.max(offset);
        for _ in 0..self.segment_at(self.start) {
            self.remove_first(1)?;
            disk::sync_dir(&self.directory)?;
        }
        self.remove_first(0)
    }

    /// Replaces the log by an empty one that begins at `offset`, durably. A power cut meanwhile leaves a beginning of the
    /// old log, or no segment at all.
    pub fn restart_at(&mut self, offset: i64, now: i64) -> Result<(), LogError> {
        self.truncations += 1;
        if self.made {
            for segment in self.segments.iter().rev() {
                segment.remove(&self.directory)?;
                disk::sync_dir(&self.directory)?;
            }
            for name in disk::list(&self.directory)? {
                if name.ends_with(producers::SUFFIX) {
                    disk::remove(&self.directory.join(name))?;
                }
            }
        }
        self.segments = vec![Segment::new_active(offset, now)];
        self.epochs = Epochs::default();
        self.producers.clear();
        self.snapshot = None;
        (self.start, self.end, self.flushed) = (offset, offset, offset);
        if self.made {
            self.write_epochs()?;
            self.active().make(&self.directory, &self.config)?;
        }
        self.directory_unflushed = true;
        self.flush(now)?;
        Ok(())
    }

    /// Removes the oldest segments that are older than `retention.ms`, or that `retention.bytes` has no room
    /// for, as far as they are below `high_watermark`. Returns how many.
    pub fn delete_expired(&mut self, high_watermark: i64, now: i64) -> Result<usize, LogError> {
        let mut gone = 0;
        let mut size = self.size();
        for index in 0..self.segments.len() {
            let segment = &self.segments[index];
            let end = self.segments.get(index + 1).map_or(self.end, |next| next.base);
            let too_much = self.config.retention_bytes >= 0
                && size.saturating_sub(self.config.retention_bytes as u64)
                    >= u64::from(segment.size);
            if segment.size == 0
                || end > high_watermark
                || !(too_much || self.is_too_old(segment, now)?)
            {
                break;
            }
            size -= u64::from(segment.size);
            gone += 1;
        }
        if gone == self.segments.len() {
            self.roll(now)?;
        }
        if gone > 0 {
            let start = self.start.max(self.segments[gone].base);
            self.flush_before_start(start, now)?;
            self.start = start;
            self.remove_first(gone)?;
        }
        Ok(gone)
    }

    fn is_too_old(&self, segment: &Segment, now: i64) -> Result<bool, LogError> {
        if self.config.retention_ms < 0 {
            return Ok(false);
        }
        let newest = match segment.largest {
            Some((timestamp, _)) => timestamp,
            None => disk::modified_ms(&log_path(&self.directory, segment.base))?,
        };
        Ok(now.saturating_sub(newest) > self.config.retention_ms)
    }

    /// Removes the first `count` segments and what belongs to them.
    fn remove_first(&mut self, count: usize) -> Result<(), LogError> {
        for segment in self.segments.drain(..count) {
            segment.remove(&self.directory)?;
            disk::remove(&self.directory.join(producers::snapshot_name(segment.base)))?;
        }
        if self.epochs.truncate_from_start(self.start) {
            self.epochs_dropped()?;
        }
        Ok(())
    }
}
