//! `ClearElrRecord`, key 28, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

/// `ClearElrRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ClearElrRecord {
    /// `TopicName`, versions 0+.
    pub topic_name: crate::Str,
}

impl ClearElrRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let topic_name = r.string(true).at("TopicName")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { topic_name })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.topic_name).at("TopicName")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for ClearElrRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("topicName", &self.topic_name);
        object.end();
    }
}

impl crate::Message for ClearElrRecord {
    const NAME: &'static str = "ClearElrRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
