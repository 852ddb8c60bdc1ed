//! The first voters of a dynamic quorum (KIP-853), as `--initial-controllers` and `--standalone` name them.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use kraftig_server::config::Config;
use kraftig_spec::types::{DirectoryId, NodeId, Uuid};
use kraftig_wire::messages::voters_record::{Endpoint, KRaftVersionFeature, Voter, VotersRecord};

use crate::output::{Failure, fail};

/// A voter of a quorum that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InitialVoter {
    pub(super) directory_id: DirectoryId,
    host: String,
    port: u16,
}

/// By node id.
pub(super) type InitialVoters = BTreeMap<NodeId, InitialVoter>;

/// Reads `id@host:port:directory,...`.
pub(super) fn parse(text: &str) -> Result<InitialVoters, Failure> {
    let mut voters = InitialVoters::new();
    for entry in text.trim().split(',').filter(|entry| !entry.is_empty()) {
        let (id, voter) = parse_one(entry.trim())?;
        if voters.insert(id, voter).is_some() {
            return fail(format!("Node id {id} was specified more than once."));
        }
    }
    if voters.is_empty() { fail("No voters given.") } else { Ok(voters) }
}

fn parse_one(text: &str) -> Result<(NodeId, InitialVoter), Failure> {
    let Some((id, rest)) = text.split_once('@') else {
        return fail("No @ found in dynamic voter string.");
    };
    if id.is_empty() {
        return fail("Invalid @ at beginning of dynamic voter string.");
    }
    let Ok(id) = id.parse::<i32>() else {
        return fail("Failed to parse node id in dynamic voter string.");
    };
    if id < 0 {
        return fail(format!("Invalid negative node id {id} in dynamic voter string."));
    }
    if rest.is_empty() {
        return fail("No hostname found after node id.");
    }
    let (host, rest) = if let Some(bracketed) = rest.strip_prefix('[') {
        bracketed.split_once(']').ok_or_else(|| {
            Failure("Hostname began with left bracket, but no right bracket was found.".to_owned())
        })?
    } else {
        let colon = rest
            .find(':')
            .ok_or_else(|| Failure("No colon following hostname could be found.".to_owned()))?;
        rest.split_at(colon)
    };
    let Some(rest) = rest.strip_prefix(':') else {
        return fail("Port section must start with a colon.");
    };
    let Some((port, directory)) = rest.split_once(':') else {
        return fail("No colon following port could be found.");
    };
    let Ok(port) = port.parse::<i32>() else {
        return fail("Failed to parse port in dynamic voter string.");
    };
    let Ok(port) = u16::try_from(port) else {
        return fail(format!("Invalid port {port} in dynamic voter string."));
    };
    let Ok(directory) = directory.parse::<Uuid>() else {
        return fail("Failed to parse directory ID in dynamic voter string.");
    };
    if directory.is_reserved() {
        // Kafka takes it here, and never starts on the directory.
        return fail(format!(
            "Invalid directory ID {directory} in dynamic voter string: it is reserved. kraftig storage random-uuid makes one that is not."
        ));
    }
    let voter = InitialVoter { directory_id: DirectoryId(directory), host: address(host), port };
    Ok((NodeId(id), voter))
}

/// The node as the only voter, at the place that others are told of its first controller listener.
pub(super) fn standalone(
    config: &Config,
    directory_id: DirectoryId,
) -> Result<InitialVoters, Failure> {
    let Some(listener) = config.listeners.advertised_controller.first() else {
        return fail("No controller listener is advertised: name one in listeners.");
    };
    let voter = InitialVoter { directory_id, host: address(&listener.host), port: listener.port };
    Ok(InitialVoters::from([(config.node_id, voter)]))
}

/// A host as Kafka writes it: an IPv6 address in full, and nothing is this host.
fn address(host: &str) -> String {
    if host.is_empty() {
        return "localhost".to_owned();
    }
    match host.parse::<Ipv6Addr>() {
        Ok(address) => address.segments().map(|segment| format!("{segment:x}")).join(":"),
        Err(_) => host.to_owned(),
    }
}

/// The voters as the snapshot of an empty log holds them. `listener` is the first of `controller.listener.names`.
pub(super) fn record(voters: &InitialVoters, listener: &str) -> VotersRecord {
    let voter = |(id, voter): (&NodeId, &InitialVoter)| Voter {
        voter_id: id.0,
        voter_directory_id: voter.directory_id.0,
        endpoints: vec![Endpoint {
            name: listener.into(),
            host: voter.host.as_str().into(),
            port: voter.port,
        }],
        kraft_version_feature: KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: 1,
        },
    };
    VotersRecord { version: 0, voters: voters.iter().map(voter).collect() }
}
