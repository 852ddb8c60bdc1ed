//! `kraftig server`: Kafka's `kafka-server-start.sh`.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use kraftig_server::ServerOptions;
use kraftig_server::config::Config;

use crate::output::{Failure, Output};

#[derive(Subcommand)]
pub(crate) enum Server {
    /// Start a node in the foreground, until SIGTERM or Ctrl-C stops it
    ///
    /// The log directories must have been formatted (kraftig storage format). What the node has to say goes to standard
    /// error. The exit status is 143 after SIGTERM, 130 after Ctrl-C and 129 after SIGHUP, all of them clean stops, as
    /// of a JVM; 1 is an error.
    Start(Start),
}

#[derive(Args)]
pub(crate) struct Start {
    /// The node's server.properties
    file: PathBuf,
    /// Set a key, over what the file says; may be given several times
    #[arg(long = "override", value_name = "KEY=VALUE", value_parser = parse_override)]
    overrides: Vec<(String, String)>,
    /// Record every event and effect of the metadata quorum, for `kraftig-check replay`; goes on with an older trace
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl Server {
    pub(crate) fn run(self, _out: &mut Output) -> Result<ExitCode, Failure> {
        let Self::Start(start) = self;
        run(Config::load(&start.file, &start.overrides)?, start.trace)
    }
}

fn parse_override(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, for example num.partitions=3".to_owned()),
    }
}

/// A JVM that a signal ended after an orderly shutdown exits with this and the signal's number: 143 for SIGTERM.
/// Scripts that watch Kafka know it.
const STOPPED_BY: u8 = 128;

/// Runs a node until a signal stops it.
pub(crate) fn run(config: Config, trace: Option<PathBuf>) -> Result<ExitCode, Failure> {
    // A log line that cannot be written is lost: its reader is gone, the node goes on.
    tracing_subscriber::fmt().with_writer(io::stderr).log_internal_errors(false).init();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    config.check_served()?;
    let signal = kraftig_server::run(config, ServerOptions { trace })?;
    Ok(ExitCode::from(STOPPED_BY + signal))
}
