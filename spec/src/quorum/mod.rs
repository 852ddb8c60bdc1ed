//! Who leads the metadata log and what of it is committed (KIP-595).
