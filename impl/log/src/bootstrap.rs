//! `bootstrap.checkpoint`: the records with which an empty metadata log begins (KIP-778), written when a
//! directory is formatted. It has the form of a snapshot (KIP-630): a control batch with the header, the
//! records, a control batch with the footer.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use kraftig_wire::batch::batches;
use kraftig_wire::messages::MetadataRecord;
use kraftig_wire::messages::feature_level_record::FeatureLevelRecord;
use kraftig_wire::{DecodeError, EncodeError};

use crate::disk::{self, DiskError};
use crate::snapshot::{Decoder, Encoder, SnapshotFault, SnapshotHeader};

/// The name of the file in a formatted log directory.
pub const FILE_NAME: &str = "bootstrap.checkpoint";

/// The feature that says which records may be written.
const METADATA_VERSION: &str = "metadata.version";

/// Why a `bootstrap.checkpoint` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is no whole snapshot.
    #[error("{FILE_NAME}: {0}")]
    Content(#[from] SnapshotFault),
    /// A record is none that is known here.
    #[error("{FILE_NAME}: {0}")]
    Decode(#[from] DecodeError),
    /// A record cannot be written.
    #[error("{FILE_NAME}: {0}")]
    Encode(#[from] EncodeError),
}

/// The records for a cluster with these finalized features: `metadata.version` first, then the others by
/// name; level 0 is left out.
pub fn feature_records<'a>(
    levels: impl IntoIterator<Item = (&'a str, i16)>,
) -> Vec<MetadataRecord> {
    let mut levels: Vec<_> = levels.into_iter().filter(|(_, level)| *level != 0).collect();
    levels.sort_by_key(|(name, _)| (*name != METADATA_VERSION, *name));
    let record = |(name, level): (&str, i16)| {
        MetadataRecord::FeatureLevel(FeatureLevelRecord { name: name.into(), feature_level: level })
    };
    levels.into_iter().map(record).collect()
}

/// Writes the file of a log directory, durably: `records` in version 0 each, at `now` (ms).
pub fn write(directory: &Path, records: &[MetadataRecord], now: i64) -> Result<(), BootstrapError> {
    Ok(disk::replace(&directory.join(FILE_NAME), &encode(records, [now; 3])?)?)
}

/// The file's bytes, with the times of its three batches.
fn encode(records: &[MetadataRecord], times: [i64; 3]) -> Result<Bytes, BootstrapError> {
    let mut encoder = Encoder::new(0);
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(&encoder.header(&SnapshotHeader::default(), times[0])?);
    for record in records {
        let full = encoder.push(&record.encode(0)?, times[1])?;
        bytes.extend_from_slice(&full.unwrap_or_default());
    }
    bytes.extend_from_slice(&encoder.flush().unwrap_or_default());
    bytes.extend_from_slice(&encoder.footer(times[2])?);
    Ok(bytes.freeze())
}

/// Reads the records of a log directory's file; `None` where there is none.
pub fn read(directory: &Path) -> Result<Option<Vec<MetadataRecord>>, BootstrapError> {
    match disk::read(&directory.join(FILE_NAME)) {
        Err(e) if e.is_not_found() => Ok(None),
        bytes => decode(bytes?.into()).map(Some),
    }
}

fn decode(bytes: Bytes) -> Result<Vec<MetadataRecord>, BootstrapError> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for batch in batches(bytes) {
        let batch = batch.map_err(SnapshotFault::from)?;
        let Some(records) = decoder.take(&batch)? else {
            continue;
        };
        for record in &records {
            let value = record.map_err(SnapshotFault::from)?.value.unwrap_or_default();
            found.push(MetadataRecord::decode(value)?);
        }
    }
    decoder.finish()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by `kafka-storage format` of Kafka 4.2.0.
    const GOLDEN: &str = concat!(
        "0000000000000000000000470000000002ac47aee7002000000000000001a2020da28b000001a2020da28bffffffffff",
        "ffffffffffffffffff000000012a00000008000000031600000000000000000000000000000000000000010000",
        "00f10000000002a7949065000000000005000001a2020da2e0000001a2020da2e0ffffffffffffffffffffffffffff00",
        "0000063a000000012e010c00116d657461646174612e76657273696f6e001d00005a000002014e010c0021656c",
        "696769626c652e6c65616465722e7265706c696361732e76657273696f6e00010000340000040128010c000e67",
        "726f75702e76657273696f6e00010000340000060128010c000e73686172652e76657273696f6e000100003800",
        "0008012c010c001073747265616d732e76657273696f6e000100004000000a0134010c00147472616e73616374",
        "696f6e2e76657273696f6e0002000000000000000000070000003f000000000252be9fa5002000000000000001",
        "a2020da2e1000001a2020da2e1ffffffffffffffffffffffffffff000000011a000000080000000406000000",
        "00",
    );

    const LEVELS: [(&str, i16); 7] = [
        ("transaction.version", 2),
        ("eligible.leader.replicas.version", 1),
        ("group.version", 1),
        ("kraft.version", 0),
        ("metadata.version", 29),
        ("share.version", 1),
        ("streams.version", 1),
    ];

    fn golden() -> Bytes {
        let digits = GOLDEN.as_bytes().as_chunks::<2>().0;
        let byte =
            |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.iter().map(byte).collect()
    }

    #[test]
    fn is_stocks() {
        let records = feature_records(LEVELS);
        let times = [0x01a2_020d_a28b, 0x01a2_020d_a2e0, 0x01a2_020d_a2e1];
        let bytes = encode(&records, times).unwrap();
        assert_eq!(bytes, golden());
        assert_eq!(decode(bytes).unwrap(), records);

        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path()).unwrap(), None);
        write(directory.path(), &records, times[0]).unwrap();
        assert_eq!(read(directory.path()).unwrap(), Some(records));
    }

    #[test]
    fn damage_is_seen() {
        let golden = golden();
        for len in 0..golden.len() {
            assert!(decode(golden.slice(..len)).is_err(), "cut at {len}");
        }
        for at in 0..golden.len() {
            let mut flipped = golden.to_vec();
            flipped[at] ^= 1;
            // Offsets and the leader epoch, before the magic, are not in the checksum, and nothing is read from them.
            let uncovered = [0, 83, 336].iter().any(|base| {
                (*base..*base + 8).contains(&at) || (*base + 12..*base + 16).contains(&at)
            });
            assert_eq!(decode(flipped.into()).is_err(), !uncovered, "flipped at {at}");
        }
    }
}
