//! How many connections there may be, and how much memory their requests and answers may take.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kraftig_wire::Request;
use kraftig_wire::messages::fetch_request::FetchRequest;
use kraftig_wire::messages::produce_request::ProduceRequest;
use rustix::process::{Resource, getrlimit};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::guest::{Entry, Guest};
use crate::config::SocketConfig;

/// How long the log keeps still about connections that are closed for want of descriptors or memory.
const WARNING_PAUSE: Duration = Duration::from_mins(1);
/// How long a connection waits to be let in while many others were asked to leave and have not left.
const LEAVING_PAUSE: Duration = Duration::from_millis(1);
/// Lines about single connections that the log takes in that time: it is on a disk, and anybody can write to it so.
const MOST_COMPLAINTS: u32 = 100;
/// Memory for requests and answers where `queued.max.request.bytes` says nothing. Stock Kafka has no limit then, and
/// ends when its heap is full.
const MEMORY: usize = 256 << 20;
/// What a request and its answer take in memory, in multiples of its size: empty names are the worst. Records are not
/// copied, so it is not so for Produce.
const UNFOLDED: usize = 64;
/// The same for a fetch, which may be kept for long: just the request.
const UNFOLDED_FETCH: usize = 12;
/// From this size on a request can keep a processor busy for long.
const LARGE: usize = 64 << 10;
/// How many such requests are served at once.
const MOST_LARGE: usize = 1;

/// `max.connections` of the node, `max.connections.per.ip`, what the limit of open files leaves to connections, and
/// the memory for requests and answers.
#[derive(Debug)]
pub struct Limits {
    slots: Arc<Semaphore>,
    per_ip: usize,
    overrides: HashMap<IpAddr, usize>,
    /// A quarter of the descriptors is for files: without them partitions go offline, which is worse than a client
    /// that has to come again.
    most: usize,
    memory: usize,
    /// `connections.max.idle.ms`.
    pub(super) idle: Option<Duration>,
    began: Instant,
    held: AtomicUsize,
    /// Told whenever memory was freed that somebody may wait for.
    pub(super) freed: Notify,
    /// Places for large requests.
    pub(super) large: Semaphore,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    guests: HashMap<u64, Arc<Entry>>,
    by_ip: HashMap<IpAddr, usize>,
    next: u64,
    warned: Option<Instant>,
    complaints: (Option<Instant>, u32),
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

    pub(super) fn of(config: &SocketConfig, descriptors: usize) -> Arc<Self> {
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
        let memory = match usize::try_from(config.queued_max_request_bytes) {
            Ok(bytes) if bytes > 0 => bytes,
            _ => MEMORY.max(2 * count(config.request_max_bytes)),
        };
        let idle = u64::try_from(config.connections_max_idle_ms).ok().map(Duration::from_millis);
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(count(config.max_connections))),
            per_ip: count(config.max_connections_per_ip),
            overrides,
            most: descriptors - descriptors / 4,
            memory,
            idle,
            began: Instant::now(),
            held: AtomicUsize::new(0),
            freed: Notify::new(),
            large: Semaphore::new(MOST_LARGE),
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

    /// Lets a connection in, unless its host has enough of them. Where the node has enough, another leaves: one that
    /// never asked for anything, or the one that has waited longest for its peer. If all have work, the new one does.
    pub(super) async fn admit(
        self: &Arc<Self>,
        slot: OwnedSemaphorePermit,
        peer: SocketAddr,
    ) -> Option<Guest> {
        // An IPv4 client of a listener for both is the same host.
        let ip = peer.ip().to_canonical();
        let limit = self.overrides.get(&ip).copied().unwrap_or(self.per_ip);
        while self.lock().leaving() > self.most / 8 {
            // Those that were asked to have still to do it.
            tokio::time::sleep(LEAVING_PAUSE).await;
        }
        let mut open = self.lock();
        let count = open.by_ip.get(&ip).copied().unwrap_or_default();
        if count >= limit {
            tracing::info!(
                "closing the connection of {peer}: its host has as many as max.connections.per.ip allows"
            );
            return None;
        }
        if open.guests.len() >= self.most {
            open.warn(|| {
                let most = self.most;
                format!("closing the connections that have waited longest: {most} are open, and files need what is left of the limit of open files. Raise the limit, or lower max.connections.")
            });
            if open.guests.len() - open.leaving() >= self.most {
                open.next_to_leave(|_| true)?.leave();
            }
        }
        let id = open.next;
        open.next += 1;
        let guest = Guest::new(self.clone(), ip, id, slot);
        open.guests.insert(id, guest.entry().clone());
        open.by_ip.insert(ip, count + 1);
        Some(guest)
    }

    /// A connection is gone.
    pub(super) fn left(&self, id: u64, ip: IpAddr) {
        let mut open = self.lock();
        open.guests.remove(&id);
        if let Some(count) = open.by_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                open.by_ip.remove(&ip);
            }
        }
    }

    /// A connection that held `before` bytes holds `now`. It does not leave for that itself: it waits until others have.
    pub(super) fn changed(&self, holder: &Arc<Entry>, before: usize, now: usize) {
        if now < before {
            self.held.fetch_sub(before - now, Ordering::Relaxed);
            self.freed.notify_waiters();
            return;
        }
        self.held.fetch_add(now - before, Ordering::Relaxed);
        if self.is_enough() {
            return;
        }
        let mut open = self.lock();
        let holders = open.guests.values().filter(|entry| !entry.is_leaving());
        let mut staying: usize = holders.map(|entry| entry.held()).sum();
        while staying > self.memory {
            let Some(entry) = open.next_to_leave(|entry| {
                entry.held() > 0 && !std::ptr::eq(entry, &raw const **holder)
            }) else {
                break;
            };
            staying -= entry.held();
            entry.leave();
            open.warn(|| format!("closing the connections that have waited longest with half a request, or an answer that nobody reads: together they take more than {} bytes (queued.max.request.bytes).", self.memory));
        }
    }

    /// Whether what connections hold is within the limit.
    pub(super) fn is_enough(&self) -> bool {
        self.held.load(Ordering::Relaxed) <= self.memory
    }

    /// How much memory a request of this API and size takes that is read; `None` if none of that size is served. What a
    /// large one unfolds to is beside the limit, as few are served at once: those that wait for their turn take no more
    /// than they have.
    pub(super) fn unfolded(&self, key: i16, size: usize) -> Option<usize> {
        if key == ProduceRequest::KEY {
            return Some(size);
        }
        let most = size.saturating_mul(UNFOLDED);
        let held = match key {
            FetchRequest::KEY => size.saturating_mul(UNFOLDED_FETCH),
            _ if Self::is_large(key, size) => size,
            _ => most,
        };
        (most <= self.memory).then_some(held)
    }

    /// Whether a request of this API and size is one of those of which few are served at once: such as keep a processor
    /// busy. A fetch does not, and may wait for long.
    pub(super) fn is_large(key: i16, size: usize) -> bool {
        size >= LARGE && ![ProduceRequest::KEY, FetchRequest::KEY].contains(&key)
    }

    /// Tells the log about one connection, unless it was told about many just before.
    pub(super) fn complain(&self, text: impl FnOnce() -> String) {
        let mut open = self.lock();
        let (since, count) = &mut open.complaints;
        if since.is_none_or(|since| since.elapsed() >= WARNING_PAUSE) {
            if *count > MOST_COMPLAINTS {
                tracing::warn!("{} more connections were closed", *count - MOST_COMPLAINTS);
            }
            (*since, *count) = (Some(Instant::now()), 0);
        }
        *count += 1;
        let count = *count;
        drop(open);
        if count <= MOST_COMPLAINTS {
            tracing::warn!("{}", text());
        }
    }

    /// Milliseconds since the limits were made.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn leaving(&self) -> usize {
        self.guests.values().filter(|entry| entry.is_leaving()).count()
    }

    fn next_to_leave(&self, may_leave: impl Fn(&Entry) -> bool) -> Option<Arc<Entry>> {
        let waiting = self.guests.values().filter(|entry| may_leave(entry));
        waiting
            .filter_map(|entry| Some((entry.waits_since()?, entry)))
            .min_by_key(|(since, _)| *since)
            .map(|(_, entry)| entry.clone())
    }

    fn warn(&mut self, text: impl FnOnce() -> String) {
        if self.warned.is_none_or(|warned| warned.elapsed() >= WARNING_PAUSE) {
            self.warned = Some(Instant::now());
            tracing::warn!("{}", text());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::guest::GaveUp;
    use super::*;
    use crate::config::Config;

    pub(in super::super) fn limits(
        descriptors: usize,
        memory: usize,
        more: &[(&str, &str)],
    ) -> Arc<Limits> {
        let (memory, request) = (memory.to_string(), (memory / 2).to_string());
        let properties = [
            ("process.roles", "controller"),
            ("node.id", "1"),
            ("listeners", "CONTROLLER://127.0.0.1:0"),
            ("controller.listener.names", "CONTROLLER"),
            ("controller.quorum.voters", "1@127.0.0.1:9093"),
            ("queued.max.request.bytes", &memory),
            ("socket.request.max.bytes", &request),
        ];
        let properties = properties.iter().chain(more);
        let properties = properties.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let config = Config::from_properties(properties.collect()).unwrap();
        Limits::of(&config.sockets, descriptors)
    }

    pub(in super::super) async fn admit(limits: &Arc<Limits>, host: u8) -> Option<Guest> {
        limits.admit(limits.slot().await, ([127, 0, 0, host], 1).into()).await
    }

    async fn later() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }

    #[tokio::test]
    async fn connections_leave_descriptors_for_files() {
        let limits = limits(8, 1 << 20, &[]);
        let mut guests = Vec::new();
        for host in 0..6 {
            let guest = admit(&limits, host).await.expect("room");
            guest.works();
            guests.push(guest);
        }
        assert!(admit(&limits, 6).await.is_none(), "all have work");
        guests.pop();
        guests.push(admit(&limits, 6).await.expect("room"));
    }

    #[tokio::test]
    async fn whoever_has_waited_longest_makes_room() {
        let limits = limits(8, 1 << 20, &[]);
        let mut guests = Vec::new();
        for host in 0..6 {
            guests.push(admit(&limits, host).await.expect("room"));
            later().await;
        }
        // The first two have been heard from.
        guests[0].works();
        guests[1].served();
        let newest = admit(&limits, 6).await.expect("the third makes room");
        assert_eq!(guests[2].guard(std::future::pending::<()>()).await, Err(GaveUp::Displaced));
        guests.remove(2);
        for guest in guests.iter().chain([&newest]) {
            assert_eq!(guest.guard(async {}).await, Ok(()));
        }
        // The second has asked for something, if long ago.
        for host in 7..11 {
            later().await;
            drop(guests.pop());
            guests.insert(2, admit(&limits, host).await.expect("room"));
        }
        assert_eq!(guests[1].guard(async {}).await, Ok(()));
    }

    #[tokio::test]
    async fn memory_goes_to_those_that_use_it() {
        let limits = limits(100, 1 << 20, &[]);
        let (slow, busy, new) =
            tokio::join!(admit(&limits, 1), admit(&limits, 2), admit(&limits, 3));
        let (slow, busy, new) = (slow.unwrap(), busy.unwrap(), new.unwrap());
        slow.hold(400 << 10).await.unwrap();
        busy.hold(400 << 10).await.unwrap();
        busy.works();
        later().await;
        new.waits();
        // As much as a whole limit does not fit beside what has work, though the slow one leaves.
        let (got, left) = tokio::join!(new.hold(500 << 10), async {
            let left = slow.guard(std::future::pending::<()>()).await;
            drop(slow);
            left
        });
        assert_eq!((got, left), (Ok(()), Err(GaveUp::Displaced)));
        // Nobody else can leave: it waits for the one that has work.
        let (got, ()) = tokio::join!(new.hold(700 << 10), async { drop(busy) });
        assert_eq!(got, Ok(()));
        drop(new);
        assert_eq!(limits.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn only_records_come_in_large_requests() {
        let limits = limits(8, 1 << 20, &[]);
        assert_eq!(limits.unfolded(ProduceRequest::KEY, 1 << 19), Some(1 << 19));
        assert_eq!(limits.unfolded(FetchRequest::KEY, 1 << 10), Some(12 << 10));
        assert_eq!(limits.unfolded(3, 1 << 14), Some(1 << 20));
        assert_eq!(limits.unfolded(3, (1 << 14) + 1), None);
    }
}
