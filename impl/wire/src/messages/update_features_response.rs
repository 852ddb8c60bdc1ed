//! `UpdateFeaturesResponse`, key 57, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `UpdateFeaturesResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateFeaturesResponse {
    /// `ThrottleTimeMs`, versions 0+.
    pub throttle_time_ms: i32,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 0+, nullable in 0+.
    pub error_message: Option<crate::Str>,
    /// `Results`, versions 0-1.
    pub results: Vec<UpdatableFeatureResult>,
}

impl Default for UpdateFeaturesResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(crate::Str::default()),
            results: Vec::new(),
        }
    }
}

impl UpdateFeaturesResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let throttle_time_ms = r.i32().at("ThrottleTimeMs")?;
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = r.nullable_string(true).at("ErrorMessage")?;
        let results = if message_version <= 1 {
            r.array(true, |r| UpdatableFeatureResult::read(r, message_version)).at("Results")?
        } else {
            Vec::new()
        };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { throttle_time_ms, error_code, error_message, results })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.throttle_time_ms);
        buf.put_i16(self.error_code);
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.error_message.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("ErrorMessage")?;
        if message_version <= 1 {
            crate::write::array(buf, true, &self.results, |buf, v| v.write(buf, message_version))
                .at("Results")?;
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `UpdatableFeatureResult` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatableFeatureResult {
    /// `Feature`, versions 0+.
    pub feature: crate::Str,
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ErrorMessage`, versions 0+, nullable in 0+.
    pub error_message: Option<crate::Str>,
}

impl Default for UpdatableFeatureResult {
    fn default() -> Self {
        Self {
            feature: crate::Str::default(),
            error_code: 0,
            error_message: Some(crate::Str::default()),
        }
    }
}

impl UpdatableFeatureResult {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let feature = r.string(true).at("Feature")?;
        let error_code = r.i16().at("ErrorCode")?;
        let error_message = r.nullable_string(true).at("ErrorMessage")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { feature, error_code, error_message })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.feature).at("Feature")?;
        buf.put_i16(self.error_code);
        crate::write::nullable(
            buf,
            true,
            crate::write::Null::Short,
            true,
            self.error_message.as_ref(),
            |buf, v| crate::write::string(buf, true, v),
        )
        .at("ErrorMessage")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for UpdateFeaturesResponse {
    const NAME: &'static str = "UpdateFeaturesResponse";
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
