//! States that differ only in the names of servers are one.

use super::bounds::{Bounds, MOST_SERVERS};
use super::message::{self, Message};
use super::server::{
    self, ENDS, EPOCH, FETCH, HIGH, LEADER, LOG, ROLE, Server, VOTED, VOTES, end_of,
};
use super::state::State;

const MOST: usize = MOST_SERVERS as usize;

/// One way to name the servers anew.
struct Renaming {
    /// The old place of each server.
    from: [usize; MOST],
    /// Three names, by what they were. Nobody stays nobody.
    names: Box<[u16; 512]>,
}

/// All of them.
pub(super) struct Renamings {
    servers: usize,
    all: Vec<Renaming>,
    /// Those that sort servers, by [`Self::index`] of how they are ranked.
    sorting: Vec<Vec<usize>>,
}

/// For each server how many have a smaller signature: those that may change places have the same.
type Ranks = [usize; MOST];

impl Renamings {
    pub(super) fn new(Bounds { servers, .. }: Bounds) -> Self {
        let servers = usize::from(servers);
        let mut orders = vec![Vec::new()];
        for _ in 0..servers {
            let longer = |order: &Vec<usize>| {
                let rest: Vec<_> = (0..servers).filter(|place| !order.contains(place)).collect();
                let order = order.clone();
                rest.into_iter().map(move |place| [&order[..], &[place]].concat())
            };
            orders = orders.iter().flat_map(longer).collect();
        }
        let all: Vec<_> = orders.iter().map(|order| Renaming::new(order)).collect();
        let mut renamings = Self { servers, all, sorting: Vec::new() };
        let indices = servers.pow(servers as u32);
        let sorts = |index: usize, renaming: &Renaming| {
            let ranks = renamings.ranks_of(index);
            renaming.from[..servers].is_sorted_by_key(|old| ranks[*old])
        };
        renamings.sorting = (0..indices)
            .map(|index| (0..orders.len()).filter(|it| sorts(index, &renamings.all[*it])).collect())
            .collect();
        renamings
    }

    /// Makes of a state the one that stands for all states that renaming servers makes of it. Servers are sorted by signatures, and
    /// where some are equal, the order of those is the one that makes the state smallest.
    ///
    /// Mostly the servers themselves tell which is which. Only where they do not are messages looked at.
    pub(super) fn canonical(&self, state: &mut State) {
        let mut ranks = self.ranks(&self.signatures(state));
        for refine in [Self::by_messages, Self::by_others] {
            if !self.is_tied(&ranks) {
                break;
            }
            ranks = self.ranks(&refine(self, state, &ranks));
        }
        let sorting = &self.sorting[self.index(&ranks)];
        if let [only] = sorting[..] {
            // The first leaves all as it is.
            if only > 0 {
                self.all[only].rename(state);
            }
            return;
        }
        let renamed = sorting.iter().map(|it| {
            let mut renamed = state.clone();
            self.all[*it].rename(&mut renamed);
            renamed
        });
        let smallest = renamed.min_by(|one, other| {
            (one.servers, &one.messages).cmp(&(other.servers, &other.messages))
        });
        *state = smallest.expect("signatures have an order");
    }

    /// How many states a canonical one stands for.
    pub(super) fn orbit(&self, state: &State) -> u64 {
        let is_same = |renaming: &&Renaming| {
            let mut renamed = state.clone();
            renaming.rename(&mut renamed);
            renamed == *state
        };
        (self.all.len() / self.all.iter().filter(is_same).count()) as u64
    }

    fn ranks(&self, signatures: &[u64; MOST]) -> Ranks {
        let signatures = &signatures[..self.servers];
        let mut ranks = [0; MOST];
        for (rank, own) in ranks.iter_mut().zip(signatures) {
            *rank = signatures.iter().map(|other| usize::from(other < own)).sum();
        }
        ranks
    }

    fn is_tied(&self, ranks: &Ranks) -> bool {
        let taken = ranks[..self.servers].iter().fold(0, |taken, rank| taken | 1 << rank);
        taken != (1 << self.servers) - 1
    }

    /// The ranks as one number.
    fn index(&self, ranks: &Ranks) -> usize {
        ranks[..self.servers].iter().rev().fold(0, |index, rank| index * self.servers + rank)
    }

    fn ranks_of(&self, mut index: usize) -> Ranks {
        let mut ranks = [0; MOST];
        for rank in &mut ranks[..self.servers] {
            *rank = index % self.servers;
            index /= self.servers;
        }
        ranks
    }

    /// For each server what can be said without names of itself, and of what others have to do with it: servers that
    /// renaming can exchange have the same. What seldom changes comes first, so that a step mostly leaves the order as it is.
    fn signatures(&self, state: &State) -> [u64; MOST] {
        // By name, so that nobody has one too.
        let mut signatures = [0_u64; 8];
        for (name, server) in (1..).zip(&state.servers[..self.servers]) {
            let (voted, leader) = (server.get(VOTED), server.get(LEADER));
            let whom = |other: u64| u64::from(other != 0) + u64::from(other == name);
            signatures[name as usize] += (server.0 & STATED) << 41
                | whom(leader) << 39
                | whom(voted) << 37
                | u64::from(server.get(VOTES).count_ones()) << 34
                | server.get(FETCH);
            signatures[leader as usize] += 1 << 31;
            signatures[voted as usize] += 1 << 28;
            if server.0 & (VOTES.mask() | ENDS.mask()) != 0 {
                for place in 0..self.servers {
                    let (vote, end) = (server.get(VOTES) >> place & 1, server.get(end_of(place)));
                    signatures[place + 1] += vote << 25 | end << 21;
                }
            }
        }
        let [_, signatures @ .., _, _] = signatures;
        signatures
    }

    /// Signatures that go by what a server has sent and got, where those before are equal.
    fn by_messages(&self, state: &State, known: &Ranks) -> [u64; MOST] {
        let mut signatures = [0_u64; 8];
        let mut add = |name: u64, what: u64| {
            signatures[name as usize] = signatures[name as usize].wrapping_add(what);
        };
        for message in &state.messages {
            let what = mix(u64::from(message.nameless()));
            add(message.get(message::FROM), what);
            add(message.get(message::TO), what.wrapping_mul(RECEIVED));
            add(message.get(message::LEADER), what.wrapping_mul(NAMED));
        }
        let [_, signatures @ .., _, _] = signatures;
        self.refined(known, signatures)
    }

    /// Signatures that go by how others are ranked, where those before are equal.
    fn by_others(&self, state: &State, known: &Ranks) -> [u64; MOST] {
        let mut signatures = [0_u64; MOST];
        let mut add = |place: usize, other: usize, what: u64| {
            let with = mix((what << 3) + known[other] as u64);
            signatures[place] = signatures[place].wrapping_add(with);
        };
        for (place, server) in state.servers[..self.servers].iter().enumerate() {
            for (field, relation) in [(VOTED, 1), (LEADER, 2)] {
                if let Some(whom) = (server.get(field) as usize).checked_sub(1) {
                    add(place, whom, relation);
                }
            }
        }
        for message in &state.messages {
            let what = u64::from(message.nameless());
            let (from, to) = (usize::from(message.from()) - 1, usize::from(message.to()) - 1);
            add(from, to, what);
            add(to, from, what << 32);
        }
        self.refined(known, signatures)
    }

    /// Signatures that keep the order of servers that differ.
    fn refined(&self, known: &Ranks, mut signatures: [u64; MOST]) -> [u64; MOST] {
        for (signature, rank) in signatures.iter_mut().zip(known).take(self.servers) {
            *signature = (*rank as u64) << 61 | *signature >> 3;
        }
        signatures
    }
}

/// What a server says of itself without names, but for what it waits for.
const STATED: u64 = ROLE.mask() | EPOCH.mask() | HIGH.mask() | LOG.mask();

// Odd numbers that keep one relation apart from another.
const RECEIVED: u64 = 0xd6e8_feb8_6659_fd93;
const NAMED: u64 = 0xa076_1d64_78bd_642f;

fn mix(value: u64) -> u64 {
    let mixed = (value ^ RECEIVED).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0x94d0_49bb_1331_11eb)
}

impl Renaming {
    fn new(order: &[usize]) -> Self {
        let mut from = [0; MOST];
        let mut new = [0, 1, 2, 3, 4, 5, 6, 7];
        for (place, old) in order.iter().enumerate() {
            from[place] = *old;
            new[old + 1] = place as u16 + 1;
        }
        for (place, old) in from.iter_mut().enumerate().skip(order.len()) {
            *old = place;
        }
        let mut names = Box::new([0; 512]);
        for (old, renamed) in names.iter_mut().enumerate() {
            let name = |at: usize| new[old >> at & 7] << at;
            *renamed = name(0) | name(3) | name(6);
        }
        Self { from, names }
    }

    fn rename(&self, state: &mut State) {
        state.servers = self.from.map(|old| self.server(state.servers[old]));
        // Messages that differ in more than names stay in order: none has far to go.
        let messages = &mut state.messages[..];
        for at in 0..messages.len() {
            let message = self.message(messages[at]);
            let mut place = at;
            while place > 0 && messages[place - 1] > message {
                messages[place] = messages[place - 1];
                place -= 1;
            }
            messages[place] = message;
        }
    }

    fn server(&self, server: Server) -> Server {
        let names = self.names[server.get(server::NAMES) as usize];
        let mut new = server.with(server::NAMES, u64::from(names));
        if server.0 & (VOTES.mask() | ENDS.mask()) != 0 {
            let (mut votes, mut ends) = (0, 0);
            for (place, old) in self.from.iter().enumerate() {
                votes |= (server.get(VOTES) >> old & 1) << place;
                ends |= server.get(end_of(*old)) << (2 * place);
            }
            new = new.with(VOTES, votes).with(ENDS, ends);
        }
        new
    }

    fn message(&self, message: Message) -> Message {
        let names = self.names[message.get(message::NAMES) as usize];
        message.with(message::NAMES, u64::from(names))
    }
}
