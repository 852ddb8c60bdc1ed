//! `RemoveRaftVoterRequest`, key 81, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `RemoveRaftVoterRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoveRaftVoterRequest {
    /// `ClusterId`, versions 0+, nullable in 0+.
    pub cluster_id: Option<crate::Str>,
    /// `VoterId`, versions 0+.
    pub voter_id: i32,
    /// `VoterDirectoryId`, versions 0+.
    pub voter_directory_id: crate::Uuid,
}

impl Default for RemoveRaftVoterRequest {
    fn default() -> Self {
        Self {
            cluster_id: Some(crate::Str::default()),
            voter_id: 0,
            voter_directory_id: crate::Uuid::ZERO,
        }
    }
}

impl RemoveRaftVoterRequest {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let cluster_id = r.nullable_string(true).at("ClusterId")?;
        let voter_id = r.i32().at("VoterId")?;
        let voter_directory_id = r.uuid().at("VoterDirectoryId")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { cluster_id, voter_id, voter_directory_id })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
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
        buf.put_i32(self.voter_id);
        buf.put_slice(&self.voter_directory_id.0);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for RemoveRaftVoterRequest {
    const NAME: &'static str = "RemoveRaftVoterRequest";
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

impl crate::Request for RemoveRaftVoterRequest {
    const KEY: i16 = 81;
    type Response = super::remove_raft_voter_response::RemoveRaftVoterResponse;
}
