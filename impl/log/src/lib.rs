//! Kafka's files, byte for byte as Kafka 4.2 writes them: segments with their indexes, recovery,
//! checkpoints, `meta.properties`, `quorum-state`.

pub mod checkpoint;
pub mod disk;
pub mod lock;
pub mod meta_properties;
pub mod properties;
pub mod quorum_state;
