//! `FeatureLevelRecord`, key 12, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FeatureLevelRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FeatureLevelRecord {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `FeatureLevel`, versions 0+.
    pub feature_level: i16,
}

impl FeatureLevelRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let feature_level = r.i16().at("FeatureLevel")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, feature_level })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        buf.put_i16(self.feature_level);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for FeatureLevelRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("name", &self.name);
        object.field("featureLevel", &self.feature_level);
        object.end();
    }
}

impl crate::Message for FeatureLevelRecord {
    const NAME: &'static str = "FeatureLevelRecord";
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
