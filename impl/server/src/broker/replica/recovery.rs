//! Taking up what is on the disk when the node starts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use kraftig_log::checkpoint::{self, CheckpointError, LOG_START, RECOVERY_POINT};
use kraftig_log::disk::{self, DiskError};
use kraftig_log::partition_dir::PartitionDir;
use kraftig_log::{Known, Log, LogConfig, LogError};

use super::partition::LogDirectory;
use super::{Found, cores, in_parallel, now_ms};

/// The metadata log's directory: the quorum's, not ours.
const METADATA_DIR: &str = "__cluster_metadata-0";

/// Why the node cannot start on its log directories.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A log directory cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A partition cannot be taken up.
    #[error("cannot open {}: {source}", .path.display())]
    Log {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: LogError,
    },
}

/// Opens every partition in a log directory; gives the directories of deleted ones that are still there.
pub(super) fn open(
    directory: &Arc<LogDirectory>,
    clean: bool,
    config: &Arc<LogConfig>,
    found: &mut Vec<Found>,
) -> Result<Vec<PathBuf>, OpenError> {
    let recovery_points = offsets(directory, RECOVERY_POINT);
    let starts = offsets(directory, LOG_START);
    let mut deleted = Vec::new();
    let mut replicas = Vec::new();
    for name in disk::list(&directory.path)? {
        match PartitionDir::parse(&name) {
            Some(PartitionDir::Replica { topic, partition }) if name != METADATA_DIR => {
                replicas.push((directory.path.join(&name), (topic, partition)));
            }
            Some(PartitionDir::Deleted) => deleted.push(directory.path.join(&name)),
            _ => {}
        }
    }
    let now = now_ms();
    let opened = in_parallel(&replicas, cores(), |(path, key)| {
        let known = Known {
            clean,
            recovery_point: recovery_points.get(key).copied().unwrap_or_default(),
            start_offset: starts.get(key).copied().unwrap_or_default(),
            contiguous: false,
        };
        Log::open(path, known, config.clone(), now)
    });
    for ((path, (topic, index)), opened) in replicas.into_iter().zip(opened) {
        let (log, recovery) = opened.map_err(|source| OpenError::Log { path, source })?;
        if let Some(damage) = recovery.damage {
            tracing::warn!(
                "{topic}-{index}: {damage}; {} bytes from there on are gone",
                recovery.bytes_lost
            );
        }
        if let Some(start) = recovery.ignored_start {
            tracing::warn!(
                "{topic}-{index}: {LOG_START} says {start}, but the log ends at {}; it is kept from {} on",
                log.end_offset(),
                log.start_offset()
            );
        }
        found.push(Found { topic, index, directory: directory.clone(), log });
    }
    Ok(deleted)
}

/// Reads a checkpoint. One that cannot be read only makes the start slower: the logs are read from the beginning.
fn offsets(directory: &LogDirectory, name: &str) -> BTreeMap<(String, i32), i64> {
    let read: Result<_, CheckpointError> = checkpoint::read_offsets(&directory.path.join(name));
    read.unwrap_or_else(|e| {
        tracing::warn!("{e}; it counts as empty");
        BTreeMap::new()
    })
}

/// Gives a partition that the metadata does not know a name that tells so, and leaves it alone.
pub(super) fn set_aside(topic: &str, index: i32, directory: &LogDirectory, log: Log) {
    match log.set_aside() {
        Ok(path) => tracing::warn!(
            "the cluster has no partition {topic}-{index} of that topic id; it is now {}",
            path.display()
        ),
        Err(e) => directory.fail(&e),
    }
}
