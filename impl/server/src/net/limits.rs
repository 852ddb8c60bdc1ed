//! How many connections there may be.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::SocketConfig;

/// How long the log keeps still about connections that are closed for want of descriptors.
const WARNING_PAUSE: Duration = Duration::from_mins(1);

/// `max.connections` of the node, `max.connections.per.ip`, and what the limit of open files leaves to connections.
#[derive(Debug)]
pub struct Limits {
    slots: Arc<Semaphore>,
    per_ip: usize,
    overrides: HashMap<IpAddr, usize>,
    /// A quarter of the descriptors is for files: without them partitions go offline, which is worse than a client
    /// that has to come again.
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_ip: HashMap<IpAddr, usize>,
    warned: Option<Instant>,
}

/// A place for one connection. Dropping it makes the place free.
#[derive(Debug)]
pub(super) struct Admitted {
    limits: Arc<Limits>,
    ip: IpAddr,
    _slot: OwnedSemaphorePermit,
}

impl Limits {
    /// The limits of a configuration. Hosts of `max.connections.per.ip.overrides` are looked up once; one that has
    /// no address is left out.
    pub fn new(config: &SocketConfig) -> Arc<Self> {
        let descriptors = getrlimit(Resource::Nofile).current;
        let descriptors =
            descriptors.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
        Self::of(config, descriptors)
    }

    fn of(config: &SocketConfig, descriptors: usize) -> Arc<Self> {
        let count = |limit: i32| usize::try_from(limit).unwrap_or_default();
        let overrides = config
            .max_connections_per_ip_overrides
            .iter()
            .flat_map(|(host, limit)| {
                let addresses = (host.as_str(), 0).to_socket_addrs();
                if let Err(error) = &addresses {
                    tracing::warn!("max.connections.per.ip.overrides: {host}: {error}");
                }
                addresses.into_iter().flatten().map(|address| (address.ip(), count(*limit)))
            })
            .collect();
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(count(config.max_connections))),
            per_ip: count(config.max_connections_per_ip),
            overrides,
            most: descriptors - descriptors / 4,
            open: Mutex::default(),
        })
    }

    /// Waits until the node may have one more connection.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        match self.slots.clone().acquire_owned().await {
            Ok(slot) => slot,
            // Never: nobody closes the semaphore.
            Err(_) => std::future::pending().await,
        }
    }

    /// Lets a connection in, unless its host or the node has enough of them, which it says in the log.
    pub(super) fn admit(
        self: &Arc<Self>,
        slot: OwnedSemaphorePermit,
        peer: SocketAddr,
    ) -> Option<Admitted> {
        // An IPv4 client of a listener for both is the same host.
        let ip = peer.ip().to_canonical();
        let limit = self.overrides.get(&ip).copied().unwrap_or(self.per_ip);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.by_ip.get(&ip).copied().unwrap_or_default();
        if count >= limit {
            tracing::info!(
                "closing the connection of {peer}: its host has as many as max.connections.per.ip allows"
            );
            return None;
        }
        if open.all >= self.most {
            if open.warned.is_none_or(|warned| warned.elapsed() >= WARNING_PAUSE) {
                open.warned = Some(Instant::now());
                tracing::warn!(
                    "closing the connection of {peer}, and others without a word: {} are open, and files need what is left of the limit of open files. Raise the limit, or lower max.connections.",
                    open.all
                );
            }
            return None;
        }
        open.all += 1;
        open.by_ip.insert(ip, count + 1);
        Some(Admitted { limits: self.clone(), ip, _slot: slot })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(count) = open.by_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn connections_leave_descriptors_for_files() {
        let properties = [
            ("process.roles", "controller"),
            ("node.id", "1"),
            ("listeners", "CONTROLLER://127.0.0.1:0"),
            ("controller.listener.names", "CONTROLLER"),
            ("controller.quorum.voters", "1@127.0.0.1:9093"),
        ];
        let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = Config::from_properties(properties.into()).unwrap();
        let limits = Limits::of(&config.sockets, 8);
        let admit =
            async |host: u8| limits.admit(limits.slot().await, ([127, 0, 0, host], 1).into());
        let mut open = Vec::new();
        for host in 0..6 {
            open.push(admit(host).await.expect("room"));
        }
        assert!(admit(6).await.is_none());
        open.pop();
        open.push(admit(6).await.expect("room"));
        assert!(admit(7).await.is_none());
    }
}
