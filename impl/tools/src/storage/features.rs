//! The features that a cluster is formatted with (KIP-584, 778, 1022).

use std::collections::BTreeMap;

use kraftig_spec::controller::{
    ELR_VERSION, FEATURES, KRAFT_VERSION, METADATA_VERSION, MetadataVersion,
};

use crate::output::{Failure, fail};

/// The level of each feature that was asked for by `--feature NAME=LEVEL`; the last one counts.
pub(super) type Levels = BTreeMap<String, i16>;

/// The version that a `--release-version` means: `4.2-IV1`, or `4.2` or `4.2.0` for the last one of a release.
pub(super) fn parse_release(text: &str) -> Result<MetadataVersion, Failure> {
    let name = text.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    MetadataVersion::from_name(&name).ok_or_else(|| {
        let names: Vec<_> = (MetadataVersion::MINIMUM.0..=MetadataVersion::LATEST.0)
            .filter_map(|level| MetadataVersion(level).name())
            .collect();
        Failure(format!(
            "Unknown metadata.version '{text}'. Supported metadata.version are: {}",
            names.join(", ")
        ))
    })
}

/// Reads each `--feature`.
pub(super) fn parse_levels(features: &[String]) -> Result<Levels, Failure> {
    features
        .iter()
        .map(|text| {
            let no =
                |why: String| Failure(format!("Can't parse feature=level string {text}: {why}"));
            let (name, level) =
                text.split_once('=').ok_or_else(|| no("equals sign not found.".to_owned()))?;
            let (name, level) = (name.trim(), level.trim());
            let level =
                level.parse().map_err(|_| no(format!("unable to parse {level} as a short.")))?;
            Ok((name.to_owned(), level))
        })
        .collect()
}

/// The version to format with: of `--release-version`, or of `--feature metadata.version`, or the latest.
pub(super) fn metadata_version(
    release: Option<MetadataVersion>,
    levels: &Levels,
) -> Result<MetadataVersion, Failure> {
    let (oldest, latest) = (MetadataVersion::MINIMUM.0, MetadataVersion::LATEST.0);
    match (release, levels.get(METADATA_VERSION)) {
        (Some(_), Some(_)) => fail(
            "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.",
        ),
        (Some(version), None) => Ok(version),
        (None, Some(level)) if MetadataVersion(*level).is_supported() => {
            Ok(MetadataVersion(*level))
        }
        (None, Some(level)) => fail(format!(
            "No MetadataVersion with feature level {level}. Valid feature levels are from {oldest} to {latest}."
        )),
        (None, None) => Ok(MetadataVersion::LATEST),
    }
}

/// The level of every feature of the new cluster: those asked for, and what else `version` comes with.
/// `dynamic` tells whether the quorum is to be a dynamic one, `None` that the node need not know.
pub(super) fn resolve(
    version: MetadataVersion,
    asked: &Levels,
    dynamic: Option<bool>,
) -> Result<Levels, Failure> {
    let optional = || FEATURES.iter().filter(|feature| feature.name != METADATA_VERSION);
    let known = |name: &str| FEATURES.iter().any(|feature| feature.name == name);
    if let Some(unknown) = asked.keys().find(|name| !known(name)) {
        let mut names: Vec<_> = optional().map(|feature| feature.name).collect();
        names.sort_unstable();
        return fail(format!(
            "Unsupported feature: {unknown}. Supported features are: {}",
            names.join(", ")
        ));
    }
    check_kraft_version(asked.get(KRAFT_VERSION).copied(), dynamic)?;
    let mut levels = Levels::from([(METADATA_VERSION.to_owned(), version.0)]);
    for feature in optional() {
        let level = match asked.get(feature.name) {
            Some(level) => *level,
            None if feature.name == KRAFT_VERSION => i16::from(dynamic == Some(true)),
            None if version >= feature.default_from => feature.max,
            None => 0,
        };
        if !(feature.min..=feature.max).contains(&level) {
            return fail(format!("No feature:{} with feature level {level}", feature.name));
        }
        levels.insert(feature.name.to_owned(), level);
    }
    for (name, level) in &levels {
        if let Some(needed) = dependency(name, *level).filter(|needed| version < *needed) {
            return fail(format!(
                "{name} could not be set to {level} because it depends on metadata.version level {}",
                needed.0
            ));
        }
    }
    Ok(levels)
}

/// The `metadata.version` that a level of a feature needs. There is one: without its fields in the records there are no
/// ELRs.
pub(super) fn dependency(name: &str, level: i16) -> Option<MetadataVersion> {
    (name == ELR_VERSION && level > 0).then_some(MetadataVersion(23))
}

/// `kraft.version` follows from the kind of quorum; asked for, it must fit (KIP-853).
fn check_kraft_version(level: Option<i16>, dynamic: Option<bool>) -> Result<(), Failure> {
    match (level, dynamic) {
        (Some(0), Some(true)) => fail(
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing the --feature flag for kraft.version.",
        ),
        (Some(level), Some(false)) if level != 0 => fail(format!(
            "Cannot set kraft.version to {level} unless controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try using one of --standalone, --initial-controllers, or --no-initial-controllers and removing controller.quorum.voters."
        )),
        _ => Ok(()),
    }
}
