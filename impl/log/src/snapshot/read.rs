//! Reading a snapshot: its records, and its bytes for who fetches it.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kraftig_wire::batch::{Batch, BatchHeader, HEADER_SIZE, Records};

use super::format::{Decoder, LARGEST_BATCH};
use super::{SnapshotError, SnapshotFault, SnapshotHeader, SnapshotId};
use crate::disk::{self, DiskError, File};

/// A snapshot that is there. It stays readable when it is removed meanwhile.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    file: Arc<File>,
    len: u64,
}

impl SnapshotFile {
    /// Opens a snapshot in the directory of the metadata log; `None` where there is none of that id.
    pub fn open(directory: &Path, id: SnapshotId) -> Result<Option<Self>, DiskError> {
        match Self::open_at(&super::path(directory, id)) {
            Err(e) if e.is_not_found() => Ok(None),
            file => file.map(Some),
        }
    }

    /// Opens the file at `path`, whatever its name is.
    pub fn open_at(path: &Path) -> Result<Self, DiskError> {
        let file = disk::open_to_read(path)?;
        Ok(Self { len: file.len()?, file: Arc::new(file) })
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "a snapshot is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The bytes from `position` on, at most `max`: none past the end.
    pub fn read(&self, position: u64, max: usize) -> Result<Bytes, DiskError> {
        let left = self.len.saturating_sub(position);
        let mut bytes = vec![0; usize::try_from(left).map_or(max, |left| left.min(max))];
        self.file.read_exact_at(&mut bytes, position)?;
        Ok(bytes.into())
    }

    /// Its header, and then its records. The records come batch by batch: only at the end is it known that it is whole.
    pub fn contents(&self) -> Result<(SnapshotHeader, Contents<'_>), SnapshotError> {
        let mut contents = Contents::new(&self.file, self.len);
        let header = contents.header()?;
        Ok((header, contents))
    }
}

/// The batches of records of a snapshot, one after the other. An error is the last item.
#[derive(Debug)]
pub struct Contents<'a> {
    file: &'a File,
    len: u64,
    position: u64,
    decoder: Decoder,
    done: bool,
}

impl<'a> Contents<'a> {
    fn new(file: &'a File, len: u64) -> Self {
        Self { file, len, position: 0, decoder: Decoder::default(), done: false }
    }

    /// The header, which is the first batch. A record in front of it is an error, so that nothing is lost here.
    fn header(&mut self) -> Result<SnapshotHeader, SnapshotError> {
        self.next_batch()?;
        let header = self.decoder.header();
        Ok(header.map_err(SnapshotError::content(self.file.path()))?.clone())
    }

    /// The next batch's records, where it is one of records.
    fn next_batch(&mut self) -> Result<Option<Records>, SnapshotError> {
        let left = self.len - self.position;
        let mut header = [0; HEADER_SIZE];
        let read = self.file.read_at(&mut header, self.position)?;
        let content = |fault| SnapshotError::content(self.file.path())(fault);
        let size = BatchHeader::parse(&header[..read]).map_err(|e| content(e.into()))?.size();
        if size > LARGEST_BATCH {
            return Err(content(SnapshotFault::BatchTooLarge(size)));
        }
        if size as u64 > left {
            return Err(content(SnapshotFault::Incomplete("it ends inside a batch")));
        }
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, self.position)?;
        let batch = Batch::parse(&bytes.into()).map_err(|e| content(e.into()))?;
        let records = self.decoder.take(&batch).map_err(content)?;
        self.position += size as u64;
        Ok(records)
    }
}

impl Iterator for Contents<'_> {
    type Item = Result<Records, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let next = if self.position < self.len {
                self.next_batch()
            } else {
                self.done = true;
                let whole = self.decoder.finish();
                whole.map(|()| None).map_err(SnapshotError::content(self.file.path()))
            };
            self.done |= next.is_err();
            if let Some(item) = next.transpose() {
                return Some(item);
            }
        }
        None
    }
}

/// The header of the snapshot that a file holds.
pub(super) fn header(file: &File) -> Result<SnapshotHeader, SnapshotError> {
    Contents::new(file, file.len()?).header()
}

/// Sees that the file is a whole snapshot.
pub(super) fn read_to_end(file: &File) -> Result<(), SnapshotError> {
    Contents::new(file, file.len()?).try_for_each(|records| {
        let records = records?;
        records
            .iter()
            .try_for_each(|record| record.map(drop))
            .map_err(|fault| SnapshotError::content(file.path())(fault.into()))
    })
}
