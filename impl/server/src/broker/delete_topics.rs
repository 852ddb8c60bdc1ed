//! `DeleteTopics` as a controller answers it: when the topics are gone (KIP-4, KIP-516).

use std::time::Duration;

use kraftig_spec::controller::{DeleteTopics, DeletedTopic, TopicRef};
use kraftig_spec::types::TopicId;
use kraftig_wire::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use kraftig_wire::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use kraftig_wire::{ErrorCode, Str};

use crate::controller::{ControllerError, ControllerHandle, within};

/// The first version in which a topic may be named by its id.
const IDS_SINCE: i16 = 6;
/// The first version with texts of errors.
const MESSAGES_SINCE: i16 = 5;

/// Deletes topics.
pub async fn handle(
    controller: &ControllerHandle,
    version: i16,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let topics = named(version, &request);
    let timeout = Duration::from_millis(u64::from(request.timeout_ms.max(0).unsigned_abs()));
    let deletion = DeleteTopics { api_version: version, topics: topics.clone() };
    let deletion = controller.delete_topics(deletion);
    let responses = match within(timeout, deletion).await {
        Ok(deleted) => deleted.into_iter().map(|topic| result(version, topic)).collect(),
        Err(error) => refuse_all(version, topics, &error),
    };
    DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
}

/// Deletes none of them.
pub fn refuse(
    version: i16,
    request: &DeleteTopicsRequest,
    code: ErrorCode,
) -> DeleteTopicsResponse {
    let error = ControllerError { code, message: None };
    let responses = refuse_all(version, named(version, request), &error);
    DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
}

fn named(version: i16, request: &DeleteTopicsRequest) -> Vec<TopicRef> {
    if version >= IDS_SINCE {
        let topic = |topic: &DeleteTopicState| TopicRef {
            name: topic.name.as_ref().map(ToString::to_string),
            topic_id: TopicId(topic.topic_id),
        };
        request.topics.iter().map(topic).collect()
    } else {
        let topic =
            |name: &Str| TopicRef { name: Some(name.to_string()), topic_id: TopicId::default() };
        request.topic_names.iter().map(topic).collect()
    }
}

fn refuse_all(
    version: i16,
    topics: Vec<TopicRef>,
    error: &ControllerError,
) -> Vec<DeletableTopicResult> {
    let refused = |topic: TopicRef| refused(version, topic.name, topic.topic_id, error);
    topics.into_iter().map(refused).collect()
}

fn result(version: i16, topic: DeletedTopic) -> DeletableTopicResult {
    if let Some(error) = topic.error {
        return refused(version, topic.name, topic.topic_id, &error.into());
    }
    DeletableTopicResult {
        name: topic.name.map(Str::from),
        topic_id: topic.topic_id.0,
        error_message: None,
        ..DeletableTopicResult::default()
    }
}

fn refused(
    version: i16,
    name: Option<String>,
    topic_id: TopicId,
    error: &ControllerError,
) -> DeletableTopicResult {
    DeletableTopicResult {
        name: name.map(Str::from),
        topic_id: topic_id.0,
        error_code: error.code.0,
        error_message: error.message.as_ref().filter(|_| version >= MESSAGES_SINCE).map(Str::from),
    }
}
