//! Configuration: `server.properties` of Kafka 4.2 and `--override key=value`, read into a [`Config`] that
//! breaks no rule.
//!
//! Every key of Kafka is known ([`definitions`]); what the file sets is checked key by key and then across keys
//! ([`rules`]), with Kafka's own message and a way out. Keys that Kafka does not have are warned of, as they may be
//! typing errors. A legal configuration may still ask for what this node does not serve:
//! [`Config::check_served`] tells.

pub mod definitions;
mod error;
mod groups;
mod listeners;
mod rules;
mod sections;
mod served;
mod values;
mod voters;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use kraftig_log::properties::{self, PropertiesError};
use kraftig_spec::types::NodeId;

pub use error::{ConfigError, LoadError};
pub use listeners::{Listener, Listeners, SecurityProtocol};
pub use sections::{
    BrokerConfig, LogConfig, MetadataLogConfig, QuorumConfig, SocketConfig, TopicDefaults,
};
use values::Values;
pub use voters::{HostPort, Voter};

/// Keys and texts as a file or the command line gave them.
pub type Properties = BTreeMap<String, String>;

/// Reads a file's bytes, which are ISO 8859-1 as in Java; other characters are written `\uXXXX`. Of a
/// key that comes twice, the last value counts.
pub fn parse_properties(bytes: &[u8]) -> Result<Properties, PropertiesError> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    let properties = properties::parse(&text)?;
    Ok(properties.into_iter().map(|one| (one.key, one.value)).collect())
}

/// What a node is: a broker, a controller, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// It stores partitions and serves clients.
    pub broker: bool,
    /// It is or may become a voter of the metadata quorum.
    pub controller: bool,
}

impl Roles {
    /// Just a broker.
    pub const BROKER: Self = Self { broker: true, controller: false };
}

/// A configuration that breaks no rule. Times are in milliseconds and sizes in bytes, as the keys say.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// `process.roles`.
    pub roles: Roles,
    /// `node.id`.
    pub node_id: NodeId,
    /// `controller.quorum.voters`: the static voters, or none where the quorum is dynamic.
    pub voters: Vec<Voter>,
    /// `controller.quorum.bootstrap.servers`.
    pub bootstrap_servers: Vec<HostPort>,
    /// `listeners` and all that belongs to them.
    pub listeners: Listeners,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `log.dirs`, or `log.dir`: at least one, none twice.
    pub log_dirs: Vec<PathBuf>,
    /// `metadata.log.dir`, or the first of [`Self::log_dirs`].
    pub metadata_log_dir: PathBuf,
    /// `controller.quorum.*`.
    pub quorum: QuorumConfig,
    /// `metadata.*`.
    pub metadata: MetadataLogConfig,
    /// A broker's life and its requests.
    pub broker: BrokerConfig,
    /// Connections.
    pub sockets: SocketConfig,
    /// What a new topic gets.
    pub topics: TopicDefaults,
    /// `log.*`: what partitions have where their topic does not say otherwise.
    pub log: LogConfig,
    /// What is legal but strange; to be logged by whoever asked for the configuration.
    pub warnings: Vec<String>,
    values: Values,
    originals: Properties,
}

impl Config {
    /// Reads a file, then sets each of `overrides` on top of it.
    pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path)
            .map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
        let mut properties = parse_properties(&bytes)
            .map_err(|source| LoadError::Syntax { path: path.to_owned(), source })?;
        properties.extend(overrides.iter().cloned());
        Ok(Self::from_properties(properties)?)
    }

    /// Checks keys and values.
    pub fn from_properties(originals: Properties) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        warn_of_unknown(&originals, &mut warnings);
        let mut known = originals.clone();
        // Each of the two names the node where the other is not set.
        for (key, other) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
            if let (None, Some(id)) = (originals.get(key), originals.get(other)) {
                known.insert(key.to_owned(), id.clone());
            }
        }
        let values = Values::parse(&known, &mut warnings)?;
        if values.int("node.id") != values.int("broker.id") {
            let rule = "You must set `node.id` to the same value as `broker.id`.";
            let set = originals.get("broker.id").map(String::as_str);
            return Err(ConfigError::new("broker.id", set, rule, "Remove broker.id."));
        }
        let roles = values.list("process.roles");
        let log_dirs: Vec<PathBuf> = match values.list("log.dirs") {
            [] => values.list("log.dir"),
            dirs => dirs,
        }
        .iter()
        .map(PathBuf::from)
        .collect();
        let mut config = Self {
            roles: Roles {
                broker: roles.iter().any(|role| role == "broker"),
                controller: roles.iter().any(|role| role == "controller"),
            },
            node_id: NodeId(values.int("node.id")),
            voters: voters::parse_voters(&values.list("controller.quorum.voters").join(","))?,
            bootstrap_servers: voters::parse_bootstrap_servers(
                &values.list("controller.quorum.bootstrap.servers").join(","),
            )?,
            listeners: Listeners::parse(&values)?,
            rack: values.text("broker.rack").map(str::to_owned),
            metadata_log_dir: match values.text("metadata.log.dir") {
                Some(dir) => PathBuf::from(dir),
                None => log_dirs[0].clone(),
            },
            log_dirs,
            quorum: QuorumConfig::new(&values),
            metadata: MetadataLogConfig::new(&values),
            broker: BrokerConfig::new(&values),
            sockets: SocketConfig::new(&values)?,
            topics: TopicDefaults::new(&values),
            log: LogConfig::new(&values),
            warnings: Vec::new(),
            values,
            originals,
        };
        rules::check(&config, &config.values, &mut warnings)?;
        config.warnings = warnings;
        Ok(config)
    }

    /// The value of any key of [`definitions::broker`], set or by default, in the form of `DescribeConfigs`. `None`
    /// for a key without a value and for one that Kafka does not have. Secrets are among them:
    /// [`definitions::Definition::is_sensitive`] tells what must not be shown.
    pub fn value(&self, key: &str) -> Option<String> {
        self.values.show(key)
    }

    /// Whether the file or the command line names the key.
    pub fn is_set(&self, key: &str) -> bool {
        self.values.is_set(key)
    }

    /// Keys and texts as they were set, unknown ones among them.
    pub fn originals(&self) -> &Properties {
        &self.originals
    }
}

impl fmt::Debug for Config {
    /// Just enough to tell nodes apart: there are secrets among the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Config");
        shown.field("node_id", &self.node_id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// Keys that Kafka has outside of its table: those of plugins, and those of one listener.
const OTHER_KEYS: &[&str] = &["super.users", "allow.everyone.if.no.acl.found"];
const OTHER_PREFIXES: &[&str] =
    &["listener.name.", "config.providers.", "rsm.config.", "rlmm.config.", "metrics.jmx."];

fn warn_of_unknown(properties: &Properties, warnings: &mut Vec<String>) {
    for key in properties.keys() {
        let known = definitions::find(key).is_some()
            || OTHER_KEYS.contains(&key.as_str())
            || OTHER_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        if !known {
            warnings
                .push(format!("{key} is no configuration key of a Kafka 4.2 node; it is ignored"));
        }
    }
}

#[cfg(test)]
mod tests;
