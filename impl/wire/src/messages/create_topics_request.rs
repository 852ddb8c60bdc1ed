//! `CreateTopicsRequest`, key 19, versions 2-7. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `CreateTopicsRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTopicsRequest {
    /// `Topics`, versions 0+.
    pub topics: Vec<CreatableTopic>,
    /// `timeoutMs`, versions 0+.
    pub timeout_ms: i32,
    /// `validateOnly`, versions 1+.
    pub validate_only: bool,
}

impl Default for CreateTopicsRequest {
    fn default() -> Self {
        Self { topics: Vec::new(), timeout_ms: 60000, validate_only: false }
    }
}

impl CreateTopicsRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 5;
        let topics =
            r.array(flexible, |r| CreatableTopic::read(r, message_version)).at("Topics")?;
        let timeout_ms = r.i32().at("timeoutMs")?;
        let validate_only = r.bool().at("validateOnly")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { topics, timeout_ms, validate_only })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 5;
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        buf.put_i32(self.timeout_ms);
        buf.put_u8(u8::from(self.validate_only));
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `CreatableTopic` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CreatableTopic {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `NumPartitions`, versions 0+.
    pub num_partitions: i32,
    /// `ReplicationFactor`, versions 0+.
    pub replication_factor: i16,
    /// `Assignments`, versions 0+.
    pub assignments: Vec<CreatableReplicaAssignment>,
    /// `Configs`, versions 0+.
    pub configs: Vec<CreatableTopicConfig>,
}

impl CreatableTopic {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 5;
        let name = r.string(flexible).at("Name")?;
        let num_partitions = r.i32().at("NumPartitions")?;
        let replication_factor = r.i16().at("ReplicationFactor")?;
        let assignments = r
            .array(flexible, |r| CreatableReplicaAssignment::read(r, message_version))
            .at("Assignments")?;
        let configs =
            r.array(flexible, |r| CreatableTopicConfig::read(r, message_version)).at("Configs")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, num_partitions, replication_factor, assignments, configs })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 5;
        crate::write::string(buf, flexible, &self.name).at("Name")?;
        buf.put_i32(self.num_partitions);
        buf.put_i16(self.replication_factor);
        crate::write::array(buf, flexible, &self.assignments, |buf, v| {
            v.write(buf, message_version)
        })
        .at("Assignments")?;
        crate::write::array(buf, flexible, &self.configs, |buf, v| v.write(buf, message_version))
            .at("Configs")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `CreatableReplicaAssignment` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CreatableReplicaAssignment {
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `BrokerIds`, versions 0+.
    pub broker_ids: Vec<i32>,
}

impl CreatableReplicaAssignment {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 5;
        let partition_index = r.i32().at("PartitionIndex")?;
        let broker_ids = r.array(flexible, crate::Reader::i32).at("BrokerIds")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { partition_index, broker_ids })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 5;
        buf.put_i32(self.partition_index);
        crate::write::array(buf, flexible, &self.broker_ids, |buf, v| {
            buf.put_i32(*v);
            Ok(())
        })
        .at("BrokerIds")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `CreatableTopicConfig` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicConfig {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Value`, versions 0+, nullable in 0+.
    pub value: Option<crate::Str>,
}

impl Default for CreatableTopicConfig {
    fn default() -> Self {
        Self { name: crate::Str::default(), value: Some(crate::Str::default()) }
    }
}

impl CreatableTopicConfig {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 5;
        let name = r.string(flexible).at("Name")?;
        let value = r.nullable_string(flexible).at("Value")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, value })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 5;
        crate::write::string(buf, flexible, &self.name).at("Name")?;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            true,
            self.value.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("Value")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for CreateTopicsRequest {
    const NAME: &'static str = "CreateTopicsRequest";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 7;
    const FLEXIBLE_SINCE: i16 = 5;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for CreateTopicsRequest {
    const KEY: i16 = 19;
    type Response = super::create_topics_response::CreateTopicsResponse;
}
