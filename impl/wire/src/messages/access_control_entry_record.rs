//! `AccessControlEntryRecord`, key 18, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `AccessControlEntryRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AccessControlEntryRecord {
    /// `Id`, versions 0+.
    pub id: crate::Uuid,
    /// `ResourceType`, versions 0+.
    pub resource_type: i8,
    /// `ResourceName`, versions 0+.
    pub resource_name: crate::Str,
    /// `PatternType`, versions 0+.
    pub pattern_type: i8,
    /// `Principal`, versions 0+.
    pub principal: crate::Str,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Operation`, versions 0+.
    pub operation: i8,
    /// `PermissionType`, versions 0+.
    pub permission_type: i8,
}

impl AccessControlEntryRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let id = r.uuid().at("Id")?;
        let resource_type = r.i8().at("ResourceType")?;
        let resource_name = r.string(true).at("ResourceName")?;
        let pattern_type = r.i8().at("PatternType")?;
        let principal = r.string(true).at("Principal")?;
        let host = r.string(true).at("Host")?;
        let operation = r.i8().at("Operation")?;
        let permission_type = r.i8().at("PermissionType")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            id,
            resource_type,
            resource_name,
            pattern_type,
            principal,
            host,
            operation,
            permission_type,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_slice(&self.id.0);
        buf.put_i8(self.resource_type);
        crate::write::string(buf, true, &self.resource_name).at("ResourceName")?;
        buf.put_i8(self.pattern_type);
        crate::write::string(buf, true, &self.principal).at("Principal")?;
        crate::write::string(buf, true, &self.host).at("Host")?;
        buf.put_i8(self.operation);
        buf.put_i8(self.permission_type);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for AccessControlEntryRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("id", &self.id);
        object.field("resourceType", &self.resource_type);
        object.field("resourceName", &self.resource_name);
        object.field("patternType", &self.pattern_type);
        object.field("principal", &self.principal);
        object.field("host", &self.host);
        object.field("operation", &self.operation);
        object.field("permissionType", &self.permission_type);
        object.end();
    }
}

impl crate::Message for AccessControlEntryRecord {
    const NAME: &'static str = "AccessControlEntryRecord";
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
