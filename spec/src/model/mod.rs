//! The world around the protocols, for the model checker.
