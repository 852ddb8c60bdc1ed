//! `cargo run -p kraftig-wire-generator` writes `impl/wire/src/messages` from `impl/wire/schemas`;
//! with `--check` it writes nothing and fails where the two do not agree.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use kraftig_wire_generator::{modules, schema};

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("unknown argument {other}; usage: kraftig-wire-generator [--check]");
            return ExitCode::from(2);
        }
    };
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    match run(&wire, check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the modules, or compares them with what is there.
fn run(wire: &Path, check: bool) -> Result<(), String> {
    let target = wire.join("src/messages");
    let mut messages = Vec::new();
    for file in list(&wire.join("schemas"))? {
        let path = wire.join("schemas").join(&file);
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        messages.extend(schema::parse(&text).map_err(|e| format!("{file}: {e}"))?);
    }
    messages.sort_by(|a, b| a.name().cmp(b.name()));
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (name, source) in modules(&messages)? {
        let source = format(&source).map_err(|e| format!("{name}: {e}"))?;
        files.insert(name, source);
    }
    let there: BTreeSet<String> = if target.exists() { list(&target)? } else { BTreeSet::new() };
    for name in there.iter().filter(|name| !files.contains_key(*name)) {
        if check {
            return Err(format!("{name} has no schema: run `cargo run -p kraftig-wire-generator`"));
        }
        std::fs::remove_file(target.join(name)).map_err(|e| format!("{name}: {e}"))?;
    }
    for (name, source) in files {
        let path = target.join(&name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == source) {
            continue;
        }
        if check {
            return Err(format!(
                "{name} differs from its schema: run `cargo run -p kraftig-wire-generator`"
            ));
        }
        std::fs::create_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
        std::fs::write(&path, source).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

/// The names of the files in a folder, sorted.
fn list(folder: &Path) -> Result<BTreeSet<String>, String> {
    let error = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        names.insert(entry.map_err(error)?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// `source` as rustfmt writes it.
fn format(source: &str) -> Result<String, String> {
    let error = |e: std::io::Error| format!("rustfmt: {e}");
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(error)?;
    child.stdin.take().ok_or("rustfmt: no stdin")?.write_all(source.as_bytes()).map_err(error)?;
    let output = child.wait_with_output().map_err(error)?;
    if !output.status.success() {
        return Err("rustfmt refused the generated source".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}
