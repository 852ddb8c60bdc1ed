//! Listeners and connections.
//!
//! A connection is one task: it reads a frame, lets it be answered, writes the answer, and only then takes the next
//! one, as Kafka's does. So answers come in order, and what a client sends ahead waits in the socket. Nothing that a
//! client sends ends more than its own connection.

mod answer;
pub mod client;
mod connection;
mod frames;
mod guest;
mod limits;
mod requests;

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::task::{JoinHandle, JoinSet};

use crate::broker::{Broker, ListenerContext, RequestContext};
use crate::config::{Listener, SocketConfig};
pub use limits::Limits;

/// How long to wait when the system gives no connection, as with too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener whose address is taken. Clients can connect, and wait until it is served.
#[derive(Debug)]
pub struct Bound {
    context: Arc<ListenerContext>,
    socket: TcpListener,
    address: SocketAddr,
}

/// A listener's address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "Socket server failed to bind to {listener}: {source}. Stop what uses the port, or change listeners."
)]
pub struct BindError {
    listener: String,
    source: io::Error,
}

impl Bound {
    /// Takes the address of a listener.
    pub fn bind(
        listener: &Listener,
        is_controller: bool,
        config: &SocketConfig,
    ) -> Result<Self, BindError> {
        let bound = || {
            let address = resolve(&listener.host, listener.port)?;
            let socket = listen(address, config).or_else(|error| {
                // Every interface is one of IPv4 where there is no IPv6.
                if listener.host.is_empty() && error.kind() != io::ErrorKind::AddrInUse {
                    listen(SocketAddr::from(([0, 0, 0, 0], listener.port)), config)
                } else {
                    Err(error)
                }
            })?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) =
            bound().map_err(|source| BindError { listener: listener.to_string(), source })?;
        Ok(Self {
            context: Arc::new(ListenerContext { name: listener.name.clone(), is_controller }),
            socket,
            address,
        })
    }

    /// The listener's name.
    pub fn name(&self) -> &str {
        &self.context.name
    }

    /// Whether it is one of the controllers'.
    pub fn is_controller(&self) -> bool {
        self.context.is_controller
    }

    /// Where it listens; the port is never 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves connections until the task is aborted, which ends them all.
    pub fn serve(self, broker: Arc<Broker>, limits: Arc<Limits>) -> io::Result<JoinHandle<()>> {
        let socket = tokio::net::TcpListener::from_std(self.socket)?;
        Ok(tokio::spawn(accept(socket, self.context, broker, limits)))
    }
}

fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    if host.is_empty() {
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    }
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    // As the JVM does, where a name has both.
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))
}

fn listen(address: SocketAddr, config: &SocketConfig) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        socket.set_only_v6(false)?;
    }
    // What lingers of an earlier run's connections does not keep the port.
    socket.set_reuse_address(true)?;
    // Connections inherit it; set any later it could not widen the window.
    if config.receive_buffer_bytes > 0 {
        socket.set_recv_buffer_size(config.receive_buffer_bytes.unsigned_abs() as usize)?;
    }
    socket.bind(&address.into())?;
    socket.listen(config.listen_backlog_size)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn accept(
    socket: tokio::net::TcpListener,
    listener: Arc<ListenerContext>,
    broker: Arc<Broker>,
    limits: Arc<Limits>,
) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = loop {
            tokio::select! {
                accepted = socket.accept() => match accepted {
                    Ok(accepted) => break accepted,
                    Err(error) => {
                        tracing::warn!("listener {}: cannot accept a connection: {error}", listener.name);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        };
        // It waits here, and the next ones in the backlog.
        let slot = limits.slot().await;
        let Some(guest) = limits.admit(slot, peer).await else {
            continue;
        };
        let context = RequestContext { listener: listener.clone(), peer, client_id: None };
        let broker = broker.clone();
        connections.spawn(async move {
            connection::serve(stream, context, &broker, &guest).await;
        });
    }
}
