//! What Kafka allows and this node does not do yet.

use super::{Config, ConfigError, SecurityProtocol, definitions};

impl Config {
    /// Whether this node can do all that the configuration asks for. What it cannot is refused rather than
    /// ignored: a node without the security or the quorum that its file names is a trap.
    pub fn check_served(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, rule: &str, way_out: &str| {
            Err(ConfigError::new(key, self.values.show(key).as_deref(), rule, way_out))
        };
        if let Some(wrong) =
            self.listeners.all.iter().find(|one| one.protocol != SecurityProtocol::Plaintext)
        {
            let (name, protocol) = (&wrong.name, wrong.protocol.name());
            return refuse(
                "listeners",
                &format!("Listener {name} speaks {protocol}, which is not served yet."),
                &format!(
                    "Remove {name} from listeners, or map it to PLAINTEXT in listener.security.protocol.map."
                ),
            );
        }
        // Through the first a node speaks to controllers, whether it listens on it or not.
        if let Some(name) = self.listeners.controller_names.first()
            && let Some(protocol) = self.listeners.protocols.get(name)
            && *protocol != SecurityProtocol::Plaintext
        {
            let protocol = protocol.name();
            return refuse(
                "controller.listener.names",
                &format!("Listener {name} speaks {protocol}, which is not served yet."),
                &format!("Map {name} to PLAINTEXT in listener.security.protocol.map."),
            );
        }
        if self.value("authorizer.class.name").is_some_and(|class| !class.is_empty()) {
            return refuse(
                "authorizer.class.name",
                "Authorization is not served yet: every client would be allowed everything.",
                "Remove authorizer.class.name if that is what you want.",
            );
        }
        if !self.values.list("config.providers").is_empty() {
            let way_out = "Write the values themselves, and remove config.providers.";
            return refuse("config.providers", "Config providers are not served yet.", way_out);
        }
        if self.values.boolean("remote.log.storage.system.enable") {
            let way_out = "Remove remote.log.storage.system.enable.";
            return refuse(
                "remote.log.storage.system.enable",
                "Tiered storage is not served yet.",
                way_out,
            );
        }
        // Some classes have no counterpart that could stand in for them.
        for key in definitions::broker().iter().filter(|key| key.kind == definitions::Kind::Class) {
            let by_default = match key.default {
                definitions::Default::Value(class) => Some(class),
                _ => None,
            };
            if self.values.text(key.name) != by_default {
                let rule = format!(
                    "Invalid value {} for configuration {}: this node loads no Java classes.",
                    self.values.text(key.name).unwrap_or_default(),
                    key.name
                );
                return refuse(key.name, &rule, &format!("Remove {}.", key.name));
            }
        }
        Ok(())
    }
}
