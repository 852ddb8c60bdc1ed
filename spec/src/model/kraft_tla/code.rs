//! States as bytes.

use super::bounds::Bounds;
use super::field::{Field, bits};
use super::message::{
    self, COUNT, DETAIL, DETAIL_EPOCH, FENCED, FROM, GRANTED, HIGH, Kind, LAST, Message, NAMES,
    OFFSET, TO,
};
use super::server::{self, Server, end_of, epoch_at, value_at};
use super::state::State;

/// How states are written: a message as its number, and the server's words without the bits that the bounds leave unused.
pub(super) struct Code {
    bounds: Bounds,
    server: Squeezed,
    messages: Numbered,
}

impl Code {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, server: Squeezed::new(bounds), messages: Numbered::new(bounds) }
    }

    pub(super) fn encode(&self, state: &State, to: &mut Vec<u8>) {
        let mut to = Writer { to, word: 0, width: 0 };
        let Bounds { servers, values, elections, restarts } = self.bounds;
        to.put(u64::from(state.values), 2 * u32::from(values));
        to.put(u64::from(state.elections), bits(u64::from(elections)));
        to.put(u64::from(state.restarts), bits(u64::from(restarts)));
        for server in &state.servers[..usize::from(servers)] {
            to.put(self.server.squeeze(server.0), self.server.width);
        }
        assert!(state.messages.len() >> LENGTH == 0, "a state has room for 65,535 messages");
        to.put(state.messages.len() as u64, LENGTH);
        for message in &state.messages {
            // As many ones as there are copies, and a zero.
            let count = u32::from(message.count());
            let number = self.messages.number(*message) << (count + 1);
            to.put(number | ((1 << count) - 1), self.messages.width + count + 1);
        }
        to.end();
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> State {
        let mut from = Reader::new(bytes);
        let Bounds { servers, values, elections, restarts } = self.bounds;
        let mut state = State {
            values: from.get(2 * u32::from(values)) as u8,
            elections: from.get(bits(u64::from(elections))) as u8,
            restarts: from.get(bits(u64::from(restarts))) as u8,
            ..State::default()
        };
        for server in &mut state.servers[..usize::from(servers)] {
            *server = Server(self.server.spread(from.get(self.server.width)));
        }
        let messages = 0..from.get(LENGTH);
        let message = |_| {
            let word = from.peek();
            let count = word.trailing_ones();
            from.skip(count + 1 + self.messages.width);
            self.messages.message(word >> (count + 1)).with(COUNT, u64::from(count))
        };
        state.messages = messages.map(message).collect();
        state
    }
}

/// Bits of the number of messages.
const LENGTH: u32 = 16;

/// Whether messages of this kind may say this.
fn is_possible(bounds: Bounds, kind: Kind, message: Message) -> bool {
    let get = |field| message.get(field);
    let (epoch, last_epoch, values) =
        (get(message::EPOCH), bounds.last_epoch(), u64::from(bounds.values));
    let (detail, detail_epoch) = (get(DETAIL), get(DETAIL_EPOCH));
    // Nobody is elected in epoch 1, and only an election lets one have an entry or send anything.
    let ends = |offset: u64, epoch: u64| match offset {
        0 => epoch == 0,
        _ => offset <= values && (2..=last_epoch).contains(&epoch),
    };
    let plain = match kind {
        Kind::VoteRequest
        | Kind::VoteResponse
        | Kind::BeginQuorumRequest
        | Kind::BeginQuorumResponse
        | Kind::FetchRequest => detail_epoch == 0 && get(HIGH) == 0,
        Kind::Fetched | Kind::Diverging | Kind::Refused => get(HIGH) <= values,
    };
    let asked = match kind {
        Kind::VoteResponse | Kind::BeginQuorumRequest | Kind::BeginQuorumResponse => (0, 0),
        _ => (get(OFFSET), get(LAST)),
    };
    let told = match kind {
        Kind::VoteRequest | Kind::BeginQuorumRequest | Kind::FetchRequest => detail == 0,
        Kind::VoteResponse => [0, GRANTED, FENCED].contains(&detail),
        Kind::BeginQuorumResponse => [0, FENCED].contains(&detail),
        Kind::Fetched | Kind::Diverging => ends(detail, detail_epoch),
        Kind::Refused => detail > 0 && detail_epoch <= last_epoch,
    };
    (2..=last_epoch).contains(&epoch)
        && plain
        && told
        && asked == (get(OFFSET), get(LAST))
        && ends(get(OFFSET), get(LAST))
}

/// The messages that are possible: of all words only few are. A message's number is its content's and its names' together.
struct Numbered {
    /// By [`CONTENT`].
    contents: Vec<u32>,
    /// By [`NAMES`]. Those without a leader come first, and are all that most kinds have.
    names: Vec<u32>,
    messages: Vec<Message>,
    width: u32,
}

/// All that a message says but for names, and what it is.
const CONTENT: Field = Field::new(13, 18);
/// What is impossible has no number.
const NONE: u32 = u32::MAX;

impl Numbered {
    fn new(bounds: Bounds) -> Self {
        let servers = u64::from(bounds.servers);
        let pairs = (1..=servers).flat_map(|from| (1..=servers).map(move |to| (from, to)));
        let pairs: Vec<_> = pairs.filter(|(from, to)| from != to).collect();
        let led = |leader| {
            let led = Message(0).with(message::LEADER, leader);
            pairs.iter().map(move |(from, to)| led.with(FROM, *from).with(TO, *to))
        };
        let all: Vec<_> = (0..=servers).flat_map(led).collect();
        let mut names = vec![NONE; 1 << NAMES.width()];
        for (number, who) in (0..).zip(&all) {
            names[who.get(NAMES) as usize] = number;
        }
        let (mut contents, mut messages) = (vec![NONE; 1 << CONTENT.width()], Vec::new());
        for (word, number) in (0..).zip(&mut contents) {
            let content = Message(0).with(CONTENT, word);
            let kind = content.kind();
            if is_possible(bounds, kind, content) {
                *number = messages.len() as u32;
                let possible = if kind.names_leader() { &all[..] } else { &all[..pairs.len()] };
                messages.extend(possible.iter().map(|who| content.with(NAMES, who.get(NAMES))));
            }
        }
        let width = bits(messages.len().saturating_sub(1) as u64);
        Self { contents, names, messages, width }
    }

    fn number(&self, message: Message) -> u64 {
        let content = self.contents[message.get(CONTENT) as usize];
        let names = self.names[message.get(NAMES) as usize];
        assert!(content != NONE && names != NONE, "no message can be this: {message}");
        let number = u64::from(content + names);
        debug_assert_eq!(self.messages[number as usize], message.content());
        number
    }

    /// What has the number in the lowest bits.
    fn message(&self, number: u64) -> Message {
        self.messages[(number & ((1 << self.width) - 1)) as usize]
    }
}

/// A server's word without the bits that are always 0.
struct Squeezed {
    /// The used bits, in runs, and how far each moves down.
    runs: Vec<(u64, u32)>,
    width: u32,
}

impl Squeezed {
    fn new(bounds: Bounds) -> Self {
        let (servers, values) = (u64::from(bounds.servers), u64::from(bounds.values));
        let epoch = bounds.last_epoch();
        let mut used = server::ROLE.mask()
            | server::EPOCH.used(epoch)
            | server::HIGH.used(values)
            | [server::VOTED, server::LEADER, server::ASKED]
                .iter()
                .fold(0, |used, field| used | field.used(servers));
        let fetch = message::LAST.used(epoch) | OFFSET.used(values) | message::EPOCH.used(epoch);
        used |= server::FETCH.set(0, message::FETCH.get(fetch));
        for offset in 1..=usize::from(bounds.values) {
            used |= value_at(offset).used(values) | epoch_at(offset).used(epoch);
        }
        for place in 0..usize::from(bounds.servers) {
            used |= server::VOTES.set(0, 1 << place) | end_of(place).used(values);
        }
        let (mut runs, mut width, mut at) = (Vec::new(), 0, 0);
        while used >> at != 0 {
            at += (used >> at).trailing_zeros();
            let length = (used >> at).trailing_ones();
            runs.push((Field::new(at, length).mask(), at - width));
            width += length;
            at += length;
        }
        Self { runs, width }
    }

    fn squeeze(&self, word: u64) -> u64 {
        self.runs.iter().fold(0, |squeezed, (mask, down)| squeezed | (word & mask) >> down)
    }

    fn spread(&self, squeezed: u64) -> u64 {
        self.runs.iter().fold(0, |word, (mask, up)| word | squeezed << up & mask)
    }
}

struct Writer<'a> {
    to: &'a mut Vec<u8>,
    /// Not yet written, and how many bits that are: fewer than 64.
    word: u64,
    width: u32,
}

impl Writer<'_> {
    fn put(&mut self, value: u64, width: u32) {
        debug_assert!(width == 64 || value >> width == 0);
        self.word |= value << self.width;
        self.width += width;
        if let Some(left) = self.width.checked_sub(64) {
            self.to.extend_from_slice(&self.word.to_le_bytes());
            self.word = if left == 0 { 0 } else { value >> (width - left) };
            self.width = left;
        }
    }

    fn end(self) {
        let bytes = self.width.div_ceil(8) as usize;
        self.to.extend_from_slice(&self.word.to_le_bytes()[..bytes]);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// What comes next, and what comes after.
    words: [u64; 2],
    /// Bits of the first word that were read: fewer than 64.
    read: u32,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { bytes, words: [0; 2], read: 0 };
        reader.words = [reader.word(), reader.word()];
        reader
    }

    /// The next word; zeros after the end.
    fn word(&mut self) -> u64 {
        if let Some((word, rest)) = self.bytes.split_first_chunk() {
            self.bytes = rest;
            return u64::from_le_bytes(*word);
        }
        let last = std::mem::take(&mut self.bytes);
        last.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// The next 64 bits.
    fn peek(&self) -> u64 {
        let [now, next] = self.words;
        now >> self.read | next << 1 << (63 - self.read)
    }

    /// Leaves out at most 64 bits.
    fn skip(&mut self, width: u32) {
        self.read += width;
        if self.read >= 64 {
            self.read -= 64;
            self.words = [self.words[1], self.word()];
        }
    }

    fn get(&mut self, width: u32) -> u64 {
        let value = self.peek() & ((1 << width) - 1);
        self.skip(width);
        value
    }
}
