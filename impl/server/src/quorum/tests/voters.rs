//! Voters that the log names: what a directory, the log and snapshots say of them, and what a leader writes.

use std::path::Path;
use std::sync::Arc;

use kraftig_log::snapshot::{SnapshotHeader, SnapshotWriter};
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::{Config, Diverging, FetchAnswer, Response, Vote, VoteAnswer, VoterSet};
use kraftig_spec::types::SnapshotId;
use kraftig_wire::batch::control::ControlRecord;
use kraftig_wire::batch::{BatchBuilder, batches};
use tokio::sync::oneshot;

use super::super::voters::{KRAFT_VERSIONS, named_in};
use super::super::{
    Acknowledge, ChangeError, ChangeVoters, Driver, DriverOptions, QuorumStatus, Voter,
    VoterChangeError, Voters, World,
};
use super::*;

/// The test's clock, and what the driver said last.
#[derive(Default)]
struct Around {
    sent: Vec<(NodeId, u32, Request)>,
    answers: Vec<Response<Bytes>>,
    committed: Vec<CommittedBatch>,
    status: QuorumStatus,
    voters: Arc<Voters>,
}

impl World for Around {
    type Reply = ();

    fn now(&self) -> Duration {
        Duration::ZERO
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

    fn tell(&mut self, event: QuorumEvent) {
        if let QuorumEvent::Committed(batches) = event {
            self.committed.extend(batches);
        }
    }

    fn status(&mut self, status: QuorumStatus) {
        self.status = status;
    }

    fn voters(&mut self, voters: &Arc<Voters>) {
        self.voters = voters.clone();
    }
}

fn key(id: i32) -> ReplicaKey {
    ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([id as u8; 16])) }
}

/// A voter that listens on that port.
fn voter(id: i32, port: u16) -> Voter {
    let endpoint = Endpoint {
        name: "CONTROLLER".to_owned(),
        host: "localhost".to_owned(),
        port,
        security_protocol: 0,
    };
    Voter { replica: key(id), endpoints: vec![endpoint], kraft_versions: KRAFT_VERSIONS }
}

fn voters<const N: usize>(ids: [i32; N]) -> Voters {
    Voters { kraft_version: 1, voters: ids.map(|id| voter(id, 9000 + id as u16)).into() }
}

fn log_directory(directory: &Path) -> std::path::PathBuf {
    directory.join("__cluster_metadata-0")
}

/// Writes a snapshot that names voters.
fn snapshot(directory: &Path, end: i64, epoch: i32, voters: Option<&Voters>) {
    std::fs::create_dir_all(log_directory(directory)).unwrap();
    let id = SnapshotId { end: Offset(end), epoch: Epoch(epoch) };
    let header = SnapshotHeader {
        last_contained_log_timestamp: 0,
        kraft_version: voters.map_or(0, |voters| voters.kraft_version),
        voters: voters.map(Voters::to_record),
    };
    let writer = SnapshotWriter::create(&log_directory(directory), id, &header, 0).unwrap();
    writer.unwrap().seal(0).unwrap().publish().unwrap();
}

/// Node 1, which knows nobody but by its directory.
fn started(directory: &Path) -> Driver<Around> {
    started_with(directory, [].into())
}

/// Node 1, with these voters in its configuration.
fn started_with(directory: &Path, voters: VoterSet) -> Driver<Around> {
    let options = DriverOptions {
        config: Config {
            local: key(1),
            voters,
            bootstrap: vec![NodeId(-2)],
            outside: Vec::new(),
            timeouts: Timeouts::default(),
        },
        directory: log_directory(directory),
        log: LogConfig::metadata(1 << 20, i64::MAX),
        retention: Retention::default(),
        request_timeout: Duration::from_secs(2),
        retry_backoff: Duration::from_millis(20),
        fetch_bytes: 1 << 20,
        trace: None,
    };
    let mut driver = Driver::recover(options, Around::default()).unwrap();
    driver.begin().unwrap();
    driver.settle().unwrap();
    driver
}

/// What the log says in control records.
fn controls(directory: &Path) -> Vec<Vec<ControlRecord>> {
    let log = std::fs::read(log_directory(directory).join("00000000000000000000.log")).unwrap();
    let of_batch = |batch: kraftig_wire::batch::Batch| {
        let records = batch.records(1 << 20).unwrap();
        let record = |record: Result<kraftig_wire::batch::Record<'_>, _>| {
            let record = record.unwrap();
            ControlRecord::decode(record.key.unwrap(), record.value.unwrap()).unwrap()
        };
        records.iter().map(record).collect()
    };
    let all = batches(log.into()).map(Result::unwrap);
    all.filter(|batch| batch.header().is_control()).map(of_batch).collect()
}

fn change(
    driver: &mut Driver<Around>,
    change: ChangeVoters,
) -> oneshot::Receiver<Result<(), ChangeError>> {
    let (reply, answer) = oneshot::channel();
    driver.change_voters(change, Acknowledge::Committed, reply).unwrap();
    answer
}

fn fetch(driver: &mut Driver<Around>, replica: ReplicaKey, offset: i64) {
    let Around { status, .. } = driver.world();
    let fetch = Fetch {
        epoch: status.epoch,
        replica,
        offset: Offset(offset),
        last_fetched_epoch: Epoch(i32::from(offset > 0)),
        high_watermark: Offset(0),
        may_park: false,
    };
    driver.request(Request::Fetch(fetch), Duration::ZERO, ()).unwrap();
    driver.settle().unwrap();
}

#[test]
fn the_first_leader_writes_what_its_directory_was_formatted_with() {
    let directory = tempfile::tempdir().unwrap();
    snapshot(directory.path(), 0, 0, Some(&voters([1])));
    let mut driver = started(directory.path());
    assert_eq!(*driver.world().voters, voters([1]));
    assert_eq!(driver.world().status.role, "Leader");
    let written = controls(directory.path());
    let [ControlRecord::LeaderChange(_), ControlRecord::KRaftVersion(version), named] =
        &written[0][..]
    else {
        panic!("{written:?}")
    };
    assert_eq!(version.kraft_version, 1);
    assert_eq!(*named, ControlRecord::Voters(voters([1]).to_record()));
    assert_eq!(driver.world().committed[0].voters, Some(voters([1])));
    let state = log_directory(directory.path()).join("quorum-state");
    let state = std::fs::read_to_string(state).unwrap();
    assert!(state.ends_with(r#""votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#));

    // The next leader need not, and the directory remembers that it voted.
    driver.close().unwrap();
    let mut driver = started(directory.path());
    assert_eq!(*driver.world().voters, voters([1]));
    assert!(driver.world().status.was_voter);
    assert_eq!(controls(directory.path())[1].len(), 1);
}

#[test]
fn a_change_is_answered_when_it_is_committed_by_the_new_voters() {
    let directory = tempfile::tempdir().unwrap();
    snapshot(directory.path(), 0, 0, Some(&voters([1])));
    let mut driver = started(directory.path());
    let add = || ChangeVoters::Add(voter(2, 9002));

    // It has fetched nothing.
    let refused = change(&mut driver, add()).try_recv().unwrap();
    assert_eq!(refused, Err(VoterChangeError::Lagging.into()));
    assert_eq!(driver.may_change_voters(&add()), Ok(()), "but for that it may");
    // What it claims beyond what there is counts for nothing.
    fetch(&mut driver, key(2), 1000);
    let refused = change(&mut driver, add()).try_recv().unwrap();
    assert_eq!(refused, Err(VoterChangeError::Lagging.into()));
    fetch(&mut driver, key(2), 3);
    let mut added = change(&mut driver, add());
    driver.settle().unwrap();
    assert_eq!(*driver.world().voters, voters([1, 2]), "a change counts as soon as it is appended");
    assert!(added.try_recv().is_err(), "one of two is no majority");
    assert_eq!(driver.may_change_voters(&add()), Err(VoterChangeError::ChangeUncommitted.into()));
    fetch(&mut driver, key(2), 4);
    assert_eq!(added.try_recv().unwrap(), Ok(()));
    let written = controls(directory.path());
    assert_eq!(written[1], [ControlRecord::Voters(voters([1, 2]).to_record())]);

    // One moves: the other stays as it was.
    let mut moved = voter(2, 9999);
    moved.endpoints.push(Endpoint { name: "OTHER".to_owned(), ..moved.endpoints[0].clone() });
    let mut updated = change(&mut driver, ChangeVoters::Update(moved.clone()));
    driver.settle().unwrap();
    fetch(&mut driver, key(2), 5);
    assert_eq!(updated.try_recv().unwrap(), Ok(()));
    let now = Voters { kraft_version: 1, voters: vec![voter(1, 9001), moved] };
    assert_eq!(*driver.world().voters, now);

    // What the log says already is not said again.
    let end = driver.world().status.end;
    let mut same = now.voters[1].clone();
    same.endpoints.reverse();
    assert_eq!(change(&mut driver, ChangeVoters::Update(same)).try_recv().unwrap(), Ok(()));
    assert_eq!(driver.world().status.end, end);
    let mut other = Voter { kraft_versions: (0, 2), ..now.voters[1].clone() };
    let mut updated = change(&mut driver, ChangeVoters::Update(other.clone()));
    driver.settle().unwrap();
    fetch(&mut driver, key(2), 6);
    assert_eq!(updated.try_recv().unwrap(), Ok(()));
    assert_eq!(driver.world().status.end, end.plus(1));
    other.replica = key(3);
    let unknown = change(&mut driver, ChangeVoters::Update(other)).try_recv().unwrap();
    assert_eq!(unknown, Err(VoterChangeError::VoterNotFound.into()));

    // A leader that is removed knows of it when it leads no more.
    let mut removed = change(&mut driver, ChangeVoters::Remove(key(1)));
    driver.settle().unwrap();
    assert!(removed.try_recv().is_err(), "it does not count itself");
    fetch(&mut driver, key(2), 7);
    assert_eq!(removed.try_recv().unwrap(), Ok(()));
    assert_eq!(driver.world().status.role, "Resigned");
}

#[test]
fn an_upgrade_counts_when_it_is_committed() {
    let directory = tempfile::tempdir().unwrap();
    let mut driver = started_with(directory.path(), [NodeId(1)].into());
    let names_voters = |driver: &mut Driver<Around>| driver.describe().unwrap().names_voters;
    assert!(!names_voters(&mut driver), "only the configuration does");
    let mut upgraded = change(&mut driver, ChangeVoters::Upgrade(vec![voter(1, 9001)]));
    assert_eq!(driver.world().voters.kraft_version, 1);
    assert!(!names_voters(&mut driver), "nothing is flushed");
    driver.settle().unwrap();
    assert!(names_voters(&mut driver));
    assert_eq!(upgraded.try_recv().unwrap(), Ok(()));
}

#[test]
fn a_change_that_nobody_could_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    snapshot(directory.path(), 0, 0, Some(&voters([1])));
    let mut driver = started(directory.path());
    fetch(&mut driver, key(2), 3);
    let end = driver.world().status.end;
    let listens = |id, count: usize, host: usize| {
        let mut voter = voter(id, 9000);
        voter.endpoints[0].host = "h".repeat(host);
        voter.endpoints = vec![voter.endpoints[0].clone(); count];
        voter
    };
    // One is too long for any string of the protocol, the others for the whole.
    for (count, host) in [(1, 70_000), (70_000, 1), (300, 255)] {
        for wrong in [
            ChangeVoters::Add(listens(2, count, host)),
            ChangeVoters::Update(listens(1, count, host)),
        ] {
            assert_eq!(driver.may_change_voters(&wrong), Err(ChangeError::TooLarge));
            let refused = change(&mut driver, wrong).try_recv().unwrap();
            assert_eq!(refused, Err(ChangeError::TooLarge));
        }
    }
    assert_eq!((driver.world().status.end, &*driver.world().voters), (end, &voters([1])));
    // What fits does, and others can read it.
    let wide = listens(1, 32, 255);
    let updated = change(&mut driver, ChangeVoters::Update(wide.clone())).try_recv();
    assert!(updated.is_err(), "it is not flushed yet");
    driver.settle().unwrap();
    driver.close().unwrap();
    assert_eq!(started(directory.path()).world().voters.voters, [wide]);
}

#[test]
fn a_change_that_a_leader_does_not_see_committed_is_told_to_have_failed() {
    let directory = tempfile::tempdir().unwrap();
    snapshot(directory.path(), 0, 0, Some(&voters([1])));
    let mut driver = started(directory.path());
    fetch(&mut driver, key(2), 3);
    let mut added = change(&mut driver, ChangeVoters::Add(voter(2, 9002)));
    driver.settle().unwrap();
    driver.resign().unwrap();
    assert_eq!(added.try_recv().unwrap(), Err(VoterChangeError::NotLeaderOrFollower.into()));
}

/// A batch of the leader of an epoch that names voters.
fn naming(base: i64, epoch: i32, named: &Voters) -> Bytes {
    let mut batch = BatchBuilder::new_control(base, epoch, 1_000);
    batch.push_control(&ControlRecord::Voters(named.to_record())).unwrap();
    batch.build()
}

fn fetched(driver: &mut Driver<Around>, answer: FetchAnswer<Bytes>) {
    let (_, correlation, asked) = driver.world().sent.pop().unwrap();
    let Request::Fetch(fetch) = asked else { panic!("{asked:?}") };
    let leader = Some(NodeId(2));
    let answer = Answer::Fetch(answer);
    let response = Response { epoch: fetch.epoch, leader, error: Error::None, answer };
    driver.answered(NodeId(2), correlation, &response, Bytes::new()).unwrap();
    driver.settle().unwrap();
}

fn follow(driver: &mut Driver<Around>, epoch: i32) {
    let begin = BeginQuorumEpoch { epoch: Epoch(epoch), leader: NodeId(2), voter: key(1) };
    driver.world().sent.clear();
    driver.request(Request::BeginQuorumEpoch(begin), Duration::ZERO, ()).unwrap();
    driver.settle().unwrap();
}

const NOTHING: FetchAnswer<Bytes> =
    FetchAnswer { high_watermark: None, diverging: None, snapshot: None, records: None };

#[test]
fn a_follower_takes_voters_from_its_leader_and_back_where_the_log_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    snapshot(directory.path(), 0, 0, Some(&voters([1, 2, 3])));
    let mut driver = started(directory.path());
    follow(&mut driver, 1);
    let mut records = naming(0, 1, &voters([1, 2, 3])).to_vec();
    records.extend(naming(1, 1, &voters([1, 2, 3, 4])));
    fetched(&mut driver, FetchAnswer { records: Some(records.into()), ..NOTHING });
    assert_eq!(*driver.world().voters, voters([1, 2, 3, 4]));
    driver.close().unwrap();
    let mut driver = started(directory.path());
    assert_eq!(*driver.world().voters, voters([1, 2, 3, 4]), "so it is after a restart");
    assert!(!driver.world().status.was_voter, "nothing is known to be committed");

    let diverging = Some(Diverging { epoch: Epoch(1), end: Offset(1) });
    fetched(&mut driver, FetchAnswer { diverging, ..NOTHING });
    assert_eq!(*driver.world().voters, voters([1, 2, 3]));
    let high_watermark = Some(Offset(1));
    fetched(&mut driver, FetchAnswer { high_watermark, ..NOTHING });
    assert!(driver.world().status.was_voter);
}

#[test]
fn voters_that_are_none_are_refused() {
    let twice = Voters { voters: [voter(2, 1), voter(2, 2)].into(), ..voters([]) };
    let negative = Voters { voters: vec![voter(-1, 1)], ..voters([]) };
    let anywhere = ReplicaKey { directory: DirectoryId::ABSENT, ..key(2) };
    let anywhere = Voter { replica: anywhere, ..voter(2, 1) };
    let anywhere = Voters { voters: vec![voter(1, 1), anywhere], ..voters([]) };
    for wrong in [voters([]), twice, negative, anywhere] {
        let directory = tempfile::tempdir().unwrap();
        let mut driver = started(directory.path());
        follow(&mut driver, 1);
        fetched(&mut driver, FetchAnswer { records: Some(naming(0, 1, &wrong)), ..NOTHING });
        let around = driver.world();
        assert_eq!((around.status.end, around.status.refused), (Offset(0), 1), "{wrong:?}");
    }
    let batch = kraftig_wire::batch::Batch::parse(&naming(0, 1, &voters([7]))).unwrap();
    assert_eq!(named_in(&batch).unwrap(), Some(voters([7])));
}

#[test]
fn a_snapshot_says_who_votes_after_it() {
    let directory = tempfile::tempdir().unwrap();
    snapshot(directory.path(), 7, 2, Some(&voters([2, 3])));
    let mut driver = started(directory.path());
    let around = driver.world();
    assert_eq!((around.status.start, &*around.voters), (Offset(7), &voters([2, 3])));
    assert!(!around.status.was_voter);
    // It is none of them: it seeks the leader, and does not campaign.
    let asked: Vec<_> = around.sent.iter().map(|(to, ..)| to.0).collect();
    assert_eq!(asked, [2, 3, -2]);
}

#[test]
fn a_vote_for_a_directory_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    snapshot(directory.path(), 0, 0, Some(&voters([1, 2, 3])));
    let mut driver = started(directory.path());
    let vote = |candidate| {
        Request::Vote(Vote {
            pre_vote: false,
            epoch: Epoch(4),
            candidate,
            voter: key(1),
            last_epoch: Epoch(0),
            last_end: Offset(0),
        })
    };
    driver.request(vote(key(2)), Duration::ZERO, ()).unwrap();
    driver.close().unwrap();
    let mut driver = started(directory.path());
    let wiped = ReplicaKey { directory: DirectoryId(Uuid([9; 16])), ..key(2) };
    for (candidate, granted) in [(wiped, false), (key(2), true)] {
        driver.request(vote(candidate), Duration::ZERO, ()).unwrap();
        let answer = driver.world().answers.pop().unwrap().answer;
        assert_eq!(answer, Answer::Vote(VoteAnswer { granted }), "{candidate:?}");
    }
}
