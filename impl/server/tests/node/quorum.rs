//! The quorum as another node asks it, on the controller's listener.

use kraftig_spec::types::TopicId;
use kraftig_wire::batch::batches;
use kraftig_wire::messages::add_raft_voter_request::{self as add, AddRaftVoterRequest};
use kraftig_wire::messages::begin_quorum_epoch_request::{self as begin, BeginQuorumEpochRequest};
use kraftig_wire::messages::describe_quorum_request::{self as describe, DescribeQuorumRequest};
use kraftig_wire::messages::end_quorum_epoch_request::{self as end, EndQuorumEpochRequest};
use kraftig_wire::messages::fetch_request::{self as fetch, FetchRequest};
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::update_raft_voter_request::{self as update, UpdateRaftVoterRequest};
use kraftig_wire::messages::vote_request::{self as vote, VoteRequest};
use kraftig_wire::{ErrorCode, Str, Uuid, encode_request_frame};

use crate::{BROKER, CLUSTER_ID, CONTROLLER, connect, fresh};

const TOPIC: Str = Str::from_static("__cluster_metadata");

fn vote_request(cluster: &str, partition: vote::PartitionData) -> VoteRequest {
    VoteRequest {
        cluster_id: Some(Str::from(cluster)),
        voter_id: 1,
        topics: vec![vote::TopicData { topic_name: TOPIC, partitions: vec![partition] }],
    }
}

fn begin_request(leader_id: i32, leader_epoch: i32) -> BeginQuorumEpochRequest {
    let partition = begin::PartitionData { leader_id, leader_epoch, ..Default::default() };
    BeginQuorumEpochRequest {
        topics: vec![begin::TopicData { topic_name: TOPIC, partitions: vec![partition] }],
        ..BeginQuorumEpochRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_the_cluster_and_the_log() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let other = vote_request("another", vote::PartitionData::default());
    let mut two = vote_request(CLUSTER_ID, vote::PartitionData::default());
    two.topics.push(two.topics[0].clone());
    let mut topic = vote_request(CLUSTER_ID, vote::PartitionData::default());
    topic.topics[0].topic_name = Str::from_static("t");
    let partition = vote::PartitionData { partition_index: 1, ..vote::PartitionData::default() };
    let partition = vote_request(CLUSTER_ID, partition);
    for (request, error) in [
        (other, ErrorCode::INCONSISTENT_CLUSTER_ID),
        (two, ErrorCode::INVALID_REQUEST),
        (topic, ErrorCode::INVALID_REQUEST),
        (partition, ErrorCode::INVALID_REQUEST),
    ] {
        for version in 0..=1 {
            let response = peer.ask(version, &request).await;
            assert_eq!((response.error_code, response.topics.len()), (error.0, 0), "{request:?}");
        }
    }
    let mut begin = begin_request(1, 1);
    begin.cluster_id = Some(Str::from_static("another"));
    let response = peer.ask(1, &begin).await;
    assert_eq!(response.error_code, ErrorCode::INCONSISTENT_CLUSTER_ID.0);
    begin.cluster_id = None;
    begin.topics.clear();
    assert_eq!(peer.ask(0, &begin).await.error_code, ErrorCode::INVALID_REQUEST.0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_names_epoch_and_leader() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let port = node.address(CONTROLLER).unwrap().port();
    let stale = vote::PartitionData { replica_epoch: 0, replica_id: 2, ..Default::default() };
    for (begin, error) in [
        (begin_request(1, 1), ErrorCode::NONE),
        (begin_request(2, 1), ErrorCode::INVALID_REQUEST),
        (begin_request(2, 7), ErrorCode::INVALID_REQUEST),
        (begin_request(1, 0), ErrorCode::FENCED_LEADER_EPOCH),
        (
            BeginQuorumEpochRequest { voter_id: 2, ..begin_request(1, 1) },
            ErrorCode::INVALID_VOTER_KEY,
        ),
    ] {
        let response = peer.ask(1, &begin).await;
        let partition = &response.topics[0].partitions[0];
        let said = (partition.error_code, partition.leader_id, partition.leader_epoch);
        assert_eq!(said, (error.0, 1, 1), "{begin:?}");
        assert_eq!(response.node_endpoints[0].port, port);
        assert!(peer.ask(0, &begin).await.node_endpoints.is_empty());
    }
    let response = peer.ask(1, &vote_request(CLUSTER_ID, stale)).await;
    let partition = &response.topics[0].partitions[0];
    assert!(!partition.vote_granted);
    assert_eq!((partition.leader_id, partition.leader_epoch), (1, 1));
    assert_eq!(response.node_endpoints[0].port, port);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_cannot_reach_the_quorum() {
    let (_dir, node) = fresh(&[]).await;
    let request = vote_request(CLUSTER_ID, vote::PartitionData::default());
    for (listener, version) in [(BROKER, 0), (BROKER, 1), (BROKER, 2)] {
        let mut client = connect(&node, listener).await;
        client.send(&encode_request_frame(1, None, version, &request).unwrap()).await;
        assert!(client.receive().await.is_none(), "{listener} {version}");
    }
    node.stop().await;
}

fn fetch_request(fetch_offset: i64, last_fetched_epoch: i32) -> FetchRequest {
    let partition = fetch::FetchPartition {
        current_leader_epoch: 1,
        fetch_offset,
        last_fetched_epoch,
        ..fetch::FetchPartition::default()
    };
    let topic_id = TopicId::METADATA.0;
    FetchRequest {
        cluster_id: Some(Str::from_static(CLUSTER_ID)),
        replica_state: fetch::ReplicaState { replica_id: 2, ..Default::default() },
        topics: vec![fetch::FetchTopic {
            topic_id,
            partitions: vec![partition],
            ..Default::default()
        }],
        ..FetchRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metadata_log_can_be_followed() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let port = i32::from(node.address(CONTROLLER).unwrap().port());
    // All of it, from its LeaderChange on, and then the wait for more.
    let mut next = fetch_request(0, 0);
    next.max_wait_ms = 500;
    let mut batches_seen = 0;
    while batches_seen < 5 {
        let response = peer.ask(17, &next).await;
        let [partition] = &response.responses[0].partitions[..] else {
            panic!("{response:?}");
        };
        assert_eq!((response.error_code, partition.error_code), (0, 0));
        assert_eq!(partition.current_leader.leader_id, 1);
        assert_eq!(response.node_endpoints[0].port, port);
        let asked = &mut next.topics[0].partitions[0];
        for batch in batches(partition.records.clone().unwrap()) {
            let header = *batch.unwrap().header();
            assert_eq!((header.base_offset, header.leader_epoch), (asked.fetch_offset, 1));
            assert_eq!(header.is_control(), header.base_offset == 0);
            asked.fetch_offset = header.last_offset() + 1;
            asked.last_fetched_epoch = 1;
            batches_seen += 1;
        }
        assert!(partition.high_watermark <= asked.fetch_offset);
    }
    // By the answer of a version that has no room for endpoints.
    assert!(peer.ask(16, &next).await.node_endpoints.is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_cannot_be_served_says_why() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let other =
        FetchRequest { cluster_id: Some(Str::from_static("another")), ..fetch_request(0, 0) };
    assert_eq!(peer.ask(17, &other).await.error_code, ErrorCode::INCONSISTENT_CLUSTER_ID.0);
    let nothing = FetchRequest { topics: Vec::new(), ..fetch_request(0, 0) };
    assert_eq!(peer.ask(17, &nothing).await.error_code, ErrorCode::INVALID_REQUEST.0);
    // Before version 13 topics go by name, and this one has just its id.
    let by_name =
        FetchRequest { replica_state: fetch::ReplicaState::default(), ..fetch_request(0, 0) };
    assert_eq!(peer.ask(12, &by_name).await.error_code, ErrorCode::INVALID_REQUEST.0);
    let with_epoch = |epoch| {
        let mut request = fetch_request(0, 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        request
    };
    for (request, error) in [
        (fetch_request(-1, 0), ErrorCode::INVALID_REQUEST),
        (with_epoch(0), ErrorCode::FENCED_LEADER_EPOCH),
        (with_epoch(2), ErrorCode::UNKNOWN_LEADER_EPOCH),
        (fetch_request(1 << 40, 1), ErrorCode::NONE),
    ] {
        let response = peer.ask(17, &request).await;
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, error.0, "{request:?}");
        assert!(partition.records.as_ref().unwrap().is_empty());
        assert_eq!(partition.diverging_epoch.epoch, if error == ErrorCode::NONE { 1 } else { -1 });
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_epoch_ends_but_by_its_leader() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let request = |leader_id, leader_epoch| {
        let partition = end::PartitionData { leader_id, leader_epoch, ..Default::default() };
        EndQuorumEpochRequest {
            topics: vec![end::TopicData { topic_name: TOPIC, partitions: vec![partition] }],
            ..EndQuorumEpochRequest::default()
        }
    };
    let foreign =
        EndQuorumEpochRequest { cluster_id: Some(Str::from_static("another")), ..request(2, 1) };
    let error = peer.ask(1, &foreign).await.error_code;
    assert_eq!(error, ErrorCode::INCONSISTENT_CLUSTER_ID.0);
    let error = peer.ask(0, &EndQuorumEpochRequest::default()).await.error_code;
    assert_eq!(error, ErrorCode::INVALID_REQUEST.0);
    for (end, error) in [
        (request(2, 0), ErrorCode::FENCED_LEADER_EPOCH),
        (request(-1, 0), ErrorCode::FENCED_LEADER_EPOCH),
        (request(-1, 1), ErrorCode::INVALID_REQUEST),
        (request(2, 1), ErrorCode::INVALID_REQUEST),
        (request(1, 7), ErrorCode::INVALID_REQUEST),
    ] {
        for version in 0..=1 {
            let response = peer.ask(version, &end).await;
            let partition = &response.topics[0].partitions[0];
            let said = (partition.error_code, partition.leader_id, partition.leader_epoch);
            assert_eq!(said, (error.0, 1, 1), "{end:?}");
            assert_eq!(response.node_endpoints.len(), usize::from(version > 0));
        }
    }
    // Nor does a pre-vote depose it.
    let vote = vote::PartitionData {
        replica_epoch: 1,
        replica_id: 2,
        last_offset_epoch: 1,
        last_offset: 1 << 40,
        pre_vote: true,
        ..Default::default()
    };
    let response = peer.ask(2, &vote_request(CLUSTER_ID, vote)).await;
    assert!(!response.topics[0].partitions[0].vote_granted);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_may_say_what_it_listens_on() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let listener = update::Listener { name: Str::from_static(CONTROLLER), ..Default::default() };
    let request = |voter_id, epoch| UpdateRaftVoterRequest {
        cluster_id: Some(Str::from_static(CLUSTER_ID)),
        current_leader_epoch: epoch,
        voter_id,
        listeners: vec![listener.clone()],
        ..UpdateRaftVoterRequest::default()
    };
    for (update, error) in [
        (request(1, 1), ErrorCode::NONE),
        (request(1, 0), ErrorCode::FENCED_LEADER_EPOCH),
        (request(1, 2), ErrorCode::UNKNOWN_LEADER_EPOCH),
        (request(7, 1), ErrorCode::VOTER_NOT_FOUND),
        (
            UpdateRaftVoterRequest { listeners: Vec::new(), ..request(1, 1) },
            ErrorCode::INVALID_REQUEST,
        ),
    ] {
        let response = peer.ask(0, &update).await;
        assert_eq!(response.error_code, error.0, "{update:?}");
        let leader = response.current_leader;
        assert_eq!((leader.leader_id, leader.leader_epoch), (1, 1));
        assert_eq!(&*leader.host, "127.0.0.1");
    }
    let another = Some(Str::from_static("another"));
    let foreign = UpdateRaftVoterRequest { cluster_id: another, ..request(1, 1) };
    let error = peer.ask(0, &foreign).await.error_code;
    assert_eq!(error, ErrorCode::INCONSISTENT_CLUSTER_ID.0);
    node.stop().await;
}

/// In the words of stock Kafka, whose voters were static too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn static_voters_stay_as_they_are() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let cluster = |id: &'static str| Some(Str::from_static(id));
    let foreign = format!("The given id \"another\" doesn't match the cluster id \"{CLUSTER_ID}\"");
    let listener =
        |name| vec![add::Listener { name: Str::from_static(name), ..Default::default() }];
    let request = AddRaftVoterRequest {
        cluster_id: cluster(CLUSTER_ID),
        voter_id: 2,
        voter_directory_id: Uuid([7; 16]),
        listeners: listener(CONTROLLER),
        ..AddRaftVoterRequest::default()
    };
    for (add, error, message) in [
        (
            request.clone(),
            ErrorCode::UNSUPPORTED_VERSION,
            "Cluster doesn't support adding voter because the kraft.version feature is 0",
        ),
        (
            AddRaftVoterRequest { cluster_id: cluster("another"), ..request.clone() },
            ErrorCode::INCONSISTENT_CLUSTER_ID,
            &*foreign,
        ),
        (
            AddRaftVoterRequest { voter_directory_id: Uuid::ZERO, ..request.clone() },
            ErrorCode::INVALID_REQUEST,
            "Add voter request didn't include a valid voter",
        ),
        (
            AddRaftVoterRequest { listeners: listener("OTHER"), ..request },
            ErrorCode::INVALID_REQUEST,
            "Add voter request didn't include the endpoint (Endpoints(endpoints={ListenerName(OTHER)=/<unresolved>:0})) for the default listener ListenerName(CONTROLLER)",
        ),
    ] {
        let response = peer.ask(1, &add).await;
        assert_eq!(response.error_code, error.0, "{add:?}");
        assert_eq!(response.error_message.as_deref(), Some(message));
    }
    let request = RemoveRaftVoterRequest {
        cluster_id: cluster(CLUSTER_ID),
        voter_id: 1,
        voter_directory_id: Uuid([7; 16]),
    };
    for (remove, error, message) in [
        (
            request.clone(),
            ErrorCode::UNSUPPORTED_VERSION,
            "Cluster doesn't support removing voter because the kraft.version feature is 0",
        ),
        (
            RemoveRaftVoterRequest { cluster_id: cluster("another"), ..request.clone() },
            ErrorCode::INCONSISTENT_CLUSTER_ID,
            &*foreign,
        ),
        (
            RemoveRaftVoterRequest { voter_id: -1, ..request },
            ErrorCode::INVALID_REQUEST,
            "Remove voter request didn't include a valid voter",
        ),
    ] {
        let response = peer.ask(0, &remove).await;
        assert_eq!(response.error_code, error.0, "{remove:?}");
        assert_eq!(response.error_message.as_deref(), Some(message));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quorum_is_described_to_brokers_and_controllers() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let mut fetch = fetch_request(0, 0);
    fetch.topics[0].partitions[0].replica_directory_id = Uuid([7; 16]);
    peer.ask(17, &fetch).await;
    let request = |topic: Str, partitions: &[i32]| {
        let partition = |index: &i32| describe::PartitionData { partition_index: *index };
        let partitions = partitions.iter().map(partition).collect();
        DescribeQuorumRequest {
            topics: vec![describe::TopicData { topic_name: topic, partitions }],
        }
    };
    for listener in [CONTROLLER, BROKER] {
        let mut client = connect(&node, listener).await;
        for version in 0..=2 {
            let response = client.ask(version, &request(TOPIC, &[0])).await;
            let log = &response.topics[0].partitions[0];
            assert_eq!((log.error_code, log.leader_id, log.leader_epoch), (0, 1, 1), "{listener}");
            let ([voter], [observer]) = (&log.current_voters[..], &log.observers[..]) else {
                panic!("{log:?}")
            };
            assert_eq!((voter.replica_id, voter.replica_directory_id), (1, Uuid::ZERO));
            assert!(0 < log.high_watermark && log.high_watermark <= voter.log_end_offset);
            assert_eq!((observer.replica_id, observer.log_end_offset), (2, 0));
            assert_eq!(observer.replica_directory_id == Uuid([7; 16]), version == 2);
            assert_eq!(observer.last_fetch_timestamp > 0, version > 0);
            assert_eq!(observer.last_caught_up_timestamp, -1);
            let listeners = response.nodes.iter().flat_map(|node| &node.listeners);
            let ports: Vec<_> = listeners.map(|at| (at.name.as_str(), at.port)).collect();
            assert_eq!(ports, if version == 2 { &[(CONTROLLER, 9093)][..] } else { &[] });

            for (topic, partitions) in
                [(Str::from_static("t"), &[0][..]), (TOPIC, &[1]), (TOPIC, &[0, 0])]
            {
                let response = client.ask(version, &request(topic.clone(), partitions)).await;
                assert_eq!((response.error_code, response.nodes.len()), (0, 0));
                assert_eq!(response.topics[0].topic_name, topic);
                for partition in &response.topics[0].partitions {
                    assert_eq!(partition.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);
                    assert_eq!((partition.leader_id, partition.high_watermark), (0, 0));
                }
            }
        }
    }
    node.stop().await;
}
