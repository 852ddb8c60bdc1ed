//! Produce (key 0): appends batches of records to partitions.

use std::sync::Arc;

use kraftig_wire::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kraftig_wire::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, ProduceResponse,
    TopicProduceResponse,
};
use kraftig_wire::{ErrorCode, Str};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

use super::replica::{
    Appended, MAX_DECOMPRESSED, Partition, Refusal, ReplicaManager, TopicRef, now_ms, prepare,
};

/// From this version on topics are named by their ids.
const TOPIC_ID_VERSION: i16 = 13;
/// Who may write to internal topics.
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// What a batch's records may take when decompressed for it to be prepared at once.
const DECOMPRESSED: usize = 4 << 20;
/// Batches whose records take more are prepared one at a time: small requests can keep processors and memory busy so.
static EXPANDING: Semaphore = Semaphore::const_new(1);
/// Kafka's own topics.
const INTERNAL_TOPICS: [&str; 3] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// What the client hears of its request.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The response.
    Response(ProduceResponse),
    /// Nothing: it asked for no acknowledgement.
    Silence,
    /// Its connection is closed: it asked for no acknowledgement, and something went wrong.
    Close,
}

/// What the partitions of a request have in common.
struct Terms {
    version: i16,
    acks: i16,
    transactional: bool,
    internal_allowed: bool,
    now: i64,
}

/// Appends what the request holds. The answer comes when the records are as safe as the topic asks for.
pub async fn handle(
    replicas: &ReplicaManager,
    client_id: Option<&str>,
    version: i16,
    request: ProduceRequest,
) -> Answer {
    let terms = Terms {
        version,
        acks: request.acks,
        transactional: request.transactional_id.is_some(),
        internal_allowed: client_id == Some(ADMIN_CLIENT_ID),
        now: now_ms(),
    };
    let mut responses = Vec::with_capacity(request.topic_data.len());
    let mut failed = false;
    for topic in request.topic_data {
        let TopicProduceData { name: given, topic_id, partition_data } = topic;
        // In memory of its own, so that nothing but the records holds the request's: then they are not copied.
        let name = given.detach();
        drop(given);
        let topic = if version >= TOPIC_ID_VERSION {
            TopicRef::Id(topic_id)
        } else {
            TopicRef::Name(&name)
        };
        let mut partition_responses = Vec::with_capacity(partition_data.len());
        for data in partition_data {
            let index = data.index;
            let partition = replicas.find(topic, index);
            let outcome = match &partition {
                Ok(partition) => append(&terms, partition, data).await,
                Err(error) => Err((*error).into()),
            };
            failed |= outcome.is_err();
            partition_responses.push(response(version, index, partition.ok().as_deref(), outcome));
        }
        responses.push(TopicProduceResponse { name, topic_id, partition_responses });
    }
    match terms.acks {
        0 if failed => Answer::Close,
        0 => Answer::Silence,
        _ => Answer::Response(ProduceResponse { responses, ..ProduceResponse::default() }),
    }
}

async fn append(
    terms: &Terms,
    partition: &Arc<Partition>,
    data: PartitionProduceData,
) -> Result<Appended, Refusal> {
    if !(-1..=1).contains(&terms.acks) {
        return Err(ErrorCode::INVALID_REQUIRED_ACKS.into());
    }
    if !terms.internal_allowed && INTERNAL_TOPICS.contains(&&*partition.topic) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION.into());
    }
    let config = partition.config();
    let mut records = data.records.unwrap_or_default();
    let mut prepared = |limit| {
        let (topic, index) = (&partition.topic, partition.index);
        prepare(&mut records, terms.version, topic, index, &config, terms.now, limit)
    };
    let mut batch = match prepared(DECOMPRESSED) {
        Err(refusal) if refusal.expands => {
            // In its turn, and not in the way of the connections that share this thread.
            let _turn = EXPANDING.acquire().await.map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
            block_in_place(|| prepared(MAX_DECOMPRESSED))
        }
        prepared => prepared,
    }?;
    if batch.header.is_transactional() {
        return Err(if terms.transactional {
            Refusal::new(
                ErrorCode::INVALID_TXN_STATE,
                "Transactions are not served by this broker.",
            )
        } else {
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into()
        });
    }
    let appended = partition.append(&mut batch, terms.acks, terms.now)?;
    drop(batch);
    if appended.must_flush {
        flush(partition.clone()).await?;
    } else if appended.rolled {
        // The complete segment goes to the disk, and nobody waits for it.
        tokio::spawn(flush(partition.clone()));
    }
    Ok(appended)
}

async fn flush(partition: Arc<Partition>) -> Result<(), ErrorCode> {
    let flushed = tokio::task::spawn_blocking(move || partition.flush(now_ms())).await;
    flushed.unwrap_or(Err(ErrorCode::UNKNOWN_SERVER_ERROR))
}

fn response(
    version: i16,
    index: i32,
    partition: Option<&Partition>,
    outcome: Result<Appended, Refusal>,
) -> PartitionProduceResponse {
    let refusal = match outcome {
        Ok(appended) => {
            return PartitionProduceResponse {
                index,
                base_offset: appended.base_offset,
                log_append_time_ms: appended.log_append_time,
                log_start_offset: appended.log_start,
                ..PartitionProduceResponse::default()
            };
        }
        Err(refusal) => refusal,
    };
    let start = || partition.and_then(Partition::offsets).map_or(-1, |offsets| offsets.start);
    // A client that asked the wrong broker is told who the right one is.
    let moved =
        partition.filter(|_| refusal.error == ErrorCode::NOT_LEADER_OR_FOLLOWER && version >= 10);
    let current_leader =
        moved.map(Partition::leadership).map_or_else(LeaderIdAndEpoch::default, |leadership| {
            LeaderIdAndEpoch {
                leader_id: leadership.leader.map_or(-1, |id| id.0),
                leader_epoch: leadership.epoch,
            }
        });
    let record_error = |(batch_index, text): (i32, String)| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(Str::from(text)),
    };
    PartitionProduceResponse {
        index,
        error_code: refusal.error.0,
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset: if refusal.with_start { start() } else { -1 },
        record_errors: refusal.records.into_iter().map(record_error).collect(),
        error_message: refusal.message.map(Str::from),
        current_leader,
    }
}
