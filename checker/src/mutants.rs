//! `mutants`: shows that the checker would have found known bugs, and that it needs each property to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use kraftig_spec::model::quorum::{Bounds, QuorumModel};
use kraftig_spec::quorum::mutant::{Mutant, Mutants};
use kraftig_spec::quorum::properties::Property;
use serde_json::{Value, json};

use crate::bounds;
use crate::report::grouped;
use kraftig_checker::engine::{Found, Limits, Violation, search};

mod rows;

use rows::Expected::{Exempt, Killed, KilledByNothingElse, KilledByTheSecond, KilledFar};
use rows::{Expected, ROWS, Row};

/// What came of a search: the first property that broke and after how many steps, or nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Killed(Property, usize),
    Survived,
}

impl Outcome {
    /// Of several properties that break at the same depth, `expected` counts if it is among them.
    fn of(found: &Found, expected: Option<Property>) -> Self {
        let killed = |broken: &Violation| Some((Property::named(broken.property)?, broken.steps()));
        let killed: Vec<_> = found.violations.iter().filter_map(killed).collect();
        let wanted = killed.iter().find(|(property, _)| Some(*property) == expected);
        match wanted.or(killed.first()) {
            Some((property, steps)) => Self::Killed(*property, *steps),
            None => Self::Survived,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Killed(property, steps) => format!("{} in {steps} steps", property.name()),
            Self::Survived => "survives".to_owned(),
        }
    }
}

impl Row {
    fn names(&self) -> String {
        self.mutants.iter().map(|mutant| mutant.name()).collect::<Vec<_>>().join(" + ")
    }

    fn expectation(&self) -> Outcome {
        match self.expected {
            Killed(property, steps)
            | KilledByNothingElse(property, steps)
            | KilledByTheSecond(property, steps)
            | KilledFar(property, steps) => Outcome::Killed(property, steps),
            Exempt(_) => Outcome::Survived,
        }
    }
}

/// Everything that is run, with what each bug is.
pub(crate) fn list() -> Result<ExitCode, String> {
    let mut text = String::new();
    for mutant in Mutant::ALL {
        let _ = writeln!(text, "{}\n    {}", mutant.name(), mutant.bug());
        for row in ROWS.iter().filter(|row| row.mutants.contains(&mutant)) {
            let mutants: Vec<_> = row.mutants.iter().map(|mutant| mutant.name()).collect();
            let _ = writeln!(
                text,
                "    kraftig-check check quorum {} --mutant {}",
                bounds::flags(row.bounds),
                mutants.join(" --mutant ")
            );
        }
        for row in crate::live::ROWS.iter().filter(|row| row.mutant == mutant) {
            let _ = writeln!(text, "    {}", row.command());
        }
    }
    crate::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

struct Run {
    without: Option<Property>,
    threads: usize,
    right: usize,
    wrong: usize,
    rows: Vec<Value>,
}

impl Run {
    fn search(&self, model: &QuorumModel, max_depth: Option<usize>) -> Result<Found, String> {
        let judged = self.without.iter().fold(model.clone(), |model, left| model.without(*left));
        let limits = Limits { max_depth, ..Limits::of(self.threads) };
        search(&judged, &limits, |_| {}).map_err(|error| error.to_string())
    }

    /// Told as soon as it is known: all of them take a while.
    fn line(
        &mut self,
        what: &str,
        bounds: Bounds,
        states: u64,
        outcome: &str,
        right: bool,
    ) -> Result<(), String> {
        *(if right { &mut self.right } else { &mut self.wrong }) += 1;
        let mark = if right { "" } else { "  WRONG" };
        crate::print(&format!(
            "{what:<42} {}  {:>9}  {outcome}{mark}\n",
            bounds::text(bounds),
            grouped(states)
        ))
    }

    fn mutant(&mut self, row: &Row) -> Result<(), String> {
        let model = QuorumModel::new(row.bounds).map_err(|error| error.to_string())?;
        let mutated = model.clone().with_mutants(Mutants::of(row.mutants));
        let expected = row.expectation();
        let property = match expected {
            Outcome::Killed(property, _) => Some(property),
            Outcome::Survived => None,
        };
        let mutated = match row.expected {
            KilledByTheSecond(property, _) => mutated.only(property),
            _ => mutated,
        };
        let found = self.search(&mutated, None)?;
        let outcome = Outcome::of(&found, property);
        let mut right = outcome == expected;
        let mut text = outcome.text();
        let mut states = found.unique;
        match row.expected {
            KilledByNothingElse(property, _) => {
                let without = self.search(&mutated.without(property), None)?;
                let survives = without.violations.is_empty() && without.complete();
                right &= survives;
                states = without.unique;
                text.push_str(if survives { ", by nothing else" } else { ", and by another" });
            }
            KilledByTheSecond(property, _) => {
                let first = Mutants::of(&row.mutants[..1]);
                let alone = self.search(&model.with_mutants(first).only(property), None)?;
                let survives = alone.violations.is_empty() && alone.complete();
                right &= survives;
                states = alone.unique;
                text.push_str(if survives {
                    "; the first alone does not break it"
                } else {
                    "; so does the first alone"
                });
            }
            Exempt(why) => {
                right &= found.complete();
                let _ = write!(text, ": {why}");
            }
            Killed(..) | KilledFar(..) => {}
        }
        let names = row.names();
        self.rows.push(json!({
            "mutants": row.mutants.iter().map(|mutant| mutant.name()).collect::<Vec<_>>(),
            "bounds": bounds::text(row.bounds),
            "states": states,
            "outcome": outcome.text(),
            "as_expected": right,
        }));
        self.line(&names, row.bounds, states, &text, right)
    }

    fn unmutated(&mut self, bounds: Bounds, max_depth: Option<usize>) -> Result<(), String> {
        let model = QuorumModel::new(bounds).map_err(|error| error.to_string())?;
        let found = self.search(&model, max_depth)?;
        let clean = (found.complete() || max_depth.is_some()) && found.violations.is_empty();
        let text = match max_depth {
            _ if !clean => "NOT CLEAN".to_owned(),
            None => "complete and clean".to_owned(),
            Some(steps) => format!("clean in the first {steps} steps"),
        };
        self.line("no mutant", bounds, found.unique, &text, clean)
    }
}

/// Runs the rows that have one of the mutants `only`; all if it is empty.
pub(crate) fn run(
    only: &[Mutant],
    without: Option<Property>,
    threads: usize,
    as_json: bool,
) -> Result<ExitCode, String> {
    let started = Instant::now();
    let mut run = Run { without, threads, right: 0, wrong: 0, rows: Vec::new() };
    let wanted =
        |row: &&Row| only.is_empty() || row.mutants.iter().any(|mutant| only.contains(mutant));
    let rows: Vec<&Row> = ROWS.iter().filter(wanted).collect();
    if rows.is_empty() {
        return Err("no row runs this mutant; see --list".to_owned());
    }
    if let Some(property) = without {
        crate::print(&format!("judged without {}\n\n", property.name()))?;
    }
    crate::print(&format!("{:<42} n e v   c  {:>9}  what comes of it\n", "mutant", "states"))?;
    for row in &rows {
        run.mutant(row)?;
    }
    crate::print("\n")?;
    let far = |row: &Row| match row.expected {
        KilledFar(_, steps) => Some(steps),
        _ => None,
    };
    let baselines: BTreeMap<String, (Bounds, Option<usize>)> =
        rows.iter().map(|row| (bounds::text(row.bounds), (row.bounds, far(row)))).collect();
    for (bounds, max_depth) in baselines.into_values() {
        run.unmutated(bounds, max_depth)?;
    }
    let count = |is: fn(&Expected) -> bool| rows.iter().filter(|row| is(&row.expected)).count();
    let exempt = count(|expected| matches!(expected, Exempt(_)));
    let needed = count(|expected| matches!(expected, KilledByNothingElse(..)));
    let Run { right, wrong, rows: json_rows, .. } = run;
    let mut report = format!(
        "
verdict      {}: {right} rows as they must be, {wrong} otherwise
rows         {} bugs to be found, {exempt} exempt, {needed} of {} properties to be seen needed, {:.0} s
",
        if wrong == 0 { "as expected" } else { "NOT as expected" },
        rows.len() - exempt,
        Property::ALL.len(),
        started.elapsed().as_secs_f64()
    );
    if as_json {
        let line = json!({
            "verdict": if wrong == 0 { "as expected" } else { "not as expected" },
            "right": right, "wrong": wrong, "exempt": exempt, "rows": json_rows,
        });
        let _ = writeln!(report, "\n{line}");
    }
    crate::print(&report)?;
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_and_every_property_has_its_row() {
        for mutant in Mutant::ALL {
            let of_safety = ROWS.iter().any(|row| row.mutants.contains(&mutant));
            let of_liveness = crate::live::ROWS.iter().any(|row| row.mutant == mutant);
            assert!(of_safety || of_liveness, "{}", mutant.name());
        }
        for property in Property::ALL {
            let needs =
                |row: &Row| matches!(row.expected, KilledByNothingElse(by, _) if by == property);
            assert!(ROWS.iter().any(needs), "{}", property.name());
        }
    }
}
