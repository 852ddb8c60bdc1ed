//! `check`: a search, and its verdict.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kraftig_spec::model::quorum::{QuorumModel, Witness};
use kraftig_spec::quorum::mutant::Mutant;
use kraftig_spec::quorum::properties::Property;
use serde_json::{Value, json};

use crate::bounds;
use crate::counterexample;
use crate::search::{Found, search};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Clean,
    Violated,
    Partial,
    Vacuous,
}

impl Verdict {
    fn of(found: &Found, model: &QuorumModel) -> Self {
        if !found.violations.is_empty() {
            Self::Violated
        } else if !found.complete {
            Self::Partial
        } else if Witness::ALL.into_iter().any(|witness| missed(model, witness)) {
            Self::Vacuous
        } else {
            Self::Clean
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Violated => "violated",
            Self::Partial => "partial",
            Self::Vacuous => "vacuous",
        }
    }

    fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Violated => 1,
            Self::Partial => 3,
            Self::Vacuous => 4,
        }
    }
}

fn missed(model: &QuorumModel, witness: Witness) -> bool {
    witness.required(model.bounds(), model.network()) && !model.witnesses().seen(witness)
}

pub(crate) fn run(
    model: &QuorumModel,
    threads: usize,
    max_depth: Option<usize>,
    json: bool,
) -> Result<ExitCode, String> {
    let started = Instant::now();
    let mut told = started;
    let terminal = std::io::stderr().is_terminal();
    let found = search(model, threads, max_depth, |progress| {
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            let rate = per_second(progress.unique, started.elapsed().as_secs_f64());
            let line = format!(
                "depth {}: {} states, {} left in this level, {}/s",
                progress.level,
                grouped(progress.unique as u64),
                grouped(progress.waiting as u64),
                grouped(rate)
            );
            let mut stderr = std::io::stderr();
            let _ = if terminal {
                write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush())
            } else {
                writeln!(stderr, "{line}")
            };
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    if terminal {
        let _ = write!(std::io::stderr(), "\r\x1b[2K");
    }
    let verdict = Verdict::of(&found, model);
    let mut text = report(model, &found, verdict, seconds, threads);
    for (property, state) in &found.violations {
        let path = found.path(*state);
        let title = format!("{} is violated in {} steps", property.name(), path.len() - 1);
        let _ = write!(text, "\n{}", counterexample::table(model, &title, &path));
    }
    if json {
        let _ = writeln!(text, "\n{}", machine(model, &found, verdict, seconds, threads));
    }
    crate::print(&text)?;
    Ok(ExitCode::from(verdict.exit_code()))
}

fn report(
    model: &QuorumModel,
    found: &Found,
    verdict: Verdict,
    seconds: f64,
    threads: usize,
) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12} {value}");
    };
    line("model", "quorum (KIP-595, KIP-630, KIP-853)".to_owned());
    line("network", model.network().name().to_owned());
    line("bounds", bounds::sentence(model.bounds()));
    let mutants: Vec<_> = model.mutants().iter().map(Mutant::name).collect();
    if !mutants.is_empty() {
        line("mutants", mutants.join(", "));
    }
    line(
        "verdict",
        match verdict {
            Verdict::Clean => "clean: every state was seen, and every property holds in each",
            Verdict::Violated => "violated: see the counterexample below",
            Verdict::Partial => "partial: --max-depth cut the search; what was seen is clean",
            Verdict::Vacuous => "vacuous: the search never saw what it must see to say anything",
        }
        .to_owned(),
    );
    line("complete", if found.complete { "yes" } else { "no" }.to_owned());
    line("unique", format!("{} states, compared whole", grouped(found.unique() as u64)));
    line("generated", format!("{} states", grouped(found.generated)));
    line("depth", format!("{} steps from the initial state", found.depth));
    line(
        "time",
        format!(
            "{seconds:.1} s on {threads} threads, {} states/s",
            grouped(per_second(found.unique(), seconds))
        ),
    );
    line("memory", format!("{} MiB at most", peak_rss_bytes() >> 20));
    let _ = writeln!(text, "\nproperties");
    for property in Property::ALL {
        let broken = found.violations.iter().any(|(broken, _)| *broken == property);
        let state = if model.judges(property) {
            standing(broken, found.complete).replace("violated", "VIOLATED")
        } else {
            "left out".to_owned()
        };
        let _ = writeln!(text, "  {:<32} {state}", property.name());
    }
    let _ = writeln!(text, "\nwitnesses");
    for witness in Witness::ALL {
        let state = match (
            model.witnesses().seen(witness),
            witness.required(model.bounds(), model.network()),
        ) {
            (true, _) => "seen",
            (false, true) => "NOT SEEN",
            (false, false) => "not seen, not required within these bounds",
        };
        let _ = writeln!(text, "  {:<48} {state}", witness.name());
    }
    text
}

fn machine(
    model: &QuorumModel,
    found: &Found,
    verdict: Verdict,
    seconds: f64,
    threads: usize,
) -> Value {
    let properties: serde_json::Map<String, Value> = Property::ALL
        .into_iter()
        .map(|property| {
            let broken = found.violations.iter().any(|(broken, _)| *broken == property);
            let judged = model.judges(property);
            let standing = if judged { standing(broken, found.complete) } else { "left out" };
            (property.name().to_owned(), json!(standing))
        })
        .collect();
    let witnesses: serde_json::Map<String, Value> = Witness::ALL
        .into_iter()
        .map(|witness| {
            let seen = model.witnesses().seen(witness);
            let required = witness.required(model.bounds(), model.network());
            (witness.name().to_owned(), json!({ "seen": seen, "required": required }))
        })
        .collect();
    json!({
        "model": "quorum",
        "network": model.network().name(),
        "bounds": bounds::machine(model.bounds()),
        "mutants": model.mutants().iter().map(Mutant::name).collect::<Vec<_>>(),
        "verdict": verdict.name(),
        "complete": found.complete,
        "unique": found.unique(),
        "generated": found.generated,
        "depth": found.depth,
        "seconds": (seconds * 1000.0).round() / 1000.0,
        "states_per_second": per_second(found.unique(), seconds),
        "threads": threads,
        "peak_rss_bytes": peak_rss_bytes(),
        "properties": properties,
        "witnesses": witnesses,
    })
}

/// The most memory that this process ever held. 0 where the system does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        peak.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

fn standing(broken: bool, complete: bool) -> &'static str {
    match (broken, complete) {
        (true, _) => "violated",
        (false, true) => "holds",
        (false, false) => "holds so far",
    }
}

fn per_second(count: usize, seconds: f64) -> u64 {
    let milliseconds = ((seconds * 1000.0) as u64).max(1);
    count as u64 * 1000 / milliseconds
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use kraftig_spec::model::quorum::Bounds;

    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_says_nothing_is_vacuous() {
        let bounds = Bounds {
            nodes: 3,
            voters: None,
            epochs: 1,
            values: 1,
            crashes: Some(0),
            resign: true,
            snapshots: false,
        };
        let judge = |bounds, max_depth| {
            let model = QuorumModel::new(bounds).unwrap();
            let found = search(&model, 1, max_depth, |_| {});
            Verdict::of(&found, &model).name()
        };
        assert_eq!(judge(bounds, None), "clean");
        assert_eq!(judge(bounds, Some(3)), "partial");
        // Without an epoch nobody can be elected, and the properties hold of nothing.
        let model = QuorumModel::new(Bounds { epochs: 0, ..bounds }).unwrap();
        let found = search(&model, 1, None, |_| {});
        assert_eq!(found.unique(), 10, "some ask for pre-votes");
        assert_eq!(Verdict::of(&found, &model).name(), "vacuous");
    }
}
