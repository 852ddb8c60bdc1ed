//! Frames of a connection: four bytes of length, a header and a message.

use bytes::{BufMut, BytesMut};

use crate::Str;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::message::{Message, Request};
use crate::messages::APIS;
use crate::messages::api_versions_request::ApiVersionsRequest;
use crate::messages::request_header::RequestHeader;
use crate::messages::response_header::ResponseHeader;
use crate::reader::Reader;

/// What the protocol says of one API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// Its key.
    pub key: i16,
    /// Kafka's name of it.
    pub name: &'static str,
    /// The first version.
    pub min_version: i16,
    /// The last version.
    pub max_version: i16,
    /// The first version with compact lengths and tagged fields (KIP-482).
    pub flexible_since: i16,
}

impl Api {
    /// The API with this key, if we have messages for it.
    pub fn by_key(key: i16) -> Option<&'static Self> {
        APIS.iter().find(|api| api.key == key)
    }
}

/// The version of the header before a request. Also right for versions that are too new for us: a broker has
/// to read the header of any `ApiVersions` request to answer it. `None` for an API that we do not know.
pub fn header_version_request(key: i16, version: i16) -> Option<i16> {
    Api::by_key(key).map(|api| if version >= api.flexible_since { 2 } else { 1 })
}

/// The version of the header before a response. That of `ApiVersions` is always 0, for the client does not
/// know yet what the broker speaks (KIP-511). `None` for an API that we do not know.
pub fn header_version_response(key: i16, version: i16) -> Option<i16> {
    let api = Api::by_key(key)?;
    Some(i16::from(key != ApiVersionsRequest::KEY && version >= api.flexible_since))
}

/// Reads the header of a request, and leaves `r` at the request itself. The version may be one that we do
/// not know; an unknown API is an error.
pub fn decode_request_header(r: &mut Reader) -> Result<RequestHeader, DecodeError> {
    let [k0, k1, v0, v1] = r.peek().map_err(|error| error.within(RequestHeader::NAME, 1))?;
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    match header_version_request(key, version) {
        Some(header_version) => RequestHeader::decode(r, header_version),
        None => Err(r.error(DecodeErrorKind::UnknownKey(key)).within(RequestHeader::NAME, 1)),
    }
}

/// The frame of a request, its length in front.
pub fn encode_request_frame<R: Request>(
    correlation_id: i32,
    client_id: Option<&str>,
    version: i16,
    request: &R,
) -> Result<BytesMut, EncodeError> {
    let header = RequestHeader {
        request_api_key: R::KEY,
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(Str::from),
    };
    frame(&header, header_version_request(R::KEY, version), R::KEY, request, version)
}

/// The frame of a response to a request of API `key`, its length in front.
pub fn encode_response_frame<M: Message>(
    correlation_id: i32,
    key: i16,
    version: i16,
    response: &M,
) -> Result<BytesMut, EncodeError> {
    let header = ResponseHeader { correlation_id };
    frame(&header, header_version_response(key, version), key, response, version)
}

fn frame<M: Message>(
    header: &impl Message,
    header_version: Option<i16>,
    key: i16,
    message: &M,
    version: i16,
) -> Result<BytesMut, EncodeError> {
    let unknown = || EncodeError::new(EncodeErrorKind::UnknownKey(key)).within(M::NAME, version);
    let header_version = header_version.ok_or_else(unknown)?;
    let mut buf = BytesMut::with_capacity(256);
    buf.put_i32(0);
    header.encode(&mut buf, header_version)?;
    message.encode(&mut buf, version)?;
    let size = buf.len() - 4;
    let prefix = i32::try_from(size)
        .map_err(|_| EncodeError::new(EncodeErrorKind::Length(size)).within(M::NAME, version))?;
    buf[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(buf)
}
