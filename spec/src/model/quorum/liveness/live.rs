//! The world as a model, and what it promises.

use super::code;
use super::story;
use super::world::{Fate, LiveAction, LiveWorld, Member, Nodes, index};
use crate::model::explorable::{Explorable, Story};
use crate::model::live::{Kind, Live, Promise};
use crate::quorum::mutant::{self, Mutants};
use crate::quorum::{Contact, Role};

/// How far faults go. What heals has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveBounds {
    /// Nodes, from 1 to 4.
    pub nodes: u8,
    /// Faults of all kinds together.
    pub faults: u8,
    /// Values that clients propose.
    pub values: u8,
    /// Who votes, where the log says it. `None`: all, for ever.
    pub voters: Option<LiveVoters>,
}

/// Voters that the log names, and others that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveVoters {
    /// How many vote at first.
    pub first: u8,
    /// How many more are to vote: those that follow.
    pub adds: u8,
    /// How many are to vote no more, from the first node on.
    pub removes: u8,
}

/// The quorum, its links and its timers.
#[derive(Clone, Debug)]
pub struct LiveModel {
    bounds: LiveBounds,
    mutants: Mutants,
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LivePromise {
    /// As long as any majority is connected, there is again and again a leader that a majority follows over links that are up.
    EventuallyLeader,
    /// In the end it leads on, or no majority is connected.
    LeaderStays,
    /// A leader that is cut off from every majority resigns.
    NoZombieLeader,
    /// A value that is proposed is committed or lost, if a leader that a majority follows has it or is linked to who has it.
    ValueDecided,
    /// Who is linked to the leader that a majority follows comes to follow it, with the leader's log, flushed.
    FollowersConverge,
    /// Voters that are wanted come to vote, and those that are not to cease, if a leader that a majority follows is linked to who
    /// is to be added.
    VotersChange,
}

impl LivePromise {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::EventuallyLeader,
        Self::LeaderStays,
        Self::NoZombieLeader,
        Self::ValueDecided,
        Self::FollowersConverge,
        Self::VotersChange,
    ];

    /// Its name in reports and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventuallyLeader => "EventuallyLeader",
            Self::LeaderStays => "LeaderStays",
            Self::NoZombieLeader => "NoZombieLeader",
            Self::ValueDecided => "ValueDecided",
            Self::FollowersConverge => "FollowersConverge",
            Self::VotersChange => "VotersChange",
        }
    }

    /// The promise of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|promise| promise.name() == name)
    }

    fn kind(self) -> Kind<LiveModel> {
        match self {
            Self::EventuallyLeader => Kind::AlwaysEventually(|_, world| is_led(world)),
            Self::LeaderStays => Kind::EventuallyAlways(|_, world| is_led(world)),
            Self::NoZombieLeader => {
                Kind::LeadsTo(|_, world| has_zombie(world), |_, world| !has_zombie(world))
            }
            Self::ValueDecided => {
                Kind::LeadsTo(|_, world| is_open(world), |_, world| !is_open(world))
            }
            Self::FollowersConverge => Kind::AlwaysEventually(|_, world| have_converged(world)),
            Self::VotersChange => {
                Kind::LeadsTo(|_, world| has_wish(world), |_, world| !has_wish(world))
            }
        }
    }
}

impl LiveWorld {
    fn linked_to(&self, node: usize) -> impl Iterator<Item = (usize, &Member)> {
        let others = self.members.iter().enumerate();
        others.filter(move |(other, _)| *other != node && self.linked(node, *other))
    }

    /// The voters that a node goes by.
    fn voters_of(&self, node: usize) -> Nodes {
        Nodes::of(self.members[node].state.voters())
    }

    /// Whether a majority of a node's voters are among it and those that it is linked to.
    fn reaches_majority(&self, node: usize) -> bool {
        let linked = self.linked_to(node).map(|(other, _)| other);
        self.voters_of(node).have_majority_in(Nodes::places(linked.chain([node])))
    }

    /// Whether nodes that are all linked to each other are a majority of the voters that are committed, and of each set that
    /// may follow them.
    fn is_majority_connected(&self) -> bool {
        let nodes = 0..self.members.len();
        let named = self.members.iter().flat_map(|member| &member.log).map(|item| item.voters);
        let apart = self.committed.apart(self.wanted);
        let later =
            named.filter(|voters| *voters != Nodes::NONE && voters.apart(self.wanted) < apart);
        let sets: Vec<Nodes> = later.chain([self.committed]).collect();
        let connected = |some: &Nodes| {
            let inside = || nodes.clone().filter(|node| some.has(*node));
            inside().all(|one| inside().all(|other| one == other || self.linked(one, other)))
        };
        let mut all = (0..1 << self.members.len()).map(Nodes);
        all.any(|some| connected(&some) && sets.iter().all(|set| set.have_majority_in(some)))
    }

    /// The leader that a majority follows over links that are up.
    fn leader(&self) -> Option<usize> {
        (0..self.members.len()).find(|node| {
            let leader = &self.members[*node].state;
            let follows = |follower: &Member| {
                matches!(follower.state.role, Role::Follower { .. })
                    && follower.state.election.leader.map(index) == Some(*node)
                    && follower.state.election.epoch == leader.election.epoch
            };
            let followers = self.linked_to(*node).filter(|(_, other)| follows(other));
            let led = followers.map(|(other, _)| other).chain([*node]);
            leader.is_leader() && self.voters_of(*node).have_majority_in(Nodes::places(led))
        })
    }
}

fn is_led(world: &LiveWorld) -> bool {
    !world.is_majority_connected() || world.leader().is_some()
}

fn has_zombie(world: &LiveWorld) -> bool {
    let leads = |node: usize| world.members[node].state.is_leader();
    (0..world.members.len()).any(|node| leads(node) && !world.reaches_majority(node))
}

fn is_open(world: &LiveWorld) -> bool {
    let holds = |node: usize| world.members[node].log.iter().any(|item| item.value);
    world.fate == Fate::Open
        && world.leader().is_some_and(|leader| {
            holds(leader) || world.linked_to(leader).any(|(other, _)| holds(other))
        })
}

fn has_wish(world: &LiveWorld) -> bool {
    let linked = |leader: usize, other: usize| leader == other || world.linked(leader, other);
    let new = Nodes(world.wanted.0 & !world.committed.0);
    let mut new = (0..world.members.len()).filter(|node| new.has(*node));
    world.wanted != Nodes::NONE
        && world.wanted != world.committed
        && world.leader().is_some_and(|leader| new.all(|node| linked(leader, node)))
}

fn have_converged(world: &LiveWorld) -> bool {
    let Some(leader) = world.leader() else { return true };
    let Member { state, log } = &world.members[leader];
    let end = state.log.end;
    let converged = |member: &Member| {
        let fetches = Role::Follower { contact: Contact::Fetched, download: None };
        member.state.role == fetches && member.log == *log && member.state.log.flushed == end
    };
    state.log.flushed == end && world.linked_to(leader).all(|(_, member)| converged(member))
}

impl LiveModel {
    /// The model within `bounds`.
    pub fn new(bounds: LiveBounds) -> Result<Self, String> {
        if !(1..=4).contains(&bounds.nodes) {
            return Err(format!("--nodes {}: the model holds 1 to 4 nodes", bounds.nodes));
        }
        if let Some(LiveVoters { first, adds, removes }) = bounds.voters
            && (first == 0 || first + adds > bounds.nodes || removes >= first + adds)
        {
            let nodes = bounds.nodes;
            return Err(format!(
                "--voters {first} --adds {adds} --removes {removes}: of {nodes} nodes"
            ));
        }
        Ok(Self { bounds, mutants: Mutants::NONE })
    }

    /// The same world, its nodes run with these bugs.
    #[must_use]
    pub fn with_mutants(self, mutants: Mutants) -> Self {
        Self { mutants, ..self }
    }

    /// Tells a path of which the actions are known: the start, and each step with where it leads.
    pub fn tell(&self, path: &[(Option<LiveAction>, LiveWorld)]) -> Story {
        story::tell(path)
    }

    /// How far it goes.
    pub fn bounds(&self) -> LiveBounds {
        self.bounds
    }

    /// The place of a message's group among the fair ones.
    fn rpc(&self, from: usize, to: usize) -> usize {
        from * usize::from(self.bounds.nodes) + to
    }
}

impl stateright::Model for LiveModel {
    type State = LiveWorld;
    type Action = LiveAction;

    fn init_states(&self) -> Vec<LiveWorld> {
        mutant::within(self.mutants, || {
            let mut world = LiveWorld::initial(self.bounds);
            world.settle();
            vec![world]
        })
    }

    fn actions(&self, world: &LiveWorld, actions: &mut Vec<LiveAction>) {
        let found = mutant::within(self.mutants, || world.successors());
        actions.extend(found.into_iter().map(|(action, _)| action));
    }

    fn next_state(&self, world: &LiveWorld, action: LiveAction) -> Option<LiveWorld> {
        let found = mutant::within(self.mutants, || world.successors());
        found.into_iter().find(|(other, _)| *other == action).map(|(_, next)| next)
    }

    fn format_action(&self, action: &LiveAction) -> String {
        action.to_string()
    }
}

impl Explorable for LiveModel {
    fn encode(&self, world: &LiveWorld, to: &mut Vec<u8>) {
        code::encode(world, to);
    }

    fn decode(&self, bytes: &[u8]) -> LiveWorld {
        code::decode(bytes)
    }

    fn successors(&self, world: &LiveWorld, found: &mut Vec<(LiveAction, LiveWorld)>) {
        found.extend(mutant::within(self.mutants, || world.successors()));
    }

    fn story(&self, path: &[LiveWorld]) -> Story {
        story::story(self, path)
    }
}

impl Live for LiveModel {
    fn fair(&self) -> Vec<String> {
        let nodes = || 1..=self.bounds.nodes;
        let messages = nodes().flat_map(|from| nodes().map(move |to| format!("{from} to {to}")));
        let flushes = nodes().map(|node| format!("flush of {node}"));
        let timers = nodes().map(|node| format!("timer of {node}"));
        let voters = nodes().map(|node| format!("voters of {node}"));
        messages.chain(flushes).chain(timers).chain(voters).collect()
    }

    fn fairness_of(&self, action: &LiveAction) -> u64 {
        let nodes = usize::from(self.bounds.nodes);
        match action {
            LiveAction::Rpc(from, to, _) => 1 << self.rpc(index(*from), index(*to)),
            LiveAction::Flush(node) => 1 << (nodes * nodes + index(*node)),
            LiveAction::Timer(node, _) => 1 << (nodes * nodes + nodes + index(*node)),
            LiveAction::Add(node, _) | LiveAction::Remove(node, _) => {
                1 << (nodes * nodes + 2 * nodes + index(*node))
            }
            LiveAction::Early(..)
            | LiveAction::Lose(..)
            | LiveAction::Crash(..)
            | LiveAction::Cut(..)
            | LiveAction::Isolate(_)
            | LiveAction::Mend(..)
            | LiveAction::Unreachable(..)
            | LiveAction::Propose(_) => 0,
        }
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        let promise = |it: LivePromise| Promise { name: it.name(), kind: it.kind() };
        LivePromise::ALL.map(promise).into()
    }
}
