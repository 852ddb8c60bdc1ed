//! The protocols of a Kafka cluster as pure functions.
//!
//! Every protocol is a state, the events that can reach it and the effects that it asks for:
//! `step(&mut State, Event) -> Effects`. It is deterministic and knows no clock, no randomness,
//! no I/O and no wire format. The server carries the effects out; the model checker explores
//! what every order, loss and crash makes of them; both run the very functions that stand here.

#![forbid(unsafe_code)]

pub mod controller;
pub mod quorum;
pub mod types;

#[cfg(feature = "model")]
pub mod model;
