//! `DescribeTopicPartitions`: topics in order of their names, a bounded number of partitions at a time (KIP-966).

use std::collections::BTreeSet;

use kraftig_spec::controller::{Partition, Topic};
use kraftig_spec::types::NodeId;
use kraftig_wire::messages::describe_topic_partitions_request::DescribeTopicPartitionsRequest;
use kraftig_wire::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::{ErrorCode, Message, Str};

use super::metadata::View;
use super::{Broker, RequestContext, TOPIC_OPERATIONS, is_internal, is_topic_name};

/// `max.request.partition.size.limit` of stock Kafka by default: no answer holds more partitions.
const MOST_PARTITIONS: usize = 2000;

/// Answers with the topics that were asked for, or all, from the cursor on; where they do not fit, with the place
/// to go on from.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: &DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = broker.metadata.load();
    let view = View {
        image: &image,
        listener: &context.listener.name,
        version: MetadataRequest::MAX_VERSION,
        topic_operations: TOPIC_OPERATIONS,
    };
    let cursor = request.cursor.as_ref();
    let asked: BTreeSet<&str> = if request.topics.is_empty() {
        image.topic_ids.keys().map(AsRef::as_ref).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.as_str()).collect()
    };
    let mut left = MOST_PARTITIONS.min(request.response_partition_limit.max(1) as usize);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in
        asked.into_iter().filter(|name| cursor.is_none_or(|at| *name >= at.topic_name.as_str()))
    {
        let from =
            cursor.filter(|at| at.topic_name.as_str() == name).map_or(0, |at| at.partition_index);
        let Some(topic) = image.topic(name) else {
            response.topics.push(no_topic(name));
            continue;
        };
        if left == 0 {
            response.next_cursor =
                Some(Cursor { topic_name: Str::from(name), partition_index: from });
            break;
        }
        let mut partitions = topic.partitions.iter().filter(|(number, _)| **number >= from);
        let taken = partitions.by_ref().take(left);
        let taken: Vec<_> =
            taken.map(|(number, partition)| described(&view, *number, partition)).collect();
        left -= taken.len();
        response.topics.push(with_partitions(topic, &view, taken));
        if let Some((number, _)) = partitions.next() {
            let topic_name = Str::from(name);
            response.next_cursor = Some(Cursor { topic_name, partition_index: *number });
            break;
        }
    }
    response
}

fn with_partitions(
    topic: &Topic,
    view: &View<'_>,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        name: Some(Str::from(topic.name.as_ref())),
        topic_id: topic.id.0,
        is_internal: is_internal(&topic.name),
        partitions,
        topic_authorized_operations: view.topic_operations,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn no_topic(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = if is_topic_name(name) {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    } else {
        ErrorCode::INVALID_TOPIC_EXCEPTION
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: error.0,
        name: Some(Str::from(name)),
        is_internal: is_internal(name),
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn described(
    view: &View<'_>,
    number: i32,
    partition: &Partition,
) -> DescribeTopicPartitionsResponsePartition {
    let ids = |nodes: &[NodeId]| Some(nodes.iter().map(|id| id.0).collect());
    let known = view.partition(number, partition);
    DescribeTopicPartitionsResponsePartition {
        error_code: known.error_code,
        partition_index: number,
        leader_id: known.leader_id,
        leader_epoch: known.leader_epoch,
        replica_nodes: known.replica_nodes,
        isr_nodes: known.isr_nodes,
        eligible_leader_replicas: ids(&partition.elr),
        last_known_elr: ids(&partition.last_known_elr),
        offline_replicas: known.offline_replicas,
    }
}
