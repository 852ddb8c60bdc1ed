//! The committed metadata of a node, whatever its roles: replayed as it comes, published once it may be seen.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use kraftig_log::snapshot::{SnapshotError, SnapshotFile};
use kraftig_spec::controller::{Image, Metadata};
use kraftig_spec::types::{Offset, SnapshotId};
use tokio::sync::watch;

use super::snapshots::Snapshots;
use super::{Apply, ControllerFailure, records};
use crate::quorum::{CommittedBatch, QuorumStatus, Voters};

pub(super) struct Loader {
    /// What the committed records say.
    pub(super) committed: Metadata,
    /// The end of what is replayed.
    pub(super) end: Offset,
    /// Who votes there, if the log names them.
    voters: Option<Voters>,
    /// Whether `committed` may be seen. It stays true.
    is_loaded: bool,
    /// What has to be replayed before it is, on a broker.
    begins: Begins,
    published: Arc<ArcSwap<Image>>,
    apply: Apply,
    shown: watch::Sender<Offset>,
    snapshots: Snapshots,
}

/// From where on a node shows the metadata.
pub(super) enum Begins {
    /// What this node knows to be committed when it looks.
    Known,
    /// The record at this offset, once it is told: that of the broker's registration. Its high watermark says less, for it is
    /// never beyond this node's own log; and partitions that the metadata does not know are set aside.
    At(watch::Receiver<Option<Offset>>),
}

impl Loader {
    /// `shown` is told the end of each image that is published.
    pub(super) fn new(
        begins: Begins,
        published: Arc<ArcSwap<Image>>,
        apply: Apply,
        shown: watch::Sender<Offset>,
        snapshots: Snapshots,
    ) -> Self {
        Self {
            committed: Metadata::default(),
            end: Offset::ZERO,
            voters: None,
            is_loaded: false,
            begins,
            published,
            apply,
            shown,
            snapshots,
        }
    }

    pub(super) fn replay(&mut self, batches: Vec<CommittedBatch>) -> Result<(), ControllerFailure> {
        for batch in batches {
            for (index, value) in batch.records.iter().flatten().enumerate() {
                let offset = batch.base_offset.plus(index as i64);
                let record = records::decode(value)
                    .map_err(|source| ControllerFailure::Record { offset, source })?;
                self.committed.replay(&record, offset, batch.epoch)?;
            }
            self.end = batch.last_offset.plus(1);
            if batch.voters.is_some() {
                self.voters = batch.voters;
            }
            self.snapshots.applied(batch.size);
            // What an open transaction says does not count yet, so that no offset has a state of its own.
            if self.is_loaded && self.committed.transaction_begin().is_none() {
                let id = SnapshotId { end: self.end, epoch: batch.epoch };
                let (image, time) = (self.committed.image(), batch.timestamp_ms);
                let voters = self.voters.as_ref();
                self.snapshots.take_if_due(Instant::now(), image, id, time, voters);
            }
        }
        Ok(())
    }

    /// Replaces what is replayed by what a snapshot holds. Nothing changes on an error.
    pub(super) fn load(
        &mut self,
        id: SnapshotId,
        file: &SnapshotFile,
    ) -> Result<(), ControllerFailure> {
        let mut committed = Metadata::default();
        let offset = id.end.plus(-1);
        let (header, batches) = file.contents()?;
        for batch in batches {
            for record in &batch? {
                let record = record.map_err(|fault| SnapshotError::Content {
                    path: id.to_string().into(),
                    fault: fault.into(),
                })?;
                let record = records::decode(record.value.unwrap_or_default())
                    .map_err(|source| ControllerFailure::Record { offset, source })?;
                committed.replay(&record, offset, id.epoch)?;
            }
        }
        (self.committed, self.end) = (committed, id.end);
        self.voters = header.voters.as_ref().and_then(Voters::from_record);
        self.snapshots.loaded(Instant::now());
        Ok(())
    }

    /// Returns when it is told where the metadata begins to be shown.
    pub(super) async fn told(&mut self) {
        let is_told = match &mut self.begins {
            Begins::At(offset) => offset.changed().await.is_ok(),
            Begins::Known => false,
        };
        if !is_told {
            std::future::pending::<()>().await;
        }
    }

    /// From now on all is shown: nothing that others may have committed is missing.
    pub(super) fn complete(&mut self) {
        self.is_loaded = true;
        self.publish();
    }

    /// Shows what is replayed, if it is far enough.
    pub(super) fn show(&mut self, status: &QuorumStatus) {
        self.is_loaded |= match &self.begins {
            Begins::Known => status.high_watermark.is_some_and(|committed| self.end >= committed),
            Begins::At(offset) => offset.borrow().is_some_and(|offset| self.end > offset),
        };
        if self.is_loaded {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let new = self.committed.image();
        let old = self.published.load_full();
        let is_first = old.end == Offset::ZERO;
        if new.end == old.end && !is_first {
            return;
        }
        if is_first || !new.topics.ptr_eq(&old.topics) || !new.configs.ptr_eq(&old.configs) {
            let apply = &mut self.apply;
            // It makes and removes directories.
            tokio::task::block_in_place(|| apply(&old, new));
        }
        self.published.store(Arc::new(new.clone()));
        self.shown.send_replace(new.end);
    }
}
