//! `kraftig quickstart` never harms what is there already.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn quickstart(dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kraftig"))
        .args(["quickstart", "--dir"])
        .arg(dir)
        .output()
        .unwrap()
}

fn refused(dir: &Path, words: &str) {
    let output = quickstart(dir);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{output:?}");
}

#[test]
fn what_quickstart_did_not_make_is_refused_and_left_alone() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("photos");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("cat.jpg"), "meow").unwrap();
    refused(&dir, "is not empty");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);

    let properties = "version=1\nnode.id=1\ncluster.id=4L6g3nShT-eMCtK--X86sw\n";
    fs::write(dir.join("meta.properties"), properties).unwrap();
    fs::write(dir.join("server.properties"), "node.id=1\n").unwrap();
    refused(&dir, "kraftig server start FILE");
    assert_eq!(fs::read_to_string(dir.join("meta.properties")).unwrap(), properties);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);

    fs::write(dir.join("server.properties"), "# Made by kraftig quickstart.\n").unwrap();
    fs::remove_file(dir.join("meta.properties")).unwrap();
    refused(&dir, "was not formatted to its end");
    refused(&dir.join("cat.jpg"), "Cannot look into");
}

#[test]
fn a_name_that_no_file_can_hold_is_refused_before_it_is_made() {
    let base = tempfile::tempdir().unwrap();
    for name in ["a,b", "a "] {
        let dir = base.path().join(name);
        refused(&dir, "log.dirs cannot hold");
        assert!(!dir.exists());
    }
}
