//! Requests of clients that brokers hand on to the active controller, in an Envelope (KIP-590).

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use kraftig_wire::messages::add_raft_voter_request::AddRaftVoterRequest;
use kraftig_wire::messages::create_topics_request::CreateTopicsRequest;
use kraftig_wire::messages::delete_topics_request::DeleteTopicsRequest;
use kraftig_wire::messages::describe_quorum_request::DescribeQuorumRequest;
use kraftig_wire::messages::envelope_request::EnvelopeRequest;
use kraftig_wire::messages::envelope_response::EnvelopeResponse;
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::request_header::RequestHeader;
use kraftig_wire::messages::update_features_request::UpdateFeaturesRequest;
use kraftig_wire::{Api, ErrorCode, Reader, Request, decode_request_header, encode_response_frame};

use super::channel::Question;
use super::{ControllerHandle, change_voters, describe_quorum, update_features};
use crate::broker::{Broker, create_topics, delete_topics};
use crate::net::client::{ClientError, Connection};

/// The client of every request as `DefaultKafkaPrincipalBuilder` writes it: version 0, User, ANONYMOUS, no token. Listeners
/// have no security yet, so it is always this one.
const ANONYMOUS: Bytes = Bytes::from_static(b"\0\0\x05User\x0aANONYMOUS\0\0");

/// Whether clients ask brokers for it, and only the active controller can do it.
pub fn is_forwarded(key: i16) -> bool {
    [CreateTopicsRequest::KEY, DeleteTopicsRequest::KEY].contains(&key)
}

/// What other nodes' brokers hand on beside it, and is not for the metadata but for the quorum.
const OF_QUORUM: [i16; 4] = [
    DescribeQuorumRequest::KEY,
    UpdateFeaturesRequest::KEY,
    AddRaftVoterRequest::KEY,
    RemoveRaftVoterRequest::KEY,
];

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
        let asked = async {
            let opened = open(self.request.clone())?;
            answer(controller, opened).await
        };
        asked.await.transpose()
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

/// A client's request with its header read, if it is one that brokers hand on, in a version that is served.
fn open(request: Bytes) -> Result<(RequestHeader, Reader), ErrorCode> {
    let mut reader = Reader::new(request);
    let header = decode_request_header(&mut reader).map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    let (key, version) = (header.request_api_key, header.request_api_version);
    let may_come = is_forwarded(key) || OF_QUORUM.contains(&key);
    let api = Api::by_key(key).filter(|_| may_come).ok_or(ErrorCode::INVALID_REQUEST)?;
    if !(api.min_version..=api.max_version).contains(&version) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    Ok((header, reader))
}

/// What the controller of this node answers to a client's request: the frame of the response, `None` if it is not active,
/// or an error of the envelope.
async fn answer(
    controller: &ControllerHandle,
    (header, mut reader): (RequestHeader, Reader),
) -> Result<Option<BytesMut>, ErrorCode> {
    let (key, version) = (header.request_api_key, header.request_api_version);
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

/// What this node answers to a change of the voters; `None` if it does not lead.
async fn change<R: change_voters::OfVoters>(
    broker: &Broker,
    header: &RequestHeader,
    reader: &mut Reader,
) -> Result<Option<BytesMut>, ErrorCode>
where
    R::Response: Send,
{
    let request: R = read(reader, header.request_api_version)?;
    let response = change_voters::here(&broker.voters, &request).await;
    response.map(|response| framed::<R>(header, &response)).transpose()
}

/// Answers Envelope.
pub async fn envelope(broker: &Broker, request: EnvelopeRequest) -> EnvelopeResponse {
    let refused = |error: ErrorCode| EnvelopeResponse { response_data: None, error_code: error.0 };
    if request.request_principal.is_none() {
        return refused(ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE);
    }
    if ![4, 16].contains(&request.client_host_address.len()) {
        return refused(ErrorCode::INVALID_REQUEST);
    }
    let answered = async {
        let (header, mut reader) = open(request.request_data)?;
        let version = header.request_api_version;
        match header.request_api_key {
            DescribeQuorumRequest::KEY => {
                let request = read(&mut reader, version)?;
                let (quorum, config) = (&broker.quorum, &broker.config);
                let response = describe_quorum::handle(quorum, config, version, &request).await;
                framed::<DescribeQuorumRequest>(&header, &response).map(Some)
            }
            UpdateFeaturesRequest::KEY => {
                let request = read(&mut reader, version)?;
                let response = update_features::handle(broker, version, &request).await;
                let is_active = response.error_code != ErrorCode::NOT_CONTROLLER.0;
                is_active.then(|| framed::<UpdateFeaturesRequest>(&header, &response)).transpose()
            }
            AddRaftVoterRequest::KEY => {
                change::<AddRaftVoterRequest>(broker, &header, &mut reader).await
            }
            RemoveRaftVoterRequest::KEY => {
                change::<RemoveRaftVoterRequest>(broker, &header, &mut reader).await
            }
            _ => answer(&broker.controller, (header, reader)).await,
        }
    };
    match answered.await {
        Ok(Some(frame)) => EnvelopeResponse {
            // Without its size.
            response_data: Some(frame.freeze().slice(4..)),
            error_code: ErrorCode::NONE.0,
        },
        Ok(None) => refused(ErrorCode::NOT_CONTROLLER),
        Err(error) => refused(error),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_the_answer_to_the_request_is_handed_back() {
        // Key, version, correlation id 9.
        let request = Bytes::from_static(&[0, 19, 0, 7, 0, 0, 0, 9, 1, 2, 3]);
        let forward = Forward { request, client: Ipv4Addr::LOCALHOST.into() };
        let response = |data: Option<&'static [u8]>| EnvelopeResponse {
            response_data: data.map(Bytes::from_static),
            error_code: 0,
        };
        let frame = forward.unwrapped(&response(Some(&[0, 0, 0, 9, 7]))).unwrap();
        assert_eq!(frame[..], [0, 0, 0, 5, 0, 0, 0, 9, 7]);
        for wrong in [None, Some(&[0, 0, 0, 8, 7][..]), Some(&[0, 0]), Some(&[])] {
            let refused = forward.unwrapped(&response(wrong)).unwrap_err();
            assert_eq!(refused, ErrorCode::UNKNOWN_SERVER_ERROR, "{wrong:?}");
        }
    }
}
