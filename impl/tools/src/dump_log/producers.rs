//! `.snapshot`: what a partition remembered of its producers.

use std::fmt::Write as _;
use std::path::Path;

use kraftig_log::{disk, parse_producers};

use crate::output::{Failure, Output};

pub(super) fn dump(path: &Path, out: &mut Output) -> Result<(), Failure> {
    let Some(producers) = parse_producers(&disk::read(path)?) else {
        out.warn(format!("{} is no snapshot of producers, or is damaged.", path.display()));
        return Ok(());
    };
    for (id, producer) in producers {
        let mut line = format!(
            "producerId: {id} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {} lastTimestamp: {} ",
            producer.epoch,
            producer.coordinator_epoch,
            optional(producer.current_transaction_first_offset),
            producer.last_timestamp
        );
        if let Some(batch) = producer.batches.front() {
            // Writing to a String cannot fail.
            let _ = write!(
                line,
                "firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                batch.first_sequence(),
                batch.last_sequence,
                batch.last_offset,
                batch.offset_delta,
                batch.timestamp
            );
        }
        out.line(line);
    }
    Ok(())
}

fn optional(offset: i64) -> String {
    if offset < 0 { "OptionalLong.empty".to_owned() } else { format!("OptionalLong[{offset}]") }
}
