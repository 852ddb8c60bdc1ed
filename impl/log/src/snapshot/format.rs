//! What a snapshot's file holds (KIP-630): a control batch with the header and, from `kraft.version` 1 on, the
//! voters (KIP-853); the records; a control batch with the footer. Offsets count from 0 within the file, and
//! the epoch of every batch is the snapshot's.

use bytes::Bytes;
use kraftig_wire::batch::control::ControlRecord;
use kraftig_wire::batch::{Batch, BatchBuilder, BatchError, HEADER_SIZE, Records};
use kraftig_wire::messages::kraft_version_record::KRaftVersionRecord;
use kraftig_wire::messages::snapshot_footer_record::SnapshotFooterRecord;
use kraftig_wire::messages::snapshot_header_record::SnapshotHeaderRecord;
use kraftig_wire::messages::voters_record::VotersRecord;
use kraftig_wire::{DecodeError, EncodeError};

/// The most bytes that a batch of the metadata log or of a snapshot takes; Kafka's limit.
pub const MAX_BATCH: usize = 8 << 20;

/// A length above it is damage: no batch comes near.
pub(super) const LARGEST_BATCH: usize = 8 * MAX_BATCH;

/// How many records a batch holds at most. Kafka hands them over by so many.
const MAX_RECORDS: usize = 1024;

/// What a record takes beside its value, at most: seven varints and the attributes.
const RECORD_OVERHEAD: usize = 32;

/// What is wrong with the content of a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// A batch is damaged.
    #[error("it is damaged: {0}")]
    Batch(#[from] BatchError),
    /// A control record is none that is known here.
    #[error("a control record cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// A control record cannot be written.
    #[error("a control record cannot be written: {0}")]
    Encode(#[from] EncodeError),
    /// The file is not a snapshot from its header to its footer.
    #[error("it is not complete: {0}")]
    Incomplete(&'static str),
    /// The length of a batch is none.
    #[error("it is damaged: a batch of {0} bytes; none is longer than {LARGEST_BATCH}")]
    BatchTooLarge(usize),
    /// A record does not fit into a batch.
    #[error("a record takes {0} bytes; a batch holds {MAX_BATCH}")]
    TooLarge(usize),
}

/// What a snapshot says of itself in front of its records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SnapshotHeader {
    /// The time of the last record that it stands for, in milliseconds.
    pub last_contained_log_timestamp: i64,
    /// The finalized `kraft.version` at its end.
    pub kraft_version: i16,
    /// The voters at its end; `None` with static voters.
    pub voters: Option<VotersRecord>,
}

/// Makes the batches of a snapshot, one after the other. Times are milliseconds.
#[derive(Debug)]
pub(crate) struct Encoder {
    epoch: i32,
    next_offset: i64,
    data: Option<BatchBuilder>,
}

impl Encoder {
    pub(crate) fn new(epoch: i32) -> Self {
        Self { epoch, next_offset: 0, data: None }
    }

    /// The first batch.
    pub(crate) fn header(
        &mut self,
        header: &SnapshotHeader,
        now: i64,
    ) -> Result<Bytes, SnapshotFault> {
        let mut records = vec![ControlRecord::SnapshotHeader(SnapshotHeaderRecord {
            version: 0,
            last_contained_log_timestamp: header.last_contained_log_timestamp,
        })];
        if header.kraft_version > 0 {
            records.push(ControlRecord::KRaftVersion(KRaftVersionRecord {
                version: 0,
                kraft_version: header.kraft_version,
            }));
        }
        records.extend(header.voters.clone().map(ControlRecord::Voters));
        self.control(&records, now)
    }

    /// Adds a record. Gives the batch of those before it where that is full.
    pub(crate) fn push(&mut self, record: &[u8], now: i64) -> Result<Option<Bytes>, SnapshotFault> {
        let room = MAX_BATCH.saturating_sub(record.len() + RECORD_OVERHEAD);
        if room < HEADER_SIZE {
            return Err(SnapshotFault::TooLarge(record.len()));
        }
        let is_full = |data: &BatchBuilder| data.size() > room || data.count() == MAX_RECORDS;
        let full = if self.data.as_ref().is_some_and(is_full) { self.flush() } else { None };
        let (base, epoch) = (self.next_offset, self.epoch);
        let data = self.data.get_or_insert_with(|| BatchBuilder::new(base, epoch, now));
        data.push(None, Some(record));
        Ok(full)
    }

    /// The batch of the records that are left, if any.
    pub(crate) fn flush(&mut self) -> Option<Bytes> {
        let data = self.data.take()?;
        self.next_offset += data.count() as i64;
        Some(data.build())
    }

    /// The last batch; [`Encoder::flush`] comes before.
    pub(crate) fn footer(&mut self, now: i64) -> Result<Bytes, SnapshotFault> {
        let footer = ControlRecord::SnapshotFooter(SnapshotFooterRecord::default());
        self.control(&[footer], now)
    }

    fn control(&mut self, records: &[ControlRecord], now: i64) -> Result<Bytes, SnapshotFault> {
        let mut batch = BatchBuilder::new_control(self.next_offset, self.epoch, now);
        records.iter().try_for_each(|record| batch.push_control(record))?;
        self.next_offset += records.len() as i64;
        Ok(batch.build())
    }
}

/// Reads the batches of a snapshot, one after the other, and sees that it is whole.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    header: Option<SnapshotHeader>,
    ended: bool,
}

impl Decoder {
    /// Takes the next batch. Gives its records, or `None` where it is for the quorum alone.
    pub(crate) fn take(&mut self, batch: &Batch) -> Result<Option<Records>, SnapshotFault> {
        batch.verify_crc()?;
        if self.ended {
            return Err(SnapshotFault::Incomplete("a batch follows the footer"));
        }
        let records = batch.records(MAX_BATCH)?;
        if !batch.header().is_control() {
            self.header()?;
            return Ok(Some(records));
        }
        for record in &records {
            let record = record?;
            let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
            self.take_control(ControlRecord::decode(key, value)?)?;
        }
        self.header()?;
        Ok(None)
    }

    fn take_control(&mut self, record: ControlRecord) -> Result<(), SnapshotFault> {
        match (record, &mut self.header, self.ended) {
            (_, _, true) => Err(SnapshotFault::Incomplete("a record follows the footer")),
            (ControlRecord::SnapshotHeader(record), header @ None, _) => {
                *header = Some(SnapshotHeader {
                    last_contained_log_timestamp: record.last_contained_log_timestamp,
                    ..SnapshotHeader::default()
                });
                Ok(())
            }
            (ControlRecord::SnapshotHeader(_), Some(_), _) => {
                Err(SnapshotFault::Incomplete("it has a second header"))
            }
            (_, None, _) => Err(NO_HEADER),
            (ControlRecord::KRaftVersion(record), Some(header), _) => {
                header.kraft_version = record.kraft_version;
                Ok(())
            }
            (ControlRecord::Voters(record), Some(header), _) => {
                header.voters = Some(record);
                Ok(())
            }
            (ControlRecord::SnapshotFooter(_), Some(_), _) => {
                self.ended = true;
                Ok(())
            }
            (ControlRecord::LeaderChange(_), Some(_), _) => {
                Err(SnapshotFault::Incomplete("it holds the start of an epoch"))
            }
        }
    }

    /// What the header says, once it is there.
    pub(crate) fn header(&self) -> Result<&SnapshotHeader, SnapshotFault> {
        self.header.as_ref().ok_or(NO_HEADER)
    }

    /// Whether the footer was there: what has none was never finished.
    pub(crate) fn finish(&self) -> Result<(), SnapshotFault> {
        match (self.header(), self.ended) {
            (Err(error), _) => Err(error),
            (Ok(_), false) => Err(SnapshotFault::Incomplete("it does not end with a footer")),
            (Ok(_), true) => Ok(()),
        }
    }
}

const NO_HEADER: SnapshotFault = SnapshotFault::Incomplete("it does not begin with a header");
