//! The keys of each part of a node, by type.

use super::error::ConfigError;
use super::values::{Values, entries, trim};
use super::voters::is_host;

/// `controller.quorum.*`: the timing of the metadata quorum (KIP-595).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumConfig {
    /// How long a voter waits for votes.
    pub election_timeout_ms: i32,
    /// How long a follower waits for its leader.
    pub fetch_timeout_ms: i32,
    /// The longest wait after a lost election.
    pub election_backoff_max_ms: i32,
    /// How long a leader gathers records into one batch.
    pub append_linger_ms: i32,
    /// How long a request to another voter may take.
    pub request_timeout_ms: i32,
    /// How long to wait before a failed request is sent again.
    pub retry_backoff_ms: i32,
    /// Whether a controller that does not vote adds itself to the voters (KIP-1186).
    pub auto_join_enable: bool,
}

impl QuorumConfig {
    pub(super) fn new(values: &Values) -> Self {
        Self {
            election_timeout_ms: values.int("controller.quorum.election.timeout.ms"),
            fetch_timeout_ms: values.int("controller.quorum.fetch.timeout.ms"),
            election_backoff_max_ms: values.int("controller.quorum.election.backoff.max.ms"),
            append_linger_ms: values.int("controller.quorum.append.linger.ms"),
            request_timeout_ms: values.int("controller.quorum.request.timeout.ms"),
            retry_backoff_ms: values.int("controller.quorum.retry.backoff.ms"),
            auto_join_enable: values.boolean("controller.quorum.auto.join.enable"),
        }
    }
}

/// `metadata.*`: the metadata log and its snapshots (KIP-630, 835).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataLogConfig {
    /// `metadata.log.segment.bytes`; the internal key of that name goes before it.
    pub segment_bytes: i32,
    /// `metadata.log.segment.ms`.
    pub segment_ms: i64,
    /// `metadata.max.retention.bytes`; below 0 for no limit.
    pub max_retention_bytes: i64,
    /// `metadata.max.retention.ms`; below 0 for no limit.
    pub max_retention_ms: i64,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub max_record_bytes_between_snapshots: i64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 for never.
    pub max_snapshot_interval_ms: i64,
    /// `metadata.max.idle.interval.ms`: between two `NoOpRecord`s of an idle leader; 0 for none.
    pub max_idle_interval_ms: i32,
    /// `internal.metadata.max.batch.size.in.bytes`.
    pub max_batch_bytes: i32,
    /// `internal.metadata.delete.delay.millis`.
    pub delete_delay_ms: i64,
}

impl MetadataLogConfig {
    pub(super) fn new(values: &Values) -> Self {
        Self {
            segment_bytes: values
                .optional_long("internal.metadata.log.segment.bytes")
                .map_or_else(|| values.int("metadata.log.segment.bytes"), |bytes| bytes as i32),
            segment_ms: values.long("metadata.log.segment.ms"),
            max_retention_bytes: values.long("metadata.max.retention.bytes"),
            max_retention_ms: values.long("metadata.max.retention.ms"),
            max_record_bytes_between_snapshots: values
                .long("metadata.log.max.record.bytes.between.snapshots"),
            max_snapshot_interval_ms: values.long("metadata.log.max.snapshot.interval.ms"),
            max_idle_interval_ms: values.int("metadata.max.idle.interval.ms"),
            max_batch_bytes: values.int("internal.metadata.max.batch.size.in.bytes"),
            delete_delay_ms: values.long("internal.metadata.delete.delay.millis"),
        }
    }
}

/// A broker's life in the cluster, and the limits of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// `broker.session.timeout.ms`: without a heartbeat for so long, the controller fences the broker.
    pub session_timeout_ms: i32,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `initial.broker.registration.timeout.ms`.
    pub initial_registration_timeout_ms: i32,
    /// `fetch.max.bytes`: the most that one Fetch is answered with.
    pub fetch_max_bytes: i32,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `request.timeout.ms`.
    pub request_timeout_ms: i32,
    /// `controlled.shutdown.enable`.
    pub controlled_shutdown_enable: bool,
    /// `producer.id.expiration.ms`: a producer that wrote nothing for so long is forgotten.
    pub producer_id_expiration_ms: i32,
    /// `transactional.id.expiration.ms`.
    pub transactional_id_expiration_ms: i32,
    /// `transaction.max.timeout.ms`.
    pub transaction_max_timeout_ms: i32,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max_ms: i64,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval_ms: i64,
}

impl BrokerConfig {
    pub(super) fn new(values: &Values) -> Self {
        Self {
            session_timeout_ms: values.int("broker.session.timeout.ms"),
            heartbeat_interval_ms: values.int("broker.heartbeat.interval.ms"),
            initial_registration_timeout_ms: values.int("initial.broker.registration.timeout.ms"),
            fetch_max_bytes: values.int("fetch.max.bytes"),
            delete_topic_enable: values.boolean("delete.topic.enable"),
            request_timeout_ms: values.int("request.timeout.ms"),
            controlled_shutdown_enable: values.boolean("controlled.shutdown.enable"),
            producer_id_expiration_ms: values.int("producer.id.expiration.ms"),
            transactional_id_expiration_ms: values.int("transactional.id.expiration.ms"),
            transaction_max_timeout_ms: values.int("transaction.max.timeout.ms"),
            replica_lag_time_max_ms: values.long("replica.lag.time.max.ms"),
            high_watermark_checkpoint_interval_ms: values
                .long("replica.high.watermark.checkpoint.interval.ms"),
        }
    }
}

/// Connections and the bounds on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketConfig {
    /// `socket.request.max.bytes`.
    pub request_max_bytes: i32,
    /// `socket.send.buffer.bytes`; -1 for the system's, as where it is not set: its buffers grow with the connection,
    /// and a consumer takes a third less CPU than with the 100 KiB of Kafka's default.
    pub send_buffer_bytes: i32,
    /// `socket.receive.buffer.bytes`; -1 for the system's.
    pub receive_buffer_bytes: i32,
    /// `socket.listen.backlog.size`.
    pub listen_backlog_size: i32,
    /// `max.connections` of the node.
    pub max_connections: i32,
    /// `max.connections.per.ip`.
    pub max_connections_per_ip: i32,
    /// `max.connections.per.ip.overrides`: hosts and addresses with a limit of their own.
    pub max_connections_per_ip_overrides: Vec<(String, i32)>,
    /// `connections.max.idle.ms`; below 0 for no limit.
    pub connections_max_idle_ms: i64,
    /// `queued.max.requests`.
    pub queued_max_requests: i32,
    /// `queued.max.request.bytes`; below 1 for the node's own limit: 256 MiB, or twice the largest request.
    pub queued_max_request_bytes: i64,
    /// `num.network.threads`.
    pub num_network_threads: i32,
    /// `num.io.threads`.
    pub num_io_threads: i32,
}

impl SocketConfig {
    pub(super) fn new(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            request_max_bytes: values.int("socket.request.max.bytes"),
            send_buffer_bytes: if values.is_set("socket.send.buffer.bytes") {
                values.int("socket.send.buffer.bytes")
            } else {
                -1
            },
            receive_buffer_bytes: values.int("socket.receive.buffer.bytes"),
            listen_backlog_size: values.int("socket.listen.backlog.size"),
            max_connections: values.int("max.connections"),
            max_connections_per_ip: values.int("max.connections.per.ip"),
            max_connections_per_ip_overrides: max_connections_per_ip_overrides(values)?,
            connections_max_idle_ms: values.long("connections.max.idle.ms"),
            queued_max_requests: values.int("queued.max.requests"),
            queued_max_request_bytes: values.long("queued.max.request.bytes"),
            num_network_threads: values.int("num.network.threads"),
            num_io_threads: values.int("num.io.threads"),
        })
    }
}

fn max_connections_per_ip_overrides(values: &Values) -> Result<Vec<(String, i32)>, ConfigError> {
    let key = "max.connections.per.ip.overrides";
    let refuse = |rule: String| {
        let way_out = format!("Write host:limit, with commas between them: {key}=localhost:100");
        ConfigError::new(key, values.text(key), rule, way_out)
    };
    entries(values.text(key).unwrap_or_default())
        .into_iter()
        .map(|entry| {
            let (host, limit) = entry.rsplit_once(':').ok_or_else(|| {
                refuse(format!("Error parsing configuration property '{key}': no ':' in '{entry}'"))
            })?;
            let (host, limit) = (trim(host), trim(limit));
            if !is_host(host) {
                return Err(refuse(format!("{key} contains invalid addresses : {host}")));
            }
            let limit =
                limit.parse().map_err(|_| refuse(format!("For input string: \"{limit}\"")))?;
            Ok((host.to_owned(), limit))
        })
        .collect()
}

/// What a topic gets that is created without saying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDefaults {
    /// `auto.create.topics.enable`: a topic is created when a client first asks for it.
    pub auto_create: bool,
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i32,
}

impl TopicDefaults {
    pub(super) fn new(values: &Values) -> Self {
        Self {
            auto_create: values.boolean("auto.create.topics.enable"),
            num_partitions: values.int("num.partitions"),
            replication_factor: values.int("default.replication.factor"),
        }
    }
}

/// `log.*` and what belongs to it. Topic configs go before these.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `message.max.bytes`: the largest batch of records.
    pub message_max_bytes: i32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
    /// `log.message.timestamp.type` is `LogAppendTime`, not `CreateTime`.
    pub log_append_time: bool,
    /// `log.message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `log.message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `log.segment.bytes`.
    pub segment_bytes: i32,
    /// `log.roll.ms`, or `log.roll.hours`.
    pub roll_ms: i64,
    /// `log.retention.ms`, or `.minutes`, or `.hours`; -1 for ever.
    pub retention_ms: i64,
    /// `log.retention.bytes`; -1 for no limit.
    pub retention_bytes: i64,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval_ms: i64,
    /// `log.flush.interval.messages`.
    pub flush_interval_messages: i64,
    /// `log.flush.interval.ms`, or `log.flush.scheduler.interval.ms`.
    pub flush_interval_ms: i64,
    /// `log.flush.scheduler.interval.ms`.
    pub flush_scheduler_interval_ms: i64,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub flush_offset_checkpoint_interval_ms: i32,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub flush_start_offset_checkpoint_interval_ms: i32,
    /// `log.index.interval.bytes`.
    pub index_interval_bytes: i32,
    /// `log.index.size.max.bytes`.
    pub index_size_max_bytes: i32,
    /// `log.segment.delete.delay.ms`, a topic's `file.delete.delay.ms`.
    pub segment_delete_delay_ms: i64,
    /// `log.initial.task.delay.ms`: before the first retention and flush after a start.
    pub initial_task_delay_ms: i64,
    /// `log.preallocate`.
    pub preallocate: bool,
    /// `log.cleanup.policy` names `delete`.
    pub cleanup_delete: bool,
    /// `log.cleanup.policy` names `compact`.
    pub cleanup_compact: bool,
    /// `compression.type`: a codec's name, `uncompressed` or `producer`.
    pub compression_type: String,
}

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

impl LogConfig {
    pub(super) fn new(values: &Values) -> Self {
        let retention_ms = values
            .optional_long("log.retention.ms")
            .or_else(|| values.optional_long("log.retention.minutes").map(|n| n * MINUTE_MS))
            .unwrap_or_else(|| values.long("log.retention.hours") * HOUR_MS);
        let scheduler_ms = values.long("log.flush.scheduler.interval.ms");
        let policy = values.list("log.cleanup.policy");
        Self {
            message_max_bytes: values.int("message.max.bytes"),
            min_insync_replicas: values.int("min.insync.replicas"),
            unclean_leader_election_enable: values.boolean("unclean.leader.election.enable"),
            log_append_time: values.text("log.message.timestamp.type") == Some("LogAppendTime"),
            timestamp_before_max_ms: values.long("log.message.timestamp.before.max.ms"),
            timestamp_after_max_ms: values.long("log.message.timestamp.after.max.ms"),
            segment_bytes: values.int("log.segment.bytes"),
            roll_ms: values
                .optional_long("log.roll.ms")
                .unwrap_or_else(|| values.long("log.roll.hours") * HOUR_MS),
            retention_ms: retention_ms.max(-1),
            retention_bytes: values.long("log.retention.bytes"),
            retention_check_interval_ms: values.long("log.retention.check.interval.ms"),
            flush_interval_messages: values.long("log.flush.interval.messages"),
            flush_interval_ms: values
                .optional_long("log.flush.interval.ms")
                .unwrap_or(scheduler_ms),
            flush_scheduler_interval_ms: scheduler_ms,
            flush_offset_checkpoint_interval_ms: values
                .int("log.flush.offset.checkpoint.interval.ms"),
            flush_start_offset_checkpoint_interval_ms: values
                .int("log.flush.start.offset.checkpoint.interval.ms"),
            index_interval_bytes: values.int("log.index.interval.bytes"),
            index_size_max_bytes: values.int("log.index.size.max.bytes"),
            segment_delete_delay_ms: values.long("log.segment.delete.delay.ms"),
            initial_task_delay_ms: values.long("log.initial.task.delay.ms"),
            preallocate: values.boolean("log.preallocate"),
            cleanup_delete: policy.iter().any(|one| one == "delete"),
            cleanup_compact: policy.iter().any(|one| one == "compact"),
            compression_type: values.text("compression.type").unwrap_or_default().to_owned(),
        }
    }
}
