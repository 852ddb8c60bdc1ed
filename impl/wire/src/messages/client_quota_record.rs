//! `ClientQuotaRecord`, key 14, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ClientQuotaRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ClientQuotaRecord {
    /// `Entity`, versions 0+.
    pub entity: Vec<EntityData>,
    /// `Key`, versions 0+.
    pub key: crate::Str,
    /// `Value`, versions 0+.
    pub value: f64,
    /// `Remove`, versions 0+.
    pub remove: bool,
}

impl ClientQuotaRecord {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let entity = r.array(true, |r| EntityData::read(r, message_version)).at("Entity")?;
        let key = r.string(true).at("Key")?;
        let value = r.f64().at("Value")?;
        let remove = r.bool().at("Remove")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { entity, key, value, remove })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::array(buf, true, &self.entity, |buf, v| v.write(buf, message_version))
            .at("Entity")?;
        crate::write::string(buf, true, &self.key).at("Key")?;
        buf.put_f64(self.value);
        buf.put_u8(u8::from(self.remove));
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for ClientQuotaRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("entity", &self.entity);
        object.field("key", &self.key);
        object.field("value", &self.value);
        object.field("remove", &self.remove);
        object.end();
    }
}

/// `EntityData` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityData {
    /// `EntityType`, versions 0+.
    pub entity_type: crate::Str,
    /// `EntityName`, versions 0+, nullable in 0+.
    pub entity_name: Option<crate::Str>,
}

impl Default for EntityData {
    fn default() -> Self {
        Self { entity_type: crate::Str::default(), entity_name: Some(crate::Str::default()) }
    }
}

impl EntityData {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let entity_type = r.string(true).at("EntityType")?;
        let entity_name = r.nullable_string(true).at("EntityName")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { entity_type, entity_name })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.entity_type).at("EntityType")?;
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.entity_name.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("EntityName")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for EntityData {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("entityType", &self.entity_type);
        object.field("entityName", &self.entity_name);
        object.end();
    }
}

impl crate::Message for ClientQuotaRecord {
    const NAME: &'static str = "ClientQuotaRecord";
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
