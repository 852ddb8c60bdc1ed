//! A path of worlds, told.

use super::live::LiveModel;
use super::world::{Fate, LiveAction, LiveWorld, Member, Nodes, id, index};
use crate::model::explorable::{Explorable, Story, Told};
use crate::model::quorum::story::role_name;
use crate::quorum::{Contact, Role, State};
use crate::types::NodeId;

/// Tells a path: of several ways from one world to the next the first.
pub(super) fn story(model: &LiveModel, path: &[LiveWorld]) -> Story {
    let start = path.first().map(|start| (None, start.clone()));
    let steps = path.windows(2).map(|pair| {
        let mut found = Vec::new();
        model.successors(&pair[0], &mut found);
        let step = found.into_iter().find(|(_, next)| *next == pair[1]);
        let (action, next) = step.expect("a path is made of steps");
        (Some(action), next)
    });
    tell(&start.into_iter().chain(steps).collect::<Vec<_>>())
}

/// Tells a path: the start, and each step with where it leads.
pub(super) fn tell(path: &[(Option<LiveAction>, LiveWorld)]) -> Story {
    let nodes = path.first().map_or(0, |(_, start)| start.members.len());
    let mut lanes: Vec<_> = (0..nodes).map(|node| format!("node {}", id(node))).collect();
    lanes.push("links down".to_owned());
    let steps = path.iter().map(|(action, world)| match action {
        Some(action) => told(action.to_string(), message(*action), world),
        None => told("start".to_owned(), None, world),
    });
    Story { lanes, steps: steps.collect() }
}

fn message(action: LiveAction) -> Option<(usize, usize)> {
    match action {
        LiveAction::Rpc(from, to, _) | LiveAction::Lose(from, to, _) => {
            Some((index(from), index(to)))
        }
        _ => None,
    }
}

fn told(action: String, message: Option<(usize, usize)>, world: &LiveWorld) -> Told {
    let mut lanes: Vec<_> = world.members.iter().map(Member::fields).collect();
    let nodes = 0..world.members.len();
    let pairs = nodes.clone().flat_map(|one| nodes.clone().map(move |other| (one, other)));
    let down = pairs.filter(|(one, other)| one < other && !world.linked(*one, *other));
    let down: Vec<_> = down.map(|(one, other)| format!("{}-{}", id(one), id(other))).collect();
    let fate = match world.fate {
        Fate::None => "",
        Fate::Open => "open",
        Fate::Known => "known",
    };
    let named = world.wanted != Nodes::NONE;
    let fired = (0..world.members.len()).filter(|node| world.fired & 1 << node != 0);
    let fired: Vec<_> = fired.map(|node| id(node).to_string()).collect();
    let values = Some(world.values).filter(|left| *left > 0);
    lanes.push(vec![
        ("", down.join(" ")),
        ("faults left", world.faults.to_string()),
        ("values left", values.map(|left| left.to_string()).unwrap_or_default()),
        ("value", fate.to_owned()),
        ("voters", if named { names_of(world.committed) } else { String::new() }),
        ("timers fired", fired.join("+")),
    ]);
    Told { action, message, lanes }
}

fn names_of(nodes: Nodes) -> String {
    let names: Vec<_> =
        (0..8).filter(|node| nodes.has(*node)).map(|node| id(node).to_string()).collect();
    names.join("+")
}

impl Member {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let State { election, role, log, high_watermark, .. } = &self.state;
        let name = role_name(role);
        let heard = match role {
            Role::Follower { contact: Contact::Fetched, .. } => "it",
            Role::Follower { contact: Contact::Lost | Contact::Silent, .. } => "nothing more",
            _ => "",
        };
        let names = |nodes: &mut dyn Iterator<Item = NodeId>| {
            nodes.map(|node| node.to_string()).collect::<Vec<_>>().join("+")
        };
        let (granted, refused) = match role {
            Role::Prospective { granted, refused } | Role::Candidate { granted, refused } => {
                (names(&mut granted.iter().copied()), names(&mut refused.iter().copied()))
            }
            _ => Default::default(),
        };
        let acknowledged = match role {
            Role::Resigned { acknowledged, .. } => names(&mut acknowledged.iter().copied()),
            _ => String::new(),
        };
        let ends = match role {
            Role::Leader { progress, .. } => {
                progress.iter().map(|(id, known)| format!("{id}@{}", known.end)).collect()
            }
            _ => Vec::new(),
        };
        let leader = election.leader.filter(|_| !matches!(role, Role::Leader { .. }));
        let mut entries = String::from("[");
        for (offset, item) in self.log.iter().enumerate() {
            if offset as i64 == log.flushed.0 {
                entries.push('|');
            } else if offset > 0 {
                entries.push(' ');
            }
            entries.push_str(&item.epoch.to_string());
            if item.value {
                entries.push('v');
            }
            if item.voters != Nodes::NONE {
                entries.push('(');
                entries.push_str(&names_of(item.voters));
                entries.push(')');
            }
        }
        entries.push_str(if log.flushed == log.end { "|]" } else { "]" });
        let text = |value: Option<String>| value.unwrap_or_default();
        vec![
            ("role", name.to_owned()),
            ("epoch", election.epoch.to_string()),
            ("leader", text(leader.map(|leader| leader.to_string()))),
            ("hears", heard.to_owned()),
            ("voted", text(election.voted.map(|voted| voted.id.to_string()))),
            ("log", entries),
            ("high watermark", text(high_watermark.map(|to| to.to_string()))),
            ("votes", granted),
            ("refused", refused),
            ("acknowledged", acknowledged),
            ("ends", ends.join(" ")),
        ]
    }
}
