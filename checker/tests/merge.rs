//! Shares of a sample, joined: what one run over all the seeds says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const SAMPLE: &str = "check quorum --nodes 3 --epochs 1 --values 0 --swarm 0..60 --depth 60 --json";

fn kraftig_check(arguments: &str, files: &[PathBuf]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftig-check"));
    command.args(arguments.split(' ')).args(files).output().unwrap()
}

/// Runs it, and keeps what it prints.
fn keep(directory: &Path, name: &str, arguments: &str, status: i32) -> PathBuf {
    let output = kraftig_check(arguments, &[]);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    let path = directory.join(name);
    std::fs::write(&path, output.stdout).unwrap();
    path
}

fn report(text: &str) -> Value {
    serde_json::from_str(text.lines().next_back().unwrap()).unwrap()
}

/// Without what two runs of the same differ in.
fn timeless(mut report: Value) -> String {
    for name in ["seconds", "generated_per_second", "threads", "peak_rss_bytes"] {
        assert!(report.as_object_mut().unwrap().remove(name).is_some(), "{name}");
    }
    report.to_string()
}

#[test]
fn three_shares_are_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    for (mutant, status) in [("", 3), (" --mutant half-is-majority", 1)] {
        let sample = format!("{SAMPLE}{mutant}");
        let whole = keep(directory.path(), "whole", &sample, status);
        let whole = report(&std::fs::read_to_string(whole).unwrap());
        assert_eq!(whole["sample"]["walks"], 60);
        assert_eq!(whole["counterexamples"].as_array().unwrap().is_empty(), status == 3);
        // A share may see nothing, and ends as it does.
        let shares = [2, 3, 1].map(|share| {
            let output = kraftig_check(&format!("{sample} --shard {share}/3"), &[]);
            assert!(matches!(output.status.code(), Some(1 | 3)), "{output:?}");
            let path = directory.path().join(format!("share-{share}"));
            std::fs::write(&path, output.stdout).unwrap();
            path
        });
        let merged = kraftig_check("merge --json", &shares);
        assert_eq!(merged.status.code(), Some(status), "{merged:?}");
        let text = String::from_utf8(merged.stdout).unwrap();
        assert_eq!(timeless(report(&text)), timeless(whole));
        assert!(text.contains("60 walks of at most 60 steps, at random, in 3 shares"), "{text}");
        assert_eq!(text.contains("ElectionSafety                   VIOLATED"), status == 1);
    }
}

#[test]
fn shares_that_do_not_fit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let share = |number: u8, of: u8, more: &str| {
        let name = format!("{number}-{of}{more}");
        let arguments = format!("{SAMPLE}{more} --shard {number}/{of}");
        keep(directory.path(), &name, &arguments, 3)
    };
    let (one, two) = (share(1, 2, ""), share(2, 2, ""));
    let refused = |files: &[&PathBuf], why: &str| {
        let files: Vec<PathBuf> = files.iter().map(|path| (*path).clone()).collect();
        let output = kraftig_check("merge", &files);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.contains(why)), (Some(2), true), "{why}: {told}");
    };
    assert_eq!(kraftig_check("merge", &[one.clone(), two.clone()]).status.code(), Some(3));
    refused(&[&one], "share 2/2 is missing");
    refused(&[&one, &two, &one], "share 1/2 is there twice");
    refused(&[&one, &share(2, 3, "")], "number of shares 2 and 3");
    refused(&[&one, &share(2, 2, " --mutant truncation-does-nothing")], "mutants");
    refused(&[&one, &share(2, 2, " --crashes 1")], "bounds");
    refused(&[&one, &share(2, 2, " --without ElectionSafety")], "judged by");
    let report = report(&std::fs::read_to_string(&two).unwrap());
    let changed = |at: &str, value: Value| {
        let mut report = report.clone();
        *report.pointer_mut(at).unwrap() = value;
        let path = directory.path().join("changed");
        std::fs::write(&path, report.to_string()).unwrap();
        path
    };
    refused(&[&one, &changed("/sample/end", json!(61))], "end of the seeds 60 and 61");
    refused(&[&one, &changed("/sample/depth", json!(61))], "steps of a walk 60 and 61");
    refused(&[&one, &changed("/sample/shard", json!(3))], "there is no share 3/2");
    refused(&[&changed("/sample", Value::Null)], "is not of walks at random");
    let empty = directory.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    refused(&[&one, &empty], "the last line is no report");
}
