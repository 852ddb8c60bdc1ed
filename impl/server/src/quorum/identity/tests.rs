//! Who is taken for a second node of one id. Whoever is met answers by a script.

use std::sync::Arc;

use kraftig_spec::types::Uuid;
use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use kraftig_wire::messages::describe_cluster_response::DescribeClusterResponse;
use kraftig_wire::messages::describe_quorum_response::{
    DescribeQuorumResponse, PartitionData, Standing, TopicData,
};
use kraftig_wire::{Api, Reader, decode_request_header, encode_response_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const OWN: u8 = 1;
const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

fn directory(id: u8) -> DirectoryId {
    DirectoryId(Uuid([id; 16]))
}

/// Answers as node 1 with that directory, until the connection is closed.
async fn answer_all(mut stream: TcpStream, met: u8, cluster_id: &str) {
    while let Ok(size) = stream.read_u32().await {
        let mut frame = vec![0; size as usize];
        stream.read_exact(&mut frame).await.unwrap();
        let header = decode_request_header(&mut Reader::new(frame.into())).unwrap();
        let (id, key, version) =
            (header.correlation_id, header.request_api_key, header.request_api_version);
        let answer = match key {
            ApiVersionsRequest::KEY => {
                let served = [DescribeQuorumRequest::KEY, DescribeClusterRequest::KEY];
                let api_keys = served.map(|key| {
                    let api = Api::by_key(key).unwrap();
                    ApiVersion {
                        api_key: key,
                        min_version: api.min_version,
                        max_version: api.max_version,
                    }
                });
                let response = ApiVersionsResponse {
                    api_keys: api_keys.into(),
                    ..ApiVersionsResponse::default()
                };
                encode_response_frame(id, key, version, &response)
            }
            DescribeQuorumRequest::KEY => {
                let standing = Standing {
                    role: Str::from_static("Follower"),
                    node_id: 1,
                    directory_id: directory(met).0,
                    ..Standing::default()
                };
                let partitions = vec![PartitionData { standing, ..PartitionData::default() }];
                let topics = vec![TopicData { topic_name: Str::from_static(TOPIC), partitions }];
                let response =
                    DescribeQuorumResponse { topics, ..DescribeQuorumResponse::default() };
                encode_response_frame(id, key, version, &response)
            }
            _ => {
                let cluster_id = Str::from(cluster_id);
                let response =
                    DescribeClusterResponse { cluster_id, ..DescribeClusterResponse::default() };
                encode_response_frame(id, key, version, &response)
            }
        };
        stream.write_all(&answer.unwrap()).await.unwrap();
    }
}

/// The node that this one stops for, where it meets those directories one after the other, and then itself.
async fn stops_for(directories: &[u8], cluster_id: &str) -> Option<DirectoryId> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = "127.0.0.1".to_owned();
    let own = Peer { id: NodeId(1), host, port: listener.local_addr().unwrap().port() };
    let options = ClientOptions {
        client_id: "test".to_owned(),
        connect_timeout: Duration::from_mins(1),
        max_response_bytes: 1 << 20,
    };
    let (commands, told) = mpsc::sync_channel(1);
    let commands = Arc::new(commands);
    let local = ReplicaKey { id: NodeId(1), directory: directory(OWN) };
    let retry = Duration::from_millis(1);
    let known = Str::from_static(CLUSTER_ID);
    let watch = watch(own, local, known, options, retry, Arc::downgrade(&commands));
    let answer = async {
        for met in directories.iter().copied().chain([OWN]) {
            let (stream, _) = listener.accept().await.unwrap();
            answer_all(stream, met, cluster_id).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = watch => {}
        () = answer => {}
    }
    match told.try_recv().ok()? {
        Command::Fail(QuorumError::SameNodeId { id, directory: own, other, .. }) => {
            assert_eq!((id, own), (local.id, local.directory));
            Some(other)
        }
        _ => panic!("it says something else"),
    }
}

#[tokio::test]
async fn only_a_node_of_the_same_cluster_that_is_met_twice_is_a_second_one() {
    assert_eq!(stops_for(&[2, 2], CLUSTER_ID).await, Some(directory(2)));
    assert_eq!(stops_for(&[2, 3, 3], CLUSTER_ID).await, Some(directory(3)));
    for once in [&[][..], &[2], &[2, 3, 2], &[2, 0, 2]] {
        assert_eq!(stops_for(once, CLUSTER_ID).await, None, "{once:?}");
    }
    assert_eq!(stops_for(&[2, 2, 2], "another").await, None);
}
