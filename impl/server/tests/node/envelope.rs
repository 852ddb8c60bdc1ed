//! What brokers ask of controllers: in Envelopes, and by messages of their own.

use bytes::Bytes;
use kraftig_wire::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use kraftig_wire::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use kraftig_wire::messages::broker_registration_request::BrokerRegistrationRequest;
use kraftig_wire::messages::controller_registration_request::ControllerRegistrationRequest;
use kraftig_wire::messages::create_topics_response::CreateTopicsResponse;
use kraftig_wire::messages::describe_quorum_request::DescribeQuorumRequest;
use kraftig_wire::messages::envelope_request::EnvelopeRequest;
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::messages::response_header::ResponseHeader;
use kraftig_wire::{ErrorCode, Message, Reader, Request, Str, Uuid, encode_request_frame};

use crate::separate::{Cluster, of_controllers};
use crate::topics::create;
use crate::{BROKER, CONTROLLER, connect, fresh};

const ID: i32 = 77;

/// A request as a stock broker wraps it.
fn envelope<R: Request>(version: i16, request: &R) -> EnvelopeRequest {
    let frame = encode_request_frame(ID, Some("client"), version, request).unwrap();
    EnvelopeRequest {
        request_data: frame.freeze().slice(4..),
        request_principal: Some(Bytes::from_static(b"\0\0\x05User\x0aANONYMOUS\0\0")),
        client_host_address: Bytes::from_static(&[127, 0, 0, 1]),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrapped_request_is_answered_wrapped() {
    let (_dir, node) = fresh(&[]).await;
    let mut peer = connect(&node, CONTROLLER).await;
    let response = peer.ask(0, &envelope(7, &create(&["t"], 1))).await;
    assert_eq!(response.error_code, 0);
    let mut reader = Reader::new(response.response_data.unwrap());
    assert_eq!(ResponseHeader::decode(&mut reader, 1).unwrap().correlation_id, ID);
    let created = CreateTopicsResponse::decode(&mut reader, 7).unwrap();
    reader.finish().unwrap();
    assert_eq!((&*created.topics[0].name, created.topics[0].error_code), ("t", 0));
    let described = peer.ask(0, &envelope(2, &DescribeQuorumRequest::default())).await;
    assert!(described.error_code == 0 && described.response_data.is_some());

    let good = envelope(7, &create(&["u"], 1));
    let with_data = |request_data| EnvelopeRequest { request_data, ..good.clone() };
    let mut too_new = good.request_data.to_vec();
    too_new[3] = 8;
    for (what, wrong, error) in [
        ("another API", envelope(1, &MetadataRequest::default()), ErrorCode::INVALID_REQUEST),
        ("too new", with_data(too_new.into()), ErrorCode::UNSUPPORTED_VERSION),
        ("cut off", with_data(good.request_data.slice(..20)), ErrorCode::UNSUPPORTED_VERSION),
        ("nothing", with_data(Bytes::new()), ErrorCode::UNSUPPORTED_VERSION),
        (
            "nobody",
            EnvelopeRequest { request_principal: None, ..good.clone() },
            ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE,
        ),
        (
            "nowhere",
            EnvelopeRequest { client_host_address: Bytes::from_static(&[1]), ..good.clone() },
            ErrorCode::INVALID_REQUEST,
        ),
    ] {
        let response = peer.ask(0, &wrong).await;
        assert_eq!(response.error_code, error.0, "{what}");
        assert_eq!(response.response_data, None, "{what}");
    }
    // Only nodes wrap.
    let mut client = connect(&node, BROKER).await;
    client.send(&encode_request_frame(1, None, 0, &good).unwrap()).await;
    assert!(client.receive().await.is_none());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_active_says_so() {
    let cluster = Cluster::new(3, 0);
    // Nobody leads: the others are not there.
    let node = cluster.start(1).await;
    let mut peer = connect(&node, CONTROLLER).await;
    assert_eq!(peer.ask(2, &of_controllers()).await.controller_id, -1);
    let registration = BrokerRegistrationRequest {
        cluster_id: Str::from_static("any"),
        incarnation_id: Uuid([1; 16]),
        ..BrokerRegistrationRequest::default()
    };
    let errors = [
        peer.ask(7, &create(&["t"], 1)).await.topics[0].error_code,
        peer.ask(0, &envelope(7, &create(&["t"], 1))).await.error_code,
        peer.ask(4, &registration).await.error_code,
        peer.ask(1, &BrokerHeartbeatRequest::default()).await.error_code,
        peer.ask(0, &AllocateProducerIdsRequest::default()).await.error_code,
        peer.ask(0, &ControllerRegistrationRequest::default()).await.error_code,
    ];
    assert_eq!(errors, [ErrorCode::NOT_CONTROLLER.0; 6]);
    node.stop().await;
}
