//! Connections that this node opens to others.
//!
//! A [`Connection`] is one task around a socket. It reads all the time, so the end is noticed at once even while
//! nothing is under way: that is how a node learns that its leader is dead. Several requests may be under way;
//! answers come in the order of the requests, as Kafka's do, and each must carry its request's correlation id.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::api_versions_response::ApiVersionsResponse;
use kraftig_wire::messages::response_header::ResponseHeader;
use kraftig_wire::{
    DecodeError, EncodeError, ErrorCode, Message, Reader, Request, Str, encode_request_frame,
    header_version_response,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::config::Config;

/// Requests that may wait to be written; the next one waits with its sender.
const QUEUE: usize = 64;
/// What an answer may claim before it has come. Above, the buffer grows as the bytes come.
const UNPROVEN_BYTES: usize = 64 << 10;
/// The version in which a peer is asked what it speaks. All since Kafka 2.4 know it.
const API_VERSIONS_VERSION: i16 = 3;

/// How connections are opened.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The client id of every request, as the peer sees it in its logs and quotas.
    pub client_id: String,
    /// How long it may take until the peer has said what it speaks.
    pub connect_timeout: Duration,
    /// The longest answer in bytes. A longer one ends the connection before any memory is taken for it.
    pub max_response_bytes: usize,
}

impl ClientOptions {
    /// How a node of this configuration asks controllers.
    pub fn of(config: &Config) -> Self {
        let ms = u64::try_from(config.quorum.request_timeout_ms).unwrap_or_default();
        Self {
            client_id: config.node_id.to_string(),
            connect_timeout: Duration::from_millis(ms),
            max_response_bytes: usize::try_from(config.sockets.request_max_bytes)
                .unwrap_or_default(),
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The host's name cannot be looked up.
    #[error("cannot look up its address: {0}")]
    Resolve(Arc<io::Error>),
    /// The name stands for no address.
    #[error("it has no address")]
    NoAddress,
    /// No address takes connections; the error is the last one's.
    #[error("{address}: {source}")]
    Connect {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The connection was not there in time.
    #[error("no connection within {} ms", .0.as_millis())]
    ConnectTimeout(Duration),
    /// The peer does not say what it speaks.
    #[error("it answers ApiVersions with error {}", .0.0)]
    ApiVersions(ErrorCode),
    /// The peer and this node have no version of the API in common.
    #[error("it does not serve {0} in a version that is known here")]
    NotServed(&'static str),
    /// The peer closed the connection.
    #[error("it closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(Arc<io::Error>),
    /// An answer claims a length that is negative or above [`ClientOptions::max_response_bytes`].
    #[error("an answer claims {size} bytes, and at most {limit} are taken")]
    Size {
        /// What it claims.
        size: i32,
        /// The limit.
        limit: usize,
    },
    /// An answer carries another correlation id than the oldest request.
    #[error("an answer has correlation id {found}, and not {expected}")]
    Correlation {
        /// What it carries.
        found: i32,
        /// The oldest request's.
        expected: i32,
    },
    /// An answer came to no request.
    #[error("an answer came to no request")]
    Unasked,
    /// An answer cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The request cannot be written in the version that the peer speaks.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A connection to another node, which has said what it speaks. Dropped, it is closed. After an error of
/// [`send`](Self::send) other than [`ClientError::Encode`] and [`ClientError::NotServed`] it is of no more use, and neither
/// is it when an answer is no longer waited for because it takes too long: those after it would take longer still.
#[derive(Debug)]
pub struct Connection {
    outgoing: mpsc::Sender<Outgoing>,
    /// Why the task ended.
    ended: Arc<OnceLock<ClientError>>,
    next_correlation: AtomicI32,
    client_id: String,
    versions: Vec<Version>,
    task: JoinHandle<()>,
}

/// What the peer says of one API.
#[derive(Clone, Copy, Debug)]
struct Version {
    key: i16,
    min: i16,
    max: i16,
}

struct Outgoing {
    frame: BytesMut,
    asked: Asked,
}

/// A request that is under way. Its answer is handed over without the length, with its header.
struct Asked {
    correlation_id: i32,
    reply: oneshot::Sender<Bytes>,
}

impl Connection {
    /// Connects to the first address of a host that takes it, those of IPv4 first, and asks what the peer speaks.
    pub async fn open(host: &str, port: u16, options: &ClientOptions) -> Result<Self, ClientError> {
        let deadline = Instant::now() + options.connect_timeout;
        let late = |_| ClientError::ConnectTimeout(options.connect_timeout);
        timeout_at(deadline, Self::establish(host, port, options)).await.map_err(late)?
    }

    async fn establish(
        host: &str,
        port: u16,
        options: &ClientOptions,
    ) -> Result<Self, ClientError> {
        let resolved = tokio::net::lookup_host((host, port)).await;
        let mut addresses: Vec<SocketAddr> =
            resolved.map_err(|error| ClientError::Resolve(Arc::new(error)))?.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let mut refused = ClientError::NoAddress;
        for address in addresses {
            let connect = async {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            };
            match connect.await {
                Ok(stream) => {
                    let mut connection = Self::over(stream, options);
                    connection.versions = connection.ask_versions().await?;
                    return Ok(connection);
                }
                Err(error) => {
                    refused = ClientError::Connect { address, source: Arc::new(error) };
                }
            }
        }
        Err(refused)
    }

    fn over(stream: TcpStream, options: &ClientOptions) -> Self {
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let ended = Arc::new(OnceLock::new());
        let task = tokio::spawn(run(stream, queue, options.max_response_bytes, ended.clone()));
        Self {
            outgoing,
            ended,
            next_correlation: AtomicI32::new(0),
            client_id: options.client_id.clone(),
            versions: Vec::new(),
            task,
        }
    }

    async fn ask_versions(&self) -> Result<Vec<Version>, ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: Str::from_static("kraftig"),
            client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
        };
        let response: ApiVersionsResponse =
            self.send_version(API_VERSIONS_VERSION, &request).await?;
        if response.error_code != ErrorCode::NONE.0 {
            return Err(ClientError::ApiVersions(ErrorCode(response.error_code)));
        }
        let version = |api: &kraftig_wire::messages::api_versions_response::ApiVersion| Version {
            key: api.api_key,
            min: api.min_version,
            max: api.max_version,
        };
        Ok(response.api_keys.iter().map(version).collect())
    }

    /// The newest version of an API that both sides speak.
    pub fn version<R: Request>(&self) -> Result<i16, ClientError> {
        let served = self.versions.iter().find(|served| served.key == R::KEY);
        served
            .map(|served| (served.min.max(R::MIN_VERSION), served.max.min(R::MAX_VERSION)))
            .filter(|(min, max)| min <= max)
            .map(|(_, max)| max)
            .ok_or(ClientError::NotServed(R::NAME))
    }

    /// Sends a request in the newest version that both sides speak, and waits for its answer without end.
    pub async fn send<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.send_version(self.version::<R>()?, request).await
    }

    /// Sends a request in a version of the caller's choice, and waits for its answer without end.
    pub async fn send_version<R: Request>(
        &self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        let correlation_id = self.next_correlation.fetch_add(1, Ordering::Relaxed);
        let frame = encode_request_frame(correlation_id, Some(&self.client_id), version, request)?;
        let (reply, answer) = oneshot::channel();
        let asked = Asked { correlation_id, reply };
        if self.outgoing.send(Outgoing { frame, asked }).await.is_err() {
            return Err(self.why_it_ended());
        }
        let answer = answer.await.map_err(|_| self.why_it_ended())?;
        let mut reader = Reader::new(answer);
        let header_version = header_version_response(R::KEY, version).unwrap_or_default();
        ResponseHeader::decode(&mut reader, header_version)?;
        let response = R::Response::decode(&mut reader, version)?;
        reader.finish()?;
        Ok(response)
    }

    /// Returns once the connection has ended, and why. The peer may close it at any time.
    pub async fn closed(&self) -> ClientError {
        self.outgoing.closed().await;
        self.why_it_ended()
    }

    fn why_it_ended(&self) -> ClientError {
        self.ended.get().cloned().unwrap_or(ClientError::Closed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    stream: TcpStream,
    mut queue: mpsc::Receiver<Outgoing>,
    limit: usize,
    ended: Arc<OnceLock<ClientError>>,
) {
    let (reader, writer) = stream.into_split();
    let under_way = Mutex::new(VecDeque::new());
    let why = tokio::select! {
        why = read(reader, &under_way, limit) => why,
        why = write(writer, &mut queue, &under_way) => why,
    };
    // Before anybody can see that it has ended: the replies go with `under_way`, and the queue closes.
    let _ = ended.set(why);
    drop((under_way, queue));
}

async fn write(
    mut writer: OwnedWriteHalf,
    queue: &mut mpsc::Receiver<Outgoing>,
    under_way: &Mutex<VecDeque<Asked>>,
) -> ClientError {
    while let Some(Outgoing { frame, asked }) = queue.recv().await {
        under_way.lock().expect("nobody panics while holding it").push_back(asked);
        if let Err(error) = writer.write_all(&frame).await {
            return broken(error);
        }
    }
    ClientError::Closed
}

/// Reads answers until the connection ends.
async fn read(
    mut reader: OwnedReadHalf,
    under_way: &Mutex<VecDeque<Asked>>,
    limit: usize,
) -> ClientError {
    let mut buffer = BytesMut::new();
    loop {
        let wanted = match buffer.first_chunk() {
            None => 4 - buffer.len(),
            Some(size) => {
                let size = i32::from_be_bytes(*size);
                let Some(length) = usize::try_from(size).ok().filter(|length| *length <= limit)
                else {
                    return ClientError::Size { size, limit };
                };
                match (4 + length).checked_sub(buffer.len()) {
                    Some(0) => {
                        let frame = buffer.split().freeze().slice(4..);
                        match hand_over(frame, under_way) {
                            Ok(()) => continue,
                            Err(error) => return error,
                        }
                    }
                    // No more than this answer is ever read at once.
                    missing => missing.unwrap_or_default(),
                }
            }
        };
        buffer.reserve(wanted.min(UNPROVEN_BYTES));
        match reader.read_buf(&mut (&mut buffer).limit(wanted)).await {
            Ok(0) => return ClientError::Closed,
            Ok(_) => {}
            Err(error) => return broken(error),
        }
    }
}

/// Gives an answer to the oldest request, if it is that one's.
fn hand_over(frame: Bytes, under_way: &Mutex<VecDeque<Asked>>) -> Result<(), ClientError> {
    let found = ResponseHeader::decode(&mut Reader::new(frame.clone()), 0)?.correlation_id;
    let oldest = under_way.lock().expect("nobody panics while holding it").pop_front();
    let Asked { correlation_id, reply } = oldest.ok_or(ClientError::Unasked)?;
    if found != correlation_id {
        return Err(ClientError::Correlation { found, expected: correlation_id });
    }
    // Whoever asked may wait no longer.
    let _ = reply.send(frame);
    Ok(())
}

fn broken(error: io::Error) -> ClientError {
    match error.kind() {
        // A peer that is killed with something unread closes by a reset.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ClientError::Closed,
        _ => ClientError::Broken(Arc::new(error)),
    }
}

#[cfg(test)]
mod tests;
