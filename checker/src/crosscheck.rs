//! `crosscheck`: the form that is searched far against networks that hold each message.
//!
//! `papers/quorum.md` argues that whole RPCs lose no state of the nodes. Here that is tried: every state of
//! a literal network is stripped of its messages, made canonical, and the set of what is left must be the
//! set of states of the RPC form. It is a test and no proof.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use hashbrown::HashSet;
use kraftig_spec::model::quorum::{Bounds, Changes, Network, Packed, QuorumModel};
use kraftig_spec::quorum::mutant::{Mutant, Mutants};
use kraftig_spec::quorum::properties::Property;
use serde_json::{Value, json};

use crate::Rows;
use crate::bounds;
use crate::check::grouped;
use crate::counterexample;
use crate::search::{Found, search};

#[derive(Clone, Copy)]
struct Row {
    bounds: Bounds,
    /// The literal forms, each with whether it is quick.
    networks: &'static [(Network, bool)],
}

use Network::{LateSlots, Set, Slots, WholeSet};

const fn row(
    (nodes, epochs, values): (u8, u8, u8),
    crashes: Option<u8>,
    networks: &'static [(Network, bool)],
) -> Row {
    // Without resignation: it touches no message, and a leader that crashes is Resigned too.
    let bounds =
        Bounds { nodes, voters: None, epochs, values, crashes, resign: false, snapshots: false };
    Row { bounds, networks }
}

/// The same with snapshots at any point.
const fn with_snapshots(row: Row) -> Row {
    Row { bounds: Bounds { snapshots: true, ..row.bounds }, ..row }
}

/// The same where the log names the voters: the first so many nodes, with so many more, fewer and lost disks to come.
const fn with_voters(row: Row, first: u8, (adds, removes, wipes): (u8, u8, u8)) -> Row {
    let voters = Some((first, Changes { adds, removes, wipes, upgrade: false }));
    Row { bounds: Bounds { voters, ..row.bounds }, ..row }
}

const ROWS: &[Row] = &[
    row((2, 2, 1), Some(1), &[(Slots, true), (LateSlots, true), (Set, true)]),
    row((2, 3, 0), None, &[(Slots, true), (LateSlots, true)]),
    row((3, 1, 0), None, &[(Slots, true), (Set, false)]),
    row((3, 1, 1), Some(0), &[(Slots, false)]),
    row((3, 2, 0), Some(0), &[(Slots, false)]),
    row((2, 1, 0), Some(0), &[(WholeSet, false)]),
    with_snapshots(row((2, 1, 1), Some(1), &[(Slots, true), (LateSlots, true), (Set, false)])),
    with_snapshots(row((3, 1, 0), Some(0), &[(Slots, false), (Set, false)])),
    with_voters(row((2, 1, 0), None, &[(Slots, true), (LateSlots, true)]), 1, (1, 1, 0)),
    with_voters(row((2, 1, 1), Some(0), &[(Slots, true), (LateSlots, true)]), 2, (1, 1, 0)),
];

/// The node states that a search reached, each with the first state that has it.
struct Reached {
    found: Found,
    nodes: HashSet<Packed>,
    seconds: f64,
}

fn reach(model: &QuorumModel, threads: usize) -> Reached {
    let started = Instant::now();
    let found = search(model, threads, None, |_| {});
    let part = found.states().len().div_ceil(threads);
    let project = |states: &[Packed]| states.iter().map(Packed::node_state).collect();
    let nodes = std::thread::scope(|scope| {
        let parts: Vec<_> = found
            .states()
            .chunks(part)
            .map(|states| scope.spawn(move || -> HashSet<Packed> { project(states) }))
            .collect();
        let join = |part: std::thread::ScopedJoinHandle<'_, _>| {
            part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        parts.into_iter().map(join).reduce(|mut all, part| {
            all.extend(part);
            all
        })
    });
    let nodes = nodes.unwrap_or_default();
    Reached { found, nodes, seconds: started.elapsed().as_secs_f64() }
}

/// Runs the rows, and says where they differ.
pub(crate) fn run(
    rows: Rows,
    mutants: &[Mutant],
    threads: usize,
    as_json: bool,
) -> Result<ExitCode, String> {
    let started = Instant::now();
    let mut run =
        Run { threads, text: String::new(), examples: String::new(), lines: Vec::new(), differ: 0 };
    for row in ROWS {
        let networks = row.networks.iter().filter(|(_, quick)| *quick || rows == Rows::All);
        let networks: Vec<Network> = networks.map(|(network, _)| *network).collect();
        if !networks.is_empty() {
            run.row(row, &networks, mutants)?;
        }
    }
    let Run { text, examples, lines, differ, .. } = run;
    let mut report = format!(
        "{:<10} {:<11} {:>10} {:>12} {:>8}\n{text}",
        "n e v   c", "network", "states", "node states", "seconds"
    );
    if !mutants.is_empty() {
        let names: Vec<_> = mutants.iter().map(|mutant| mutant.name()).collect();
        let _ = writeln!(report, "\nmutants      {}", names.join(", "));
    }
    let _ = writeln!(
        report,
        "\nverdict      {}: {} rows equal, {differ} otherwise, {:.0} s",
        if differ == 0 { "equal" } else { "DIFFERS" },
        lines.len() - differ,
        started.elapsed().as_secs_f64()
    );
    report.push_str(&examples);
    if as_json {
        let verdict = if differ == 0 { "equal" } else { "differs" };
        let _ = writeln!(report, "\n{}", json!({ "verdict": verdict, "rows": lines }));
    }
    crate::print(&report)?;
    Ok(ExitCode::from(u8::from(differ > 0)))
}

struct Run {
    threads: usize,
    text: String,
    examples: String,
    lines: Vec<Value>,
    differ: usize,
}

impl Run {
    fn row(&mut self, row: &Row, networks: &[Network], mutants: &[Mutant]) -> Result<(), String> {
        let model = QuorumModel::new(row.bounds).map_err(|error| error.to_string())?;
        let model = model.with_mutants(Mutants::of(mutants));
        // Only what can be reached counts here: a state that breaks a property is explored like any other.
        let model = Property::ALL.into_iter().fold(model, QuorumModel::without);
        let plain = reach(&model, self.threads);
        self.line(row, Network::Rpc, &plain, "");
        for network in networks {
            let literal = model.clone().over(*network).map_err(|error| error.to_string())?;
            let reached = reach(&literal, self.threads);
            self.compare(row, (&model, &plain), (&literal, &reached));
        }
        Ok(())
    }

    fn compare(
        &mut self,
        row: &Row,
        (model, plain): (&QuorumModel, &Reached),
        (literal, reached): (&QuorumModel, &Reached),
    ) {
        let name = literal.network().name();
        let more = reached.nodes.difference(&plain.nodes).count();
        let less = plain.nodes.difference(&reached.nodes).count();
        let outcome = match (more, less) {
            (0, 0) => "equal".to_owned(),
            _ => format!("DIFFERS: {more} that rpc lacks, lacks {less} of rpc"),
        };
        self.line(row, literal.network(), reached, &outcome);
        self.differ += usize::from(more + less > 0);
        self.lines.push(json!({
            "bounds": bounds::text(row.bounds),
            "network": name,
            "states": reached.found.unique(),
            "node_states": reached.nodes.len(),
            "rpc": plain.nodes.len(),
            "only_here": more,
            "only_rpc": less,
            "seconds": (reached.seconds * 1000.0).round() / 1000.0,
        }));
        self.example(
            &format!("{}: {name} has, rpc lacks", bounds::text(row.bounds)),
            literal,
            reached,
            plain,
        );
        self.example(
            &format!("{}: rpc has, {name} lacks", bounds::text(row.bounds)),
            model,
            plain,
            reached,
        );
    }

    /// The shortest way to a node state that one has and the other has not.
    fn example(&mut self, title: &str, model: &QuorumModel, one: &Reached, other: &Reached) {
        let lacks = |state: &Packed| !other.nodes.contains(&state.node_state());
        if let Some(first) = one.found.states().iter().position(lacks) {
            let table = counterexample::table(model, title, &one.found.path(first));
            let _ = write!(self.examples, "\n{table}");
        }
    }

    fn line(&mut self, row: &Row, network: Network, reached: &Reached, outcome: &str) {
        let line = format!(
            "{:<10} {:<11} {:>10} {:>12} {:>8.1}  {outcome}",
            bounds::text(row.bounds),
            network.name(),
            grouped(reached.found.unique() as u64),
            grouped(reached.nodes.len() as u64),
            reached.seconds
        );
        let line = line.trim_end();
        let _ = writeln!(std::io::stderr(), "{line}");
        let _ = writeln!(self.text, "{line}");
    }
}
