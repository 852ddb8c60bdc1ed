//! `kraftig storage format`: makes log directories a node's.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use kraftig_log::meta_properties::{
    DirState, Ensemble, METADATA_DIR_NAME, MetaProperties, Version, random_uuid,
};
use kraftig_log::snapshot::{self, SnapshotHeader, SnapshotId, SnapshotWriter};
use kraftig_log::{bootstrap, disk};
use kraftig_server::config::Config;
use kraftig_spec::controller::{KRAFT_VERSION, METADATA_VERSION, MetadataVersion};
use kraftig_spec::types::{DirectoryId, Epoch, NodeId, Offset};
use kraftig_wire::messages::voters_record::VotersRecord;

use super::{directories, features, load, voters};
use crate::output::{Failure, Output, fail};

#[derive(Args)]
pub(crate) struct Format {
    /// The cluster's id, the same for all of its nodes; `kraftig storage random-uuid` makes one
    #[arg(short = 't', long, value_name = "ID")]
    cluster_id: String,
    /// The node's server.properties
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Format those directories that are not formatted yet, instead of refusing when there is one that is
    #[arg(short = 'g', long)]
    ignore_formatted: bool,
    /// The release whose features the cluster begins with, from 3.3-IV3 to 4.2-IV1 [default: 4.2-IV1]
    #[arg(short, long, value_name = "VERSION")]
    release_version: Option<String>,
    /// The level of one feature to begin with; may be given several times
    #[arg(short, long = "feature", value_name = "NAME=LEVEL")]
    features: Vec<String>,
    /// Begin a dynamic quorum of this controller alone (a node does not start in one yet)
    #[arg(short, long, conflicts_with_all = ["initial_controllers", "no_initial_controllers"])]
    standalone: bool,
    /// Begin a dynamic quorum of these controllers, id@host:port:directory,...; the same on each of them (a node does not
    /// start in one yet)
    #[arg(
        short = 'I',
        long,
        value_name = "CONTROLLERS",
        conflicts_with = "no_initial_controllers"
    )]
    initial_controllers: Option<String>,
    /// Be no voter of a dynamic quorum from the beginning, and join one later (a node does not start in one yet)
    #[arg(short = 'N', long)]
    no_initial_controllers: bool,
    /// Add a SCRAM credential (not served yet)
    #[arg(short = 'S', long, value_name = "CREDENTIAL")]
    add_scram: Vec<String>,
}

impl Format {
    pub(crate) fn run(self, out: &mut Output) -> Result<(), Failure> {
        let config = load(&self.config, out)?;
        let release = self.release_version.as_deref().map(features::parse_release).transpose()?;
        let asked = features::parse_levels(&self.features)?;
        let dynamic = self.dynamic(&config)?;
        let version = features::metadata_version(release, &asked)?;
        let levels = features::resolve(version, &asked, dynamic)?;
        if !self.add_scram.is_empty() {
            return fail("SCRAM credentials are not served yet: format without --add-scram.");
        }
        if config.value("unstable.feature.versions.enable").as_deref() == Some("true") {
            return fail(
                "Unstable feature versions are not served. Remove unstable.feature.versions.enable from the configuration.",
            );
        }
        let quorum = self.quorum(&config)?;
        let new_node = NewNode {
            cluster_id: self.cluster_id,
            node_id: config.node_id,
            version,
            levels,
            quorum,
        };
        new_node.format(&directories(&config), &config.metadata_log_dir, self.ignore_formatted, out)
    }

    /// The dynamic quorum that begins with this node, if any.
    fn quorum(&self, config: &Config) -> Result<Option<Founding>, Failure> {
        let voters = match &self.initial_controllers {
            Some(text) => voters::parse(text)?,
            None if self.standalone => voters::standalone(config, DirectoryId(random_uuid()?))?,
            None => return Ok(None),
        };
        let Some(listener) = config.listeners.controller_names.first() else {
            return fail("No controller listener has a name: set controller.listener.names.");
        };
        Ok(Some(Founding {
            directory_id: voters.get(&config.node_id).map(|voter| voter.directory_id),
            voters: voters::record(&voters, listener),
        }))
    }

    /// Whether the quorum is to be a dynamic one; `None` for a broker that is told neither way.
    fn dynamic(&self, config: &Config) -> Result<Option<bool>, Failure> {
        let controller = config.roles.controller;
        let founds = self.standalone || self.initial_controllers.is_some();
        if !config.voters.is_empty() {
            if founds {
                return fail(
                    "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.",
                );
            }
            return Ok(Some(false));
        }
        if self.standalone && !controller {
            return fail("You can only use --standalone on a controller.");
        }
        if founds || self.no_initial_controllers {
            return Ok(Some(true));
        }
        if controller {
            return fail(
                "Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone, --initial-controllers, or --no-initial-controllers.",
            );
        }
        Ok(None)
    }
}

/// What the directories of a node are to say.
pub(crate) struct NewNode {
    pub(crate) cluster_id: String,
    pub(crate) node_id: NodeId,
    pub(crate) version: MetadataVersion,
    pub(crate) levels: features::Levels,
    pub(crate) quorum: Option<Founding>,
}

/// The dynamic quorum that begins when nodes are formatted (KIP-853).
pub(crate) struct Founding {
    /// The first voters.
    voters: VotersRecord,
    /// The id of the metadata directory, which is among the voters; `None` where this node is not.
    directory_id: Option<DirectoryId>,
}

impl Founding {
    /// Writes the snapshot of an empty log, which holds the first voters.
    fn write(&self, directory: &Path, now: i64) -> Result<(), Failure> {
        let directory = directory.join(METADATA_DIR_NAME);
        disk::create_dir_durably(&directory)?;
        let id = SnapshotId { end: Offset(0), epoch: Epoch(0) };
        // What a format that did not get to its end left names a directory that never came to be.
        disk::remove(&snapshot::path(&directory, id))?;
        let header = SnapshotHeader {
            last_contained_log_timestamp: now,
            kraft_version: 1,
            voters: Some(self.voters.clone()),
        };
        if let Some(writer) = SnapshotWriter::create(&directory, id, &header, now)? {
            writer.freeze(now)?;
        }
        Ok(())
    }
}

impl NewNode {
    /// A node of a new cluster of static voters, at the latest release.
    pub(crate) fn latest(cluster_id: String, node_id: NodeId) -> Result<Self, Failure> {
        let version = MetadataVersion::LATEST;
        let levels = features::resolve(version, &features::Levels::new(), Some(false))?;
        Ok(Self { cluster_id, node_id, version, levels, quorum: None })
    }

    /// Formats those of `directories` that are not formatted.
    pub(crate) fn format(
        &self,
        directories: &[PathBuf],
        metadata_dir: &Path,
        ignore_formatted: bool,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let ensemble = Ensemble::load(directories, metadata_dir);
        ensemble.verify(Some(&self.cluster_id), self.node_id)?;
        if let Some((directory, _)) = ensemble.formatted().next()
            && !ignore_formatted
        {
            return fail(format!(
                "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory and format the others.",
                directory.display()
            ));
        }
        let mut empty = Vec::new();
        for (directory, state) in &ensemble.dirs {
            match state {
                DirState::Formatted(_) => {}
                DirState::Unformatted => empty.push(directory),
                DirState::Unreadable(why) => {
                    out.line(format!(
                        "I/O error trying to read log directory {}. Ignoring...",
                        directory.display()
                    ));
                    out.warn(format!("{}: {why}", directory.join("meta.properties").display()));
                }
            }
        }
        if empty.is_empty() {
            if ensemble.formatted().next().is_none() {
                return fail("No available log directories to format.");
            }
            out.line("All of the log directories are already formatted.");
            return Ok(());
        }
        out.line(self.describe());
        for directory in empty {
            let quorum = self.quorum.as_ref().filter(|_| directory == metadata_dir);
            let kind = match quorum {
                Some(Founding { directory_id: Some(_), .. }) => "dynamic metadata voter directory",
                Some(_) => "dynamic metadata directory",
                None if directory == metadata_dir => "metadata directory",
                None => "data directory",
            };
            out.line(format!(
                "Formatting {kind} {} with metadata.version {}.",
                directory.display(),
                self.version.name().unwrap_or_default()
            ));
            self.write(directory, quorum)?;
        }
        Ok(())
    }

    /// Makes a directory the node's, and the one with the metadata log the beginning of a dynamic quorum.
    /// `meta.properties` comes last: a directory that has it has all.
    pub(crate) fn write(&self, directory: &Path, quorum: Option<&Founding>) -> Result<(), Failure> {
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
        disk::create_dir_durably(directory)?;
        let records = bootstrap::feature_records(self.records());
        bootstrap::write(directory, &records, now)?;
        if let Some(quorum) = quorum {
            quorum.write(directory, now)?;
        }
        let directory_id = match quorum.and_then(|quorum| quorum.directory_id) {
            Some(voter) => voter,
            None => DirectoryId(random_uuid()?),
        };
        let properties = MetaProperties {
            version: Version::V1,
            cluster_id: Some(self.cluster_id.clone()),
            node_id: Some(self.node_id),
            directory_id: Some(directory_id),
        };
        Ok(properties.write(directory)?)
    }

    /// The features that have a record: the quorum keeps `kraft.version` itself.
    fn records(&self) -> impl Iterator<Item = (&str, i16)> {
        let features = self.levels.iter().map(|(name, level)| (name.as_str(), *level));
        features.filter(|(name, _)| *name != KRAFT_VERSION)
    }

    fn describe(&self) -> String {
        let version = [(METADATA_VERSION, self.version.0)];
        let others =
            self.records().filter(|(name, level)| *name != METADATA_VERSION && *level != 0);
        let records: Vec<String> = version
            .into_iter()
            .chain(others)
            .map(|(name, level)| {
                format!("ApiMessageAndVersion(FeatureLevelRecord(name='{name}', featureLevel={level}) at version 0)")
            })
            .collect();
        format!(
            "Bootstrap metadata: BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)",
            records.join(", "),
            self.version.0
        )
    }
}
