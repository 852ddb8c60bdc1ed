//! What the engine asks of a model beyond [`stateright::Model`].

use stateright::Model;

/// A model whose states are bytes, so that a search can hold many, write them to a disk and go on from there.
///
/// Everything here is a pure function: asked twice, it says the same.
pub trait Explorable: Model<State: Clone + Eq + Send + Sync, Action: Clone + Send> + Sync {
    /// Puts the state's bytes at the end of `to`. Equal states have equal bytes, others have others.
    fn encode(&self, state: &Self::State, to: &mut Vec<u8>);

    /// The state with these bytes.
    fn decode(&self, bytes: &[u8]) -> Self::State;

    /// Puts everything that can happen in `state`, with what comes of it, at the end of `found`; in the same order each time. Two
    /// ways to one state are two.
    fn successors(&self, state: &Self::State, found: &mut Vec<(Self::Action, Self::State)>) {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        for action in actions {
            if let Some(next) = self.next_state(state, action.clone()) {
                found.push((action, next));
            }
        }
    }

    /// The same by bytes: shows of everything that can happen in the state with these bytes the landmarks, and the bytes of what
    /// comes of it. For a model that need not make a state of each.
    fn each_successor(&self, bytes: &[u8], visit: impl FnMut(u64, &[u8])) {
        each_by_value(self, bytes, visit);
    }

    /// How many bytes may be taken by what a model remembers to be faster; some tens of megabytes always may. No result depends on it.
    fn remember_at_most(&self, _bytes: usize) {}

    /// The properties that do not hold of a state, a bit for each in the order of [`Model::properties`]: where all at once costs
    /// less than one by one.
    fn broken(&self, _state: &Self::State) -> Option<u64> {
        None
    }

    /// What is judged by a step and not by a state.
    fn step_properties(&self) -> Vec<StepProperty<Self>> {
        Vec::new()
    }

    /// What a search may come across and is counted; at most 64. [`Self::covered`] has a bit for each, in this order.
    fn landmarks(&self) -> Vec<Landmark> {
        Vec::new()
    }

    /// The landmarks of a step: what happens, and where it leads. Of the initial state: without an action.
    fn covered(&self, _action: Option<&Self::Action>, _next: &Self::State) -> u64 {
        0
    }

    /// Tells a path: the initial state, and each state that follows.
    fn story(&self, path: &[Self::State]) -> Story;
}

/// [`Explorable::each_successor`] by [`Explorable::successors`].
pub(super) fn each_by_value<M: Explorable>(
    model: &M,
    bytes: &[u8],
    mut visit: impl FnMut(u64, &[u8]),
) {
    let (mut found, mut encoded) = (Vec::new(), Vec::new());
    model.successors(&model.decode(bytes), &mut found);
    for (action, next) in found {
        encoded.clear();
        model.encode(&next, &mut encoded);
        visit(model.covered(Some(&action), &next), &encoded);
    }
}

/// A property of a step: "never goes back" needs no history in the state.
pub struct StepProperty<M: Model> {
    /// Its name in reports.
    pub name: &'static str,
    /// Whether it holds of the state before, what happens, and the state after.
    pub holds: fn(&M, &M::State, &M::Action, &M::State) -> bool,
}

/// Something that a search may come across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landmark {
    /// Its name in reports.
    pub name: &'static str,
    /// Whether a search that has not come across it within these bounds says nothing.
    pub required: bool,
}

/// A path, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The names of the lanes: the nodes, and what is beside them.
    pub lanes: Vec<String>,
    /// The start, and each step.
    pub steps: Vec<Told>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happens.
    pub action: String,
    /// The lanes that a message goes between: from where, to where.
    pub message: Option<(usize, usize)>,
    /// Of each lane its fields after the step: name and value; the same names in each step. What has no value is empty, and
    /// what stands alone in its lane needs no name.
    pub lanes: Vec<Vec<(&'static str, String)>>,
}

/// A lane's fields, or some of them, on one line: what has a value, by name and value; well-known names are shortened.
pub fn brief(fields: &[(&'static str, String)]) -> String {
    let short = |(name, value): &(&'static str, String)| match *name {
        _ if value.is_empty() => None,
        // A bar in the log stands where the flushed part ends.
        "flushed" => None,
        "" | "role" | "ends" => Some(value.clone()),
        "epoch" => Some(format!("e{value}")),
        "leader" => Some(format!("of {value}")),
        "high watermark" => Some(format!("hw {value}")),
        name => Some(format!("{name} {value}")),
    };
    fields.iter().filter_map(short).collect::<Vec<_>>().join(" ")
}
