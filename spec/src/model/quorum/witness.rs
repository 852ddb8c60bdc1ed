//! What a search must have come across, or it says nothing.

use super::action::{Action, Rpc};
use super::network::Network;
use super::snapshots::Snapshots;
use super::world::{Bounds, Changes, Node, Successor, World, named_by};
use crate::quorum::{Role, VoterChange};
use crate::types::Offset;

/// Something that a search must have seen, or it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is named by Witness::name")]
pub enum Witness {
    LeaderElected,
    ValueCommitted,
    DivergentSuffixTruncated,
    UnflushedSuffixLost,
    LeaderResigned,
    Timeout,
    Propose,
    Flush,
    Crash,
    CrashInsideStep,
    PreVote,
    Vote,
    BeginQuorumEpoch,
    EndQuorumEpoch,
    Fetch,
    FetchSnapshot,
    SnapshotTaken,
    LogCleaned,
    SnapshotLoaded,
    Upgraded,
    VoterAdded,
    VoterRemoved,
    DiskLost,
    Recovered,
    JoinedCounts,
    JoinedLeads,
    AnswerLost,
    PartialFetch,
    Unattached,
    Follower,
    Prospective,
    Candidate,
    Leader,
    Resigned,
}

impl Witness {
    /// All, in the order in which reports list them.
    pub const ALL: [Self; 34] = [
        Self::LeaderElected,
        Self::ValueCommitted,
        Self::DivergentSuffixTruncated,
        Self::UnflushedSuffixLost,
        Self::LeaderResigned,
        Self::Timeout,
        Self::Propose,
        Self::Flush,
        Self::Crash,
        Self::CrashInsideStep,
        Self::PreVote,
        Self::Vote,
        Self::BeginQuorumEpoch,
        Self::EndQuorumEpoch,
        Self::Fetch,
        Self::FetchSnapshot,
        Self::SnapshotTaken,
        Self::LogCleaned,
        Self::SnapshotLoaded,
        Self::Upgraded,
        Self::VoterAdded,
        Self::VoterRemoved,
        Self::DiskLost,
        Self::Recovered,
        Self::JoinedCounts,
        Self::JoinedLeads,
        Self::AnswerLost,
        Self::PartialFetch,
        Self::Unattached,
        Self::Follower,
        Self::Prospective,
        Self::Candidate,
        Self::Leader,
        Self::Resigned,
    ];

    /// What was seen.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaderElected => "a leader elected",
            Self::ValueCommitted => "a value committed",
            Self::DivergentSuffixTruncated => "a divergent suffix truncated",
            Self::UnflushedSuffixLost => "an unflushed suffix lost, committed entries kept",
            Self::LeaderResigned => "a leader resigned",
            Self::Timeout => "action: timeout",
            Self::Propose => "action: propose",
            Self::Flush => "action: flush",
            Self::Crash => "action: crash and restart",
            Self::CrashInsideStep => "action: crash inside a step",
            Self::PreVote => "action: PreVote",
            Self::Vote => "action: Vote",
            Self::BeginQuorumEpoch => "action: BeginQuorumEpoch",
            Self::EndQuorumEpoch => "action: EndQuorumEpoch",
            Self::Fetch => "action: Fetch",
            Self::FetchSnapshot => "action: FetchSnapshot",
            Self::SnapshotTaken => "action: snapshot taken",
            Self::LogCleaned => "action: log cleaned up to a snapshot",
            Self::SnapshotLoaded => "a snapshot loaded from another node",
            Self::Upgraded => "action: voters upgraded, from the configuration into the log",
            Self::VoterAdded => "action: voter added",
            Self::VoterRemoved => "action: voter removed",
            Self::DiskLost => "action: disk lost",
            Self::Recovered => "action: majority given up, one directory goes on",
            Self::JoinedCounts => "a leader counts what a voter holds that was added",
            Self::JoinedLeads => "a voter leads that was added",
            Self::AnswerLost => "action: answer lost",
            Self::PartialFetch => "action: fetch that brings a part",
            Self::Unattached => "role: Unattached",
            Self::Follower => "role: Follower",
            Self::Prospective => "role: Prospective",
            Self::Candidate => "role: Candidate",
            Self::Leader => "role: Leader",
            Self::Resigned => "role: Resigned",
        }
    }

    /// Whether a complete search of these bounds must see it.
    pub fn required(self, bounds: Bounds, network: Network) -> bool {
        let Bounds { nodes, voters, epochs, values, crashes, resign, snapshots, .. } = bounds;
        let changes = voters.map(|(_, changes)| changes);
        let elects = epochs >= 1;
        // Where all nodes vote and none is removed, only who was given up has room to come back, and that takes an epoch.
        let adds_from = |changes: Changes, epochs: u8, least: u8| {
            let all_vote = voters.is_some_and(|(first, _)| first == nodes);
            let is_full = all_vote && changes.removes == 0 && !changes.upgrade;
            let makes_room = !is_full || changes.recovers && changes.wipes > 0;
            changes.adds > 0 && makes_room && epochs >= least + u8::from(is_full)
        };
        let several = nodes >= 2;
        // The only voter campaigns anew when it restarts.
        let crash = crashes != Some(0) && (several || epochs >= 2);
        let taken = snapshots != Snapshots::None;
        match self {
            Self::Upgraded => elects && changes.is_some_and(|changes| changes.upgrade),
            Self::VoterAdded => changes.is_some_and(|changes| adds_from(changes, epochs, 1)),
            Self::VoterRemoved => elects && changes.is_some_and(|changes| changes.removes > 0),
            Self::JoinedCounts => {
                changes.is_some_and(|changes| !changes.upgrade && adds_from(changes, epochs, 1))
            }
            Self::JoinedLeads => {
                changes.is_some_and(|changes| !changes.upgrade && adds_from(changes, epochs, 2))
            }
            // It takes an epoch, and leads in the next.
            Self::Recovered => epochs >= 2 && changes.is_some_and(|changes| changes.recovers),
            Self::DiskLost => changes.is_some_and(|changes| changes.wipes > 0),
            Self::SnapshotTaken | Self::LogCleaned if snapshots == Snapshots::Stored => elects,
            Self::SnapshotTaken => taken && elects && (crash || nodes >= 3),
            // The leader's entries are committed without the third, or without its own flush.
            Self::LogCleaned | Self::FetchSnapshot | Self::SnapshotLoaded => {
                taken && elects && nodes >= 3
            }
            Self::ValueCommitted | Self::Propose => elects && values >= 1,
            // It takes a leader whose entries the next one lacks, and a majority without them.
            Self::DivergentSuffixTruncated => nodes >= 3 && epochs >= 2,
            // An entry of an epoch must be committed, and another be lost.
            Self::UnflushedSuffixLost => crash && elects && (values >= 1 || epochs >= 2),
            Self::LeaderResigned | Self::Resigned => {
                elects && (resign || crash && (several || epochs >= 2))
            }
            Self::EndQuorumEpoch => elects && several && (resign || crash),
            Self::Crash => crash,
            Self::CrashInsideStep => crash && elects,
            // Of two nodes that do not crash, the leader that gives up uses the second epoch up.
            Self::PartialFetch => {
                let fetches = values >= 1 || epochs >= 2 && (nodes >= 3 || crash);
                elects && several && fetches
            }
            Self::Unattached => several,
            // What is in a set is never lost.
            Self::AnswerLost => elects && several && !network.remembers(),
            Self::Timeout => elects && (several || epochs >= 2),
            // The only voter leads in the step in which it campaigns.
            Self::PreVote
            | Self::Vote
            | Self::BeginQuorumEpoch
            | Self::Fetch
            | Self::Follower
            | Self::Prospective
            | Self::Candidate => elects && several,
            // Where nobody is ever elected, the properties hold of nothing.
            Self::LeaderElected => true,
            Self::Flush | Self::Leader => elects,
        }
    }
}

fn bit(witness: Witness) -> u64 {
    1 << witness as u32
}

/// The witnesses of a step and of what it leads to, a bit for each.
pub(super) fn witnessed(successor: &Successor) -> u64 {
    happened(successor) | roles(&successor.world)
}

/// The witnesses of a step, but for the roles of nodes.
pub(super) fn happened(successor: &Successor) -> u64 {
    let mut seen = 0;
    let mut see = |happened: bool, witness: Witness| {
        if happened {
            seen |= bit(witness);
        }
    };
    let Successor { action, world, truncated, lost, partial, installed, .. } = successor;
    let inside = match action {
        Action::Timeout(_, cut)
        | Action::Propose(_, cut)
        | Action::Flush(_, _, cut)
        | Action::Clean(_, _, cut)
        | Action::Load(_, _, _, cut)
        | Action::ChangeVoters(_, _, cut)
        | Action::UpgradeVoters(_, cut)
        | Action::Receive(_, cut, _)
        | Action::Arrive(_, cut, _) => cut.is_some(),
        Action::Rpc(rpc) => rpc.receiver.is_some() || rpc.sender.is_some(),
        Action::Crash(..)
        | Action::Wipe(_)
        | Action::Recover(_)
        | Action::Resign(_)
        | Action::Snapshot(..)
        | Action::Send(_)
        | Action::Lose(_) => false,
    };
    see(inside, Witness::CrashInsideStep);
    see(*partial, Witness::PartialFetch);
    see(*installed, Witness::SnapshotLoaded);
    see(*truncated, Witness::DivergentSuffixTruncated);
    see(*lost && !world.committed.is_empty(), Witness::UnflushedSuffixLost);
    match action {
        Action::Timeout(..) => see(true, Witness::Timeout),
        Action::Propose(..) => see(true, Witness::Propose),
        Action::Flush(..) => see(true, Witness::Flush),
        Action::Crash(_, _, snapshot) => {
            see(true, Witness::Crash);
            see(*snapshot > Offset::ZERO, Witness::SnapshotTaken);
        }
        Action::Load(..) => {
            see(true, Witness::SnapshotTaken);
            see(true, Witness::FetchSnapshot);
        }
        Action::Resign(_) => see(true, Witness::LeaderResigned),
        Action::Snapshot(..) => see(true, Witness::SnapshotTaken),
        Action::Clean(..) => see(true, Witness::LogCleaned),
        Action::Wipe(_) => see(true, Witness::DiskLost),
        Action::Recover(_) => see(true, Witness::Recovered),
        Action::UpgradeVoters(..) => see(true, Witness::Upgraded),
        Action::ChangeVoters(_, change, _) => see(
            true,
            match change {
                VoterChange::Add { .. } => Witness::VoterAdded,
                _ => Witness::VoterRemoved,
            },
        ),
        Action::Rpc(Rpc { kind, arrives, .. }) => {
            see(true, asked(kind));
            see(arrives.is_none(), Witness::AnswerLost);
        }
        Action::Receive(leg, ..) => see(true, asked(leg.kind)),
        Action::Lose(leg) => see(leg.answer, Witness::AnswerLost),
        Action::Send(_) | Action::Arrive(..) => {}
    }
    see(world.committed.iter().any(|entry| entry.leader.is_none()), Witness::ValueCommitted);
    seen
}

fn asked(kind: &str) -> Witness {
    match kind {
        "PreVote" => Witness::PreVote,
        "Vote" => Witness::Vote,
        "EndQuorumEpoch" => Witness::EndQuorumEpoch,
        "Fetch" => Witness::Fetch,
        "FetchSnapshot" => Witness::FetchSnapshot,
        _ => Witness::BeginQuorumEpoch,
    }
}

/// The witnesses of a world, however it came about.
pub(super) fn roles(world: &World) -> u64 {
    world.nodes.iter().fold(joined(world), |seen, node| seen | role(node))
}

/// The witnesses of a node.
pub(super) fn role(node: &Node) -> u64 {
    match node.state.role() {
        Role::Unattached => bit(Witness::Unattached),
        Role::Follower { .. } => bit(Witness::Follower),
        Role::Prospective { .. } => bit(Witness::Prospective),
        Role::Candidate { .. } => bit(Witness::Candidate),
        Role::Leader { .. } => bit(Witness::Leader) | bit(Witness::LeaderElected),
        Role::Resigned { .. } => bit(Witness::Resigned),
    }
}

/// What became of voters that were not among the first.
fn joined(world: &World) -> u64 {
    let Some(first) = world.committed.first().and_then(|entry| named_by(entry.value)) else {
        return 0;
    };
    let mut seen = 0;
    for node in &world.nodes {
        let Role::Leader { progress, .. } = node.state.role() else { continue };
        if !first.contains(node.state.config().local) {
            seen |= bit(Witness::JoinedLeads);
        }
        let voters = node.state.voters();
        let mut holding = progress.iter().filter(|(_, known)| known.end > Offset::ZERO);
        if holding.any(|(id, _)| voters.has(*id) && !first.contains(voters.key(*id))) {
            seen |= bit(Witness::JoinedCounts);
        }
    }
    seen
}
