//! Record batches, compressed and not. The checksum is set right first, or nothing behind it would be reached.
//!
//! `cargo +nightly fuzz run batches`.

#![no_main]

use bytes::{Bytes, BytesMut};
use kraftig_wire::batch::{self, BatchHeader, TimestampType, batches};
use libfuzzer_sys::fuzz_target;

/// What the records may take when decompressed.
const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let mut data = BytesMut::from(data);
    if let Ok(header) = BatchHeader::parse(&data)
        && batch::set_max_timestamp(&mut data, TimestampType::CreateTime, header.max_timestamp)
            .is_ok()
    {
        batch::verify_crc(&data).expect("a checksum that was just set");
    }
    for batch in batches(data.freeze()).flatten() {
        let _ = batch.verify_crc();
        let valid = batch.validate(LIMIT);
        let Ok(records) = batch.records(LIMIT) else {
            continue;
        };
        let mut count = 0;
        for record in records.iter() {
            let Ok(record) = record else {
                assert!(valid.is_err(), "a record that cannot be read is not valid");
                break;
            };
            count += 1;
            assert_eq!(record.headers.iter().count(), record.headers.len());
            let slices =
                [record.key, record.value].map(|part| part.map(|bytes| records.slice(bytes)));
            assert_eq!(
                slices,
                [record.key, record.value].map(|part| part.map(Bytes::copy_from_slice))
            );
        }
        assert!(valid.is_err() || count == batch.header().record_count);
    }
});
