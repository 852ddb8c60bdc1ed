//! `AddRaftVoterRequest`, key 80, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `AddRaftVoterRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct AddRaftVoterRequest {
    /// `ClusterId`, versions 0+, nullable in 0+.
    pub cluster_id: Option<crate::Str>,
    /// `TimeoutMs`, versions 0+.
    pub timeout_ms: i32,
    /// `VoterId`, versions 0+.
    pub voter_id: i32,
    /// `VoterDirectoryId`, versions 0+.
    pub voter_directory_id: crate::Uuid,
    /// `Listeners`, versions 0+.
    pub listeners: Vec<Listener>,
    /// `AckWhenCommitted`, versions 1+.
    pub ack_when_committed: bool,
}

impl Default for AddRaftVoterRequest {
    fn default() -> Self {
        Self {
            cluster_id: Some(crate::Str::default()),
            timeout_ms: 0,
            voter_id: 0,
            voter_directory_id: crate::Uuid::ZERO,
            listeners: Vec::new(),
            ack_when_committed: true,
        }
    }
}

impl AddRaftVoterRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let cluster_id = r.nullable_string(true).at("ClusterId")?;
        let timeout_ms = r.i32().at("TimeoutMs")?;
        let voter_id = r.i32().at("VoterId")?;
        let voter_directory_id = r.uuid().at("VoterDirectoryId")?;
        let listeners = r.array(true, |r| Listener::read(r, message_version)).at("Listeners")?;
        let ack_when_committed =
            if message_version >= 1 { r.bool().at("AckWhenCommitted")? } else { true };
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            cluster_id,
            timeout_ms,
            voter_id,
            voter_directory_id,
            listeners,
            ack_when_committed,
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
        buf.put_i32(self.timeout_ms);
        buf.put_i32(self.voter_id);
        buf.put_slice(&self.voter_directory_id.0);
        crate::write::array(buf, true, &self.listeners, |buf, v| v.write(buf, message_version))
            .at("Listeners")?;
        if message_version >= 1 {
            buf.put_u8(u8::from(self.ack_when_committed));
        } else if !self.ack_when_committed {
            return Err(crate::EncodeError::not_in_version("AckWhenCommitted"));
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

impl crate::Message for AddRaftVoterRequest {
    const NAME: &'static str = "AddRaftVoterRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for AddRaftVoterRequest {
    const KEY: i16 = 80;
    type Response = super::add_raft_voter_response::AddRaftVoterResponse;
}
