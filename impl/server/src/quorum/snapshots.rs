//! The snapshots in the directory of the metadata log: one that arrives, those that others read, those that may go.

use std::path::{Path, PathBuf};

use kraftig_log::snapshot::{
    self, SealedSnapshot, SnapshotError, SnapshotFile, SnapshotHeader, SnapshotReceiver,
};
use kraftig_spec::types::SnapshotId;

use super::QuorumError;

/// How much of the log and its snapshots is kept: the oldest snapshot goes, and the log before the next one, while there is
/// more and another snapshot (KIP-630).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// `metadata.max.retention.bytes`: of the log and all its snapshots; `None` for no limit.
    pub bytes: Option<u64>,
    /// `metadata.max.retention.ms`: since the last record in a snapshot; `None` for no limit.
    pub ms: Option<u64>,
}

/// A snapshot that is there.
pub(super) struct Kept {
    pub(super) id: SnapshotId,
    /// In bytes.
    pub(super) size: u64,
    /// The time of the last record that it stands for, in milliseconds since 1970.
    pub(super) timestamp_ms: i64,
}

pub(super) struct Snapshots {
    directory: PathBuf,
    incoming: Option<Incoming>,
    /// How many came that were not whole in the end.
    damaged: u64,
    /// The one that others read at the moment.
    served: Option<(SnapshotId, SnapshotFile)>,
}

enum Incoming {
    Part(SnapshotReceiver),
    Whole(SealedSnapshot),
}

impl Snapshots {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), incoming: None, damaged: 0, served: None }
    }

    /// The snapshot's file; an error if there is none.
    pub(super) fn open(&self, id: SnapshotId) -> Result<SnapshotFile, QuorumError> {
        Ok(SnapshotFile::open_at(&snapshot::path(&self.directory, id))?)
    }

    /// The snapshot's file for who fetches it; `None` if there is none.
    pub(super) fn serve(&mut self, id: SnapshotId) -> Result<Option<&SnapshotFile>, QuorumError> {
        if self.served.as_ref().is_none_or(|(known, _)| *known != id) {
            let file = SnapshotFile::open(&self.directory, id)?;
            self.served = file.map(|file| (id, file));
        }
        Ok(self.served.as_ref().map(|(_, file)| file))
    }

    /// Adds bytes to the one that arrives; at position 0 it is a new one. Bytes that do not follow those that are there end
    /// it: nothing of it is left, as [`complete`](Self::complete) tells in the end.
    pub(super) fn keep(
        &mut self,
        id: SnapshotId,
        position: u64,
        bytes: &[u8],
    ) -> Result<(), QuorumError> {
        if let Some(Incoming::Whole(whole)) = &self.incoming
            && whole.id() == id
        {
            // These were its last bytes.
            return Ok(());
        }
        if position == 0 {
            self.incoming = None;
            self.incoming = Some(Incoming::Part(SnapshotReceiver::create(&self.directory, id)?));
        }
        match &mut self.incoming {
            Some(Incoming::Part(receiver))
                if receiver.id() == id && receiver.position() == position =>
            {
                receiver.append(position, bytes)?;
            }
            _ => self.incoming = None,
        }
        Ok(())
    }

    fn misplaced(&self, id: SnapshotId, position: u64) -> SnapshotError {
        let path = snapshot::path(&self.directory, id);
        SnapshotError::OutOfPlace { path, position, have: 0 }
    }

    /// Adds the last bytes. What it says in its header if it is whole then, and what it holds can be read: else nothing of it
    /// is left.
    pub(super) fn complete(
        &mut self,
        id: SnapshotId,
        position: u64,
        bytes: &[u8],
    ) -> Result<Option<SnapshotHeader>, QuorumError> {
        self.keep(id, position, bytes)?;
        let whole = match self.incoming.take() {
            Some(Incoming::Whole(whole)) => Ok(whole),
            Some(Incoming::Part(receiver)) => receiver.seal(),
            None => Err(self.misplaced(id, position)),
        };
        match whole {
            Ok(whole) => {
                let header = whole.header()?;
                self.incoming = Some(Incoming::Whole(whole));
                Ok(Some(header))
            }
            Err(error @ (SnapshotError::Content { .. } | SnapshotError::OutOfPlace { .. })) => {
                self.damaged += 1;
                if self.damaged.is_power_of_two() {
                    let count = self.damaged;
                    tracing::warn!(
                        "a snapshot of the metadata came damaged, and is fetched anew: {error} ({count} so far)"
                    );
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the one that arrived its name.
    pub(super) fn install(&mut self, id: SnapshotId) -> Result<(), QuorumError> {
        match self.incoming.take() {
            Some(Incoming::Whole(whole)) if whole.id() == id => Ok(whole.publish()?),
            _ => Err(self.misplaced(id, 0).into()),
        }
    }

    /// Drops what arrived of any other than `wanted`.
    pub(super) fn only(&mut self, wanted: Option<SnapshotId>) {
        let id = self.incoming.as_ref().map(|incoming| match incoming {
            Incoming::Part(receiver) => receiver.id(),
            Incoming::Whole(whole) => whole.id(),
        });
        if id.is_some() && id != wanted {
            self.incoming = None;
        }
    }

    /// Removes those before `first`.
    pub(super) fn remove_before(&mut self, first: SnapshotId) -> Result<(), QuorumError> {
        for old in snapshot::list(&self.directory)?.into_iter().filter(|id| *id < first) {
            snapshot::retire(&self.directory, old)?;
            snapshot::remove_retired(&self.directory, old)?;
        }
        self.served.take_if(|(id, _)| *id < first);
        Ok(())
    }

    /// All of them, the oldest first.
    pub(super) fn all(&self) -> Result<Vec<Kept>, QuorumError> {
        let kept = |id| {
            let file = self.open(id)?;
            let timestamp_ms = file.contents()?.0.last_contained_log_timestamp;
            Ok(Kept { id, size: file.len(), timestamp_ms })
        };
        snapshot::list(&self.directory)?.into_iter().map(kept).collect()
    }
}
