//! `BrokerHeartbeatRequest`, key 63, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `BrokerHeartbeatRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerHeartbeatRequest {
    /// `BrokerId`, versions 0+.
    pub broker_id: i32,
    /// `BrokerEpoch`, versions 0+.
    pub broker_epoch: i64,
    /// `CurrentMetadataOffset`, versions 0+.
    pub current_metadata_offset: i64,
    /// `WantFence`, versions 0+.
    pub want_fence: bool,
    /// `WantShutDown`, versions 0+.
    pub want_shut_down: bool,
    /// `OfflineLogDirs`, versions 1+, tag 0.
    pub offline_log_dirs: Vec<crate::Uuid>,
}

impl Default for BrokerHeartbeatRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            current_metadata_offset: 0,
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
        }
    }
}

impl BrokerHeartbeatRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let broker_id = r.i32().at("BrokerId")?;
        let broker_epoch = r.i64().at("BrokerEpoch")?;
        let current_metadata_offset = r.i64().at("CurrentMetadataOffset")?;
        let want_fence = r.bool().at("WantFence")?;
        let want_shut_down = r.bool().at("WantShutDown")?;
        let mut offline_log_dirs = None;
        r.tags(|r, tag| {
            match tag {
                0 if message_version >= 1 => {
                    r.once(&mut offline_log_dirs, |r| {
                        r.array(true, crate::Reader::uuid).at("OfflineLogDirs")
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            broker_id,
            broker_epoch,
            current_metadata_offset,
            want_fence,
            want_shut_down,
            offline_log_dirs: offline_log_dirs.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.broker_id);
        buf.put_i64(self.broker_epoch);
        buf.put_i64(self.current_metadata_offset);
        buf.put_u8(u8::from(self.want_fence));
        buf.put_u8(u8::from(self.want_shut_down));
        let tag_offline_log_dirs = message_version >= 1 && (!self.offline_log_dirs.is_empty());
        if message_version < 1 && (!self.offline_log_dirs.is_empty()) {
            return Err(crate::EncodeError::not_in_version("OfflineLogDirs"));
        }
        crate::write::uvarint(buf, u32::from(tag_offline_log_dirs));
        if tag_offline_log_dirs {
            crate::write::tag(buf, 0, |buf| {
                crate::write::array(buf, true, &self.offline_log_dirs, |buf, v| {
                    buf.put_slice(&v.0);
                    Ok(())
                })
            })
            .at("OfflineLogDirs")?;
        }

        Ok(())
    }
}

impl crate::Message for BrokerHeartbeatRequest {
    const NAME: &'static str = "BrokerHeartbeatRequest";
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

impl crate::Request for BrokerHeartbeatRequest {
    const KEY: i16 = 63;
    type Response = super::broker_heartbeat_response::BrokerHeartbeatResponse;
}
