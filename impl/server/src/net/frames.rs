//! Frames from a stream of bytes.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What an idle connection holds for the next frame.
const IDLE_BYTES: usize = 4 << 10;
/// What a connection may claim before it has sent it. Above, the buffer grows as the bytes come.
const UNPROVEN_BYTES: usize = 1 << 20;
/// The memory of a frame above this is given back with the frame.
const KEPT_BYTES: usize = 64 << 10;

/// Why no frame can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The size is negative or above the limit.
    #[error("a request claims a size of {size} bytes; socket.request.max.bytes allows {limit}")]
    Size {
        /// What the frame says.
        size: i32,
        /// `socket.request.max.bytes`.
        limit: usize,
    },
    /// The stream ended within a frame.
    #[error("it ended within a request")]
    Truncated,
    /// Nothing came for too long.
    #[error("nothing came for connections.max.idle.ms")]
    Idle,
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: BytesMut,
    limit: usize,
}

impl Frames {
    /// `limit` is `socket.request.max.bytes`.
    pub(super) fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// The next frame without its size; `None` where the stream ends between frames. The frame shares no memory with
    /// what follows for longer than it is kept.
    pub(super) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        idle: Idle,
    ) -> Result<Option<Bytes>, FrameError> {
        loop {
            let wanted = match self.buffer.first_chunk() {
                None => IDLE_BYTES,
                Some(size) => {
                    let size = i32::from_be_bytes(*size);
                    let length = usize::try_from(size)
                        .ok()
                        .filter(|length| *length <= self.limit)
                        .ok_or(FrameError::Size { size, limit: self.limit })?;
                    let frame = 4 + length;
                    if self.buffer.len() >= frame {
                        let bytes = self.buffer.split_to(frame).freeze().slice(4..);
                        if self.buffer.is_empty() && frame > KEPT_BYTES {
                            self.buffer = BytesMut::new();
                        }
                        return Ok(Some(bytes));
                    }
                    (frame - self.buffer.len()).min(self.buffer.len().max(UNPROVEN_BYTES))
                }
            };
            self.buffer.reserve(wanted);
            match idle.guard(stream.read_buf(&mut self.buffer)).await {
                None => return Err(FrameError::Idle),
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(0)) if self.buffer.is_empty() => return Ok(None),
                Some(Ok(0)) => return Err(FrameError::Truncated),
                Some(Ok(_)) => {}
            }
        }
    }
}

/// A limit on waiting for a peer (`connections.max.idle.ms`), if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle(pub(super) Option<Duration>);

impl Idle {
    /// What `work` gives, or `None` if it takes longer than the limit.
    pub(super) async fn guard<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            None => Some(work.await),
            Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMIT: Idle = Idle(None);

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[tokio::test]
    async fn frames_come_whole_and_in_order() {
        let large = vec![7; 3 * UNPROVEN_BYTES];
        let bytes = [frame(b"one"), frame(b""), frame(&large), frame(b"last")].concat();
        // In chunks that end anywhere.
        let mut stream = in_chunks(&bytes, 1000);
        let mut frames = Frames::new(4 * UNPROVEN_BYTES);
        for expected in [&b"one"[..], b"", &large, b"last"] {
            let frame = frames.next(&mut stream, NO_LIMIT).await.unwrap().unwrap();
            assert!(frame == expected, "a frame of {} bytes", expected.len());
        }
        assert!(frames.next(&mut stream, NO_LIMIT).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_claim_is_not_believed() {
        for (bytes, limit) in [
            (&i32::MAX.to_be_bytes()[..], 100 << 20),
            (&(-1i32).to_be_bytes(), 100),
            (&101i32.to_be_bytes(), 100),
        ] {
            let mut frames = Frames::new(limit);
            let error = frames.next(&mut &bytes[..], NO_LIMIT).await.unwrap_err();
            assert!(matches!(error, FrameError::Size { .. }), "{error}");
        }
        let mut frames = Frames::new(usize::MAX);
        let bytes = i32::MAX.to_be_bytes();
        let error = frames.next(&mut &bytes[..], NO_LIMIT).await.unwrap_err();
        assert!(matches!(error, FrameError::Truncated), "{error}");
        assert!(frames.buffer.capacity() <= 2 * UNPROVEN_BYTES);
    }

    #[tokio::test]
    async fn an_idle_stream_ends() {
        let (_open, mut stream) = tokio::io::duplex(16);
        let idle = Idle(Some(Duration::from_millis(1)));
        let error = Frames::new(100).next(&mut stream, idle).await.unwrap_err();
        assert!(matches!(error, FrameError::Idle), "{error}");
    }

    fn in_chunks(bytes: &[u8], size: usize) -> impl AsyncRead + Unpin {
        let (mut to, from) = tokio::io::duplex(size);
        let bytes = bytes.to_vec();
        tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut to, &bytes).await });
        from
    }
}
