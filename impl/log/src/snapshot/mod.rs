//! Snapshots of the metadata log (KIP-630), in its directory: `<end offset>-<epoch>.checkpoint`, mode 0400.
//!
//! A snapshot is written, or received from a leader, into a `.part` file beside, and has its name only once all
//! of it is on the disk: what has the name is whole. One that is to go is renamed to `.deleted` first; who reads it
//! meanwhile reads on.

mod format;
mod part;
mod read;
mod receive;
mod write;

use std::path::{Path, PathBuf};

use kraftig_spec::types::Offset;
pub use kraftig_spec::types::SnapshotId;

use crate::disk::{self, DiskError};

pub(crate) use format::{Decoder, Encoder};
pub use format::{MAX_BATCH, SnapshotFault, SnapshotHeader};
pub use part::SealedSnapshot;
pub use read::{Contents, SnapshotFile};
pub use receive::SnapshotReceiver;
pub use write::SnapshotWriter;

const PART: &str = ".part";
const DELETED: &str = ".deleted";

/// Why a snapshot cannot be used, or not be made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is no whole snapshot. Remove it where the log reaches back to before it; else take the directory of
    /// another voter.
    #[error("{}: {fault}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: SnapshotFault,
    },
    /// Bytes of a snapshot that do not follow those that are there.
    #[error("{}: bytes from {position} on cannot follow the first {have}", .path.display())]
    OutOfPlace {
        /// The file.
        path: PathBuf,
        /// Where the bytes belong.
        position: u64,
        /// How many bytes there are.
        have: u64,
    },
}

impl SnapshotError {
    fn content(path: &Path) -> impl FnOnce(SnapshotFault) -> Self {
        move |fault| Self::Content { path: path.to_path_buf(), fault }
    }
}

/// Where the snapshot is, or would be.
pub fn path(directory: &Path, id: SnapshotId) -> PathBuf {
    directory.join(id.to_string())
}

/// The snapshots in the directory of a metadata log, the oldest first.
pub fn list(directory: &Path) -> Result<Vec<SnapshotId>, DiskError> {
    let names = match disk::list(directory) {
        Err(e) if e.is_not_found() => return Ok(Vec::new()),
        names => names?,
    };
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Takes the name of a snapshot away, durably. Its bytes stay until [`remove_retired`] or [`clean`].
pub fn retire(directory: &Path, id: SnapshotId) -> Result<(), DiskError> {
    let from = path(directory, id);
    disk::rename(&from, &directory.join(format!("{id}{DELETED}")))?;
    disk::sync_dir(directory)
}

/// Removes the bytes of a snapshot that was retired.
pub fn remove_retired(directory: &Path, id: SnapshotId) -> Result<(), DiskError> {
    disk::remove(&directory.join(format!("{id}{DELETED}")))
}

/// What a start does: removes what was never finished, what was retired, and snapshots of before the log's start.
/// Gives those that are left, the oldest first.
pub fn clean(directory: &Path, log_start: Offset) -> Result<Vec<SnapshotId>, DiskError> {
    let mut left = Vec::new();
    let names = match disk::list(directory) {
        Err(e) if e.is_not_found() => return Ok(left),
        names => names?,
    };
    for name in names {
        match name.parse::<SnapshotId>() {
            Ok(id) if id.end >= log_start => left.push(id),
            Err(_) if !is_left_over(&name) => {}
            _ => disk::remove(&directory.join(name))?,
        }
    }
    Ok(left)
}

/// Whether a file is a snapshot that was never finished, or one that was retired.
fn is_left_over(name: &str) -> bool {
    if let Some(whole) = name.strip_suffix(DELETED) {
        return whole.parse::<SnapshotId>().is_ok();
    }
    // Kafka puts a random number between the name and the suffix.
    let stem = name.strip_suffix(".checkpoint.part").and_then(|stem| stem.rsplit_once('-'));
    stem.is_some_and(|(id, number)| {
        let is_id = format!("{id}.checkpoint").parse::<SnapshotId>().is_ok();
        is_id && number.parse::<u64>().is_ok()
    })
}

#[cfg(test)]
mod tests;
