//! `UpdateRaftVoterResponse`, key 82, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `UpdateRaftVoterResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UpdateRaftVoterResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `CurrentLeader`, versions 0+, tag 0.
    pub current_leader: CurrentLeader,
}

impl UpdateRaftVoterResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let mut current_leader = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut current_leader, |r| {
                        CurrentLeader::read(r, message_version).at("CurrentLeader")
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            throttle_time_ms,
            error_code,
            current_leader: current_leader.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        buf.put_i16(self.error_code);
        let tag_current_leader = self.current_leader != CurrentLeader::default();
        crate::write::uvarint(buf, u32::from(tag_current_leader));
        if tag_current_leader {
            crate::write::tag(buf, 0, |buf| self.current_leader.write(buf, message_version))
                .at("CurrentLeader")?;
        }

        Ok(())
    }
}

/// `CurrentLeader` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentLeader {
    /// `LeaderId`, versions 0+.
    pub leader_id: i32,
    /// `LeaderEpoch`, versions 0+.
    pub leader_epoch: i32,
    /// `Host`, versions 0+.
    pub host: crate::Str,
    /// `Port`, versions 0+.
    pub port: i32,
}

impl Default for CurrentLeader {
    fn default() -> Self {
        Self { leader_id: -1, leader_epoch: -1, host: crate::Str::default(), port: 0 }
    }
}

impl CurrentLeader {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let leader_id = r.i32().at("LeaderId")?;
        let leader_epoch = r.i32().at("LeaderEpoch")?;
        let host = r.string(true).at("Host")?;
        let port = r.i32().at("Port")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { leader_id, leader_epoch, host, port })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.leader_id);
        buf.put_i32(self.leader_epoch);
        crate::write::string(buf, true, &self.host).at("Host")?;
        buf.put_i32(self.port);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for UpdateRaftVoterResponse {
    const NAME: &'static str = "UpdateRaftVoterResponse";
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
