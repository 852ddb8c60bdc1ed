//! `RemoveDelegationTokenRecord`, key 26, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

/// `RemoveDelegationTokenRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RemoveDelegationTokenRecord {
    /// `TokenId`, versions 0+.
    pub token_id: crate::Str,
}

impl RemoveDelegationTokenRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let token_id = r.string(true).at("TokenId")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { token_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.token_id).at("TokenId")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for RemoveDelegationTokenRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("tokenId", &self.token_id);
        object.end();
    }
}

impl crate::Message for RemoveDelegationTokenRecord {
    const NAME: &'static str = "RemoveDelegationTokenRecord";
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
