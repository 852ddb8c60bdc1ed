//! One connection, from its first byte to its last.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kraftig_wire::Request;
use kraftig_wire::messages::fetch_request::FetchRequest;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::frames::{FrameError, Frames, Idle};
use super::requests::{self, RequestError};
use crate::broker::{Broker, RequestContext};
use crate::config::SocketConfig;

/// Why a connection is closed by this side.
#[derive(Debug, thiserror::Error)]
enum CloseReason {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("it takes no answers: {0}")]
    Write(io::Error),
}

/// Serves a connection until either side has enough of it.
pub(super) async fn serve(stream: TcpStream, mut context: RequestContext, broker: &Arc<Broker>) {
    match answer_all(stream, &mut context, broker).await {
        // Peers come and go as they like.
        Ok(())
        | Err(CloseReason::Frame(FrameError::Io(_) | FrameError::Idle) | CloseReason::Write(_)) => {
        }
        Err(reason) => tracing::warn!(
            "closing the connection of {} on {}: {reason}",
            context.peer,
            context.listener.name
        ),
    }
}

async fn answer_all(
    mut stream: TcpStream,
    context: &mut RequestContext,
    broker: &Arc<Broker>,
) -> Result<(), CloseReason> {
    let config = &broker.config.sockets;
    set_options(&stream, config).map_err(FrameError::Io)?;
    let idle = Idle(u64::try_from(config.connections_max_idle_ms).ok().map(Duration::from_millis));
    let mut frames = Frames::new(usize::try_from(config.request_max_bytes).unwrap_or_default());
    while let Some(frame) = frames.next(&mut stream, idle).await? {
        // A fetch may wait for days and changes nothing: it ends with its client. All else is done to its end.
        let is_fetch = frame.starts_with(&FetchRequest::KEY.to_be_bytes());
        let answer = tokio::select! {
            // What is there at once is sent even so: the client may have closed just its own half.
            biased;
            answer = requests::answer(broker, context, frame) => answer?,
            () = closed_by_peer(&stream), if is_fetch => return Ok(()),
        };
        if let Some(answer) = answer {
            let written = idle.guard(answer.send(&mut stream)).await;
            written
                .unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
                .map_err(CloseReason::Write)?;
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
