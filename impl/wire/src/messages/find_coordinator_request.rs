//! `FindCoordinatorRequest`, key 10, versions 0-6. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FindCoordinatorRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FindCoordinatorRequest {
    /// `Key`, versions 0-3.
    pub key: crate::Str,
    /// `KeyType`, versions 1+.
    pub key_type: i8,
    /// `CoordinatorKeys`, versions 4+.
    pub coordinator_keys: Vec<crate::Str>,
}

impl FindCoordinatorRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let key = if message_version <= 3 {
            r.string(flexible).at("Key")?
        } else {
            crate::Str::default()
        };
        let key_type = if message_version >= 1 { r.i8().at("KeyType")? } else { 0 };
        let coordinator_keys = if message_version >= 4 {
            r.array(flexible, |r| r.string(flexible)).at("CoordinatorKeys")?
        } else {
            Vec::new()
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { key, key_type, coordinator_keys })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        if message_version <= 3 {
            crate::write::string(buf, flexible, &self.key).at("Key")?;
        } else if !self.key.is_empty() {
            return Err(crate::EncodeError::not_in_version("Key"));
        }
        if message_version >= 1 {
            buf.put_i8(self.key_type);
        } else if self.key_type != 0 {
            return Err(crate::EncodeError::not_in_version("KeyType"));
        }
        if message_version >= 4 {
            crate::write::array(buf, flexible, &self.coordinator_keys, |buf, v| {
                crate::write::string(buf, flexible, v)
            })
            .at("CoordinatorKeys")?;
        } else if !self.coordinator_keys.is_empty() {
            return Err(crate::EncodeError::not_in_version("CoordinatorKeys"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for FindCoordinatorRequest {
    const NAME: &'static str = "FindCoordinatorRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;
    const FLEXIBLE_SINCE: i16 = 3;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for FindCoordinatorRequest {
    const KEY: i16 = 10;
    type Response = super::find_coordinator_response::FindCoordinatorResponse;
}
