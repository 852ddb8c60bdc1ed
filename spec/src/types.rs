//! The identities and positions that every protocol speaks of, one type each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a node: `node.id` of its configuration. Never negative for a voter or a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub i32);

/// A term of leadership of a replicated log. 0 is primordial: no leader and no record exists in it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub i32);

/// A position in a log, counted in records. As an end offset it is exclusive.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Offset(pub i64);

impl Epoch {
    /// The epoch after this one; none comes after `i32::MAX`, the last that the wire can carry.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl Offset {
    /// The end of a log before anything is in it.
    pub const ZERO: Self = Self(0);

    /// The offset `records` further on.
    #[must_use]
    pub fn plus(self, records: i64) -> Self {
        Self(self.0.saturating_add(records))
    }
}

/// Which state a snapshot of a log holds: that before `end`, whose last record was written in `epoch` (KIP-630). Its text
/// is the name of Kafka's file.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotId {
    /// The first offset that is not in the snapshot.
    pub end: Offset,
    /// The epoch of the last record that is.
    pub epoch: Epoch,
}

impl SnapshotId {
    /// There is none: what a log begins with that was never cut at its start.
    pub const NONE: Self = Self { end: Offset::ZERO, epoch: Epoch(0) };

    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{:010}.checkpoint", self.end.0, self.epoch.0)
    }
}

/// A file name that is no snapshot's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a snapshot: <end offset, 20 digits>-<epoch, 10 digits>.checkpoint expected")]
pub struct SnapshotIdError(pub String);

impl FromStr for SnapshotId {
    type Err = SnapshotIdError;

    fn from_str(name: &str) -> Result<Self, SnapshotIdError> {
        let parse = || {
            let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
            let digits =
                |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
            let plain = digits(offset, 20) && digits(epoch, 10);
            let (end, epoch) = (offset.parse().ok()?, epoch.parse().ok()?);
            plain.then_some(Self { end: Offset(end), epoch: Epoch(epoch) })
        };
        parse().ok_or_else(|| SnapshotIdError(name.to_owned()))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A 128-bit id in Kafka's text form: 22 characters of unpadded, URL-safe base64.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// All zero: "absent" on the wire and on disk.
    pub const ZERO: Self = Self([0; 16]);

    /// Whether this id stands for "absent".
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Whether this id is one of the first 100, which Kafka keeps for itself and never generates.
    pub fn is_reserved(self) -> bool {
        u128::from_be_bytes(self.0) < 100
    }

    /// The id made of 16 random bytes, or `None` where Kafka would draw again: reserved ids, and ids
    /// whose text starts with `-` (a command line would take them for a flag).
    pub fn from_random(bytes: [u8; 16]) -> Option<Self> {
        // Version 4, IETF variant, as `java.util.UUID.randomUUID` marks them.
        let mut bytes = bytes;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let id = Self(bytes);
        (!id.is_reserved() && !id.to_string().starts_with('-')).then_some(id)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bits = u128::from_be_bytes(self.0);
        let mut text = [0u8; 22];
        // The last character holds the lowest 2 bits, shifted up to fill its 6.
        text[21] = BASE64URL[((bits & 3) << 4) as usize];
        bits >>= 2;
        for slot in text[..21].iter_mut().rev() {
            *slot = BASE64URL[(bits & 63) as usize];
            bits >>= 6;
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no [`Uuid`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a 22-character base64url id")]
pub struct UuidError(pub String);

impl FromStr for Uuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, UuidError> {
        let error = || UuidError(text.chars().take(64).collect());
        if text.len() != 22 {
            return Err(error());
        }
        let mut bits: u128 = 0;
        for (index, byte) in text.bytes().enumerate() {
            let digit = BASE64URL.iter().position(|b| *b == byte).ok_or_else(error)? as u128;
            if index < 21 {
                bits = bits << 6 | digit;
            } else {
                bits = bits << 2 | digit >> 4;
            }
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

impl Serialize for Uuid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The id of one log directory of one node, `directory.id` of its `meta.properties` (KIP-858, KIP-853).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DirectoryId(pub Uuid);

impl DirectoryId {
    /// "Absent": the other side did not say, or static voters are in use.
    pub const ABSENT: Self = Self(Uuid::ZERO);
    /// A replica whose directory its broker has not chosen yet (KIP-858).
    pub const UNASSIGNED: Self = Self(Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    /// A replica in a directory that is offline (KIP-858).
    pub const LOST: Self = Self(Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]));
}

impl fmt::Display for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a topic: it survives nothing, a topic that is made anew under an old name has a new one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// The metadata log's own topic, `__cluster_metadata`.
    pub const METADATA: Self = Self(Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One replica of the metadata log: a node and the directory that it keeps the log in. A wiped disk
/// comes back as another replica of the same node (KIP-853).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaKey {
    /// The node.
    pub id: NodeId,
    /// Its directory; [`DirectoryId::ABSENT`] where the other side does not say.
    pub directory: DirectoryId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_snapshots() {
        let id = SnapshotId { end: Offset(1569), epoch: Epoch(1) };
        assert_eq!(id.to_string(), "00000000000000001569-0000000001.checkpoint");
        assert_eq!(id.to_string().parse(), Ok(id));
        for name in [
            "00000000000000001569-0000000001.checkpoint.part",
            "00000000000000001569-0000000001.checkpoint.deleted",
            "1569-1.checkpoint",
            "99999999999999999999-0000000001.checkpoint",
            "00000000000000001569-9999999999.checkpoint",
            "bootstrap.checkpoint",
        ] {
            assert!(name.parse::<SnapshotId>().is_err(), "{name}");
        }
    }

    #[test]
    fn uuid_text_is_kafkas() {
        assert_eq!(TopicId::METADATA.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let id: Uuid = "4L6g3nShT-eMCtK--X86sw".parse().unwrap();
        assert_eq!(id.to_string(), "4L6g3nShT-eMCtK--X86sw");
        assert!("4L6g3nShT-eMCtK--X86s".parse::<Uuid>().is_err());
        assert!("4L6g3nShT+eMCtK--X86sw".parse::<Uuid>().is_err());
        assert!(Uuid::from_random([0xfb; 16]).is_none(), "its text starts with '-'");
    }
}
