//! Topics are deleted, by name or by id (`DeleteTopics`, KIP-516).

use std::collections::BTreeMap;

use super::error::{ApiError, ErrorCode};
use super::image::Image;
use super::record::Record;
use super::{Decision, MAX_RECORDS_PER_BATCH, Settings};
use crate::types::TopicId;

/// A `DeleteTopics` request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteTopics {
    /// The version of the request: before 3 there was no error for "deletion is disabled".
    pub api_version: i16,
    /// The topics.
    pub topics: Vec<TopicRef>,
}

/// A topic by its name or by its id, not by both.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicRef {
    /// Its name.
    pub name: Option<String>,
    /// Its id; zero for none.
    pub topic_id: TopicId,
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its name, where it is known.
    pub name: Option<String>,
    /// Its id, where it is known.
    pub topic_id: TopicId,
    /// Why it is not deleted.
    pub error: Option<ApiError>,
}

/// Deletes topics, each on its own. A topic that the request names twice is not deleted.
pub fn delete_topics(
    image: &Image,
    request: &DeleteTopics,
    settings: &Settings,
) -> Decision<Vec<DeletedTopic>> {
    if !settings.delete_topic_enable {
        let error = if request.api_version < 3 {
            ApiError::new(ErrorCode::InvalidRequest, "Topic deletion is disabled.")
        } else {
            ApiError { code: ErrorCode::TopicDeletionDisabled, message: None }
        };
        return refuse_all(request, &error);
    }
    let mut times: BTreeMap<&TopicRef, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic).or_default() += 1;
    }
    let mut response = Vec::new();
    let mut refuse = |topic: &TopicRef, topic_id: TopicId, code, message: &str| {
        response.push(DeletedTopic {
            name: topic.name.clone(),
            topic_id,
            error: Some(ApiError::new(code, message)),
        });
    };
    // What is to go, with whether an error stands in its way.
    let mut found: BTreeMap<TopicId, bool> = BTreeMap::new();
    // Ids before names (`None` comes first), so that a name that says what an id has said is the one that is refused.
    for (topic, times) in times {
        let has_id = topic.topic_id != TopicId::default();
        let id = match &topic.name {
            None if !has_id => {
                refuse(
                    topic,
                    topic.topic_id,
                    ErrorCode::InvalidRequest,
                    "Neither topic name nor id were specified.",
                );
                continue;
            }
            Some(_) if has_id => {
                refuse(
                    topic,
                    topic.topic_id,
                    ErrorCode::InvalidRequest,
                    "You may not specify both topic name and topic id.",
                );
                continue;
            }
            None => image.topics.get(&topic.topic_id).map(|topic| topic.id),
            Some(name) => image.topic_ids.get(name.as_str()).copied(),
        };
        if times > 1 {
            let message = if has_id { "Duplicate topic id." } else { "Duplicate topic name." };
            refuse(topic, topic.topic_id, ErrorCode::InvalidRequest, message);
        }
        match id {
            Some(id) if found.contains_key(&id) => {
                if times == 1 {
                    let message =
                        "The provided topic name maps to an ID that was already supplied.";
                    refuse(topic, id, ErrorCode::InvalidRequest, message);
                }
                found.insert(id, true);
            }
            // A name that is given twice is not looked at, an id that is given twice is not deleted by its name either.
            Some(id) if times == 1 || has_id => drop(found.insert(id, times > 1)),
            None if times == 1 && has_id => {
                refuse(
                    topic,
                    topic.topic_id,
                    ErrorCode::UnknownTopicId,
                    "This server does not host this topic ID.",
                );
            }
            None if times == 1 => {
                let message = "This server does not host this topic-partition.";
                refuse(topic, topic.topic_id, ErrorCode::UnknownTopicOrPartition, message);
            }
            _ => {}
        }
    }
    let mut records = Vec::new();
    for (id, _) in found.into_iter().filter(|(_, refused)| !refused) {
        records.push(Record::RemoveTopic { topic_id: id });
        let name = image.topics.get(&id).map(|topic| topic.name.as_ref().to_owned());
        response.push(DeletedTopic { name, topic_id: id, error: None });
    }
    if records.len() > MAX_RECORDS_PER_BATCH {
        let error = ApiError::new(
            ErrorCode::PolicyViolation,
            "Unable to perform excessively large batch operation.",
        );
        return refuse_all(request, &error);
    }
    Decision { records, atomic: true, response }
}

fn refuse_all(request: &DeleteTopics, error: &ApiError) -> Decision<Vec<DeletedTopic>> {
    let refused = |topic: &TopicRef| DeletedTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        error: Some(error.clone()),
    };
    Decision {
        records: Vec::new(),
        atomic: true,
        response: request.topics.iter().map(refused).collect(),
    }
}
