//! Bytes that Apache Kafka 4.2.0 wrote.

use bytes::{Bytes, BytesMut};
use kraftig_wire::batch::control::ControlRecord;
use kraftig_wire::batch::{BatchBuilder, batches};
use kraftig_wire::messages::MetadataRecord;
use kraftig_wire::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use kraftig_wire::messages::begin_transaction_record::BeginTransactionRecord;
use kraftig_wire::messages::config_record::ConfigRecord;
use kraftig_wire::messages::end_transaction_record::EndTransactionRecord;
use kraftig_wire::messages::feature_level_record::FeatureLevelRecord;
use kraftig_wire::messages::kraft_version_record::KRaftVersionRecord;
use kraftig_wire::messages::leader_change_message::{LeaderChangeMessage, Voter};
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::messages::no_op_record::NoOpRecord;
use kraftig_wire::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kraftig_wire::messages::snapshot_footer_record::SnapshotFooterRecord;
use kraftig_wire::messages::snapshot_header_record::SnapshotHeaderRecord;
use kraftig_wire::messages::voters_record::{self, VotersRecord};
use kraftig_wire::{
    EncodeErrorKind, ErrorCode, Message, Uuid, decode_request_header, encode_request_frame,
    encode_response_frame,
};

/// Hexadecimal digits, with text in quotes; blanks mean nothing.
pub(crate) fn hex(text: &str) -> Bytes {
    let mut out = BytesMut::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> =
            part.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        out.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    }
    out.freeze()
}

/// `bootstrap.checkpoint` as `kafka-storage format` made it.
const BOOTSTRAP: &str = "
    0000000000000000000000470000000002c9d36a71002000000000000001a202098a17000001a202098a17ffffffffffffffffffffffffffff
    000000012a0000000800000003160000000000000000000000000000000000000001000000f100000000029492312c000000000005000001a2
    02098a3f000001a202098a3fffffffffffffffffffffffffffff000000063a000000012e010c00116d657461646174612e76657273696f6e00
    1d00005a000002014e010c0021656c696769626c652e6c65616465722e7265706c696361732e76657273696f6e000100003400000401280
    10c000e67726f75702e76657273696f6e00010000340000060128010c000e73686172652e76657273696f6e0001000038000008012c010c0010
    73747265616d732e76657273696f6e000100004000000a0134010c00147472616e73616374696f6e2e76657273696f6e000200000000000000
    0000070000003f0000000002991cf011002000000000000001a202098a40000001a202098a40ffffffffffffffffffffffffffff000000011a
    00000008000000040600000000";

fn feature(name: &str, feature_level: i16) -> MetadataRecord {
    FeatureLevelRecord { name: name.into(), feature_level }.into()
}

#[test]
fn the_bootstrap_checkpoint_is_read_and_written_again() {
    let file = hex(BOOTSTRAP);
    let mut written = BytesMut::new();
    let mut features = Vec::new();
    for batch in batches(file.clone()) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        batch.validate(usize::MAX).unwrap();
        let header = *batch.header();
        assert_eq!(header.base_timestamp, header.max_timestamp);
        let new = if header.is_control() { BatchBuilder::new_control } else { BatchBuilder::new };
        let mut builder = new(header.base_offset, header.leader_epoch, header.max_timestamp);
        for record in &batch.records(usize::MAX).unwrap() {
            let record = record.unwrap();
            if header.is_control() {
                let control =
                    ControlRecord::decode(record.key.unwrap(), record.value.unwrap()).unwrap();
                builder.push_control(&control).unwrap();
            } else {
                let (metadata, version) =
                    MetadataRecord::decode_versioned(record.value.unwrap()).unwrap();
                builder.push(None, Some(&metadata.encode(version).unwrap()));
                features.push(metadata);
            }
        }
        assert_eq!(builder.size(), batch.bytes().len());
        written.extend_from_slice(&builder.build());
    }
    assert_eq!(written, file);
    assert_eq!(
        features,
        [
            feature("metadata.version", 29),
            feature("eligible.leader.replicas.version", 1),
            feature("group.version", 1),
            feature("share.version", 1),
            feature("streams.version", 1),
            feature("transaction.version", 2),
        ]
    );
}

#[test]
fn control_records_are_kafkas() {
    let voter = || Voter { voter_id: 1, voter_directory_id: Uuid::ZERO };
    let endpoint = voters_record::Endpoint {
        name: "CONTROLLER".into(),
        host: "localhost".into(),
        port: 0x52d3,
    };
    let records: [(ControlRecord, &str, &str); 5] = [
        (
            LeaderChangeMessage { version: 0, leader_id: 1, voters: vec![voter()], granting_voters: vec![voter()] }
                .into(),
            "00000002",
            "0000 00000001 02 00000001 00 02 00000001 00 00",
        ),
        (KRaftVersionRecord { version: 0, kraft_version: 1 }.into(), "00000005", "0000 0001 00"),
        (
            VotersRecord {
                version: 0,
                voters: vec![voters_record::Voter {
                    voter_id: 1,
                    voter_directory_id: Uuid([7; 16]),
                    endpoints: vec![endpoint],
                    kraft_version_feature: voters_record::KRaftVersionFeature {
                        min_supported_version: 0,
                        max_supported_version: 1,
                    },
                }],
            }
            .into(),
            "00000006",
            "0000 02 00000001 07070707070707070707070707070707 02 0b \"CONTROLLER\" 0a \"localhost\" 52d3 00
             0000 0001 00 00 00",
        ),
        (
            SnapshotHeaderRecord { version: 0, last_contained_log_timestamp: 0x1_a202_098a }.into(),
            "00000003",
            "0000 00000001a202098a 00",
        ),
        (SnapshotFooterRecord { version: 0 }.into(), "00000004", "0000 00"),
    ];
    for (record, key, value) in records {
        assert_eq!(record.encode_key()[..], hex(key), "{}", record.name());
        assert_eq!(record.encode_value().unwrap(), hex(value), "{}", record.name());
        assert_eq!(ControlRecord::decode(&hex(key), &hex(value)), Ok(record));
    }
}

#[test]
fn metadata_records_are_kafkas() {
    let records: [(MetadataRecord, &str); 5] = [
        (
            BeginTransactionRecord { name: Some("Bootstrap records".into()) }.into(),
            "01 17 00 01 00 12 12 \"Bootstrap records\"",
        ),
        (EndTransactionRecord {}.into(), "01 18 00 00"),
        (NoOpRecord {}.into(), "01 14 00 00"),
        (feature("metadata.version", 29), "01 0c 00 11 \"metadata.version\" 001d 00"),
        (
            ConfigRecord {
                resource_type: 4,
                resource_name: "".into(),
                name: "min.insync.replicas".into(),
                value: Some("1".into()),
            }
            .into(),
            "01 04 00 04 01 14 \"min.insync.replicas\" 02 \"1\" 00",
        ),
    ];
    for (record, bytes) in records {
        assert_eq!(record.encode(0).unwrap(), hex(bytes), "{}", record.name());
        assert_eq!(MetadataRecord::decode(&hex(bytes)), Ok(record));
    }
}

#[test]
fn a_response_to_api_versions_of_any_version_has_header_0() {
    // What 4.2.0 answers to a version that is too new: version 0, UNSUPPORTED_VERSION, what it supports.
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION.0,
        api_keys: vec![ApiVersion { api_key: 18, min_version: 0, max_version: 4 }],
        ..ApiVersionsResponse::default()
    };
    let frame = encode_response_frame(7, 18, 0, &response).unwrap();
    assert_eq!(frame, hex("00000010 00000007 0023 00000001 0012 0000 0004"));
    let flexible = encode_response_frame(7, 18, 4, &response).unwrap();
    assert_eq!(flexible, hex("00000013 00000007 0023 02 0012 0000 0004 00 00000000 00"));
}

#[test]
fn request_headers_are_read_for_any_version() {
    let frame = encode_request_frame(
        7,
        Some("rdkafka"),
        1,
        &MetadataRequest { topics: None, ..Default::default() },
    );
    let frame = frame.unwrap().freeze();
    assert_eq!(frame, hex("00000015 0003 0001 00000007 0007 \"rdkafka\" ffffffff"));
    // ApiVersions 99: the header is that of the flexible versions, and the body is for nobody to read.
    let mut r = kraftig_wire::Reader::new(hex("0012 0063 00000007 0001 \"a\" 00 05"));
    let header = decode_request_header(&mut r).unwrap();
    assert_eq!((header.request_api_version, header.client_id.as_deref()), (99, Some("a")));
    assert_eq!(r.remaining(), 1);
}

#[test]
fn what_a_version_cannot_carry_is_refused_or_dropped() {
    let mut buf = BytesMut::from("before");
    let topic = TopicProduceData {
        topic_id: Uuid([1; 16]),
        partition_data: vec![PartitionProduceData { index: 0, records: None }],
        ..TopicProduceData::default()
    };
    // The topic id is ignorable: version 12 drops it.
    let request = ProduceRequest { topic_data: vec![topic], ..ProduceRequest::default() };
    request.encode(&mut buf, 12).unwrap();
    buf.truncate(6);
    // That topics are created on request is not: version 3 always does.
    let request =
        MetadataRequest { allow_auto_topic_creation: false, ..MetadataRequest::default() };
    let error = request.encode(&mut buf, 3).unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (EncodeErrorKind::NotInVersion, "AllowAutoTopicCreation")
    );
    // Version 0 has no null.
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let error = request.encode(&mut buf, 0).unwrap_err();
    assert_eq!((error.kind(), error.path()), (EncodeErrorKind::Null, "Topics"));
    let error = request.encode(&mut buf, 14).unwrap_err();
    assert_eq!(error.kind(), EncodeErrorKind::Version(0, 13));
    assert_eq!(buf, "before", "an error leaves the buffer as it was");
}
