//! `kraftig quorum recover` where there is nothing to recover: it says so, and changes nothing. What it does on quorums of
//! processes: `refinement/clients/recover.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

fn configured(base: &Path, roles: &str) -> PathBuf {
    let listener = if roles == "broker" { "PLAINTEXT" } else { "CONTROLLER" };
    let file = base.join("server.properties");
    let text = format!(
        "process.roles={roles}\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
         listeners={listener}://localhost:9093\ncontroller.listener.names=CONTROLLER\nlog.dirs={}\n",
        base.join("data").display()
    );
    fs::write(&file, text).unwrap();
    file
}

fn kraftig(command: &[&str], file: &Path) -> (Option<i32>, String, String) {
    let mut kraftig = Command::new(env!("CARGO_BIN_EXE_kraftig"));
    let output = kraftig.args(command).arg("--config").arg(file).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    files
}

fn refuses(file: &Path, words: &str) {
    let base = file.parent().unwrap();
    for dry_run in [&["quorum", "recover"][..], &["quorum", "recover", "--dry-run"]] {
        let before = files(base);
        let (status, said, error) = kraftig(dry_run, file);
        assert_eq!((status, said.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains(words), "{error}");
        assert_eq!(files(base), before, "something was changed");
    }
}

#[test]
fn there_is_nothing_to_recover() {
    let base = tempfile::tempdir().unwrap();
    refuses(&configured(base.path(), "broker"), "process.roles has no controller");
    let file = configured(base.path(), "controller");
    refuses(&file, "kraftig storage format");
    let voter = |id: i32| {
        format!(
            "{id}@localhost:{}:ZbiFC_AVJJjPyZEQlINm2{}",
            9092 + id,
            ["", "A", "Q", "g"][id as usize]
        )
    };
    let voters = [1, 2, 3].map(voter).join(",");
    let format = ["storage", "format", "--cluster-id", CLUSTER, "--initial-controllers", &voters];
    let (status, _, error) = kraftig(&format, &file);
    assert_eq!(status, Some(0), "{error}");
    refuses(&file, "the metadata log has no records: there is nothing to recover.");
    fs::remove_dir_all(base.path().join("data")).unwrap();
    let (status, _, error) = kraftig(&["storage", "format", "--cluster-id", CLUSTER, "-N"], &file);
    assert_eq!(status, Some(0), "{error}");
    refuses(&file, "neither the metadata log nor controller.quorum.voters says who votes");
    let (status, _, error) = kraftig(&["quorum", "recover", "--timeout-ms", "0"], &file);
    assert_eq!(status, Some(2), "who is not waited for seems to be gone: {error}");
}
