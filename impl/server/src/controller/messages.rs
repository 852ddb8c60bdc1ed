//! What nodes ask of the active controller by messages of their own: brokers register, send heartbeats and take
//! producer ids (KIP-631, KIP-730), controllers register (KIP-919).

use kraftig_spec::controller::record::{Endpoint, RegisterController, SupportedFeature};
use kraftig_spec::controller::{BrokerRegistration, Heartbeat, PRODUCER_ID_BLOCK};
use kraftig_spec::types::{DirectoryId, NodeId, Offset};
use kraftig_wire::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use kraftig_wire::messages::allocate_producer_ids_response::AllocateProducerIdsResponse;
use kraftig_wire::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use kraftig_wire::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use kraftig_wire::messages::broker_registration_request::{
    self as broker, BrokerRegistrationRequest,
};
use kraftig_wire::messages::broker_registration_response::BrokerRegistrationResponse;
use kraftig_wire::messages::controller_registration_request::{
    self as controller_request, ControllerRegistrationRequest,
};
use kraftig_wire::messages::controller_registration_response::ControllerRegistrationResponse;
use kraftig_wire::{ErrorCode, Message, Str};

use super::ControllerHandle;
use super::channel::Direct;

/// The first version in which a broker says with which epoch it stopped cleanly.
const PREVIOUS_EPOCH_SINCE: i16 = 3;

/// Answers `BrokerRegistration`.
pub async fn register_broker(
    controller: &ControllerHandle,
    version: i16,
    request: BrokerRegistrationRequest,
) -> BrokerRegistrationResponse {
    let endpoint = |listener: broker::Listener| Endpoint {
        name: listener.name.into(),
        host: listener.host.into(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    };
    let feature = |feature: broker::Feature| SupportedFeature {
        name: feature.name.into(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    let id = request.broker_id;
    let registration = BrokerRegistration {
        broker_id: NodeId(id),
        cluster_id: request.cluster_id.into(),
        incarnation_id: request.incarnation_id,
        listeners: request.listeners.into_iter().map(endpoint).collect(),
        features: request.features.into_iter().map(feature).collect(),
        rack: request.rack.map(String::from),
        is_migrating_zk_broker: request.is_migrating_zk_broker,
        log_dirs: request.log_dirs.into_iter().map(DirectoryId).collect(),
        previous_broker_epoch: (version >= PREVIOUS_EPOCH_SINCE)
            .then_some(request.previous_broker_epoch),
    };
    match controller.register_broker(registration).await {
        Ok(broker_epoch) => {
            BrokerRegistrationResponse { broker_epoch, ..BrokerRegistrationResponse::default() }
        }
        Err(error) => {
            // The answer has no room for the text.
            if error.code != ErrorCode::NOT_CONTROLLER {
                tracing::warn!("broker {id} is not registered: {error}");
            }
            BrokerRegistrationResponse {
                error_code: error.code.0,
                ..BrokerRegistrationResponse::default()
            }
        }
    }
}

/// Answers `BrokerHeartbeat`.
pub async fn heartbeat(
    controller: &ControllerHandle,
    request: BrokerHeartbeatRequest,
) -> BrokerHeartbeatResponse {
    let heartbeat = Heartbeat {
        broker_id: NodeId(request.broker_id),
        broker_epoch: request.broker_epoch,
        current_metadata_offset: Offset(request.current_metadata_offset),
        want_fence: request.want_fence,
        want_shut_down: request.want_shut_down,
        offline_log_dirs: request.offline_log_dirs.into_iter().map(DirectoryId).collect(),
    };
    match controller.heartbeat(heartbeat).await {
        Ok(reply) => BrokerHeartbeatResponse {
            is_caught_up: reply.is_caught_up,
            is_fenced: reply.is_fenced,
            should_shut_down: reply.should_shut_down,
            ..BrokerHeartbeatResponse::default()
        },
        Err(error) => BrokerHeartbeatResponse {
            error_code: error.code.0,
            ..BrokerHeartbeatResponse::default()
        },
    }
}

/// Answers `AllocateProducerIds`.
pub async fn allocate_producer_ids(
    controller: &ControllerHandle,
    request: AllocateProducerIdsRequest,
) -> AllocateProducerIdsResponse {
    let broker_id = NodeId(request.broker_id);
    match controller.allocate_producer_ids(broker_id, request.broker_epoch).await {
        Ok(first) => AllocateProducerIdsResponse {
            producer_id_start: first,
            producer_id_len: PRODUCER_ID_BLOCK,
            ..AllocateProducerIdsResponse::default()
        },
        Err(error) => AllocateProducerIdsResponse {
            error_code: error.code.0,
            ..AllocateProducerIdsResponse::default()
        },
    }
}

/// Answers `ControllerRegistration`.
pub async fn register_controller(
    controller: &ControllerHandle,
    request: ControllerRegistrationRequest,
) -> ControllerRegistrationResponse {
    let endpoint = |listener: controller_request::Listener| Endpoint {
        name: listener.name.into(),
        host: listener.host.into(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    };
    let feature = |feature: controller_request::Feature| SupportedFeature {
        name: feature.name.into(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    let registration = RegisterController {
        controller_id: NodeId(request.controller_id),
        incarnation_id: request.incarnation_id,
        zk_migration_ready: request.zk_migration_ready,
        end_points: request.listeners.into_iter().map(endpoint).collect(),
        features: request.features.into_iter().map(feature).collect(),
    };
    let error = controller.register_controller(registration).await.err();
    ControllerRegistrationResponse {
        error_code: error.as_ref().map_or(ErrorCode::NONE, |error| error.code).0,
        error_message: error.and_then(|error| error.message).map(Str::from),
        ..ControllerRegistrationResponse::default()
    }
}

/// A controller's registration as it asks another one for it.
pub fn controller_registration(registration: &RegisterController) -> ControllerRegistrationRequest {
    let listener = |endpoint: &Endpoint| controller_request::Listener {
        name: Str::from(&endpoint.name),
        host: Str::from(&endpoint.host),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
    };
    let feature = |feature: &SupportedFeature| controller_request::Feature {
        name: Str::from(&feature.name),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    ControllerRegistrationRequest {
        controller_id: registration.controller_id.0,
        incarnation_id: registration.incarnation_id,
        zk_migration_ready: registration.zk_migration_ready,
        listeners: registration.end_points.iter().map(listener).collect(),
        features: registration.features.iter().map(feature).collect(),
    }
}

impl Direct for BrokerRegistrationRequest {
    async fn serve(self, controller: &ControllerHandle) -> BrokerRegistrationResponse {
        register_broker(controller, Self::MAX_VERSION, self).await
    }

    fn error(response: &BrokerRegistrationResponse) -> ErrorCode {
        ErrorCode(response.error_code)
    }
}

impl Direct for BrokerHeartbeatRequest {
    async fn serve(self, controller: &ControllerHandle) -> BrokerHeartbeatResponse {
        heartbeat(controller, self).await
    }

    fn error(response: &BrokerHeartbeatResponse) -> ErrorCode {
        ErrorCode(response.error_code)
    }
}

impl Direct for AllocateProducerIdsRequest {
    async fn serve(self, controller: &ControllerHandle) -> AllocateProducerIdsResponse {
        allocate_producer_ids(controller, self).await
    }

    fn error(response: &AllocateProducerIdsResponse) -> ErrorCode {
        ErrorCode(response.error_code)
    }
}

impl Direct for ControllerRegistrationRequest {
    async fn serve(self, controller: &ControllerHandle) -> ControllerRegistrationResponse {
        register_controller(controller, self).await
    }

    fn error(response: &ControllerRegistrationResponse) -> ErrorCode {
        ErrorCode(response.error_code)
    }
}
