//! `BrokerRegistrationRequest`, key 62, versions 0-4. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `BrokerRegistrationRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerRegistrationRequest {
    /// `BrokerId`, versions 0+.
    pub broker_id: i32,
    /// `ClusterId`, versions 0+.
    pub cluster_id: crate::Str,
    /// `IncarnationId`, versions 0+.
    pub incarnation_id: crate::Uuid,
    /// `Listeners`, versions 0+.
    pub listeners: Vec<Listener>,
    /// `Features`, versions 0+.
    pub features: Vec<Feature>,
    /// `Rack`, versions 0+, nullable in 0+.
    pub rack: Option<crate::Str>,
    /// `IsMigratingZkBroker`, versions 1+.
    pub is_migrating_zk_broker: bool,
    /// `LogDirs`, versions 2+.
    pub log_dirs: Vec<crate::Uuid>,
    /// `PreviousBrokerEpoch`, versions 3+.
    pub previous_broker_epoch: i64,
}

impl Default for BrokerRegistrationRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            cluster_id: crate::Str::default(),
            incarnation_id: crate::Uuid::ZERO,
            listeners: Vec::new(),
            features: Vec::new(),
            rack: Some(crate::Str::default()),
            is_migrating_zk_broker: false,
            log_dirs: Vec::new(),
            previous_broker_epoch: -1,
        }
    }
}

impl BrokerRegistrationRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let broker_id = r.i32().at("BrokerId")?;
        let cluster_id = r.string(true).at("ClusterId")?;
        let incarnation_id = r.uuid().at("IncarnationId")?;
        let listeners = r.array(true, |r| Listener::read(r, message_version)).at("Listeners")?;
        let features = r.array(true, |r| Feature::read(r, message_version)).at("Features")?;
        let rack = r.nullable_string(true).at("Rack")?;
        let is_migrating_zk_broker =
            if message_version >= 1 { r.bool().at("IsMigratingZkBroker")? } else { false };
        let log_dirs = if message_version >= 2 {
            r.array(true, crate::Reader::uuid).at("LogDirs")?
        } else {
            Vec::new()
        };
        let previous_broker_epoch =
            if message_version >= 3 { r.i64().at("PreviousBrokerEpoch")? } else { -1 };
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            broker_id,
            cluster_id,
            incarnation_id,
            listeners,
            features,
            rack,
            is_migrating_zk_broker,
            log_dirs,
            previous_broker_epoch,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.broker_id);
        crate::write::string(buf, true, &self.cluster_id).at("ClusterId")?;
        buf.put_slice(&self.incarnation_id.0);
        crate::write::array(buf, true, &self.listeners, |buf, v| v.write(buf, message_version))
            .at("Listeners")?;
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
        if message_version >= 1 {
            buf.put_u8(u8::from(self.is_migrating_zk_broker));
        } else if self.is_migrating_zk_broker {
            return Err(crate::EncodeError::not_in_version("IsMigratingZkBroker"));
        }
        if message_version >= 2 {
            crate::write::array(buf, true, &self.log_dirs, |buf, v| {
                buf.put_slice(&v.0);
                Ok(())
            })
            .at("LogDirs")?;
        }
        if message_version >= 3 {
            buf.put_i64(self.previous_broker_epoch);
        }
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

impl crate::Message for BrokerRegistrationRequest {
    const NAME: &'static str = "BrokerRegistrationRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for BrokerRegistrationRequest {
    const KEY: i16 = 62;
    type Response = super::broker_registration_response::BrokerRegistrationResponse;
}
