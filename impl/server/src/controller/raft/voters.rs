//! `AddRaftVoter` and `RemoveRaftVoter` (KIP-853). Voters are static: what is well asked is refused as by stock Kafka whose
//! `kraft.version` is 0.

use kraftig_wire::messages::add_raft_voter_request::AddRaftVoterRequest;
use kraftig_wire::messages::add_raft_voter_response::AddRaftVoterResponse;
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::remove_raft_voter_response::RemoveRaftVoterResponse;
use kraftig_wire::{ErrorCode, Str, Uuid};

use super::Peers;
use crate::controller::describe_quorum::NOT_LEADER;

impl Peers {
    /// Answers `AddRaftVoter`. `listener` is the name of the first of `controller.listener.names`, on which the other voters
    /// would ask the new one.
    pub async fn add_raft_voter(
        &self,
        request: &AddRaftVoterRequest,
        listener: &str,
    ) -> AddRaftVoterResponse {
        let key = (request.voter_id, request.voter_directory_id);
        let endpoints = || request.listeners.iter().map(|at| &*at.name);
        let refused = match self.change(request.cluster_id.as_ref(), key, "Add").await {
            Err(refused) => refused,
            Ok(()) if !endpoints().any(|name| name == listener) => Refused {
                error: ErrorCode::INVALID_REQUEST,
                message: format!(
                    "Add voter request didn't include the endpoint ({}) for the default listener ListenerName({listener})",
                    endpoints().collect::<Vec<_>>().join(", ")
                ),
            },
            Ok(()) => Refused::is_static("adding"),
        };
        AddRaftVoterResponse {
            error_code: refused.error.0,
            error_message: Some(Str::from(refused.message)),
            ..AddRaftVoterResponse::default()
        }
    }

    /// Answers `RemoveRaftVoter`.
    pub async fn remove_raft_voter(
        &self,
        request: &RemoveRaftVoterRequest,
    ) -> RemoveRaftVoterResponse {
        let key = (request.voter_id, request.voter_directory_id);
        let refused = match self.change(request.cluster_id.as_ref(), key, "Remove").await {
            Err(refused) => refused,
            Ok(()) => Refused::is_static("removing"),
        };
        RemoveRaftVoterResponse {
            error_code: refused.error.0,
            error_message: Some(Str::from(refused.message)),
            ..RemoveRaftVoterResponse::default()
        }
    }

    /// What is asked of both, in stock Kafka's order.
    async fn change(
        &self,
        cluster_id: Option<&Str>,
        (id, directory): (i32, Uuid),
        what: &str,
    ) -> Result<(), Refused> {
        if let Some(other) = cluster_id.filter(|_| !self.is_cluster(cluster_id)) {
            return Err(Refused {
                error: ErrorCode::INCONSISTENT_CLUSTER_ID,
                message: format!(
                    "The given id \"{other}\" doesn't match the cluster id \"{}\"",
                    self.cluster_id
                ),
            });
        }
        if self.quorum.describe().await.is_none() {
            return Err(Refused {
                error: ErrorCode::NOT_LEADER_OR_FOLLOWER,
                message: NOT_LEADER.to_owned(),
            });
        }
        if id < 0 || directory.is_zero() {
            return Err(Refused {
                error: ErrorCode::INVALID_REQUEST,
                message: format!("{what} voter request didn't include a valid voter"),
            });
        }
        Ok(())
    }
}

struct Refused {
    error: ErrorCode,
    message: String,
}

impl Refused {
    fn is_static(doing: &str) -> Self {
        let message =
            format!("Cluster doesn't support {doing} voter because the kraft.version feature is 0");
        Self { error: ErrorCode::UNSUPPORTED_VERSION, message }
    }
}
