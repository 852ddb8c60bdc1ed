//! `DeleteTopicsResponse`, key 20, versions 1-6. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DeleteTopicsResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeleteTopicsResponse {
    /// `ThrottleTimeMs`, versions 1+.
    pub throttle_time_ms: i32,
    /// `Responses`, versions 0+.
    pub responses: Vec<DeletableTopicResult>,
}

impl DeleteTopicsResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let responses = r
            .array(flexible, |r| DeletableTopicResult::read(r, message_version))
            .at("Responses")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { throttle_time_ms, responses })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        buf.put_i32(self.throttle_time_ms);
        crate::write::array(buf, flexible, &self.responses, |buf, v| v.write(buf, message_version))
            .at("Responses")?;
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `DeletableTopicResult` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletableTopicResult {
    /// `Name`, versions 0+, nullable in 6+.
    pub name: Option<crate::Str>,
    /// `TopicId`, versions 6+.
    pub topic_id: crate::Uuid,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 5+, nullable in 5+.
    pub error_message: Option<crate::Str>,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        Self {
            name: Some(crate::Str::default()),
            topic_id: crate::Uuid::ZERO,
            error_code: 0,
            error_message: None,
        }
    }
}

impl DeletableTopicResult {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 4;
        let name = if message_version >= 6 {
            r.nullable_string(flexible).at("Name")
        } else {
            r.string(flexible).map(Some).at("Name")
        }?;
        let topic_id =
            if message_version >= 6 { r.uuid().at("TopicId")? } else { crate::Uuid::ZERO };
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = if message_version >= 5 {
            r.nullable_string(flexible).at("ErrorMessage")?
        } else {
            None
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, topic_id, error_code, error_message })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 4;
        crate::write::nullable(
            buf,
            flexible,
            crate::write::Null::Short,
            message_version >= 6,
            self.name.as_ref(),
            |buf, v| crate::write::string(buf, flexible, v),
        )
        .at("Name")?;
        if message_version >= 6 {
            buf.put_slice(&self.topic_id.0);
        }
        buf.put_i16(self.error_code);
        if message_version >= 5 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.error_message.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("ErrorMessage")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for DeleteTopicsResponse {
    const NAME: &'static str = "DeleteTopicsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 6;
    const FLEXIBLE_SINCE: i16 = 4;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
