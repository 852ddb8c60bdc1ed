use super::*;

fn config(text: &str) -> Result<Config, ConfigError> {
    Config::from_properties(parse_properties(text.as_bytes()).unwrap())
}
