//! Good bytes with a few of them changed: never a panic, and never more memory than their size explains.

use bytes::{Bytes, BytesMut};
use kraftig_wire::batch::batches;
use kraftig_wire_generator::schema::Message;
use proptest::prelude::*;

use crate::allocations::asked;
use crate::batches::{body, raw};
use crate::dispatch::decode_encode;
use crate::frames::{Rng, messages, random};

/// One change: at a place, in units of 1/65,536 of the length, a byte is set, or everything behind is cut off.
type Change = (u16, Option<u8>);

fn change(bytes: &[u8], changes: &[Change]) -> Bytes {
    let mut bytes = BytesMut::from(bytes);
    for (place, set) in changes {
        let at = (bytes.len() * usize::from(*place)) >> 16;
        match set {
            _ if bytes.is_empty() => break,
            Some(byte) => bytes[at] = *byte,
            None => bytes.truncate(at),
        }
    }
    bytes.freeze()
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let byte = prop_oneof![Just(0u8), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    prop::collection::vec((any::<u16>(), prop::option::weighted(0.9, byte)), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_survive(which: prop::sample::Index, version: prop::sample::Index, seed: u64, changes in changes()) {
        thread_local!(static MESSAGES: Vec<Message> = messages());
        MESSAGES.with(|messages| {
            let message = which.get(messages);
            let versions: Vec<i16> = (message.versions.min..=message.versions.max).collect();
            let version = *version.get(&versions);
            let bytes = change(&random(message, version, &mut Rng(seed)), &changes);
            let size = bytes.len();
            let (_, asked) = asked(|| decode_encode(message, bytes, version));
            // A string of one byte becomes a slice of 32, and a vector doubles as it grows.
            assert!(asked <= (64 << 10) + 512 * size, "{} v{version} asked for {asked} bytes", message.name());
        });
    }

    #[test]
    fn batches_survive(codec in 0i16..5, attributes: i16, changes in changes(), inner in changes()) {
        let body = change(&body(), &inner);
        let compressed = match codec {
            1 => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::Write::write_all(&mut gzip, &body).unwrap();
                gzip.finish().unwrap()
            }
            2 => snap::raw::Encoder::new().compress_vec(&body).unwrap(),
            3 => {
                let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
                std::io::Write::write_all(&mut lz4, &body).unwrap();
                lz4.finish().unwrap()
            }
            4 => zstd::encode_all(&body[..], 1).unwrap(),
            _ => body.to_vec(),
        };
        let batch = raw(attributes & !7 | codec, 3, 0, &compressed);
        let ((), asked) = asked(|| {
            for bytes in [batch.clone(), change(&batch, &changes)] {
                for batch in batches(bytes).flatten() {
                    let _ = batch.verify_crc();
                    let _ = batch.validate(1 << 20);
                    let Ok(records) = batch.records(1 << 20) else { continue };
                    for record in records.iter().flatten() {
                        assert_eq!(record.headers.iter().count(), record.headers.len());
                    }
                }
            }
        });
        assert!(asked <= 64 << 20, "{asked}");
    }
}
