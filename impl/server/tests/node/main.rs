//! A node as a client sees it: whole requests over real sockets, in one process.

mod client;
mod cluster;
mod connections;
mod envelope;
mod quorum;
mod roles;
mod separate;
mod topics;

use std::collections::BTreeMap;
use std::path::Path;

use client::Client;
use kraftig_log::bootstrap;
use kraftig_log::meta_properties::{MetaProperties, Version, random_uuid};
use kraftig_server::config::Config;
use kraftig_server::{Node, NodeError, ServerOptions};
use kraftig_spec::types::{DirectoryId, NodeId};

const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";
const BROKER: &str = "PLAINTEXT";
const CONTROLLER: &str = "CONTROLLER";

/// What `kraftig storage format` makes.
fn format(dir: &Path) {
    format_as(dir, 1);
}

fn format_as(dir: &Path, id: i32) {
    let features = [("metadata.version", 29), ("eligible.leader.replicas.version", 1)];
    bootstrap::write(dir, &bootstrap::feature_records(features), 0).unwrap();
    let properties = MetaProperties {
        version: Version::V1,
        cluster_id: Some(CLUSTER_ID.to_owned()),
        node_id: Some(NodeId(id)),
        directory_id: Some(DirectoryId(random_uuid().unwrap())),
    };
    properties.write(dir).unwrap();
}

fn config(dir: &Path, more: &[(&str, &str)]) -> Config {
    let dir = dir.to_str().unwrap();
    let properties = [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("listeners", "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0"),
        ("controller.listener.names", CONTROLLER),
        ("controller.quorum.voters", "1@127.0.0.1:9093"),
        ("log.dirs", dir),
    ];
    let properties: BTreeMap<String, String> = properties
        .iter()
        .chain(more)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_properties(properties).unwrap()
}

async fn try_start(dir: &Path, more: &[(&str, &str)]) -> Result<Node, NodeError> {
    Node::start(config(dir, more), ServerOptions::default()).await
}

async fn start(dir: &Path, more: &[(&str, &str)]) -> Node {
    try_start(dir, more).await.unwrap()
}

/// A client of a listener.
async fn connect(node: &Node, listener: &str) -> Client {
    Client::connect(node.address(listener).unwrap()).await
}

/// A formatted directory and a node on it.
async fn fresh(more: &[(&str, &str)]) -> (tempfile::TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    format(dir.path());
    let node = start(dir.path(), more).await;
    (dir, node)
}
