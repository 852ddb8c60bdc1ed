//! Kafka's small text files: offset checkpoints, `leader-epoch-checkpoint`, `partition.metadata` and
//! `.kafka_cleanshutdown`. Each is replaced as a whole and durable when its writer returns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use kraftig_spec::types::{TopicId, Uuid};
use serde::Deserialize;

use crate::disk::{self, DiskError};

/// Offsets below are flushed; one file a log directory.
pub const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
/// The first offset of each log.
pub const LOG_START: &str = "log-start-offset-checkpoint";
/// The high watermark of each replica.
pub const REPLICATION: &str = "replication-offset-checkpoint";
/// Offsets below are compacted.
pub const CLEANER: &str = "cleaner-offset-checkpoint";
/// The first offset of each leader epoch; one file a partition.
pub const LEADER_EPOCH: &str = "leader-epoch-checkpoint";
/// The id of the topic; one file a partition.
pub const PARTITION_METADATA: &str = "partition.metadata";
/// There from a clean stop to the next start; one file a log directory.
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// Why one of these files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is not what its kind requires.
    #[error("{file}: {problem}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, and what was expected there.
        problem: String,
    },
}

fn malformed(path: &Path, problem: impl Into<String>) -> CheckpointError {
    CheckpointError::Malformed { file: path.display().to_string(), problem: problem.into() }
}

/// The entries of a checkpoint: a version line (0), a count line, then an entry a line. A missing or empty
/// file has no entries.
fn read_entries<T>(
    path: &Path,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, CheckpointError> {
    let bytes = match disk::read(path) {
        Err(e) if e.is_not_found() => return Ok(Vec::new()),
        bytes => bytes?,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed(path, "not UTF-8 text"))?;
    let mut lines = text.lines();
    let Some(version) = lines.next() else {
        return Ok(Vec::new());
    };
    if version != "0" {
        return Err(malformed(path, format!("line 1: version 0 expected, found '{version}'")));
    }
    let count: usize = lines
        .next()
        .and_then(|line| line.parse().ok())
        .ok_or_else(|| malformed(path, "line 2: number of entries expected"))?;
    let mut entries = Vec::new();
    for (line, number) in lines.zip(3..) {
        entries.push(
            parse(line).ok_or_else(|| {
                malformed(path, format!("line {number}: malformed entry '{line}'"))
            })?,
        );
    }
    if entries.len() != count {
        return Err(malformed(
            path,
            format!("line 2: {count} entries expected, found {}", entries.len()),
        ));
    }
    Ok(entries)
}

/// Reads an offset checkpoint: (topic, partition) to offset.
pub fn read_offsets(path: &Path) -> Result<BTreeMap<(String, i32), i64>, CheckpointError> {
    let entry = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let topic = words.next()?.to_owned();
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok()?;
        words.next().is_none().then_some(((topic, partition), offset))
    };
    Ok(read_entries(path, entry)?.into_iter().collect())
}

/// Writes an offset checkpoint.
pub fn write_offsets<'a>(
    path: &Path,
    offsets: impl ExactSizeIterator<Item = (&'a str, i32, i64)>,
) -> Result<(), CheckpointError> {
    let mut text = format!("0\n{}\n", offsets.len());
    for (topic, partition, offset) in offsets {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{topic} {partition} {offset}");
    }
    Ok(disk::replace(path, text.as_bytes())?)
}

/// Reads a `leader-epoch-checkpoint`: epochs and their first offsets.
pub(crate) fn read_epochs(path: &Path) -> Result<Vec<(i32, i64)>, CheckpointError> {
    read_entries(path, |line| {
        let (epoch, offset) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, offset.parse().ok()?))
    })
}

/// The text of a `leader-epoch-checkpoint`.
pub(crate) fn epochs_text(epochs: &[(i32, i64)]) -> String {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, offset) in epochs {
        let _ = writeln!(text, "{epoch} {offset}");
    }
    text
}

/// Reads a `partition.metadata` file; `None` where there is none.
pub(crate) fn read_partition_metadata(path: &Path) -> Result<Option<TopicId>, CheckpointError> {
    let bytes = match disk::read(path) {
        Err(e) if e.is_not_found() => return Ok(None),
        bytes => bytes?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    if lines.next() != Some("version: 0") {
        return Err(malformed(path, "line 1: 'version: 0' expected"));
    }
    let id = lines
        .next()
        .and_then(|line| line.strip_prefix("topic_id: "))
        .and_then(|id| id.parse::<Uuid>().ok());
    let id = id
        .filter(|id| !id.is_zero())
        .ok_or_else(|| malformed(path, "line 2: 'topic_id: <id>' expected"))?;
    Ok(Some(TopicId(id)))
}

/// The text of a `partition.metadata` file.
pub(crate) fn partition_metadata_text(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CleanShutdown {
    version: i64,
    broker_epoch: i64,
}

/// Marks a log directory as cleanly stopped by the broker of that epoch (-1 if it never had one).
pub fn write_clean_shutdown(log_dir: &Path, broker_epoch: i64) -> Result<(), DiskError> {
    let text = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
    disk::replace(&log_dir.join(CLEAN_SHUTDOWN), text.as_bytes())
}

/// Takes the mark of a clean stop away: the broker epoch in it (-1 where the file does not say), or `None`
/// after a crash. The removal is durable, so that a crash from now on is seen as one.
pub fn take_clean_shutdown(log_dir: &Path) -> Result<Option<i64>, DiskError> {
    let path = log_dir.join(CLEAN_SHUTDOWN);
    let bytes = match disk::read(&path) {
        Err(e) if e.is_not_found() => return Ok(None),
        bytes => bytes?,
    };
    disk::remove(&path)?;
    disk::sync_dir(log_dir)?;
    let content = serde_json::from_slice::<CleanShutdown>(&bytes).ok();
    Ok(Some(content.filter(|c| c.version == 0).map_or(-1, |c| c.broker_epoch)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(RECOVERY_POINT);
        assert!(read_offsets(&path).unwrap().is_empty());
        write_offsets(&path, [].into_iter()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n0\n");
        write_offsets(&path, [("t1", 0, 3), ("t1", 1, 0)].into_iter()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n2\nt1 0 3\nt1 1 0\n");
        let read = read_offsets(&path).unwrap();
        assert_eq!(read, BTreeMap::from([(("t1".to_owned(), 0), 3), (("t1".to_owned(), 1), 0)]));

        for (text, wrong) in [
            ("1\n0\n", "line 1"),
            ("0\nx\n", "line 2"),
            ("0\n", "line 2"),
            ("0\n2\nt1 0 3\n", "2 entries expected, found 1"),
            ("0\n1\nt1 0 3 4\n", "line 3"),
            ("0\n1\nt1 0\n", "line 3"),
            ("0\n1\nt1 0 x\n", "line 3"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read_offsets(&path).unwrap_err().to_string();
            assert!(error.contains(wrong), "{text:?}: {error}");
        }
        std::fs::write(&path, "").unwrap();
        assert!(read_offsets(&path).unwrap().is_empty());
    }

    #[test]
    fn epochs_and_partition_metadata() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LEADER_EPOCH);
        let text = "0\n3\n1 0\n2 594\n3 1468\n";
        std::fs::write(&path, text).unwrap();
        let epochs = read_epochs(&path).unwrap();
        assert_eq!(epochs, [(1, 0), (2, 594), (3, 1468)]);
        assert_eq!(epochs_text(&epochs), text);

        let path = directory.path().join(PARTITION_METADATA);
        assert_eq!(read_partition_metadata(&path).unwrap(), None);
        let text = partition_metadata_text(TopicId::METADATA);
        assert_eq!(text, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
        std::fs::write(&path, text).unwrap();
        assert_eq!(read_partition_metadata(&path).unwrap(), Some(TopicId::METADATA));
        for wrong in [
            "",
            "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ",
            "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            std::fs::write(&path, wrong).unwrap();
            assert!(read_partition_metadata(&path).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn clean_shutdown() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(take_clean_shutdown(directory.path()).unwrap(), None);
        write_clean_shutdown(directory.path(), 98).unwrap();
        let text = std::fs::read_to_string(directory.path().join(CLEAN_SHUTDOWN)).unwrap();
        assert_eq!(text, r#"{"version":0,"brokerEpoch":98}"#);
        assert_eq!(take_clean_shutdown(directory.path()).unwrap(), Some(98));
        assert_eq!(take_clean_shutdown(directory.path()).unwrap(), None);
        std::fs::write(directory.path().join(CLEAN_SHUTDOWN), "").unwrap();
        assert_eq!(take_clean_shutdown(directory.path()).unwrap(), Some(-1));
    }
}
