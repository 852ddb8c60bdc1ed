//! What the committed metadata records mean, and which records a request becomes (KIP-631).
//!
//! [`Metadata`] replays records into an [`Image`]. A decision is a function of the image, the request and the
//! [`Settings`]; it gives the records to append and the answer to give once they are committed. The active
//! controller replays a decision's records into its own image as soon as it has appended them, before it takes
//! the next decision; every other reader sees committed records only. Nothing here knows a clock, randomness or
//! bytes: times are milliseconds of a clock that never goes back, and new ids come with the request.

mod activation;
mod create_topics;
mod delete_topics;
mod election;
mod error;
mod features;
mod heartbeat;
mod image;
mod metadata;
mod placement;
mod producer_ids;
pub mod record;
mod registration;
mod replay;
mod settings;
mod snapshot;
pub mod topic_config;
mod update_features;

#[cfg(test)]
mod tests;

pub use activation::{ActivationError, activate};
pub use create_topics::{
    CreatableTopic, CreateTopics, CreatedTopic, check_topic_name, create_topics,
};
pub use delete_topics::{DeleteTopics, DeletedTopic, TopicRef, delete_topics};
pub use error::{ApiError, ErrorCode};
pub use features::{
    ELR_VERSION, FEATURES, Feature, KRAFT_VERSION, METADATA_VERSION, MetadataVersion,
    bootstrap_records,
};
pub use heartbeat::{Heartbeat, HeartbeatReply, Sessions, expire_session, heartbeat};
pub use image::{Broker, ConfigResource, Controller, Image, Partition, Topic};
pub use metadata::Metadata;
pub use producer_ids::{PRODUCER_ID_BLOCK, allocate_producer_ids};
pub use record::Record;
pub use registration::{
    BrokerRegistration, needs_registration, register_broker, register_controller,
};
pub use replay::{ReplayError, ReplayFault};
pub use settings::Settings;
pub use snapshot::snapshot_records;
pub use update_features::{FeatureUpdate, UpgradeType, update_features};

use crate::types::Offset;

/// The most records that one batch, and so one atomic decision, may hold.
pub const MAX_RECORDS_PER_BATCH: usize = 10_000;

/// The records that a request becomes, and the answer to give once they are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<R> {
    /// The records, in order. None: the answer waits for whatever was appended before.
    pub records: Vec<Record>,
    /// Whether the records must be in one batch. Where not, they may be cut into batches of [`MAX_RECORDS_PER_BATCH`].
    pub atomic: bool,
    /// The answer.
    pub response: R,
}

/// When a decision is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back.
    pub ms: i64,
    /// The offset that the decision's first record will have.
    pub next_offset: Offset,
}

/// The record of an idle controller, written every `metadata.max.idle.interval.ms` (KIP-835).
pub fn no_op() -> Decision<()> {
    Decision { records: vec![Record::NoOp], atomic: true, response: () }
}
