//! What a controller writes first when it becomes active.

use super::features::{ELR_VERSION, METADATA_VERSION, MetadataVersion};
use super::record::{BROKER_RESOURCE, Record};
use super::{Decision, Metadata, Settings};
use crate::types::Offset;

/// Why a controller cannot become active.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    /// The records that a new cluster starts from name no `metadata.version`.
    #[error("the bootstrap records hold no metadata.version; format the directory anew")]
    NoMetadataVersion,
    /// The level is not served.
    #[error("metadata.version {0} is not served; levels from 7 to 29 are")]
    UnsupportedMetadataVersion(i16),
    /// A transaction is open although the level has none.
    #[error(
        "a metadata transaction is open since offset {0}, but metadata.version {1} has no transactions"
    )]
    TransactionOpen(Offset, i16),
}

/// The records of activation: on an empty log the bootstrap records, in a transaction where the level has them;
/// after a controller that left a transaction open, its end.
///
/// `bootstrap` is what `bootstrap.checkpoint` holds.
pub fn activate(
    metadata: &Metadata,
    bootstrap: &[Record],
    settings: &Settings,
) -> Result<Decision<()>, ActivationError> {
    let feature = |name| {
        bootstrap.iter().rev().find_map(|record| match record {
            Record::FeatureLevel { name: set, feature_level } if set == name => {
                Some(*feature_level)
            }
            _ => None,
        })
    };
    // What an open transaction says does not count: it is about to be aborted.
    let finalized = metadata.image().metadata_version();
    let version = match finalized {
        Some(version) => version,
        None => feature(METADATA_VERSION)
            .map(MetadataVersion)
            .ok_or(ActivationError::NoMetadataVersion)?,
    };
    if !version.is_supported() {
        return Err(ActivationError::UnsupportedMetadataVersion(version.0));
    }
    let mut records = Vec::new();
    if let Some(begin) = metadata.transaction_begin() {
        if !version.has_transactions() {
            return Err(ActivationError::TransactionOpen(begin, version.0));
        }
        records.push(Record::AbortTransaction { reason: Some("Controller failover".to_owned()) });
    }
    if finalized.is_none() {
        if version.has_transactions() {
            records.push(Record::BeginTransaction { name: Some("Bootstrap records".to_owned()) });
        }
        records.extend(bootstrap.iter().cloned());
        if feature(ELR_VERSION).is_some_and(|level| level > 0) {
            // With ELR the value for all brokers must not depend on which controller is active.
            let value =
                settings.static_config.get("min.insync.replicas").map_or("1", |value| value.trim());
            records.push(Record::Config {
                resource_type: BROKER_RESOURCE,
                resource_name: String::new(),
                name: "min.insync.replicas".to_owned(),
                value: Some(value.to_owned()),
            });
        }
        if version.has_transactions() {
            records.push(Record::EndTransaction);
        }
    }
    Ok(Decision { records, atomic: true, response: () })
}
