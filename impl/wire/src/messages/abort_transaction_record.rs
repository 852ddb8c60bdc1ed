//! `AbortTransactionRecord`, key 25, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

/// `AbortTransactionRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AbortTransactionRecord {
    /// `Reason`, versions 0+, nullable in 0+, tag 0.
    pub reason: Option<crate::Str>,
}

impl AbortTransactionRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let mut reason = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut reason, |r| r.nullable_string(true).at("Reason"))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { reason: reason.unwrap_or_default() })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let tag_reason = self.reason.is_some();
        crate::write::uvarint(buf, u32::from(tag_reason));
        if tag_reason {
            crate::write::tag(buf, 0, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Short,
                    true,
                    self.reason.as_ref(),
                    |buf, v| crate::write::string(buf, true, v),
                )
            })
            .at("Reason")?;
        }

        Ok(())
    }
}

impl crate::json::Json for AbortTransactionRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        if self.reason.is_some() {
            object.field("reason", &self.reason);
        }
        object.end();
    }
}

impl crate::Message for AbortTransactionRecord {
    const NAME: &'static str = "AbortTransactionRecord";
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
