//! A client, and what it was told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes};
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

/// The client got no answer: the node has ended.
pub(crate) const GONE: &str = "the node is gone";

/// A client that takes it as it comes: `None` when the node is gone.
pub(crate) struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Option<Self> {
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
pub(crate) struct Sent {
    base_offset: i64,
    from_magic_on: Bytes,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Topic {
    id: Uuid,
    /// Of each partition what was acknowledged.
    partitions: Vec<Vec<Sent>>,
}

/// What a client was told, and what it was not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    topics: BTreeMap<String, Topic>,
    /// Asked for and not answered: topics that may be there or not, in their old form, a new one, or none.
    in_doubt: Vec<String>,
    /// Sent, to a partition, and not acknowledged.
    sent: Vec<(String, usize, Bytes)>,
    /// Counts batches, so that no two are alike.
    written: usize,
}

pub(crate) type Shared = Arc<Mutex<Told>>;

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

pub(crate) struct Session<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    pub(crate) told: &'a Shared,
}

impl Session<'_> {
    pub(crate) async fn create(&mut self, topics: &[(&str, i32)]) -> Option<()> {
        create(&mut self.client, self.told, topics).await
    }

    /// Creates topics at once, each by a client of its own: their batches go to the metadata log together.
    pub(crate) async fn create_together(
        &mut self,
        names: &[&'static str],
        partitions: i32,
    ) -> Option<()> {
        let mut clients = JoinSet::new();
        for &name in names {
            let mut client = Client::connect(self.address).await?;
            let told = self.told.clone();
            clients.spawn(async move { create(&mut client, &told, &[(name, partitions)]).await });
        }
        let created = clients.join_all().await;
        created.into_iter().collect()
    }

    pub(crate) async fn delete(&mut self, name: &str) -> Option<()> {
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

    /// Sends one batch, of about `size` bytes.
    pub(crate) async fn produce(
        &mut self,
        topic: &str,
        partition: usize,
        size: usize,
    ) -> Option<()> {
        let batch = {
            let mut told = self.told.lock().unwrap();
            told.written += 1;
            let mut batch = BatchBuilder::new(0, -1, 1_700_000_000_000 + told.written as i64);
            let records = 1 + told.written % 3;
            for record in 0..records {
                let text = format!("{} {record} ", told.written);
                batch.push(None, Some(text.repeat(1 + size / records / text.len()).as_bytes()));
            }
            let batch = batch.build();
            told.sent.push((topic.to_owned(), partition, batch.slice(16..)));
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
        let (.., from_magic_on) = told.sent.pop().expect("one at a time");
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

/// Everything that was acknowledged is there, and nothing that nobody has sent. What is seen now counts as
/// acknowledged from then on: whoever has read it relies on it.
pub(crate) async fn check(session: &mut Session<'_>) -> Result<(), String> {
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
