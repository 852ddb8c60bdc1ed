//! The codec against bytes of stock Kafka, against other libraries, and against bytes that are wrong.

mod allocations;
mod batches;
mod dispatch;
mod frames;
mod golden;
mod judges;
mod malformed;
mod mutations;
