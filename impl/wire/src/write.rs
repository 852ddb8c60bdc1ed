//! Values to bytes.

use bytes::{BufMut, BytesMut};

use crate::error::{EncodeError, EncodeErrorKind};

/// The width of the length field that says null, in versions that are not flexible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Null {
    /// Two bytes, as before text.
    Short,
    /// Four bytes, as before anything else.
    Long,
}

/// An unsigned varint, the lowest seven bits first.
pub(crate) fn uvarint(buf: &mut BytesMut, mut value: u32) {
    while value > 0x7f {
        buf.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    buf.put_u8(value as u8);
}

/// A length; one more in the compact form, where 0 is null.
fn length(buf: &mut BytesMut, compact: bool, length: usize) -> Result<(), EncodeError> {
    let value =
        i32::try_from(length).map_err(|_| EncodeError::new(EncodeErrorKind::Length(length)))?;
    if compact {
        uvarint(buf, value as u32 + 1);
    } else {
        buf.put_i32(value);
    }
    Ok(())
}

/// Text.
pub(crate) fn string(buf: &mut BytesMut, compact: bool, text: &str) -> Result<(), EncodeError> {
    let short = i16::try_from(text.len())
        .map_err(|_| EncodeError::new(EncodeErrorKind::Length(text.len())))?;
    if compact {
        uvarint(buf, short as u32 + 1);
    } else {
        buf.put_i16(short);
    }
    buf.put_slice(text.as_bytes());
    Ok(())
}

/// Bytes.
pub(crate) fn bytes(buf: &mut BytesMut, compact: bool, bytes: &[u8]) -> Result<(), EncodeError> {
    length(buf, compact, bytes.len())?;
    buf.put_slice(bytes);
    Ok(())
}

/// Each of `elements` as `element` writes it.
pub(crate) fn array<T>(
    buf: &mut BytesMut,
    compact: bool,
    elements: &[T],
    mut element: impl FnMut(&mut BytesMut, &T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    length(buf, compact, elements.len())?;
    for (index, value) in elements.iter().enumerate() {
        element(buf, value).map_err(|error| error.at_index(index))?;
    }
    Ok(())
}

/// What `write` writes, or null where it is `allowed`.
pub(crate) fn nullable<T>(
    buf: &mut BytesMut,
    compact: bool,
    null: Null,
    allowed: bool,
    value: Option<&T>,
    write: impl FnOnce(&mut BytesMut, &T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    match value {
        Some(value) => return write(buf, value),
        None if !allowed => return Err(EncodeError::new(EncodeErrorKind::Null)),
        None if compact => buf.put_u8(0),
        None if null == Null::Short => buf.put_i16(-1),
        None => buf.put_i32(-1),
    }
    Ok(())
}

/// What `write` writes behind a byte that says that it is there, or the byte that says that it is not.
pub(crate) fn nullable_struct<T>(
    buf: &mut BytesMut,
    value: Option<&T>,
    write: impl FnOnce(&mut BytesMut, &T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let Some(value) = value else {
        buf.put_i8(-1);
        return Ok(());
    };
    buf.put_i8(1);
    write(buf, value)
}

/// A tagged field (KIP-482): its tag, its size and what `write` writes. The size is known only afterwards
/// and takes as many bytes as it needs, so it is written behind the value and turned to the front; the
/// values of tagged fields are small.
pub(crate) fn tag(
    buf: &mut BytesMut,
    tag: u32,
    write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    uvarint(buf, tag);
    let start = buf.len();
    write(buf)?;
    let size = buf.len() - start;
    let size = u32::try_from(size).map_err(|_| EncodeError::new(EncodeErrorKind::Length(size)))?;
    let end = buf.len();
    uvarint(buf, size);
    let width = buf.len() - end;
    buf[start..].rotate_right(width);
    Ok(())
}
