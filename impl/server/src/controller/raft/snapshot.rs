//! Snapshots of the metadata log for who is behind its beginning (KIP-630).

use bytes::Bytes;
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::{Answer, Chunk, FetchSnapshot, Response, SnapshotAnswer};
use kraftig_spec::types::{Epoch, NodeId, Offset, SnapshotId};
use kraftig_wire::messages::{
    fetch_snapshot_request as request, fetch_snapshot_response as response,
};
use kraftig_wire::{ErrorCode, Str};

use super::{PARTITION, Peers, TOPIC, code, known_leader, leader_id, only, replica};

impl Peers {
    /// Answers `FetchSnapshot`. Errors about the log are told beside its name, as KIP-630 has it; Kafka 4.2.0 can tell none.
    /// `endpoint` tells where a node can be reached by who asks.
    pub async fn fetch_snapshot(
        &self,
        version: i16,
        request: &request::FetchSnapshotRequest,
        endpoint: impl Fn(NodeId) -> Option<Endpoint>,
    ) -> response::FetchSnapshotResponse {
        use response::{FetchSnapshotResponse, NodeEndpoint};
        let refused = |error: ErrorCode| FetchSnapshotResponse {
            error_code: error.0,
            ..FetchSnapshotResponse::default()
        };
        if !self.is_cluster(request.cluster_id.as_ref()) {
            return refused(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let asked = only(&request.topics).and_then(|topic| Some((topic, only(&topic.partitions)?)));
        let Some((topic, asked)) = asked else {
            return refused(ErrorCode::INVALID_REQUEST);
        };
        if *topic.name != *TOPIC || asked.partition != PARTITION {
            let unknown = response::PartitionSnapshot {
                index: asked.partition,
                error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0,
                ..response::PartitionSnapshot::default()
            };
            return about(topic.name.clone(), unknown);
        }
        let fetch = FetchSnapshot {
            epoch: Epoch(asked.current_leader_epoch),
            replica: replica(request.replica_id, asked.replica_directory_id),
            snapshot: SnapshotId {
                end: Offset(asked.snapshot_id.end_offset),
                epoch: Epoch(asked.snapshot_id.epoch),
            },
            position: asked.position,
        };
        let max_bytes = usize::try_from(request.max_bytes).unwrap_or_default();
        let Some((response, bytes)) = self.ask_for_snapshot(fetch, max_bytes).await else {
            return refused(ErrorCode::BROKER_NOT_AVAILABLE);
        };
        let node_endpoint = |id: NodeId| {
            let Endpoint { host, port, .. } = endpoint(id)?;
            Some(NodeEndpoint { node_id: id.0, host: Str::from(host), port })
        };
        let node_endpoints =
            known_leader(version, &response).and_then(node_endpoint).into_iter().collect();
        let part = partition(asked, &response, bytes);
        FetchSnapshotResponse { node_endpoints, ..about(Str::from_static(TOPIC), part) }
    }

    /// Asks the quorum; `None` once it has stopped.
    async fn ask_for_snapshot(
        &self,
        fetch: FetchSnapshot,
        max_bytes: usize,
    ) -> Option<(Response<Bytes>, Bytes)> {
        let _turn = self.asked.acquire().await.ok()?;
        self.quorum.fetch_snapshot(fetch, max_bytes).await.ok()
    }
}

fn about(name: Str, part: response::PartitionSnapshot) -> response::FetchSnapshotResponse {
    response::FetchSnapshotResponse {
        topics: vec![response::TopicSnapshot { name, partitions: vec![part] }],
        ..response::FetchSnapshotResponse::default()
    }
}

fn partition(
    asked: &request::PartitionSnapshot,
    response: &Response<Bytes>,
    bytes: Bytes,
) -> response::PartitionSnapshot {
    let chunk = match response.answer {
        Answer::FetchSnapshot(SnapshotAnswer { chunk, .. }) => chunk,
        _ => None,
    };
    response::PartitionSnapshot {
        index: PARTITION,
        error_code: code(response.error).0,
        snapshot_id: response::SnapshotId {
            end_offset: asked.snapshot_id.end_offset,
            epoch: asked.snapshot_id.epoch,
        },
        current_leader: response::LeaderIdAndEpoch {
            leader_id: leader_id(response),
            leader_epoch: response.epoch.0,
        },
        size: chunk.map_or(0, |Chunk { size, .. }| size),
        position: asked.position,
        unaligned_records: bytes,
    }
}
