//! A snapshot that is not finished: bytes in a file beside, which goes when it is dropped.

use std::path::{Path, PathBuf};

use super::{PART, SnapshotId};
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
    frozen: bool,
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
        Ok(Self { directory: directory.to_path_buf(), id, file, len: 0, frozen: false })
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

    /// Gives the file its name, durably. In this order: the name is seen only once all of the file is safe.
    pub(super) fn freeze(mut self) -> Result<(), DiskError> {
        self.file.set_read_only()?;
        self.file.sync()?;
        disk::rename(self.file.path(), &super::path(&self.directory, self.id))?;
        self.frozen = true;
        disk::sync_dir(&self.directory)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.frozen {
            // What cannot be removed now is removed at the next start.
            let _ = disk::remove(self.file.path());
        }
    }
}
