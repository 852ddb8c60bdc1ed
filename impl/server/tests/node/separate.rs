//! Controllers and brokers apart from each other.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use kraftig_log::checkpoint::CLEAN_SHUTDOWN;
use kraftig_server::config::Config;
use kraftig_server::{Node, NodeError, ServerOptions};
use kraftig_wire::batch::BatchBuilder;
use kraftig_wire::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::fetch_request::{self as fetch, FetchRequest};
use kraftig_wire::messages::init_producer_id_request::InitProducerIdRequest;
use kraftig_wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kraftig_wire::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kraftig_wire::{ErrorCode, Str};
use tempfile::TempDir;

use crate::client::Client;
use crate::topics::create;
use crate::{BROKER, CONTROLLER, config, connect, format_as};

/// Controllers 1, 2, ... and brokers 11, 12, ..., each with its directory.
pub(crate) struct Cluster {
    /// What the controllers are.
    roles: &'static str,
    voters: String,
    ports: Vec<u16>,
    dirs: Vec<(i32, TempDir)>,
}

/// A port where nobody listens. The kernel gives to who connects a port from 32768 on (unless it is told otherwise), so this one is still free
/// when a node comes to listen there; and no two calls give the same.
fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    loop {
        let other = TRIED.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (std::process::id() as u16).wrapping_add(other) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Cluster {
    pub(crate) fn new(controllers: i32, brokers: i32) -> Self {
        let ports: Vec<u16> = (0..controllers).map(|_| free_port()).collect();
        let voter = |(index, port): (usize, &u16)| format!("{}@127.0.0.1:{port}", index + 1);
        let voters: Vec<String> = ports.iter().enumerate().map(voter).collect();
        let ids = (1..=controllers).chain((1..=brokers).map(|broker| 10 + broker));
        let dirs = ids.map(|id| {
            let dir = tempfile::tempdir().unwrap();
            format_as(dir.path(), id);
            (id, dir)
        });
        Self { roles: "controller", voters: voters.join(","), dirs: dirs.collect(), ports }
    }

    fn dir(&self, id: i32) -> &Path {
        self.dirs.iter().find(|(of, _)| *of == id).unwrap().1.path()
    }

    pub(crate) async fn start(&self, id: i32) -> Node {
        Node::start(self.config(id, &[]), ServerOptions::default()).await.unwrap()
    }

    fn config(&self, id: i32, more: &[(&str, &str)]) -> Config {
        let is_controller = id <= 10;
        let node_id = id.to_string();
        let roles = if is_controller { self.roles } else { "broker" };
        let mut listeners = Vec::new();
        if roles.contains("controller") {
            listeners.push(format!("CONTROLLER://127.0.0.1:{}", self.ports[(id - 1) as usize]));
        }
        if roles.contains("broker") {
            listeners.push("PLAINTEXT://127.0.0.1:0".to_owned());
        }
        let listeners = listeners.join(",");
        let keys = [
            ("process.roles", roles),
            ("node.id", &node_id),
            ("listeners", &listeners),
            ("controller.quorum.voters", &self.voters),
            // No busy machine has one fenced that runs.
            ("broker.session.timeout.ms", "10000"),
            ("broker.heartbeat.interval.ms", "200"),
        ];
        config(self.dir(id), &[&keys[..], more].concat())
    }
}

async fn created(client: &mut Client, name: &str) -> ErrorCode {
    let response = client.ask(7, &create(&[name], 1)).await;
    ErrorCode(response.topics[0].error_code)
}

/// The leader of a topic's only partition, as soon as the broker knows the topic.
async fn leader(client: &mut Client, name: &str) -> i32 {
    let topic = MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    loop {
        let response = client.ask(12, &request).await;
        let topic = &response.topics[0];
        if topic.error_code == 0 {
            return topic.partitions[0].leader_id;
        }
        assert_eq!(topic.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);
        tokio::task::yield_now().await;
    }
}

async fn produce(client: &mut Client, topic: &str, value: &[u8]) -> (i16, i64) {
    let mut batch = BatchBuilder::new(0, 0, 0);
    batch.push(None, Some(value));
    let partition = PartitionProduceData { records: Some(batch.build()), ..Default::default() };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: Str::from(topic),
            partition_data: vec![partition],
            ..Default::default()
        }],
        ..ProduceRequest::default()
    };
    let response = client.ask(9, &request).await;
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

async fn fetched(client: &mut Client, topic: &str) -> i64 {
    let request = FetchRequest {
        max_wait_ms: 0,
        max_bytes: 1 << 20,
        topics: vec![fetch::FetchTopic {
            topic: Str::from(topic),
            partitions: vec![fetch::FetchPartition {
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..FetchRequest::default()
    };
    let response = client.ask(12, &request).await;
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    partition.high_watermark
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_and_its_controller() {
    let cluster = Cluster::new(1, 1);
    let controller = cluster.start(1).await;
    let broker = cluster.start(11).await;
    let mut client = connect(&broker, BROKER).await;
    let nodes = client.ask(2, &DescribeClusterRequest::default()).await;
    assert_eq!((nodes.controller_id, nodes.brokers.len()), (11, 1));
    assert_eq!(nodes.brokers[0].broker_id, 11);

    assert_eq!(created(&mut client, "one").await, ErrorCode::NONE);
    assert_eq!(created(&mut client, "one").await, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(leader(&mut client, "one").await, 11);
    assert_eq!(produce(&mut client, "one", b"a").await, (0, 0));
    assert_eq!(fetched(&mut client, "one").await, 1);
    let no_transactions = InitProducerIdRequest { transactional_id: None, ..Default::default() };
    let id = client.ask(4, &no_transactions).await;
    assert_eq!((id.error_code, id.producer_id), (0, 0));
    // Who asks for a topic that is not there has it made.
    assert_eq!(leader(&mut client, "asked-for").await, 11);
    node_goes_on(&cluster, controller, broker).await;
}

/// Each of the two stops and starts again, and the other goes on.
async fn node_goes_on(cluster: &Cluster, controller: Node, broker: Node) {
    let mut client = connect(&broker, BROKER).await;
    controller.stop().await;
    assert_eq!(produce(&mut client, "one", b"b").await, (0, 1));
    // What is asked meanwhile is done when it is back.
    let (code, controller) = tokio::join!(created(&mut client, "two"), cluster.start(1));
    assert_eq!(code, ErrorCode::NONE);
    assert_eq!(leader(&mut client, "two").await, 11);

    broker.stop().await;
    let mut direct = connect(&controller, CONTROLLER).await;
    let refused = direct.ask(7, &create(&["three"], 1)).await;
    assert_eq!(refused.topics[0].error_code, ErrorCode::INVALID_REPLICATION_FACTOR.0, "fenced");
    let broker = cluster.start(11).await;
    let mut client = connect(&broker, BROKER).await;
    assert_eq!(fetched(&mut client, "one").await, 2);
    assert_eq!(produce(&mut client, "one", b"c").await, (0, 2));
    let deletion = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: Some(Str::from("two")), ..Default::default() }],
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    };
    let deleted = client.ask(6, &deletion).await;
    assert_eq!(deleted.responses[0].error_code, 0);
    broker.stop().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_controller_a_broker_stops_all_the_same() {
    let cluster = Cluster::new(1, 1);
    let controller = cluster.start(1).await;
    let broker = cluster.start(11).await;
    controller.stop().await;
    // It has nobody to take leave of, and waits no longer than a session lasts.
    broker.stop().await;
    let mark = cluster.dir(11).join(CLEAN_SHUTDOWN);
    let left = std::fs::read(&mark).unwrap();

    // One that is stopped before it serves leaves all as it was; so does one that gives up.
    let stopped = Node::start_until(cluster.config(11, &[]), ServerOptions::default(), async {
        while mark.exists() {
            tokio::task::yield_now().await;
        }
    });
    assert!(stopped.await.unwrap().is_break());
    assert_eq!(std::fs::read(&mark).unwrap(), left);
    let impatient = [("initial.broker.registration.timeout.ms", "1")];
    let given_up = Node::start(cluster.config(11, &impatient), ServerOptions::default()).await;
    assert!(matches!(given_up, Err(NodeError::Registration(_))));
    assert_eq!(std::fs::read(&mark).unwrap(), left);
    assert!(!cluster.dir(11).join(".lock").exists());
}

/// Three controllers and two brokers; the active controller goes again and again while topics are created.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn controllers_come_and_go() {
    let cluster = Cluster::new(3, 2);
    let (one, two, three, first, second) = tokio::join!(
        cluster.start(1),
        cluster.start(2),
        cluster.start(3),
        cluster.start(11),
        cluster.start(12),
    );
    let mut controllers = BTreeMap::from([(1, one), (2, two), (3, three)]);
    let brokers = [first, second];
    let mut clients = [connect(&brokers[0], BROKER).await, connect(&brokers[1], BROKER).await];
    let mut names = Vec::new();
    let mut leaders = Vec::new();
    for round in 0..4 {
        let active = active(controllers.values().next().unwrap()).await;
        leaders.push(active);
        let gone = controllers.remove(&active).unwrap();
        // One is asked for while the controller goes, by each broker, and then some more.
        let (ended, ()) = tokio::join!(gone.stop(), async {
            for step in 0..10 {
                for (index, client) in clients.iter_mut().enumerate() {
                    let name = format!("topic-{round}-{step}-{index}");
                    let code = created(client, &name).await;
                    // The first try may have been done before its answer was lost.
                    assert!(
                        [ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS].contains(&code),
                        "{name}: {code}"
                    );
                    names.push(name);
                }
            }
        });
        let () = ended;
        controllers.insert(active, cluster.start(active).await);
    }
    for name in &names {
        for client in &mut clients {
            assert!([11, 12].contains(&leader(client, name).await), "{name}");
        }
    }
    // All controllers of these runs are registered, by whichever is active.
    let mut direct = connect(controllers.values().next().unwrap(), CONTROLLER).await;
    let nodes = direct.ask(2, &of_controllers()).await;
    assert_eq!(nodes.brokers.len(), 3);
    for broker in brokers {
        broker.stop().await;
    }
    for controller in controllers.into_values() {
        controller.stop().await;
    }
}

pub(crate) fn of_controllers() -> DescribeClusterRequest {
    DescribeClusterRequest { endpoint_type: 2, ..DescribeClusterRequest::default() }
}

/// Who leads, as soon as this controller knows.
async fn active(controller: &Node) -> i32 {
    let mut client = connect(controller, CONTROLLER).await;
    loop {
        let leader = client.ask(2, &of_controllers()).await.controller_id;
        if leader >= 0 {
            return leader;
        }
        tokio::task::yield_now().await;
    }
}

/// Three nodes that are both. The active one stops; the others go on with what they host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_are_controller_and_broker() {
    let cluster = Cluster { roles: "broker,controller", ..Cluster::new(3, 0) };
    let (one, two, three) = tokio::join!(cluster.start(1), cluster.start(2), cluster.start(3));
    let mut nodes = BTreeMap::from([(1, one), (2, two), (3, three)]);
    for (id, node) in &nodes {
        let mut client = connect(node, BROKER).await;
        assert_eq!(created(&mut client, &format!("by-{id}")).await, ErrorCode::NONE);
    }
    let gone = active(&nodes[&1]).await;
    nodes.remove(&gone).unwrap().stop().await;
    for (id, node) in &nodes {
        let mut client = connect(node, BROKER).await;
        let name = format!("later-by-{id}");
        let code = created(&mut client, &name).await;
        assert!([ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS].contains(&code), "{code}");
        assert_ne!(leader(&mut client, &name).await, gone);
    }
    nodes.insert(gone, cluster.start(gone).await);
    let mut client = connect(&nodes[&gone], BROKER).await;
    for id in 1..=3 {
        assert!((1..=3).contains(&leader(&mut client, &format!("by-{id}")).await));
    }
    // All leave at once: whoever has no controller left waits no longer than a session lasts.
    let mut stopping = tokio::task::JoinSet::new();
    for node in nodes.into_values() {
        stopping.spawn(node.stop());
    }
    stopping.join_all().await;
}
