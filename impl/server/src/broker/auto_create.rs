//! Topics that are created when a client first asks for them (`auto.create.topics.enable`).

use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use kraftig_spec::controller::{CreatableTopic, CreateTopics};

use super::{Broker, is_internal, random_seed, random_topic_id};
use crate::controller::ControllerError;

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

async fn ask(broker: &Broker, names: &[String]) -> Result<(), ControllerError> {
    let topic = |name: &String| {
        Ok(CreatableTopic {
            name: name.clone(),
            topic_id: random_topic_id()?,
            num_partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: Vec::new(),
        })
    };
    let request = CreateTopics {
        topics: names.iter().map(topic).collect::<Result<_, ControllerError>>()?,
        validate_only: false,
        placement_seed: random_seed()?,
    };
    for created in broker.controller.create_topics(request).await? {
        if let Some(error) = created.error {
            tracing::warn!("topic {} was asked for and is not created: {error}", created.name);
        }
    }
    Ok(())
}
