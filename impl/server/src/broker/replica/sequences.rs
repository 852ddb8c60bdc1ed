//! Whether a batch of an idempotent producer comes in its turn (KIP-98).

use kraftig_log::{ProducedBatch, Producer};
use kraftig_wire::ErrorCode;
use kraftig_wire::batch::BatchHeader;

/// What a producer's batch is, in view of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The next one.
    Next,
    /// One that is in the log already.
    Duplicate(ProducedBatch),
}

/// Checks the sequence numbers of a batch of the producer that the partition remembers as `known`.
///
/// `INVALID_PRODUCER_EPOCH` for an epoch that has passed, `OUT_OF_ORDER_SEQUENCE_NUMBER` for a gap or a batch
/// from before what is remembered. A producer that is not known may begin anywhere: its earlier records may
/// have had their time.
pub(crate) fn check(known: Option<&Producer>, batch: &BatchHeader) -> Result<Turn, ErrorCode> {
    let Some(producer) = known else {
        return Ok(Turn::Next);
    };
    if batch.producer_epoch < producer.epoch {
        return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
    }
    if batch.producer_epoch > producer.epoch {
        return if batch.base_sequence == 0 || producer.epoch < 0 {
            Ok(Turn::Next)
        } else {
            Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
        };
    }
    let duplicate = producer.batches.iter().find(|one| {
        one.first_sequence() == batch.base_sequence && one.offset_delta == batch.last_offset_delta
    });
    if let Some(duplicate) = duplicate {
        return Ok(Turn::Duplicate(*duplicate));
    }
    let next = match producer.batches.back().map(|last| last.last_sequence) {
        None | Some(i32::MAX) => 0,
        Some(last) => last + 1,
    };
    if batch.base_sequence == next {
        Ok(Turn::Next)
    } else {
        Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A producer that has sent batches of the given first sequences and sizes.
    fn producer(epoch: i16, batches: &[(i32, i32)]) -> Producer {
        let batches = batches.iter().map(|(first, count)| ProducedBatch {
            last_sequence: ((i64::from(*first) + i64::from(*count) - 1) & i64::from(i32::MAX))
                as i32,
            last_offset: 100,
            offset_delta: count - 1,
            timestamp: 7,
        });
        Producer {
            epoch,
            batches: batches.collect(),
            last_timestamp: 7,
            coordinator_epoch: -1,
            current_transaction_first_offset: -1,
        }
    }

    fn batch(epoch: i16, first: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            length: 0,
            leader_epoch: -1,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 1,
            producer_epoch: epoch,
            base_sequence: first,
            record_count: count,
        }
    }

    /// The answers are those of Kafka 4.2.0 to the same batches.
    #[test]
    fn turns() {
        let order = Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        let fenced = Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        assert_eq!(check(None, &batch(0, 5, 2)), Ok(Turn::Next), "unknown: any sequence");

        let known = producer(0, &[(2, 1), (3, 2), (5, 1)]);
        let check_known = |epoch, first, count| check(Some(&known), &batch(epoch, first, count));
        assert_eq!(check_known(0, 6, 3), Ok(Turn::Next));
        assert_eq!(check_known(0, 3, 2), Ok(Turn::Duplicate(known.batches[1])));
        assert_eq!(check_known(0, 3, 1), order, "a part of a batch is no duplicate");
        assert_eq!(check_known(0, 0, 2), order, "before what is remembered");
        assert_eq!(check_known(0, 7, 1), order, "a gap");
        assert_eq!(check_known(1, 3, 1), order, "a new epoch begins with 0");
        assert_eq!(check_known(1, 0, 1), Ok(Turn::Next));
        assert_eq!(check_known(-1, 6, 1), fenced);

        let known = producer(2, &[(i32::MAX, 1)]);
        assert_eq!(check(Some(&known), &batch(2, 0, 1)), Ok(Turn::Next), "sequences wrap");
        assert_eq!(check(Some(&known), &batch(1, 0, 1)), fenced);
        let known = producer(2, &[]);
        assert_eq!(
            check(Some(&known), &batch(2, 0, 1)),
            Ok(Turn::Next),
            "nothing since the epoch began"
        );
        assert_eq!(check(Some(&known), &batch(2, 1, 1)), order);
    }
}
