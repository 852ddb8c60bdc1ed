//! A search written down, so that it goes on after a kill as if it had never ended.
//!
//! A directory holds what was seen (`seen`, only ever longer), what waits (`waiting-N`), and `state.json`, which says how
//! much of both counts, and their checksums. That is written last, flushed and renamed: a kill leaves the checkpoint before
//! or the one after. What is not what was written is refused, each file by its checksum.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::frontier::{Chunk, Queue};
use super::visited::{Id, SHARDS};
use super::{CheckpointAt, SoFar, Violation};

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// Another process goes on from there.
    #[error("--checkpoint {0}: another process uses it")]
    InUse(PathBuf),
    /// It is of something else.
    #[error(
        "--checkpoint {directory}: holds a search of {held}, and not of {wanted}; give another directory, or remove it"
    )]
    Other {
        /// As given.
        directory: PathBuf,
        /// What was searched.
        held: String,
        /// What shall be.
        wanted: String,
    },
    /// It is by a program that may explore other states.
    #[error(
        "--checkpoint {0}: was written by another build of this program; give another directory, or remove it"
    )]
    Build(PathBuf),
    /// It is not what was written.
    #[error("--checkpoint {0}: is damaged ({1}); remove it")]
    Damaged(PathBuf, &'static str),
}

/// The place where a search is written down.
pub(super) struct Checkpoint {
    directory: PathBuf,
    subject: String,
    build: String,
    every: Duration,
    seen: File,
    /// The checksum of all that is in `seen`.
    sum: Xxh3,
    /// How many states of each shard are in `seen`.
    written: [usize; SHARDS],
    number: u64,
    /// When this process began.
    opened: Instant,
    last: Instant,
    /// A checkpoint is not begun before ten times as long as the last one took.
    took: Duration,
    /// Held as long as the search runs.
    _lock: File,
}

const STATE: &str = "state.json";

impl Checkpoint {
    /// Makes the directory; if it holds a checkpoint, the search goes on from it.
    pub(super) fn open(
        at: &CheckpointAt,
        so_far: &mut SoFar,
        properties: &[&'static str],
    ) -> Result<Self, CheckpointError> {
        let directory = at.directory.clone();
        let failed = |error| CheckpointError::Io(directory.clone(), error);
        fs::create_dir_all(&directory).map_err(failed)?;
        let lock = File::create(directory.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(CheckpointError::InUse(directory)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Ok(()) => {}
        }
        let mut open = File::options();
        let seen = open.read(true).write(true).create(true).truncate(false);
        let mut checkpoint = Self {
            seen: seen.open(directory.join("seen")).map_err(failed)?,
            sum: Xxh3::new(),
            subject: at.subject.clone(),
            build: build().map_err(failed)?,
            every: at.every,
            written: [0; SHARDS],
            number: 0,
            opened: Instant::now(),
            last: Instant::now(),
            took: Duration::ZERO,
            _lock: lock,
            directory,
        };
        match fs::read(checkpoint.directory.join(STATE)) {
            Ok(state) => checkpoint.restore(&state, so_far, properties)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let cut = checkpoint.seen.set_len(0);
                cut.map_err(|error| CheckpointError::Io(checkpoint.directory.clone(), error))?;
            }
            Err(error) => return Err(CheckpointError::Io(checkpoint.directory, error)),
        }
        Ok(checkpoint)
    }

    fn restore(
        &mut self,
        state: &[u8],
        so_far: &mut SoFar,
        properties: &[&'static str],
    ) -> Result<(), CheckpointError> {
        let damaged = |why| CheckpointError::Damaged(self.directory.clone(), why);
        let mut lines = state.split(|byte| *byte == b'\n');
        let (text, sum) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let state: Value = serde_json::from_slice(text).map_err(|_| damaged("state.json"))?;
        if state["subject"] != self.subject {
            return Err(CheckpointError::Other {
                directory: self.directory.clone(),
                held: state["subject"].as_str().unwrap_or("something else").to_owned(),
                wanted: self.subject.clone(),
            });
        }
        if state["build"] != self.build {
            return Err(CheckpointError::Build(self.directory.clone()));
        }
        if sum != hex(xxh3_128(text)).as_bytes() {
            return Err(damaged("state.json"));
        }
        let number = |value: &Value| value.as_u64().ok_or_else(|| damaged("state.json"));
        let numbers = |value: &Value| -> Result<Vec<u64>, CheckpointError> {
            value.as_array().ok_or_else(|| damaged("state.json"))?.iter().map(number).collect()
        };
        so_far.generated = number(&state["generated"])?;
        so_far.levels = numbers(&state["levels"])?;
        so_far.covered = numbers(&state["covered"])?;
        so_far.spilled = number(&state["spilled"])?;
        so_far.resumed = number(&state["resumed"])? + 1;
        so_far.before = Duration::from_millis(number(&state["milliseconds"])?);
        for violation in state["violations"].as_array().ok_or_else(|| damaged("state.json"))? {
            let name = violation["property"].as_str();
            let property = properties.iter().find(|known| Some(**known) == name).copied();
            let print =
                |print: &Value| print.as_str().and_then(|text| u128::from_str_radix(text, 16).ok());
            let path: Option<Vec<_>> =
                violation["path"].as_array().and_then(|path| path.iter().map(print).collect());
            let (Some(property), Some(path)) = (property, path) else {
                return Err(damaged("state.json"));
            };
            so_far.violations.push(Violation { property, path });
        }
        self.number = number(&state["number"])?;
        let length = number(&state["seen"])?;
        self.restore_seen(length, so_far)?;
        if state["seen_sum"] != hex(self.sum.digest128()) {
            return Err(CheckpointError::Damaged(self.directory.clone(), "seen"));
        }
        self.restore_waiting(&state["waiting_sum"], so_far)?;
        // A kill may have left what waited before, or what was to wait next.
        for number in [self.number.wrapping_sub(1), self.number + 1] {
            let path = self.waiting(number);
            remove(&path).map_err(|error| CheckpointError::Io(path, error))?;
        }
        Ok(())
    }

    fn restore_seen(&mut self, length: u64, so_far: &mut SoFar) -> Result<(), CheckpointError> {
        let damaged = || CheckpointError::Damaged(self.directory.clone(), "seen");
        let read = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(),
            _ => CheckpointError::Io(self.directory.join("seen"), error),
        };
        let summed = Summed { file: (&self.seen).take(length), sum: &mut self.sum };
        let mut from = BufReader::with_capacity(1 << 20, summed);
        let mut left = length;
        while left > 0 {
            let (shard, count) =
                (read_u32(&mut from).map_err(read)?, read_u32(&mut from).map_err(read)?);
            let shard = so_far.visited.shards.get_mut(shard as usize).ok_or_else(damaged)?;
            for _ in 0..count {
                let mut print = [0; 16];
                from.read_exact(&mut print).map_err(read)?;
                let parent = Id(read_u32(&mut from).map_err(read)?);
                shard.insert(u128::from_le_bytes(print), Some(parent)).ok_or_else(damaged)?;
            }
            left = left.saturating_sub(8 + 20 * u64::from(count));
        }
        drop(from);
        for (written, shard) in self.written.iter_mut().zip(&so_far.visited.shards) {
            *written = shard.len();
        }
        self.seen.set_len(length).map_err(read)?;
        Ok(())
    }

    /// The chunks stay on the disk until they are taken.
    fn restore_waiting(&self, sum: &Value, so_far: &mut SoFar) -> Result<(), CheckpointError> {
        let path = self.waiting(self.number);
        let failed = |error| CheckpointError::Io(path.clone(), error);
        let damaged = || CheckpointError::Damaged(self.directory.clone(), "what waits");
        let file = Arc::new(File::open(&path).map_err(failed)?);
        let mut all = Xxh3::new();
        let mut whole = Summed { file: &*file, sum: &mut all };
        let length = io::copy(&mut whole, &mut io::sink()).map_err(failed)?;
        if *sum != hex(all.digest128()) {
            return Err(damaged());
        }
        (&*file).rewind().map_err(failed)?;
        let mut from = BufReader::new(&*file);
        let mut at = 0;
        while at < length {
            let queue = read_u32(&mut from).map_err(failed)? as usize;
            let states = read_u32(&mut from).map_err(failed)? as usize;
            let len = read_u32(&mut from).map_err(failed)?;
            at += 12;
            let chunk = Chunk::on_disk(states, Arc::clone(&file), at, len as usize);
            let queue = if queue == 0 {
                &mut so_far.now
            } else {
                so_far.next.get_mut(queue - 1).ok_or_else(damaged)?
            };
            queue.add(chunk);
            from.seek_relative(i64::from(len)).map_err(failed)?;
            at += u64::from(len);
        }
        if at == length { Ok(()) } else { Err(damaged()) }
    }

    fn waiting(&self, number: u64) -> PathBuf {
        self.directory.join(format!("waiting-{number}"))
    }

    /// Writes the search down if it is time.
    pub(super) fn write_if_due(&mut self, so_far: &mut SoFar) -> Result<(), CheckpointError> {
        if self.last.elapsed() < self.every.max(10 * self.took) {
            return Ok(());
        }
        let began = Instant::now();
        let written = self.write(so_far);
        written.map_err(|error| CheckpointError::Io(self.directory.clone(), error))?;
        self.took = began.elapsed();
        self.last = Instant::now();
        Ok(())
    }

    fn write(&mut self, so_far: &mut SoFar) -> io::Result<()> {
        let end = self.seen.seek(SeekFrom::End(0))?;
        let summed = Summed { file: &self.seen, sum: &mut self.sum };
        let mut seen = BufWriter::with_capacity(1 << 20, summed);
        let mut length = end;
        for (number, shard) in so_far.visited.shards.iter().enumerate() {
            let new = self.written[number]..shard.len();
            self.written[number] = new.end;
            if new.is_empty() {
                continue;
            }
            seen.write_all(&(number as u32).to_le_bytes())?;
            seen.write_all(&(new.len() as u32).to_le_bytes())?;
            length += 8 + 20 * new.len() as u64;
            for place in new {
                let (print, parent) = shard.get(place);
                seen.write_all(&print.to_le_bytes())?;
                seen.write_all(&parent.0.to_le_bytes())?;
            }
        }
        seen.flush()?;
        drop(seen);
        self.seen.sync_data()?;
        let number = self.number + 1;
        let waiting = File::create(self.waiting(number))?;
        let mut waiting_sum = Xxh3::new();
        let summed = Summed { file: &waiting, sum: &mut waiting_sum };
        let mut to = BufWriter::with_capacity(1 << 20, summed);
        write_queue(&mut to, 0, &mut so_far.now)?;
        for (shard, queue) in so_far.next.iter_mut().enumerate() {
            write_queue(&mut to, shard as u32 + 1, queue)?;
        }
        to.flush()?;
        drop(to);
        waiting.sync_data()?;
        let violation = |violation: &Violation| {
            let path: Vec<String> =
                violation.path.iter().map(|print| format!("{print:x}")).collect();
            json!({ "property": violation.property, "path": path })
        };
        let state = json!({
            "subject": self.subject, "build": self.build, "number": number, "seen": length,
            "generated": so_far.generated, "levels": so_far.levels, "covered": so_far.covered,
            "spilled": so_far.spilled,
            "violations": so_far.violations.iter().map(violation).collect::<Vec<_>>(),
            "resumed": so_far.resumed,
            "milliseconds": (so_far.before + self.opened.elapsed()).as_millis() as u64,
            "seen_sum": hex(self.sum.digest128()), "waiting_sum": hex(waiting_sum.digest128()),
        });
        let text = state.to_string();
        let sum = hex(xxh3_128(text.as_bytes()));
        write_whole(&self.directory, STATE, format!("{text}\n{sum}\n").as_bytes())?;
        // Chunks that come from the checkpoint before keep its file open.
        remove(&self.waiting(self.number))?;
        self.number = number;
        Ok(())
    }

    /// The search has ended: there is nothing to go on from.
    pub(super) fn done(self) -> Result<(), CheckpointError> {
        let files =
            [self.directory.join(STATE), self.directory.join("seen"), self.waiting(self.number)];
        for file in files {
            remove(&file).map_err(|error| CheckpointError::Io(file, error))?;
        }
        Ok(())
    }
}

/// A file, and the checksum of what went in or came out.
struct Summed<'a, F> {
    file: F,
    sum: &'a mut Xxh3,
}

impl<F: Write> Write for Summed<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<F: Read> Read for Summed<'_, F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }
}

fn hex(sum: u128) -> String {
    format!("{sum:032x}")
}

fn write_queue(to: &mut impl Write, number: u32, queue: &mut Queue) -> io::Result<()> {
    for chunk in queue.chunks() {
        let bytes = chunk.read()?;
        to.write_all(&number.to_le_bytes())?;
        to.write_all(&(chunk.states() as u32).to_le_bytes())?;
        to.write_all(&(bytes.len() as u32).to_le_bytes())?;
        to.write_all(&bytes)?;
    }
    Ok(())
}

fn read_u32(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// Replaces a file by one that is whole.
fn write_whole(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = directory.join(format!("{name}.new"));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, directory.join(name))?;
    File::open(directory)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What tells this program from every other; read once.
fn build() -> io::Result<String> {
    static BUILD: OnceLock<String> = OnceLock::new();
    if let Some(known) = BUILD.get() {
        return Ok(known.clone());
    }
    let program = fs::read(std::env::current_exe()?)?;
    Ok(BUILD.get_or_init(|| hex(xxh3_128(&program))).clone())
}
