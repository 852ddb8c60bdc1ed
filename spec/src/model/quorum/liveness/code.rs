//! Worlds as bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Fate, Item, LiveWorld, Member, Nodes, config, id, index, summary};
use crate::model::quorum::world::{generation, replica};
use crate::quorum::{Contact, ElectionState, Progress, Role, State};
use crate::types::{Epoch, NodeId, Offset};

/// No offset.
const NONE: u8 = u8::MAX;

const CONTACTS: [Contact; 4] = [Contact::None, Contact::Fetched, Contact::Lost, Contact::Silent];
const FATES: [Fate; 3] = [Fate::None, Fate::Open, Fate::Known];

fn set(nodes: &BTreeSet<NodeId>) -> u8 {
    nodes.iter().fold(0, |bits, node| bits | 1 << index(*node))
}

fn offset(offset: Offset) -> u8 {
    u8::try_from(offset.0).ok().filter(|it| *it != NONE).expect("logs are short")
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|it| it == one).expect("it is one of them") as u8
}

pub(super) fn encode(world: &LiveWorld, to: &mut Vec<u8>) {
    let LiveWorld { members, links, faults, values, fate, fired, wanted, committed } = world;
    let fate = place(&FATES, fate);
    to.extend([members.len() as u8, *links, *faults, *values, fate, *fired]);
    to.extend([wanted.0, committed.0]);
    for Member { state, log } in members {
        let State { election, role, high_watermark, .. } = state;
        let who = |node: Option<NodeId>| node.map_or(0, |node| node.0 as u8);
        let epoch = |epoch: Epoch| u8::try_from(epoch.0).expect("epochs are numbered anew");
        let voted = who(election.voted.map(|voted| voted.id));
        to.extend([epoch(election.epoch), who(election.leader), voted]);
        to.push(log.len() as u8);
        for Item { epoch: of, value, voters } in log {
            to.extend([epoch(*of) << 1 | u8::from(*value), voters.0]);
        }
        to.extend([offset(state.log.flushed), high_watermark.map_or(NONE, offset)]);
        match role {
            Role::Unattached => to.push(0),
            Role::Follower { contact, .. } => to.extend([1, place(&CONTACTS, contact)]),
            Role::Prospective { granted, refused } => to.extend([2, set(granted), set(refused)]),
            Role::Candidate { granted, refused } => to.extend([3, set(granted), set(refused)]),
            Role::Leader { epoch_start, progress, .. } => {
                to.extend([4, offset(*epoch_start)]);
                let known = |node: usize| progress.get(&id(node)).map_or(0, |it| offset(it.end));
                to.extend((0..members.len()).map(known));
            }
            Role::Resigned { acknowledged, .. } => to.extend([5, set(acknowledged)]),
        }
    }
}

struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        *self.0.next().expect("as it was encoded")
    }

    fn offset(&mut self) -> Offset {
        Offset(i64::from(self.next()))
    }

    fn node(&mut self) -> Option<NodeId> {
        Some(NodeId(i32::from(self.next()))).filter(|node| node.0 > 0)
    }

    fn set(&mut self) -> BTreeSet<NodeId> {
        let bits = self.next();
        (0..8).filter(|node| bits & 1 << node != 0).map(id).collect()
    }
}

pub(super) fn decode(bytes: &[u8]) -> LiveWorld {
    let mut bytes = Bytes(bytes.iter());
    let nodes = bytes.next();
    let (links, faults, values) = (bytes.next(), bytes.next(), bytes.next());
    let (fate, fired) = (FATES[usize::from(bytes.next())], bytes.next());
    let (wanted, committed) = (Nodes(bytes.next()), Nodes(bytes.next()));
    let members = (0..nodes).map(|node| member(nodes, node, wanted, &mut bytes)).collect();
    LiveWorld { members, links, faults, values, fate, fired, wanted, committed }
}

fn member(nodes: u8, node: u8, wanted: Nodes, bytes: &mut Bytes<'_>) -> Member {
    let config = config(nodes, node, wanted);
    let directory = |node: usize| replica(node as u8, generation(config.local));
    let epoch = Epoch(i32::from(bytes.next()));
    let leader = bytes.node();
    let voted = bytes.node().map(|voted| directory(index(voted)));
    let length = bytes.next();
    let mut item = || {
        let byte = bytes.next();
        let voters = Nodes(bytes.next());
        Item { epoch: Epoch(i32::from(byte >> 1)), value: byte & 1 == 1, voters }
    };
    let log: Vec<Item> = (0..length).map(|_| item()).collect();
    let flushed = bytes.offset();
    let high_watermark = Some(bytes.offset()).filter(|offset| offset.0 != i64::from(NONE));
    let role = match bytes.next() {
        0 => Role::Unattached,
        1 => Role::Follower { contact: CONTACTS[usize::from(bytes.next())], download: None },
        2 => Role::Prospective { granted: bytes.set(), refused: bytes.set() },
        3 => Role::Candidate { granted: bytes.set(), refused: bytes.set() },
        4 => {
            let epoch_start = bytes.offset();
            let mut progress = BTreeMap::new();
            for other in 0..usize::from(nodes) {
                let known = Progress { directory: directory(other).directory, end: bytes.offset() };
                if known.end > Offset::ZERO {
                    progress.insert(id(other), known);
                }
            }
            let (heard, acknowledged) = (BTreeSet::new(), BTreeSet::new());
            Role::Leader { epoch_start, progress, heard, acknowledged }
        }
        _ => Role::Resigned { successors: Vec::new(), acknowledged: bytes.set() },
    };
    let state = State {
        config,
        election: ElectionState { epoch, leader, voted },
        role,
        log: summary(&log, flushed),
        high_watermark,
        disk_full: false,
    };
    Member { state, log }
}
