//! What a node tells others of itself.

use kraftig_log::disk::DiskError;
use kraftig_log::meta_properties::random_uuid;
use kraftig_spec::controller::record::{Endpoint, SupportedFeature};
use kraftig_spec::controller::{FEATURES, Settings};
use kraftig_wire::Str;
use kraftig_wire::messages::broker_registration_request::{
    self as broker_registration, BrokerRegistrationRequest,
};

use crate::broker::replica::LogDir;
use crate::config::{Config, Listener, SecurityProtocol};
use crate::net::Bound;

/// How a broker announces itself.
pub(super) fn registration(
    config: &Config,
    bound: &[Bound],
    settings: &Settings,
    log_dirs: &[LogDir],
    previous_epoch: i64,
) -> Result<BrokerRegistrationRequest, DiskError> {
    let listener = |endpoint: Endpoint| broker_registration::Listener {
        name: endpoint.name.into(),
        host: endpoint.host.into(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
    };
    let feature = |feature: SupportedFeature| broker_registration::Feature {
        name: feature.name.into(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    let listeners = endpoints(&config.listeners.advertised_broker, bound);
    Ok(BrokerRegistrationRequest {
        broker_id: config.node_id.0,
        cluster_id: Str::from(&settings.cluster_id),
        incarnation_id: random_uuid()?,
        listeners: listeners.into_iter().map(listener).collect(),
        features: features().into_iter().map(feature).collect(),
        rack: config.rack.as_ref().map(Str::from),
        is_migrating_zk_broker: false,
        log_dirs: log_dirs.iter().map(|dir| dir.id.0).collect(),
        previous_broker_epoch: previous_epoch,
    })
}

/// What others are told of listeners. Port 0 becomes the port that the system chose.
pub(super) fn endpoints(advertised: &[Listener], bound: &[Bound]) -> Vec<Endpoint> {
    let endpoint = |listener: &Listener| Endpoint {
        name: listener.name.clone(),
        host: if listener.host.is_empty() { host_name() } else { listener.host.clone() },
        port: match listener.port {
            0 => bound
                .iter()
                .find(|bound| bound.name() == listener.name)
                .map_or(0, |bound| bound.address().port()),
            port => port,
        },
        security_protocol: match listener.protocol {
            SecurityProtocol::Plaintext => 0,
            SecurityProtocol::Ssl => 1,
            SecurityProtocol::SaslPlaintext => 2,
            SecurityProtocol::SaslSsl => 3,
        },
    };
    advertised.iter().map(endpoint).collect()
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// What every node of this program serves.
pub(super) fn features() -> Vec<SupportedFeature> {
    FEATURES
        .iter()
        .map(|feature| SupportedFeature {
            name: feature.name.to_owned(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        })
        .collect()
}
