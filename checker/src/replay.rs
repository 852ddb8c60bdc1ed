//! `replay`: a running node held against the model.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(files: &[PathBuf], dir: Option<&Path>, json: bool) -> Result<ExitCode, String> {
    let _ = (files, dir, json);
    Err("not yet".to_owned())
}
