//! `VotersRecord`, key 6, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `VotersRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct VotersRecord {
    /// `Version`, versions 0+.
    pub version: i16,
    /// `Voters`, versions 0+.
    pub voters: Vec<Voter>,
}

impl VotersRecord {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let version = r.i16().at("Version")?;
        let voters = r.array(true, |r| Voter::read(r, message_version)).at("Voters")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { version, voters })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.version);
        crate::write::array(buf, true, &self.voters, |buf, v| v.write(buf, message_version))
            .at("Voters")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for VotersRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("version", &self.version);
        object.field("voters", &self.voters);
        object.end();
    }
}

/// `Voter` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Voter {
    /// `VoterId`, versions 0+.
    pub voter_id: i32,
    /// `VoterDirectoryId`, versions 0+.
    pub voter_directory_id: crate::Uuid,
    /// `Endpoints`, versions 0+.
    pub endpoints: Vec<Endpoint>,
    /// `KRaftVersionFeature`, versions 0+.
    pub kraft_version_feature: KRaftVersionFeature,
}

impl Voter {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let voter_id = r.i32().at("VoterId")?;
        let voter_directory_id = r.uuid().at("VoterDirectoryId")?;
        let endpoints = r.array(true, |r| Endpoint::read(r, message_version)).at("Endpoints")?;
        let kraft_version_feature =
            KRaftVersionFeature::read(r, message_version).at("KRaftVersionFeature")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { voter_id, voter_directory_id, endpoints, kraft_version_feature })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.voter_id);
        buf.put_slice(&self.voter_directory_id.0);
        crate::write::array(buf, true, &self.endpoints, |buf, v| v.write(buf, message_version))
            .at("Endpoints")?;
        self.kraft_version_feature.write(buf, message_version).at("KRaftVersionFeature")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for Voter {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("voterId", &self.voter_id);
        object.field("voterDirectoryId", &self.voter_directory_id);
        object.field("endpoints", &self.endpoints);
        object.field("kRaftVersionFeature", &self.kraft_version_feature);
        object.end();
    }
}

/// `Endpoint` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Endpoint {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: u16,
}

impl Endpoint {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let host = r.string(true).at("Host")?;
        let port = r.u16().at("Port")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, host, port })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        crate::write::string(buf, true, &self.host).at("Host")?;
        buf.put_u16(self.port);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for Endpoint {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("host", &self.host);
        object.field("port", &self.port);
        object.end();
    }
}

/// `KRaftVersionFeature` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct KRaftVersionFeature {
    /// `MinSupportedVersion`, versions 0+.
    pub min_supported_version: i16,
    /// `MaxSupportedVersion`, versions 0+.
    pub max_supported_version: i16,
}

impl KRaftVersionFeature {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let min_supported_version = r.i16().at("MinSupportedVersion")?;
        let max_supported_version = r.i16().at("MaxSupportedVersion")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { min_supported_version, max_supported_version })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.min_supported_version);
        buf.put_i16(self.max_supported_version);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for KRaftVersionFeature {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("minSupportedVersion", &self.min_supported_version);
        object.field("maxSupportedVersion", &self.max_supported_version);
        object.end();
    }
}

impl crate::Message for VotersRecord {
    const NAME: &'static str = "VotersRecord";
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
