//! States as bytes.

use super::bounds::Bounds;
use super::field::{Field, bits};
use super::message::{
    self, COUNT, DETAIL, DETAIL_EPOCH, FENCED, GRANTED, HIGH, Kind, LAST, Message, NAMES, OFFSET,
};
use super::server::{self, Server, end_of, epoch_at, value_at};
use super::state::State;

/// How states are written. Of all words only few can be a message within the bounds, so a message is written as its number among
/// those, and the server's words without the bits that the bounds leave unused.
pub(super) struct Code {
    bounds: Bounds,
    server: Squeezed,
    /// The content of each kind.
    contents: [Numbered; 8],
    /// The names, without a leader and with one.
    names: [Numbered; 2],
}

/// All that a message of a known kind says, but for names.
const SAID: Field = Field::new(13, 15);

impl Code {
    pub(super) fn new(bounds: Bounds) -> Self {
        let said = |kind| Numbered::new(SAID, |word| is_possible(bounds, kind, Message(word)));
        let servers = u64::from(bounds.servers);
        let named = |leaders| {
            Numbered::new(NAMES, |word| {
                let message = Message(word);
                let (from, to) = (u64::from(message.from()), u64::from(message.to()));
                let is_server = |name| (1..=servers).contains(&name);
                is_server(from)
                    && is_server(to)
                    && from != to
                    && message.get(message::LEADER) <= leaders
            })
        };
        Self {
            bounds,
            server: Squeezed::new(bounds),
            contents: Kind::ALL.map(said),
            names: [named(0), named(servers)],
        }
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
        // The messages of each kind, each after a 1, and a 0 after the last.
        let mut last = 0;
        for message in &state.messages {
            let kind = message.get(message::KIND) as u32;
            to.put(0, kind - last);
            last = kind;
            let contents = &self.contents[kind as usize];
            let who = &self.names[usize::from(message.kind().names_leader())];
            let (said, named) = (message.get(SAID), message.get(NAMES));
            let count = u32::from(message.count());
            // As many ones as there are copies, and a zero.
            let word = who.number(named) << (count + 1) | ((1 << count) - 1);
            let word = word << contents.width | contents.number(said);
            to.put(word << 1 | 1, 1 + contents.width + count + 1 + who.width);
        }
        to.put(0, Kind::ALL.len() as u32 - last);
        to.end();
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> State {
        let mut from = Reader { bytes, word: 0, width: 0 };
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
        for (kind, contents) in Kind::ALL.iter().zip(&self.contents) {
            let who = &self.names[usize::from(kind.names_leader())];
            while from.get(1) == 1 {
                let said = contents.word(from.get(contents.width));
                let mut count = 0;
                while from.get(1) == 1 {
                    count += 1;
                }
                let named = who.word(from.get(who.width));
                let message = Message(0).with(message::KIND, *kind as u64).with(COUNT, count);
                state.messages.push(message.with(SAID, said).with(NAMES, named));
            }
        }
        state
    }
}

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

/// The possible contents of a field, by number.
struct Numbered {
    numbers: Vec<u16>,
    words: Vec<u16>,
    width: u32,
}

/// What is impossible has no number.
const NONE: u16 = u16::MAX;

impl Numbered {
    fn new(field: Field, is_possible: impl Fn(u32) -> bool) -> Self {
        let size = field.get(field.mask()) + 1;
        let (mut numbers, mut words) = (vec![NONE; size as usize], Vec::new());
        for word in 0..size {
            if is_possible(field.set(0, word) as u32) {
                numbers[word as usize] = words.len() as u16;
                words.push(word as u16);
            }
        }
        let width = bits(words.len().saturating_sub(1) as u64);
        Self { numbers, words, width }
    }

    fn number(&self, word: u64) -> u64 {
        let number = self.numbers[word as usize];
        assert!(number != NONE, "a message says what no message can say: {word:b}");
        u64::from(number)
    }

    fn word(&self, number: u64) -> u64 {
        u64::from(self.words[number as usize])
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
    word: u128,
    width: u32,
}

impl Reader<'_> {
    fn get(&mut self, width: u32) -> u64 {
        if self.width < width {
            let (next, rest) = self.bytes.split_at(self.bytes.len().min(8));
            let mut word = [0; 8];
            word[..next.len()].copy_from_slice(next);
            self.word |= u128::from(u64::from_le_bytes(word)) << self.width;
            self.width += 64;
            self.bytes = rest;
        }
        let value = self.word as u64 & ((1 << width) - 1);
        self.word >>= width;
        self.width -= width;
        value
    }
}
