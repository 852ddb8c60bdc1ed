//! `InitProducerIdRequest`, key 22, versions 0-5. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `InitProducerIdRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct InitProducerIdRequest {
    /// `TransactionalId`, versions 0+, nullable in 0+.
    pub transactional_id: Option<crate::Str>,
    /// `TransactionTimeoutMs`, versions 0+.
    pub transaction_timeout_ms: i32,
    /// `ProducerId`, versions 3+.
    pub producer_id: i64,
    /// `ProducerEpoch`, versions 3+.
    pub producer_epoch: i16,
}

impl Default for InitProducerIdRequest {
    fn default() -> Self {
        Self {
            transactional_id: Some(crate::Str::default()),
            transaction_timeout_ms: 0,
            producer_id: -1,
            producer_epoch: -1,
        }
    }
}

impl InitProducerIdRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 2;
        let transactional_id = r.nullable_string(flexible).at("TransactionalId")?;
        let transaction_timeout_ms = r.i32().at("TransactionTimeoutMs")?;
        let producer_id = if message_version >= 3 { r.i64().at("ProducerId")? } else { -1 };
        let producer_epoch = if message_version >= 3 { r.i16().at("ProducerEpoch")? } else { -1 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { transactional_id, transaction_timeout_ms, producer_id, producer_epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 2;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            true,
            self.transactional_id.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("TransactionalId")?;
        buf.put_i32(self.transaction_timeout_ms);
        if message_version >= 3 {
            buf.put_i64(self.producer_id);
        } else if self.producer_id != -1 {
            return Err(crate::EncodeError::not_in_version("ProducerId"));
        }
        if message_version >= 3 {
            buf.put_i16(self.producer_epoch);
        } else if self.producer_epoch != -1 {
            return Err(crate::EncodeError::not_in_version("ProducerEpoch"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for InitProducerIdRequest {
    const NAME: &'static str = "InitProducerIdRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;
    const FLEXIBLE_SINCE: i16 = 2;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for InitProducerIdRequest {
    const KEY: i16 = 22;
    type Response = super::init_producer_id_response::InitProducerIdResponse;
}
