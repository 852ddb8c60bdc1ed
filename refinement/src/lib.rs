//! Holds the running server against the model.
//!
//! A node that runs with `--trace FILE` writes down each event of its quorum core and each effect
//! before it is carried out ([`kraftig_spec::quorum::trace`]). [`replay`] runs the same events through
//! the functions that the model checker explored and requires the same effects; [`directory`] requires of the
//! files that they hold what the effects wrote. [`simulation`] runs a quorum of the server's drivers through everything that
//! can go wrong, from a seed, and judges it by the same replay.

pub mod directory;
pub mod disk;
pub mod replay;
pub mod simulation;
