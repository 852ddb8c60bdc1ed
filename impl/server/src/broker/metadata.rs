//! `Metadata`: brokers, topics and who leads their partitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use kraftig_spec::controller::{Image, Partition, Topic};
use kraftig_spec::types::{NodeId, TopicId};
use kraftig_wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kraftig_wire::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kraftig_wire::{ErrorCode, Str};

use super::{
    Broker, CLUSTER_OPERATIONS, RequestContext, TOPIC_OPERATIONS, auto_create, endpoint,
    is_internal, is_topic_name,
};

/// The first version in which a topic may be asked for by its id alone (KIP-516).
const IDS_SINCE: i16 = 12;

/// What the version and the listener of a request make of the image.
pub(super) struct View<'a> {
    pub(super) image: &'a Image,
    pub(super) listener: &'a str,
    pub(super) version: i16,
    pub(super) topic_operations: i32,
}

/// Answers with the brokers and the topics that were asked for. Topics that are created because of the question are
/// not in the answer: the client asks again.
pub fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    version: i16,
    request: &MetadataRequest,
) -> MetadataResponse {
    let image = broker.metadata.load();
    let view = View {
        image: &image,
        listener: &context.listener.name,
        version,
        topic_operations: if request.include_topic_authorized_operations {
            TOPIC_OPERATIONS
        } else {
            i32::MIN
        },
    };
    let topics = match &request.topics {
        None => view.all_topics(),
        // Version 0 has no other way to ask for all topics.
        Some(topics) if version == 0 && topics.is_empty() => view.all_topics(),
        Some(topics) if version < IDS_SINCE && topics.iter().any(has_no_name) => {
            return refuse(topics);
        }
        Some(topics) if topics.iter().any(|topic| !topic.topic_id.is_zero()) => topics
            .iter()
            .filter(|topic| !topic.topic_id.is_zero())
            .map(|topic| view.topic_by_id(TopicId(topic.topic_id)))
            .collect(),
        Some(topics) => {
            let names: Vec<&Str> = topics.iter().filter_map(|topic| topic.name.as_ref()).collect();
            topics_by_name(broker, &view, &names, request.allow_auto_topic_creation)
        }
    };
    MetadataResponse {
        brokers: view.brokers(),
        cluster_id: Some(broker.cluster_id.clone()),
        controller_id: broker.controller_id(&image),
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..MetadataResponse::default()
    }
}

/// Whether a topic is asked for in a way that only versions from [`IDS_SINCE`] on know.
fn has_no_name(topic: &MetadataRequestTopic) -> bool {
    topic.name.is_none() || !topic.topic_id.is_zero()
}

fn refuse(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let refused = |topic: &MetadataRequestTopic| MetadataResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST.0,
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    };
    MetadataResponse { topics: topics.iter().map(refused).collect(), ..MetadataResponse::default() }
}

/// Topics that are there, and then those that are not.
fn topics_by_name(
    broker: &Arc<Broker>,
    view: &View<'_>,
    names: &[&Str],
    may_create: bool,
) -> Vec<MetadataResponseTopic> {
    let mut seen = BTreeSet::new();
    let mut topics = Vec::with_capacity(names.len());
    let mut without = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    for name in names.iter().filter(|name| seen.insert(name.as_str())) {
        let error = match view.image.topic(name) {
            Some(topic) => {
                topics.push(view.topic(topic));
                continue;
            }
            None if !is_topic_name(name) => ErrorCode::INVALID_TOPIC_EXCEPTION,
            None => {
                missing.push(name);
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            }
        };
        without.push(MetadataResponseTopic {
            error_code: error.0,
            is_internal: is_internal(name),
            name: Some((*name).clone()),
            topic_authorized_operations: view.topic_operations,
            ..MetadataResponseTopic::default()
        });
    }
    if may_create && broker.config.topics.auto_create && !missing.is_empty() {
        auto_create::create(broker, &missing);
    }
    topics.append(&mut without);
    topics
}

impl View<'_> {
    fn brokers(&self) -> Vec<MetadataResponseBroker> {
        self.image
            .brokers
            .values()
            .filter(|broker| !broker.fenced)
            .filter_map(|broker| {
                let endpoint = endpoint(&broker.end_points, self.listener)?;
                Some(MetadataResponseBroker {
                    node_id: broker.id.0,
                    host: Str::from(&endpoint.host),
                    port: i32::from(endpoint.port),
                    rack: broker.rack.as_ref().map(Str::from),
                })
            })
            .collect()
    }

    fn all_topics(&self) -> Vec<MetadataResponseTopic> {
        self.image
            .topic_ids
            .values()
            .filter_map(|id| self.image.topics.get(id))
            .map(|topic| self.topic(topic))
            .collect()
    }

    fn topic_by_id(&self, id: TopicId) -> MetadataResponseTopic {
        match self.image.topics.get(&id) {
            Some(topic) => self.topic(topic),
            None => MetadataResponseTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_ID.0,
                name: None,
                topic_id: id.0,
                ..MetadataResponseTopic::default()
            },
        }
    }

    fn topic(&self, topic: &Topic) -> MetadataResponseTopic {
        MetadataResponseTopic {
            error_code: ErrorCode::NONE.0,
            name: Some(Str::from(topic.name.as_ref())),
            topic_id: topic.id.0,
            is_internal: is_internal(&topic.name),
            partitions: topic
                .partitions
                .iter()
                .map(|(number, partition)| self.partition(*number, partition))
                .collect(),
            topic_authorized_operations: self.topic_operations,
        }
    }

    fn has_endpoint(&self, id: NodeId) -> bool {
        self.image
            .brokers
            .get(&id)
            .is_some_and(|broker| endpoint(&broker.end_points, self.listener).is_some())
    }

    /// Whether a replica cannot be read now.
    fn is_offline(&self, partition: &Partition, id: NodeId) -> bool {
        self.image.brokers.get(&id).is_none_or(|broker| {
            broker.fenced
                || endpoint(&broker.end_points, self.listener).is_none()
                || !broker.has_online_directory(partition.directory(id))
        })
    }

    /// A partition as a client is told of it.
    pub(super) fn partition(
        &self,
        number: i32,
        partition: &Partition,
    ) -> MetadataResponsePartition {
        // The clients of version 0 were not told of replicas on brokers that they could not reach.
        let shown = |ids: &[NodeId]| -> Vec<i32> {
            ids.iter()
                .filter(|id| self.version > 0 || self.has_endpoint(**id))
                .map(|id| id.0)
                .collect()
        };
        let replicas = shown(&partition.replicas);
        let isr = shown(&partition.isr);
        let leader = partition.leader.filter(|leader| self.has_endpoint(*leader));
        let leader_is_known =
            partition.leader.is_some_and(|leader| self.image.brokers.contains_key(&leader));
        let error = match leader {
            None if leader_is_known && self.version >= 6 => ErrorCode::LISTENER_NOT_FOUND,
            None => ErrorCode::LEADER_NOT_AVAILABLE,
            Some(_)
                if replicas.len() < partition.replicas.len() || isr.len() < partition.isr.len() =>
            {
                ErrorCode::REPLICA_NOT_AVAILABLE
            }
            Some(_) => ErrorCode::NONE,
        };
        MetadataResponsePartition {
            error_code: error.0,
            partition_index: number,
            leader_id: leader.map_or(-1, |leader| leader.0),
            leader_epoch: partition.leader_epoch,
            replica_nodes: replicas,
            isr_nodes: isr,
            offline_replicas: partition
                .replicas
                .iter()
                .filter(|id| self.is_offline(partition, **id))
                .map(|id| id.0)
                .collect(),
        }
    }
}
