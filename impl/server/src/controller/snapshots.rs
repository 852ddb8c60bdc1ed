//! Snapshots of the metadata (KIP-630): when one is due, and its writing beside what the node does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kraftig_log::snapshot::{SealedSnapshot, SnapshotError, SnapshotHeader, SnapshotWriter};
use kraftig_spec::controller::{Image, snapshot_records};
use kraftig_spec::types::SnapshotId;
use tokio::task::JoinHandle;

use super::records::{self, RecordError};

/// When a node takes a snapshot, and where.
pub struct SnapshotOptions {
    /// The directory of the metadata log.
    pub directory: PathBuf,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub between_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; `None` for never by time alone.
    pub interval: Option<Duration>,
}

/// Who gives a snapshot its name.
pub(super) type Publish = Arc<dyn Fn(SealedSnapshot) + Send + Sync>;

/// Why a snapshot was not written. The node goes on: all is in the log. The next one is tried when it is due; Kafka tries none
/// until it is started again.
#[derive(Debug, thiserror::Error)]
enum SnapshotFailure {
    #[error(transparent)]
    File(#[from] SnapshotError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Takes snapshots of what is applied.
pub(super) struct Snapshots {
    options: SnapshotOptions,
    publish: Publish,
    /// Bytes of the log that were applied since the last snapshot.
    bytes: u64,
    last: Instant,
    writing: Option<JoinHandle<()>>,
}

impl Snapshots {
    pub(super) fn new(options: SnapshotOptions, publish: Publish, now: Instant) -> Self {
        Self { options, publish, bytes: 0, last: now, writing: None }
    }

    /// So many bytes of the log were applied.
    pub(super) fn applied(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// A snapshot was loaded: the next one is due after it.
    pub(super) fn loaded(&mut self, now: Instant) {
        (self.bytes, self.last) = (0, now);
    }

    /// Whether it is time for one. This is asked when records were applied: an idle log gets none.
    fn is_due(&self, now: Instant) -> bool {
        self.bytes >= self.options.between_bytes
            || self.options.interval.is_some_and(|interval| now >= self.last + interval)
    }

    /// Begins a snapshot of `image` if one is due and none is being written. `id` tells up to where it stands for the
    /// log, and `timestamp` the time of the last record before, in ms.
    pub(super) fn take_if_due(
        &mut self,
        now: Instant,
        image: &Image,
        id: SnapshotId,
        timestamp: i64,
    ) {
        let writes = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        if writes || !self.is_due(now) {
            return;
        }
        (self.bytes, self.last) = (0, now);
        let (directory, image) = (self.options.directory.clone(), image.clone());
        let publish = self.publish.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            match write(&directory, &image, id, timestamp) {
                Ok(Some(snapshot)) => publish(snapshot),
                Ok(None) => {}
                Err(error) => tracing::error!("no snapshot of the metadata was taken: {error}"),
            }
        }));
    }
}

/// Writes a snapshot, all but its name; `None` if there is one already, or nothing to write.
fn write(
    directory: &Path,
    image: &Image,
    id: SnapshotId,
    timestamp: i64,
) -> Result<Option<SealedSnapshot>, SnapshotFailure> {
    // Before anything is decided there is no version to write in.
    let Some(version) = image.metadata_version() else { return Ok(None) };
    let header =
        SnapshotHeader { last_contained_log_timestamp: timestamp, ..SnapshotHeader::default() };
    let Some(mut writer) = SnapshotWriter::create(directory, id, &header, timestamp)? else {
        return Ok(None);
    };
    for record in snapshot_records(image) {
        writer.append(&records::encode(&record, version)?, timestamp)?;
    }
    Ok(Some(writer.seal(timestamp)?))
}

#[cfg(test)]
mod tests {
    use kraftig_log::snapshot;
    use kraftig_spec::controller::MetadataVersion;
    use kraftig_spec::types::{Epoch, Offset};

    use super::*;

    fn image() -> Image {
        let mut image = Image::default();
        for record in kraftig_spec::controller::bootstrap_records(MetadataVersion::LATEST) {
            image.replay(&record, image.end, Epoch(1)).unwrap();
        }
        image
    }

    #[tokio::test]
    async fn when_one_is_due() {
        let directory = tempfile::tempdir().unwrap();
        let (minute, start) = (Duration::from_mins(1), Instant::now());
        let options = SnapshotOptions {
            directory: directory.path().to_owned(),
            between_bytes: 1000,
            interval: Some(minute),
        };
        let mut snapshots = Snapshots::new(options, Arc::new(|it| it.publish().unwrap()), start);
        let mut end = 10;
        let mut taken = async |snapshots: &mut Snapshots, now| {
            end += 1;
            let id = SnapshotId { end: Offset(end), epoch: Epoch(1) };
            snapshots.take_if_due(now, &image(), id, 77);
            match snapshots.writing.take() {
                Some(writing) => {
                    writing.await.unwrap();
                    snapshot::list(directory.path()).unwrap().last() == Some(&id)
                }
                None => false,
            }
        };
        snapshots.applied(999);
        assert!(!taken(&mut snapshots, start).await);
        snapshots.applied(1);
        assert!(taken(&mut snapshots, start).await);
        assert!(!taken(&mut snapshots, start + minute / 2).await);
        assert!(taken(&mut snapshots, start + minute).await);
        assert!(taken(&mut snapshots, start + minute * 2).await);
        // What was loaded need not be written.
        snapshots.applied(5000);
        snapshots.loaded(start + minute * 2);
        assert!(!taken(&mut snapshots, start + minute * 5 / 2).await);

        // One that fails is tried again when the next one is due.
        std::fs::remove_dir_all(directory.path()).unwrap();
        assert!(!taken(&mut snapshots, start + minute * 3).await);
        std::fs::create_dir(directory.path()).unwrap();
        assert!(!taken(&mut snapshots, start + minute * 7 / 2).await);
        assert!(taken(&mut snapshots, start + minute * 4).await);
    }
}
