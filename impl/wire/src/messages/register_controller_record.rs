//! `RegisterControllerRecord`, key 27, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `RegisterControllerRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RegisterControllerRecord {
    /// `ControllerId`, versions 0+.
    pub controller_id: i32,
    /// `IncarnationId`, versions 0+.
    pub incarnation_id: crate::Uuid,
    /// `ZkMigrationReady`, versions 0+.
    pub zk_migration_ready: bool,
    /// `EndPoints`, versions 0+.
    pub end_points: Vec<ControllerEndpoint>,
    /// `Features`, versions 0+.
    pub features: Vec<ControllerFeature>,
}

impl RegisterControllerRecord {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let controller_id = r.i32().at("ControllerId")?;
        let incarnation_id = r.uuid().at("IncarnationId")?;
        let zk_migration_ready = r.bool().at("ZkMigrationReady")?;
        let end_points =
            r.array(true, |r| ControllerEndpoint::read(r, message_version)).at("EndPoints")?;
        let features =
            r.array(true, |r| ControllerFeature::read(r, message_version)).at("Features")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { controller_id, incarnation_id, zk_migration_ready, end_points, features })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.controller_id);
        buf.put_slice(&self.incarnation_id.0);
        buf.put_u8(u8::from(self.zk_migration_ready));
        crate::write::array(buf, true, &self.end_points, |buf, v| v.write(buf, message_version))
            .at("EndPoints")?;
        crate::write::array(buf, true, &self.features, |buf, v| v.write(buf, message_version))
            .at("Features")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for RegisterControllerRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("controllerId", &self.controller_id);
        object.field("incarnationId", &self.incarnation_id);
        object.field("zkMigrationReady", &self.zk_migration_ready);
        object.field("endPoints", &self.end_points);
        object.field("features", &self.features);
        object.end();
    }
}

/// `ControllerEndpoint` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ControllerEndpoint {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: u16,
    /// `SecurityProtocol`, versions 0+.
    pub security_protocol: i16,
}

impl ControllerEndpoint {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let host = r.string(true).at("Host")?;
        let port = r.u16().at("Port")?;
        let security_protocol = r.i16().at("SecurityProtocol")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, host, port, security_protocol })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        crate::write::string(buf, true, &self.host).at("Host")?;
        buf.put_u16(self.port);
        buf.put_i16(self.security_protocol);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for ControllerEndpoint {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("host", &self.host);
        object.field("port", &self.port);
        object.field("securityProtocol", &self.security_protocol);
        object.end();
    }
}

/// `ControllerFeature` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ControllerFeature {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `MinSupportedVersion`, versions 0+.
    pub min_supported_version: i16,
    /// `MaxSupportedVersion`, versions 0+.
    pub max_supported_version: i16,
}

impl ControllerFeature {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let min_supported_version = r.i16().at("MinSupportedVersion")?;
        let max_supported_version = r.i16().at("MaxSupportedVersion")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, min_supported_version, max_supported_version })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        buf.put_i16(self.min_supported_version);
        buf.put_i16(self.max_supported_version);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for ControllerFeature {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("minSupportedVersion", &self.min_supported_version);
        object.field("maxSupportedVersion", &self.max_supported_version);
        object.end();
    }
}

impl crate::Message for RegisterControllerRecord {
    const NAME: &'static str = "RegisterControllerRecord";
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
