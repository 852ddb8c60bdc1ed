//! `kraftig dump-log` as its user meets it. That it prints what stock Kafka prints is checked against stock
//! (`refinement/clients/dump_log_equal.py`); here, what stock cannot be asked.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use kraftig_log::snapshot::{self, SnapshotHeader, SnapshotId, SnapshotWriter};
use kraftig_spec::types::{Epoch, Offset};
use kraftig_wire::batch::BatchBuilder;
use kraftig_wire::messages::MetadataRecord;
use kraftig_wire::messages::feature_level_record::FeatureLevelRecord;

fn dump(file: &Path, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftig"));
    command.arg("dump-log").args(flags).arg("--files").arg(file).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let id = SnapshotId { end: Offset(7), epoch: Epoch(2) };
    let header = SnapshotHeader { last_contained_log_timestamp: 55, ..SnapshotHeader::default() };
    let mut writer = SnapshotWriter::create(directory.path(), id, &header, 66).unwrap().unwrap();
    let record = FeatureLevelRecord { name: "metadata.version".into(), feature_level: 29 };
    let record = MetadataRecord::from(record).encode(0).unwrap();
    writer.append(&record, 66).unwrap();
    writer.append(b"\x01\x63\x00", 66).unwrap();
    writer.freeze(66).unwrap();
    let file = snapshot::path(directory.path(), id);
    let output = dump(&file, &["--cluster-metadata-decoder", "--skip-record-metadata"]);
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines[0], format!("Dumping {}", file.display()));
    assert_eq!(lines[1], "Snapshot end offset: 7, epoch: 2");
    assert!(lines[2].starts_with("baseOffset: 0 lastOffset: 0 count: 1 "), "{}", lines[2]);
    assert_eq!(lines[3], "", "a control record has metadata alone");
    let payload = r#" payload: {"type":"FEATURE_LEVEL_RECORD","version":0,"data":{"name":"metadata.version","featureLevel":29}}"#;
    assert_eq!(lines[5], payload);
    assert!(lines[6].starts_with(" payload: Error at 2, skipping. "), "{}", lines[6]);
    let output = dump(&file, &["--deep-iteration"]);
    let header = r#" SnapshotHeader {"version":0,"lastContainedLogTimestamp":55}"#;
    assert!(text(&output.stdout).lines().nth(3).unwrap().ends_with(header), "{output:?}");
}

#[test]
fn what_is_no_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let mut batch = BatchBuilder::new(0, 0, 0);
    batch.push(None, Some(b"x"));
    let batch = batch.build();
    let mut malformed = batch.to_vec();
    malformed[61] = 0x7f;
    let mut old = batch.to_vec();
    old[16] = 1;
    let cases = [
        (directory.path().join("0.log"), "cannot open "),
        (file("x.log", &batch), "the name of a segment's file begins with an offset"),
        (file("x.checkpoint", &batch), "'x.checkpoint' is not a snapshot"),
        (file("1.log", &[0; 100]), "Found record size 0 smaller than minimum record overhead (14)"),
        (file("2.log", &malformed), "record 0: "),
        (file("3.log", &old), "the batch has magic 1; only 2 is supported"),
        (file("4.index", &[0; 8]), "cannot open "),
    ];
    for (path, message) in cases {
        let output = dump(&path, &["--print-data-log"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(message), "{message}: {output:?}");
    }
    // An index of a segment in use, before it has an entry: stock fails at it.
    file("5.log", b"");
    let output = dump(&file("5.index", &[0; 800]), &[]);
    assert!(text(&output.stdout).ends_with("5.index is empty.\n"), "{output:?}");
}
