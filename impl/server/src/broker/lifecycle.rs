//! A broker's life: it registers, says that it lives, serves, and takes its leave (KIP-631).

use std::sync::Arc;
use std::time::{Duration, Instant};

use kraftig_spec::controller::{BrokerRegistration, Heartbeat, HeartbeatReply};
use kraftig_spec::types::Offset;
use kraftig_wire::ErrorCode;

use super::Broker;
use crate::controller::ControllerError;

/// How long to wait before a registration that was refused is tried again.
const REGISTRATION_RETRY: Duration = Duration::from_millis(100);
/// How long to wait before the controller is asked again whether the broker has caught up, or may stop.
const HEARTBEAT_RETRY: Duration = Duration::from_millis(50);
/// How long a controlled shutdown may take, as in Kafka.
const MOST_SHUTDOWN: Duration = Duration::from_mins(5);

/// The broker did not become part of the cluster.
#[derive(Debug, thiserror::Error)]
#[error(
    "Shutting down because we were unable to register with the controller quorum within {timeout_ms} ms \
     (initial.broker.registration.timeout.ms): {last}"
)]
pub struct RegistrationError {
    timeout_ms: u64,
    last: ControllerError,
}

/// Registers the broker and waits until it serves.
///
/// A predecessor that did not stop cleanly has a session with the controller that has to end first.
pub(crate) async fn join(
    broker: &Broker,
    registration: BrokerRegistration,
) -> Result<(), RegistrationError> {
    let timeout_ms = broker.config.broker.initial_registration_timeout_ms;
    let timeout_ms = u64::try_from(timeout_ms).unwrap_or_default();
    let until = Instant::now() + Duration::from_millis(timeout_ms);
    let give_up = |last| RegistrationError { timeout_ms, last };
    let mut waits = false;
    let epoch = loop {
        match broker.controller.register_broker(registration.clone()).await {
            Ok(epoch) => break epoch,
            Err(error) if Instant::now() >= until => return Err(give_up(error)),
            Err(error) => {
                let may_pass =
                    [ErrorCode::DUPLICATE_BROKER_REGISTRATION, ErrorCode::NOT_CONTROLLER];
                if !may_pass.contains(&error.code) {
                    return Err(give_up(error));
                }
                if !waits {
                    tracing::warn!("the controller does not register this broker yet: {error}");
                    waits = true;
                }
            }
        }
        tokio::time::sleep(REGISTRATION_RETRY).await;
    };
    broker.set_epoch(epoch);
    loop {
        match heartbeat(broker, false).await {
            Ok(reply) if reply.is_caught_up && !reply.is_fenced => return Ok(()),
            Err(error) if Instant::now() >= until => return Err(give_up(error)),
            Ok(_) | Err(_) => tokio::time::sleep(HEARTBEAT_RETRY).await,
        }
    }
}

/// Sends a heartbeat each `broker.heartbeat.interval.ms`, for ever.
pub(crate) async fn keep_alive(broker: Arc<Broker>) {
    let interval = u64::try_from(broker.config.broker.heartbeat_interval_ms).unwrap_or_default();
    let interval = Duration::from_millis(interval.max(1));
    loop {
        tokio::time::sleep(interval).await;
        if let Err(error) = heartbeat(&broker, false).await {
            tracing::warn!("the controller does not take this broker's heartbeat: {error}");
        }
    }
}

/// Takes the broker out of the cluster: its leaderships go elsewhere, and it is fenced.
pub(crate) async fn leave(broker: &Broker) {
    let until = Instant::now() + MOST_SHUTDOWN;
    let mut has_waited = false;
    loop {
        match heartbeat(broker, true).await {
            Ok(reply) if reply.should_shut_down => return,
            Ok(_) if Instant::now() < until => {
                // On a node alone there is nobody to wait for: the second answer is the one.
                if has_waited {
                    tokio::time::sleep(HEARTBEAT_RETRY).await;
                }
                has_waited = true;
            }
            Ok(_) => {
                let most = MOST_SHUTDOWN.as_secs();
                return tracing::warn!(
                    "the controller kept this broker for {most} s; it stops now"
                );
            }
            Err(error) => return tracing::warn!("no controlled shutdown: {error}"),
        }
    }
}

async fn heartbeat(
    broker: &Broker,
    want_shut_down: bool,
) -> Result<HeartbeatReply, ControllerError> {
    let request = Heartbeat {
        broker_id: broker.id(),
        broker_epoch: broker.epoch(),
        current_metadata_offset: Offset(broker.metadata.load().end.0 - 1),
        want_fence: false,
        want_shut_down,
        offline_log_dirs: Vec::new(),
    };
    broker.controller.heartbeat(request).await
}
