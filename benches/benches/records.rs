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
        let mut value = Vec::with_capacity(size + 8);
        while value.len() < size {
            // One of 64 words, so that a codec has something to find.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let word = (random >> 58).wrapping_mul(0x9e37_79b9) as u32;
            value.extend(format!("{word:08x} ").bytes());
        }
        value.truncate(size);
        builder.push(None, Some(&value));
    }
    builder.build()
}
