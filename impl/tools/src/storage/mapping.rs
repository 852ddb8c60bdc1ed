//! `kraftig storage version-mapping` and `feature-dependencies`: which levels of features belong together.

use clap::Args;
use kraftig_spec::controller::{
    ELR_VERSION, FEATURES, KRAFT_VERSION, METADATA_VERSION, MetadataVersion,
};

use super::features;
use crate::output::{Failure, Output, fail};

#[derive(Args)]
pub(crate) struct VersionMapping {
    /// The release, from 3.3-IV3 to 4.2-IV1 [default: 4.2-IV1]
    #[arg(short, long, value_name = "VERSION")]
    release_version: Option<String>,
}

#[derive(Args)]
pub(crate) struct FeatureDependencies {
    /// The level of a feature; may be given several times
    #[arg(short, long = "feature", value_name = "NAME=LEVEL", required = true)]
    features: Vec<String>,
}

/// The optional features in the order in which Kafka prints them.
const ORDER: [&str; 6] = [
    KRAFT_VERSION,
    "transaction.version",
    "group.version",
    ELR_VERSION,
    "share.version",
    "streams.version",
];

impl VersionMapping {
    pub(crate) fn run(self, out: &mut Output) -> Result<(), Failure> {
        let (version, name) = match &self.release_version {
            Some(text) => (features::parse_release(text)?, text.as_str()),
            None => (MetadataVersion::LATEST, MetadataVersion::LATEST.name().unwrap_or_default()),
        };
        out.line(format!("{METADATA_VERSION}={} ({name})", version.0));
        for name in ORDER {
            let feature = FEATURES.iter().find(|feature| feature.name == name);
            let level = feature.filter(|feature| version >= feature.default_from);
            out.line(format!("{name}={}", level.map_or(0, |feature| feature.max)));
        }
        Ok(())
    }
}

impl FeatureDependencies {
    pub(crate) fn run(self, out: &mut Output) -> Result<(), Failure> {
        for text in &self.features {
            let level = text
                .split_once('=')
                .and_then(|(name, level)| Some((name.trim(), level.trim().parse::<i16>().ok()?)));
            let Some((name, level)) = level else {
                return fail(format!(
                    "Invalid feature format: {text}. Expected format: 'feature=version' (e.g. 'group.version=1')"
                ));
            };
            let Some(feature) = FEATURES.iter().find(|feature| feature.name == name) else {
                return fail(format!("Unknown feature: {name}"));
            };
            if name == METADATA_VERSION {
                let Some(release) = MetadataVersion(level).name() else {
                    return fail(format!("Unknown metadata.version {level}"));
                };
                out.line(format!("{name}={level} ({release}) has no dependencies."));
            } else if !(feature.min..=feature.max).contains(&level) {
                return fail(format!("Feature level {level} is not supported for feature {name}"));
            } else if let Some(needed) = features::dependency(name, level) {
                out.line(format!("{name}={level} requires:"));
                let release = needed.name().unwrap_or_default();
                out.line(format!("    {METADATA_VERSION}={} ({release})", needed.0));
            } else {
                out.line(format!("{name}={level} has no dependencies."));
            }
        }
        Ok(())
    }
}
