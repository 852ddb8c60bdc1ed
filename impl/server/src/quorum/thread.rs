//! The thread that a node's quorum runs on.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kraftig_spec::quorum::{Request, Response};
use kraftig_spec::types::NodeId;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{Semaphore, oneshot, watch};

use super::driver::{Driver, DriverOptions, World};
use super::links::{Addresses, Links, LinksOptions, Peer};
use super::messages::Sender;
use super::tracer::Tracer;
use super::{
    Command, PLACES, QUEUE, QuorumError, QuorumEvent, QuorumHandle, QuorumOptions, QuorumStatus,
    Voters,
};

/// Commands that one flush may serve.
const MOST_COMMANDS: usize = 64;
/// Events that may wait for the controller; the thread waits for it then. It takes events whatever else it waits for.
const EVENTS: usize = 16;
/// About how much a fetch brings. More would keep the thread from all else for longer.
const FETCH_BYTES: usize = 1 << 20;
/// How long a leader that stops waits for others to know: Kafka's time for an orderly stop.
const MOST_LEAVING: Duration = Duration::from_secs(5);

/// Recovers the metadata log and starts the thread. If there are other voters, the links to them are tasks of the runtime
/// that this is called on.
pub fn start(options: QuorumOptions) -> Result<(QuorumHandle, Receiver<QuorumEvent>), QuorumError> {
    let QuorumOptions {
        config,
        directory,
        log,
        retention,
        request_timeout,
        retry_backoff,
        trace,
        ..
    } = options;
    let local = config.local;
    let sender = Sender { cluster_id: options.cluster_id.into(), endpoints: options.endpoints };
    let trace = trace.as_deref().map(Tracer::open).transpose()?;
    let QuorumOptions { peers, listener, .. } = options;
    let options = DriverOptions {
        config,
        directory,
        log,
        retention,
        request_timeout,
        retry_backoff,
        fetch_bytes: FETCH_BYTES,
        trace,
    };
    let (commands, queue) = mpsc::sync_channel(QUEUE);
    let commands = Arc::new(commands);
    let (events, told) = channel(EVENTS);
    let (status, watched) = watch::channel(QuorumStatus::default());
    let fixed = Arc::new(Voters::at(&peers, &listener));
    let (voters, watched_voters) = watch::channel(fixed.clone());
    let addresses = Addresses::default();
    let links = Links::start(
        LinksOptions {
            local,
            listener,
            sender,
            timeout: request_timeout,
            commands: Arc::downgrade(&commands),
            addresses: addresses.clone(),
        },
        peers,
    );
    let world = Node { began: Instant::now(), events, status, fixed, voters, links };
    let mut driver = Driver::recover(options, world)?;
    driver.show_voters();
    let thread = std::thread::Builder::new()
        .name("quorum".into())
        .stack_size(512 << 10)
        .spawn(move || run(driver, &queue))
        .map_err(QuorumError::Thread)?;
    let thread = Arc::new(Mutex::new(Some(thread)));
    let places = Arc::new(Semaphore::new(PLACES));
    let (status, voters) = (watched, watched_voters);
    Ok((QuorumHandle { commands, status, voters, addresses, places, thread }, told))
}

/// Who waits for an answer.
enum Asker {
    Plain(oneshot::Sender<Response<Bytes>>),
    Snapshot(oneshot::Sender<(Response<Bytes>, Bytes)>),
}

/// The world around a node's driver.
struct Node {
    began: Instant,
    events: tokio::sync::mpsc::Sender<QuorumEvent>,
    status: watch::Sender<QuorumStatus>,
    /// The voters of the configuration.
    fixed: Arc<Voters>,
    voters: watch::Sender<Arc<Voters>>,
    links: Links,
}

impl Node {
    fn located(&mut self, peer: Peer, itself: bool) {
        self.links.located(peer, itself);
    }
}

impl World for Node {
    type Reply = Asker;

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn unix_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
    }

    fn random_below(&mut self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) if bound > 0 => u64::from_le_bytes(bytes) % bound,
            _ => 0,
        }
    }

    fn send(&mut self, to: NodeId, correlation: u32, request: Request) {
        self.links.send(to, correlation, request);
    }

    fn answer(&mut self, reply: Asker, response: Response<Bytes>, chunk: Bytes) {
        // Whoever asked may be gone.
        match reply {
            Asker::Plain(reply) => drop(reply.send(response)),
            Asker::Snapshot(reply) => drop(reply.send((response, chunk))),
        }
    }

    fn tell(&mut self, event: QuorumEvent) {
        let _ = self.events.blocking_send(event);
    }

    fn status(&mut self, status: QuorumStatus) {
        self.links.leads(status.leader);
        self.status.send_if_modified(|known| std::mem::replace(known, status) != status);
    }

    fn voters(&mut self, voters: &Arc<Voters>) {
        let voters = if voters.kraft_version == 0 { &self.fixed } else { voters };
        self.links.voters(voters);
        self.voters.send_replace(voters.clone());
    }
}

fn run(mut driver: Driver<Node>, queue: &mpsc::Receiver<Command>) {
    match driver.begin().and_then(|()| serve(&mut driver, queue)) {
        Ok(reply) => {
            if let Err(error) = driver.close() {
                tracing::error!("cannot close the metadata log: {error}");
            }
            if let Some(reply) = reply {
                let _ = reply.send(());
            }
        }
        Err(error) => {
            tracing::error!("the quorum stops: {error}");
            driver.world().tell(QuorumEvent::Stopped(error));
        }
    }
}

/// Until it is told to stop, or nobody is left who could tell it.
fn serve(
    driver: &mut Driver<Node>,
    queue: &mpsc::Receiver<Command>,
) -> Result<Option<oneshot::Sender<()>>, QuorumError> {
    let mut leaving: Option<(oneshot::Sender<()>, Duration)> = None;
    loop {
        driver.settle()?;
        let now = driver.world().now();
        if let Some((reply, _)) =
            leaving.take_if(|(_, until)| !driver.is_leaving() || *until <= now)
        {
            let _ = reply.send(());
        }
        let until = leaving.as_ref().map(|(_, until)| *until);
        let mut next = match driver.deadline().into_iter().chain(until).min() {
            None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(at) => queue.recv_timeout(at.saturating_sub(now)),
        };
        // What is waiting already shares one flush.
        for left in (0..MOST_COMMANDS).rev() {
            match next {
                Ok(Command::Append { epoch, batches, reply }) => {
                    let _ = reply.send(driver.append(epoch, &batches)?);
                }
                Ok(Command::Request { request, wait, reply, place }) => {
                    drop(place);
                    driver.request(request, wait, Asker::Plain(reply))?;
                }
                Ok(Command::FetchSnapshot { fetch, max_bytes, reply, place }) => {
                    drop(place);
                    driver.fetch_snapshot(fetch, max_bytes, Asker::Snapshot(reply))?;
                }
                Ok(Command::Snapshot(snapshot)) => driver.snapshot(snapshot)?,
                Ok(Command::Answered { from, correlation, response, chunk }) => {
                    driver.answered(from, correlation, &response, chunk)?;
                }
                Ok(Command::Failed { to, correlation }) => driver.failed(to, correlation),
                Ok(Command::Unreachable { node }) => driver.unreachable(node)?,
                Ok(Command::Located { peer, itself, place }) => {
                    drop(place);
                    driver.world().located(peer, itself);
                }
                Ok(Command::ChangeVoters { change, when, reply, appended }) => {
                    let _ = appended.send(driver.change_voters(change, when, reply)?);
                }
                Ok(Command::MayChangeVoters { change, reply, place }) => {
                    drop(place);
                    // Whoever asked may be gone.
                    let _ = reply.send(driver.may_change_voters(&change));
                }
                Ok(Command::Fail(error)) => return Err(error),
                Ok(Command::Describe { reply, place }) => {
                    drop(place);
                    let _ = reply.send(driver.describe());
                }
                Ok(Command::Resign) => driver.resign()?,
                Ok(Command::Leave { reply }) => {
                    driver.resign()?;
                    leaving = Some((reply, driver.world().now() + MOST_LEAVING));
                }
                Ok(Command::Stop { reply }) => {
                    driver.settle()?;
                    return Ok(Some(reply));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => break,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(None),
            }
            if left == 0 {
                // What is taken must be done, so nothing more is taken.
                break;
            }
            next = queue.try_recv().map_err(|error| match error {
                mpsc::TryRecvError::Empty => mpsc::RecvTimeoutError::Timeout,
                mpsc::TryRecvError::Disconnected => mpsc::RecvTimeoutError::Disconnected,
            });
        }
        driver.fire()?;
    }
}
