//! A node that does not run, for what is done to its metadata log by hand.

use std::path::Path;

use kraftig_log::disk;
use kraftig_log::lock::{DirLock, FILE_NAME as LOCK, LockError};
use kraftig_log::meta_properties::Ensemble;

use super::locks::{Locks, directories};
use super::{NodeError, ServerOptions, quorum_options};
use crate::config::Config;
use crate::quorum::QuorumOptions;

/// The quorum's part of a node that nobody runs, as its start would have it.
pub struct StoppedNode {
    /// What its quorum starts with.
    pub quorum: QuorumOptions,
    locks: Option<Locks>,
}

impl StoppedNode {
    /// Finds it, as a start does. With `take` its directories are locked until it is [released](Self::release); without,
    /// nothing is written.
    pub fn find(config: &Config, take: bool) -> Result<Self, NodeError> {
        config.check_served()?;
        let locks = if take {
            Some(Locks::acquire(config)?)
        } else {
            directories(config).try_for_each(check_unused)?;
            None
        };
        let found = || -> Result<QuorumOptions, NodeError> {
            let ensemble = Ensemble::load(&config.log_dirs, &config.metadata_log_dir);
            ensemble.verify_start(config.node_id)?;
            Ok(quorum_options(config, &ensemble, &[], ServerOptions::default())?)
        };
        match (found(), locks) {
            (Ok(quorum), locks) => Ok(Self { quorum, locks }),
            (Err(error), locks) => {
                locks.into_iter().for_each(Locks::release);
                Err(error)
            }
        }
    }

    /// Gives its directories free.
    pub fn release(self) {
        self.locks.into_iter().for_each(Locks::release);
    }
}

/// An error if somebody uses a log directory; nothing in it is written. Whoever uses it has its lock's file there.
pub fn check_unused(directory: &Path) -> Result<(), LockError> {
    if !disk::exists(&directory.join(LOCK))? {
        return Ok(());
    }
    match DirLock::acquire(directory) {
        Err(held @ LockError::Held(_)) => Err(held),
        // Dropped it leaves the file. A file that cannot be opened to write is that of a copy.
        _ => Ok(()),
    }
}
