//! `AddRaftVoter`, `RemoveRaftVoter` and `UpdateRaftVoter`, and the way from static voters (KIP-853, KIP-1186). Whether the voters change is decided by the
//! core; here is what Kafka's requests say beside, in the order in which stock Kafka looks at it, and the words of the answers.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kraftig_spec::controller::KRAFT_VERSION;
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::VoterChangeError;
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, ReplicaKey};
use kraftig_wire::messages::add_raft_voter_request::{self, AddRaftVoterRequest};
use kraftig_wire::messages::add_raft_voter_response::AddRaftVoterResponse;
use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::remove_raft_voter_response::RemoveRaftVoterResponse;
use kraftig_wire::messages::update_raft_voter_request::{self, UpdateRaftVoterRequest};
use kraftig_wire::messages::update_raft_voter_response::{CurrentLeader, UpdateRaftVoterResponse};
use kraftig_wire::{ErrorCode, Str, Uuid};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::{is_cluster, replica};
use crate::config::Config;
use crate::controller::describe_quorum::NOT_LEADER;
use crate::controller::{CHANGE_RETRY, ControllerError, ControllerHandle, LAST_TRY};
use crate::net::client::{ClientError, ClientOptions, Connection};
use crate::quorum::{
    Acknowledge, ChangeError, ChangeVoters, KRAFT_VERSIONS, QuorumHandle, QuorumStatus, Voter,
};

/// Kafka's text of the error, where a change took too long.
const TIMED_OUT: &str = "The request timed out.";
/// Where what is to be said of the voters has no end.
const TOO_LARGE: &str =
    "Listeners of voters are too many or too long: no node could read the record that names them";
/// Listeners that a voter may have.
const MOST_LISTENERS: usize = 32;
/// Bytes that the name of a listener and a host may take each. No name in DNS is longer.
const MOST_NAME_BYTES: usize = 255;

/// The way of requests to the voters of this node's quorum.
#[derive(Debug)]
pub struct VoterChanges {
    quorum: QuorumHandle,
    /// A change has its place among what it appends.
    controller: ControllerHandle,
    cluster_id: Str,
    /// The name of the listener on which controllers reach each other.
    listener: String,
    /// How who wants to vote is asked.
    client: ClientOptions,
    /// One is added or removed at a time.
    turn: Semaphore,
    told: Mutex<Told>,
}

/// What static voters told of themselves. They tell every leader, so what they told an earlier one may be wrong by now.
#[derive(Debug, Default)]
struct Told {
    /// The epoch in which they did.
    epoch: Epoch,
    voters: BTreeMap<NodeId, Voter>,
}

impl Told {
    /// What was told in an epoch; `None` once there is a later one.
    fn in_epoch(&mut self, epoch: Epoch) -> Option<&mut BTreeMap<NodeId, Voter>> {
        if self.epoch < epoch {
            *self = Self { epoch, voters: BTreeMap::new() };
        }
        (self.epoch == epoch).then_some(&mut self.voters)
    }
}

impl VoterChanges {
    /// Of the cluster with this id, on the node of this configuration.
    pub fn new(
        quorum: QuorumHandle,
        controller: ControllerHandle,
        config: &Config,
        cluster_id: Str,
    ) -> Self {
        Self {
            quorum,
            controller,
            cluster_id,
            listener: config.listeners.controller_names.first().cloned().unwrap_or_default(),
            client: ClientOptions::of(config),
            turn: Semaphore::new(1),
            told: Mutex::default(),
        }
    }

    /// Answers `AddRaftVoter`: the new voter is asked what it speaks, must have caught up, and votes once that is committed.
    /// All of it has to be done within `controller.quorum.request.timeout.ms`, as in Kafka, whatever the request says.
    pub async fn add_raft_voter(&self, request: &AddRaftVoterRequest) -> AddRaftVoterResponse {
        let (error_code, error_message) = answered(self.add(request).await);
        AddRaftVoterResponse { error_code, error_message, ..AddRaftVoterResponse::default() }
    }

    /// Answers `RemoveRaftVoter`, when it is committed.
    pub async fn remove_raft_voter(
        &self,
        request: &RemoveRaftVoterRequest,
    ) -> RemoveRaftVoterResponse {
        let (error_code, error_message) = answered(self.remove(request).await);
        RemoveRaftVoterResponse { error_code, error_message, ..RemoveRaftVoterResponse::default() }
    }

    /// Answers `UpdateRaftVoter`, as soon as it is in the log. Followers tell a leader what they listen on and speak. Where
    /// voters are static it is kept for the day when the log is to name them. `endpoint` tells where a node can be reached by who asks.
    pub async fn update_raft_voter(
        &self,
        request: &UpdateRaftVoterRequest,
        endpoint: impl Fn(NodeId) -> Option<Endpoint>,
    ) -> UpdateRaftVoterResponse {
        let error = self.update(request).await.err().unwrap_or(ErrorCode::NONE);
        let QuorumStatus { epoch, leader, .. } = self.quorum.status();
        let at = leader.and_then(endpoint);
        UpdateRaftVoterResponse {
            error_code: error.0,
            current_leader: CurrentLeader {
                leader_id: leader.map_or(-1, |id| id.0),
                leader_epoch: epoch.0,
                port: at.as_ref().map_or(0, |at| at.port.into()),
                host: at.map_or_else(Str::default, |at| Str::from(at.host)),
            },
            ..UpdateRaftVoterResponse::default()
        }
    }

    async fn add(&self, request: &AddRaftVoterRequest) -> Result<(), Refused> {
        let key = (request.voter_id, request.voter_directory_id);
        let key = self.may_ask(request.cluster_id.as_ref(), key, "Add").await?;
        let listeners = request.listeners.iter();
        let Some(endpoints) = endpoints(listeners.map(|at| (&at.name, &at.host, at.port))) else {
            return Err(Refused::new(ErrorCode::INVALID_REQUEST, TOO_LARGE));
        };
        let default = request.listeners.iter().find(|at| *at.name == *self.listener);
        let Some(default) = default else {
            let endpoint = |at: &add_raft_voter_request::Listener| {
                format!("ListenerName({})={}/<unresolved>:{}", at.name, at.host, at.port)
            };
            let endpoints: Vec<String> = request.listeners.iter().map(endpoint).collect();
            return Err(Refused::new(
                ErrorCode::INVALID_REQUEST,
                format!(
                    "Add voter request didn't include the endpoint (Endpoints(endpoints={{{}}})) for the default listener ListenerName({})",
                    endpoints.join(", "),
                    self.listener
                ),
            ));
        };
        let end = Instant::now() + self.within();
        let Ok(mut turn) = self.turn.try_acquire() else { return Err(Refused::under_way()) };
        let mut voter = Voter { replica: key, endpoints, kraft_versions: KRAFT_VERSIONS };
        let change = ChangeVoters::Add(voter.clone());
        if let Err(error) = self.quorum.may_change_voters(&change).await {
            return Err(self.refused(error, "adding", key).await);
        }
        voter.kraft_versions = self.speaks(key, default).await?;
        let change = ChangeVoters::Add(voter);
        let acknowledge =
            if request.ack_when_committed { Acknowledge::Committed } else { Acknowledge::Appended };
        loop {
            let change = self.controller.change_voters(change.clone(), acknowledge, until(end));
            match change.await {
                Ok(()) => return Ok(()),
                // Stock Kafka gives up at once (KAFKA-17147). But who has all may not have asked this leader yet, if it was just
                // elected: there is a moment for it, in which others may have their turn.
                Err(ChangeError::Refused(VoterChangeError::Lagging))
                    if Instant::now() + LAST_TRY < end =>
                {
                    drop(turn);
                    sleep(CHANGE_RETRY).await;
                    let next = timeout_at(end, self.turn.acquire()).await;
                    turn = next.ok().and_then(Result::ok).ok_or_else(Refused::under_way)?;
                }
                Err(ChangeError::Refused(VoterChangeError::RequestTimedOut)) => {
                    return Err(Refused::new(ErrorCode::REQUEST_TIMED_OUT, TIMED_OUT));
                }
                Err(error) => return Err(self.refused(error, "adding", key).await),
            }
        }
    }

    async fn remove(&self, request: &RemoveRaftVoterRequest) -> Result<(), Refused> {
        let key = (request.voter_id, request.voter_directory_id);
        let key = self.may_ask(request.cluster_id.as_ref(), key, "Remove").await?;
        let end = Instant::now() + self.within();
        let Ok(_turn) = self.turn.try_acquire() else { return Err(Refused::under_way()) };
        let change = ChangeVoters::Remove(key);
        if let Err(error) = self.quorum.may_change_voters(&change).await {
            return Err(self.refused(error, "removing", key).await);
        }
        match self.controller.change_voters(change, Acknowledge::Committed, until(end)).await {
            Ok(()) => Ok(()),
            Err(ChangeError::Refused(VoterChangeError::RequestTimedOut)) => {
                Err(Refused::new(ErrorCode::REQUEST_TIMED_OUT, TIMED_OUT))
            }
            Err(error) => Err(self.refused(error, "removing", key).await),
        }
    }

    async fn update(&self, request: &UpdateRaftVoterRequest) -> Result<(), ErrorCode> {
        if !is_cluster(request.cluster_id.as_ref(), &self.cluster_id) {
            return Err(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        match request.current_leader_epoch.cmp(&self.quorum.status().epoch.0) {
            Ordering::Less => return Err(ErrorCode::FENCED_LEADER_EPOCH),
            Ordering::Greater => return Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            Ordering::Equal => {}
        }
        if self.quorum.describe().await.is_none() {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        let speaks = &request.kraft_version_feature;
        let speaks = (speaks.min_supported_version, speaks.max_supported_version);
        let voters = self.quorum.voters();
        let is_default = |at: &update_raft_voter_request::Listener| *at.name == *self.listener;
        if !request.listeners.iter().any(is_default) || !includes(speaks, voters.kraft_version) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let listeners = request.listeners.iter();
        let endpoints = endpoints(listeners.map(|at| (&at.name, &at.host, at.port)));
        let voter = Voter {
            replica: replica(request.voter_id, request.voter_directory_id),
            endpoints: endpoints.ok_or(ErrorCode::INVALID_REQUEST)?,
            kraft_versions: speaks,
        };
        if voters.kraft_version == 0 {
            if voters.get(voter.replica.id).is_none() {
                return Err(ErrorCode::VOTER_NOT_FOUND);
            }
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let told = told.in_epoch(Epoch(request.current_leader_epoch));
            told.ok_or(ErrorCode::FENCED_LEADER_EPOCH)?.insert(voter.replica.id, voter);
            return Ok(());
        }
        let change = ChangeVoters::Update(voter);
        let changed = self.controller.change_voters(change, Acknowledge::Appended, self.within());
        changed.await.map_err(code)
    }

    /// Has the log name the static voters, of which `own` is this node: `kraft.version` 1. With `dry_run` it is only looked
    /// whether that may be.
    pub(crate) async fn upgrade(&self, own: Voter, dry_run: bool) -> Result<(), ControllerError> {
        let all = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let told = told.in_epoch(self.quorum.status().epoch);
            let told = told.ok_or_else(ControllerError::not_controller)?;
            told.insert(own.replica.id, own);
            told.values().filter(|voter| includes(voter.kraft_versions, 1)).cloned().collect()
        };
        let change = ChangeVoters::Upgrade(all);
        let outcome = if dry_run {
            self.quorum.may_change_voters(&change).await
        } else {
            let committed = Acknowledge::Committed;
            self.controller.change_voters(change, committed, self.within()).await
        };
        outcome.map_err(|error| match error {
            ChangeError::Refused(VoterChangeError::NotLeaderOrFollower) => {
                ControllerError::not_controller()
            }
            ChangeError::Refused(VoterChangeError::DirectoriesUnknown) => ControllerError::new(
                ErrorCode::INVALID_UPDATE_VERSION,
                format!(
                    "Invalid upgrade of {KRAFT_VERSION} to 1 because not all of the voters support it"
                ),
            ),
            ChangeError::TooLarge => ControllerError::new(ErrorCode::INVALID_REQUEST, TOO_LARGE),
            error @ ChangeError::Refused(_) => ControllerError { code: code(error), message: None },
        })
    }

    /// What is asked of each change, in stock Kafka's order: who it is about.
    async fn may_ask(
        &self,
        cluster_id: Option<&Str>,
        (id, directory): (i32, Uuid),
        what: &str,
    ) -> Result<ReplicaKey, Refused> {
        if let Some(other) = cluster_id.filter(|_| !is_cluster(cluster_id, &self.cluster_id)) {
            return Err(Refused::new(
                ErrorCode::INCONSISTENT_CLUSTER_ID,
                format!(
                    "The given id \"{other}\" doesn't match the cluster id \"{}\"",
                    self.cluster_id
                ),
            ));
        }
        if self.quorum.describe().await.is_none() {
            return Err(Refused::new(ErrorCode::NOT_LEADER_OR_FOLLOWER, NOT_LEADER));
        }
        if id < 0 || directory.is_zero() {
            return Err(Refused::new(
                ErrorCode::INVALID_REQUEST,
                format!("{what} voter request didn't include a valid voter"),
            ));
        }
        Ok(replica(id, directory))
    }

    /// Asks whoever is to vote which versions of the quorum's protocol it speaks.
    async fn speaks(
        &self,
        key: ReplicaKey,
        at: &add_raft_voter_request::Listener,
    ) -> Result<(i16, i16), Refused> {
        let asked = async {
            let connection = Connection::open(&at.host, at.port, &self.client).await?;
            let request = ApiVersionsRequest {
                client_software_name: Str::from_static("kraftig"),
                client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
            };
            connection.send(&request).await
        };
        let answer = tokio::time::timeout(self.within(), asked).await;
        let answer = answer.unwrap_or(Err(ClientError::ConnectTimeout(self.within())));
        let answer = answer.and_then(|answer| match ErrorCode(answer.error_code) {
            ErrorCode::NONE => Ok(answer),
            error => Err(ClientError::ApiVersions(error)),
        });
        let answer = answer.map_err(|error| {
            tracing::info!("node {} at {}:{} does not vote: {error}", key.id, at.host, at.port);
            let error = match error {
                ClientError::ApiVersions(error) => error,
                ClientError::NotServed(_) => ErrorCode::UNSUPPORTED_VERSION,
                _ => ErrorCode::BROKER_NOT_AVAILABLE,
            };
            Refused::new(
                ErrorCode::REQUEST_TIMED_OUT,
                format!(
                    "Aborted add voter operation for since API_VERSIONS returned an error {error}"
                ),
            )
        })?;
        let mut features = answer.supported_features.iter();
        let speaks = features
            .find(|feature| *feature.name == *KRAFT_VERSION)
            .map_or((0, 0), |feature| (feature.min_version, feature.max_version));
        let finalized = self.quorum.voters().kraft_version;
        if includes(speaks, finalized) {
            return Ok(speaks);
        }
        Err(Refused::new(
            ErrorCode::INVALID_REQUEST,
            format!(
                "Aborted add voter operation for {} since the {KRAFT_VERSION} range (min: {}, max: {}) doesn't support the finalized version {finalized}",
                shown(key),
                speaks.0,
                speaks.1
            ),
        ))
    }

    async fn refused(&self, error: ChangeError, doing: &str, key: ReplicaKey) -> Refused {
        let voters = || {
            let voters = self.quorum.voters();
            let voters = voters.voters.iter().map(|voter| shown(voter.replica));
            voters.collect::<Vec<_>>().join(", ")
        };
        let reason = match error {
            ChangeError::TooLarge => return Refused::new(code(error), TOO_LARGE),
            ChangeError::Refused(reason) => reason,
        };
        let message = match reason {
            VoterChangeError::NotLeaderOrFollower => NOT_LEADER.to_owned(),
            VoterChangeError::HighWatermarkUnknown => {
                "Request timed out waiting for leader to establish HWM and fence previous voter changes"
                    .to_owned()
            }
            VoterChangeError::ChangeUncommitted => {
                let description = self.quorum.describe().await;
                let to = description.and_then(|description| description.high_watermark);
                format!(
                    "Request timed out waiting for voters to commit the latest voter change with HWM {}",
                    to.unwrap_or_default()
                )
            }
            VoterChangeError::Lagging => {
                format!("Aborted add voter operation for {} since it is lagging behind", shown(key))
            }
            VoterChangeError::RequestTimedOut => TIMED_OUT.to_owned(),
            VoterChangeError::DirectoriesUnknown => {
                "Not all voters have told their directories yet".to_owned()
            }
            VoterChangeError::UnsupportedVersion => format!(
                "Cluster doesn't support {doing} voter because the {KRAFT_VERSION} feature is 0"
            ),
            VoterChangeError::DuplicateVoter => format!(
                "The voter id for {} is already part of the set of voters [{}].",
                shown(key),
                voters()
            ),
            VoterChangeError::LostVoter => format!(
                "{} was given up when the majority was lost (quorum recover): format its directory anew",
                shown(key)
            ),
            VoterChangeError::VoterNotFound => {
                format!("Cannot remove voter {} from the set of voters [{}]", shown(key), voters())
            }
        };
        Refused::new(code(error), message)
    }

    /// How long a change may take: `controller.quorum.request.timeout.ms`.
    fn within(&self) -> Duration {
        self.client.connect_timeout
    }
}

/// Why a change is not made, and what the client is told.
struct Refused {
    error: ErrorCode,
    message: String,
}

impl Refused {
    fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }

    fn under_way() -> Self {
        Self::new(
            ErrorCode::REQUEST_TIMED_OUT,
            "Request timed out waiting for leader to handle previous voter change request",
        )
    }
}

/// The error and the message of an answer.
fn answered(outcome: Result<(), Refused>) -> (i16, Option<Str>) {
    match outcome {
        Ok(()) => (ErrorCode::NONE.0, None),
        Err(refused) => (refused.error.0, Some(Str::from(refused.message))),
    }
}

fn code(error: ChangeError) -> ErrorCode {
    let reason = match error {
        ChangeError::TooLarge => return ErrorCode::INVALID_REQUEST,
        ChangeError::Refused(reason) => reason,
    };
    match reason {
        VoterChangeError::NotLeaderOrFollower => ErrorCode::NOT_LEADER_OR_FOLLOWER,
        VoterChangeError::HighWatermarkUnknown
        | VoterChangeError::ChangeUncommitted
        | VoterChangeError::Lagging
        | VoterChangeError::RequestTimedOut => ErrorCode::REQUEST_TIMED_OUT,
        VoterChangeError::DirectoriesUnknown => ErrorCode::INVALID_UPDATE_VERSION,
        VoterChangeError::UnsupportedVersion => ErrorCode::UNSUPPORTED_VERSION,
        VoterChangeError::DuplicateVoter => ErrorCode::DUPLICATE_VOTER,
        VoterChangeError::LostVoter => ErrorCode::INVALID_REQUEST,
        VoterChangeError::VoterNotFound => ErrorCode::VOTER_NOT_FOUND,
    }
}

fn until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// Whether a node that speaks these versions takes part where this one is finalized.
fn includes((min, max): (i16, i16), finalized: i16) -> bool {
    min >= 0 && (min..=max).contains(&finalized)
}

/// As Kafka's texts have it.
fn shown(key: ReplicaKey) -> String {
    let directory = match key.directory {
        DirectoryId::ABSENT => "<undefined>".to_owned(),
        directory => directory.to_string(),
    };
    format!("ReplicaKey(id={}, directoryId={directory})", key.id)
}

/// Where a voter says that it listens; `None` where that is more than the log is to hold.
fn endpoints<'a>(
    listeners: impl ExactSizeIterator<Item = (&'a Str, &'a Str, u16)>,
) -> Option<Vec<Endpoint>> {
    if listeners.len() > MOST_LISTENERS {
        return None;
    }
    let endpoint = |(name, host, port): (&Str, &Str, u16)| {
        let fits = name.len().max(host.len()) <= MOST_NAME_BYTES;
        let (name, host) = (name.to_string(), host.to_string());
        fits.then_some(Endpoint { name, host, port, security_protocol: 0 })
    };
    listeners.map(endpoint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_voters_told_counts_in_their_epoch() {
        let mut told = Told::default();
        let voter = Voter {
            replica: replica(1, Uuid([1; 16])),
            endpoints: Vec::new(),
            kraft_versions: KRAFT_VERSIONS,
        };
        told.in_epoch(Epoch(3)).unwrap().insert(NodeId(1), voter);
        assert_eq!(told.in_epoch(Epoch(3)).unwrap().len(), 1);
        assert_eq!(told.in_epoch(Epoch(4)).unwrap().len(), 0);
        assert_eq!(told.in_epoch(Epoch(3)), None, "who says so was late");
    }

    #[test]
    fn a_voter_says_no_more_than_the_log_is_to_hold() {
        let said = |count: usize, name: usize, host: usize| {
            let (name, host) = (Str::from("n".repeat(name)), Str::from("h".repeat(host)));
            endpoints(vec![(&name, &host, 9093); count].into_iter()).map(|all| all.len())
        };
        assert_eq!(said(32, 255, 255), Some(32));
        assert_eq!(said(33, 1, 1), None);
        assert_eq!(said(1, 256, 1), None);
        assert_eq!(said(1, 1, 256), None);
    }
}
