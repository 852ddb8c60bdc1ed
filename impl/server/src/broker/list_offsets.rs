//! `ListOffsets` (key 2): offsets by time, and where logs begin and end.

use std::collections::HashMap;

use kraftig_wire::ErrorCode;
use kraftig_wire::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kraftig_wire::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};

use super::replica::{ReplicaManager, TopicRef, Wanted};

/// What a negative timestamp asks for, and the first version that may ask for it.
const SPECIAL: [(i64, i16, Option<Wanted>); 6] = [
    (-1, 1, Some(Wanted::Latest)),
    (-2, 1, Some(Wanted::Earliest)),
    (-3, 7, Some(Wanted::MaxTimestamp)),
    // The earliest that is not only in tiered storage (KIP-405): nothing is.
    (-4, 8, Some(Wanted::Earliest)),
    // The latest in tiered storage (KIP-1005), and the earliest that is not (KIP-1023): there is none.
    (-5, 9, None),
    (-6, 11, None),
];

/// Looks each offset up.
pub fn handle(
    replicas: &ReplicaManager,
    version: i16,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let ListOffsetsTopic { name, partitions } = topic;
        // How often each partition is asked for; 0 once it is answered.
        let mut times: HashMap<i32, usize> = HashMap::with_capacity(partitions.len());
        for asked in &partitions {
            *times.entry(asked.partition_index).or_default() += 1;
        }
        let responses = partitions.iter().filter_map(|asked| {
            let found = match times.insert(asked.partition_index, 0) {
                Some(1) => find(replicas, version, &name, asked),
                Some(2..) => Err(ErrorCode::INVALID_REQUEST),
                _ => return None,
            };
            Some(response(version, asked.partition_index, found))
        });
        ListOffsetsTopicResponse { partitions: responses.collect(), name: name.detach() }
    });
    ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() }
}

type Found = Option<kraftig_log::TimestampedOffset>;

fn find(
    replicas: &ReplicaManager,
    version: i16,
    topic: &str,
    asked: &ListOffsetsPartition,
) -> Result<Found, ErrorCode> {
    let wanted = if asked.timestamp >= 0 {
        Some(Wanted::Timestamp(asked.timestamp))
    } else {
        let special = SPECIAL
            .iter()
            .find(|(timestamp, since, _)| *timestamp == asked.timestamp && *since <= version);
        special.ok_or(ErrorCode::UNSUPPORTED_VERSION)?.2
    };
    let partition = replicas.find(TopicRef::Name(topic), asked.partition_index)?;
    match wanted {
        Some(wanted) => partition.find(wanted, asked.current_leader_epoch),
        None => Ok(None),
    }
}

fn response(
    version: i16,
    partition_index: i32,
    found: Result<Found, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let (error, found) = match found {
        Ok(found) => (ErrorCode::NONE, found),
        Err(error) => (error, None),
    };
    ListOffsetsPartitionResponse {
        partition_index,
        error_code: error.0,
        timestamp: found.map_or(-1, |found| found.timestamp),
        offset: found.map_or(-1, |found| found.offset),
        // Earlier versions do not carry it.
        leader_epoch: found.filter(|_| version >= 4).map_or(-1, |found| found.leader_epoch),
    }
}
