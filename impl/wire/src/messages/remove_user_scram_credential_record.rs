//! `RemoveUserScramCredentialRecord`, key 22, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `RemoveUserScramCredentialRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RemoveUserScramCredentialRecord {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Mechanism`, versions 0+.
    pub mechanism: i8,
}

impl RemoveUserScramCredentialRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let mechanism = r.i8().at("Mechanism")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, mechanism })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        buf.put_i8(self.mechanism);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for RemoveUserScramCredentialRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("mechanism", &self.mechanism);
        object.end();
    }
}

impl crate::Message for RemoveUserScramCredentialRecord {
    const NAME: &'static str = "RemoveUserScramCredentialRecord";
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
