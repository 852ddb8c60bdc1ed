//! Snapshots that are damaged, on their way or on the disk.

use kraftig_spec::quorum::{Answer, Chunk};

use super::super::super::snapshots::Snapshots;
use super::*;

/// A leader with a snapshot, and the first chunks of it at an observer.
fn half_loaded(leads: &Path, follows: &Path, chunks: usize) -> (Node, Node) {
    let mut leader = Node::start(LEADER, leads).unwrap();
    leader.append(60).unwrap();
    leader.snapshot().unwrap();
    let mut observer = Node::start(OBSERVER, follows).unwrap();
    // The fetches that tell of the leader and of the snapshot, and then the chunks.
    for _ in 0..2 + chunks {
        let (correlation, response, chunk) = answer(&mut leader, &mut observer);
        observer.driver.answered(LEADER, correlation, &response, chunk).unwrap();
    }
    (leader, observer)
}

/// What the leader answers to what the observer asks.
fn answer(leader: &mut Node, observer: &mut Node) -> (u32, Response<Bytes>, Bytes) {
    observer.around().now += Duration::from_millis(20);
    observer.driver.settle().unwrap();
    let (_, correlation, request) = observer.around().sent.pop().expect("it asks");
    leader.driver.request(request, Duration::ZERO, correlation).unwrap();
    leader.around().answers.pop().expect("an answer")
}

/// Says of a chunk that it is the last, so that what came is no snapshot.
fn end_here(response: &mut Response<Bytes>) {
    let Answer::FetchSnapshot(answer) = &mut response.answer else { panic!("{response:?}") };
    let Some(Chunk { size, bytes }) = &mut answer.chunk else { panic!("{answer:?}") };
    *size = answer.position + *bytes;
}

#[test]
fn one_that_ends_too_early_is_fetched_anew_whoever_is_said_to_lead() {
    for leader_told in [None, Some(LEADER), Some(OBSERVER), Some(NodeId(9))] {
        for chunks in 0..3 {
            let [leads, follows] = [0, 1].map(|_| tempfile::tempdir().unwrap());
            let (mut leader, mut observer) = half_loaded(leads.path(), follows.path(), chunks);
            let (correlation, mut response, chunk) = answer(&mut leader, &mut observer);
            end_here(&mut response);
            response.leader = leader_told;
            observer.driver.answered(LEADER, correlation, &response, chunk).unwrap();

            // It does not ask again at once.
            observer.driver.settle().unwrap();
            assert!(observer.around().sent.is_empty());
            observer.around().now += Duration::from_millis(999);
            observer.driver.fire().unwrap();
            observer.driver.settle().unwrap();
            assert!(observer.around().sent.is_empty());
            observer.around().now += Duration::from_millis(1);
            observer.driver.settle().unwrap();
            let (_, _, request) = &observer.around().sent[0];
            assert!(matches!(request, Request::Fetch(_)), "not for the rest: {request:?}");
            follow(&mut leader, &mut observer, &mut Reached::default()).unwrap();
            assert_eq!(observer.around().values, leader.around().values);
            assert_eq!(observer.around().loaded.len(), 1);
        }
    }
}

/// Bytes that follow none are of no use, and no reason to end.
#[test]
fn what_follows_nothing_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut snapshots = Snapshots::new(directory.path());
    let id = SnapshotId { end: Offset(7), epoch: Epoch(1) };
    snapshots.keep(id, 0, b"some").unwrap();
    for position in [3, 4] {
        snapshots.keep(id, position, b"more").unwrap();
        assert!(std::fs::read_dir(directory.path()).unwrap().next().is_none());
    }
    assert!(snapshots.complete(id, 8, b"end").unwrap().is_none());
    assert!(snapshots.install(id).is_err(), "there is none");
}

#[test]
fn an_old_one_that_cannot_be_read_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut leader = Node::start(LEADER, directory.path()).unwrap();
    for _ in 0..2 {
        leader.append(20).unwrap();
        leader.snapshot().unwrap();
    }
    let kept = snapshot::list(&leader.directory).unwrap();
    let old = snapshot::path(&leader.directory, kept[0]);
    let whole = std::fs::read(&old).unwrap();
    for (bytes, left) in [(&whole[..10], 2), (&whole[..], 1)] {
        std::fs::remove_file(&old).unwrap();
        std::fs::write(&old, bytes).unwrap();
        leader.clean().unwrap();
        assert_eq!(snapshot::list(&leader.directory).unwrap().len(), left);
    }
}
