//! Reads the schemas of Kafka's messages and writes the Rust modules of `kraftig-wire`.
//!
//! A schema file holds messages, one after the other. A message is a line with its kind, name and
//! versions, and below it one line for each field, indented by four spaces for each struct around it:
//!
//! ```text
//! request FetchRequest key 1 versions 4-18 flexible 12+
//!     MaxBytes   int32         3+    default 0x7fffffff ignorable
//!     Topics     []FetchTopic  0+
//!         Topic  string        0-12  ignorable
//! ```
//!
//! A field is its name, its type, the versions that carry it, and then, where they apply: `null` and the
//! versions that may carry null, `default` and a value, `tag` and a number (KIP-482), `ignorable` (a
//! version without the field drops what is set, instead of refusing it) and `inflexible` (a two-byte
//! length in flexible versions too). `struct` at the start of a line adds a struct to the message above
//! it, for types that are used more than once. `#` starts a comment.

mod emit;
pub mod names;
pub mod schema;
mod structure;

pub use emit::modules;
