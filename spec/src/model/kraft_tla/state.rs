//! A state: servers, messages, and what is counted.

use super::bounds::MOST_SERVERS;
use super::field::Field;
use super::message::{COUNT, Message};
use super::server::Server;

/// A state of the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// Those that there are, and zeros.
    pub(super) servers: [Server; MOST_SERVERS as usize],
    /// Two bits for each value: see [`Progress`].
    pub(super) values: u8,
    pub(super) elections: u8,
    pub(super) restarts: u8,
    /// Everything ever sent, ascending.
    pub(super) messages: Vec<Message>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No client has proposed it.
    Unsent,
    /// It is in the log of whoever led.
    Proposed,
    /// It is committed, and the client was told.
    Acknowledged,
}

const fn value_field(value: u8) -> Field {
    Field::new(2 * (value as u32 - 1), 2)
}

impl State {
    /// A server; they count from 1.
    pub fn server(&self, id: u8) -> Server {
        self.servers[usize::from(id) - 1]
    }

    /// Becomes another, and keeps the memory that it has.
    pub(super) fn become_like(&mut self, other: &Self) {
        let mut messages = std::mem::take(&mut self.messages);
        messages.clear();
        messages.extend_from_slice(&other.messages);
        *self = Self { messages, ..*other };
    }

    pub(super) fn set(&mut self, id: u8, server: Server) {
        self.servers[usize::from(id) - 1] = server;
    }

    /// What became of a value; they count from 1.
    pub fn progress(&self, value: u8) -> Progress {
        match value_field(value).get(u64::from(self.values)) {
            0 => Progress::Unsent,
            1 => Progress::Proposed,
            _ => Progress::Acknowledged,
        }
    }

    pub(super) fn set_progress(&mut self, value: u8, progress: Progress) {
        self.values = value_field(value).set(u64::from(self.values), progress as u64) as u8;
    }

    /// Everything ever sent, ascending.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Where a message stands, or where it would.
    fn find(&self, message: Message) -> Result<usize, usize> {
        let at = self.messages.partition_point(|other| other.content() < message.content());
        match self.messages.get(at) {
            Some(other) if other.content() == message.content() => Ok(at),
            _ => Err(at),
        }
    }

    /// A copy more, or the first. `once`: whether a message is not sent again, whether delivered or not. Returns whether it is sent.
    pub(super) fn send(&mut self, message: Message, once: bool) -> bool {
        match self.find(message) {
            Ok(_) if once => return false,
            Ok(at) => {
                let count = self.messages[at].get(COUNT) + 1;
                assert!(count <= COUNT.mask(), "a message has room for {} copies", COUNT.mask());
                self.messages[at] = self.messages[at].with(COUNT, count);
            }
            Err(at) => self.messages.insert(at, message.with(COUNT, 1)),
        }
        true
    }

    /// A copy less.
    pub(super) fn deliver(&mut self, message: Message) {
        let at = self.find(message).expect("what is delivered was sent");
        let count = self.messages[at].get(COUNT);
        self.messages[at] = self.messages[at].with(COUNT, count - 1);
    }

    /// Whether a copy is still to be delivered.
    pub(super) fn is_under_way(&self, message: Message) -> bool {
        self.find(message).is_ok_and(|at| self.messages[at].get(COUNT) > 0)
    }

    pub(super) fn was_sent(&self, message: Message) -> bool {
        self.find(message).is_ok()
    }
}
