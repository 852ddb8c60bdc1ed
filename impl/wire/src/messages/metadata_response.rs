//! `MetadataResponse`, key 3, versions 0-13. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `MetadataResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponse {
    /// `ThrottleTimeMs`, versions 3+.
    pub throttle_time_ms: i32,
    /// `Brokers`, versions 0+.
    pub brokers: Vec<MetadataResponseBroker>,
    /// `ClusterId`, versions 2+, nullable in 2+.
    pub cluster_id: Option<crate::Str>,
    /// `ControllerId`, versions 1+.
    pub controller_id: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<MetadataResponseTopic>,
    /// `ClusterAuthorizedOperations`, versions 8-10.
    pub cluster_authorized_operations: i32,
    /// `ErrorCode`, versions 13+.
    pub error_code: i16,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: i32::MIN,
            error_code: 0,
        }
    }
}

impl MetadataResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let throttle_time_ms =
            if message_version >= 3 { r.i32().at("ThrottleTimeMs")? } else { 0 };
        let brokers = r
            .array(flexible, |r| MetadataResponseBroker::read(r, message_version))
            .at("Brokers")?;
        let cluster_id =
            if message_version >= 2 { r.nullable_string(flexible).at("ClusterId")? } else { None };
        let controller_id = if message_version >= 1 { r.i32().at("ControllerId")? } else { -1 };
        let topics =
            r.array(flexible, |r| MetadataResponseTopic::read(r, message_version)).at("Topics")?;
        let cluster_authorized_operations = if (8..=10).contains(&message_version) {
            r.i32().at("ClusterAuthorizedOperations")?
        } else {
            i32::MIN
        };
        let error_code = if message_version >= 13 { r.i16().at("ErrorCode")? } else { 0 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self {
            throttle_time_ms,
            brokers,
            cluster_id,
            controller_id,
            topics,
            cluster_authorized_operations,
            error_code,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        if message_version >= 3 {
            buf.put_i32(self.throttle_time_ms);
        }
        crate::write::array(buf, flexible, &self.brokers, |buf, v| v.write(buf, message_version))
            .at("Brokers")?;
        if message_version >= 2 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.cluster_id.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("ClusterId")?;
        }
        if message_version >= 1 {
            buf.put_i32(self.controller_id);
        }
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        if (8..=10).contains(&message_version) {
            buf.put_i32(self.cluster_authorized_operations);
        } else if self.cluster_authorized_operations != i32::MIN {
            return Err(crate::EncodeError::not_in_version("ClusterAuthorizedOperations"));
        }
        if message_version >= 13 {
            buf.put_i16(self.error_code);
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `MetadataResponseBroker` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct MetadataResponseBroker {
    /// `NodeId`, versions 0+.
    pub node_id: i32,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: i32,
    /// `Rack`, versions 1+, nullable in 1+.
    pub rack: Option<crate::Str>,
}

impl MetadataResponseBroker {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let node_id = r.i32().at("NodeId")?;
        let host = r.string(flexible).at("Host")?;
        let port = r.i32().at("Port")?;
        let rack =
            if message_version >= 1 { r.nullable_string(flexible).at("Rack")? } else { None };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { node_id, host, port, rack })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        buf.put_i32(self.node_id);
        crate::write::string(buf, flexible, &self.host).at("Host")?;
        buf.put_i32(self.port);
        if message_version >= 1 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.rack.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("Rack")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `MetadataResponseTopic` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponseTopic {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `Name`, versions 0+, nullable in 12+.
    pub name: Option<crate::Str>,
    /// `TopicId`, versions 10+.
    pub topic_id: crate::Uuid,
    /// `IsInternal`, versions 1+.
    pub is_internal: bool,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<MetadataResponsePartition>,
    /// `TopicAuthorizedOperations`, versions 8+.
    pub topic_authorized_operations: i32,
}

impl Default for MetadataResponseTopic {
    fn default() -> Self {
        Self {
            error_code: 0,
            name: Some(crate::Str::default()),
            topic_id: crate::Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
        }
    }
}

impl MetadataResponseTopic {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let error_code = r.i16().at("ErrorCode")?;
        let name = if message_version >= 12 {
            r.nullable_string(flexible).at("Name")
        } else {
            r.string(flexible).map(Some).at("Name")
        }?;
        let topic_id =
            if message_version >= 10 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let is_internal = if message_version >= 1 { r.bool().at("IsInternal")? } else { false };
        let partitions = r
            .array(flexible, |r| MetadataResponsePartition::read(r, message_version))
            .at("Partitions")?;
        let topic_authorized_operations =
            if message_version >= 8 { r.i32().at("TopicAuthorizedOperations")? } else { i32::MIN };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self {
            error_code,
            name,
            topic_id,
            is_internal,
            partitions,
            topic_authorized_operations,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        buf.put_i16(self.error_code);
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            message_version >= 12,
            self.name.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("Name")?;
        if message_version >= 10 {
            buf.put_slice(&self.topic_id.0);
        }
        if message_version >= 1 {
            buf.put_u8(u8::from(self.is_internal));
        }
        crate::write::array(buf, flexible, &self.partitions, |buf, v| {
            v.write(buf, message_version)
        })
        .at("Partitions")?;
        if message_version >= 8 {
            buf.put_i32(self.topic_authorized_operations);
        } else if self.topic_authorized_operations != i32::MIN {
            return Err(crate::EncodeError::not_in_version("TopicAuthorizedOperations"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `MetadataResponsePartition` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponsePartition {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 7+.
    pub leader_epoch: i32,
    /// `ReplicaNodes`, versions 0+.
    pub replica_nodes: Vec<i32>,
    /// `IsrNodes`, versions 0+.
    pub isr_nodes: Vec<i32>,
    /// `OfflineReplicas`, versions 5+.
    pub offline_replicas: Vec<i32>,
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
        }
    }
}

impl MetadataResponsePartition {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let error_code = r.i16().at("ErrorCode")?;
        let partition_index = r.i32().at("PartitionIndex")?;
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = if message_version >= 7 { r.i32().at("LeaderEpoch")? } else { -1 };
        let replica_nodes = r.array(flexible, crate::Reader::i32).at("ReplicaNodes")?;
        let isr_nodes = r.array(flexible, crate::Reader::i32).at("IsrNodes")?;
        let offline_replicas = if message_version >= 5 {
            r.array(flexible, crate::Reader::i32).at("OfflineReplicas")?
        } else {
            Vec::new()
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self {
            error_code,
            partition_index,
            leader_id,
            leader_epoch,
            replica_nodes,
            isr_nodes,
            offline_replicas,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        buf.put_i16(self.error_code);
        buf.put_i32(self.partition_index);
        buf.put_i32(self.leader_id);
        if message_version >= 7 {
            buf.put_i32(self.leader_epoch);
        }
        crate::write::array(buf, flexible, &self.replica_nodes, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("ReplicaNodes")?;
        crate::write::array(buf, flexible, &self.isr_nodes, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("IsrNodes")?;
        if message_version >= 5 {
            crate::write::array(buf, flexible, &self.offline_replicas, |buf, v| {
                buf.put_i32(*v);
                Ok(())
            })
            .at("OfflineReplicas")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for MetadataResponse {
    const NAME: &'static str = "MetadataResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 13;
    const FLEXIBLE_SINCE: i16 = 9;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
