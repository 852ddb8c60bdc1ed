//! Topics are created (`CreateTopics`, and `Metadata` where topics are created on first use).

use std::collections::{BTreeMap, BTreeSet};

use super::error::{ApiError, ErrorCode};
use super::image::Image;
use super::record::{self, Record, TOPIC_RESOURCE};
use super::replay::unify;
use super::topic_config::{self, ConfigEntry};
use super::{Decision, MAX_RECORDS_PER_BATCH, Settings, placement};
use crate::types::{DirectoryId, NodeId, TopicId};

/// The metadata log's own topic, which no client may create.
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// A `CreateTopics` request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateTopics {
    /// The topics.
    pub topics: Vec<CreatableTopic>,
    /// Whether to answer without creating anything.
    pub validate_only: bool,
    /// Random: where the placement of replicas starts.
    pub placement_seed: u64,
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatableTopic {
    /// Its name.
    pub name: String,
    /// A fresh random id for it.
    pub topic_id: TopicId,
    /// How many partitions it has; -1 for `num.partitions`, and where `assignments` say.
    pub num_partitions: i32,
    /// How many replicas each has; -1 for `default.replication.factor`, and where `assignments` say.
    pub replication_factor: i16,
    /// Partitions and their replicas, where the client places them.
    pub assignments: Vec<(i32, Vec<NodeId>)>,
    /// Its configurations. A value must not be `None`, though the wire can say so.
    pub configs: Vec<(String, Option<String>)>,
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// Its id; zero with an error.
    pub topic_id: TopicId,
    /// Why it is not created.
    pub error: Option<ApiError>,
    /// How many partitions it has; -1 with an error.
    pub num_partitions: i32,
    /// How many replicas each has; -1 with an error.
    pub replication_factor: i16,
    /// Its effective configurations, by name.
    pub configs: Vec<ConfigEntry>,
}

struct NewTopic {
    records: Vec<Record>,
    created: CreatedTopic,
}

/// Creates topics, each on its own: one that is refused does not stand in the way of the others.
pub fn create_topics(
    image: &Image,
    request: &CreateTopics,
    settings: &Settings,
) -> Decision<Vec<CreatedTopic>> {
    let mut names = BTreeSet::new();
    let duplicates: BTreeSet<&str> = request
        .topics
        .iter()
        .map(|topic| topic.name.as_str())
        .filter(|name| !names.insert(*name))
        .collect();
    let is_refused = |name: &str| name == CLUSTER_METADATA || duplicates.contains(name);
    let candidates: Vec<&CreatableTopic> =
        request.topics.iter().filter(|topic| !is_refused(&topic.name)).collect();

    let mut records = Vec::new();
    let mut response = Vec::new();
    if total_partitions(&candidates, settings) > MAX_RECORDS_PER_BATCH as i64 {
        return refuse_all(request, "Excessively large number of partitions per request.");
    }
    for (index, topic) in candidates.iter().enumerate() {
        match create_topic(
            image,
            topic,
            request.placement_seed.wrapping_add(index as u64),
            settings,
        ) {
            Ok(new) => {
                records.extend(new.records);
                response.push(new.created);
            }
            Err(error) => response.push(refused(&topic.name, error)),
        }
    }
    if records.len() > MAX_RECORDS_PER_BATCH {
        return refuse_all(request, "Unable to perform excessively large batch operation.");
    }
    for name in &duplicates {
        response
            .push(refused(name, ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name.")));
    }
    if names.contains(CLUSTER_METADATA) && !duplicates.contains(CLUSTER_METADATA) {
        let message = format!("Creation of internal topic {CLUSTER_METADATA} is prohibited.");
        response.push(refused(CLUSTER_METADATA, ApiError::new(ErrorCode::InvalidRequest, message)));
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, atomic: true, response }
}

fn total_partitions(topics: &[&CreatableTopic], settings: &Settings) -> i64 {
    let partitions = |topic: &CreatableTopic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len() as i64,
        -1 => i64::from(settings.num_partitions),
        count => i64::from(count.max(0)),
    };
    topics.iter().map(|topic| partitions(topic)).fold(0, i64::saturating_add)
}

fn refuse_all(request: &CreateTopics, message: &str) -> Decision<Vec<CreatedTopic>> {
    let error = ApiError::new(ErrorCode::PolicyViolation, message);
    let response = request.topics.iter().map(|topic| refused(&topic.name, error.clone())).collect();
    Decision { records: Vec::new(), atomic: true, response }
}

fn refused(name: &str, error: ApiError) -> CreatedTopic {
    let name = name.to_owned();
    let topic_id = TopicId::default();
    CreatedTopic {
        name,
        topic_id,
        error: Some(error),
        num_partitions: -1,
        replication_factor: -1,
        configs: Vec::new(),
    }
}

fn create_topic(
    image: &Image,
    topic: &CreatableTopic,
    seed: u64,
    settings: &Settings,
) -> Result<NewTopic, ApiError> {
    check_name(image, &topic.name)?;
    let configs = check_configs(image, topic, settings)?;
    let partitions = if topic.assignments.is_empty() {
        placed_partitions(image, topic, seed, settings)?
    } else {
        assigned_partitions(image, topic)?
    };
    let topic_id = topic.topic_id;
    let mut records = vec![Record::Topic { name: topic.name.clone(), topic_id }];
    for (name, value) in &configs {
        records.push(Record::Config {
            resource_type: TOPIC_RESOURCE,
            resource_name: topic.name.clone(),
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        });
    }
    if image.elr_enabled() && configs.iter().any(|(name, _)| *name == "min.insync.replicas") {
        records.push(Record::ClearElr { topic_name: topic.name.clone() });
    }
    let created = CreatedTopic {
        name: topic.name.clone(),
        topic_id,
        error: None,
        num_partitions: partitions.len() as i32,
        replication_factor: partitions.first().map_or(0, |replicas| replicas.len() as i16),
        configs: topic_config::entries(image, settings, &|name| {
            configs.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        }),
    };
    for (number, replicas) in partitions.into_iter().enumerate() {
        records.push(Record::Partition(new_partition(image, topic_id, number as i32, replicas)));
    }
    Ok(NewTopic { records, created })
}

/// A partition that was never led. The first active replica leads; the caller has seen that there is one.
fn new_partition(
    image: &Image,
    topic_id: TopicId,
    partition_id: i32,
    replicas: Vec<NodeId>,
) -> record::Partition {
    let isr: Vec<NodeId> =
        replicas.iter().copied().filter(|replica| image.is_active(*replica)).collect();
    let directory = |replica| {
        image
            .brokers
            .get(replica)
            .map_or(DirectoryId::UNASSIGNED, |broker| broker.default_directory())
    };
    let has_directories = image.has_directory_assignment();
    record::Partition {
        partition_id,
        topic_id,
        directories: if has_directories {
            replicas.iter().map(directory).collect()
        } else {
            Vec::new()
        },
        leader: isr.first().copied().unwrap_or(record::NO_LEADER),
        replicas,
        isr,
        removing_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        leader_recovery_state: 0,
        leader_epoch: 0,
        partition_epoch: 0,
        eligible_leader_replicas: None,
        last_known_elr: None,
    }
}

fn check_name(image: &Image, name: &str) -> Result<(), ApiError> {
    if image.topic_ids.contains_key(name) {
        return Err(ApiError::new(
            ErrorCode::TopicAlreadyExists,
            format!("Topic '{name}' already exists."),
        ));
    }
    if let Some(unified) = unify(name)
        && let Some(other) =
            image.colliding_names.get(unified.as_str()).and_then(|names| names.get_min())
    {
        return Err(ApiError::new(
            ErrorCode::InvalidTopicException,
            format!("Topic '{name}' collides with existing topic: {other}"),
        ));
    }
    check_topic_name(name)
}

/// Whether a topic may have the name, with Kafka's text where it may not.
pub fn check_topic_name(name: &str) -> Result<(), ApiError> {
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.encode_utf16().count() > 249 => {
            format!("the length of '{name}' is longer than the max allowed length 249")
        }
        _ if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) => {
            format!(
                "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            )
        }
        _ => return Ok(()),
    };
    Err(ApiError::new(ErrorCode::InvalidTopicException, format!("Topic name is invalid: {reason}")))
}

/// The configurations to record, in the order in which Kafka records them.
fn check_configs<'a>(
    image: &Image,
    topic: &'a CreatableTopic,
    settings: &Settings,
) -> Result<Vec<(&'a str, &'a str)>, ApiError> {
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidConfig, message);
    let null: Vec<&str> = topic
        .configs
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if !null.is_empty() {
        return Err(invalid(format!(
            "Null value not supported for topic configs: {}",
            null.join(",")
        )));
    }
    let mut configs: Vec<(&str, &str)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in &topic.configs {
        let place = *places.entry(name).or_insert(configs.len());
        let value = value.as_deref().unwrap_or_default();
        match configs.get_mut(place) {
            Some(set) => set.1 = value,
            None => configs.push((name, value)),
        }
    }
    topic_config::validate(image, settings, &configs)?;
    // A table grows when it is more than three quarters full.
    let buckets = (configs.len() * 4).div_ceil(3).next_power_of_two().max(16) as u32;
    configs.sort_by_key(|(name, _)| java_bucket(name, buckets));
    Ok(configs)
}

/// Where a `java.util.HashMap` of that many buckets keeps a text: Kafka writes a topic's configurations in its order.
fn java_bucket(text: &str, buckets: u32) -> u32 {
    let hash = text
        .encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ hash >> 16) & (buckets - 1)
}

fn placed_partitions(
    image: &Image,
    topic: &CreatableTopic,
    seed: u64,
    settings: &Settings,
) -> Result<Vec<Vec<NodeId>>, ApiError> {
    let factor = match topic.replication_factor {
        -1 => settings.default_replication_factor,
        ..=0 => {
            let message =
                "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
        }
        factor => factor,
    };
    let count = match topic.num_partitions {
        -1 => settings.num_partitions,
        ..=0 => {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(ApiError::new(ErrorCode::InvalidPartitions, message));
        }
        count => count,
    };
    let unable = |reason: &str| {
        ApiError::new(
            ErrorCode::InvalidReplicationFactor,
            format!("Unable to replicate the partition {factor} time(s): {reason}"),
        )
    };
    let partitions =
        placement::place(image, count, factor, seed).map_err(|reason| unable(&reason))?;
    if partitions.iter().any(|replicas| !replicas.iter().any(|replica| image.is_active(*replica))) {
        return Err(unable("All brokers are currently fenced or in controlled shutdown."));
    }
    Ok(partitions)
}

fn assigned_partitions(
    image: &Image,
    topic: &CreatableTopic,
) -> Result<Vec<Vec<NodeId>>, ApiError> {
    let request = |message: &str| Err(ApiError::new(ErrorCode::InvalidRequest, message));
    let assignment =
        |message: String| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    if topic.replication_factor != -1 {
        return request(
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        );
    }
    if topic.num_partitions != -1 {
        return request(
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        );
    }
    let mut partitions: BTreeMap<i32, Vec<NodeId>> = BTreeMap::new();
    let mut factor = None;
    for (number, replicas) in &topic.assignments {
        if partitions.contains_key(number) {
            return assignment(format!(
                "Found multiple manual partition assignments for partition {number}"
            ));
        }
        if replicas.is_empty() {
            return assignment(
                "The manual partition assignment includes an empty replica list.".to_owned(),
            );
        }
        let mut sorted = replicas.clone();
        sorted.sort_unstable();
        for (index, broker) in sorted.iter().enumerate() {
            if !image.brokers.contains_key(broker) {
                return assignment(format!(
                    "The manual partition assignment includes broker {broker}, but no such broker is registered."
                ));
            }
            if index > 0 && sorted[index - 1] == *broker {
                return assignment(format!(
                    "The manual partition assignment includes the broker {broker} more than once."
                ));
            }
        }
        if let Some(factor) = factor
            && factor != replicas.len()
        {
            return assignment(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with previous partitions, which have {} replica(s).",
                replicas.len(),
                factor
            ));
        }
        factor = Some(replicas.len());
        if !replicas.iter().any(|replica| image.is_active(*replica)) {
            return assignment(format!(
                "All brokers specified in the manual partition assignment for partition {number} are fenced or in controlled shutdown."
            ));
        }
        partitions.insert(*number, replicas.clone());
    }
    if !partitions.keys().copied().eq(0..partitions.len() as i32) {
        return assignment(
            "partitions should be a consecutive 0-based integer sequence".to_owned(),
        );
    }
    Ok(partitions.into_values().collect())
}
