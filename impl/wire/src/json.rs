//! Records as JSON, in the form of Kafka's own converters (`kafka-dump-log`): fields in the order of the schema, a
//! tagged field only where it is not at its default, bytes in Base64.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::messages::{ControlRecord, MetadataRecord};
use crate::{Str, Uuid};

/// What can be written as JSON. Writing to a `String` cannot fail.
pub(crate) trait Json {
    fn json(&self, out: &mut String, version: i16);
}

/// A struct, field by field.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    version: i16,
    separator: char,
}

impl<'a> Object<'a> {
    pub(crate) fn new(out: &'a mut String, version: i16) -> Self {
        Self { out, version, separator: '{' }
    }

    pub(crate) fn field(&mut self, name: &str, value: &impl Json) {
        self.out.push(self.separator);
        self.separator = ',';
        let _ = write!(self.out, "\"{name}\":");
        value.json(self.out, self.version);
    }

    pub(crate) fn end(self) {
        self.out.push_str(if self.separator == '{' { "{}" } else { "}" });
    }
}

impl MetadataRecord {
    /// The record's fields as JSON, as they are in `version`.
    pub fn to_json(&self, version: i16) -> String {
        let mut out = String::new();
        self.json(&mut out, version);
        out
    }
}

impl ControlRecord {
    /// The record's fields as JSON, in the version that the record itself says.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.json(&mut out, self.version());
        out
    }
}

macro_rules! displayed {
    ($($kind:ty),*) => {
        $(impl Json for $kind {
            fn json(&self, out: &mut String, _: i16) {
                let _ = write!(out, "{self}");
            }
        })*
    };
}

displayed!(bool, i8, i16, i32, i64, u16);

impl Json for f64 {
    /// As Java writes it: with an exponent from 10^7 on and below 10^-3, and never without a fraction.
    fn json(&self, out: &mut String, _: i16) {
        let size = self.abs();
        if !self.is_finite() {
            let name = if self.is_nan() { "NaN" } else { "Infinity" };
            let sign = if *self < 0.0 { "-" } else { "" };
            let _ = write!(out, "\"{sign}{name}\"");
        } else if size == 0.0 || (1e-3..1e7).contains(&size) {
            let _ = write!(out, "{self:?}");
        } else {
            let text = format!("{self:E}");
            let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
            let fraction = if digits.contains('.') { "" } else { ".0" };
            let _ = write!(out, "{digits}{fraction}E{exponent}");
        }
    }
}

impl Json for Str {
    fn json(&self, out: &mut String, _: i16) {
        out.push('"');
        for c in self.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\0'..' ' => drop(write!(out, "\\u{:04X}", c as u32)),
                _ => out.push(c),
            }
        }
        out.push('"');
    }
}

impl Json for Uuid {
    fn json(&self, out: &mut String, _: i16) {
        let _ = write!(out, "\"{self}\"");
    }
}

impl Json for Bytes {
    fn json(&self, out: &mut String, _: i16) {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        out.push('"');
        for chunk in self.chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - chunk.len()));
            for digit in 0..4 {
                let value = bits >> (18 - 6 * digit) & 63;
                let there = digit <= chunk.len();
                out.push(if there { DIGITS[value as usize] as char } else { '=' });
            }
        }
        out.push('"');
    }
}

impl<T: Json> Json for Vec<T> {
    fn json(&self, out: &mut String, version: i16) {
        out.push('[');
        for (index, element) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            element.json(out, version);
        }
        out.push(']');
    }
}

impl<T: Json> Json for Option<T> {
    fn json(&self, out: &mut String, version: i16) {
        match self {
            Some(value) => value.json(out, version),
            None => out.push_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &impl Json) -> String {
        let mut out = String::new();
        value.json(&mut out, 0);
        out
    }

    #[test]
    fn values_are_javas() {
        for (value, expected) in [
            (0.0, "0.0"),
            (1_048_576.0, "1048576.0"),
            (0.25, "0.25"),
            (1e7, "1.0E7"),
            (-1.25e-5, "-1.25E-5"),
            (f64::NEG_INFINITY, "\"-Infinity\""),
            (f64::NAN, "\"NaN\""),
        ] {
            assert_eq!(text(&value), expected);
        }
        assert_eq!(text(&Str::from("a\"\\\n\u{1f}ä")), "\"a\\\"\\\\\\n\\u001Fä\"");
        for (bytes, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("\u{3ff}", "z78=")]
        {
            assert_eq!(text(&Bytes::from(bytes)), format!("\"{expected}\""));
        }
        assert_eq!(text(&vec![None, Some(1_i8)]), "[null,1]");
    }
}
