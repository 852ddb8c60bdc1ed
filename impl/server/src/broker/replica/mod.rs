//! This node's partitions: which there are, where they lie, and what becomes of them when the metadata
//! changes or the node stops.

mod apply;
mod checkpoints;
mod housekeeping;
mod partition;
mod recovery;
mod sequences;
mod topic_config;
mod validate;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kraftig_log::Log;
use kraftig_log::disk::{self, DiskError};
use kraftig_spec::controller::{Image, Settings};
use kraftig_spec::types::{DirectoryId, NodeId, TopicId, Uuid};
use kraftig_wire::ErrorCode;
use tokio::sync::Notify;

use crate::config::Config;

use checkpoints::Checkpoints;
use housekeeping::Intervals;
use partition::LogDirectory;
use topic_config::TopicConfig;

pub(crate) use partition::{Appended, Partition, Readable, Wanted};
pub use recovery::OpenError;
pub(crate) use validate::{MAX_DECOMPRESSED, Refusal, prepare};

/// A formatted and locked log directory of this node.
#[derive(Clone, Debug)]
pub struct LogDir {
    /// Where it is.
    pub path: PathBuf,
    /// Its `directory.id`.
    pub id: DirectoryId,
    /// Whether the node that used it last stopped cleanly (`.kafka_cleanshutdown` was there).
    pub clean: bool,
}

/// The partitions of this node.
#[derive(Debug)]
pub struct ReplicaManager {
    node_id: NodeId,
    settings: Arc<Settings>,
    /// `fetch.max.bytes`.
    fetch_max_bytes: usize,
    directories: Vec<Arc<LogDirectory>>,
    /// Told when a directory goes offline.
    directory_gone: Arc<Notify>,
    topics: RwLock<Topics>,
    /// What was found on the disk, until the first image says what it is; `None` from then on.
    found: Mutex<Option<Vec<Found>>>,
    /// Partitions that could not be made, to try it again.
    unmade: Mutex<Vec<Arc<Partition>>>,
    /// Held while partitions are made and taken away. Comes before the other locks.
    making: Mutex<()>,
    /// Whether the manager is closed: no partition is made or deleted from then on. Set while `making` is held.
    closed: AtomicBool,
    /// Directories of deleted partitions, and when to remove them.
    deleted: Mutex<Vec<(Instant, PathBuf)>>,
    /// Told when `deleted` changes.
    more_deleted: Arc<Notify>,
    /// Whether the partitions are those of the metadata: from the first image until the stop. Held while
    /// housekeeping works, so that the stop comes before or after it.
    serving: Mutex<bool>,
    checkpoints: Checkpoints,
    intervals: Intervals,
}

#[derive(Debug, Default)]
struct Topics {
    by_id: HashMap<TopicId, HostedTopic>,
    ids: HashMap<Arc<str>, TopicId>,
}

/// A topic of the cluster, and those of its partitions that are here.
#[derive(Debug)]
struct HostedTopic {
    name: Arc<str>,
    /// How many partitions it has, here and elsewhere.
    count: usize,
    partitions: BTreeMap<i32, Arc<Partition>>,
}

/// A partition found on the disk.
#[derive(Debug)]
struct Found {
    topic: String,
    index: i32,
    directory: Arc<LogDirectory>,
    log: Log,
}

/// A topic as a request names it: by name up to some version, by id from then on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TopicRef<'a> {
    Name(&'a str),
    Id(Uuid),
}

/// The time in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

impl ReplicaManager {
    /// Takes up the partitions in `directories`: after a clean stop by their indexes, otherwise by reading what
    /// was not flushed. They are served from the first [`apply`](Self::apply) on. Blocks.
    pub fn open(
        config: &Config,
        settings: Arc<Settings>,
        directories: &[LogDir],
    ) -> Result<Arc<Self>, OpenError> {
        let directory_gone = Arc::new(Notify::new());
        let taken: Vec<_> = directories
            .iter()
            .map(|dir| Arc::new(LogDirectory::new(&dir.path, dir.id, directory_gone.clone())))
            .collect();
        let log_config = TopicConfig::of(&Image::default(), &settings, "").log;
        let mut found = Vec::new();
        let mut deleted = Vec::new();
        for (directory, dir) in taken.iter().zip(directories) {
            let leftovers = recovery::open(directory, dir.clean, &log_config, &mut found)?;
            deleted.extend(leftovers.into_iter().map(|path| (Instant::now(), path)));
        }
        Ok(Arc::new(Self {
            node_id: config.node_id,
            settings,
            fetch_max_bytes: usize::try_from(config.broker.fetch_max_bytes).unwrap_or_default(),
            directories: taken,
            directory_gone,
            topics: RwLock::default(),
            found: Mutex::new(Some(found)),
            unmade: Mutex::default(),
            making: Mutex::default(),
            closed: AtomicBool::new(false),
            deleted: Mutex::new(deleted),
            more_deleted: Arc::new(Notify::new()),
            serving: Mutex::new(false),
            checkpoints: Checkpoints::default(),
            intervals: Intervals::new(config),
        }))
    }

    /// The partition, or why it cannot be served here.
    pub(crate) fn find(
        &self,
        topic: TopicRef<'_>,
        index: i32,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let topics = self.topics();
        let topic = match topic {
            TopicRef::Name(name) => {
                let id = topics.ids.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                topics.by_id.get(id).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
            }
            TopicRef::Id(id) => {
                topics.by_id.get(&TopicId(id)).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?
            }
        };
        match topic.partitions.get(&index) {
            Some(partition) => Ok(partition.clone()),
            None if usize::try_from(index).is_ok_and(|index| index < topic.count) => {
                Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
            }
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    /// `fetch.max.bytes`.
    pub(crate) fn fetch_max_bytes(&self) -> usize {
        self.fetch_max_bytes
    }

    /// Returns when no log directory is left that can be used: the node must stop.
    pub async fn all_directories_offline(&self) {
        while self.directories.iter().any(|directory| !directory.is_offline()) {
            self.directory_gone.notified().await;
        }
    }

    /// The disk of a file of one of the log directories has failed.
    pub(crate) fn fail(&self, error: &DiskError) {
        let holds = |directory: &&Arc<LogDirectory>| error.path.starts_with(&directory.path);
        if let Some(directory) = self.directories.iter().find(holds) {
            directory.fail(error);
        }
    }

    /// Stops cleanly: flushes everything and writes the checkpoints, so that the next start has nothing to read.
    /// Gives the log directories in which that has worked: only these may be marked as left cleanly. Nothing is
    /// served from now on. Blocks.
    pub fn close(&self) -> Vec<PathBuf> {
        let _making = lock(&self.making);
        self.closed.store(true, Ordering::Release);
        // So that the housekeeping ends.
        self.more_deleted.notify_one();
        let mut serving = lock(&self.serving);
        let served = std::mem::replace(&mut *serving, false);
        for directory in &self.directories {
            directory.take_failed();
        }
        let now = now_ms();
        if let Some(found) = lock(&self.found).take() {
            for one in found {
                if let Err(e) = one.log.close(now) {
                    one.directory.fail(&e);
                }
            }
        }
        let partitions = self.partitions();
        let closed = in_parallel(&partitions, FLUSH_THREADS, |partition| {
            Some((partition.clone(), partition.close(now)?))
        });
        // Before anything was served the files are still right.
        if served {
            let closed: Vec<_> = closed.into_iter().flatten().collect();
            self.checkpoints.write_all(&self.directories, &closed);
        }
        *self.topics.write().unwrap_or_else(PoisonError::into_inner) = Topics::default();
        let closed =
            |directory: &&Arc<LogDirectory>| !directory.is_offline() && !directory.take_failed();
        self.directories
            .iter()
            .filter(closed)
            .map(|directory| directory.path.to_path_buf())
            .collect()
    }

    fn topics(&self) -> std::sync::RwLockReadGuard<'_, Topics> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn hosted(&self, topic: TopicId, index: i32) -> Option<Arc<Partition>> {
        self.topics().by_id.get(&topic)?.partitions.get(&index).cloned()
    }

    /// Every partition that is here.
    fn partitions(&self) -> Vec<Arc<Partition>> {
        self.topics().by_id.values().flat_map(|topic| topic.partitions.values().cloned()).collect()
    }

    /// Removes the files of deleted partitions whose time has come; gives when the next one's comes. Blocks.
    fn remove_deleted(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = {
            let mut deleted = lock(&self.deleted);
            let (due, later) = deleted.drain(..).partition(|(at, _)| *at <= now);
            *deleted = later;
            due
        };
        let due: Vec<(Instant, PathBuf)> = due;
        for (_, path) in due {
            if let Err(e) = disk::remove_dir(&path) {
                tracing::warn!("{e}; it is tried again after the next start");
            }
        }
        lock(&self.deleted).iter().map(|(at, _)| *at).min()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fewer items than this are not worth a thread.
const ALONE: usize = 64;
/// Threads that flush partitions: each waits for the disk, which makes many flushes one.
const FLUSH_THREADS: usize = 32;

/// Threads for what the processor does.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does `work` on each item, with `threads` where there are many items; results are in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    if items.len() < ALONE || threads == 1 {
        return items.iter().map(work).collect();
    }
    let chunks = items.chunks(items.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let results = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        results.flatten().collect()
    })
}
