//! Worlds in words, and a path of the search as a story.

use std::fmt;

use super::action::{Action, Leg, Rpc};
use super::checked::QuorumModel;
use super::network::{Network, leg};
use super::pack::Packed;
use super::world::{FIRST, Node, Value, World, generation, index, named_by};
use crate::model::explorable::{Story, Told, brief};
use crate::quorum::properties::Entry;
use crate::quorum::{Role, State};
use crate::types::{NodeId, Offset};

/// Tells a path of the search: its initial state, and each state that follows.
///
/// The states of a path are canonical: node 1 of one may be node 2 of the next. So the path is walked
/// again from the start, each time to a world of which the next state is the canonical form.
pub(super) fn story(model: &QuorumModel, path: &[Packed]) -> Story {
    let mut world = model.initial_world();
    let mut lanes: Vec<_> = world.nodes.iter().map(|node| format!("node {}", node.id())).collect();
    lanes.push("committed".to_owned());
    if world.network != Network::Rpc {
        lanes.push("under way".to_owned());
    }
    let mut steps = vec![told("start".to_owned(), None, &world)];
    for next in path.iter().skip(1) {
        let successors = model.following(&world).into_iter();
        let step = successors
            .map(|step| (Packed::canonical(&step.world, step.violations), step))
            .find_map(|(canonical, step)| (canonical == *next).then_some(step))
            .expect("a path is made of steps");
        let message = message(step.action).map(|(from, to)| (index(from), index(to)));
        steps.push(told(step.action.to_string(), message, &step.world));
        world = step.world;
    }
    Story { lanes, steps }
}

fn told(action: String, message: Option<(usize, usize)>, world: &World) -> Told {
    Told { action, message, lanes: lanes(world) }
}

/// The fields of each node, and what is beside the nodes.
pub(super) fn lanes(world: &World) -> Vec<Vec<(&'static str, String)>> {
    let mut lanes: Vec<_> = world.nodes.iter().map(|node| node.fields()).collect();
    let crashes_left = world.crashes_left.map(|left| left.to_string()).unwrap_or_default();
    lanes.push(vec![("", world.committed_text()), ("crashes left", crashes_left)]);
    if world.network != Network::Rpc {
        let legs: Vec<_> = world.messages.iter().map(|message| leg(message).to_string()).collect();
        lanes.push(vec![("", legs.join("; "))]);
    }
    lanes
}

/// From whom to whom something goes.
fn message(action: Action) -> Option<(NodeId, NodeId)> {
    let way = |Leg { from, to, answer, .. }| if answer { (to, from) } else { (from, to) };
    match action {
        Action::Rpc(Rpc { from, to, .. }) => Some((from, to)),
        Action::Load(node, leader, ..) => Some((leader, node)),
        Action::Send(leg)
        | Action::Receive(leg, ..)
        | Action::Arrive(leg, ..)
        | Action::Lose(leg) => Some(way(leg)),
        Action::Timeout(..)
        | Action::Propose(..)
        | Action::Flush(..)
        | Action::Snapshot(..)
        | Action::Clean(..)
        | Action::ChangeVoters(..)
        | Action::UpgradeVoters(..)
        | Action::Wipe(_)
        | Action::Recover(_)
        | Action::Crash(..)
        | Action::Resign(_) => None,
    }
}

/// A role as Kafka names it.
pub(super) fn role_name(role: &Role) -> &'static str {
    match role {
        Role::Unattached => "Unattached",
        Role::Follower { .. } => "Follower",
        Role::Prospective { .. } => "Prospective",
        Role::Candidate { .. } => "Candidate",
        Role::Leader { .. } => "Leader",
        Role::Resigned { .. } => "Resigned",
    }
}

impl Node {
    /// Its fields by name, in the order in which they are told. What it does not have is empty.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let State { config, election, role, log, high_watermark, .. } = &self.state;
        let name = role_name(role);
        let follows = matches!(role, Role::Follower { .. } | Role::Prospective { .. });
        let leader = election.leader.filter(|_| follows);
        let (safe, rest) = self.log.split_at((log.flushed.0 as usize).min(self.log.len()));
        let (safe, rest) = (Log(safe).to_string(), Log(rest).to_string());
        let entries = format!("{}|{}", safe.trim_end_matches(']'), rest.trim_start_matches('['));
        let snapshot = (!log.latest.is_none()).then_some((log.start.end, log.latest.end));
        let download = match role {
            Role::Follower { download: Some(download), .. } => {
                Some(format!("{}@{}", download.snapshot.end, download.position))
            }
            _ => None,
        };
        let votes = match role {
            // Whose the others are makes no difference any more.
            Role::Prospective { .. } if self.promised => Some("enough".to_owned()),
            Role::Prospective { granted, .. } | Role::Candidate { granted, .. } => {
                Some(granted.len().to_string())
            }
            _ => None,
        };
        let ends = match role {
            Role::Leader { progress, .. } => {
                progress.iter().map(|(id, known)| format!("{id}@{}", known.end)).collect()
            }
            _ => Vec::new(),
        };
        let directory = generation(config.local);
        let given_up: Vec<_> = config.outside.iter().map(|key| key.id.to_string()).collect();
        vec![
            ("role", name.to_owned()),
            ("epoch", election.epoch.to_string()),
            ("leader", text(leader)),
            ("voted", text(election.voted.map(|key| key.id))),
            ("log", entries),
            ("flushed", log.flushed.to_string()),
            ("high watermark", text(*high_watermark)),
            ("from", text(snapshot.map(|(start, _)| start))),
            ("snapshot", text(snapshot.map(|(_, latest)| latest))),
            ("may know", text((self.known > Offset::ZERO).then_some(self.known))),
            ("loads", text(download)),
            ("votes", text(votes)),
            ("ends", ends.join(" ")),
            ("directory", text((directory > FIRST).then_some(directory))),
            ("given up", given_up.join("+")),
        ]
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

impl fmt::Display for Node {
    /// `Leader e2 log [1:L1 2:L2|2:v1] hw 1`: entries as epoch and content, a bar where the flushed part ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&brief(&self.fields()))
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            writeln!(f, "{}: {node}", node.state.config.local.id)?;
        }
        write!(f, "committed: {}", self.committed_text())
    }
}

impl World {
    /// What is committed: entries as epoch and content.
    pub fn committed_text(&self) -> String {
        Log(&self.committed).to_string()
    }
}

struct Log<'a>(&'a [Entry<Value>]);

impl fmt::Display for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, entry) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match entry.leader {
                Some(leader) => write!(f, "{}:L{leader}", entry.epoch)?,
                None => match named_by(entry.value) {
                    Some(voters) => {
                        let ids: Vec<_> = voters.ids().map(|id| id.to_string()).collect();
                        write!(f, "{}:V{}", entry.epoch, ids.join("+"))?;
                    }
                    None => write!(f, "{}:v{}", entry.epoch, entry.value)?,
                },
            }
        }
        f.write_str("]")
    }
}
