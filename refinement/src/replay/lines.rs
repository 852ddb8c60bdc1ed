//! The lines of a node's traces.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use super::ReplayError;

/// A trace: its text, and the name that reports give it.
pub struct Trace {
    name: PathBuf,
    text: Box<dyn BufRead>,
}

impl Trace {
    /// A trace that is not in a file.
    pub fn new(name: impl Into<PathBuf>, text: impl BufRead + 'static) -> Self {
        Self { name: name.into(), text: Box::new(text) }
    }

    /// The traces in these files.
    pub fn files(files: &[PathBuf]) -> Result<Vec<Self>, ReplayError> {
        let open = |path: &PathBuf| {
            let file = File::open(path).map_err(|error| ReplayError::Read(path.clone(), error))?;
            Ok(Self::new(path.clone(), BufReader::new(file)))
        };
        files.iter().map(open).collect()
    }
}

/// The lines of some traces, one after the other.
pub(super) struct Lines {
    traces: VecDeque<Trace>,
    /// How many lines of the first trace were read.
    read: u64,
}

impl Lines {
    pub(super) fn new(traces: Vec<Trace>) -> Self {
        Self { traces: traces.into(), read: 0 }
    }

    /// The trace and the line, from 1, that were read last.
    pub(super) fn place(&self) -> (PathBuf, u64) {
        (self.traces.front().map(|trace| trace.name.clone()).unwrap_or_default(), self.read)
    }

    pub(super) fn next(&mut self) -> Result<Option<String>, ReplayError> {
        while let Some(trace) = self.traces.front_mut() {
            let mut line = Vec::new();
            let read = trace.text.read_until(b'\n', &mut line);
            if read.map_err(|error| ReplayError::Read(trace.name.clone(), error))? > 0 {
                self.read += 1;
                // What is no text is no record either.
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.traces.len() == 1 {
                break;
            }
            self.traces.pop_front();
            self.read = 0;
        }
        Ok(None)
    }
}
