//! The worlds around the protocols, for the model checker: network, disk and crashes. The nodes in
//! them are the real ones: every change of a node is a call of the protocol's own `step`.

pub mod quorum;
