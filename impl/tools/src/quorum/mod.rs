//! `kraftig quorum`: what Kafka has no tool for.

mod ask;
mod explain;
mod reason;
mod recover;

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
    /// Go on from this controller's directory alone, when the majority of the controllers is lost for ever
    ///
    /// Run it on a controller that is stopped and whose disk is whole. It makes this controller the only voter, in an epoch far
    /// above all that is known, by a record at the end of its metadata log; others are added again afterwards. It tells what to
    /// do next.
    ///
    /// CONDITION: no other directory of the old voters may ever start again. Nobody can check that but you: while one answers
    /// this refuses, and the recovered controller will not listen to them, but a majority of them would go on for itself.
    ///
    /// WHAT MAY BE LOST: what was committed by the others and never reached this directory. Name the directories of all
    /// controllers of which you still have one by --compare: the one that holds most is the one to recover, and from a certain
    /// number on nothing committed is lost. It is said how sure that is. --dry-run says all, and changes nothing.
    Recover(recover::Recover),
}

impl Quorum {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Explain(explain) => explain.run(out),
            Self::Recover(recover) => recover.run(out),
        }
    }
}
