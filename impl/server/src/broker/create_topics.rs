//! `CreateTopics` as a controller answers it: when the topics are committed, and can be used on a node that is both (KIP-4).

use std::time::Duration;

use kraftig_spec::controller::{CreatableTopic, CreateTopics, CreatedTopic};
use kraftig_spec::types::{NodeId, TopicId};
use kraftig_wire::messages::create_topics_request::{self as wire_request, CreateTopicsRequest};
use kraftig_wire::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use kraftig_wire::{ErrorCode, Str};

use super::{random_seed, random_topic_id};
use crate::controller::{ControllerError, ControllerHandle, within};

/// Creates topics.
pub async fn handle(
    controller: &ControllerHandle,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let names: Vec<Str> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let timeout = Duration::from_millis(u64::from(request.timeout_ms.max(0).unsigned_abs()));
    let topics = match create(controller, request, timeout).await {
        Ok(created) => created.into_iter().map(result).collect(),
        Err(error) => names.into_iter().map(|name| refused(name, &error)).collect(),
    };
    CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
}

/// Creates none of them.
pub fn refuse(request: &CreateTopicsRequest, code: ErrorCode) -> CreateTopicsResponse {
    let error = ControllerError { code, message: None };
    let topics = request.topics.iter().map(|topic| refused(topic.name.clone(), &error)).collect();
    CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
}

async fn create(
    controller: &ControllerHandle,
    request: CreateTopicsRequest,
    timeout: Duration,
) -> Result<Vec<CreatedTopic>, ControllerError> {
    let topics = request.topics.into_iter().map(creatable).collect::<Result<_, _>>()?;
    let request = CreateTopics {
        topics,
        validate_only: request.validate_only,
        placement_seed: random_seed()?,
    };
    within(timeout, controller.create_topics(request)).await
}

fn creatable(topic: wire_request::CreatableTopic) -> Result<CreatableTopic, ControllerError> {
    Ok(CreatableTopic {
        name: topic.name.into(),
        topic_id: random_topic_id()?,
        num_partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: topic
            .assignments
            .into_iter()
            .map(|assignment| {
                let replicas = assignment.broker_ids.into_iter().map(NodeId).collect();
                (assignment.partition_index, replicas)
            })
            .collect(),
        configs: topic
            .configs
            .into_iter()
            .map(|config| (config.name.into(), config.value.map(String::from)))
            .collect(),
    })
}

fn result(created: CreatedTopic) -> CreatableTopicResult {
    if let Some(error) = created.error {
        return refused(Str::from(created.name), &error.into());
    }
    CreatableTopicResult {
        name: Str::from(created.name),
        topic_id: created.topic_id.0,
        error_message: None,
        num_partitions: created.num_partitions,
        replication_factor: created.replication_factor,
        configs: Some(
            created
                .configs
                .into_iter()
                .map(|config| CreatableTopicConfigs {
                    name: Str::from_static(config.name),
                    value: config.value.map(Str::from),
                    read_only: false,
                    config_source: config.source as i8,
                    is_sensitive: false,
                })
                .collect(),
        ),
        ..CreatableTopicResult::default()
    }
}

fn refused(name: Str, error: &ControllerError) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        topic_id: TopicId::default().0,
        error_code: error.code.0,
        error_message: error.message.as_ref().map(Str::from),
        num_partitions: -1,
        replication_factor: -1,
        configs: Some(Vec::new()),
        topic_config_error_code: ErrorCode::NONE.0,
    }
}
