//! `kraftig-simulate`: a quorum of the server's own drivers, and everything that can go wrong, from seeds.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;
use kraftig_refinement::simulation::{Fault, Options, Outcome, Run, seeds, trace_name};
use kraftig_spec::quorum::mutant::Mutant;
use serde_json::json;

/// Simulator of kraftig's quorum.
///
/// Runs the server's own quorum driver, several times in one program, on a network and on disks that are made from a
/// seed: messages are lost, doubled and late, nodes are cut off, killed, and lose their power in the middle of a
/// system call. Then all is mended, and they must come together. What was said to be committed must stay, and all traces,
/// replayed together, must be the model's. A seed is the same run every time, to the byte.
#[derive(Parser)]
#[command(version, name = "kraftig-simulate", after_help = EXAMPLES)]
struct Cli {
    /// How many seeds to run.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_seed: u64,
    /// Voters, 1 to 9.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=9))]
    nodes: u64,
    /// Do something wrong on purpose: flush-does-nothing, directory-sync-left-out, forged-messages, or a known bug of the
    /// protocol (`kraftig-check mutants quorum --list`). The verdict must then be another.
    #[arg(long, value_name = "NAME", value_parser = fault)]
    fault: Option<Fault>,
    /// Write the traces of a seed that failed, or of the only seed, into this directory.
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Threads; each runs one seed at a time. Nothing that is found depends on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024),
          default_value_t = std::thread::available_parallelism().map_or(1, |n| n.get() as u64))]
    threads: u64,
    /// End with the verdict as one line of JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  kraftig-simulate --seeds 1000
  kraftig-simulate --seeds 1 --first-seed 42 --traces traces && kraftig-check replay traces/*
  kraftig-simulate --fault flush-does-nothing

Exit codes: 0 clean, 1 violated, 2 usage, 4 vacuous: something that must happen never did.";

const FAULTS: [(&str, Fault); 3] = [
    ("flush-does-nothing", Fault::FlushDoesNothing),
    ("directory-sync-left-out", Fault::DirectorySyncLeftOut),
    ("forged-messages", Fault::ForgedMessages),
];

fn fault(name: &str) -> Result<Fault, String> {
    let known = FAULTS.into_iter().find(|(known, _)| *known == name).map(|(_, fault)| fault);
    known.or_else(|| Mutant::named(name).map(Fault::Mutant)).ok_or_else(|| {
        let names = FAULTS.map(|(name, _)| name).join(", ");
        format!("there is none: name one of {names}, or of those that `kraftig-check mutants quorum --list` names")
    })
}

fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Mutant(mutant) => mutant.name(),
        other => FAULTS.iter().find(|(_, fault)| *fault == other).map_or("", |(name, _)| name),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    simulate(&cli).unwrap_or_else(|message| {
        let _ = writeln!(std::io::stderr(), "kraftig-simulate: {message}");
        ExitCode::from(2)
    })
}

fn simulate(cli: &Cli) -> Result<ExitCode, String> {
    let started = Instant::now();
    let options = Options { nodes: cli.nodes as usize, fault: cli.fault };
    let terminal = std::io::stderr().is_terminal();
    let told = Mutex::new(started);
    let progress = |done: u64| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() >= Duration::from_secs(if terminal { 1 } else { 10 }) {
            *told = Instant::now();
            let line = format!("{done} of {} seeds", cli.seeds);
            let mut stderr = std::io::stderr();
            let _ = if terminal {
                write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush())
            } else {
                writeln!(stderr, "{line}")
            };
        }
    };
    let mut outcome = seeds(cli.first_seed, cli.seeds, options, cli.threads as usize, progress);
    if terminal {
        let _ = write!(std::io::stderr(), "\r\x1b[2K");
    }
    let wanted = outcome.failed.as_ref().or(outcome.only.as_ref());
    if let (Some(directory), Some((_, run))) = (&cli.traces, wanted) {
        write_traces(directory, run)?;
    }
    let never: Vec<&str> = never(&outcome, cli);
    let (verdict, code) = match (&outcome.failed, never.is_empty()) {
        (Some(_), _) => ("violated", 1),
        (None, false) => ("vacuous", 4),
        (None, true) => ("clean", 0),
    };
    let seconds = started.elapsed().as_secs_f64();
    let mut text = report(cli, &outcome, verdict, &never, seconds);
    if cli.json {
        let counts: serde_json::Map<String, serde_json::Value> = outcome
            .counts
            .all()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        let failed = outcome.failed.take();
        let line = json!({
            "verdict": verdict,
            "nodes": cli.nodes,
            "first_seed": cli.first_seed,
            "seeds": outcome.seeds,
            "fault": cli.fault.map(fault_name),
            "failed_seed": failed.as_ref().map(|(seed, _)| seed),
            "why": failed.and_then(|(_, run)| run.failure).map(|why| why.to_string()),
            "never": never,
            "counts": counts,
            "seconds": (seconds * 1000.0).round() / 1000.0,
        });
        let _ = writeln!(text, "\n{line}");
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the report: {error}"))
        }
        _ => Ok(ExitCode::from(code)),
    }
}

/// What never happened, though it must for the run to say anything.
fn never(outcome: &Outcome, cli: &Cli) -> Vec<&'static str> {
    // Alone, a node has nobody to differ from, to hear from, or to be cut off from.
    let needs_others = ["truncations", "loaded", "damaged", "messages"];
    let counts = outcome.counts.all().into_iter();
    counts
        .filter(|(name, count)| *count == 0 && (cli.nodes > 1 || !needs_others.contains(name)))
        .map(|(name, _)| name)
        .collect()
}

fn report(cli: &Cli, outcome: &Outcome, verdict: &str, never: &[&str], seconds: f64) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<13} {value}");
    };
    let (first, last) = (cli.first_seed, cli.first_seed.saturating_add(cli.seeds - 1));
    line("simulation", format!("quorum of {} nodes, seeds {first} to {last}", cli.nodes));
    if let Some(fault) = cli.fault {
        line("fault", format!("{}, on purpose", fault_name(fault)));
    }
    let meaning = match verdict {
        "clean" => {
            "what was committed stays, each quorum came together, every trace is the model's"
                .to_owned()
        }
        "vacuous" => format!("this never happened: {}", never.join(", ").replace('_', " ")),
        _ => "see below".to_owned(),
    };
    line("verdict", format!("{verdict}: {meaning}"));
    line("time", format!("{seconds:.1} s on {} threads", cli.threads));
    line("clean seeds", outcome.seeds.to_string());
    for (name, count) in outcome.counts.all() {
        line(&name.replace('_', " "), count.to_string());
    }
    if let Some((seed, Run { failure: Some(failure), .. })) = &outcome.failed {
        let nodes = if cli.nodes == 3 { String::new() } else { format!(" --nodes {}", cli.nodes) };
        let fault =
            cli.fault.map_or(String::new(), |fault| format!(" --fault {}", fault_name(fault)));
        let _ = write!(
            text,
            "\nseed {seed}: {failure}\n\nThe same run again, with its traces:\n  \
             kraftig-simulate --seeds 1 --first-seed {seed}{nodes}{fault} --traces DIR\n"
        );
    }
    text
}

fn write_traces(directory: &Path, run: &Run) -> Result<(), String> {
    let failed = |error| format!("cannot write the traces to {}: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    for (id, trace) in &run.traces {
        std::fs::write(directory.join(trace_name(*id)), trace).map_err(failed)?;
    }
    Ok(())
}
