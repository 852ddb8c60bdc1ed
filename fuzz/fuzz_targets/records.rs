//! Metadata records and control records. Whatever can be read is written and read again: the same record must
//! come out.
//!
//! `cargo +nightly fuzz run records`. The first byte says how much of the rest is a key; 0 is a metadata record.

#![no_main]

use kraftig_wire::batch::control::ControlRecord;
use kraftig_wire::messages::MetadataRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&key, rest)) = data.split_first() else {
        return;
    };
    if key == 0 {
        let Ok((record, version)) = MetadataRecord::decode_versioned(rest) else {
            return;
        };
        let again = record.encode(version).expect("what was read can be written");
        // A quota may be NaN, which equals nothing: compare what is written.
        let (twice, _) =
            MetadataRecord::decode_versioned(&again).expect("what was written can be read");
        assert_eq!(twice.encode(version).as_ref(), Ok(&again));
    } else {
        let (key, value) = rest.split_at(usize::from(key).min(rest.len()));
        let Ok(record) = ControlRecord::decode(key, value) else {
            return;
        };
        let again = record.encode_value().expect("what was read can be written");
        assert_eq!(ControlRecord::decode(&record.encode_key(), &again), Ok(record));
    }
});
