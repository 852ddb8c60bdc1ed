//! What a model promises to come about, and what its actions owe for it.

use super::explorable::Explorable;

/// A model of which liveness can be judged: by weak fairness of groups of its actions.
///
/// A behaviour is a path that goes on for ever, or stays for ever in its last state. It is fair if each group that could
/// act in every state from some moment on acts again and again. What leaves the state as it is counts for nothing: neither as
/// something that could be done, nor as something that was (`WF_vars` of TLA+).
pub trait Live: Explorable {
    /// The groups that are weakly fair, by name; at most 64. Perturbations are in none.
    fn fair(&self) -> Vec<String>;

    /// The groups that an action is of, a bit for each.
    fn fairness_of(&self, action: &Self::Action) -> u64;

    /// What every fair behaviour keeps.
    fn promises(&self) -> Vec<Promise<Self>>;
}

/// A property of fair behaviours.
pub struct Promise<M: Live> {
    /// Its name in reports.
    pub name: &'static str,
    /// What it says.
    pub kind: Kind<M>,
}

/// Whether something is so in a state.
pub type Condition<M> = fn(&M, &<M as stateright::Model>::State) -> bool;

/// What a promise says of each fair behaviour.
pub enum Kind<M: Live> {
    /// It is so again and again.
    AlwaysEventually(Condition<M>),
    /// From some moment on it is always so.
    EventuallyAlways(Condition<M>),
    /// Whenever the first is so, the second is so then or later.
    LeadsTo(Condition<M>, Condition<M>),
}
