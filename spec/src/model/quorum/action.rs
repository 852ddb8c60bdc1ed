//! What can happen, and how it is told.

use std::fmt;

use crate::quorum::VoterChange;
use crate::types::{NodeId, Offset};

/// A crash inside a step: after which of its effects, and how many entries the log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// The effects that were done.
    pub effects: u8,
    /// The entries that the log came back with.
    pub keeps: u8,
}

/// Which request an RPC carries, and how the RPC ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rpc {
    /// Who asks.
    pub from: NodeId,
    /// Who is asked.
    pub to: NodeId,
    /// Its name in Kafka, or `PreVote`.
    pub kind: &'static str,
    /// Whether the receiver crashed while it acted.
    pub receiver: Option<Cut>,
    /// `None`: the answer was lost, or never sent. Else how many entries it brought.
    pub arrives: Option<u8>,
    /// Whether the asking node crashed while it acted on the answer.
    pub sender: Option<Cut>,
}

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leg {
    /// Who asks.
    pub from: NodeId,
    /// Who is asked.
    pub to: NodeId,
    /// Its name in Kafka, or `PreVote`.
    pub kind: &'static str,
    /// Whether it is the answer, on its way back.
    pub answer: bool,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, kind, answer } = self;
        write!(f, "{kind} {from} -> {to}")?;
        if *answer { f.write_str(": its answer") } else { Ok(()) }
    }
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The timer of a node that does not lead fires.
    Timeout(NodeId, Option<Cut>),
    /// A client proposes the next value to a leader.
    Propose(NodeId, Option<Cut>),
    /// A flush completes: everything below the offset is on the disk.
    Flush(NodeId, Offset, Option<Cut>),
    /// A node takes a snapshot of everything before the offset.
    Snapshot(NodeId, Offset),
    /// A node drops what its log holds before the offset.
    Clean(NodeId, Offset, Option<Cut>),
    /// A leader changes the voters.
    ChangeVoters(NodeId, VoterChange, Option<Cut>),
    /// A leader lets the log name the voters.
    UpgradeVoters(NodeId, Option<Cut>),
    /// A node loses its disk, and comes back with an empty one.
    Wipe(NodeId),
    /// An operator gives the other voters up, and makes this one the only one.
    Recover(NodeId),
    /// The power goes and comes back; the log keeps that many entries.
    /// Where that is open, it had a snapshot up to the offset.
    Crash(NodeId, u8, Offset),
    /// A node loads the snapshot up to the offset from another, its leader.
    Load(NodeId, NodeId, Offset, Option<Cut>),
    /// A leader gives up, by its own will or as no majority fetched from it.
    Resign(NodeId),
    /// A request acts, and its answer arrives or is lost.
    Rpc(Rpc),
    /// A request is sent.
    Send(Leg),
    /// A request arrives. How many entries its answer can bring; `None`: it has none yet, or never will.
    Receive(Leg, Option<Cut>, Option<u8>),
    /// An answer arrives, and brings so many entries.
    Arrive(Leg, Option<Cut>, u8),
    /// A message is lost.
    Lose(Leg),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crash = |f: &mut fmt::Formatter<'_>, node: NodeId, cut: Option<Cut>| match cut {
            Some(cut) => {
                write!(f, "; {node} crashes after effect {} and keeps {}", cut.effects, cut.keeps)
            }
            None => Ok(()),
        };
        match *self {
            Self::Timeout(node, cut) => {
                write!(f, "{node} times out")?;
                crash(f, node, cut)
            }
            Self::Propose(node, cut) => {
                write!(f, "{node} appends a value")?;
                crash(f, node, cut)
            }
            Self::Flush(node, end, cut) => {
                write!(f, "{node} has flushed up to {end}")?;
                crash(f, node, cut)
            }
            Self::Snapshot(node, end) => write!(f, "{node} takes a snapshot up to {end}"),
            Self::Clean(node, to, cut) => {
                write!(f, "{node} lets its log begin at {to}")?;
                crash(f, node, cut)
            }
            Self::ChangeVoters(node, change, cut) => {
                match change {
                    VoterChange::Add { key, .. } => {
                        write!(f, "{node} adds {} to the voters", key.id)?;
                    }
                    VoterChange::Remove(key) => {
                        write!(f, "{node} removes {} from the voters", key.id)?;
                    }
                    VoterChange::Update(key) => write!(f, "{node} updates voter {}", key.id)?,
                }
                crash(f, node, cut)
            }
            Self::UpgradeVoters(node, cut) => {
                write!(f, "{node} lets the log name the voters")?;
                crash(f, node, cut)
            }
            Self::Wipe(node) => write!(f, "{node} loses its disk, comes back with another"),
            Self::Recover(node) => write!(f, "{node} goes on alone, the others are given up"),
            Self::Crash(node, keeps, Offset::ZERO) => {
                write!(f, "{node} crashes, keeps {keeps}, restarts")
            }
            Self::Crash(node, keeps, snapshot) => {
                write!(f, "{node} crashes, keeps {keeps} and a snapshot up to {snapshot}, restarts")
            }
            Self::Load(node, leader, end, cut) => {
                write!(f, "{node} loads the snapshot up to {end} from {leader}")?;
                crash(f, node, cut)
            }
            Self::Resign(node) => write!(f, "{node} resigns"),
            Self::Send(leg) => write!(f, "{leg} is sent"),
            Self::Receive(leg, receiver, brings) => {
                write!(f, "{leg} arrives")?;
                crash(f, leg.to, receiver)?;
                match brings {
                    None => f.write_str(", no answer"),
                    Some(0) => f.write_str(", answered"),
                    Some(entries) => write!(f, ", answered with {entries}"),
                }
            }
            Self::Arrive(leg, sender, brings) => {
                write!(f, "{leg} arrives")?;
                if brings > 0 {
                    write!(f, ", brings {brings}")?;
                }
                crash(f, leg.from, sender)
            }
            Self::Lose(leg) => write!(f, "{leg} is lost"),
            Self::Rpc(rpc) => {
                write!(f, "{} {} -> {}", rpc.kind, rpc.from, rpc.to)?;
                crash(f, rpc.to, rpc.receiver)?;
                match rpc.arrives {
                    None => f.write_str(", answer lost")?,
                    Some(0) => f.write_str(", answered")?,
                    Some(entries) => write!(f, ", brings {entries}")?,
                }
                crash(f, rpc.from, rpc.sender)
            }
        }
    }
}
