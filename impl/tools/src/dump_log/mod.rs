//! `kraftig dump-log`: Kafka's `kafka-dump-log.sh`.

mod index;
mod log;
mod producers;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::output::{Failure, Output};

#[derive(Args)]
pub(crate) struct DumpLog {
    /// The files to look at: .log, .checkpoint, .index, .timeindex, .snapshot, .txnindex
    #[arg(long, value_name = "FILE[,FILE...]", required = true, value_delimiter = ',')]
    files: Vec<PathBuf>,
    /// Print records as those of the metadata log
    #[arg(long)]
    cluster_metadata_decoder: bool,
    /// Print keys and values of records; comes with a decoder
    #[arg(long)]
    print_data_log: bool,
    /// Print a line for each record, and not for batches alone; comes with --print-data-log
    #[arg(long)]
    deep_iteration: bool,
    /// Print only keys and values of records
    #[arg(long)]
    skip_record_metadata: bool,
    /// Look at so many bytes of each .log at most
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u32>,
    /// Hold an index against its log and print nothing of it
    #[arg(long)]
    verify_index_only: bool,
}

/// What does not fit, to be said at the end: by file and in the order of the files.
#[derive(Default)]
struct Findings(Vec<(String, Vec<String>)>);

impl Findings {
    /// Adds a line below a heading.
    fn add(&mut self, heading: &str, line: String) {
        match self.0.iter_mut().find(|(known, _)| known == heading) {
            Some((_, lines)) => lines.push(line),
            None => self.0.push((heading.to_owned(), vec![line])),
        }
    }

    /// Kafka has the last one first.
    fn report(&self, out: &Output) {
        for (heading, lines) in &self.0 {
            out.warn(heading);
            lines.iter().rev().for_each(|line| out.warn(line));
        }
    }
}

impl DumpLog {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let mut findings = Findings::default();
        for path in &self.files {
            out.line(format!("Dumping {}", path.display()));
            match path.extension().and_then(OsStr::to_str) {
                Some("log" | "checkpoint") => log::dump(path, &self, &mut findings, out)?,
                Some("index") => {
                    index::dump_offsets(path, self.verify_index_only, &mut findings, out)?;
                }
                Some("timeindex") => {
                    index::dump_times(path, self.verify_index_only, &mut findings, out)?;
                }
                Some("snapshot") => producers::dump(path, out)?,
                Some("txnindex") => index::dump_transactions(path, out)?,
                _ => out.warn(format!("Ignoring unknown file {}", path.display())),
            }
        }
        findings.report(out);
        Ok(ExitCode::SUCCESS)
    }

    fn prints_data(&self) -> bool {
        self.print_data_log || self.cluster_metadata_decoder
    }
}

/// The file's name without its suffix, which is an offset.
fn base_offset(path: &Path) -> Result<i64, Failure> {
    let stem = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    stem.parse().map_err(|_| {
        Failure(format!("{}: the name of a segment's file begins with an offset", path.display()))
    })
}

/// How messages name a file.
fn absolute(path: &Path) -> Result<String, Failure> {
    Ok(std::path::absolute(path)?.display().to_string())
}
