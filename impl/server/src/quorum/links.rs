//! The way to the other voters: one task and one connection for each.
//!
//! A connection stays open while nothing is said, for its end is news: when one that was of use is closed the task
//! connects anew, once and at once. If that is refused, or closed before it was of any use, the core is told that the node
//! [cannot be reached](Command::Unreachable). After that it is tried again whenever there is something to say, which the
//! driver paces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak, mpsc};
use std::time::Duration;

use bytes::Bytes;
use kraftig_spec::quorum::{Error, Request, Response};
use kraftig_spec::types::{NodeId, ReplicaKey};
use kraftig_wire::ErrorCode;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::messages::{self, AnswerError, Sender};
use super::recovery::LARGEST_BATCH;
use super::{Command, QuorumError, identity};
use crate::net::client::{ClientError, ClientOptions, Connection};

/// What an answer holds beside its records.
const BESIDE_RECORDS: usize = 64 << 10;

/// Another voter, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its node id.
    pub id: NodeId,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The links to all other voters. Dropped they end.
pub(super) struct Links {
    asked: BTreeMap<NodeId, watch::Sender<Option<Asked>>>,
}

/// A request and its correlation id.
type Asked = (u32, Request);

/// What all links share.
struct Shared {
    sender: Sender,
    options: ClientOptions,
    /// The way to the quorum's thread. The links do not keep it alive.
    commands: Weak<mpsc::SyncSender<Command>>,
    /// How many voters there are.
    voters: usize,
    /// The voters that said last that they belong to another cluster.
    foreign: Mutex<BTreeSet<NodeId>>,
    /// The voters at whose addresses somebody else is.
    misplaced: Mutex<BTreeSet<NodeId>>,
}

struct Link {
    peer: Peer,
    shared: Arc<Shared>,
    asked: watch::Receiver<Option<Asked>>,
    connection: Option<Connection>,
    /// There was an answer on the connection.
    proven: bool,
    /// What was logged last: the same trouble is told once.
    trouble: Option<String>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl Links {
    /// Links from `local` to the peers that are others, on this thread's runtime. Answers go to `commands`.
    pub(super) fn start(
        local: ReplicaKey,
        peers: Vec<Peer>,
        voters: usize,
        sender: Sender,
        timeout: Duration,
        commands: Weak<mpsc::SyncSender<Command>>,
    ) -> Self {
        let options = ClientOptions {
            client_id: format!("raft-client-{}", local.id),
            connect_timeout: timeout,
            max_response_bytes: LARGEST_BATCH + BESIDE_RECORDS,
        };
        let (own, peers): (Vec<_>, Vec<_>) =
            peers.into_iter().partition(|peer| peer.id == local.id);
        for own in own {
            let (options, commands) = (options.clone(), commands.clone());
            Handle::current().spawn(identity::watch(own, local, options, commands));
        }
        let (foreign, misplaced) = Default::default();
        let shared = Arc::new(Shared { sender, options, commands, voters, foreign, misplaced });
        let start = |peer: Peer| {
            let (to, asked) = watch::channel(None);
            let id = peer.id;
            let shared = shared.clone();
            let link = Link { peer, shared, asked, connection: None, proven: false, trouble: None };
            Handle::current().spawn(link.run());
            (id, to)
        };
        Self { asked: peers.into_iter().map(start).collect() }
    }

    /// Sends a request in place of the one before, which nobody waits for any longer.
    pub(super) fn send(&self, to: NodeId, correlation: u32, request: Request) {
        if let Some(asked) = self.asked.get(&to) {
            asked.send_replace(Some((correlation, request)));
        }
    }
}

impl Link {
    /// Until the quorum's thread is gone.
    async fn run(mut self) {
        while let Ok((correlation, request)) = self.next().await {
            if self.connection.is_none() && !self.connect().await {
                self.tell(Command::Failed { to: self.peer.id, correlation });
                continue;
            }
            let Some(connection) = &self.connection else { continue };
            let answer = tokio::select! {
                answer = exchange(connection, &self.shared.sender, &request) => answer,
                // Given up, for another request or with the thread. What comes late could be in the way of all others.
                changed = self.asked.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.asked.mark_changed();
                    self.connection = None;
                    continue;
                }
            };
            match answer {
                Ok((response, chunk)) => {
                    self.proven = true;
                    match (&request, response.error) {
                        (_, Error::InvalidVoterKey) => self.misplaced().await,
                        (Request::Fetch(_) | Request::FetchSnapshot(_), _) => self.well(),
                        // These say whom they are for.
                        _ => {
                            lock(&self.shared.misplaced).remove(&self.peer.id);
                            self.well();
                        }
                    }
                    let from = self.peer.id;
                    self.tell(Command::Answered { from, correlation, response, chunk });
                }
                Err(error) => {
                    self.failed(error).await;
                    self.tell(Command::Failed { to: self.peer.id, correlation });
                }
            }
        }
    }

    /// The next request. Meanwhile the connection is watched.
    async fn next(&mut self) -> Result<Asked, watch::error::RecvError> {
        loop {
            let Self { asked, connection, .. } = self;
            tokio::select! {
                changed = asked.changed() => {
                    changed?;
                    if let Some(next) = asked.borrow_and_update().clone() {
                        return Ok(next);
                    }
                }
                error = closed(connection.as_ref()) => self.failed(error.into()).await,
            }
        }
    }

    /// Whether there is a connection now. If not, the core hears of it.
    async fn connect(&mut self) -> bool {
        let Peer { id, host, port } = &self.peer;
        self.proven = false;
        match Connection::open(host, *port, &self.shared.options).await {
            Ok(connection) => {
                self.connection = Some(connection);
                true
            }
            Err(error) => {
                self.tell(Command::Unreachable { node: *id });
                self.complain(&LinkError::from(error).to_string());
                false
            }
        }
    }

    async fn failed(&mut self, error: LinkError) {
        self.complain(&error.to_string());
        match error {
            LinkError::Answer(AnswerError::Code(ErrorCode::INCONSISTENT_CLUSTER_ID)) => {
                self.foreign().await;
            }
            LinkError::Answer(_)
            | LinkError::Client(ClientError::Encode(_) | ClientError::NotServed(_)) => {}
            LinkError::Client(_) => {
                self.connection = None;
                if self.proven {
                    self.connect().await;
                } else {
                    self.tell(Command::Unreachable { node: self.peer.id });
                }
            }
        }
    }

    /// The peer says that it belongs to another cluster. One that does is that one's fault; but a node that finds no
    /// majority that could be of its own cluster is wrong itself, or will never do anything: it stops.
    async fn foreign(&self) {
        if self.leaves_a_majority(&self.shared.foreign) {
            return;
        }
        let theirs = match &self.connection {
            Some(connection) => identity::cluster(connection, self.limit()).await,
            None => None,
        };
        let Peer { id, host, port } = &self.peer;
        self.tell(Command::Fail(QuorumError::ForeignCluster {
            cluster_id: self.shared.sender.cluster_id.to_string(),
            other: theirs.map_or_else(|| "another one".to_owned(), |id| id.to_string()),
            node: *id,
            address: format!("{host}:{port}"),
        }));
    }

    /// Whoever is there says that it is not the voter that was asked. As with another cluster, a node that has too many
    /// addresses wrong stops.
    async fn misplaced(&mut self) {
        let found = match &self.connection {
            Some(connection) => identity::node(connection, self.limit()).await,
            None => None,
        };
        let found = found.map_or_else(
            || "another node".to_owned(),
            |found| format!("node {} with directory.id {}", found.id, found.directory),
        );
        let Peer { id, host, port } = &self.peer;
        let (node, address) = (*id, format!("{host}:{port}"));
        self.complain(&format!(
            "{found} answers there: correct controller.quorum.voters, or node.id of that node"
        ));
        if !self.leaves_a_majority(&self.shared.misplaced) {
            self.tell(Command::Fail(QuorumError::OtherVoter { node, address, found }));
        }
    }

    /// Counts the peer among these voters. Whether the others are still a majority.
    fn leaves_a_majority(&self, voters: &Mutex<BTreeSet<NodeId>>) -> bool {
        let mut voters = lock(voters);
        voters.insert(self.peer.id);
        (self.shared.voters - voters.len()) * 2 > self.shared.voters
    }

    /// How long a question may take.
    fn limit(&self) -> Duration {
        self.shared.options.connect_timeout
    }

    fn well(&mut self) {
        if self.trouble.take().is_some() {
            let Peer { id, host, port } = &self.peer;
            tracing::info!("quorum: node {id} at {host}:{port} answers again");
            lock(&self.shared.foreign).remove(id);
        }
    }

    fn complain(&mut self, text: &str) {
        if self.trouble.as_deref() != Some(text) {
            let Peer { id, host, port } = &self.peer;
            tracing::warn!("quorum: node {id} at {host}:{port}: {text}");
            self.trouble = Some(text.to_owned());
        }
    }

    /// There is room: see [`QUEUE`](super::QUEUE).
    fn tell(&self, command: Command) {
        if let Some(commands) = self.shared.commands.upgrade() {
            let _ = commands.send(command);
        }
    }
}

fn lock(voters: &Mutex<BTreeSet<NodeId>>) -> MutexGuard<'_, BTreeSet<NodeId>> {
    voters.lock().expect("nobody panics while holding it")
}

/// Returns when the connection has ended; never if there is none.
async fn closed(connection: Option<&Connection>) -> ClientError {
    match connection {
        Some(connection) => connection.closed().await,
        None => std::future::pending().await,
    }
}

/// The answer, with the bytes of a snapshot if it brings some.
async fn exchange(
    connection: &Connection,
    sender: &Sender,
    request: &Request,
) -> Result<(Response<Bytes>, Bytes), LinkError> {
    let response = match request {
        Request::Vote(vote) => messages::vote_answer(connection.send(&sender.vote(vote)).await?)?,
        Request::BeginQuorumEpoch(begin) => {
            messages::begin_answer(connection.send(&sender.begin(begin)).await?)?
        }
        Request::EndQuorumEpoch(end) => {
            messages::end_answer(connection.send(&sender.end(end)).await?)?
        }
        Request::Fetch(fetch) => {
            messages::fetch_answer(connection.send(&sender.fetch(fetch)).await?)?
        }
        Request::FetchSnapshot(fetch) => {
            let answer = connection.send(&sender.fetch_snapshot(fetch)).await?;
            return Ok(messages::snapshot_answer(fetch, answer)?);
        }
    };
    Ok((response, Bytes::new()))
}
