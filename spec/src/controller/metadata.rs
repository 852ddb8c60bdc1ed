//! The image with metadata transactions (KIP-868): what is between Begin and End counts at End, or never.

use super::image::Image;
use super::record::Record;
use super::replay::{ReplayError, ReplayFault};
use crate::types::{Epoch, Offset};

/// The image as it counts, and the one that an open transaction is making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    image: Image,
    transaction: Option<Transaction>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Transaction {
    begin: Offset,
    image: Image,
}

impl Metadata {
    /// The image with the records that count.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Where the open transaction began.
    pub fn transaction_begin(&self) -> Option<Offset> {
        self.transaction.as_ref().map(|transaction| transaction.begin)
    }

    /// The offset after the last record that was replayed, of an open transaction too.
    pub fn end(&self) -> Offset {
        self.transaction.as_ref().map_or(self.image.end, |transaction| transaction.image.end)
    }

    /// Replays the record at an offset. On an error nothing has changed.
    pub fn replay(
        &mut self,
        record: &Record,
        offset: Offset,
        epoch: Epoch,
    ) -> Result<(), ReplayError> {
        let fault = |reason| ReplayError { offset, api_key: record.api_key(), reason };
        match (record, &mut self.transaction) {
            (Record::BeginTransaction { .. }, Some(open)) => {
                return Err(fault(ReplayFault::TransactionOpen(open.begin)));
            }
            (Record::EndTransaction | Record::AbortTransaction { .. }, None) => {
                return Err(fault(ReplayFault::NoTransaction));
            }
            (Record::BeginTransaction { .. }, None) => {
                let mut image = self.image.clone();
                image.replay(record, offset, epoch)?;
                self.transaction = Some(Transaction { begin: offset, image });
            }
            (Record::EndTransaction, Some(open)) => {
                open.image.replay(record, offset, epoch)?;
                if open.image.features_end != self.image.features_end {
                    // They count from here on.
                    open.image.features_end = open.image.end;
                }
                self.image = std::mem::take(&mut open.image);
                self.transaction = None;
            }
            (Record::AbortTransaction { .. }, Some(_)) => {
                self.image.replay(record, offset, epoch)?;
                self.transaction = None;
            }
            (_, Some(open)) => open.image.replay(record, offset, epoch)?,
            (_, None) => self.image.replay(record, offset, epoch)?,
        }
        Ok(())
    }
}
