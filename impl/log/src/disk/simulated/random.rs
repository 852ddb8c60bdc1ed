//! Numbers from a seed: `SplitMix64`.

#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    /// Which of `changes` survive: so many from the first on, and of the others none, or each by a coin. So
    /// the whole, nothing, a cut at one point in time and any subset are all likely enough to be met.
    pub(super) fn survivors<'a, T>(&mut self, changes: &'a [T]) -> impl Iterator<Item = &'a T> {
        let whole = self.next() % (changes.len() as u64 + 1);
        let torn = self.coin();
        changes
            .iter()
            .zip(0..)
            .filter(move |(_, i)| *i < whole || torn && self.coin())
            .map(|(c, _)| c)
    }
}
