//! Drives [`kraftig_spec::controller`]: one task owns the metadata of the cluster.
//!
//! It replays what the quorum has committed and publishes the [`Image`] that all others read. While its node
//! leads the quorum it also takes requests from a bounded queue, decides each on the image that includes what
//! was appended before, and answers once the records are committed and every consequence of them is there. It
//! decides nothing itself: the records and the answers are the spec's.

pub(crate) mod change_voters;
mod channel;
pub mod describe_quorum;
mod driver;
pub mod forward;
mod loader;
pub mod messages;
pub mod raft;
pub mod records;
pub(crate) mod registration;
mod snapshots;
pub mod update_features;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kraftig_spec::controller::record::RegisterController;
use kraftig_spec::controller::{
    ApiError, BrokerRegistration, CreateTopics, CreatedTopic, DeleteTopics, DeletedTopic,
    Heartbeat, HeartbeatReply, Image, Record, Settings,
};
use kraftig_spec::quorum::VoterChangeError;
use kraftig_spec::types::{NodeId, Offset};
use kraftig_wire::ErrorCode;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use crate::quorum::{Acknowledge, ChangeError, ChangeVoters};

pub use channel::{ControllerChannel, NoAnswer};
pub use driver::{ControllerFailure, start};
pub use forward::Forward;
pub use snapshots::SnapshotOptions;

/// Requests that wait for the controller before a sender has to wait.
const QUEUE: usize = 1024;
/// How long a change of the voters that cannot be made just now waits before it is tried again.
const CHANGE_RETRY: Duration = Duration::from_millis(10);
/// How much time there must be left for one more try: what it is refused with is to be heard.
const LAST_TRY: Duration = Duration::from_millis(200);

/// Puts a new image into effect on this node before anyone sees it: given the image before and the new one. It may
/// block.
pub type Apply = Box<dyn FnMut(&Image, &Image) + Send>;

/// What the task needs to start.
pub struct ControllerOptions {
    /// What it needs where it may become the active controller.
    pub decisions: DecisionOptions,
    /// Where the image is published.
    pub published: Arc<ArcSwap<Image>>,
    /// What happens before an image is published.
    pub apply: Apply,
    /// When it takes snapshots of the metadata.
    pub snapshots: SnapshotOptions,
    /// Whether the node is a broker: then it shows the metadata from its own registration on.
    pub is_broker: bool,
}

/// What an active controller decides by.
pub struct DecisionOptions {
    /// What its decisions take from the configuration.
    pub settings: Arc<Settings>,
    /// The records of `bootstrap.checkpoint`: how a cluster begins.
    pub bootstrap: Vec<Record>,
    /// How this controller announces itself.
    pub registration: RegisterController,
    /// `broker.session.timeout.ms`.
    pub session_timeout_ms: i64,
    /// `metadata.max.idle.interval.ms`; 0 for no `NoOpRecord`s.
    pub max_idle_interval_ms: u64,
    /// Most bytes of a batch (`internal.metadata.max.batch.size.in.bytes`): no more than a segment of the log holds.
    pub max_batch_bytes: usize,
}

/// Why the controller did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}", message.as_deref().unwrap_or("no message"))]
pub struct ControllerError {
    /// Kafka's error.
    pub code: ErrorCode,
    /// The text for whoever reads it.
    pub message: Option<String>,
}

impl ControllerError {
    /// An error with its text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// This node's controller is not the active one, or is no longer.
    pub fn not_controller() -> Self {
        Self::new(ErrorCode::NOT_CONTROLLER, "No controller appears to be active.")
    }
}

impl From<ApiError> for ControllerError {
    fn from(error: ApiError) -> Self {
        Self { code: ErrorCode(error.code.code()), message: error.message }
    }
}

/// What the controller answers, or `REQUEST_TIMED_OUT` if it takes longer than the client waits.
pub async fn within<R>(
    timeout: Duration,
    answer: impl Future<Output = Result<R, ControllerError>>,
) -> Result<R, ControllerError> {
    tokio::time::timeout(timeout, answer)
        .await
        .unwrap_or(Err(ControllerError { code: ErrorCode::REQUEST_TIMED_OUT, message: None }))
}

type Reply<R> = oneshot::Sender<Result<R, ControllerError>>;

enum Request {
    CreateTopics(CreateTopics, Reply<Vec<CreatedTopic>>),
    DeleteTopics(DeleteTopics, Reply<Vec<DeletedTopic>>),
    RegisterBroker(BrokerRegistration, Reply<i64>),
    Heartbeat(Heartbeat, Reply<HeartbeatReply>),
    AllocateProducerIds(NodeId, i64, Reply<i64>),
    RegisterController(RegisterController, Reply<()>),
    ChangeVoters(ChangeVoters, Acknowledge, oneshot::Sender<Result<(), ChangeError>>),
}

/// The way to the controller. Cheap to clone.
#[derive(Clone)]
pub struct ControllerHandle {
    requests: mpsc::Sender<Request>,
    active: watch::Receiver<bool>,
    shown: watch::Receiver<Offset>,
    registered: Arc<watch::Sender<Option<Offset>>>,
    stop: Arc<Notify>,
}

impl fmt::Debug for ControllerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControllerHandle").finish_non_exhaustive()
    }
}

impl ControllerHandle {
    /// Creates topics; each has its own outcome.
    pub async fn create_topics(
        &self,
        request: CreateTopics,
    ) -> Result<Vec<CreatedTopic>, ControllerError> {
        self.ask(|reply| Request::CreateTopics(request, reply)).await
    }

    /// Deletes topics; each has its own outcome.
    pub async fn delete_topics(
        &self,
        request: DeleteTopics,
    ) -> Result<Vec<DeletedTopic>, ControllerError> {
        self.ask(|reply| Request::DeleteTopics(request, reply)).await
    }

    /// Registers a broker; gives its broker epoch.
    pub async fn register_broker(
        &self,
        request: BrokerRegistration,
    ) -> Result<i64, ControllerError> {
        self.ask(|reply| Request::RegisterBroker(request, reply)).await
    }

    /// Hands in a broker's heartbeat.
    pub async fn heartbeat(&self, request: Heartbeat) -> Result<HeartbeatReply, ControllerError> {
        self.ask(|reply| Request::Heartbeat(request, reply)).await
    }

    /// Hands out a block of [`kraftig_spec::controller::PRODUCER_ID_BLOCK`] producer ids; gives the first.
    pub async fn allocate_producer_ids(
        &self,
        broker_id: NodeId,
        broker_epoch: i64,
    ) -> Result<i64, ControllerError> {
        self.ask(|reply| Request::AllocateProducerIds(broker_id, broker_epoch, reply)).await
    }

    /// Registers another controller.
    pub async fn register_controller(
        &self,
        request: RegisterController,
    ) -> Result<(), ControllerError> {
        self.ask(|reply| Request::RegisterController(request, reply)).await
    }

    /// Changes the voters of the quorum by one. What cannot be done just now, because nothing of this epoch is committed yet or
    /// another change is under way, is tried again until the time `within` is over. A new voter that has not caught up is not waited for:
    /// others may want a change meanwhile.
    pub async fn change_voters(
        &self,
        change: ChangeVoters,
        when: Acknowledge,
        within: Duration,
    ) -> Result<(), ChangeError> {
        let end = Instant::now() + within;
        loop {
            let (reply, answer) = oneshot::channel();
            let asked = async {
                let request = Request::ChangeVoters(change.clone(), when, reply);
                self.requests.send(request).await.ok()?;
                answer.await.ok()
            };
            let Ok(answer) = tokio::time::timeout_at(end, asked).await else {
                // It may still be committed.
                return Err(VoterChangeError::RequestTimedOut.into());
            };
            match answer.unwrap_or(Err(VoterChangeError::NotLeaderOrFollower.into())) {
                Err(ChangeError::Refused(
                    VoterChangeError::HighWatermarkUnknown | VoterChangeError::ChangeUncommitted,
                )) if Instant::now() + LAST_TRY < end => {
                    sleep(CHANGE_RETRY).await;
                }
                answer => return answer,
            }
        }
    }

    /// The end of the image that is published, for whoever waits for a new one.
    pub fn shown(&self) -> watch::Receiver<Offset> {
        self.shown.clone()
    }

    /// This node's broker is registered, by the records at this offset.
    pub fn broker_is_registered(&self, offset: Offset) {
        self.registered.send_replace(Some(offset));
    }

    /// Waits until this node's controller is the active one; `false` if it stopped instead.
    pub async fn wait_until_active(&self) -> bool {
        self.active.clone().wait_for(|active| *active).await.is_ok()
    }

    /// Ends the task: what is decided is committed if that is soon, and the rest answered with `NOT_CONTROLLER`.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    async fn ask<R>(
        &self,
        request: impl FnOnce(Reply<R>) -> Request,
    ) -> Result<R, ControllerError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| ControllerError::not_controller())?;
        answer.await.unwrap_or_else(|_| Err(ControllerError::not_controller()))
    }
}

#[cfg(test)]
mod tests;
