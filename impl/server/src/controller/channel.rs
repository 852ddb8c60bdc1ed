//! The way to the active controller, which may be this node's own or another one over the network.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kraftig_spec::types::{Epoch, NodeId};
use kraftig_wire::{ErrorCode, Request};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::ControllerHandle;
use crate::config::Config;
use crate::net::client::{ClientError, ClientOptions, Connection};
use crate::quorum::{QuorumHandle, QuorumStatus};

/// How long to wait before a controller is asked again that did not answer or is not active, if no other leads
/// meanwhile.
const RETRY: Duration = Duration::from_millis(50);
/// How long the answer of a controller is waited for once another leads. One that resigns answers what it had decided.
const GRACE: Duration = Duration::from_millis(100);

/// Something to ask of the active controller.
pub trait Question: Sync {
    /// What it answers.
    type Answer: Send;

    /// Asks the controller of this node. `None`: it is not active.
    fn here(
        &self,
        controller: &ControllerHandle,
    ) -> impl Future<Output = Option<Self::Answer>> + Send;

    /// Asks a controller over the network. `None`: it is not active.
    fn there(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<Option<Self::Answer>, ClientError>> + Send;
}

/// A request that nodes send to the active controller as it is.
pub trait Direct: Request + Sync {
    /// What the controller of this node answers to the newest version.
    fn serve(self, controller: &ControllerHandle) -> impl Future<Output = Self::Response> + Send;

    /// The error of an answer.
    fn error(response: &Self::Response) -> ErrorCode;
}

impl<R: Direct + Clone + Send> Question for R
where
    R::Response: Send,
{
    type Answer = R::Response;

    async fn here(&self, controller: &ControllerHandle) -> Option<R::Response> {
        Some(self.clone().serve(controller).await)
            .filter(|response| R::error(response) != ErrorCode::NOT_CONTROLLER)
    }

    async fn there(&self, connection: &Connection) -> Result<Option<R::Response>, ClientError> {
        let response = connection.send(self).await?;
        Ok(Some(response).filter(|response| R::error(response) != ErrorCode::NOT_CONTROLLER))
    }
}

/// No controller answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no active controller answered within {} ms", .0.as_millis())]
pub struct NoAnswer(pub Duration);

/// Asks whoever leads the quorum, as often as it takes.
///
/// A controller answers one request of a connection after the other, so there are several of them: what is asked at
/// the same time is decided and flushed together.
pub struct ControllerChannel {
    /// This node, if it may lead.
    local: Option<(NodeId, ControllerHandle)>,
    quorum: QuorumHandle,
    options: ClientOptions,
    /// Connections that nothing is asked on, all to the same node.
    idle: Mutex<Idle>,
    /// One for each connection that is in use.
    turns: Semaphore,
}

#[derive(Default)]
struct Idle {
    to: Option<NodeId>,
    connections: Vec<Connection>,
}

/// Who leads in which epoch.
pub(crate) type Leadership = (Epoch, Option<NodeId>);

fn leadership(status: &QuorumStatus) -> Leadership {
    (status.epoch, status.leader)
}

impl ControllerChannel {
    /// A way of its own, with at most so many connections.
    pub fn new(
        config: &Config,
        controller: &ControllerHandle,
        quorum: QuorumHandle,
        connections: usize,
    ) -> Self {
        Self {
            local: config.roles.controller.then(|| (config.node_id, controller.clone())),
            quorum,
            options: ClientOptions::of(config),
            idle: Mutex::default(),
            turns: Semaphore::new(connections),
        }
    }

    /// Asks until a controller that is active has answered. What a connection that ended has taken along is asked
    /// again, so it may have been done before, as in Kafka.
    pub async fn ask<Q: Question>(
        &self,
        question: &Q,
        within: Duration,
    ) -> Result<Q::Answer, NoAnswer> {
        timeout(within, self.until_answered(question)).await.map_err(|_| NoAnswer(within))
    }

    /// Who leads, as far as this node knows.
    pub(crate) fn leadership(&self) -> Leadership {
        leadership(&self.quorum.status())
    }

    /// Returns when another node leads than at the call before, or none.
    pub(crate) async fn moved(&self, seen: &mut Leadership) {
        let mut status = self.quorum.watch();
        let now = status.wait_for(|now| leadership(now) != *seen).await;
        match now.map(|now| leadership(&now)) {
            Ok(now) => *seen = now,
            // The quorum has stopped, and the node will.
            Err(_) => std::future::pending().await,
        }
    }

    async fn until_answered<Q: Question>(&self, question: &Q) -> Q::Answer {
        let mut status = self.quorum.watch();
        loop {
            let mut seen = leadership(&status.borrow_and_update());
            let answer = match (seen.1, &self.local) {
                (None, _) => None,
                (Some(leader), Some((id, controller))) if leader == *id => {
                    question.here(controller).await
                }
                (Some(leader), _) => tokio::select! {
                    answer = self.there(leader, question) => answer,
                    () = outlived(status.clone(), seen) => None,
                },
            };
            if let Some(answer) = answer {
                return answer;
            }
            tokio::select! {
                () = self.moved(&mut seen) => {}
                () = sleep(RETRY), if seen.1.is_some() => {}
            }
        }
    }

    async fn there<Q: Question>(&self, leader: NodeId, question: &Q) -> Option<Q::Answer> {
        let Ok(_turn) = self.turns.acquire().await else { return None };
        if let Some(connection) = self.take_idle(leader)
            && let Ok(answer) = self.over(leader, connection, question).await
        {
            return answer;
        }
        // There was none, or it had been closed, which says nothing of the controller.
        let asked = async {
            let connection = self.connect(leader).await?;
            self.over(leader, connection, question).await
        };
        asked.await.unwrap_or_else(|error| {
            tracing::debug!("controller {leader} does not answer: {error}");
            None
        })
    }

    async fn over<Q: Question>(
        &self,
        leader: NodeId,
        connection: Connection,
        question: &Q,
    ) -> Result<Option<Q::Answer>, ClientError> {
        let answer = question.there(&connection).await?;
        self.put_idle(leader, connection);
        Ok(answer)
    }

    async fn connect(&self, leader: NodeId) -> Result<Connection, ClientError> {
        let at = self.quorum.address(leader).ok_or(ClientError::NoAddress)?;
        Connection::open(&at.host, at.port, &self.options).await
    }

    fn take_idle(&self, leader: NodeId) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.to != Some(leader) {
            // Those of a leader that went are of no more use.
            *idle = Idle { to: Some(leader), connections: Vec::new() };
        }
        idle.connections.pop()
    }

    fn put_idle(&self, leader: NodeId, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.to == Some(leader) {
            idle.connections.push(connection);
        }
    }
}

/// Returns some time after the leader has changed.
async fn outlived(mut status: watch::Receiver<QuorumStatus>, seen: Leadership) {
    // An error: the quorum has stopped, and this node will.
    let _ = status.wait_for(|now| leadership(now) != seen).await;
    sleep(GRACE).await;
}
