//! The rules of the coordinators' keys.

use super::error::ConfigError;
use super::values::Values;

pub(super) fn check(values: &Values) -> Result<(), ConfigError> {
    let key = "group.coordinator.rebalance.protocols";
    if !values.list(key).iter().any(|protocol| protocol == "classic") {
        let rule = "Disabling the 'classic' protocol is not supported.";
        return refuse(values, key, rule, format!("Add classic to {key}."));
    }
    for group in ["consumer", "share", "streams"] {
        let heartbeat = format!("group.{group}.heartbeat.interval.ms");
        let session = format!("group.{group}.session.timeout.ms");
        for key in [&heartbeat, &session] {
            let of =
                |kind: &str| key.replacen(&format!("{group}."), &format!("{group}.{kind}."), 1);
            let (min, max) = (of("min"), of("max"));
            at_least(values, &max, &min)?;
            at_least(values, key, &min)?;
            at_most(values, key, &max)?;
        }
        let bound = values.long(&session);
        if values.long(&heartbeat) >= bound {
            let rule = format!("{heartbeat} must be less than {session}");
            let way_out = format!("Set {heartbeat} to less than {bound}, or {session} to more.");
            return refuse(values, &heartbeat, rule, way_out);
        }
    }
    let lock = "group.share.record.lock.duration.ms";
    at_least(values, lock, "group.share.min.record.lock.duration.ms")?;
    at_least(values, "group.share.max.record.lock.duration.ms", lock)?;
    let (standby, max) =
        ("group.streams.num.standby.replicas", "group.streams.max.standby.replicas");
    at_most(values, standby, max)?;
    assignors(values, "group.consumer.assignors", &["uniform", "range", UNIFORM, RANGE])?;
    assignors(values, "group.share.assignors", &["simple", SIMPLE])?;
    for topic in ["offsets.topic", "share.coordinator.state.topic"] {
        let key = format!("{topic}.compression.codec");
        let codec = values.long(&key);
        if !(0..=4).contains(&codec) {
            let rule = format!("Unknown compression type id: {codec}");
            let way_out =
                format!("Set {key} to 0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd).");
            return refuse(values, &key, rule, way_out);
        }
    }
    Ok(())
}

const UNIFORM: &str = "org.apache.kafka.coordinator.group.assignor.UniformAssignor";
const RANGE: &str = "org.apache.kafka.coordinator.group.assignor.RangeAssignor";
const SIMPLE: &str = "org.apache.kafka.coordinator.group.assignor.SimpleAssignor";

fn refuse<T>(
    values: &Values,
    key: &str,
    rule: impl Into<String>,
    way_out: String,
) -> Result<T, ConfigError> {
    Err(ConfigError::new(key, values.show(key).as_deref(), rule, way_out))
}

fn at_least(values: &Values, key: &str, low: &str) -> Result<(), ConfigError> {
    let bound = values.long(low);
    if values.long(key) >= bound {
        return Ok(());
    }
    let rule = format!("{key} must be greater than or equal to {low}");
    refuse(values, key, rule, format!("Set {key} to {bound} or more, or {low} to less."))
}

fn at_most(values: &Values, key: &str, high: &str) -> Result<(), ConfigError> {
    let bound = values.long(high);
    if values.long(key) <= bound {
        return Ok(());
    }
    let rule = format!("{key} must be less than or equal to {high}");
    refuse(values, key, rule, format!("Set {key} to {bound} or less, or {high} to more."))
}

fn assignors(values: &Values, key: &str, known: &[&str]) -> Result<(), ConfigError> {
    let Some(wrong) = values.list(key).iter().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let rule = format!("Class {wrong} cannot be found");
    refuse(
        values,
        key,
        rule,
        format!("Name one of {} in {key}; this node loads no Java classes.", known.join(", ")),
    )
}
