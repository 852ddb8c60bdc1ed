//! The simulation is clean, the same every time, and anything that is done wrong in it is seen.

mod common;

use std::io::Cursor;

use kraftig_refinement::replay::{ReplayError, Together, Trace, replay_together};
use kraftig_refinement::simulation::{Counts, Failure, Fault, Options, run, seeds, trace_name};
use kraftig_spec::quorum::mutant::Mutant;
use kraftig_spec::types::NodeId;
use serde_json::Value;

use common::numbers;

const THREE: Options = Options { nodes: 3, fault: None };

#[test]
fn seeds_are_clean_and_everything_happens() {
    let outcome = seeds(1, 20, THREE, 2, |_| {});
    assert!(
        outcome.failed.is_none(),
        "{:?}",
        outcome.failed.map(|(seed, run)| (seed, run.failure))
    );
    assert_eq!(outcome.seeds, 20);
    for (name, count) in outcome.counts.all() {
        assert!(count > 0, "{name} never happened: {:?}", outcome.counts);
    }
}

#[test]
fn other_quorums_are_clean() {
    for nodes in [1, 2, 5] {
        let outcome = seeds(1, 2, Options { nodes, fault: None }, 2, |_| {});
        let failed = outcome.failed.map(|(seed, run)| (seed, run.failure));
        assert!(failed.is_none(), "{nodes} nodes: {failed:?}");
        assert!(outcome.counts.acknowledged > 0);
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    let (once, again, other) = (run(7, THREE), run(7, THREE), run(8, THREE));
    assert!(once.traces == again.traces, "to the byte");
    assert_eq!(once.counts, again.counts);
    assert!(once.traces != other.traces);
}

#[test]
fn threads_change_nothing() {
    let counts = |threads| seeds(1, 4, THREE, threads, |_| {}).counts;
    assert_eq!(counts(1), counts(3));
    assert_ne!(counts(1), Counts::default());
    // The lowest seed that fails is told, whichever failed first.
    let broken = Options { fault: Some(Fault::Mutant(Mutant::NoDivergence)), ..THREE };
    let failed = |threads| seeds(1, 20, broken, threads, |_| {}).failed.map(|(seed, _)| seed);
    assert_eq!(failed(1), failed(4));
    assert!(failed(1).is_some());
}

/// How a fault shows first, within some seeds.
fn seen(fault: Fault) -> Failure {
    let outcome = seeds(1, 20, Options { fault: Some(fault), ..THREE }, 2, |_| {});
    let (_, run) = outcome.failed.unwrap_or_else(|| panic!("nobody saw {fault:?}"));
    run.failure.expect("it failed")
}

#[test]
fn a_disk_that_does_not_keep_its_word_is_seen() {
    seen(Fault::FlushDoesNothing);
    seen(Fault::DirectorySyncLeftOut);
}

#[test]
fn a_message_that_nobody_sent_is_seen() {
    let failure = seen(Fault::ForgedMessages).to_string();
    assert!(failure.contains("had not sent"), "{failure}");
}

#[test]
fn bugs_of_the_protocol_are_seen() {
    let differ = seen(Fault::Mutant(Mutant::NoDivergence));
    assert!(matches!(differ, Failure::OtherCommitted { .. } | Failure::NoProgress(_)), "{differ}");
    let lost = seen(Fault::Mutant(Mutant::CountsUnflushed)).to_string();
    assert!(lost.contains("Durability"), "{lost}");
    // No property of a state sees this one: the follower asks for ever, and nothing goes on.
    let stuck = seen(Fault::Mutant(Mutant::TruncationDoesNothing));
    assert!(matches!(stuck, Failure::NoProgress(_)), "{stuck}");
}

type Traces = Vec<(NodeId, Vec<u8>)>;

fn together(traces: &Traces) -> Result<Together, ReplayError> {
    let trace = |(id, text): &(NodeId, Vec<u8>)| {
        vec![Trace::new(trace_name(*id), Cursor::new(text.clone()))]
    };
    replay_together(traces.iter().map(trace).collect())
}

/// Each number of a message that was received is one that was sent.
#[test]
fn no_change_of_a_message_goes_unseen() {
    let traces = run(3, THREE).traces;
    assert!(together(&traces).is_ok());
    let mut tried = 0;
    for (node, (_, text)) in traces.iter().enumerate() {
        let text = std::str::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // Messages of each kind: the first, and one in the midst of the trouble.
        for kind in [
            r#""requested","request":{"vote"#,
            r#""requested","request":{"fetch"#,
            r#""requested","request":{"begin"#,
            r#""answer":{"vote"#,
            r#""answer":{"fetch"#,
        ] {
            let of_kind = |(_, line): &(usize, &&str)| {
                line.contains(kind) && line.contains(r#""record":"event""#)
            };
            let found: Vec<usize> =
                lines.iter().enumerate().filter(of_kind).map(|(at, _)| at).collect();
            for at in [found.first(), found.get(found.len() / 8)].into_iter().flatten() {
                let record: Value = serde_json::from_str(lines[*at]).unwrap();
                for path in numbers(&record, "") {
                    let mut changed = record.clone();
                    let number = changed.pointer_mut(&path).unwrap();
                    *number = (number.as_i64().unwrap() + 1).into();
                    let changed = changed.to_string();
                    let mut lines = lines.clone();
                    lines[*at] = &changed;
                    let mut traces = traces.clone();
                    traces[node].1 = (lines.join("\n") + "\n").into_bytes();
                    assert!(together(&traces).is_err(), "another {path}: {}", lines[*at]);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn all_voters_are_needed() {
    let mut traces = run(1, THREE).traces;
    traces.pop();
    assert!(matches!(together(&traces), Err(ReplayError::Voters { .. })));
}
