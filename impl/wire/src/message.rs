//! What all messages have in common.

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::reader::Reader;

/// A message of Kafka's protocol in all versions that we know. Fields that a version does not carry have
/// their default after decoding.
pub trait Message: Sized + Default {
    /// Kafka's name of it.
    const NAME: &'static str;
    /// The first version.
    const MIN_VERSION: i16;
    /// The last version.
    const MAX_VERSION: i16;
    /// The first version with compact lengths and tagged fields (KIP-482).
    const FLEXIBLE_SINCE: i16;

    /// Whether `version` has compact lengths and tagged fields.
    fn flexible(version: i16) -> bool {
        version >= Self::FLEXIBLE_SINCE
    }

    /// Reads the message from the front of `r`. What follows it is left: see [`Reader::finish`].
    fn decode(r: &mut Reader, version: i16) -> Result<Self, DecodeError>;

    /// Writes the message to the end of `buf`. On an error `buf` is as it was. A field that is set, that the
    /// version cannot carry and that may not be ignored is an error.
    fn encode(&self, buf: &mut BytesMut, version: i16) -> Result<(), EncodeError>;
}

/// A request.
pub trait Request: Message {
    /// The API that it asks for.
    const KEY: i16;
    /// What answers it, in the same version.
    type Response: Message;
}

/// The message that is all of `bytes`.
pub fn decode_all<M: Message>(bytes: Bytes, version: i16) -> Result<M, DecodeError> {
    let mut r = Reader::new(bytes);
    let message = M::decode(&mut r, version)?;
    r.finish().map_err(|error| error.within(M::NAME, version))?;
    Ok(message)
}

/// [`Message::decode`] around the fields.
pub(crate) fn decode<M: Message>(
    r: &mut Reader,
    version: i16,
    read: impl FnOnce(&mut Reader, i16) -> Result<M, DecodeError>,
) -> Result<M, DecodeError> {
    let result = if (M::MIN_VERSION..=M::MAX_VERSION).contains(&version) {
        read(r, version)
    } else {
        Err(r.error(DecodeErrorKind::Version(M::MIN_VERSION, M::MAX_VERSION)))
    };
    result.map_err(|error| error.within(M::NAME, version))
}

/// [`Message::encode`] around the fields.
pub(crate) fn encode<M: Message>(
    message: &M,
    buf: &mut BytesMut,
    version: i16,
    write: impl FnOnce(&M, &mut BytesMut, i16) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let before = buf.len();
    let result = if (M::MIN_VERSION..=M::MAX_VERSION).contains(&version) {
        write(message, buf, version)
    } else {
        Err(EncodeError::new(EncodeErrorKind::Version(M::MIN_VERSION, M::MAX_VERSION)))
    };
    result.map_err(|error| {
        buf.truncate(before);
        error.within(M::NAME, version)
    })
}
