//! The command line: Kafka's commands and flags under one name.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::{Failure, Output};
use crate::storage;

/// An Apache Kafka 4.2 node: broker, controller, or both.
#[derive(Parser)]
#[command(name = "kraftig", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
From nothing to a node, as with Kafka's own scripts:
  kraftig storage format --cluster-id $(kraftig storage random-uuid) --config config/combined.properties
  kraftig server start config/combined.properties";

#[derive(Subcommand)]
enum Command {
    /// Prepare a node's directories, and look at them (kafka-storage.sh)
    #[command(subcommand)]
    Storage(storage::Storage),
}

impl Cli {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        match self.command {
            Command::Storage(command) => command.run(out),
        }
    }
}
