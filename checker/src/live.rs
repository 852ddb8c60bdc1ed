//! `live`: what comes about once nothing goes wrong any more, and bugs that keep it from coming about.

pub(crate) mod report;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use kraftig_checker::engine::free_memory;
use kraftig_checker::engine::liveness::judge;
use kraftig_spec::model::quorum::{LiveBounds, LiveModel, LivePromise, LiveVoters};
use kraftig_spec::quorum::mutant::{Mutant, Mutants};
use serde_json::json;

use crate::html;
use crate::report::{Cost, grouped};
use report::LiveReport;

/// How far faults go, and what is judged.
#[derive(clap::Args)]
pub(crate) struct LiveArgs {
    /// Nodes, all of them voters unless --voters is given; at most 4.
    #[arg(long, value_name = "N", default_value_t = 3)]
    nodes: u8,
    /// The log names the voters: the first N nodes.
    #[arg(long, value_name = "N")]
    voters: Option<u8>,
    /// So many more nodes are to become voters.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "voters")]
    adds: u8,
    /// The first N nodes are to be voters no more.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "voters")]
    removes: u8,
    /// Faults of all kinds together: a link cut, a node cut off, a crash, an answer lost, a timer that fires too early.
    #[arg(long, value_name = "N", default_value_t = 1)]
    faults: u8,
    /// Values that clients propose.
    #[arg(long, value_name = "N", default_value_t = 1)]
    values: u8,
    /// Judge only this promise. May be repeated.
    #[arg(long, value_name = "NAME", value_parser = promise)]
    promise: Vec<LivePromise>,
    /// Run the nodes with this bug (see `kraftig-check mutants quorum --list`). May be repeated.
    #[arg(long, value_name = "NAME", value_parser = crate::mutant)]
    mutant: Vec<Mutant>,
    /// Switch known bugs on, one by one, and show that each breaks a promise that holds without it.
    #[arg(long, conflicts_with_all = ["nodes", "voters", "faults", "values", "promise", "mutant"])]
    mutants: bool,
    /// What the graph may take, such as 8GiB; three quarters of what is free if not given. One that needs more is not judged.
    #[arg(long, value_name = "SIZE", value_parser = crate::check::size)]
    memory: Option<usize>,
    /// Threads that explore. No result depends on it.
    #[arg(long, value_name = "N", value_parser = crate::threads,
          default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
    /// End with the verdict as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Write the report as one page for a browser there.
    #[arg(long, value_name = "FILE", conflicts_with = "mutants")]
    html: Option<PathBuf>,
}

fn promise(name: &str) -> Result<LivePromise, String> {
    LivePromise::named(name).ok_or_else(|| {
        let names = LivePromise::ALL.map(LivePromise::name).join(", ");
        format!("there is no promise '{name}'; there are {names}")
    })
}

/// A bug, the world in which it is looked for, and the promises that it breaks: these and no others.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) mutant: Mutant,
    bounds: LiveBounds,
    breaks: &'static [LivePromise],
}

const fn row(
    mutant: Mutant,
    (nodes, faults, values): (u8, u8, u8),
    breaks: &'static [LivePromise],
) -> Row {
    Row { mutant, bounds: LiveBounds { nodes, faults, values, voters: None }, breaks }
}

/// The same where the log names the voters: how many at first, how many more there are to be, and how many of them not.
const fn with_voters(row: Row, (first, adds, removes): (u8, u8, u8)) -> Row {
    let voters = Some(LiveVoters { first, adds, removes });
    Row { bounds: LiveBounds { voters, ..row.bounds }, ..row }
}

/// The options that ask for these bounds.
fn flags(LiveBounds { nodes, faults, values, voters }: LiveBounds) -> String {
    let mut flags = format!("--nodes {nodes} --faults {faults} --values {values}");
    if let Some(LiveVoters { first, adds, removes }) = voters {
        let _ = write!(flags, " --voters {first} --adds {adds} --removes {removes}");
    }
    flags
}

impl Row {
    /// The command that shows its stem and loop.
    pub(crate) fn command(&self) -> String {
        format!("kraftig-check live quorum {} --mutant {}", flags(self.bounds), self.mutant.name())
    }
}

/// All.
pub(crate) const ROWS: &[Row] = &[
    row(
        Mutant::RefusesWithoutLeader,
        (3, 1, 0),
        &[LivePromise::EventuallyLeader, LivePromise::LeaderStays],
    ),
    row(Mutant::NeverChecksQuorum, (3, 1, 0), &[LivePromise::NoZombieLeader]),
    row(Mutant::StuckInProspective, (3, 1, 0), &[LivePromise::FollowersConverge]),
    row(Mutant::ChecksQuorumWithoutLeader, (2, 1, 1), &[LivePromise::LeaderStays]),
    row(
        Mutant::TruncationDoesNothing,
        (3, 1, 1),
        &[LivePromise::ValueDecided, LivePromise::FollowersConverge],
    ),
    with_voters(
        row(
            Mutant::ObserversRefuseVotes,
            (3, 1, 0),
            &[LivePromise::EventuallyLeader, LivePromise::LeaderStays],
        ),
        (2, 1, 0),
    ),
    with_voters(
        row(
            Mutant::RefusesUnknownCandidates,
            (3, 1, 0),
            &[LivePromise::EventuallyLeader, LivePromise::LeaderStays],
        ),
        (2, 1, 0),
    ),
    with_voters(
        row(
            Mutant::ServesVotersOnly,
            (3, 1, 0),
            &[LivePromise::FollowersConverge, LivePromise::VotersChange],
        ),
        (2, 1, 0),
    ),
    with_voters(
        row(
            Mutant::RemovedNeverCampaigns,
            (3, 1, 0),
            &[LivePromise::EventuallyLeader, LivePromise::LeaderStays],
        ),
        (2, 0, 1),
    ),
    with_voters(
        row(Mutant::RemovedLeaderServesNobody, (3, 0, 0), &[LivePromise::LeaderStays]),
        (2, 0, 1),
    ),
    with_voters(
        row(
            Mutant::ChecksQuorumWithRemovedLeader,
            (3, 1, 0),
            &[LivePromise::EventuallyLeader, LivePromise::LeaderStays, LivePromise::NoZombieLeader],
        ),
        (3, 0, 1),
    ),
    with_voters(
        row(Mutant::ObserversWaitForLeader, (3, 2, 0), &[LivePromise::FollowersConverge]),
        (2, 0, 0),
    ),
    with_voters(
        row(Mutant::ForgetsLostLeader, (3, 1, 0), &[LivePromise::FollowersConverge]),
        (2, 1, 1),
    ),
    with_voters(
        row(Mutant::LeadsOnInFormerEpoch, (3, 1, 0), &[LivePromise::FollowersConverge]),
        (3, 0, 2),
    ),
];

fn model(bounds: LiveBounds, mutants: &[Mutant]) -> Result<LiveModel, String> {
    Ok(LiveModel::new(bounds)?.with_mutants(Mutants::of(mutants)))
}

pub(crate) fn run(args: &LiveArgs) -> Result<ExitCode, String> {
    let memory = args.memory.unwrap_or_else(|| free_memory() / 4 * 3);
    if args.mutants {
        return table(args.threads, memory, args.json);
    }
    let LiveArgs { nodes, faults, values, voters, adds, removes, .. } = *args;
    let voters = voters.map(|first| LiveVoters { first, adds, removes });
    let bounds = LiveBounds { nodes, faults, values, voters };
    let model = model(bounds, &args.mutant)?;
    let page = args.html.as_deref().map(html::Page::create).transpose()?;
    let started = Instant::now();
    let judged = judge(&model, args.threads, memory);
    let cost = Cost::of(started.elapsed().as_secs_f64(), args.threads);
    let mutants = args.mutant.iter().map(|mutant| mutant.name().to_owned()).collect();
    let others = LivePromise::ALL.into_iter().filter(|it| !args.promise.contains(it));
    let left_out =
        if args.promise.is_empty() { Vec::new() } else { others.map(LivePromise::name).collect() };
    let subject = report::subject(model.bounds(), mutants, left_out);
    let report = LiveReport::of(subject, &model, &judged, cost);
    let mut text = report.text();
    if args.json {
        let _ = writeln!(text, "\n{}", report.machine());
    }
    crate::print(&text)?;
    if let Some(page) = page {
        page.write(&html::of_live(&report))?;
    }
    Ok(ExitCode::from(report.code()))
}

/// Runs each bug, and the nodes as they are in the same worlds.
fn table(threads: usize, memory: usize, as_json: bool) -> Result<ExitCode, String> {
    let started = Instant::now();
    let mut wrong = 0;
    let mut rows = Vec::new();
    crate::print(&format!("{:<33} n f v voters  {:>9}  what it breaks\n", "mutant", "states"))?;
    let mut line =
        |name: &str, bounds: LiveBounds, expected: &[LivePromise], mutants: &[Mutant]| {
            let judged = judge(&model(bounds, mutants)?, threads, memory);
            let broken =
                judged.promises.iter().filter_map(|it| Some((it.name, it.broken.as_ref()?)));
            let names: Vec<_> = broken.clone().map(|(name, _)| name).collect();
            let right =
                judged.complete && expected.iter().map(|it| it.name()).eq(names.iter().copied());
            let told = broken.map(|(name, lasso)| {
                format!("{name} ({} steps, loop of {})", lasso.stem.len() - 1, lasso.around.len())
            });
            let mut text = told.collect::<Vec<_>>().join(", ");
            if text.is_empty() {
                text.push_str(if judged.complete { "nothing" } else { "not judged" });
            }
            wrong += usize::from(!right);
            let mark = if right { "" } else { "  WRONG" };
            let LiveBounds { nodes, faults, values, voters } = bounds;
            let voters = voters.map_or_else(
                || "all".to_owned(),
                |LiveVoters { first, adds, removes }| format!("{first}+{adds}-{removes}"),
            );
            rows.push(json!({ "mutant": name, "nodes": nodes, "faults": faults, "values": values,
            "voters": voters, "states": judged.states, "breaks": names, "as_expected": right }));
            let states = grouped(judged.states);
            let bounds = format!("{nodes} {faults} {values} {voters:<6}");
            crate::print(&format!("{name:<33} {bounds}  {states:>9}  {text}{mark}\n"))
        };
    for row in ROWS {
        line(row.mutant.name(), row.bounds, row.breaks, &[row.mutant])?;
    }
    for (index, row) in ROWS.iter().enumerate() {
        if !ROWS[..index].iter().any(|before| before.bounds == row.bounds) {
            line("no mutant", row.bounds, &[], &[])?;
        }
    }
    let verdict = if wrong == 0 { "as expected" } else { "NOT as expected" };
    let seconds = started.elapsed().as_secs_f64();
    let right = rows.len() - wrong;
    let mut text = format!(
        "\nverdict      {verdict}: {right} rows as they must be, {wrong} otherwise, {seconds:.0} s\n"
    );
    if as_json {
        let _ = writeln!(text, "\n{}", json!({ "verdict": verdict, "wrong": wrong, "rows": rows }));
    }
    crate::print(&text)?;
    Ok(ExitCode::from(u8::from(wrong > 0)))
}
