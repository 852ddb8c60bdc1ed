//! What a search is given, and what comes of it.

use std::path::PathBuf;
use std::time::Duration;

use super::checkpoint::CheckpointError;
use super::visited::{Fingerprint, odds_of_collision};

/// How far a search may go, and with what.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Threads that explore, from 1. No result depends on it.
    pub threads: usize,
    /// Steps from the start.
    pub max_depth: Option<usize>,
    /// Bytes that the states seen and the states waiting may take. States that wait go to a disk beyond it; a search
    /// whose seen states alone need more ends.
    pub memory: usize,
    /// Where the search is written down from time to time, and from where it goes on.
    pub checkpoint: Option<CheckpointAt>,
}

/// Where a search is written down.
#[derive(Clone, Debug)]
pub struct CheckpointAt {
    /// The directory; it is made.
    pub directory: PathBuf,
    /// What is searched: only the same search goes on from there.
    pub subject: String,
    /// The least time between two.
    pub every: Duration,
}

impl Limits {
    /// Everything, on so many threads, with three quarters of the memory that is free.
    pub fn of(threads: usize) -> Self {
        Self { threads, max_depth: None, memory: free_memory() / 4 * 3, checkpoint: None }
    }
}

/// The bytes of memory that the system has to give; 4 GiB where it does not say.
pub fn free_memory() -> usize {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    kilobytes.map_or(4 << 30, |kilobytes: usize| kilobytes << 10)
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every state was seen.
    Complete,
    /// A property is broken; the level in which it is was finished.
    Violated,
    /// More states lie beyond the depth that was asked for.
    MaxDepth,
    /// The states seen need more memory than was given.
    Memory,
}

/// A property that is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property's name.
    pub property: &'static str,
    /// The last states of the path, fingerprints from the start.
    pub(super) path: Vec<Fingerprint>,
}

impl Violation {
    /// Steps from the initial state.
    pub fn steps(&self) -> usize {
        self.path.len() - 1
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Different states.
    pub unique: u64,
    /// Transitions that were computed, and the initial states.
    pub generated: u64,
    /// How many states are first reached in so many steps.
    pub levels: Vec<u64>,
    /// Why it ended.
    pub end: End,
    /// The first place at which each property is broken that is.
    pub violations: Vec<Violation>,
    /// How often each landmark of the model was come across, in its order.
    pub covered: Vec<u64>,
    /// The most bytes that what was seen took, in all.
    pub seen_bytes: usize,
    /// Bytes that were written to a disk as memory had no room for them.
    pub spilled: u64,
    /// How often the search went on from a checkpoint. A run that wrote none before it was killed is not counted.
    pub resumed: u64,
    /// The time that it had taken until the last checkpoint that it went on from. What was done after it was done again.
    pub before: Duration,
}

impl Found {
    /// Steps from the initial state to the farthest.
    pub fn depth(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    /// The chance that two different states of this search have one fingerprint, if fingerprints are spread evenly.
    pub fn odds_of_collision(&self) -> f64 {
        odds_of_collision(self.unique)
    }

    /// Whether every state was seen.
    pub fn complete(&self) -> bool {
        self.end == End::Complete
    }
}

/// How a search goes on; told once a block.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Steps from the start.
    pub level: usize,
    /// States seen.
    pub unique: usize,
    /// States of this level that are not explored yet.
    pub waiting: usize,
}

/// Why a search could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The disk for states that memory has no room for.
    #[error("states that wait cannot be kept on disk: {0}; give more --memory, or room in TMPDIR")]
    Spill(#[from] std::io::Error),
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A property that a search through states cannot judge.
    #[error("{0} is a property of whole behaviours, this search judges states and steps")]
    Property(&'static str),
}
