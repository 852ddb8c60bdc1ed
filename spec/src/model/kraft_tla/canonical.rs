//! States that differ only in the names of servers are one.

use super::bounds::{Bounds, MOST_SERVERS};
use super::message::{self, Message, NAMES};
use super::server::{
    ASKED, ENDS, EPOCH, FETCH, HIGH, LEADER, LOG, ROLE, Server, VOTED, VOTES, end_of,
};
use super::state::State;

const MOST: usize = MOST_SERVERS as usize;

/// One way to name the servers anew.
struct Renaming {
    /// The old place of each server.
    from: [usize; MOST],
    /// The new name of each, by its old one. Nobody stays nobody.
    names: [u8; 8],
    /// [`NAMES`] of a message, by what they were.
    messages: Box<[u16; 512]>,
}

/// All of them.
pub(super) struct Renamings {
    servers: usize,
    all: Vec<Renaming>,
}

/// All that there is in a server's word but for names.
const NAMELESS: u64 = ROLE.mask() | EPOCH.mask() | HIGH.mask() | LOG.mask() | FETCH.mask();

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
        Self { servers, all: orders.iter().map(|order| Renaming::new(order)).collect() }
    }

    /// The one that stands for all states that renaming servers makes of this. Servers are sorted by signatures, and where
    /// some are equal, the order of those is the one that makes the state smallest.
    pub(super) fn canonical(&self, state: State) -> State {
        let mut signatures = self.signatures(&state);
        let is_tied = (1..self.servers).any(|a| (0..a).any(|b| signatures[a] == signatures[b]));
        if is_tied {
            signatures = self.refined(&state, &signatures);
        }
        let mut sorting = self.all.iter().filter(|renaming| {
            let is_ascending =
                |place| signatures[renaming.from[place - 1]] <= signatures[renaming.from[place]];
            (1..self.servers).all(is_ascending)
        });
        let first = sorting.next().expect("signatures have an order");
        let mut best_servers = first.servers(&state);
        let mut best = None;
        for other in sorting {
            let servers = other.servers(&state);
            if servers > best_servers {
                continue;
            }
            let known = best.take().unwrap_or_else(|| first.messages(state.messages.clone()));
            let messages = other.messages(state.messages.clone());
            let is_smaller = (servers, &messages) < (best_servers, &known);
            best = Some(if is_smaller { messages } else { known });
            best_servers = servers;
        }
        let messages = best.unwrap_or_else(|| first.messages(state.messages));
        State { servers: best_servers, messages, ..state }
    }

    /// How many states a canonical one stands for.
    pub(super) fn orbit(&self, state: &State) -> u64 {
        let is_same = |renaming: &&Renaming| {
            renaming.servers(state) == state.servers
                && renaming.messages(state.messages.clone()) == state.messages
        };
        (self.all.len() / self.all.iter().filter(is_same).count()) as u64
    }

    /// For each server a number that does not depend on names: servers that renaming can exchange have the same. That others
    /// may have it too costs time and no more.
    fn signatures(&self, state: &State) -> [u64; MOST] {
        let mut signatures = [0_u64; MOST];
        let mut add = |place: usize, what: u64| {
            signatures[place] = signatures[place].wrapping_add(what);
        };
        for (place, server) in state.servers[..self.servers].iter().enumerate() {
            let whom = |name: u64| match name {
                0 => 0,
                name if name == place as u64 + 1 => 1,
                _ => 2,
            };
            let votes = server.get(VOTES);
            let relations = whom(server.get(VOTED)) << 8
                | whom(server.get(LEADER)) << 4
                | u64::from(votes.count_ones());
            let own = mix(server.0 & NAMELESS | relations << 48);
            add(place, own);
            for (field, weight) in [(VOTED, VOTED_FOR), (LEADER, FOLLOWED), (ASKED, ASKED_BY)] {
                if let Some(whom) = (server.get(field) as usize).checked_sub(1) {
                    add(whom, own.wrapping_mul(weight));
                }
            }
            for whom in 0..self.servers {
                let told = server.get(end_of(whom)) << 1 | votes >> whom & 1;
                add(whom, own.wrapping_mul(told << 1 | 1));
            }
        }
        for message in &state.messages {
            let what = mix(u64::from(message.0 & !(NAMES.mask() as u32)));
            add(usize::from(message.from()) - 1, what);
            add(usize::from(message.to()) - 1, what.wrapping_mul(RECEIVED));
            if let Some(leader) = (message.get(message::LEADER) as usize).checked_sub(1) {
                add(leader, what.wrapping_mul(NAMED));
            }
        }
        signatures
    }

    /// Tells servers apart by what they have to do with which others.
    fn refined(&self, state: &State, known: &[u64; MOST]) -> [u64; MOST] {
        let mut signatures = *known;
        let mut add = |place: usize, other: usize, what: u64| {
            let with = mix(known[other].wrapping_add(what));
            signatures[place] = signatures[place].wrapping_add(with);
        };
        for (place, server) in state.servers[..self.servers].iter().enumerate() {
            for (field, weight) in [(VOTED, VOTED_FOR), (LEADER, FOLLOWED), (ASKED, ASKED_BY)] {
                if let Some(whom) = (server.get(field) as usize).checked_sub(1) {
                    add(place, whom, weight);
                }
            }
        }
        for message in &state.messages {
            let what = u64::from(message.0 & !(NAMES.mask() as u32));
            let (from, to) = (usize::from(message.from()) - 1, usize::from(message.to()) - 1);
            add(from, to, what);
            add(to, from, what.wrapping_mul(RECEIVED));
        }
        signatures
    }
}

// Odd numbers that keep one relation apart from another.
const VOTED_FOR: u64 = 0x9e37_79b9_7f4a_7c15;
const FOLLOWED: u64 = 0xbf58_476d_1ce4_e5b9;
const ASKED_BY: u64 = 0x94d0_49bb_1331_11eb;
const RECEIVED: u64 = 0xd6e8_feb8_6659_fd93;
const NAMED: u64 = 0xa076_1d64_78bd_642f;

fn mix(value: u64) -> u64 {
    let mixed = (value ^ RECEIVED).wrapping_mul(VOTED_FOR);
    (mixed ^ mixed >> 32).wrapping_mul(ASKED_BY)
}

impl Renaming {
    fn new(order: &[usize]) -> Self {
        let mut from = [0; MOST];
        let mut names = [0, 1, 2, 3, 4, 5, 6, 7];
        for (place, old) in order.iter().enumerate() {
            from[place] = *old;
            names[old + 1] = place as u8 + 1;
        }
        for (place, old) in from.iter_mut().enumerate().skip(order.len()) {
            *old = place;
        }
        let renamed = |old: usize| {
            let name = |at: usize| u16::from(names[old >> at & 7]) << at;
            name(0) | name(3) | name(6)
        };
        let mut messages = Box::new([0; 512]);
        for (old, new) in messages.iter_mut().enumerate() {
            *new = renamed(old);
        }
        Self { from, names, messages }
    }

    fn servers(&self, state: &State) -> [Server; MOST] {
        self.from.map(|old| self.server(state.servers[old]))
    }

    fn server(&self, server: Server) -> Server {
        if server.0 == 0 {
            return server;
        }
        let mut new = server;
        for field in [VOTED, LEADER, ASKED] {
            new = new.with(field, u64::from(self.names[server.get(field) as usize]));
        }
        let (mut votes, mut ends) = (0, 0);
        for (place, old) in self.from.iter().enumerate() {
            votes |= (server.get(VOTES) >> old & 1) << place;
            ends |= server.get(end_of(*old)) << (2 * place);
        }
        new.with(VOTES, votes).with(ENDS, ends)
    }

    fn messages(&self, mut messages: Vec<Message>) -> Vec<Message> {
        for message in &mut messages {
            let names = self.messages[message.get(NAMES) as usize];
            *message = message.with(NAMES, u64::from(names));
        }
        messages.sort_unstable();
        messages
    }
}
