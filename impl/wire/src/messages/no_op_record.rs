//! `NoOpRecord`, key 20, versions 0. Written by `kraftig-wire-generator`; do not edit.

/// `NoOpRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NoOpRecord {}

impl NoOpRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        r.tags(|_, _| Ok(false))?;
        Ok(Self {})
    }

    fn write(
        _: &Self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for NoOpRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let object = crate::json::Object::new(out, message_version);
        object.end();
    }
}

impl crate::Message for NoOpRecord {
    const NAME: &'static str = "NoOpRecord";
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
