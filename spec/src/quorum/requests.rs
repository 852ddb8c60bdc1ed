//! What a node has to say to the others.

use super::event::{BeginQuorumEpoch, EndQuorumEpoch, Fetch, FetchSnapshot, Request, Vote};
#[cfg(feature = "mutants")]
use super::mutant;
use super::state::{Contact, Download, Role, State};
use crate::types::NodeId;

/// What the node has to say now, and to whom. A pure function of its state: an answer is current as
/// long as its request is among these.
pub fn requests(state: &State) -> Vec<(NodeId, Request)> {
    let State { config, election, role, log, disk_full, .. } = state;
    let voters = state.voters();
    // What a node says of its own log must outlive a crash: a candidate would else be granted a vote
    // for entries that it loses, and a leader would count them.
    let all_flushed = log.flushed == log.end;
    let may_claim = !disk_full && mutant!(VoteClaimsUnflushed: true, else all_flushed);
    let may_fetch = !disk_full && mutant!(FetchesUnflushed: true, else all_flushed);
    match role {
        Role::Prospective { granted, refused } | Role::Candidate { granted, refused }
            if may_claim =>
        {
            let pre_vote = matches!(role, Role::Prospective { .. });
            let epoch = mutant!(PreVoteOfNextEpoch:
                mutant::next_if(pre_vote, election.epoch), else election.epoch);
            let vote = |id| Vote {
                pre_vote,
                epoch,
                candidate: config.local,
                voter: voters.key(id),
                last_epoch: log.last_epoch(),
                last_end: log.end,
            };
            state
                .others()
                .filter(|id| !granted.contains(id) && !refused.contains(id))
                .map(|id| (id, Request::Vote(vote(id))))
                .collect()
        }
        Role::Leader { acknowledged, .. } => state
            .others()
            .filter(|id| !acknowledged.contains(id))
            .map(|id| {
                let begin = BeginQuorumEpoch {
                    epoch: election.epoch,
                    leader: config.local.id,
                    voter: voters.key(id),
                };
                (id, Request::BeginQuorumEpoch(begin))
            })
            .collect(),
        Role::Resigned { successors, acknowledged } => {
            let end = EndQuorumEpoch {
                epoch: election.epoch,
                leader: config.local.id,
                successors: successors.clone(),
            };
            state
                .others()
                .filter(|id| !acknowledged.contains(id))
                .map(|id| (id, Request::EndQuorumEpoch(end.clone())))
                .collect()
        }
        Role::Follower { download: Some(Download { snapshot, position }), .. } if !disk_full => {
            let fetch = FetchSnapshot {
                epoch: election.epoch,
                replica: config.local,
                snapshot: *snapshot,
                position: *position,
            };
            election
                .leader
                .map(|leader| (leader, Request::FetchSnapshot(fetch)))
                .into_iter()
                .collect()
        }
        Role::Follower { .. } | Role::Unattached if may_fetch => {
            let fetch = Fetch {
                epoch: election.epoch,
                replica: config.local,
                offset: log.end,
                last_fetched_epoch: log.last_epoch(),
                high_watermark: state.high_watermark.unwrap_or_default(),
                // Until it has answered once, whether the leader is there at all is worth an answer at once.
                may_park: matches!(role, Role::Follower { contact: Contact::Fetched, .. }),
            };
            let leader = election.leader.filter(|leader| *leader != config.local.id);
            let follows = matches!(role, Role::Follower { .. });
            let is_lost =
                matches!(role, Role::Follower { contact: Contact::Lost | Contact::Silent, .. });
            let seeks = mutant!(ObserversWaitForLeader: false, else is_lost)
                || matches!(role, Role::Unattached);
            let asked: Vec<NodeId> = if seeks {
                // Whoever leads answers; the others name the leader. The voters that this node knows may all be gone, and the
                // leader that it was told of may be none of them. A voter asks the others for their votes instead, but it too
                // may have missed that all were replaced (Kafka's `pollUnattachedCommon` and `maybeSendFetchToBestNode`).
                let stranger = leader.filter(|leader| !voters.has(*leader));
                let known: Vec<NodeId> = state.others().chain(stranger).collect();
                let asks = |id: &&NodeId| !state.is_voter() || follows && leader == Some(**id);
                // Without the only voter nothing can have changed.
                let bootstrap = if state.is_alone() { &[][..] } else { &config.bootstrap };
                let told = bootstrap.iter().filter(|id| !known.contains(id));
                known.iter().filter(asks).chain(told).copied().collect()
            } else {
                leader.into_iter().collect()
            };
            asked.into_iter().map(|id| (id, Request::Fetch(fetch.clone()))).collect()
        }
        _ => Vec::new(),
    }
}

/// Two fetches ask the same if they differ only in what a caller may change on the way.
pub(crate) fn asked_the_same(asked: &Request, request: &Request) -> bool {
    match (asked, request) {
        (Request::Fetch(asked), Request::Fetch(request)) => {
            let same_wait = Fetch { may_park: asked.may_park, ..request.clone() };
            *asked == same_wait
        }
        _ => asked == request,
    }
}
