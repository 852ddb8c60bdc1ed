//! The handlers on a replica manager in a directory of its own, without a network.

mod appending;
mod lifecycle;
mod reading;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use kraftig_spec::controller::{self, ConfigResource, Image, Settings, Topic};
use kraftig_spec::types::{DirectoryId, NodeId, TopicId, Uuid};
use kraftig_wire::ErrorCode;
use kraftig_wire::batch::{BatchBuilder, Compression, TimestampType, batches, set_max_timestamp};
use kraftig_wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kraftig_wire::messages::fetch_response::{FetchResponse, PartitionData};
use kraftig_wire::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kraftig_wire::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kraftig_wire::messages::produce_response::PartitionProduceResponse;

use super::{LogDir, ReplicaManager, TopicRef, now_ms};
use crate::broker::produce::Answer;
use crate::broker::{fetch, list_offsets, produce};
use crate::config::Config;

const NODE: NodeId = NodeId(1);
const LEADER_EPOCH: i32 = 3;

/// The cluster as a test has it, and the manager that keeps to it.
struct Node {
    directory: tempfile::TempDir,
    replicas: Arc<ReplicaManager>,
    image: Image,
}

fn open(directory: &Path, clean: bool) -> Arc<ReplicaManager> {
    let properties = [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("controller.quorum.voters", "1@localhost:9093"),
        ("listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"),
        ("controller.listener.names", "CONTROLLER"),
    ];
    let properties: BTreeMap<_, _> =
        properties.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let config = Config::from_properties(properties.clone()).unwrap();
    let settings = Settings {
        cluster_id: String::new(),
        node_id: NODE,
        num_partitions: 1,
        default_replication_factor: 1,
        delete_topic_enable: true,
        static_config: properties,
        kraft_version: 0,
    };
    let dir = LogDir { path: directory.to_owned(), id: DirectoryId(Uuid([7; 16])), clean };
    ReplicaManager::open(&config, Arc::new(settings), &[dir]).unwrap()
}

fn topic(name: &str, id: u8, partitions: i32) -> Topic {
    let partition = controller::Partition {
        replicas: vec![NODE],
        directories: vec![DirectoryId(Uuid([7; 16]))],
        isr: vec![NODE],
        removing_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader: Some(NODE),
        recovering: false,
        leader_epoch: LEADER_EPOCH,
        partition_epoch: 0,
    };
    Topic {
        name: name.into(),
        id: TopicId(Uuid([id; 16])),
        partitions: (0..partitions).map(|index| (index, Arc::new(partition.clone()))).collect(),
    }
}

impl Node {
    /// A node with the topic "t" of two partitions.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut node =
            Self { replicas: open(directory.path(), true), directory, image: Image::default() };
        node.change(|image| put(image, topic("t", 1, 2)));
        node
    }

    fn change(&mut self, change: impl FnOnce(&mut Image)) {
        let old = self.image.clone();
        change(&mut self.image);
        self.replicas.apply(&old, &self.image);
    }

    fn config(&mut self, topic: &str, configs: &[(&str, &str)]) {
        let configs =
            configs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect();
        self.change(|image| {
            image.configs.insert(ConfigResource::topic(topic), configs);
        });
    }

    /// The same node on what a `kill -9` would leave.
    fn after_crash(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(self.directory.path(), directory.path());
        let replicas = open(directory.path(), false);
        replicas.apply(&Image::default(), &self.image);
        Self { directory, replicas, image: self.image.clone() }
    }

    fn after_stop(self) -> Self {
        self.replicas.close();
        let replicas = open(self.directory.path(), true);
        replicas.apply(&Image::default(), &self.image);
        Self { replicas, ..self }
    }

    async fn send(&self, topic: &str, acks: i16, batch: impl Into<Bytes>) -> Answer {
        let data = PartitionProduceData { index: 0, records: Some(batch.into()) };
        let topic = TopicProduceData {
            name: topic.into(),
            partition_data: vec![data],
            ..Default::default()
        };
        let request = ProduceRequest { acks, topic_data: vec![topic], ..Default::default() };
        produce::handle(&self.replicas, None, 8, request).await
    }

    /// Produces to partition 0 with acks=all.
    async fn produce(&self, topic: &str, batch: impl Into<Bytes>) -> PartitionProduceResponse {
        match self.send(topic, -1, batch).await {
            Answer::Response(mut response) => response.responses[0].partition_responses.remove(0),
            other => panic!("{other:?}"),
        }
    }

    async fn fetch(&self, request: FetchRequest) -> FetchResponse {
        fetch::handle(&self.replicas, 12, request).await.response
    }

    /// Fetches from partition 0, without waiting.
    async fn fetch_from(&self, topic: &str, offset: i64) -> PartitionData {
        let mut response = self.fetch(request(topic, &[(0, offset, i32::MAX)])).await;
        response.responses[0].partitions.remove(0)
    }

    fn list(&self, version: i16, timestamp: i64, epoch: i32) -> (i16, i64, i64, i32) {
        let partition =
            ListOffsetsPartition { partition_index: 0, current_leader_epoch: epoch, timestamp };
        let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
        let request = ListOffsetsRequest { topics: vec![topic], ..Default::default() };
        let response = list_offsets::handle(&self.replicas, version, request);
        let found = &response.topics[0].partitions[0];
        (found.error_code, found.timestamp, found.offset, found.leader_epoch)
    }
}

fn put(image: &mut Image, topic: Topic) {
    image.topic_ids.insert(topic.name.clone(), topic.id);
    image.topics.insert(topic.id, Arc::new(topic));
}

fn remove(image: &mut Image, name: &str) {
    let id = image.topic_ids.remove(name).unwrap();
    image.topics.remove(&id);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A batch of `count` records as a producer sends it.
fn batch_at(count: usize, timestamp: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(0, -1, timestamp);
    for _ in 0..count {
        builder.push(None, Some(b"value"));
    }
    builder.build().to_vec()
}

fn batch(count: usize) -> Vec<u8> {
    batch_at(count, now_ms())
}

/// Changes bytes that the checksum covers, and the checksum with them.
fn patched(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let timestamp = i64::from_be_bytes(batch[35..43].try_into().unwrap());
    set_max_timestamp(&mut batch, TimestampType::CreateTime, timestamp).unwrap();
    batch
}

/// A batch of an idempotent producer.
fn sequenced(count: usize, id: i64, epoch: i16, sequence: i32) -> Vec<u8> {
    let fields = [&id.to_be_bytes()[..], &epoch.to_be_bytes(), &sequence.to_be_bytes()].concat();
    patched(batch(count), 43, &fields)
}

/// A Fetch of (partition, offset, bytes) that does not wait.
fn request(topic: &str, partitions: &[(i32, i64, i32)]) -> FetchRequest {
    let partitions =
        partitions.iter().map(|(partition, fetch_offset, partition_max_bytes)| FetchPartition {
            partition: *partition,
            current_leader_epoch: -1,
            fetch_offset: *fetch_offset,
            partition_max_bytes: *partition_max_bytes,
            ..Default::default()
        });
    let topic =
        FetchTopic { topic: topic.into(), partitions: partitions.collect(), ..Default::default() };
    FetchRequest {
        replica_id: -1,
        min_bytes: 1,
        max_bytes: i32::MAX,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

fn outcome(response: &PartitionProduceResponse) -> (i16, i64, i64) {
    (response.error_code, response.base_offset, response.log_start_offset)
}

/// The base offset, leader epoch and number of records of each batch.
fn found(data: &PartitionData) -> Vec<(i64, i32, i32)> {
    assert_eq!(data.error_code, 0);
    let batches = batches(data.records.clone().unwrap()).map(|batch| {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        (batch.header().base_offset, batch.header().leader_epoch, batch.header().record_count)
    });
    batches.collect()
}

async fn is_pending(future: &mut Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

/// Long enough for any machine; only a failing test ever waits for it.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("an answer")
}
