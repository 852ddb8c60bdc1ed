//! The file `quorum-state`: what a node has promised in the election of the metadata log's leader (KIP-595,
//! KIP-853). It is durable before the promise leaves the node.

use std::path::Path;

use kraftig_spec::types::{DirectoryId, Epoch, NodeId};
use serde::Deserialize;

use crate::disk::{self, DiskError};

/// The name of the file in the metadata log's directory.
pub const FILE_NAME: &str = "quorum-state";

/// The content of a `quorum-state` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumState {
    /// The leader of the epoch, where it is known.
    pub leader: Option<NodeId>,
    /// The epoch.
    pub epoch: Epoch,
    /// Whom this node voted for in the epoch.
    pub voted: Option<NodeId>,
    /// The format, and what only that format holds.
    pub version: Version,
}

/// The formats of `quorum-state`. A reader accepts both; the finalized `kraft.version` decides which is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// `kraft.version` 0: static voters.
    V0 {
        /// The ids of the voters, for information.
        voters: Vec<NodeId>,
    },
    /// `kraft.version` 1: a vote is for a directory of a node.
    V1 {
        /// The directory of the node that was voted for; [`DirectoryId::ABSENT`] where there is no vote.
        voted_directory: DirectoryId,
    },
}

/// Why a `quorum-state` file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QuorumStateError {
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is empty.
    #[error("Error while reading the Quorum status from the file {0}: File ended prematurely.")]
    Empty(String),
    /// The file is not the JSON that its version requires.
    #[error("Error while reading the Quorum status from the file {file}: {source}")]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// The format is from the future.
    #[error(
        "{file}: data_version ({version}) is not within the min (0) and max (1) supported version"
    )]
    Version {
        /// The file.
        file: String,
        /// The version found.
        version: i64,
    },
}

#[derive(Deserialize)]
struct VersionField {
    data_version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Voter {
    voter_id: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V0 {
    leader_id: i32,
    leader_epoch: i32,
    voted_id: i32,
    current_voters: Option<Vec<Voter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V1 {
    leader_id: i32,
    leader_epoch: i32,
    voted_id: i32,
    voted_directory_id: DirectoryId,
}

fn optional(id: i32) -> Option<NodeId> {
    (id >= 0).then_some(NodeId(id))
}

impl QuorumState {
    /// Reads the file; `None` where there is none.
    pub fn read(directory: &Path) -> Result<Option<Self>, QuorumStateError> {
        let path = directory.join(FILE_NAME);
        let bytes = match disk::read(&path) {
            Err(e) if e.is_not_found() => return Ok(None),
            bytes => bytes?,
        };
        let file = || path.display().to_string();
        if bytes.is_empty() {
            return Err(QuorumStateError::Empty(file()));
        }
        let syntax = |source| QuorumStateError::Syntax { file: file(), source };
        // Only the first line counts, as in Kafka.
        let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let VersionField { data_version } = serde_json::from_slice(line).map_err(syntax)?;
        Ok(Some(match data_version {
            0 => {
                let v: V0 = serde_json::from_slice(line).map_err(syntax)?;
                let voters = v.current_voters.unwrap_or_default();
                Self {
                    leader: optional(v.leader_id),
                    epoch: Epoch(v.leader_epoch),
                    voted: optional(v.voted_id),
                    version: Version::V0 {
                        voters: voters.iter().map(|voter| NodeId(voter.voter_id)).collect(),
                    },
                }
            }
            1 => {
                let v: V1 = serde_json::from_slice(line).map_err(syntax)?;
                Self {
                    leader: optional(v.leader_id),
                    epoch: Epoch(v.leader_epoch),
                    voted: optional(v.voted_id),
                    version: Version::V1 { voted_directory: v.voted_directory_id },
                }
            }
            version => {
                return Err(QuorumStateError::Version { file: file(), version });
            }
        }))
    }

    /// Makes sure that a directory has room for a file that takes the place of the one that is there.
    pub fn prepare(directory: &Path) -> Result<(), DiskError> {
        disk::keep_room_to_replace(&directory.join(FILE_NAME))
    }

    /// The file's text: one line, fields in Kafka's order, no newline.
    pub fn to_text(&self) -> String {
        let leader = self.leader.map_or(-1, |id| id.0);
        let voted = self.voted.map_or(-1, |id| id.0);
        let epoch = self.epoch;
        match &self.version {
            Version::V0 { voters } => {
                let voters: Vec<String> =
                    voters.iter().map(|id| format!("{{\"voterId\":{id}}}")).collect();
                let voters = voters.join(",");
                format!(
                    "{{\"clusterId\":\"\",\"leaderId\":{leader},\"leaderEpoch\":{epoch},\"votedId\":{voted},\
                     \"appliedOffset\":0,\"currentVoters\":[{voters}],\"data_version\":0}}"
                )
            }
            Version::V1 { voted_directory } => format!(
                "{{\"leaderId\":{leader},\"leaderEpoch\":{epoch},\"votedId\":{voted},\
                 \"votedDirectoryId\":\"{voted_directory}\",\"data_version\":1}}"
            ),
        }
    }

    /// Writes the file, all or nothing; durable when it returns. A full disk is no hindrance where the directory was
    /// [prepared](Self::prepare) and has such a file.
    pub fn write(&self, directory: &Path) -> Result<(), DiskError> {
        disk::replace_in_turn(&directory.join(FILE_NAME), self.to_text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(QuorumState::read(directory.path()).unwrap(), None);
        for text in [
            r#"{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}"#,
            r#"{"clusterId":"","leaderId":-1,"leaderEpoch":7,"votedId":3,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":3}],"data_version":0}"#,
            r#"{"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#,
            r#"{"leaderId":3,"leaderEpoch":1,"votedId":3,"votedDirectoryId":"5Db5QLSqSZieL3rJBUUegA","data_version":1}"#,
        ] {
            std::fs::write(directory.path().join(FILE_NAME), text).unwrap();
            let state = QuorumState::read(directory.path()).unwrap().unwrap();
            assert_eq!(state.to_text(), text);
            state.write(directory.path()).unwrap();
            assert_eq!(std::fs::read_to_string(directory.path().join(FILE_NAME)).unwrap(), text);
        }
    }

    #[test]
    fn refuses() {
        let directory = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            std::fs::write(directory.path().join(FILE_NAME), text).unwrap();
            QuorumState::read(directory.path()).unwrap_err()
        };
        assert!(matches!(read(""), QuorumStateError::Empty(_)));
        assert!(matches!(read("nonsense"), QuorumStateError::Syntax { .. }));
        assert!(matches!(read("{}"), QuorumStateError::Syntax { .. }));
        assert!(matches!(
            read(r#"{"leaderId":1,"data_version":1}"#),
            QuorumStateError::Syntax { .. }
        ));
        assert!(matches!(
            read(r#"{"data_version":9}"#),
            QuorumStateError::Version { version: 9, .. }
        ));
    }
}
