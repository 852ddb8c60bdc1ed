//! What a connection may do to a node: nothing.

use std::time::Duration;

use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kraftig_wire::{Str, encode_request_frame};

use crate::client::Client;
use crate::topics::create;
use crate::{BROKER, connect, fresh};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_ends_its_own_connection() {
    let (_dir, node) = fresh(&[("socket.request.max.bytes", "1000")]).await;
    let mut other = connect(&node, BROKER).await;
    let cases: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff, 0xff, 0xff, 0xfb, 1, 2, 3],
        // One byte more than is allowed, an empty frame, and an API that nobody knows.
        &[0, 0, 3, 0xe9],
        &[0, 0, 0, 0],
        &[0, 0, 0, 10, 0x27, 0x0f, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        // Metadata version 99, and version 1 with an array longer than the frame.
        &[0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
    ];
    for case in cases {
        let mut client = connect(&node, BROKER).await;
        client.send(case).await;
        assert!(client.receive().await.is_none(), "{case:?} is answered");
        other.ask(0, &ApiVersionsRequest::default()).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_sent_ahead_are_answered_in_order() {
    let (_dir, node) = fresh(&[]).await;
    let mut client = connect(&node, BROKER).await;
    let mut bytes = Vec::new();
    for id in 0..100 {
        bytes.extend(encode_request_frame(id, None, 0, &ApiVersionsRequest::default()).unwrap());
    }
    client.send(&bytes).await;
    for id in 0..100i32 {
        assert_eq!(client.receive().await.unwrap()[..4], id.to_be_bytes());
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_ends_with_its_client() {
    let (_dir, node) = fresh(&[("max.connections.per.ip", "1")]).await;
    let address = node.address(BROKER).unwrap();
    let versions = encode_request_frame(0, None, 0, &ApiVersionsRequest::default()).unwrap();
    // There is room for one, when the node has seen the one before end.
    let connect = async || loop {
        let mut client = Client::connect(address).await;
        if client.try_send(&versions).await && client.receive().await.is_some() {
            return client;
        }
    };
    connect().await.ask(7, &create(&["topic"], 1)).await;
    let fetch = FetchRequest {
        max_wait_ms: i32::MAX,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![FetchTopic {
            topic: Str::from("topic"),
            partitions: vec![FetchPartition {
                partition_max_bytes: 1 << 20,
                ..FetchPartition::default()
            }],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    };
    let fetch = encode_request_frame(0, None, 4, &fetch).unwrap();
    // Alone, and with a request sent ahead, which hides the end from who just looks for bytes.
    for sent_ahead in [&[][..], &versions] {
        let mut client = connect().await;
        client.send(&[&fetch[..], sent_ahead].concat()).await;
        // It waits: nothing is answered.
        let waiting = tokio::time::timeout(Duration::from_millis(100), client.receive()).await;
        assert!(waiting.is_err());
    }
    tokio::time::timeout(Duration::from_mins(1), connect()).await.expect("the fetch goes on");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_has_so_many_connections() {
    let (_dir, node) = fresh(&[("max.connections.per.ip", "2")]).await;
    let request = ApiVersionsRequest::default();
    let mut first = connect(&node, BROKER).await;
    first.ask(0, &request).await;
    let mut second = connect(&node, BROKER).await;
    second.ask(0, &request).await;
    let mut third = connect(&node, BROKER).await;
    assert!(third.receive().await.is_none());
    drop(first);
    // The node learns of the end a little later.
    let address = node.address(BROKER).unwrap();
    let frame = encode_request_frame(0, None, 0, &request).unwrap();
    loop {
        let mut next = Client::connect(address).await;
        if next.try_send(&frame).await && next.receive().await.is_some() {
            break;
        }
    }
    node.stop().await;
}
