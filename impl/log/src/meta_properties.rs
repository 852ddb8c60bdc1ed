//! `meta.properties`: which cluster, node and directory a log directory belongs to (KIP-631, KIP-858), and
//! the rules that the log directories of one node obey together.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use kraftig_spec::types::{DirectoryId, NodeId, Uuid};

use crate::disk::{self, DiskError};
use crate::properties::{self, PropertiesError};

/// The name of the file in a log directory.
pub const FILE_NAME: &str = "meta.properties";

/// The name of the metadata log's directory.
pub const METADATA_DIR_NAME: &str = "__cluster_metadata-0";

/// The content of a `meta.properties` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The file's format.
    pub version: Version,
    /// The cluster's id, any text. Always there in version 1.
    pub cluster_id: Option<String>,
    /// The node's id: `node.id` in version 1, where it is always there, and `broker.id` in version 0.
    pub node_id: Option<NodeId>,
    /// The id of this directory; nodes before Kafka 3.7 wrote none.
    pub directory_id: Option<DirectoryId>,
}

/// The formats of `meta.properties`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// From before `KRaft`: `broker.id`, nothing required.
    V0,
    /// `node.id` and `cluster.id` are required.
    V1,
}

/// Why a `meta.properties` file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetaPropertiesError {
    /// The file could not be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is not text.
    #[error("not UTF-8 text")]
    NotText,
    /// The file is no properties text.
    #[error(transparent)]
    Syntax(#[from] PropertiesError),
    /// The format is from the future.
    #[error("Unknown meta.properties version number {0}")]
    UnknownVersion(i32),
    /// A key that the format requires is missing.
    #[error("Failed to find {0}")]
    Missing(&'static str),
    /// A value is not what its key requires.
    #[error("{key}={value}: must be {rule}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// The value found.
        value: String,
        /// What the value has to be.
        rule: &'static str,
    },
}

impl MetaProperties {
    /// Reads the text of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetaPropertiesError> {
        let text = std::str::from_utf8(bytes).map_err(|_| MetaPropertiesError::NotText)?;
        let properties = properties::parse(text)?;
        let find = |key| properties.iter().rev().find(|p| p.key == key).map(|p| p.value.as_str());
        let number = |key| {
            let invalid = |value: &str| MetaPropertiesError::Invalid {
                key,
                value: value.to_owned(),
                rule: "a 32-bit integer",
            };
            find(key)
                .map(|value| value.trim().parse::<i32>().map_err(|_| invalid(value)))
                .transpose()
        };
        let (version, id_key) = match number("version")? {
            None | Some(0) => (Version::V0, "broker.id"),
            Some(1) => (Version::V1, "node.id"),
            Some(other) => return Err(MetaPropertiesError::UnknownVersion(other)),
        };
        let cluster_id = find("cluster.id").map(str::to_owned);
        let node_id = number(id_key)?.map(NodeId);
        if version == Version::V1 {
            cluster_id.as_ref().ok_or(MetaPropertiesError::Missing("cluster.id"))?;
            node_id.ok_or(MetaPropertiesError::Missing("node.id"))?;
        }
        let directory_id = find("directory.id").map(|value| {
            value.parse::<Uuid>().map(DirectoryId).map_err(|_| MetaPropertiesError::Invalid {
                key: "directory.id",
                value: value.to_owned(),
                rule: "22 characters of base64url (kraftig storage random-uuid prints one)",
            })
        });
        Ok(Self { version, cluster_id, node_id, directory_id: directory_id.transpose()? })
    }

    /// Reads the file of a log directory.
    pub fn read(directory: &Path) -> Result<Self, MetaPropertiesError> {
        Self::parse(&disk::read(&directory.join(FILE_NAME))?)
    }

    /// The file's text, as written at `unix_seconds`.
    pub fn to_text(&self, unix_seconds: i64) -> String {
        let mut text = String::new();
        properties::store_header(&mut text, unix_seconds);
        // The order is that of Java's hash table.
        let (id_key, version) = match self.version {
            Version::V0 => ("broker.id", "0"),
            Version::V1 => ("node.id", "1"),
        };
        if let Some(id) = self.node_id {
            properties::store(&mut text, id_key, &id.to_string());
        }
        if let Some(id) = self.directory_id {
            properties::store(&mut text, "directory.id", &id.to_string());
        }
        properties::store(&mut text, "version", version);
        if let Some(id) = &self.cluster_id {
            properties::store(&mut text, "cluster.id", id);
        }
        text
    }

    /// Writes the file of a log directory, all or nothing; durable when it returns.
    pub fn write(&self, directory: &Path) -> Result<(), DiskError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
        disk::replace(&directory.join(FILE_NAME), self.to_text(now).as_bytes())
    }
}

/// A new random id, as Kafka draws them: not reserved, and not beginning with `-`.
pub fn random_uuid() -> Result<Uuid, DiskError> {
    loop {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|e| DiskError {
            action: "draw random bytes from",
            path: PathBuf::from("/dev/urandom"),
            source: e.into(),
        })?;
        if let Some(id) = Uuid::from_random(bytes) {
            return Ok(id);
        }
    }
}

/// What a log directory was found to be.
#[derive(Debug)]
pub enum DirState {
    /// It has a `meta.properties` that can be read.
    Formatted(MetaProperties),
    /// It does not exist or has no `meta.properties`.
    Unformatted,
    /// Its `meta.properties` cannot be read: the directory is offline.
    Unreadable(MetaPropertiesError),
}

/// All log directories of a node, the metadata log's among them, as they were found.
#[derive(Debug)]
pub struct Ensemble {
    /// Each directory once, in the order in which they were named.
    pub dirs: Vec<(PathBuf, DirState)>,
    /// Which of them holds the metadata log.
    pub metadata_dir: PathBuf,
}

/// Why a node does not start on (or is not formatted over) its log directories.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    /// No directory is formatted and readable.
    #[error(
        "No readable meta.properties files found. Run `kraftig storage format` on the log directories first."
    )]
    NoneReadable,
    /// The metadata directory is offline.
    #[error("Encountered I/O error in metadata log directory {}. Cannot continue. ({problem})", .dir.display())]
    MetadataDirUnreadable {
        /// The metadata directory.
        dir: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A directory belongs to another cluster.
    #[error(
        "Invalid cluster.id in: {}. Expected {expected}, but read {found}. Point log.dirs at this cluster's \
         directories, or remove the data of the other one.", .dir.join(FILE_NAME).display()
    )]
    WrongClusterId {
        /// The directory.
        dir: PathBuf,
        /// The cluster of the directories before it, or the one asked for.
        expected: String,
        /// The cluster of this directory; `-` where the file names none.
        found: String,
    },
    /// A directory belongs to another node.
    #[error(
        "Stored node id {stored} doesn't match previous node id {expected} in {}. If you moved your data, make sure \
         your configured node.id matches. If you intend to create a new node, you should remove all data in your log \
         directories.", .dir.join(FILE_NAME).display()
    )]
    WrongNodeId {
        /// The directory.
        dir: PathBuf,
        /// `node.id` of the configuration.
        expected: NodeId,
        /// The id in the file.
        stored: NodeId,
    },
    /// Two directories have one id: one was copied from the other.
    #[error("Duplicate directory ID {id} found. It was the ID of {}, but also of {}. Remove the copy.", .first.display(), .second.display())]
    DuplicateDirectoryId {
        /// The id.
        id: DirectoryId,
        /// The directory that had it first.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// A directory has an id that Kafka keeps for itself.
    #[error("Invalid reserved directory ID {id} found in {}. Remove the line directory.id: a new one is made at the next start.", .dir.display())]
    ReservedDirectoryId {
        /// The id.
        id: DirectoryId,
        /// The directory.
        dir: PathBuf,
    },
    /// A directory is not formatted although another one is.
    #[error("No `meta.properties` found in {} (have you run `kraftig storage format` to format the directory?)", .0.display())]
    Unformatted(PathBuf),
    /// A directory other than the metadata directory holds a metadata log.
    #[error(
        "Found unexpected metadata location in data directory `{}` (the configured metadata directory is {}). Set \
         metadata.log.dir to where the metadata log is.",
        .found.display(), .metadata_dir.display()
    )]
    UnexpectedMetadataLocation {
        /// The metadata log that was found.
        found: PathBuf,
        /// Where it is configured to be.
        metadata_dir: PathBuf,
    },
    /// A file could not be looked for or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Ensemble {
    /// Looks at `log_dirs` and `metadata_dir` (which may be one of them).
    pub fn load(log_dirs: &[PathBuf], metadata_dir: &Path) -> Self {
        let mut dirs: Vec<(PathBuf, DirState)> = Vec::new();
        for dir in log_dirs.iter().map(PathBuf::as_path).chain([metadata_dir]) {
            if dirs.iter().any(|(known, _)| known == dir) {
                continue;
            }
            let state = match MetaProperties::read(dir) {
                Ok(properties) => DirState::Formatted(properties),
                Err(MetaPropertiesError::Disk(e)) if e.is_not_found() => DirState::Unformatted,
                Err(e) => DirState::Unreadable(e),
            };
            dirs.push((dir.to_path_buf(), state));
        }
        Self { dirs, metadata_dir: metadata_dir.to_path_buf() }
    }

    /// The directories that are formatted and readable.
    pub fn formatted(&self) -> impl Iterator<Item = (&Path, &MetaProperties)> {
        self.dirs.iter().filter_map(|(dir, state)| match state {
            DirState::Formatted(properties) => Some((dir.as_path(), properties)),
            DirState::Unformatted | DirState::Unreadable(_) => None,
        })
    }

    /// The cluster that the directories belong to, where one of them says.
    pub fn cluster_id(&self) -> Option<&str> {
        self.formatted().find_map(|(_, properties)| properties.cluster_id.as_deref())
    }

    /// Checks the formatted directories against each other, against `node_id`, and against `cluster_id`
    /// where it is given: the rules that hold for formatting and for starting alike.
    pub fn verify(&self, cluster_id: Option<&str>, node_id: NodeId) -> Result<(), EnsembleError> {
        let mut cluster_id = cluster_id;
        let mut ids: Vec<(DirectoryId, &Path)> = Vec::new();
        for (dir, properties) in self.formatted() {
            let found = properties.cluster_id.as_deref();
            match (cluster_id, found) {
                (Some(expected), Some(found)) if expected != found => {
                    return Err(EnsembleError::WrongClusterId {
                        dir: dir.to_path_buf(),
                        expected: expected.to_owned(),
                        found: found.to_owned(),
                    });
                }
                _ => cluster_id = cluster_id.or(found),
            }
            if let Some(stored) = properties.node_id.filter(|stored| *stored != node_id) {
                return Err(EnsembleError::WrongNodeId {
                    dir: dir.to_path_buf(),
                    expected: node_id,
                    stored,
                });
            }
            let Some(id) = properties.directory_id else {
                continue;
            };
            if id.0.is_reserved() {
                return Err(EnsembleError::ReservedDirectoryId { id, dir: dir.to_path_buf() });
            }
            if let Some((_, first)) = ids.iter().find(|(known, _)| *known == id) {
                return Err(EnsembleError::DuplicateDirectoryId {
                    id,
                    first: first.to_path_buf(),
                    second: dir.to_path_buf(),
                });
            }
            ids.push((id, dir));
        }
        Ok(())
    }

    /// Everything that must hold before a node starts on these directories. Those that are unreadable (and
    /// are not the metadata directory) are offline and no reason to refuse.
    pub fn verify_start(&self, node_id: NodeId) -> Result<(), EnsembleError> {
        self.formatted().next().ok_or(EnsembleError::NoneReadable)?;
        for (dir, state) in &self.dirs {
            if let DirState::Unreadable(problem) = state
                && *dir == self.metadata_dir
            {
                return Err(EnsembleError::MetadataDirUnreadable {
                    dir: dir.clone(),
                    problem: problem.to_string(),
                });
            }
        }
        self.verify(None, node_id)?;
        for (dir, state) in &self.dirs {
            if matches!(state, DirState::Unformatted) {
                return Err(EnsembleError::Unformatted(dir.clone()));
            }
            let found = dir.join(METADATA_DIR_NAME);
            if *dir != self.metadata_dir
                && matches!(state, DirState::Formatted(_))
                && disk::exists(&found)?
            {
                return Err(EnsembleError::UnexpectedMetadataLocation {
                    found,
                    metadata_dir: self.metadata_dir.clone(),
                });
            }
        }
        Ok(())
    }

    /// Gives each formatted directory that has no id a new one, and rewrites its file.
    /// Call it when [`verify_start`](Self::verify_start) has passed and the directories are locked.
    pub fn assign_directory_ids(&mut self) -> Result<(), EnsembleError> {
        for (dir, state) in &mut self.dirs {
            let DirState::Formatted(properties) = state else {
                continue;
            };
            if properties.directory_id.is_none() {
                properties.directory_id = Some(DirectoryId(random_uuid()?));
                properties.write(dir)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = "#\n#Sun Nov 22 04:33:22 UTC 2026\nnode.id=1\ndirectory.id=ZbiFC_AVJJjPyZEQlINm2A\nversion=1\n\
                          cluster.id=4L6g3nShT-eMCtK--X86sw\n";

    fn properties(cluster: &str, node: i32, directory: Option<u8>) -> MetaProperties {
        MetaProperties {
            version: Version::V1,
            cluster_id: Some(cluster.to_owned()),
            node_id: Some(NodeId(node)),
            directory_id: directory.map(|byte| DirectoryId(Uuid([byte; 16]))),
        }
    }

    #[test]
    fn golden() {
        let parsed = MetaProperties::parse(GOLDEN.as_bytes()).unwrap();
        assert_eq!(parsed.to_text(1_795_322_002), GOLDEN);
        assert_eq!(parsed.node_id, Some(NodeId(1)));

        let v0 = MetaProperties::parse(b"version=0\nbroker.id=7\ncluster.id=x").unwrap();
        assert_eq!((v0.version, v0.node_id, v0.directory_id), (Version::V0, Some(NodeId(7)), None));
        assert!(v0.to_text(0).ends_with("\nbroker.id=7\nversion=0\ncluster.id=x\n"));
        assert_eq!(MetaProperties::parse(b"").unwrap().version, Version::V0);
    }

    #[test]
    fn refuses() {
        let message = |text: &[u8]| MetaProperties::parse(text).unwrap_err().to_string();
        assert_eq!(message(b"version=7"), "Unknown meta.properties version number 7");
        assert_eq!(message(b"version=1\ncluster.id=x"), "Failed to find node.id");
        assert_eq!(message(b"version=1\nnode.id=1"), "Failed to find cluster.id");
        assert_eq!(
            message(b"version=1\nnode.id=a\ncluster.id=x"),
            "node.id=a: must be a 32-bit integer"
        );
        assert!(
            message(b"version=1\nnode.id=1\ncluster.id=x\ndirectory.id=no")
                .starts_with("directory.id=no: ")
        );
        assert_eq!(message(b"\xff"), "not UTF-8 text");
    }

    #[test]
    fn ensemble() {
        let root = tempfile::tempdir().unwrap();
        let dir = |name: &str| root.path().join(name);
        let start = |dirs: &[&str], node: i32| {
            let dirs: Vec<PathBuf> = dirs.iter().map(|d| dir(d)).collect();
            Ensemble::load(&dirs, &dirs[0]).verify_start(NodeId(node))
        };
        for (name, content) in [
            ("a", Some(properties("X", 1, Some(9)))),
            ("b", Some(properties("X", 1, None))),
            ("copy", Some(properties("X", 1, Some(9)))),
            ("foreign", Some(properties("Y", 1, Some(8)))),
            ("reserved", Some(properties("X", 1, Some(0)))),
            ("stray", Some(properties("X", 1, Some(7)))),
            ("empty", None),
            ("broken", None),
        ] {
            std::fs::create_dir(dir(name)).unwrap();
            if let Some(content) = content {
                content.write(&dir(name)).unwrap();
            }
        }
        std::fs::write(dir("broken").join(FILE_NAME), "version=1").unwrap();
        std::fs::create_dir(dir("stray").join(METADATA_DIR_NAME)).unwrap();

        start(&["a", "b", "broken"], 1).expect("an unreadable data directory is only offline");
        assert!(matches!(start(&["empty", "nowhere"], 1), Err(EnsembleError::NoneReadable)));
        assert!(matches!(
            start(&["broken", "a"], 1),
            Err(EnsembleError::MetadataDirUnreadable { .. })
        ));
        assert!(matches!(start(&["a", "foreign"], 1), Err(EnsembleError::WrongClusterId { .. })));
        assert!(matches!(start(&["a"], 2), Err(EnsembleError::WrongNodeId { .. })));
        assert!(matches!(
            start(&["a", "copy"], 1),
            Err(EnsembleError::DuplicateDirectoryId { .. })
        ));
        assert!(matches!(
            start(&["a", "reserved"], 1),
            Err(EnsembleError::ReservedDirectoryId { .. })
        ));
        assert!(
            matches!(start(&["a", "nowhere"], 1), Err(EnsembleError::Unformatted(d)) if d == dir("nowhere"))
        );
        assert!(matches!(
            start(&["a", "stray"], 1),
            Err(EnsembleError::UnexpectedMetadataLocation { .. })
        ));
        start(&["stray", "a"], 1).expect("the metadata directory may hold the metadata log");

        let mut ensemble = Ensemble::load(&[dir("a"), dir("b")], &dir("a"));
        assert_eq!(ensemble.cluster_id(), Some("X"));
        ensemble.assign_directory_ids().unwrap();
        let written = MetaProperties::read(&dir("b")).unwrap();
        assert!(written.directory_id.is_some());
        assert_eq!(
            MetaProperties::read(&dir("a")).unwrap(),
            properties("X", 1, Some(9)),
            "an id is never replaced"
        );
        assert_eq!(disk::list(&dir("b")).unwrap(), [FILE_NAME], "no temporary file is left");
    }
}
