//! `FindCoordinator`: who coordinates a group or a transaction. Nobody yet: neither is served.

use kraftig_wire::messages::find_coordinator_request::FindCoordinatorRequest;
use kraftig_wire::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use kraftig_wire::{ErrorCode, Str};

/// The first version that asks for several keys at once.
const BATCHED_SINCE: i16 = 4;
/// The first version that knows share groups.
const SHARE_SINCE: i16 = 6;

/// Answers that there is no coordinator now, which clients take as a reason to ask again.
pub fn handle(version: i16, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
    let error = match request.key_type {
        0 | 1 => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        2 if version >= SHARE_SINCE => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        _ => ErrorCode::INVALID_REQUEST,
    };
    if version < BATCHED_SINCE {
        return FindCoordinatorResponse {
            error_code: error.0,
            node_id: -1,
            port: -1,
            ..FindCoordinatorResponse::default()
        };
    }
    let coordinator = |key: &Str| Coordinator {
        key: key.clone(),
        node_id: -1,
        port: -1,
        error_code: error.0,
        ..Coordinator::default()
    };
    FindCoordinatorResponse {
        coordinators: request.coordinator_keys.iter().map(coordinator).collect(),
        ..FindCoordinatorResponse::default()
    }
}
