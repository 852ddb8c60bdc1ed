//! Requests of clients that brokers hand on to the active controller, in an Envelope (KIP-590).

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use kraftig_wire::messages::create_topics_request::CreateTopicsRequest;
use kraftig_wire::messages::delete_topics_request::DeleteTopicsRequest;
use kraftig_wire::messages::envelope_request::EnvelopeRequest;
use kraftig_wire::messages::envelope_response::EnvelopeResponse;
use kraftig_wire::messages::request_header::RequestHeader;
use kraftig_wire::{Api, ErrorCode, Reader, Request, decode_request_header, encode_response_frame};

use super::ControllerHandle;
use super::channel::Question;
use crate::broker::{create_topics, delete_topics};
use crate::net::client::{ClientError, Connection};

/// The client of every request as `DefaultKafkaPrincipalBuilder` writes it: version 0, User, ANONYMOUS, no token. Listeners
/// have no security yet, so it is always this one.
const ANONYMOUS: Bytes = Bytes::from_static(b"\0\0\x05User\x0aANONYMOUS\0\0");

/// Whether clients ask brokers for it, and only the active controller can do it.
pub fn is_forwarded(key: i16) -> bool {
    [CreateTopicsRequest::KEY, DeleteTopicsRequest::KEY].contains(&key)
}

/// A client's request, for the active controller.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Its header and what follows.
    pub request: Bytes,
    /// Where the client is.
    pub client: IpAddr,
}

impl Question for Forward {
    /// The frame of the response, or an error of the envelope.
    type Answer = Result<BytesMut, ErrorCode>;

    async fn here(&self, controller: &ControllerHandle) -> Option<Self::Answer> {
        answer(controller, self.request.clone()).await.transpose()
    }

    async fn there(&self, connection: &Connection) -> Result<Option<Self::Answer>, ClientError> {
        let client = match self.client.to_canonical() {
            IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
            IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
        };
        let envelope = EnvelopeRequest {
            request_data: self.request.clone(),
            request_principal: Some(ANONYMOUS),
            client_host_address: client,
        };
        let response = connection.send(&envelope).await?;
        Ok(match ErrorCode(response.error_code) {
            ErrorCode::NOT_CONTROLLER => None,
            ErrorCode::NONE => Some(self.unwrapped(&response)),
            error => Some(Err(error)),
        })
    }
}

impl Forward {
    /// The frame of the client's response, if the envelope holds one that can be this request's.
    fn unwrapped(&self, response: &EnvelopeResponse) -> Result<BytesMut, ErrorCode> {
        // Behind the API's key and version; first in the response.
        let asked = self.request.get(4..8);
        let data = response.response_data.as_ref().filter(|data| data.get(..4) == asked);
        let data = data.ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let size = u32::try_from(data.len()).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let mut frame = BytesMut::with_capacity(4 + data.len());
        frame.put_u32(size);
        frame.extend_from_slice(data);
        Ok(frame)
    }
}

/// What the controller of this node answers to a client's request: the frame of the response, `None` if it is not active,
/// or an error of the envelope.
async fn answer(
    controller: &ControllerHandle,
    request: Bytes,
) -> Result<Option<BytesMut>, ErrorCode> {
    let mut reader = Reader::new(request);
    let header = decode_request_header(&mut reader).map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    let (key, version) = (header.request_api_key, header.request_api_version);
    let api = Api::by_key(key).filter(|_| is_forwarded(key)).ok_or(ErrorCode::INVALID_REQUEST)?;
    if !(api.min_version..=api.max_version).contains(&version) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    if key == CreateTopicsRequest::KEY {
        let response = create_topics::handle(controller, read(&mut reader, version)?).await;
        let is_active = !of_no_controller(response.topics.iter().map(|topic| topic.error_code));
        is_active.then(|| framed::<CreateTopicsRequest>(&header, &response)).transpose()
    } else {
        let response =
            delete_topics::handle(controller, version, read(&mut reader, version)?).await;
        let is_active = !of_no_controller(response.responses.iter().map(|topic| topic.error_code));
        is_active.then(|| framed::<DeleteTopicsRequest>(&header, &response)).transpose()
    }
}

fn read<R: Request>(reader: &mut Reader, version: i16) -> Result<R, ErrorCode> {
    let request = R::decode(reader, version).map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    reader.finish().map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    Ok(request)
}

fn of_no_controller(mut errors: impl Iterator<Item = i16>) -> bool {
    errors.any(|error| error == ErrorCode::NOT_CONTROLLER.0)
}

fn framed<R: Request>(
    header: &RequestHeader,
    response: &R::Response,
) -> Result<BytesMut, ErrorCode> {
    let version = header.request_api_version;
    encode_response_frame(header.correlation_id, R::KEY, version, response).map_err(|error| {
        tracing::error!("an answer cannot be sent: {error}");
        ErrorCode::UNKNOWN_SERVER_ERROR
    })
}

/// Answers Envelope.
pub async fn envelope(controller: &ControllerHandle, request: EnvelopeRequest) -> EnvelopeResponse {
    let refused = |error: ErrorCode| EnvelopeResponse { response_data: None, error_code: error.0 };
    if request.request_principal.is_none() {
        return refused(ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE);
    }
    if ![4, 16].contains(&request.client_host_address.len()) {
        return refused(ErrorCode::INVALID_REQUEST);
    }
    match answer(controller, request.request_data).await {
        Ok(Some(frame)) => EnvelopeResponse {
            // Without its size.
            response_data: Some(frame.freeze().slice(4..)),
            error_code: ErrorCode::NONE.0,
        },
        Ok(None) => refused(ErrorCode::NOT_CONTROLLER),
        Err(error) => refused(error),
    }
}
