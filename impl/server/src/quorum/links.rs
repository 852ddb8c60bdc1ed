//! The way to the other voters: one task and one connection for each.
//!
//! A connection stays open while nothing is said, for its end is news: when one that was of use is closed the task
//! connects anew, once and at once. If that is refused, or closed before it was of any use, the core is told that the node
//! [cannot be reached](Command::Unreachable). After that it is tried again whenever there is something to say, which the
//! driver paces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak, mpsc};
use std::time::{Duration, Instant};

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
/// How long somebody else answers at the address of a voter before that voter counts as misplaced.
const LASTING: Duration = Duration::from_secs(5);
/// How old the last such answer may be: other voters are asked at elections only.
const CURRENT: Duration = Duration::from_mins(1);

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
    misplaced: Mutex<Misplaced>,
}

/// The voters at whose addresses somebody else answers: since when, and when last. One answer may be that of a node that
/// was there before, so that only those count at whose addresses it stays so.
#[derive(Default)]
struct Misplaced(BTreeMap<NodeId, (Instant, Instant)>);

impl Misplaced {
    /// Somebody else answered at the address of a voter. How many voters it is so with now, for [`LASTING`].
    fn add(&mut self, id: NodeId, now: Instant) -> usize {
        let (since, last) = self.0.entry(id).or_insert((now, now));
        if now - *last > CURRENT {
            *since = now;
        }
        *last = now;
        let counts = |(since, last): &&(Instant, Instant)| {
            now - *last <= CURRENT && *last - *since >= LASTING
        };
        self.0.values().filter(counts).count()
    }
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
            let cluster_id = sender.cluster_id.clone();
            let retry = identity::RETRY;
            let watch = identity::watch(own, local, cluster_id, options, retry, commands);
            Handle::current().spawn(watch);
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
                    // Whoever is there takes itself for the one that was asked: the voter that a vote or the beginning of an
                    // epoch is for, or the leader. Any other answer could be anybody's.
                    if response.error == Error::None
                        && !matches!(request, Request::EndQuorumEpoch(_))
                    {
                        self.forget_misplaced();
                    }
                    if response.error == Error::InvalidVoterKey {
                        self.misplaced().await;
                    } else if !self.is_misplaced() {
                        self.well();
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
                self.forget_misplaced();
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
                // At the next connection somebody else may be there.
                self.forget_misplaced();
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
        let foreign = {
            let mut foreign = lock(&self.shared.foreign);
            foreign.insert(self.peer.id);
            foreign.len()
        };
        if self.is_majority_without(foreign) {
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
    /// addresses wrong stops; but only if that lasts, for a name may stand for another address by and by. So the connection
    /// is dropped, and the name looked up anew for the next one.
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
        let misplaced = lock(&self.shared.misplaced).add(node, Instant::now());
        if !self.is_majority_without(misplaced) {
            self.tell(Command::Fail(QuorumError::OtherVoter { node, address, found }));
        }
        self.connection = None;
    }

    fn is_misplaced(&self) -> bool {
        lock(&self.shared.misplaced).0.contains_key(&self.peer.id)
    }

    fn forget_misplaced(&self) {
        lock(&self.shared.misplaced).0.remove(&self.peer.id);
    }

    /// Whether the voters without so many of them are a majority.
    fn is_majority_without(&self, count: usize) -> bool {
        (self.shared.voters - count) * 2 > self.shared.voters
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

fn lock<T>(voters: &Mutex<T>) -> MutexGuard<'_, T> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lasts_and_is_still_so_counts() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut misplaced = Misplaced::default();
        let [one, other] = [NodeId(2), NodeId(3)];
        assert_eq!(misplaced.add(one, at(0)), 0, "an answer is not enough");
        assert_eq!(misplaced.add(one, at(4)), 0);
        assert_eq!(misplaced.add(one, at(5)), 1);
        assert_eq!(misplaced.add(other, at(6)), 1, "only one of them lasts");
        assert_eq!(misplaced.add(other, at(11)), 2);
        // Of the one nothing was heard any more.
        assert_eq!(misplaced.add(other, at(60)), 2);
        assert_eq!(misplaced.add(other, at(66)), 1);
        // And what was long ago does not count with what is now.
        assert_eq!(misplaced.add(one, at(100)), 1);
        assert_eq!(misplaced.add(one, at(105)), 2);
    }
}
