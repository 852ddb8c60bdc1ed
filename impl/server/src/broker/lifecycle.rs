//! A broker's life: it registers, says that it lives, serves, and takes its leave (KIP-631).

use std::sync::Arc;
use std::time::{Duration, Instant};

use kraftig_spec::types::{NodeId, Offset};
use kraftig_wire::ErrorCode;
use kraftig_wire::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use kraftig_wire::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use kraftig_wire::messages::broker_registration_request::BrokerRegistrationRequest;

use super::Broker;
use crate::controller::NoAnswer;

/// How long to wait before a registration that was refused is tried again.
const REGISTRATION_RETRY: Duration = Duration::from_millis(100);
/// How long to wait before the controller is asked again whether the broker has caught up, or may stop.
const HEARTBEAT_RETRY: Duration = Duration::from_millis(50);
/// How long a controlled shutdown may take, as in Kafka.
const MOST_SHUTDOWN: Duration = Duration::from_mins(5);

/// What the controller did not do.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Failure {
    #[error("the controller answers {0}")]
    Refused(ErrorCode),
    #[error(
        "the controller answers DUPLICATE_BROKER_REGISTRATION, for a broker with node.id={0} is in the cluster: if this is \
         not its own last process, of which the session has yet to end, give this node a node.id of its own, in its \
         configuration and its formatted directories, or stop the other one"
    )]
    SameId(NodeId),
    #[error("{same}; and then {1}", same = Failure::SameId(*.0))]
    SameIdThenNoAnswer(NodeId, NoAnswer),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// The broker did not become part of the cluster.
#[derive(Debug, thiserror::Error)]
#[error(
    "Shutting down because we were unable to register with the controller quorum within {timeout_ms} ms \
     (initial.broker.registration.timeout.ms): {last}"
)]
pub struct RegistrationError {
    timeout_ms: u64,
    last: Failure,
}

/// Registers the broker and waits until it serves, as far as this node knows.
///
/// A predecessor that did not stop cleanly has a session with the controller that has to end first.
pub(crate) async fn join(
    broker: &Broker,
    registration: BrokerRegistrationRequest,
) -> Result<(), RegistrationError> {
    let timeout_ms = broker.config.broker.initial_registration_timeout_ms;
    let timeout_ms = u64::try_from(timeout_ms).unwrap_or_default();
    let until = Instant::now() + Duration::from_millis(timeout_ms);
    let mut waits = false;
    let epoch = loop {
        let left = until.saturating_duration_since(Instant::now());
        let refused = match broker.to_controller_alone.ask(&registration, left).await {
            Ok(response) if response.error_code == ErrorCode::NONE.0 => {
                break response.broker_epoch;
            }
            Ok(response) => match ErrorCode(response.error_code) {
                ErrorCode::DUPLICATE_BROKER_REGISTRATION => Failure::SameId(broker.id()),
                error => Failure::Refused(error),
            },
            // The time was up.
            Err(error) if waits => Failure::SameIdThenNoAnswer(broker.id(), error),
            Err(error) => Failure::from(error),
        };
        let may_pass = matches!(refused, Failure::SameId(_));
        if !may_pass || Instant::now() >= until {
            return Err(RegistrationError { timeout_ms, last: refused });
        }
        if !waits {
            tracing::warn!("this broker is not registered yet: {refused}");
            waits = true;
        }
        tokio::time::sleep(REGISTRATION_RETRY).await;
    };
    broker.set_epoch(epoch);
    broker.controller.broker_is_registered(Offset(epoch));
    let mut shown = broker.controller.shown();
    // These fail when the controller's task has ended, and the node's start with it.
    let _ = shown.wait_for(|end| *end > Offset(epoch)).await;
    let serves = || {
        let image = broker.metadata.load();
        image.brokers.get(&broker.id()).is_some_and(|broker| !broker.fenced)
    };
    loop {
        match heartbeat(broker, false, session(broker)).await {
            Ok(reply) if reply.is_caught_up && !reply.is_fenced => {
                // It may be fenced again before it has seen that it was not, so its heartbeats go on.
                let shown = shown.wait_for(|_| serves());
                if tokio::time::timeout(interval(broker), shown).await.is_ok() {
                    return Ok(());
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("this broker does not serve yet: {error}"),
        }
        tokio::time::sleep(HEARTBEAT_RETRY).await;
    }
}

/// Sends a heartbeat each `broker.heartbeat.interval.ms`, and to each new controller at once, for ever.
pub(crate) async fn keep_alive(broker: Arc<Broker>) {
    let interval = interval(&broker);
    let channel = &broker.to_controller_alone;
    let mut seen = channel.leadership();
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = channel.moved(&mut seen) => {}
        }
        if let Err(error) = heartbeat(&broker, false, session(&broker)).await {
            tracing::warn!("this broker's heartbeat is not taken: {error}");
        }
    }
}

/// Takes the broker out of the cluster: its leaderships go elsewhere, and it is fenced. Where no controller can be
/// reached for as long as a session lasts, it goes as it is: then it is fenced for its silence.
pub(crate) async fn leave(broker: &Broker) {
    let until = Instant::now() + MOST_SHUTDOWN;
    let mut has_waited = false;
    loop {
        match heartbeat(broker, true, session(broker)).await {
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

/// `broker.heartbeat.interval.ms`.
fn interval(broker: &Broker) -> Duration {
    let ms = u64::try_from(broker.config.broker.heartbeat_interval_ms).unwrap_or_default();
    Duration::from_millis(ms.max(1))
}

/// `broker.session.timeout.ms`.
fn session(broker: &Broker) -> Duration {
    let ms = u64::try_from(broker.config.broker.session_timeout_ms).unwrap_or_default();
    Duration::from_millis(ms)
}

async fn heartbeat(
    broker: &Broker,
    want_shut_down: bool,
    within: Duration,
) -> Result<BrokerHeartbeatResponse, Failure> {
    let request = BrokerHeartbeatRequest {
        broker_id: broker.id().0,
        broker_epoch: broker.epoch(),
        current_metadata_offset: broker.metadata.load().end.0 - 1,
        want_fence: false,
        want_shut_down,
        offline_log_dirs: Vec::new(),
    };
    let response = broker.to_controller_alone.ask(&request, within).await?;
    match ErrorCode(response.error_code) {
        ErrorCode::NONE => Ok(response),
        error => Err(Failure::Refused(error)),
    }
}
