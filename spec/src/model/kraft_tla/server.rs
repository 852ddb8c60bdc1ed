//! A server as a word of bits.

use std::fmt;

use super::bounds::MOST_VALUES;
use super::field::Field;

/// One server: what it knows of the election, its log, and what it has under way.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server(pub(super) u64);

/// What a server takes itself for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It knows of no leader and has given no vote.
    Unattached,
    /// It has voted for another.
    Voted,
    /// It wants to lead.
    Candidate,
    /// It leads.
    Leader,
    /// It follows a leader.
    Follower,
    /// It saw what should be impossible. Its epoch is then 0.
    Illegal,
}

impl Role {
    const ALL: [Self; 6] = [
        Self::Unattached,
        Self::Voted,
        Self::Candidate,
        Self::Leader,
        Self::Follower,
        Self::Illegal,
    ];
}

/// What an election changes in a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stance {
    pub(super) role: Role,
    pub(super) epoch: u8,
    /// Servers count from 1, and 0 is nobody.
    pub(super) leader: u8,
}

pub(super) const ROLE: Field = Field::new(0, 3);
pub(super) const EPOCH: Field = Field::new(3, 3);
pub(super) const HIGH: Field = Field::new(6, 2);
pub(super) const LOG: Field = Field::new(8, 15);
/// What it has asked for and still waits to be told: [`super::message::FETCH`]. 0 is nothing.
pub(super) const FETCH: Field = Field::new(23, 8);
/// Whom it asked.
pub(super) const ASKED: Field = Field::new(31, 3);
pub(super) const VOTED: Field = Field::new(34, 3);
pub(super) const LEADER: Field = Field::new(37, 3);
/// The three fields that name servers.
pub(super) const NAMES: Field = Field::new(31, 9);
/// A bit for each server whose vote it has.
pub(super) const VOTES: Field = Field::new(40, 5);
/// For each server the end of its log, as far as it has told.
pub(super) const ENDS: Field = Field::new(45, 10);

const ENTRY: u32 = 5;
const END: u32 = 2;

/// Where a leader has a server's end.
pub(super) const fn end_of(place: usize) -> Field {
    Field::new(45 + END * place as u32, END)
}

/// An entry's value, from 1 on; 0 is no entry.
pub(super) const fn value_at(offset: usize) -> Field {
    Field::new(8 + ENTRY * (offset as u32 - 1), 2)
}

/// An entry's epoch. Offsets count from 1.
pub(super) const fn epoch_at(offset: usize) -> Field {
    Field::new(8 + ENTRY * (offset as u32 - 1) + 2, 3)
}

impl Server {
    /// As all begin.
    pub(super) fn new() -> Self {
        Self(0).with(EPOCH, 1)
    }

    #[must_use]
    pub(super) fn with(self, field: Field, value: u64) -> Self {
        Self(field.set(self.0, value))
    }

    pub(super) fn get(self, field: Field) -> u64 {
        field.get(self.0)
    }

    /// What it takes itself for.
    pub fn role(self) -> Role {
        Role::ALL[self.get(ROLE) as usize]
    }

    /// Its epoch.
    pub fn epoch(self) -> u8 {
        self.get(EPOCH) as u8
    }

    /// The leader that it knows; servers count from 1, and 0 is nobody.
    pub fn leader(self) -> u8 {
        self.get(LEADER) as u8
    }

    /// How many entries it takes for committed.
    pub fn high_watermark(self) -> usize {
        self.get(HIGH) as usize
    }

    /// How many entries its log has.
    pub fn end(self) -> usize {
        (64 - self.get(LOG).leading_zeros()).div_ceil(ENTRY) as usize
    }

    /// Epoch and value of an entry. Offsets count from 1.
    pub fn entry(self, offset: usize) -> Option<(u8, u8)> {
        (1..=self.end())
            .contains(&offset)
            .then(|| (self.get(epoch_at(offset)) as u8, self.get(value_at(offset)) as u8))
    }

    /// The epoch of its last entry, 0 if it has none.
    pub(super) fn last_epoch(self) -> u8 {
        self.entry(self.end()).map_or(0, |(epoch, _)| epoch)
    }

    pub(super) fn holds(self, value: u8) -> bool {
        (1..=self.end()).any(|offset| self.get(value_at(offset)) == u64::from(value))
    }

    #[must_use]
    pub(super) fn append(self, epoch: u64, value: u64) -> Self {
        let offset = self.end() + 1;
        assert!(offset <= usize::from(MOST_VALUES), "a log holds each value once");
        self.with(epoch_at(offset), epoch).with(value_at(offset), value)
    }

    #[must_use]
    pub(super) fn truncate(self, end: usize) -> Self {
        let kept = (1 << (ENTRY as usize * end)) - 1;
        self.with(LOG, self.get(LOG) & kept)
    }

    /// The last entry of an epoch up to this: offset and epoch, zeros if there is none.
    pub(super) fn end_of_epoch(self, epoch: u64) -> (usize, u64) {
        let at = |offset: &usize| self.get(epoch_at(*offset)) <= epoch;
        let last = (1..=self.end()).rev().find(at);
        last.map_or((0, 0), |offset| (offset, self.get(epoch_at(offset))))
    }

    pub(super) fn stance(self) -> Stance {
        Stance { role: self.role(), epoch: self.epoch(), leader: self.leader() }
    }

    #[must_use]
    pub(super) fn takes(self, Stance { role, epoch, leader }: Stance) -> Self {
        self.with(ROLE, role as u64).with(EPOCH, u64::from(epoch)).with(LEADER, u64::from(leader))
    }

    #[must_use]
    pub(super) fn waits_for_nothing(self) -> Self {
        self.with(FETCH, 0).with(ASKED, 0)
    }
}

/// Shows a log as epochs and values.
pub(super) struct Log(pub(super) Server);

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for offset in 1..=self.0.end() {
            let gap = if offset > 1 { " " } else { "" };
            write!(f, "{gap}{}:v{}", self.0.get(epoch_at(offset)), self.0.get(value_at(offset)))?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stance { role, epoch, leader } = self.stance();
        write!(f, "{role:?} e{epoch} leader {leader} voted {}", self.get(VOTED))?;
        write!(f, " log {} hw {}", Log(*self), self.high_watermark())?;
        write!(f, " votes {:b} ends {:b}", self.get(VOTES), self.get(ENDS))?;
        write!(f, " fetch {:b} of {}", self.get(FETCH), self.get(ASKED))
    }
}
