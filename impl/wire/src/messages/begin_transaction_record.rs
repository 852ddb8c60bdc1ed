//! `BeginTransactionRecord`, key 23, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

/// `BeginTransactionRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BeginTransactionRecord {
    /// `Name`, versions 0+, nullable in 0+, tag 0.
    pub name: Option<crate::Str>,
}

impl BeginTransactionRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let mut name = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut name, |r| r.nullable_string(true).at("Name"))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { name: name.unwrap_or_default() })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let tag_name = self.name.is_some();
        crate::write::uvarint(buf, u32::from(tag_name));
        if tag_name {
            crate::write::tag(buf, 0, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Short,
                    true,
                    self.name.as_ref(),
                    |buf, v| crate::write::string(buf, true, v),
                )
            })
            .at("Name")?;
        }

        Ok(())
    }
}

impl crate::json::Json for BeginTransactionRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        if self.name.is_some() {
            object.field("name", &self.name);
        }
        object.end();
    }
}

impl crate::Message for BeginTransactionRecord {
    const NAME: &'static str = "BeginTransactionRecord";
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
