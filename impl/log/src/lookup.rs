//! Finding things in a log: by offset, by timestamp, by the largest timestamp.

use kraftig_wire::batch::Batch;

use crate::error::LogError;
use crate::log::Log;
use crate::read::{Batches, ReadSlice};

/// A record found by its timestamp (`ListOffsets`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampedOffset {
    /// The record's offset.
    pub offset: i64,
    /// Its timestamp, in ms.
    pub timestamp: i64,
    /// The leader epoch that it was written in.
    pub leader_epoch: i32,
}

/// The most that the records of a batch may take when decompressed to look for a timestamp.
const DECOMPRESSED_LIMIT: usize = 128 << 20;

impl Log {
    /// The index of the segment that holds `offset`, or would.
    pub(crate) fn segment_at(&self, offset: i64) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// What a fetch from `offset` is given: at most `max_bytes` of one segment, from the batch that holds
    /// `offset` on, and no batch that reaches `up_to` (a high watermark, a last stable offset, or `i64::MAX`
    /// for a replica). The last batch may be cut, the first one never is: with `min_one_batch` it is there
    /// however big it is, without there is nothing where it does not fit. `None` where there is nothing to read.
    pub fn read(
        &mut self,
        offset: i64,
        max_bytes: usize,
        min_one_batch: bool,
        up_to: i64,
    ) -> Result<Option<ReadSlice>, LogError> {
        self.check_range(offset)?;
        let up_to = up_to.min(self.end);
        if offset >= up_to {
            return Ok(None);
        }
        for index in self.segment_at(offset)..self.segments.len() {
            // Compaction may have left nothing at the end of a segment: then the next one has it.
            let Some((position, header)) = self.segments[index].find(&self.directory, offset)?
            else {
                continue;
            };
            let segment_end = self.segments.get(index + 1).map_or(self.end, |next| next.base);
            let limit = if up_to >= segment_end {
                None
            } else {
                self.segments[index].find(&self.directory, up_to)?.map(|(position, _)| position)
            };
            let Some(whole) = self.segments[index].slice(&self.directory, position)? else {
                return Ok(None);
            };
            let available =
                limit.map_or(whole.len(), |limit| limit.saturating_sub(position) as usize);
            let wanted = if min_one_batch { max_bytes.max(header.size()) } else { max_bytes };
            let len = available.min(wanted);
            return Ok(if len < header.size() { None } else { whole.first(len) });
        }
        Ok(None)
    }

    /// All batches from the one that holds `offset` on, up to the end that the log has now, to replay them.
    pub fn batches_from(&mut self, offset: i64) -> Result<Batches, LogError> {
        self.check_range(offset)?;
        let mut slices = Vec::new();
        for index in self.segment_at(offset)..self.segments.len() {
            if let Some((position, _)) = self.segments[index].find(&self.directory, offset)? {
                slices.extend(self.segments[index].slice(&self.directory, position)?);
            }
        }
        Ok(Batches::new(slices))
    }

    fn check_range(&self, offset: i64) -> Result<(), LogError> {
        if (self.start..=self.end).contains(&offset) {
            return Ok(());
        }
        Err(LogError::OutOfRange { offset, start: self.start, end: self.end })
    }

    /// The first record with `timestamp` or a later one.
    pub fn offset_for_timestamp(
        &mut self,
        timestamp: i64,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        for index in self.segment_at(self.start)..self.segments.len() {
            if self.segments[index].largest.is_none_or(|(largest, _)| largest < timestamp) {
                continue;
            }
            let from =
                self.segments[index].offset_before(&self.directory, timestamp)?.max(self.start);
            let found = self.find_record(index, from, |batch, record| {
                batch.header().max_timestamp >= timestamp
                    && record.is_none_or(|found| found >= timestamp)
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first record that has the largest timestamp of the log.
    pub fn max_timestamp_offset(&mut self) -> Result<Option<TimestampedOffset>, LogError> {
        let mut best: Option<(i64, i64, usize)> = None;
        for (index, segment) in self.segments.iter().enumerate() {
            if let Some((timestamp, offset)) = segment.largest
                && best.is_none_or(|(known, ..)| known < timestamp)
            {
                best = Some((timestamp, offset, index));
            }
        }
        let Some((timestamp, offset, index)) = best else {
            return Ok(None);
        };
        self.find_record(index, offset.max(self.start), |batch, record| {
            batch.header().max_timestamp == timestamp
                && record.is_none_or(|found| found == timestamp)
        })
    }

    /// The first record of a segment, from the batch that holds `from` on, that `wanted` accepts: asked first
    /// about a batch (without a record's timestamp), then about each of its records.
    fn find_record(
        &mut self,
        segment: usize,
        from: i64,
        wanted: impl Fn(&Batch, Option<i64>) -> bool,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        let Some((position, _)) = self.segments[segment].find(&self.directory, from)? else {
            return Ok(None);
        };
        let slice = self.segments[segment].slice(&self.directory, position)?;
        for batch in Batches::new(slice) {
            let batch = batch?;
            if !wanted(&batch, None) {
                continue;
            }
            let damaged = |e: kraftig_wire::batch::BatchError| LogError::Damaged {
                path: crate::segment::log_path(&self.directory, self.segments[segment].base),
                position: position.into(),
                problem: format!("the batch at offset {}: {e}", batch.header().base_offset),
            };
            for record in &batch.records(DECOMPRESSED_LIMIT).map_err(damaged)? {
                let record = record.map_err(damaged)?;
                if record.offset >= self.start && wanted(&batch, Some(record.timestamp)) {
                    return Ok(Some(TimestampedOffset {
                        offset: record.offset,
                        timestamp: record.timestamp,
                        leader_epoch: batch.header().leader_epoch,
                    }));
                }
            }
        }
        Ok(None)
    }
}
