//! `DescribeClusterRequest`, key 60, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DescribeClusterRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeClusterRequest {
    /// `IncludeClusterAuthorizedOperations`, versions 0+.
    pub include_cluster_authorized_operations: bool,
    /// `EndpointType`, versions 1+.
    pub endpoint_type: i8,
    /// `IncludeFencedBrokers`, versions 2+.
    pub include_fenced_brokers: bool,
}

impl Default for DescribeClusterRequest {
    fn default() -> Self {
        Self {
            include_cluster_authorized_operations: false,
            endpoint_type: 1,
            include_fenced_brokers: false,
        }
    }
}

impl DescribeClusterRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let include_cluster_authorized_operations =
            r.bool().at("IncludeClusterAuthorizedOperations")?;
        let endpoint_type = if message_version >= 1 { r.i8().at("EndpointType")? } else { 1 };
        let include_fenced_brokers =
            if message_version >= 2 { r.bool().at("IncludeFencedBrokers")? } else { false };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { include_cluster_authorized_operations, endpoint_type, include_fenced_brokers })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_u8(u8::from(self.include_cluster_authorized_operations));
        if message_version >= 1 {
            buf.put_i8(self.endpoint_type);
        } else if self.endpoint_type != 1 {
            return Err(crate::EncodeError::not_in_version("EndpointType"));
        }
        if message_version >= 2 {
            buf.put_u8(u8::from(self.include_fenced_brokers));
        } else if self.include_fenced_brokers {
            return Err(crate::EncodeError::not_in_version("IncludeFencedBrokers"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for DescribeClusterRequest {
    const NAME: &'static str = "DescribeClusterRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for DescribeClusterRequest {
    const KEY: i16 = 60;
    type Response = super::describe_cluster_response::DescribeClusterResponse;
}
