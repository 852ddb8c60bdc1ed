//! The world around [`crate::quorum`]: every order, loss and crash that its bounds allow.
//!
//! * **Messages** are whole RPCs: the request acts on its receiver, and then its answer arrives or is
//!   lost. A request is never stored: it is what [`requests`](crate::quorum::requests) says now. Other
//!   forms of [`Network`] hold each message, and are there to show that this one loses nothing.
//! * **A fetch** brings any number of the entries that it could bring, at least one.
//! * **Disks** forget: a flush is an event of its own, and a crash keeps any part of what was not
//!   flushed. A crash and the restart after it are one action, which is always possible and, unless a
//!   number is given, is not counted.
//! * **Effects** run in order, and a crash may fall after any of them.
//! * **Timers** may fire at any time, and a leader may resign at any time.
//! * **Symmetry**: states that differ only in the names of nodes or values are one state.
//!
//! `papers/quorum.md` argues why each of these forms loses no reachable state of a node.

mod action;
mod checked;
mod draft;
mod liveness;
mod lost_majority;
mod memo;
mod message;
mod network;
mod pack;
mod pieces;
mod snapshots;
mod story;
mod symmetry;
mod witness;
mod world;

pub use action::{Action, Cut, Leg, Rpc};
pub use checked::{QuorumModel, Transition};
pub use liveness::{LiveAction, LiveBounds, LiveModel, LivePromise, LiveVoters, LiveWorld};
pub use message::{Brought, Message};
pub use network::Network;
pub use pack::Packed;
pub use snapshots::Snapshots;
pub use witness::Witness;
pub use world::{Bounds, BoundsError, Changes, Node, Successor, Value, World};

#[cfg(test)]
mod tests;
