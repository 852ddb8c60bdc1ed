//! Frames from a stream of bytes.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::guest::{GaveUp, Guest};

/// What an idle connection holds for the next frame.
const IDLE_BYTES: usize = 4 << 10;
/// What a connection may claim before it has sent it. Above, the buffer grows as the bytes come.
const UNPROVEN_BYTES: usize = 128 << 10;
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
    /// It is not waited for any longer.
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
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

    /// The memory that is kept for the next frame.
    pub(super) fn kept(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next frame without its size; `None` where the stream ends between frames. The frame shares no memory with
    /// what follows for longer than it is kept.
    pub(super) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        guest: &Guest,
    ) -> Result<Option<Bytes>, FrameError> {
        loop {
            let mut most = usize::MAX;
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
                    let missing = frame - self.buffer.len();
                    if frame > KEPT_BYTES {
                        // Nothing of the next frame: records that are alone in memory are appended without a copy.
                        most = missing;
                    }
                    missing.min(self.buffer.len().max(UNPROVEN_BYTES))
                }
            };
            guest.hold(self.buffer.len() + wanted).await?;
            self.buffer.reserve(wanted);
            match guest.guard(stream.read_buf(&mut (&mut self.buffer).limit(most))).await?? {
                0 if self.buffer.is_empty() => return Ok(None),
                0 => return Err(FrameError::Truncated),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::tests::{admit, limits};
    use super::*;

    async fn guest(more: &[(&str, &str)]) -> Guest {
        admit(&limits(8, 8 << 20, more), 1).await.expect("room")
    }

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
        let guest = guest(&[]).await;
        for expected in [&b"one"[..], b"", &large, b"last"] {
            let frame = frames.next(&mut stream, &guest).await.unwrap().unwrap();
            assert!(frame == expected, "a frame of {} bytes", expected.len());
        }
        assert!(frames.next(&mut stream, &guest).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_claim_is_not_believed() {
        let guest = guest(&[]).await;
        for (bytes, limit) in [
            (&i32::MAX.to_be_bytes()[..], 100 << 20),
            (&(-1i32).to_be_bytes(), 100),
            (&101i32.to_be_bytes(), 100),
        ] {
            let mut frames = Frames::new(limit);
            let error = frames.next(&mut &bytes[..], &guest).await.unwrap_err();
            assert!(matches!(error, FrameError::Size { .. }), "{error}");
        }
        let mut frames = Frames::new(usize::MAX);
        let bytes = i32::MAX.to_be_bytes();
        let error = frames.next(&mut &bytes[..], &guest).await.unwrap_err();
        assert!(matches!(error, FrameError::Truncated), "{error}");
        assert!(frames.buffer.capacity() <= 2 * UNPROVEN_BYTES);
    }

    #[tokio::test]
    async fn an_idle_stream_ends() {
        let (_open, mut stream) = tokio::io::duplex(16);
        let guest = guest(&[("connections.max.idle.ms", "101")]).await;
        let error = Frames::new(100).next(&mut stream, &guest).await.unwrap_err();
        assert!(matches!(error, FrameError::GaveUp(GaveUp::Idle)), "{error}");
    }

    fn in_chunks(bytes: &[u8], size: usize) -> impl AsyncRead + Unpin {
        let (mut to, from) = tokio::io::duplex(size);
        let bytes = bytes.to_vec();
        tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut to, &bytes).await });
        from
    }
}
