//! `check`: a search, and its verdict.

use std::fmt::{Debug, Write as _};
use std::hash::Hash;
use std::io::{IsTerminal, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kraftig_checker::engine::{CheckpointAt, End, Found, Limits, free_memory, path, search, swarm};
use kraftig_spec::model::Explorable;
use stateright::Checker;

use crate::counterexample::Counterexample;
use crate::html;
use crate::report::{Cost, Report, Sample, Subject, grouped, per_second};

/// Who searches.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// This program's own.
    Kraftig,
    /// Stateright's breadth-first search, as a second opinion: 64-bit fingerprints, no checkpoint, no coverage.
    Stateright,
}

/// How to search, and what to write.
#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// Threads that explore. No result depends on it.
    #[arg(long, value_name = "N", value_parser = crate::threads,
          default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
    /// Stop after this many steps from the start. The verdict is then partial, unless all was seen.
    #[arg(long, value_name = "N")]
    max_depth: Option<usize>,
    /// What the states seen and waiting may take, such as 8GiB; three quarters of what is free if not given. States that
    /// wait go to a file in TMPDIR beyond it; if the states seen alone need more, the verdict is partial. What they leave may be used to
    /// remember steps, which is faster.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<usize>,
    /// Write the search down there from time to time, and go on from what is there: it survives a kill.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["swarm", "engine"])]
    checkpoint: Option<PathBuf>,
    /// The least time between two checkpoints, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, requires = "checkpoint")]
    checkpoint_every: f64,
    /// Walk at random, once for each seed FIRST..END, instead of searching everything: for bounds that nobody can exhaust.
    #[arg(long, value_name = "FIRST..END", value_parser = seeds, conflicts_with_all = ["max_depth", "engine"])]
    swarm: Option<Range<u64>>,
    /// Steps of a walk.
    #[arg(long, value_name = "N", default_value_t = 200, requires = "swarm")]
    depth: usize,
    /// Take only the I-th of N shares of the seeds, so that N machines take all.
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "swarm")]
    shard: Option<Shard>,
    /// Who searches.
    #[arg(long, value_enum, default_value = "kraftig")]
    engine: Engine,
    /// End with the verdict as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Write the report as one page for a browser there.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// One share of the seeds.
#[derive(Clone, Copy)]
struct Shard {
    /// From 1.
    number: u64,
    of: u64,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((number, of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
        _ => Err(format!("'{text}' is not a share such as 2/8")),
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let parts = text.split_once("..");
    match parts.and_then(|(first, end)| Some((first.parse().ok()?, end.parse().ok()?))) {
        Some((first, end)) if first < end => Ok(first..end),
        _ => Err(format!("'{text}' is not a range of seeds such as 0..1000")),
    }
}

/// A number of bytes as the command line takes it.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
    match bytes {
        Some(bytes @ 1..) => Ok(bytes),
        _ => Err(format!("'{text}' is not a size such as 512MiB or 8GiB")),
    }
}

/// The verdict, its meaning and its exit code.
struct Verdict(&'static str, String, u8);

impl Verdict {
    fn of(found: &Found, missed: bool, memory: usize) -> Self {
        let verdict = |name, sentence: &str, code| Self(name, sentence.to_owned(), code);
        match found.end {
            End::Violated => verdict("violated", "see the counterexample below", 1),
            End::MaxDepth => {
                verdict("partial", "--max-depth cut the search; what was seen is clean", 3)
            }
            End::Memory => Self(
                "partial",
                format!(
                    "the states seen need more than the {} MiB that --memory allows; what was seen is clean",
                    memory >> 20
                ),
                3,
            ),
            End::Complete if missed => {
                verdict("vacuous", "the search never saw what it must see to say anything", 4)
            }
            End::Complete => {
                verdict("clean", "every state was seen, and every property holds in each", 0)
            }
        }
    }
}

/// Searches, reports, and says how it ended.
pub(crate) fn run<M>(subject: Subject, model: M, args: &RunArgs) -> Result<ExitCode, String>
where
    M: Explorable + Send + 'static,
    M::State: Hash + Debug,
    M::Action: PartialEq + Debug,
{
    let page = args.html.as_deref().map(html::Page::create).transpose()?;
    let (report, code) = match (&args.swarm, args.engine) {
        (Some(seeds), _) => sampled(subject, &model, args, seeds.clone())?,
        (None, Engine::Kraftig) => searched(subject, &model, args)?,
        (None, Engine::Stateright) => by_stateright(subject, model, args),
    };
    let mut text = report.text();
    if args.json {
        let _ = writeln!(text, "\n{}", report.machine());
    }
    crate::print(&text)?;
    if let Some(page) = page {
        page.write(&html::of_check(&report))?;
    }
    Ok(ExitCode::from(code))
}

/// Tells on standard error how it goes on, once a second.
struct Teller {
    started: Instant,
    told: Instant,
    terminal: bool,
}

impl Teller {
    fn new() -> Self {
        let started = Instant::now();
        Self { started, told: started, terminal: std::io::stderr().is_terminal() }
    }

    fn tell(&mut self, line: impl FnOnce(f64) -> String) {
        if self.told.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.told = Instant::now();
        let line = line(self.started.elapsed().as_secs_f64());
        let mut stderr = std::io::stderr();
        let _ = if self.terminal {
            write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{line}")
        };
    }

    /// Seconds since it began.
    fn done(self) -> f64 {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
        self.started.elapsed().as_secs_f64()
    }
}

fn searched<M: Explorable>(
    subject: Subject,
    model: &M,
    args: &RunArgs,
) -> Result<(Report, u8), String> {
    let memory = args.memory.unwrap_or_else(|| free_memory() / 4 * 3);
    let checkpoint = args.checkpoint.as_ref().map(|directory| CheckpointAt {
        directory: directory.clone(),
        subject: subject.sentence(),
        every: Duration::from_secs_f64(args.checkpoint_every.max(0.0)),
    });
    let limits = Limits { threads: args.threads, max_depth: args.max_depth, memory, checkpoint };
    let mut teller = Teller::new();
    let found = search(model, &limits, |progress| {
        teller.tell(|seconds| {
            format!(
                "depth {}: {} states, {} left in this level, {}/s",
                progress.level,
                grouped(progress.unique as u64),
                grouped(progress.waiting as u64),
                grouped(per_second(progress.unique as u64, seconds))
            )
        });
    });
    let found = found.map_err(|error| error.to_string())?;
    let seconds = found.before.as_secs_f64() + teller.done();
    let landmarks = model.landmarks();
    let missed = landmarks.iter().zip(&found.covered).any(|(it, count)| it.required && *count == 0);
    let Verdict(verdict, sentence, code) = Verdict::of(&found, missed, memory);
    let counterexamples = found.violations.iter().map(|violation| {
        let title = format!("{} is violated in {} steps", violation.property, violation.steps());
        Counterexample::path(title, model.story(&path(model, violation)))
    });
    let standing = |name: &str| {
        let broken = found.violations.iter().any(|violation| violation.property == name);
        match (broken, found.complete()) {
            (true, _) => "violated",
            (false, true) => "holds",
            (false, false) => "holds so far",
        }
    };
    let report = Report {
        verdict: verdict.to_owned(),
        sentence,
        complete: found.complete(),
        unique: found.unique,
        compared: format!(
            "known by 128 bits each: the odds that two were taken for one are 1 in {:.0e}",
            1.0 / found.odds_of_collision()
        ),
        generated: found.generated,
        depth: found.depth(),
        levels: found.levels.clone(),
        seen_bytes: found.seen_bytes as u64,
        spilled: found.spilled,
        resumed: found.resumed,
        counterexamples: counterexamples.collect(),
        ..subject.report(model, args, "kraftig", seconds, standing, &found.covered)
    };
    Ok((report, code))
}

fn sampled<M: Explorable>(
    subject: Subject,
    model: &M,
    args: &RunArgs,
    seeds: Range<u64>,
) -> Result<(Report, u8), String> {
    let mut teller = Teller::new();
    let Shard { number, of } = args.shard.unwrap_or(Shard { number: 1, of: 1 });
    let mine = |seed| seed % of == number - 1;
    let all = seeds.clone().filter(|seed| mine(*seed)).count();
    let walked = swarm(model, args.threads, args.depth, seeds.clone(), mine, |walked| {
        teller.tell(|seconds| {
            let rate = grouped(per_second(walked.steps, seconds));
            format!("{} of {all} walks, {} steps, {rate}/s", walked.walks, grouped(walked.steps))
        });
    });
    let walked = walked.map_err(|error| error.to_string())?;
    let seconds = teller.done();
    let broken = |name: &str| walked.violations.iter().any(|(property, ..)| *property == name);
    let counterexamples = walked.violations.iter().map(|(property, seed, path)| {
        let title = format!("{property} is violated in {} steps (seed {seed})", path.len() - 1);
        Counterexample::path(title, model.story(path))
    });
    let report = Report {
        verdict: if walked.violations.is_empty() { "sampled" } else { "violated" }.to_owned(),
        sentence: format!("{} walks of at most {} steps, at random", walked.walks, args.depth),
        sample: Some(Sample {
            seeds,
            shard: (number, of),
            depth: args.depth,
            walks: walked.walks,
            found: walked.violations.iter().map(|(property, seed, _)| (*property, *seed)).collect(),
        }),
        generated: walked.steps,
        depth: walked.longest,
        counterexamples: counterexamples.collect(),
        ..subject.report(
            model,
            args,
            "swarm",
            seconds,
            |name| if broken(name) { "violated" } else { "holds so far" },
            &walked.covered,
        )
    };
    let code = if walked.violations.is_empty() { 3 } else { 1 };
    Ok((report, code))
}

/// Stateright's verdict: what it takes for the states, and what breaks.
fn by_stateright<M>(subject: Subject, model: M, args: &RunArgs) -> (Report, u8)
where
    M: Explorable + Send + 'static,
    M::State: Hash + Debug,
    M::Action: PartialEq + Debug,
{
    let teller = Teller::new();
    let mut builder = model.checker().threads(args.threads);
    if let Some(depth) = args.max_depth {
        // Stateright counts states, not steps.
        builder = builder.target_max_depth(depth + 1);
    }
    let checker = builder.spawn_bfs().join();
    let seconds = teller.done();
    let discoveries = checker.discoveries();
    let broken = |name: &str| discoveries.contains_key(name);
    let verdict = match (discoveries.is_empty(), args.max_depth) {
        (false, _) => Verdict("violated", "see the properties below".to_owned(), 1),
        (true, Some(_)) => {
            let sentence = "what was judged is clean; Stateright counts the states of the last level and does not judge them";
            Verdict("partial", sentence.to_owned(), 3)
        }
        (true, None) => Verdict("clean", "Stateright found nothing broken".to_owned(), 0),
    };
    let Verdict(verdict, sentence, code) = verdict;
    let report = Report {
        verdict: verdict.to_owned(),
        sentence,
        complete: code == 0,
        unique: checker.unique_state_count() as u64,
        compared: "known by 64 bits each".to_owned(),
        generated: checker.state_count() as u64,
        depth: checker.max_depth().saturating_sub(1),
        landmarks: Vec::new(),
        ..subject.report(
            checker.model(),
            args,
            "stateright",
            seconds,
            |name| match (broken(name), code) {
                (true, _) => "violated",
                (false, 0) => "holds",
                _ => "holds so far",
            },
            &[],
        )
    };
    (report, code)
}

impl Subject {
    /// What tells it from every other.
    fn sentence(&self) -> String {
        let Self { name, network, bounds, mutants, left_out, .. } = self;
        let mut text = format!("{name} ({network}; {bounds})");
        for (what, names) in [("with", mutants.join(", ")), ("without", left_out.join(", "))] {
            if !names.is_empty() {
                let _ = write!(text, ", {what} {names}");
            }
        }
        text
    }

    /// A report in which all that the search itself says is missing.
    fn report<M: Explorable>(
        self,
        model: &M,
        args: &RunArgs,
        engine: &'static str,
        seconds: f64,
        standing: impl Fn(&str) -> &'static str,
        covered: &[u64],
    ) -> Report {
        let states = model.properties().into_iter().map(|property| property.name);
        let steps = model.step_properties().into_iter().map(|property| property.name);
        let judged = |name: &'static str| {
            let standing = if self.left_out.contains(&name) { "left out" } else { standing(name) };
            (name.to_owned(), standing.to_owned())
        };
        let properties = states.chain(steps).map(judged).collect();
        let landmarks = model.landmarks().into_iter().zip(covered);
        Report {
            subject: self,
            engine,
            verdict: String::new(),
            sentence: String::new(),
            complete: false,
            unique: 0,
            compared: String::new(),
            generated: 0,
            depth: 0,
            levels: Vec::new(),
            cost: Cost::of(seconds, args.threads),
            seen_bytes: 0,
            spilled: 0,
            resumed: 0,
            sample: None,
            properties,
            landmarks: landmarks
                .map(|(it, count)| (it.name.to_owned(), it.required, *count))
                .collect(),
            counterexamples: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kraftig_spec::model::quorum::{Bounds, QuorumModel};

    use super::*;

    #[test]
    fn what_says_nothing_is_vacuous() {
        let judge = |epochs, max_depth| {
            let model = QuorumModel::new(Bounds::of((3, epochs, 1), Some(0))).unwrap();
            let found = search(&model, &Limits { max_depth, ..Limits::of(1) }, |_| {}).unwrap();
            let landmarks = model.landmarks();
            let missed =
                landmarks.iter().zip(&found.covered).any(|(it, count)| it.required && *count == 0);
            (Verdict::of(&found, missed, 0).0, found.unique)
        };
        assert_eq!(judge(1, None).0, "clean");
        assert_eq!(judge(1, Some(3)).0, "partial");
        // Without an epoch nobody can be elected, and the properties hold of nothing: some ask for pre-votes.
        assert_eq!(judge(0, None), ("vacuous", 10));
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!(size("8GiB"), Ok(8 << 30));
        assert!(
            ["", "8", "8 GiB", "-1MiB", "0KiB", "99999999999999999999GiB"]
                .iter()
                .all(|it| size(it).is_err())
        );
        assert_eq!(seeds("3..9"), Ok(3..9));
        assert!(["", "3", "9..3", "a..b"].iter().all(|it| seeds(it).is_err()));
        assert!(
            shard("8/8").is_ok() && ["0/8", "9/8", "1", "x/y"].iter().all(|it| shard(it).is_err())
        );
    }
}
