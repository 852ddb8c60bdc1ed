//! Which brokers get the replicas of a new topic: racks in turn, brokers of a rack in turn, never a fenced one first.
//!
//! These are the rules of Kafka's `StripedReplicaPlacer` (KIP-455's follow-up in KIP-631); the draw itself differs.

use std::collections::BTreeMap;

use super::image::Image;
use crate::types::NodeId;

/// The replicas of each of `partitions` partitions, or why there can be none.
pub(super) fn place(
    image: &Image,
    partitions: i32,
    replication_factor: i16,
    seed: u64,
) -> Result<Vec<Vec<NodeId>>, String> {
    let mut racks = Racks::new(image, seed);
    if replication_factor <= 0 {
        return Err(format!(
            "Invalid replication factor {replication_factor}: the replication factor must be positive."
        ));
    }
    if racks.unfenced == 0 {
        return Err("All brokers are currently fenced.".to_owned());
    }
    if usize::try_from(replication_factor).is_ok_and(|wanted| wanted > racks.total) {
        return Err(format!(
            "The target replication factor of {replication_factor} cannot be reached because only {} broker(s) are registered.",
            racks.total
        ));
    }
    Ok((0..partitions).map(|_| racks.place(replication_factor)).collect())
}

struct Racks {
    all: Vec<Rack>,
    total: usize,
    unfenced: usize,
    /// How many partitions were placed since the last shuffle.
    epoch: usize,
    /// The rack that comes first for the next partition.
    offset: usize,
    random: Random,
}

#[derive(Default)]
struct Rack {
    unfenced: Brokers,
    fenced: Brokers,
}

/// Brokers that take turns. Each partition starts one further on and passes over the list once.
#[derive(Default)]
struct Brokers {
    ids: Vec<NodeId>,
    used: usize,
    offset: usize,
    epoch: usize,
}

impl Brokers {
    fn next(&mut self, epoch: usize) -> Option<NodeId> {
        let count = self.ids.len();
        if self.epoch != epoch && count > 0 {
            self.epoch = epoch;
            self.used = 0;
            self.offset = (self.offset + 1) % count;
        }
        if self.used >= count {
            return None;
        }
        self.used += 1;
        Some(self.ids[(self.used - 1 + self.offset) % count])
    }
}

impl Racks {
    fn new(image: &Image, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut racks: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
        let (mut total, mut unfenced) = (0, 0);
        // A broker that is about to stop gets nothing new; one that has stopped may come back.
        for broker in
            image.brokers.values().filter(|broker| broker.fenced || !broker.in_controlled_shutdown)
        {
            let rack = racks.entry(broker.rack.as_deref()).or_default();
            total += 1;
            if broker.fenced {
                rack.fenced.ids.push(broker.id);
            } else {
                unfenced += 1;
                rack.unfenced.ids.push(broker.id);
            }
        }
        let mut racks: Vec<Rack> = racks.into_values().collect();
        for rack in &mut racks {
            rack.unfenced.offset = random.below(rack.unfenced.ids.len());
            rack.fenced.offset = random.below(rack.fenced.ids.len());
        }
        let offset = random.below(racks.len());
        Self { all: racks, total, unfenced, epoch: 0, offset, random }
    }

    /// The replicas of one partition. There are at least as many brokers, and one of them is unfenced.
    fn place(&mut self, replication_factor: i16) -> Vec<NodeId> {
        // As many partitions as brokers have been placed: other neighbours now. One broker has no neighbours.
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.random.shuffle(&mut self.all);
            for rack in &mut self.all {
                self.random.shuffle(&mut rack.unfenced.ids);
                self.random.shuffle(&mut rack.fenced.ids);
            }
            self.epoch = 0;
        }
        let count = self.all.len();
        let epoch = self.epoch;
        let mut replicas = Vec::new();
        let order = (0..count).map(|step| (self.offset + step) % count);
        let first =
            order.clone().find_map(|rack| Some((rack, self.all[rack].unfenced.next(epoch)?)));
        if let Some((_, broker)) = first {
            replicas.push(broker);
        }
        // The rack of the first replica is passed over once: it has had its turn.
        let mut had_its_turn = first.map(|(rack, _)| rack);
        let mut exhausted = 0;
        for rack in order.cycle() {
            if replicas.len() >= replication_factor as usize || exhausted > count {
                break;
            }
            if had_its_turn == Some(rack) {
                had_its_turn = None;
                continue;
            }
            let next =
                self.all[rack].unfenced.next(epoch).or_else(|| self.all[rack].fenced.next(epoch));
            exhausted = if next.is_some() { 0 } else { exhausted + 1 };
            replicas.extend(next);
        }
        self.epoch += 1;
        self.offset = (self.offset + 1) % count;
        replicas
    }
}

/// `SplitMix64`: small, and the same everywhere for one seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}
