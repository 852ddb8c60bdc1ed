//! Drives [`kraftig_spec::quorum`]: a [`Driver`] owns the state machine and the metadata log. It takes events,
//! runs the step, carries the effects out in order, and flushes once for all that was appended meanwhile
//! (group commit). It decides nothing: epochs, voters and offsets are the core's. Clocks, chance and whom it
//! talks to are a [`World`]: in a node that is a thread with its channels ([`start`]), in a simulation a
//! program's own time and network.

mod driver;
mod error;
mod identity;
mod links;
pub mod lost_majority;
pub(crate) mod lost_voters;
pub(crate) mod messages;
mod once_voter;
mod peers;
mod recovery;
mod replicas;
mod snapshots;
mod storage;
mod thread;
mod tracer;
mod voters;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::snapshot::{SealedSnapshot, SnapshotFile};
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::{Config, FetchSnapshot, Request, Response, Role, VoterChangeError};
use kraftig_spec::types::{Epoch, NodeId, Offset, ReplicaKey, SnapshotId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

pub use driver::{Driver, DriverOptions, World};
pub use error::QuorumError;
use links::Addresses;
pub use links::Peer;
pub use lost_voters::LostVotersError;
pub use replicas::{QuorumDescription, ReplicaDescription};
pub use snapshots::Retention;
pub use thread::start;
pub use tracer::Tracer;
pub use voters::{
    Acknowledge, ChangeError, ChangeVoters, KRAFT_VERSIONS, Voter, Voters, VotersFault,
};

/// What the quorum needs to start.
#[derive(Clone, Debug)]
pub struct QuorumOptions {
    /// Who this node is and who votes.
    pub config: Config,
    /// The id of the cluster. All voters have the same.
    pub cluster_id: String,
    /// Where the voters of the configuration listen, and, by negative ids, the controllers that can be asked for the leader
    /// (`controller.quorum.bootstrap.servers`).
    pub peers: Vec<Peer>,
    /// The name of the listener on which controllers reach each other: the first of `controller.listener.names`.
    pub listener: String,
    /// Where this node's controller listens, as it tells the others when it leads.
    pub endpoints: Vec<Endpoint>,
    /// The directory of the metadata log, `__cluster_metadata-0`. Made if it is not there.
    pub directory: PathBuf,
    /// How the log is cut into segments.
    pub log: kraftig_log::LogConfig,
    /// How much of the log and its snapshots is kept.
    pub retention: Retention,
    /// How long another voter may take to answer (`controller.quorum.request.timeout.ms`).
    pub request_timeout: Duration,
    /// How long to wait before a failed request is sent again (`controller.quorum.retry.backoff.ms`).
    pub retry_backoff: Duration,
    /// Where every event and effect is written down.
    pub trace: Option<PathBuf>,
}

/// What the quorum tells the controller.
#[derive(Debug)]
pub enum QuorumEvent {
    /// This node leads. `LeaderChange` sits at `epoch_start`; the controller takes over when all up to it is
    /// committed.
    BecameLeader {
        /// The epoch.
        epoch: Epoch,
        /// The log's end before it.
        epoch_start: Offset,
    },
    /// This node leads no longer.
    LostLeader {
        /// The epoch in which it led.
        epoch: Epoch,
    },
    /// All that is committed before the end of a snapshot is in the snapshot, and what was told before counts no more.
    /// Comes when the node starts, and when it was so far behind that it had to load one.
    Snapshot {
        /// Which.
        id: SnapshotId,
        /// Its file.
        file: SnapshotFile,
        /// Whether it was there when the node started: others may have committed much since.
        at_start: bool,
    },
    /// More of the log is committed: every batch once, in order, from the log's start or the last snapshot on.
    Committed(Vec<CommittedBatch>),
    /// The thread ended by an error; the node cannot go on.
    Stopped(QuorumError),
}

/// A batch of the metadata log that is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedBatch {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// The epoch in which it was written.
    pub epoch: Epoch,
    /// When it was written, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// How many bytes it takes in the log.
    pub size: usize,
    /// The framed metadata records; `None` for a control batch.
    pub records: Option<Vec<Bytes>>,
    /// The voters that a control batch names.
    pub voters: Option<Voters>,
}

/// This node does not lead the epoch in which records were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this node does not lead the quorum")]
pub struct NotLeader;

/// What the quorum is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuorumStatus {
    /// The epoch.
    pub epoch: Epoch,
    /// Its leader, where known.
    pub leader: Option<NodeId>,
    /// Everything below is committed.
    pub high_watermark: Option<Offset>,
    /// Where this node's log begins.
    pub start: Offset,
    /// The end of this node's log.
    pub end: Offset,
    /// How many messages were refused since the start.
    pub refused: u64,
    /// The part that this node plays, by Kafka's name of it.
    pub role: &'static str,
    /// This replica; `None` before the quorum has begun.
    pub local: Option<ReplicaKey>,
    /// Whom it voted for in the epoch.
    pub voted: Option<ReplicaKey>,
    /// Everything below is on this node's disk.
    pub flushed: Offset,
    /// Whether that has no room: then this node leads nothing.
    pub disk_full: bool,
    /// Whether the log has ever named this replica a voter.
    pub was_voter: bool,
}

fn role_name(role: &Role) -> &'static str {
    match role {
        Role::Unattached => "Unattached",
        Role::Follower { .. } => "Follower",
        Role::Prospective { .. } => "Prospective",
        Role::Candidate { .. } => "Candidate",
        Role::Leader { .. } => "Leader",
        Role::Resigned { .. } => "Resigned",
    }
}

/// What the thread is asked to do.
enum Command {
    Append {
        epoch: Epoch,
        batches: Vec<Vec<Bytes>>,
        reply: oneshot::Sender<Result<Offset, NotLeader>>,
    },
    Request {
        request: Request,
        wait: Duration,
        reply: oneshot::Sender<Response<Bytes>>,
        place: OwnedSemaphorePermit,
    },
    FetchSnapshot {
        fetch: FetchSnapshot,
        max_bytes: usize,
        reply: oneshot::Sender<(Response<Bytes>, Bytes)>,
        place: OwnedSemaphorePermit,
    },
    Answered {
        from: NodeId,
        correlation: u32,
        response: Response<Bytes>,
        chunk: Bytes,
    },
    /// A request has no answer.
    Failed {
        to: NodeId,
        correlation: u32,
    },
    Unreachable {
        node: NodeId,
    },
    /// Somebody says where a node listens.
    Located {
        peer: Peer,
        /// It says so itself.
        itself: bool,
        place: Option<OwnedSemaphorePermit>,
    },
    ChangeVoters {
        change: ChangeVoters,
        when: Acknowledge,
        reply: oneshot::Sender<Result<(), ChangeError>>,
        appended: oneshot::Sender<Option<Offset>>,
    },
    MayChangeVoters {
        change: ChangeVoters,
        reply: oneshot::Sender<Result<(), ChangeError>>,
        place: OwnedSemaphorePermit,
    },
    Snapshot(SealedSnapshot),
    /// The node cannot go on.
    Fail(QuorumError),
    Describe {
        reply: oneshot::Sender<Option<QuorumDescription>>,
        place: OwnedSemaphorePermit,
    },
    Resign,
    Leave {
        reply: oneshot::Sender<()>,
    },
    Stop {
        reply: oneshot::Sender<()>,
    },
}

/// The way to the quorum's thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct QuorumHandle {
    commands: Arc<mpsc::SyncSender<Command>>,
    status: watch::Receiver<QuorumStatus>,
    voters: watch::Receiver<Arc<Voters>>,
    addresses: Addresses,
    /// Places in the queue for what others ask. Kept until the thread has taken the command: whoever asked may be gone by
    /// then.
    places: Arc<Semaphore>,
    /// Keeps the thread's end of the story: joined by the last handle's [`QuorumHandle::stop`].
    thread: Arc<std::sync::Mutex<Option<std::thread::JoinHandle<()>>>>,
}

/// Commands that wait for the thread before a sender has to wait.
const QUEUE: usize = 1024;
/// How many of them others may fill. A sender that finds the queue full waits with its whole thread, so this node's own
/// commands must find room.
const PLACES: usize = QUEUE - 256;

impl QuorumHandle {
    /// Appends batches of framed metadata records as leader of `epoch`. The reply is the base offset of the
    /// first batch, as soon as they are in the log; that they are committed is told by
    /// [`QuorumEvent::Committed`].
    pub fn append(
        &self,
        epoch: Epoch,
        batches: Vec<Vec<Bytes>>,
    ) -> oneshot::Receiver<Result<Offset, NotLeader>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Append { epoch, batches, reply });
        answer
    }

    /// Hands over what another node asks. A fetch is answered with the bytes of whole batches, and may wait for
    /// some as long as `wait`, within limits. It has no answer if too many wait for the thread already.
    pub fn request(&self, request: Request, wait: Duration) -> oneshot::Receiver<Response<Bytes>> {
        let (reply, answer) = oneshot::channel();
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.send(Command::Request { request, wait, reply, place });
        }
        answer
    }

    /// Hands over that another node asks for a part of a snapshot. The answer comes with the part's bytes, at most
    /// `max_bytes` of them. It has none if too many wait for the thread already.
    pub fn fetch_snapshot(
        &self,
        fetch: FetchSnapshot,
        max_bytes: usize,
    ) -> oneshot::Receiver<(Response<Bytes>, Bytes)> {
        let (reply, answer) = oneshot::channel();
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.send(Command::FetchSnapshot { fetch, max_bytes, reply, place });
        }
        answer
    }

    /// Gives a snapshot of what is committed its name, and lets the log begin after it in time.
    pub fn snapshot(&self, snapshot: SealedSnapshot) {
        self.send(Command::Snapshot(snapshot));
    }

    /// The quorum as this node sees it if it leads.
    pub async fn describe(&self) -> Option<QuorumDescription> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let (reply, answer) = oneshot::channel();
        self.send(Command::Describe { reply, place });
        answer.await.ok().flatten()
    }

    /// Those that vote, as far as this node's log tells: a change counts when it is appended.
    pub fn voters(&self) -> Arc<Voters> {
        self.voters.borrow().clone()
    }

    /// Those that vote, for whoever waits for a change.
    pub fn watch_voters(&self) -> watch::Receiver<Arc<Voters>> {
        self.voters.clone()
    }

    /// Where a controller listens for the quorum, if it is a voter or leads.
    pub fn address(&self, id: NodeId) -> Option<Peer> {
        self.addresses.lock().expect("nobody panics while holding it").get(&id).cloned()
    }

    /// A leader says where it listens itself.
    pub fn located(&self, leader: Peer) {
        // Whoever is flooded need not hear of it.
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.send(Command::Located { peer: leader, itself: true, place: Some(place) });
        }
    }

    /// Whether this node as the leader would change the voters now, if a new voter has caught up.
    pub async fn may_change_voters(&self, change: &ChangeVoters) -> Result<(), ChangeError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let Ok(place) = place else { return Err(VoterChangeError::NotLeaderOrFollower.into()) };
        let (reply, answer) = oneshot::channel();
        self.send(Command::MayChangeVoters { change: change.clone(), reply, place });
        answer.await.unwrap_or(Err(VoterChangeError::NotLeaderOrFollower.into()))
    }

    /// Changes the voters by one, as the leader. The change has its place in the log among what the controller appends, so
    /// only the controller may ask for it: the end of the log after it comes back, or `None` where nothing was appended.
    /// `reply` is told what became of it.
    pub(crate) fn change_voters(
        &self,
        change: ChangeVoters,
        when: Acknowledge,
        reply: oneshot::Sender<Result<(), ChangeError>>,
    ) -> oneshot::Receiver<Option<Offset>> {
        let (appended, end) = oneshot::channel();
        self.send(Command::ChangeVoters { change, when, reply, appended });
        end
    }

    /// Gives up leadership.
    pub fn resign(&self) {
        self.send(Command::Resign);
    }

    /// Gives up leadership, and returns when the other voters know or one of them leads: at once where this node does not
    /// lead or is alone, and after 5 seconds in any case, as in Kafka.
    pub async fn leave(&self) {
        let (reply, done) = oneshot::channel();
        self.send(Command::Leave { reply });
        // An error means that the thread is gone already.
        let _ = done.await;
    }

    /// What the quorum is doing.
    pub fn status(&self) -> QuorumStatus {
        *self.status.borrow()
    }

    /// What the quorum is doing, for whoever waits for it to change.
    pub fn watch(&self) -> watch::Receiver<QuorumStatus> {
        self.status.clone()
    }

    /// Flushes, closes the log and ends the thread.
    pub async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        self.send(Command::Stop { reply });
        // An error means that the thread is gone already.
        let _ = done.await;
        let thread = self.thread.lock().expect("nobody panics while holding it").take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    /// If the thread is gone, the reply's channel closes, and that is the answer.
    fn send(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

#[cfg(test)]
mod tests;
