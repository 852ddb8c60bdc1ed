//! Blocks of producer ids (KIP-730).

use super::error::{ApiError, ErrorCode};
use super::heartbeat::registered;
use super::record::Record;
use super::{Decision, Image};
use crate::types::NodeId;

/// How many producer ids a block holds.
pub const PRODUCER_ID_BLOCK: i32 = 1000;

/// Hands a broker a block of producer ids. Answers with the first of [`PRODUCER_ID_BLOCK`] ids.
pub fn allocate_producer_ids(
    image: &Image,
    broker_id: NodeId,
    broker_epoch: i64,
) -> Result<Decision<i64>, ApiError> {
    registered(image, broker_id, broker_epoch)?;
    let first = image.next_producer_id;
    let Some(next_producer_id) = first.checked_add(i64::from(PRODUCER_ID_BLOCK)) else {
        let message = "Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit";
        return Err(ApiError::new(ErrorCode::UnknownServerError, message));
    };
    let record = Record::ProducerIds { broker_id, broker_epoch, next_producer_id };
    Ok(Decision { records: vec![record], atomic: true, response: first })
}
