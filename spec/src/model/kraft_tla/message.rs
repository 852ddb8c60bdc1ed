//! Messages as words of bits.

use std::fmt;

use super::field::Field;

/// A message, and how many copies of it are still to be delivered. What was once sent stays on record with no copy left:
/// whether something was ever sent decides what can be sent again.
///
/// A response holds all of the request that it answers. The lowest bits are the count and then the names of servers, so that
/// renaming servers moves only messages past each other that differ in nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message(pub(super) u32);

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A candidate asks for a vote, and says where its log ends.
    VoteRequest,
    /// Whether the vote is given.
    VoteResponse,
    /// A leader says that it leads.
    BeginQuorumRequest,
    /// The answer to that. Nobody handles it.
    BeginQuorumResponse,
    /// A follower asks for the entry after its last.
    FetchRequest,
    /// That entry, or that there is none yet.
    Fetched,
    /// The logs differ before that: where they may begin to.
    Diverging,
    /// Whoever was asked does not lead in that epoch.
    Refused,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::VoteRequest,
        Self::VoteResponse,
        Self::BeginQuorumRequest,
        Self::BeginQuorumResponse,
        Self::FetchRequest,
        Self::Fetched,
        Self::Diverging,
        Self::Refused,
    ];

    /// Whether it answers a fetch.
    pub(super) fn is_fetch_response(self) -> bool {
        self >= Self::Fetched
    }

    /// Whether it names a leader that is not its sender.
    pub(super) fn names_leader(self) -> bool {
        matches!(self, Self::VoteResponse | Self::Refused)
    }
}

pub(super) const COUNT: Field = Field::new(0, 4);
/// Servers count from 1, and 0 is nobody.
pub(super) const LEADER: Field = Field::new(4, 3);
pub(super) const TO: Field = Field::new(7, 3);
pub(super) const FROM: Field = Field::new(10, 3);
/// The three fields that name servers.
pub(super) const NAMES: Field = Field::new(4, 9);
/// The high watermark of whoever answers a fetch.
pub(super) const HIGH: Field = Field::new(13, 2);
/// The value of an entry; the offset where logs diverge; an error; whether a vote is given.
pub(super) const DETAIL: Field = Field::new(15, 2);
/// The epoch of what [`DETAIL`] tells of a log; the epoch of whoever refuses a fetch.
pub(super) const DETAIL_EPOCH: Field = Field::new(17, 3);
/// The epoch of the last entry of whoever asks.
pub(super) const LAST: Field = Field::new(20, 3);
/// How many entries the log of whoever asks has.
pub(super) const OFFSET: Field = Field::new(23, 2);
/// The epoch of a request. A fetch's response holds it too; a response to something else has its own epoch here.
pub(super) const EPOCH: Field = Field::new(25, 3);
pub(super) const KIND: Field = Field::new(28, 3);
/// Epoch, offset and last epoch: all that a fetch says.
pub(super) const FETCH: Field = Field::new(20, 8);

/// Values of [`DETAIL`] in a vote's response, and in that to a leader's announcement.
pub(super) const GRANTED: u64 = 1;
pub(super) const FENCED: u64 = 2;

/// Values of [`DETAIL`] in a refused fetch.
pub(super) const NOT_LEADER: u64 = 1;
pub(super) const FENCED_LEADER_EPOCH: u64 = 2;
pub(super) const UNKNOWN_LEADER_EPOCH: u64 = 3;

impl Message {
    /// To be filled in; no copy of it is under way.
    pub(super) fn new(kind: Kind, from: u8, to: u8) -> Self {
        Self(0).with(KIND, kind as u64).with(FROM, u64::from(from)).with(TO, u64::from(to))
    }

    #[must_use]
    pub(super) fn with(self, field: Field, value: u64) -> Self {
        Self(field.set(u64::from(self.0), value) as u32)
    }

    pub(super) fn get(self, field: Field) -> u64 {
        field.get(u64::from(self.0))
    }

    /// The message itself, whatever the number of copies.
    #[must_use]
    pub(super) fn content(self) -> Self {
        self.with(COUNT, 0)
    }

    /// All but names.
    pub(super) fn nameless(self) -> u32 {
        self.0 & !(NAMES.mask() as u32)
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        Kind::ALL[self.get(KIND) as usize]
    }

    /// Who sent it; servers count from 1.
    pub fn from(self) -> u8 {
        self.get(FROM) as u8
    }

    /// Whom it is for.
    pub fn to(self) -> u8 {
        self.get(TO) as u8
    }

    /// How many copies are still to be delivered.
    pub fn count(self) -> u8 {
        self.get(COUNT) as u8
    }

    /// The epoch of a request, or of the fetch that is answered; else of whoever answers.
    pub fn epoch(self) -> u8 {
        self.get(EPOCH) as u8
    }

    /// Of a response: the epoch of whoever answers.
    pub(super) fn answering_epoch(self) -> u8 {
        if self.kind() == Kind::Refused { self.get(DETAIL_EPOCH) as u8 } else { self.epoch() }
    }

    /// Of a response: the leader, 0 if none is known to whoever answers.
    pub(super) fn leader(self) -> u8 {
        match self.kind() {
            Kind::Fetched | Kind::Diverging => self.from(),
            _ => self.get(LEADER) as u8,
        }
    }

    /// Of a response: whether it tells of an error.
    pub(super) fn is_error(self) -> bool {
        match self.kind() {
            Kind::VoteResponse | Kind::BeginQuorumResponse => self.get(DETAIL) == FENCED,
            kind => kind == Kind::Refused,
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let get = |field| self.get(field);
        let (kind, from, to, epoch) = (self.kind(), self.from(), self.to(), self.epoch());
        write!(f, "{kind:?} {from} -> {to}, epoch {epoch}")?;
        match kind {
            Kind::VoteRequest | Kind::FetchRequest => {
                write!(f, ", log ends at {} in epoch {}", get(OFFSET), get(LAST))
            }
            Kind::VoteResponse => {
                f.write_str(if get(DETAIL) == GRANTED { ", given" } else { ", not given" })?;
                match get(LEADER) {
                    0 => Ok(()),
                    leader => write!(f, ", leader {leader}"),
                }
            }
            Kind::BeginQuorumRequest | Kind::BeginQuorumResponse => Ok(()),
            Kind::Fetched => {
                write!(f, " at {}", get(OFFSET))?;
                match get(DETAIL) {
                    0 => f.write_str(": nothing")?,
                    value => write!(f, ": {}:v{value}", get(DETAIL_EPOCH))?,
                }
                write!(f, ", high watermark {}", get(HIGH))
            }
            Kind::Diverging => {
                let (offset, epoch) = (get(DETAIL), get(DETAIL_EPOCH));
                write!(f, " at {}: from {offset} in epoch {epoch}", get(OFFSET))
            }
            Kind::Refused => {
                let error = match get(DETAIL) {
                    NOT_LEADER => "not the leader",
                    FENCED_LEADER_EPOCH => "an old epoch",
                    _ => "an unknown epoch",
                };
                write!(f, " at {}: {error} in epoch {}", get(OFFSET), get(DETAIL_EPOCH))?;
                match get(LEADER) {
                    0 => Ok(()),
                    leader => write!(f, ", leader {leader}"),
                }
            }
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
