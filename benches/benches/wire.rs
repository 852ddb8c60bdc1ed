//! The codec: messages in their newest version, and the validation of batches that a broker does on produce.

use std::fmt::Debug;
use std::hint::black_box;
use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kraftig_wire::batch::{
    Batch, Compression, HEADER_SIZE, LOG_OVERHEAD, TimestampType, set_max_timestamp,
};
use kraftig_wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kraftig_wire::messages::fetch_response::{
    FetchResponse, FetchableTopicResponse, PartitionData,
};
use kraftig_wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kraftig_wire::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kraftig_wire::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kraftig_wire::messages::produce_response::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use kraftig_wire::messages::{vote_request, vote_response};
use kraftig_wire::{Message, Str, Uuid, decode_all};

mod records;

const TOPIC: Uuid = Uuid([7; 16]);

/// Encodes into a buffer that is there already, and decodes from one that stays.
fn message<M: Message + PartialEq + Debug>(c: &mut Criterion, what: &str, message: &M) {
    let version = M::MAX_VERSION;
    let mut buf = BytesMut::new();
    message.encode(&mut buf, version).unwrap();
    let bytes = buf.clone().freeze();
    let decode = |bytes: Bytes| decode_all::<M>(bytes, version).unwrap();
    assert_eq!(decode(bytes.clone()), *message, "nothing of it may be lost");

    let name = |verb| format!("{verb} {} v{version}, {what} ({} B)", M::NAME, bytes.len());
    c.bench_function(&name("encode"), |b| {
        b.iter(|| {
            buf.clear();
            message.encode(&mut buf, version).unwrap();
            black_box(&buf);
        });
    });
    c.bench_function(&name("decode"), |b| {
        b.iter(|| decode(black_box(&bytes).clone()));
    });
}

fn messages(c: &mut Criterion) {
    let batch = records::batch(100, 100);
    let produced = PartitionProduceData { index: 0, records: Some(batch.clone()) };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            topic_id: TOPIC,
            partition_data: vec![produced],
            ..Default::default()
        }],
        ..Default::default()
    };
    message(c, "one batch", &request);
    let response = ProduceResponse {
        responses: vec![TopicProduceResponse {
            topic_id: TOPIC,
            partition_responses: vec![PartitionProduceResponse::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    message(c, "one partition", &response);

    let partition = |partition| FetchPartition {
        partition,
        fetch_offset: 1000,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let request = FetchRequest {
        topics: vec![FetchTopic {
            topic_id: TOPIC,
            partitions: (0..10).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    message(c, "10 partitions", &request);
    let partition = |partition_index| PartitionData {
        partition_index,
        high_watermark: 1100,
        records: Some(batch.clone()),
        ..Default::default()
    };
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic_id: TOPIC,
            partitions: (0..10).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    message(c, "10 batches", &response);

    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(Str::from("orders")),
            ..Default::default()
        }]),
        ..Default::default()
    };
    message(c, "one topic", &request);
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: Str::from("broker.example.org"),
        port: 9092,
        ..Default::default()
    };
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        replica_nodes: vec![1, 2, 3],
        isr_nodes: vec![1, 2, 3],
        ..Default::default()
    };
    let topic = |index| MetadataResponseTopic {
        name: Some(format!("topic-{index}").into()),
        topic_id: TOPIC,
        partitions: (0..10).map(partition).collect(),
        ..Default::default()
    };
    let response = MetadataResponse {
        brokers: (1..=3).map(broker).collect(),
        cluster_id: Some(Str::from("4L6g3nShT-eMCtK--X86sw")),
        topics: (0..100).map(topic).collect(),
        ..Default::default()
    };
    message(c, "1000 partitions", &response);

    let partition = vote_request::PartitionData {
        replica_epoch: 9,
        replica_id: 2,
        last_offset_epoch: 8,
        last_offset: 8000,
        ..Default::default()
    };
    let request = vote_request::VoteRequest {
        cluster_id: Some(Str::from("4L6g3nShT-eMCtK--X86sw")),
        voter_id: 1,
        topics: vec![vote_request::TopicData {
            topic_name: Str::from("__cluster_metadata"),
            partitions: vec![partition],
        }],
    };
    message(c, "one partition", &request);
    let partition = vote_response::PartitionData {
        leader_id: -1,
        leader_epoch: 9,
        vote_granted: true,
        ..Default::default()
    };
    let response = vote_response::VoteResponse {
        topics: vec![vote_response::TopicData {
            topic_name: Str::from("__cluster_metadata"),
            partitions: vec![partition],
        }],
        ..Default::default()
    };
    message(c, "one partition", &response);
}

/// The same batch with its records compressed, as a producer does it.
fn compressed(batch: &[u8], codec: Compression) -> Bytes {
    let plain = &batch[HEADER_SIZE..];
    let (bits, body) = match codec {
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(plain).unwrap();
            (3_i16, encoder.finish().unwrap())
        }
        Compression::Zstd => (4, zstd::encode_all(plain, 3).unwrap()),
        other => panic!("no benchmark compresses with {other}"),
    };
    let mut bytes = BytesMut::from(&batch[..HEADER_SIZE]);
    bytes.put_slice(&body);
    let length = (bytes.len() - LOG_OVERHEAD) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[21..23].copy_from_slice(&bits.to_be_bytes());
    // Writes the checksum anew.
    set_max_timestamp(&mut bytes, TimestampType::CreateTime, records::TIME).unwrap();
    bytes.freeze()
}

/// The checksum, and every record as long as it says: what a broker does before it appends. MiB/s are of the
/// records as they are decompressed.
fn validation(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    for (count, size, what) in [(100, 100, "100 x 100 B"), (16, 1024, "16 x 1 KiB")] {
        let plain = records::batch(count, size);
        for codec in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let bytes = match codec {
                Compression::None => plain.clone(),
                codec => compressed(&plain, codec),
            };
            let validate = |bytes: &Bytes| {
                let batch = Batch::parse(bytes).unwrap();
                batch.verify_crc().unwrap();
                batch.validate(1 << 20).unwrap()
            };
            let seen = validate(&bytes);
            group.throughput(Throughput::Bytes(seen.size as u64));
            group.bench_function(format!("{what}, {codec} ({} B)", bytes.len()), |b| {
                b.iter(|| validate(black_box(&bytes)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, messages, validation);
criterion_main!(benches);
