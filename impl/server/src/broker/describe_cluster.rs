//! `DescribeCluster`: the brokers, or on a controller listener the controllers (KIP-700, KIP-919).

use kraftig_spec::controller::record::Endpoint;
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_cluster_response::{
    DescribeClusterBroker, DescribeClusterResponse,
};
use kraftig_wire::{ErrorCode, Str};

use super::{Broker, CLUSTER_OPERATIONS, RequestContext, endpoint};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers with the nodes that can be reached through the listener.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    version: i16,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    let served = if context.listener.is_controller { CONTROLLERS } else { BROKERS };
    if request.endpoint_type != served {
        return refuse(version, request.endpoint_type, served);
    }
    let image = broker.metadata.load();
    let node = |id: i32, end_points: &[Endpoint], rack: Option<&String>, is_fenced: bool| {
        let endpoint = endpoint(end_points, &context.listener.name)?;
        Some(DescribeClusterBroker {
            broker_id: id,
            host: Str::from(&endpoint.host),
            port: i32::from(endpoint.port),
            rack: rack.map(Str::from),
            is_fenced,
        })
    };
    let brokers = if context.listener.is_controller {
        image
            .controllers
            .values()
            .filter_map(|controller| node(controller.id.0, &controller.end_points, None, false))
            .collect()
    } else {
        image
            .brokers
            .values()
            .filter(|broker| !broker.fenced || request.include_fenced_brokers)
            .filter_map(|broker| {
                node(broker.id.0, &broker.end_points, broker.rack.as_ref(), broker.fenced)
            })
            .collect()
    };
    DescribeClusterResponse {
        endpoint_type: served,
        cluster_id: broker.cluster_id.clone(),
        controller_id: if context.listener.is_controller {
            broker.quorum.status().leader.map_or(-1, |leader| leader.0)
        } else {
            broker.controller_id(&image)
        },
        brokers,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..DescribeClusterResponse::default()
    }
}

fn refuse(version: i16, asked: i8, served: i8) -> DescribeClusterResponse {
    let name = |endpoint_type| match endpoint_type {
        BROKERS => "BROKER",
        CONTROLLERS => "CONTROLLER",
        _ => "UNKNOWN",
    };
    let (error, message) = if name(asked) == "UNKNOWN" {
        (ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, format!("Unsupported endpoint type {asked}"))
    } else {
        (
            // Version 0 cannot ask for anything but brokers, and does not know the error.
            if version == 0 {
                ErrorCode::INVALID_REQUEST
            } else {
                ErrorCode::MISMATCHED_ENDPOINT_TYPE
            },
            format!(
                "The request was sent to an endpoint of type {}, but we wanted an endpoint of type {}",
                name(served),
                name(asked)
            ),
        )
    };
    DescribeClusterResponse {
        error_code: error.0,
        error_message: Some(Str::from(message)),
        ..DescribeClusterResponse::default()
    }
}
