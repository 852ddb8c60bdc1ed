//! The file that names the voters that were given up when their majority was lost: a node hears nothing that comes from them.
//! [`recover`](super::recover) writes it, and whoever starts on the directory reads it. Kafka passes over the file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use kraftig_log::disk::{self, DiskError};
use kraftig_spec::quorum::Refusal;
use kraftig_spec::types::{DirectoryId, NodeId, ReplicaKey, Uuid};

/// Its name in the directory of the metadata log. A line for each: the node's id and the directory's, which is that of all
/// zeros where the voters were static; that stands for each of the id.
const FILE_NAME: &str = "kraftig-lost-voters";

/// Why the lost voters are not known.
#[derive(Debug, thiserror::Error)]
pub enum LostVotersError {
    /// The file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is not what was written.
    #[error(
        "{}: line {line} must be the id of a node that was lost and that of its directory: restore the file from a copy, or \
         write it anew; without it this node would believe what comes from those directories",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
    },
}

/// Those that were given up; none where the file is not there.
pub(crate) fn read(directory: &Path) -> Result<Vec<ReplicaKey>, LostVotersError> {
    let path = directory.join(FILE_NAME);
    let bytes = match disk::read(&path) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        found => found?,
    };
    let damaged = |line| LostVotersError::Damaged { path: path.clone(), line };
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged(1))?;
    let lines = text.lines().enumerate();
    let found = lines.map(|(at, line)| parse(line).ok_or_else(|| damaged(at + 1)));
    let found: Vec<ReplicaKey> = found.collect::<Result<_, _>>()?;
    // It is never written empty, and each line has its end.
    if text.ends_with('\n') { Ok(found) } else { Err(damaged(found.len().max(1))) }
}

fn parse(line: &str) -> Option<ReplicaKey> {
    let (id, directory) = line.split_once(' ')?;
    let id = NodeId(id.parse().ok().filter(|id| *id >= 0)?);
    Some(ReplicaKey { id, directory: DirectoryId(directory.parse::<Uuid>().ok()?) })
}

/// What a refusal is called in the log.
pub(super) fn told(refusal: Refusal) -> String {
    match refusal {
        Refusal::LostVoter => {
            "it comes from a voter that was given up (kraftig quorum recover); stop that node, and format its directory anew".to_owned()
        }
        other => format!("{other:?}"),
    }
}

/// Writes them, durably.
pub(super) fn write(directory: &Path, lost: &[ReplicaKey]) -> Result<(), DiskError> {
    let mut text = String::new();
    for ReplicaKey { id, directory: DirectoryId(directory) } in lost {
        // A string takes all.
        let _ = writeln!(text, "{id} {directory}");
    }
    disk::replace(&directory.join(FILE_NAME), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: i32, byte: u8) -> ReplicaKey {
        ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([byte; 16])) }
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path()).unwrap(), []);
        for lost in [vec![key(2, 0)], vec![key(2, 7), key(2, 8), key(i32::MAX, 255)]] {
            write(directory.path(), &lost).unwrap();
            assert_eq!(read(directory.path()).unwrap(), lost);
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &[key(2, 7), key(3, 8)]).unwrap();
        let path = directory.path().join(FILE_NAME);
        let whole = std::fs::read(&path).unwrap();
        let ends_a_line = |length: usize| length > 0 && whole[length - 1] == b'\n';
        for length in (0..whole.len()).filter(|length| !ends_a_line(*length)) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(read(directory.path()).is_err(), "the first {length} bytes");
        }
        for text in
            ["2\n", "x AAAAAAAAAAAAAAAAAAAAAA\n", "-2 AAAAAAAAAAAAAAAAAAAAAA\n", "2 AAA\n", "\n"]
        {
            std::fs::write(&path, [&whole[..], text.as_bytes()].concat()).unwrap();
            let error = read(directory.path()).unwrap_err().to_string();
            assert!(error.contains("kraftig-lost-voters: line 3 must be"), "{error}");
        }
        std::fs::write(&path, b"\xff\n").unwrap();
        assert!(read(directory.path()).is_err());
    }
}
