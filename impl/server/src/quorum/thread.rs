//! The thread that a node's quorum runs on.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kraftig_spec::quorum::{Request, Response};
use kraftig_spec::types::NodeId;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{oneshot, watch};

use super::driver::{Driver, DriverOptions, World};
use super::tracer::Tracer;
use super::{Command, QUEUE, QuorumError, QuorumEvent, QuorumHandle, QuorumOptions, QuorumStatus};

/// Commands that one flush may serve.
const MOST_COMMANDS: usize = 64;
/// Events that may wait for the controller; the thread waits for it then. It takes events whatever else it waits for.
const EVENTS: usize = 16;
/// About how much a fetch brings. More would keep the thread from all else for longer.
const FETCH_BYTES: usize = 1 << 20;

/// Recovers the metadata log and starts the thread.
pub fn start(options: QuorumOptions) -> Result<(QuorumHandle, Receiver<QuorumEvent>), QuorumError> {
    let QuorumOptions { config, directory, log, request_timeout, retry_backoff, trace } = options;
    if config.voters.len() > 1 {
        return Err(QuorumError::SeveralVoters(config.voters.len()));
    }
    let trace = trace.as_deref().map(Tracer::open).transpose()?;
    let options = DriverOptions {
        config,
        directory,
        log,
        request_timeout,
        retry_backoff,
        fetch_bytes: FETCH_BYTES,
        trace,
    };
    let (commands, queue) = mpsc::sync_channel(QUEUE);
    let (events, told) = channel(EVENTS);
    let (status, watched) = watch::channel(QuorumStatus::default());
    let world = Node { began: Instant::now(), events, status };
    let driver = Driver::recover(options, world)?;
    let thread = std::thread::Builder::new()
        .name("quorum".into())
        .stack_size(512 << 10)
        .spawn(move || run(driver, &queue))
        .map_err(QuorumError::Thread)?;
    let thread = Arc::new(Mutex::new(Some(thread)));
    Ok((QuorumHandle { commands, status: watched, thread }, told))
}

/// The world around a node's driver.
struct Node {
    began: Instant,
    events: Sender<QuorumEvent>,
    status: watch::Sender<QuorumStatus>,
}

impl World for Node {
    type Reply = oneshot::Sender<Response<Bytes>>;

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

    /// [`start`] takes no quorum in which there is anybody to ask.
    fn send(&mut self, _to: NodeId, _correlation: u32, _request: Request) {}

    fn answer(&mut self, reply: Self::Reply, response: Response<Bytes>) {
        // Whoever asked may be gone.
        let _ = reply.send(response);
    }

    fn tell(&mut self, event: QuorumEvent) {
        let _ = self.events.blocking_send(event);
    }

    fn status(&mut self, status: QuorumStatus) {
        self.status.send_if_modified(|known| std::mem::replace(known, status) != status);
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
    loop {
        driver.settle()?;
        let mut next = match driver.deadline() {
            None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(at) => queue.recv_timeout(at.saturating_sub(driver.world().now())),
        };
        // What is waiting already shares one flush.
        for left in (0..MOST_COMMANDS).rev() {
            match next {
                Ok(Command::Append { epoch, batches, reply }) => {
                    let _ = reply.send(driver.append(epoch, &batches)?);
                }
                Ok(Command::Request { request, reply }) => driver.request(request, reply)?,
                Ok(Command::Resign) => driver.resign()?,
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
