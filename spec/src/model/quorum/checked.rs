//! The world as a [`stateright::Model`].

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::action::Action;
use super::memo::Memos;
use super::network::Network;
use super::pack::Packed;
use super::snapshots::Snapshots;
use super::witness::{Witness, roles, witnessed};
use super::world::{Bounds, BoundsError, Successor, World};
use crate::model::explorable::{Explorable, Landmark, Story, each_by_value};
use crate::quorum::mutant::{self, Mutants};
use crate::quorum::properties::{Property, Violations};

/// The quorum within bounds.
#[derive(Clone, Debug)]
pub struct QuorumModel {
    bounds: Bounds,
    network: Network,
    mutants: Mutants,
    judged: Violations,
    /// What threads remember, where an action concerns no more than two nodes.
    memos: Option<Arc<Memos>>,
}

/// An action together with what it leads to, so that no step is computed twice.
#[derive(Clone, PartialEq, Eq)]
pub struct Transition {
    /// What happens, in the names of the state that it starts from.
    pub action: Action,
    /// What comes of it.
    pub next: Packed,
    /// The witnesses that it is or leads to, a bit for each.
    pub(super) seen: u64,
}

impl fmt::Debug for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)
    }
}

impl QuorumModel {
    /// The model within `bounds`.
    pub fn new(bounds: Bounds) -> Result<Self, BoundsError> {
        bounds.check(Network::Rpc)?;
        let assumed = Property::CampaignHasPreVotes.bit();
        let judged = Violations::MAX & if bounds.assumes_pre_votes { !assumed } else { !0 };
        let mutants = Mutants::NONE;
        let model = Self { bounds, network: Network::Rpc, mutants, judged, memos: None };
        Ok(model.remembering_nothing())
    }

    /// The same world, its messages travel so.
    pub fn over(self, network: Network) -> Result<Self, BoundsError> {
        self.bounds.check(network)?;
        Ok(Self { network, ..self }.remembering_nothing())
    }

    /// The same world, its nodes run with these bugs.
    #[must_use]
    pub fn with_mutants(self, mutants: Mutants) -> Self {
        Self { mutants, ..self }.remembering_nothing()
    }

    /// The same world, judged as if this property always held.
    #[must_use]
    pub fn without(self, property: Property) -> Self {
        Self { judged: self.judged & !property.bit(), ..self }.remembering_nothing()
    }

    /// The same world, judged by this property alone.
    #[must_use]
    pub fn only(self, property: Property) -> Self {
        Self { judged: property.bit(), ..self }.remembering_nothing()
    }

    /// The same model, as it is before it has stepped any node. Where voters change, or messages or snapshots are kept, an
    /// action concerns more than two nodes, and nothing is remembered.
    fn remembering_nothing(self) -> Self {
        let Bounds { voters, snapshots, .. } = self.bounds;
        let pairs =
            self.network == Network::Rpc && voters.is_none() && snapshots != Snapshots::Stored;
        Self { memos: pairs.then(Arc::default), ..self }
    }

    /// The properties that a state breaks, or the step that led to it; of those that are judged.
    pub fn broken(&self, state: &Packed) -> Violations {
        let found = match &self.memos {
            Some(memos) => memos.with(self, |memo| memo.violations(state)),
            None => state.world().violations(),
        };
        state.violations | found & self.judged
    }

    /// The properties that are judged.
    pub(super) fn judged(&self) -> Violations {
        self.judged
    }

    /// The bugs that its nodes run with.
    pub fn mutants(&self) -> Mutants {
        self.mutants
    }

    /// Whether states are judged by `property`.
    pub fn judges(&self, property: Property) -> bool {
        self.judged & property.bit() != 0
    }

    /// How far it goes.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How messages travel.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The world that a search begins with.
    pub fn initial_world(&self) -> World {
        let world = mutant::within(self.mutants, || World::initial(self.bounds));
        World { network: self.network, ..world }
    }

    /// Everything that can happen next, with the properties that it breaks of those that are judged.
    pub fn following(&self, world: &World) -> Vec<Successor> {
        let mut successors = mutant::within(self.mutants, || world.successors(self.bounds));
        for successor in &mut successors {
            successor.violations &= self.judged;
        }
        successors
    }

    /// The state that a search begins with.
    pub fn initial(&self) -> Packed {
        Packed::canonical(&self.initial_world(), 0)
    }

    /// What can come after `state`.
    pub fn transitions(&self, state: &Packed) -> Vec<Transition> {
        if state.violations != 0 {
            return Vec::new();
        }
        self.following(&state.world())
            .iter()
            .map(|successor| {
                let next = Packed::canonical(&successor.world, successor.violations);
                Transition { action: successor.action, next, seen: witnessed(successor) }
            })
            .collect()
    }
}

fn holds<const PROPERTY: usize>(model: &QuorumModel, state: &Packed) -> bool {
    thread_local! {
        /// The last state that was judged, by what, and what it breaks: one property after another is asked for.
        static LAST: RefCell<Option<(Packed, Violations, Violations)>> = const { RefCell::new(None) };
    }
    let broken = LAST.with_borrow_mut(|last| match last {
        Some((known, judged, broken)) if known == state && *judged == model.judged => *broken,
        _ => {
            let broken = model.broken(state);
            *last = Some((state.clone(), model.judged, broken));
            broken
        }
    });
    broken & Property::ALL[PROPERTY].bit() == 0
}

impl stateright::Model for QuorumModel {
    type State = Packed;
    type Action = Transition;

    fn init_states(&self) -> Vec<Packed> {
        vec![self.initial()]
    }

    fn actions(&self, state: &Packed, actions: &mut Vec<Transition>) {
        actions.extend(self.transitions(state));
    }

    fn next_state(&self, _: &Packed, transition: Transition) -> Option<Packed> {
        Some(transition.next)
    }

    fn format_action(&self, transition: &Transition) -> String {
        transition.action.to_string()
    }

    fn format_step(&self, _: &Packed, transition: Transition) -> Option<String> {
        Some(format!("{}\n\n{:?}", transition.action, transition.next))
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        let all: [fn(&Self, &Packed) -> bool; Property::ALL.len()] = [
            holds::<0>,
            holds::<1>,
            holds::<2>,
            holds::<3>,
            holds::<4>,
            holds::<5>,
            holds::<6>,
            holds::<7>,
            holds::<8>,
            holds::<9>,
            holds::<10>,
            holds::<11>,
            holds::<12>,
            holds::<13>,
            holds::<14>,
            holds::<15>,
            holds::<16>,
            holds::<17>,
            holds::<18>,
        ];
        let named = Property::ALL.into_iter().zip(all);
        named
            .map(|(property, holds)| stateright::Property::always(property.name(), holds))
            .collect()
    }
}

impl Explorable for QuorumModel {
    fn encode(&self, state: &Packed, to: &mut Vec<u8>) {
        state.encode(to);
    }

    fn decode(&self, bytes: &[u8]) -> Packed {
        Packed::decode(bytes)
    }

    fn each_successor(&self, bytes: &[u8], visit: impl FnMut(u64, &[u8])) {
        match &self.memos {
            None => each_by_value(self, bytes, visit),
            Some(memos) => {
                let state = Packed::decode(bytes);
                if state.violations == 0 {
                    memos.with(self, |memo| memo.successors(self, &state, visit));
                }
            }
        }
    }

    fn remember_at_most(&self, bytes: usize) {
        if let Some(memos) = &self.memos {
            memos.remember_at_most(bytes);
        }
    }

    fn broken(&self, state: &Packed) -> Option<u64> {
        Some(self.broken(state).into())
    }

    fn landmarks(&self) -> Vec<Landmark> {
        let landmark = |witness: Witness| Landmark {
            name: witness.name(),
            required: witness.required(self.bounds, self.network),
        };
        Witness::ALL.map(landmark).to_vec()
    }

    fn covered(&self, transition: Option<&Transition>, _: &Packed) -> u64 {
        transition.map_or_else(|| roles(&self.initial_world()), |transition| transition.seen)
    }

    fn story(&self, path: &[Packed]) -> Story {
        super::story::story(self, path)
    }
}
