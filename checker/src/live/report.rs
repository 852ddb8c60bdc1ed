//! What is said of promises, whichever way it is written down.

use std::fmt::Write as _;

use kraftig_checker::engine::liveness::{Judged, Lasso};
use kraftig_spec::model::quorum::{LiveBounds, LiveModel, LivePromise, LiveVoters, Network};
use serde_json::{Value, json};

use crate::counterexample::Counterexample;
use crate::report::{Cost, Subject, grouped, line, milliseconds};

/// What was explored, and what came of each promise.
pub(crate) struct LiveReport {
    /// What was explored.
    pub(crate) subject: Subject,
    /// `clean`, `violated` or `partial`.
    pub(crate) verdict: &'static str,
    /// What that means.
    pub(crate) sentence: &'static str,
    /// Whether all of the graph was seen. Else nothing is judged.
    pub(crate) complete: bool,
    /// Different states.
    pub(crate) states: u64,
    /// Transitions that change the state.
    pub(crate) edges: u64,
    /// Steps from the initial state to the farthest.
    pub(crate) depth: usize,
    /// What it took.
    pub(crate) cost: Cost,
    /// The most bytes that the graph took.
    pub(crate) graph_bytes: u64,
    /// Each promise, and how it stands.
    pub(crate) promises: Vec<Promised>,
    /// A fair behaviour for each promise that is broken.
    pub(crate) counterexamples: Vec<Counterexample>,
}

/// How a promise stands.
pub(crate) struct Promised {
    /// Its name.
    pub(crate) name: &'static str,
    /// `kept`, `broken`, `not judged` or `left out`.
    pub(crate) standing: &'static str,
    /// States in which it is owed.
    pub(crate) owed: u64,
}

impl Promised {
    /// Where it is owed, in words; a promise that is never owed says nothing. Nothing where it was not looked at.
    pub(crate) fn owed(&self) -> String {
        match (self.standing, self.owed) {
            ("kept" | "broken", 0) => "never owed within these bounds".to_owned(),
            ("kept" | "broken", owed) => format!("owed in {} states", grouped(owed)),
            _ => String::new(),
        }
    }
}

/// What is checked, beside the model itself.
pub(super) fn subject(
    LiveBounds { nodes, faults, values, voters }: LiveBounds,
    mutants: Vec<String>,
    left_out: Vec<&'static str>,
) -> Subject {
    let named = voters.map(|LiveVoters { first, adds, removes }| {
        format!(", {first} voters at first, {adds} wanted and {removes} unwanted")
    });
    let changes = voters.map(|LiveVoters { first, adds, removes }| {
        json!({ "first": first, "adds": adds, "removes": removes })
    });
    Subject {
        name: "quorum",
        model: "quorum, its links and timers (KIP-595, KIP-996)".to_owned(),
        network: Network::Rpc.name().to_owned(),
        bounds: format!(
            "{nodes} nodes{}, {faults} faults, {values} values; what heals, epochs and logs without bound, epochs numbered anew",
            named.unwrap_or_default()
        ),
        bounds_machine: json!({ "nodes": nodes, "faults": faults, "values": values, "voters": changes }),
        mutants,
        left_out,
    }
}

impl LiveReport {
    pub(super) fn of(
        subject: Subject,
        model: &LiveModel,
        judged: &Judged<LiveModel>,
        cost: Cost,
    ) -> Self {
        let wanted = |name: &str| !subject.left_out.contains(&name);
        let promised = |name| {
            let outcome = judged.promises.iter().find(|it| it.name == name);
            let standing = match outcome {
                _ if !wanted(name) => "left out",
                None => "not judged",
                Some(outcome) if outcome.broken.is_some() => "broken",
                Some(_) => "kept",
            };
            Promised { name, standing, owed: outcome.map_or(0, |it| it.owed) }
        };
        let broken = judged.promises.iter().filter(|it| wanted(it.name));
        let broken = broken.filter_map(|it| Some((it.name, it.broken.as_ref()?)));
        let counterexamples: Vec<_> =
            broken.map(|(name, lasso)| counterexample(name, model, lasso)).collect();
        let (verdict, sentence) = match (judged.complete, counterexamples.is_empty()) {
            (false, _) => ("partial", "the graph needs more --memory; nothing is judged"),
            (true, false) => ("violated", "see the stem and the loop below"),
            (true, true) => ("clean", "within these bounds every promise is kept"),
        };
        Self {
            promises: LivePromise::ALL.map(|promise| promised(promise.name())).into(),
            subject,
            verdict,
            sentence,
            complete: judged.complete,
            states: judged.states,
            edges: judged.edges,
            depth: judged.depth,
            cost,
            graph_bytes: judged.bytes as u64,
            counterexamples,
        }
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match (self.complete, self.counterexamples.is_empty()) {
            (false, _) => 3,
            (true, false) => 1,
            (true, true) => 0,
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Self { cost: Cost { seconds, threads, peak_bytes }, .. } = self;
        let mut text = self.subject.text();
        let mut line = |name: &str, value: &str| line(&mut text, name, value);
        line("verdict", &format!("{}: {}", self.verdict, self.sentence));
        line("complete", if self.complete { "yes" } else { "no" });
        let (states, edges) = (grouped(self.states), grouped(self.edges));
        let depth = format!("{} steps from the initial state at most", self.depth);
        line("graph", &format!("{states} states, {edges} edges, {depth}"));
        line("time", &format!("{seconds:.1} s on {threads} threads"));
        let (peak, graph) = (peak_bytes >> 20, self.graph_bytes >> 20);
        line("memory", &format!("{peak} MiB at most, {graph} MiB for the graph"));
        let _ = writeln!(text, "\npromises");
        for promise in &self.promises {
            let standing = promise.standing.replace("broken", "BROKEN");
            let owed = match promise.owed() {
                owed if owed.is_empty() => owed,
                owed => format!("; {owed}"),
            };
            let _ = writeln!(text, "  {:<32} {standing}{owed}", promise.name);
        }
        for counterexample in &self.counterexamples {
            let _ = write!(text, "\n{}", counterexample.text());
        }
        text
    }

    /// For machines.
    pub(super) fn machine(&self) -> Value {
        let Self { subject, cost: Cost { seconds, threads, peak_bytes }, .. } = self;
        let promises = self.promises.iter().map(|Promised { name, standing, owed }| {
            ((*name).to_owned(), json!({ "standing": standing, "owed": owed }))
        });
        json!({
            "model": subject.name,
            "network": subject.network,
            "bounds": subject.bounds_machine,
            "mutants": subject.mutants,
            "verdict": self.verdict,
            "complete": self.complete,
            "states": self.states,
            "edges": self.edges,
            "depth": self.depth,
            "seconds": milliseconds(*seconds),
            "threads": threads,
            "peak_rss_bytes": peak_bytes,
            "graph_bytes": self.graph_bytes,
            "promises": promises.collect::<serde_json::Map<_, _>>(),
            "counterexamples": self.counterexamples.iter().map(Counterexample::machine).collect::<Vec<_>>(),
        })
    }
}

/// A behaviour without end, told.
fn counterexample(name: &str, model: &LiveModel, lasso: &Lasso<LiveModel>) -> Counterexample {
    let (begins, steps) = (lasso.stem.len() - 1, lasso.around.len());
    let around = lasso.around.iter().map(|(action, state)| (Some(*action), state.clone()));
    let path: Vec<_> = lasso.stem.iter().cloned().chain(around).collect();
    let then = match steps {
        0 => "then nothing happens any more".to_owned(),
        steps => format!("then a loop of {steps}"),
    };
    let title = format!("{name} is broken: {begins} steps, {then}");
    Counterexample { title, story: model.tell(&path), begins: Some(begins) }
}
