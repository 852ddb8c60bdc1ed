//! `FindCoordinator`: who coordinates a group or a transaction. Nobody yet: neither is served.

use kraftig_wire::messages::find_coordinator_request::FindCoordinatorRequest;
use kraftig_wire::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use kraftig_wire::{ErrorCode, Str, Uuid};

use super::INVALID_REQUEST_TEXT;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;
/// The first version with texts of errors.
const MESSAGES_SINCE: i16 = 1;
/// The first version that asks for several keys at once.
const BATCHED_SINCE: i16 = 4;
/// The first version that knows share groups.
const SHARE_SINCE: i16 = 6;

const NOT_AVAILABLE_TEXT: Str = Str::from_static("The coordinator is not available.");

/// Answers that there is no coordinator now, which clients take as a reason to ask again.
pub fn handle(version: i16, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
    let outcome = |key: &str| match request.key_type {
        GROUP | TRANSACTION => (ErrorCode::COORDINATOR_NOT_AVAILABLE, NOT_AVAILABLE_TEXT),
        SHARE if version >= SHARE_SINCE && is_share_key(key) => {
            (ErrorCode::COORDINATOR_NOT_AVAILABLE, NOT_AVAILABLE_TEXT)
        }
        SHARE if version >= SHARE_SINCE => (ErrorCode::INVALID_REQUEST, Str::default()),
        _ => (ErrorCode::INVALID_REQUEST, INVALID_REQUEST_TEXT),
    };
    if version < BATCHED_SINCE {
        let (error, message) = outcome(&request.key);
        return FindCoordinatorResponse {
            error_code: error.0,
            error_message: Some(message).filter(|_| version >= MESSAGES_SINCE),
            node_id: -1,
            port: -1,
            ..FindCoordinatorResponse::default()
        };
    }
    let coordinator = |key: &Str| {
        let (error, message) = outcome(key);
        Coordinator {
            key: key.clone(),
            node_id: -1,
            port: -1,
            error_code: error.0,
            // Kafka says the other texts of batches, and not this one.
            error_message: Some(if error == ErrorCode::INVALID_REQUEST {
                message
            } else {
                Str::default()
            }),
            ..Coordinator::default()
        }
    };
    FindCoordinatorResponse {
        coordinators: request.coordinator_keys.iter().map(coordinator).collect(),
        ..FindCoordinatorResponse::default()
    }
}

/// `group:topic id:partition` (KIP-932).
fn is_share_key(key: &str) -> bool {
    let parts: Vec<&str> = key.split(':').collect();
    matches!(parts[..], [group, topic, partition]
        if !group.is_empty() && topic.parse::<Uuid>().is_ok() && partition.parse::<i32>().is_ok())
}
