//! The checkpoint files of each log directory: recovery points, log starts, high watermarks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use kraftig_log::checkpoint::{self, LOG_START, RECOVERY_POINT, REPLICATION};

use super::lock;
use super::partition::{LogDirectory, Offsets, Partition};

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is below is flushed.
    RecoveryPoint,
    /// The first offset of each log that does not begin at 0.
    LogStart,
    /// The high watermark.
    HighWatermark,
}

/// Writes the files, and remembers what is in them: a file that would not change is not written.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    written: Mutex<Vec<(PathBuf, Entries)>>,
}

type Entries = Vec<(Arc<str>, i32, i64)>;

impl Checkpoints {
    pub(super) fn write(
        &self,
        kind: Kind,
        directories: &[Arc<LogDirectory>],
        partitions: &[(Arc<Partition>, Offsets)],
    ) {
        for directory in directories.iter().filter(|directory| !directory.is_offline()) {
            let here = partitions
                .iter()
                .filter(|(partition, _)| Arc::ptr_eq(&partition.directory, directory));
            let mut entries: Entries = here
                .filter(|(_, offsets)| kind != Kind::LogStart || offsets.start > 0)
                .map(|(partition, offsets)| {
                    (partition.topic.clone(), partition.index, kind.offset(offsets))
                })
                .collect();
            entries.sort_unstable();
            let path = directory.path.join(kind.file_name());
            let mut written = lock(&self.written);
            let known = written.iter_mut().find(|(known, _)| *known == path);
            if known.as_ref().is_some_and(|(_, known)| *known == entries) {
                continue;
            }
            let lines = entries.iter().map(|(topic, index, offset)| (&**topic, *index, *offset));
            if let Err(e) = checkpoint::write_offsets(&path, lines) {
                directory.fail(&e);
                continue;
            }
            match known {
                Some((_, known)) => *known = entries,
                None => written.push((path, entries)),
            }
        }
    }

    /// All of the files.
    pub(super) fn write_all(
        &self,
        directories: &[Arc<LogDirectory>],
        partitions: &[(Arc<Partition>, Offsets)],
    ) {
        for kind in [Kind::RecoveryPoint, Kind::LogStart, Kind::HighWatermark] {
            self.write(kind, directories, partitions);
        }
    }
}

impl Kind {
    fn file_name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => RECOVERY_POINT,
            Self::LogStart => LOG_START,
            Self::HighWatermark => REPLICATION,
        }
    }

    fn offset(self, offsets: &Offsets) -> i64 {
        match self {
            Self::RecoveryPoint => offsets.flushed,
            Self::LogStart => offsets.start,
            Self::HighWatermark => offsets.high_watermark,
        }
    }
}
