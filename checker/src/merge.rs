//! `merge`: what the shares of a sample say together.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::report::{grouped, per_second};

/// What the reports of one sample agree on: how the report calls it, and what it is to people.
const SAME: [(&str, &str); 9] = [
    ("/engine", "engine"),
    ("/model", "model"),
    ("/network", "network"),
    ("/bounds", "bounds"),
    ("/mutants", "mutants"),
    ("/sample/first", "first seed"),
    ("/sample/end", "end of the seeds"),
    ("/sample/depth", "steps of a walk"),
    ("/sample/shards", "number of shares"),
];

/// Joins the reports, prints what they say, and how that ends: as one check would that did it all.
pub(crate) fn run(files: &[PathBuf], json: bool) -> Result<ExitCode, String> {
    let reports = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let merged = merge(&reports)?;
    let mut out = text(&merged, files.len());
    if json {
        let _ = writeln!(out, "\n{merged}");
    }
    crate::print(&out)?;
    Ok(ExitCode::from(if merged["verdict"] == "violated" { 1 } else { 3 }))
}

/// A report, and where it is from.
struct Read<'a> {
    path: &'a Path,
    report: Value,
}

fn read(path: &Path) -> Result<Read<'_>, String> {
    let failed = |why: &str| format!("{}: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error.to_string()))?;
    let line = text.trim_end().lines().next_back().unwrap_or_default();
    let report: Value = serde_json::from_str(line).map_err(|error| {
        failed(&format!("the last line is no report ({error}); was `check` run with --json?"))
    })?;
    if !report["sample"].is_object() {
        return Err(failed(
            "is not of walks at random (check ... --swarm SEEDS --shard I/N --json)",
        ));
    }
    Ok(Read { path, report })
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// The names of the properties that are judged.
fn judged(report: &Value) -> Vec<&String> {
    let all = report["properties"].as_object().into_iter().flatten();
    all.filter(|(_, standing)| *standing != "left out").map(|(name, _)| name).collect()
}

/// One report of all. All shares must be there, each once, of the same.
fn merge(reports: &[Read<'_>]) -> Result<Value, String> {
    let [first, others @ ..] = reports else { return Err("there is no report".to_owned()) };
    for other in others {
        let differ = |what: &str, here: &dyn std::fmt::Display, there: &dyn std::fmt::Display| {
            let (one, two) = (first.path.display(), other.path.display());
            Err(format!("{one} and {two} are not of one sample: {what} {here} and {there}"))
        };
        for (at, what) in SAME {
            let of = |read: &Read<'_>| read.report.pointer(at).cloned().unwrap_or(Value::Null);
            if of(first) != of(other) {
                return differ(what, &of(first), &of(other));
            }
        }
        let (here, there) = (judged(&first.report), judged(&other.report));
        if here != there {
            return differ("judged by", &json!(here), &json!(there));
        }
    }
    let shards = number(&first.report["sample"]["shards"]);
    let mut held = BTreeMap::new();
    for Read { path, report } in reports {
        let shard = number(&report["sample"]["shard"]);
        if !(1..=shards).contains(&shard) {
            return Err(format!("{}: there is no share {shard}/{shards}", path.display()));
        }
        if let Some(before) = held.insert(shard, path.display()) {
            let path = path.display();
            return Err(format!("share {shard}/{shards} is there twice: {before} and {path}"));
        }
    }
    if let Some(missing) = (1..=shards).find(|shard| !held.contains_key(shard)) {
        return Err(format!("share {missing}/{shards} is missing"));
    }
    let reports: Vec<&Value> = reports.iter().map(|read| &read.report).collect();
    Ok(joined(&reports))
}

/// All of them as one run would say it. Seconds are those of all together, threads and memory those of the largest.
fn joined(reports: &[&Value]) -> Value {
    let each = |at: &'static str| {
        let found = move |report: &&Value| report.pointer(at).map_or(0, number);
        reports.iter().map(found)
    };
    let sum = |at| each(at).fold(0, u64::saturating_add);
    let most = |at| each(at).max().unwrap_or(0);
    let seconds: f64 = reports.iter().filter_map(|report| report["seconds"].as_f64()).sum();
    let generated = sum("/generated");
    let found = shortest(reports);
    let mut all = reports[0].clone();
    let mut violated = false;
    for (name, standing) in all["properties"].as_object_mut().into_iter().flatten() {
        if found.iter().any(|(_, _, found, _)| found["property"] == **name) {
            *standing = json!("violated");
            violated = true;
        }
    }
    let mut witnesses = Map::new();
    for (name, witness) in reports[0]["witnesses"].as_object().into_iter().flatten() {
        let counts = reports.iter().map(|report| number(&report["witnesses"][name]["count"]));
        let count = counts.fold(0, u64::saturating_add);
        let witness = json!({ "seen": count > 0, "required": witness["required"], "count": count });
        witnesses.insert(name.clone(), witness);
    }
    all["witnesses"] = Value::Object(witnesses);
    all["verdict"] = json!(if violated { "violated" } else { "sampled" });
    all["generated"] = json!(generated);
    all["depth"] = json!(most("/depth"));
    all["seconds"] = json!((seconds * 1000.0).round() / 1000.0);
    all["generated_per_second"] = json!(per_second(generated, seconds));
    all["threads"] = json!(most("/threads"));
    all["peak_rss_bytes"] = json!(most("/peak_rss_bytes"));
    all["sample"]["shard"] = json!(1);
    all["sample"]["shards"] = json!(1);
    all["sample"]["walks"] = json!(sum("/sample/walks"));
    all["sample"]["found"] = found.iter().map(|(_, _, found, _)| (*found).clone()).collect();
    all["counterexamples"] = found.iter().map(|(.., story)| (*story).clone()).collect();
    all
}

/// The shortest counterexample of each property, of several that of the first seed, and in this order: steps, seed, what was
/// found, how.
fn shortest<'a>(reports: &[&'a Value]) -> Vec<(usize, u64, &'a Value, &'a Value)> {
    let mut all = Vec::new();
    for report in reports {
        let found = report.pointer("/sample/found").and_then(Value::as_array).into_iter().flatten();
        let stories = report["counterexamples"].as_array().into_iter().flatten();
        all.extend(found.zip(stories).map(|(found, story)| {
            let steps = story["steps"].as_array().map_or(0, Vec::len);
            (steps, number(&found["seed"]), found, story)
        }));
    }
    all.sort_by_key(|(steps, seed, ..)| (*steps, *seed));
    let mut kept: Vec<(usize, u64, &Value, &Value)> = Vec::new();
    for it in all {
        if kept.iter().all(|(_, _, found, _)| found["property"] != it.2["property"]) {
            kept.push(it);
        }
    }
    kept
}

fn text(report: &Value, shards: usize) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sample = &report["sample"];
    line("model", &word(&report["model"]));
    line("bounds", &report["bounds"].to_string());
    let mutants: Vec<String> =
        report["mutants"].as_array().into_iter().flatten().map(word).collect();
    if !mutants.is_empty() {
        line("mutants", &mutants.join(", "));
    }
    let (walks, depth) = (number(&sample["walks"]), number(&sample["depth"]));
    let walks =
        format!("{} walks of at most {depth} steps, at random, in {shards} shares", grouped(walks));
    line("verdict", &format!("{}: {walks}", word(&report["verdict"])));
    line("seeds", &format!("{}..{}", sample["first"], sample["end"]));
    line("generated", &format!("{} states", grouped(number(&report["generated"]))));
    line("depth", &format!("{} steps from the initial state", report["depth"]));
    line("time", &format!("{} s, of all shares together", report["seconds"]));
    let _ = writeln!(text, "\nproperties");
    for (name, standing) in report["properties"].as_object().into_iter().flatten() {
        let standing = word(standing).replace("violated", "VIOLATED");
        let _ = writeln!(text, "  {name:<32} {standing}");
    }
    let _ = writeln!(text, "\nwitnesses");
    for (name, witness) in report["witnesses"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "  {name:<56} {} times", grouped(number(&witness["count"])));
    }
    for story in report["counterexamples"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "\n{}", word(&story["title"]));
        for (number, step) in story["steps"].as_array().into_iter().flatten().enumerate() {
            let _ = writeln!(text, "  {:>3}  {}", number + 1, word(step));
        }
    }
    text
}
