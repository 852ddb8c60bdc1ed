//! One link: a task with its connection to another controller.
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
use kraftig_spec::types::{DirectoryId, NodeId};
use kraftig_wire::ErrorCode;
use tokio::sync::watch;

use super::Peer;
use crate::net::client::{ClientError, ClientOptions, Connection};
use crate::quorum::messages::{self, AnswerError, Sender};
use crate::quorum::voters::Voters;
use crate::quorum::{Command, QuorumError, identity};

/// How long somebody else answers at the address of a voter before that voter counts as misplaced.
const LASTING: Duration = Duration::from_secs(5);
/// How old the last such answer may be: other voters are asked at elections only.
const CURRENT: Duration = Duration::from_mins(1);

/// A request and its correlation id.
pub(super) type Asked = (u32, Request);

/// What all links share.
pub(super) struct Shared {
    pub(super) sender: Sender,
    pub(super) options: ClientOptions,
    /// The way to the quorum's thread. The links do not keep it alive.
    pub(super) commands: Weak<mpsc::SyncSender<Command>>,
    /// The voters.
    pub(super) voters: Mutex<Arc<Voters>>,
    /// How many addresses there are of controllers whose ids are not known.
    pub(super) unnamed: usize,
    /// The voters that said last that they belong to another cluster.
    pub(super) foreign: Mutex<BTreeSet<NodeId>>,
    /// The voters at whose addresses somebody else is.
    pub(super) misplaced: Mutex<Misplaced>,
    /// The controllers that were not found, and where they were looked for.
    pub(super) lost: Mutex<BTreeMap<NodeId, Peer>>,
}

/// The voters at whose addresses somebody else answers: since when, and when last. One answer may be that of a node that
/// was there before, so that only those count at whose addresses it stays so.
#[derive(Default)]
pub(super) struct Misplaced(BTreeMap<NodeId, (Instant, Instant)>);

impl Misplaced {
    /// Somebody else answered at the address of a voter. The voters that it is so with now, for [`LASTING`].
    fn add(&mut self, id: NodeId, now: Instant) -> BTreeSet<NodeId> {
        let (since, last) = self.0.entry(id).or_insert((now, now));
        if now - *last > CURRENT {
            *since = now;
        }
        *last = now;
        let counts = |(since, last): &(Instant, Instant)| {
            now - *last <= CURRENT && *last - *since >= LASTING
        };
        self.0.iter().filter(|(_, times)| counts(times)).map(|(id, _)| *id).collect()
    }
}

impl Shared {
    /// What was found of a node counts no more.
    pub(super) fn forget(&self, id: NodeId) {
        lock(&self.foreign).remove(&id);
        lock(&self.misplaced).0.remove(&id);
        lock(&self.lost).remove(&id);
    }

    /// Whether the voters without these are a majority; where none is known, whether there is anybody else to ask for them.
    fn can_do_without(&self, nodes: &BTreeSet<NodeId>) -> bool {
        let voters = lock(&self.voters).clone();
        if voters.voters.is_empty() {
            return nodes.iter().filter(|id| id.0 < 0).count() < self.unnamed;
        }
        let without = nodes.iter().filter(|id| voters.get(**id).is_some()).count();
        (voters.voters.len() - without) * 2 > voters.voters.len()
    }
}

/// The task that talks to another controller.
pub(super) struct Link {
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

impl Link {
    pub(super) fn new(
        peer: Peer,
        shared: Arc<Shared>,
        asked: watch::Receiver<Option<Asked>>,
    ) -> Self {
        Self { peer, shared, asked, connection: None, proven: false, trouble: None }
    }

    /// Until the quorum's thread is gone.
    pub(super) async fn run(mut self) {
        while let Ok((correlation, request)) = self.next().await {
            if self.connection.is_none() && !self.connect().await {
                self.tell(Command::Failed { to: self.peer.id, correlation });
                continue;
            }
            let Some(connection) = &self.connection else { continue };
            let answer = tokio::select! {
                answer = exchange(connection, &self.shared, &request) => answer,
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
                Ok(Answered { response, chunk, leader }) => {
                    self.proven = true;
                    if let Some(peer) = leader {
                        self.tell(Command::Located { peer, itself: false, place: None });
                    }
                    // Whoever is there takes itself for the one that was asked: the voter that a vote or the beginning of an
                    // epoch is for, or the leader. Any other answer could be anybody's.
                    if response.error == Error::None
                        && !matches!(request, Request::EndQuorumEpoch(_))
                    {
                        self.forget_misplaced();
                        lock(&self.shared.lost).remove(&self.peer.id);
                    }
                    if response.error == Error::InvalidVoterKey {
                        self.is_lost();
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
                self.is_lost();
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
            foreign.clone()
        };
        if self.shared.can_do_without(&foreign) {
            return;
        }
        let theirs = match &self.connection {
            Some(connection) => identity::cluster(connection, self.limit()).await,
            None => None,
        };
        self.tell(Command::Fail(QuorumError::ForeignCluster {
            cluster_id: self.shared.sender.cluster_id.to_string(),
            other: theirs.map_or_else(|| "another one".to_owned(), |id| id.to_string()),
            peer: self.peer.to_string(),
        }));
    }

    /// Whoever is there says that it is not the voter that was asked. As with another cluster, a node that has too many
    /// addresses wrong stops; but only if that lasts, for a name may stand for another address by and by. So the connection
    /// is dropped, and the name looked up anew for the next one. Where the log names the voters none stops: a voter may have
    /// lost its disk, and be removed and added again.
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
        let voters = lock(&self.shared.voters).clone();
        if voters.kraft_version > 0 {
            let directory = voters.get(node).map(|voter| voter.replica.directory);
            let directory = directory.unwrap_or(DirectoryId::ABSENT);
            self.complain(&format!(
                "{found} answers there, and the voter is node {node} with directory.id {directory}: remove that voter and add the one that is there (kraftig metadata-quorum remove-controller, add-controller)"
            ));
        } else {
            self.complain(&format!(
                "{found} answers there: correct controller.quorum.voters, or node.id of that node"
            ));
            let misplaced = lock(&self.shared.misplaced).add(node, Instant::now());
            if !self.shared.can_do_without(&misplaced) {
                self.tell(Command::Fail(QuorumError::OtherVoter { node, address, found }));
            }
        }
        self.connection = None;
    }

    fn is_misplaced(&self) -> bool {
        lock(&self.shared.misplaced).0.contains_key(&self.peer.id)
    }

    fn is_lost(&self) {
        lock(&self.shared.lost).insert(self.peer.id, self.peer.clone());
    }

    fn forget_misplaced(&self) {
        lock(&self.shared.misplaced).0.remove(&self.peer.id);
    }

    /// How long a question may take.
    fn limit(&self) -> Duration {
        self.shared.options.connect_timeout
    }

    fn well(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!("quorum: {} answers again", self.peer);
            lock(&self.shared.foreign).remove(&self.peer.id);
        }
    }

    fn complain(&mut self, text: &str) {
        if self.trouble.as_deref() != Some(text) {
            tracing::warn!("quorum: {}: {text}", self.peer);
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

pub(super) fn lock<T>(voters: &Mutex<T>) -> MutexGuard<'_, T> {
    voters.lock().expect("nobody panics while holding it")
}

/// Returns when the connection has ended; never if there is none.
async fn closed(connection: Option<&Connection>) -> ClientError {
    match connection {
        Some(connection) => connection.closed().await,
        None => std::future::pending().await,
    }
}

/// What an answer says.
struct Answered {
    response: Response<Bytes>,
    /// The bytes of a snapshot, if it brings some.
    chunk: Bytes,
    /// Where the leader is that it names.
    leader: Option<Peer>,
}

/// Asks, and reads the answer.
async fn exchange(
    connection: &Connection,
    shared: &Shared,
    request: &Request,
) -> Result<Answered, LinkError> {
    let sender = &shared.sender;
    // Answers of all kinds have the same field.
    macro_rules! asked {
        ($request:expr, $read:expr) => {{
            let answer = connection.send(&$request).await?;
            let mut at = answer.node_endpoints.iter().map(|at| {
                let (id, host, port) = (NodeId(at.node_id), at.host.to_string(), at.port.into());
                (id, host, port)
            });
            let first: Option<(NodeId, String, i64)> = at.next();
            ($read(answer)?, first)
        }};
    }
    let without_chunk = |response: Response<Bytes>| (response, Bytes::new());
    let ((response, chunk), at) = match request {
        Request::Vote(vote) => {
            asked!(sender.vote(vote), |it| messages::vote_answer(it).map(without_chunk))
        }
        Request::BeginQuorumEpoch(begin) => {
            asked!(sender.begin(begin), |it| messages::begin_answer(it).map(without_chunk))
        }
        Request::EndQuorumEpoch(end) => {
            let voters = lock(&shared.voters).clone();
            asked!(sender.end(end, &voters), |it| messages::end_answer(it).map(without_chunk))
        }
        Request::Fetch(fetch) => {
            asked!(sender.fetch(fetch), |it| messages::fetch_answer(it).map(without_chunk))
        }
        Request::FetchSnapshot(fetch) => {
            asked!(sender.fetch_snapshot(fetch), |it| messages::snapshot_answer(fetch, it))
        }
    };
    let leader = at.filter(|(id, ..)| response.leader == Some(*id)).and_then(|(id, host, port)| {
        Some(Peer { id, host, port: u16::try_from(port).ok().filter(|port| *port > 0)? })
    });
    Ok(Answered { response, chunk, leader })
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
        assert_eq!(misplaced.add(one, at(0)).len(), 0, "an answer is not enough");
        assert_eq!(misplaced.add(one, at(4)).len(), 0);
        assert_eq!(misplaced.add(one, at(5)).len(), 1);
        assert_eq!(misplaced.add(other, at(6)).len(), 1, "only one of them lasts");
        assert_eq!(misplaced.add(other, at(11)).len(), 2);
        // Of the one nothing was heard any more.
        assert_eq!(misplaced.add(other, at(60)).len(), 2);
        assert_eq!(misplaced.add(other, at(66)).len(), 1);
        // And what was long ago does not count with what is now.
        assert_eq!(misplaced.add(one, at(100)).len(), 1);
        assert_eq!(misplaced.add(one, at(105)).len(), 2);
    }
}
