//! Texts of a configuration, each read as its definition says.

use super::definitions::{self, Default, Definition, Kind, Rule};
use super::error::ConfigError;
use super::{Properties, voters};

/// A value of the type that its key has.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Boolean(bool),
    Number(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// Kafka's text of it.
    fn show(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Double(value) => Some(java_double(*value)),
            Self::Text(value) => Some(value.clone()),
            Self::List(entries) => Some(entries.join(",")),
        }
    }
}

/// The value of each key of [`definitions::broker`], set or by default.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    /// In the order of the table; with it, whether the value was set.
    values: Vec<(Value, bool)>,
}

impl Values {
    /// Reads every key. What is legal but strange goes to `warnings`.
    pub(super) fn parse(
        properties: &Properties,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let mut values = Vec::with_capacity(definitions::broker().len());
        for definition in definitions::broker() {
            let set = properties.get(definition.name);
            let value = match (set, definition.default) {
                (Some(text), _) => parse(definition, text, warnings)?,
                (None, Default::Value(text)) => parse(definition, text, warnings)?,
                (None, Default::Null) => Value::Null,
                (None, Default::Required) => return Err(missing(definition.name)),
            };
            values.push((value, set.is_some()));
        }
        Ok(Self { values })
    }

    fn get(&self, key: &str) -> &Value {
        let at = definitions::position(key).unwrap_or_else(|| panic!("no key {key} in the table"));
        &self.values[at].0
    }

    /// Whether the file or the command line names the key.
    pub(super) fn is_set(&self, key: &str) -> bool {
        definitions::position(key).is_some_and(|at| self.values[at].1)
    }

    pub(super) fn boolean(&self, key: &str) -> bool {
        match self.get(key) {
            Value::Boolean(value) => *value,
            other => unreachable!("{key} is no BOOLEAN: {other:?}"),
        }
    }

    /// A number that has a default.
    pub(super) fn long(&self, key: &str) -> i64 {
        self.optional_long(key).unwrap_or_else(|| unreachable!("{key} may have no value"))
    }

    /// A number that has a default and fits 32 bits.
    pub(super) fn int(&self, key: &str) -> i32 {
        i32::try_from(self.long(key)).unwrap_or_else(|_| unreachable!("{key} is no INT"))
    }

    pub(super) fn optional_long(&self, key: &str) -> Option<i64> {
        match self.get(key) {
            Value::Number(value) => Some(*value),
            Value::Null => None,
            other => unreachable!("{key} is no number: {other:?}"),
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Value::Text(value) => Some(value),
            Value::Null => None,
            other => unreachable!("{key} is no text: {other:?}"),
        }
    }

    /// The entries; none where the key has no value.
    pub(super) fn list(&self, key: &str) -> &[String] {
        match self.get(key) {
            Value::List(entries) => entries,
            Value::Null => &[],
            other => unreachable!("{key} is no LIST: {other:?}"),
        }
    }

    /// The value as `DescribeConfigs` shows it. `None` for a key without a value and for one that
    /// Kafka does not have.
    pub(super) fn show(&self, key: &str) -> Option<String> {
        self.values[definitions::position(key)?].0.show()
    }
}

fn missing(key: &'static str) -> ConfigError {
    let way_out = match key {
        "process.roles" => {
            "Set process.roles=broker,controller for a node that is both, or one of the two."
        }
        "node.id" => "Set node.id to a number of 0 or more that no other node of the cluster has.",
        _ => {
            "Set controller.listener.names to the name of the listener of the controllers, for example \
             controller.listener.names=CONTROLLER with listeners=CONTROLLER://:9093."
        }
    };
    let rule = format!("Missing required configuration \"{key}\" which has no default value.");
    ConfigError::new(key, None, rule, way_out)
}

fn parse(
    definition: &Definition,
    text: &str,
    warnings: &mut Vec<String>,
) -> Result<Value, ConfigError> {
    let name = definition.name;
    let trimmed = trim(text);
    let invalid = |why: &str| {
        let shown = if definition.is_sensitive() { "[hidden]" } else { text };
        let rule = format!("Invalid value {shown} for configuration {name}: {why}");
        ConfigError::new(name, Some(text), rule, way_out(definition))
    };
    let no_number = || invalid(&format!("Not a number of type {}", definition.kind.name()));
    let value = match definition.kind {
        Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
        Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
        Kind::Boolean => return Err(invalid("Expected value to be either true or false")),
        Kind::Short => {
            trimmed.parse::<i16>().map(|n| Value::Number(n.into())).map_err(|_| no_number())?
        }
        Kind::Int => {
            trimmed.parse::<i32>().map(|n| Value::Number(n.into())).map_err(|_| no_number())?
        }
        Kind::Long => trimmed.parse().map(Value::Number).map_err(|_| no_number())?,
        Kind::Double => parse_double(trimmed).map(Value::Double).ok_or_else(no_number)?,
        Kind::String | Kind::Class | Kind::Password => Value::Text(trimmed.to_owned()),
        Kind::List => Value::List(list(definition, trimmed, warnings)?),
    };
    check(definition.rule, &value).map_err(|why| {
        let shown = value.show().unwrap_or_default();
        let rule = format!("Invalid value {shown} for configuration {name}: {why}");
        ConfigError::new(name, Some(text), rule, way_out(definition))
    })?;
    if definition.rule == Rule::Voters {
        voters::parse_voters(text)?;
    } else if definition.rule == Rule::BootstrapServers {
        voters::parse_bootstrap_servers(text)?;
    }
    Ok(value)
}

/// Java's `Double.parseDouble`, hexadecimal numbers aside: it knows a suffix `d` or `f`, and no `inf`.
fn parse_double(text: &str) -> Option<f64> {
    match text.trim_start_matches(['+', '-']) {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return text.parse().ok(),
        _ => {}
    }
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    digits.parse().ok().filter(|_| plain)
}

/// Java's `trim`: blanks and control characters.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// The entries of a list: none in an empty text, else one more than there are commas.
pub(super) fn entries(text: &str) -> Vec<&str> {
    let text = trim(text);
    if text.is_empty() { Vec::new() } else { text.split(',').map(trim).collect() }
}

fn list(
    definition: &Definition,
    text: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, ConfigError> {
    let name = definition.name;
    let all: Vec<String> = entries(text).into_iter().map(str::to_owned).collect();
    let (options, may_be_empty) = match definition.rule {
        Rule::ListOf(options) => (options, false),
        Rule::ListOrEmpty(options) => (options, true),
        _ => return Ok(all),
    };
    let mut once: Vec<String> = Vec::with_capacity(all.len());
    for entry in &all {
        if !once.contains(entry) {
            once.push(entry.clone());
        }
    }
    if once.len() < all.len() {
        warnings.push(format!(
            "Configuration key \"{name}\" contains duplicate values. Duplicates are ignored. The original value is: {text}, the updated value is: {}",
            once.join(",")
        ));
    }
    let refuse = |rule: String| Err(ConfigError::new(name, Some(text), rule, way_out(definition)));
    if once.is_empty() && !may_be_empty {
        let valid = match options {
            [] => "any non-empty value".to_owned(),
            options => format!("[{}]", options.join(", ")),
        };
        return refuse(format!(
            "Configuration '{name}' must not be empty. Valid values include: {valid}"
        ));
    }
    if once.iter().any(String::is_empty) {
        return refuse(format!("Configuration '{name}' values must not be empty."));
    }
    if let Some(wrong) =
        once.iter().find(|entry| !options.is_empty() && !options.contains(&entry.as_str()))
    {
        return refuse(format!(
            "Invalid value {wrong} for configuration {name}: String must be one of: {}",
            options.join(", ")
        ));
    }
    Ok(once)
}

fn check(rule: Rule, value: &Value) -> Result<(), String> {
    match (rule, value) {
        (Rule::AtLeast(low) | Rule::Between(low, _), Value::Number(n)) if *n < low => {
            Err(format!("Value must be at least {low}"))
        }
        (Rule::Between(_, high), Value::Number(n)) if *n > high => {
            Err(format!("Value must be no more than {high}"))
        }
        (Rule::Fraction(_), Value::Double(n)) if *n < 0.0 => {
            Err("Value must be at least 0".to_owned())
        }
        // A NaN passes in Kafka, too: no comparison is true of it.
        (Rule::Fraction(high), Value::Double(n)) if *n > high => {
            Err(format!("Value must be no more than {high}"))
        }
        (Rule::GzipLevel, Value::Number(n)) if !matches!(n, -1 | 1..=9) => {
            Err("Value must be between 1 and 9 or equal to -1".to_owned())
        }
        (Rule::NonEmpty, Value::Text(text)) if text.is_empty() => {
            Err("String must be non-empty".to_owned())
        }
        (Rule::OneOf(options), Value::Text(text)) if !options.contains(&text.as_str()) => {
            Err(format!("String must be one of: {}", options.join(", ")))
        }
        (Rule::OneOfIgnoringCase(options), Value::Text(text))
            if !options.iter().any(|option| option.eq_ignore_ascii_case(text)) =>
        {
            Err(format!("String must be one of (case insensitive): {}", options.join(", ")))
        }
        _ => Ok(()),
    }
}

/// What a legal value is, and what holds without one.
fn way_out(definition: &Definition) -> String {
    let legal = match (definition.rule, definition.kind) {
        (Rule::AtLeast(low), _) => format!("a whole number of {low} or more"),
        (Rule::Between(low, high), _) => format!("a whole number from {low} to {high}"),
        (Rule::Fraction(high), _) => format!("a number from 0 to {high}"),
        (Rule::GzipLevel, _) => "1 to 9, or -1".to_owned(),
        (Rule::NonEmpty, _) => "a text".to_owned(),
        (Rule::OneOf(options) | Rule::OneOfIgnoringCase(options), _) => {
            format!("one of {}", options.join(", "))
        }
        (Rule::ListOf([]) | Rule::ListOrEmpty([]), _) => {
            "texts with one comma between two".to_owned()
        }
        (Rule::ListOf(options) | Rule::ListOrEmpty(options), _) => {
            format!("one or more of {}, with commas between them", options.join(", "))
        }
        (_, Kind::Boolean) => "true or false".to_owned(),
        (_, Kind::Short) => format!("a whole number from {} to {}", i16::MIN, i16::MAX),
        (_, Kind::Int) => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        (_, Kind::Long) => "a whole number of 64 bits".to_owned(),
        (_, Kind::Double) => "a number".to_owned(),
        _ => "a legal value".to_owned(),
    };
    match definition.default {
        Default::Required => format!("Set {} to {legal}.", definition.name),
        Default::Null => format!("Set {} to {legal}, or remove it.", definition.name),
        Default::Value(default) => {
            format!("Set {} to {legal}, or remove it: the default is '{default}'.", definition.name)
        }
    }
}

/// Java's `Double.toString`, which `DescribeConfigs` shows.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) || !value.is_finite() {
        return match value {
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            value => format!("{value:?}"),
        };
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}
