//! The thread on a real directory: what it tells, and what a crash leaves.

mod driver;
mod network;
mod snapshots;
mod voters;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::LogConfig;
use kraftig_spec::quorum::{Answer, BeginQuorumEpoch, Config, Error, Fetch, Request, Timeouts};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, Uuid};
use tokio::sync::mpsc::Receiver;

use super::{
    CommittedBatch, QuorumError, QuorumEvent, QuorumHandle, QuorumOptions, Retention, start,
};

fn options(directory: &Path) -> QuorumOptions {
    let local = ReplicaKey { id: NodeId(1), directory: DirectoryId::ABSENT };
    QuorumOptions {
        config: Config {
            local,
            voters: [NodeId(1)].into(),
            bootstrap: Vec::new(),
            outside: Vec::new(),
            timeouts: Timeouts::default(),
        },
        cluster_id: "4L6g3nShT-eMCtK--X86sw".to_owned(),
        peers: Vec::new(),
        listener: "CONTROLLER".to_owned(),
        endpoints: Vec::new(),
        directory: directory.join("__cluster_metadata-0"),
        log: LogConfig::metadata(1 << 30, i64::MAX),
        retention: Retention::default(),
        request_timeout: Duration::from_secs(2),
        retry_backoff: Duration::from_millis(20),
        trace: Some(directory.join("trace")),
    }
}

/// The epoch that the node leads, and all that is committed up to its first record.
async fn lead(events: &mut Receiver<QuorumEvent>) -> (Epoch, Vec<CommittedBatch>) {
    let (mut leads, mut committed) = (None, Vec::new());
    loop {
        match events.recv().await.expect("the thread runs") {
            QuorumEvent::BecameLeader { epoch, epoch_start } => leads = Some((epoch, epoch_start)),
            QuorumEvent::Committed(batches) => committed.extend(batches),
            other => panic!("{other:?}"),
        }
        let last = committed.last().map(|batch: &CommittedBatch| batch.last_offset);
        if let Some((epoch, start)) = leads
            && last >= Some(start)
        {
            return (epoch, committed);
        }
    }
}

async fn commit(
    handle: &QuorumHandle,
    events: &mut Receiver<QuorumEvent>,
    epoch: Epoch,
    value: &'static str,
) -> Offset {
    let appended = handle.append(epoch, vec![vec![Bytes::from_static(value.as_bytes())]]);
    let base = appended.await.expect("answered").expect("leads");
    match events.recv().await.expect("the thread runs") {
        QuorumEvent::Committed(batches) => {
            assert_eq!(batches[0].base_offset, base);
            assert_eq!(
                batches[0].records.as_deref(),
                Some(&[Bytes::from_static(value.as_bytes())][..])
            );
        }
        other => panic!("{other:?}"),
    }
    base
}

#[tokio::test]
async fn leads_commits_and_comes_back_in_a_later_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let (handle, mut events) = start(options(directory.path())).unwrap();
    let (epoch, committed) = lead(&mut events).await;
    assert_eq!((epoch, committed.len()), (Epoch(1), 1));
    assert_eq!(commit(&handle, &mut events, epoch, "a").await, Offset(1));
    assert!(handle.append(Epoch(7), vec![vec![Bytes::from_static(b"b")]]).await.unwrap().is_err());

    // What a power failure would leave, as far as it was flushed: a copy of the directory as it is now.
    let crashed = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .args(["-r", directory.path().join("__cluster_metadata-0").to_str().unwrap()])
        .arg(crashed.path())
        .status();
    assert!(copied.unwrap().success());
    handle.stop().await;

    for (directory, what) in [(&directory, "stopped"), (&crashed, "crashed")] {
        let (handle, mut events) = start(options(directory.path())).unwrap();
        let (epoch, committed) = lead(&mut events).await;
        assert_eq!(epoch, Epoch(2), "{what}: an epoch is led once");
        let values: Vec<_> = committed.iter().filter_map(|batch| batch.records.clone()).collect();
        assert_eq!(values, [vec![Bytes::from_static(b"a")]], "{what}");
        assert_eq!(commit(&handle, &mut events, epoch, "c").await, Offset(3), "{what}");
        handle.stop().await;
    }
}

#[tokio::test]
async fn what_the_network_says_is_refused_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (handle, mut events) = start(options(directory.path())).unwrap();
    let (epoch, _) = lead(&mut events).await;
    let voter = ReplicaKey { id: NodeId(1), directory: DirectoryId::ABSENT };
    for begin in [
        BeginQuorumEpoch { epoch, leader: NodeId(9), voter },
        BeginQuorumEpoch { epoch: Epoch(5), leader: NodeId(9), voter },
        BeginQuorumEpoch { epoch: Epoch(i32::MAX), leader: NodeId(1), voter },
    ] {
        let answer =
            handle.request(Request::BeginQuorumEpoch(begin), Duration::ZERO).await.unwrap();
        assert_eq!((answer.error, answer.epoch), (Error::InvalidRequest, epoch));
    }
    commit(&handle, &mut events, epoch, "still here").await;
    assert_eq!(handle.status().refused, 3);
    handle.stop().await;
}

#[tokio::test]
async fn a_parked_fetch_wakes_when_something_is_committed() {
    let directory = tempfile::tempdir().unwrap();
    let (handle, mut events) = start(options(directory.path())).unwrap();
    let (epoch, _) = lead(&mut events).await;
    let fetch = Fetch {
        epoch,
        replica: ReplicaKey { id: NodeId(2), directory: DirectoryId::ABSENT },
        offset: Offset(1),
        last_fetched_epoch: epoch,
        high_watermark: Offset(1),
        may_park: true,
    };
    let answer = handle.request(Request::Fetch(fetch), Duration::MAX);
    commit(&handle, &mut events, epoch, "news").await;
    let answer = answer.await.unwrap();
    let Answer::Fetch(fetched) = answer.answer else { panic!("{answer:?}") };
    let mut read = kraftig_wire::batch::batches(fetched.records.expect("news"));
    let batch = read.next().expect("a batch").unwrap();
    assert_eq!((batch.header().base_offset, batch.header().leader_epoch), (1, epoch.0));
    assert!(batch.verify_crc().is_ok() && read.next().is_none());
    handle.stop().await;
}

/// More than is taken in one turn, while the thread flushes.
#[tokio::test]
async fn nothing_that_waits_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let (handle, mut events) = start(options(directory.path())).unwrap();
    let (epoch, _) = lead(&mut events).await;
    let appended = handle.append(epoch, vec![vec![Bytes::from_static(b"first")]]);
    let voter = ReplicaKey { id: NodeId(1), directory: DirectoryId::ABSENT };
    let old = BeginQuorumEpoch { epoch: Epoch(0), leader: NodeId(1), voter };
    let ask = |_| handle.request(Request::BeginQuorumEpoch(old.clone()), Duration::ZERO);
    for answer in (0..700).map(ask).collect::<Vec<_>>() {
        assert_eq!(answer.await.expect("an answer").error, Error::FencedLeaderEpoch);
    }
    appended.await.expect("an answer").expect("it leads");
    handle.stop().await;
}

/// Cuts and flips in a log of three data batches: a torn tail is cut off, anything else is refused and left alone.
#[tokio::test]
async fn only_a_torn_tail_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let (handle, mut events) = start(options(directory.path())).unwrap();
    let (epoch, _) = lead(&mut events).await;
    for value in ["a", "b", "c"] {
        commit(&handle, &mut events, epoch, value).await;
    }
    handle.stop().await;
    let file = directory.path().join("__cluster_metadata-0/00000000000000000000.log");
    let whole = std::fs::read(&file).unwrap();
    let batch = 61 + 8;
    let last = whole.len() - batch;
    for (position, refused) in [
        (70, true),
        (last - batch + 9, true),
        // Epochs are not under the checksum: this one is later than those that follow.
        (last - batch + 14, true),
        (last - 3, true),
        (last + 20, false),
        (whole.len() - 2, false),
    ] {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        match start(options(directory.path())) {
            Err(QuorumError::Damaged { .. }) => {
                assert!(refused, "byte {position}");
                assert_eq!(std::fs::read(&file).unwrap(), bytes, "nothing is cut");
            }
            Err(error) => panic!("{error}"),
            Ok((handle, mut events)) => {
                assert!(!refused, "byte {position}");
                let (_, committed) = lead(&mut events).await;
                assert_eq!(committed.iter().filter(|batch| batch.records.is_some()).count(), 2);
                handle.stop().await;
            }
        }
    }
    std::fs::rename(&file, file.with_file_name("00000000000000000002.log")).unwrap();
    assert!(matches!(start(options(directory.path())), Err(QuorumError::NoBeginning { .. })));
}

/// A power failure keeps any sectors of what was not flushed, so that whole batches may follow what it lost.
#[tokio::test]
async fn a_sector_that_was_lost_is_cut_off_with_what_follows() {
    let directory = tempfile::tempdir().unwrap();
    let (handle, mut events) = start(options(directory.path())).unwrap();
    let (epoch, _) = lead(&mut events).await;
    let long = "x".repeat(600).leak();
    for value in ["short", long, long, long, long, long] {
        commit(&handle, &mut events, epoch, value).await;
    }
    handle.stop().await;
    let file = directory.path().join("__cluster_metadata-0/00000000000000000000.log");
    let whole = std::fs::read(&file).unwrap();
    for (sector, kept) in [(1, 1), (2, 2), (3, 3)] {
        let lost = sector * 512..(sector + 1) * 512;
        let mut bytes = whole.clone();
        // Damage that is none of a crash.
        bytes[lost.clone()].fill(7);
        std::fs::write(&file, &bytes).unwrap();
        let refused = start(options(directory.path()));
        assert!(matches!(refused, Err(QuorumError::Damaged { .. })), "sector {sector}");
        bytes[lost].fill(0);
        std::fs::write(&file, &bytes).unwrap();
        let (handle, mut events) = start(options(directory.path())).unwrap();
        let (_, committed) = lead(&mut events).await;
        let values = committed.iter().filter(|batch| batch.records.is_some()).count();
        assert_eq!(values, kept, "sector {sector}");
        handle.stop().await;
    }
}
