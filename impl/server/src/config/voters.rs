//! `controller.quorum.voters` and `controller.quorum.bootstrap.servers`.

use kraftig_spec::types::NodeId;

use super::error::ConfigError;
use super::values::{entries, trim};

/// A static voter of the metadata quorum (KIP-595).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its node id.
    pub id: NodeId,
    /// Where it listens for the quorum.
    pub address: HostPort,
}

/// A host name or address and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// Never 0 where others are to reach it.
    pub port: u16,
}

const VOTERS: &str = "controller.quorum.voters";
const BOOTSTRAP_SERVERS: &str = "controller.quorum.bootstrap.servers";

/// Reads `1@host:9093,2@...`. Ids may repeat and hosts may be unknown, as in Kafka.
pub(super) fn parse_voters(text: &str) -> Result<Vec<Voter>, ConfigError> {
    let refuse = |rule: String| {
        ConfigError::new(
            VOTERS,
            Some(text),
            rule,
            "Write each voter as id@host:port, with commas between them: controller.quorum.voters=1@localhost:9093",
        )
    };
    let form = "Each entry should be in the form `{id}@{host}:{port}`.";
    entries(text)
        .into_iter()
        .map(|entry| {
            let Some((id, address)) = entry.split_once('@').filter(|(_, rest)| !rest.contains('@'))
            else {
                return Err(refuse(format!("Invalid configuration value for {VOTERS}. {form}")));
            };
            let id = id
                .parse()
                .map_err(|_| refuse(format!("Failed to parse voter ID as an integer from {id}")))?;
            let address = parse_host_port(address).map_err(|why| {
                refuse(match why {
                    NoHostPort::Form => format!(
                        "Failed to parse host name from entry {entry} for the configuration {VOTERS}. {form}"
                    ),
                    NoHostPort::Port(port) => format!("port out of range:{port}"),
                })
            })?;
            Ok(Voter { id: NodeId(id), address })
        })
        .collect()
}

/// Reads `host:9093,...`.
pub(super) fn parse_bootstrap_servers(text: &str) -> Result<Vec<HostPort>, ConfigError> {
    entries(text)
        .into_iter()
        .map(|entry| {
            parse_host_port(entry).map_err(|why| {
                let rule = match why {
                    NoHostPort::Form => format!(
                        "Failed to parse host name from {entry} for the configuration {BOOTSTRAP_SERVERS}. Each entry should be in the form \"{{host}}:{{port}}\""
                    ),
                    NoHostPort::Port(port) => format!("port out of range:{port}"),
                };
                let way_out = "Write each controller as host:port, with commas between them.";
                ConfigError::new(BOOTSTRAP_SERVERS, Some(text), rule, way_out)
            })
        })
        .collect()
}

enum NoHostPort {
    Form,
    Port(String),
}

/// `host:port` or `[host]:port`; the last colon divides, so that an IPv6 address needs no brackets. A
/// listener's name may precede, as in Kafka: `NAME://host:port`.
fn parse_host_port(text: &str) -> Result<HostPort, NoHostPort> {
    let address = match trim(text).split_once("://") {
        Some((name, address)) if is_host(name) && !name.contains(':') => address,
        _ => trim(text),
    };
    let (host, port) = address.rsplit_once(':').ok_or(NoHostPort::Form)?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    if !is_host(host) || port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NoHostPort::Form);
    }
    let port = port.parse().map_err(|_| NoHostPort::Port(port.to_owned()))?;
    Ok(HostPort { host: host.to_owned(), port })
}

/// The characters that Kafka takes in a host: letters, digits, and what names and addresses need.
pub(super) fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-%._:".contains(&byte))
}
