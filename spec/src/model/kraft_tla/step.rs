//! What can happen, and what comes of it. Nothing here renames servers.

use std::fmt;

use super::bounds::Bounds;
use super::message::{
    self, DETAIL, DETAIL_EPOCH, FENCED, FENCED_LEADER_EPOCH, GRANTED, Kind, LAST, Message,
    NOT_LEADER, OFFSET, UNKNOWN_LEADER_EPOCH,
};
use super::server::{
    ASKED, ENDS, EPOCH, FETCH, HIGH, LEADER, ROLE, Role, Server, Stance, VOTED, VOTES, end_of,
};
use super::state::{Progress, State};

/// Something that can happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action {
    /// What it is.
    pub what: What,
    /// Who acts; servers count from 1.
    pub server: u8,
    /// The value that a client proposes; 0 where none does.
    pub value: u8,
    /// The message that is handled.
    pub message: Option<Message>,
}

/// The kinds of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum What {
    Restart,
    RequestVote,
    HandleVoteRequest,
    HandleVoteResponse,
    BecomeLeader,
    ClientRequest,
    RefuseFetch,
    AnswerDiverging,
    AcceptFetch,
    HandleBeginQuorum,
    SendFetch,
    HandleFetched,
    HandleDiverging,
    HandleRefused,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Restart,
        Self::RequestVote,
        Self::HandleVoteRequest,
        Self::HandleVoteResponse,
        Self::BecomeLeader,
        Self::ClientRequest,
        Self::RefuseFetch,
        Self::AnswerDiverging,
        Self::AcceptFetch,
        Self::HandleBeginQuorum,
        Self::SendFetch,
        Self::HandleFetched,
        Self::HandleDiverging,
        Self::HandleRefused,
    ];

    /// Its name among landmarks.
    pub(super) fn landmark(self) -> &'static str {
        match self {
            Self::Restart => "action: restart",
            Self::RequestVote => "action: request votes",
            Self::HandleVoteRequest => "action: handle a request for a vote",
            Self::HandleVoteResponse => "action: handle the answer to it",
            Self::BecomeLeader => "action: become leader",
            Self::ClientRequest => "action: take a client's value",
            Self::RefuseFetch => "action: refuse a fetch",
            Self::AnswerDiverging => "action: answer a fetch that diverges",
            Self::AcceptFetch => "action: accept a fetch",
            Self::HandleBeginQuorum => "action: handle a leader's announcement",
            Self::SendFetch => "action: fetch",
            Self::HandleFetched => "action: handle what was fetched",
            Self::HandleDiverging => "action: handle divergence",
            Self::HandleRefused => "action: handle a fetch's refusal or a new epoch",
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, server, value, message } = self;
        match message {
            Some(message) => write!(f, "{what:?}: {message}"),
            None if *value > 0 => write!(f, "{what:?} v{value} at {server}"),
            None => write!(f, "{what:?} at {server}"),
        }
    }
}

/// The order in which it is looked for.
pub(super) fn candidates(
    Bounds { servers, values, .. }: Bounds,
    state: &State,
    mut visit: impl FnMut(Action),
) {
    for server in 1..=servers {
        let mut own = |what, value| visit(Action { what, server, value, message: None });
        own(What::Restart, 0);
        own(What::RequestVote, 0);
        own(What::BecomeLeader, 0);
        own(What::SendFetch, 0);
        for value in 1..=values {
            own(What::ClientRequest, value);
        }
    }
    for message in state.messages.iter().filter(|message| message.count() > 0) {
        if let Some(what) = handler(state, *message) {
            let action =
                Action { what, server: message.to(), value: 0, message: Some(message.content()) };
            visit(action);
            // The start of a log is a valid position for two reasons, and TLC counts what comes of each.
            if what == What::AcceptFetch && is_start(*message) {
                visit(action);
            }
        }
    }
}

/// What the receiver does with a message now; `None` if nothing.
fn handler(state: &State, message: Message) -> Option<What> {
    let server = state.server(message.to());
    match message.kind() {
        Kind::VoteRequest => Some(What::HandleVoteRequest),
        Kind::VoteResponse => {
            let handled = after_response(server, message).is_some();
            (handled || server.role() == Role::Candidate).then_some(What::HandleVoteResponse)
        }
        Kind::BeginQuorumRequest => Some(What::HandleBeginQuorum),
        Kind::BeginQuorumResponse => None,
        Kind::FetchRequest => {
            Some(if server.role() != Role::Leader || server.epoch() != message.epoch() {
                What::RefuseFetch
            } else if is_valid(server, message) {
                What::AcceptFetch
            } else {
                What::AnswerDiverging
            })
        }
        Kind::Fetched | Kind::Diverging | Kind::Refused => {
            let awaited = server.get(FETCH) == message.get(message::FETCH)
                && server.get(ASKED) == u64::from(message.from());
            if !awaited {
                return None;
            }
            match (after_response(server, message), message.kind()) {
                (Some(_), _) => Some(What::HandleRefused),
                (None, Kind::Diverging) => Some(What::HandleDiverging),
                (None, _) => Some(What::HandleFetched),
            }
        }
    }
}

/// What comes of an action; `None` if it cannot happen.
pub(super) fn apply(bounds: Bounds, state: &State, action: Action) -> Option<State> {
    let is_possible =
        |message| state.is_under_way(message) && handler(state, message) == Some(action.what);
    let mut next = State::default();
    let happens =
        action.message.is_none_or(is_possible) && follow(bounds, state, action, &mut next);
    happens.then_some(next)
}

/// The same of one of the [`candidates`]: a message that it handles is handled so. What comes of it becomes `next`; false if it
/// cannot happen, and what `next` is then means nothing.
pub(super) fn follow(bounds: Bounds, state: &State, action: Action, next: &mut State) -> bool {
    let Action { what, server: id, value, message } = action;
    if let Some(message) = message {
        return handle(bounds, state, what, message, next);
    }
    let server = state.server(id);
    match what {
        What::Restart => restart(bounds, state, id, next),
        What::RequestVote => request_vote(bounds, state, id, next),
        What::BecomeLeader => become_leader(bounds, state, id, next),
        What::SendFetch => send_fetch(state, id, next),
        What::ClientRequest => {
            let possible =
                server.role() == Role::Leader && state.progress(value) == Progress::Unsent;
            if possible {
                next.become_like(state);
                next.set(id, server.append(server.get(EPOCH), u64::from(value)));
                next.set_progress(value, Progress::Proposed);
            }
            possible
        }
        _ => false,
    }
}

/// Epoch, vote and log are kept, the rest is forgotten.
fn restart(bounds: Bounds, state: &State, id: u8, next: &mut State) -> bool {
    if state.restarts == bounds.restarts {
        return false;
    }
    let server = state.server(id).waits_for_nothing().with(ROLE, Role::Follower as u64);
    let server = server.with(LEADER, 0).with(VOTES, 0).with(ENDS, 0).with(HIGH, 0);
    next.become_like(state);
    next.set(id, server);
    next.restarts += 1;
    true
}

fn request_vote(bounds: Bounds, state: &State, id: u8, next: &mut State) -> bool {
    let server = state.server(id);
    let may = matches!(server.role(), Role::Follower | Role::Candidate | Role::Unattached);
    if state.elections == bounds.elections || !may {
        return false;
    }
    let epoch = server.get(EPOCH) + 1;
    next.become_like(state);
    for other in others(bounds, id) {
        let request = Message::new(Kind::VoteRequest, id, other)
            .with(message::EPOCH, epoch)
            .with(OFFSET, server.end() as u64)
            .with(LAST, u64::from(server.last_epoch()));
        if !next.send(request, true) {
            return false;
        }
    }
    let candidate = Stance { role: Role::Candidate, epoch: epoch as u8, leader: 0 };
    let server = server.takes(candidate).waits_for_nothing();
    next.set(id, server.with(VOTED, u64::from(id)).with(VOTES, 1 << (id - 1)));
    next.elections += 1;
    true
}

fn become_leader(bounds: Bounds, state: &State, id: u8, next: &mut State) -> bool {
    let server = state.server(id);
    if server.role() != Role::Candidate || !is_majority(bounds, server.get(VOTES).count_ones()) {
        return false;
    }
    next.become_like(state);
    for other in others(bounds, id) {
        let request = Message::new(Kind::BeginQuorumRequest, id, other);
        if !next.send(request.with(message::EPOCH, server.get(EPOCH)), true) {
            return false;
        }
    }
    let leader = Stance { role: Role::Leader, epoch: server.epoch(), leader: id };
    next.set(id, server.takes(leader).with(ENDS, 0));
    true
}

fn send_fetch(state: &State, id: u8, next: &mut State) -> bool {
    let server = state.server(id);
    let leader = server.leader();
    if server.role() != Role::Follower
        || leader == 0
        || leader == id
        || server.get(FETCH) > 0
        || server.get(ASKED) > 0
    {
        return false;
    }
    let request = Message::new(Kind::FetchRequest, id, leader)
        .with(message::EPOCH, server.get(EPOCH))
        .with(OFFSET, server.end() as u64)
        .with(LAST, u64::from(server.last_epoch()));
    next.become_like(state);
    next.set(id, server.with(FETCH, request.get(message::FETCH)).with(ASKED, u64::from(leader)));
    next.send(request, false);
    true
}

fn handle(bounds: Bounds, state: &State, what: What, message: Message, next: &mut State) -> bool {
    let id = message.to();
    let server = state.server(id);
    match what {
        What::HandleVoteRequest => {
            let (server, response) = vote(server, message);
            reply(state, message, server, response, next)
        }
        What::HandleVoteResponse => {
            let granted = message.get(DETAIL) == GRANTED;
            let vote = u64::from(granted) << (message.from() - 1);
            let server = match after_response(server, message) {
                Some(stance) => server.takes(stance),
                None => server.with(VOTES, server.get(VOTES) | vote),
            };
            discard(state, message, server, next);
            true
        }
        What::HandleBeginQuorum => {
            let response = Message::new(Kind::BeginQuorumResponse, id, message.from());
            if message.epoch() < server.epoch() {
                let fenced = response.with(DETAIL, FENCED).with(message::EPOCH, server.get(EPOCH));
                return reply(state, message, server, fenced, next);
            }
            let stance = after_news(server, id, message.from(), message.epoch());
            let response = response.with(message::EPOCH, u64::from(message.epoch()));
            reply(state, message, server.takes(stance).waits_for_nothing(), response, next)
        }
        What::RefuseFetch => {
            let error = if server.role() != Role::Leader {
                NOT_LEADER
            } else if message.epoch() < server.epoch() {
                FENCED_LEADER_EPOCH
            } else {
                UNKNOWN_LEADER_EPOCH
            };
            let response = answer(Kind::Refused, message)
                .with(DETAIL, error)
                .with(DETAIL_EPOCH, server.get(EPOCH))
                .with(message::LEADER, server.get(LEADER))
                .with(message::HIGH, server.get(HIGH));
            reply(state, message, server, response, next)
        }
        What::AnswerDiverging => {
            let (offset, epoch) = server.end_of_epoch(message.get(LAST));
            let response = answer(Kind::Diverging, message)
                .with(DETAIL, offset as u64)
                .with(DETAIL_EPOCH, epoch)
                .with(message::HIGH, server.get(HIGH));
            reply(state, message, server, response, next)
        }
        What::AcceptFetch => accept_fetch(bounds, state, message, next),
        What::HandleFetched => {
            let server = server.waits_for_nothing().with(HIGH, message.get(message::HIGH));
            let server = match message.get(DETAIL) {
                0 => server,
                value => server.append(message.get(DETAIL_EPOCH), value),
            };
            discard(state, message, server, next);
            true
        }
        What::HandleDiverging => {
            let limit = (message.get(DETAIL_EPOCH), message.get(DETAIL));
            let at = |offset: &usize| {
                server
                    .entry(*offset)
                    .is_some_and(|(epoch, _)| (u64::from(epoch), *offset as u64) <= limit)
            };
            let common = (1..=server.end()).rev().find(at).unwrap_or(0);
            discard(state, message, server.truncate(common).waits_for_nothing(), next);
            true
        }
        What::HandleRefused => {
            let Some(stance) = after_response(server, message) else { return false };
            discard(state, message, server.takes(stance).waits_for_nothing(), next);
            true
        }
        _ => false,
    }
}

/// What a server makes of a request for its vote, and what it answers.
fn vote(server: Server, request: Message) -> (Server, Message) {
    let response = Message::new(Kind::VoteResponse, request.to(), request.from());
    if request.epoch() < server.epoch() {
        let response = response.with(message::EPOCH, server.get(EPOCH));
        return (server, response.with(message::LEADER, server.get(LEADER)).with(DETAIL, FENCED));
    }
    let mut stance = server.stance();
    if request.epoch() > server.epoch() {
        stance = Stance { role: Role::Unattached, epoch: request.epoch(), leader: 0 };
    }
    let candidate = u64::from(request.from());
    let log = (u64::from(server.last_epoch()), server.end() as u64);
    let free = match stance.role {
        Role::Unattached => true,
        Role::Voted => server.get(VOTED) == candidate,
        _ => false,
    };
    let granted = free && (request.get(LAST), request.get(OFFSET)) >= log;
    let mut next = server;
    if granted {
        stance = Stance { role: Role::Voted, leader: 0, ..stance };
        next = next.with(VOTED, candidate);
    }
    next = next.takes(stance);
    if stance.role != server.role() {
        next = next.waits_for_nothing();
    }
    let response = response
        .with(message::EPOCH, u64::from(request.epoch()))
        .with(message::LEADER, u64::from(stance.leader))
        .with(DETAIL, if granted { GRANTED } else { 0 });
    (next, response)
}

/// A leader takes note of the follower's end, commits what a majority has, and sends the next entry.
fn accept_fetch(bounds: Bounds, state: &State, request: Message, next: &mut State) -> bool {
    let (id, end) = (request.to(), request.get(OFFSET));
    let known = state.server(id).with(end_of(usize::from(request.from()) - 1), end);
    let has = |place: usize, offset: usize| {
        place + 1 == usize::from(id) || known.get(end_of(place)) >= offset as u64
    };
    let committed = (1..=known.end()).rev().find(|offset| {
        let count = (0..usize::from(bounds.servers)).filter(|place| has(*place, *offset)).count();
        is_majority(bounds, count as u32)
    });
    let own =
        |offset: &usize| known.entry(*offset).is_some_and(|(epoch, _)| epoch == known.epoch());
    let before = known.high_watermark();
    let high = committed.filter(own).unwrap_or(before);
    let offset = end as usize + 1;
    let (entry_epoch, value) = known.entry(offset).unwrap_or((0, 0));
    let response = answer(Kind::Fetched, request)
        .with(DETAIL_EPOCH, u64::from(entry_epoch))
        .with(DETAIL, u64::from(value))
        .with(message::HIGH, high.min(offset) as u64);
    if !reply(state, request, known.with(HIGH, high as u64), response, next) {
        return false;
    }
    for (_, value) in (before + 1..=high).filter_map(|offset| known.entry(offset)) {
        if next.progress(value) == Progress::Proposed {
            next.set_progress(value, Progress::Acknowledged);
        }
    }
    true
}

/// Whether the leader's log has what the follower says that its own ends with.
fn is_valid(leader: Server, fetch: Message) -> bool {
    let (end, epoch) = leader.end_of_epoch(fetch.get(LAST));
    is_start(fetch) || (fetch.get(OFFSET) <= end as u64 && fetch.get(LAST) == epoch)
}

fn is_start(fetch: Message) -> bool {
    fetch.get(OFFSET) == 0 && fetch.get(LAST) == 0
}

/// The response to a fetch, with all of it.
fn answer(kind: Kind, fetch: Message) -> Message {
    Message::new(kind, fetch.to(), fetch.from()).with(message::FETCH, fetch.get(message::FETCH))
}

/// The request is handled and answered; false if that cannot be, as a fetch was already answered so.
fn reply(
    state: &State,
    request: Message,
    server: Server,
    response: Message,
    next: &mut State,
) -> bool {
    let once = response.kind().is_fetch_response();
    if once && state.was_sent(response) {
        return false;
    }
    discard(state, request, server, next);
    next.send(response, once);
    true
}

/// The message is handled, and its receiver is as given.
fn discard(state: &State, message: Message, receiver: Server, next: &mut State) {
    next.become_like(state);
    next.deliver(message);
    next.set(message.to(), receiver);
}

/// What a response makes of a server if it says anything new about who leads; `None` if it says nothing.
fn after_response(server: Server, response: Message) -> Option<Stance> {
    let (epoch, leader) = (response.answering_epoch(), response.leader());
    let stance = server.stance();
    if epoch < stance.epoch {
        Some(stance)
    } else if epoch > stance.epoch || response.is_error() {
        Some(after_news(server, response.to(), leader, epoch))
    } else if leader != 0 && stance.leader == 0 {
        Some(Stance { role: Role::Follower, leader, ..stance })
    } else {
        None
    }
}

/// What a server, `id`, is after it hears of an epoch that is not older than its own, and of who leads in it.
fn after_news(server: Server, id: u8, leader: u8, epoch: u8) -> Stance {
    let stance = server.stance();
    let consistent = if leader == id {
        stance.role == Role::Leader
    } else {
        epoch != stance.epoch || leader == 0 || stance.leader == 0 || stance.leader == leader
    };
    let illegal = Stance { role: Role::Illegal, epoch: 0, leader: 0 };
    if !consistent {
        illegal
    } else if epoch > stance.epoch && leader == 0 {
        Stance { role: Role::Unattached, epoch, leader: 0 }
    } else if epoch > stance.epoch || (leader != 0 && stance.leader == 0) {
        let leads = matches!(stance.role, Role::Follower | Role::Leader);
        if epoch == stance.epoch && leads {
            illegal
        } else {
            Stance { role: Role::Follower, epoch, leader }
        }
    } else {
        stance
    }
}

fn others(bounds: Bounds, id: u8) -> impl Iterator<Item = u8> {
    (1..=bounds.servers).filter(move |other| *other != id)
}

fn is_majority(bounds: Bounds, count: u32) -> bool {
    2 * count > u32::from(bounds.servers)
}
