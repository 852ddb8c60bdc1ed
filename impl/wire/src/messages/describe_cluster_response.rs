//! `DescribeClusterResponse`, key 60, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DescribeClusterResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeClusterResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 0+, nullable in 0+.
    pub error_message: Option<crate::Str>,
    /// `EndpointType`, versions 1+.
    pub endpoint_type: i8,
    /// `ClusterId`, versions 0+.
    pub cluster_id: crate::Str,
    /// `ControllerId`, versions 0+.
    pub controller_id: i32,
    /// `Brokers`, versions 0+.
    pub brokers: Vec<DescribeClusterBroker>,
    /// `ClusterAuthorizedOperations`, versions 0+.
    pub cluster_authorized_operations: i32,
}

impl Default for DescribeClusterResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: None,
            endpoint_type: 1,
            cluster_id: crate::Str::default(),
            controller_id: -1,
            brokers: Vec::new(),
            cluster_authorized_operations: i32::MIN,
        }
    }
}

impl DescribeClusterResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = r.nullable_string(true).at("ErrorMessage")?;
        let endpoint_type = if message_version >= 1 { r.i8().at("EndpointType")? } else { 1 };
        let cluster_id = r.string(true).at("ClusterId")?;
        let controller_id = r.i32().at("ControllerId")?;
        let brokers =
            r.array(true, |r| DescribeClusterBroker::read(r, message_version)).at("Brokers")?;
        let cluster_authorized_operations = r.i32().at("ClusterAuthorizedOperations")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            throttle_time_ms,
            error_code,
            error_message,
            endpoint_type,
            cluster_id,
            controller_id,
            brokers,
            cluster_authorized_operations,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        buf.put_i16(self.error_code);
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.error_message.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("ErrorMessage")?;
        if message_version >= 1 {
            buf.put_i8(self.endpoint_type);
        } else if self.endpoint_type != 1 {
            return Err(crate::EncodeError::not_in_version("EndpointType"));
        }
        crate::write::string(buf, true, &self.cluster_id).at("ClusterId")?;
        buf.put_i32(self.controller_id);
        crate::write::array(buf, true, &self.brokers, |buf, v| v.write(buf, message_version))
            .at("Brokers")?;
        buf.put_i32(self.cluster_authorized_operations);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `DescribeClusterBroker` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DescribeClusterBroker {
    /// `BrokerId`, versions 0+.
    pub broker_id: i32,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: i32,
    /// `Rack`, versions 0+, nullable in 0+.
    pub rack: Option<crate::Str>,
    /// `IsFenced`, versions 2+.
    pub is_fenced: bool,
}

impl DescribeClusterBroker {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let broker_id = r.i32().at("BrokerId")?;
        let host = r.string(true).at("Host")?;
        let port = r.i32().at("Port")?;
        let rack = r.nullable_string(true).at("Rack")?;
        let is_fenced = if message_version >= 2 { r.bool().at("IsFenced")? } else { false };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { broker_id, host, port, rack, is_fenced })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.broker_id);
        crate::write::string(buf, true, &self.host).at("Host")?;
        buf.put_i32(self.port);
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.rack.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("Rack")?;
        if message_version >= 2 {
            buf.put_u8(u8::from(self.is_fenced));
        } else if self.is_fenced {
            return Err(crate::EncodeError::not_in_version("IsFenced"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for DescribeClusterResponse {
    const NAME: &'static str = "DescribeClusterResponse";
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
