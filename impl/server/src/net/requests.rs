//! From a frame to the handler of its API, and from the answer to a frame.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kraftig_wire::messages::add_raft_voter_request::AddRaftVoterRequest;
use kraftig_wire::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::begin_quorum_epoch_request::BeginQuorumEpochRequest;
use kraftig_wire::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use kraftig_wire::messages::broker_registration_request::BrokerRegistrationRequest;
use kraftig_wire::messages::controller_registration_request::ControllerRegistrationRequest;
use kraftig_wire::messages::create_topics_request::CreateTopicsRequest;
use kraftig_wire::messages::delete_topics_request::DeleteTopicsRequest;
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_configs_request::DescribeConfigsRequest;
use kraftig_wire::messages::describe_quorum_request::DescribeQuorumRequest;
use kraftig_wire::messages::describe_topic_partitions_request::DescribeTopicPartitionsRequest;
use kraftig_wire::messages::end_quorum_epoch_request::EndQuorumEpochRequest;
use kraftig_wire::messages::envelope_request::EnvelopeRequest;
use kraftig_wire::messages::fetch_request::FetchRequest;
use kraftig_wire::messages::fetch_snapshot_request::FetchSnapshotRequest;
use kraftig_wire::messages::find_coordinator_request::FindCoordinatorRequest;
use kraftig_wire::messages::init_producer_id_request::InitProducerIdRequest;
use kraftig_wire::messages::list_offsets_request::ListOffsetsRequest;
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::messages::produce_request::ProduceRequest;
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::messages::update_features_request::UpdateFeaturesRequest;
use kraftig_wire::messages::update_raft_voter_request::UpdateRaftVoterRequest;
use kraftig_wire::messages::vote_request::VoteRequest;
use kraftig_wire::{
    DecodeError, EncodeError, Reader, Request, Str, decode_request_header, encode_response_frame,
};

use kraftig_spec::controller::record::Endpoint;
use kraftig_spec::types::NodeId;

use super::answer::Answer;
use crate::broker::{
    Broker, RequestContext, api_versions, create_topics, delete_topics, describe_cluster,
    describe_configs, describe_topic_partitions, fetch, find_coordinator, init_producer_id,
    list_offsets, metadata, produce,
};
use crate::controller::change_voters::{self, OfVoters};
use crate::controller::{describe_quorum, forward, messages, update_features};

/// Why a request is answered by closing the connection, as Kafka does.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// It cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The listener does not serve the API.
    #[error("API {0} is not served on this listener")]
    NotServed(i16),
    /// The API is served, in other versions.
    #[error("{name} is not served in version {version}")]
    Version {
        /// The API.
        name: &'static str,
        /// The version that was asked for.
        version: i16,
    },
    /// A producer that wants no answer (`acks=0`) can be told of an error in no other way.
    #[error("records that were produced with acks=0 are not taken")]
    Unacknowledged,
    /// The answer cannot be written in the request's version: an error of this node.
    #[error("an answer cannot be sent: {0}")]
    Encode(#[from] EncodeError),
    /// The answer is longer than a frame can say: `fetch.max.bytes` allows it.
    #[error("an answer cannot be sent: it has more than 2 GiB. Lower fetch.max.bytes")]
    TooLarge,
}

/// A request that is not read further than its header.
struct Received {
    correlation_id: i32,
    version: i16,
    reader: Reader,
}

impl Received {
    /// Reads the rest. From then on nothing but the request holds the frame: records that are alone in memory are
    /// appended without a copy.
    fn decode<R: Request>(&mut self) -> Result<R, DecodeError> {
        let mut reader = std::mem::replace(&mut self.reader, Reader::new(Bytes::new()));
        R::decode(&mut reader, self.version)
    }

    fn encode<R: Request>(&self, response: &R::Response) -> Result<BytesMut, EncodeError> {
        encode_response_frame(self.correlation_id, R::KEY, self.version, response)
    }
}

/// The frame that answers a request; `None` for a request that wants no answer.
pub(super) async fn answer(
    broker: &Arc<Broker>,
    context: &mut RequestContext,
    frame: Bytes,
) -> Result<Option<Answer>, RequestError> {
    // What is handed on is handed on as it came.
    let forwarded = !context.listener.is_controller
        && frame.first_chunk().is_some_and(|key| forward::is_forwarded(i16::from_be_bytes(*key)));
    let raw = if forwarded { frame.clone() } else { Bytes::new() };
    let mut reader = Reader::new(frame);
    let header = decode_request_header(&mut reader)?;
    let (key, version) = (header.request_api_key, header.request_api_version);
    let api = api_versions::served(key, context).ok_or(RequestError::NotServed(key))?;
    if !(api.min_version..=api.max_version).contains(&version) {
        if key == ApiVersionsRequest::KEY {
            let response = api_versions::unsupported_version();
            let frame = encode_response_frame(header.correlation_id, key, 0, &response)?;
            return Ok(Some(frame.into()));
        }
        return Err(RequestError::Version { name: api.name, version });
    }
    if context.client_id != header.client_id {
        // In memory of its own: it outlives the frame.
        context.client_id = header.client_id.as_ref().map(Str::detach);
    }
    let mut received = Received { correlation_id: header.correlation_id, version, reader };
    drop(header);
    let context = &*context;

    macro_rules! answer {
        ($request:ty, |$name:ident| $response:expr) => {{
            let $name: $request = received.decode()?;
            let response = $response;
            received.encode::<$request>(&response)?
        }};
    }
    let frame = match key {
        ProduceRequest::KEY => {
            let request: ProduceRequest = received.decode()?;
            let client = context.client_id.as_deref();
            match produce::handle(&broker.replicas, client, version, request).await {
                produce::Answer::Response(response) => {
                    received.encode::<ProduceRequest>(&response)?
                }
                produce::Answer::Silence => return Ok(None),
                produce::Answer::Close => return Err(RequestError::Unacknowledged),
            }
        }
        FetchRequest::KEY if context.listener.is_controller => {
            answer!(FetchRequest, |request| {
                broker.peers.fetch(version, &request, |id| controller(broker, context, id)).await
            })
        }
        FetchRequest::KEY => {
            let fetched = fetch::handle(&broker.replicas, version, received.decode()?).await;
            return Answer::fetched(received.correlation_id, version, fetched).map(Some);
        }
        ListOffsetsRequest::KEY => answer!(ListOffsetsRequest, |request| {
            list_offsets::handle(&broker.replicas, version, request)
        }),
        InitProducerIdRequest::KEY => answer!(InitProducerIdRequest, |request| {
            let allocate = async || broker.allocate_producer_ids().await;
            init_producer_id::handle(&broker.producer_ids, request, allocate).await
        }),
        MetadataRequest::KEY => answer!(MetadataRequest, |request| {
            metadata::handle(broker, context, version, &request)
        }),
        ApiVersionsRequest::KEY => answer!(ApiVersionsRequest, |request| {
            api_versions::handle(broker, context, version, &request)
        }),
        FindCoordinatorRequest::KEY => answer!(FindCoordinatorRequest, |request| {
            find_coordinator::handle(version, &request)
        }),
        CreateTopicsRequest::KEY if forwarded => {
            let request: CreateTopicsRequest = received.decode()?;
            match broker.forward(context, raw).await {
                Ok(frame) => frame,
                Err(error) => received
                    .encode::<CreateTopicsRequest>(&create_topics::refuse(&request, error))?,
            }
        }
        DeleteTopicsRequest::KEY if forwarded => {
            let request: DeleteTopicsRequest = received.decode()?;
            match broker.forward(context, raw).await {
                Ok(frame) => frame,
                Err(error) => received.encode::<DeleteTopicsRequest>(&delete_topics::refuse(
                    version, &request, error,
                ))?,
            }
        }
        CreateTopicsRequest::KEY => answer!(CreateTopicsRequest, |request| {
            create_topics::handle(&broker.controller, request).await
        }),
        DeleteTopicsRequest::KEY => answer!(DeleteTopicsRequest, |request| {
            delete_topics::handle(&broker.controller, version, request).await
        }),
        EnvelopeRequest::KEY => {
            answer!(EnvelopeRequest, |request| { forward::envelope(broker, request).await })
        }
        BrokerRegistrationRequest::KEY => answer!(BrokerRegistrationRequest, |request| {
            messages::register_broker(&broker.controller, version, request).await
        }),
        BrokerHeartbeatRequest::KEY => answer!(BrokerHeartbeatRequest, |request| {
            messages::heartbeat(&broker.controller, request).await
        }),
        AllocateProducerIdsRequest::KEY => answer!(AllocateProducerIdsRequest, |request| {
            messages::allocate_producer_ids(&broker.controller, request).await
        }),
        ControllerRegistrationRequest::KEY => answer!(ControllerRegistrationRequest, |request| {
            messages::register_controller(&broker.controller, request).await
        }),
        DescribeConfigsRequest::KEY => answer!(DescribeConfigsRequest, |request| {
            describe_configs::handle(broker, &request)
        }),
        DescribeClusterRequest::KEY => answer!(DescribeClusterRequest, |request| {
            describe_cluster::handle(broker, context, version, &request)
        }),
        DescribeTopicPartitionsRequest::KEY => {
            answer!(DescribeTopicPartitionsRequest, |request| {
                describe_topic_partitions::handle(broker, context, &request)
            })
        }
        DescribeQuorumRequest::KEY => answer!(DescribeQuorumRequest, |request| {
            let (quorum, config) = (&broker.quorum, &broker.config);
            if context.listener.is_controller {
                describe_quorum::handle(quorum, config, version, &request).await
            } else {
                let within = broker.request_timeout();
                let channel = &broker.to_controller;
                describe_quorum::ask(channel, (quorum, config), version, &request, within).await
            }
        }),
        VoteRequest::KEY => answer!(VoteRequest, |request| {
            broker.peers.vote(version, &request, |id| controller(broker, context, id)).await
        }),
        BeginQuorumEpochRequest::KEY => answer!(BeginQuorumEpochRequest, |request| {
            let endpoint = |id| controller(broker, context, id);
            broker.peers.begin_quorum_epoch(version, &request, endpoint).await
        }),
        EndQuorumEpochRequest::KEY => answer!(EndQuorumEpochRequest, |request| {
            let endpoint = |id| controller(broker, context, id);
            broker.peers.end_quorum_epoch(version, &request, endpoint).await
        }),
        FetchSnapshotRequest::KEY => answer!(FetchSnapshotRequest, |request| {
            let endpoint = |id| controller(broker, context, id);
            broker.peers.fetch_snapshot(version, &request, endpoint).await
        }),
        AddRaftVoterRequest::KEY => answer!(AddRaftVoterRequest, |request| {
            change_voters(broker, context, &request).await
        }),
        RemoveRaftVoterRequest::KEY => answer!(RemoveRaftVoterRequest, |request| {
            change_voters(broker, context, &request).await
        }),
        UpdateFeaturesRequest::KEY => answer!(UpdateFeaturesRequest, |request| {
            if context.listener.is_controller {
                update_features::handle(broker, version, &request).await
            } else {
                let within = broker.request_timeout();
                update_features::ask(broker, version, &request, within).await
            }
        }),
        UpdateRaftVoterRequest::KEY => answer!(UpdateRaftVoterRequest, |request| {
            let endpoint = |id| controller(broker, context, id);
            broker.voters.update_raft_voter(&request, endpoint).await
        }),
        other => return Err(RequestError::NotServed(other)),
    };
    Ok(Some(frame.into()))
}

/// The answer of this node, or on a broker listener the leader's.
async fn change_voters<R: OfVoters>(
    broker: &Broker,
    context: &RequestContext,
    request: &R,
) -> R::Response
where
    R::Response: Send,
{
    if context.listener.is_controller {
        return request.serve(&broker.voters).await;
    }
    let (channel, voters) = (&broker.to_controller, &broker.voters);
    change_voters::ask(channel, voters, request, broker.request_timeout()).await
}

/// Where a controller can be reached on the listener of a request.
fn controller(broker: &Broker, context: &RequestContext, id: NodeId) -> Option<Endpoint> {
    let image = broker.metadata.load();
    let registered = image.controllers.get(&id).and_then(|controller| {
        let mut endpoints = controller.end_points.iter();
        endpoints.find(|endpoint| endpoint.name == context.listener.name).cloned()
    });
    // Before it is registered it is where the quorum reaches it.
    let at = || {
        let voters = broker.quorum.voters();
        let listeners = &broker.config.listeners.controller_names;
        let is_first = listeners.first() == Some(&context.listener.name);
        let known = || broker.quorum.address(id).filter(|_| is_first);
        voters.address(id, &context.listener.name).or_else(known)
    };
    registered.or_else(|| {
        let at = at()?;
        let name = context.listener.name.clone();
        Some(Endpoint { name, host: at.host, port: at.port, security_protocol: 0 })
    })
}
