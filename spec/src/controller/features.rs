//! `metadata.version` and the other features: what each level means for records (KIP-584, KIP-778).

use super::record::Record;

/// The name of the feature that says which records the cluster writes.
pub const METADATA_VERSION: &str = "metadata.version";
/// The name of the feature of the quorum's own log format (KIP-853). It is never finalized by a metadata record.
pub const KRAFT_VERSION: &str = "kraft.version";
/// The name of the feature that turns eligible leader replicas on (KIP-966).
pub const ELR_VERSION: &str = "eligible.leader.replicas.version";

/// A level of `metadata.version`. Kafka 4.2 serves levels 7 (3.3-IV3) to 29 (4.2-IV1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(pub i16);

/// The releases' names, from level 7 on.
const NAMES: [&str; 23] = [
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2",
    "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0",
    "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1",
];

impl MetadataVersion {
    /// The oldest level that is served, 3.3-IV3.
    pub const MINIMUM: Self = Self(7);
    /// The newest level that is served, 4.2-IV1.
    pub const LATEST: Self = Self(29);

    /// Whether this level is served.
    pub fn is_supported(self) -> bool {
        (Self::MINIMUM..=Self::LATEST).contains(&self)
    }

    /// Its name, such as `4.2-IV1`; `None` where the level is not served.
    pub fn name(self) -> Option<&'static str> {
        let index = i32::from(self.0) - i32::from(Self::MINIMUM.0);
        NAMES.get(usize::try_from(index).ok()?).copied()
    }

    /// The level of a full name (`4.2-IV1`), or the last one of a release (`4.2`).
    pub fn from_name(name: &str) -> Option<Self> {
        let matches = |full: &&str| {
            *full == name || full.split_once("-IV").is_some_and(|(release, _)| release == name)
        };
        NAMES.iter().rposition(matches).map(|index| Self(Self::MINIMUM.0 + index as i16))
    }

    /// Whether an ISR that shrinks must bump the leader epoch, because brokers of the time relied on it (KAFKA-15021).
    pub fn bumps_leader_epoch_on_isr_shrink(self) -> bool {
        self.0 < 12
    }

    /// Whether Begin, End and `AbortTransaction` exist (KIP-868).
    pub fn has_transactions(self) -> bool {
        self.0 >= 13
    }

    /// Whether controllers register (KIP-919).
    pub fn has_controller_registration(self) -> bool {
        self.0 >= 15
    }

    /// Whether replicas are assigned to directories (KIP-858).
    pub fn has_directory_assignment(self) -> bool {
        self.0 >= 17
    }

    /// Whether partitions carry eligible leader replicas (KIP-966).
    pub fn has_elr(self) -> bool {
        self.0 >= 23
    }
}

/// A feature that a node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// The lowest level that is served.
    pub min: i16,
    /// The highest level that is served.
    pub max: i16,
    /// The `metadata.version` from which a new cluster finalizes `max`.
    pub default_from: MetadataVersion,
}

const fn feature(name: &'static str, min: i16, max: i16, default_from: i16) -> Feature {
    Feature { name, min, max, default_from: MetadataVersion(default_from) }
}

/// Every feature of Kafka 4.2, in the order in which its nodes register them and answer `ApiVersions`.
pub const FEATURES: [Feature; 7] = [
    feature("group.version", 0, 1, 22),
    feature(KRAFT_VERSION, 0, 1, 21),
    feature(METADATA_VERSION, MetadataVersion::MINIMUM.0, MetadataVersion::LATEST.0, 7),
    feature("share.version", 0, 1, 28),
    feature("streams.version", 0, 1, 29),
    feature("transaction.version", 0, 2, 24),
    feature(ELR_VERSION, 0, 1, 26),
];

/// The feature records with which a cluster is formatted at a release: `metadata.version` first, then by name.
pub fn bootstrap_records(version: MetadataVersion) -> Vec<Record> {
    let mut features: Vec<(&str, i16)> = FEATURES
        .iter()
        .filter(|feature| {
            feature.name != METADATA_VERSION
                && feature.name != KRAFT_VERSION
                && version >= feature.default_from
        })
        .map(|feature| (feature.name, feature.max))
        .collect();
    features.sort_unstable();
    features.insert(0, (METADATA_VERSION, version.0));
    features
        .into_iter()
        .map(|(name, level)| Record::FeatureLevel { name: name.to_owned(), feature_level: level })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_levels() {
        assert_eq!(MetadataVersion::LATEST.name(), Some("4.2-IV1"));
        assert_eq!(MetadataVersion(21).name(), Some("3.9-IV0"));
        assert_eq!(MetadataVersion(6).name(), None);
        assert_eq!(MetadataVersion(i16::MAX).name(), None);
        assert_eq!(MetadataVersion(i16::MIN).name(), None);
        assert_eq!(MetadataVersion::from_name("3.9"), Some(MetadataVersion(21)));
        assert_eq!(MetadataVersion::from_name("4.0"), Some(MetadataVersion(25)));
        assert_eq!(MetadataVersion::from_name("4.3-IV0"), None);
        assert_eq!(bootstrap_records(MetadataVersion::LATEST).len(), 6);
        assert_eq!(
            bootstrap_records(MetadataVersion(25)).len(),
            3,
            "4.0 adds group.version and transaction.version"
        );
        assert_eq!(bootstrap_records(MetadataVersion(21)).len(), 1);
    }
}
