//! Fields of bits in a word.

/// Where a field lies: its lowest bit, and how many there are.
#[derive(Clone, Copy)]
pub(super) struct Field {
    at: u32,
    width: u32,
}

impl Field {
    pub(super) const fn new(at: u32, width: u32) -> Self {
        Self { at, width }
    }

    pub(super) const fn get(self, word: u64) -> u64 {
        (word >> self.at) & ((1 << self.width) - 1)
    }

    /// The word with this in the field.
    pub(super) const fn set(self, word: u64, value: u64) -> u64 {
        debug_assert!(value < 1 << self.width);
        (word & !self.mask()) | (value << self.at)
    }

    pub(super) const fn width(self) -> u32 {
        self.width
    }

    /// All bits of the field.
    pub(super) const fn mask(self) -> u64 {
        ((1 << self.width) - 1) << self.at
    }

    /// The bits of the field that numbers up to `most` need.
    pub(super) const fn used(self, most: u64) -> u64 {
        ((1 << bits(most)) - 1) << self.at
    }
}

/// How many bits the numbers from 0 to `most` need.
pub(super) const fn bits(most: u64) -> u32 {
    64 - most.leading_zeros()
}
