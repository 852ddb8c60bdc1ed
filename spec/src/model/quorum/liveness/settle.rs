//! What makes no difference is left out, so that there are finitely many worlds.

use super::world::{Fate, LiveWorld, Member, Nodes, summary};
use crate::quorum::Role;
use crate::types::{Epoch, Offset};

/// Two epochs that lie farther apart are taken to lie as far: a node comes from one to the other by others' messages alone.
const FARTHEST: i32 = 4;

impl LiveWorld {
    /// Brings the world into the form in which it is compared.
    pub(super) fn settle(&mut self) {
        for Member { state, .. } in &mut self.members {
            match &mut state.role {
                Role::Leader { heard, acknowledged, progress, .. } => {
                    // Whether a leader hears from a majority is asked when it matters; whom it told that it leads, it tells
                    // again from time to time.
                    heard.clear();
                    acknowledged.clear();
                    progress.retain(|_, known| known.end > Offset::ZERO);
                }
                // They only say how long each of them waits.
                Role::Resigned { successors, .. } => successors.clear(),
                _ => {}
            }
            if state.election.leader.is_some() {
                // No rule reads it then, and a restart follows the leader.
                state.election.voted = None;
            }
        }
        self.settle_value();
        self.drop_columns();
        self.renumber_epochs();
    }

    fn settle_value(&mut self) {
        let held = self.members.iter().any(|member| member.log.iter().any(|item| item.value));
        if self.fate == Fate::Open && !held {
            self.fate = Fate::Known;
        }
        if self.fate == Fate::Known {
            for item in self.members.iter_mut().flat_map(|member| &mut member.log) {
                item.value = false;
            }
        }
    }

    /// Drops offsets that nothing tells from the next: all logs that reach there hold the same up to the next, flushed, and
    /// no number that a node knows lies between. Who does not reach there may lead without them one day; then both are cut off.
    fn drop_columns(&mut self) {
        let longest = self.members.iter().map(|member| member.log.len()).max().unwrap_or(0);
        let mut kept = Vec::with_capacity(longest);
        let mut agree = true;
        for column in 0..longest {
            let items = |at: usize| self.members.iter().filter_map(move |m| m.log.get(at));
            let same = |at: usize| {
                let mut all = items(at);
                let first = all.next();
                all.all(|item| Some(item) == first)
            };
            agree = agree && same(column);
            let between = Offset(column as i64 + 1);
            let matters = |member: &Member| {
                let state = &member.state;
                let known = match &state.role {
                    Role::Leader { epoch_start, progress, .. } => {
                        *epoch_start == between
                            || progress.values().any(|known| known.end == between)
                    }
                    _ => false,
                };
                let ends = member.log.len() == column + 1
                    || member.log.len() > column + 1 && state.log.flushed <= between;
                known || ends || state.high_watermark == Some(between)
            };
            let drops = agree
                && column + 1 < longest
                && same(column + 1)
                && !items(column).any(|item| item.value || item.voters != Nodes::NONE)
                && !self.members.iter().any(matters);
            kept.push(!drops);
        }
        if kept.iter().all(|kept| *kept) {
            return;
        }
        let moved = |offset: &mut Offset| {
            let before = kept.iter().take(offset.0 as usize).filter(|kept| **kept);
            *offset = Offset(before.count() as i64);
        };
        for Member { state, log } in &mut self.members {
            let mut keeps = kept.iter();
            log.retain(|_| *keeps.next().expect("no log is longer"));
            if let Role::Leader { epoch_start, progress, .. } = &mut state.role {
                moved(epoch_start);
                for known in progress.values_mut() {
                    moved(&mut known.end);
                }
            }
            state.high_watermark.iter_mut().for_each(moved);
            moved(&mut state.log.flushed);
            state.log = summary(log, state.log.flushed);
        }
    }

    /// Of epochs below all that nodes are in only the order matters; of the others how far they lie apart, up to a limit.
    fn renumber_epochs(&mut self) {
        let lowest = self.members.iter().map(|member| member.state.election.epoch.0).min();
        let lowest = lowest.unwrap_or(0);
        let mut used: Vec<i32> = self.members.iter().flat_map(Member::epochs).collect();
        used.sort_unstable();
        used.dedup();
        let (mut before, mut last) = (0, 0);
        let mut numbers = Vec::with_capacity(used.len());
        for epoch in used {
            let apart = epoch - before;
            last += if epoch <= lowest { apart.min(1) } else { apart.min(FARTHEST) };
            before = epoch;
            numbers.push((epoch, last));
        }
        if numbers.iter().all(|(epoch, number)| epoch == number) {
            return;
        }
        let renamed = |epoch: &mut Epoch| {
            let place = numbers.binary_search_by_key(&epoch.0, |(epoch, _)| *epoch);
            *epoch = Epoch(numbers[place.expect("all were asked")].1);
        };
        for Member { state, log } in &mut self.members {
            renamed(&mut state.election.epoch);
            for item in log.iter_mut() {
                renamed(&mut item.epoch);
            }
            state.log = summary(log, state.log.flushed);
        }
    }
}

impl Member {
    fn epochs(&self) -> impl Iterator<Item = i32> + '_ {
        let in_log = self.log.iter().map(|item| item.epoch.0);
        [self.state.election.epoch.0].into_iter().chain(in_log)
    }
}
