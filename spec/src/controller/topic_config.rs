//! Every topic configuration of Kafka 4.2: its type, its rule, its default, and where its value comes from.

use super::error::{ApiError, ErrorCode};
use super::image::{ConfigResource, Image};
use super::settings::Settings;

/// The type of a configuration, as `DescribeConfigs` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean = 1,
    /// A text.
    String = 2,
    /// A 32-bit number.
    Int = 3,
    /// A 64-bit number.
    Long = 5,
    /// A floating-point number.
    Double = 6,
    /// Texts with commas between them.
    List = 7,
}

/// Where a value comes from, as `DescribeConfigs` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    /// The topic's own.
    DynamicTopic = 1,
    /// Set on this node, in the metadata log.
    DynamicBroker = 2,
    /// Set for all brokers, in the metadata log.
    DynamicDefaultBroker = 3,
    /// `server.properties`.
    StaticBroker = 4,
    /// Nobody set it.
    Default = 5,
}

/// One configuration of a topic and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The topic configuration's name.
    pub name: &'static str,
    /// Its type.
    pub config_type: ConfigType,
    /// Its value; `None` only for an internal one that is not set.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// All that is set for it, the one that counts first. Values are as they were set: hours stay hours.
    pub synonyms: Vec<ConfigSynonym>,
}

/// A place where a configuration is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The name there.
    pub name: &'static str,
    /// The value there.
    pub value: String,
    /// The place.
    pub source: ConfigSource,
}

struct Definition {
    name: &'static str,
    config_type: ConfigType,
    default: Option<&'static str>,
    rule: Rule,
    /// The keys of a broker's configuration, the strongest first.
    broker_keys: &'static [BrokerKey],
}

/// A broker's key, how many of the topic's units one of its units is, and its default.
struct BrokerKey(&'static str, i64, Option<&'static str>);

enum Rule {
    Any,
    AtLeast(i32),
    Between(i32, i32),
    GzipLevel,
    OneOf(&'static [&'static str]),
    /// Each element is one of these.
    AllOf(&'static [&'static str]),
    ThrottledReplicas,
}

const MAX: &str = "9223372036854775807";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;

macro_rules! config {
    ($name:literal, $type:ident, $default:expr, $rule:expr $(, $key:literal)?) => {
        Definition {
            name: $name,
            config_type: ConfigType::$type,
            default: Some($default),
            rule: $rule,
            broker_keys: &[$(BrokerKey($key, 1, Some($default)))?],
        }
    };
    ($name:literal, $type:ident, $default:expr, $rule:expr, [$($key:literal * $unit:ident = $key_default:expr),+]) => {
        Definition {
            name: $name,
            config_type: ConfigType::$type,
            default: Some($default),
            rule: $rule,
            broker_keys: &[$(BrokerKey($key, $unit, $key_default)),+],
        }
    };
}

const SAME: i64 = 1;

/// In the order in which Kafka checks them: the first wrong one is the one that is named.
#[rustfmt::skip]
static DEFINITIONS: [Definition; 34] = [
    config!("segment.bytes", Int, "1073741824", Rule::AtLeast(1_048_576), "log.segment.bytes"),
    config!("segment.ms", Long, "604800000", Rule::AtLeast(1), ["log.roll.ms" * SAME = None, "log.roll.hours" * HOUR = Some("168")]),
    config!("segment.jitter.ms", Long, "0", Rule::AtLeast(0), ["log.roll.jitter.ms" * SAME = None, "log.roll.jitter.hours" * HOUR = Some("0")]),
    config!("segment.index.bytes", Int, "10485760", Rule::AtLeast(4), "log.index.size.max.bytes"),
    config!("flush.messages", Long, MAX, Rule::AtLeast(1), "log.flush.interval.messages"),
    config!("flush.ms", Long, MAX, Rule::AtLeast(0), ["log.flush.interval.ms" * SAME = None, "log.flush.scheduler.interval.ms" * SAME = Some(MAX)]),
    config!("retention.bytes", Long, "-1", Rule::Any, "log.retention.bytes"),
    config!("retention.ms", Long, "604800000", Rule::AtLeast(-1), ["log.retention.ms" * SAME = None, "log.retention.minutes" * MINUTE = None, "log.retention.hours" * HOUR = Some("168")]),
    config!("max.message.bytes", Int, "1048588", Rule::AtLeast(0), "message.max.bytes"),
    config!("index.interval.bytes", Int, "4096", Rule::AtLeast(0), "log.index.interval.bytes"),
    config!("delete.retention.ms", Long, "86400000", Rule::AtLeast(0), "log.cleaner.delete.retention.ms"),
    config!("min.compaction.lag.ms", Long, "0", Rule::AtLeast(0), "log.cleaner.min.compaction.lag.ms"),
    config!("max.compaction.lag.ms", Long, MAX, Rule::AtLeast(1), "log.cleaner.max.compaction.lag.ms"),
    config!("file.delete.delay.ms", Long, "60000", Rule::AtLeast(0), "log.segment.delete.delay.ms"),
    config!("min.cleanable.dirty.ratio", Double, "0.5", Rule::Between(0, 1), "log.cleaner.min.cleanable.ratio"),
    config!("cleanup.policy", List, "delete", Rule::AllOf(&["compact", "delete"]), "log.cleanup.policy"),
    config!("unclean.leader.election.enable", Boolean, "false", Rule::Any, "unclean.leader.election.enable"),
    config!("min.insync.replicas", Int, "1", Rule::AtLeast(1), "min.insync.replicas"),
    config!("compression.type", String, "producer", Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), "compression.type"),
    config!("compression.gzip.level", Int, "-1", Rule::GzipLevel, "compression.gzip.level"),
    config!("compression.lz4.level", Int, "9", Rule::Between(1, 17), "compression.lz4.level"),
    config!("compression.zstd.level", Int, "3", Rule::Between(-131_072, 22), "compression.zstd.level"),
    config!("preallocate", Boolean, "false", Rule::Any, "log.preallocate"),
    config!("message.timestamp.type", String, "CreateTime", Rule::OneOf(&["CreateTime", "LogAppendTime"]), "log.message.timestamp.type"),
    config!("message.timestamp.before.max.ms", Long, MAX, Rule::AtLeast(0), "log.message.timestamp.before.max.ms"),
    config!("message.timestamp.after.max.ms", Long, "3600000", Rule::AtLeast(0), "log.message.timestamp.after.max.ms"),
    config!("leader.replication.throttled.replicas", List, "", Rule::ThrottledReplicas),
    config!("follower.replication.throttled.replicas", List, "", Rule::ThrottledReplicas),
    config!("remote.storage.enable", Boolean, "false", Rule::Any),
    config!("local.retention.ms", Long, "-2", Rule::AtLeast(-2), "log.local.retention.ms"),
    config!("local.retention.bytes", Long, "-2", Rule::AtLeast(-2), "log.local.retention.bytes"),
    config!("remote.log.copy.disable", Boolean, "false", Rule::Any),
    config!("remote.log.delete.on.disable", Boolean, "false", Rule::Any),
    // Internal: listed only for a topic that sets it.
    Definition { name: "internal.segment.bytes", config_type: ConfigType::Int, default: None, rule: Rule::Any, broker_keys: &[] },
];

fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// Checks the configurations that a topic would have, as one set. Errors are Kafka's `INVALID_CONFIG` with Kafka's texts.
pub fn validate<'a>(
    image: &Image,
    settings: &Settings,
    configs: &'a [(&'a str, &'a str)],
) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidConfig, message));
    if let Some((name, _)) = configs.iter().find(|(name, _)| definition(name).is_none()) {
        return invalid(format!("Unknown topic config name: {name}"));
    }
    // The last of two settings of one name counts, as in a properties file.
    let set =
        |name: &str| configs.iter().rev().find(|(set, _)| *set == name).map(|(_, value)| *value);
    for definition in &DEFINITIONS {
        if let Some(value) = set(definition.name)
            && let Err(message) = definition.parse(value)
        {
            return invalid(message);
        }
    }
    let lag = |name| {
        let value = set(name)
            .map(ToOwned::to_owned)
            .or_else(|| resolve(definition(name)?, image, settings, &|_| None).value);
        value.and_then(|value| value.trim().parse::<i64>().ok()).unwrap_or_default()
    };
    let (min, max) = (lag("min.compaction.lag.ms"), lag("max.compaction.lag.ms"));
    if min > max {
        return invalid(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        ));
    }
    if set("remote.storage.enable").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return invalid("Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.".to_owned());
    }
    Ok(())
}

/// The value that counts for a topic, in its canonical text; `None` for an unknown name and for an internal one that is not set.
pub fn effective(image: &Image, settings: &Settings, topic: &str, name: &str) -> Option<String> {
    let definition = definition(name)?;
    let resource = ConfigResource::topic(topic);
    let value = resolve(definition, image, settings, &|name| {
        image.config(&resource, name).map(ToOwned::to_owned)
    })
    .value?;
    Some(definition.parse(&value).unwrap_or(value))
}

/// Every configuration of a topic for `DescribeConfigs`, by name, values in their canonical text.
///
/// As Kafka does, it lists what brokers set only from the first setting in the topic's own unit on: a retention that
/// `server.properties` gives in hours counts, but is shown as a default without synonyms.
pub fn describe(image: &Image, settings: &Settings, topic: &str) -> Vec<ConfigEntry> {
    let resource = ConfigResource::topic(topic);
    let own = |name: &str| image.config(&resource, name).map(ToOwned::to_owned);
    let mut entries = entries(image, settings, &own);
    for entry in &mut entries {
        let Some(definition) = definition(entry.name) else {
            continue;
        };
        let canonical = |value: &String| definition.parse(value).unwrap_or_else(|_| value.clone());
        entry.value = entry.value.as_ref().map(canonical);
        let primary = definition.broker_keys.first().map(|key| key.0);
        let is_own = |synonym: &ConfigSynonym| synonym.source == ConfigSource::DynamicTopic;
        let (own, others): (Vec<_>, Vec<_>) = entry.synonyms.drain(..).partition(is_own);
        entry.synonyms.extend(
            own.into_iter().map(|own| ConfigSynonym { value: canonical(&own.value), ..own }),
        );
        entry.synonyms.extend(others.into_iter().skip_while(|other| Some(other.name) != primary));
        entry.source = entry.synonyms.first().map_or(ConfigSource::Default, |first| first.source);
    }
    entries
}

/// Every configuration of a topic that sets `topic_configs` itself, by name.
pub(super) fn entries(
    image: &Image,
    settings: &Settings,
    topic_configs: &dyn Fn(&str) -> Option<String>,
) -> Vec<ConfigEntry> {
    let mut entries: Vec<ConfigEntry> = DEFINITIONS
        .iter()
        .filter(|definition| {
            definition.default.is_some() || topic_configs(definition.name).is_some()
        })
        .map(|definition| resolve(definition, image, settings, topic_configs))
        .collect();
    entries.sort_unstable_by_key(|entry| entry.name);
    entries
}

fn resolve(
    definition: &'static Definition,
    image: &Image,
    settings: &Settings,
    topic_configs: &dyn Fn(&str) -> Option<String>,
) -> ConfigEntry {
    let this_node = ConfigResource::broker(settings.node_id);
    let all_brokers = ConfigResource::all_brokers();
    // Every place that sets it, the strongest first, with what one unit there is in the topic's units.
    let mut places: Vec<(i64, ConfigSynonym)> = Vec::new();
    if let Some(value) = topic_configs(definition.name) {
        let source = ConfigSource::DynamicTopic;
        places.push((SAME, ConfigSynonym { name: definition.name, value, source }));
    }
    for source in [
        ConfigSource::DynamicBroker,
        ConfigSource::DynamicDefaultBroker,
        ConfigSource::StaticBroker,
        ConfigSource::Default,
    ] {
        for BrokerKey(name, unit, default) in definition.broker_keys {
            let value = match source {
                ConfigSource::DynamicBroker => image.config(&this_node, name),
                ConfigSource::DynamicDefaultBroker => image.config(&all_brokers, name),
                ConfigSource::StaticBroker => settings.static_config.get(*name).map(String::as_str),
                ConfigSource::Default | ConfigSource::DynamicTopic => *default,
            };
            if let Some(value) = value {
                places.push((*unit, ConfigSynonym { name, value: value.to_owned(), source }));
            }
        }
    }
    let (value, source) = match places.first() {
        Some((SAME, place)) => (Some(place.value.clone()), place.source),
        Some((unit, place)) => {
            let units: i64 = place.value.trim().parse().unwrap_or_default();
            (Some(units.saturating_mul(*unit).to_string()), place.source)
        }
        None => (definition.default.map(ToOwned::to_owned), ConfigSource::Default),
    };
    ConfigEntry {
        name: definition.name,
        config_type: definition.config_type,
        value,
        source,
        synonyms: places.into_iter().map(|(_, place)| place).collect(),
    }
}

impl Definition {
    /// The canonical text of a valid value, or Kafka's message.
    fn parse(&self, text: &str) -> Result<String, String> {
        let name = self.name;
        let trimmed = text.trim_matches(|c: char| c <= ' ');
        let wrong = |value: &str, rule: &str| {
            Err(format!("Invalid value {value} for configuration {name}: {rule}"))
        };
        let canonical = match self.config_type {
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("true") => "true".to_owned(),
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("false") => "false".to_owned(),
            ConfigType::Boolean => return wrong(text, "Expected value to be either true or false"),
            ConfigType::Int => match trimmed.parse::<i32>() {
                Ok(number) => number.to_string(),
                Err(_) => return wrong(text, "Not a number of type INT"),
            },
            ConfigType::Long => match trimmed.parse::<i64>() {
                Ok(number) => number.to_string(),
                Err(_) => return wrong(text, "Not a number of type LONG"),
            },
            ConfigType::Double => match trimmed.parse::<f64>() {
                Ok(number) if number.is_finite() => format!("{number:?}"),
                _ => return wrong(text, "Not a number of type DOUBLE"),
            },
            ConfigType::String => trimmed.to_owned(),
            ConfigType::List => list(trimmed).join(","),
        };
        let number = canonical.parse::<f64>().unwrap_or_default();
        match self.rule {
            Rule::AtLeast(min) | Rule::Between(min, _) if number < f64::from(min) => {
                wrong(&canonical, &format!("Value must be at least {min}"))
            }
            Rule::Between(_, max) if number > f64::from(max) => {
                wrong(&canonical, &format!("Value must be no more than {max}"))
            }
            Rule::GzipLevel if canonical != "-1" && !(1.0..=9.0).contains(&number) => {
                wrong(&canonical, "Value must be between 1 and 9 or equal to -1")
            }
            Rule::OneOf(values) if !values.contains(&canonical.as_str()) => {
                wrong(&canonical, &format!("String must be one of: {}", values.join(", ")))
            }
            Rule::AllOf(values) => {
                for element in list(trimmed) {
                    if element.is_empty() {
                        return Err(format!("Configuration '{name}' values must not be empty."));
                    }
                    if !values.contains(&element) {
                        return wrong(
                            element,
                            &format!("String must be one of: {}", values.join(", ")),
                        );
                    }
                }
                Ok(canonical)
            }
            Rule::ThrottledReplicas
                if canonical != "*" && !list(trimmed).iter().all(|element| is_replica(element)) =>
            {
                wrong(
                    &format!("[{}]", list(trimmed).join(", ")),
                    &format!(
                        "{name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
                    ),
                )
            }
            _ => Ok(canonical),
        }
    }
}

/// The elements of a list, each once. The empty text is the empty list.
fn list(trimmed: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    for element in trimmed.split(',').map(str::trim) {
        if !trimmed.is_empty() && !elements.contains(&element) {
            elements.push(element);
        }
    }
    elements
}

/// `partition:broker`, or nothing.
fn is_replica(element: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    element.is_empty()
        || element
            .split_once(':')
            .is_some_and(|(partition, broker)| digits(partition) && digits(broker))
}
