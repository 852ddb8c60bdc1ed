//! The driver between two other voters, whose part the test plays.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::LogConfig;
use kraftig_log::disk::simulated::Disk;
use kraftig_spec::quorum::{
    Answer, BeginQuorumEpoch, Config, Diverging, Error, FetchAnswer, Request, Response, Timeouts,
    Vote,
};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey};
use kraftig_wire::batch::{batches, set_base_offset_and_epoch};

use super::super::storage::data_batch;
use super::super::{Driver, DriverOptions, QuorumEvent, QuorumStatus, Retention, World};

/// The test's clock, and what the driver said last.
#[derive(Default)]
struct Test {
    now: Duration,
    sent: Vec<(NodeId, u32, Request)>,
    answers: Vec<Response<Bytes>>,
    status: QuorumStatus,
}

impl World for Test {
    type Reply = ();

    fn now(&self) -> Duration {
        self.now
    }

    fn unix_ms(&self) -> i64 {
        1_000
    }

    fn random_below(&mut self, _bound: u64) -> u64 {
        0
    }

    fn send(&mut self, to: NodeId, correlation: u32, request: Request) {
        self.sent.push((to, correlation, request));
    }

    fn answer(&mut self, (): (), response: Response<Bytes>, _chunk: Bytes) {
        self.answers.push(response);
    }

    fn tell(&mut self, _event: QuorumEvent) {}

    fn status(&mut self, status: QuorumStatus) {
        self.status = status;
    }
}

const EPOCH: Epoch = Epoch(1);
const LEADER: NodeId = NodeId(2);

/// A follower of [`LEADER`], whose first fetch is under way: its correlation id.
fn follower(directory: &Path) -> (Driver<Test>, u32) {
    let config = Config {
        local: replica(1),
        voters: [1, 2, 3].map(NodeId).into(),
        bootstrap: Vec::new(),
        outside: Vec::new(),
        timeouts: Timeouts::default(),
    };
    let mut driver = start(directory, config);
    let begin = BeginQuorumEpoch { epoch: EPOCH, leader: LEADER, voter: replica(1) };
    driver.request(Request::BeginQuorumEpoch(begin), Duration::ZERO, ()).unwrap();
    let correlation = fetch(&mut driver, Offset::ZERO);
    (driver, correlation)
}

fn replica(id: i32) -> ReplicaKey {
    ReplicaKey { id: NodeId(id), directory: DirectoryId::ABSENT }
}

fn start(directory: &Path, config: Config) -> Driver<Test> {
    let options = DriverOptions {
        config,
        directory: directory.join("__cluster_metadata-0"),
        log: LogConfig::metadata(1 << 20, i64::MAX),
        retention: Retention::default(),
        request_timeout: Duration::from_secs(2),
        retry_backoff: Duration::from_millis(20),
        fetch_bytes: 1 << 20,
        trace: None,
    };
    let mut driver = Driver::recover(options, Test::default()).unwrap();
    driver.begin().unwrap();
    driver
}

/// The correlation id of the fetch that the driver sends now.
fn fetch(driver: &mut Driver<Test>, from: Offset) -> u32 {
    driver.settle().unwrap();
    match driver.world().sent.drain(..).collect::<Vec<_>>()[..] {
        [(LEADER, correlation, Request::Fetch(ref fetch))] if fetch.offset == from => correlation,
        ref other => panic!("{other:?}"),
    }
}

fn answer(records: Option<Bytes>, diverging: Option<Diverging>) -> Response<Bytes> {
    let answer =
        Answer::Fetch(FetchAnswer { high_watermark: None, diverging, snapshot: None, records });
    Response { epoch: EPOCH, leader: Some(LEADER), error: Error::None, answer }
}

/// Two batches of two records each.
fn records() -> Vec<u8> {
    let mut bytes = Vec::new();
    for base in [0, 2] {
        let batch = data_batch(&[Bytes::from_static(b"one"), Bytes::from_static(b"two")], 1_000);
        let start = bytes.len();
        bytes.extend_from_slice(&batch);
        set_base_offset_and_epoch(&mut bytes[start..], base, EPOCH.0).unwrap();
    }
    bytes
}

#[test]
fn records_that_are_no_batches_are_refused_and_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let (mut driver, mut correlation) = follower(directory.path());
    let whole = records();
    let flip = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    let half = whole.len() / 2;
    let bad = [
        flip(16),
        flip(20),
        flip(half - 1),
        flip(whole.len() - 1),
        Vec::new(),
        whole[..half - 1].to_vec(),
    ];
    for (count, bytes) in (1..).zip(bad) {
        driver
            .answered(LEADER, correlation, &answer(Some(bytes.into()), None), Bytes::new())
            .unwrap();
        let status = driver.world().status;
        assert_eq!((status.refused, status.end), (count, Offset::ZERO));
        // Not at once.
        driver.settle().unwrap();
        assert!(driver.world().sent.is_empty());
        driver.world().now += Duration::from_millis(20);
        correlation = fetch(&mut driver, Offset::ZERO);
    }
    // A last batch that is cut is left out, as a leader may send it so.
    let cut = Bytes::copy_from_slice(&whole[..whole.len() - 1]);
    driver.answered(LEADER, correlation, &answer(Some(cut), None), Bytes::new()).unwrap();
    assert_eq!(driver.world().status.end, Offset(2));
    fetch(&mut driver, Offset(2));
}

#[test]
fn a_stale_answer_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let (mut driver, first) = follower(directory.path());
    let records = Bytes::from(records());
    // Follows on, but too slowly for the first request.
    driver.world().now = Duration::from_millis(1_999);
    driver.fire().unwrap();
    driver.answered(NodeId(3), first, &answer(Some(records.clone()), None), Bytes::new()).unwrap();
    assert_eq!(driver.world().status.end, Offset::ZERO, "from a node that was not asked");
    driver.answered(LEADER, first, &answer(Some(records.clone()), None), Bytes::new()).unwrap();
    assert_eq!(driver.world().status.end, Offset(4));
    driver.answered(LEADER, first, &answer(Some(records), None), Bytes::new()).unwrap();
    let status = driver.world().status;
    assert_eq!((status.refused, status.end), (0, Offset(4)), "a second time");
    fetch(&mut driver, Offset(4));
}

#[test]
fn a_log_is_cut_between_batches_only() {
    let directory = tempfile::tempdir().unwrap();
    let (mut driver, first) = follower(directory.path());
    driver.answered(LEADER, first, &answer(Some(records().into()), None), Bytes::new()).unwrap();
    let mut correlation = fetch(&mut driver, Offset(4));
    for (end, refused, left) in [(3, 1, 4), (1, 2, 4), (2, 2, 2)] {
        let diverging = Diverging { epoch: EPOCH, end: Offset(end) };
        driver.answered(LEADER, correlation, &answer(None, Some(diverging)), Bytes::new()).unwrap();
        let status = driver.world().status;
        assert_eq!((status.refused, status.end), (refused, Offset(left)), "cut at {end}");
        driver.world().now += Duration::from_millis(20);
        correlation = fetch(&mut driver, Offset(left));
    }
}

/// Makes the follower the leader of the next epoch, which it tells, by the vote of node 3.
fn elect(driver: &mut Driver<Test>) -> Epoch {
    driver.world().now = Duration::from_secs(4);
    driver.fire().unwrap();
    driver.settle().unwrap();
    let granted = Answer::Vote(kraftig_spec::quorum::VoteAnswer { granted: true });
    // Its pre-vote, and then the vote.
    let mut epoch = EPOCH;
    for pre_vote in [true, false] {
        let asks = |(to, correlation, request)| match request {
            Request::Vote(vote) if vote.pre_vote == pre_vote && to == NodeId(3) => {
                Some((correlation, vote.epoch))
            }
            _ => None,
        };
        let correlation;
        (correlation, epoch) = driver.world().sent.drain(..).find_map(asks).expect("it campaigns");
        let vote = Response { epoch, leader: None, error: Error::None, answer: granted.clone() };
        driver.answered(NodeId(3), correlation, &vote, Bytes::new()).unwrap();
        driver.settle().unwrap();
    }
    epoch
}

/// Node 3 fetches from here.
fn fetch_of_three(epoch: Epoch, offset: Offset, last_fetched_epoch: Epoch) -> Request {
    Request::Fetch(kraftig_spec::quorum::Fetch {
        epoch,
        replica: ReplicaKey { id: NodeId(3), directory: DirectoryId::ABSENT },
        offset,
        last_fetched_epoch,
        high_watermark: Offset(i64::MAX),
        may_park: true,
    })
}

#[test]
fn a_fetch_is_answered_with_whole_batches() {
    let directory = tempfile::tempdir().unwrap();
    let (mut driver, first) = follower(directory.path());
    driver.answered(LEADER, first, &answer(Some(records().into()), None), Bytes::new()).unwrap();
    driver.settle().unwrap();
    let epoch = elect(&mut driver);
    driver.world().answers.clear();
    let fetch = fetch_of_three(epoch, Offset(2), EPOCH);
    driver.request(fetch, Duration::MAX, ()).unwrap();
    let Answer::Fetch(fetched) = driver.world().answers.remove(0).answer else {
        panic!("no fetch")
    };
    let read: Vec<(i64, i64, i32)> = batches(fetched.records.expect("there are"))
        .map(|batch| *batch.unwrap().header())
        .map(|header| (header.base_offset, header.last_offset(), header.leader_epoch))
        .collect();
    assert_eq!(read, [(2, 3, EPOCH.0), (4, 4, epoch.0)]);
}

#[test]
fn a_fetch_waits_as_long_as_it_says_and_half_a_second_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let (mut driver, first) = follower(directory.path());
    driver.answered(LEADER, first, &answer(Some(records().into()), None), Bytes::new()).unwrap();
    driver.settle().unwrap();
    let epoch = elect(&mut driver);
    driver.world().answers.clear();
    for (wait, waits) in [(Duration::from_millis(20), 20), (Duration::MAX, 500)] {
        let began = driver.world().now;
        driver.request(fetch_of_three(epoch, Offset(5), epoch), wait, ()).unwrap();
        let until = began + Duration::from_millis(waits);
        driver.world().now = until.saturating_sub(Duration::from_millis(1));
        driver.fire().unwrap();
        assert!(driver.world().answers.is_empty(), "{wait:?}");
        driver.world().now = until;
        driver.fire().unwrap();
        assert_eq!(driver.world().answers.drain(..).count(), 1, "{wait:?}");
    }
}

#[test]
fn who_has_resigned_leaves_when_all_know_or_another_leads() {
    let directory = tempfile::tempdir().unwrap();
    let (mut driver, _) = follower(directory.path());
    driver.resign().unwrap();
    assert!(!driver.is_leaving(), "a follower has nothing to give up");
    let epoch = elect(&mut driver);
    assert_eq!(driver.describe().map(|quorum| quorum.epoch), Some(epoch));
    // Node 3 hears of it, node 2 is silent.
    let to_three = |driver: &mut Driver<Test>| {
        driver.settle().unwrap();
        let sent = driver.world().sent.drain(..);
        let sent = sent.rev().find(|(to, ..)| *to == NodeId(3)).expect("there is news");
        let answer = match sent.2 {
            Request::BeginQuorumEpoch(_) => Answer::BeginQuorumEpoch,
            Request::EndQuorumEpoch(_) => Answer::EndQuorumEpoch,
            other => panic!("{other:?}"),
        };
        let response = Response { epoch, leader: Some(NodeId(1)), error: Error::None, answer };
        driver.answered(NodeId(3), sent.1, &response, Bytes::new()).unwrap();
    };
    to_three(&mut driver);
    driver.resign().unwrap();
    assert!(driver.is_leaving() && driver.describe().is_none());
    to_three(&mut driver);
    assert!(driver.is_leaving());
    let voter = ReplicaKey { id: NodeId(1), directory: DirectoryId::ABSENT };
    let next = Epoch(epoch.0 + 1);
    let begin = kraftig_spec::quorum::BeginQuorumEpoch { epoch: next, leader: NodeId(3), voter };
    driver.request(Request::BeginQuorumEpoch(begin), Duration::ZERO, ()).unwrap();
    assert!(!driver.is_leaving());
}

#[test]
fn a_failed_request_is_asked_again_after_the_backoff() {
    let directory = tempfile::tempdir().unwrap();
    let (mut driver, first) = follower(directory.path());
    driver.failed(LEADER, first.wrapping_add(1));
    driver.settle().unwrap();
    assert!(driver.world().sent.is_empty(), "another request failed");
    driver.failed(LEADER, first);
    driver.settle().unwrap();
    assert!(driver.world().sent.is_empty(), "not at once");
    driver.world().now += Duration::from_millis(20);
    fetch(&mut driver, Offset::ZERO);
}

#[test]
fn a_follower_without_room_writes_nothing_but_its_votes() {
    let disk = Disk::mount(Path::new("/follower-without-room"));
    let (mut driver, mut correlation) = follower(disk.path());
    // As much as must be left, but not beside what comes.
    disk.set_room(16 << 20);
    let brought = answer(Some(records().into()), None);
    driver.answered(LEADER, correlation, &brought, Bytes::new()).unwrap();
    driver.settle().unwrap();
    let Test { status, sent, .. } = driver.world();
    assert_eq!((status.end, status.refused, sent.len()), (Offset::ZERO, 0, 0));

    // What matters to others goes on, without a byte that could be written anew.
    disk.set_room(0);
    let (candidate, voter) = (replica(3), replica(1));
    let vote = |epoch| {
        let (epoch, last_epoch, last_end) = (Epoch(epoch), Epoch(0), Offset::ZERO);
        let pre_vote = false;
        Request::Vote(Vote { pre_vote, epoch, candidate, voter, last_epoch, last_end })
    };
    driver.world().answers.clear();
    driver.request(vote(2), Duration::ZERO, ()).unwrap();
    let granted = Answer::Vote(kraftig_spec::quorum::VoteAnswer { granted: true });
    assert_eq!(driver.world().answers[0].answer, granted);
    assert_eq!(driver.world().status.voted, Some(candidate));
    // It campaigns never.
    for second in 1..60 {
        driver.world().now = Duration::from_secs(second);
        driver.fire().unwrap();
        driver.settle().unwrap();
        assert!(driver.world().sent.is_empty());
    }
    assert_eq!(driver.world().status.epoch, Epoch(2));

    // A little more room is not enough.
    let begin = BeginQuorumEpoch { epoch: Epoch(2), leader: LEADER, voter };
    driver.request(Request::BeginQuorumEpoch(begin), Duration::ZERO, ()).unwrap();
    for (room, asks) in [((32 << 20) - 1, false), (64 << 20, true)] {
        disk.set_room(room);
        driver.world().now += Duration::from_secs(1);
        driver.fire().unwrap();
        driver.settle().unwrap();
        assert_eq!(!driver.world().sent.is_empty(), asks, "{room}");
    }
    correlation = driver.world().sent[0].1;
    let brought = Response { epoch: Epoch(2), ..brought };
    driver.answered(LEADER, correlation, &brought, Bytes::new()).unwrap();
    assert_eq!(driver.world().status.end, Offset(4));
}

#[test]
fn a_leader_without_room_resigns_before_it_writes_and_leads_again_by_itself() {
    let disk = Disk::mount(Path::new("/leader-without-room"));
    let alone = Config {
        local: replica(1),
        voters: [NodeId(1)].into(),
        bootstrap: Vec::new(),
        outside: Vec::new(),
        timeouts: Timeouts::default(),
    };
    let mut driver = start(disk.path(), alone);
    driver.settle().unwrap();
    let leads = |driver: &mut Driver<Test>| driver.describe().map(|quorum| quorum.epoch);
    let epoch = leads(&mut driver).unwrap();
    let batch = [vec![Bytes::from(vec![7; 1 << 19])]];
    driver.append(epoch, &batch).unwrap().unwrap();
    driver.settle().unwrap();
    let end = driver.world().status.end;
    disk.set_room((16 << 20) + (1 << 19));
    driver.append(epoch, &batch).unwrap().unwrap_err();
    assert_eq!(leads(&mut driver), None);
    assert_eq!(driver.world().status.end, end);

    // Without anything to write it finds out within a second.
    for (room, expected) in
        [((32 << 20) + (1 << 19), false), (33 << 20, true), (16 << 20, true), (1, false)]
    {
        disk.set_room(room);
        for _ in 0..4 {
            driver.world().now += Duration::from_secs(1);
            driver.fire().unwrap();
            driver.settle().unwrap();
        }
        assert_eq!(leads(&mut driver).is_some(), expected, "{room}");
    }
}
