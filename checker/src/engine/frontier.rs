//! States that wait to be explored, as bytes: in memory, or on a disk where they are too many.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::visited::Id;

/// So many states are taken at once by a thread.
pub(super) const CHUNK: usize = 256;

/// Up to [`CHUNK`] states, one after another: id, length, bytes.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    states: usize,
    at: Held,
}

#[derive(Clone, Debug)]
enum Held {
    Memory(Arc<[u8]>),
    Disk { file: Arc<File>, offset: u64, len: usize },
}

impl Chunk {
    pub(super) fn on_disk(states: usize, file: Arc<File>, offset: u64, len: usize) -> Self {
        Self { states, at: Held::Disk { file, offset, len } }
    }

    pub(super) fn states(&self) -> usize {
        self.states
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        match &self.at {
            Held::Memory(bytes) => bytes.len(),
            Held::Disk { .. } => 0,
        }
    }

    /// What it holds.
    pub(super) fn read(&self) -> io::Result<Arc<[u8]>> {
        match &self.at {
            Held::Memory(bytes) => Ok(Arc::clone(bytes)),
            Held::Disk { file, offset, len } => {
                let mut bytes = vec![0; *len];
                file.read_exact_at(&mut bytes, *offset)?;
                Ok(bytes.into())
            }
        }
    }

    /// The states in what [`Self::read`] gave.
    pub(super) fn each(mut bytes: &[u8]) -> impl Iterator<Item = (Id, &[u8])> {
        std::iter::from_fn(move || {
            let (id, rest) = bytes.split_first_chunk()?;
            let (len, rest) = rest.split_first_chunk()?;
            let (state, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
            bytes = rest;
            Some((Id(u32::from_le_bytes(*id)), state))
        })
    }
}

/// States in the order in which they will be taken.
#[derive(Debug, Default)]
pub(super) struct Queue {
    chunks: VecDeque<Chunk>,
    /// Not yet a chunk.
    open: Vec<u8>,
    in_open: usize,
}

impl Queue {
    /// Puts a state at the end.
    pub(super) fn push(&mut self, id: Id, bytes: &[u8]) {
        self.open.extend_from_slice(&id.0.to_le_bytes());
        self.open.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.open.extend_from_slice(bytes);
        self.in_open += 1;
        if self.in_open == CHUNK {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.in_open > 0 {
            let held = Held::Memory(self.open.as_slice().into());
            self.chunks.push_back(Chunk { states: self.in_open, at: held });
            self.open.clear();
            self.in_open = 0;
        }
    }

    pub(super) fn add(&mut self, chunk: Chunk) {
        self.close();
        self.chunks.push_back(chunk);
    }

    /// Puts all of `other` at the end, and leaves it empty.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.close();
        other.close();
        self.chunks.append(&mut other.chunks);
    }

    /// Takes about so many states from the front.
    pub(super) fn take(&mut self, states: usize) -> Vec<Chunk> {
        self.close();
        let mut taken = 0;
        let mut chunks = Vec::new();
        while taken < states
            && let Some(chunk) = self.chunks.pop_front()
        {
            taken += chunk.states;
            chunks.push(chunk);
        }
        chunks
    }

    pub(super) fn states(&self) -> usize {
        self.chunks.iter().map(Chunk::states).sum::<usize>() + self.in_open
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::bytes).sum::<usize>() + self.open.capacity()
    }

    /// All chunks, in order.
    pub(super) fn chunks(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.close();
        self.chunks.iter_mut()
    }
}

/// A file that nobody else sees, for chunks that memory has no room for.
#[derive(Debug)]
pub(super) struct Spill {
    file: Arc<File>,
    end: u64,
}

impl Spill {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { file: Arc::new(tempfile::tempfile()?), end: 0 })
    }

    /// Moves what a queue holds in memory to the disk. How many bytes that were.
    pub(super) fn take(&mut self, queue: &mut Queue) -> io::Result<u64> {
        let before = self.end;
        for chunk in queue.chunks() {
            if let Held::Memory(bytes) = &chunk.at {
                let len = bytes.len();
                self.file.write_all_at(bytes, self.end)?;
                chunk.at = Held::Disk { file: Arc::clone(&self.file), offset: self.end, len };
                self.end += len as u64;
            }
        }
        Ok(self.end - before)
    }

    /// Gives the disk back, once nothing is waiting there any more.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if self.end > 0 && Arc::strong_count(&self.file) == 1 {
            self.file.set_len(0)?;
            self.end = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut Queue) -> Vec<(u32, Vec<u8>)> {
        let mut all = Vec::new();
        for chunk in queue.take(usize::MAX) {
            let bytes = chunk.read().unwrap();
            all.extend(Chunk::each(&bytes).map(|(id, state)| (id.0, state.to_vec())));
        }
        all
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut queue = Queue::default();
        let states: Vec<(u32, Vec<u8>)> =
            (0..1000).map(|number| (number, vec![number as u8; number as usize % 70])).collect();
        let fill = |queue: &mut Queue| {
            for (id, bytes) in &states {
                queue.push(Id(*id), bytes);
            }
        };
        fill(&mut queue);
        assert_eq!(queue.states(), 1000);
        let mut spill = Spill::new().unwrap();
        assert!(spill.take(&mut queue).unwrap() > 1000);
        assert_eq!(spill.take(&mut queue).unwrap(), 0);
        fill(&mut queue);
        spill.clear().unwrap();
        assert_eq!(drain(&mut queue), [states.clone(), states.clone()].concat());
        assert_eq!(queue.states(), 0);
        spill.clear().unwrap();
        assert_eq!(spill.file.metadata().unwrap().len(), 0);
    }
}
