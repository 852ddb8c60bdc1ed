//! `DelegationTokenRecord`, key 10, versions 0. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `DelegationTokenRecord` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DelegationTokenRecord {
    /// `Owner`, versions 0+.
    pub owner: crate::Str,
    /// `Requester`, versions 0+.
    pub requester: crate::Str,
    /// `Renewers`, versions 0+.
    pub renewers: Vec<crate::Str>,
    /// `IssueTimestamp`, versions 0+.
    pub issue_timestamp: i64,
    /// `MaxTimestamp`, versions 0+.
    pub max_timestamp: i64,
    /// `ExpirationTimestamp`, versions 0+.
    pub expiration_timestamp: i64,
    /// `TokenId`, versions 0+.
    pub token_id: crate::Str,
}

impl DelegationTokenRecord {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let owner = r.string(true).at("Owner")?;
        let requester = r.string(true).at("Requester")?;
        let renewers = r.array(true, |r| r.string(true)).at("Renewers")?;
        let issue_timestamp = r.i64().at("IssueTimestamp")?;
        let max_timestamp = r.i64().at("MaxTimestamp")?;
        let expiration_timestamp = r.i64().at("ExpirationTimestamp")?;
        let token_id = r.string(true).at("TokenId")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self {
            owner,
            requester,
            renewers,
            issue_timestamp,
            max_timestamp,
            expiration_timestamp,
            token_id,
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.owner).at("Owner")?;
        crate::write::string(buf, true, &self.requester).at("Requester")?;
        crate::write::array(buf, true, &self.renewers, |buf, v| crate::write::string(buf, true, v))
            .at("Renewers")?;
        buf.put_i64(self.issue_timestamp);
        buf.put_i64(self.max_timestamp);
        buf.put_i64(self.expiration_timestamp);
        crate::write::string(buf, true, &self.token_id).at("TokenId")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::json::Json for DelegationTokenRecord {
    fn json(&self, out: &mut String, message_version: i16) {
        let mut object = crate::json::Object::new(out, message_version);
        object.field("owner", &self.owner);
        object.field("requester", &self.requester);
        object.field("renewers", &self.renewers);
        object.field("issueTimestamp", &self.issue_timestamp);
        object.field("maxTimestamp", &self.max_timestamp);
        object.field("expirationTimestamp", &self.expiration_timestamp);
        object.field("tokenId", &self.token_id);
        object.end();
    }
}

impl crate::Message for DelegationTokenRecord {
    const NAME: &'static str = "DelegationTokenRecord";
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
