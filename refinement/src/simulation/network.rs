//! The network between the nodes: it loses, delays, doubles and overtakes messages, and it is cut.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use kraftig_spec::quorum::{Request, Response};
use kraftig_spec::types::Offset;
use kraftig_wire::batch::BatchHeader;

use super::random::Random;

/// Where a batch's checksum begins; it covers all behind it.
const CHECKED: usize = 17;

pub(super) struct Network {
    /// From, to: nothing passes.
    cut: BTreeSet<(usize, usize)>,
    /// Of a hundred messages, so many are lost.
    loss: u64,
    /// The longest delay of most messages, in microseconds.
    delay_us: u64,
    /// A few messages are delayed for seconds, or doubled, or damaged.
    odd: bool,
}

impl Network {
    /// One on which everything arrives within ten milliseconds.
    pub(super) fn good() -> Self {
        Self { cut: BTreeSet::new(), loss: 0, delay_us: 10_000, odd: false }
    }

    /// One that gets worse or better, with the cuts that it has.
    pub(super) fn change(&mut self, random: &mut Random) {
        self.loss = random.pick(&[0, 0, 2, 10, 30]);
        self.delay_us = random.pick(&[1_000, 10_000, 50_000, 300_000]);
        self.odd = true;
    }

    pub(super) fn isolate(&mut self, node: usize, nodes: usize) {
        for other in 0..nodes {
            self.cut.extend([(node, other), (other, node)]);
        }
    }

    pub(super) fn split(&mut self, random: &mut Random, nodes: usize) {
        let side: Vec<bool> = (0..nodes).map(|_| random.percent(50)).collect();
        let pairs = (0..nodes).flat_map(|a| (0..nodes).map(move |b| (a, b)));
        self.cut.extend(pairs.filter(|(a, b)| side[*a] != side[*b]));
    }

    /// Cuts one direction between two nodes.
    pub(super) fn cut_one_way(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(super) fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    pub(super) fn passes(&self, from: usize, to: usize) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// When the copies of a message arrive: none, one or two.
    pub(super) fn delays(&self, random: &mut Random, from: usize, to: usize) -> Vec<Duration> {
        if !self.passes(from, to) || random.percent(self.loss) {
            return Vec::new();
        }
        let copies = if self.odd && random.percent(2) { 2 } else { 1 };
        let delay = |_| {
            let most = if self.odd && random.percent(1) { 4_000_000 } else { self.delay_us };
            random.micros(100..=most)
        };
        (0..copies).map(delay).collect()
    }

    /// Damages a few of the records that are on their way, where their checksum can tell.
    pub(super) fn wear(&self, random: &mut Random, response: Response<Bytes>) -> Response<Bytes> {
        if !self.odd || !random.percent(1) {
            return response;
        }
        let damaged = |records: &Bytes| {
            let mut bytes = records.to_vec();
            if let Ok(header) = BatchHeader::parse(&bytes) {
                let place = random.within(CHECKED as u64..=header.size() as u64 - 1) as usize;
                bytes[place] ^= 1 << random.below(8);
            }
            bytes.into()
        };
        response.map(damaged)
    }
}

/// Another request than the one that was sent: harmless, so that nothing but a comparison of what was received
/// with what was sent can see it.
pub(super) fn forged(request: Request) -> Request {
    match request {
        Request::Fetch(mut fetch) => {
            fetch.high_watermark = Offset(fetch.high_watermark.0.saturating_sub(1).max(0));
            Request::Fetch(fetch)
        }
        other => other,
    }
}
