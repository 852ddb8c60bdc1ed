//! A controller's place among the voters: one that votes has the leader know where it listens (KIP-853), and one that does not
//! adds itself if its configuration says so (KIP-1186).

use std::sync::Arc;
use std::time::Duration;

use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::types::{NodeId, ReplicaKey};
use kraftig_wire::messages::add_raft_voter_request::{self, AddRaftVoterRequest};
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::update_raft_voter_request::{
    self, KRaftVersionFeature, UpdateRaftVoterRequest,
};
use kraftig_wire::{ErrorCode, Str};
use tokio::time::sleep;

use crate::broker::Broker;
use crate::net::client::{ClientError, ClientOptions, Connection};
use crate::quorum::{Acknowledge, ChangeVoters, KRAFT_VERSIONS, Peer, QuorumStatus, Voter, Voters};

/// How long to wait before it is asked again for what is still to be changed.
const RETRY: Duration = Duration::from_secs(1);
/// How long the leader may take.
const MOST_WAIT: Duration = Duration::from_secs(30);

/// Why the voters are not changed.
#[derive(Debug, thiserror::Error)]
enum Unchanged {
    #[error("no leader is known")]
    NoLeader,
    #[error("the leader did not answer within {} ms", MOST_WAIT.as_millis())]
    NoAnswer,
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the leader answers {0}: {1}")]
    Refused(ErrorCode, Str),
}

/// Keeps the voters as they should be as far as this controller is concerned, for ever. `endpoints` is where it listens.
pub(super) async fn keep(broker: Arc<Broker>, endpoints: Vec<Endpoint>) {
    let quorum = &broker.quorum;
    let (mut voters, mut status) = (quorum.watch_voters(), quorum.watch());
    let mut said = String::new();
    // The epoch whose leader was told of this controller while voters are static.
    let mut told = None;
    loop {
        let known = status.wait_for(|status| status.local.is_some() && status.leader.is_some());
        let Ok(Some(replica)) = known.await.map(|status| status.local) else { return };
        let me =
            Voter { replica, endpoints: of_record(&endpoints), kraft_versions: KRAFT_VERSIONS };
        // An old log may say so too; what is wrong by then is refused.
        let now = voters.borrow_and_update().clone();
        let may_join = broker.config.quorum.auto_join_enable && !quorum.status().was_voter;
        let QuorumStatus { epoch, leader, .. } = quorum.status();
        let is_told = told == Some(epoch) || leader == Some(replica.id);
        let Some(change) = needed(&now, me, is_told, may_join) else {
            let changed = tokio::select! {
                changed = voters.changed() => changed,
                changed = status.wait_for(|now| now.epoch != epoch) => changed.map(drop),
            };
            if changed.is_err() {
                return;
            }
            continue;
        };
        match ask(&broker, &change).await {
            Ok(()) if now.kraft_version == 0 => told = Some(epoch),
            Ok(()) => tracing::info!("{}", described(&change)),
            Err(why) => {
                let text = format!("{}: not yet: {why}", described(&change));
                if said != text {
                    tracing::info!("{text}");
                    said = text;
                }
            }
        }
        sleep(RETRY).await;
    }
}

/// Endpoints as a record of voters holds them: they say nothing of security.
fn of_record(endpoints: &[Endpoint]) -> Vec<Endpoint> {
    endpoints.iter().map(|at| Endpoint { security_protocol: 0, ..at.clone() }).collect()
}

/// What has to be changed for this controller. Whoever was a voter and is none has been removed, and stays so. A leader of
/// static voters keeps nothing for long, but must know all of them before the log can name them: it is told once, unless it
/// `is_told`.
fn needed(voters: &Voters, me: Voter, is_told: bool, may_join: bool) -> Option<ChangeVoters> {
    if voters.kraft_version == 0 {
        let tells = !is_told && voters.get(me.replica.id).is_some();
        return tells.then_some(ChangeVoters::Update(me));
    }
    match voters.get(me.replica.id) {
        Some(known) if known.replica == me.replica => {
            (!known.is_as(&me)).then_some(ChangeVoters::Update(me))
        }
        // Its directory before this one, which is lost.
        Some(known) => may_join.then_some(ChangeVoters::Remove(known.replica)),
        None => may_join.then_some(ChangeVoters::Add(me)),
    }
}

fn described(change: &ChangeVoters) -> String {
    let key =
        |ReplicaKey { id, directory }: ReplicaKey| format!("{id} with directory.id {directory}");
    match change {
        ChangeVoters::Add(me) => format!("controller {} joins the voters", key(me.replica)),
        ChangeVoters::Remove(old) => format!("controller {} leaves the voters", key(*old)),
        ChangeVoters::Upgrade(_) => "the log names the voters".to_owned(),
        ChangeVoters::Update(me) => {
            format!("the voters know where controller {} listens", key(me.replica))
        }
    }
}

/// Has the leader make a change.
async fn ask(broker: &Broker, change: &ChangeVoters) -> Result<(), Unchanged> {
    let leader = broker.quorum.status().leader.ok_or(Unchanged::NoLeader)?;
    if leader == broker.config.node_id {
        let change =
            broker.controller.change_voters(change.clone(), Acknowledge::Appended, MOST_WAIT);
        return change.await.map_err(|_| Unchanged::NoLeader);
    }
    let asked = tokio::time::timeout(MOST_WAIT, ask_of(broker, leader, change));
    asked.await.map_err(|_| Unchanged::NoAnswer)?
}

async fn ask_of(broker: &Broker, leader: NodeId, change: &ChangeVoters) -> Result<(), Unchanged> {
    let Peer { host, port, .. } = broker.quorum.address(leader).ok_or(Unchanged::NoLeader)?;
    let connection = Connection::open(&host, port, &ClientOptions::of(&broker.config)).await?;
    let cluster_id = Some(broker.cluster_id.clone());
    let (code, message) = match change {
        ChangeVoters::Add(me) => {
            let answer = connection
                .send(&AddRaftVoterRequest {
                    cluster_id,
                    timeout_ms: MOST_WAIT.as_millis() as i32,
                    voter_id: me.replica.id.0,
                    voter_directory_id: me.replica.directory.0,
                    listeners: me
                        .endpoints
                        .iter()
                        .map(|at| add_raft_voter_request::Listener {
                            name: Str::from(&at.name),
                            host: Str::from(&at.host),
                            port: at.port,
                        })
                        .collect(),
                    // It cannot be committed without this node's own fetches, perhaps.
                    ack_when_committed: false,
                })
                .await?;
            (answer.error_code, answer.error_message)
        }
        ChangeVoters::Remove(old) => {
            let answer = connection
                .send(&RemoveRaftVoterRequest {
                    cluster_id,
                    voter_id: old.id.0,
                    voter_directory_id: old.directory.0,
                })
                .await?;
            (answer.error_code, answer.error_message)
        }
        ChangeVoters::Update(me) => {
            let answer = connection
                .send(&UpdateRaftVoterRequest {
                    cluster_id,
                    current_leader_epoch: broker.quorum.status().epoch.0,
                    voter_id: me.replica.id.0,
                    voter_directory_id: me.replica.directory.0,
                    listeners: me
                        .endpoints
                        .iter()
                        .map(|at| update_raft_voter_request::Listener {
                            name: Str::from(&at.name),
                            host: Str::from(&at.host),
                            port: at.port,
                        })
                        .collect(),
                    kraft_version_feature: KRaftVersionFeature {
                        min_supported_version: me.kraft_versions.0,
                        max_supported_version: me.kraft_versions.1,
                    },
                })
                .await?;
            (answer.error_code, None)
        }
        // Asked by who changes features.
        ChangeVoters::Upgrade(_) => return Ok(()),
    };
    match ErrorCode(code) {
        ErrorCode::NONE => Ok(()),
        error => Err(Unchanged::Refused(error, message.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use kraftig_spec::types::{DirectoryId, Uuid};

    use super::*;

    fn voter(id: i32, directory: u8, port: u16) -> Voter {
        let directory = DirectoryId(Uuid([directory; 16]));
        let endpoint = |name: &str| Endpoint {
            name: name.to_owned(),
            host: "localhost".to_owned(),
            port,
            security_protocol: 0,
        };
        Voter {
            replica: ReplicaKey { id: NodeId(id), directory },
            endpoints: vec![endpoint("CONTROLLER")],
            kraft_versions: KRAFT_VERSIONS,
        }
    }

    #[test]
    fn what_a_controller_asks_for() {
        let voters =
            Voters { kraft_version: 1, voters: vec![voter(1, 1, 9093), voter(2, 2, 9094)] };
        let needed = |voters: &Voters, me, may_join| super::needed(voters, me, false, may_join);
        assert_eq!(needed(&voters, voter(1, 1, 9093), true), None, "all is as it should be");
        let moved = voter(1, 1, 9999);
        for may_join in [false, true] {
            let change = Some(ChangeVoters::Update(moved.clone()));
            assert_eq!(needed(&voters, moved.clone(), may_join), change);
        }
        let newer = Voter { kraft_versions: (0, 2), ..voter(1, 1, 9093) };
        assert_eq!(needed(&voters, newer.clone(), false), Some(ChangeVoters::Update(newer)));

        let new = voter(3, 3, 9095);
        assert_eq!(needed(&voters, new.clone(), false), None, "it was not told to, or was removed");
        assert_eq!(needed(&voters, new.clone(), true), Some(ChangeVoters::Add(new)));
        let (lost, anew) = (voter(2, 2, 9094).replica, voter(2, 4, 9094));
        assert_eq!(needed(&voters, anew.clone(), false), None);
        assert_eq!(needed(&voters, anew, true), Some(ChangeVoters::Remove(lost)));

        // Static voters tell each leader once, and stay as they are.
        let fixed = Voters { kraft_version: 0, ..voters };
        let change = Some(ChangeVoters::Update(moved.clone()));
        assert_eq!(needed(&fixed, moved.clone(), true), change);
        assert_eq!(super::needed(&fixed, moved, true, true), None);
        assert_eq!(needed(&fixed, voter(3, 3, 9095), true), None);
    }
}
