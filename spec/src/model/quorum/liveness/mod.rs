//! The quorum with time: what comes about once nothing goes wrong any more.
//!
//! The nodes are the real ones again, with all that they know: what a follower heard of its leader, and whether a leader hears from a
//! majority. Around them:
//!
//! * **Links** between two nodes are up or down. A message over one that is down does nothing.
//! * **Faults** are counted: a link is cut, a node is cut off, a node crashes and loses what it had not flushed, an answer is
//!   lost, a timer fires too early. They come at any moment. A link that is down may come up again, or may not.
//! * **What heals** is weakly fair, and has no bound: messages over links that are up, flushes, timers.
//! * **Voters** are static, or the log names them and an operator asks for others. He asks whoever leads, again and again until it is
//!   done, which is weakly fair too. Who is to be added follows the leader before it votes.
//! * **Time**: messages and flushes are fast, timers slow. A timer fires by itself only when no message and no flush changes
//!   anything any more, and only if what the nodes go on saying to each other does not set it again: of that the nodes' own
//!   functions are asked. Timers fire in rounds: none twice before each other one that waits.
//!
//! States have no bound on epochs and logs: they are numbered anew where only their order matters.
//!
//! `papers/quorum.md` says what is promised, and what is left out.

mod code;
mod live;
mod settle;
mod story;
mod world;

pub use live::{LiveBounds, LiveModel, LivePromise, LiveVoters};
pub use world::{LiveAction, LiveWorld};

#[cfg(test)]
mod tests;
