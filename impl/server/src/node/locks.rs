//! The locks of a node's directories.

use std::path::{Path, PathBuf};

use kraftig_log::lock::{DirLock, LockError};

use crate::config::Config;

/// The locks of all log directories. Dropped they leave the files behind, as a killed process does.
pub(super) struct Locks(Vec<DirLock>);

impl Locks {
    /// Takes each directory that is there; [`Ensemble::verify_start`] tells of those that are not.
    pub(super) fn acquire(config: &Config) -> Result<Self, LockError> {
        let mut locks = Self(Vec::new());
        for dir in directories(config) {
            match DirLock::acquire(dir) {
                Ok(lock) => locks.0.push(lock),
                Err(LockError::Disk(error)) if error.is_not_found() => {}
                Err(error) => {
                    locks.release();
                    return Err(error);
                }
            }
        }
        Ok(locks)
    }

    pub(super) fn release(self) {
        for lock in self.0 {
            if let Err(error) = lock.release() {
                tracing::warn!("{error}");
            }
        }
    }
}

/// `log.dirs` and `metadata.log.dir`, each once.
pub(super) fn directories(config: &Config) -> impl Iterator<Item = &Path> {
    let metadata = Some(&config.metadata_log_dir).filter(|dir| !config.log_dirs.contains(dir));
    config.log_dirs.iter().chain(metadata).map(PathBuf::as_path)
}
