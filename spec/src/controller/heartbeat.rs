//! A broker's life as the controller sees it: fenced, serving, about to stop, stopped (KIP-631).

use std::collections::BTreeMap;

use super::election::{BrokerChange, partition_change, partition_changes};
use super::error::{ApiError, ErrorCode};
use super::image::{Broker, Image};
use super::record::{BrokerRegistrationChange, Record};
use super::{Decision, Now, Settings};
use crate::types::{DirectoryId, NodeId, Offset};

/// What the active controller remembers of the brokers' heartbeats. It is in no record: a new active controller
/// starts from [`Sessions::new`] and gives every serving broker a whole session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    timeout_ms: i64,
    brokers: BTreeMap<NodeId, Session>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Session {
    /// The registration that it belongs to.
    epoch: i64,
    last_contact_ms: i64,
    /// How far the broker has replayed the metadata log; -1 until it says.
    metadata_offset: Offset,
    /// The last offset of the batch that moved its leaderships away, once it is about to stop.
    shutdown_offset: Option<Offset>,
}

impl Sessions {
    /// The sessions of a controller that becomes active. `timeout_ms` is `broker.session.timeout.ms`.
    pub fn new(image: &Image, timeout_ms: i64, now_ms: i64) -> Self {
        let serving = image.brokers.values().filter(|broker| !broker.fenced);
        let session = |broker: &Broker| Session {
            epoch: broker.epoch,
            last_contact_ms: now_ms,
            metadata_offset: Offset(-1),
            shutdown_offset: None,
        };
        Self { timeout_ms, brokers: serving.map(|broker| (broker.id, session(broker))).collect() }
    }

    /// When the next session ends unless its broker is heard: the time for [`expire_session`].
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.brokers
            .values()
            .map(|session| {
                session.last_contact_ms.saturating_add(self.timeout_ms).saturating_add(1)
            })
            .min()
    }

    /// Notes that a heartbeat came in, which may wait for its turn. A slow controller must not fence who is alive.
    pub fn contact(&mut self, broker_id: NodeId, broker_epoch: i64, now_ms: i64) {
        if let Some(session) =
            self.brokers.get_mut(&broker_id).filter(|session| session.epoch == broker_epoch)
        {
            session.last_contact_ms = session.last_contact_ms.max(now_ms);
        }
    }

    pub(super) fn is_valid(&self, image: &Image, broker: NodeId, now_ms: i64) -> bool {
        let epoch = image.brokers.get(&broker).map(|broker| broker.epoch);
        self.brokers
            .get(&broker)
            .is_some_and(|session| Some(session.epoch) == epoch && !self.is_over(session, now_ms))
    }

    fn is_over(&self, session: &Session, now_ms: i64) -> bool {
        now_ms > session.last_contact_ms.saturating_add(self.timeout_ms)
    }

    pub(super) fn forget(&mut self, broker: NodeId) {
        self.brokers.remove(&broker);
    }

    /// How far every broker that serves, but for one, has replayed. Without such a broker there is nobody to wait for.
    fn lowest_offset_of_others(&self, image: &Image, except: NodeId) -> Offset {
        let serving = image.brokers.values().filter(|broker| broker.id != except && !broker.fenced);
        let offset = |broker: &Broker| match self.brokers.get(&broker.id) {
            Some(session) if session.shutdown_offset.is_some() => Offset(i64::MAX),
            Some(session) => session.metadata_offset,
            None => Offset(-1),
        };
        serving.map(|broker| offset(broker)).min().unwrap_or(Offset(i64::MAX))
    }
}

/// A `BrokerHeartbeat` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The broker.
    pub broker_id: NodeId,
    /// The epoch of its registration.
    pub broker_epoch: i64,
    /// How far it has replayed the metadata log.
    pub current_metadata_offset: Offset,
    /// It is not ready, or no longer ready, to serve.
    pub want_fence: bool,
    /// It wants to stop.
    pub want_shut_down: bool,
    /// Its log directories that are offline.
    pub offline_log_dirs: Vec<DirectoryId>,
}

/// What the controller tells the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// Its replay is past its own registration.
    pub is_caught_up: bool,
    /// It must not serve.
    pub is_fenced: bool,
    /// It may stop now.
    pub should_shut_down: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fenced,
    Serving,
    Stopping,
    ShutDown,
}

/// A broker says that it is alive and what it wants.
pub fn heartbeat(
    image: &Image,
    sessions: &mut Sessions,
    request: &Heartbeat,
    now: Now,
    settings: &Settings,
) -> Result<Decision<HeartbeatReply>, ApiError> {
    let id = request.broker_id;
    let broker = registered(image, id, request.broker_epoch)?;
    let shutdown_offset = sessions
        .brokers
        .get(&id)
        .filter(|session| session.epoch == broker.epoch)
        .and_then(|session| session.shutdown_offset);
    let (current, next) = next_state(image, sessions, request, broker, shutdown_offset);
    let mut records = Vec::new();
    if current != next {
        match next {
            State::Fenced | State::ShutDown => records = fence(image, settings, broker),
            State::Serving => {
                records.push(registration_change(broker, |change| change.fenced = -1));
                records.extend(partition_changes(image, settings, BrokerChange::Returns(id)));
            }
            State::Stopping => {
                if !broker.in_controlled_shutdown {
                    records.push(registration_change(broker, |change| {
                        change.in_controlled_shutdown = 1;
                    }));
                }
                records.extend(partition_changes(image, settings, BrokerChange::Leaves(id)));
            }
        }
    }
    if next == State::ShutDown {
        // It was told to stop: the next process with its id need not wait for a session to end.
        sessions.forget(id);
    } else {
        let session = Session {
            epoch: broker.epoch,
            last_contact_ms: now.ms,
            metadata_offset: request.current_metadata_offset,
            shutdown_offset: (next == State::Stopping)
                .then(|| shutdown_offset.unwrap_or(now.next_offset.plus(records.len() as i64 - 1))),
        };
        sessions.brokers.insert(id, session);
    }
    if image.has_directory_assignment() && !request.offline_log_dirs.is_empty() {
        let mut after = image.clone();
        for (step, record) in records.iter().enumerate() {
            after
                .replay(record, now.next_offset.plus(step as i64), image.epoch)
                .expect("records that were decided on an image replay on it");
        }
        records.extend(directories_offline(&after, settings, broker, &request.offline_log_dirs));
    }
    let response = HeartbeatReply {
        is_caught_up: request.current_metadata_offset >= broker.registration_offset,
        is_fenced: matches!(next, State::Fenced | State::ShutDown),
        should_shut_down: next == State::ShutDown,
    };
    Ok(Decision { records, atomic: false, response })
}

/// The registration that a request speaks for, or `STALE_BROKER_EPOCH`.
pub(super) fn registered(image: &Image, id: NodeId, epoch: i64) -> Result<&Broker, ApiError> {
    let stale = |message| Err(ApiError::new(ErrorCode::StaleBrokerEpoch, message));
    match image.brokers.get(&id) {
        None => stale(format!("No broker registration found for broker id {id}")),
        Some(broker) if broker.epoch != epoch => {
            stale(format!("Expected broker epoch {}, but got broker epoch {epoch}", broker.epoch))
        }
        Some(broker) => Ok(broker),
    }
}

fn next_state(
    image: &Image,
    sessions: &Sessions,
    request: &Heartbeat,
    broker: &Broker,
    shutdown_offset: Option<Offset>,
) -> (State, State) {
    let leads = || image.partitions().any(|(_, _, partition)| partition.leader == Some(broker.id));
    if broker.fenced {
        // Who was told to stop has to register anew. Kafka would unfence it, still about to stop, and let it lead.
        let is_ready = request.current_metadata_offset >= broker.registration_offset
            && !broker.in_controlled_shutdown;
        let next = match (request.want_shut_down, request.want_fence) {
            (true, _) => State::ShutDown,
            (false, false) if is_ready => State::Serving,
            (false, _) => State::Fenced,
        };
        return (State::Fenced, next);
    }
    if let Some(offset) = shutdown_offset {
        let moved = !leads() && offset <= sessions.lowest_offset_of_others(image, broker.id);
        return (State::Stopping, if moved { State::ShutDown } else { State::Stopping });
    }
    let next = match (request.want_fence, request.want_shut_down) {
        (true, false) => State::Fenced,
        (false, true) if leads() => State::Stopping,
        (_, true) => State::ShutDown,
        (false, false) => State::Serving,
    };
    (State::Serving, next)
}

/// Fences one broker whose session is over, if there is one. Answers with it. Call until it gives `None`: one at
/// a time, so that each election sees the effects of the one before.
pub fn expire_session(
    image: &Image,
    sessions: &mut Sessions,
    now_ms: i64,
    settings: &Settings,
) -> Option<Decision<NodeId>> {
    loop {
        let over = sessions.brokers.iter().find(|(_, session)| sessions.is_over(session, now_ms));
        let (id, epoch) = over.map(|(id, session)| (*id, session.epoch))?;
        sessions.forget(id);
        // Who is fenced already, gone or registered anew needs no fencing.
        if let Some(broker) =
            image.brokers.get(&id).filter(|broker| broker.epoch == epoch && !broker.fenced)
        {
            return Some(Decision {
                records: fence(image, settings, broker),
                atomic: false,
                response: id,
            });
        }
    }
}

fn fence(image: &Image, settings: &Settings, broker: &Broker) -> Vec<Record> {
    let mut records = partition_changes(image, settings, BrokerChange::Leaves(broker.id));
    records.push(registration_change(broker, |change| change.fenced = 1));
    records
}

fn directories_offline(
    image: &Image,
    settings: &Settings,
    broker: &Broker,
    offline: &[DirectoryId],
) -> Vec<Record> {
    let mut records = Vec::new();
    let (lost, online): (Vec<DirectoryId>, Vec<DirectoryId>) =
        broker.directories.iter().partition(|dir| offline.contains(dir));
    if !lost.is_empty() {
        for (topic, number, partition) in image.partitions() {
            if lost.contains(&partition.directory(broker.id)) {
                records.extend(partition_change(
                    image,
                    settings,
                    topic,
                    number,
                    partition,
                    BrokerChange::Leaves(broker.id),
                ));
            }
        }
        records.push(registration_change(broker, |change| {
            change.log_dirs = online;
        }));
    }
    records
}

fn registration_change(
    broker: &Broker,
    change: impl FnOnce(&mut BrokerRegistrationChange),
) -> Record {
    let mut record = BrokerRegistrationChange {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        fenced: 0,
        in_controlled_shutdown: 0,
        log_dirs: Vec::new(),
    };
    change(&mut record);
    Record::BrokerRegistrationChange(record)
}
