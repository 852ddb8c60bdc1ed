//! `ConfigRecord`, key 4, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ConfigRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigRecord {
    /// `ResourceType`, versions 0+.
    pub resource_type: i8,
    /// `ResourceName`, versions 0+.
    pub resource_name: crate::Str,
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Value`, versions 0+, nullable in 0+.
    pub value: Option<crate::Str>,
}

impl Default for ConfigRecord {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: crate::Str::default(),
            name: crate::Str::default(),
            value: Some(crate::Str::default()),
        }
    }
}

impl ConfigRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let resource_type = r.i8().at("ResourceType")?;
        let resource_name = r.string(true).at("ResourceName")?;
        let name = r.string(true).at("Name")?;
        let value = r.nullable_string(true).at("Value")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { resource_type, resource_name, name, value })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i8(self.resource_type);
        crate::write::string(buf, true, &self.resource_name).at("ResourceName")?;
        crate::write::string(buf, true, &self.name).at("Name")?;
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.value.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("Value")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for ConfigRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("resourceType", &self.resource_type);
        object.field("resourceName", &self.resource_name);
        object.field("name", &self.name);
        object.field("value", &self.value);
        object.end();
    }
}

impl crate::Message for ConfigRecord {
    const NAME: &'static str = "ConfigRecord";
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
