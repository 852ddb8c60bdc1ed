//! `kraftig storage`: Kafka's `kafka-storage.sh`.

mod features;
mod format;
mod info;
mod mapping;
mod voters;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use kraftig_log::meta_properties::random_uuid;
use kraftig_server::config::Config;

use crate::output::{Failure, Output};

pub(crate) use format::{Format, NewNode};

#[derive(Subcommand)]
pub(crate) enum Storage {
    /// Print a new id, for --cluster-id
    RandomUuid,
    /// Format the log directories of a node, which is done once before it first starts
    ///
    /// Writes meta.properties and bootstrap.checkpoint into each log directory that has none. All is checked before
    /// anything is written, and directories that are formatted are never touched.
    Format(Format),
    /// Tell what the log directories of a node are
    ///
    /// Ends with status 0 where all is well, and with 1 where it prints a problem.
    Info(info::Info),
    /// Print the level that each feature has by default at a release
    VersionMapping(mapping::VersionMapping),
    /// Print which features a level of a feature needs
    FeatureDependencies(mapping::FeatureDependencies),
}

impl Storage {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        match self {
            Self::RandomUuid => {
                out.line(random_uuid()?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Format(command) => command.run(out).map(|()| ExitCode::SUCCESS),
            Self::Info(command) => command.run(out),
            Self::VersionMapping(command) => command.run(out).map(|()| ExitCode::SUCCESS),
            Self::FeatureDependencies(command) => command.run(out).map(|()| ExitCode::SUCCESS),
        }
    }
}

/// Reads a configuration and says what is strange in it.
pub(crate) fn load(path: &Path, out: &Output) -> Result<Config, Failure> {
    let config = Config::load(path, &[])?;
    for warning in &config.warnings {
        out.warn(format!("Warning: {warning}"));
    }
    Ok(config)
}

/// Every log directory, the metadata log's among them: each once, sorted.
fn directories(config: &Config) -> Vec<PathBuf> {
    let mut directories = config.log_dirs.clone();
    directories.push(config.metadata_log_dir.clone());
    directories.sort();
    directories.dedup();
    directories
}
