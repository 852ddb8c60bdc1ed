//! Receiving a snapshot, chunk after chunk, from a leader (`FetchSnapshot`).

use std::path::Path;

use super::part::{Maker, Part, SealedSnapshot};
use super::read::read_to_end;
use super::{SnapshotError, SnapshotId};

/// A snapshot that comes in chunks. Dropped before it has its name, it leaves nothing.
#[derive(Debug)]
pub struct SnapshotReceiver {
    part: Part,
}

impl SnapshotReceiver {
    /// Begins to receive a snapshot into the directory of the metadata log.
    pub fn create(directory: &Path, id: SnapshotId) -> Result<Self, SnapshotError> {
        Ok(Self { part: Part::create(directory, id, Maker::Receiver)? })
    }

    /// Which one is received.
    pub fn id(&self) -> SnapshotId {
        self.part.id()
    }

    /// How many bytes are there; the next chunk begins here.
    pub fn position(&self) -> u64 {
        self.part.len()
    }

    /// Adds the bytes from `position` on, which must be the next ones.
    pub fn append(&mut self, position: u64, bytes: &[u8]) -> Result<(), SnapshotError> {
        if position != self.part.len() {
            return Err(SnapshotError::OutOfPlace {
                path: self.part.file().path().to_path_buf(),
                position,
                have: self.part.len(),
            });
        }
        Ok(self.part.append(bytes)?)
    }

    /// Ends the snapshot once all of it is there. What is damaged or cut off is refused, and leaves nothing.
    pub fn seal(self) -> Result<SealedSnapshot, SnapshotError> {
        read_to_end(self.part.file())?;
        Ok(self.part.seal()?)
    }
}
