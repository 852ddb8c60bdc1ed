//! What a node of the quorum knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::log_summary::LogSummary;
use super::voters::VoterSet;
use crate::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId};

/// What does not change while a node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// This replica.
    pub local: ReplicaKey,
    /// The voters (`controller.quorum.voters`), as long as no log names any.
    pub voters: VoterSet,
    /// Whom to ask for the leader as long as no voters are known (`controller.quorum.bootstrap.servers`). Their ids are
    /// negative: who listens there is not known.
    pub bootstrap: Vec<NodeId>,
    /// Who voted before this directory went on alone (see [`super::recover`]); an absent directory stands for each of that id.
    /// They are not heard any more.
    pub outside: Vec<ReplicaKey>,
    /// The delays of timers.
    pub timeouts: Timeouts,
}

/// Delays in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// `controller.quorum.election.timeout.ms`: an election timer is drawn from once to twice this.
    pub election_ms: u64,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_ms: u64,
    /// `controller.quorum.election.backoff.max.ms`: the longest wait of who lost an election, or is not the first
    /// to succeed a leader that resigned.
    pub election_backoff_max_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { election_ms: 1000, fetch_ms: 2000, election_backoff_max_ms: 1000 }
    }
}

/// Why a [`Config`] is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nobody could ever lead.
    #[error("there are no voters")]
    NoVoters,
    /// `node.id` of a voter is at least 0.
    #[error("voter id {0} is negative")]
    NegativeId(NodeId),
    /// What is missing can be nowhere else on this disk.
    #[error("the log begins at offset {start}, and no snapshot reaches as far")]
    NoSnapshot {
        /// Offset of the first record.
        start: Offset,
    },
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(id) = self.voters.ids().find(|id| id.0 < 0) {
            return Err(ConfigError::NegativeId(id));
        }
        if self.voters.is_empty() && self.bootstrap.is_empty() {
            return Err(ConfigError::NoVoters);
        }
        Ok(())
    }

    /// Whether `key` is this replica. An absent directory matches any (KIP-853).
    pub(super) fn is_local(&self, key: ReplicaKey) -> bool {
        key.id == self.local.id
            && (key.directory == DirectoryId::ABSENT || key.directory == self.local.directory)
    }
}

/// The content of the `quorum-state` file: what must survive for a node never to vote twice, nor to
/// lead an epoch again that it has led.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElectionState {
    /// The highest epoch heard of.
    pub epoch: Epoch,
    /// Its leader, where known.
    pub leader: Option<NodeId>,
    /// Whom this node voted for in it. A leader keeps none; a follower may keep its vote beside the leader.
    pub voted: Option<ReplicaKey>,
}

/// What a node finds when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The `quorum-state` file; its default where there is none.
    pub election: ElectionState,
    /// The voters that the latest snapshot names.
    pub snapshot_voters: Option<VoterSet>,
    /// The log. All that can be read must have been flushed before: the page cache survives `kill -9`, so
    /// what is read is not yet durable by being read.
    pub log: LogSummary,
}

/// The part that a node plays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Follows nobody: it knows no leader, or knows one that it cannot follow. It may have voted.
    Unattached,
    /// Follows [`ElectionState::leader`].
    Follower {
        /// What it heard of the leader.
        contact: Contact,
        /// The snapshot that it loads, as its log is behind the start of the leader's.
        download: Option<Download>,
    },
    /// Asks whether it would be elected, before it makes an epoch of its own (KIP-996). Known on no disk.
    Prospective {
        /// Who would vote for it, itself included if it votes.
        granted: BTreeSet<NodeId>,
        /// Who would not. They are not asked again in this campaign.
        refused: BTreeSet<NodeId>,
    },
    /// Wants to lead.
    Candidate {
        /// Who voted for it, itself included if it votes.
        granted: BTreeSet<NodeId>,
        /// Who refused. They are not asked again in this campaign.
        refused: BTreeSet<NodeId>,
    },
    /// Leads.
    Leader {
        /// The log's end when it was elected: the place of its `LeaderChange` record.
        epoch_start: Offset,
        /// What is known of the other voters' logs.
        progress: BTreeMap<NodeId, Progress>,
        /// Who fetched since a majority last had (check-quorum, KAFKA-15489).
        heard: BTreeSet<NodeId>,
        /// Who knows of this leader since the last [`super::Timer::BeginQuorumEpoch`].
        acknowledged: BTreeSet<NodeId>,
    },
    /// Led this epoch and does so no more, by its own will or because it restarted.
    Resigned {
        /// The other voters in the order in which they should succeed; empty after a restart.
        successors: Vec<NodeId>,
        /// Who knows that this node leads no longer.
        acknowledged: BTreeSet<NodeId>,
    },
}

impl Role {
    /// Led by a node that is about to be asked for the first time.
    pub(crate) const FOLLOWER: Self = Self::Follower { contact: Contact::None, download: None };

    /// After a restart, or where who should succeed does not matter.
    pub(crate) fn resigned() -> Self {
        Self::Resigned { successors: Vec::new(), acknowledged: BTreeSet::new() }
    }
}

/// What a follower heard of its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contact {
    /// It has not answered yet.
    None,
    /// It answered a fetch. While this is so the follower tells others that they would not get its vote: somebody
    /// who is merely cut off from the leader must not depose it.
    Fetched,
    /// It cannot be reached, or says that it leads no longer. The follower is about to campaign; an observer asks
    /// all voters who leads.
    Lost,
    /// It has not answered, nor did so many others that this follower could have been elected. All voters that it knows may be gone, so
    /// it also asks where it was told to who leads.
    Silent,
}

/// A snapshot on its way from the leader, chunk by chunk (KIP-630).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Download {
    /// Which.
    pub snapshot: SnapshotId,
    /// How many of its bytes are here.
    pub position: i64,
}

/// How far a voter's flushed log reaches, as its fetches tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The directory that the log is in. Another one is another replica, and starts anew.
    pub directory: DirectoryId,
    /// The largest offset that it fetched from in this epoch. Never goes back: a late request must not
    /// move it.
    pub end: Offset,
}

/// A node of the quorum. Made by [`super::start`], changed by [`super::step`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) election: ElectionState,
    pub(crate) role: Role,
    pub(crate) log: LogSummary,
    pub(crate) high_watermark: Option<Offset>,
    /// The disk has no room for records: the node takes no part in which it would have to write any.
    pub(crate) disk_full: bool,
}

impl State {
    /// What does not change while it runs.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the `quorum-state` file holds once the effects of the last step are done.
    pub fn election(&self) -> ElectionState {
        self.election
    }

    /// The part that the node plays.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Its log.
    pub fn log(&self) -> &LogSummary {
        &self.log
    }

    /// Everything below is committed; `None` until the node knows of anything.
    pub fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    /// Who votes, as far as its log tells: a change counts from the moment on in which it is appended. Without any in the log,
    /// those of the configuration.
    pub fn voters(&self) -> &VoterSet {
        self.log.voters.last().map_or(&self.config.voters, |last| &last.voters)
    }

    /// Whether it is committed that the log names the voters (`kraft.version` 1). Once it does it always does.
    pub fn names_voters(&self) -> bool {
        self.log.voters.first().is_some_and(|first| Some(first.end) <= self.high_watermark)
    }

    /// Whether this node votes; else it is an observer, which follows the leader, and campaigns only as [`Self::may_campaign`] says.
    pub fn is_voter(&self) -> bool {
        self.voters().contains(self.config.local)
    }

    /// Whether this node may campaign: it votes, or it is to vote no more and does not know that to be committed. It may be the only one
    /// that holds it, and so be needed to commit it (Ongaro 2014, 4.2.2). It does not count itself then.
    pub fn may_campaign(&self) -> bool {
        let is_removed = match &self.log.voters[..] {
            [.., before, last] => {
                before.voters.contains(self.config.local) && Some(last.end) > self.high_watermark
            }
            _ => false,
        };
        self.is_voter() || mutant!(RemovedNeverCampaigns: false, else is_removed)
    }

    /// Itself, if it votes.
    pub(super) fn own_vote(&self) -> BTreeSet<NodeId> {
        let votes = mutant!(RemovedVotesForItself: true, else self.is_voter());
        votes.then_some(self.config.local.id).into_iter().collect()
    }

    /// Whether this node is the only voter.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_voter() && self.others().next().is_none()
    }

    /// The other voters.
    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> {
        self.voters().ids().filter(|id| *id != self.config.local.id)
    }

    /// Whether its disk had no room when it last looked.
    pub fn is_disk_full(&self) -> bool {
        self.disk_full
    }

    /// Whether the node leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }
}
