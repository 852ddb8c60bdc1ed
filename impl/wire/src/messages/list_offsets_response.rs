//! `ListOffsetsResponse`, key 2, versions 1-11. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ListOffsetsResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ListOffsetsResponse {
    /// `ThrottleTimeMs`, versions 2+.
    pub throttle_time_ms: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<ListOffsetsTopicResponse>,
}

impl ListOffsetsResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 6;
        let throttle_time_ms =
            if message_version >= 2 { r.i32().at("ThrottleTimeMs")? } else { 0 };
        let topics = r
            .array(flexible, |r| ListOffsetsTopicResponse::read(r, message_version))
            .at("Topics")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { throttle_time_ms, topics })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 6;
        if message_version >= 2 {
            buf.put_i32(self.throttle_time_ms);
        }
        crate::write::array(buf, flexible, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `ListOffsetsTopicResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ListOffsetsTopicResponse {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

impl ListOffsetsTopicResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 6;
        let name = r.string(flexible).at("Name")?;
        let partitions = r
            .array(flexible, |r| ListOffsetsPartitionResponse::read(r, message_version))
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

/// `ListOffsetsPartitionResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ListOffsetsPartitionResponse {
    /// `PartitionIndex`, versions 0+.
    pub partition_index: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `Timestamp`, versions 1+.
    pub timestamp: i64,
    /// `Offset`, versions 1+.
    pub offset: i64,
    /// `LeaderEpoch`, versions 4+.
    pub leader_epoch: i32,
}

impl Default for ListOffsetsPartitionResponse {
    fn default() -> Self {
        Self { partition_index: 0, error_code: 0, timestamp: -1, offset: -1, leader_epoch: -1 }
    }
}

impl ListOffsetsPartitionResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 6;
        let partition_index = r.i32().at("PartitionIndex")?;
        let error_code = r.i16().at("ErrorCode")?;
        let timestamp = r.i64().at("Timestamp")?;
        let offset = r.i64().at("Offset")?;
        let leader_epoch = if message_version >= 4 { r.i32().at("LeaderEpoch")? } else { -1 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { partition_index, error_code, timestamp, offset, leader_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 6;
        buf.put_i32(self.partition_index);
        buf.put_i16(self.error_code);
        buf.put_i64(self.timestamp);
        buf.put_i64(self.offset);
        if message_version >= 4 {
            buf.put_i32(self.leader_epoch);
        } else if self.leader_epoch != -1 {
            return Err(crate::EncodeError::not_in_version("LeaderEpoch"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for ListOffsetsResponse {
    const NAME: &'static str = "ListOffsetsResponse";
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
