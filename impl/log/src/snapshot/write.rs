//! Writing a snapshot.

use std::path::Path;

use super::part::{Maker, Part, SealedSnapshot};
use super::{Encoder, SnapshotError, SnapshotHeader, SnapshotId};
use crate::disk;

/// Writes a snapshot, record by record. Dropped before it has its name, it leaves nothing.
#[derive(Debug)]
pub struct SnapshotWriter {
    part: Part,
    encoder: Encoder,
}

impl SnapshotWriter {
    /// Begins a snapshot at `now` (ms) in the directory of the metadata log; `None` where it exists.
    pub fn create(
        directory: &Path,
        id: SnapshotId,
        header: &SnapshotHeader,
        now: i64,
    ) -> Result<Option<Self>, SnapshotError> {
        if disk::exists(&super::path(directory, id))? {
            return Ok(None);
        }
        let mut part = Part::create(directory, id, Maker::Writer)?;
        let mut encoder = Encoder::new(id.epoch.0);
        let batch = encoder.header(header, now);
        let batch = batch.map_err(SnapshotError::content(part.file().path()))?;
        part.append(&batch)?;
        Ok(Some(Self { part, encoder }))
    }

    /// Adds a metadata record with its frame at `now` (ms).
    pub fn append(&mut self, record: &[u8], now: i64) -> Result<(), SnapshotError> {
        let full = self.encoder.push(record, now);
        if let Some(batch) = full.map_err(SnapshotError::content(self.part.file().path()))? {
            self.part.append(&batch)?;
        }
        Ok(())
    }

    /// Ends the snapshot at `now` (ms): it is whole and durable, and has yet to get its name.
    pub fn seal(mut self, now: i64) -> Result<SealedSnapshot, SnapshotError> {
        if let Some(batch) = self.encoder.flush() {
            self.part.append(&batch)?;
        }
        let footer = self.encoder.footer(now);
        let footer = footer.map_err(SnapshotError::content(self.part.file().path()))?;
        self.part.append(&footer)?;
        Ok(self.part.seal()?)
    }

    /// Ends the snapshot at `now` (ms). When this returns it is there, whole and durable.
    pub fn freeze(self, now: i64) -> Result<(), SnapshotError> {
        Ok(self.seal(now)?.publish()?)
    }
}
