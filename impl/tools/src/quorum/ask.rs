//! Asks controllers who they are and what they know.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kraftig_server::config::HostPort;
use kraftig_server::net::client::{ClientError, ClientOptions, Connection};
use kraftig_spec::types::TopicId;
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_cluster_response::DescribeClusterResponse;
use kraftig_wire::messages::describe_quorum_request::{
    DescribeQuorumRequest, PartitionData as Asked, TopicData,
};
use kraftig_wire::messages::describe_quorum_response::{
    DescribeQuorumResponse, PartitionData, Standing,
};
use kraftig_wire::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kraftig_wire::{ErrorCode, Str, Uuid};

use super::reason::{Answer, Controller, Follower, Heard, Vote, Voter};

/// How long a controller may take for all that it is asked.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is taken.
const LONGEST_ANSWER: usize = 16 << 20;
/// Controllers that are asked; a quorum has three or five.
const MOST: usize = 64;
const CONTROLLERS: i8 = 2;
/// Any since 13 names the log by its id, and any since 12 is answered with the epoch and its leader.
const FETCH_VERSION: i16 = 17;

/// An address that was asked.
struct Place {
    at: HostPort,
    /// What the name stands for.
    resolved: Vec<SocketAddr>,
    heard: Heard,
}

/// Asks all that are named, and all that those name as voters.
pub(super) async fn all(named: &[HostPort]) -> Vec<Controller> {
    let mut places = Vec::new();
    ask_new(&mut places, named.to_vec()).await;
    // Whoever is asked may name others, and who answers then may know better who votes.
    for _ in 0..2 {
        let known = voters(&places);
        let at = |voter: &Voter| HostPort { host: voter.host.clone(), port: voter.port };
        ask_new(&mut places, known.iter().map(at).collect()).await;
    }
    let voters = voters(&places);
    assign(places, voters)
}

/// Asks those that were not asked yet, all at once.
async fn ask_new(places: &mut Vec<Place>, addresses: Vec<HostPort>) {
    let mut tasks = tokio::task::JoinSet::new();
    let mut seen: Vec<Vec<SocketAddr>> = places.iter().map(|it| it.resolved.clone()).collect();
    for at in addresses {
        let resolved: Vec<SocketAddr> = tokio::net::lookup_host((at.host.as_str(), at.port))
            .await
            .into_iter()
            .flatten()
            .collect();
        let known = resolved.iter().any(|one| seen.iter().any(|other| other.contains(one)))
            || places.iter().any(|place| place.at == at);
        if known || places.len() + tasks.len() >= MOST {
            continue;
        }
        seen.push(resolved.clone());
        tasks.spawn(async move {
            let heard = match tokio::time::timeout(TIMEOUT, ask(&at)).await {
                Ok(Ok(answer)) => Heard::Answer(Box::new(answer)),
                Ok(Err(heard)) => heard,
                Err(_) => Heard::Silent,
            };
            Place { at, resolved, heard }
        });
    }
    let mut new = tasks.join_all().await;
    new.sort_by(|a, b| (&a.at.host, a.at.port).cmp(&(&b.at.host, b.at.port)));
    places.append(&mut new);
}

/// Who votes, as who knows best says: the leader of the latest epoch, or whoever is in it.
fn voters(places: &[Place]) -> Vec<Voter> {
    let answers = places.iter().filter_map(|place| match &place.heard {
        Heard::Answer(answer) if !answer.voters.is_empty() => Some(answer),
        _ => None,
    });
    let best = answers.rev().max_by_key(|it| (it.epoch, it.role.as_deref() == Some("Leader")));
    best.map(|answer| answer.voters.clone()).unwrap_or_default()
}

/// Which of those that were asked is which voter.
fn assign(mut places: Vec<Place>, voters: Vec<Voter>) -> Vec<Controller> {
    let mut controllers = Vec::new();
    let everybody = voters.is_empty();
    for voter in voters {
        let at = HostPort { host: voter.host.clone(), port: voter.port };
        let resolved: Vec<SocketAddr> = places
            .iter()
            .find(|place| place.at == at)
            .map(|place| place.resolved.clone())
            .unwrap_or_default();
        let there = |place: &Place| {
            place.at == at || place.resolved.iter().any(|one| resolved.contains(one))
        };
        let says_so = |place: &Place| matches!(&place.heard, Heard::Answer(answer) if answer.node_id == Some(voter.id));
        let answers = |place: &Place| matches!(place.heard, Heard::Answer(_));
        let found = places
            .iter()
            .position(|place| answers(place) && (there(place) || says_so(place)))
            .or_else(|| places.iter().position(there));
        let heard = found.map_or(Heard::Silent, |index| places.remove(index).heard);
        // It may have been asked by another address too.
        places.retain(|place| !there(place) && !says_so(place));
        controllers.push(Controller {
            id: Some(voter.id),
            address: format!("{}:{}", voter.host, voter.port),
            is_voter: true,
            directory: voter.directory,
            heard,
        });
    }
    controllers.extend(places.into_iter().map(|place| Controller {
        id: match &place.heard {
            Heard::Answer(answer) => answer.node_id,
            _ => None,
        },
        address: format!("{}:{}", place.at.host, place.at.port),
        is_voter: everybody,
        directory: None,
        heard: place.heard,
    }));
    controllers.sort_by_key(|one| (!one.is_voter, one.id.is_none(), one.id));
    controllers
}

async fn ask(at: &HostPort) -> Result<Answer, Heard> {
    let options = ClientOptions {
        client_id: "kraftig-quorum-explain".to_owned(),
        connect_timeout: TIMEOUT,
        max_response_bytes: LONGEST_ANSWER,
    };
    let connection = Connection::open(&at.host, at.port, &options).await.map_err(heard)?;
    let request =
        DescribeClusterRequest { endpoint_type: CONTROLLERS, ..DescribeClusterRequest::default() };
    let cluster = connection.send(&request).await.map_err(heard)?;
    if cluster.error_code != ErrorCode::NONE.0 {
        return Err(Heard::Broken(format!("it answers {}", ErrorCode(cluster.error_code))));
    }
    let log = TopicData {
        topic_name: Str::from_static("__cluster_metadata"),
        partitions: vec![Asked { partition_index: 0 }],
    };
    let request = DescribeQuorumRequest { topics: vec![log] };
    let mut quorum = connection.send(&request).await.map_err(heard)?;
    let log = quorum.topics.pop().and_then(|mut topic| topic.partitions.pop()).unwrap_or_default();
    let answer = Answer { cluster_id: cluster.cluster_id.to_string(), ..Answer::default() };
    if log.standing.node_id >= 0 {
        let followers = followers(&log);
        return Ok(Answer { followers, ..of_itself(log.standing, answer) });
    }
    let answer = Answer { voters: registered(&cluster), ..answer };
    if quorum.error_code == ErrorCode::NONE.0 && log.error_code == ErrorCode::NONE.0 {
        return Ok(leads(&log, &quorum, answer));
    }
    // A fetch of no epoch is refused with the epoch and its leader, and changes nothing.
    let request = FetchRequest {
        topics: vec![FetchTopic {
            topic_id: TopicId::METADATA.0,
            partitions: vec![FetchPartition::default()],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    };
    let version = connection.version::<FetchRequest>().map_err(heard)?.min(FETCH_VERSION);
    let fetched = connection.send_version(version, &request).await.map_err(heard)?;
    let part = fetched.responses.into_iter().flat_map(|topic| topic.partitions).next();
    Ok(match part {
        Some(part) => Answer {
            epoch: Some(part.current_leader.leader_epoch),
            leader: Some(part.current_leader.leader_id).filter(|id| *id >= 0),
            ..answer
        },
        None => answer,
    })
}

fn heard(error: ClientError) -> Heard {
    match error {
        ClientError::Connect { source, .. }
            if source.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            Heard::Refused
        }
        ClientError::ConnectTimeout(_) => Heard::Silent,
        error => Heard::Broken(error.to_string()),
    }
}

fn some(number: i64) -> Option<i64> {
    Some(number).filter(|number| *number >= 0)
}

fn directory(id: Uuid) -> Option<Uuid> {
    Some(id).filter(|id| !id.is_zero())
}

/// A node of ours.
fn of_itself(standing: Standing, answer: Answer) -> Answer {
    let id = |id: i32| Some(id).filter(|id| *id >= 0);
    let voter = |voter: kraftig_wire::messages::describe_quorum_response::StandingVoter| Voter {
        id: voter.voter_id,
        directory: directory(voter.voter_directory_id),
        host: voter.host.to_string(),
        port: voter.port,
    };
    Answer {
        node_id: Some(standing.node_id),
        directory: directory(standing.directory_id),
        role: Some(standing.role.to_string()),
        epoch: Some(standing.epoch),
        leader: id(standing.leader_id),
        vote: id(standing.voted_id)
            .map_or(Vote::Nobody, |id| Vote::For(id, standing.voted_directory_id)),
        log_start: some(standing.log_start_offset),
        log_end: some(standing.log_end_offset),
        flushed: some(standing.flushed_offset),
        high_watermark: some(standing.high_watermark),
        disk_full: standing.disk_full,
        voters: standing.voters.into_iter().map(voter).collect(),
        ..answer
    }
}

/// A stock node that leads.
fn leads(log: &PartitionData, quorum: &DescribeQuorumResponse, answer: Answer) -> Answer {
    let own = log.current_voters.iter().find(|voter| voter.replica_id == log.leader_id);
    let voter = |voter: &kraftig_wire::messages::describe_quorum_response::ReplicaState| {
        let node = quorum.nodes.iter().find(|node| node.node_id == voter.replica_id);
        let at = node.and_then(|node| node.listeners.first());
        let registered = answer.voters.iter().find(|other| other.id == voter.replica_id);
        let (host, port) = match (at, registered) {
            (Some(at), _) => (at.host.to_string(), at.port),
            (None, Some(other)) => (other.host.clone(), other.port),
            (None, None) => return None,
        };
        let directory = directory(voter.replica_directory_id);
        Some(Voter { id: voter.replica_id, directory, host, port })
    };
    Answer {
        node_id: Some(log.leader_id),
        directory: own.and_then(|own| directory(own.replica_directory_id)),
        role: Some("Leader".to_owned()),
        epoch: Some(log.leader_epoch),
        leader: Some(log.leader_id),
        log_end: own.and_then(|own| some(own.log_end_offset)),
        high_watermark: some(log.high_watermark),
        voters: log.current_voters.iter().filter_map(voter).collect(),
        followers: followers(log),
        ..answer
    }
}

/// The controllers that a node knows of, which need not vote.
fn registered(cluster: &DescribeClusterResponse) -> Vec<Voter> {
    let controller =
        |node: &kraftig_wire::messages::describe_cluster_response::DescribeClusterBroker| Voter {
            id: node.broker_id,
            directory: None,
            host: node.host.to_string(),
            port: u16::try_from(node.port).unwrap_or_default(),
        };
    cluster.brokers.iter().map(controller).collect()
}

/// What a leader tells of the other voters.
fn followers(log: &PartitionData) -> BTreeMap<i32, Follower> {
    let leader = log.current_voters.iter().find(|voter| voter.replica_id == log.leader_id);
    let Some(leader) = leader.filter(|_| log.error_code == ErrorCode::NONE.0) else {
        return BTreeMap::new();
    };
    let now = leader.last_fetch_timestamp;
    let since = |time: i64| some(time).map(|time| now - time);
    let others = log.current_voters.iter().filter(|voter| voter.replica_id != log.leader_id);
    others
        .map(|voter| {
            let follower = Follower {
                lag: leader.log_end_offset - voter.log_end_offset.max(0),
                silent_ms: since(voter.last_fetch_timestamp),
                behind_ms: since(voter.last_caught_up_timestamp),
            };
            (voter.replica_id, follower)
        })
        .collect()
}
