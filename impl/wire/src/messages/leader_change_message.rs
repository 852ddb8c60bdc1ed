//! `LeaderChangeMessage`, key 2, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `LeaderChangeMessage` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LeaderChangeMessage {
    /// `Version`, versions 0+.
    pub version: i16,
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `Voters`, versions 0+.
    pub voters: Vec<Voter>,
    /// `GrantingVoters`, versions 0+.
    pub granting_voters: Vec<Voter>,
}

impl LeaderChangeMessage {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let version = r.i16().at("Version")?;
        let leader_id = r.i32().at("LeaderId")?;
        let voters = r.array(true, |r| Voter::read(r, message_version)).at("Voters")?;
        let granting_voters =
            r.array(true, |r| Voter::read(r, message_version)).at("GrantingVoters")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { version, leader_id, voters, granting_voters })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i16(self.version);
        buf.put_i32(self.leader_id);
        crate::write::array(buf, true, &self.voters, |buf, v| v.write(buf, message_version))
            .at("Voters")?;
        crate::write::array(buf, true, &self.granting_voters, |buf, v| {
            v.write(buf, message_version)
        })
        .at("GrantingVoters")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for LeaderChangeMessage {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("version", &self.version);
        object.field("leaderId", &self.leader_id);
        object.field("voters", &self.voters);
        object.field("grantingVoters", &self.granting_voters);
        object.end();
    }
}

/// `Voter` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Voter {
    /// `VoterId`, versions 0+.
    pub voter_id: i32,
    /// `VoterDirectoryId`, versions 1+.
    pub voter_directory_id: crate::Uuid,
}

impl Voter {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let voter_id = r.i32().at("VoterId")?;
        let voter_directory_id =
            if message_version >= 1 { r.uuid().at("VoterDirectoryId")? } else { crate::Uuid::ZERO };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { voter_id, voter_directory_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.voter_id);
        if message_version >= 1 {
            buf.put_slice(&self.voter_directory_id.0);
        } else if !self.voter_directory_id.is_zero() {
            return Err(crate::EncodeError::not_in_version("VoterDirectoryId"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for Voter {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("voterId", &self.voter_id);
        if message_version >= 1 {
            object.field("voterDirectoryId", &self.voter_directory_id);
        }
        object.end();
    }
}

impl crate::Message for LeaderChangeMessage {
    const NAME: &'static str = "LeaderChangeMessage";
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
