//! `InitProducerId` (key 22): hands out ids to idempotent producers (KIP-98).

use std::ops::Range;

use kraftig_spec::controller::PRODUCER_ID_BLOCK;
use kraftig_wire::ErrorCode;
use kraftig_wire::messages::init_producer_id_request::InitProducerIdRequest;
use kraftig_wire::messages::init_producer_id_response::InitProducerIdResponse;
use tokio::sync::Mutex;

/// The producer ids that this broker has been given by the controller, and has not handed out yet.
#[derive(Debug, Default)]
pub struct ProducerIds {
    /// Held while the controller is asked, so that one asks for all.
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    /// An id that no other producer of the cluster has. `allocate` gets a new block from the controller, by its
    /// first id.
    async fn next<E>(&self, allocate: impl AsyncFnOnce() -> Result<i64, E>) -> Result<i64, E> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            let first = allocate().await?;
            *block = first..first.saturating_add(PRODUCER_ID_BLOCK.into());
        }
        let id = block.start;
        block.start += 1;
        Ok(id)
    }
}

/// Gives a producer without transactions a new id. `allocate` gets a block of them from the controller.
pub async fn handle<E>(
    ids: &ProducerIds,
    request: InitProducerIdRequest,
    allocate: impl AsyncFnOnce() -> Result<i64, E>,
) -> InitProducerIdResponse {
    let outcome = match request.transactional_id.as_deref() {
        _ if (request.producer_id == -1) != (request.producer_epoch == -1) => {
            Err(ErrorCode::INVALID_REQUEST)
        }
        // Whoever comes with an id and no transactions gets another one, as from Kafka.
        None => ids.next(allocate).await.map_err(|_| ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        Some("") => Err(ErrorCode::INVALID_REQUEST),
        // No transaction coordinator is served yet.
        Some(_) => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
    };
    let (error, producer_id, producer_epoch) = match outcome {
        Ok(id) => (ErrorCode::NONE, id, 0),
        Err(error) => (error, -1, -1),
    };
    InitProducerIdResponse {
        error_code: error.0,
        producer_id,
        producer_epoch,
        ..InitProducerIdResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use kraftig_wire::Str;

    use super::*;

    fn request(
        transactional_id: Option<&str>,
        producer_id: i64,
        producer_epoch: i16,
    ) -> InitProducerIdRequest {
        InitProducerIdRequest {
            transactional_id: transactional_id.map(Str::from),
            producer_id,
            producer_epoch,
            ..InitProducerIdRequest::default()
        }
    }

    #[tokio::test]
    async fn ids_come_from_blocks() {
        let ids = ProducerIds::default();
        let blocks = Cell::new(0);
        let next = async || {
            let allocate = async || {
                blocks.set(blocks.get() + 1);
                Ok::<_, ()>(blocks.get() * 5000)
            };
            handle(&ids, request(None, -1, -1), allocate).await.producer_id
        };
        assert_eq!(next().await, 5000);
        for id in 5001..6000 {
            assert_eq!(next().await, id);
        }
        assert_eq!(next().await, 10000);
    }

    #[tokio::test]
    async fn answers() {
        let ids = ProducerIds::default();
        for (transactional_id, id, epoch, error) in [
            (None, 5, 3, 0),
            (None, 5, -1, 42),
            (None, -1, 3, 42),
            (Some(""), -1, -1, 42),
            (Some("t"), -1, -1, 15),
        ] {
            let response =
                handle(&ids, request(transactional_id, id, epoch), async || Ok::<_, ()>(0)).await;
            assert_eq!(response.error_code, error, "{transactional_id:?} {id} {epoch}");
            assert_eq!(
                (response.producer_id, response.producer_epoch),
                if error == 0 { (0, 0) } else { (-1, -1) }
            );
        }
        let down = handle(&ProducerIds::default(), request(None, -1, -1), async || Err(())).await;
        assert_eq!(down.error_code, 14);
    }
}
