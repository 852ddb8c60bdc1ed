//! `crosscheck`: the form that is searched far against networks that hold each message, and against snapshots that are kept.
//!
//! `papers/quorum.md` argues that whole RPCs lose no state of the nodes. Here that is tried: every state of
//! a literal network is stripped of its messages, made canonical, and the set of what is left must be the
//! set of states of the RPC form. In the same way snapshots that each state says are tried against those that are left open. It
//! is a test and no proof.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hashbrown::HashSet;
use kraftig_checker::engine::{Found, Limits, path, search, search_each};
use kraftig_spec::model::quorum::{
    Bounds, Changes, Network, Packed, QuorumModel, Snapshots, Transition,
};
use kraftig_spec::model::{Explorable, Story};
use kraftig_spec::quorum::mutant::{Mutant, Mutants};
use kraftig_spec::quorum::properties::Property;
use serde_json::{Value, json};
use stateright::Model;

use crate::Rows;
use crate::bounds;
use crate::counterexample;
use crate::report::grouped;

#[derive(Clone, Copy)]
struct Row {
    bounds: Bounds,
    /// The literal forms, each with whether it is quick.
    networks: &'static [(Network, bool)],
}

use Network::{LateSlots, Set, Slots, WholeSet};

const fn row(
    bounds: (u8, u8, u8),
    crashes: Option<u8>,
    networks: &'static [(Network, bool)],
) -> Row {
    // Without resignation: it touches no message, and a leader that crashes is Resigned too.
    let bounds = Bounds { resign: false, ..Bounds::of(bounds, crashes) };
    Row { bounds, networks }
}

/// The same with snapshots at any point.
const fn with_snapshots(row: Row) -> Row {
    Row { bounds: Bounds { snapshots: Snapshots::Stored, ..row.bounds }, ..row }
}

/// The same where the log names the voters: the first so many nodes, with so many more, fewer and lost disks to come.
const fn with_voters(row: Row, first: u8, (adds, removes, wipes): (u8, u8, u8)) -> Row {
    let voters = Some((first, Changes { adds, removes, wipes, upgrade: false, recovers: false }));
    Row { bounds: Bounds { voters, ..row.bounds }, ..row }
}

/// The same where one directory may go on alone.
const fn recovering(row: Row) -> Row {
    let voters = match row.bounds.voters {
        Some((first, changes)) => Some((first, Changes { recovers: true, ..changes })),
        None => None,
    };
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
    with_voters(row((2, 2, 0), None, &[(Slots, true), (LateSlots, true)]), 2, (0, 1, 0)),
    recovering(with_voters(
        row((2, 2, 0), None, &[(Slots, true), (LateSlots, true)]),
        2,
        (0, 0, 0),
    )),
];

/// Where snapshots that are kept in the state are tried against those that are left open, each with whether it is quick.
const SNAPSHOTS: &[(Row, bool)] = &[
    (row((2, 2, 1), None, &[]), true),
    (row((3, 1, 1), None, &[]), true),
    (row((3, 2, 0), None, &[]), false),
    (with_voters(row((3, 1, 0), Some(0), &[]), 2, (1, 0, 0)), false),
];

/// The node states that a search reached.
struct Reached {
    found: Found,
    nodes: HashSet<Packed>,
    seconds: f64,
}

fn reach(
    model: &QuorumModel,
    threads: usize,
    strip: fn(&Packed) -> Packed,
) -> Result<Reached, String> {
    let started = Instant::now();
    let nodes = Mutex::new(HashSet::new());
    let keep = |state: &Packed| {
        let stripped = strip(state);
        nodes.lock().unwrap_or_else(PoisonError::into_inner).insert(stripped);
    };
    let found = search_each(model, &Limits::of(threads), |_| {}, keep);
    let found = found.map_err(|error| error.to_string())?;
    let nodes = nodes.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Reached { found, nodes, seconds: started.elapsed().as_secs_f64() })
}

/// A model, judged by whether another form reaches the same node states.
struct Within<'a> {
    model: &'a QuorumModel,
    strip: fn(&Packed) -> Packed,
    others: &'a HashSet<Packed>,
}

impl Model for Within<'_> {
    type State = Packed;
    type Action = Transition;

    fn init_states(&self) -> Vec<Packed> {
        self.model.init_states()
    }

    fn actions(&self, state: &Packed, actions: &mut Vec<Transition>) {
        self.model.actions(state, actions);
    }

    fn next_state(&self, state: &Packed, action: Transition) -> Option<Packed> {
        self.model.next_state(state, action)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        vec![stateright::Property::always("the other form has it too", |within: &Self, state| {
            within.others.contains(&(within.strip)(state))
        })]
    }
}

impl Explorable for Within<'_> {
    fn encode(&self, state: &Packed, to: &mut Vec<u8>) {
        self.model.encode(state, to);
    }

    fn decode(&self, bytes: &[u8]) -> Packed {
        self.model.decode(bytes)
    }

    fn story(&self, path: &[Packed]) -> Story {
        self.model.story(path)
    }
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
    for (row, _) in SNAPSHOTS.iter().filter(|(_, quick)| *quick || rows == Rows::All) {
        run.snapshots(row, mutants)?;
    }
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
        "n e v   c", "form", "states", "node states", "seconds"
    );
    if !mutants.is_empty() {
        let names: Vec<_> = mutants.iter().map(|mutant| mutant.name()).collect();
        let _ = writeln!(report, "\nmutants      {}", names.join(", "));
    }
    let _ = writeln!(
        report,
        "\nverdict      {}: {} rows equal or covered, {differ} otherwise, {:.0} s",
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

/// Only what can be reached counts here: a state that breaks a property is explored like any other.
fn unjudged(bounds: Bounds, mutants: &[Mutant]) -> Result<QuorumModel, String> {
    let model = QuorumModel::new(bounds).map_err(|error| error.to_string())?;
    let model = model.with_mutants(Mutants::of(mutants));
    Ok(Property::ALL.into_iter().fold(model, QuorumModel::without))
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
        let model = unjudged(row.bounds, mutants)?;
        let plain = reach(&model, self.threads, Packed::node_state)?;
        self.line(row.bounds, Network::Rpc.name(), &plain, "");
        for network in networks {
            let literal = model.clone().over(*network).map_err(|error| error.to_string())?;
            let reached = reach(&literal, self.threads, Packed::node_state)?;
            self.compare(row, (&model, &plain), (&literal, &reached))?;
        }
        Ok(())
    }

    fn compare(
        &mut self,
        row: &Row,
        (model, plain): (&QuorumModel, &Reached),
        (literal, reached): (&QuorumModel, &Reached),
    ) -> Result<(), String> {
        let name = literal.network().name();
        let more = reached.nodes.difference(&plain.nodes).count();
        let less = plain.nodes.difference(&reached.nodes).count();
        let outcome = match (more, less) {
            (0, 0) => "equal".to_owned(),
            _ => format!("DIFFERS: {more} that rpc lacks, lacks {less} of rpc"),
        };
        self.line(row.bounds, name, reached, &outcome);
        self.differ += usize::from(more + less > 0);
        self.lines.push(json!({
            "bounds": bounds::text(row.bounds),
            "network": name,
            "states": reached.found.unique,
            "node_states": reached.nodes.len(),
            "rpc": plain.nodes.len(),
            "only_here": more,
            "only_rpc": less,
            "seconds": (reached.seconds * 1000.0).round() / 1000.0,
        }));
        self.example(
            &format!("{}: {name} has, rpc lacks", bounds::text(row.bounds)),
            literal,
            (reached, plain),
            Packed::node_state,
        )?;
        self.example(
            &format!("{}: rpc has, {name} lacks", bounds::text(row.bounds)),
            model,
            (plain, reached),
            Packed::node_state,
        )
    }

    /// Every node state with snapshots that are kept must be one with snapshots that are left open. These may have a few more: a node
    /// may come back there without a snapshot that it must have had.
    fn snapshots(&mut self, row: &Row, mutants: &[Mutant]) -> Result<(), String> {
        let form = |snapshots| unjudged(Bounds { snapshots, ..row.bounds }, mutants);
        let (open, stored) = (form(Snapshots::Deferred)?, form(Snapshots::Stored)?);
        let deferred = reach(&open, self.threads, Packed::without_snapshots)?;
        self.line(row.bounds, "deferred", &deferred, "");
        let reached = reach(&stored, self.threads, Packed::without_snapshots)?;
        let lacking = reached.nodes.difference(&deferred.nodes).count();
        let more = deferred.nodes.difference(&reached.nodes).count();
        let outcome = match (lacking, more) {
            (0, 0) => "equal".to_owned(),
            (0, _) => format!("covered; deferred has {more} more"),
            _ => format!("DIFFERS: {lacking} that deferred lacks"),
        };
        self.line(row.bounds, "stored", &reached, &outcome);
        self.differ += usize::from(lacking > 0);
        self.lines.push(json!({
            "bounds": bounds::text(row.bounds),
            "snapshots": "stored",
            "states": reached.found.unique,
            "node_states": reached.nodes.len(),
            "deferred": deferred.nodes.len(),
            "only_here": lacking,
            "only_rpc": 0,
            "beyond": more,
            "seconds": (reached.seconds * 1000.0).round() / 1000.0,
        }));
        self.example(
            &format!("{}: stored has, deferred lacks", bounds::text(row.bounds)),
            &stored,
            (&reached, &deferred),
            Packed::without_snapshots,
        )
    }

    /// The shortest way to a node state that one has and the other has not.
    fn example(
        &mut self,
        title: &str,
        model: &QuorumModel,
        (one, other): (&Reached, &Reached),
        strip: fn(&Packed) -> Packed,
    ) -> Result<(), String> {
        if one.nodes.is_subset(&other.nodes) {
            return Ok(());
        }
        let within = Within { model, strip, others: &other.nodes };
        let found = search(&within, &Limits::of(self.threads), |_| {});
        for violation in found.map_err(|error| error.to_string())?.violations {
            let table = counterexample::table(title, &model.story(&path(&within, &violation)));
            let _ = write!(self.examples, "\n{table}");
        }
        Ok(())
    }

    fn line(&mut self, bounds: Bounds, form: &str, reached: &Reached, outcome: &str) {
        let line = format!(
            "{:<10} {:<11} {:>10} {:>12} {:>8.1}  {outcome}",
            bounds::text(bounds),
            form,
            grouped(reached.found.unique),
            grouped(reached.nodes.len() as u64),
            reached.seconds
        );
        let line = line.trim_end();
        let _ = writeln!(std::io::stderr(), "{line}");
        let _ = writeln!(self.text, "{line}");
    }
}
