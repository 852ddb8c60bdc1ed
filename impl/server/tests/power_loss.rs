//! A whole node on a disk that forgets: the power goes at any change, and what was acknowledged is there when it
//! comes back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes};
use kraftig_log::disk::simulated::{Disk, Fault};
use kraftig_log::meta_properties::{MetaProperties, Version, random_uuid};
use kraftig_log::{bootstrap, disk};
use kraftig_server::config::Config;
use kraftig_server::{Node, NodeError, ServerOptions};
use kraftig_spec::types::{DirectoryId, NodeId};
use kraftig_wire::batch::{BatchBuilder, batches};
use kraftig_wire::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kraftig_wire::messages::delete_topics_request::DeleteTopicsRequest;
use kraftig_wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kraftig_wire::messages::response_header::ResponseHeader;
use kraftig_wire::{
    ErrorCode, Message, Reader, Request, Str, Uuid, encode_request_frame, header_version_response,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Longer than anything here takes: a node whose disk fails ends, and does not hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs at once: most of the time a run waits for a session to end.
const RUNS: usize = 12;

/// The client got no answer: the node has ended.
const GONE: &str = "the node is gone";

/// Where on its disk a node has its files.
fn log_dir(disk: &Disk) -> PathBuf {
    disk.path().join("kafka/logs")
}

/// What `kraftig storage format` makes.
fn format(dir: &Path) {
    disk::create_dir_durably(dir).unwrap();
    let features = [("metadata.version", 29), ("eligible.leader.replicas.version", 1)];
    bootstrap::write(dir, &bootstrap::feature_records(features), 0).unwrap();
    let properties = MetaProperties {
        version: Version::V1,
        cluster_id: Some("4L6g3nShT-eMCtK--X86sw".to_owned()),
        node_id: Some(NodeId(1)),
        directory_id: Some(DirectoryId(random_uuid().unwrap())),
    };
    properties.write(dir).unwrap();
}

async fn start(dir: &Path) -> Result<Node, NodeError> {
    let properties = [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("listeners", "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0"),
        ("controller.listener.names", "CONTROLLER"),
        ("controller.quorum.voters", "1@127.0.0.1:9093"),
        ("log.dirs", dir.to_str().unwrap()),
        // What is written because of time: often, or not at all.
        ("log.flush.offset.checkpoint.interval.ms", "5"),
        ("replica.high.watermark.checkpoint.interval.ms", "5"),
        ("metadata.max.idle.interval.ms", "0"),
        ("internal.metadata.log.segment.bytes", "6000"),
        // A node that was killed comes back when the session of its former life has ended.
        ("broker.session.timeout.ms", "50"),
        ("broker.heartbeat.interval.ms", "10"),
    ];
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let properties: BTreeMap<String, String> = properties.into_iter().map(owned).collect();
    Node::start(Config::from_properties(properties).unwrap(), ServerOptions::default()).await
}

/// A client that takes it as it comes: `None` when the node is gone.
struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    async fn connect(address: SocketAddr) -> Option<Self> {
        Some(Self { stream: TcpStream::connect(address).await.ok()?, correlation_id: 0 })
    }

    async fn ask<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.correlation_id += 1;
        let frame =
            encode_request_frame(self.correlation_id, Some("test"), version, request).unwrap();
        self.stream.write_all(&frame).await.ok()?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).await.ok()?;
        let mut frame = vec![0; (&size[..]).get_i32() as usize];
        self.stream.read_exact(&mut frame).await.ok()?;
        let mut reader = Reader::new(frame.into());
        let header_version = header_version_response(R::KEY, version).unwrap();
        let header = ResponseHeader::decode(&mut reader, header_version).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        Some(R::Response::decode(&mut reader, version).unwrap())
    }
}

/// Whether the broker is just fenced, for its heartbeats were late: then nothing was done, and it soon is no more.
async fn is_fenced(error: i16) -> bool {
    let codes = [
        ErrorCode::LEADER_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::INVALID_REPLICATION_FACTOR,
    ];
    let fenced = codes.contains(&ErrorCode(error));
    if fenced {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fenced
}

/// A batch as it was sent: what the node sets are its base offset and its leader epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    base_offset: i64,
    from_magic_on: Bytes,
}

#[derive(Clone, Debug, Default)]
struct Topic {
    id: Uuid,
    /// Of each partition what was acknowledged.
    partitions: Vec<Vec<Sent>>,
}

/// What a client was told, and what it was not.
#[derive(Clone, Debug, Default)]
struct Told {
    topics: BTreeMap<String, Topic>,
    /// Asked for and not answered: topics that may be there or not, in their old form, a new one, or none.
    in_doubt: Vec<String>,
    /// Sent and not answered.
    sent: Option<(String, usize, Bytes)>,
    /// Counts batches, so that no two are alike.
    written: usize,
}

type Shared = Arc<Mutex<Told>>;

/// Creates topics that flush each batch, in one request.
async fn create(client: &mut Client, told: &Shared, topics: &[(&str, i32)]) -> Option<()> {
    let config = |(name, value): (&str, &str)| CreatableTopicConfig {
        name: Str::from(name),
        value: Some(Str::from(value)),
    };
    let configs = [
        ("flush.messages", "1"),
        ("internal.segment.bytes", "3000"),
        ("index.interval.bytes", "500"),
        ("file.delete.delay.ms", "0"),
    ];
    let topic = |(name, partitions): &(&str, i32)| CreatableTopic {
        name: Str::from(*name),
        num_partitions: *partitions,
        replication_factor: 1,
        configs: configs.map(config).into(),
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest {
        topics: topics.iter().map(topic).collect(),
        timeout_ms: 30_000,
        ..CreateTopicsRequest::default()
    };
    told.lock().unwrap().in_doubt.extend(topics.iter().map(|(name, _)| (*name).to_owned()));
    let response = loop {
        let response = client.ask(7, &request).await?;
        if !is_fenced(response.topics[0].error_code).await {
            break response;
        }
    };
    let mut told = told.lock().unwrap();
    for created in response.topics {
        if created.error_code != 0 {
            return None;
        }
        let name = created.name.as_str().to_owned();
        let partitions = vec![Vec::new(); created.num_partitions as usize];
        told.in_doubt.retain(|one| *one != name);
        told.topics.insert(name, Topic { id: created.topic_id, partitions });
    }
    Some(())
}

struct Session<'a> {
    address: SocketAddr,
    client: Client,
    told: &'a Shared,
}

impl Session<'_> {
    async fn create(&mut self, topics: &[(&str, i32)]) -> Option<()> {
        create(&mut self.client, self.told, topics).await
    }

    /// Creates topics at once, each by a client of its own: their batches go to the metadata log together.
    async fn create_together(&mut self, names: &[&'static str], partitions: i32) -> Option<()> {
        let mut clients = JoinSet::new();
        for &name in names {
            let mut client = Client::connect(self.address).await?;
            let told = self.told.clone();
            clients.spawn(async move { create(&mut client, &told, &[(name, partitions)]).await });
        }
        let created = clients.join_all().await;
        created.into_iter().collect()
    }

    async fn delete(&mut self, name: &str) -> Option<()> {
        let request = DeleteTopicsRequest {
            topic_names: vec![Str::from(name)],
            timeout_ms: 30_000,
            ..DeleteTopicsRequest::default()
        };
        self.told.lock().unwrap().in_doubt = vec![name.to_owned()];
        let response = self.client.ask(5, &request).await?;
        let mut told = self.told.lock().unwrap();
        if response.responses[0].error_code != 0 {
            return None;
        }
        told.topics.remove(name);
        told.in_doubt.clear();
        Some(())
    }

    async fn produce(&mut self, topic: &str, partition: usize, size: usize) -> Option<()> {
        let batch = {
            let mut told = self.told.lock().unwrap();
            told.written += 1;
            let mut batch = BatchBuilder::new(0, -1, 1_700_000_000_000 + told.written as i64);
            for record in 0..=told.written % 3 {
                let text = format!("{} {record} ", told.written);
                batch.push(None, Some(text.repeat(1 + size / text.len()).as_bytes()));
            }
            let batch = batch.build();
            told.sent = Some((topic.to_owned(), partition, batch.slice(16..)));
            batch
        };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: Str::from(topic),
                partition_data: vec![PartitionProduceData {
                    index: partition as i32,
                    records: Some(batch),
                }],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        let answer = loop {
            let mut response = self.client.ask(9, &request).await?;
            let answer = response.responses.remove(0).partition_responses.remove(0);
            if !is_fenced(answer.error_code).await {
                break answer;
            }
        };
        if answer.error_code != 0 {
            return None;
        }
        let mut told = self.told.lock().unwrap();
        let (_, _, from_magic_on) = told.sent.take().expect("one at a time");
        let sent = Sent { base_offset: answer.base_offset, from_magic_on };
        told.topics.get_mut(topic).unwrap().partitions[partition].push(sent);
        Some(())
    }

    /// The whole of a partition.
    async fn fetch(&mut self, topic: &str, partition: usize) -> Result<Vec<Sent>, String> {
        let request = FetchRequest {
            max_bytes: i32::MAX,
            topics: vec![FetchTopic {
                topic: Str::from(topic),
                partitions: vec![FetchPartition {
                    partition: partition as i32,
                    current_leader_epoch: -1,
                    partition_max_bytes: i32::MAX,
                    ..FetchPartition::default()
                }],
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        };
        let mut found = Vec::new();
        loop {
            let mut next = request.clone();
            next.topics[0].partitions[0].fetch_offset =
                found.last().map_or(0, |(_, next): &(Sent, i64)| *next);
            let response = self.client.ask(4, &next).await.ok_or(GONE)?;
            let answer = &response.responses[0].partitions[0];
            if is_fenced(answer.error_code).await {
                continue;
            }
            if answer.error_code != 0 {
                return Err(format!("{topic}-{partition}: error {}", answer.error_code));
            }
            let before = found.len();
            for batch in batches(answer.records.clone().unwrap_or_default()) {
                let batch = batch.map_err(|e| format!("{topic}-{partition}: {e}"))?;
                batch.verify_crc().map_err(|e| format!("{topic}-{partition}: {e}"))?;
                let header = batch.header();
                let from_magic_on = batch.bytes().slice(16..);
                let sent = Sent { base_offset: header.base_offset, from_magic_on };
                found.push((sent, header.next_offset()));
            }
            if found.len() == before {
                return Ok(found.into_iter().map(|(sent, _)| sent).collect());
            }
        }
    }
}

/// What the client does in the node's first life. `None` as soon as something is not acknowledged.
async fn first_life(session: &mut Session<'_>) -> Option<()> {
    session.create(&[("a", 2)]).await?;
    session.produce("a", 0, 20).await?;
    session.produce("a", 1, 700).await?;
    session.produce("a", 0, 1500).await?;
    session.create(&[("b", 1), ("c", 2), ("d", 1)]).await?;
    session.create_together(&["p", "q", "r", "s"], 10).await?;
    session.produce("b", 0, 400).await?;
    session.produce("a", 0, 900).await?;
    session.delete("a").await?;
    session.produce("b", 0, 30).await?;
    session.create(&[("a", 2)]).await?;
    session.produce("a", 1, 10).await?;
    session.produce("c", 1, 10).await
}

/// And in the second.
async fn second_life(session: &mut Session<'_>) -> Option<()> {
    session.produce("b", 0, 1000).await?;
    session.produce("a", 1, 1000).await?;
    session.create(&[("e", 1)]).await?;
    session.create_together(&["t", "u", "v"], 10).await?;
    session.produce("e", 0, 100).await?;
    session.delete("d").await?;
    session.produce("b", 0, 2000).await
}

/// Everything that was acknowledged is there, and nothing that nobody has sent. What is seen now counts as
/// acknowledged from then on: whoever has read it relies on it.
async fn check(session: &mut Session<'_>) -> Result<(), String> {
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let response = session.client.ask(12, &request).await.ok_or(GONE)?;
    let told = session.told.lock().unwrap().clone();
    let mut seen = BTreeMap::new();
    for topic in response.topics {
        let name = topic.name.as_deref().unwrap_or_default().to_owned();
        let partitions = vec![Vec::new(); topic.partitions.len()];
        seen.insert(name, Topic { id: topic.topic_id, partitions });
    }
    let certain = |name: &str| !told.in_doubt.iter().any(|one| one == name);
    for (name, topic) in told.topics.iter().filter(|(name, _)| certain(name)) {
        let there = seen.get(name).map(|topic| (topic.id, topic.partitions.len()));
        let expected = (topic.id, topic.partitions.len());
        if there != Some(expected) {
            return Err(format!("topic {name} is {there:?}, not {expected:?}"));
        }
    }
    for (name, topic) in &mut seen {
        let known = told.topics.get(name).filter(|known| known.id == topic.id);
        if known.is_none() && certain(name) {
            return Err(format!("nobody has asked for topic {name}"));
        }
        for (partition, there) in topic.partitions.iter_mut().enumerate() {
            let acknowledged = known.map_or(&[][..], |known| &known.partitions[partition]);
            let found = session.fetch(name, partition).await?;
            if !found.starts_with(acknowledged) {
                let (found, expected) = (offsets(&found), offsets(acknowledged));
                return Err(format!(
                    "{name}-{partition} has the batches {found:?}, not {expected:?}"
                ));
            }
            let sent = told.sent.iter().filter(|(topic, at, _)| topic == name && *at == partition);
            let mut in_doubt = sent.map(|(.., batch)| batch);
            if !found[acknowledged.len()..]
                .iter()
                .all(|b| in_doubt.next() == Some(&b.from_magic_on))
            {
                return Err(format!("{name}-{partition} has a batch that nobody sent there"));
            }
            *there = found;
        }
    }
    *session.told.lock().unwrap() = Told { topics: seen, written: told.written, ..Told::default() };
    Ok(())
}

fn offsets(batches: &[Sent]) -> Vec<i64> {
    batches.iter().map(|batch| batch.base_offset).collect()
}

/// And after a power loss.
async fn later_life(session: &mut Session<'_>) -> Option<()> {
    session.create(&[("z", 1)]).await?;
    session.produce("z", 0, 800).await?;
    session.produce("z", 0, 10).await
}

/// How a life of the node ends that does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stop,
    Kill,
}

/// A node's life: what its client does, until that is done or the disk has failed and the node has ended of it.
fn live(
    disk: &Disk,
    told: &Shared,
    client: impl AsyncFnOnce(&mut Session<'_>) -> Result<(), String>,
    end: End,
) -> Result<(), String> {
    let life = async {
        let mut node = match start(&log_dir(disk)).await {
            Ok(node) => node,
            Err(_) if !disk.is_on() => return Ok(()),
            Err(error) => return Err(format!("the node does not start: {error}")),
        };
        let lived = async {
            let address = node.address("PLAINTEXT").ok_or(GONE)?;
            let connection = Client::connect(address).await.ok_or(GONE)?;
            client(&mut Session { address, client: connection, told }).await
        };
        match lived.await {
            Ok(()) if end == End::Kill => Ok(()),
            Ok(()) => {
                node.stop().await;
                Ok(())
            }
            Err(_) if !disk.is_on() => {
                node.failed().await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // When the runtime is dropped nothing is left of the node.
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, life).await });
    ended.unwrap_or_else(|_| Err("the node hangs".to_owned()))
}

/// The client's two lives, as far as the power lasts.
fn run(disk: &Disk, told: &Shared) -> Result<(), String> {
    let unanswered = || GONE.to_owned();
    let first = async |session: &mut Session<'_>| first_life(session).await.ok_or_else(unanswered);
    live(disk, told, first, End::Stop)?;
    if !disk.is_on() {
        return Ok(());
    }
    let second =
        async |session: &mut Session<'_>| second_life(session).await.ok_or_else(unanswered);
    live(disk, told, second, End::Stop)
}

/// Looks at what a power loss has left. With `cut` the power goes again after so many changes.
fn come_back(left: &Disk, told: Told, cut: Option<u64>, seed: u64) -> Result<(), String> {
    let told = Shared::new(Mutex::new(told));
    if let Some(changes) = cut {
        left.power_off_after(changes);
    }
    let again = async |session: &mut Session<'_>| {
        check(session).await?;
        later_life(session).await.ok_or_else(|| GONE.to_owned())
    };
    live(left, &told, again, End::Kill)?;
    left.power_on(seed);
    live(left, &told, check, End::Kill)
        .map_err(|what| format!("a second power loss ({cut:?} changes later): {what}"))
}

/// Cuts the power once a run, after so many changes, and looks at what `seeds` power losses leave. Gives whether
/// the run came to its end before.
fn cut(name: &str, changes: u64, seeds: u64, fault: Option<Fault>) -> Result<bool, String> {
    let path = Path::new("/simulated").join(name);
    let disk = Disk::mount(&path);
    format(&log_dir(&disk));
    disk.set_fault(fault);
    disk.power_off_after(changes);
    let told = Shared::default();
    let at = |seed, what| {
        let cut = disk.lost_at().unwrap_or_else(|| "the end".to_owned());
        format!("power lost at change {changes} ({cut}), seed {seed}: {what}")
    };
    run(&disk, &told).map_err(|what| at(0, what))?;
    let left_path = Path::new("/simulated").join(format!("{name}-left"));
    for seed in 0..seeds {
        let left = disk.after_power_loss(&left_path, seed);
        // Every other time the power goes again: during the recovery, or soon after.
        let again = (seed % 2 == 1).then_some((changes * 7 + seed * 13) % 60);
        let told = told.lock().unwrap().clone();
        come_back(&left, told, again, seed + 1).map_err(|what| at(seed, what))?;
    }
    Ok(disk.is_on())
}

/// Cuts the power at each `step`th change. Gives how many there are, or what was lost.
fn everywhere(name: &str, step: u64, seeds: u64, fault: Option<Fault>) -> Result<u64, String> {
    let next = AtomicU64::new(0);
    let found: Mutex<Option<Result<u64, String>>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for run in 0..RUNS {
            let (next, found) = (&next, &found);
            scope.spawn(move || {
                while found.lock().unwrap().is_none() {
                    let changes = next.fetch_add(step, Ordering::Relaxed);
                    let end = cut(&format!("{name}-{run}"), changes, seeds, fault);
                    let end = end.map(|end| end.then_some(changes)).transpose();
                    if let Some(end) = end {
                        found.lock().unwrap().get_or_insert(end);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap().expect("one run comes to an end")
}

#[test]
fn what_was_acknowledged_is_there() {
    const SEEDS: u64 = 3;
    let changes = everywhere("node", 1, SEEDS, None).unwrap();
    println!("power losses: {} at {changes} changes of a node, {SEEDS} seeds", changes * SEEDS * 2);
    assert!(changes > 300, "{changes}");
}

/// The test above sees it if nothing is flushed.
#[test]
fn a_disk_that_does_not_flush_loses() {
    for fault in [Fault::FlushDoesNothing, Fault::DirectorySyncLeftOut] {
        let lost = everywhere(&format!("{fault:?}"), 20, 4, Some(fault)).unwrap_err();
        println!("{fault:?}: {lost}");
        assert!(!lost.contains("hangs"), "{lost}");
    }
}
