//! The world as a [`stateright::Model`], and as what the engine explores.

use std::fmt;

use stateright::{Model, Property};

use super::bounds::{Bounds, BoundsError};
use super::canonical::Renamings;
use super::code::Code;
use super::server::{Role, Server};
use super::state::{Progress, State};
use super::step::{Action, What, apply, candidates, follow};
use super::story;
use crate::model::{Explorable, Landmark, Story};

/// The quorum as the public `TLA+` specification has it, within bounds.
pub struct KraftTla {
    bounds: Bounds,
    check_illegal_state: bool,
    /// None where states that differ in names are different.
    renamings: Option<Renamings>,
    code: Code,
}

impl KraftTla {
    /// `symmetry`: whether states that differ only in the names of servers are one. `check_illegal_state`: whether no server may
    /// be [`Role::Illegal`].
    pub fn new(
        bounds: Bounds,
        symmetry: bool,
        check_illegal_state: bool,
    ) -> Result<Self, BoundsError> {
        bounds.check()?;
        let renamings = symmetry.then(|| Renamings::new(bounds));
        Ok(Self { bounds, check_illegal_state, renamings, code: Code::new(bounds) })
    }

    /// The bounds.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The state where all begins.
    pub fn initial(&self) -> State {
        let mut state = State::default();
        for id in 1..=self.bounds.servers {
            state.set(id, Server::new());
        }
        self.canonical(state)
    }

    /// The state that stands for all that differ from this only in the names of servers, if the model is symmetric.
    #[must_use]
    pub fn canonical(&self, mut state: State) -> State {
        if let Some(renamings) = &self.renamings {
            renamings.canonical(&mut state);
        }
        state
    }

    /// How many states a state of this model stands for.
    pub fn orbit(&self, state: &State) -> u64 {
        self.renamings.as_ref().map_or(1, |renamings| renamings.orbit(state))
    }

    /// What comes of an action, with no server renamed.
    pub(super) fn unrenamed(&self, state: &State, action: Action) -> Option<State> {
        apply(self.bounds, state, action)
    }

    /// Shows everything that can happen, and what comes of it: each in the memory of the one before.
    fn follow_all(&self, state: &State, mut visit: impl FnMut(Action, &State)) {
        let room = state.messages.len() + usize::from(self.bounds.servers);
        let mut next = State { messages: Vec::with_capacity(room), ..State::default() };
        candidates(self.bounds, state, |action| {
            if follow(self.bounds, state, action, &mut next) {
                if let Some(renamings) = &self.renamings {
                    renamings.canonical(&mut next);
                }
                visit(action, &next);
            }
        });
    }

    fn servers<'a>(&self, state: &'a State) -> &'a [Server] {
        &state.servers[..usize::from(self.bounds.servers)]
    }

    /// No server saw what should be impossible.
    fn no_illegal_state(&self, state: &State) -> bool {
        self.servers(state).iter().all(|server| server.role() != Role::Illegal)
    }

    /// Two logs are the same as far as both servers take them for committed.
    fn no_log_divergence(&self, state: &State) -> bool {
        pairs(self.servers(state)).all(|(one, other)| {
            let both = one.high_watermark().min(other.high_watermark());
            (1..=both).all(|offset| {
                one.entry(offset).is_some() && one.entry(offset) == other.entry(offset)
            })
        })
    }

    /// No two servers of one epoch know different leaders.
    fn never_two_leaders_in_same_epoch(&self, state: &State) -> bool {
        pairs(self.servers(state)).all(|(one, other)| {
            one.epoch() != other.epoch()
                || one.leader() == 0
                || other.leader() == 0
                || one.leader() == other.leader()
        })
    }

    /// A leader with the highest epoch has every value that a client was told is committed.
    fn leader_has_all_acked_values(&self, state: &State) -> bool {
        let servers = self.servers(state);
        let newest = servers.iter().map(|server| server.epoch()).max().unwrap_or(0);
        (1..=self.bounds.values)
            .filter(|value| state.progress(*value) == Progress::Acknowledged)
            .all(|value| {
                let leads =
                    |server: &&Server| server.role() == Role::Leader && server.epoch() == newest;
                servers.iter().filter(leads).all(|leader| leader.holds(value))
            })
    }
}

fn pairs(servers: &[Server]) -> impl Iterator<Item = (Server, Server)> {
    servers
        .iter()
        .enumerate()
        .flat_map(|(place, one)| servers[..place].iter().map(|other| (*one, *other)))
}

impl fmt::Debug for KraftTla {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KraftTla")
            .field("bounds", &self.bounds)
            .field("symmetry", &self.renamings.is_some())
            .field("check_illegal_state", &self.check_illegal_state)
            .finish_non_exhaustive()
    }
}

impl Model for KraftTla {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.initial()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        candidates(self.bounds, state, |action| actions.push(action));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.unrenamed(state, action).map(|next| self.canonical(next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("NoLogDivergence", Self::no_log_divergence),
            Property::always("NeverTwoLeadersInSameEpoch", Self::never_two_leaders_in_same_epoch),
            Property::always("LeaderHasAllAckedValues", Self::leader_has_all_acked_values),
        ];
        if self.check_illegal_state {
            properties.push(Property::always("NoIllegalState", Self::no_illegal_state));
        }
        properties
    }
}

const ACKNOWLEDGED: u64 = 1 << What::ALL.len();
const TRUNCATED: u64 = ACKNOWLEDGED << 1;

impl Explorable for KraftTla {
    fn encode(&self, state: &State, to: &mut Vec<u8>) {
        self.code.encode(state, to);
    }

    fn decode(&self, bytes: &[u8]) -> State {
        self.code.decode(bytes)
    }

    fn successors(&self, state: &State, found: &mut Vec<(Action, State)>) {
        self.follow_all(state, |action, next| found.push((action, next.clone())));
    }

    fn each_successor(&self, bytes: &[u8], mut visit: impl FnMut(u64, &[u8])) {
        let mut encoded = Vec::with_capacity(2 * bytes.len());
        self.follow_all(&self.decode(bytes), |action, next| {
            encoded.clear();
            self.encode(next, &mut encoded);
            visit(self.covered(Some(&action), next), &encoded);
        });
    }

    fn landmarks(&self) -> Vec<Landmark> {
        let Bounds { servers, values, elections, restarts } = self.bounds;
        let elects = elections > 0;
        let answers = elects && servers > 1;
        let diverges = elections > 1 && servers > 2 && values > 0;
        let is_required = |what| match what {
            What::Restart => restarts > 0,
            What::RequestVote | What::BecomeLeader => elects,
            What::ClientRequest => elects && values > 0,
            What::HandleVoteRequest
            | What::HandleVoteResponse
            | What::HandleBeginQuorum
            | What::SendFetch
            | What::AcceptFetch
            | What::HandleFetched => answers,
            What::RefuseFetch => answers && (elections > 1 || restarts > 0),
            // Of two servers, one that waits for a response is needed for whatever would make the response a refusal.
            What::HandleRefused => answers && (elections > 1 && servers > 2 || restarts > 0),
            What::AnswerDiverging | What::HandleDiverging => diverges,
        };
        let mut landmarks: Vec<_> = What::ALL
            .iter()
            .map(|what| Landmark { name: what.landmark(), required: is_required(*what) })
            .collect();
        let acknowledges = answers && values > 0;
        landmarks.push(Landmark { name: "a value acknowledged", required: acknowledges });
        landmarks.push(Landmark { name: "a log truncated", required: diverges });
        landmarks
    }

    fn covered(&self, action: Option<&Action>, next: &State) -> u64 {
        let mut covered = 0;
        if let Some(action) = action {
            covered |= 1 << action.what as u32;
            // Where logs diverge, the follower's is always longer than what it shares with the leader's.
            if action.what == What::HandleDiverging {
                covered |= TRUNCATED;
            }
        }
        let values = 1..=self.bounds.values;
        if values.into_iter().any(|value| next.progress(value) == Progress::Acknowledged) {
            covered |= ACKNOWLEDGED;
        }
        covered
    }

    fn story(&self, path: &[State]) -> Story {
        story::tell(self, path)
    }
}
