//! Who it is that answers at a voter's address.

use std::sync::{Weak, mpsc};
use std::time::Duration;

use kraftig_spec::types::{DirectoryId, NodeId, ReplicaKey};
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_quorum_request::{
    DescribeQuorumRequest, PartitionData, TopicData,
};
use kraftig_wire::{Request, Str};
use tokio::time::{sleep, timeout};

use super::links::Peer;
use super::messages::{PARTITION, TOPIC};
use super::{Command, QuorumError};
use crate::net::client::{ClientOptions, Connection};

/// The controllers of a cluster, as `DescribeCluster` asks for them.
const CONTROLLERS: i8 = 2;
/// How long [`watch`] waits before it asks again.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// The id of the cluster that a voter belongs to, if it says.
pub(super) async fn cluster(connection: &Connection, limit: Duration) -> Option<Str> {
    let request =
        DescribeClusterRequest { endpoint_type: CONTROLLERS, ..DescribeClusterRequest::default() };
    let answer = ask(connection, &request, limit).await?;
    Some(answer.cluster_id).filter(|id| answer.error_code == 0 && !id.is_empty())
}

/// The node that listens there, if it says: stock Kafka's does not.
pub(super) async fn node(connection: &Connection, limit: Duration) -> Option<ReplicaKey> {
    let partitions = vec![PartitionData { partition_index: PARTITION }];
    let topics = vec![TopicData { topic_name: Str::from_static(TOPIC), partitions }];
    let answer = ask(connection, &DescribeQuorumRequest { topics }, limit).await?;
    let standing = &answer.topics.first()?.partitions.first()?.standing;
    // Where it is not told it has its default.
    let told = !standing.role.is_empty();
    told.then_some(ReplicaKey {
        id: NodeId(standing.node_id),
        directory: DirectoryId(standing.directory_id),
    })
}

async fn ask<R: Request>(
    connection: &Connection,
    request: &R,
    limit: Duration,
) -> Option<R::Response> {
    timeout(limit, connection.send(request)).await.ok()?.ok()
}

/// Finds out who listens where the voters have this node. Two nodes of one id would both vote, and be taken for one: this
/// one stops then. Asks until it has met itself, or the quorum's thread is gone. A node of another cluster is none of
/// those who vote here, and whoever is met once may be on its way out: it is met twice, `retry` apart, before this one stops.
pub(super) async fn watch(
    own: Peer,
    local: ReplicaKey,
    cluster_id: Str,
    options: ClientOptions,
    retry: Duration,
    commands: Weak<mpsc::SyncSender<Command>>,
) {
    let mut met = None;
    while commands.strong_count() > 0 {
        let found = namesake(&own, local, &cluster_id, &options).await;
        if found == Some(local.directory) {
            return;
        }
        if let Some(other) = found
            && met == found
            && let Some(commands) = commands.upgrade()
        {
            let Peer { host, port, .. } = own;
            let _ = commands.send(Command::Fail(QuorumError::SameNodeId {
                id: local.id,
                directory: local.directory,
                address: format!("{host}:{port}"),
                other,
            }));
            return;
        }
        met = found;
        sleep(retry).await;
    }
}

/// The directory of the node of this id and this cluster that listens there: this one's, or another one's.
async fn namesake(
    own: &Peer,
    local: ReplicaKey,
    cluster_id: &Str,
    options: &ClientOptions,
) -> Option<DirectoryId> {
    let connection = Connection::open(&own.host, own.port, options).await.ok()?;
    let found = node(&connection, options.connect_timeout).await?;
    if found.id != local.id || found.directory == DirectoryId::ABSENT {
        return None;
    }
    if found.directory == local.directory {
        return Some(found.directory);
    }
    let theirs = cluster(&connection, options.connect_timeout).await?;
    (theirs == *cluster_id).then_some(found.directory)
}

#[cfg(test)]
mod tests;
