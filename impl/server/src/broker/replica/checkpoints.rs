//! The checkpoint files of each log directory: recovery points, log starts, high watermarks.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use kraftig_log::checkpoint::{self, CheckpointError, LOG_START, RECOVERY_POINT, REPLICATION};

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
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    written: Vec<(PathBuf, Entries)>,
    /// Partitions that are no more, whose entries may still be in a file.
    gone: BTreeSet<(Arc<str>, i32)>,
}

type Entries = Vec<(Arc<str>, i32, i64)>;

impl Checkpoints {
    /// Writes the file with what `partitions` gives. That is called when no other writer is at work: a partition
    /// that it does not give has no entry from then on.
    pub(super) fn write(
        &self,
        kind: Kind,
        directories: &[Arc<LogDirectory>],
        partitions: impl FnOnce() -> Vec<(Arc<Partition>, Offsets)>,
    ) {
        let mut files = lock(&self.files);
        files.write(kind, directories, &partitions());
    }

    /// All of the files.
    pub(super) fn write_all(
        &self,
        directories: &[Arc<LogDirectory>],
        partitions: &[(Arc<Partition>, Offsets)],
    ) {
        let mut files = lock(&self.files);
        for kind in Kind::ALL {
            files.write(kind, directories, partitions);
        }
    }

    /// Takes the entries of partitions that are no more out of the files: these name no topic ids, and a partition
    /// that is made under such a name must not be taken for the one before. `false` where that was not possible;
    /// the next call tries it again.
    pub(super) fn forget(
        &self,
        directories: &[Arc<LogDirectory>],
        gone: impl IntoIterator<Item = (Arc<str>, i32)>,
    ) -> bool {
        let mut files = lock(&self.files);
        files.gone.extend(gone);
        if files.gone.is_empty() {
            return true;
        }
        let mut done = true;
        for directory in directories.iter().filter(|directory| !directory.is_offline()) {
            for kind in Kind::ALL {
                done &= files.forget(kind, directory);
            }
        }
        if done {
            files.gone.clear();
        }
        done
    }
}

impl Files {
    fn write(
        &mut self,
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
            if !self.written.iter().any(|(known, there)| *known == path && *there == entries) {
                self.replace(directory, path, entries);
            }
        }
    }

    fn forget(&mut self, kind: Kind, directory: &LogDirectory) -> bool {
        let path = directory.path.join(kind.file_name());
        let mut entries = match self.written.iter().find(|(known, _)| *known == path) {
            Some((_, entries)) => entries.clone(),
            None => match checkpoint::read_offsets(&path) {
                Ok(there) => there
                    .into_iter()
                    .map(|((topic, index), offset)| (Arc::from(topic), index, offset))
                    .collect(),
                // A damaged file is believed by nobody.
                Err(CheckpointError::Malformed { .. }) => return true,
                Err(e) => {
                    directory.fail(&e);
                    return false;
                }
            },
        };
        let before = entries.len();
        entries.retain(|(topic, index, _)| !self.gone.contains(&(topic.clone(), *index)));
        entries.len() == before || self.replace(directory, path, entries)
    }

    fn replace(&mut self, directory: &LogDirectory, path: PathBuf, entries: Entries) -> bool {
        let lines = entries.iter().map(|(topic, index, offset)| (&**topic, *index, *offset));
        if let Err(e) = checkpoint::write_offsets(&path, lines) {
            directory.fail(&e);
            return false;
        }
        match self.written.iter_mut().find(|(known, _)| *known == path) {
            Some((_, known)) => *known = entries,
            None => self.written.push((path, entries)),
        }
        true
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::RecoveryPoint, Self::LogStart, Self::HighWatermark];

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
