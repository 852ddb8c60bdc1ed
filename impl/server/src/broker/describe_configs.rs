//! `DescribeConfigs`: the configurations of topics and of this node (KIP-133, KIP-226, KIP-569).

use kraftig_spec::controller::record::{BROKER_RESOURCE, TOPIC_RESOURCE};
use kraftig_spec::controller::topic_config::{self, ConfigSource};
use kraftig_spec::controller::{ConfigResource, Image, check_topic_name};
use kraftig_wire::messages::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use kraftig_wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
    DescribeConfigsSynonym,
};
use kraftig_wire::{ErrorCode, Str};

use super::{Broker, INVALID_REQUEST_TEXT};
use crate::config::definitions::{self, Default as Preset, Definition, Update};

/// What Kafka has configurations of: topics, brokers, their loggers, client metrics and groups. A request that names
/// anything else is refused as a whole.
const RESOURCES: [i8; 5] = [TOPIC_RESOURCE, BROKER_RESOURCE, 8, 16, 32];

/// The refusal of one resource.
type Refusal = (ErrorCode, Option<Str>);

/// Answers with the configurations of each resource.
pub fn handle(broker: &Broker, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let image = broker.metadata.load();
    let is_known = |resource: &DescribeConfigsResource| RESOURCES.contains(&resource.resource_type);
    let all_known = request.resources.iter().all(is_known);
    let results = request.resources.iter().map(|resource| {
        let described = if all_known {
            describe(broker, &image, resource, request.include_synonyms)
        } else {
            Err((ErrorCode::INVALID_REQUEST, Some(INVALID_REQUEST_TEXT)))
        };
        let (error, message, configs) = match described {
            Ok(configs) => (ErrorCode::NONE, Some(Str::default()), configs),
            Err((error, message)) => (error, message, Vec::new()),
        };
        DescribeConfigsResult {
            error_code: error.0,
            error_message: message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs,
        }
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }
}

fn describe(
    broker: &Broker,
    image: &Image,
    resource: &DescribeConfigsResource,
    include_synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let name = resource.resource_name.as_str();
    let mut configs = match resource.resource_type {
        TOPIC_RESOURCE => describe_topic(broker, image, name)?,
        BROKER_RESOURCE if name.is_empty() => all_brokers(image),
        BROKER_RESOURCE if name == broker.id().to_string() => this_broker(broker, image),
        BROKER_RESOURCE => {
            let message = format!(
                "Unexpected broker id, expected {} or empty string, but received {name}",
                broker.id()
            );
            return Err((ErrorCode::INVALID_REQUEST, Some(Str::from(message))));
        }
        other => {
            let message = format!("Configurations of resource type {other} are not served yet.");
            return Err((ErrorCode::INVALID_REQUEST, Some(Str::from(message))));
        }
    };
    if let Some(keys) = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty()) {
        configs.retain(|config| keys.contains(&config.name));
    }
    if !include_synonyms {
        for config in &mut configs {
            config.synonyms.clear();
        }
    }
    Ok(configs)
}

fn describe_topic(
    broker: &Broker,
    image: &Image,
    topic: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    check_topic_name(topic).map_err(|error| {
        let message = error.message.map(Str::from);
        (ErrorCode(error.code.code()), message)
    })?;
    if !image.topic_ids.contains_key(topic) {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
    }
    let entries = topic_config::describe(image, &broker.settings, topic);
    let result = |entry: topic_config::ConfigEntry| DescribeConfigsResourceResult {
        name: Str::from_static(entry.name),
        value: entry.value.map(Str::from),
        read_only: false,
        config_source: entry.source as i8,
        is_sensitive: false,
        synonyms: entry
            .synonyms
            .into_iter()
            .map(|synonym| DescribeConfigsSynonym {
                name: Str::from_static(synonym.name),
                value: Some(Str::from(synonym.value)),
                source: synonym.source as i8,
            })
            .collect(),
        config_type: entry.config_type as i8,
        documentation: None,
    };
    Ok(entries.into_iter().map(result).collect())
}

fn this_broker(broker: &Broker, image: &Image) -> Vec<DescribeConfigsResourceResult> {
    let known = definitions::broker()
        .iter()
        .filter(|definition| !definition.internal || broker.config.is_set(definition.name))
        .map(|definition| known_key(broker, image, definition));
    // A key that nobody knows may be a password.
    let unknown =
        broker.config.originals().keys().filter(|key| definitions::find(key).is_none()).map(
            |key| DescribeConfigsResourceResult {
                name: Str::from(key),
                value: None,
                read_only: true,
                config_source: ConfigSource::StaticBroker as i8,
                is_sensitive: true,
                ..DescribeConfigsResourceResult::default()
            },
        );
    known.chain(unknown).collect()
}

fn known_key(
    broker: &Broker,
    image: &Image,
    definition: &'static Definition,
) -> DescribeConfigsResourceResult {
    let key = definition.name;
    let own = image.config(&ConfigResource::broker(broker.id()), key);
    let of_all = image.config(&ConfigResource::all_brokers(), key);
    let at_start = broker
        .config
        .originals()
        .get(key)
        .cloned()
        // `node.id` sets `broker.id`.
        .or_else(|| broker.config.value(key).filter(|_| broker.config.is_set(key)));
    let preset = match definition.default {
        Preset::Value(value) => Some(value),
        Preset::Required | Preset::Null => None,
    };
    let synonyms: Vec<DescribeConfigsSynonym> = [
        (ConfigSource::DynamicBroker, own),
        (ConfigSource::DynamicDefaultBroker, of_all),
        (ConfigSource::StaticBroker, at_start.as_deref()),
        (ConfigSource::Default, preset),
    ]
    .into_iter()
    .filter_map(|(source, value)| {
        Some(DescribeConfigsSynonym {
            name: Str::from_static(key),
            value: Some(Str::from(value?)).filter(|_| !definition.is_sensitive()),
            source: source as i8,
        })
    })
    .collect();
    DescribeConfigsResourceResult {
        name: Str::from_static(key),
        value: own
            .or(of_all)
            .map(str::to_owned)
            .or_else(|| broker.config.value(key))
            .filter(|_| !definition.is_sensitive())
            .map(Str::from),
        read_only: definition.update == Update::ReadOnly,
        config_source: synonyms
            .first()
            .map_or(ConfigSource::Default as i8, |synonym| synonym.source),
        is_sensitive: definition.is_sensitive(),
        synonyms,
        config_type: definition.kind as i8,
        documentation: None,
    }
}

/// What is set for all brokers while they run.
fn all_brokers(image: &Image) -> Vec<DescribeConfigsResourceResult> {
    let set = image.configs.get(&ConfigResource::all_brokers());
    set.into_iter()
        .flatten()
        .map(|(key, value)| {
            let definition = definitions::find(key);
            let is_sensitive = definition.is_none_or(Definition::is_sensitive);
            let value = Some(Str::from(value.as_ref())).filter(|_| !is_sensitive);
            DescribeConfigsResourceResult {
                name: Str::from(key.as_ref()),
                value: value.clone(),
                read_only: definition
                    .is_none_or(|definition| definition.update == Update::ReadOnly),
                config_source: ConfigSource::DynamicDefaultBroker as i8,
                is_sensitive,
                synonyms: vec![DescribeConfigsSynonym {
                    name: Str::from(key.as_ref()),
                    value,
                    source: ConfigSource::DynamicDefaultBroker as i8,
                }],
                config_type: definition.map_or(0, |definition| definition.kind as i8),
                documentation: None,
            }
        })
        .collect()
}
