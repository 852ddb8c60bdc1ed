//! A quorum of the server's own drivers in one program: the network between them, their disks and their clocks are made from a
//! seed, and so is everything that goes wrong.
//!
//! Each run appends as clients do while messages are lost, doubled, damaged and overtaken, the network is cut, leaders
//! resign, nodes are killed, stopped, and lose their power in the middle of a system call. Then everything is mended, and the quorum has
//! to come together: one leads, a value is committed, all know of it. Whatever any node said to be committed, to its controller or
//! to a client, is the same on all and stays. At the end the files are what the traces say, and
//! the traces of all nodes, replayed together, are the model's ([`replay_together`]).
//!
//! There is one thread and no clock but the run's own, so a seed gives the same run to the byte.

mod cluster;
mod judge;
mod network;
mod node;
mod random;
mod seeds;
mod snapshots;

use std::time::Duration;

use kraftig_server::quorum::{CommittedBatch, QuorumError};
use kraftig_spec::quorum::mutant::{Mutant, Mutants, within};
use kraftig_spec::types::{NodeId, Offset, SnapshotId};

use crate::directory::{self, DirectoryError};
use crate::replay::{ReplayError, Trace, replay_together};
use cluster::Cluster;
pub use seeds::{Outcome, seeds};

/// Something that a run does wrong on purpose, to show that it would be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A flush of a file makes nothing safe.
    FlushDoesNothing,
    /// A flush of a directory makes nothing safe.
    DirectorySyncLeftOut,
    /// The network changes some requests on their way, so that they do no harm.
    ForgedMessages,
    /// A line of the protocol is another.
    Mutant(Mutant),
}

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Voters.
    pub nodes: usize,
    /// What is done wrong on purpose.
    pub fault: Option<Fault>,
}

macro_rules! counts {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// What happened in a run, or in several.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Counts {
            /// Adds those of another run.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// Each with its name.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counts! {
    /// A node became leader.
    elections,
    /// A leader crashed, or had to give up.
    leaders_lost,
    /// A follower cut a suffix that was not its leader's.
    truncations,
    /// A controller took a snapshot.
    snapshots,
    /// The log's beginning went, as a snapshot holds it.
    cleaned,
    /// A node loaded a snapshot from its leader.
    loaded,
    /// Batches that were committed.
    committed,
    /// Appends that a client was told to be committed.
    acknowledged,
    /// The network was cut.
    cuts,
    /// All cuts were mended, before the end.
    heals,
    /// A node lost its power.
    power_losses,
    /// A node was killed; its page cache stayed.
    kills,
    /// A node was stopped cleanly.
    stops,
    /// A node was told that another cannot be reached, rightly or not.
    hints,
    /// Records came damaged.
    damaged,
    /// Requests that were taken (again, where they waited) and answers that came, each of which another node had to say.
    messages,
    /// Lines of the traces.
    lines,
}

/// Why a run is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A node ended with its disk in order.
    #[error("node {0} ended by itself: {1}")]
    Ended(NodeId, QuorumError),
    /// Two nodes, or one at two times, took different batches for committed.
    #[error("node {node} says that {batch:?} is committed, but committed there was {known:?}")]
    OtherCommitted {
        /// The later one to say so.
        node: NodeId,
        /// What was committed.
        known: Box<CommittedBatch>,
        /// What it says.
        batch: Box<CommittedBatch>,
    },
    /// A controller is told to begin with a snapshot that holds something else than was committed before its end.
    #[error(
        "node {node} begins with the snapshot {snapshot}, which is not what was committed before its end"
    )]
    OtherSnapshot {
        /// The node.
        node: NodeId,
        /// Which snapshot.
        snapshot: SnapshotId,
    },
    /// What is committed does not follow what was.
    #[error(
        "node {node} says that a batch at offset {base} is committed next, after one that ends at {end}"
    )]
    Gap {
        /// The node.
        node: NodeId,
        /// Where the batch before ends.
        end: Offset,
        /// Where this one begins.
        base: Offset,
    },
    /// A client was told of what is not there.
    #[error("a client was told that its records at offset {base} are committed, and others are")]
    NotAcknowledged {
        /// The offset of the first.
        base: Offset,
    },
    /// The quorum did not come together.
    #[error("{} s after all was mended there is no leader whose value all nodes know to be committed", .0.as_secs())]
    NoProgress(Duration),
    /// The traces are none of the model's.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A disk does not hold what its node's trace says.
    #[error("node {0}: {1}")]
    Directory(NodeId, DirectoryError),
}

/// A run.
pub struct Run {
    /// What happened.
    pub counts: Counts,
    /// What each node wrote down.
    pub traces: Vec<(NodeId, Vec<u8>)>,
    /// What was wrong.
    pub failure: Option<Failure>,
}

/// Runs a seed and judges it.
pub fn run(seed: u64, options: Options) -> Run {
    let mutants = match options.fault {
        Some(Fault::Mutant(mutant)) => Mutants::of(&[mutant]),
        _ => Mutants::NONE,
    };
    within(mutants, || {
        let mut cluster = Cluster::new(seed, options);
        let ran = cluster.run();
        let mut counts = cluster.counts();
        let traces = cluster.traces();
        let judged = ran.and_then(|()| judge(&cluster, &traces, &mut counts));
        Run { counts, traces, failure: judged.err() }
    })
}

/// The traces against the model, and the disks against the traces.
fn judge(
    cluster: &Cluster,
    traces: &[(NodeId, Vec<u8>)],
    counts: &mut Counts,
) -> Result<(), Failure> {
    let named = |(id, trace): &(NodeId, Vec<u8>)| {
        vec![Trace::new(trace_name(*id), std::io::Cursor::new(trace.clone()))]
    };
    let together = replay_together(traces.iter().map(named).collect())?;
    counts.messages = together.messages;
    for (id, replayed) in &together.nodes {
        counts.elections += replayed.elections;
        counts.truncations += replayed.truncations;
        counts.cleaned += replayed.cleaned;
        counts.loaded += replayed.loaded;
        counts.lines += replayed.starts + replayed.events + replayed.effects;
        directory::compare(&cluster.directory(*id), &replayed.disks)
            .map_err(|error| Failure::Directory(*id, error))?;
    }
    Ok(())
}

/// What the trace of a node is called.
pub fn trace_name(id: NodeId) -> String {
    format!("node-{id}.trace")
}
