//! Why a quorum ends.

use std::path::PathBuf;

use kraftig_log::LogError;
use kraftig_log::snapshot::SnapshotError;
use kraftig_spec::quorum::ConfigError;
use kraftig_spec::types::{DirectoryId, NodeId, Offset};

use super::voters::VotersFault;

/// Why the quorum cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum QuorumError {
    /// The configuration is not one of a voter.
    #[error("controller.quorum.voters: {0}")]
    Config(#[from] ConfigError),
    /// The other voters are of another cluster, as they say.
    #[error(
        "{peer} and as many others as keep this node from ever being of use are of another cluster: their cluster.id is {other}, and this node's is {cluster_id} (in meta.properties of its log directories): format this node with the id of that cluster, or name in controller.quorum.voters or controller.quorum.bootstrap.servers the controllers of its own"
    )]
    ForeignCluster {
        /// This node's.
        cluster_id: String,
        /// Theirs, or that they do not say it.
        other: String,
        /// A controller that says so, and where it is.
        peer: String,
    },
    /// Whoever is at the addresses of other voters is somebody else.
    #[error(
        "controller.quorum.voters has node {node} at {address}, but {found} answers there, and so it is with as many voters as keep this node from ever being of use: correct the addresses in controller.quorum.voters of this node, or node.id of the others"
    )]
    OtherVoter {
        /// The voter.
        node: NodeId,
        /// Where it should be.
        address: String,
        /// Who is there.
        found: String,
    },
    /// Another node has this one's id.
    #[error(
        "another node with node.id={id} runs at {address}, where controller.quorum.voters has this node: the directory.id of its metadata directory is {other}, and this node's is {directory}: give this node a node.id of its own, in its configuration and its formatted directories, or stop the other one for good"
    )]
    SameNodeId {
        /// The id.
        id: NodeId,
        /// This node's.
        directory: DirectoryId,
        /// Where the other one is.
        address: String,
        /// The other one's.
        other: DirectoryId,
    },
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file could not be read or written.
    #[error(transparent)]
    Disk(#[from] kraftig_log::disk::DiskError),
    /// A snapshot could not be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The quorum-state file is damaged.
    #[error(transparent)]
    QuorumState(#[from] kraftig_log::quorum_state::QuorumStateError),
    /// A committed batch cannot be read back.
    #[error("the committed batch at offset {offset} of the metadata log is damaged: {source}")]
    Batch {
        /// Its base offset.
        offset: i64,
        /// What is wrong with it.
        source: kraftig_wire::batch::BatchError,
    },
    /// A batch of the log names voters that cannot be read.
    #[error(
        "the batch at offset {offset} of the metadata log names voters that are none: {source}"
    )]
    Voters {
        /// Its base offset.
        offset: i64,
        /// What is wrong with it.
        source: VotersFault,
    },
    /// A snapshot names voters that cannot be.
    #[error("{}: {}", .0.display(), VotersFault::Nonsense)]
    SnapshotVoters(PathBuf),
    /// A record of the quorum's own cannot be written.
    #[error("cannot write a record of the quorum: {0}")]
    Control(kraftig_wire::EncodeError),
    /// The log was cut, but not where the core had said.
    #[error(
        "the metadata log was to be cut at offset {to} and ends at {end}: a batch lies across that offset; restore the directory from a copy, or remove it to have the log fetched anew"
    )]
    Cut {
        /// Where it was to end.
        to: Offset,
        /// Where it ends.
        end: Offset,
    },
    /// Something is damaged that is not a torn tail.
    #[error(
        "{} is damaged at byte {position}, and whole batches follow: what they hold was committed, so nothing is cut off; restore the file, or the directory, from a copy",
        .file.display()
    )]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// The first byte that is not part of a whole batch.
        position: u64,
    },
    /// The log does not begin at offset 0, nor where a snapshot reaches.
    #[error(
        "the metadata log in {} does not begin at offset 0, and no snapshot there holds what was before: the directory has lost files; restore it from a copy, or remove it to have the log fetched anew",
        .directory.display()
    )]
    NoBeginning {
        /// Its directory.
        directory: PathBuf,
    },
    /// `kraftig quorum recover` wrote whom not to hear, and ended before the log named the only voter.
    #[error(
        "{}: the recovery of this controller was interrupted: the voters that were given up vote still, and this node hears none of them; run kraftig quorum recover again, which goes on from there",
        .0.display()
    )]
    Interrupted(PathBuf),
    /// The trace cannot be written.
    #[error("cannot write the trace {0}: {1}")]
    Trace(PathBuf, std::io::Error),
    /// The operating system gave no thread.
    #[error("cannot start the quorum's thread: {0}")]
    Thread(std::io::Error),
}
