//! `kraftig quorum`: what Kafka has no tool for.

mod ask;
mod explain;
mod reason;

use std::process::ExitCode;

use clap::Subcommand;

use crate::output::{Failure, Output};

#[derive(Subcommand)]
pub(crate) enum Quorum {
    /// Ask every controller what it knows, and say who leads or why nobody does
    ///
    /// Nodes of stock Kafka tell less than those of kraftig: what they do not tell is shown as a question mark. The status is 0
    /// where somebody leads with a majority, else 1.
    Explain(explain::Explain),
}

impl Quorum {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let Self::Explain(explain) = self;
        explain.run(out)
    }
}
