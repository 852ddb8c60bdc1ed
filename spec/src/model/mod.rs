//! The worlds around the protocols, for the model checker: network, disk and crashes. The nodes in
//! them are the real ones: every change of a node is a call of the protocol's own `step`. Only [`kraft_tla`] has nodes of its own,
//! for it is what the checker is judged by.

mod explorable;
mod live;

pub mod kraft_tla;
pub mod quorum;

pub use explorable::{Explorable, Landmark, StepProperty, Story, Told, brief};
pub use live::{Condition, Kind, Live, Promise};
