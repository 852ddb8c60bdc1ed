//! `FindCoordinatorResponse`, key 10, versions 0-6. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FindCoordinatorResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct FindCoordinatorResponse {
    /// `ThrottleTimeMs`, versions 1+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0-3.
    pub error_code: i16,
    /// `ErrorMessage`, versions 1-3, nullable in 1-3.
    pub error_message: Option<crate::Str>,
    /// `NodeId`, versions 0-3.
    pub node_id: i32,
    /// `Host`, versions 0-3.
    pub host: crate::Str,
    /// `Port`, versions 0-3.
    pub port: i32,
    /// `Coordinators`, versions 4+.
    pub coordinators: Vec<Coordinator>,
}

impl Default for FindCoordinatorResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(crate::Str::default()),
            node_id: 0,
            host: crate::Str::default(),
            port: 0,
            coordinators: Vec::new(),
        }
    }
}

impl FindCoordinatorResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let throttle_time_ms =
            if message_version >= 1 { r.i32().at("ThrottleTimeMs")? } else { 0 };
        let error_code = if message_version <= 3 { r.i16().at("ErrorCode")? } else { 0 };
        let error_message = if (1..=3).contains(&message_version) {
            r.nullable_string(flexible).at("ErrorMessage")?
        } else {
            Some(crate::Str::default())
        };
        let node_id = if message_version <= 3 { r.i32().at("NodeId")? } else { 0 };
        let host = if message_version <= 3 {
            r.string(flexible).at("Host")?
        } else {
            crate::Str::default()
        };
        let port = if message_version <= 3 { r.i32().at("Port")? } else { 0 };
        let coordinators = if message_version >= 4 {
            r.array(flexible, |r| Coordinator::read(r, message_version)).at("Coordinators")?
        } else {
            Vec::new()
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { throttle_time_ms, error_code, error_message, node_id, host, port, coordinators })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        if message_version >= 1 {
            buf.put_i32(self.throttle_time_ms);
        }
        if message_version <= 3 {
            buf.put_i16(self.error_code);
        } else if self.error_code != 0 {
            return Err(crate::EncodeError::not_in_version("ErrorCode"));
        }
        if (1..=3).contains(&message_version) {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.error_message.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("ErrorMessage")?;
        }
        if message_version <= 3 {
            buf.put_i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(crate::EncodeError::not_in_version("NodeId"));
        }
        if message_version <= 3 {
            crate::write::string(buf, flexible, &self.host).at("Host")?;
        } else if !self.host.is_empty() {
            return Err(crate::EncodeError::not_in_version("Host"));
        }
        if message_version <= 3 {
            buf.put_i32(self.port);
        } else if self.port != 0 {
            return Err(crate::EncodeError::not_in_version("Port"));
        }
        if message_version >= 4 {
            crate::write::array(buf, flexible, &self.coordinators, |buf, v| {
                v.write(buf, message_version)
            })
            .at("Coordinators")?;
        } else if !self.coordinators.is_empty() {
            return Err(crate::EncodeError::not_in_version("Coordinators"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `Coordinator` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinator {
    /// `Key`, versions 4+.
    pub key: crate::Str,
    /// `NodeId`, versions 4+.
    pub node_id: i32,
    /// `Host`, versions 4+.
    pub host: crate::Str,
    /// `Port`, versions 4+.
    pub port: i32,
    /// `ErrorCode`, versions 4+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 4+, nullable in 4+.
    pub error_message: Option<crate::Str>,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self {
            key: crate::Str::default(),
            node_id: 0,
            host: crate::Str::default(),
            port: 0,
            error_code: 0,
            error_message: Some(crate::Str::default()),
        }
    }
}

impl Coordinator {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let key = if message_version >= 4 {
            r.string(flexible).at("Key")?
        } else {
            crate::Str::default()
        };
        let node_id = if message_version >= 4 { r.i32().at("NodeId")? } else { 0 };
        let host = if message_version >= 4 {
            r.string(flexible).at("Host")?
        } else {
            crate::Str::default()
        };
        let port = if message_version >= 4 { r.i32().at("Port")? } else { 0 };
        let error_code = if message_version >= 4 { r.i16().at("ErrorCode")? } else { 0 };
        let error_message = if message_version >= 4 {
            r.nullable_string(flexible).at("ErrorMessage")?
        } else {
            Some(crate::Str::default())
        };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { key, node_id, host, port, error_code, error_message })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        if message_version >= 4 {
            crate::write::string(buf, flexible, &self.key).at("Key")?;
        } else if !self.key.is_empty() {
            return Err(crate::EncodeError::not_in_version("Key"));
        }
        if message_version >= 4 {
            buf.put_i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(crate::EncodeError::not_in_version("NodeId"));
        }
        if message_version >= 4 {
            crate::write::string(buf, flexible, &self.host).at("Host")?;
        } else if !self.host.is_empty() {
            return Err(crate::EncodeError::not_in_version("Host"));
        }
        if message_version >= 4 {
            buf.put_i32(self.port);
        } else if self.port != 0 {
            return Err(crate::EncodeError::not_in_version("Port"));
        }
        if message_version >= 4 {
            buf.put_i16(self.error_code);
        } else if self.error_code != 0 {
            return Err(crate::EncodeError::not_in_version("ErrorCode"));
        }
        if message_version >= 4 {
            crate::write::nullable(
                buf,
                flexible,
                crate::write::Null::Short,
                true,
                self.error_message.as_ref(),
                |buf, v| crate::write::string(buf, flexible, v),
            )
            .at("ErrorMessage")?;
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for FindCoordinatorResponse {
    const NAME: &'static str = "FindCoordinatorResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;
    const FLEXIBLE_SINCE: i16 = 3;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
