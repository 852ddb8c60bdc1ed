//! `replay`: a running node held against the model.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kraftig_refinement::directory::{self, Compared, DirectoryError};
use kraftig_refinement::replay::{
    ReplayError, Replayed, Together, Trace, group, replay, replay_together,
};
use serde_json::json;

/// Replays, and says what came of it. What cannot be read is an error of use; what is refused, a verdict.
pub(crate) fn run(
    files: &[PathBuf],
    dir: Option<&Path>,
    as_json: bool,
) -> Result<ExitCode, String> {
    let nodes = group(files).map_err(|error| error.to_string())?;
    if nodes.len() > 1 {
        return together(&nodes, dir, as_json);
    }
    let outcome = match replay(files) {
        Err(error @ ReplayError::Read(..)) => return Err(error.to_string()),
        Err(error) => Err(error.to_string()),
        Ok(replayed) => match dir.map(|dir| directory::compare(dir, &replayed.disks)).transpose() {
            Err(error @ DirectoryError::Read(_)) => return Err(error.to_string()),
            Err(error) => Err(error.to_string()),
            Ok(compared) => Ok((replayed, compared)),
        },
    };
    let outcome = outcome
        .map(|(replayed, compared)| (accepted(&replayed, compared), machine(&replayed, compared)));
    report(outcome, as_json)
}

/// Replays the traces of several nodes together.
fn together(nodes: &[Vec<PathBuf>], dir: Option<&Path>, as_json: bool) -> Result<ExitCode, String> {
    if dir.is_some() {
        return Err("--dir is one node's: replay its traces alone, too".to_owned());
    }
    let traces = nodes.iter().map(|files| Trace::files(files)).collect::<Result<Vec<_>, _>>();
    let outcome = match traces.and_then(replay_together) {
        Err(error @ (ReplayError::Read(..) | ReplayError::Voters { .. })) => {
            return Err(error.to_string());
        }
        Err(error) => Err(error.to_string()),
        Ok(together) => Ok((all_accepted(&together), all_in_line(&together))),
    };
    report(outcome, as_json)
}

fn report(
    outcome: Result<(String, serde_json::Value), String>,
    as_json: bool,
) -> Result<ExitCode, String> {
    let (text, line, code) = match outcome {
        Ok((text, line)) => (text, line, 0),
        Err(why) => {
            let line = json!({ "verdict": "refused", "why": why });
            (format!("verdict      refused\n{why}\n"), line, 1)
        }
    };
    let text = if as_json { format!("{text}{line}\n") } else { text };
    crate::print(&text)?;
    Ok(ExitCode::from(code))
}

fn all_accepted(together: &Together) -> String {
    let Together { nodes, committed, messages } = together;
    let mut text = format!(
        "verdict      accepted: every step is the model's, every message received is one that its sender had to say, the properties hold over all nodes
messages     {messages}
committed    everything below {committed}\n"
    );
    for (id, Replayed { starts, events, effects, torn, .. }) in nodes {
        let _ = writeln!(
            text,
            "node {id:<7} {starts} starts, {events} events, {effects} effects, {torn} torn lines"
        );
    }
    text
}

fn all_in_line(together: &Together) -> serde_json::Value {
    let nodes: Vec<serde_json::Value> = together
        .nodes
        .iter()
        .map(|(id, replayed)| {
            json!({
                "node": id.0,
                "starts": replayed.starts,
                "events": replayed.events,
                "effects": replayed.effects,
                "torn": replayed.torn,
            })
        })
        .collect();
    json!({
        "verdict": "accepted",
        "messages": together.messages,
        "committed": together.committed.0,
        "nodes": nodes,
    })
}

fn accepted(replayed: &Replayed, compared: Option<Compared>) -> String {
    let Replayed { starts, events, effects, torn, high_watermark, .. } = replayed;
    let end = high_watermark.map_or("nothing".to_owned(), |end| format!("everything below {end}"));
    let mut text = format!(
        "verdict      accepted: every step is the model's, every restart one that a crash can leave
trace        {starts} starts, {events} events, {effects} effects, {torn} torn lines
committed    {end}\n"
    );
    if let Some(Compared { batches, older, end }) = compared {
        let _ = writeln!(
            text,
            "directory    {batches} batches with the trace's epochs and CRCs, {older} older ones, end {end}"
        );
    }
    text
}

fn machine(replayed: &Replayed, compared: Option<Compared>) -> serde_json::Value {
    json!({
        "verdict": "accepted",
        "starts": replayed.starts,
        "events": replayed.events,
        "effects": replayed.effects,
        "torn": replayed.torn,
        "high_watermark": replayed.high_watermark,
        "batches_compared": compared.map(|compared| compared.batches),
    })
}
