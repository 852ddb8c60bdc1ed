//! `ApiVersionsResponse`, key 18, versions 0-4. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `ApiVersionsResponse` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiVersionsResponse {
    /// `ErrorCode`, versions 0+.
    pub error_code: i16,
    /// `ApiKeys`, versions 0+.
    pub api_keys: Vec<ApiVersion>,
    /// `ThrottleTimeMs`, versions 1+.
    pub throttle_time_ms: i32,
    /// `SupportedFeatures`, versions 3+, tag 0.
    pub supported_features: Vec<SupportedFeatureKey>,
    /// `FinalizedFeaturesEpoch`, versions 3+, tag 1.
    pub finalized_features_epoch: i64,
    /// `FinalizedFeatures`, versions 3+, tag 2.
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// `ZkMigrationReady`, versions 3+, tag 3.
    pub zk_migration_ready: bool,
}

impl Default for ApiVersionsResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            api_keys: Vec::new(),
            throttle_time_ms: 0,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
        }
    }
}

impl ApiVersionsResponse {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let error_code = r.i16().at("ErrorCode")?;
        let api_keys = r.array(flexible, |r| ApiVersion::read(r, message_version)).at("ApiKeys")?;
        let throttle_time_ms =
            if message_version >= 1 { r.i32().at("ThrottleTimeMs")? } else { 0 };
        let mut supported_features = None;
        let mut finalized_features_epoch = None;
        let mut finalized_features = None;
        let mut zk_migration_ready = None;
        if flexible {
            r.tags(|r, tag| {
                match tag {
                    0 => {
                        r.once(&mut supported_features, |r| {
                            r.array(flexible, |r| SupportedFeatureKey::read(r, message_version))
                                .at("SupportedFeatures")
                        })?;
                    }
                    1 => {
                        r.once(&mut finalized_features_epoch, |r| {
                            r.i64().at("FinalizedFeaturesEpoch")
                        })?;
                    }
                    2 => {
                        r.once(&mut finalized_features, |r| {
                            r.array(flexible, |r| FinalizedFeatureKey::read(r, message_version))
                                .at("FinalizedFeatures")
                        })?;
                    }
                    3 => {
                        r.once(&mut zk_migration_ready, |r| r.bool().at("ZkMigrationReady"))?;
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(Self {
            error_code,
            api_keys,
            throttle_time_ms,
            supported_features: supported_features.unwrap_or_default(),
            finalized_features_epoch: finalized_features_epoch.unwrap_or(-1),
            finalized_features: finalized_features.unwrap_or_default(),
            zk_migration_ready: zk_migration_ready.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        buf.put_i16(self.error_code);
        crate::write::array(buf, flexible, &self.api_keys, |buf, v| v.write(buf, message_version))
            .at("ApiKeys")?;
        if message_version >= 1 {
            buf.put_i32(self.throttle_time_ms);
        }
        let tag_supported_features = message_version >= 3 && (!self.supported_features.is_empty());
        let tag_finalized_features_epoch =
            message_version >= 3 && (self.finalized_features_epoch != -1);
        let tag_finalized_features = message_version >= 3 && (!self.finalized_features.is_empty());
        let tag_zk_migration_ready = message_version >= 3 && (self.zk_migration_ready);
        if flexible {
            crate::write::uvarint(
                buf,
                u32::from(tag_supported_features)
                    + u32::from(tag_finalized_features_epoch)
                    + u32::from(tag_finalized_features)
                    + u32::from(tag_zk_migration_ready),
            );
            if tag_supported_features {
                crate::write::tag(buf, 0, |buf| {
                    crate::write::array(buf, flexible, &self.supported_features, |buf, v| {
                        v.write(buf, message_version)
                    })
                })
                .at("SupportedFeatures")?;
            }
            if tag_finalized_features_epoch {
                crate::write::tag(buf, 1, |buf| {
                    buf.put_i64(self.finalized_features_epoch);
                    Ok(())
                })
                .at("FinalizedFeaturesEpoch")?;
            }
            if tag_finalized_features {
                crate::write::tag(buf, 2, |buf| {
                    crate::write::array(buf, flexible, &self.finalized_features, |buf, v| {
                        v.write(buf, message_version)
                    })
                })
                .at("FinalizedFeatures")?;
            }
            if tag_zk_migration_ready {
                crate::write::tag(buf, 3, |buf| {
                    buf.put_u8(u8::from(self.zk_migration_ready));
                    Ok(())
                })
                .at("ZkMigrationReady")?;
            }
        }
        Ok(())
    }
}

/// `ApiVersion` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ApiVersion {
    /// `ApiKey`, versions 0+.
    pub api_key: i16,
    /// `MinVersion`, versions 0+.
    pub min_version: i16,
    /// `MaxVersion`, versions 0+.
    pub max_version: i16,
}

impl ApiVersion {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let api_key = r.i16().at("ApiKey")?;
        let min_version = r.i16().at("MinVersion")?;
        let max_version = r.i16().at("MaxVersion")?;
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { api_key, min_version, max_version })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        buf.put_i16(self.api_key);
        buf.put_i16(self.min_version);
        buf.put_i16(self.max_version);
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `SupportedFeatureKey` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SupportedFeatureKey {
    /// `Name`, versions 3+.
    pub name: crate::Str,
    /// `MinVersion`, versions 3+.
    pub min_version: i16,
    /// `MaxVersion`, versions 3+.
    pub max_version: i16,
}

impl SupportedFeatureKey {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let name = if message_version >= 3 {
            r.string(flexible).at("Name")?
        } else {
            crate::Str::default()
        };
        let min_version = if message_version >= 3 { r.i16().at("MinVersion")? } else { 0 };
        let max_version = if message_version >= 3 { r.i16().at("MaxVersion")? } else { 0 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, min_version, max_version })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        if message_version >= 3 {
            crate::write::string(buf, flexible, &self.name).at("Name")?;
        } else if !self.name.is_empty() {
            return Err(crate::EncodeError::not_in_version("Name"));
        }
        if message_version >= 3 {
            buf.put_i16(self.min_version);
        } else if self.min_version != 0 {
            return Err(crate::EncodeError::not_in_version("MinVersion"));
        }
        if message_version >= 3 {
            buf.put_i16(self.max_version);
        } else if self.max_version != 0 {
            return Err(crate::EncodeError::not_in_version("MaxVersion"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

/// `FinalizedFeatureKey` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FinalizedFeatureKey {
    /// `Name`, versions 3+.
    pub name: crate::Str,
    /// `MaxVersionLevel`, versions 3+.
    pub max_version_level: i16,
    /// `MinVersionLevel`, versions 3+.
    pub min_version_level: i16,
}

impl FinalizedFeatureKey {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let flexible = message_version >= 3;
        let name = if message_version >= 3 {
            r.string(flexible).at("Name")?
        } else {
            crate::Str::default()
        };
        let max_version_level =
            if message_version >= 3 { r.i16().at("MaxVersionLevel")? } else { 0 };
        let min_version_level =
            if message_version >= 3 { r.i16().at("MinVersionLevel")? } else { 0 };
        if flexible {
            r.tags(|_, _| Ok(false))?;
        }
        Ok(Self { name, max_version_level, min_version_level })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        let flexible = message_version >= 3;
        if message_version >= 3 {
            crate::write::string(buf, flexible, &self.name).at("Name")?;
        } else if !self.name.is_empty() {
            return Err(crate::EncodeError::not_in_version("Name"));
        }
        if message_version >= 3 {
            buf.put_i16(self.max_version_level);
        } else if self.max_version_level != 0 {
            return Err(crate::EncodeError::not_in_version("MaxVersionLevel"));
        }
        if message_version >= 3 {
            buf.put_i16(self.min_version_level);
        } else if self.min_version_level != 0 {
            return Err(crate::EncodeError::not_in_version("MinVersionLevel"));
        }
        if flexible {
            crate::write::uvarint(buf, 0);
        }
        Ok(())
    }
}

impl crate::Message for ApiVersionsResponse {
    const NAME: &'static str = "ApiVersionsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;
    const FLEXIBLE_SINCE: i16 = 3;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}
