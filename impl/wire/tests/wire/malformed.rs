//! Bytes that are wrong, each in one way. Each must be an error, and none may make us ask for memory that its
//! own size does not explain.

use std::fmt::Debug;

use bytes::{BufMut, Bytes, BytesMut};
use kraftig_wire::batch::control::ControlRecord;
use kraftig_wire::batch::{Batch, BatchError, BatchHeader};
use kraftig_wire::messages::MetadataRecord;
use kraftig_wire::messages::fetch_request::FetchRequest;
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::messages::produce_request::ProduceRequest;
use kraftig_wire::{
    DecodeError, DecodeErrorKind, Message, Reader, decode_all, decode_request_header,
};

use crate::allocations::asked;
use crate::batches::{body, raw};
use crate::golden::hex;

/// What a message that is refused may ask for: a first block of 1,024 elements, and the error.
const MESSAGE_LIMIT: usize = 256 << 10;
/// What a batch that is refused may ask for: the tables and windows of a decoder.
const BATCH_LIMIT: usize = 16 << 20;
/// What the records may take when decompressed.
const RECORDS_LIMIT: usize = 1 << 20;

fn refused<T: Debug, E: Debug>(name: &str, limit: usize, run: impl FnOnce() -> Result<T, E>) -> E {
    let (result, asked) = asked(run);
    let error = result.expect_err(name);
    assert!(asked <= limit, "{name} asked for {asked} bytes: {error:?}");
    error
}

/// Decodes `bytes` as `M` and returns what was wrong and where.
fn wrong<M: Message + Debug>(version: i16, bytes: &str) -> (DecodeErrorKind, String) {
    let bytes = hex(bytes);
    let error: DecodeError = refused(M::NAME, MESSAGE_LIMIT, || decode_all::<M>(bytes, version));
    assert!(error.to_string().starts_with(M::NAME), "{error}");
    (error.kind(), error.path().to_owned())
}

fn at(kind: DecodeErrorKind, path: &str) -> (DecodeErrorKind, String) {
    (kind, path.to_owned())
}

#[test]
fn lengths_that_cannot_be() {
    use DecodeErrorKind::{Length, Null, Truncated};
    type Metadata = MetadataRequest;
    assert_eq!(wrong::<Metadata>(0, "7fffffff"), at(Length(0x7fff_ffff), "Topics"));
    assert_eq!(wrong::<Metadata>(12, "ffffffff0f"), at(Length(0xffff_fffe), "Topics"));
    assert_eq!(wrong::<Metadata>(1, "fffffffe"), at(Length(-2), "Topics"));
    assert_eq!(wrong::<Metadata>(1, "80000000"), at(Length(i64::from(i32::MIN)), "Topics"));
    assert_eq!(wrong::<Metadata>(0, "ffffffff"), at(Null, "Topics"));
    assert_eq!(wrong::<Metadata>(1, "00000001 ffff"), at(Null, "Topics[0].Name"));
    assert_eq!(wrong::<Metadata>(1, "00000001 fffe"), at(Length(-2), "Topics[0].Name"));
    // More text than any version takes; there are enough bytes for it.
    let long = format!("02 00000000000000000000000000000000 818002 {}", "61".repeat(32768));
    assert_eq!(wrong::<Metadata>(12, &long), at(Length(32768), "Topics[0].Name"));
    let records =
        |length: &str| format!("ffff 0001 00000000 00000001 0001 74 00000001 00000000 {length}");
    let path = "TopicData[0].PartitionData[0].Records";
    assert_eq!(wrong::<ProduceRequest>(3, &records("fffffffe")), at(Length(-2), path));
    assert_eq!(
        wrong::<ProduceRequest>(3, &records("7fffffff")),
        at(Truncated { needed: 0x7fff_ffff, left: 0 }, path)
    );
    decode_all::<ProduceRequest>(hex(&records("ffffffff")), 3).expect("null records are legal");
    // 60 million topics, and bytes for two of them.
    let many = format!("03938700 {}", "0000".repeat(2));
    assert_eq!(wrong::<Metadata>(1, &many), at(Length(0x0393_8700), "Topics"));
}

/// Elements of few bytes take many once they are read, so a message has no more than a million of them.
#[test]
fn more_elements_than_any_message_has() {
    let produce = |topics: u32| {
        let mut bytes = BytesMut::from(&[0, 0, 1, 0, 0, 0, 0][..]);
        let mut count = topics + 1;
        while count > 0x7f {
            bytes.put_u8(count as u8 | 0x80);
            count >>= 7;
        }
        bytes.put_u8(count as u8);
        // An empty name, no partitions, no tags.
        bytes.extend((0..topics).flat_map(|_| [1, 1, 0]));
        bytes.put_u8(0);
        bytes.freeze()
    };
    let most = decode_all::<ProduceRequest>(produce(1 << 20), 9).unwrap();
    assert_eq!(most.topic_data.len(), 1 << 20);
    let more = produce((1 << 20) + 1);
    let error = refused("a topic more", MESSAGE_LIMIT, || decode_all::<ProduceRequest>(more, 9));
    assert_eq!(error.kind(), DecodeErrorKind::Length((1 << 20) + 1));
}

#[test]
fn varints_and_text_and_ends_that_cannot_be() {
    use DecodeErrorKind::{Trailing, Truncated, Utf8, Varint};
    type Metadata = MetadataRequest;
    assert_eq!(wrong::<Metadata>(12, "ffffffffffffffffffff"), at(Varint, "Topics"));
    assert_eq!(wrong::<Metadata>(12, "ffffffff1f"), at(Varint, "Topics"));
    assert_eq!(wrong::<Metadata>(12, "ff"), at(Truncated { needed: 1, left: 0 }, "Topics"));
    assert_eq!(wrong::<Metadata>(1, "00000001 0002 c328"), at(Utf8, "Topics[0].Name"));
    assert_eq!(
        wrong::<Metadata>(1, "00000001 0003 61"),
        at(Truncated { needed: 3, left: 1 }, "Topics[0].Name")
    );
    assert_eq!(wrong::<Metadata>(1, ""), at(Truncated { needed: 4, left: 0 }, "Topics"));
    assert_eq!(wrong::<Metadata>(1, "00000000 00"), at(Trailing(1), ""));
    assert_eq!(wrong::<Metadata>(14, "00000000"), at(DecodeErrorKind::Version(0, 13), ""));
    assert_eq!(wrong::<Metadata>(-1, "00000000"), at(DecodeErrorKind::Version(0, 13), ""));
}

#[test]
fn tagged_fields_that_cannot_be() {
    use DecodeErrorKind::{DuplicateTag, TagSize, Truncated, Varint};
    // A fetch of version 15 without topics, and then its tags.
    let fetch =
        |tags: &str| format!("00000000 00000000 00000000 00 00000000 00000000 01 01 01 {tags}");
    decode_all::<FetchRequest>(hex(&fetch("02 00 03 03 6161 07 02 ffff")), 15)
        .expect("tag 7 is passed over");
    let wrong = |tags| wrong::<FetchRequest>(15, &fetch(tags));
    assert_eq!(wrong("02 00 02 02 61 00 02 02 61").0, DuplicateTag);
    assert_eq!(wrong("01 00 03 02 61 61").0, TagSize(1));
    assert_eq!(wrong("01 00 02 03 61 61"), at(Truncated { needed: 2, left: 1 }, "ClusterId"));
    assert_eq!(wrong("01 07 ffffffff0f 00").0, Truncated { needed: 0xffff_ffff, left: 1 });
    assert_eq!(wrong("ffffffff0f 07 00").0, Truncated { needed: 1, left: 0 });
    assert_eq!(wrong("01 ffffffffff 00").0, Varint);
    // A struct that ends before its tag's size, inside a tag.
    assert_eq!(
        wrong("01 01 0c 00000001 0000000000000002"),
        at(Truncated { needed: 1, left: 0 }, "ReplicaState")
    );
}

#[test]
fn headers_and_records_that_cannot_be() {
    let header = |bytes: &str| {
        let bytes = hex(bytes);
        refused("header", MESSAGE_LIMIT, || decode_request_header(&mut Reader::new(bytes))).kind()
    };
    assert_eq!(header("0003 00"), DecodeErrorKind::Truncated { needed: 4, left: 3 });
    assert_eq!(header("03e7 0000 00000001 ffff"), DecodeErrorKind::UnknownKey(999));
    assert_eq!(header("ffff 0000 00000001 ffff"), DecodeErrorKind::UnknownKey(-1));
    assert_eq!(
        header("0003 000c 00000001 0005 61"),
        DecodeErrorKind::Truncated { needed: 5, left: 1 }
    );

    let metadata = |bytes: &str| {
        let bytes = hex(bytes);
        refused("metadata record", MESSAGE_LIMIT, || MetadataRecord::decode(&bytes)).kind()
    };
    assert_eq!(metadata(""), DecodeErrorKind::Truncated { needed: 1, left: 0 });
    assert_eq!(metadata("00 14 00 00"), DecodeErrorKind::FrameVersion(0));
    assert_eq!(metadata("01 63 00 00"), DecodeErrorKind::UnknownKey(99));
    assert_eq!(metadata("01 80808008 00 00"), DecodeErrorKind::Varint);
    assert_eq!(metadata("01 14 05 00"), DecodeErrorKind::Version(0, 0));
    assert_eq!(metadata("01 14 00 00 00"), DecodeErrorKind::Trailing(1));
    assert_eq!(metadata("01 03 00 00000000"), DecodeErrorKind::Truncated { needed: 16, left: 0 });

    let control = |key: &str, value: &str| {
        let (key, value) = (hex(key), hex(value));
        refused("control record", MESSAGE_LIMIT, || ControlRecord::decode(&key, &value)).kind()
    };
    assert_eq!(control("0000 00", "0000 00"), DecodeErrorKind::Truncated { needed: 2, left: 1 });
    assert_eq!(control("0000 0063", "0000 00"), DecodeErrorKind::UnknownKey(99));
    assert_eq!(control("0000 0004", "00"), DecodeErrorKind::Truncated { needed: 2, left: 1 });
    assert_eq!(control("0000 0004", "0007 00"), DecodeErrorKind::Version(0, 0));
    assert_eq!(control("0000 0004", "0000 00 00"), DecodeErrorKind::Trailing(1));
}

/// Reads the header, checks the checksum and validates the records.
fn bad_batch(name: &str, bytes: &Bytes) -> BatchError {
    refused(name, BATCH_LIMIT, || {
        let batch = Batch::parse(bytes)?;
        batch.verify_crc()?;
        batch.validate(RECORDS_LIMIT)
    })
}

#[test]
fn batches_that_cannot_be() {
    let good = raw(0, 3, 0, &body());
    Batch::parse(&good).unwrap().validate(RECORDS_LIMIT).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut batch = BytesMut::from(&good[..]);
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        batch.freeze()
    };
    let (size, longer) = (good.len(), good.len() + 1);
    let length = |length: i32| with(8, &length.to_be_bytes());
    assert_eq!(bad_batch("length -1", &length(-1)), BatchError::Length(-1));
    assert_eq!(bad_batch("length 48", &length(48)), BatchError::Length(48));
    let incomplete = |needed, have| BatchError::Incomplete { needed, have };
    assert_eq!(bad_batch("too long", &length(longer as i32 - 12)), incomplete(longer, size));
    assert_eq!(
        bad_batch("far too long", &length(i32::MAX)),
        incomplete(i32::MAX as usize + 12, size)
    );
    assert_eq!(bad_batch("17 bytes", &good.slice(..17)), incomplete(61, 17));
    assert_eq!(bad_batch("nothing", &Bytes::new()), incomplete(61, 0));
    assert_eq!(bad_batch("magic 1", &with(16, &[1])), BatchError::Magic(1));
    assert!(matches!(
        bad_batch("checksum", &with(17, &[1, 2, 3, 4])),
        BatchError::Crc { stored: 0x0102_0304, .. }
    ));
    assert!(matches!(bad_batch("flipped", &with(size - 1, &[1])), BatchError::Crc { .. }));
    assert_eq!(BatchHeader::parse(&good[..60]).unwrap_err(), incomplete(61, 60));
}

#[test]
fn counts_that_cannot_be() {
    let range =
        |count: i32, last_offset_delta| BatchError::OffsetRange { count, last_offset_delta };
    let record = |index, rule| BatchError::Record { index, rule };
    let cut = "a varint does not end";
    assert_eq!(
        bad_batch("i32::MAX records", &raw(0, i32::MAX, 0, &[0; 8])),
        record(0, "a length is more than the bytes that are left")
    );
    assert_eq!(bad_batch("50 million records", &raw(0, 50_000_000, 0, &body())), record(3, cut));
    assert_eq!(bad_batch("no records", &raw(0, 0, 0, &[])), range(0, -1));
    assert_eq!(bad_batch("negative count", &raw(0, -5, 0, &body())), range(-5, -6));
    assert_eq!(bad_batch("one record too many", &raw(0, 4, 0, &body())), record(3, cut));
    assert!(matches!(bad_batch("one too few", &raw(0, 2, 0, &body())), BatchError::Trailing(_)));
}

#[test]
fn records_that_cannot_be() {
    let bad = |name: &str, bytes: &[u8]| match bad_batch(name, &raw(0, 1, 1, bytes)) {
        BatchError::Record { index: 0, rule } => rule,
        other => panic!("{name}: {other}"),
    };
    // Length, attributes, timestamp, offset, key length, value length, headers.
    assert_eq!(bad("length -1", &[1, 0, 0, 0, 1, 1, 0]), "a length is negative");
    assert_eq!(
        bad("too long", &[14, 0, 0, 0, 1, 1, 0]),
        "a length is more than the bytes that are left"
    );
    assert_eq!(bad("too short", &[14, 0, 0, 0, 1, 1, 0, 0]), "it is shorter than its length");
    assert_eq!(bad("key length -2", &[12, 0, 0, 0, 3, 1, 0]), "a length is negative");
    assert_eq!(
        bad("value past the record", &[12, 0, 0, 0, 1, 100, 0]),
        "a length is more than the bytes that are left"
    );
    assert_eq!(
        bad("offset 1", &[12, 0, 0, 2, 1, 1, 0]),
        "its offset does not follow the one before"
    );
    assert_eq!(bad("offset -1", &[12, 0, 0, 1, 1, 1, 0]), "its offset delta is negative");
    assert_eq!(bad("header count -1", &[12, 0, 0, 0, 1, 1, 1]), "its header count is negative");
    assert_eq!(
        bad("i32::MAX headers", &[20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
        "its header count is more than its bytes"
    );
    assert_eq!(bad("null header key", &[16, 0, 0, 0, 1, 1, 2, 1, 0]), "a length is negative");
    assert_eq!(bad("overlong varint", &[0xff; 12]), "a varint does not end");
    let mut late = BytesMut::from(&[30, 0][..]);
    late.put_slice(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    late.put_slice(&[0, 1, 1, 0]);
    assert_eq!(bad("timestamp i64::MAX + 1", &late), "its timestamp overflows");
}

#[test]
fn compressed_records_that_cannot_be() {
    assert_eq!(bad_batch("codec 7", &raw(7, 3, 0, &body())), BatchError::Codec(7));
    for (attributes, name) in [(1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")] {
        let garbage = bad_batch(name, &raw(attributes, 3, 0, &[0x5a; 40]));
        assert!(
            matches!(garbage, BatchError::Compressed(codec, _) if codec.to_string() == name),
            "{garbage}"
        );
    }
    // Bare Snappy that says 4 GiB, and 1 MiB, of which there is nothing.
    let snappy = bad_batch("4 GiB", &raw(2, 3, 0, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]));
    assert_eq!(snappy, BatchError::TooLarge { limit: RECORDS_LIMIT });
    let snappy = refused("1 MiB", MESSAGE_LIMIT, || {
        Batch::parse(&raw(2, 3, 0, &[0x80, 0x80, 0x40, 0])).unwrap().validate(RECORDS_LIMIT)
    });
    assert!(matches!(snappy, BatchError::Compressed(..)));
    // A block of xerial's framing that is cut off.
    let xerial = hex("82 \"SNAPPY\" 00 00000001 00000001 7fffffff 00");
    assert!(matches!(bad_batch("xerial", &raw(2, 3, 0, &xerial)), BatchError::Compressed(..)));
}

#[test]
fn a_few_bytes_that_say_gigabytes_are_stopped_at_the_limit() {
    let zeros = vec![0; 16 << 20];
    let zstd = zstd::encode_all(&zeros[..], 3).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &zeros).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    std::io::Write::write_all(&mut lz4, &zeros).unwrap();
    let snappy = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    for (attributes, bomb) in
        [(1, gzip.finish().unwrap()), (2, snappy), (3, lz4.finish().unwrap()), (4, zstd)]
    {
        let error = bad_batch("bomb", &raw(attributes, 1, 0, &bomb));
        assert_eq!(error, BatchError::TooLarge { limit: RECORDS_LIMIT });
    }
}
