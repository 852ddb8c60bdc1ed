//! `UpdateFeatures` (KIP-584, KIP-853): what the controller decides, and the upgrade of the quorum.

use std::time::Duration;

use kraftig_spec::controller::{self, FeatureUpdate, KRAFT_VERSION, UpgradeType};
use kraftig_wire::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use kraftig_wire::messages::update_features_response::{
    UpdatableFeatureResult, UpdateFeaturesResponse,
};
use kraftig_wire::{ErrorCode, Str};

use super::channel::Question;
use super::{ControllerError, ControllerHandle};
use crate::broker::Broker;
use crate::net::client::{ClientError, Connection};
use crate::quorum::{KRAFT_VERSIONS, Voter};

/// From this version on a request says of what kind an update is.
const KIND_VERSION: i16 = 1;
/// Kafka's text of the error, where a change took too long.
const TIMED_OUT: &str = "The request timed out.";

/// Answers on a controller listener: only the active controller does it.
pub async fn handle(
    broker: &Broker,
    version: i16,
    request: &UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    match update(broker, version, request).await {
        Ok(()) => {
            let result = |update: &FeatureUpdateKey| UpdatableFeatureResult {
                feature: update.feature.clone(),
                error_message: None,
                ..UpdatableFeatureResult::default()
            };
            UpdateFeaturesResponse {
                error_message: None,
                results: request.feature_updates.iter().map(result).collect(),
                ..UpdateFeaturesResponse::default()
            }
        }
        Err(error) => {
            let message = error.message.unwrap_or_default();
            let message = if error.code == ErrorCode::INVALID_UPDATE_VERSION {
                format!(
                    "The update failed for all features since the following feature had an error: {message}"
                )
            } else {
                message
            };
            UpdateFeaturesResponse {
                error_code: error.code.0,
                error_message: Some(Str::from(message)),
                ..UpdateFeaturesResponse::default()
            }
        }
    }
}

async fn update(
    broker: &Broker,
    version: i16,
    request: &UpdateFeaturesRequest,
) -> Result<(), ControllerError> {
    let quorum = &broker.quorum;
    let Some(local) =
        quorum.status().local.filter(|local| Some(local.id) == quorum.status().leader)
    else {
        return Err(ControllerError::not_controller());
    };
    let kind = |update: &FeatureUpdateKey| match update.upgrade_type {
        _ if version < KIND_VERSION => {
            Some(if update.allow_downgrade { UpgradeType::Downgrade } else { UpgradeType::Upgrade })
        }
        1 => Some(UpgradeType::Upgrade),
        2 | 3 => Some(UpgradeType::Downgrade),
        _ => None,
    };
    let update = |update: &FeatureUpdateKey| FeatureUpdate {
        name: update.feature.to_string(),
        level: update.max_version_level,
        kind: kind(update),
    };
    let updates: Vec<FeatureUpdate> = request.feature_updates.iter().map(update).collect();
    let image = broker.metadata.load_full();
    let kraft_version = quorum.voters().kraft_version;
    let upgraded = controller::update_features(&image, kraft_version, &updates, local.id)?;
    if upgraded.is_none() {
        // The log may name the voters, and lose that again.
        let is_asked = updates.iter().any(|update| update.name == KRAFT_VERSION);
        if kraft_version == 0 || !is_asked {
            return Ok(());
        }
        let description = quorum.describe().await.ok_or_else(ControllerError::not_controller)?;
        return if description.names_voters {
            Ok(())
        } else {
            Err(ControllerError::new(ErrorCode::REQUEST_TIMED_OUT, TIMED_OUT))
        };
    }
    // A controller is active once it is registered.
    let endpoints = image.controllers.get(&local.id).map(|it| it.end_points.clone());
    let own = Voter {
        replica: local,
        endpoints: endpoints.unwrap_or_default(),
        kraft_versions: KRAFT_VERSIONS,
    };
    broker.voters.upgrade(own, request.validate_only).await
}

/// Answers on a broker listener with what the active controller says.
pub async fn ask(
    broker: &Broker,
    version: i16,
    request: &UpdateFeaturesRequest,
    within: Duration,
) -> UpdateFeaturesResponse {
    let question = Update { broker, version, request };
    let answer = broker.to_controller.ask(&question, within).await;
    answer.unwrap_or_else(|_| UpdateFeaturesResponse {
        error_code: ErrorCode::REQUEST_TIMED_OUT.0,
        error_message: Some(Str::from_static(TIMED_OUT)),
        ..UpdateFeaturesResponse::default()
    })
}

struct Update<'a> {
    broker: &'a Broker,
    version: i16,
    request: &'a UpdateFeaturesRequest,
}

impl Question for Update<'_> {
    type Answer = UpdateFeaturesResponse;

    async fn here(&self, _controller: &ControllerHandle) -> Option<UpdateFeaturesResponse> {
        active(handle(self.broker, self.version, self.request).await)
    }

    async fn there(
        &self,
        connection: &Connection,
    ) -> Result<Option<UpdateFeaturesResponse>, ClientError> {
        // As it came: what an update means depends on the version.
        let response = connection.send_version(self.version, self.request).await?;
        Ok(active(response))
    }
}

fn active(response: UpdateFeaturesResponse) -> Option<UpdateFeaturesResponse> {
    Some(response).filter(|response| response.error_code != ErrorCode::NOT_CONTROLLER.0)
}
