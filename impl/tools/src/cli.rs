//! The command line: Kafka's commands and flags under one name.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::{Failure, Output};
use crate::{dump_log, metadata_quorum, quickstart, quorum, server, storage};

/// An Apache Kafka 4.2 node: broker, controller, or both.
#[derive(Parser)]
#[command(name = "kraftig", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
From nothing to a node:
  kraftig quickstart

The same with a configuration of your own, as with Kafka's scripts:
  kraftig storage format --cluster-id $(kraftig storage random-uuid) --config config/combined.properties
  kraftig server start config/combined.properties";

#[derive(Subcommand)]
enum Command {
    /// Prepare a node's directories, and look at them (kafka-storage.sh)
    #[command(subcommand)]
    Storage(storage::Storage),
    /// Run a node (kafka-server-start.sh)
    #[command(subcommand)]
    Server(server::Server),
    /// Print what is in a log's files (kafka-dump-log.sh)
    ///
    /// The output is that of Kafka's tool. A file that does not fit its log is no failure: what does not fit is said on
    /// standard error.
    DumpLog(dump_log::DumpLog),
    /// Describe and change the metadata quorum (kafka-metadata-quorum.sh)
    ///
    /// The output is that of Kafka's tool.
    MetadataQuorum(metadata_quorum::MetadataQuorum),
    /// Find out why the metadata quorum has no leader
    #[command(subcommand)]
    Quorum(quorum::Quorum),
    /// Format a new directory and run a node in it, for a first look
    ///
    /// The node is broker and controller of a cluster of its own. A directory that quickstart made before is started again
    /// as it is; any other that is not empty is refused.
    Quickstart(quickstart::Quickstart),
}

impl Cli {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        match self.command {
            Command::Storage(command) => command.run(out),
            Command::Server(command) => command.run(out),
            Command::DumpLog(command) => command.run(out),
            Command::MetadataQuorum(command) => command.run(out),
            Command::Quorum(command) => command.run(out),
            Command::Quickstart(command) => command.run(out),
        }
    }
}
