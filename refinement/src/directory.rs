//! The files of a metadata log held against what a trace says that they must hold.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use kraftig_log::disk::{self, DiskError};
use kraftig_log::quorum_state::{QuorumState, QuorumStateError};
use kraftig_spec::quorum::LogSummary;
use kraftig_spec::quorum::properties::Entry;
use kraftig_spec::types::{Epoch, NodeId, Offset};
use kraftig_wire::batch::{Batch, batches};
use kraftig_wire::messages::ControlRecord;

use crate::disk::{Content, Disk};

/// Why a directory does not hold what the trace says.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] DiskError),
    /// The quorum-state file cannot be read.
    #[error(transparent)]
    QuorumState(#[from] QuorumStateError),
    /// A file holds something else.
    #[error("{file}: {why}")]
    Differs {
        /// The file.
        file: PathBuf,
        /// What the trace says instead.
        why: String,
    },
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Batches whose place, epoch and CRC are those of the trace.
    pub batches: usize,
    /// Batches from before the trace, of which it knows the epochs only.
    pub older: usize,
    /// The log's end.
    pub end: Offset,
}

/// Compares the directory with what a trace left: with one of `disks`, as nobody knows whether the effect of
/// the last line was done.
pub fn compare(directory: &Path, disks: &[Disk]) -> Result<Compared, DirectoryError> {
    let (base, log) = read_log(directory)?;
    let election = QuorumState::read(directory)?;
    let epochs = read_epochs(directory)?;
    let mut first = None;
    for disk in disks {
        match differs(directory, disk, (base, &log), election.as_ref(), &epochs) {
            Ok(compared) => return Ok(compared),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| DirectoryError::Differs {
        file: directory.to_owned(),
        why: "the trace never started".to_owned(),
    }))
}

fn differs(
    directory: &Path,
    disk: &Disk,
    (base, log): (Offset, &[Found]),
    election: Option<&QuorumState>,
    epochs: &[(i32, i64)],
) -> Result<Compared, DirectoryError> {
    let error =
        |file: &str, why: String| DirectoryError::Differs { file: directory.join(file), why };
    let found =
        election.map_or((Epoch(0), None, None), |file| (file.epoch, file.leader, file.voted));
    let traced =
        (disk.election.epoch, disk.election.leader, disk.election.voted.map(|voted| voted.id));
    if found != traced {
        let why = format!("holds (epoch, leader, vote) {found:?}, but {traced:?} was written");
        return Err(error("quorum-state", why));
    }
    let end = log.last().map_or(base, |found| found.entry.end);
    if base > disk.start.end {
        let why = format!("begins at {base}, but was to begin at {}", disk.start.end);
        return Err(error("*.log", why));
    }
    if !disk.latest.is_none() && !disk::exists(&directory.join(disk.latest.to_string()))? {
        return Err(error(&disk.latest.to_string(), "is not there".to_owned()));
    }
    if end != disk.end() {
        let why = format!("ends at {end}, but was written up to {}", disk.end());
        return Err(error("*.log", why));
    }
    let unknown = disk.unknown_below().max(base);
    let older = log.iter().take_while(|found| found.entry.end <= unknown).count();
    let traced = disk.log.iter().filter(|entry| entry.end > unknown);
    let mut compared = Compared { batches: 0, older, end };
    for (found, traced) in log[older..].iter().zip(traced.clone()) {
        if !found.is(traced) {
            let why = format!("holds {found:?}, but {traced:?} was written");
            return Err(error("*.log", why));
        }
        compared.batches += 1;
    }
    if log.len() - older != traced.count() {
        return Err(error("*.log", "holds another number of batches than were written".to_owned()));
    }
    let LogSummary { epochs: traced, .. } = disk.summary(disk.start, end);
    let traced: Vec<(i32, i64)> =
        traced.iter().map(|known| (known.epoch.0, known.start.0)).collect();
    // Where the epoch of the snapshot goes on is told by its name.
    let epochs: Vec<_> =
        epochs.iter().copied().filter(|(epoch, _)| *epoch > disk.start.epoch.0).collect();
    if epochs != traced {
        let why = format!("holds {epochs:?}, but the epochs {traced:?} were written");
        return Err(error("leader-epoch-checkpoint", why));
    }
    Ok(compared)
}

/// A batch in a file.
#[derive(Debug)]
struct Found {
    entry: Entry<Content>,
    crc: u32,
}

impl Found {
    /// Whether it is what was traced. A follower's trace tells of every batch only its CRC.
    fn is(&self, traced: &Entry<Content>) -> bool {
        let fetched =
            Entry { value: Content::Records(self.crc), leader: None, ..self.entry.clone() };
        self.entry == *traced || fetched == *traced
    }
}

/// Where the log's files begin, and the log, batch by batch, with every CRC checked.
fn read_log(directory: &Path) -> Result<(Offset, Vec<Found>), DirectoryError> {
    let mut log: Vec<Found> = Vec::new();
    let mut base = None;
    for name in disk::list(directory)? {
        let path = directory.join(name);
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let first = path.file_stem().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0);
        let base = *base.get_or_insert(first);
        for batch in batches(Bytes::from(disk::read(&path)?)) {
            let damaged = |why: String| DirectoryError::Differs { file: path.clone(), why };
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let end = log.last().map_or(base, |found| found.entry.end.0);
            if batch.header().base_offset != end {
                let base = batch.header().base_offset;
                return Err(damaged(format!(
                    "a batch begins at {base}, after one that ends at {end}"
                )));
            }
            log.push(Found { entry: entry(&batch).map_err(damaged)?, crc: batch.header().crc });
        }
    }
    Ok((Offset(base.unwrap_or(0)), log))
}

fn entry(batch: &Batch) -> Result<Entry<Content>, String> {
    const LARGEST: usize = 16 << 20;
    let header = batch.header();
    let at = |error: &dyn std::fmt::Display| format!("offset {}: {error}", header.base_offset);
    batch.verify_crc().map_err(|error| at(&error))?;
    let (value, leader) = if header.is_control() {
        let records = batch.records(LARGEST).map_err(|error| at(&error))?;
        let record = records.iter().next().ok_or_else(|| at(&"an empty control batch"))?;
        let record = record.map_err(|error| at(&error))?;
        let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
        match ControlRecord::decode(key, value).map_err(|error| at(&error))? {
            ControlRecord::LeaderChange(change) => {
                let voters = change.voters.iter().map(|voter| NodeId(voter.voter_id)).collect();
                (Content::LeaderChange(voters), Some(NodeId(change.leader_id)))
            }
            _ => (Content::Unknown, None),
        }
    } else {
        (Content::Records(header.crc), None)
    };
    Ok(Entry {
        end: Offset(header.next_offset()),
        epoch: Epoch(header.leader_epoch),
        value,
        leader,
    })
}

fn read_epochs(directory: &Path) -> Result<Vec<(i32, i64)>, DirectoryError> {
    let path = directory.join("leader-epoch-checkpoint");
    let text = String::from_utf8_lossy(&disk::read(&path)?).into_owned();
    let line = |line: &str| {
        let (epoch, start) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, start.parse().ok()?))
    };
    let entries: Option<Vec<_>> = text.lines().skip(2).map(line).collect();
    entries.ok_or(DirectoryError::Differs { file: path, why: "is not a checkpoint".to_owned() })
}
