//! Kafka's files, byte for byte as Kafka 4.2 writes them: segments with their indexes, recovery,
//! checkpoints, snapshots, `meta.properties`, `quorum-state`.

mod config;
mod epochs;
mod error;
mod index;
mod log;
mod lookup;
mod open;
mod producers;
mod read;
mod retain;
mod segment;

pub mod bootstrap;
pub mod checkpoint;
pub mod disk;
pub mod lock;
pub mod meta_properties;
pub mod partition_dir;
pub mod properties;
pub mod quorum_state;
pub mod snapshot;

pub use config::LogConfig;
pub use error::LogError;
pub use log::{Appended, FlushHandle, Log};
pub use lookup::TimestampedOffset;
pub use open::{Known, Recovery};
pub use producers::{
    ProducedBatch, Producer, Producers, REMEMBERED_BATCHES, parse_snapshot as parse_producers,
};
pub use read::{Batches, ReadSlice};
