//! Record batches for the benchmarks.

use bytes::Bytes;
use kraftig_wire::batch::BatchBuilder;

/// The time of every record, in milliseconds.
pub(crate) const TIME: i64 = 1_700_000_000_000;

/// An uncompressed batch of `count` records at offset 0, each with a value of `size` bytes and no key.
pub(crate) fn batch(count: usize, size: usize) -> Bytes {
    let mut random = 1_u64;
    let mut builder = BatchBuilder::new(0, 0, TIME);
    for _ in 0..count {
        // Letters drawn from sixteen: like much real data, a codec makes about half of it.
        let value: Vec<u8> = (0..size)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                b'a' + (random >> 60) as u8
            })
            .collect();
        builder.push(None, Some(&value));
    }
    builder.build()
}
