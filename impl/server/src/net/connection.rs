//! One connection, from its first byte to its last.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kraftig_log::disk::DiskError;
use kraftig_wire::Request;
use kraftig_wire::messages::fetch_request::FetchRequest;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::{block_in_place, yield_now};

use super::answer::SendError;
use super::frames::{FrameError, Frames};
use super::guest::{GaveUp, Guest};
use super::limits::Limits;
use super::requests::{self, RequestError};
use crate::broker::{Broker, RequestContext};
use crate::config::SocketConfig;

/// How long a connection whose client sends ahead is served before others have their turn.
const TURN: Duration = Duration::from_micros(100);

/// Why a connection is closed by this side.
#[derive(Debug, thiserror::Error)]
enum CloseReason {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("it takes no answers: {0}")]
    Write(io::Error),
    #[error("the records of its answer cannot be read: {0}")]
    Read(DiskError),
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
    #[error(
        "a request for API {key} has {size} bytes, and would take more memory than queued.max.request.bytes allows"
    )]
    TooLarge { key: i16, size: usize },
}

/// Serves a connection until either side has enough of it.
pub(super) async fn serve(
    stream: TcpStream,
    mut context: RequestContext,
    broker: &Arc<Broker>,
    guest: &Guest,
) {
    match answer_all(stream, &mut context, broker, guest).await {
        // Peers come and go as they like, and what is given up is told where it is decided.
        Ok(())
        | Err(
            CloseReason::Frame(FrameError::Io(_) | FrameError::GaveUp(_))
            | CloseReason::Write(_)
            | CloseReason::GaveUp(_),
        ) => {}
        Err(reason) => guest.limits().complain(|| {
            let listener = &context.listener.name;
            format!("closing the connection of {} on {listener}: {reason}", context.peer)
        }),
    }
}

async fn answer_all(
    mut stream: TcpStream,
    context: &mut RequestContext,
    broker: &Arc<Broker>,
    guest: &Guest,
) -> Result<(), CloseReason> {
    let config = &broker.config.sockets;
    set_options(&stream, config).map_err(FrameError::Io)?;
    let mut frames = Frames::new(usize::try_from(config.request_max_bytes).unwrap_or_default());
    let mut turn = Instant::now();
    while let Some(frame) = frames.next(&mut stream, guest).await? {
        let size = frame.len();
        let key = frame.first_chunk().map_or(-1, |key| i16::from_be_bytes(*key));
        let memory = guest.limits().unfolded(key, size);
        guest.hold(memory.ok_or(CloseReason::TooLarge { key, size })?).await?;
        let answer = if key == FetchRequest::KEY {
            tokio::select! {
                // What is there at once is sent even so: the client may have closed just its own half.
                biased;
                answer = requests::answer(broker, context, frame) => answer?,
                // A fetch may wait for days and changes nothing: it ends with its client, and leaves for others.
                () = closed_by_peer(&stream) => return Ok(()),
                () = guest.displaced() => return Err(GaveUp::Displaced.into()),
            }
        } else if Limits::is_large(key, size) {
            // In its turn, and not in the way of the connections that share this thread.
            let _turn = guest.guard(guest.limits().large.acquire()).await?;
            guest.works();
            block_in_place(|| Handle::current().block_on(requests::answer(broker, context, frame)))?
        } else {
            guest.works();
            requests::answer(broker, context, frame).await?
        };
        guest.waits();
        if let Some(answer) = answer {
            guest.holds(answer.held());
            match guest.guard(answer.send(&mut stream)).await? {
                Ok(()) => {}
                Err(SendError::Peer(error)) => return Err(CloseReason::Write(error)),
                Err(SendError::File(error)) => {
                    broker.replicas.fail(&error);
                    return Err(CloseReason::Read(error));
                }
            }
        }
        guest.served();
        guest.holds(frames.kept());
        if guest.entry().is_leaving() {
            // It may never wait for its peer: its next request is there already.
            return Err(GaveUp::Displaced.into());
        }
        if turn.elapsed() > TURN {
            yield_now().await;
            turn = Instant::now();
        }
    }
    Ok(())
}

/// Returns when the peer has closed the connection, whatever it sent before.
async fn closed_by_peer(stream: &TcpStream) {
    // Readiness of this kind comes with the end alone: requests sent ahead do not wake it, nor hide the end.
    if stream.ready(Interest::PRIORITY).await.is_err() {
        // The runtime is going down, and the connection with it.
        std::future::pending::<()>().await;
    }
}

fn set_options(stream: &TcpStream, config: &SocketConfig) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    socket.set_keepalive(true)?;
    if config.send_buffer_bytes > 0 {
        socket.set_send_buffer_size(config.send_buffer_bytes.unsigned_abs() as usize)?;
    }
    Ok(())
}
