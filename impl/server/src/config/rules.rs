//! The rules that hold between keys.

use std::collections::BTreeSet;

use super::error::ConfigError;
use super::values::Values;
use super::{Config, Roles, groups};

const NAMES: &str = "controller.listener.names";
const VOTERS: &str = "controller.quorum.voters";
const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";

/// Checks them in Kafka's order. What is legal but strange goes to `warnings`.
pub(super) fn check(
    config: &Config,
    values: &Values,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    logs(config, values)?;
    replicas(values)?;
    quorum(config, values, warnings)?;
    if config.roles.broker {
        broker_listeners(config, values)?;
    }
    advertised_hosts(config, values)?;
    early_start(config, values)?;
    sockets(config, values)?;
    groups::check(values)?;
    let (heartbeat, session) =
        (values.long("broker.heartbeat.interval.ms"), values.long("broker.session.timeout.ms"));
    if heartbeat > session / 2 {
        warnings.push(format!(
            "broker.heartbeat.interval.ms ({heartbeat}) should be at most half of broker.session.timeout.ms ({session}): a single late heartbeat fences the broker"
        ));
    }
    Ok(())
}

/// An error about a key with its present value.
fn refuse<T>(
    values: &Values,
    key: &str,
    rule: impl Into<String>,
    way_out: impl Into<String>,
) -> Result<T, ConfigError> {
    Err(ConfigError::new(key, values.show(key).as_deref(), rule, way_out))
}

fn logs(config: &Config, values: &Values) -> Result<(), ConfigError> {
    if config.log.roll_ms < 1 {
        let way_out = "Set log.roll.ms to 1 or more, or remove it and set log.roll.hours.";
        return refuse(
            values,
            "log.roll.ms",
            "log.roll.ms must be greater than or equal to 1",
            way_out,
        );
    }
    if values.optional_long("log.roll.jitter.ms").is_some_and(|jitter| jitter < 0) {
        let rule = "log.roll.jitter.ms must be greater than or equal to 0";
        return refuse(values, "log.roll.jitter.ms", rule, "Set log.roll.jitter.ms to 0 or more.");
    }
    if config.log.retention_ms == 0 {
        let key = ["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
            .into_iter()
            .find(|key| values.optional_long(key).is_some())
            .unwrap_or("log.retention.hours");
        let rule = "log.retention.ms must be unlimited (-1) or, greater than or equal to 1";
        return refuse(values, key, rule, format!("Set {key} to -1, or to 1 or more."));
    }
    let (buffer, threads) =
        (values.long("log.cleaner.dedupe.buffer.size"), values.long("log.cleaner.threads"));
    if threads == 0 {
        let rule = "log.cleaner.threads must be at least 1";
        return refuse(
            values,
            "log.cleaner.threads",
            rule,
            "Set log.cleaner.threads to 1 or more.",
        );
    }
    if buffer / threads <= 1024 * 1024 {
        return refuse(
            values,
            "log.cleaner.dedupe.buffer.size",
            "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
            format!("Set log.cleaner.dedupe.buffer.size to more than {}.", threads * 1024 * 1024),
        );
    }
    Ok(())
}

fn replicas(values: &Values) -> Result<(), ConfigError> {
    let wait = values.long("replica.fetch.wait.max.ms");
    if wait > values.long("replica.socket.timeout.ms") {
        let rule = "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts";
        let way_out = format!("Set replica.socket.timeout.ms to {wait} or more.");
        return refuse(values, "replica.socket.timeout.ms", rule, way_out);
    }
    let lag = values.long("replica.lag.time.max.ms");
    if wait > lag {
        let rule = "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR";
        let way_out = format!("Set replica.fetch.wait.max.ms to {lag} or less.");
        return refuse(values, "replica.fetch.wait.max.ms", rule, way_out);
    }
    Ok(())
}

fn quorum(config: &Config, values: &Values, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    let me = config.node_id;
    let ids: BTreeSet<_> = config.voters.iter().map(|voter| voter.id).collect();
    let shown = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if ids.is_empty() && config.bootstrap_servers.is_empty() {
        let rule = "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap controllers or controller.quorum.voters must contain a parseable set of controllers.";
        let way_out = format!(
            "For a single node, set controller.quorum.voters={me}@localhost:9093 with the port of its controller listener."
        );
        return refuse(values, VOTERS, rule, way_out);
    }
    let listeners = &config.listeners;
    let names = &listeners.controller_names;
    if config.roles == Roles::BROKER {
        let key = "controller.quorum.auto.join.enable";
        if values.boolean(key) {
            let rule = format!(
                "{key} is only supported when process.roles contains the 'controller' role."
            );
            return refuse(values, key, rule, format!("Remove {key}."));
        }
        if ids.contains(&me) {
            let rule = format!(
                "If process.roles contains just the 'broker' role, the node id {me} must not be included in the set of voters {VOTERS}=Set({shown})"
            );
            let way_out = "Give the broker a node.id that no voter has, or set process.roles=broker,controller.";
            return refuse(values, "node.id", rule, way_out);
        }
        if let Some(listener) = listeners.all.iter().find(|one| listeners.is_controller(one)) {
            let rule = "controller.listener.names must not contain a value appearing in the 'listeners' configuration when running KRaft with just the broker role";
            let way_out =
                format!("Remove {} from listeners: a broker does not serve it.", listener.name);
            return refuse(values, NAMES, rule, way_out);
        }
        if let Some(name) =
            names.iter().find(|name| !listeners.protocols.contains_key(&name.to_uppercase()))
        {
            let upper = name.to_uppercase();
            let rule = format!(
                "Controller listener with name {upper} defined in controller.listener.names not found in listener.security.protocol.map  (an explicit security mapping for each controller listener is required if listener.security.protocol.map is non-empty, or if there are security protocols other than PLAINTEXT in use)"
            );
            let way_out = format!("Add {upper}:PLAINTEXT to listener.security.protocol.map.");
            return refuse(values, NAMES, rule, way_out);
        }
        if names.len() > 1 {
            warnings.push(format!("controller.listener.names has multiple entries; only the first will be used since process.roles=broker: [{}]", names.join(", ")));
        }
        return Ok(());
    }
    if !config.roles.broker && listeners.advertised_controller.len() != listeners.all.len() {
        let rule = "The listeners config must only contain KRaft controller listeners from controller.listener.names when process.roles=controller";
        let way_out = match names.first() {
            Some(name) => format!(
                "Set listeners to the controller listeners alone, for example listeners={name}://:9093."
            ),
            None => "Name the controller listeners in controller.listener.names.".to_owned(),
        };
        return refuse(values, LISTENERS, rule, way_out);
    }
    if !ids.is_empty() && !ids.contains(&me) {
        let rule = format!(
            "If process.roles contains the 'controller' role, the node id {me} must be included in the set of voters {VOTERS}=Set({shown})"
        );
        let way_out = format!(
            "Add {me}@host:port to {VOTERS} on every node, or set node.id to the id that this voter has there."
        );
        return refuse(values, VOTERS, rule, way_out);
    }
    if listeners.advertised_controller.is_empty() {
        let rule = "controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running the KRaft controller role";
        return refuse(values, NAMES, rule, add_listener(names.first()));
    }
    if let Some(name) = names.iter().find(|name| listeners.all.iter().all(|one| one.name != **name))
    {
        let rule = "controller.listener.names must only contain values appearing in the 'listeners' configuration when running the KRaft controller role";
        return refuse(values, NAMES, rule, add_listener(Some(name)));
    }
    Ok(())
}

fn add_listener(name: Option<&String>) -> String {
    let name = name.map_or("CONTROLLER", String::as_str);
    format!(
        "Add {name}://:9093 to listeners (names of listeners are in upper case), or name another listener in controller.listener.names."
    )
}

fn broker_listeners(config: &Config, values: &Values) -> Result<(), ConfigError> {
    let listeners = &config.listeners;
    let advertised: Vec<&str> =
        listeners.advertised_broker.iter().map(|one| one.name.as_str()).collect();
    if advertised.is_empty() {
        let rule = "There must be at least one broker advertised listener. Perhaps all listeners appear in controller.listener.names?";
        return refuse(
            values,
            LISTENERS,
            rule,
            "Add PLAINTEXT://:9092 to listeners for the clients.",
        );
    }
    if !advertised.contains(&listeners.inter_broker_name.as_str()) {
        let key = if values.is_set("inter.broker.listener.name") {
            "inter.broker.listener.name"
        } else {
            "security.inter.broker.protocol"
        };
        let rule = format!(
            "inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are {}",
            advertised.join(",")
        );
        let way_out = format!("Set inter.broker.listener.name={}.", advertised[0]);
        return refuse(values, key, rule, way_out);
    }
    let all: Vec<&str> = listeners.all.iter().map(|one| one.name.as_str()).collect();
    if let Some(name) = advertised.iter().find(|name| !all.contains(name)) {
        let rule = format!(
            "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found {}. The valid options based on the current configuration are {}",
            advertised.join(","),
            all.join(",")
        );
        let way_out = format!("Remove {name} from advertised.listeners, or add it to listeners.");
        return refuse(values, ADVERTISED, rule, way_out);
    }
    Ok(())
}

fn advertised_hosts(config: &Config, values: &Values) -> Result<(), ConfigError> {
    let listeners = &config.listeners;
    let Some(wrong) = listeners
        .advertised_broker
        .iter()
        .chain(&listeners.advertised_controller)
        .find(|one| one.host == "0.0.0.0")
    else {
        return Ok(());
    };
    let key = if values.is_set(ADVERTISED) { ADVERTISED } else { LISTENERS };
    let rule = "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.";
    let way_out = format!(
        "Set advertised.listeners={}://HOST:{} with the name or address by which others reach this node.",
        wrong.name, wrong.port
    );
    refuse(values, key, rule, way_out)
}

fn early_start(config: &Config, values: &Values) -> Result<(), ConfigError> {
    let key = "early.start.listeners";
    let listeners = &config.listeners.all;
    let Some(wrong) =
        values.list(key).iter().find(|name| listeners.iter().all(|one| one.name != **name))
    else {
        return Ok(());
    };
    let rule = format!(
        "{key} contains listener {wrong}, but this is not contained in listeners or controller.listener.names"
    );
    let way_out =
        format!("Remove {wrong} from {key}, or add it to listeners (names are in upper case).");
    refuse(values, key, rule, way_out)
}

fn sockets(config: &Config, values: &Values) -> Result<(), ConfigError> {
    let (queued, request) =
        (values.long("queued.max.request.bytes"), values.long("socket.request.max.bytes"));
    if queued > 0 && queued < request {
        let rule = "queued.max.request.bytes must be larger or equal to socket.request.max.bytes";
        let way_out = format!(
            "Set queued.max.request.bytes to {request} or more, or to -1 for a limit of the node's own."
        );
        return refuse(values, "queued.max.request.bytes", rule, way_out);
    }
    if values.long("max.connections.per.ip") == 0
        && config.sockets.max_connections_per_ip_overrides.is_empty()
    {
        let rule = "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.";
        let way_out = "Set max.connections.per.ip to 1 or more, or name the hosts that may connect in max.connections.per.ip.overrides.";
        return refuse(values, "max.connections.per.ip", rule, way_out);
    }
    let (delay, idle) = (
        values.long("connection.failed.authentication.delay.ms"),
        values.long("connections.max.idle.ms"),
    );
    if idle >= 0 && delay >= idle {
        let rule = format!(
            "connection.failed.authentication.delay.ms={delay} should always be less than connections.max.idle.ms={idle} to prevent failed authentication responses from timing out"
        );
        let way_out =
            format!("Set connections.max.idle.ms to more than {delay}, or to -1 for no limit.");
        return refuse(values, "connections.max.idle.ms", rule, way_out);
    }
    Ok(())
}
