//! `kraftig`: a Kafka node and its tools in one binary.

mod cli;
mod dump_log;
mod metadata_quorum;
mod output;
mod quickstart;
mod quorum;
mod server;
mod storage;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let mut out = output::Output::new();
    let result = cli::Cli::parse().run(&mut out);
    out.finish(result)
}
