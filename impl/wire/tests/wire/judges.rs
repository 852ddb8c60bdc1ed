//! Other people's codecs as judges of ours: what one reads and writes, all read and write.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Message};

use crate::dispatch::decode_encode;
use crate::frames::{self, Rng};

/// How many random messages each version of each message is tried with.
const ROUNDS: u64 = 24;

/// Every schema, every version, some random messages.
fn each(mut check: impl FnMut(&kraftig_wire_generator::schema::Message, i16, Bytes)) {
    for message in frames::messages() {
        for version in message.versions.min..=message.versions.max {
            for seed in 0..ROUNDS {
                check(&message, version, frames::random(&message, version, &mut Rng(seed)));
            }
        }
    }
}

#[test]
fn what_the_schemas_write_comes_back_byte_for_byte() {
    each(|message, version, body| {
        let ours = decode_encode(message, body.clone(), version);
        assert_eq!(ours.as_ref(), Ok(&body), "{} v{version}", message.name());
    });
}

/// Theirs, decoded and encoded. Only for bytes that are known to be good: bad ones can end the process.
fn kafka_protocol<T: Decodable + Encodable + Message>(
    mut body: Bytes,
    version: i16,
) -> Option<Bytes> {
    if version < T::VERSIONS.min || version > T::VERSIONS.max {
        return None;
    }
    let message = T::decode(&mut body, version)
        .unwrap_or_else(|error| panic!("{} v{version}: {error}", std::any::type_name::<T>()));
    assert!(body.is_empty(), "kafka-protocol leaves bytes");
    let mut out = BytesMut::new();
    message.encode(&mut out, version).expect("kafka-protocol writes it");
    Some(out.freeze())
}

macro_rules! kafka_protocol_names {
    ($($name:ident,)*) => {
        fn kafka_protocol_by_name(name: &str, version: i16, body: Bytes) -> Option<Bytes> {
            match name {
                $(stringify!($name) => kafka_protocol::<kafka_protocol::messages::$name>(body, version),)*
                _ => None,
            }
        }
    };
}

kafka_protocol_names! {
    RequestHeader, ResponseHeader,
    ProduceRequest, ProduceResponse,
    FetchRequest, FetchResponse,
    ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse,
    FindCoordinatorRequest, FindCoordinatorResponse,
    ApiVersionsRequest, ApiVersionsResponse,
    CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse,
    InitProducerIdRequest, InitProducerIdResponse,
    DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeClusterRequest, DescribeClusterResponse,
    VoteRequest, VoteResponse,
    BeginQuorumEpochRequest, BeginQuorumEpochResponse,
    EndQuorumEpochRequest, EndQuorumEpochResponse,
    FetchSnapshotRequest, FetchSnapshotResponse,
    AddRaftVoterRequest, AddRaftVoterResponse,
    RemoveRaftVoterRequest, RemoveRaftVoterResponse,
    UpdateRaftVoterRequest, UpdateRaftVoterResponse,
    // Not LeaderChangeMessage and VotersRecord: it takes their field named Version for the version to read.
    SnapshotHeaderRecord, SnapshotFooterRecord, KRaftVersionRecord,
}

#[test]
fn kafka_protocol_agrees() {
    let mut judged = 0;
    each(|message, version, body| {
        if let Some(theirs) = kafka_protocol_by_name(message.name(), version, body.clone()) {
            assert_eq!(theirs, body, "{} v{version}", message.name());
            judged += 1;
        }
    });
    assert_eq!(judged, ROUNDS * JUDGED_BY_KAFKA_PROTOCOL);
}

/// The versions of all messages that it knows.
const JUDGED_BY_KAFKA_PROTOCOL: u64 = 208;

macro_rules! kacrab_names {
    ($($name:ident = $theirs:ident,)*) => {
        /// Theirs, decoded and encoded.
        fn kacrab_by_name(name: &str, version: i16, mut body: Bytes) -> Option<Bytes> {
            let mut out = BytesMut::new();
            match name {
                $(stringify!($name) => {
                    let message = kacrab_protocol::generated::$theirs::read(&mut body, version);
                    let message = message.expect("kacrab reads it");
                    message.write(&mut out, version).expect("kacrab writes it");
                })*
                _ => return None,
            }
            assert!(body.is_empty(), "kacrab leaves bytes");
            Some(out.freeze())
        }
    };
}

kacrab_names! {
    ListOffsetsRequest = ListOffsetsRequestData, ListOffsetsResponse = ListOffsetsResponseData,
    ProduceRequest = ProduceRequestData, ProduceResponse = ProduceResponseData,
    FetchRequest = FetchRequestData, FetchResponse = FetchResponseData,
    MetadataRequest = MetadataRequestData, MetadataResponse = MetadataResponseData,
    VoteRequest = VoteRequestData, VoteResponse = VoteResponseData,
    LeaderChangeMessage = LeaderChangeMessageData, VotersRecord = VotersRecordData,
}

#[test]
fn kacrab_agrees() {
    let mut judged = 0;
    each(|message, version, body| {
        if let Some(theirs) = kacrab_by_name(message.name(), version, body.clone()) {
            assert_eq!(theirs, body, "{} v{version}", message.name());
            judged += 1;
        }
    });
    assert_eq!(judged, ROUNDS * (2 * (11 + 11 + 15 + 14 + 3) + 2 + 1));
}

#[test]
#[ignore = "needs Java and Kafka's jars: run refinement/apache/judge_codec"]
fn stock_kafka_agrees() {
    let jars = std::env::var("KAFKA_JARS").expect("KAFKA_JARS: the folder of Kafka's jars");
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../refinement/apache/Judge.java");
    let mut lines = Vec::new();
    let mut judged = 0;
    each(|message, version, body| {
        let ours = decode_encode(message, body, version).expect("we read it");
        writeln!(lines, "{} {version} {ours:x}", message.name()).expect("memory takes text");
        judged += 1;
    });
    let mut java = Command::new("java")
        .arg("-cp")
        .arg(format!("{jars}/*"))
        .arg(judge)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("java starts");
    let mut stdin = java.stdin.take().expect("it has an input");
    let feeder = std::thread::spawn(move || stdin.write_all(&lines));
    let output = java.wait_with_output().expect("java ends");
    feeder.join().expect("the feeder ends").expect("java reads everything");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, format!("{judged} judged\n"));
}
