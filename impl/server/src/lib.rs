//! A Kafka node: configuration, listeners, the metadata quorum, the controller and the broker.
//!
//! [`run`] is the whole of it; [`Node`] is for who wants to start and stop one in a program of his own.

pub mod broker;
pub mod config;
pub mod controller;
pub mod net;
mod node;
pub mod quorum;

pub use node::{Node, NodeError, ServerOptions, StoppedNode, check_unused};

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use config::Config;

/// The stack of a worker. No request goes deep.
const STACK_BYTES: usize = 512 << 10;
/// Threads for what blocks.
const MOST_BLOCKING_THREADS: usize = 16;

/// Signals this close together are one: `timeout` and terminals send theirs to the process and to its group.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

/// Runs a node until SIGTERM, SIGINT or SIGHUP stops it cleanly, and returns the signal's number. A second
/// signal ends it at once, as a crash would.
pub fn run(config: Config, options: ServerOptions) -> Result<u8, NodeError> {
    raise_open_files();
    // Requests are short and nothing in them blocks for long: two threads do the work of Kafka's dozens.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = usize::try_from(config.sockets.num_network_threads).unwrap_or(2);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(threads).max(2))
        .max_blocking_threads(MOST_BLOCKING_THREADS)
        .thread_stack_size(STACK_BYTES)
        .thread_name("kraftig")
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let mut node = match Node::start_until(config, options, signals.next()).await? {
            ControlFlow::Continue(node) => node,
            ControlFlow::Break(signal) => {
                tracing::info!("stopped before it was ready");
                return Ok(signal);
            }
        };
        let signal = tokio::select! {
            failure = node.failed() => return Err(failure),
            signal = signals.next() => signal,
        };
        tracing::info!("stopping");
        let first = Instant::now();
        let again = async {
            signals.next().await;
            while first.elapsed() < ONE_SIGNAL {
                signals.next().await;
            }
        };
        tokio::select! {
            () = node.stop() => tracing::info!("stopped"),
            () = again => tracing::warn!("stopping at once; the next start recovers"),
        }
        Ok(signal)
    });
    // Whatever still waits for a client or a disk is not waited for.
    runtime.shutdown_background();
    outcome
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The number of the next signal that asks to stop.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 15,
            _ = self.interrupt.recv() => 2,
            _ = self.hangup.recv() => 1,
        }
    }
}

/// Raises the limit of open files as far as it goes, as a JVM does: each partition with records keeps one open.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays {:?}: {error}", limit.current);
    }
}
