//! `UserScramCredentialRecord`, key 11, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `UserScramCredentialRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UserScramCredentialRecord {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Mechanism`, versions 0+.
    pub mechanism: i8,
    /// `Salt`, versions 0+.
    pub salt: bytes::Bytes,
    /// `StoredKey`, versions 0+.
    pub stored_key: bytes::Bytes,
    /// `ServerKey`, versions 0+.
    pub server_key: bytes::Bytes,
    /// `Iterations`, versions 0+.
    pub iterations: i32,
}

impl UserScramCredentialRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let mechanism = r.i8().at("Mechanism")?;
        let salt = r.bytes(true).at("Salt")?;
        let stored_key = r.bytes(true).at("StoredKey")?;
        let server_key = r.bytes(true).at("ServerKey")?;
        let iterations = r.i32().at("Iterations")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, mechanism, salt, stored_key, server_key, iterations })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        buf.put_i8(self.mechanism);
        crate::write::bytes(buf, true, &self.salt).at("Salt")?;
        crate::write::bytes(buf, true, &self.stored_key).at("StoredKey")?;
        crate::write::bytes(buf, true, &self.server_key).at("ServerKey")?;
        buf.put_i32(self.iterations);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for UserScramCredentialRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("mechanism", &self.mechanism);
        object.field("salt", &self.salt);
        object.field("storedKey", &self.stored_key);
        object.field("serverKey", &self.server_key);
        object.field("iterations", &self.iterations);
        object.end();
    }
}

impl crate::Message for UserScramCredentialRecord {
    const NAME: &'static str = "UserScramCredentialRecord";
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
