//! What can be wrong with bytes, and with a message that is to become bytes.

use std::fmt;

/// Bytes that are not what they should be, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Decode>);

#[derive(Clone, PartialEq, Eq)]
struct Decode {
    message: &'static str,
    version: i16,
    path: String,
    offset: usize,
    kind: DecodeErrorKind,
}

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The bytes end inside a value.
    #[error("{needed} more bytes are needed and {left} are left")]
    Truncated {
        /// What the value still needs.
        needed: usize,
        /// What there is.
        left: usize,
    },
    /// A length that no value can have: below -1, above the limit, or more elements than bytes.
    #[error("the length {0} cannot be")]
    Length(i64),
    /// Null where the version does not allow it.
    #[error("null is not allowed here")]
    Null,
    /// A varint that does not end, or does not fit its type.
    #[error("a varint that is too long")]
    Varint,
    /// Text that is not UTF-8.
    #[error("the text is not UTF-8")]
    Utf8,
    /// A tagged field that stands there twice.
    #[error("a tagged field that is there twice")]
    DuplicateTag,
    /// A tagged field whose value is shorter than its size says.
    #[error("the tagged field's size says {0} more bytes than its value has")]
    TagSize(usize),
    /// Bytes after the end of the message.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
    /// A version that we do not know.
    #[error("the version is not one of {0} to {1}")]
    Version(i16, i16),
    /// An API or a record type that we do not know.
    #[error("the key {0} is not known")]
    UnknownKey(i16),
    /// A frame around a metadata record that is not version 1 (KIP-595).
    #[error("the record's frame has version {0}, not 1")]
    FrameVersion(u32),
}

impl DecodeError {
    /// A new error at `offset`.
    #[cold]
    pub(crate) fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self(Box::new(Decode { message: "", version: 0, path: String::new(), offset, kind }))
    }

    /// Names the message, once the innermost that knows it has been left.
    #[cold]
    pub(crate) fn within(mut self, message: &'static str, version: i16) -> Self {
        if self.0.message.is_empty() {
            self.0.message = message;
            self.0.version = version;
        }
        self
    }

    #[cold]
    pub(crate) fn at_index(mut self, index: usize) -> Self {
        prepend(&mut self.0.path, &format!("[{index}]"));
        self
    }

    /// What was wrong.
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// The byte at which the wrong value starts or ends, counted from the start of the frame or record.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The fields around the value, outermost first: `Topics[2].Partitions[0].Records`.
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decode { message, version, path, offset, kind } = &*self.0;
        match (message.is_empty(), path.is_empty()) {
            (true, _) => write!(f, "byte {offset}: {kind}"),
            (false, true) => write!(f, "{message} v{version}, byte {offset}: {kind}"),
            (false, false) => write!(f, "{message} v{version}, {path}, byte {offset}: {kind}"),
        }
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({self})")
    }
}

impl std::error::Error for DecodeError {}

/// A message that the version asked for cannot carry.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodeError(Box<Encode>);

#[derive(Clone, PartialEq, Eq)]
struct Encode {
    message: &'static str,
    version: i16,
    path: String,
    kind: EncodeErrorKind,
}

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeErrorKind {
    /// A field is set that the version does not have.
    #[error("the version cannot carry the field")]
    NotInVersion,
    /// A field is null and the version does not allow it.
    #[error("the version does not allow null")]
    Null,
    /// A value longer than its length field can say.
    #[error("{0} bytes or elements are too many")]
    Length(usize),
    /// A version that we do not know.
    #[error("the version is not one of {0} to {1}")]
    Version(i16, i16),
    /// An API or a record type that we do not know.
    #[error("the key {0} is not known")]
    UnknownKey(i16),
}

impl EncodeError {
    #[cold]
    pub(crate) fn new(kind: EncodeErrorKind) -> Self {
        Self(Box::new(Encode { message: "", version: 0, path: String::new(), kind }))
    }

    #[cold]
    pub(crate) fn not_in_version(field: &'static str) -> Self {
        let mut error = Self::new(EncodeErrorKind::NotInVersion);
        prepend(&mut error.0.path, field);
        error
    }

    #[cold]
    pub(crate) fn within(mut self, message: &'static str, version: i16) -> Self {
        if self.0.message.is_empty() {
            self.0.message = message;
            self.0.version = version;
        }
        self
    }

    #[cold]
    pub(crate) fn at_index(mut self, index: usize) -> Self {
        prepend(&mut self.0.path, &format!("[{index}]"));
        self
    }

    /// Why it cannot be written.
    pub fn kind(&self) -> EncodeErrorKind {
        self.0.kind
    }

    /// The fields around the value, outermost first.
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Encode { message, version, path, kind } = &*self.0;
        let separator = if path.is_empty() { "" } else { ", " };
        write!(f, "{message} v{version}{separator}{path}: {kind}")
    }
}

impl fmt::Debug for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodeError({self})")
    }
}

impl std::error::Error for EncodeError {}

/// Puts a field or an index in front of a path.
fn prepend(path: &mut String, part: &str) {
    if !path.is_empty() && !path.starts_with('[') {
        path.insert(0, '.');
    }
    path.insert_str(0, part);
}

/// Names the field that an error happened in.
pub(crate) trait At {
    /// The same result, with `field` in front of the error's path.
    fn at(self, field: &'static str) -> Self;
}

impl<T> At for Result<T, DecodeError> {
    #[inline]
    fn at(self, field: &'static str) -> Self {
        self.map_err(
            #[cold]
            |mut error| {
                prepend(&mut error.0.path, field);
                error
            },
        )
    }
}

impl<T> At for Result<T, EncodeError> {
    #[inline]
    fn at(self, field: &'static str) -> Self {
        self.map_err(
            #[cold]
            |mut error| {
                prepend(&mut error.0.path, field);
                error
            },
        )
    }
}
