//! Writes down what the quorum core takes and asks for (see [`kraftig_spec::quorum::trace`]).

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kraftig_spec::quorum::trace::TraceRecord;
use kraftig_spec::quorum::{Config, Effect, Event, Restored};
use kraftig_wire::batch::BatchHeader;

use super::QuorumError;

/// How every trace begins.
const START: &str = r#"{"record":"start","#;
/// As much of the first line as is looked at.
const MOST_START: u64 = 64;

/// A trace that is being written.
pub struct Tracer {
    name: PathBuf,
    sink: Box<dyn Write + Send>,
    lines: Vec<u8>,
}

impl Tracer {
    /// Goes on with the trace at `path`. A torn last line stays as it is: it ends here.
    pub fn open(path: &Path) -> Result<Self, QuorumError> {
        let open = || {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            let mut first = String::new();
            BufReader::new(&file).take(MOST_START).read_line(&mut first)?;
            if !first.is_empty() && !first.starts_with(START) {
                let why = "is not a trace, and nothing is appended to other files; name a new file";
                return Err(Error::new(ErrorKind::InvalidInput, why));
            }
            let mut last = [b'\n'];
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
            Ok(file)
        };
        let file = open().map_err(|error| QuorumError::Trace(path.to_owned(), error))?;
        Ok(Self::new(path.to_owned(), Box::new(file)))
    }

    /// Writes to `sink`, which has nothing of a line in it or ends with a whole one; errors speak of it as `name`.
    pub fn new(name: PathBuf, sink: Box<dyn Write + Send>) -> Self {
        Self { name, sink, lines: Vec::new() }
    }

    pub(super) fn start(&mut self, config: &Config, restored: &Restored) {
        let (config, restored) = (config.clone(), restored.clone());
        self.line(&TraceRecord::Start { config, restored });
    }

    pub(super) fn event(&mut self, event: &Event<Bytes>) {
        self.line(&TraceRecord::Event(event.map(digest)));
    }

    pub(super) fn effect(&mut self, effect: &Effect<Bytes>) {
        self.line(&TraceRecord::Effect(effect.map(digest)));
    }

    fn line(&mut self, record: &TraceRecord<u32>) {
        serde_json::to_writer(&mut self.lines, record).expect("a trace record is plain data");
        self.lines.push(b'\n');
    }

    /// Must come before anything that the lines speak of is done where others can see it.
    pub(super) fn write(&mut self) -> Result<(), QuorumError> {
        if !self.lines.is_empty() {
            let written = self.sink.write_all(&self.lines);
            written.map_err(|error| QuorumError::Trace(self.name.clone(), error))?;
            self.lines.clear();
        }
        Ok(())
    }
}

/// A batch's CRC-32C stands for its content.
fn digest(batch: &Bytes) -> u32 {
    BatchHeader::parse(batch).map_or(0, |header| header.crc)
}
