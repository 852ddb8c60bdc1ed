//! The other voters: those that answer, and what is left of the directories of those that do not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kraftig_log::lock::LockError;
use kraftig_log::meta_properties::{FILE_NAME, METADATA_DIR_NAME, MetaProperties};
use kraftig_server::check_unused;
use kraftig_server::config::{Config, HostPort};
use kraftig_server::quorum::lost_majority::{Found, look};
use kraftig_server::quorum::{QuorumOptions, Voter, Voters};
use kraftig_spec::quorum::{self, ElectionState, LogSummary, Restored, VoterSet};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, ReplicaKey};
use kraftig_wire::Uuid;
use tokio::time::Instant;

use super::super::ask;
use super::super::reason::{Answer, Heard};
use crate::output::{Failure, fail};

/// Most addresses that are asked.
const MOST: usize = 64;

/// An address that was asked, and what came of it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) at: HostPort,
    pub(super) heard: Heard,
}

impl Place {
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.at.host, self.at.port)
    }

    /// What a controller of the cluster says; a node of another cluster is not asked about.
    fn answer(&self, cluster_id: &str) -> Option<&Answer> {
        match &self.heard {
            Heard::Answer(answer) if answer.cluster_id == cluster_id => Some(answer),
            _ => None,
        }
    }
}

/// A voter that was asked whether it lives.
pub(super) struct Voted {
    pub(super) replica: ReplicaKey,
    /// One for each of its listeners, and where else it says that it is.
    pub(super) places: Vec<Place>,
    /// It does, or may: not every node says who it is.
    pub(super) answers: bool,
}

impl Voted {
    pub(super) fn address(&self) -> String {
        self.places.iter().map(Place::address).collect::<Vec<_>>().join(", ")
    }
}

/// All that were asked.
pub(super) struct Asked {
    /// The voters of the log but this one.
    pub(super) voters: Vec<Voted>,
    /// The other addresses: those of the configuration, and those that whoever answers named.
    pub(super) beside: Vec<Place>,
}

impl Asked {
    fn places(&self) -> impl Iterator<Item = &Place> {
        self.voters.iter().flat_map(|voter| &voter.places).chain(&self.beside)
    }

    /// Controllers that show that a quorum lives that is not that of these voters, and how.
    pub(super) fn living(&self, voters: &VoterSet, cluster_id: &str) -> Vec<String> {
        let mut living = Vec::new();
        for place in self.places() {
            let Some(answer) = place.answer(cluster_id) else { continue };
            let leads = answer.role.as_deref() == Some("Leader");
            let named = named(answer);
            if quorum::lives_on(voters, leads, &named) {
                let ids = named.iter().map(|key| key.id.to_string()).collect::<Vec<_>>().join(", ");
                let says = if leads { "leads" } else { "knows of a quorum" };
                let of = if ids.is_empty() { String::new() } else { format!(" of nodes {ids}") };
                living.push(format!("{} {says}{of}", place.address()));
            }
        }
        living.sort();
        living.dedup();
        living
    }

    /// Where something answers that may be an old voter, and does not say that it is none: also who says that it is the node
    /// that is to be recovered, which does not run.
    pub(super) fn unclear(&self, local: NodeId, cluster_id: &str) -> Vec<String> {
        let broken = |place: &Place| match &place.heard {
            Heard::Broken(why) => Some(format!("{} ({why})", place.address())),
            _ => None,
        };
        let nameless = |place: &Place| match place.answer(cluster_id)?.node_id {
            None => Some(format!("{} (it does not say which node it is)", place.address())),
            Some(id) if NodeId(id) == local => {
                Some(format!("{} (it says that it is node {id}, as this one)", place.address()))
            }
            Some(_) => None,
        };
        let nameless = self.beside.iter().filter_map(nameless);
        let mut unclear: Vec<String> = self.places().filter_map(broken).chain(nameless).collect();
        unclear.sort();
        unclear.dedup();
        unclear
    }
}

/// The voters that a controller names, and the leader that it follows.
fn named(answer: &Answer) -> Vec<ReplicaKey> {
    let key = |id, directory: Option<Uuid>| ReplicaKey {
        id: NodeId(id),
        directory: directory.map_or(DirectoryId::ABSENT, DirectoryId),
    };
    let mut named: Vec<_> =
        answer.voters.iter().map(|voter| key(voter.id, voter.directory)).collect();
    if let Some(leader) = answer.leader.filter(|id| named.iter().all(|key| key.id.0 != *id)) {
        named.push(key(leader, None));
    }
    named
}

/// Asks all voters but this one, the controllers of the configuration, and those that whoever answers names.
pub(super) fn ask(
    options: &QuorumOptions,
    voters: &Voters,
    limit: Duration,
) -> Result<Asked, Failure> {
    let own = voters.set().key(options.config.local.id);
    let is_own = |voter: &&Voter| {
        voter.replica == own
            && (own.directory == DirectoryId::ABSENT || own == options.config.local)
    };
    let others: Vec<&Voter> = voters.voters.iter().filter(|voter| !is_own(voter)).collect();
    let endpoints = others.iter().flat_map(|voter| &voter.endpoints);
    let named = endpoints.map(|at| HostPort { host: at.host.clone(), port: at.port });
    // Who listens where the configuration says may be somebody else, at the own address too.
    let servers =
        options.peers.iter().map(|peer| HostPort { host: peer.host.clone(), port: peer.port });
    let named: Vec<HostPort> = named.chain(servers).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let places = runtime.block_on(ask_all(named, &options.cluster_id, limit));
    // A name that is still looked up is waited for no longer.
    runtime.shutdown_background();
    Ok(sorted(&others, &places?, &options.cluster_id))
}

async fn ask_all(
    mut named: Vec<HostPort>,
    cluster_id: &str,
    limit: Duration,
) -> Result<Vec<Place>, Failure> {
    let mut places: Vec<Place> = Vec::new();
    // Whoever is asked may name others, and who answers then may know better who votes.
    for _ in 0..3 {
        let deadline = Instant::now() + limit;
        let mut visits = Vec::new();
        let mut new: Vec<HostPort> = Vec::new();
        for at in named {
            let known = new.contains(&at) || places.iter().any(|place| place.at == at);
            if !known && places.len() + new.len() < MOST {
                new.push(at.clone());
                visits.push(tokio::spawn(async move {
                    let heard = ask::one(&at, deadline).await;
                    Place { at, heard }
                }));
            }
        }
        for visit in visits {
            places.push(visit.await?);
        }
        let answers = places.iter().filter_map(|place| place.answer(cluster_id));
        let known = answers.flat_map(|answer| answer.voters.iter().chain(&answer.registered));
        named =
            known.map(|voter| HostPort { host: voter.host.clone(), port: voter.port }).collect();
    }
    Ok(places)
}

/// Which of the addresses are whose.
fn sorted(voters: &[&Voter], places: &[Place], cluster_id: &str) -> Asked {
    let listens = |voter: &Voter, place: &Place| {
        voter.endpoints.iter().any(|at| at.host == place.at.host && at.port == place.at.port)
    };
    let mut asked = Asked { voters: Vec::new(), beside: Vec::new() };
    for voter in voters {
        // It may have moved, and says so.
        let says_so =
            |place: &Place| place.answer(cluster_id).is_some_and(|answer| answer.node_id.is_some());
        let is_it = |place: &Place| {
            (listens(voter, place) || says_so(place))
                && place.answer(cluster_id).is_some_and(|answer| may_be(answer, voter.replica))
        };
        let places = places.iter().filter(|place| listens(voter, place) || is_it(place));
        let places: Vec<Place> = places.cloned().collect();
        let answers = places.iter().any(is_it);
        asked.voters.push(Voted { replica: voter.replica, places, answers });
    }
    let is_beside = |place: &&Place| {
        !asked.voters.iter().any(|voter| voter.places.iter().any(|other| other.at == place.at))
    };
    asked.beside = places.iter().filter(is_beside).cloned().collect();
    asked
}

/// Whether a controller of the cluster may be that replica: stock nodes say it only where they lead.
fn may_be(answer: &Answer, replica: ReplicaKey) -> bool {
    let known = replica.directory != DirectoryId::ABSENT;
    let other = |directory| known && DirectoryId(directory) != replica.directory;
    answer.node_id.is_none_or(|id| NodeId(id) == replica.id) && !answer.directory.is_some_and(other)
}

/// What is left of another controller.
pub(super) struct Compared {
    /// The directory of its metadata log.
    pub(super) directory: PathBuf,
    pub(super) replica: ReplicaKey,
    pub(super) log: LogSummary,
    /// Bytes at its end that are damaged.
    pub(super) bytes_lost: u64,
    election: ElectionState,
}

impl Compared {
    /// Whether its log says what a voter had.
    pub(super) fn is_whole(&self) -> bool {
        quorum::is_whole(&self.log, self.bytes_lost)
    }

    /// Those that it knows of.
    pub(super) fn epochs(&self) -> [Epoch; 2] {
        [self.election.epoch, self.log.last_epoch()]
    }
}

/// Reads the directories that are named.
pub(super) fn compare(
    options: &QuorumOptions,
    voters: &Voters,
    paths: &[PathBuf],
) -> Result<Vec<Compared>, Failure> {
    paths.iter().map(|path| compared(options, voters, path)).collect()
}

fn compared(options: &QuorumOptions, voters: &Voters, path: &Path) -> Result<Compared, Failure> {
    let home = home(path)?;
    let of_file = |what: &str| Failure(format!("{}: {what}", home.join(FILE_NAME).display()));
    let properties = MetaProperties::read(&home).map_err(|error| of_file(&error.to_string()))?;
    let cluster_id = properties.cluster_id.unwrap_or_default();
    if cluster_id != options.cluster_id {
        return Err(of_file(&format!(
            "the directory is of another cluster, {cluster_id}: this node's is {}. Leave it out.",
            options.cluster_id
        )));
    }
    let id = properties.node_id.ok_or_else(|| of_file("it does not say of which node it is."))?;
    let directory_id = properties.directory_id.unwrap_or(DirectoryId::ABSENT);
    let replica = ReplicaKey { id, directory: directory_id };
    let directory = home.join(METADATA_DIR_NAME);
    let same = |one: &Path, other: &Path| one.canonicalize().ok() == other.canonicalize().ok();
    if !directory.is_dir() || same(&directory, &options.directory) {
        return fail(format!(
            "{}: compare other directories than the one that is to be recovered, and such as hold a metadata log.",
            directory.display()
        ));
    }
    check_unused(&home).map_err(|held| match held {
        LockError::Held(home) if !voters.set().has(id) => Failure(format!(
            "{}: a node runs on this directory: stop node {id}, which does not vote, while it is compared.",
            home.display()
        )),
        LockError::Held(home) => Failure(format!(
            "{}: a node runs on this directory. The directories of the old voters must never be started again: stop node {id} for good.",
            home.display()
        )),
        LockError::Disk(error) => error.into(),
    })?;
    let found = look(options, &directory, replica)?;
    if found.goes_on_alone(replica) && voters.set() != found.voters.set() {
        return fail(format!(
            "{}: this directory was recovered itself: node {id} is its only voter, and two recoveries are two histories. Go on from that one: start node {id}, and format this controller anew. Or, if none of its history is to stay, leave it out and never start it.",
            directory.display()
        ));
    }
    let Found { restored: Restored { log, election, .. }, bytes_lost, .. } = found;
    Ok(Compared { directory, replica, log, bytes_lost, election })
}

/// The log directory that is meant: by itself, by the metadata log in it, or by the configuration that names it.
fn home(path: &Path) -> Result<PathBuf, Failure> {
    if path.is_file() {
        return Ok(Config::load(path, &[])?.metadata_log_dir);
    }
    let above = path.parent().filter(|_| path.ends_with(METADATA_DIR_NAME));
    let found = [Some(path), above].into_iter().flatten().find(|at| at.join(FILE_NAME).is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        Failure(format!(
            "{}: there is no {FILE_NAME}: name the log directory that holds {METADATA_DIR_NAME}, whole, or the server.properties that name it.",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use kraftig_server::quorum::KRAFT_VERSIONS;
    use kraftig_spec::controller::record::Endpoint;

    use super::super::super::reason::Voter as Named;
    use super::*;

    const OLD: Uuid = Uuid([1; 16]);
    const NEW: Uuid = Uuid([2; 16]);

    fn key(id: i32, directory: Uuid) -> ReplicaKey {
        ReplicaKey { id: NodeId(id), directory: DirectoryId(directory) }
    }

    fn says(node_id: Option<i32>, directory: Option<Uuid>) -> Answer {
        Answer { cluster_id: "X".to_owned(), node_id, directory, ..Answer::default() }
    }

    fn place(port: u16, heard: Heard) -> Place {
        Place { at: HostPort { host: "h".to_owned(), port }, heard }
    }

    fn answers(port: u16, answer: Answer) -> Place {
        place(port, Heard::Answer(Box::new(answer)))
    }

    fn broken(port: u16) -> Place {
        place(port, Heard::Broken("error 31".to_owned()))
    }

    /// Voters 2 and 3 were asked, each at the port that is its id.
    fn asked(places: &[Place]) -> Asked {
        let voter = |id: i32| Voter {
            replica: key(id, OLD),
            endpoints: vec![Endpoint {
                name: "CONTROLLER".to_owned(),
                host: "h".to_owned(),
                port: id as u16,
                security_protocol: 0,
            }],
            kraft_versions: KRAFT_VERSIONS,
        };
        sorted(&[&voter(2), &voter(3)], places, "X")
    }

    fn voters() -> VoterSet {
        VoterSet::of([key(1, OLD), key(2, OLD), key(3, OLD)])
    }

    #[test]
    fn who_may_be_an_old_voter() {
        let is_it = |answer: &Answer| may_be(answer, key(2, OLD));
        assert!(is_it(&says(Some(2), Some(OLD))));
        assert!(is_it(&says(Some(2), None)) && is_it(&says(None, None)));
        assert!(!is_it(&says(Some(3), None)));
        assert!(!is_it(&says(Some(2), Some(NEW))), "it was formatted anew");
        assert!(may_be(&says(Some(2), Some(NEW)), key(2, Uuid::ZERO)), "no directory is known");
    }

    #[test]
    fn a_voter_answers_where_it_is_and_where_it_says_it_is() {
        let who = |places: &[Place]| {
            let asked = asked(places).voters.into_iter().filter(|voter| voter.answers);
            asked.map(|voter| voter.replica.id.0).collect::<Vec<_>>()
        };
        let [two, three] = [2, 3].map(|id| says(Some(id), Some(OLD)));
        assert_eq!(who(&[answers(2, two.clone()), place(3, Heard::Refused)]), [2]);
        assert_eq!(who(&[place(2, Heard::Silent), answers(7, three)]), [3]);
        assert_eq!(who(&[answers(2, says(None, None)), answers(7, says(None, None))]), [2]);
        let foreign = Answer { cluster_id: "Y".to_owned(), ..two };
        assert_eq!(who(&[answers(2, foreign)]), Vec::<i32>::new());
    }

    #[test]
    fn what_answers_and_does_not_say_who_it_is() {
        let unclear = |places: &[Place]| asked(places).unclear(NodeId(1), "X");
        let silent = [
            place(2, Heard::Refused),
            place(3, Heard::Silent),
            place(7, Heard::Unreachable("no such name".to_owned())),
            answers(8, says(Some(9), Some(NEW))),
            answers(2, says(None, None)),
            answers(9, Answer { cluster_id: "Y".to_owned(), ..says(None, None) }),
        ];
        assert_eq!(unclear(&silent), Vec::<String>::new());
        let itself = answers(9, says(Some(1), Some(NEW)));
        let found = unclear(&[broken(2), broken(7), answers(8, says(None, None)), itself]);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found[0], "h:2 (error 31)");
    }

    #[test]
    fn who_shows_that_a_quorum_lives() {
        let living = |answer: Answer| asked(&[answers(7, answer)]).living(&voters(), "X");
        let observer = || says(Some(9), Some(NEW));
        assert_eq!(living(observer()), Vec::<String>::new());
        let leads = Answer { role: Some("Leader".to_owned()), ..observer() };
        assert_eq!(living(leads.clone()), ["h:7 leads"]);
        assert_eq!(
            living(Answer { leader: Some(4), ..observer() }),
            ["h:7 knows of a quorum of nodes 4"]
        );
        assert_eq!(living(Answer { leader: Some(2), ..observer() }), Vec::<String>::new());
        let voter =
            |id, directory| Named { id, directory: Some(directory), host: "h".to_owned(), port: 7 };
        let knows = |other| Answer { voters: vec![voter(1, OLD), voter(2, other)], ..observer() };
        assert_eq!(living(knows(OLD)), Vec::<String>::new());
        assert_eq!(living(knows(NEW)), ["h:7 knows of a quorum of nodes 1, 2"]);
        assert_eq!(living(Answer { cluster_id: "Y".to_owned(), ..leads }), Vec::<String>::new());
    }
}
