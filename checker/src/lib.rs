//! The engine of `kraftig-check`, for its benchmarks.

pub mod engine;
