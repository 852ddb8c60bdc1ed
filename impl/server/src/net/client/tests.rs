//! Against a peer that is written here, byte by byte where it matters.

use kraftig_wire::messages::api_versions_response::ApiVersion;
use kraftig_wire::messages::find_coordinator_request::FindCoordinatorRequest;
use kraftig_wire::messages::vote_request::VoteRequest;
use kraftig_wire::messages::vote_response::VoteResponse;
use kraftig_wire::{decode_request_header, encode_response_frame};
use tokio::net::TcpListener;

use super::*;

fn options() -> ClientOptions {
    ClientOptions {
        client_id: "raft-client-1".into(),
        connect_timeout: Duration::from_secs(30),
        max_response_bytes: 10_000,
    }
}

/// The peer's end of a connection.
struct Peer(TcpStream);

impl Peer {
    /// The next request's correlation id, and its bytes behind the header.
    async fn next(&mut self) -> (i32, Reader) {
        let size = self.0.read_u32().await.expect("a request comes");
        let mut frame = vec![0; size as usize];
        self.0.read_exact(&mut frame).await.expect("all of it comes");
        let mut reader = Reader::new(frame.into());
        let header = decode_request_header(&mut reader).expect("a header");
        assert_eq!(header.client_id.as_deref(), Some("raft-client-1"));
        (header.correlation_id, reader)
    }

    async fn answer_vote(&mut self, correlation_id: i32, error_code: i16) {
        let response = VoteResponse { error_code, ..VoteResponse::default() };
        let frame = encode_response_frame(correlation_id, VoteRequest::KEY, 1, &response);
        self.0.write_all(&frame.expect("it fits")).await.expect("the other side reads");
    }
}

/// Both ends of a new connection. The peer serves Vote up to version 1.
async fn connected() -> (Connection, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accept = async {
        let mut peer = Peer(listener.accept().await.unwrap().0);
        let (id, mut reader) = peer.next().await;
        let request = ApiVersionsRequest::decode(&mut reader, API_VERSIONS_VERSION).unwrap();
        assert_eq!(*request.client_software_name, *"kraftig");
        let vote = ApiVersion { api_key: VoteRequest::KEY, min_version: 0, max_version: 1 };
        let response =
            ApiVersionsResponse { api_keys: vec![vote], ..ApiVersionsResponse::default() };
        let key = ApiVersionsRequest::KEY;
        let frame = encode_response_frame(id, key, API_VERSIONS_VERSION, &response).unwrap();
        peer.0.write_all(&frame).await.unwrap();
        peer
    };
    let options = options();
    let (connection, peer) = tokio::join!(Connection::open("127.0.0.1", port, &options), accept);
    (connection.expect("connected"), peer)
}

#[tokio::test]
async fn answers_go_to_their_requests_in_order() {
    let (connection, mut peer) = connected().await;
    assert_eq!(connection.version::<VoteRequest>().unwrap(), 1, "the newest of both");
    let request = VoteRequest { voter_id: 7, ..VoteRequest::default() };
    let (first, second, ()) =
        tokio::join!(connection.send(&request), connection.send(&request), async {
            let (first, mut reader) = peer.next().await;
            assert_eq!(VoteRequest::decode(&mut reader, 1).unwrap().voter_id, 7);
            // Both are under way before one is answered.
            let (second, _) = peer.next().await;
            peer.answer_vote(first, 1).await;
            peer.answer_vote(second, 2).await;
        });
    assert_eq!((first.unwrap().error_code, second.unwrap().error_code), (1, 2));
    let error = connection.send(&FindCoordinatorRequest::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotServed("FindCoordinatorRequest")), "{error}");
}

#[tokio::test]
async fn the_end_is_noticed_while_nothing_is_under_way() {
    let (connection, peer) = connected().await;
    drop(peer);
    let error = connection.closed().await;
    assert!(matches!(error, ClientError::Closed), "{error}");
    let error = connection.send(&VoteRequest::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Closed), "{error}");
}

#[tokio::test]
async fn the_end_comes_to_whoever_waits() {
    let (connection, mut peer) = connected().await;
    let request = VoteRequest::default();
    let (answer, ()) = tokio::join!(connection.send(&request), async {
        peer.next().await;
        drop(peer);
    });
    assert!(matches!(answer, Err(ClientError::Closed)), "{answer:?}");
}

#[tokio::test]
async fn an_answer_in_pieces_is_waited_for_and_one_given_up_is_dropped() {
    let (connection, mut peer) = connected().await;
    let request = VoteRequest::default();
    {
        let given_up = connection.send(&request);
        tokio::select! {
            answer = given_up => panic!("{answer:?}"),
            _ = peer.next() => {}
        }
    }
    let (answer, ()) = tokio::join!(connection.send(&request), async {
        let (id, _) = peer.next().await;
        peer.answer_vote(id - 1, 1).await;
        let response = VoteResponse { error_code: 2, ..VoteResponse::default() };
        for byte in encode_response_frame(id, VoteRequest::KEY, 1, &response).unwrap() {
            peer.0.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(answer.unwrap().error_code, 2);
}

#[tokio::test]
async fn answers_that_are_none_end_the_connection() {
    type Expected = fn(&ClientError) -> bool;
    let cases: [(&[u8], Expected); 6] = [
        (&10_001_i32.to_be_bytes(), |e| matches!(e, ClientError::Size { size: 10_001, .. })),
        (&(-1_i32).to_be_bytes(), |e| matches!(e, ClientError::Size { size: -1, .. })),
        (&[0, 0, 0, 4, 0, 0, 0, 9], |e| {
            matches!(e, ClientError::Correlation { found: 9, expected: 1 })
        }),
        (&[0, 0, 0, 3, 0, 0, 0], |e| matches!(e, ClientError::Decode(_))),
        // The right id, and then nothing.
        (&[0, 0, 0, 4, 0, 0, 0, 1], |e| matches!(e, ClientError::Decode(_))),
        // Half an answer.
        (&[0, 0, 0, 9, 0, 0, 0, 1], |e| matches!(e, ClientError::Closed)),
    ];
    for (bytes, expected) in cases {
        let (connection, mut peer) = connected().await;
        let request = VoteRequest::default();
        let (answer, ()) = tokio::join!(connection.send(&request), async {
            peer.next().await;
            peer.0.write_all(bytes).await.unwrap();
            peer.0.shutdown().await.unwrap();
        });
        let error = answer.unwrap_err();
        assert!(expected(&error), "{bytes:?}: {error}");
    }
    let (connection, mut peer) = connected().await;
    peer.answer_vote(0, 0).await;
    let error = connection.closed().await;
    assert!(matches!(error, ClientError::Unasked), "{error}");
}

#[tokio::test]
async fn nobody_listens_or_nobody_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let short = ClientOptions { connect_timeout: Duration::from_millis(30), ..options() };
    let error = Connection::open("127.0.0.1", silent.port(), &short).await.unwrap_err();
    assert!(matches!(error, ClientError::ConnectTimeout(_)), "{error}");
    drop(listener);
    let error = Connection::open("127.0.0.1", silent.port(), &options()).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Connect { address, .. } if *address == silent),
        "{error}"
    );
    let error = Connection::open("nobody.invalid", 1, &options()).await.unwrap_err();
    assert!(matches!(error, ClientError::Resolve(_)), "{error}");
}

#[tokio::test]
async fn dropped_it_is_closed() {
    let (connection, mut peer) = connected().await;
    drop(connection);
    assert_eq!(peer.0.read(&mut [0; 1]).await.unwrap(), 0);
}
