//! A snapshot that is not finished: bytes in a file beside, which goes when it is dropped.

use std::path::{Path, PathBuf};

use super::{PART, SnapshotError, SnapshotHeader, SnapshotId, read};
use crate::disk::{self, DiskError, File};

/// Who makes a snapshot. One can be written here while the same one is received.
#[derive(Clone, Copy, Debug)]
pub(super) enum Maker {
    Writer,
    Receiver,
}

#[derive(Debug)]
pub(super) struct Part {
    directory: PathBuf,
    id: SnapshotId,
    file: File,
    len: u64,
    named: bool,
}

/// A snapshot that is whole and on the disk, and has yet to get its name. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct SealedSnapshot {
    part: Part,
}

impl SealedSnapshot {
    /// Which one it is.
    pub fn id(&self) -> SnapshotId {
        self.part.id
    }

    /// What it says of itself in front of its records.
    pub fn header(&self) -> Result<SnapshotHeader, SnapshotError> {
        read::header(self.part.file())
    }

    /// Gives the file its name, durably.
    pub fn publish(mut self) -> Result<(), DiskError> {
        let Part { directory, id, file, named, .. } = &mut self.part;
        disk::rename(file.path(), &super::path(directory, *id))?;
        *named = true;
        disk::sync_dir(directory)
    }
}

impl Part {
    /// An empty one. What an earlier try left goes: it may be read-only already.
    pub(super) fn create(
        directory: &Path,
        id: SnapshotId,
        maker: Maker,
    ) -> Result<Self, DiskError> {
        // Kafka has a random number here. A fixed one does too: nobody makes the same snapshot twice at once.
        let name = format!("{:020}-{:010}-{}.checkpoint{PART}", id.end.0, id.epoch.0, maker as u8);
        let path = directory.join(name);
        disk::remove(&path)?;
        let file = disk::create(&path)?;
        Ok(Self { directory: directory.to_path_buf(), id, file, len: 0, named: false })
    }

    pub(super) fn id(&self) -> SnapshotId {
        self.id
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_at(bytes, self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Brings it to the disk. Only then may it have its name.
    pub(super) fn seal(self) -> Result<SealedSnapshot, DiskError> {
        self.file.set_read_only()?;
        self.file.sync()?;
        Ok(SealedSnapshot { part: self })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.named {
            // What cannot be removed now is removed at the next start.
            let _ = disk::remove(self.file.path());
        }
    }
}
