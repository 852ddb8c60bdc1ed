//! What a check says, whichever way it is written down.

use std::fmt::Write as _;
use std::ops::Range;

use serde_json::{Value, json};

use crate::counterexample::Counterexample;

/// What is checked, beside the model itself.
pub(crate) struct Subject {
    /// The model's name, as the command line takes it.
    pub(crate) name: &'static str,
    /// The model in words.
    pub(crate) model: String,
    /// How messages travel.
    pub(crate) network: String,
    /// How far the search goes, in words.
    pub(crate) bounds: String,
    /// The same for machines.
    pub(crate) bounds_machine: Value,
    /// The bugs that the nodes run with.
    pub(crate) mutants: Vec<String>,
    /// What the model is judged by elsewhere and not here.
    pub(crate) left_out: Vec<&'static str>,
}

/// A check: what was explored, and what came of it.
pub(crate) struct Report {
    /// What was explored.
    pub(crate) subject: Subject,
    /// Who searched: `kraftig`, `swarm` or `stateright`.
    pub(crate) engine: &'static str,
    /// `clean`, `violated`, `partial`, `sampled` or `vacuous`.
    pub(crate) verdict: String,
    /// What that means.
    pub(crate) sentence: String,
    /// Whether nothing was left to explore.
    pub(crate) complete: bool,
    /// Different states. 0 where nobody compared them.
    pub(crate) unique: u64,
    /// How sure that is.
    pub(crate) compared: String,
    /// Transitions that were computed, and the initial state.
    pub(crate) generated: u64,
    /// Steps from the initial state to the farthest.
    pub(crate) depth: usize,
    /// New states of each level, that of the initial state first.
    pub(crate) levels: Vec<u64>,
    /// What it took.
    pub(crate) cost: Cost,
    /// The most bytes that the states seen took, with what each was reached from.
    pub(crate) seen_bytes: u64,
    /// Bytes of states that waited on a disk.
    pub(crate) spilled: u64,
    /// How often the search went on from a checkpoint.
    pub(crate) resumed: u64,
    /// What was walked, where walks at random were all.
    pub(crate) sample: Option<Sample>,
    /// Each property by name, and how it stands: `holds`, `holds so far`, `violated` or `left out`.
    pub(crate) properties: Vec<(String, String)>,
    /// Each landmark by name, whether a search must come across it, and how often it did.
    pub(crate) landmarks: Vec<(String, bool, u64)>,
    /// The way to each state that breaks a property, under a title.
    pub(crate) counterexamples: Vec<Counterexample>,
}

/// What a search took.
pub(crate) struct Cost {
    /// How long, over all the runs that it went on in.
    pub(crate) seconds: f64,
    /// Threads that explored.
    pub(crate) threads: usize,
    /// The most memory that the process held. 0 where the system does not say.
    pub(crate) peak_bytes: u64,
}

impl Cost {
    /// A search that ended just now.
    pub(crate) fn of(seconds: f64, threads: usize) -> Self {
        Self { seconds, threads, peak_bytes: peak_rss_bytes() }
    }
}

/// Walks at random.
pub(crate) struct Sample {
    /// Of each seed one walk.
    pub(crate) seeds: Range<u64>,
    /// Which share of the seeds it was, from 1, and of how many.
    pub(crate) shard: (u64, u64),
    /// The most steps of a walk.
    pub(crate) depth: usize,
    /// Walks that were made.
    pub(crate) walks: u64,
    /// Of each counterexample the property and the seed.
    pub(crate) found: Vec<(&'static str, u64)>,
}

impl Sample {
    fn machine(&self) -> Value {
        let Self { seeds, shard: (shard, shards), depth, walks, found } = self;
        let found = found.iter().map(|(name, seed)| json!({ "property": name, "seed": seed }));
        json!({
            "first": seeds.start, "end": seeds.end, "shard": shard, "shards": shards, "depth": depth,
            "walks": walks, "found": found.collect::<Vec<_>>(),
        })
    }
}

impl Subject {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        line(&mut text, "model", &self.model);
        line(&mut text, "network", &self.network);
        line(&mut text, "bounds", &self.bounds);
        line(&mut text, "mutants", &self.mutants.join(", "));
        text
    }
}

/// A line of a report, if there is something to say.
pub(crate) fn line(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "{name:<12} {value}");
    }
}

impl Report {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = self.subject.text();
        let mut line = |name: &str, value: &str| line(&mut text, name, value);
        let Self { unique, seen_bytes, cost: Cost { seconds, threads, peak_bytes }, .. } = self;
        line("verdict", &format!("{}: {}", self.verdict, self.sentence));
        line("complete", if self.complete { "yes" } else { "no" });
        if *unique > 0 {
            line("unique", &format!("{} states, {}", grouped(*unique), self.compared));
        }
        line("generated", &format!("{} states", grouped(self.generated)));
        line("depth", &format!("{} steps from the initial state", self.depth));
        let rate = |count| grouped(per_second(count, *seconds));
        let states =
            if *unique > 0 { format!("{} states/s, ", rate(*unique)) } else { String::new() };
        let generated = rate(self.generated);
        let runs = match self.resumed {
            0 => String::new(),
            times => format!(" in {} runs", times + 1),
        };
        line(
            "time",
            &format!("{seconds:.1} s{runs} on {threads} threads, {states}{generated} generated/s"),
        );
        let mut memory = format!("{} MiB at most", peak_bytes >> 20);
        if *seen_bytes > 0 && *unique > 0 {
            let tenths = seen_bytes * 10 / unique;
            let _ = write!(memory, ", {}.{} bytes for each state seen", tenths / 10, tenths % 10);
        }
        if self.spilled > 0 {
            let _ = write!(memory, ", {} MiB on disk", self.spilled >> 20);
        }
        line("memory", &memory);
        let _ = writeln!(text, "\nproperties");
        for (name, standing) in &self.properties {
            let standing = standing.replace("violated", "VIOLATED");
            let _ = writeln!(text, "  {name:<32} {standing}");
        }
        if !self.landmarks.is_empty() {
            let _ = writeln!(text, "\nwitnesses");
        }
        for (name, required, count) in &self.landmarks {
            let state = match (count, required) {
                (0, true) => "NOT SEEN".to_owned(),
                (0, false) => "not seen, not required within these bounds".to_owned(),
                (count, _) => format!("{} times", grouped(*count)),
            };
            let _ = writeln!(text, "  {name:<56} {state}");
        }
        for counterexample in &self.counterexamples {
            let _ = write!(text, "\n{}", counterexample.text());
        }
        text
    }

    /// For machines.
    pub(crate) fn machine(&self) -> Value {
        let Self { unique, generated, cost: Cost { seconds, threads, peak_bytes }, .. } = self;
        let properties =
            self.properties.iter().map(|(name, standing)| (name.clone(), json!(standing)));
        let witness = |(name, required, count): &(String, bool, u64)| {
            (name.clone(), json!({ "seen": *count > 0, "required": required, "count": count }))
        };
        json!({
            "model": self.subject.name,
            "network": self.subject.network,
            "bounds": self.subject.bounds_machine,
            "mutants": self.subject.mutants,
            "engine": self.engine,
            "verdict": self.verdict,
            "complete": self.complete,
            "unique": unique,
            "generated": generated,
            "depth": self.depth,
            "levels": self.levels,
            "seconds": milliseconds(*seconds),
            "states_per_second": per_second(*unique, *seconds),
            "generated_per_second": per_second(*generated, *seconds),
            "threads": threads,
            "peak_rss_bytes": peak_bytes,
            "seen_bytes": self.seen_bytes,
            "spilled_bytes": self.spilled,
            "resumed": self.resumed,
            "sample": self.sample.as_ref().map(Sample::machine),
            "properties": properties.collect::<serde_json::Map<_, _>>(),
            "witnesses": self.landmarks.iter().map(witness).collect::<serde_json::Map<_, _>>(),
            "counterexamples": self.counterexamples.iter().map(Counterexample::machine).collect::<Vec<_>>(),
        })
    }
}

/// The most memory that this process ever held. 0 where the system does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        peak.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// Seconds for machines.
pub(crate) fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

pub(crate) fn per_second(count: u64, seconds: f64) -> u64 {
    let milliseconds = ((seconds * 1000.0) as u64).max(1);
    count.saturating_mul(1000) / milliseconds
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
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
