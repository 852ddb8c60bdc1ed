//! A connection's place in the node: how long it may wait for its peer, and what memory it holds meanwhile.
//!
//! Where places or memory run out, a peer leaves that never asked for anything, or else the one that has been waited for
//! longest: that sends half a request and no more, or does not read its answers. So what is scarce goes to those that use
//! it, however many others there are.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::limits::Limits;

/// Memory that a connection has without being counted.
const SMALL: usize = 16 << 10;
/// The time at which a connection that has work began to wait.
const NEVER: u64 = u64::MAX;

/// Why a connection is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GaveUp {
    /// Nothing happened for too long.
    #[error("nothing came for connections.max.idle.ms")]
    Idle,
    /// Others need the place or the memory.
    #[error("others needed its place")]
    Displaced,
}

/// What the node knows of a connection.
#[derive(Debug)]
pub(super) struct Entry {
    /// Since when it waits for its peer, in ms since the limits were made.
    since: AtomicU64,
    served: AtomicBool,
    held: AtomicUsize,
    leaving: AtomicBool,
    leave: Notify,
}

impl Entry {
    /// Whether it was ever served, and since when it waits for its peer; `None` while it has work, and when it was asked
    /// to leave. The least of all leaves first.
    pub(super) fn waits_since(&self) -> Option<(bool, u64)> {
        let since = self.since.load(Ordering::Relaxed);
        let served = self.served.load(Ordering::Relaxed);
        (since != NEVER && !self.is_leaving()).then_some((served, since))
    }

    /// Its counted memory.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether it was asked to leave.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Asks it to leave as soon as it waits for its peer.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }
}

/// A place for one connection. Dropping it makes the place free.
#[derive(Debug)]
pub(super) struct Guest {
    limits: Arc<Limits>,
    ip: IpAddr,
    id: u64,
    entry: Arc<Entry>,
    _slot: OwnedSemaphorePermit,
}

impl Guest {
    pub(super) fn new(
        limits: Arc<Limits>,
        ip: IpAddr,
        id: u64,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let entry = Arc::new(Entry {
            since: AtomicU64::new(limits.now()),
            served: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            leave: Notify::new(),
        });
        Self { limits, ip, id, entry, _slot: slot }
    }

    pub(super) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// The limits that the place is of.
    pub(super) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// From now on the connection waits for its peer.
    pub(super) fn waits(&self) {
        self.entry.since.store(self.limits.now(), Ordering::Relaxed);
    }

    /// The peer has an answer, and the connection waits for its next request.
    pub(super) fn served(&self) {
        self.entry.served.store(true, Ordering::Relaxed);
        self.waits();
    }

    /// From now on the connection has work, which is done to its end.
    pub(super) fn works(&self) {
        self.entry.since.store(NEVER, Ordering::Relaxed);
    }

    /// What `work` with the peer gives, unless it takes longer than `connections.max.idle.ms`, or others need the place.
    pub(super) async fn guard<T>(&self, work: impl Future<Output = T>) -> Result<T, GaveUp> {
        let work = async {
            tokio::select! {
                biased;
                done = work => Ok(done),
                () = self.displaced() => Err(GaveUp::Displaced),
            }
        };
        match self.limits.idle {
            None => work.await,
            Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(GaveUp::Idle)),
        }
    }

    /// Returns when others need the place.
    pub(super) async fn displaced(&self) {
        if !self.entry.is_leaving() {
            self.entry.leave.notified().await;
        }
    }

    /// Says that the connection holds so many bytes now. Whoever has waited longest leaves if that is too much.
    pub(super) fn holds(&self, bytes: usize) {
        let bytes = bytes.saturating_sub(SMALL);
        let held = self.entry.held.swap(bytes, Ordering::Relaxed);
        if bytes != held {
            self.limits.changed(&self.entry, held, bytes);
        }
    }

    /// Waits until there is memory for the connection to hold so many bytes.
    pub(super) async fn hold(&self, bytes: usize) -> Result<(), GaveUp> {
        self.holds(bytes);
        while bytes > SMALL && !self.limits.is_enough() {
            let freed = self.limits.freed.notified();
            if self.limits.is_enough() {
                break;
            }
            tokio::select! {
                () = freed => {}
                () = self.displaced() => return Err(GaveUp::Displaced),
            }
        }
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.holds(0);
        self.limits.left(self.id, self.ip);
    }
}
