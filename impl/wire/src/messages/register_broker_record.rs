//! `RegisterBrokerRecord`, key 0, versions 0-3. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `RegisterBrokerRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterBrokerRecord {
    /// `BrokerId`, versions 0+.
    pub broker_id: i32,
    /// `IsMigratingZkBroker`, versions 2+.
    pub is_migrating_zk_broker: bool,
    /// `IncarnationId`, versions 0+.
    pub incarnation_id: crate::Uuid,
    /// `BrokerEpoch`, versions 0+.
    pub broker_epoch: i64,
    /// `EndPoints`, versions 0+.
    pub end_points: Vec<BrokerEndpoint>,
    /// `Features`, versions 0+.
    pub features: Vec<BrokerFeature>,
    /// `Rack`, versions 0+, nullable in 0+.
    pub rack: Option<crate::Str>,
    /// `Fenced`, versions 0+.
    pub fenced: bool,
    /// `InControlledShutdown`, versions 1+.
    pub in_controlled_shutdown: bool,
    /// `LogDirs`, versions 3+, tag 0.
    pub log_dirs: Vec<crate::Uuid>,
}

impl Default for RegisterBrokerRecord {
    fn default() -> Self {
        Self {
            broker_id: 0,
            is_migrating_zk_broker: false,
            incarnation_id: crate::Uuid::ZERO,
            broker_epoch: 0,
            end_points: Vec::new(),
            features: Vec::new(),
            rack: Some(crate::Str::default()),
            fenced: true,
            in_controlled_shutdown: false,
            log_dirs: Vec::new(),
        }
    }
}

impl RegisterBrokerRecord {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let broker_id = r.i32().at("BrokerId")?;
        let is_migrating_zk_broker =
            if message_version >= 2 { r.bool().at("IsMigratingZkBroker")? } else { false };
        let incarnation_id = r.uuid().at("IncarnationId")?;
        let broker_epoch = r.i64().at("BrokerEpoch")?;
        let end_points =
            r.array(true, |r| BrokerEndpoint::read(r, message_version)).at("EndPoints")?;
        let features = r.array(true, |r| BrokerFeature::read(r, message_version)).at("Features")?;
        let rack = r.nullable_string(true).at("Rack")?;
        let fenced = r.bool().at("Fenced")?;
        let in_controlled_shutdown =
            if message_version >= 1 { r.bool().at("InControlledShutdown")? } else { false };
        let mut log_dirs = None;
        r.tags(|r, tag| {
            match tag {
                0 if message_version >= 3 => {
                    r.once(&mut log_dirs, |r| r.array(true, crate::Reader::uuid).at("LogDirs"))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            broker_id,
            is_migrating_zk_broker,
            incarnation_id,
            broker_epoch,
            end_points,
            features,
            rack,
            fenced,
            in_controlled_shutdown,
            log_dirs: log_dirs.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.broker_id);
        if message_version >= 2 {
            buf.put_u8(u8::from(self.is_migrating_zk_broker));
        } else if self.is_migrating_zk_broker {
            return Err(crate::EncodeError::not_in_version("IsMigratingZkBroker"));
        }
        buf.put_slice(&self.incarnation_id.0);
        buf.put_i64(self.broker_epoch);
        crate::write::array(buf, true, &self.end_points, |buf, v| v.write(buf, message_version))
            .at("EndPoints")?;
        crate::write::array(buf, true, &self.features, |buf, v| v.write(buf, message_version))
            .at("Features")?;
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.rack.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("Rack")?;
        buf.put_u8(u8::from(self.fenced));
        if message_version >= 1 {
            buf.put_u8(u8::from(self.in_controlled_shutdown));
        } else if self.in_controlled_shutdown {
            return Err(crate::EncodeError::not_in_version("InControlledShutdown"));
        }
        let tag_log_dirs = message_version >= 3 && (!self.log_dirs.is_empty());
        if message_version < 3 && (!self.log_dirs.is_empty()) {
            return Err(crate::EncodeError::not_in_version("LogDirs"));
        }
        crate::write::uvarint(buf, u32::from(tag_log_dirs));
        if tag_log_dirs {
            crate::write::tag(buf, 0, |buf| {
                crate::write::array(buf, true, &self.log_dirs, |buf, v| {
                    buf.put_slice(&v.0);
                    Ok(())
                })
            })
            .at("LogDirs")?;
        }

        Ok(())
    }
}

impl crate::json::Json for RegisterBrokerRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("brokerId", &self.broker_id);
        if message_version >= 2 {
            object.field("isMigratingZkBroker", &self.is_migrating_zk_broker);
        }
        object.field("incarnationId", &self.incarnation_id);
        object.field("brokerEpoch", &self.broker_epoch);
        object.field("endPoints", &self.end_points);
        object.field("features", &self.features);
        object.field("rack", &self.rack);
        object.field("fenced", &self.fenced);
        if message_version >= 1 {
            object.field("inControlledShutdown", &self.in_controlled_shutdown);
        }
        if message_version >= 3 && !self.log_dirs.is_empty() {
            object.field("logDirs", &self.log_dirs);
        }
        object.end();
    }
}

/// `BrokerEndpoint` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BrokerEndpoint {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: u16,
    /// `SecurityProtocol`, versions 0+.
    pub security_protocol: i16,
}

impl BrokerEndpoint {
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

impl crate::json::Json for BrokerEndpoint {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("host", &self.host);
        object.field("port", &self.port);
        object.field("securityProtocol", &self.security_protocol);
        object.end();
    }
}

/// `BrokerFeature` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BrokerFeature {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `MinSupportedVersion`, versions 0+.
    pub min_supported_version: i16,
    /// `MaxSupportedVersion`, versions 0+.
    pub max_supported_version: i16,
}

impl BrokerFeature {
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

impl crate::json::Json for BrokerFeature {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("minSupportedVersion", &self.min_supported_version);
        object.field("maxSupportedVersion", &self.max_supported_version);
        object.end();
    }
}

impl crate::Message for RegisterBrokerRecord {
    const NAME: &'static str = "RegisterBrokerRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 3;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
