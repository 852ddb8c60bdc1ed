//! `TopicRecord`, key 2, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `TopicRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopicRecord {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `TopicId`, versions 0+.
    pub topic_id: crate::Uuid,
}

impl TopicRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let topic_id = r.uuid().at("TopicId")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, topic_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        buf.put_slice(&self.topic_id.0);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for TopicRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("topicId", &self.topic_id);
        object.end();
    }
}

impl crate::Message for TopicRecord {
    const NAME: &'static str = "TopicRecord";
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
