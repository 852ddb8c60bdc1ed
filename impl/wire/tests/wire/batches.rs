//! Record batches as clients send them.

use bytes::{BufMut, Bytes, BytesMut};
use kraftig_wire::batch::{
    self, Batch, BatchError, Compression, Header, TimestampType, Validated, batches,
};

use crate::golden::hex;

/// One batch of three records in each codec, written by the `MemoryRecords` of Apache Kafka 4.2.0: base offset
/// 5, producer 77 of epoch 3 from sequence 9 on, leader epoch 4, times 1000, 1002 and 1001.
const KAFKAS: [(Compression, &str); 5] = [
    (
        Compression::None,
        "0000000000000005000000810000000402e71197e100000000000200000000000003e800000000000003ea000000000000004d0003000000
         09000000030e000000010261001c000402026b01040268023102680170000204066b65795e76616c75652076616c75652076616c75652076
         616c75652076616c75652076616c75652076616c75652076616c756500",
    ),
    (
        Compression::Gzip,
        "00000000000000050000006e000000040212d24d4e00010000000200000000000003e800000000000003ea000000000000004d0003000000
         09000000031f8b08000000000000ffe363606060644a649061606162ca666461ca603264ca602c60606261cb4ead8c2b4bcc294d55209a64
         0000bc08595250000000",
    ),
    (
        Compression::Snappy,
        "0000000000000005000000730000000402bb97e48c00020000000200000000000003e800000000000003ea000000000000004d0003000000
         090000000382534e415050590000000001000000010000002e50980e000000010261001c000402026b01040268023102680170000204066b
         65795e76616c756520769e06000000",
    ),
    (
        Compression::Lz4,
        "000000000000000500000071000000040213a1f89900030000000200000000000003e800000000000003ea000000000000004d0003000000
         090000000304224d1860408231000000ff170e000000010261001c000402026b01040268023102680170000204066b65795e76616c756520
         06001250616c75650000000000",
    ),
    (
        Compression::Zstd,
        "00000000000000050000006c00000004028a38273e00040000000200000000000003e800000000000003ea000000000000004d0003000000
         090000000328b52ffd00587c010074020e000000010261001c000402026b01040268023102680170000204066b65795e76616c7565200001
         0016a83c01010000",
    ),
];

/// A batch with a right checksum around `body`.
pub(crate) fn raw(attributes: i16, count: i32, base_timestamp: i64, body: &[u8]) -> Bytes {
    let mut tail = BytesMut::new();
    tail.put_i16(attributes);
    tail.put_i32(count.wrapping_sub(1));
    tail.put_i64(base_timestamp);
    tail.put_i64(base_timestamp);
    tail.put_i64(-1);
    tail.put_i16(-1);
    tail.put_i32(-1);
    tail.put_i32(count);
    tail.put_slice(body);
    let mut out = BytesMut::new();
    out.put_i64(0);
    out.put_i32(tail.len() as i32 + 9);
    out.put_i32(-1);
    out.put_i8(2);
    out.put_u32(crc32c::crc32c(&tail));
    out.put_slice(&tail);
    out.freeze()
}

/// The uncompressed records of Kafka's batch.
pub(crate) fn body() -> Bytes {
    hex(KAFKAS[0].1).slice(batch::HEADER_SIZE..)
}

#[test]
fn kafkas_batches_are_read_in_every_codec() {
    for (codec, bytes) in KAFKAS {
        let bytes = hex(bytes);
        let batch = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.bytes().len(), bytes.len());
        batch.verify_crc().unwrap();
        let header = batch.header();
        assert_eq!(header.compression(), Ok(codec));
        assert_eq!((header.base_offset, header.last_offset(), header.next_offset()), (5, 7, 8));
        assert_eq!(
            (header.leader_epoch, header.base_timestamp, header.max_timestamp),
            (4, 1000, 1002)
        );
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (77, 3, 9));
        let seen = batch.validate(1000).unwrap();
        let expected = Validated {
            max_timestamp: 1002,
            max_timestamp_offset_delta: 1,
            min_timestamp: 1000,
            all_keyed: false,
            size: body().len(),
        };
        assert_eq!(seen, expected, "{codec}");

        let records = batch.records(1000).unwrap();
        let records: Vec<_> = records.iter().map(Result::unwrap).collect();
        assert_eq!(
            records.iter().map(|r| (r.offset, r.timestamp)).collect::<Vec<_>>(),
            [(5, 1000), (6, 1002), (7, 1001)]
        );
        assert_eq!((records[0].key, records[0].value), (None, Some(&b"a"[..])));
        assert_eq!((records[1].key, records[1].value), (Some(&b"k"[..]), None));
        let headers: Vec<_> = records[1].headers.iter().collect();
        let header = |value| Header { key: b"h", value };
        assert_eq!(headers, [header(Some(b"1")), header(None)], "a key may be there twice");
        assert!(records[2].value.unwrap().ends_with(b"value value"));

        assert_eq!(
            batch.validate(body().len() - 1),
            Err(BatchError::TooLarge { limit: body().len() - 1 })
        );
    }
}

#[test]
fn bare_snappy_and_lz4_with_all_its_checksums_are_read() {
    let snappy = snap::raw::Encoder::new().compress_vec(&body()).unwrap();
    Batch::parse(&raw(2, 3, 0, &snappy)).unwrap().validate(1000).unwrap();
    let info = lz4_flex::frame::FrameInfo::new().block_checksums(true).content_checksum(true);
    let mut lz4 = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    std::io::Write::write_all(&mut lz4, &body()).unwrap();
    Batch::parse(&raw(3, 3, 0, &lz4.finish().unwrap())).unwrap().validate(1000).unwrap();
}

#[test]
fn a_leader_gives_a_batch_its_place_and_time() {
    let mut bytes = BytesMut::from(&hex(KAFKAS[0].1)[..]);
    batch::set_base_offset_and_epoch(&mut bytes, 1_000_000, 9).unwrap();
    batch::verify_crc(&bytes).unwrap();
    let later = 5_000;
    batch::set_max_timestamp(&mut bytes, TimestampType::LogAppendTime, later).unwrap();
    let batch = Batch::parse(&bytes.freeze()).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!((batch.header().base_offset, batch.header().leader_epoch), (1_000_000, 9));
    assert_eq!(batch.header().timestamp_type(), TimestampType::LogAppendTime);
    for (record, offset) in batch.records(1000).unwrap().iter().zip(1_000_000..) {
        let record = record.unwrap();
        assert_eq!((record.offset, record.timestamp), (offset, later));
    }
    let mut bytes = BytesMut::from(&batch.bytes()[..]);
    batch::set_max_timestamp(&mut bytes, TimestampType::CreateTime, 1002).unwrap();
    batch::set_base_offset_and_epoch(&mut bytes, 5, 4).unwrap();
    assert_eq!(bytes, hex(KAFKAS[0].1), "and back");
}

#[test]
fn batches_follow_each_other_up_to_a_torn_one() {
    let one = hex(KAFKAS[1].1);
    let torn = &one[..one.len() - 1];
    let log = Bytes::from([&one[..], &one[..], torn].concat());
    let found: Vec<_> = batches(log).collect();
    assert_eq!(found.len(), 3);
    assert!(found[..2].iter().all(Result::is_ok));
    let incomplete = BatchError::Incomplete { needed: one.len(), have: torn.len() };
    assert_eq!(found[2].as_ref().unwrap_err(), &incomplete);
}

#[test]
fn a_batch_takes_another_codec() {
    let values = |batch: &Batch| -> Vec<Option<Vec<u8>>> {
        let records = batch.records(1 << 20).unwrap();
        records.iter().map(|record| record.unwrap().value.map(<[u8]>::to_vec)).collect()
    };
    // More than one of Snappy's blocks.
    let mut builder = batch::BatchBuilder::new(5, 4, 1000);
    for index in 0..5000 {
        builder.push(None, Some(format!("value {index}").as_bytes()));
    }
    let mut last = Batch::parse(&builder.build()).unwrap();
    let (header, wanted) = (*last.header(), values(&last));
    let codecs = KAFKAS.map(|(codec, _)| codec);
    for codec in codecs.into_iter().chain([Compression::Gzip, Compression::None]) {
        let level = (codec == Compression::Zstd).then_some(19);
        let bytes = last.recompressed(codec, level, 1 << 20).unwrap().freeze();
        let batch = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.bytes().len(), bytes.len());
        batch.verify_crc().unwrap();
        assert_eq!(batch.header().compression(), Ok(codec));
        assert_eq!(values(&batch), wanted, "{codec}");
        assert!(
            codec == Compression::None || bytes.len() < header.size() / 2,
            "{codec} makes it smaller"
        );
        last = batch;
    }
    assert_eq!(*last.header(), header);
    assert_eq!(
        last.recompressed(Compression::Zstd, None, 100),
        Err(BatchError::TooLarge { limit: 100 })
    );
}
