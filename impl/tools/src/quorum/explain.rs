//! `kraftig quorum explain`: a row for each controller, and the reason in a sentence.

use std::fmt::Write;
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
        let survey = runtime.block_on(ask::all(&self.bootstrap_controller));
        // A name that is still looked up is waited for no longer.
        runtime.shutdown_background();
        let finding = reason(&survey);
        if self.json {
            out.line(escaped(&object(&survey.controllers, &finding).to_string()));
        } else {
            for line in table(&survey.controllers) {
                out.line(line);
            }
            out.line(format!("\n{}", escaped(&finding.sentence)));
        }
        Ok(if finding.leader.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether a controller can be reached, in a word.
fn reachable(heard: &Heard) -> &'static str {
    match heard {
        Heard::Refused => "refuses",
        Heard::Silent => "silent",
        Heard::Unreachable(_) => "unreachable",
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
            "error": match &one.heard {
                Heard::Unreachable(why) | Heard::Broken(why) => Some(why),
                _ => None,
            },
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

/// A cell that is longer is not aligned: the texts of others may be of any length.
const WIDEST: usize = 64;

fn table(controllers: &[Controller]) -> Vec<String> {
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    rows.extend(controllers.iter().map(row));
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).min(WIDEST)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate();
        let cells: Vec<String> = cells.map(|(at, cell)| format!("{cell:<0$}", width(at))).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Text that other nodes sent must not steer a terminal: its control characters are written as JSON writes them.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() {
            let _ = write!(escaped, "\\u{:04x}", u32::from(char));
        } else {
            escaped.push(char);
        }
    }
    escaped
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
    row.iter().map(|cell| escaped(cell)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quorum::reason::{Survey, Told};

    #[test]
    fn what_others_send_steers_no_terminal() {
        let answer = Answer {
            cluster_id: "\u{9b}2J".to_owned(),
            role: Some("\u{1b}[2J\u{7f}".to_owned()),
            ..Answer::default()
        };
        let one = Controller {
            id: Some(1),
            address: "a\nb:9093".to_owned(),
            is_voter: true,
            directory: None,
            heard: Heard::Answer(Box::new(answer)),
        };
        let survey =
            Survey { cluster_id: Some("A".to_owned()), told: Told::Voters, controllers: vec![one] };
        let finding = reason(&survey);
        let table = table(&survey.controllers).concat();
        assert!(table.contains("\\u001b[2J\\u007f") && table.contains("a\\u000ab:9093"), "{table}");
        let sentence = escaped(&finding.sentence);
        assert!(sentence.contains("is of another cluster, \\u009b2J"), "{sentence}");
        let object = object(&survey.controllers, &finding);
        let json = escaped(&object.to_string());
        for text in [&table, &sentence, &json] {
            assert!(!text.contains(char::is_control), "{text}");
        }
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), object);
    }

    #[test]
    fn a_text_of_any_length() {
        let role = Some("r".repeat(100_000));
        let heard = Heard::Answer(Box::new(Answer { role, ..Answer::default() }));
        let address = "h:1".to_owned();
        let one = Controller { id: Some(1), address, is_voter: true, directory: None, heard };
        assert!(table(&[one])[0].len() < 400);
    }
}
