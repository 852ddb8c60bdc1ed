//! The committed metadata of a node, whatever its roles: replayed as it comes, published once it may be seen.

use std::sync::Arc;

use arc_swap::ArcSwap;
use kraftig_spec::controller::{Image, Metadata};
use kraftig_spec::types::Offset;
use tokio::sync::watch;

use super::{Apply, ControllerFailure, records};
use crate::quorum::{CommittedBatch, QuorumStatus};

pub(super) struct Loader {
    /// What the committed records say.
    pub(super) committed: Metadata,
    /// The end of what is replayed.
    pub(super) end: Offset,
    /// Whether `committed` may be seen. It stays true.
    is_loaded: bool,
    /// What has to be replayed before it is, on a broker.
    begins: Begins,
    published: Arc<ArcSwap<Image>>,
    apply: Apply,
    shown: watch::Sender<Offset>,
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
    ) -> Self {
        Self {
            committed: Metadata::default(),
            end: Offset::ZERO,
            is_loaded: false,
            begins,
            published,
            apply,
            shown,
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
        }
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
