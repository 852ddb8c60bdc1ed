//! A directory of the metadata log that nobody runs on: what it holds, and how it becomes that of the only voter when the
//! others are lost for ever. What that takes is the core's to say ([`kraftig_spec::quorum::recover`]).

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kraftig_log::meta_properties::random_uuid;
use kraftig_spec::quorum::{self, Effect, Recovery, RecoveryError, Restored, VoterSet};
use kraftig_spec::types::{Epoch, ReplicaKey};

use super::lost_voters::{self, LostVotersError};
use super::snapshots::Snapshots;
use super::storage::Storage;
use super::voters::{KRAFT_VERSIONS, Voter, Voters};
use super::{QuorumError, QuorumOptions};

/// What is done to a directory.
pub type Plan = Recovery<Bytes>;

/// What a directory holds.
pub struct Found {
    /// What a node that starts on it would find.
    pub restored: Restored,
    /// Who votes, as its log says last, or the configuration where the log does not.
    pub voters: Arc<Voters>,
    /// How many bytes of its log were damaged, and would be cut off by a start.
    pub bytes_lost: u64,
    /// The voters that a recovery of this directory has given up.
    pub lost: Vec<ReplicaKey>,
}

impl Found {
    /// Whether this replica of it was made the only voter, and is it still.
    pub fn goes_on_alone(&self, replica: ReplicaKey) -> bool {
        !self.lost.is_empty() && self.voters.set() == VoterSet::of([replica])
    }
}

/// Why a directory is not made that of the only voter.
#[derive(Debug, thiserror::Error)]
pub enum NotRecovered {
    /// The core does not let it be.
    #[error(transparent)]
    Refused(#[from] RecoveryError),
    /// It cannot be read or written.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// It cannot be written, and it is not known what of it is.
    #[error(
        "{0}; it is half done: do not start this controller, and run this again, which goes on from there"
    )]
    HalfWay(QuorumError),
    /// It is not known whom it gave up.
    #[error(transparent)]
    LostVoters(#[from] LostVotersError),
    /// A copy of it cannot be made.
    #[error(
        "cannot copy {} to {}, where it is looked at: {source}; TMPDIR names another place for the copy",
        .from.display(),
        .to.display()
    )]
    Copy {
        /// What was to be copied.
        from: PathBuf,
        /// Where to.
        to: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// What a copy of it holds cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// Looks at a directory of the metadata log as a node that starts on it does, and leaves it as it is: it is restored from a
/// copy.
pub fn look(
    options: &QuorumOptions,
    directory: &Path,
    replica: ReplicaKey,
) -> Result<Found, NotRecovered> {
    let lost = lost_voters::read(directory)?;
    let copy = Copied::of(directory)?;
    let opened = open(options, &copy.0, replica).and_then(|(mut storage, mut restored)| {
        let bytes_lost = storage.bytes_lost();
        if let Some(snapshot) = quorum::replaces_log(&restored) {
            storage.restart_after(snapshot, now_ms())?;
            storage.close(now_ms())?;
            (storage, restored) = open(options, &copy.0, replica)?;
        }
        let voters = storage.voters().clone();
        storage.close(now_ms())?;
        Ok(Found { restored, voters, bytes_lost, lost })
    });
    let is_named = |found: &Found| found.voters.kraft_version > 0;
    match opened {
        Ok(found) if is_named(&found) => Ok(found),
        // Just their ids are known to the log's keeper.
        Ok(found) => {
            let voters = Arc::new(Voters::at(&options.peers, &options.listener));
            Ok(Found { voters, ..found })
        }
        Err(error) => {
            let (copy, directory) = (copy.0.display().to_string(), directory.display().to_string());
            Err(NotRecovered::Unreadable(error.to_string().replace(&copy, &directory)))
        }
    }
}

/// What [`recover`] would do to a directory that is left as it is.
pub fn plan(
    options: &QuorumOptions,
    restored: Restored,
    heard: Epoch,
) -> Result<Plan, RecoveryError> {
    quorum::recover(options.config.clone(), restored, heard)
}

/// Makes the directory that of the only voter, durably. The caller holds its lock.
pub fn recover(options: &QuorumOptions, heard: Epoch) -> Result<Plan, NotRecovered> {
    let (directory, replica) = (&options.directory, options.config.local);
    let (storage, restored) = open(options, directory, replica)?;
    let recovery = plan(options, restored, heard)?;
    // Before all else: a node that starts on what is left of a crash in between must not hear them.
    lost_voters::write(directory, &recovery.outside).map_err(QuorumError::from)?;
    carry_out(options, &recovery, storage).map_err(NotRecovered::HalfWay)?;
    Ok(recovery)
}

fn carry_out(
    options: &QuorumOptions,
    recovery: &Plan,
    mut storage: Storage,
) -> Result<(), QuorumError> {
    let (directory, replica) = (&options.directory, options.config.local);
    let endpoints = options.endpoints.clone();
    storage.set_changed(vec![Voter { replica, endpoints, kraft_versions: KRAFT_VERSIONS }]);
    let now = now_ms();
    for effect in &recovery.effects {
        match effect {
            Effect::ReplaceLog { snapshot } => {
                storage.restart_after(*snapshot, now)?;
                Snapshots::new(directory).remove_before(*snapshot)?;
            }
            Effect::WriteElectionState { state } => storage.write_election_state(*state)?,
            Effect::Append { batches } => storage.append(batches, now)?,
            Effect::Flush => {
                storage.flush(now)?;
            }
            other => unreachable!("a recovery has no {other:?}"),
        }
    }
    storage.close(now)
}

fn open(
    options: &QuorumOptions,
    directory: &Path,
    replica: ReplicaKey,
) -> Result<(Storage, Restored), QuorumError> {
    let fixed = Voters::fixed(&options.config.voters);
    Storage::open(directory, options.log.clone(), (replica, fixed), now_ms())
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// A copy of a directory's files, gone when it is dropped.
struct Copied(PathBuf);

impl Copied {
    fn of(directory: &Path) -> Result<Self, NotRecovered> {
        let id = random_uuid().map_err(QuorumError::from)?;
        let copy = Self(std::env::temp_dir().join(format!("kraftig-recover-{id}")));
        let failed = |source| {
            let (from, to) = (directory.to_owned(), copy.0.clone());
            NotRecovered::Copy { from, to, source }
        };
        // What it holds is nobody else's to read.
        DirBuilder::new().mode(0o700).create(&copy.0).map_err(failed)?;
        // A node that never ran has none yet.
        let entries = match std::fs::read_dir(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(copy),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // A file may lie elsewhere, with a link to it.
            if !std::fs::metadata(entry.path()).map_err(failed)?.is_file() {
                let what = format!("{} is no file", entry.path().display());
                return Err(failed(std::io::Error::new(ErrorKind::InvalidInput, what)));
            }
            let to = copy.0.join(entry.file_name());
            std::fs::copy(entry.path(), to).map_err(failed)?;
        }
        Ok(copy)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // It is left to the system's cleaning otherwise.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use kraftig_log::LogConfig;
    use kraftig_spec::controller::record::Endpoint;
    use kraftig_spec::quorum::{Batch, Config, ElectionState, Payload, Timeouts};
    use kraftig_spec::types::{DirectoryId, NodeId, Offset, Uuid};
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::super::links::Peer;
    use super::super::storage::data_batch;
    use super::*;

    fn options(directory: &Path) -> QuorumOptions {
        let ids = [1, 2, 3].map(NodeId);
        let peer = |id: NodeId| Peer { id, host: "h".to_owned(), port: 9090 + id.0 as u16 };
        QuorumOptions {
            config: Config {
                local: ReplicaKey { id: NodeId(1), directory: DirectoryId(Uuid([1; 16])) },
                voters: ids.into(),
                bootstrap: Vec::new(),
                outside: lost_voters::read(directory).unwrap(),
                timeouts: Timeouts::default(),
            },
            cluster_id: "4L6g3nShT-eMCtK--X86sw".to_owned(),
            peers: ids.map(peer).to_vec(),
            listener: "CONTROLLER".to_owned(),
            endpoints: vec![Endpoint {
                name: "CONTROLLER".to_owned(),
                host: "h".to_owned(),
                port: 9091,
                security_protocol: 0,
            }],
            directory: directory.to_owned(),
            log: LogConfig::metadata(1 << 30, i64::MAX),
            retention: super::super::Retention::default(),
            request_timeout: Duration::from_secs(2),
            retry_backoff: Duration::from_millis(20),
            trace: None,
        }
    }

    fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    #[test]
    fn a_directory_becomes_that_of_the_only_voter() {
        let directory = tempfile::tempdir().unwrap();
        let options = || options(directory.path());
        let local = options().config.local;
        let (mut storage, _) = open(&options(), directory.path(), local).unwrap();
        let payload = data_batch(&[Bytes::from_static(b"a")], 1);
        let batch = Batch {
            base_offset: Offset(0),
            records: 1,
            epoch: Epoch(4),
            payload: Payload::Records(payload),
            voters: None,
        };
        storage.append(&[batch], 1).unwrap();
        let state = ElectionState { epoch: Epoch(5), ..ElectionState::default() };
        storage.write_election_state(state).unwrap();
        storage.close(1).unwrap();

        let before = files(directory.path());
        let found = look(&options(), directory.path(), local).unwrap();
        assert_eq!(files(directory.path()), before, "it is just looked at");
        assert_eq!((found.restored.log.end, found.restored.election.epoch), (Offset(1), Epoch(5)));
        assert_eq!((found.voters.kraft_version, found.voters.voters.len()), (0, 3));
        assert_eq!(found.voters.address(NodeId(2), "CONTROLLER").unwrap().port, 9092);
        let planned = plan(&options(), found.restored, Epoch(1004)).unwrap();

        let done = recover(&options(), Epoch(1004)).unwrap();
        assert_eq!((&done, done.epoch), (&planned, Epoch(1005)));
        let lost = [2, 3].map(|id| ReplicaKey { id: NodeId(id), directory: DirectoryId::ABSENT });
        assert_eq!((&done.outside[..], &options().config.outside[..]), (&lost[..], &lost[..]));
        let found = look(&options(), directory.path(), local).unwrap();
        let endpoints = options().endpoints;
        let voters = &found.voters.voters[..];
        assert_eq!(voters, [Voter { replica: local, endpoints, kraft_versions: KRAFT_VERSIONS }]);
        let log = &found.restored.log;
        assert_eq!(
            (found.voters.kraft_version, log.end, log.last_epoch()),
            (1, Offset(3), Epoch(1005))
        );
        assert_eq!((&found.lost[..], found.bytes_lost), (&lost[..], 0));
        assert!(found.goes_on_alone(local));
        let again = recover(&options(), Epoch(1004)).unwrap_err();
        assert!(matches!(again, NotRecovered::Refused(RecoveryError::Alone(key)) if key == local));
    }

    fn one_record(directory: &Path) {
        let options = options(directory);
        let (mut storage, _) = open(&options, directory, options.config.local).unwrap();
        let payload = Payload::Records(data_batch(&[Bytes::from_static(b"a")], 1));
        let batch =
            Batch { base_offset: Offset(0), records: 1, epoch: Epoch(4), payload, voters: None };
        storage.append(&[batch], 1).unwrap();
        storage.close(1).unwrap();
    }

    #[test]
    fn what_a_start_would_cut_off_is_told() {
        let directory = tempfile::tempdir().unwrap();
        one_record(directory.path());
        let log = directory.path().join("00000000000000000000.log");
        let mut file = std::fs::OpenOptions::new().append(true).open(log).unwrap();
        std::io::Write::write_all(&mut file, &[1; 70]).unwrap();
        let options = options(directory.path());
        let found = look(&options, directory.path(), options.config.local).unwrap();
        assert_eq!((found.restored.log.end, found.bytes_lost), (Offset(1), 70));
        assert!(!found.goes_on_alone(options.config.local));
    }

    #[test]
    fn a_link_is_followed_and_what_is_no_file_is_refused() {
        let [directory, linked] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        one_record(directory.path());
        for file in files(directory.path()).keys() {
            let at = linked.path().join(file.file_name().unwrap());
            std::os::unix::fs::symlink(file, at).unwrap();
        }
        let options = options(linked.path());
        let look = || look(&options, linked.path(), options.config.local);
        assert_eq!(look().unwrap().restored.log.end, Offset(1));
        std::fs::create_dir(linked.path().join("other")).unwrap();
        assert!(look().err().unwrap().to_string().contains("other is no file"));
    }

    #[test]
    fn what_is_wrong_is_said_of_the_directory_and_not_of_its_copy() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        std::fs::write(directory.path().join("quorum-state"), "{").unwrap();
        let error = look(&options, directory.path(), options.config.local).err().unwrap();
        let file = directory.path().join("quorum-state");
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    }
}
