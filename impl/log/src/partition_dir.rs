//! The names of partition directories in a log directory.

use std::fmt::Write as _;

use crate::disk::DiskError;
use crate::meta_properties::random_uuid;

/// Longest name of a directory, in bytes.
const MAX_LENGTH: usize = 255;

/// What a directory in a log directory is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionDir {
    /// `<topic>-<partition>`: a replica.
    Replica {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// `*-delete`: a replica whose files wait to be removed.
    Deleted,
    /// `*-stray`: a replica that the cluster does not know.
    Stray,
    /// `*-future`: a replica that is being moved here from another log directory.
    Future,
}

impl PartitionDir {
    /// What a directory's name says; `None` for what is not Kafka's.
    pub fn parse(name: &str) -> Option<Self> {
        // "<topic>-<partition>.<32 hex digits>-<suffix>"; the topic may be cut short.
        let marked = |suffix: &str| {
            let id =
                name.strip_suffix(suffix).and_then(|stem| stem.rsplit_once('.')).map(|(_, id)| id);
            id.is_some_and(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if marked("-delete") {
            return Some(Self::Deleted);
        }
        if marked("-stray") {
            return Some(Self::Stray);
        }
        if marked("-future") {
            return Some(Self::Future);
        }
        let (topic, partition) = name.rsplit_once('-')?;
        let digits = !partition.is_empty() && partition.bytes().all(|b| b.is_ascii_digit());
        let partition = partition.parse().ok().filter(|_| digits)?;
        (!topic.is_empty()).then(|| Self::Replica { topic: topic.to_owned(), partition })
    }
}

/// The name of a replica's directory.
pub fn replica_name(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// A name for the replica's directory from its deletion on, or from when it was found to be stray:
/// `<replica>.<32 hex digits><suffix>`, the topic cut so that a file system takes it.
pub(crate) fn marked_name(replica: &str, suffix: &str) -> Result<String, DiskError> {
    let mut tail = String::new();
    let (topic, partition) = replica.rsplit_once('-').unwrap_or((replica, "0"));
    // Writing to a String cannot fail.
    let _ = write!(tail, "-{partition}.");
    for byte in random_uuid()?.0 {
        let _ = write!(tail, "{byte:02x}");
    }
    tail.push_str(suffix);
    let mut end = topic.len().min(MAX_LENGTH - tail.len());
    while !topic.is_char_boundary(end) {
        end -= 1;
    }
    Ok(format!("{}{tail}", &topic[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let replica = |topic: &str, partition| {
            Some(PartitionDir::Replica { topic: topic.to_owned(), partition })
        };
        assert_eq!(PartitionDir::parse("a-b.c-12"), replica("a-b.c", 12));
        assert_eq!(PartitionDir::parse(&replica_name("t-delete", 0)), replica("t-delete", 0));
        for name in ["a", "-1", "a-", "a-x", "a-+1", "a-99999999999", "lost+found"] {
            assert_eq!(PartitionDir::parse(name), None, "{name}");
        }
        let id = "1bf5a093f13c4bbaac73c3ad6406c271";
        assert_eq!(PartitionDir::parse(&format!("a-0.{id}-delete")), Some(PartitionDir::Deleted));
        assert_eq!(PartitionDir::parse(&format!("a-0.{id}-stray")), Some(PartitionDir::Stray));
        assert_eq!(PartitionDir::parse(&format!("a-0.{id}-future")), Some(PartitionDir::Future));

        let name = marked_name(&replica_name(&"t".repeat(249), 7), "-delete").unwrap();
        assert_eq!(name.len(), MAX_LENGTH);
        assert_eq!(PartitionDir::parse(&name), Some(PartitionDir::Deleted));
        let name = marked_name("a-0", "-stray").unwrap();
        assert!(name.starts_with("a-0."));
        assert_eq!(PartitionDir::parse(&name), Some(PartitionDir::Stray));
    }
}
