//! What a topic's configurations say to its partitions.

use std::sync::Arc;

use kraftig_log::LogConfig;
use kraftig_spec::controller::{Image, Settings, topic_config};
use kraftig_wire::batch::Compression;

/// The configurations of a topic that its partitions on this node act on. Names are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicConfig {
    /// What the log itself keeps to. Without `delete` in `cleanup.policy` nothing is deleted by age or size.
    pub(crate) log: Arc<LogConfig>,
    /// `max.message.bytes`.
    pub(crate) max_message_bytes: usize,
    /// `message.timestamp.type` is `LogAppendTime`.
    pub(crate) log_append_time: bool,
    /// `message.timestamp.before.max.ms`.
    pub(crate) timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub(crate) timestamp_after_max_ms: i64,
    /// `min.insync.replicas`.
    pub(crate) min_insync_replicas: usize,
    /// `cleanup.policy` has `compact`: a record must have a key.
    pub(crate) compacted: bool,
    /// `compression.type` and the level of it; `None` where it is the producer's affair.
    pub(crate) compression: Option<(Compression, Option<i32>)>,
    /// `file.delete.delay.ms`.
    pub(crate) file_delete_delay_ms: u64,
}

impl TopicConfig {
    /// What counts for `topic`: its own configurations, else the broker's.
    pub(crate) fn of(image: &Image, settings: &Settings, topic: &str) -> Self {
        let text = |name| topic_config::effective(image, settings, topic, name).unwrap_or_default();
        // The controller has checked each value; one that is none all the same counts as the least.
        let number = |name| text(name).parse::<i64>().unwrap_or_default();
        let size = |name| u32::try_from(number(name)).unwrap_or_default();
        let level = |name| i32::try_from(number(name)).ok();
        let policy = text("cleanup.policy");
        let policy = |name| policy.split(',').any(|one| one == name);
        let retention = |name| if policy("delete") { number(name) } else { -1 };
        let segment_bytes = text("internal.segment.bytes").parse().ok();
        Self {
            log: Arc::new(LogConfig {
                segment_bytes: segment_bytes.unwrap_or_else(|| size("segment.bytes")),
                segment_ms: number("segment.ms"),
                index_bytes: size("segment.index.bytes"),
                index_interval_bytes: size("index.interval.bytes"),
                flush_messages: number("flush.messages"),
                flush_ms: number("flush.ms"),
                retention_ms: retention("retention.ms"),
                retention_bytes: retention("retention.bytes"),
            }),
            max_message_bytes: usize::try_from(number("max.message.bytes")).unwrap_or_default(),
            log_append_time: text("message.timestamp.type") == "LogAppendTime",
            timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
            min_insync_replicas: usize::try_from(number("min.insync.replicas")).unwrap_or_default(),
            compacted: policy("compact"),
            compression: match text("compression.type").as_str() {
                "uncompressed" => Some((Compression::None, None)),
                "gzip" => Some((Compression::Gzip, level("compression.gzip.level"))),
                "snappy" => Some((Compression::Snappy, None)),
                // What writes LZ4 here has one level.
                "lz4" => Some((Compression::Lz4, None)),
                "zstd" => Some((Compression::Zstd, level("compression.zstd.level"))),
                _ => None,
            },
            file_delete_delay_ms: u64::try_from(number("file.delete.delay.ms")).unwrap_or_default(),
        }
    }
}
