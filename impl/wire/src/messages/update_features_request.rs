//! `UpdateFeaturesRequest`, key 57, versions 0-2. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `UpdateFeaturesRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateFeaturesRequest {
    /// `timeoutMs`, versions 0+.
    pub timeout_ms: i32,
    /// `FeatureUpdates`, versions 0+.
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// `ValidateOnly`, versions 1+.
    pub validate_only: bool,
}

impl Default for UpdateFeaturesRequest {
    fn default() -> Self {
        Self { timeout_ms: 60000, feature_updates: Vec::new(), validate_only: false }
    }
}

impl UpdateFeaturesRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let timeout_ms = r.i32().at("timeoutMs")?;
        let feature_updates =
            r.array(true, |r| FeatureUpdateKey::read(r, message_version)).at("FeatureUpdates")?;
        let validate_only = if message_version >= 1 { r.bool().at("ValidateOnly")? } else { false };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { timeout_ms, feature_updates, validate_only })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.timeout_ms);
        crate::write::array(buf, true, &self.feature_updates, |buf, v| {
            v.write(buf, message_version)
        })
        .at("FeatureUpdates")?;
        if message_version >= 1 {
            buf.put_u8(u8::from(self.validate_only));
        } else if self.validate_only {
            return Err(crate::EncodeError::not_in_version("ValidateOnly"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `FeatureUpdateKey` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureUpdateKey {
    /// `Feature`, versions 0+.
    pub feature: crate::Str,
    /// `MaxVersionLevel`, versions 0+.
    pub max_version_level: i16,
    /// `AllowDowngrade`, versions 0.
    pub allow_downgrade: bool,
    /// `UpgradeType`, versions 1+.
    pub upgrade_type: i8,
}

impl Default for FeatureUpdateKey {
    fn default() -> Self {
        Self {
            feature: crate::Str::default(),
            max_version_level: 0,
            allow_downgrade: false,
            upgrade_type: 1,
        }
    }
}

impl FeatureUpdateKey {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let feature = r.string(true).at("Feature")?;
        let max_version_level = r.i16().at("MaxVersionLevel")?;
        let allow_downgrade =
            if message_version <= 0 { r.bool().at("AllowDowngrade")? } else { false };
        let upgrade_type = if message_version >= 1 { r.i8().at("UpgradeType")? } else { 1 };
        r.tags(|_, _| Ok(false))?;
        Ok(Self { feature, max_version_level, allow_downgrade, upgrade_type })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.feature).at("Feature")?;
        buf.put_i16(self.max_version_level);
        if message_version <= 0 {
            buf.put_u8(u8::from(self.allow_downgrade));
        } else if self.allow_downgrade {
            return Err(crate::EncodeError::not_in_version("AllowDowngrade"));
        }
        if message_version >= 1 {
            buf.put_i8(self.upgrade_type);
        } else if self.upgrade_type != 1 {
            return Err(crate::EncodeError::not_in_version("UpgradeType"));
        }
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for UpdateFeaturesRequest {
    const NAME: &'static str = "UpdateFeaturesRequest";
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

impl crate::Request for UpdateFeaturesRequest {
    const KEY: i16 = 57;
    type Response = super::update_features_response::UpdateFeaturesResponse;
}
