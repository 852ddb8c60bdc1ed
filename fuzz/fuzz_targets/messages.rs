//! Requests and responses. Whatever can be read is written and read again: the same message must come out.
//!
//! `cargo +nightly fuzz run messages`. The input is a frame without its length; the first bit of the
//! correlation id chooses the response.

#![no_main]

use bytes::{Bytes, BytesMut};
use kraftig_wire::{Message, Reader, Request, decode_all, decode_request_header, with_requests};
use libfuzzer_sys::fuzz_target;

fn twice<M: Message + PartialEq + std::fmt::Debug>(body: Bytes, version: i16) {
    let Ok(message) = decode_all::<M>(body, version) else {
        return;
    };
    let mut again = BytesMut::new();
    message.encode(&mut again, version).expect("what was read can be written");
    assert_eq!(decode_all::<M>(again.freeze(), version).as_ref(), Ok(&message));
}

fn either<R>(response: bool, body: Bytes, version: i16)
where
    R: Request<Response: PartialEq + std::fmt::Debug> + PartialEq + std::fmt::Debug,
{
    if response {
        twice::<R::Response>(body, version);
    } else {
        twice::<R>(body, version);
    }
}

macro_rules! by_key {
    ($($request:ty,)*) => {
        /// [`either`] for the API with this key.
        fn by_key(key: i16) -> fn(bool, Bytes, i16) {
            match key {
                $(<$request as Request>::KEY => either::<$request>,)*
                _ => unreachable!("there was a header for API {key}"),
            }
        }
    };
}
with_requests!(by_key);

fuzz_target!(|frame: &[u8]| {
    let frame = Bytes::copy_from_slice(frame);
    let mut r = Reader::new(frame.clone());
    let Ok(header) = decode_request_header(&mut r) else {
        return;
    };
    let body = frame.slice(frame.len() - r.remaining()..);
    let (version, response) = (header.request_api_version, header.correlation_id < 0);
    by_key(header.request_api_key)(response, body, version);
});
