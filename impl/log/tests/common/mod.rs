//! What the tests of logs share.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kraftig_log::{Known, Log, LogConfig, Recovery};
use kraftig_spec::types::{TopicId, Uuid};
use kraftig_wire::batch::BatchBuilder;
use tempfile::TempDir;

pub(crate) const TOPIC: TopicId = TopicId(Uuid([7; 16]));

/// A configuration of small segments and indexes, so that little data makes much happen.
pub(crate) fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 1000,
        index_interval_bytes: 200,
        index_bytes: 1200,
        ..LogConfig::default()
    }
}

/// A batch of `count` records from `base` on, all at `time`.
pub(crate) fn batch(base: i64, count: usize, epoch: i32, time: i64) -> Bytes {
    let mut builder = BatchBuilder::new(base, epoch, time);
    for index in 0..count {
        builder.push(None, Some(format!("record {}", base + index as i64).as_bytes()));
    }
    builder.build()
}

pub(crate) struct Replica {
    pub(crate) root: TempDir,
    pub(crate) config: Arc<LogConfig>,
}

impl Replica {
    pub(crate) fn new(config: LogConfig) -> Self {
        Self { root: tempfile::tempdir().unwrap(), config: Arc::new(config) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("t-0")
    }

    /// An empty log, whose directory is made.
    pub(crate) fn create(&self) -> Log {
        let mut log = Log::create(&self.path(), TOPIC, Some(0), self.config.clone(), 0).unwrap();
        log.flush(0).unwrap();
        log
    }

    pub(crate) fn open(&self, known: Known) -> (Log, Recovery) {
        Log::open(&self.path(), known, self.config.clone(), 0).unwrap()
    }

    pub(crate) fn open_clean(&self) -> Log {
        let known = Known { clean: true, ..Known::default() };
        let (log, recovery) = self.open(known);
        assert_eq!(recovery, Recovery::default(), "nothing is read after a clean stop");
        log
    }

    /// A copy of the directory as it is: what a killed process leaves behind.
    pub(crate) fn crash(&self) -> Self {
        let copy = Self { root: tempfile::tempdir().unwrap(), config: self.config.clone() };
        fs::create_dir(copy.path()).unwrap();
        for entry in fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        copy
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// Names and lengths of the files in a directory.
pub(crate) fn listing(directory: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
        })
        .collect();
    files.sort();
    files
}

/// All bytes of a log from its start on.
pub(crate) fn content(log: &mut Log) -> Vec<u8> {
    let start = log.start_offset();
    log.batches_from(start).unwrap().flat_map(|batch| batch.unwrap().bytes().to_vec()).collect()
}
