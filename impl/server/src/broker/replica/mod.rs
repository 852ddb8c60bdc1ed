//! This node's partitions: which there are, where they lie, and what becomes of them when the metadata
//! changes or the node stops.

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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imbl::ordmap::DiffItem;
use kraftig_log::{Log, disk};
use kraftig_spec::controller::record::TOPIC_RESOURCE;
use kraftig_spec::controller::{self, Image, Settings, Topic};
use kraftig_spec::types::{DirectoryId, NodeId, TopicId, Uuid};
use kraftig_wire::ErrorCode;
use tokio::sync::Notify;

use crate::config::Config;

use checkpoints::Checkpoints;
use housekeeping::Intervals;
use partition::{Leadership, LogDirectory};
use topic_config::TopicConfig;

pub(crate) use partition::{Appended, Partition, Readable, Wanted};
pub(crate) use validate::{Refusal, prepare};
pub use recovery::OpenError;

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

/// A partition to be made.
struct New<'a> {
    topic: &'a Arc<Topic>,
    index: i32,
    partition: &'a controller::Partition,
    config: Arc<TopicConfig>,
    log: Option<(Arc<LogDirectory>, Log)>,
}

/// The time in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

impl ReplicaManager {
    /// Takes up the partitions in `directories`: after a clean stop by their indexes, otherwise by reading what
    /// was not flushed. They are served from the first [`apply`](Self::apply) on. Blocks.
    pub fn open(config: &Config, settings: Arc<Settings>, directories: &[LogDir]) -> Result<Arc<Self>, OpenError> {
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
            deleted: Mutex::new(deleted),
            more_deleted: Arc::new(Notify::new()),
            serving: Mutex::new(false),
            checkpoints: Checkpoints::default(),
            intervals: Intervals::new(config),
        }))
    }

    /// Makes this node's partitions what `new` says, where `old` was applied before. The first `new` must be as
    /// far as the log was when the node started: partitions on the disk that it does not know are set aside
    /// (`-stray`). Blocks. A partition that cannot be made takes its log directory offline.
    pub fn apply(&self, old: &Image, new: &Image) {
        let found = lock(&self.found).take();
        let mut found = found.map(|found| {
            found.into_iter().map(|one| ((one.topic, one.index), (one.directory, one.log))).collect::<HashMap<_, _>>()
        });
        let empty = Image::default();
        let old = if found.is_some() { &empty } else { old };

        // Deletions come first: a topic that is made anew has the directories' names of the one before.
        let changes: Vec<_> = old.topics.diff(&new.topics).collect();
        for change in &changes {
            if let DiffItem::Remove(_, topic) = change {
                self.delete(topic);
            }
        }
        let defaults = Arc::new(TopicConfig::of(new, &self.settings, ""));
        let mut to_make = Vec::new();
        for change in &changes {
            let (before, topic) = match change {
                DiffItem::Add(_, topic) => (None, topic),
                DiffItem::Update { old: (_, before), new: (_, topic) } => (Some(before), topic),
                DiffItem::Remove(..) => continue,
            };
            let config = self.topic_config(new, &topic.name, &defaults);
            for (index, partition) in &topic.partitions {
                let known = before.and_then(|before| before.partitions.get(index));
                if known.is_some_and(|known| known == partition) || !partition.replicas.contains(&self.node_id) {
                    continue;
                }
                if let Some(here) = known.and_then(|_| self.hosted(topic.id, *index)) {
                    here.set_leadership(Leadership::of(partition, self.node_id));
                    continue;
                }
                let log = found.as_mut().and_then(|found| take_log(found, topic, *index));
                to_make.push(New { topic, index: *index, partition, config: config.clone(), log });
            }
        }
        let made = self.make(to_make);
        self.publish(changes.iter().filter_map(|change| match change {
            DiffItem::Add(_, topic) | DiffItem::Update { new: (_, topic), .. } => Some(*topic),
            DiffItem::Remove(..) => None,
        }), made);
        self.apply_configs(old, new, &defaults);
        for ((topic, index), (directory, log)) in found.unwrap_or_default() {
            recovery::set_aside(&topic, index, &directory, log);
        }
        *lock(&self.serving) = true;
    }

    /// The partition, or why it cannot be served here.
    pub(crate) fn find(&self, topic: TopicRef<'_>, index: i32) -> Result<Arc<Partition>, ErrorCode> {
        let topics = self.topics();
        let topic = match topic {
            TopicRef::Name(name) => {
                let id = topics.ids.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                topics.by_id.get(id).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
            }
            TopicRef::Id(id) => topics.by_id.get(&TopicId(id)).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?,
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

    /// Stops cleanly: flushes everything and writes the checkpoints, so that the next start has nothing to read.
    /// Nothing is served from now on. Blocks.
    pub fn close(&self) {
        let mut serving = lock(&self.serving);
        *serving = false;
        let now = now_ms();
        if let Some(found) = lock(&self.found).take() {
            // Nothing has been served: the checkpoint files are still right.
            for one in found {
                if let Err(e) = one.log.close(now) {
                    one.directory.fail(&e);
                }
            }
            return;
        }
        let partitions = self.partitions();
        let closed = in_parallel(&partitions, |partition| {
            partition.close(now).map(|offsets| (partition.clone(), offsets))
        });
        let closed: Vec<_> = closed.into_iter().flatten().collect();
        self.checkpoints.write_all(&self.directories, &closed);
        *self.topics.write().unwrap_or_else(PoisonError::into_inner) = Topics::default();
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

    fn topic_config(&self, image: &Image, topic: &str, defaults: &Arc<TopicConfig>) -> Arc<TopicConfig> {
        if image.configs.contains_key(&controller::ConfigResource::topic(topic)) {
            Arc::new(TopicConfig::of(image, &self.settings, topic))
        } else {
            defaults.clone()
        }
    }

    fn make(&self, to_make: Vec<New<'_>>) -> Vec<Arc<Partition>> {
        let now = now_ms();
        let to_make: Vec<_> = to_make.into_iter().map(Mutex::new).collect();
        in_parallel(&to_make, |new| {
            let mut new = lock(new);
            let directory = match &new.log {
                Some((directory, _)) => directory.clone(),
                None => self.directory_for(&new),
            };
            let log = match new.log.take() {
                Some((_, mut log)) => {
                    log.set_config(new.config.log.clone());
                    Some(log)
                }
                None => create(&new, &directory, now),
            };
            let leadership = Leadership::of(new.partition, self.node_id);
            let (topic, config) = (new.topic, new.config.clone());
            Arc::new(Partition::new(topic.name.clone(), new.index, topic.id, directory, log, config, leadership))
        })
    }

    /// Where a new partition goes: where the metadata says, else where the fewest are.
    fn directory_for(&self, new: &New<'_>) -> Arc<LogDirectory> {
        let id = new.partition.directory(self.node_id);
        if let [only] = &self.directories[..] {
            return only.clone();
        }
        if let Some(named) = self.directories.iter().find(|directory| directory.id == id) {
            return named.clone();
        }
        let online = self.directories.iter().filter(|directory| !directory.is_offline());
        let topics = self.topics();
        let held = |directory: &Arc<LogDirectory>| {
            let all = topics.by_id.values().flat_map(|topic| topic.partitions.values());
            all.filter(|partition| Arc::ptr_eq(&partition.directory, directory)).count()
        };
        online.min_by_key(|directory| held(directory)).unwrap_or(&self.directories[0]).clone()
    }

    /// Lets requests find `made`, and the topics as they are now.
    fn publish<'a>(&self, changed: impl Iterator<Item = &'a Arc<Topic>>, made: Vec<Arc<Partition>>) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        for topic in changed {
            topics.ids.insert(topic.name.clone(), topic.id);
            let hosted = topics.by_id.entry(topic.id).or_insert_with(|| HostedTopic {
                name: topic.name.clone(),
                count: 0,
                partitions: BTreeMap::new(),
            });
            hosted.count = topic.partitions.len();
        }
        for partition in made {
            if let Some(topic) = topics.by_id.get_mut(&partition.topic_id) {
                topic.partitions.insert(partition.index, partition);
            }
        }
    }

    fn apply_configs(&self, old: &Image, new: &Image, defaults: &Arc<TopicConfig>) {
        let mut changed = Vec::new();
        let mut all = false;
        for change in old.configs.diff(&new.configs) {
            let (DiffItem::Add(resource, _)
            | DiffItem::Remove(resource, _)
            | DiffItem::Update { new: (resource, _), .. }) = change;
            if resource.resource_type == TOPIC_RESOURCE {
                changed.push(resource.name.clone());
            } else {
                all = true;
            }
        }
        let topics = self.topics();
        let ids = changed.iter().filter_map(|name| topics.ids.get(name));
        let ids: Vec<_> = if all { topics.by_id.keys().collect() } else { ids.collect() };
        for topic in ids.into_iter().filter_map(|id| topics.by_id.get(id)) {
            let config = self.topic_config(new, &topic.name, defaults);
            for partition in topic.partitions.values() {
                partition.set_config(config.clone());
            }
        }
    }

    fn delete(&self, topic: &Topic) {
        let hosted = {
            let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
            if topics.ids.get(&topic.name) == Some(&topic.id) {
                topics.ids.remove(&topic.name);
            }
            topics.by_id.remove(&topic.id)
        };
        for partition in hosted.into_iter().flat_map(|hosted| hosted.partitions.into_values()) {
            let delay = Duration::from_millis(partition.config().file_delete_delay_ms);
            match partition.take_log().map(Log::delete) {
                Some(Ok(path)) => lock(&self.deleted).push((Instant::now() + delay, path)),
                Some(Err(e)) => partition.directory.fail(&e),
                None => {}
            }
        }
        self.more_deleted.notify_one();
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

/// Takes the log of a partition out of what was found on the disk, if it is of this topic and not of one that
/// had the name before.
fn take_log(
    found: &mut HashMap<(String, i32), (Arc<LogDirectory>, Log)>,
    topic: &Topic,
    index: i32,
) -> Option<(Arc<LogDirectory>, Log)> {
    let key = (topic.name.to_string(), index);
    let (_, log) = found.get(&key)?;
    if log.topic_id().is_none_or(|id| id == topic.id) {
        return found.remove(&key);
    }
    let (directory, log) = found.remove(&key)?;
    recovery::set_aside(&topic.name, index, &directory, log);
    None
}

fn create(new: &New<'_>, directory: &LogDirectory, now: i64) -> Option<Log> {
    let path = directory.path.join(kraftig_log::partition_dir::replica_name(&new.topic.name, new.index));
    let epoch = Some(new.partition.leader_epoch);
    match Log::create(&path, new.topic.id, epoch, new.config.log.clone(), now) {
        Ok(log) => Some(log),
        Err(e) => {
            directory.fail(&e);
            None
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fewer items than this are not worth a thread.
const ALONE: usize = 64;

/// Does `work` on each item, on all cores where there are many; results are in the order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if items.len() < ALONE || threads == 1 {
        return items.iter().map(work).collect();
    }
    let chunks = items.chunks(items.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>())).collect();
        let results = running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        results.flatten().collect()
    })
}
