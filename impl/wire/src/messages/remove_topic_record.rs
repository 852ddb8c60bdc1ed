//! `RemoveTopicRecord`, key 9, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `RemoveTopicRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RemoveTopicRecord {
    /// `TopicId`, versions 0+.
    pub topic_id: crate::Uuid,
}

impl RemoveTopicRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let topic_id = r.uuid().at("TopicId")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { topic_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_slice(&self.topic_id.0);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for RemoveTopicRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("topicId", &self.topic_id);
        object.end();
    }
}

impl crate::Message for RemoveTopicRecord {
    const NAME: &'static str = "RemoveTopicRecord";
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
