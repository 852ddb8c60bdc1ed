//! Runs nodes' traces through the functions of the model.
//!
//! [`replay`] takes the traces of one node. What it was asked and answered by others is believed there, and the properties
//! are judged as far as one node can. [`replay_together`] takes those of all voters: then every message that one
//! received is one that another sent, and the properties are judged over all of them.
//!
//! Traces hold no clock that nodes share, and none is needed: a node's next line is taken as soon as what it
//! speaks of has been sent. Any such order is one in which the cluster can have run, and the properties
//! must hold in each.

mod lines;
mod messages;
mod node;

use std::collections::BTreeMap;
use std::path::PathBuf;

use kraftig_spec::quorum::properties::{self, Entry, NodeView, Property, Violations};
use kraftig_spec::quorum::{VoterSet, VotersAt};
use kraftig_spec::types::{NodeId, Offset};

pub use lines::Trace;

use crate::disk::{Content, Disk};
use messages::Messages;
use node::Node;

/// What was replayed of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How often the node started.
    pub starts: u64,
    /// Events.
    pub events: u64,
    /// Effects.
    pub effects: u64,
    /// Lines that a crash tore.
    pub torn: u64,
    /// How often it became leader.
    pub elections: u64,
    /// How often it cut a suffix of its log that was not its leader's.
    pub truncations: u64,
    /// How often the beginning of its log went.
    pub cleaned: u64,
    /// How often it loaded a snapshot from its leader.
    pub loaded: u64,
    /// What the disk may hold after the last line: after its effect, and before it, as nobody knows
    /// whether it was done.
    pub disks: Vec<Disk>,
    /// The high watermark at the end.
    pub high_watermark: Option<Offset>,
}

/// What was replayed of a quorum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// Each voter.
    pub nodes: Vec<(NodeId, Replayed)>,
    /// Everything below was committed at some time.
    pub committed: Offset,
    /// How many messages were received, each of which another node had sent.
    pub messages: u64,
}

/// Why a trace is not one of the model's.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The trace cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// There is nothing to replay.
    #[error("no start of a node in {0:?}: an empty trace says nothing")]
    Empty(Vec<PathBuf>),
    /// These are not the traces of all voters.
    #[error(
        "these are traces of the nodes {found:?}, and the voters are {voters:?}: give the traces of one node, or those of all voters"
    )]
    Voters {
        /// The nodes whose traces these are.
        found: Vec<i32>,
        /// Those that vote.
        voters: Vec<i32>,
    },
    /// A line does not follow from those before it.
    #[error("{file}:{line}: {why}")]
    Refused {
        /// The trace.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What the model says instead.
        why: String,
    },
}

/// Replays the traces of one node, oldest first.
pub fn replay(files: &[PathBuf]) -> Result<Replayed, ReplayError> {
    let mut node = Node::new(Trace::files(files)?)?;
    let mut shared = Shared::default();
    while let Some(taken) = node.take(&mut shared) {
        let changed = taken.map_err(|why| node.refused(why))?;
        if changed {
            judge(&[&node], &shared, false).map_err(|why| node.refused(why))?;
        }
        node.read()?;
    }
    if node.done.starts == 0 {
        return Err(ReplayError::Empty(files.to_vec()));
    }
    Ok(node.finish())
}

/// The files of each node, in their order here. One that does not begin with a start goes on with the one before.
pub fn group(files: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>, ReplayError> {
    let mut nodes = BTreeMap::<Option<NodeId>, Vec<PathBuf>>::new();
    let mut last = None;
    for file in files {
        let begins = Node::new(Trace::files(std::slice::from_ref(file))?)?.local();
        last = begins.or(last);
        nodes.entry(last).or_default().push(file.clone());
    }
    Ok(nodes.into_values().collect())
}

/// Replays the traces of all voters together, and those of the observers that fetched from them; those of each node
/// oldest first, from its first start on.
pub fn replay_together(traces: Vec<Vec<Trace>>) -> Result<Together, ReplayError> {
    let mut nodes = traces.into_iter().map(Node::new).collect::<Result<Vec<_>, _>>()?;
    let voters = named(nodes.iter().filter_map(Node::voters)).unwrap_or_default();
    let mut found: Vec<i32> = nodes.iter().filter_map(Node::local).map(|id| id.0).collect();
    found.sort_unstable();
    let voters: Vec<i32> = voters.ids().map(|id| id.0).collect();
    if voters.is_empty() || !voters.iter().all(|voter| found.contains(voter)) {
        return Err(ReplayError::Voters { found, voters });
    }
    let mut shared = Shared { messages: Some(Messages::default()), ..Shared::default() };
    loop {
        let mut advanced = false;
        for index in 0..nodes.len() {
            while nodes[index].missing(&shared).is_none() {
                let node = &mut nodes[index];
                let Some(taken) = node.take(&mut shared) else { break };
                let changed = taken.map_err(|why| node.refused(why))?;
                if changed {
                    let all: Vec<&Node> = nodes.iter().collect();
                    judge(&all, &shared, true).map_err(|why| nodes[index].refused(why))?;
                }
                nodes[index].read()?;
                advanced = true;
            }
        }
        if !advanced {
            break;
        }
    }
    // Where several wait, one of them is the reason, and the others wait for what comes after it.
    let waiting: Vec<(&Node, String)> =
        nodes.iter().filter_map(|node| Some((node, node.missing(&shared)?))).collect();
    if let [(node, why), others @ ..] = &waiting[..] {
        let others = others.iter().map(|(node, why)| node.refused(why.clone()).to_string());
        let all: Vec<String> = std::iter::once(why.clone()).chain(others).collect();
        return Err(node.refused(all.join("\nand ")));
    }
    Ok(Together {
        committed: shared.committed.last().map_or(Offset::ZERO, |entry| entry.end),
        messages: shared.messages.map_or(0, |messages| messages.received),
        nodes: nodes
            .into_iter()
            .filter_map(|node| node.local().map(|id| (id, node.finish())))
            .collect(),
    })
}

/// Those of the first node that knows any: one that only knows whom to ask does not yet.
fn named(mut voters: impl Iterator<Item = VoterSet>) -> Option<VoterSet> {
    voters.find(|voters| !voters.is_empty())
}

/// What the nodes of a replay have in common.
#[derive(Default)]
struct Shared {
    /// Everything that was ever committed; it must outlive every crash.
    committed: Vec<Entry<Content>>,
    /// The voters that it names.
    voters: Vec<VotersAt>,
    /// What was sent; `None` where only one node's traces are there, and messages are believed.
    messages: Option<Messages>,
}

impl Shared {
    /// Notes the voters that are committed up to `to`: whether they are those that others found committed there, each
    /// following from the last.
    fn commit_voters(&mut self, log: &[VotersAt], to: Offset) -> bool {
        for named in log.iter().filter(|named| named.end <= to) {
            let last = self.voters.last();
            if last.is_some_and(|last| named.end <= last.end) {
                let known = self.voters_at(named.end);
                if known.is_some_and(|known| *known != named.voters) {
                    return false;
                }
                continue;
            }
            if last.is_some_and(|last| !properties::changes_by_one(&last.voters, &named.voters)) {
                return false;
            }
            self.voters.push(named.clone());
        }
        true
    }

    /// The committed voters at an offset.
    fn voters_at(&self, end: Offset) -> Option<&VoterSet> {
        self.voters.iter().rev().find(|named| named.end <= end).map(|named| &named.voters)
    }

    /// The sets of voters that may have committed the last entry.
    fn committing(&self, nodes: &[&Node]) -> Vec<VoterSet> {
        let Some(last) = self.voters.last() else {
            return named(nodes.iter().filter_map(|node| node.voters())).into_iter().collect();
        };
        let following = nodes.iter().filter_map(|node| node.voters_after(last.end));
        std::iter::once(&last.voters).chain(following).cloned().collect()
    }
}

/// The properties, at this cut. Where one node of several is all that is known, what is on a majority cannot be
/// judged.
fn judge(nodes: &[&Node], shared: &Shared, all: bool) -> Result<(), String> {
    // What an observer has counts for nothing; that its log is its leader's is seen from the answers that it takes.
    let voting = nodes.iter().filter(|node| node.may_vote());
    let views: Vec<NodeView<'_, Content>> = voting.filter_map(|node| node.view()).collect();
    let voters = shared.committing(nodes);
    let found = properties::violations(&voters, &views, &shared.committed);
    let alone = voters.iter().all(|voters| voters.len() == 1);
    let judged = if all || alone { found } else { found & !Property::Durability.bit() };
    broken(judged)
}

fn broken(violations: Violations) -> Result<(), String> {
    match Property::ALL.into_iter().find(|property| violations & property.bit() != 0) {
        Some(property) => Err(format!("{} does not hold here", property.name())),
        None => Ok(()),
    }
}
