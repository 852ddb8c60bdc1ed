//! Brokers and controllers announce themselves (KIP-631, KIP-919).

use std::collections::BTreeSet;

use super::election::{BrokerChange, partition_changes};
use super::error::{ApiError, ErrorCode};
use super::features::{KRAFT_VERSION, METADATA_VERSION, MetadataVersion};
use super::heartbeat::Sessions;
use super::image::Image;
use super::record::{Endpoint, Record, RegisterBroker, RegisterController, SupportedFeature};
use super::{Decision, Now, Settings};
use crate::types::{DirectoryId, NodeId, Uuid};

/// A `BrokerRegistration` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRegistration {
    /// The broker.
    pub broker_id: NodeId,
    /// The cluster that it thinks it is in.
    pub cluster_id: String,
    /// The id of this run of its process.
    pub incarnation_id: Uuid,
    /// Where it listens.
    pub listeners: Vec<Endpoint>,
    /// What it serves.
    pub features: Vec<SupportedFeature>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// True for a broker that still runs with `ZooKeeper`.
    pub is_migrating_zk_broker: bool,
    /// Its log directories.
    pub log_dirs: Vec<DirectoryId>,
    /// The epoch with which it stopped cleanly, -1 for none. `None` where the request's version does not say (before 3).
    pub previous_broker_epoch: Option<i64>,
}

/// A broker registers. Answers with its broker epoch.
///
/// A new incarnation that cannot prove that its predecessor stopped cleanly leaves every ISR and ELR first.
pub fn register_broker(
    image: &Image,
    sessions: &mut Sessions,
    request: &BrokerRegistration,
    now: Now,
    settings: &Settings,
) -> Result<Decision<i64>, ApiError> {
    let existing = image.brokers.get(&request.broker_id);
    check(image, sessions, request, now, settings)?;
    let mut record = RegisterBroker {
        broker_id: request.broker_id,
        is_migrating_zk_broker: false,
        incarnation_id: request.incarnation_id,
        broker_epoch: now.next_offset.0,
        end_points: request.listeners.clone(),
        features: request.features.clone(),
        rack: request.rack.clone(),
        fenced: true,
        in_controlled_shutdown: false,
        log_dirs: Vec::new(),
    };
    if image.has_directory_assignment() {
        record.log_dirs.clone_from(&request.log_dirs);
    }
    let mut records = Vec::new();
    if let Some(same) = existing.filter(|broker| broker.incarnation_id == request.incarnation_id) {
        record.broker_epoch = same.epoch;
        record.fenced = same.fenced;
        record.in_controlled_shutdown = same.in_controlled_shutdown;
    } else {
        let stopped_cleanly =
            existing.is_some_and(|broker| request.previous_broker_epoch == Some(broker.epoch));
        let change = if image.elr_enabled() && !stopped_cleanly {
            BrokerChange::LostUncleanly(request.broker_id)
        } else {
            BrokerChange::Leaves(request.broker_id)
        };
        records = partition_changes(image, settings, change);
        sessions.forget(request.broker_id);
    }
    let response = record.broker_epoch;
    records.push(Record::RegisterBroker(record));
    Ok(Decision { records, atomic: false, response })
}

fn check(
    image: &Image,
    sessions: &Sessions,
    request: &BrokerRegistration,
    now: Now,
    settings: &Settings,
) -> Result<(), ApiError> {
    let fail = |code, message: String| Err(ApiError::new(code, message));
    let id = request.broker_id;
    if request.cluster_id != settings.cluster_id {
        return fail(
            ErrorCode::InconsistentClusterId,
            format!(
                "Expected cluster ID {}, but got cluster ID {}",
                settings.cluster_id, request.cluster_id
            ),
        );
    }
    if id < NodeId(0) {
        return fail(ErrorCode::InvalidRegistration, format!("Invalid broker ID {id}"));
    }
    if image.brokers.get(&id).is_some_and(|broker| broker.incarnation_id != request.incarnation_id)
        && sessions.is_valid(image, id, now.ms)
    {
        return fail(
            ErrorCode::DuplicateBrokerRegistration,
            "Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once the heartbeat manager expires the broker's session.".to_owned(),
        );
    }
    if request.is_migrating_zk_broker {
        return fail(
            ErrorCode::BrokerIdNotRegistered,
            "Controller does not support registering ZK brokers.".to_owned(),
        );
    }
    if image.has_directory_assignment() {
        check_directories(image, request)?;
    }
    for feature in &request.features {
        check_feature(
            image,
            settings,
            &feature.name,
            feature.min_supported_version,
            feature.max_supported_version,
        )?;
    }
    if !request.features.iter().any(|feature| feature.name == METADATA_VERSION) {
        return fail(
            ErrorCode::InvalidRegistration,
            "Request features do not contain 'metadata.version'".to_owned(),
        );
    }
    // A feature that the broker does not name is one that it does not serve.
    let finalized = image.features.keys().map(AsRef::as_ref).chain([KRAFT_VERSION]);
    for name in
        finalized.filter(|name| !request.features.iter().any(|feature| feature.name == **name))
    {
        check_feature(image, settings, name, 0, 0)?;
    }
    Ok(())
}

fn check_directories(image: &Image, request: &BrokerRegistration) -> Result<(), ApiError> {
    let fail = |message: String| Err(ApiError::new(ErrorCode::InvalidRegistration, message));
    let dirs = &request.log_dirs;
    if dirs.is_empty() {
        return fail("No directories specified in request".to_owned());
    }
    if dirs.iter().any(|dir| dir.0.is_reserved()) {
        return fail("Reserved directory ID in request".to_owned());
    }
    if dirs.iter().collect::<BTreeSet<_>>().len() != dirs.len() {
        return fail("Duplicate directory ID in request".to_owned());
    }
    for other in image.brokers.values().filter(|other| other.id != request.broker_id) {
        if let Some(dir) = dirs.iter().find(|dir| other.directories.contains(dir)) {
            return fail(format!("Broker {} is already registered with directory {dir}", other.id));
        }
    }
    Ok(())
}

fn check_feature(
    image: &Image,
    settings: &Settings,
    name: &str,
    min: i16,
    max: i16,
) -> Result<(), ApiError> {
    let finalized = if name == KRAFT_VERSION {
        settings.kraft_version
    } else {
        image.features.get(name).copied().unwrap_or(0)
    };
    if (min..=max).contains(&finalized) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::UnsupportedVersion,
        format!(
            "Unable to register because the broker does not support finalized version {finalized} of {name}. The broker wants a version between {min} and {max}, inclusive."
        ),
    ))
}

/// Whether a controller has to register: the level has registrations of controllers, and this one's is missing or
/// of an earlier run of its process.
pub fn needs_registration(image: &Image, registration: &RegisterController) -> bool {
    let known = image.controllers.get(&registration.controller_id);
    image.metadata_version().is_some_and(MetadataVersion::has_controller_registration)
        && known.is_none_or(|known| known.incarnation_id != registration.incarnation_id)
}

/// A controller registers, so that all see where it listens and what it serves. One that asks again in the same run of
/// its process changes nothing.
pub fn register_controller(
    image: &Image,
    request: RegisterController,
) -> Result<Decision<()>, ApiError> {
    if !image.metadata_version().is_some_and(MetadataVersion::has_controller_registration) {
        let message = "The current MetadataVersion is too old to support controller registrations.";
        return Err(ApiError::new(ErrorCode::UnsupportedVersion, message));
    }
    let records = if needs_registration(image, &request) {
        vec![Record::RegisterController(request)]
    } else {
        Vec::new()
    };
    Ok(Decision { records, atomic: true, response: () })
}
