//! What can go wrong with a log.

use std::path::PathBuf;

use crate::checkpoint::CheckpointError;
use crate::disk::DiskError;

/// Why an operation on a log failed. The log is as it was before, unless the error is [`Disk`](LogError::Disk).
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk failed. After a failed write or flush nobody knows what is on it: stop using the log directory.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A checkpoint file is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A segment holds what is no batch where one must be.
    #[error("{} is damaged at byte {position}: {problem}", .path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the batch was to begin.
        position: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The segment begins with a batch of a format before Kafka 0.11.
    #[error(
        "{} holds record batches of magic {magic}; only magic 2 is known here. Let Kafka 3.x compact or expire them.",
        .path.display()
    )]
    OldFormat {
        /// The segment.
        path: PathBuf,
        /// Its magic, 0 or 1.
        magic: i8,
    },
    /// Kafka was stopped while it was putting compacted segments in their place.
    #[error("{} is part of an unfinished compaction. Start Kafka on the directory once: it finishes it.", .0.display())]
    UnfinishedSwap(PathBuf),
    /// A log was to be made where there is one.
    #[error("{} holds records of another partition. Move its directory away.", .0.display())]
    HasRecords(PathBuf),
    /// An offset outside of the log.
    #[error("offset {offset} is outside of the log, which holds {start} to {end}")]
    OutOfRange {
        /// The offset asked for.
        offset: i64,
        /// The log's first offset.
        start: i64,
        /// The log's end offset.
        end: i64,
    },
    /// Bytes to append are not whole record batches of magic 2.
    #[error("not record batches: at byte {position}: {problem}")]
    Malformed {
        /// Where the batch was to begin.
        position: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A batch to append does not begin where the log ends.
    #[error("a batch at offset {base} cannot follow the log's end offset {end}")]
    NotNext {
        /// The batch's base offset.
        base: i64,
        /// The offset that it must have.
        end: i64,
    },
    /// A batch to append is of an epoch before the log's last.
    #[error("a batch of epoch {epoch} cannot follow one of epoch {latest}")]
    EpochBack {
        /// The batch's epoch.
        epoch: i32,
        /// The log's latest epoch.
        latest: i32,
    },
    /// Bytes to append are more than a segment holds (`segment.bytes`).
    #[error("{size} bytes cannot be appended at once: segment.bytes is {limit}")]
    TooLarge {
        /// The bytes.
        size: usize,
        /// `segment.bytes`.
        limit: u32,
    },
}
