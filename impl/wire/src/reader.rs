//! Values from bytes.

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::{Str, Uuid};

/// How many elements a collection makes room for before it has seen them.
const MAX_RESERVE: usize = 1024;
/// Elements of all arrays of a message together. One takes a hundred times its bytes once it is read.
const MAX_ELEMENTS: usize = 1 << 20;

/// Reads values from the front of a frame. What it returns are slices of the frame.
#[derive(Clone, Debug)]
pub struct Reader {
    bytes: Bytes,
    at: usize,
    end: usize,
    /// How many more elements may come.
    elements: usize,
}

impl Reader {
    /// A reader of all of `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        let end = bytes.len();
        Self { bytes, at: 0, end, elements: MAX_ELEMENTS }
    }

    /// How many bytes have not been read.
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// Fails where bytes are left: a message has been read that is shorter than its frame.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error(DecodeErrorKind::Trailing(left))),
        }
    }

    /// An error at the current byte.
    #[cold]
    pub(crate) fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, self.at)
    }

    /// The next `N` bytes without passing over them.
    pub(crate) fn peek<const N: usize>(&self) -> Result<[u8; N], DecodeError> {
        match self.bytes[self.at..self.end].first_chunk() {
            Some(bytes) => Ok(*bytes),
            None => {
                Err(self.error(DecodeErrorKind::Truncated { needed: N, left: self.remaining() }))
            }
        }
    }

    #[inline]
    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.peek()?;
        self.at += N;
        Ok(bytes)
    }

    /// The next `length` bytes.
    fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.remaining() {
            let left = self.remaining();
            return Err(self.error(DecodeErrorKind::Truncated { needed: length, left }));
        }
        let bytes = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(bytes)
    }

    /// A byte that is 0 for false. Anything else is true, as it is for Kafka.
    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    /// A signed byte.
    pub(crate) fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array_of().map(i8::from_be_bytes)
    }

    /// A signed 16-bit integer.
    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array_of().map(i16::from_be_bytes)
    }

    /// An unsigned 16-bit integer.
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array_of().map(u16::from_be_bytes)
    }

    /// A signed 32-bit integer.
    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array_of().map(i32::from_be_bytes)
    }

    /// A signed 64-bit integer.
    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array_of().map(i64::from_be_bytes)
    }

    /// An IEEE 754 double.
    pub(crate) fn f64(&mut self) -> Result<f64, DecodeError> {
        self.array_of().map(f64::from_be_bytes)
    }

    /// 16 bytes.
    pub(crate) fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.array_of().map(Uuid)
    }

    /// An unsigned varint of 32 bits: at most five bytes, the lowest seven bits first.
    pub(crate) fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array_of()?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(DecodeErrorKind::Varint))
    }

    /// The length of what follows; `None` for null. The compact form counts one more, so that 0 is null.
    fn length(&mut self, compact: bool, short: bool) -> Result<Option<usize>, DecodeError> {
        let length = if compact {
            i64::from(self.uvarint()?) - 1
        } else if short {
            i64::from(self.i16()?)
        } else {
            i64::from(self.i32()?)
        };
        match length {
            -1 => Ok(None),
            // A Java broker holds lengths in 32 signed bits.
            0..=0x7fff_ffff => Ok(Some(length as usize)),
            _ => Err(self.error(DecodeErrorKind::Length(length))),
        }
    }

    /// Text or null. No version of Kafka takes text of more than 32,767 bytes.
    pub(crate) fn nullable_string(&mut self, compact: bool) -> Result<Option<Str>, DecodeError> {
        let Some(length) = self.length(compact, true)? else {
            return Ok(None);
        };
        if length > 0x7fff {
            return Err(self.error(DecodeErrorKind::Length(length as i64)));
        }
        let text = self.slice(length)?;
        match Str::from_utf8(text) {
            Some(text) => Ok(Some(text)),
            None => Err(self.error(DecodeErrorKind::Utf8)),
        }
    }

    /// Text.
    pub(crate) fn string(&mut self, compact: bool) -> Result<Str, DecodeError> {
        let text = self.nullable_string(compact)?;
        text.ok_or_else(|| self.error(DecodeErrorKind::Null))
    }

    /// Bytes or null.
    pub(crate) fn nullable_bytes(&mut self, compact: bool) -> Result<Option<Bytes>, DecodeError> {
        match self.length(compact, false)? {
            Some(length) => self.slice(length).map(Some),
            None => Ok(None),
        }
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self, compact: bool) -> Result<Bytes, DecodeError> {
        let bytes = self.nullable_bytes(compact)?;
        bytes.ok_or_else(|| self.error(DecodeErrorKind::Null))
    }

    /// Any number of what `element` reads, or null.
    pub(crate) fn nullable_array<T>(
        &mut self,
        compact: bool,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(length) = self.length(compact, false)? else {
            return Ok(None);
        };
        // Every element of every message is at least one byte.
        if length > self.remaining() || length > self.elements {
            return Err(self.error(DecodeErrorKind::Length(length as i64)));
        }
        self.elements -= length;
        let mut elements = Vec::with_capacity(length.min(MAX_RESERVE));
        for index in 0..length {
            elements.push(element(self).map_err(|error| error.at_index(index))?);
        }
        Ok(Some(elements))
    }

    /// What `read` reads, behind a byte that is negative for null.
    pub(crate) fn nullable_struct<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.i8()? < 0 { Ok(None) } else { read(self).map(Some) }
    }

    /// Any number of what `element` reads.
    pub(crate) fn array<T>(
        &mut self,
        compact: bool,
        element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let elements = self.nullable_array(compact, element)?;
        elements.ok_or_else(|| self.error(DecodeErrorKind::Null))
    }

    /// The tagged fields at the end of a struct (KIP-482). `known` reads the value of a tag that it knows;
    /// others are passed over.
    pub(crate) fn tags(
        &mut self,
        mut known: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            if size > self.remaining() {
                let left = self.remaining();
                return Err(self.error(DecodeErrorKind::Truncated { needed: size, left }));
            }
            let outer = std::mem::replace(&mut self.end, self.at + size);
            if known(self, tag)? {
                if self.remaining() > 0 {
                    return Err(self.error(DecodeErrorKind::TagSize(self.remaining())));
                }
            } else {
                self.at = self.end;
            }
            self.end = outer;
        }
        Ok(())
    }

    /// Reads a tagged field that may be there only once.
    pub(crate) fn once<T>(
        &mut self,
        field: &mut Option<T>,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<(), DecodeError> {
        if field.is_some() {
            return Err(self.error(DecodeErrorKind::DuplicateTag));
        }
        *field = Some(read(self)?);
        Ok(())
    }
}
