//! What a decision takes from the configuration of the active controller.

use std::collections::BTreeMap;

use crate::types::NodeId;

/// What a decision takes from the configuration of the active controller.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster's id.
    pub cluster_id: String,
    /// `node.id` of the controller: its own dynamic configuration counts for topics.
    pub node_id: NodeId,
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// The keys that `server.properties` sets, with their text.
    pub static_config: BTreeMap<String, String>,
    /// The finalized `kraft.version`, which the quorum knows and the image does not.
    pub kraft_version: i16,
}
