//! Reading a log's segments: slices that need no lock, and the batches in them.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use kraftig_wire::batch::{Batch, BatchError, BatchHeader, HEADER_SIZE};
use rustix::fs::sendfile;

use crate::disk::{DiskError, File};
use crate::error::LogError;

/// How much of a file is read at once when batches are read one after the other.
const CHUNK: u64 = 64 * 1024;

/// Some bytes of a segment. It stays readable without the log: a segment that is deleted meanwhile is kept
/// by the operating system until the last slice is gone. (A truncation is seen; a replica that truncates
/// serves nobody.)
#[derive(Clone, Debug)]
pub struct ReadSlice {
    file: Arc<File>,
    position: u64,
    len: usize,
}

impl ReadSlice {
    pub(crate) fn new(file: Arc<File>, position: u64, len: usize) -> Self {
        Self { file, position, len }
    }

    /// How many bytes there are; never 0.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a slice is never empty: reads that find nothing give none"
    )]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The file that holds the bytes.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Writes as many of the bytes as `socket` takes now, from `from` on, without bringing them into this
    /// process; returns how many. An error where the file has become too short.
    pub fn send(&self, socket: impl AsFd, from: usize) -> io::Result<usize> {
        let mut position = self.position + from as u64;
        match sendfile(socket, self.file.as_std(), Some(&mut position), self.len - from)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            sent => Ok(sent),
        }
    }

    /// The first `len` bytes; `None` where that is nothing.
    pub(crate) fn first(mut self, len: usize) -> Option<Self> {
        self.len = self.len.min(len);
        (self.len > 0).then_some(self)
    }

    /// Reads the bytes.
    pub fn read(&self) -> Result<Bytes, DiskError> {
        let mut bytes = vec![0; self.len];
        self.file.read_exact_at(&mut bytes, self.position)?;
        Ok(bytes.into())
    }

    fn end(&self) -> u64 {
        self.position + self.len as u64
    }

    fn damaged(&self, position: u64, problem: &dyn ToString) -> LogError {
        LogError::Damaged {
            path: self.file.path().to_path_buf(),
            position,
            problem: problem.to_string(),
        }
    }

    /// The header at `position`, of a batch that ends within the slice.
    fn parse(&self, bytes: &[u8], position: u64) -> Result<BatchHeader, LogError> {
        let header = BatchHeader::parse(bytes).map_err(|e| match e {
            BatchError::Magic(magic @ 0..=1) if position == 0 => {
                LogError::OldFormat { path: self.file.path().to_path_buf(), magic }
            }
            e => self.damaged(position, &e),
        })?;
        if header.size() as u64 > self.end() - position {
            return Err(self.damaged(position, &"the batch is longer than the file"));
        }
        Ok(header)
    }
}

/// The headers of a slice's batches, one after the other, each with its position.
pub(crate) struct Headers {
    slice: ReadSlice,
    next: u64,
    buffer: [u8; 4096],
    /// Which part of the file `buffer` holds.
    buffered: std::ops::Range<u64>,
}

impl Headers {
    pub(crate) fn new(slice: ReadSlice) -> Self {
        let next = slice.position;
        Self { slice, next, buffer: [0; 4096], buffered: 0..0 }
    }
}

impl Iterator for Headers {
    type Item = Result<(u64, BatchHeader), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let position = self.next;
        let wanted = (HEADER_SIZE as u64).min(self.slice.end() - position);
        if wanted == 0 {
            return None;
        }
        if position < self.buffered.start || position + wanted > self.buffered.end {
            let len =
                self.slice.end().saturating_sub(position).min(self.buffer.len() as u64) as usize;
            if let Err(e) = self.slice.file.read_exact_at(&mut self.buffer[..len], position) {
                return Some(Err(e.into()));
            }
            self.buffered = position..position + len as u64;
        }
        let from = (position - self.buffered.start) as usize;
        let to = (self.buffered.end - self.buffered.start) as usize;
        let header = self.slice.parse(&self.buffer[from..to], position);
        Some(header.map(|header| {
            self.next += header.size() as u64;
            (position, header)
        }))
    }
}

/// The batches of some slices, one after the other. Their CRCs are not checked.
pub struct Batches {
    slices: std::collections::VecDeque<ReadSlice>,
    next: u64,
    chunk: Bytes,
}

impl Batches {
    pub(crate) fn new(slices: impl IntoIterator<Item = ReadSlice>) -> Self {
        let slices: std::collections::VecDeque<_> = slices.into_iter().collect();
        let next = slices.front().map_or(0, |slice| slice.position);
        Self { slices, next, chunk: Bytes::new() }
    }

    /// Makes `chunk` hold at least `wanted` bytes from `next` on, of which the slice has at least as many.
    fn fill(&mut self, slice: &ReadSlice, wanted: u64) -> Result<(), LogError> {
        if (self.chunk.len() as u64) < wanted {
            let mut bytes = vec![0; wanted.max(CHUNK.min(slice.end() - self.next)) as usize];
            slice.file.read_exact_at(&mut bytes, self.next)?;
            self.chunk = bytes.into();
        }
        Ok(())
    }

    fn read(&mut self, slice: &ReadSlice) -> Result<Batch, LogError> {
        let position = self.next;
        self.fill(slice, (HEADER_SIZE as u64).min(slice.end() - position))?;
        let header = slice.parse(&self.chunk, position)?;
        self.fill(slice, header.size() as u64)?;
        let batch = Batch::parse(&self.chunk).map_err(|e| slice.damaged(position, &e))?;
        self.chunk.advance(header.size());
        self.next += header.size() as u64;
        Ok(batch)
    }

    /// Where in its segment the next batch begins.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let slice = self.slices.front()?.clone();
        if self.next == slice.end() {
            self.slices.pop_front();
            self.chunk = Bytes::new();
            self.next = self.slices.front().map_or(0, |slice| slice.position);
            return self.next();
        }
        Some(self.read(&slice))
    }
}
