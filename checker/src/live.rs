//! `live`: what comes about once nothing goes wrong any more, and bugs that keep it from coming about.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use kraftig_checker::engine::free_memory;
use kraftig_checker::engine::liveness::{Judged, Lasso, Outcome, judge};
use kraftig_spec::model::quorum::{LiveBounds, LiveModel, LivePromise, LiveVoters};
use kraftig_spec::model::{Explorable, Story};
use kraftig_spec::quorum::mutant::{Mutant, Mutants};
use serde_json::{Value, json};
use stateright::Model;

use crate::counterexample;
use crate::report::{grouped, peak_rss_bytes};

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
    let started = Instant::now();
    let judged = judge(&model, args.threads, memory);
    let report = report(args, &model, &judged, started.elapsed().as_secs_f64());
    crate::print(&report.text)?;
    if args.json {
        crate::print(&format!("\n{}\n", report.machine))?;
    }
    Ok(ExitCode::from(report.code))
}

struct Report {
    text: String,
    machine: Value,
    code: u8,
}

fn report(args: &LiveArgs, model: &LiveModel, judged: &Judged<LiveModel>, seconds: f64) -> Report {
    let wanted = |name: &str| {
        args.promise.is_empty() || args.promise.iter().any(|promise| promise.name() == name)
    };
    let promises: Vec<_> = judged.promises.iter().filter(|it| wanted(it.name)).collect();
    let is_broken = promises.iter().any(|promise| promise.broken.is_some());
    let (verdict, sentence, code) = match (judged.complete, is_broken) {
        (false, _) => ("partial", "the graph needs more --memory; nothing is judged", 3),
        (true, true) => ("violated", "see the stem and the loop below", 1),
        (true, false) => ("clean", "within these bounds every promise is kept", 0),
    };
    let mutants: Vec<_> = args.mutant.iter().map(|mutant| mutant.name()).collect();
    let mut text = format!(
        "model        quorum, its links and timers (KIP-595, KIP-996)
bounds       {}
verdict      {verdict}: {sentence}
graph        {} states, {} edges, {} steps from the initial state at most
time         {seconds:.1} s on {} threads
memory       {} MiB at most, {} MiB for the graph
",
        sentence_of(model.bounds()),
        grouped(judged.states),
        grouped(judged.edges),
        judged.depth,
        args.threads,
        peak_rss_bytes() >> 20,
        judged.bytes >> 20,
    );
    if !mutants.is_empty() {
        let _ = writeln!(text, "mutants      {}", mutants.join(", "));
    }
    let _ = writeln!(text, "\npromises");
    for promise in &promises {
        let owed = match promise.owed {
            0 => "never owed within these bounds".to_owned(),
            owed => format!("owed in {} states", grouped(owed)),
        };
        let standing = if promise.broken.is_some() { "BROKEN" } else { "kept" };
        let _ = writeln!(text, "  {:<32} {standing}; {owed}", promise.name);
    }
    for promise in &promises {
        if let Some(lasso) = &promise.broken {
            text.push_str(&told(promise.name, model, lasso));
        }
    }
    let told = |promise: &&Outcome<LiveModel>| {
        let actions = |lasso: &Lasso<LiveModel>| {
            let stem = lasso.stem.iter().filter_map(|(action, _)| action.as_ref());
            let stem: Vec<_> = stem.map(|action| model.format_action(action)).collect();
            let around = lasso.around.iter().map(|(action, _)| model.format_action(action));
            json!({ "stem": stem, "loop": around.collect::<Vec<_>>() })
        };
        (
            promise.name.to_owned(),
            json!({
                "owed": promise.owed,
                "kept": promise.broken.is_none(),
                "counterexample": promise.broken.as_ref().map(actions),
            }),
        )
    };
    let machine = json!({
        "model": "quorum",
        "mutants": mutants,
        "verdict": verdict,
        "complete": judged.complete,
        "states": judged.states,
        "edges": judged.edges,
        "depth": judged.depth,
        "seconds": (seconds * 1000.0).round() / 1000.0,
        "promises": promises.iter().map(told).collect::<serde_json::Map<_, _>>(),
    });
    Report { text, machine, code }
}

fn sentence_of(LiveBounds { nodes, faults, values, voters }: LiveBounds) -> String {
    let mut nodes = format!("{nodes} nodes");
    if let Some(LiveVoters { first, adds, removes }) = voters {
        let _ = write!(nodes, ", {first} voters at first, {adds} wanted and {removes} unwanted");
    }
    format!("{nodes}, {faults} faults, {values} values; what heals, epochs and logs without bound")
}

/// A behaviour without end as two tables.
fn told(name: &str, model: &LiveModel, lasso: &Lasso<LiveModel>) -> String {
    let stem = lasso.stem.iter().map(|(_, state)| state.clone());
    let around = lasso.around.iter().map(|(_, state)| state.clone());
    let path: Vec<_> = stem.chain(around).collect();
    let mut story = model.story(&path);
    let taken = lasso.stem.iter().map(|(action, _)| action.as_ref());
    let taken = taken.chain(lasso.around.iter().map(|(action, _)| Some(action)));
    for (step, action) in story.steps.iter_mut().zip(taken) {
        if let Some(action) = action {
            step.action = model.format_action(action);
        }
    }
    let Story { lanes, steps } = story;
    let last = lasso.stem.len() - 1;
    let stem = Story { lanes: lanes.clone(), steps: steps[..=last].to_vec() };
    let title = format!("{name} is broken; the stem, {last} steps");
    let mut text = format!("\n{}", counterexample::table(&title, &stem));
    if lasso.around.is_empty() {
        text.push_str("\nthe loop, for ever: nothing happens any more\n");
        return text;
    }
    let mut around = steps[last..].to_vec();
    "here it begins".clone_into(&mut around[0].action);
    let title = format!("the loop, for ever: {} steps", lasso.around.len());
    let _ = write!(text, "\n{}", counterexample::table(&title, &Story { lanes, steps: around }));
    text
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
