//! A second specification of the quorum, with the semantics of the public `TLA+` specification of it: `KRaft.tla` by Jack
//! Vanlightly, after Kafka 3.2.
//!
//! It shares no code with [`crate::quorum`]: it is what the checker is judged by. TLC, the checker of `TLA+`, finds so many states of
//! that specification, and of `spec/tla/KRaftTla.tla`; any other number here is an error of the engine or of the model. What it
//! takes to have TLC's numbers, and what real servers need not have:
//!
//! * **Messages** stay on record when they are delivered, with no copy left. A request for a vote and a leader's announcement are
//!   sent only if they never were; a fetch is not answered as it was once answered. So what is sent over and over
//!   cannot make the world endless.
//! * **A response** holds the whole request, and a follower takes only the response to the fetch that it waits for.
//! * **A fetch** brings one entry or none.
//! * **An announcement** of a leader that a server follows already, in its own epoch, makes the server [`Role::Illegal`], and with it the
//!   epoch 0. Without restarts that cannot happen. A restart makes a server a follower of nobody, whatever it had voted, and then it
//!   can: a flaw of the specification and not of Kafka.
//! * **Everybody** begins unattached in epoch 1.

mod bounds;
mod canonical;
mod code;
mod field;
mod message;
mod model;
mod server;
mod state;
mod step;
mod story;

pub use bounds::{Bounds, BoundsError};
pub use message::{Kind, Message};
pub use model::KraftTla;
pub use server::{Role, Server};
pub use state::{Progress, State};
pub use step::{Action, What};

#[cfg(test)]
mod tests;
