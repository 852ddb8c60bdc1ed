//! A leader and an observer that both take snapshots, and clean up: the power goes at every change of either disk.

mod damaged;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::LogConfig;
use kraftig_log::disk::simulated::{Disk, Fault};
use kraftig_log::snapshot::{self, SnapshotHeader, SnapshotWriter};
use kraftig_spec::quorum::{Config, Request, Response, Timeouts};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId};

use super::super::{
    Driver, DriverOptions, QuorumError, QuorumEvent, QuorumStatus, Retention, World,
};

const LEADER: NodeId = NodeId(1);
const OBSERVER: NodeId = NodeId(2);
const BEGINNING_MS: i64 = 1_000;

/// What a node's controller would make of what it is told: a list of values.
#[derive(Default)]
struct Around {
    now: Duration,
    /// Milliseconds of the wall clock since its beginning.
    passed_ms: i64,
    sent: Vec<(NodeId, u32, Request)>,
    answers: Vec<(u32, Response<Bytes>, Bytes)>,
    status: QuorumStatus,
    values: Vec<Bytes>,
    end: Offset,
    epoch: Epoch,
    leads: Option<Epoch>,
    loaded: Vec<SnapshotId>,
}

impl World for Around {
    type Reply = u32;

    fn now(&self) -> Duration {
        self.now
    }

    fn unix_ms(&self) -> i64 {
        BEGINNING_MS + self.passed_ms
    }

    fn random_below(&mut self, _bound: u64) -> u64 {
        0
    }

    fn send(&mut self, to: NodeId, correlation: u32, request: Request) {
        self.sent.push((to, correlation, request));
    }

    fn answer(&mut self, correlation: u32, response: Response<Bytes>, chunk: Bytes) {
        self.answers.push((correlation, response, chunk));
    }

    fn tell(&mut self, event: QuorumEvent) {
        match event {
            QuorumEvent::BecameLeader { epoch, .. } => self.leads = Some(epoch),
            QuorumEvent::Snapshot { id, file, .. } => {
                self.values.clear();
                for batch in file.contents().unwrap().1 {
                    let batch = batch.unwrap();
                    for record in &batch {
                        self.values.push(batch.slice(record.unwrap().value.unwrap()));
                    }
                }
                (self.end, self.epoch) = (id.end, id.epoch);
                self.loaded.push(id);
            }
            QuorumEvent::Committed(batches) => {
                for batch in batches {
                    assert_eq!(batch.base_offset, self.end, "nothing is left out");
                    self.values.extend(batch.records.into_iter().flatten());
                    (self.end, self.epoch) = (batch.last_offset.plus(1), batch.epoch);
                }
            }
            QuorumEvent::LostLeader { .. } | QuorumEvent::Stopped(_) => {}
        }
    }

    fn status(&mut self, status: QuorumStatus) {
        self.status = status;
    }
}

struct Node {
    driver: Driver<Around>,
    directory: std::path::PathBuf,
}

impl Node {
    /// A node for which there is never room for more than one snapshot.
    fn start(id: NodeId, root: &Path) -> Result<Self, QuorumError> {
        Self::start_with(Retention { bytes: Some(1), ms: None }, id, root)
    }

    fn start_with(retention: Retention, id: NodeId, root: &Path) -> Result<Self, QuorumError> {
        let directory = root.join("__cluster_metadata-0");
        let options = DriverOptions {
            config: Config {
                local: ReplicaKey { id, directory: DirectoryId::ABSENT },
                voters: [LEADER].into(),
                bootstrap: Vec::new(),
                outside: Vec::new(),
                timeouts: Timeouts::default(),
            },
            directory: directory.clone(),
            log: LogConfig {
                index_bytes: 1200,
                index_interval_bytes: 300,
                ..LogConfig::metadata(1000, i64::MAX)
            },
            retention,
            request_timeout: Duration::from_secs(2),
            retry_backoff: Duration::from_millis(20),
            // A snapshot comes in several chunks.
            fetch_bytes: 700,
            trace: None,
        };
        let mut driver = Driver::recover(options, Around::default())?;
        driver.begin()?;
        driver.settle()?;
        Ok(Self { driver, directory })
    }

    fn around(&mut self) -> &mut Around {
        self.driver.world()
    }

    /// Appends so many batches, one after the other.
    fn append(&mut self, count: usize) -> Result<(), QuorumError> {
        for _ in 0..count {
            let epoch = self.around().leads.expect("it leads");
            let value = Bytes::from(format!("value {} ", self.around().values.len()).repeat(6));
            self.driver.append(epoch, &[vec![value]])?.expect("it leads");
            self.driver.settle()?;
        }
        Ok(())
    }

    /// Takes a snapshot of what it was told.
    fn snapshot(&mut self) -> Result<(), QuorumError> {
        let directory = self.directory.clone();
        let Around { end, epoch, values, .. } = self.around();
        let id = SnapshotId { end: *end, epoch: *epoch };
        let header = SnapshotHeader {
            last_contained_log_timestamp: BEGINNING_MS,
            ..SnapshotHeader::default()
        };
        if let Some(mut writer) = SnapshotWriter::create(&directory, id, &header, BEGINNING_MS)? {
            values.iter().try_for_each(|value| writer.append(value, BEGINNING_MS))?;
            let sealed = writer.seal(BEGINNING_MS)?;
            self.driver.snapshot(sealed)?;
        }
        Ok(())
    }

    /// Lets the time come at which it looks at what may go.
    fn clean(&mut self) -> Result<(), QuorumError> {
        self.around().now += Duration::from_secs(61);
        self.driver.fire()?;
        self.driver.settle()
    }
}

/// What a run has reached.
#[derive(Debug, Default)]
struct Reached {
    /// The leader was told that these are committed.
    committed: Vec<Bytes>,
    /// How many chunks of snapshots came before one that is damaged, where one is.
    sound_chunks: Option<usize>,
    /// The observer said by a fetch that all below is flushed.
    promised: Offset,
}

impl Reached {
    /// What comes of a chunk.
    fn wear(&mut self, chunk: Bytes) -> Bytes {
        self.sound_chunks = match self.sound_chunks {
            Some(0) => {
                let mut worn = chunk.to_vec();
                worn[chunk.len() / 2] ^= 1;
                self.sound_chunks = None;
                return worn.into();
            }
            left => left.map(|left| left - 1),
        };
        chunk
    }
}

/// Brings what the leader has to the observer.
fn follow(
    leader: &mut Node,
    observer: &mut Node,
    reached: &mut Reached,
) -> Result<(), QuorumError> {
    observer.around().now += Duration::from_secs(1);
    observer.driver.fire()?;
    for _ in 0..1000 {
        observer.driver.settle()?;
        for (_, correlation, request) in std::mem::take(&mut observer.around().sent) {
            let QuorumStatus { end, high_watermark, .. } = leader.around().status;
            if let Request::Fetch(fetch) = &request {
                reached.promised = reached.promised.max(fetch.offset);
                if fetch.offset == end && Some(fetch.high_watermark) == high_watermark {
                    observer.driver.failed(LEADER, correlation);
                    return Ok(());
                }
            }
            leader.driver.request(request, Duration::ZERO, correlation)?;
            leader.driver.settle()?;
            leader.driver.fire()?;
            for (correlation, response, mut chunk) in std::mem::take(&mut leader.around().answers) {
                if !chunk.is_empty() {
                    chunk = reached.wear(chunk);
                }
                observer.driver.answered(LEADER, correlation, &response, chunk)?;
            }
        }
        observer.around().now += Duration::from_millis(20);
        observer.driver.fire()?;
    }
    panic!("the observer never has all: {:?}", observer.around().status);
}

/// Something of everything, with the leader's and the observer's disk.
fn run(leader: &Path, observer: &Path, reached: &mut Reached) -> Result<(), QuorumError> {
    let mut leader = Node::start(LEADER, leader)?;
    let mut observer = Node::start(OBSERVER, observer)?;
    let result = (|| {
        leader.append(4)?;
        follow(&mut leader, &mut observer, reached)?;
        observer.snapshot()?;
        leader.append(8)?;
        leader.snapshot()?;
        leader.append(12)?;
        leader.snapshot()?;
        leader.append(1)?;
        leader.clean()?;
        assert!(leader.around().status.start > Offset(20), "{:?}", leader.around().status);
        // What it lacks is gone: it loads a snapshot.
        follow(&mut leader, &mut observer, reached)?;
        assert_eq!(observer.around().loaded.len(), 1);
        observer.snapshot()?;
        leader.append(9)?;
        follow(&mut leader, &mut observer, reached)?;
        observer.snapshot()?;
        observer.clean()?;
        assert!(observer.around().status.start > Offset(30), "{:?}", observer.around().status);
        leader.append(2)?;
        follow(&mut leader, &mut observer, reached)?;
        assert_eq!(observer.around().values, leader.around().values);
        Ok(())
    })();
    reached.committed = std::mem::take(&mut leader.around().values);
    result
}

/// Starts on what is left, and goes on.
fn come_back(leader: &Path, observer: &Path, reached: &Reached) -> Result<(), String> {
    let failed = |error: QuorumError| error.to_string();
    let mut leader = Node::start(LEADER, leader).map_err(failed)?;
    let values = &leader.around().values;
    if !values.starts_with(&reached.committed) {
        let (known, acknowledged) = (values.len(), reached.committed.len());
        return Err(format!("the leader knows {known} values, not all of {acknowledged}"));
    }
    let mut observer = Node::start(OBSERVER, observer).map_err(failed)?;
    let end = observer.around().status.end;
    if end < reached.promised {
        return Err(format!("the observer has {end}, and promised {}", reached.promised));
    }
    let mut later = Reached::default();
    leader.append(3).map_err(failed)?;
    follow(&mut leader, &mut observer, &mut later).map_err(failed)?;
    observer.snapshot().map_err(failed)?;
    if observer.around().values != leader.around().values {
        return Err("the observer has other values".to_owned());
    }
    let QuorumStatus { start, .. } = observer.around().status;
    let kept = snapshot::list(&observer.directory).map_err(|error| error.to_string())?;
    if start > Offset::ZERO && kept.first().is_none_or(|first| first.end != start) {
        return Err(format!("the log begins at {start} and the snapshots are {kept:?}"));
    }
    Ok(())
}

/// Cuts the power at every change of one of the disks. Gives how many there are, or what was lost.
fn everywhere(name: &str, of: NodeId, fault: Option<Fault>) -> Result<u64, String> {
    let root = Path::new("/simulated").join(name);
    for changes in 0.. {
        let disks = ["leader", "observer"].map(|one| Disk::mount(&root.join(one)));
        let [leader, observer] = &disks;
        let (cut, other) = if of == LEADER { (leader, observer) } else { (observer, leader) };
        cut.set_fault(fault);
        cut.power_off_after(changes);
        let mut reached = Reached::default();
        let ended = match run(leader.path(), observer.path(), &mut reached) {
            Ok(()) => true,
            Err(_) if !cut.is_on() => false,
            Err(error) => return Err(error.to_string()),
        };
        let at = cut.lost_at().unwrap_or_else(|| "the end".to_owned());
        for seed in 0..4 {
            let left = cut.after_power_loss(&root.join("left"), seed);
            // The other one loses it too, between two calls.
            let more = other.after_power_loss(&root.join("other"), seed);
            let (leader, observer) = if of == LEADER { (&left, &more) } else { (&more, &left) };
            come_back(leader.path(), observer.path(), &reached).map_err(|what| {
                format!("power lost at change {changes} ({at}), seed {seed}: {what}")
            })?;
        }
        if ended {
            println!("power losses: {} at {changes} changes of node {of}", (changes + 1) * 4);
            return Ok(changes);
        }
    }
    unreachable!("it ends")
}

#[test]
fn what_a_leader_acknowledged_is_there() {
    assert!(everywhere("snapshots-leader", LEADER, None).unwrap() > 50);
}

#[test]
fn what_an_observer_promised_is_there() {
    assert!(everywhere("snapshots-observer", OBSERVER, None).unwrap() > 50);
}

/// The tests above would see it if nothing were flushed.
#[test]
fn a_disk_that_does_not_flush_loses() {
    for fault in [Fault::FlushDoesNothing, Fault::DirectorySyncLeftOut] {
        for of in [LEADER, OBSERVER] {
            let lost = everywhere("snapshots-broken", of, Some(fault)).unwrap_err();
            println!("{fault:?}: {lost}");
        }
    }
}

#[test]
fn what_may_go_goes_by_size_and_by_age() {
    let ended = |retention, passed_ms| {
        let directory = tempfile::tempdir().unwrap();
        let mut leader = Node::start_with(retention, LEADER, directory.path()).unwrap();
        for _ in 0..3 {
            leader.append(8).unwrap();
            leader.snapshot().unwrap();
        }
        leader.append(1).unwrap();
        leader.around().passed_ms = passed_ms;
        let file_bytes = |kind: &str| {
            let entries = std::fs::read_dir(&leader.directory).unwrap().map(Result::unwrap);
            let of_kind =
                entries.filter(|entry| entry.path().extension().is_some_and(|it| it == kind));
            of_kind.map(|entry| entry.metadata().unwrap().len()).sum::<u64>()
        };
        let bytes = file_bytes("log") + file_bytes("checkpoint");
        leader.clean().unwrap();
        let kept = snapshot::list(&leader.directory).unwrap();
        let begins = leader.around().status.start;
        assert_eq!(begins, if kept.len() < 3 { kept[0].end } else { Offset::ZERO });
        (bytes, kept.len())
    };
    let by = |bytes, ms| Retention { bytes, ms };
    let (all, kept) = ended(by(None, None), 1 << 40);
    assert_eq!(kept, 3);
    assert_eq!(ended(by(Some(all), None), 0).1, 3);
    assert_eq!(ended(by(Some(all - 1), None), 0).1, 2, "the oldest was enough");
    assert_eq!(ended(by(Some(0), None), 0).1, 1, "the last one stays");
    assert_eq!(ended(by(None, Some(5000)), 5000).1, 3);
    assert_eq!(ended(by(None, Some(5000)), 5001).1, 1);
}

#[test]
fn a_full_disk_is_cleaned_when_it_has_room_again() {
    let disk = Disk::mount(Path::new("/simulated/clean-full"));
    let mut leader = Node::start(LEADER, disk.path()).unwrap();
    for _ in 0..2 {
        leader.append(20).unwrap();
        leader.snapshot().unwrap();
    }
    for (room, kept) in [(0, 2), (64 << 20, 1)] {
        disk.set_room(room);
        leader.clean().unwrap();
        assert_eq!(snapshot::list(&leader.directory).unwrap().len(), kept);
        assert_eq!(leader.around().status.start > Offset::ZERO, kept == 1);
    }
}

#[test]
fn a_snapshot_that_comes_damaged_is_fetched_anew() {
    let [leads, follows] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let mut leader = Node::start(LEADER, leads.path()).unwrap();
    leader.append(30).unwrap();
    leader.snapshot().unwrap();
    for sound in 0..3 {
        let follows = follows.path().join(sound.to_string());
        let mut observer = Node::start(OBSERVER, &follows).unwrap();
        let mut reached = Reached { sound_chunks: Some(sound), ..Reached::default() };
        follow(&mut leader, &mut observer, &mut reached).unwrap();
        assert_eq!(reached.sound_chunks, None, "one was damaged");
        assert_eq!(observer.around().values, leader.around().values);
        assert_eq!(observer.around().loaded.len(), 1);
    }
}
