//! `ControllerRegistrationRequest`, key 70, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ControllerRegistrationRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ControllerRegistrationRequest {
    /// `ControllerId`, versions 0+.
    pub controller_id: i32,
    /// `IncarnationId`, versions 0+.
    pub incarnation_id: crate::Uuid,
    /// `ZkMigrationReady`, versions 0+.
    pub zk_migration_ready: bool,
    /// `Listeners`, versions 0+.
    pub listeners: Vec<Listener>,
    /// `Features`, versions 0+.
    pub features: Vec<Feature>,
}

impl ControllerRegistrationRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let controller_id = r.i32().at("ControllerId")?;
        let incarnation_id = r.uuid().at("IncarnationId")?;
        let zk_migration_ready = r.bool().at("ZkMigrationReady")?;
        let listeners = r.array(true, |r| Listener::read(r, message_version)).at("Listeners")?;
        let features = r.array(true, |r| Feature::read(r, message_version)).at("Features")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { controller_id, incarnation_id, zk_migration_ready, listeners, features })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.controller_id);
        buf.put_slice(&self.incarnation_id.0);
        buf.put_u8(u8::from(self.zk_migration_ready));
        crate::write::array(buf, true, &self.listeners, |buf, v| v.write(buf, message_version))
            .at("Listeners")?;
        crate::write::array(buf, true, &self.features, |buf, v| v.write(buf, message_version))
            .at("Features")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `Listener` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Listener {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: u16,
    /// `SecurityProtocol`, versions 0+.
    pub security_protocol: i16,
}

impl Listener {
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

/// `Feature` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Feature {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `MinSupportedVersion`, versions 0+.
    pub min_supported_version: i16,
    /// `MaxSupportedVersion`, versions 0+.
    pub max_supported_version: i16,
}

impl Feature {
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

impl crate::Message for ControllerRegistrationRequest {
    const NAME: &'static str = "ControllerRegistrationRequest";
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

impl crate::Request for ControllerRegistrationRequest {
    const KEY: i16 = 70;
    type Response = super::controller_registration_response::ControllerRegistrationResponse;
}
