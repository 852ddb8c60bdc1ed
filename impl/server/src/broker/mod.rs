//! What a broker answers its clients: one file an API, and what they share.

pub mod api_versions;
mod auto_create;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_topic_partitions;
pub mod fetch;
pub mod find_coordinator;
pub mod init_producer_id;
pub(crate) mod lifecycle;
pub mod list_offsets;
pub mod metadata;
pub mod produce;
pub mod replica;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::controller::{Image, Settings, check_topic_name};
use kraftig_spec::types::{NodeId, TopicId};
use kraftig_wire::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use kraftig_wire::{ErrorCode, Str};

use crate::config::Config;
use crate::controller::raft::Peers;
use crate::controller::raft::voters::VoterChanges;
use crate::controller::{ControllerChannel, ControllerError, ControllerHandle, Forward};
use crate::quorum::QuorumHandle;
use init_producer_id::ProducerIds;
use replica::ReplicaManager;

/// Connections to the active controller for what clients ask: so many requests are decided at the same time.
const CONTROLLER_CONNECTIONS: usize = 16;

/// What may be done to the cluster, as a bit field: everything, for there is no authorizer (KIP-430).
const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;
/// What may be done to a topic.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// Kafka's text for `INVALID_REQUEST` where it has nothing more to say.
const INVALID_REQUEST_TEXT: Str = Str::from_static(
    "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.",
);

/// What request handlers share.
pub struct Broker {
    /// The node's configuration.
    pub config: Config,
    /// What the configuration says to decisions and to topic configs.
    pub settings: Arc<Settings>,
    /// The cluster's id.
    pub cluster_id: Str,
    /// The cluster as the committed metadata records have it. Take one image for one request.
    pub metadata: Arc<ArcSwap<Image>>,
    /// This node's partitions.
    pub replicas: Arc<ReplicaManager>,
    /// This node's own controller, which may be active or not; on just a broker what replays the metadata.
    pub controller: ControllerHandle,
    /// The way of what clients and this broker ask to the active controller.
    pub to_controller: ControllerChannel,
    /// The same for the broker's registration and its heartbeats, which wait behind nothing.
    pub to_controller_alone: ControllerChannel,
    /// The metadata quorum.
    pub quorum: QuorumHandle,
    /// The quorum as other nodes reach it.
    pub peers: Peers,
    /// Who votes in it, as it is changed.
    pub voters: VoterChanges,
    /// The producer ids that this broker may hand out.
    pub producer_ids: ProducerIds,
    epoch: AtomicI64,
    /// The topics that are being created because somebody asked for them.
    creating: Mutex<HashSet<String>>,
}

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The listener.
    pub listener: Arc<ListenerContext>,
    /// The client's address.
    pub peer: SocketAddr,
    /// What the client calls itself.
    pub client_id: Option<Str>,
}

/// A listener as requests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerContext {
    /// Its name, in upper case.
    pub name: String,
    /// Whether it is one of the controllers'.
    pub is_controller: bool,
}

impl Broker {
    /// What handlers share, of a broker that is not registered yet.
    pub fn new(
        config: Config,
        settings: Arc<Settings>,
        metadata: Arc<ArcSwap<Image>>,
        replicas: Arc<ReplicaManager>,
        controller: ControllerHandle,
        quorum: QuorumHandle,
    ) -> Self {
        let cluster_id = Str::from(&settings.cluster_id);
        let channel =
            |connections| ControllerChannel::new(&config, &controller, quorum.clone(), connections);
        let listener = config.listeners.controller_names.first().cloned().unwrap_or_default();
        Self {
            to_controller: channel(CONTROLLER_CONNECTIONS),
            to_controller_alone: channel(1),
            peers: Peers::new(quorum.clone(), config.node_id, cluster_id.clone(), listener),
            voters: VoterChanges::new(
                quorum.clone(),
                controller.clone(),
                &config,
                cluster_id.clone(),
            ),
            controller,
            quorum,
            config,
            cluster_id,
            settings,
            metadata,
            replicas,
            producer_ids: ProducerIds::default(),
            epoch: AtomicI64::new(-1),
            creating: Mutex::default(),
        }
    }

    /// This node.
    pub fn id(&self) -> NodeId {
        self.config.node_id
    }

    /// The epoch of this broker's registration; -1 before it has one.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn set_epoch(&self, epoch: i64) {
        self.epoch.store(epoch, Ordering::Release);
    }

    /// The controller as clients are told of it: any broker that serves, for all of them take what is meant for the
    /// controller (KIP-590). Here it is this one; -1 while it does not serve.
    fn controller_id(&self, image: &Image) -> i32 {
        let serves = |id| image.brokers.get(&id).is_some_and(|broker| !broker.fenced);
        Some(self.id()).filter(|id| serves(*id)).map_or(-1, |id| id.0)
    }

    /// `request.timeout.ms`.
    pub(crate) fn request_timeout(&self) -> Duration {
        let ms = u64::try_from(self.config.broker.request_timeout_ms).unwrap_or_default();
        Duration::from_millis(ms)
    }

    /// The active controller's answer to a client's request, which is its header and what follows. As a frame, or the
    /// error that the client is to be told.
    pub async fn forward(
        &self,
        context: &RequestContext,
        request: Bytes,
    ) -> Result<BytesMut, ErrorCode> {
        let forward = Forward { request, client: context.peer.ip() };
        match self.to_controller.ask(&forward, self.request_timeout()).await {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(error)) => {
                tracing::warn!("the controller answers what a client asks with {error}");
                Err(ErrorCode::UNKNOWN_SERVER_ERROR)
            }
            Err(error) => {
                tracing::warn!("what a client asks is not done: {error}");
                Err(ErrorCode::REQUEST_TIMED_OUT)
            }
        }
    }

    /// A block of producer ids of this broker's own: the first of them.
    pub async fn allocate_producer_ids(&self) -> Result<i64, ErrorCode> {
        let request =
            AllocateProducerIdsRequest { broker_id: self.id().0, broker_epoch: self.epoch() };
        let asked = self.to_controller.ask(&request, self.request_timeout()).await;
        let response = asked.map_err(|_| ErrorCode::REQUEST_TIMED_OUT)?;
        match ErrorCode(response.error_code) {
            ErrorCode::NONE => Ok(response.producer_id_start),
            error => Err(error),
        }
    }
}

/// Where a node listens under a listener's name.
fn endpoint<'a>(end_points: &'a [Endpoint], listener: &str) -> Option<&'a Endpoint> {
    end_points.iter().find(|endpoint| endpoint.name == listener)
}

/// Whether the topic is one of Kafka's own.
fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// Whether a topic may have the name.
fn is_topic_name(name: &str) -> bool {
    check_topic_name(name).is_ok()
}

fn no_random(error: impl std::fmt::Display) -> ControllerError {
    tracing::error!("no random bytes: {error}");
    ControllerError { code: ErrorCode::UNKNOWN_SERVER_ERROR, message: None }
}

fn random_topic_id() -> Result<TopicId, ControllerError> {
    kraftig_log::meta_properties::random_uuid().map(TopicId).map_err(no_random)
}

fn random_seed() -> Result<u64, ControllerError> {
    getrandom::u64().map_err(no_random)
}
