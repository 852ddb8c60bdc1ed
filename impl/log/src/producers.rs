//! What a partition remembers of its producers (KIP-98), and the `.snapshot` files that keep it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use kraftig_wire::batch::BatchHeader;

use crate::disk::{self, DiskError};

/// How many of a producer's last batches are remembered, to recognise one that is sent again.
pub const REMEMBERED_BATCHES: usize = 5;

const VERSION: i16 = 1;
const HEADER: usize = 10;
const ENTRY: usize = 46;

/// One producer of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its epoch.
    pub epoch: i16,
    /// Its last batches, oldest first; at most [`REMEMBERED_BATCHES`]. Empty after a marker with a new epoch.
    pub batches: VecDeque<ProducedBatch>,
    /// When it last appended, in ms.
    pub last_timestamp: i64,
    /// The epoch of the transaction coordinator that ended its last transaction, or -1.
    pub coordinator_epoch: i32,
    /// The first offset of its open transaction, or -1.
    pub current_transaction_first_offset: i64,
}

/// One batch of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducedBatch {
    /// The sequence number of its last record.
    pub last_sequence: i32,
    /// The offset of its last record.
    pub last_offset: i64,
    /// Its last offset less its first.
    pub offset_delta: i32,
    /// Its largest timestamp, in ms.
    pub timestamp: i64,
}

impl ProducedBatch {
    /// The sequence number of its first record; numbers wrap from `i32::MAX` to 0.
    pub fn first_sequence(&self) -> i32 {
        let first = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        if first >= 0 { first as i32 } else { (first + i64::from(i32::MAX) + 1) as i32 }
    }

    /// The offset of its first record.
    pub fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// The producers of a partition by their ids.
pub type Producers = BTreeMap<i64, Producer>;

/// Takes note of an appended batch.
pub(crate) fn update(producers: &mut Producers, batch: &BatchHeader) {
    if batch.producer_id < 0 {
        return;
    }
    let producer = producers.entry(batch.producer_id).or_insert_with(|| Producer {
        epoch: batch.producer_epoch,
        batches: VecDeque::new(),
        last_timestamp: -1,
        coordinator_epoch: -1,
        current_transaction_first_offset: -1,
    });
    if producer.epoch != batch.producer_epoch {
        producer.epoch = batch.producer_epoch;
        producer.batches.clear();
    }
    producer.last_timestamp = batch.max_timestamp;
    if batch.is_control() {
        producer.current_transaction_first_offset = -1;
        return;
    }
    if batch.is_transactional() && producer.current_transaction_first_offset < 0 {
        producer.current_transaction_first_offset = batch.base_offset;
    }
    if producer.batches.len() == REMEMBERED_BATCHES {
        producer.batches.pop_front();
    }
    producer.batches.push_back(ProducedBatch {
        last_sequence: last_sequence(batch.base_sequence, batch.last_offset_delta),
        last_offset: batch.last_offset(),
        offset_delta: batch.last_offset_delta,
        timestamp: batch.max_timestamp,
    });
}

/// Sequence numbers go on with 0 after `i32::MAX`.
fn last_sequence(base: i32, delta: i32) -> i32 {
    ((i64::from(base) + i64::from(delta)) & i64::from(i32::MAX)) as i32
}

/// How the name of a snapshot of the producers' state ends.
pub(crate) const SUFFIX: &str = ".snapshot";

/// The name of the snapshot of the state before `offset`.
pub(crate) fn snapshot_name(offset: i64) -> String {
    format!("{offset:020}{SUFFIX}")
}

/// The bytes of a `.snapshot` file.
pub(crate) fn snapshot_bytes(producers: &Producers) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
    bytes[6..].copy_from_slice(&(producers.len() as u32).to_be_bytes());
    for (id, producer) in producers {
        let last = producer.batches.back().copied().unwrap_or(ProducedBatch {
            last_sequence: -1,
            last_offset: -1,
            offset_delta: 0,
            timestamp: -1,
        });
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(&producer.epoch.to_be_bytes());
        bytes.extend_from_slice(&last.last_sequence.to_be_bytes());
        bytes.extend_from_slice(&last.last_offset.to_be_bytes());
        bytes.extend_from_slice(&last.offset_delta.to_be_bytes());
        bytes.extend_from_slice(&producer.last_timestamp.to_be_bytes());
        bytes.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
        bytes.extend_from_slice(&producer.current_transaction_first_offset.to_be_bytes());
    }
    let crc = crc32c::crc32c(&bytes[6..]);
    bytes[2..6].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Reads the bytes of a `.snapshot` file; `None` where they are not one.
pub fn parse_snapshot(bytes: &[u8]) -> Option<Producers> {
    let (header, entries) = bytes.split_at_checked(HEADER)?;
    let crc = crc32c::crc32c(&bytes[6..]);
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    let count = u32::from_be_bytes(header[6..10].try_into().ok()?);
    let whole = header[..2] == VERSION.to_be_bytes()
        && header[2..6] == crc.to_be_bytes()
        && rest.is_empty()
        && entries.len() as u64 == u64::from(count);
    whole.then(|| entries.iter().map(parse_entry).collect())
}

fn parse_entry(entry: &[u8; ENTRY]) -> (i64, Producer) {
    let (id, rest) = take(entry);
    let (epoch, rest) = take(rest);
    let (last_sequence, rest) = take(rest);
    let (last_offset, rest) = take(rest);
    let (offset_delta, rest) = take(rest);
    let (last_timestamp, rest) = take(rest);
    let (coordinator_epoch, rest) = take(rest);
    let (current_transaction_first_offset, _) = take(rest);
    let timestamp = i64::from_be_bytes(last_timestamp);
    let last = ProducedBatch {
        last_sequence: i32::from_be_bytes(last_sequence),
        last_offset: i64::from_be_bytes(last_offset),
        offset_delta: i32::from_be_bytes(offset_delta),
        timestamp,
    };
    let producer = Producer {
        epoch: i16::from_be_bytes(epoch),
        batches: (last.last_offset >= 0).then_some(last).into_iter().collect(),
        last_timestamp: timestamp,
        coordinator_epoch: i32::from_be_bytes(coordinator_epoch),
        current_transaction_first_offset: i64::from_be_bytes(current_transaction_first_offset),
    };
    (i64::from_be_bytes(id), producer)
}

/// The next `N` bytes of an entry, whose length its type guarantees.
fn take<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[..N]);
    (field, &bytes[N..])
}

/// Reads a snapshot; one that is torn is removed and counts as none.
pub(crate) fn read_snapshot(path: &Path) -> Result<Option<Producers>, DiskError> {
    let producers = parse_snapshot(&disk::read(path)?);
    if producers.is_none() {
        disk::remove(path)?;
    }
    Ok(producers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, b| text + &format!("{b:02x}"))
    }

    #[test]
    fn golden() {
        assert_eq!(hex(&snapshot_bytes(&Producers::new())), "000148674bc700000000");

        let batch = ProducedBatch {
            last_sequence: 4,
            last_offset: 4,
            offset_delta: 4,
            timestamp: 0x01a2_018f_6807,
        };
        let producer = Producer {
            epoch: 0,
            batches: VecDeque::from([batch]),
            last_timestamp: batch.timestamp,
            coordinator_epoch: -1,
            current_transaction_first_offset: -1,
        };
        let producers = Producers::from([(1000, producer)]);
        let bytes = snapshot_bytes(&producers);
        // Written by Kafka 4.2.0.
        assert_eq!(
            hex(&bytes),
            "00016434078a0000000100000000000003e8000000000004000000000000000400000004000001a2018f6807ffffffffffffffffffffffff"
        );
        assert_eq!(parse_snapshot(&bytes), Some(producers));
        for index in 0..bytes.len() {
            assert_eq!(parse_snapshot(&bytes[..index]), None, "cut at {index}");
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            assert_eq!(parse_snapshot(&flipped), None, "flipped at {index}");
        }
    }

    #[test]
    fn sequences_wrap() {
        assert_eq!(last_sequence(i32::MAX, 0), i32::MAX);
        assert_eq!(last_sequence(i32::MAX - 1, 3), 1);
        let batch =
            ProducedBatch { last_sequence: 1, last_offset: 10, offset_delta: 3, timestamp: 0 };
        assert_eq!((batch.first_sequence(), batch.first_offset()), (i32::MAX - 1, 7));
    }
}
