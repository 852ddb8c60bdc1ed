//! An answer on its way to a client: a frame, and records that join it from their files (`sendfile`).

use std::io;

use bytes::{Buf, BufMut, BytesMut};
use kraftig_log::ReadSlice;
use kraftig_log::disk::DiskError;
use kraftig_wire::messages::fetch_request::FetchRequest;
use kraftig_wire::messages::fetch_response::FetchResponse;
use kraftig_wire::{Message, Request, encode_response_frame};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use super::requests::RequestError;
use crate::broker::fetch::Fetched;

/// A frame that answers a request.
#[derive(Debug)]
pub(super) struct Answer {
    /// All of it but the records that are sent from files.
    frame: BytesMut,
    /// Where in `frame` the bytes of each slice belong, ascending.
    slices: Vec<(usize, ReadSlice)>,
}

impl From<BytesMut> for Answer {
    fn from(frame: BytesMut) -> Self {
        Self { frame, slices: Vec::new() }
    }
}

impl Answer {
    /// The answer to a fetch. Where the length of the records stands, null records differ from empty ones, and
    /// nothing else does: so the frame is encoded with both to find the places of the slices.
    pub(super) fn fetched(
        correlation_id: i32,
        version: i16,
        fetched: Fetched,
    ) -> Result<Self, RequestError> {
        let Fetched { mut response, slices } = fetched;
        let encode = |response: &FetchResponse| {
            encode_response_frame(correlation_id, FetchRequest::KEY, version, response)
        };
        let with_null = encode(&response)?;
        if slices.is_empty() {
            return Ok(with_null.into());
        }
        for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.records.get_or_insert_default();
        }
        let with_empty = encode(&response)?;
        let is_compact = FetchResponse::flexible(version);
        let width = if is_compact { 1 } else { 4 };
        let mut frame = BytesMut::with_capacity(with_empty.len() + 4 * slices.len());
        let mut placed = Vec::with_capacity(slices.len());
        let mut from = 0;
        let mut size = 0;
        for slice in slices {
            let same = std::iter::zip(&with_null[from..], &with_empty[from..])
                .position(|(null, empty)| null != empty)
                .expect("each slice has a partition with null records");
            frame.put_slice(&with_empty[from..from + same]);
            let length = i32::try_from(slice.len()).map_err(|_| RequestError::TooLarge)?;
            if is_compact {
                put_uvarint(&mut frame, length.unsigned_abs() + 1);
            } else {
                frame.put_i32(length);
            }
            from += same + width;
            size += slice.len();
            placed.push((frame.len(), slice));
        }
        frame.put_slice(&with_empty[from..]);
        size += frame.len() - 4;
        let prefix = i32::try_from(size).map_err(|_| RequestError::TooLarge)?;
        frame[..4].copy_from_slice(&prefix.to_be_bytes());
        Ok(Self { frame, slices: placed })
    }

    /// The memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.frame.len()
    }

    /// Returns when the socket has taken all of it.
    pub(super) async fn send(self, stream: &mut TcpStream) -> Result<(), SendError> {
        let Self { mut frame, slices } = self;
        let mut sent = 0;
        for (place, slice) in slices {
            let mut part = frame.split_to(place - sent);
            sent = place;
            while part.has_remaining() {
                // Not in a packet of its own: more comes at once.
                let write = || Ok(send(&*stream, &part, SendFlags::MORE)?);
                let taken =
                    stream.async_io(Interest::WRITABLE, write).await.map_err(SendError::Peer)?;
                part.advance(taken);
            }
            let mut done = 0;
            while done < slice.len() {
                let write = || slice.send(&*stream, done);
                let sent = stream.async_io(Interest::WRITABLE, write).await;
                done += sent.map_err(|error| SendError::of(error, &slice))?;
            }
        }
        stream.write_all(&frame).await.map_err(SendError::Peer)
    }
}

/// Why an answer was not sent to its end.
#[derive(Debug)]
pub(super) enum SendError {
    /// The peer takes no more.
    Peer(io::Error),
    /// The file has not what it should.
    File(DiskError),
}

impl SendError {
    /// `sendfile` has one error for both ends.
    fn of(error: io::Error, slice: &ReadSlice) -> Self {
        let of_file = error.kind() == io::ErrorKind::UnexpectedEof
            || error.raw_os_error() == Some(Errno::IO.raw_os_error());
        if of_file {
            let path = slice.path().to_path_buf();
            Self::File(DiskError { action: "read", path, source: error })
        } else {
            Self::Peer(error)
        }
    }
}

/// An unsigned varint, the lowest seven bits first.
fn put_uvarint(buf: &mut BytesMut, mut value: u32) {
    while value > 0x7f {
        buf.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    buf.put_u8(value as u8);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use kraftig_log::{Log, LogConfig};
    use kraftig_spec::types::TopicId;
    use kraftig_wire::batch::BatchBuilder;
    use kraftig_wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A response of some partitions, with the records or with null in their places.
    fn response(version: i16, partitions: &[Option<Bytes>]) -> FetchResponse {
        let partition = |(index, records): (usize, &Option<Bytes>)| PartitionData {
            partition_index: index as i32,
            records: records.clone(),
            ..PartitionData::default()
        };
        let topic = FetchableTopicResponse {
            topic: if version < 13 { "topic".into() } else { "".into() },
            partitions: partitions.iter().enumerate().map(partition).collect(),
            ..FetchableTopicResponse::default()
        };
        FetchResponse { responses: vec![topic], ..FetchResponse::default() }
    }

    #[tokio::test]
    async fn records_from_files_are_where_they_belong() {
        let root = tempfile::tempdir().unwrap();
        let config = Arc::new(LogConfig::default());
        let mut log =
            Log::create(&root.path().join("t-0"), TopicId::METADATA, None, config, 0).unwrap();
        // Lengths of one to four bytes as varints, and more than a socket takes at once.
        let slices: Vec<ReadSlice> = [10, 1000, 100_000, 3_000_000]
            .into_iter()
            .map(|size| {
                let mut batch = BatchBuilder::new(log.end_offset(), 0, 0);
                batch.push(None, Some(&vec![size as u8; size]));
                let base = log.append(&batch.build(), 0).unwrap().first_offset;
                log.read(base, usize::MAX, true, base + 1).unwrap().unwrap()
            })
            .collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        for version in FetchResponse::MIN_VERSION..=FetchResponse::MAX_VERSION {
            let read = |index: usize| Some(slices[index].read().unwrap());
            let copied = Some(Bytes::from_static(b"copied"));
            let whole = [read(0), copied.clone(), read(1), Some(Bytes::new()), read(2), read(3)];
            let expected =
                encode_response_frame(7, FetchRequest::KEY, version, &response(version, &whole))
                    .unwrap();
            let with_holes = [None, copied, None, Some(Bytes::new()), None, None];
            let fetched =
                Fetched { response: response(version, &with_holes), slices: slices.clone() };
            let answer = Answer::fetched(7, version, fetched).unwrap();
            let mut got = vec![0; expected.len()];
            let (sent, received) =
                tokio::join!(answer.send(&mut server), client.read_exact(&mut got));
            sent.unwrap();
            received.unwrap();
            assert!(got == expected, "version {version}");
        }
    }
}
