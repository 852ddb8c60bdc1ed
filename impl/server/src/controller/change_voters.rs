//! The way of a change of the voters to the leader, from whichever node it is asked of (KIP-853).

use std::time::Duration;

use kraftig_wire::messages::add_raft_voter_request::AddRaftVoterRequest;
use kraftig_wire::messages::add_raft_voter_response::AddRaftVoterResponse;
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::remove_raft_voter_response::RemoveRaftVoterResponse;
use kraftig_wire::messages::update_raft_voter_request::UpdateRaftVoterRequest;
use kraftig_wire::messages::update_raft_voter_response::UpdateRaftVoterResponse;
use kraftig_wire::{ErrorCode, Request, Str};

use super::ControllerHandle;
use super::channel::{ControllerChannel, Question};
use super::raft::voters::VoterChanges;
use crate::net::client::{ClientError, Connection};

/// A request that changes the voters.
pub(crate) trait OfVoters: Request + Sync
where
    Self::Response: Send,
{
    /// What this node answers.
    fn serve(&self, voters: &VoterChanges) -> impl Future<Output = Self::Response> + Send;

    /// The error of an answer.
    fn error(response: &Self::Response) -> ErrorCode;

    /// The answer where no leader has one in time.
    fn timed_out() -> Self::Response;
}

/// Asks whoever leads, as often as it takes.
pub(crate) async fn ask<R: OfVoters>(
    channel: &ControllerChannel,
    voters: &VoterChanges,
    request: &R,
    within: Duration,
) -> R::Response
where
    R::Response: Send,
{
    let asked = channel.ask(&Change { voters, request }, within).await;
    asked.unwrap_or_else(|error| {
        tracing::warn!("the voters are not changed: {error}");
        R::timed_out()
    })
}

/// The answer of this node, if it leads.
pub(super) async fn here<R: OfVoters>(voters: &VoterChanges, request: &R) -> Option<R::Response>
where
    R::Response: Send,
{
    leading::<R>(request.serve(voters).await)
}

fn leading<R: OfVoters>(response: R::Response) -> Option<R::Response>
where
    R::Response: Send,
{
    Some(response).filter(|response| R::error(response) != ErrorCode::NOT_LEADER_OR_FOLLOWER)
}

struct Change<'a, R> {
    voters: &'a VoterChanges,
    request: &'a R,
}

impl<R: OfVoters> Question for Change<'_, R>
where
    R::Response: Send,
{
    type Answer = R::Response;

    async fn here(&self, _controller: &ControllerHandle) -> Option<R::Response> {
        here(self.voters, self.request).await
    }

    async fn there(&self, connection: &Connection) -> Result<Option<R::Response>, ClientError> {
        Ok(leading::<R>(connection.send(self.request).await?))
    }
}

const TIMED_OUT: Str = Str::from_static("The request timed out.");

impl OfVoters for AddRaftVoterRequest {
    async fn serve(&self, voters: &VoterChanges) -> AddRaftVoterResponse {
        voters.add_raft_voter(self).await
    }

    fn error(response: &AddRaftVoterResponse) -> ErrorCode {
        ErrorCode(response.error_code)
    }

    fn timed_out() -> AddRaftVoterResponse {
        AddRaftVoterResponse {
            error_code: ErrorCode::REQUEST_TIMED_OUT.0,
            error_message: Some(TIMED_OUT),
            ..AddRaftVoterResponse::default()
        }
    }
}

impl OfVoters for RemoveRaftVoterRequest {
    async fn serve(&self, voters: &VoterChanges) -> RemoveRaftVoterResponse {
        voters.remove_raft_voter(self).await
    }

    fn error(response: &RemoveRaftVoterResponse) -> ErrorCode {
        ErrorCode(response.error_code)
    }

    fn timed_out() -> RemoveRaftVoterResponse {
        RemoveRaftVoterResponse {
            error_code: ErrorCode::REQUEST_TIMED_OUT.0,
            error_message: Some(TIMED_OUT),
            ..RemoveRaftVoterResponse::default()
        }
    }
}

impl OfVoters for UpdateRaftVoterRequest {
    async fn serve(&self, voters: &VoterChanges) -> UpdateRaftVoterResponse {
        voters.update_raft_voter(self, |_| None).await
    }

    fn error(response: &UpdateRaftVoterResponse) -> ErrorCode {
        ErrorCode(response.error_code)
    }

    fn timed_out() -> UpdateRaftVoterResponse {
        UpdateRaftVoterResponse {
            error_code: ErrorCode::REQUEST_TIMED_OUT.0,
            ..UpdateRaftVoterResponse::default()
        }
    }
}
