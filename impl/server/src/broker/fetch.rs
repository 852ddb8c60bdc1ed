//! Fetch (key 1): reads batches of records, and waits for more where there are too few.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::ReadSlice;
use kraftig_log::disk::DiskError;
use kraftig_wire::ErrorCode;
use kraftig_wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kraftig_wire::messages::fetch_response::{
    FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::replica::{Partition, Readable, ReplicaManager, TopicRef};

/// From this version on topics are named by their ids.
const TOPIC_ID_VERSION: i16 = 13;
/// From this version on a client is told who leads instead.
const CURRENT_LEADER_VERSION: i16 = 16;
/// Session epochs of a request that is complete in itself (KIP-227).
const FULL_REQUEST: [i32; 2] = [-1, 0];
const READ_COMMITTED: i8 = 1;
/// Records of fewer bytes are copied into the answer; others go to the socket from their file, which takes two more
/// system calls. Measured on loopback, the one costs as much as the other between 32 and 64 KiB.
const COPIED: usize = 32 << 10;

/// The answer to a fetch.
#[derive(Debug)]
pub struct Fetched {
    /// The response. A partition whose records are null has the next one of `slices`.
    pub response: FetchResponse,
    /// Records that are still in their files, in the order of their partitions.
    pub slices: Vec<ReadSlice>,
}

impl From<FetchResponse> for Fetched {
    fn from(response: FetchResponse) -> Self {
        Self { response, slices: Vec::new() }
    }
}

/// Answers once there are enough bytes, an error, or the client's time is over. Sessions are declined: each
/// request is answered as the first of a session that does not come about.
pub async fn handle(replicas: &ReplicaManager, version: i16, request: FetchRequest) -> Fetched {
    if version >= 7 && !FULL_REQUEST.contains(&request.session_epoch) {
        let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND.0;
        return FetchResponse { error_code, ..FetchResponse::default() }.into();
    }
    let fetch = Fetch { replicas, version, request: &request };
    let deadline = Instant::now()
        + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
    let mut read = fetch.read();
    if !read.enough && request.max_wait_ms > 0 {
        let waiter = Waiter::new(
            fetch.partitions().filter_map(|(topic, one)| fetch.find(topic, one).ok()).collect(),
        );
        loop {
            // Read after the partitions know of the waiter: what comes from now on wakes it.
            read = fetch.read();
            if read.enough || timeout_at(deadline, waiter.told.notified()).await.is_err() {
                break;
            }
        }
    }
    fetch.response(read)
}

/// A fetch that waits for any of its partitions.
struct Waiter {
    told: Arc<Notify>,
    partitions: Vec<Arc<Partition>>,
}

impl Waiter {
    fn new(partitions: Vec<Arc<Partition>>) -> Self {
        let told = Arc::new(Notify::new());
        for partition in &partitions {
            partition.tell(&told);
        }
        Self { told, partitions }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        for partition in &self.partitions {
            partition.forget(&self.told);
        }
    }
}

struct Fetch<'a> {
    replicas: &'a ReplicaManager,
    version: i16,
    request: &'a FetchRequest,
}

/// What there is for a fetch.
struct Read {
    /// One for each partition of the request, in its order.
    partitions: Vec<Result<Readable, Failed>>,
    /// Whether the answer is not to be waited for any longer.
    enough: bool,
}

struct Failed {
    error: ErrorCode,
    /// Whether the metadata does not know the partition.
    unknown: bool,
}

impl Fetch<'_> {
    fn partitions(&self) -> impl Iterator<Item = (&FetchTopic, &FetchPartition)> {
        self.request
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(move |one| (topic, one)))
    }

    fn find(&self, topic: &FetchTopic, one: &FetchPartition) -> Result<Arc<Partition>, ErrorCode> {
        let topic = if self.version >= TOPIC_ID_VERSION {
            TopicRef::Id(topic.topic_id)
        } else {
            TopicRef::Name(&topic.topic)
        };
        self.replicas.find(topic, one.partition)
    }

    /// Looks at what there is, without reading it yet. The first partition that has anything gives a whole
    /// batch, however big; the others keep to what is left of the limits.
    fn read(&self) -> Read {
        let request = self.request;
        let limit = usize::try_from(request.max_bytes)
            .unwrap_or_default()
            .min(self.replicas.fetch_max_bytes());
        let min_bytes = usize::try_from(request.min_bytes).unwrap_or_default().min(limit);
        let mut left = limit;
        let mut bytes = 0;
        let mut known = 0;
        let mut failed = false;
        let partitions = self.partitions().map(|(topic, one)| {
            let partition = self.find(topic, one).map_err(|error| Failed {
                error,
                unknown: error != ErrorCode::NOT_LEADER_OR_FOLLOWER,
            })?;
            known += 1;
            let max = usize::try_from(one.partition_max_bytes).unwrap_or_default().min(left);
            let read = if self.is_follower() {
                Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
            } else {
                partition.read(one.fetch_offset, one.current_leader_epoch, max, bytes == 0)
            };
            match &read {
                Ok(readable) => {
                    let len = readable.slice.as_ref().map_or(0, ReadSlice::len);
                    bytes += len;
                    left = left.saturating_sub(len);
                }
                Err(_) => failed = true,
            }
            read.map_err(|error| Failed { error, unknown: false })
        });
        let partitions = partitions.collect();
        Read { partitions, enough: known == 0 || failed || bytes >= min_bytes }
    }

    /// Whether another broker asks, which is no replica of anything yet.
    fn is_follower(&self) -> bool {
        let request = self.request;
        if self.version >= 15 {
            request.replica_state.replica_id >= 0
        } else {
            request.replica_id >= 0
        }
    }

    fn response(&self, read: Read) -> Fetched {
        let mut outcomes = read.partitions.into_iter();
        let mut slices = Vec::new();
        let topics = self.request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().zip(&mut outcomes);
            FetchableTopicResponse {
                topic: topic.topic.detach(),
                topic_id: topic.topic_id,
                partitions: partitions
                    .map(|(one, outcome)| self.partition(topic, one, outcome, &mut slices))
                    .collect(),
            }
        });
        let responses = topics.collect();
        Fetched { response: FetchResponse { responses, ..FetchResponse::default() }, slices }
    }

    fn partition(
        &self,
        topic: &FetchTopic,
        one: &FetchPartition,
        outcome: Result<Readable, Failed>,
        slices: &mut Vec<ReadSlice>,
    ) -> PartitionData {
        let read = outcome.and_then(|mut readable| match records(readable.slice.take(), slices) {
            Ok(records) => Ok((readable, records)),
            Err(e) => {
                if let Ok(partition) = self.find(topic, one) {
                    partition.directory.fail(&e);
                }
                Err(Failed { error: ErrorCode::KAFKA_STORAGE_ERROR, unknown: false })
            }
        });
        let data = PartitionData {
            partition_index: one.partition,
            preferred_read_replica: -1,
            ..PartitionData::default()
        };
        match read {
            Ok((readable, records)) => PartitionData {
                high_watermark: readable.high_watermark,
                // No transaction is open, for none is served.
                last_stable_offset: readable.high_watermark,
                log_start_offset: readable.log_start,
                aborted_transactions: (self.request.isolation_level == READ_COMMITTED)
                    .then(Vec::new),
                records,
                ..data
            },
            Err(Failed { error, unknown }) => PartitionData {
                error_code: error.0,
                high_watermark: -1,
                last_stable_offset: -1,
                log_start_offset: -1,
                aborted_transactions: unknown.then(Vec::new),
                records: Some(Bytes::new()),
                current_leader: self.current_leader(topic, one, error),
                ..data
            },
        }
    }

    /// Who leads, for a client that asked the wrong broker or knows an older leader.
    fn current_leader(
        &self,
        topic: &FetchTopic,
        one: &FetchPartition,
        error: ErrorCode,
    ) -> LeaderIdAndEpoch {
        let moved =
            [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH].contains(&error);
        let partition =
            self.find(topic, one).ok().filter(|_| moved && self.version >= CURRENT_LEADER_VERSION);
        partition.map_or_else(LeaderIdAndEpoch::default, |partition| {
            let leadership = partition.leadership();
            LeaderIdAndEpoch {
                leader_id: leadership.leader.map_or(-1, |id| id.0),
                leader_epoch: leadership.epoch,
            }
        })
    }
}

/// What a partition's answer holds: few records are read, more are left to `slices`, and nothing is empty.
fn records(
    slice: Option<ReadSlice>,
    slices: &mut Vec<ReadSlice>,
) -> Result<Option<Bytes>, DiskError> {
    match slice {
        None => Ok(Some(Bytes::new())),
        Some(slice) if slice.len() < COPIED => slice.read().map(Some),
        Some(slice) => {
            slices.push(slice);
            Ok(None)
        }
    }
}
