//! Kafka's wire format: frames, messages, metadata records and record batches.
//!
//! * [`messages`]: every RPC, metadata record and control record, generated from `schemas/`.
//! * [`frame`]: headers and the frames around them.
//! * [`batch`]: record batches of magic 2, with [`batch::control`] for control records.
//! * [`record_frame`]: the frame around each record of the metadata log.
//!
//! Nothing here trusts what it reads: no length is believed before the bytes are there, no input panics,
//! and each error says which message, version, field and byte was wrong.

mod error;
mod error_code;
mod json;
mod message;
mod reader;
mod string;
pub(crate) mod write;

pub mod batch;
pub mod frame;
pub mod messages;
pub mod record_frame;

pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use error_code::ErrorCode;
pub use frame::{
    Api, decode_request_header, encode_request_frame, encode_response_frame,
    header_version_request, header_version_response,
};
pub use kraftig_spec::types::Uuid;
pub use message::{Message, Request, decode_all};
pub use reader::Reader;
pub use string::Str;
