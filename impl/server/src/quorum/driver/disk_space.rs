//! How much room the file system of the metadata log has: a node must know before a write fails, for after one it can
//! only end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kraftig_log::disk::{self, DiskError};
use kraftig_spec::quorum::Event;

use super::{Driver, QuorumError, World};

/// How often it is looked at if nothing is written. Before anything is, it is looked at anyway.
const INTERVAL: Duration = Duration::from_secs(1);
/// What has to be left, in bytes, beside what is about to be written: twice the largest batch that a leader makes
/// (`internal.metadata.max.batch.size.in.bytes`, 8 MiB). It is for what is written without a look: the first batch of a
/// leader, of some hundred bytes, the files of a new segment, `leader-epoch-checkpoint`, of which there are two for a
/// moment (`quorum-state` is written over what was kept for it); and for what others write to the same file system between
/// a look and the write.
const LOW: u64 = 16 << 20;
/// What has to be left until there is room again, in bytes: so much more that a node does not come and go.
const HIGH: u64 = 2 * LOW;

/// The room on the file system of a directory.
pub(super) struct DiskSpace {
    directory: PathBuf,
    look_at: Duration,
    /// What was to be written when there was no room for it, in bytes; `None` while there is room.
    lacking: Option<u64>,
}

impl DiskSpace {
    /// There is room until it is looked at.
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), look_at: Duration::ZERO, lacking: None }
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Duration {
        self.look_at
    }

    /// Looks whether so many `bytes` may be written. Tells whether the disk is full where that has changed.
    fn look(&mut self, now: Duration, bytes: u64) -> Result<Option<bool>, DiskError> {
        self.look_at = now + INTERVAL;
        let room = disk::room(&self.directory)?;
        let directory = self.directory.display();
        match self.lacking {
            None if room < LOW.saturating_add(bytes) => {
                tracing::error!(
                    "the disk of {directory} is full: {room} bytes are left there, and {LOW} must be beside the {bytes} to be written; this node leads no quorum and fetches no metadata until there is room, but goes on voting and answering; delete or move other files of that file system, or make it larger, and the node goes on by itself"
                );
                self.lacking = Some(bytes);
                Ok(Some(true))
            }
            Some(lacking) if room >= HIGH.saturating_add(lacking) => {
                tracing::info!(
                    "the disk of {directory} has room again: {room} bytes; this node takes part in the quorum as before"
                );
                self.lacking = None;
                Ok(Some(false))
            }
            _ => Ok(None),
        }
    }
}

impl<W: World> Driver<W> {
    /// Looks whether so many bytes may be written, and tells the core if that has changed.
    pub(super) fn has_room_for(&mut self, bytes: usize) -> Result<bool, QuorumError> {
        if let Some(full) = self.disk_space.look(self.world.now(), bytes as u64)? {
            self.step(Event::DiskFull { full })?;
        }
        Ok(self.disk_space.lacking.is_none())
    }
}
