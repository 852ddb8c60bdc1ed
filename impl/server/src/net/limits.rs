//! How many connections there may be.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::SocketConfig;

/// `max.connections` of the node and `max.connections.per.ip`.
#[derive(Debug)]
pub struct Limits {
    slots: Arc<Semaphore>,
    per_ip: usize,
    overrides: HashMap<IpAddr, usize>,
    open: Mutex<HashMap<IpAddr, usize>>,
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

    /// Lets a connection in, unless its host has enough of them.
    pub(super) fn admit(
        self: &Arc<Self>,
        slot: OwnedSemaphorePermit,
        ip: IpAddr,
    ) -> Option<Admitted> {
        // An IPv4 client of a listener for both is the same host.
        let ip = ip.to_canonical();
        let limit = self.overrides.get(&ip).copied().unwrap_or(self.per_ip);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(ip).or_default();
        if *count >= limit {
            if *count == 0 {
                open.remove(&ip);
            }
            return None;
        }
        *count += 1;
        Some(Admitted { limits: self.clone(), ip, _slot: slot })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.ip);
            }
        }
    }
}
