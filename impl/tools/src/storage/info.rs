//! `kraftig storage info`: what a node's log directories are.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kraftig_log::meta_properties::{FILE_NAME, MetaProperties, Version};

use super::{directories, load};
use crate::output::{Failure, Output};

#[derive(Args)]
pub(crate) struct Info {
    /// The node's server.properties
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

impl Info {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let config = load(&self.config, out)?;
        let mut found = Vec::new();
        let mut problems = Vec::new();
        let mut first: Option<MetaProperties> = None;
        for directory in directories(&config) {
            let shown = directory.display();
            if !directory.try_exists()? {
                problems.push(format!("{shown} does not exist"));
                continue;
            }
            if !directory.is_dir() {
                problems.push(format!("{shown} is not a directory"));
                continue;
            }
            found.push(directory.clone());
            let file = directory.join(FILE_NAME);
            if !file.try_exists()? {
                problems.push(format!("{shown} is not formatted."));
                continue;
            }
            let properties = match MetaProperties::read(&directory) {
                Ok(properties) => properties,
                Err(error) => {
                    problems.push(format!("Error loading {}: {error}", file.display()));
                    continue;
                }
            };
            if properties.version == Version::V0 {
                problems.push("The kafka configuration file appears to be for a cluster in KRaft mode, but the directories are formatted for legacy mode.".to_owned());
            }
            let first = first.get_or_insert_with(|| properties.clone());
            if first.cluster_id != properties.cluster_id {
                problems.push("Mismatched cluster IDs between storage directories.".to_owned());
            } else if first.node_id != properties.node_id {
                problems.push("Mismatched node IDs between storage directories.".to_owned());
            }
        }
        if !found.is_empty() {
            out.line(match found.len() {
                1 => "Found log directory:",
                _ => "Found log directories:",
            });
            for directory in found {
                out.line(format!("  {}", directory.display()));
            }
            out.line("");
        }
        if let Some(properties) = first {
            out.line(format!("Found metadata: {{{}}}", show(&properties)));
            out.line("");
        }
        if problems.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        out.line("Found problem:");
        for problem in problems {
            out.line(format!("  {problem}"));
        }
        out.line("");
        Ok(ExitCode::FAILURE)
    }
}

/// The keys, sorted, as Kafka shows a map.
fn show(properties: &MetaProperties) -> String {
    let (version, node_key) = match properties.version {
        Version::V0 => ("0", "broker.id"),
        Version::V1 => ("1", "node.id"),
    };
    let mut shown = vec![format!("version={version}")];
    shown.extend(properties.cluster_id.as_ref().map(|id| format!("cluster.id={id}")));
    shown.extend(properties.directory_id.map(|id| format!("directory.id={id}")));
    shown.extend(properties.node_id.map(|id| format!("{node_key}={id}")));
    shown.sort();
    shown.join(", ")
}
