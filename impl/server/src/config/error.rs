//! What is wrong with a configuration, and the way out.

use std::fmt;
use std::path::PathBuf;

use super::definitions;
use kraftig_log::properties::PropertiesError;

/// One key whose value breaks a rule. Its text begins with Kafka's own message, then says what was set and
/// what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The key.
    pub key: String,
    /// What it was set to; `None` where it is not set.
    pub value: Option<String>,
    /// The rule, in Kafka's words.
    pub rule: String,
    /// What to do.
    pub way_out: String,
}

impl ConfigError {
    /// An error for a key and the text that was set, if any.
    pub(super) fn new(
        key: &str,
        value: Option<&str>,
        rule: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            rule: rule.into(),
            way_out: way_out.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret =
            definitions::find(&self.key).is_some_and(definitions::Definition::is_sensitive);
        writeln!(f, "{}", self.rule)?;
        match &self.value {
            Some(_) if secret => writeln!(f, "  now:  {}=[hidden]", self.key)?,
            Some(value) => writeln!(f, "  now:  {}={value}", self.key)?,
            None => writeln!(f, "  now:  {} is not set", self.key)?,
        }
        write!(f, "  do:   {}", self.way_out)
    }
}

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("Cannot read the configuration file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not in the properties syntax.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: PropertiesError,
    },
    /// A key breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
