//! The world as a [`stateright::Model`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::action::{Action, Rpc};
use super::network::Network;
use super::pack::Packed;
use super::world::{Bounds, BoundsError, Successor, World, named_by};
use crate::quorum::mutant::{self, Mutants};
use crate::quorum::properties::{Property, Violations};
use crate::quorum::{Role, VoterChange};
use crate::types::Offset;

/// The quorum within bounds.
#[derive(Clone, Debug)]
pub struct QuorumModel {
    bounds: Bounds,
    network: Network,
    mutants: Mutants,
    judged: Violations,
    witnesses: Arc<Witnesses>,
}

/// An action together with what it leads to, so that no step is computed twice.
#[derive(Clone, PartialEq, Eq)]
pub struct Transition {
    /// What happens, in the names of the state that it starts from.
    pub action: Action,
    /// What comes of it.
    pub next: Packed,
}

impl fmt::Debug for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)
    }
}

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
    pub const ALL: [Self; 33] = [
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
        let Bounds { nodes, voters, epochs, values, crashes, resign, snapshots } = bounds;
        let changes = voters.map(|(_, changes)| changes);
        let elects = epochs >= 1;
        let several = nodes >= 2;
        // The only voter campaigns anew when it restarts.
        let crash = crashes != Some(0) && (several || epochs >= 2);
        match self {
            Self::Upgraded => elects && changes.is_some_and(|changes| changes.upgrade),
            Self::VoterAdded => elects && changes.is_some_and(|changes| changes.adds > 0),
            Self::VoterRemoved => elects && changes.is_some_and(|changes| changes.removes > 0),
            Self::JoinedCounts => {
                elects && changes.is_some_and(|changes| changes.adds > 0 && !changes.upgrade)
            }
            Self::JoinedLeads => {
                epochs >= 2 && changes.is_some_and(|changes| changes.adds > 0 && !changes.upgrade)
            }
            Self::DiskLost => changes.is_some_and(|changes| changes.wipes > 0),
            Self::SnapshotTaken | Self::LogCleaned => snapshots && elects,
            // The leader's entries are committed without the third.
            Self::FetchSnapshot | Self::SnapshotLoaded => snapshots && elects && nodes >= 3,
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
            Self::PartialFetch => elects && several && (values >= 1 || epochs >= 2),
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

/// Which witnesses a search has seen.
#[derive(Debug, Default)]
pub struct Witnesses(AtomicU64);

impl Witnesses {
    /// Whether it was seen.
    pub fn seen(&self, witness: Witness) -> bool {
        self.0.load(Ordering::Relaxed) & 1 << witness as u32 != 0
    }

    fn note(&self, seen: u64) {
        if self.0.load(Ordering::Relaxed) & seen != seen {
            self.0.fetch_or(seen, Ordering::Relaxed);
        }
    }
}

fn bit(witness: Witness) -> u64 {
    1 << witness as u32
}

fn witnessed(successor: &Successor) -> u64 {
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
        | Action::ChangeVoters(_, _, cut)
        | Action::UpgradeVoters(_, cut)
        | Action::Receive(_, cut, _)
        | Action::Arrive(_, cut, _) => cut.is_some(),
        Action::Rpc(rpc) => rpc.receiver.is_some() || rpc.sender.is_some(),
        Action::Crash(..)
        | Action::Wipe(_)
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
        Action::Crash(..) => see(true, Witness::Crash),
        Action::Resign(_) => see(true, Witness::LeaderResigned),
        Action::Snapshot(..) => see(true, Witness::SnapshotTaken),
        Action::Clean(..) => see(true, Witness::LogCleaned),
        Action::Wipe(_) => see(true, Witness::DiskLost),
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
    seen | roles(world)
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

fn roles(world: &World) -> u64 {
    let joined = joined(world);
    world.nodes.iter().fold(joined, |seen, node| {
        seen | match node.state.role() {
            Role::Unattached => bit(Witness::Unattached),
            Role::Follower { .. } => bit(Witness::Follower),
            Role::Prospective { .. } => bit(Witness::Prospective),
            Role::Candidate { .. } => bit(Witness::Candidate),
            Role::Leader { .. } => bit(Witness::Leader) | bit(Witness::LeaderElected),
            Role::Resigned { .. } => bit(Witness::Resigned),
        }
    })
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

impl QuorumModel {
    /// The model within `bounds`.
    pub fn new(bounds: Bounds) -> Result<Self, BoundsError> {
        bounds.check(Network::Rpc)?;
        let witnesses = Arc::new(Witnesses::default());
        witnesses.note(roles(&World::initial(bounds)));
        let (mutants, judged) = (Mutants::NONE, Violations::MAX);
        Ok(Self { bounds, network: Network::Rpc, mutants, judged, witnesses })
    }

    /// The same world, its messages travel so.
    pub fn over(self, network: Network) -> Result<Self, BoundsError> {
        self.bounds.check(network)?;
        Ok(Self { network, ..self })
    }

    /// The same world, its nodes run with these bugs.
    #[must_use]
    pub fn with_mutants(self, mutants: Mutants) -> Self {
        Self { mutants, ..self }
    }

    /// The same world, judged as if this property always held.
    #[must_use]
    pub fn without(self, property: Property) -> Self {
        Self { judged: self.judged & !property.bit(), ..self }
    }

    /// The same world, judged by this property alone.
    #[must_use]
    pub fn only(self, property: Property) -> Self {
        Self { judged: property.bit(), ..self }
    }

    /// The bugs that its nodes run with.
    pub fn mutants(&self) -> Mutants {
        self.mutants
    }

    /// Whether states are judged by `property`.
    pub fn judges(&self, property: Property) -> bool {
        self.judged & property.bit() != 0
    }

    /// What the searches of this model (and of its clones) have seen so far.
    pub fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    /// How far it goes.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How messages travel.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The world that a search begins with.
    pub fn initial_world(&self) -> World {
        let world = mutant::within(self.mutants, || World::initial(self.bounds));
        World { network: self.network, ..world }
    }

    /// Everything that can happen next, with the properties that it breaks of those that are judged.
    pub fn successors(&self, world: &World) -> Vec<Successor> {
        let mut successors = mutant::within(self.mutants, || world.successors(self.bounds));
        for successor in &mut successors {
            successor.violations &= self.judged;
        }
        successors
    }

    /// The state that a search begins with.
    pub fn initial(&self) -> Packed {
        Packed::canonical(&self.initial_world(), 0)
    }

    /// What can come after `state`.
    pub fn transitions(&self, state: &Packed) -> Vec<Transition> {
        if state.violations != 0 {
            return Vec::new();
        }
        self.successors(&state.world())
            .iter()
            .map(|successor| {
                self.witnesses.note(witnessed(successor));
                let next = Packed::canonical(&successor.world, successor.violations);
                Transition { action: successor.action, next }
            })
            .collect()
    }
}

fn holds<const PROPERTY: usize>(_: &QuorumModel, state: &Packed) -> bool {
    state.violations & Property::ALL[PROPERTY].bit() == 0
}

impl stateright::Model for QuorumModel {
    type State = Packed;
    type Action = Transition;

    fn init_states(&self) -> Vec<Packed> {
        vec![self.initial()]
    }

    fn actions(&self, state: &Packed, actions: &mut Vec<Transition>) {
        actions.extend(self.transitions(state));
    }

    fn next_state(&self, _: &Packed, transition: Transition) -> Option<Packed> {
        Some(transition.next)
    }

    fn format_action(&self, transition: &Transition) -> String {
        transition.action.to_string()
    }

    fn format_step(&self, _: &Packed, transition: Transition) -> Option<String> {
        Some(format!("{}\n\n{:?}", transition.action, transition.next))
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        use stateright::Property as P;
        let name = |index: usize| Property::ALL[index].name();
        vec![
            P::always(name(0), holds::<0>),
            P::always(name(1), holds::<1>),
            P::always(name(2), holds::<2>),
            P::always(name(3), holds::<3>),
            P::always(name(4), holds::<4>),
            P::always(name(5), holds::<5>),
            P::always(name(6), holds::<6>),
            P::always(name(7), holds::<7>),
            P::always(name(8), holds::<8>),
            P::always(name(9), holds::<9>),
            P::always(name(10), holds::<10>),
            P::always(name(11), holds::<11>),
            P::always(name(12), holds::<12>),
            P::always(name(13), holds::<13>),
            P::always(name(14), holds::<14>),
            P::always(name(15), holds::<15>),
            P::always(name(16), holds::<16>),
            P::always(name(17), holds::<17>),
        ]
    }
}
