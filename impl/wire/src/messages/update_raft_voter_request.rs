//! `UpdateRaftVoterRequest`, key 82, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `UpdateRaftVoterRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateRaftVoterRequest {
    /// `ClusterId`, versions 0+, nullable in 0+.
    pub cluster_id: Option<crate::Str>,
    /// `CurrentLeaderEpoch`, versions 0+.
    pub current_leader_epoch: i32,
    /// `VoterId`, versions 0+.
    pub voter_id: i32,
    /// `VoterDirectoryId`, versions 0+.
    pub voter_directory_id: crate::Uuid,
    /// `Listeners`, versions 0+.
    pub listeners: Vec<Listener>,
    /// `KRaftVersionFeature`, versions 0+.
    pub kraft_version_feature: KRaftVersionFeature,
}

impl Default for UpdateRaftVoterRequest {
    fn default() -> Self {
        Self {
            cluster_id: Some(crate::Str::default()),
            current_leader_epoch: 0,
            voter_id: 0,
            voter_directory_id: crate::Uuid::ZERO,
            listeners: Vec::new(),
            kraft_version_feature: KRaftVersionFeature::default(),
        }
    }
}

impl UpdateRaftVoterRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let cluster_id = r.nullable_string(true).at("ClusterId")?;
        let current_leader_epoch = r.i32().at("CurrentLeaderEpoch")?;
        let voter_id = r.i32().at("VoterId")?;
        let voter_directory_id = r.uuid().at("VoterDirectoryId")?;
        let listeners = r.array(true, |r| Listener::read(r, message_version)).at("Listeners")?;
        let kraft_version_feature =
            KRaftVersionFeature::read(r, message_version).at("KRaftVersionFeature")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            cluster_id,
            current_leader_epoch,
            voter_id,
            voter_directory_id,
            listeners,
            kraft_version_feature,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.cluster_id.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("ClusterId")?;
        buf.put_i32(self.current_leader_epoch);
        buf.put_i32(self.voter_id);
        buf.put_slice(&self.voter_directory_id.0);
        crate::write::array(buf, true, &self.listeners, |buf, v| v.write(buf, message_version))
            .at("Listeners")?;
        self.kraft_version_feature.write(buf, message_version).at("KRaftVersionFeature")?;
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
}

impl Listener {
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

impl crate::Message for UpdateRaftVoterRequest {
    const NAME: &'static str = "UpdateRaftVoterRequest";
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

impl crate::Request for UpdateRaftVoterRequest {
    const KEY: i16 = 82;
    type Response = super::update_raft_voter_response::UpdateRaftVoterResponse;
}
