//! `ProduceRequest`, key 0, versions 3-13. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ProduceRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ProduceRequest {
    /// `TransactionalId`, versions 3+, nullable in 3+.
    pub transactional_id: Option<crate::Str>,
    /// `Acks`, versions 0+.
    pub acks: i16,
    /// `TimeoutMs`, versions 0+.
    pub timeout_ms: i32,
    /// `TopicData`, versions 0+.
    pub topic_data: Vec<TopicProduceData>,
}

impl ProduceRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let transactional_id = r.nullable_string(flexible).at("TransactionalId")?;
        let acks = r.i16().at("Acks")?;
        let timeout_ms = r.i32().at("TimeoutMs")?;
        let topic_data =
            r.array(flexible, |r| TopicProduceData::read(r, message_version)).at("TopicData")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { transactional_id, acks, timeout_ms, topic_data })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            true,
            self.transactional_id.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("TransactionalId")?;
        buf.put_i16(self.acks);
        buf.put_i32(self.timeout_ms);
        crate::write::array(buf, flexible, &self.topic_data, |buf, v| {
            v.write(buf, message_version)
        })
        .at("TopicData")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `TopicProduceData` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopicProduceData {
    /// `Name`, versions 0-12.
    pub name: crate::Str,
    /// `TopicId`, versions 13+.
    pub topic_id: crate::Uuid,
    /// `PartitionData`, versions 0+.
    pub partition_data: Vec<PartitionProduceData>,
}

impl TopicProduceData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let name = if message_version <= 12 {
            r.string(flexible).at("Name")?
        } else {
            crate::Str::default()
        };
        let topic_id =
            if message_version >= 13 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let partition_data = r
            .array(flexible, |r| PartitionProduceData::read(r, message_version))
            .at("PartitionData")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, topic_id, partition_data })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        if message_version <= 12 {
            crate::write::string(buf, flexible, &self.name).at("Name")?;
        }
        if message_version >= 13 {
            buf.put_slice(&self.topic_id.0);
        }
        crate::write::array(buf, flexible, &self.partition_data, |buf, v| {
            v.write(buf, message_version)
        })
        .at("PartitionData")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `PartitionProduceData` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PartitionProduceData {
    /// `Index`, versions 0+.
    pub index: i32,
    /// `Records`, versions 0+, nullable in 0+.
    pub records: Option<bytes::Bytes>,
}

impl PartitionProduceData {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 9;
        let index = r.i32().at("Index")?;
        let records = r.nullable_bytes(flexible).at("Records")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { index, records })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 9;
        buf.put_i32(self.index);
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Long,
            true,
            self.records.as_ref(),
            |buf, v| crate::write::bytes(buf, flexible, v),
        )
        .at("Records")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for ProduceRequest {
    const NAME: &'static str = "ProduceRequest";
    const MIN_VERSION: i16 = 3;
    const MAX_VERSION: i16 = 13;
    const FLEXIBLE_SINCE: i16 = 9;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for ProduceRequest {
    const KEY: i16 = 0;
    type Response = super::produce_response::ProduceResponse;
}
