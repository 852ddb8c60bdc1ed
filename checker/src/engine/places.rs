//! Where in a list each fingerprint stands: a hash table of four bytes a slot.

use super::pages::Pages;
use super::visited::{Fingerprint, SHARD_BITS};

/// A slot holds a place plus one, under as many bits of the fingerprint as are left, which tell most others apart without a look
/// at the list; 0 is nothing. A fingerprint's slot is the first that was free from where its other bits point to.
///
/// At most three slots of four are taken, and it grows by half: 5.3 to 8 bytes for each place.
#[derive(Debug, Default)]
pub(super) struct Places {
    slots: Vec<u32>,
}

/// Bits of a slot that hold a place plus one.
const PLACE_BITS: u32 = 32 - SHARD_BITS;
const PLACE: u32 = (1 << PLACE_BITS) - 1;
const FEWEST: usize = 64;

/// What a slot says of a fingerprint.
fn tag(fingerprint: Fingerprint) -> u32 {
    (fingerprint as u32) << PLACE_BITS
}

impl Places {
    /// The place of a fingerprint in the list, or else the slot where it belongs.
    pub(super) fn find(
        &self,
        fingerprint: Fingerprint,
        list: &Pages<Fingerprint>,
    ) -> Result<usize, usize> {
        let tag = tag(fingerprint);
        let mut at = self.first(fingerprint);
        while let Some(slot) = self.slots.get(at) {
            if *slot == 0 {
                return Err(at);
            }
            if slot & !PLACE == tag {
                let place = (slot & PLACE) as usize - 1;
                if list.get(place) == fingerprint {
                    return Ok(place);
                }
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        Err(at)
    }

    /// The first slot that [`Self::find`] reads; 0 if there is none.
    pub(super) fn slot(&self, fingerprint: Fingerprint) -> u32 {
        self.slots.get(self.first(fingerprint)).copied().unwrap_or(0)
    }

    /// The first place that [`Self::find`] looks up in the list.
    pub(super) fn likely(&self, fingerprint: Fingerprint) -> Option<usize> {
        let (before, after) = self.slots.split_at(self.first(fingerprint));
        let slots = after.iter().chain(before).take_while(|slot| **slot != 0);
        let alike = |slot: &&u32| **slot & !PLACE == tag(fingerprint);
        slots.into_iter().find(alike).map(|slot| (slot & PLACE) as usize - 1)
    }

    /// Where the search for a fingerprint begins: its high bits, scaled to the number of slots.
    fn first(&self, fingerprint: Fingerprint) -> usize {
        ((u128::from(fingerprint as u64) * self.slots.len() as u128) >> 64) as usize
    }

    /// Takes a slot that [`Self::find`] gave.
    pub(super) fn put(&mut self, slot: usize, fingerprint: Fingerprint, place: usize) {
        self.slots[slot] = tag(fingerprint) | (place as u32 + 1);
    }

    /// Grows if one place more than the list's would be too many.
    pub(super) fn make_room(&mut self, list: &Pages<Fingerprint>) {
        let slots = self.slots.len();
        if 4 * (list.len() + 1) <= 3 * slots {
            return;
        }
        // The old slots are given back first: they can be found again.
        self.slots = Vec::new();
        self.slots = vec![0; (slots / 2 * 3).max(FEWEST)];
        for place in 0..list.len() {
            let fingerprint = list.get(place);
            let mut at = self.first(fingerprint);
            while self.slots[at] != 0 {
                at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
            }
            self.put(at, fingerprint, place);
        }
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }
}
