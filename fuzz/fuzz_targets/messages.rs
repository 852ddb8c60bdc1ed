//! Requests and responses. Whatever can be read is written and read again: the same message must come out.
//!
//! `cargo +nightly fuzz run messages`. The input is a frame without its length; the first bit of the
//! correlation id chooses the response.

#![no_main]

use bytes::{Bytes, BytesMut};
use kraftig_wire::messages as m;
use kraftig_wire::{Message, Reader, Request, decode_all, decode_request_header};
use libfuzzer_sys::fuzz_target;

fn twice<M: Message + PartialEq + std::fmt::Debug>(body: Bytes, version: i16) {
    let Ok(message) = decode_all::<M>(body, version) else {
        return;
    };
    let mut again = BytesMut::new();
    message.encode(&mut again, version).expect("what was read can be written");
    assert_eq!(decode_all::<M>(again.freeze(), version).as_ref(), Ok(&message));
}

fn either<R>(response: bool, body: Bytes, version: i16)
where
    R: Request<Response: PartialEq + std::fmt::Debug> + PartialEq + std::fmt::Debug,
{
    if response {
        twice::<R::Response>(body, version);
    } else {
        twice::<R>(body, version);
    }
}

fuzz_target!(|frame: &[u8]| {
    let frame = Bytes::copy_from_slice(frame);
    let mut r = Reader::new(frame.clone());
    let Ok(header) = decode_request_header(&mut r) else {
        return;
    };
    let body = frame.slice(frame.len() - r.remaining()..);
    let (version, response) = (header.request_api_version, header.correlation_id < 0);
    let read = match header.request_api_key {
        m::produce_request::ProduceRequest::KEY => either::<m::produce_request::ProduceRequest>,
        m::fetch_request::FetchRequest::KEY => either::<m::fetch_request::FetchRequest>,
        m::list_offsets_request::ListOffsetsRequest::KEY => {
            either::<m::list_offsets_request::ListOffsetsRequest>
        }
        m::metadata_request::MetadataRequest::KEY => either::<m::metadata_request::MetadataRequest>,
        m::find_coordinator_request::FindCoordinatorRequest::KEY => {
            either::<m::find_coordinator_request::FindCoordinatorRequest>
        }
        m::api_versions_request::ApiVersionsRequest::KEY => {
            either::<m::api_versions_request::ApiVersionsRequest>
        }
        m::create_topics_request::CreateTopicsRequest::KEY => {
            either::<m::create_topics_request::CreateTopicsRequest>
        }
        m::delete_topics_request::DeleteTopicsRequest::KEY => {
            either::<m::delete_topics_request::DeleteTopicsRequest>
        }
        m::init_producer_id_request::InitProducerIdRequest::KEY => {
            either::<m::init_producer_id_request::InitProducerIdRequest>
        }
        m::describe_configs_request::DescribeConfigsRequest::KEY => {
            either::<m::describe_configs_request::DescribeConfigsRequest>
        }
        m::describe_topic_partitions_request::DescribeTopicPartitionsRequest::KEY => {
            either::<m::describe_topic_partitions_request::DescribeTopicPartitionsRequest>
        }
        m::vote_request::VoteRequest::KEY => either::<m::vote_request::VoteRequest>,
        m::begin_quorum_epoch_request::BeginQuorumEpochRequest::KEY => {
            either::<m::begin_quorum_epoch_request::BeginQuorumEpochRequest>
        }
        m::end_quorum_epoch_request::EndQuorumEpochRequest::KEY => {
            either::<m::end_quorum_epoch_request::EndQuorumEpochRequest>
        }
        m::describe_cluster_request::DescribeClusterRequest::KEY => {
            either::<m::describe_cluster_request::DescribeClusterRequest>
        }
        key => panic!("API {key} has messages and is not listed here"),
    };
    read(response, body, version);
});
