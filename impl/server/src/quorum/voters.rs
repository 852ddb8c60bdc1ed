//! Voters as the metadata log names them (KIP-853): beside their keys, which are all that the core knows of them, where they
//! listen and which versions of the protocol they speak.

use std::sync::Arc;

use kraftig_log::snapshot::SnapshotHeader;
use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::quorum::{VoterChangeError, VoterSet, VotersAt};
use kraftig_spec::types::{DirectoryId, NodeId, Offset, ReplicaKey};
use kraftig_wire::DecodeError;
use kraftig_wire::batch::control::ControlRecord;
use kraftig_wire::batch::{Batch, BatchError};
use kraftig_wire::messages::voters_record::{self, KRaftVersionFeature, VotersRecord};

use super::links::Peer;

/// The versions of the protocol that this program speaks: with static voters, and with voters that the log names.
pub const KRAFT_VERSIONS: (i16, i16) = (0, 1);
/// The kind of a record that names the voters, as the last two bytes of its key say it.
const VOTERS: [u8; 2] = [0, 6];
/// Most bytes of a control batch's records once they are read back.
const MOST_CONTROL_BYTES: usize = 1 << 20;
/// Most bytes of a batch that a leader names the voters with: far less than what a reader takes, for the batch that begins
/// an epoch says more than that.
pub(super) const MOST_VOTERS_BYTES: usize = 64 << 10;

/// A voter of the metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its id, and the directory that votes; that is absent where voters are static.
    pub replica: ReplicaKey,
    /// Where it listens, by the names of its listeners.
    pub endpoints: Vec<Endpoint>,
    /// The lowest and the highest `kraft.version` that it speaks.
    pub kraft_versions: (i16, i16),
}

impl Voter {
    /// Whether the same is said of the same replica; in which order its endpoints stand is of no interest.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        let Self { replica, endpoints, kraft_versions } = self;
        (replica, kraft_versions) == (&other.replica, &other.kraft_versions)
            && endpoints.len() == other.endpoints.len()
            && endpoints.iter().all(|at| other.endpoints.contains(at))
    }
}

/// Those that vote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voters {
    /// The finalized `kraft.version`: 1 where the log names the voters, 0 where only the configuration does.
    pub kraft_version: i16,
    /// They; empty where nobody has told this node yet.
    pub voters: Vec<Voter>,
}

/// A change of the voters by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeVoters {
    /// One more (`AddRaftVoter`).
    Add(Voter),
    /// One less (`RemoveRaftVoter`).
    Remove(ReplicaKey),
    /// One listens somewhere else, or speaks other versions (`UpdateRaftVoter`).
    Update(Voter),
    /// The log names the static voters, all of which are these, from now on (`kraft.version` 1).
    Upgrade(Vec<Voter>),
}

/// Why the voters are not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The core does not let it be, or nobody knows what became of it.
    Refused(VoterChangeError),
    /// 42: what is to be said of the voters does not fit into a record that all would read.
    TooLarge,
}

impl From<VoterChangeError> for ChangeError {
    fn from(error: VoterChangeError) -> Self {
        Self::Refused(error)
    }
}

/// When a change of the voters is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledge {
    /// As soon as it is in the leader's log.
    Appended,
    /// When it is committed.
    Committed,
}

/// Why records that may name voters cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VotersFault {
    /// The batch is damaged.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The record is none that is known here.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It names none, one twice, a negative id, or no directory.
    #[error(
        "a VotersRecord that names nobody, one node twice, a negative id, or one without a directory"
    )]
    Nonsense,
}

impl Voters {
    /// Static voters, of which just the ids are known.
    pub(super) fn fixed(voters: &VoterSet) -> Self {
        let mut fixed = Self::default().with_keys(voters, &[]);
        fixed.kraft_version = 0;
        fixed
    }

    /// Static voters, by where the configuration has them listen.
    pub(super) fn at(peers: &[Peer], listener: &str) -> Self {
        let voter = |peer: &Peer| Voter {
            replica: ReplicaKey { id: peer.id, directory: DirectoryId::ABSENT },
            endpoints: vec![Endpoint {
                name: listener.to_owned(),
                host: peer.host.clone(),
                port: peer.port,
                security_protocol: 0,
            }],
            kraft_versions: KRAFT_VERSIONS,
        };
        // Negative ids stand for controllers of which just the address is known.
        let voters = peers.iter().filter(|peer| peer.id.0 >= 0).map(voter).collect();
        Self { kraft_version: 0, voters }
    }

    /// What a record says; `None` where nobody could vote by it.
    pub fn from_record(record: &VotersRecord) -> Option<Self> {
        let endpoint = |at: &voters_record::Endpoint| Endpoint {
            name: at.name.to_string(),
            host: at.host.to_string(),
            port: at.port,
            security_protocol: 0,
        };
        let voter = |voter: &voters_record::Voter| Voter {
            replica: ReplicaKey {
                id: NodeId(voter.voter_id),
                directory: DirectoryId(voter.voter_directory_id),
            },
            endpoints: voter.endpoints.iter().map(endpoint).collect(),
            kraft_versions: (
                voter.kraft_version_feature.min_supported_version,
                voter.kraft_version_feature.max_supported_version,
            ),
        };
        let voters = Self { kraft_version: 1, voters: record.voters.iter().map(voter).collect() };
        let is_sound = |key: ReplicaKey| key.id.0 >= 0 && key.directory != DirectoryId::ABSENT;
        let is_sound = voters.voters.iter().all(|voter| is_sound(voter.replica))
            && voters.set().len() == voters.voters.len()
            && !voters.voters.is_empty();
        is_sound.then_some(voters)
    }

    /// The record that says the same.
    pub fn to_record(&self) -> VotersRecord {
        let endpoint = |at: &Endpoint| voters_record::Endpoint {
            name: at.name.as_str().into(),
            host: at.host.as_str().into(),
            port: at.port,
        };
        let voter = |voter: &Voter| voters_record::Voter {
            voter_id: voter.replica.id.0,
            voter_directory_id: voter.replica.directory.0,
            endpoints: voter.endpoints.iter().map(endpoint).collect(),
            kraft_version_feature: KRaftVersionFeature {
                min_supported_version: voter.kraft_versions.0,
                max_supported_version: voter.kraft_versions.1,
            },
        };
        VotersRecord { version: 0, voters: self.voters.iter().map(voter).collect() }
    }

    /// Their keys.
    pub fn set(&self) -> VoterSet {
        VoterSet::of(self.voters.iter().map(|voter| voter.replica))
    }

    /// The voter of that id, whatever its directory.
    pub fn get(&self, id: NodeId) -> Option<&Voter> {
        self.voters.iter().find(|voter| voter.replica.id == id)
    }

    /// Where a voter can be reached on the listener of that name.
    pub fn address(&self, id: NodeId, listener: &str) -> Option<Peer> {
        let at = self.get(id)?.endpoints.iter().find(|endpoint| endpoint.name == listener)?;
        Some(Peer { id, host: at.host.clone(), port: at.port })
    }

    /// The voters with these keys: as they are known here, `changed` in place of what is known of it.
    fn with_keys(&self, keys: &VoterSet, changed: &[Voter]) -> Self {
        let known = |key: ReplicaKey| {
            let mut all = changed.iter().chain(&self.voters);
            all.find(|voter| voter.replica == key).cloned()
        };
        let unknown =
            |replica| Voter { replica, endpoints: Vec::new(), kraft_versions: KRAFT_VERSIONS };
        let voter = |key| known(key).unwrap_or_else(|| unknown(key));
        Self { kraft_version: 1, voters: keys.keys().map(voter).collect() }
    }
}

/// The voters that a batch of the log names, if it names any: the last that it names.
pub(super) fn named_in(batch: &Batch) -> Result<Option<Voters>, VotersFault> {
    if !batch.header().is_control() {
        return Ok(None);
    }
    let mut named = None;
    for record in &batch.records(MOST_CONTROL_BYTES)? {
        let record = record?;
        let key = record.key.unwrap_or_default();
        // What else there may be is not for the driver.
        if key.get(2..4) != Some(&VOTERS) {
            continue;
        }
        if let ControlRecord::Voters(record) =
            ControlRecord::decode(key, record.value.unwrap_or_default())?
        {
            named = Some(Voters::from_record(&record).ok_or(VotersFault::Nonsense)?);
        }
    }
    Ok(named)
}

/// The voters that a snapshot names in its header, if it names any.
pub(super) fn named_by(header: &SnapshotHeader) -> Result<Option<Voters>, VotersFault> {
    let sound = |record| Voters::from_record(record).ok_or(VotersFault::Nonsense);
    header.voters.as_ref().map(sound).transpose()
}

/// All that the log names, by the places from which on they vote: beside the core, which has the keys.
pub(super) struct Named {
    /// Those of the configuration, as long as the log names none.
    fixed: Arc<Voters>,
    /// Ascending in their places.
    places: Vec<(Offset, Arc<Voters>)>,
}

impl Named {
    pub(super) fn new(fixed: Voters) -> Self {
        Self { fixed: Arc::new(fixed), places: Vec::new() }
    }

    /// Those that vote now.
    pub(super) fn latest(&self) -> &Arc<Voters> {
        self.places.last().map_or(&self.fixed, |(_, voters)| voters)
    }

    /// The same for the core.
    pub(super) fn history(&self) -> Vec<VotersAt> {
        let at =
            |(end, voters): &(Offset, Arc<Voters>)| VotersAt { end: *end, voters: voters.set() };
        self.places.iter().map(at).collect()
    }

    /// The voters with these keys, as they are known here or by `changed`.
    pub(super) fn with_keys(&self, keys: &VoterSet, changed: &[Voter]) -> Voters {
        self.latest().with_keys(keys, changed)
    }

    /// Whether the log names that replica a voter before `to`.
    pub(super) fn was_voter(&self, key: ReplicaKey, to: Offset) -> bool {
        let mut before = self.places.iter().take_while(|(end, _)| *end <= to);
        before.any(|(_, voters)| voters.voters.iter().any(|voter| voter.replica == key))
    }

    /// From `end` on these vote.
    pub(super) fn append(&mut self, end: Offset, voters: Voters) {
        self.places.push((end, Arc::new(voters)));
    }

    /// The log ends at `to` now.
    pub(super) fn truncate(&mut self, to: Offset) {
        self.places.retain(|(end, _)| *end <= to);
    }

    /// The log begins at `to` now.
    pub(super) fn clean(&mut self, to: Offset) {
        let later = self.places.partition_point(|(end, _)| *end <= to);
        self.places.drain(..later.saturating_sub(1));
    }

    /// The log is empty, and goes on after a snapshot that ends at `end` and names these.
    pub(super) fn replace(&mut self, end: Offset, voters: Option<Voters>) {
        self.places.clear();
        if let Some(voters) = voters {
            self.append(end, voters);
        }
    }
}
