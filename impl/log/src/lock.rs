//! `.lock`: one process at a time uses a log directory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use crate::disk::{self, DiskError, File};

/// The name of the lock file in a log directory.
pub const FILE_NAME: &str = ".lock";

/// A log directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it: this process, or another one, Kafka itself included.
    #[error(
        "Failed to acquire lock on file .lock in {}. A Kafka instance in another process or thread is using this \
         directory: stop it, or give each node its own log.dirs.",
        .0.display()
    )]
    Held(PathBuf),
    /// The file could not be opened or locked.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// POSIX record locks belong to the process, and closing any descriptor of the file drops them: a directory
/// that this process holds is remembered here, and its file is not opened again.
static HELD: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// A log directory that is this node's alone. Dropping it gives the directory free and leaves the file
/// behind, as a killed process does; [`release`](DirLock::release) is the clean way.
///
/// The lock is the one that Java's `FileChannel.tryLock` takes (`fcntl`), so that stock Kafka and this node
/// keep each other out.
#[derive(Debug)]
pub struct DirLock {
    file: Option<File>,
    directory: PathBuf,
}

impl DirLock {
    /// Takes the directory, or says at once that somebody has it.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(FILE_NAME);
        let canonical = disk::canonical(directory)?;
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get_or_insert_default();
        if held.contains(&canonical) {
            return Err(LockError::Held(directory.to_path_buf()));
        }
        let file = loop {
            let file = disk::open_or_create(&path)?;
            match fcntl_lock(file.as_std(), FlockOperation::NonBlockingLockExclusive) {
                // The holder removes the file when it stops: a lock on a removed file keeps nobody out.
                Ok(()) if !file.is_at(&path)? => {}
                Ok(()) => break file,
                Err(Errno::AGAIN | Errno::ACCESS) => {
                    return Err(LockError::Held(directory.to_path_buf()));
                }
                Err(errno) => {
                    return Err(LockError::Disk(DiskError {
                        action: "lock",
                        path,
                        source: errno.into(),
                    }));
                }
            }
        };
        held.insert(canonical.clone());
        Ok(Self { file: Some(file), directory: canonical })
    }

    /// Gives the directory free at a clean stop: the file goes first, then the lock.
    pub fn release(self) -> Result<(), DiskError> {
        disk::remove(&self.directory.join(FILE_NAME))
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        // Closed before the name is free again: a close drops every lock that the process has on the file.
        self.file = None;
        if let Some(held) = held.as_mut() {
            held.remove(&self.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Set in the child process that [`excludes`] starts: the directory it shall try to take.
    const CHILD: &str = "KRAFTIG_LOG_LOCK_TEST";

    #[test]
    fn excludes() {
        if let Some(directory) = std::env::var_os(CHILD) {
            let taken = DirLock::acquire(Path::new(&directory));
            let code = match taken {
                Ok(_) => 10,
                Err(LockError::Held(_)) => 11,
                Err(LockError::Disk(_)) => 12,
            };
            std::process::exit(code);
        }
        let directory = tempfile::tempdir().unwrap();
        let child = || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "lock::tests::excludes"]).env(CHILD, directory.path());
            command.output().unwrap().status.code()
        };

        let lock = DirLock::acquire(directory.path()).unwrap();
        assert!(
            matches!(DirLock::acquire(directory.path()), Err(LockError::Held(_))),
            "in this process"
        );
        assert_eq!(child(), Some(11), "in another process, and after this one was refused");
        drop(lock);
        assert!(
            directory.path().join(FILE_NAME).exists(),
            "a dropped lock leaves the file, as a killed process does"
        );
        assert_eq!(child(), Some(10));

        DirLock::acquire(directory.path()).unwrap().release().unwrap();
        assert!(!directory.path().join(FILE_NAME).exists());
        assert_eq!(child(), Some(10));
    }
}
