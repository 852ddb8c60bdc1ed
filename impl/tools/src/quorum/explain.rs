//! `kraftig quorum explain`: a row for each controller, and the reason in a sentence.

use std::process::ExitCode;

use clap::Args;
use kraftig_server::config::HostPort;
use serde_json::{Value, json};

use super::ask;
use super::reason::{Answer, Controller, Finding, Heard, Vote, reason};
use crate::metadata_quorum::address;
use crate::output::{Failure, Output};

#[derive(Args)]
pub(crate) struct Explain {
    /// Controllers to ask: HOST:PORT,... Those that they name as voters are asked too
    #[arg(long, value_delimiter = ',', required = true, value_parser = address)]
    bootstrap_controller: Vec<HostPort>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(&self, out: &mut Output) -> Result<ExitCode, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let controllers = runtime.block_on(ask::all(&self.bootstrap_controller));
        let finding = reason(&controllers);
        if self.json {
            out.line(object(&controllers, &finding));
        } else {
            table(&controllers, out);
            out.line(format!("\n{}", finding.sentence));
        }
        Ok(if finding.leader.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether a controller can be reached, in a word.
fn reachable(heard: &Heard) -> &'static str {
    match heard {
        Heard::Refused => "refuses",
        Heard::Silent => "silent",
        Heard::Broken(_) => "broken",
        Heard::Answer(_) => "answers",
    }
}

fn object(controllers: &[Controller], finding: &Finding) -> Value {
    let controller = |one: &Controller| {
        let nothing = Answer::default();
        let it = one.answer().unwrap_or(&nothing);
        let voted = match it.vote {
            Vote::For(id, directory) => Some((id, directory)),
            Vote::Unknown | Vote::Nobody => None,
        };
        json!({
            "id": one.id.or(it.node_id),
            "address": one.address,
            "voter": one.is_voter,
            "reachable": reachable(&one.heard),
            "error": match &one.heard { Heard::Broken(why) => Some(why), _ => None },
            "clusterId": one.answer().map(|it| &it.cluster_id),
            "role": it.role,
            "epoch": it.epoch,
            "leaderId": it.leader,
            "votedId": voted.map(|(id, _)| id),
            "votedDirectoryId": voted.map(|(_, directory)| directory.to_string()),
            "logStartOffset": it.log_start,
            "logEndOffset": it.log_end,
            "flushedOffset": it.flushed,
            "highWatermark": it.high_watermark,
            "diskFull": it.disk_full,
            "directoryId": it.directory.map(|id| id.to_string()),
        })
    };
    json!({
        "leaderId": finding.leader.map(|(id, _)| id),
        "leaderEpoch": finding.leader.map(|(_, epoch)| epoch),
        "reason": finding.sentence,
        "controllers": controllers.iter().map(controller).collect::<Vec<_>>(),
    })
}

const COLUMNS: [&str; 12] = [
    "NODE",
    "ADDRESS",
    "REACHABLE",
    "ROLE",
    "EPOCH",
    "LEADER",
    "VOTED",
    "LOG START",
    "LOG END",
    "FLUSHED",
    "HIGH WATERMARK",
    "DIRECTORY",
];

fn table(controllers: &[Controller], out: &mut Output) {
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    rows.extend(controllers.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    for row in &rows {
        let cells = row.iter().enumerate();
        let cells: Vec<String> = cells.map(|(at, cell)| format!("{cell:<0$}", width(at))).collect();
        out.line(cells.join("  ").trim_end());
    }
}

/// A question mark is what a node that answers does not say, a dash is nothing.
fn row(one: &Controller) -> Vec<String> {
    let id = text(one.id);
    let name = if one.is_voter { id } else { format!("{id} (no voter)") };
    let mut row = vec![name, one.address.clone(), reachable(&one.heard).to_owned()];
    if let Some(it) = one.answer() {
        row.extend([
            text(it.role.as_deref()),
            text(it.epoch),
            it.epoch.map_or_else(unknown, |_| it.leader.map_or_else(nobody, |id| id.to_string())),
            match it.vote {
                Vote::Unknown => unknown(),
                Vote::Nobody => nobody(),
                Vote::For(id, _) => id.to_string(),
            },
            text(it.log_start),
            text(it.log_end),
            text(it.flushed),
            text(it.high_watermark),
            text(it.directory),
        ]);
    }
    row.resize_with(COLUMNS.len(), nobody);
    row
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(unknown, |value| value.to_string())
}

fn unknown() -> String {
    "?".to_owned()
}

fn nobody() -> String {
    "-".to_owned()
}
