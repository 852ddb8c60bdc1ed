//! Listeners: where a node listens, what it tells others, and which security protocol each speaks.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::error::ConfigError;
use super::values::{Values, trim};
use super::voters::is_host;

/// How a listener's connections are secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL within TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    fn find(name: &str) -> Option<Self> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

/// One entry of `listeners` or `advertised.listeners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// In upper case.
    pub name: String,
    /// How its connections are secured.
    pub protocol: SecurityProtocol,
    /// Without the brackets of an IPv6 address. Empty: every interface to listen on, this host's name to
    /// tell others.
    pub host: String,
    /// 0 to listen on any free port.
    pub port: u16,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

/// The listeners of a node, by their use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// `listeners`: where the node listens, for clients, brokers and controllers.
    pub all: Vec<Listener>,
    /// What brokers and clients are told: `advertised.listeners`, or `listeners` where it is not set, without
    /// those of controllers.
    pub advertised_broker: Vec<Listener>,
    /// What controllers are told, in the order of `controller.listener.names`.
    pub advertised_controller: Vec<Listener>,
    /// `controller.listener.names`; a broker speaks to controllers through the first.
    pub controller_names: Vec<String>,
    /// `inter.broker.listener.name`, or the name of `security.inter.broker.protocol`.
    pub inter_broker_name: String,
    /// `listener.security.protocol.map`, and what KIP-595 adds to it for controllers.
    pub protocols: BTreeMap<String, SecurityProtocol>,
}

const ADVERTISED: &str = "advertised.listeners";
const NO_NAME: &str = "The provided listener name is null or empty string";
const MAP: &str = "listener.security.protocol.map";
const INTER_BROKER: &str = "inter.broker.listener.name";
const INTER_BROKER_PROTOCOL: &str = "security.inter.broker.protocol";

impl Listeners {
    pub(super) fn parse(values: &Values) -> Result<Self, ConfigError> {
        let controller_names = values.list("controller.listener.names").to_vec();
        let protocols = protocols(values, &controller_names)?;
        let all = endpoints("listeners", values.list("listeners"), &protocols)?;
        check_ports(values.list("listeners"), &all)?;
        let told = match values.list(ADVERTISED) {
            [] => None,
            told => Some(endpoints(ADVERTISED, told, &protocols)?),
        };
        let inter_broker_name = inter_broker_name(values, &protocols)?;
        let advertised_controller = controller_names
            .iter()
            .filter_map(|name| advertised_controller(name, &all, told.as_deref()))
            .collect();
        let mut advertised_broker = told.unwrap_or_else(|| all.clone());
        advertised_broker.retain(|listener| !controller_names.contains(&listener.name));
        Ok(Self {
            all,
            advertised_broker,
            advertised_controller,
            controller_names,
            inter_broker_name,
            protocols,
        })
    }

    /// Whether a listener is one of the controllers'.
    pub fn is_controller(&self, listener: &Listener) -> bool {
        self.controller_names.contains(&listener.name)
    }
}

/// What a controller listener tells others. One that only `listeners` names may listen on every interface; it
/// tells this host's name.
fn advertised_controller(
    name: &str,
    all: &[Listener],
    told: Option<&[Listener]>,
) -> Option<Listener> {
    let of_name = |listeners: &[Listener]| listeners.iter().find(|one| one.name == name).cloned();
    told.and_then(of_name).or_else(|| {
        let mut listener = of_name(all)?;
        if listener.host == "0.0.0.0" {
            listener.host.clear();
        }
        Some(listener)
    })
}

fn protocols(
    values: &Values,
    controller_names: &[String],
) -> Result<BTreeMap<String, SecurityProtocol>, ConfigError> {
    let text = values.text(MAP).unwrap_or_default();
    let refuse = |rule: String| {
        let way_out = "Write NAME:PROTOCOL for each listener, with commas between them; the protocols are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL.";
        ConfigError::new(MAP, Some(text), rule, way_out)
    };
    let mut protocols = BTreeMap::new();
    let entries = text.trim_end_matches([',', ' ']);
    for entry in entries.split(',').map(trim).filter(|_| !entries.is_empty()) {
        let (name, protocol) = entry.rsplit_once(':').ok_or_else(|| {
            refuse(format!("Error parsing configuration property '{MAP}': no ':' in '{entry}'"))
        })?;
        let (name, protocol) = (trim(name), trim(protocol));
        if name.is_empty() {
            return Err(refuse(NO_NAME.to_owned()));
        }
        let known = SecurityProtocol::find(protocol).ok_or_else(|| {
            refuse(format!("Invalid security protocol `{protocol}` defined in {MAP}"))
        })?;
        protocols.insert(name.to_uppercase(), known);
    }
    // KIP-595: a controller listener needs no entry where nothing but PLAINTEXT is in use.
    let is_secure = |name: &str| matches!(name, "SSL" | "SASL_SSL" | "SASL_PLAINTEXT");
    let secure = controller_names.iter().any(|name| is_secure(name))
        || values
            .list("listeners")
            .iter()
            .any(|listener| is_secure(listener.split_once("://").map_or("", |(name, _)| name)));
    if !values.is_set(MAP) && !secure {
        for name in controller_names {
            protocols.insert(name.clone(), SecurityProtocol::Plaintext);
        }
    }
    Ok(protocols)
}

fn endpoints(
    key: &str,
    entries: &[String],
    protocols: &BTreeMap<String, SecurityProtocol>,
) -> Result<Vec<Listener>, ConfigError> {
    let shown = format!("[{}]", entries.join(", "));
    let set = entries.join(",");
    let mut listeners: Vec<Listener> = Vec::with_capacity(entries.len());
    for entry in entries {
        let refuse = |why: String, way_out: &str| {
            let rule = format!("Error creating broker listeners from '{shown}': {why}");
            ConfigError::new(key, Some(&set), rule, way_out)
        };
        let (name, host, port) = split_endpoint(entry).ok_or_else(|| {
            refuse(
                format!("Unable to parse {entry} to a broker endpoint"),
                "Write each listener as NAME://host:port, for example PLAINTEXT://localhost:9092.",
            )
        })?;
        if name.is_empty() {
            return Err(refuse(NO_NAME.to_owned(), "Write a name before ://."));
        }
        let name = name.to_uppercase();
        let protocol = *protocols.get(&name).ok_or_else(|| {
            refuse(
                format!("No security protocol defined for listener {name}"),
                &format!("Add {name}:PLAINTEXT to listener.security.protocol.map, or name the listener PLAINTEXT."),
            )
        })?;
        if listeners.iter().any(|other| other.name == name) {
            let rule = format!("Each listener must have a different name, listeners: {shown}");
            let way_out = "Give each listener a name of its own, and each name a protocol in listener.security.protocol.map.";
            return Err(ConfigError::new(key, Some(&set), rule, way_out));
        }
        listeners.push(Listener { name, protocol, host: host.to_owned(), port });
    }
    Ok(listeners)
}

/// `NAME://host:port`, `NAME://[host]:port`, `NAME://:port`.
fn split_endpoint(text: &str) -> Option<(&str, &str, u16)> {
    let (name, address) = text.rsplit_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    Some((name, host, port.parse().ok()?)).filter(|_| digits && is_host(host))
}

/// Two listeners share a port only where one has an IPv4 and the other an IPv6 address (KIP-797).
fn check_ports(entries: &[String], listeners: &[Listener]) -> Result<(), ConfigError> {
    let shown = format!("[{}]", entries.join(", "));
    let refuse = |rule: String| {
        let way_out =
            "Give each listener a port of its own; only an IPv4 and an IPv6 address may share one.";
        Err(ConfigError::new("listeners", Some(&entries.join(",")), rule, way_out))
    };
    for listener in listeners.iter().filter(|listener| listener.port != 0) {
        let port = listener.port;
        let sharing: Vec<_> = listeners.iter().filter(|other| other.port == port).collect();
        let addresses: Vec<IpAddr> =
            sharing.iter().filter_map(|other| other.host.parse().ok()).collect();
        let names = sharing.len() - addresses.len();
        if names > 1 {
            return refuse(format!("Each listener must have a different port, listeners: {shown}"));
        }
        match addresses.as_slice() {
            [] => {}
            [_] if names == 0 => {}
            [one, other] if names == 0 && one.is_ipv4() != other.is_ipv4() => {}
            [_, _] => {
                return refuse(format!(
                    "If you have two listeners on the same port then one needs to be IPv4 and the other IPv6, listeners: {shown}, port: {port}"
                ));
            }
            _ => {
                return refuse(format!(
                    "Each listener must have a different port unless exactly one listener has an IPv4 address and the other IPv6 address, listeners: {shown}, port: {port}"
                ));
            }
        }
    }
    Ok(())
}

fn inter_broker_name(
    values: &Values,
    protocols: &BTreeMap<String, SecurityProtocol>,
) -> Result<String, ConfigError> {
    let Some(name) = values.text(INTER_BROKER) else {
        // The default is PLAINTEXT, and its rule allows nothing but protocols.
        return Ok(values.text(INTER_BROKER_PROTOCOL).unwrap_or_default().to_owned());
    };
    if values.is_set(INTER_BROKER_PROTOCOL) {
        return Err(ConfigError::new(
            INTER_BROKER,
            Some(name),
            format!("Only one of {INTER_BROKER} and {INTER_BROKER_PROTOCOL} should be set."),
            format!("Remove {INTER_BROKER_PROTOCOL}: the listener's protocol is in {MAP}."),
        ));
    }
    let upper = name.to_uppercase();
    if !protocols.contains_key(&upper) {
        return Err(ConfigError::new(
            INTER_BROKER,
            Some(name),
            format!("Listener with name {upper} defined in {INTER_BROKER} not found in {MAP}."),
            format!("Add {upper}:PLAINTEXT to {MAP}, or name a listener that it has."),
        ));
    }
    Ok(upper)
}
