//! The file that remembers that the replica of a directory was a voter. Whoever was removed must not come back by itself, even
//! when neither its log nor a snapshot says any more that it ever voted (KIP-1186). Kafka passes over the file.

use std::path::Path;

use kraftig_log::disk::{self, DiskError};
use kraftig_spec::types::{DirectoryId, ReplicaKey};

/// Its name in the directory of the metadata log. It holds the node's id and the directory's: a copy of it says nothing of
/// another replica.
const FILE_NAME: &str = "kraftig-once-voter";

/// Whether the replica was a voter.
pub(super) fn is_remembered(directory: &Path, local: ReplicaKey) -> Result<bool, DiskError> {
    match disk::read(&directory.join(FILE_NAME)) {
        Err(error) if error.is_not_found() => Ok(false),
        found => Ok(found? == content(local).as_bytes()),
    }
}

/// Remembers it, durably.
pub(super) fn remember(directory: &Path, local: ReplicaKey) -> Result<(), DiskError> {
    disk::replace(&directory.join(FILE_NAME), content(local).as_bytes())
}

fn content(local: ReplicaKey) -> String {
    let ReplicaKey { id, directory: DirectoryId(directory) } = local;
    format!("{id} {directory}\n")
}

#[cfg(test)]
mod tests {
    use kraftig_spec::types::{NodeId, Uuid};

    use super::*;

    #[test]
    fn a_replica_is_remembered_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let replica =
            |id, byte| ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([byte; 16])) };
        assert!(!is_remembered(directory.path(), replica(1, 1)).unwrap());
        remember(directory.path(), replica(1, 1)).unwrap();
        assert!(is_remembered(directory.path(), replica(1, 1)).unwrap());
        assert!(!is_remembered(directory.path(), replica(1, 2)).unwrap());
        assert!(!is_remembered(directory.path(), replica(2, 1)).unwrap());
    }
}
