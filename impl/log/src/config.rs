//! The configuration of a log.

/// How a log is kept: Kafka's topic configurations of these names. Shared by the logs of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment that would grow past this is rolled.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment whose first and next batch lie further apart than this is rolled.
    pub segment_ms: i64,
    /// `segment.index.bytes`: the largest an index file may become.
    pub index_bytes: u32,
    /// `index.interval.bytes`: one index entry for about so many bytes of the log.
    pub index_interval_bytes: u32,
    /// `flush.messages`: flush when so many records are not flushed.
    pub flush_messages: i64,
    /// `flush.ms`: flush when the last flush is so long ago.
    pub flush_ms: i64,
    /// `retention.ms`: segments older than this are deleted; -1 for never.
    pub retention_ms: i64,
    /// `retention.bytes`: the oldest segments are deleted while the log is larger than this; -1 for never.
    pub retention_bytes: i64,
}

impl Default for LogConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: WEEK_MS,
            index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            retention_ms: WEEK_MS,
            retention_bytes: -1,
        }
    }
}

impl LogConfig {
    /// The metadata log's: Kafka's defaults, and nothing is ever deleted by time or size.
    pub fn metadata(segment_bytes: u32, segment_ms: i64) -> Self {
        Self { segment_bytes, segment_ms, retention_ms: -1, ..Self::default() }
    }
}
