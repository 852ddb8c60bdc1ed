//! Snapshots of the metadata (KIP-630): when one is due, and its writing beside what the node does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kraftig_log::disk::{self, DiskError};
use kraftig_log::snapshot::{
    MAX_BATCH, SealedSnapshot, SnapshotError, SnapshotHeader, SnapshotWriter,
};
use kraftig_spec::controller::{Image, snapshot_records};
use kraftig_spec::types::SnapshotId;
use tokio::task::JoinHandle;

use super::records::{self, RecordError};
use crate::quorum::Voters;

/// What has to be left on the disk, in bytes, while a snapshot is written: what a node whose disk was full wants before it
/// takes part in the quorum again, so that none makes it full, and a batch that is about to be written.
const ROOM: u64 = (32 << 20) + MAX_BATCH as u64;
/// How many bytes of records are written between two looks at the room.
const LOOK_BYTES: usize = 1 << 20;

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
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(
        "{left} bytes are left on the disk of {}, and {ROOM} must be; delete or move other files of that file system, or make it larger",
        .directory.display()
    )]
    NoRoom { directory: PathBuf, left: u64 },
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
    /// log, `timestamp` the time of the last record before, in ms, and `voters` who votes there, if the log names them.
    pub(super) fn take_if_due(
        &mut self,
        now: Instant,
        image: &Image,
        id: SnapshotId,
        timestamp: i64,
        voters: Option<&Voters>,
    ) {
        let writes = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        if writes || !self.is_due(now) {
            return;
        }
        (self.bytes, self.last) = (0, now);
        let (directory, image) = (self.options.directory.clone(), image.clone());
        let publish = self.publish.clone();
        let header = SnapshotHeader {
            last_contained_log_timestamp: timestamp,
            kraft_version: voters.map_or(0, |voters| voters.kraft_version),
            voters: voters.map(Voters::to_record),
        };
        self.writing = Some(tokio::task::spawn_blocking(move || {
            match write(&directory, &image, id, &header) {
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
    header: &SnapshotHeader,
) -> Result<Option<SealedSnapshot>, SnapshotFailure> {
    // Before anything is decided there is no version to write in.
    let Some(version) = image.metadata_version() else { return Ok(None) };
    let mut room = Room { directory, seen: 0 };
    room.is_for(0)?;
    let timestamp = header.last_contained_log_timestamp;
    let Some(mut writer) = SnapshotWriter::create(directory, id, header, timestamp)? else {
        return Ok(None);
    };
    for record in snapshot_records(image) {
        let record = records::encode(&record, version)?;
        room.is_for(record.len())?;
        writer.append(&record, timestamp)?;
    }
    Ok(Some(writer.seal(timestamp)?))
}

/// The room on a disk, looked at now and then.
struct Room<'a> {
    directory: &'a Path,
    /// How many bytes may still be written before the next look.
    seen: usize,
}

impl Room<'_> {
    /// An error if so many bytes are too many.
    fn is_for(&mut self, bytes: usize) -> Result<(), SnapshotFailure> {
        if let Some(seen) = self.seen.checked_sub(bytes).filter(|seen| *seen > 0) {
            self.seen = seen;
            return Ok(());
        }
        let left = disk::room(self.directory)?;
        if left < ROOM {
            return Err(SnapshotFailure::NoRoom { directory: self.directory.to_owned(), left });
        }
        self.seen = LOOK_BYTES;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kraftig_log::disk::simulated::Disk;
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
            snapshots.take_if_due(now, &image(), id, 77, None);
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

    #[tokio::test]
    async fn none_makes_the_disk_full() {
        let disk = Disk::mount(Path::new("/simulated/snapshot-without-room"));
        disk::create_dir(disk.path()).unwrap();
        let directory = disk.path().to_owned();
        let options =
            SnapshotOptions { directory: directory.clone(), between_bytes: 1, interval: None };
        let publish: Publish = Arc::new(|snapshot| snapshot.publish().unwrap());
        let mut snapshots = Snapshots::new(options, publish, Instant::now());
        for (room, taken) in [(ROOM - 1, false), (ROOM, true)] {
            disk.set_room(room);
            snapshots.applied(1);
            let id = SnapshotId { end: Offset(1), epoch: Epoch(1) };
            snapshots.take_if_due(Instant::now(), &image(), id, 0, None);
            snapshots.writing.take().unwrap().await.unwrap();
            let left = disk::list(&directory).unwrap();
            assert_eq!(left, [id.to_string()][..usize::from(taken)], "nothing half");
        }

        // It is looked at while one is written.
        let mut room = Room { directory: &directory, seen: 0 };
        room.is_for(0).unwrap();
        disk.set_room(ROOM - 1);
        room.is_for(LOOK_BYTES / 2).unwrap();
        let error = room.is_for(LOOK_BYTES).unwrap_err().to_string();
        assert!(error.starts_with("41943039 bytes are left on the disk of "), "{error}");
    }
}
