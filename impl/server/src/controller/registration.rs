//! A controller that is not active has itself registered by the one that is (KIP-919).

use std::sync::Arc;
use std::time::Duration;

use kraftig_spec::controller;
use kraftig_spec::controller::record::RegisterController;
use kraftig_wire::ErrorCode;
use tokio::time::sleep;

use super::messages::controller_registration;
use crate::broker::Broker;

/// How long one try may take.
const MOST_WAIT: Duration = Duration::from_secs(30);
/// How long to wait after a refusal.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps this controller registered, for ever. Who is active has registered itself as it became so.
pub(crate) async fn keep(broker: Arc<Broker>, registration: RegisterController) {
    let mut shown = broker.controller.shown();
    let needed = || controller::needs_registration(&broker.metadata.load(), &registration);
    let request = controller_registration(&registration);
    // An error: the node stops.
    while shown.wait_for(|_| needed()).await.is_ok() {
        match broker.to_controller_alone.ask(&request, MOST_WAIT).await {
            Ok(response) if response.error_code == ErrorCode::NONE.0 => {
                // It is committed, and comes with the log.
                let _ = shown.wait_for(|_| !needed()).await;
            }
            Ok(response) => {
                let error = ErrorCode(response.error_code);
                let why = response.error_message.unwrap_or_default();
                tracing::warn!("this controller is not registered: {error}: {why}");
                sleep(RETRY).await;
            }
            Err(error) => tracing::warn!("this controller is not registered: {error}"),
        }
    }
}
