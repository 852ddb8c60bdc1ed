//! `BrokerRegistrationChangeRecord`, key 17, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `BrokerRegistrationChangeRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BrokerRegistrationChangeRecord {
    /// `BrokerId`, versions 0+.
    pub broker_id: i32,
    /// `BrokerEpoch`, versions 0+.
    pub broker_epoch: i64,
    /// `Fenced`, versions 0+, tag 0.
    pub fenced: i8,
    /// `InControlledShutdown`, versions 1+, tag 1.
    pub in_controlled_shutdown: i8,
    /// `LogDirs`, versions 2+, tag 2.
    pub log_dirs: Vec<crate::Uuid>,
}

impl BrokerRegistrationChangeRecord {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let broker_id = r.i32().at("BrokerId")?;
        let broker_epoch = r.i64().at("BrokerEpoch")?;
        let mut fenced = None;
        let mut in_controlled_shutdown = None;
        let mut log_dirs = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut fenced, |r| r.i8().at("Fenced"))?;
                }
                1 if message_version >= 1 => {
                    r.once(&mut in_controlled_shutdown, |r| r.i8().at("InControlledShutdown"))?;
                }
                2 if message_version >= 2 => {
                    r.once(&mut log_dirs, |r| r.array(true, crate::Reader::uuid).at("LogDirs"))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            broker_id,
            broker_epoch,
            fenced: fenced.unwrap_or_default(),
            in_controlled_shutdown: in_controlled_shutdown.unwrap_or_default(),
            log_dirs: log_dirs.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.broker_id);
        buf.put_i64(self.broker_epoch);
        let tag_fenced = self.fenced != 0;
        let tag_in_controlled_shutdown = message_version >= 1 && (self.in_controlled_shutdown != 0);
        if message_version < 1 && (self.in_controlled_shutdown != 0) {
            return Err(crate::EncodeError::not_in_version("InControlledShutdown"));
        }
        let tag_log_dirs = message_version >= 2 && (!self.log_dirs.is_empty());
        if message_version < 2 && (!self.log_dirs.is_empty()) {
            return Err(crate::EncodeError::not_in_version("LogDirs"));
        }
        crate::write::uvarint(
            buf,
            u32::from(tag_fenced) + u32::from(tag_in_controlled_shutdown) + u32::from(tag_log_dirs),
        );
        if tag_fenced {
            crate::write::tag(buf, 0, |buf| {
                buf.put_i8(self.fenced);
                Ok(())
            })
            .at("Fenced")?;
        }
        if tag_in_controlled_shutdown {
            crate::write::tag(buf, 1, |buf| {
                buf.put_i8(self.in_controlled_shutdown);
                Ok(())
            })
            .at("InControlledShutdown")?;
        }
        if tag_log_dirs {
            crate::write::tag(buf, 2, |buf| {
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

impl crate::json::Json for BrokerRegistrationChangeRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("brokerId", &self.broker_id);
        object.field("brokerEpoch", &self.broker_epoch);
        if self.fenced != 0 {
            object.field("fenced", &self.fenced);
        }
        if message_version >= 1 && self.in_controlled_shutdown != 0 {
            object.field("inControlledShutdown", &self.in_controlled_shutdown);
        }
        if message_version >= 2 && !self.log_dirs.is_empty() {
            object.field("logDirs", &self.log_dirs);
        }
        object.end();
    }
}

impl crate::Message for BrokerRegistrationChangeRecord {
    const NAME: &'static str = "BrokerRegistrationChangeRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
