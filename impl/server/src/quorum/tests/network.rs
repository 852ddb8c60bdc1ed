//! Several voters in one process that talk over loopback. The fetch timeout is a minute: whoever finds a new leader
//! sooner does so because a connection was closed, or because the leader said that it leaves.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use bytes::BytesMut;
use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use kraftig_wire::messages::begin_quorum_epoch_request::BeginQuorumEpochRequest;
use kraftig_wire::messages::end_quorum_epoch_request::EndQuorumEpochRequest;
use kraftig_wire::messages::fetch_request::FetchRequest;
use kraftig_wire::messages::vote_request::VoteRequest;
use kraftig_wire::{
    Api, Message, Reader, Request as _, Str, decode_request_header, encode_response_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use super::*;
use crate::controller::raft::Peers;
use crate::quorum::{Peer, QuorumStatus};

const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

/// Where the voters of a test listen, and what is on their disks.
struct Quorum {
    directory: tempfile::TempDir,
    ports: BTreeMap<i32, u16>,
    nodes: BTreeMap<i32, Running>,
}

struct Running {
    handle: QuorumHandle,
    status: tokio::sync::watch::Receiver<QuorumStatus>,
    /// What was committed, and why the thread ended.
    told: JoinHandle<(Vec<CommittedBatch>, Option<QuorumError>)>,
    listener: JoinHandle<()>,
}

impl Quorum {
    fn new(voters: i32) -> Self {
        // All at once, so that all are different.
        let free: Vec<_> =
            (0..voters).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let ports = free.iter().map(|socket| socket.local_addr().unwrap().port());
        let ports = (1..=voters).zip(ports).collect();
        Self { directory: tempfile::tempdir().unwrap(), ports, nodes: BTreeMap::new() }
    }

    /// A quorum whose voters all run, and the leader that they agree upon.
    async fn started(voters: i32) -> (Self, i32) {
        let mut quorum = Self::new(voters);
        for id in 1..=voters {
            quorum.start(id, CLUSTER_ID).await;
        }
        let leader = quorum.leader().await;
        (quorum, leader)
    }

    /// Starts a voter, or an observer.
    async fn start(&mut self, id: i32, cluster_id: &str) {
        let directory = self.directory.path().join(id.to_string());
        std::fs::create_dir_all(&directory).unwrap();
        let local = ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([id as u8; 16])) };
        let voters = self.ports.keys().copied().map(NodeId).collect();
        let timeouts = Timeouts { election_ms: 50, fetch_ms: 60_000, ..Timeouts::default() };
        let peer = |(id, port): (&i32, &u16)| Peer {
            id: NodeId(*id),
            host: "127.0.0.1".to_owned(),
            port: *port,
        };
        let options = QuorumOptions {
            config: Config { local, voters, bootstrap: Vec::new(), outside: Vec::new(), timeouts },
            cluster_id: cluster_id.to_owned(),
            peers: self.ports.iter().map(peer).collect(),
            ..options(&directory)
        };
        let (handle, mut events) = start(options).unwrap();
        let listener = String::from("CONTROLLER");
        let peers = Peers::new(handle.clone(), NodeId(id), Str::from(cluster_id), listener);
        let listener = match self.ports.get(&id) {
            Some(port) => tokio::spawn(serve(listen(*port).await, Arc::new(peers))),
            None => tokio::spawn(std::future::pending()),
        };
        let told = tokio::spawn(async move {
            let mut committed = Vec::new();
            while let Some(event) = events.recv().await {
                match event {
                    QuorumEvent::Committed(batches) => committed.extend(batches),
                    QuorumEvent::Stopped(error) => return (committed, Some(error)),
                    QuorumEvent::BecameLeader { .. }
                    | QuorumEvent::LostLeader { .. }
                    | QuorumEvent::Snapshot { .. } => {}
                }
            }
            (committed, None)
        });
        let status = handle.watch();
        self.nodes.insert(id, Running { handle, status, told, listener });
    }

    /// Waits until all that run follow one leader that runs too.
    async fn leader(&mut self) -> i32 {
        self.leader_after(Epoch(0)).await
    }

    /// Waits until all that run follow one leader that runs too, in a later epoch than this.
    async fn leader_after(&mut self, epoch: Epoch) -> i32 {
        loop {
            let of = |node: &Running| {
                let status = *node.status.borrow();
                status.leader.filter(|_| status.epoch > epoch).map(|id| id.0)
            };
            let leaders: Vec<_> = self.nodes.values().map(of).collect();
            match leaders[0] {
                Some(leader)
                    if self.nodes.contains_key(&leader)
                        && leaders.iter().all(|other| *other == Some(leader)) =>
                {
                    return leader;
                }
                _ => self.change().await,
            }
        }
    }

    /// Waits until some status changes.
    async fn change(&mut self) {
        let mut all = JoinSet::new();
        for node in self.nodes.values() {
            let mut status = node.status.clone();
            all.spawn(async move { status.changed().await });
        }
        all.join_next().await.expect("nodes run").unwrap().expect("the thread runs");
        for node in self.nodes.values_mut() {
            node.status.mark_unchanged();
        }
    }

    /// As `kill -9` looks to the others: nothing is said, and every connection is closed.
    async fn kill(&mut self, id: i32) -> Vec<CommittedBatch> {
        let Running { handle, status, told, listener } = self.nodes.remove(&id).unwrap();
        listener.abort();
        let _ = listener.await;
        drop((handle, status));
        told.await.unwrap().0
    }

    /// Commits a value on all that run.
    async fn commit(&mut self, leader: i32, value: &'static str) {
        let handle = self.nodes[&leader].handle.clone();
        let epoch = handle.status().epoch;
        let batch = vec![vec![Bytes::from_static(value.as_bytes())]];
        let base = handle.append(epoch, batch).await.unwrap().expect("it leads");
        for node in self.nodes.values_mut() {
            let committed = |status: &QuorumStatus| status.high_watermark > Some(base);
            node.status.wait_for(committed).await.expect("the thread runs");
        }
    }
}

fn values(batches: &[CommittedBatch]) -> Vec<Bytes> {
    batches.iter().filter_map(|batch| batch.records.clone()).flatten().collect()
}

async fn listen(port: u16) -> tokio::net::TcpListener {
    tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is free")
}

/// A controller listener, as far as the quorum needs one.
async fn serve(listener: tokio::net::TcpListener, peers: Arc<Peers>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer_all(stream, peers.clone()));
    }
}

async fn answer_all(mut stream: TcpStream, peers: Arc<Peers>) {
    while let Ok(size) = stream.read_u32().await {
        let mut frame = vec![0; size as usize];
        stream.read_exact(&mut frame).await.unwrap();
        let answer = answer(&peers, frame.into()).await;
        if stream.write_all(&answer).await.is_err() {
            break;
        }
    }
}

async fn answer(peers: &Peers, frame: Bytes) -> BytesMut {
    let mut reader = Reader::new(frame);
    let header = decode_request_header(&mut reader).unwrap();
    let (id, key, version) =
        (header.correlation_id, header.request_api_key, header.request_api_version);
    let nobody = |_| None;
    macro_rules! answer {
        ($request:ty, $handle:ident) => {{
            let request = <$request>::decode(&mut reader, version).unwrap();
            let response = peers.$handle(version, &request, nobody).await;
            encode_response_frame(id, key, version, &response)
        }};
    }
    let frame = match key {
        VoteRequest::KEY => answer!(VoteRequest, vote),
        BeginQuorumEpochRequest::KEY => answer!(BeginQuorumEpochRequest, begin_quorum_epoch),
        EndQuorumEpochRequest::KEY => answer!(EndQuorumEpochRequest, end_quorum_epoch),
        FetchRequest::KEY => answer!(FetchRequest, fetch),
        _ => {
            assert_eq!(key, ApiVersionsRequest::KEY);
            let served = [52, 53, 54, 1].map(|key| *Api::by_key(key).unwrap());
            let api_keys = served.map(|api| ApiVersion {
                api_key: api.key,
                min_version: api.min_version,
                max_version: api.max_version,
            });
            let response =
                ApiVersionsResponse { api_keys: api_keys.into(), ..ApiVersionsResponse::default() };
            encode_response_frame(id, key, version, &response)
        }
    };
    frame.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_leads_when_the_leader_is_killed() {
    for voters in [3, 5] {
        let (mut quorum, first) = Quorum::started(voters).await;
        quorum.commit(first, "one").await;
        quorum.kill(first).await;
        let second = quorum.leader().await;
        quorum.commit(second, "two").await;
        // Back it has what it missed, and its disk what it had.
        quorum.start(first, CLUSTER_ID).await;
        assert_eq!(quorum.leader().await, second);
        quorum.commit(second, "three").await;
        for id in quorum.nodes.keys().copied().collect::<Vec<_>>() {
            let node = quorum.nodes.remove(&id).unwrap();
            node.handle.stop().await;
            assert_eq!(values(&node.told.await.unwrap().0), ["one", "two", "three"], "node {id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_leaves_is_succeeded_before_it_is_gone() {
    let (mut quorum, first) = Quorum::started(3).await;
    quorum.commit(first, "one").await;
    let led = quorum.nodes[&first].handle.status().epoch;
    quorum.nodes[&first].handle.leave().await;
    let second = quorum.leader_after(led).await;
    assert_ne!(second, first);
    quorum.commit(second, "two").await;
    // Who does not lead leaves at once.
    quorum.nodes[&first].handle.leave().await;
    assert_eq!(quorum.leader().await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_learns_what_is_committed_from_one_leader_and_the_next() {
    let (mut quorum, first) = Quorum::started(3).await;
    quorum.start(7, CLUSTER_ID).await;
    assert_eq!(quorum.leader().await, first);
    quorum.commit(first, "one").await;

    let description = quorum.nodes[&first].handle.describe().await.expect("it leads");
    let ids = |replicas: &[crate::quorum::ReplicaDescription]| {
        replicas.iter().map(|it| it.replica.id.0).collect::<Vec<_>>()
    };
    assert_eq!((description.leader.0, ids(&description.voters)), (first, vec![1, 2, 3]));
    assert_eq!(ids(&description.observers), [7]);
    assert_eq!(description.observers[0].replica.directory, DirectoryId(Uuid([7; 16])));
    assert!(description.voters.iter().all(|voter| voter.last_caught_up_ms.is_some()));
    assert_eq!(quorum.nodes[&7].handle.describe().await, None);

    quorum.kill(first).await;
    let second = quorum.leader().await;
    quorum.commit(second, "two").await;
    assert_eq!(values(&quorum.kill(7).await), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_cluster_stops_and_the_others_go_on() {
    let mut quorum = Quorum::new(3);
    for (id, cluster_id) in [(1, CLUSTER_ID), (2, CLUSTER_ID), (3, "another")] {
        quorum.start(id, cluster_id).await;
    }
    let stranger = quorum.nodes.remove(&3).unwrap();
    let error = stranger.told.await.unwrap().1.expect("it stops by itself");
    let QuorumError::ForeignCluster { cluster_id, .. } = &error else { panic!("{error}") };
    assert_eq!(cluster_id, "another");
    stranger.listener.abort();
    let leader = quorum.leader().await;
    quorum.commit(leader, "still here").await;
}
