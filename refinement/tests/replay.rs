//! A real node's trace is the model's, and with anything in it changed it is not.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::LogConfig;
use kraftig_refinement::directory;
use kraftig_refinement::replay::{ReplayError, Replayed, replay};
use kraftig_server::quorum::{QuorumEvent, QuorumOptions, Retention, start};
use kraftig_spec::quorum::{BeginQuorumEpoch, Config, Request, Timeouts};
use kraftig_spec::types::{DirectoryId, NodeId, Offset, ReplicaKey};
use serde_json::Value;

use common::numbers;

const METADATA: &str = "__cluster_metadata-0";

/// Runs the quorum once: commits `batches`, refuses a lie, and stops.
async fn run(directory: &Path, trace: &Path, batches: usize) {
    let local = ReplicaKey { id: NodeId(1), directory: DirectoryId::ABSENT };
    let options = QuorumOptions {
        config: Config {
            local,
            voters: [NodeId(1)].into(),
            bootstrap: Vec::new(),
            outside: Vec::new(),
            timeouts: Timeouts::default(),
        },
        cluster_id: String::new(),
        listener: String::new(),
        peers: Vec::new(),
        endpoints: Vec::new(),
        directory: directory.join(METADATA),
        log: LogConfig::metadata(1 << 30, i64::MAX),
        retention: Retention::default(),
        request_timeout: Duration::from_secs(2),
        retry_backoff: Duration::from_millis(20),
        trace: Some(trace.to_owned()),
    };
    let (handle, mut events) = start(options).unwrap();
    let epoch = loop {
        if let QuorumEvent::BecameLeader { epoch, .. } = events.recv().await.unwrap() {
            break epoch;
        }
    };
    let mut end = Offset::ZERO;
    for number in 0..batches {
        let records = vec![Bytes::from(format!("record {number}")); 2];
        let base = handle.append(epoch, vec![records]).await.unwrap().unwrap();
        end = base.plus(1);
    }
    let lie = BeginQuorumEpoch { epoch, leader: NodeId(2), voter: local };
    handle.request(Request::BeginQuorumEpoch(lie), Duration::ZERO).await.unwrap();
    let mut committed = Offset::ZERO;
    while committed < end {
        if let QuorumEvent::Committed(batches) = events.recv().await.unwrap() {
            committed = batches.last().map_or(committed, |batch| batch.last_offset);
        }
    }
    handle.stop().await;
}

fn check(trace: &Path) -> Result<Replayed, ReplayError> {
    replay(&[trace.to_owned()])
}

fn write(directory: &Path, lines: &[String]) -> PathBuf {
    let path = directory.join("changed");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

#[tokio::test]
async fn a_trace_and_its_directory_are_the_models() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    run(directory.path(), &trace, 3).await;
    run(directory.path(), &trace, 2).await;
    let replayed = check(&trace).unwrap();
    assert_eq!(replayed.starts, 2);
    let metadata = directory.path().join(METADATA);
    let compared = directory::compare(&metadata, &replayed.disks).unwrap();
    assert_eq!((compared.batches, compared.older), (2 + 5, 0));

    // A bit of a record in the file is not what was written.
    let log = metadata.join("00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    assert!(directory::compare(&metadata, &replayed.disks).is_err());
}

#[tokio::test]
async fn a_torn_line_is_legal_only_where_a_crash_tore_it() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    run(directory.path(), &trace, 1).await;
    let text = std::fs::read_to_string(&trace).unwrap();
    let torn = &text[..text.len() - 9];
    std::fs::write(&trace, torn).unwrap();
    run(directory.path(), &trace, 1).await;
    assert_eq!(check(&trace).unwrap().torn, 1);
    // In the middle of a life nothing tears a line.
    let lines: Vec<&str> = text.lines().collect();
    let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    lines[middle].truncate(9);
    assert!(check(&write(directory.path(), &lines)).is_err());
}

#[tokio::test]
async fn what_was_flushed_must_be_found() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    run(directory.path(), &trace, 2).await;
    // The disk forgets everything, and the node starts as if it were new.
    std::fs::remove_dir_all(directory.path().join(METADATA)).unwrap();
    run(directory.path(), &trace, 1).await;
    let refused = check(&trace).unwrap_err().to_string();
    assert!(refused.contains("found the election state"), "{refused}");
}

/// Every number and every line of a trace means something: with any one number changed, or any one line
/// missing, it is refused.
#[tokio::test]
async fn no_change_of_a_trace_goes_unseen() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    run(directory.path(), &trace, 2).await;
    run(directory.path(), &trace, 1).await;
    let text = std::fs::read_to_string(&trace).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(check(&write(directory.path(), &lines)).is_ok());
    let mut mutations = 0;
    for (index, line) in lines.iter().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        for path in numbers(&record, "") {
            // A lie of the network may as well be another lie; delays of timers that a single voter never sets
            // change nothing that it does.
            let free = ["/config/timeouts/electionBackoffMaxMs", "/config/timeouts/fetchMs"];
            if free.contains(&path.as_str()) || path.starts_with("/request/") {
                continue;
            }
            let mut changed = record.clone();
            let number = changed.pointer_mut(&path).unwrap();
            *number = (number.as_i64().unwrap() + 1).into();
            let mut lines = lines.clone();
            lines[index] = changed.to_string();
            let verdict = check(&write(directory.path(), &lines));
            assert!(verdict.is_err(), "line {} with another {path}: {line}", index + 1);
            mutations += 1;
        }
        // A life's last line may be missing: the crash came before it.
        let ends_life =
            lines.get(index + 1).is_none_or(|next| next.contains(r#""record":"start""#));
        if !ends_life {
            let mut lines = lines.clone();
            lines.remove(index);
            let verdict = check(&write(directory.path(), &lines));
            assert!(verdict.is_err(), "without line {}: {line}", index + 1);
            mutations += 1;
        }
    }
    assert!(mutations > 100, "{mutations}");
}

#[test]
fn a_trace_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), &[r#"{"record":"event","event":"resign"}"#.to_owned()]);
    assert!(check(&path).unwrap_err().to_string().contains("does not begin with a start"));
}
