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
use tokio::time::{Instant, timeout_at};

use super::reason::{Answer, Controller, Follower, Heard, Survey, Told, Vote, Voter};

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

impl Place {
    fn answer(&self) -> Option<&Answer> {
        match &self.heard {
            Heard::Answer(answer) => Some(answer),
            _ => None,
        }
    }

    fn answer_of(&self, cluster_id: Option<&str>) -> Option<&Answer> {
        self.answer().filter(|it| Some(it.cluster_id.as_str()) == cluster_id)
    }

    fn is_at(&self, voter: &Voter) -> bool {
        self.at.host == voter.host && self.at.port == voter.port
    }

    /// Whether another name stands for the same.
    fn is_also(&self, other: &Place) -> bool {
        self.resolved.iter().any(|one| other.resolved.contains(one))
    }
}

/// Asks all that are named, and all that those name as voters.
pub(super) async fn all(named: &[HostPort]) -> Survey {
    let mut places = Vec::new();
    ask_new(&mut places, named.to_vec()).await;
    // Whoever is asked may name others, and who answers then may know better who votes.
    for _ in 0..2 {
        let (_, known) = voters(&places);
        let at = |voter: &Voter| HostPort { host: voter.host.clone(), port: voter.port };
        ask_new(&mut places, known.iter().map(at).collect()).await;
    }
    survey(places)
}

/// Asks those that were not asked yet, all at once, and puts them last in the order in which they are named.
async fn ask_new(places: &mut Vec<Place>, addresses: Vec<HostPort>) {
    let mut new: Vec<HostPort> = Vec::new();
    for at in addresses {
        if places.len() + new.len() >= MOST {
            break;
        }
        if !new.contains(&at) && !places.iter().any(|place| place.at == at) {
            new.push(at);
        }
    }
    let tasks: Vec<_> = new.into_iter().map(|at| tokio::spawn(visit(at))).collect();
    for task in tasks {
        places.extend(task.await);
    }
}

async fn visit(at: HostPort) -> Place {
    let deadline = Instant::now() + TIMEOUT;
    let lookup = timeout_at(deadline, tokio::net::lookup_host((at.host.as_str(), at.port))).await;
    let resolved = lookup.into_iter().flatten().flatten().collect();
    let heard = one(&at, deadline).await;
    Place { at, resolved, heard }
}

/// Asks one controller, until the deadline.
pub(super) async fn one(at: &HostPort, deadline: Instant) -> Heard {
    match timeout_at(deadline, ask(at, deadline)).await {
        Ok(Ok(answer)) => Heard::Answer(Box::new(answer)),
        Ok(Err(heard)) => heard,
        Err(_) => Heard::Silent,
    }
}

/// The cluster that is asked about: that of the first that answers. Those that were named come first.
fn cluster(places: &[Place]) -> Option<&str> {
    places.iter().find_map(Place::answer).map(|answer| answer.cluster_id.as_str())
}

/// Who votes in the cluster, as who knows best says: the leader of the latest epoch, or whoever is in it. Where none of them
/// says it, the controllers that they know of.
fn voters(places: &[Place]) -> (Told, Vec<Voter>) {
    let cluster = cluster(places);
    let answers = || places.iter().filter_map(|place| place.answer_of(cluster));
    let best = |says: fn(&Answer) -> &Vec<Voter>| {
        let answers = answers().filter(|it| !says(it).is_empty()).rev();
        let best = answers.max_by_key(|it| (it.epoch, it.role.as_deref() == Some("Leader")));
        best.map(|it| says(it).clone())
    };
    if let Some(voters) = best(|it| &it.voters) {
        (Told::Voters, voters)
    } else if let Some(registered) = best(|it| &it.registered) {
        (Told::Registered, registered)
    } else {
        (Told::Nothing, Vec::new())
    }
}

/// Which of those that were asked is which voter.
fn survey(places: Vec<Place>) -> Survey {
    let cluster_id = cluster(&places).map(str::to_owned);
    let (told, voters) = voters(&places);
    let cluster = cluster_id.as_deref();
    // Who is at the address of one voter may say that it is another: then it is neither.
    let (homes, mut others): (Vec<Place>, Vec<Place>) =
        places.into_iter().partition(|place| voters.iter().any(|voter| place.is_at(voter)));
    let mut controllers = Vec::new();
    for voter in voters {
        let home = homes.iter().find(|place| place.is_at(&voter));
        let says_so =
            |place: &Place| place.answer_of(cluster).is_some_and(|it| it.node_id == Some(voter.id));
        // From here it may be found by another address only.
        let found = home
            .filter(|place| place.answer().is_some())
            .or_else(|| others.iter().find(|place| says_so(place)))
            .or(home);
        let heard = found.map_or(Heard::Silent, |place| place.heard.clone());
        others.retain(|place| !says_so(place) && !home.is_some_and(|home| home.is_also(place)));
        controllers.push(Controller {
            id: Some(voter.id),
            address: format!("{}:{}", voter.host, voter.port),
            is_voter: true,
            directory: voter.directory,
            heard,
        });
    }
    let mut rest: Vec<Place> = Vec::new();
    for place in others {
        if !rest.iter().any(|other| other.is_also(&place)) {
            rest.push(place);
        }
    }
    rest.sort_by(|a, b| (&a.at.host, a.at.port).cmp(&(&b.at.host, b.at.port)));
    controllers.extend(rest.into_iter().map(|place| {
        let foreign = place.answer().is_some() && place.answer_of(cluster).is_none();
        Controller {
            // Another cluster's node 2 is not node 2.
            id: place.answer_of(cluster).and_then(|it| it.node_id),
            address: format!("{}:{}", place.at.host, place.at.port),
            is_voter: told == Told::Nothing && !foreign,
            directory: None,
            heard: place.heard,
        }
    }));
    controllers.sort_by_key(|one| (!one.is_voter, one.id.is_none(), one.id));
    Survey { cluster_id, told, controllers }
}

async fn ask(at: &HostPort, deadline: Instant) -> Result<Answer, Heard> {
    let options = ClientOptions {
        client_id: "kraftig-quorum".to_owned(),
        connect_timeout: deadline - Instant::now(),
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
    let answer = Answer { registered: registered(&cluster), ..answer };
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
        error
        @ (ClientError::Connect { .. } | ClientError::Resolve(_) | ClientError::NoAddress) => {
            Heard::Unreachable(error.to_string())
        }
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
        let registered = answer.registered.iter().find(|other| other.id == voter.replica_id);
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
    let since = |time: i64| some(time).map(|time| now.saturating_sub(time));
    let others = log.current_voters.iter().filter(|voter| voter.replica_id != log.leader_id);
    others
        .map(|voter| {
            let follower = Follower {
                lag: leader.log_end_offset.saturating_sub(voter.log_end_offset.max(0)),
                silent_ms: since(voter.last_fetch_timestamp),
                behind_ms: since(voter.last_caught_up_timestamp),
            };
            (voter.replica_id, follower)
        })
        .collect()
}

#[cfg(test)]
mod tests;
