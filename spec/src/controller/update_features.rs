//! `UpdateFeatures`: which features get other levels (KIP-584). Here that is `kraft.version` (KIP-853); the others stay as a
//! cluster was formatted.

use super::features::{FEATURES, KRAFT_VERSION};
use super::{ApiError, ErrorCode, Image};
use crate::types::NodeId;

/// What a client wants for one feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// Which.
    pub name: String,
    /// The level that it shall have; 0 for none.
    pub level: i16,
    /// What that may be; `None` for a kind that Kafka does not know.
    pub kind: Option<UpgradeType>,
}

/// Whether a level may become lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeType {
    /// Only higher.
    Upgrade,
    /// Lower, if nothing is lost by it, or whatever is.
    Downgrade,
}

/// Whether all of the updates may be made, on the controller `local` of a cluster whose log has this `kraft.version`. Gives the
/// `kraft.version` that it then has, if it changes. All are made or none, which Kafka 4.2.0 only says.
pub fn update_features(
    image: &Image,
    kraft_version: i16,
    updates: &[FeatureUpdate],
    local: NodeId,
) -> Result<Option<i16>, ApiError> {
    let mut upgraded = None;
    for update in updates {
        let FeatureUpdate { name, level, .. } = update;
        let now = match name.as_str() {
            KRAFT_VERSION => kraft_version,
            name => image.features.get(name).copied().unwrap_or_default(),
        };
        let refused = |why: String| {
            ApiError::new(
                ErrorCode::InvalidUpdateVersion,
                format!("Invalid update version {level} for feature {name}. {why}"),
            )
        };
        if let Some(why) = trouble(update, now, local) {
            return Err(refused(why));
        }
        if *level != now && name == KRAFT_VERSION {
            upgraded = Some(*level);
        } else if *level != now {
            return Err(refused(format!("Controller {local} changes {KRAFT_VERSION} only.")));
        }
    }
    Ok(upgraded)
}

/// Why a feature that has the level `now` cannot have another one, in stock Kafka's order and words.
fn trouble(update: &FeatureUpdate, now: i16, local: NodeId) -> Option<String> {
    let FeatureUpdate { name, level, kind } = update;
    let Some(kind) = kind else {
        return Some("The controller does not support the given upgrade type.".to_owned());
    };
    if *level < 0 {
        return Some("A feature version cannot be less than 0.".to_owned());
    }
    let Some(feature) = FEATURES.iter().find(|feature| feature.name == name) else {
        return Some(match level {
            0 => format!("Feature {name} not found."),
            _ => format!("Local controller {local} does not support this feature."),
        });
    };
    if *level != 0 && !(feature.min..=feature.max).contains(level) {
        return Some(format!(
            "Local controller {local} only supports versions {}-{}",
            feature.min, feature.max
        ));
    }
    if *level < now && *kind == UpgradeType::Upgrade {
        return Some(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade."
                .to_owned(),
        );
    }
    if *level > now && *kind == UpgradeType::Downgrade {
        return Some("Can't downgrade to a newer version.".to_owned());
    }
    (*level < now && name == KRAFT_VERSION)
        .then(|| "Can't downgrade the version of this feature.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(
        kraft_version: i16,
        updates: &[(&str, i16, Option<UpgradeType>)],
    ) -> Result<Option<i16>, String> {
        let update = |(name, level, kind): &(&str, i16, Option<UpgradeType>)| FeatureUpdate {
            name: (*name).to_owned(),
            level: *level,
            kind: *kind,
        };
        let updates: Vec<FeatureUpdate> = updates.iter().map(update).collect();
        let outcome = update_features(&Image::default(), kraft_version, &updates, NodeId(1));
        outcome.map_err(|error| {
            assert_eq!(error.code, ErrorCode::InvalidUpdateVersion);
            error.message.unwrap()
        })
    }

    #[test]
    fn only_the_way_up_of_kraft_version() {
        let (up, down) = (Some(UpgradeType::Upgrade), Some(UpgradeType::Downgrade));
        assert_eq!(updated(0, &[(KRAFT_VERSION, 1, up)]), Ok(Some(1)));
        assert_eq!(updated(1, &[(KRAFT_VERSION, 1, up)]), Ok(None));
        assert_eq!(updated(0, &[(KRAFT_VERSION, 0, down), ("share.version", 0, up)]), Ok(None));
        for (now, update, why) in [
            (1, (KRAFT_VERSION, 0, down), "Can't downgrade the version of this feature."),
            (
                1,
                (KRAFT_VERSION, 0, up),
                "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
            ),
            (0, (KRAFT_VERSION, 1, down), "Can't downgrade to a newer version."),
            (0, (KRAFT_VERSION, 2, up), "Local controller 1 only supports versions 0-1"),
            (0, (KRAFT_VERSION, -1, up), "A feature version cannot be less than 0."),
            (
                0,
                (KRAFT_VERSION, 1, None),
                "The controller does not support the given upgrade type.",
            ),
            (0, ("nope", 1, up), "Local controller 1 does not support this feature."),
            (0, ("nope", 0, down), "Feature nope not found."),
            (0, ("share.version", 1, up), "Controller 1 changes kraft.version only."),
        ] {
            let text =
                format!("Invalid update version {} for feature {}. {why}", update.1, update.0);
            assert_eq!(updated(now, &[update]), Err(text.clone()));
            // One that may not be keeps back the other.
            assert_eq!(updated(now, &[(KRAFT_VERSION, 1, up), update]), Err(text));
        }
    }
}
