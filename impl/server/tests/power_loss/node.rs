//! A node: its directories, its configuration, its start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kraftig_log::meta_properties::{MetaProperties, Version, random_uuid};
use kraftig_log::{bootstrap, disk};
use kraftig_server::config::Config;
use kraftig_server::{Node, NodeError, ServerOptions};
use kraftig_spec::types::{DirectoryId, NodeId};

/// What `kraftig storage format` makes.
pub(crate) fn format(dir: &Path) {
    disk::create_dir_durably(dir).unwrap();
    let features = [("metadata.version", 29), ("eligible.leader.replicas.version", 1)];
    bootstrap::write(dir, &bootstrap::feature_records(features), 0).unwrap();
    let properties = MetaProperties {
        version: Version::V1,
        cluster_id: Some("4L6g3nShT-eMCtK--X86sw".to_owned()),
        node_id: Some(NodeId(1)),
        directory_id: Some(DirectoryId(random_uuid().unwrap())),
    };
    properties.write(dir).unwrap();
}

/// Starts a node on formatted directories; the metadata log is in the first.
pub(crate) async fn start(dirs: &[PathBuf]) -> Result<Node, NodeError> {
    let dirs: Vec<&str> = dirs.iter().map(|dir| dir.to_str().unwrap()).collect();
    let properties = [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("listeners", "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0"),
        ("controller.listener.names", "CONTROLLER"),
        ("controller.quorum.voters", "1@127.0.0.1:9093"),
        ("log.dirs", &dirs.join(",")),
        // What is written because of time: often, or not at all.
        ("log.flush.offset.checkpoint.interval.ms", "5"),
        ("replica.high.watermark.checkpoint.interval.ms", "5"),
        ("metadata.max.idle.interval.ms", "0"),
        ("internal.metadata.log.segment.bytes", "6000"),
        ("metadata.log.max.record.bytes.between.snapshots", "2500"),
        // A node that was killed comes back when the session of its former life has ended.
        ("broker.session.timeout.ms", "50"),
        ("broker.heartbeat.interval.ms", "10"),
    ];
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let properties: BTreeMap<String, String> = properties.into_iter().map(owned).collect();
    Node::start(Config::from_properties(properties).unwrap(), ServerOptions::default()).await
}
