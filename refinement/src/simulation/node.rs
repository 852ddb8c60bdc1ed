//! A node: the server's own driver on a disk of its own, and the trace that it writes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::LogConfig;
use kraftig_log::disk::simulated::Disk;
use kraftig_server::quorum::{
    Driver, DriverOptions, QuorumError, QuorumEvent, QuorumStatus, Retention, Tracer, World,
};
use kraftig_spec::quorum::{Config, Request, Response, Timeouts};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, Uuid};

use super::random::Random;

/// Who asked, and where the answer goes: to the life that asked, and no later one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) node: usize,
    pub(super) life: u64,
    pub(super) correlation: u32,
}

/// The world around a node's driver: what it says is gathered here.
pub(super) struct Surroundings {
    pub(super) now: Duration,
    random: Random,
    pub(super) requests: Vec<(NodeId, u32, Request)>,
    pub(super) answers: Vec<(Asker, Response<Bytes>, Bytes)>,
    pub(super) told: Vec<QuorumEvent>,
}

/// 2026-01-01, when every simulation begins.
const BEGINNING_MS: i64 = 1_767_225_600_000;

impl World for Surroundings {
    type Reply = Asker;

    fn now(&self) -> Duration {
        self.now
    }

    fn unix_ms(&self) -> i64 {
        BEGINNING_MS + self.now.as_millis() as i64
    }

    fn random_below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn send(&mut self, to: NodeId, correlation: u32, request: Request) {
        self.requests.push((to, correlation, request));
    }

    fn answer(&mut self, reply: Asker, response: Response<Bytes>, chunk: Bytes) {
        self.answers.push((reply, response, chunk));
    }

    fn tell(&mut self, event: QuorumEvent) {
        self.told.push(event);
    }

    fn status(&mut self, _status: QuorumStatus) {}
}

/// A trace in memory. It outlives its node, as an observer's would.
#[derive(Clone, Default)]
pub(super) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What all nodes of a run are started with.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) nodes: usize,
    pub(super) log: LogConfig,
    pub(super) fetch_bytes: usize,
    pub(super) request_timeout: Duration,
    pub(super) retention: Retention,
}

impl Settings {
    /// Small segments and small fetches are likely, so that much happens at their ends.
    pub(super) fn new(random: &mut Random, nodes: usize) -> Self {
        let segment_bytes = random.pick(&[2_000, 10_000, 1 << 20]);
        let log = LogConfig {
            index_bytes: 1 << 12,
            index_interval_bytes: 500,
            ..LogConfig::metadata(segment_bytes, 5_000)
        };
        Self {
            nodes,
            log,
            fetch_bytes: random.pick(&[1, 1_000, 8 << 20]),
            request_timeout: Duration::from_millis(random.pick(&[500, 2_000])),
            retention: Retention { bytes: random.pick(&[None, Some(0), Some(20_000)]), ms: None },
        }
    }
}

/// The node with this index; ids begin at 1.
pub(super) fn id(index: usize) -> NodeId {
    NodeId(index as i32 + 1)
}

/// The index of the node with this id.
pub(super) fn index(id: NodeId) -> usize {
    id.0 as usize - 1
}

pub(super) struct Node {
    pub(super) index: usize,
    pub(super) disk: Disk,
    pub(super) trace: Sink,
    /// `None` while the node is down.
    pub(super) driver: Option<Driver<Surroundings>>,
    /// Counts its starts.
    pub(super) life: u64,
    /// Whether it will settle what came in.
    pub(super) settles: bool,
    /// When it is woken next.
    pub(super) fires_at: Option<Duration>,
    /// The epoch that it says it leads.
    pub(super) leads: Option<Epoch>,
    /// What a client appended in that epoch and waits for: base offset and records.
    pub(super) pending: Vec<(Offset, Vec<Bytes>)>,
    /// How many batches it told to be committed in this life.
    pub(super) told: usize,
}

impl Node {
    pub(super) fn new(index: usize, root: &Path) -> Self {
        Self {
            index,
            disk: Disk::mount(&root.join(id(index).to_string())),
            trace: Sink::default(),
            driver: None,
            life: 0,
            settles: false,
            fires_at: None,
            leads: None,
            pending: Vec::new(),
            told: 0,
        }
    }

    /// Where the metadata log is.
    pub(super) fn directory(&self) -> PathBuf {
        self.disk.path().join("__cluster_metadata-0")
    }

    /// Starts it on what its disk holds. Its first effects are yet to be carried out.
    pub(super) fn start(
        &mut self,
        settings: &Settings,
        now: Duration,
        random: Random,
    ) -> Result<(), QuorumError> {
        let directory = DirectoryId(Uuid([self.index as u8 + 1; 16]));
        let options = DriverOptions {
            config: Config {
                local: ReplicaKey { id: id(self.index), directory },
                voters: (0..settings.nodes).map(id).collect(),
                bootstrap: Vec::new(),
                outside: Vec::new(),
                timeouts: Timeouts::default(),
            },
            directory: self.directory(),
            log: settings.log.clone(),
            retention: settings.retention,
            request_timeout: settings.request_timeout,
            retry_backoff: Duration::from_millis(20),
            fetch_bytes: settings.fetch_bytes,
            trace: Some(Tracer::new("the trace".into(), Box::new(self.trace.clone()))),
        };
        let world = Surroundings {
            now,
            random,
            requests: Vec::new(),
            answers: Vec::new(),
            told: Vec::new(),
        };
        self.life += 1;
        self.driver = Some(Driver::recover(options, world)?);
        Ok(())
    }

    /// What a crash ends, and a clean stop too.
    pub(super) fn end(&mut self) -> Option<Driver<Surroundings>> {
        self.settles = false;
        self.fires_at = None;
        self.leads = None;
        self.pending.clear();
        self.told = 0;
        self.driver.take()
    }
}
