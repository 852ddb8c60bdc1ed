//! What must be true of a quorum, whoever looks: the model checker at every state, the replay of a
//! real cluster's traces at every cut. Names are those of the TLA+ literature.

use std::collections::BTreeSet;

use super::event::{Answer, Event, Request, VoteAnswer};
use super::state::{Role, State};
use super::voters::VoterSet;
use crate::types::{DirectoryId, Epoch, NodeId, Offset, ReplicaKey, SnapshotId};

/// A batch of a log as a property sees it: where it ends, its epoch, and something that differs if its
/// content differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry<V> {
    /// Offset after its last record.
    pub end: Offset,
    /// The epoch of the leader that wrote it.
    pub epoch: Epoch,
    /// Its content.
    pub value: V,
    /// Set if it opens an epoch: who led it.
    pub leader: Option<NodeId>,
}

/// A node as a property sees it.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a, V> {
    /// Its id.
    pub id: NodeId,
    /// Its directory.
    pub directory: DirectoryId,
    /// Whether it votes, or did before its removal, which it does not know to be committed.
    pub may_campaign: bool,
    /// Its role; a node that is down has none.
    pub role: Option<&'a Role>,
    /// The epoch it is in.
    pub epoch: Epoch,
    /// The leader it believes in.
    pub leader: Option<NodeId>,
    /// Its log, with what snapshots hold of it at its beginning.
    pub log: &'a [Entry<V>],
    /// Where its log begins without snapshots.
    pub log_start: Offset,
    /// The end of its latest snapshot.
    pub latest_snapshot: Offset,
    /// Everything below would survive a power failure.
    pub flushed: Offset,
    /// Everything below is committed, as far as it knows.
    pub high_watermark: Option<Offset>,
}

/// A property of a state or of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// At most one node leads an epoch: over roles, beliefs and the records that open epochs.
    ElectionSafety,
    /// Two logs that have an entry of one epoch at one offset are equal up to there.
    LogMatching,
    /// A leader has every entry that was committed in its epoch or before.
    LeaderCompleteness,
    /// A committed entry is on the flushed logs of a majority.
    Durability,
    /// What was committed once stays what it was: no node takes anything else for committed.
    CommittedImmutable,
    /// A high watermark is not beyond the end of its node's log.
    HighWatermarkWithinLog,
    /// A high watermark does not go back while a node keeps its role.
    HighWatermarkMonotonic,
    /// A truncation removes nothing that was committed.
    NoTruncationBelowHighWatermark,
    /// A leader's log only grows.
    LeaderAppendOnly,
    /// A node makes a new epoch only when a majority has said that it would be elected (KIP-996), or when it leaves the
    /// epoch that it led.
    CampaignHasPreVotes,
    /// A message names no epoch that its sender is not in: nobody can be deposed by an epoch that nobody entered.
    EpochNotInvented,
    /// A follower follows another node.
    NoSelfFollower,
    /// A snapshot holds what was committed before its end, no less and no more, and is named after its last epoch.
    SnapshotEqualsPrefix,
    /// What a log no longer holds at its beginning is in a snapshot.
    SnapshotCoversLogStart,
    /// Who campaigns votes, or is not known to vote no more.
    CandidateIsVoter,
    /// A vote that counts was given by the directory that votes.
    VotesAreOfVoters,
    /// Committed voter sets differ by one voter from one to the next.
    VotersChangeByOne,
    /// The voters that a node goes by are those that its log names last, with the snapshot before it.
    VotersAreOfLog,
    /// A directory that goes on alone has all that is committed in those that it was compared with; and all that is committed
    /// where these are enough to be sure ([`super::loses_nothing`]).
    RecoveryKeepsCommitted,
}

impl Property {
    /// All, in the order in which reports list them.
    pub const ALL: [Self; 19] = [
        Self::ElectionSafety,
        Self::LogMatching,
        Self::LeaderCompleteness,
        Self::Durability,
        Self::CommittedImmutable,
        Self::HighWatermarkWithinLog,
        Self::HighWatermarkMonotonic,
        Self::NoTruncationBelowHighWatermark,
        Self::LeaderAppendOnly,
        Self::CampaignHasPreVotes,
        Self::EpochNotInvented,
        Self::NoSelfFollower,
        Self::SnapshotEqualsPrefix,
        Self::SnapshotCoversLogStart,
        Self::CandidateIsVoter,
        Self::VotesAreOfVoters,
        Self::VotersChangeByOne,
        Self::VotersAreOfLog,
        Self::RecoveryKeepsCommitted,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ElectionSafety => "ElectionSafety",
            Self::LogMatching => "LogMatching",
            Self::LeaderCompleteness => "LeaderCompleteness",
            Self::Durability => "Durability",
            Self::CommittedImmutable => "CommittedImmutable",
            Self::HighWatermarkWithinLog => "HighWatermarkWithinLog",
            Self::HighWatermarkMonotonic => "HighWatermarkMonotonic",
            Self::NoTruncationBelowHighWatermark => "NoTruncationBelowHighWatermark",
            Self::LeaderAppendOnly => "LeaderAppendOnly",
            Self::CampaignHasPreVotes => "CampaignHasPreVotes",
            Self::EpochNotInvented => "EpochNotInvented",
            Self::NoSelfFollower => "NoSelfFollower",
            Self::SnapshotEqualsPrefix => "SnapshotEqualsPrefix",
            Self::SnapshotCoversLogStart => "SnapshotCoversLogStart",
            Self::CandidateIsVoter => "CandidateIsVoter",
            Self::VotesAreOfVoters => "VotesAreOfVoters",
            Self::VotersChangeByOne => "VotersChangeByOne",
            Self::VotersAreOfLog => "VotersAreOfLog",
            Self::RecoveryKeepsCommitted => "RecoveryKeepsCommitted",
        }
    }

    /// The property of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|property| property.name() == name)
    }

    /// Its bit in a [`Violations`].
    pub fn bit(self) -> Violations {
        1 << self as u16
    }
}

/// A set of properties that do not hold, a bit each.
pub type Violations = u32;

/// Judges a state: all properties but those that are about a step.
///
/// `voters` are the sets that may have committed the last entry: the last that is committed, and those that follow it in some
/// log. An entry is committed by the set that its leader knew, and that set itself may not be committed yet (KAFKA-16580).
pub fn violations<V: PartialEq>(
    voters: &[VoterSet],
    nodes: &[NodeView<'_, V>],
    committed: &[Entry<V>],
) -> Violations {
    let mut found = 0;
    for (holds, property) in [
        (election_safety(nodes), Property::ElectionSafety),
        (log_matching(nodes), Property::LogMatching),
        (leader_completeness(nodes, committed), Property::LeaderCompleteness),
        (durability(voters, nodes, committed), Property::Durability),
        (within_log(nodes), Property::HighWatermarkWithinLog),
        (no_self_follower(nodes), Property::NoSelfFollower),
        (snapshot_covers_start(nodes), Property::SnapshotCoversLogStart),
        (candidate_is_voter(nodes), Property::CandidateIsVoter),
    ] {
        if !holds {
            found |= property.bit();
        }
    }
    found
}

fn election_safety<V>(nodes: &[NodeView<'_, V>]) -> bool {
    let claims = |node: &NodeView<'_, V>| {
        let own = matches!(node.role, Some(Role::Leader { .. } | Role::Resigned { .. }));
        let own = own.then_some((node.epoch, node.id));
        let belief = node.leader.map(|leader| (node.epoch, leader));
        own.into_iter().chain(belief)
    };
    let opened = |node: &NodeView<'_, V>| -> Vec<(Epoch, NodeId)> {
        node.log
            .iter()
            .filter_map(|entry| entry.leader.map(|leader| (entry.epoch, leader)))
            .collect()
    };
    let mut leaders: Vec<(Epoch, NodeId)> = Vec::with_capacity(nodes.len() * 4);
    for node in nodes {
        leaders.extend(claims(node));
        leaders.extend(opened(node));
    }
    leaders.iter().enumerate().all(|(index, (epoch, leader))| {
        leaders[index + 1..].iter().all(|(other, by)| other != epoch || by == leader)
    })
}

fn log_matching<V: PartialEq>(nodes: &[NodeView<'_, V>]) -> bool {
    nodes.iter().enumerate().all(|(index, a)| {
        nodes[index + 1..].iter().all(|b| {
            let same =
                a.log.iter().zip(b.log).rposition(|(x, y)| x.end == y.end && x.epoch == y.epoch);
            same.is_none_or(|last| a.log[..=last] == b.log[..=last])
        })
    })
}

fn leader_completeness<V: PartialEq>(nodes: &[NodeView<'_, V>], committed: &[Entry<V>]) -> bool {
    let last_epoch = committed.last().map_or(Epoch(0), |entry| entry.epoch);
    nodes
        .iter()
        .filter(|node| matches!(node.role, Some(Role::Leader { .. })) && node.epoch >= last_epoch)
        .all(|leader| leader.log.starts_with(committed))
}

fn candidate_is_voter<V>(nodes: &[NodeView<'_, V>]) -> bool {
    let campaigns = |node: &NodeView<'_, V>| {
        matches!(node.role, Some(Role::Prospective { .. } | Role::Candidate { .. }))
    };
    nodes.iter().all(|node| !campaigns(node) || node.may_campaign)
}

/// Whether one set of voters may follow the other ([`Property::VotersChangeByOne`]).
pub fn changes_by_one(before: &VoterSet, after: &VoterSet) -> bool {
    let gone = before.keys().filter(|key| !after.keys().any(|other| other == *key)).count();
    let new = after.keys().filter(|key| !before.keys().any(|other| other == *key)).count();
    gone + new <= 1
}

fn durability<V: PartialEq>(
    voters: &[VoterSet],
    nodes: &[NodeView<'_, V>],
    committed: &[Entry<V>],
) -> bool {
    let Some(end) = committed.last().map(|entry| entry.end) else {
        return true;
    };
    let durable = |node: &&NodeView<'_, V>| node.flushed >= end && node.log.starts_with(committed);
    voters.iter().all(|voters| {
        // A directory that is lost counts as if it held everything: what it held nobody can tell any more.
        let runs = |node: &&NodeView<'_, V>| {
            voters.contains(ReplicaKey { id: node.id, directory: node.directory })
        };
        let lost = voters.len() - nodes.iter().filter(runs).count();
        let holders = nodes.iter().filter(durable).filter(runs).count() + lost;
        // Where voters change, what was committed by a set whose record is lost since is at least where each majority
        // of the set before meets it.
        let majority = voters.len() / 2 + 1;
        if voters.is_fixed() { holders >= majority } else { voters.len() - holders < majority }
    })
}

fn within_log<V>(nodes: &[NodeView<'_, V>]) -> bool {
    nodes.iter().all(|node| {
        let end = node.log.last().map_or(Offset::ZERO, |entry| entry.end);
        node.high_watermark.is_none_or(|high_watermark| high_watermark <= end)
    })
}

fn no_self_follower<V>(nodes: &[NodeView<'_, V>]) -> bool {
    let follows = |node: &NodeView<'_, V>| matches!(node.role, Some(Role::Follower { .. }));
    nodes.iter().all(|node| !follows(node) || node.leader.is_some_and(|leader| leader != node.id))
}

fn snapshot_covers_start<V>(nodes: &[NodeView<'_, V>]) -> bool {
    nodes.iter().all(|node| node.log_start <= node.latest_snapshot)
}

/// Whether a snapshot of that name may hold `content` ([`Property::SnapshotEqualsPrefix`]).
pub fn snapshot_equals_prefix<V: PartialEq>(
    snapshot: SnapshotId,
    content: &[Entry<V>],
    committed: &[Entry<V>],
) -> bool {
    let last = content.last().map(|entry| SnapshotId { end: entry.end, epoch: entry.epoch });
    last == Some(snapshot) && committed.starts_with(content)
}

/// Whether a step of a node that was `before` and is `after` made no epoch that it had no right to
/// ([`Property::CampaignHasPreVotes`]). Counts for itself who granted what.
pub fn campaign_has_pre_votes<P>(before: &State, event: &Event<P>, after: &State) -> bool {
    let (old, new) = (before.election.epoch, after.election.epoch);
    let told = match event {
        Event::Requested { request } => Some(request.epoch()),
        Event::Answered { response, .. } => Some(response.epoch),
        _ => None,
    };
    if new == old || told == Some(new) {
        return true;
    }
    if old.next() != Some(new) {
        return false;
    }
    if matches!(before.role, Role::Resigned { .. }) {
        return after.role == Role::Unattached;
    }
    let mut granted = match &before.role {
        Role::Prospective { granted, .. } => granted.clone(),
        _ => BTreeSet::new(),
    };
    granted.insert(before.config.local.id);
    if let Event::Answered { from, response, .. } = event
        && matches!(response.answer, Answer::Vote(VoteAnswer { granted: true }))
    {
        granted.insert(*from);
    }
    let voters = before.voters();
    voters.ids().filter(|id| granted.contains(id)).count() * 2 > voters.len()
}

/// Whether a node may say this ([`Property::EpochNotInvented`]).
pub fn epoch_is_not_invented(sender: &State, request: &Request) -> bool {
    request.epoch() == sender.election.epoch
}

/// Takes over what a node now knows to be committed: its log up to its high watermark. False if that
/// contradicts what was committed before ([`Property::CommittedImmutable`]).
#[must_use]
pub fn commit<V: PartialEq + Clone>(
    committed: &mut Vec<Entry<V>>,
    log: &[Entry<V>],
    high_watermark: Offset,
) -> bool {
    let known = log.iter().take_while(|entry| entry.end <= high_watermark).count();
    let shared = known.min(committed.len());
    if log[..shared] != committed[..shared] {
        return false;
    }
    committed.extend_from_slice(&log[shared..known]);
    true
}

/// Whether cutting `log` to `to` keeps everything that was committed
/// ([`Property::NoTruncationBelowHighWatermark`]).
pub fn truncation_keeps_committed<V: PartialEq>(
    log: &[Entry<V>],
    to: Offset,
    committed: &[Entry<V>],
) -> bool {
    let mut shared = log.iter().zip(committed).take_while(|(a, b)| a == b);
    shared.all(|(entry, _)| entry.end <= to)
}
