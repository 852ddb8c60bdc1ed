//! `kraftig quorum recover`: what an operator does when the majority of the controllers is lost for ever.

mod next;
mod others;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kraftig_server::StoppedNode;
use kraftig_server::quorum::lost_majority::{self, look};
use kraftig_server::quorum::{QuorumOptions, Voters};
use kraftig_spec::quorum::{self, Answering, RecoveryError};
use kraftig_spec::types::ReplicaKey;
use serde_json::json;

use super::explain::escaped;
use crate::output::{Failure, Output, fail};
use crate::storage::load;
use next::Next;
use others::{Asked, Compared, Voted};
use report::{Report, place};

#[derive(Args)]
pub(crate) struct Recover {
    /// The server.properties of the controller to go on from
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// What is left of other controllers: metadata log directories, or the server.properties that name them; they are only read
    #[arg(long, value_name = "PATH", num_args = 1..)]
    compare: Vec<PathBuf>,
    /// Say what would be done and what may be lost, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    /// How long each of the other voters may take to answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1000..=600_000))]
    timeout_ms: u64,
}

impl Recover {
    pub(super) fn run(&self, out: &mut Output) -> Result<ExitCode, Failure> {
        let config = load(&self.config, out)?;
        if !config.roles.controller {
            return fail(format!(
                "{}: process.roles has no controller: this node votes in no quorum.",
                self.config.display()
            ));
        }
        let node = StoppedNode::find(&config, !self.dry_run)?;
        let result = self.recover(&node.quorum, out);
        node.release();
        result
    }

    fn recover(&self, options: &QuorumOptions, out: &mut Output) -> Result<ExitCode, Failure> {
        let local = options.config.local;
        let found = look(options, &options.directory, local)?;
        let voters = &found.voters;
        if voters.voters.is_empty() {
            return fail(format!(
                "{}: neither the metadata log nor controller.quorum.voters says who votes: there is nothing to go on from.",
                options.directory.display()
            ));
        }
        let compared = others::compare(options, voters, &self.compare)?;
        let epochs = || compared.iter().flat_map(Compared::epochs);
        let heard = quorum::heard(epochs().chain([found.restored.election.epoch]));
        let restored = found.restored.clone();
        let next =
            |lost, loses_nothing| Next { options, config: &self.config, lost, loses_nothing };
        let plan = match lost_majority::plan(options, restored, heard) {
            Err(why @ RecoveryError::Alone(_)) if !found.lost.is_empty() => {
                return self.again(&next(&found.lost, false), in_words(&why), out);
            }
            plan => plan.map_err(|why| in_words(&why))?,
        };
        let limit = Duration::from_millis(self.timeout_ms);
        let asked = others::ask(options, voters, limit)?;
        let mut keys: Vec<ReplicaKey> = Vec::new();
        keys.extend(compared.iter().filter(|other| other.is_whole()).map(|other| other.replica));
        keys.extend(quorum::is_whole(&found.restored.log, found.bytes_lost).then_some(local));
        let refused = refused(&asked, voters, options, &self.config)
            .or_else(|| outdone(&compared, &found.restored.log, voters, &self.config));
        let loses_nothing = refused.is_none() && quorum::loses_nothing(&voters.set(), &keys);
        let report = Report {
            options,
            found: &found,
            compared: &compared,
            asked: &asked,
            plan: &plan,
            next: &next(&plan.outside, loses_nothing),
            count: quorum::count_compared(&voters.set(), &keys),
            is_done: !self.dry_run && refused.is_none(),
            refused,
        };
        if !self.json {
            report.describe(out);
        }
        if report.is_done {
            lost_majority::recover(options, heard)?;
        }
        match (&report.refused, self.json) {
            (Some(why), false) => return fail(escaped(why)),
            (None, false) => report.conclude(out),
            (_, true) => out.line(escaped(&report.object().to_string())),
        }
        Ok(if report.refused.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// It was done before, and what comes after it perhaps not.
    fn again(&self, next: &Next, why: Failure, out: &mut Output) -> Result<ExitCode, Failure> {
        if self.json {
            out.line(escaped(&json!({ "refused": why.0, "next": next.steps() }).to_string()));
            return Ok(ExitCode::FAILURE);
        }
        out.line("This controller was recovered before. What there is to do after it, where it is not done yet:");
        next.describe(out);
        Err(why)
    }
}

/// What its user can do about it.
fn in_words(why: &RecoveryError) -> Failure {
    Failure(match why {
        RecoveryError::Alone(key) => format!(
            "Node {} is already the only voter: nobody else is needed, so there is nothing to recover. Start it.",
            key.id
        ),
        RecoveryError::NoDirectory => format!(
            "{why}. A node gives its directories ids when it starts: start this controller once, and stop it."
        ),
        why => format!("{why}."),
    })
}

/// Why not, where others of the old voters answer, or of another quorum of this cluster.
fn refused(
    asked: &Asked,
    voters: &Voters,
    options: &QuorumOptions,
    config: &Path,
) -> Option<String> {
    let (set, cluster_id) = (voters.set(), &options.cluster_id);
    let answered = || asked.voters.iter().filter(|one| one.answers);
    let keys: Vec<ReplicaKey> = answered().map(|one| one.replica).collect();
    let name = |one: &Voted| format!("node {} ({})", one.replica.id, one.address());
    let names = answered().map(name).collect::<Vec<_>>().join(", ");
    let local = options.config.local;
    let answering = quorum::answering(&set, local, &keys);
    if answering == Answering::Majority {
        return Some(format!(
            "The majority is not lost: {names} answer{}, and {} more than half of {} voters. Start this controller instead: kraftig server start {}",
            if keys.len() == 1 { "s" } else { "" },
            if set.contains(local) { "with this controller that is" } else { "that is" },
            voters.voters.len(),
            config.display()
        ));
    }
    let living = asked.living(&set, cluster_id).join("; ");
    if !living.is_empty() {
        return Some(format!(
            "A quorum of this cluster lives, or did when this controller was off already: {living}. Let this controller join it: start it, or format it anew and start it. If that is just what is left of an old quorum, stop it for good, and run this again."
        ));
    }
    let unclear = asked.unclear(local.id, cluster_id).join(", ");
    if !unclear.is_empty() {
        return Some(format!(
            "Something answers that may be a controller of this cluster: {unclear}. If it is one, stop it for good, or see why it does not answer this tool (a listener with TLS or SASL, an ACL). If it is not, stop it while this runs, or take its address out of controller.quorum.bootstrap.servers in {}.",
            config.display()
        ));
    }
    (answering == Answering::Some).then(|| format!(
        "{names} still answer{}, and must be stopped for good: an old voter goes on by the old voters. Stop it, name its directory by --compare, and format it anew when all is recovered.",
        if keys.len() == 1 { "s" } else { "" },
    ))
}

/// Why not, where another directory holds more.
fn outdone(
    compared: &[Compared],
    log: &quorum::LogSummary,
    voters: &Voters,
    config: &Path,
) -> Option<String> {
    let holds_more = |other: &&Compared| !quorum::holds_as_much(log, &other.log);
    let mut more: Vec<&Compared> = compared.iter().filter(holds_more).collect();
    let best = more.pop().map(|first| {
        more.into_iter().fold(first, |best, other| {
            if quorum::holds_as_much(&best.log, &other.log) { best } else { other }
        })
    })?;
    let instead = if voters.set().contains(best.replica) {
        "Recover that one instead.".to_owned()
    } else {
        format!(
            "It does not vote by this log. If that is a controller's directory, recover that one instead. If it is a broker's, put a copy of it in place of this controller's __cluster_metadata-0 (metadata.log.dir in {}), keep the old one elsewhere, and run this again.",
            config.display()
        )
    };
    Some(format!(
        "Another directory holds more: {} (node {}) {}, and this one {}. {instead}",
        best.directory.display(),
        best.replica.id,
        place(&best.log),
        place(log)
    ))
}
