//! Topics that are created when a client first asks for them (`auto.create.topics.enable`).

use std::collections::HashSet;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::{Arc, MutexGuard, PoisonError};

use kraftig_wire::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use kraftig_wire::messages::create_topics_response::CreateTopicsResponse;
use kraftig_wire::messages::response_header::ResponseHeader;
use kraftig_wire::{ErrorCode, Message, Reader, Str, encode_request_frame};

use super::{Broker, is_internal};
use crate::controller::Forward;

/// The most topics that are being created in this way at once. Whoever asks for more has to ask again.
const MOST_AT_ONCE: usize = 1000;

/// Starts to create the topics, but for those that are being created already. Kafka's own topics are left to what
/// uses them: they need configurations of their own.
pub(super) fn create(broker: &Arc<Broker>, names: &[&str]) {
    let new: Vec<String> = {
        let mut creating = creating(broker);
        let mut room = MOST_AT_ONCE.saturating_sub(creating.len());
        names
            .iter()
            .filter(|name| !is_internal(name))
            .filter(|name| {
                let is_new = room > 0 && creating.insert((**name).to_owned());
                room -= usize::from(is_new);
                is_new
            })
            .map(|name| (*name).to_owned())
            .collect()
    };
    if new.is_empty() {
        return;
    }
    let broker = broker.clone();
    tokio::spawn(async move {
        if let Err(error) = ask(&broker, &new).await {
            tracing::warn!("topics that were asked for are not created: {error}");
        }
        let mut creating = creating(&broker);
        for name in &new {
            creating.remove(name);
        }
    });
}

fn creating(broker: &Broker) -> MutexGuard<'_, HashSet<String>> {
    broker.creating.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the controller as a client of this broker would.
async fn ask(broker: &Broker, names: &[String]) -> Result<(), Box<dyn Error + Send + Sync>> {
    let version = CreateTopicsRequest::MAX_VERSION;
    let topic = |name: &String| CreatableTopic {
        name: Str::from(name),
        num_partitions: -1,
        replication_factor: -1,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest {
        topics: names.iter().map(topic).collect(),
        timeout_ms: broker.config.broker.request_timeout_ms,
        validate_only: false,
    };
    let client_id = broker.id().to_string();
    let frame = encode_request_frame(0, Some(&client_id), version, &request)?;
    // Without its size.
    let request = frame.freeze().slice(4..);
    let forward = Forward { request, client: Ipv4Addr::LOCALHOST.into() };
    let asked = broker.to_controller.ask(&forward, broker.request_timeout()).await?;
    let answer = asked.map_err(|error| format!("the controller answers {error}"))?;
    let mut reader = Reader::new(answer.freeze().slice(4..));
    ResponseHeader::decode(&mut reader, 1)?;
    for created in CreateTopicsResponse::decode(&mut reader, version)?.topics {
        let error = ErrorCode(created.error_code);
        // It may be there before this broker has heard of it.
        if ![ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS].contains(&error) {
            let (name, why) = (&created.name, created.error_message.unwrap_or_default());
            tracing::warn!("topic {name} was asked for and is not created: {error}: {why}");
        }
    }
    Ok(())
}
