//! `ListOffsetsRequest`, key 2, versions 1-11. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ListOffsetsRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ListOffsetsRequest {
    /// `ReplicaId`, versions 0+.
    pub replica_id: i32,
    /// `IsolationLevel`, versions 2+.
    pub isolation_level: i8,
    /// `Topics`, versions 0+.
    pub topics: Vec<ListOffsetsTopic>,
    /// `TimeoutMs`, versions 10+.
    pub timeout_ms: i32,
}

impl ListOffsetsRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 6;
        let replica_id = r.i32().at("ReplicaId")?;
        let isolation_level = if message_version >= 2 { r.i8().at("IsolationLevel")? } else { 0 };
        let topics =
            r.array(flexible, |r| ListOffsetsTopic::read(r, message_version)).at("Topics")?;
        let timeout_ms = if message_version >= 10 { r.i32().at("TimeoutMs")? } else { 0 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { replica_id, isolation_level, topics, timeout_ms })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 6;
        buf.put_i32(self.replica_id);
        if message_version >= 2 {
            buf.put_i8(self.isolation_level);
        } else if self.isolation_level != 0 {
            return Err(crate::EncodeError::not_in_version("IsolationLevel"));
        }
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        if message_version >= 10 {
            buf.put_i32(self.timeout_ms);
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `ListOffsetsTopic` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ListOffsetsTopic {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<ListOffsetsPartition>,
}

impl ListOffsetsTopic {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 6;
        let name = r.string(flexible).at("Name")?;
        let partitions = r
            .array(flexible, |r| ListOffsetsPartition::read(r, message_version))
            .at("Partitions")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, partitions })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 6;
        crate::write::string(buf, flexible, &self.name).at("Name")?;
        crate::write::array(buf, flexible, &self.partitions, |buf, v| {
            v.write(buf, message_version)
        })
        .at("Partitions")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `ListOffsetsPartition` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ListOffsetsPartition {
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `CurrentLeaderEpoch`, versions 4+.
    pub current_leader_epoch: i32,
    /// `Timestamp`, versions 0+.
    pub timestamp: i64,
}

impl Default for ListOffsetsPartition {
    fn default() -> Self {
        Self { partition_index: 0, current_leader_epoch: -1, timestamp: 0 }
    }
}

impl ListOffsetsPartition {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 6;
        let partition_index = r.i32().at("PartitionIndex")?;
        let current_leader_epoch =
            if message_version >= 4 { r.i32().at("CurrentLeaderEpoch")? } else { -1 };
        let timestamp = r.i64().at("Timestamp")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { partition_index, current_leader_epoch, timestamp })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 6;
        buf.put_i32(self.partition_index);
        if message_version >= 4 {
            buf.put_i32(self.current_leader_epoch);
        }
        buf.put_i64(self.timestamp);
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for ListOffsetsRequest {
    const NAME: &'static str = "ListOffsetsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 11;
    const FLEXIBLE_SINCE: i16 = 6;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for ListOffsetsRequest {
    const KEY: i16 = 2;
    type Response = super::list_offsets_response::ListOffsetsResponse;
}
