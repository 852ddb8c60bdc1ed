//! From one image of the cluster to the next: partitions are made, led, configured and deleted.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use imbl::ordmap::DiffItem;
use kraftig_log::{Log, LogError};
use kraftig_spec::controller::record::TOPIC_RESOURCE;
use kraftig_spec::controller::{self, Image, Topic};
use kraftig_spec::types::TopicId;

use super::partition::{Leadership, LogDirectory, Partition};
use super::topic_config::TopicConfig;
use super::{HostedTopic, ReplicaManager, cores, in_parallel, lock, now_ms, recovery};

/// A partition to be made.
struct New<'a> {
    topic: &'a Arc<Topic>,
    index: i32,
    partition: &'a controller::Partition,
    config: Arc<TopicConfig>,
    log: Option<(Arc<LogDirectory>, Log)>,
}

impl ReplicaManager {
    /// Makes this node's partitions what `new` says, where `old` was applied before. The first `new` must be as
    /// far as the log was when the node started: partitions on the disk that it does not know are set aside
    /// (`-stray`). Blocks. A partition that cannot be made takes its log directory offline, or is tried again later
    /// if the node has only run out of file descriptors. Does nothing after [`close`](Self::close).
    pub fn apply(&self, old: &Image, new: &Image) {
        let _making = lock(&self.making);
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let found = lock(&self.found).take();
        let mut found = found.map(|found| {
            found
                .into_iter()
                .map(|one| ((one.topic, one.index), (one.directory, one.log)))
                .collect::<HashMap<_, _>>()
        });
        let empty = Image::default();
        let old = if found.is_some() { &empty } else { old };

        // Deletions come first: a topic that is made anew has the directories' names of the one before.
        let changes: Vec<_> = old.topics.diff(&new.topics).collect();
        let mut gone = Vec::new();
        for change in &changes {
            if let DiffItem::Remove(_, topic) = change {
                self.delete(topic, &mut gone);
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
                if known.is_some_and(|known| known == partition)
                    || !partition.replicas.contains(&self.node_id)
                {
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
        for ((topic, index), (directory, log)) in found.unwrap_or_default() {
            recovery::set_aside(&topic, index, &directory, log);
            gone.push((topic.into(), index));
        }
        let may_create = self.checkpoints.forget(&self.directories, gone);
        let made = self.make(to_make, may_create);
        self.publish(
            changes.iter().filter_map(|change| match change {
                DiffItem::Add(_, topic) | DiffItem::Update { new: (_, topic), .. } => Some(*topic),
                DiffItem::Remove(..) => None,
            }),
            made,
        );
        self.apply_configs(old, new, &defaults);
        *lock(&self.serving) = true;
    }

    fn topic_config(
        &self,
        image: &Image,
        topic: &str,
        defaults: &Arc<TopicConfig>,
    ) -> Arc<TopicConfig> {
        if image.configs.contains_key(&controller::ConfigResource::topic(topic)) {
            Arc::new(TopicConfig::of(image, &self.settings, topic))
        } else {
            defaults.clone()
        }
    }

    /// Makes partitions; those whose log cannot be created, or not yet, are left for later.
    fn make(&self, to_make: Vec<New<'_>>, may_create: bool) -> Vec<Arc<Partition>> {
        let now = now_ms();
        let to_make: Vec<_> = to_make.into_iter().map(Mutex::new).collect();
        let made = in_parallel(&to_make, cores(), |new| {
            let mut new = lock(new);
            let directory = match &new.log {
                Some((directory, _)) => directory.clone(),
                None => self.directory_for(&new),
            };
            let log = new.log.take().map(|(_, mut log)| {
                log.set_config(new.config.log.clone());
                if let Err(e) = take_up(&mut log, new.topic.id, now) {
                    directory.fail(&e);
                }
                log
            });
            let leadership = Leadership::of(new.partition, self.node_id);
            let (topic, config) = (new.topic, new.config.clone());
            let partition = Arc::new(Partition::new(
                topic.name.clone(),
                new.index,
                topic.id,
                directory,
                log,
                config,
                leadership,
            ));
            let made = partition.has_log() || may_create && create(&partition, now);
            (partition, made)
        });
        let unmade = made.iter().filter(|(_, made)| !made).map(|(partition, _)| partition.clone());
        lock(&self.unmade).extend(unmade);
        made.into_iter().map(|(partition, _)| partition).collect()
    }

    /// Tries again to make the partitions that could not be made.
    pub(super) fn make_again(&self) {
        let _making = lock(&self.making);
        let unmade = std::mem::take(&mut *lock(&self.unmade));
        if unmade.is_empty() || self.closed.load(Ordering::Acquire) {
            return;
        }
        let may_create = self.checkpoints.forget(&self.directories, []);
        let now = now_ms();
        for partition in unmade {
            let wanted = self
                .hosted(partition.topic_id, partition.index)
                .is_some_and(|hosted| Arc::ptr_eq(&hosted, &partition));
            if wanted
                && !partition.directory.is_offline()
                && !(may_create && create(&partition, now))
            {
                lock(&self.unmade).push(partition);
            }
        }
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
    fn publish<'a>(
        &self,
        changed: impl Iterator<Item = &'a Arc<Topic>>,
        made: Vec<Arc<Partition>>,
    ) {
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

    /// Deletes this node's partitions of a topic, and adds their names to `gone`.
    fn delete(&self, topic: &Topic, gone: &mut Vec<(Arc<str>, i32)>) {
        let hosted = {
            let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
            if topics.ids.get(&topic.name) == Some(&topic.id) {
                topics.ids.remove(&topic.name);
            }
            topics.by_id.remove(&topic.id)
        };
        for partition in hosted.into_iter().flat_map(|hosted| hosted.partitions.into_values()) {
            gone.push((partition.topic.clone(), partition.index));
            let delay = Duration::from_millis(partition.config().file_delete_delay_ms);
            match partition.take_log().map(Log::delete) {
                Some(Ok(Some(path))) => lock(&self.deleted).push((Instant::now() + delay, path)),
                Some(Err(e)) => partition.directory.fail(&e),
                // It never had a directory.
                Some(Ok(None)) | None => {}
            }
        }
        self.more_deleted.notify_one();
    }
}

/// Takes the log of a partition out of what was found on the disk, if it is of this topic. One of a topic that had
/// the name before stays.
fn take_log(
    found: &mut HashMap<(String, i32), (Arc<LogDirectory>, Log)>,
    topic: &Topic,
    index: i32,
) -> Option<(Arc<LogDirectory>, Log)> {
    let key = (topic.name.to_string(), index);
    let (_, log) = found.get(&key)?;
    if log.topic_id().is_none_or(|id| id == topic.id) { found.remove(&key) } else { None }
}

/// Makes a log that was on the disk this topic's: one without a topic id gets it, and what a crash has left unflushed
/// is flushed where an acknowledgement promises that.
fn take_up(log: &mut Log, topic: TopicId, now: i64) -> Result<(), LogError> {
    log.assign_topic_id(topic)?;
    if log.config().flush_messages < i64::MAX && log.flushed_offset() < log.end_offset() {
        log.flush(now)?;
    }
    Ok(())
}

/// Makes the log of a partition that has none; `false` where that is not possible.
fn create(partition: &Partition, now: i64) -> bool {
    let name = kraftig_log::partition_dir::replica_name(&partition.topic, partition.index);
    let path = partition.directory.path.join(name);
    let epoch = Some(partition.leadership().epoch);
    match Log::create(&path, partition.topic_id, epoch, partition.config().log.clone(), now) {
        Ok(log) => {
            partition.put_log(log);
            true
        }
        Err(e) => {
            partition.directory.fail(&e);
            false
        }
    }
}
