//! The names of the metadata log's snapshots (KIP-630).

use std::fmt;
use std::str::FromStr;

use kraftig_spec::types::{Epoch, Offset};

/// Which state a snapshot holds: that before `end`, whose last record was written in `epoch`. Its text is the
/// snapshot's file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// The first offset that is not in the snapshot.
    pub end: Offset,
    /// The epoch of the last record that is.
    pub epoch: Epoch,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
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
}
