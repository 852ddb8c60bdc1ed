//! What the tests of traces share.

use serde_json::Value;

/// The places of all numbers in a line of a trace, as JSON pointers below `path`.
pub(crate) fn numbers(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Number(_) => vec![path.to_owned()],
        Value::Array(items) => {
            let each = items.iter().enumerate();
            each.flat_map(|(index, item)| numbers(item, &format!("{path}/{index}"))).collect()
        }
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| numbers(field, &format!("{path}/{name}")))
            .collect(),
        _ => Vec::new(),
    }
}
