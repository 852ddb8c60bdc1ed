//! A client without manners of its own: it sends what it is told to.

use std::net::SocketAddr;

use bytes::{Buf, Bytes};
use kraftig_wire::{
    Message, Reader, Request, encode_request_frame, header_version_response,
    messages::response_header::ResponseHeader,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), correlation_id: 0 }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.correlation_id += 1;
        let frame =
            encode_request_frame(self.correlation_id, Some("test"), version, request).unwrap();
        self.send(&frame).await;
        let answer = self.receive().await.expect("an answer");
        let mut reader = Reader::new(answer);
        let header_version = header_version_response(R::KEY, version).unwrap();
        let header = ResponseHeader::decode(&mut reader, header_version).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        let response = R::Response::decode(&mut reader, version).unwrap();
        reader.finish().unwrap();
        response
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends to a node that may have closed the connection.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next frame; `None` when the node has closed the connection.
    pub(crate) async fn receive(&mut self) -> Option<Bytes> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).await.ok()?;
        let mut frame = vec![0; (&size[..]).get_i32() as usize];
        self.stream.read_exact(&mut frame).await.ok()?;
        Some(frame.into())
    }
}
