//! Random messages, written by the schemas alone: a second encoder, which shares no code with ours.

use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use kraftig_wire_generator::schema::{self, Field, Kind, Message, Type};

/// A small generator of numbers (splitmix64), for messages that a seed names.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Every message that has a schema.
pub(crate) fn messages() -> Vec<Message> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut messages = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        messages.extend(schema::parse(&text).unwrap());
    }
    messages.sort_by(|a, b| a.name().cmp(b.name()));
    assert_eq!(
        messages.iter().filter(|m| m.kind == Kind::Request).count(),
        kraftig_wire::messages::APIS.len()
    );
    messages
}

/// A message of this version in which every field has some random value.
pub(crate) fn random(message: &Message, version: i16, rng: &mut Rng) -> Bytes {
    let mut out = BytesMut::new();
    let mut writer = Writer { message, version, flexible: message.flexible.contains(version), rng };
    writer.structure(&mut out, message.name(), false);
    out.freeze()
}

struct Writer<'a> {
    message: &'a Message,
    version: i16,
    flexible: bool,
    rng: &'a mut Rng,
}

impl Writer<'_> {
    fn structure(&mut self, out: &mut BytesMut, name: &str, defaults: bool) {
        let message = self.message;
        let structure = message.structure(name).unwrap();
        let mut tagged = Vec::new();
        let version = self.version;
        for field in structure.fields.iter().filter(|f| f.versions.contains(version)) {
            let Some(tag) = field.tag else {
                self.field(out, field, defaults);
                continue;
            };
            let (mut value, mut default) = (BytesMut::new(), BytesMut::new());
            self.field(&mut default, field, true);
            self.field(&mut value, field, defaults);
            if value != default && self.rng.below(4) > 0 {
                tagged.push((tag, value));
            }
        }
        if self.flexible {
            tagged.sort_by_key(|(tag, _)| *tag);
            uvarint(out, tagged.len());
            for (tag, value) in tagged {
                uvarint(out, tag as usize);
                uvarint(out, value.len());
                out.put_slice(&value);
            }
        }
    }

    fn field(&mut self, out: &mut BytesMut, field: &Field, default: bool) {
        let compact = self.flexible && !field.inflexible;
        let nullable = field.nullable.is_some_and(|n| n.contains(self.version));
        let written = field.default.as_deref().filter(|_| default);
        let null_default = written == Some("null") || field.kind == Type::Records && default;
        let null = nullable && (null_default || !default && self.rng.below(4) == 0);
        if nullable && matches!(field.kind, Type::Struct(_)) {
            out.put_i8(if null { -1 } else { 1 });
            if null {
                return;
            }
        }
        if null {
            match (compact, &field.kind) {
                (true, _) => out.put_u8(0),
                (false, Type::String) => out.put_i16(-1),
                (false, _) => out.put_i32(-1),
            }
            return;
        }
        self.value(out, &field.kind, compact, default, written);
    }

    fn value(
        &mut self,
        out: &mut BytesMut,
        kind: &Type,
        compact: bool,
        default: bool,
        written: Option<&str>,
    ) {
        match kind {
            Type::Bool if default => out.put_u8(u8::from(written == Some("true"))),
            Type::Bool => out.put_u8(self.rng.below(2) as u8),
            Type::Int(bits) => {
                let random = if default { 0 } else { self.rng.next() as i64 >> self.rng.below(60) };
                let value = match written {
                    Some("0x7fffffff") => 0x7fff_ffff,
                    Some(text) => text.parse().unwrap(),
                    None => random,
                };
                out.put_int(value, usize::from(bits / 8));
            }
            Type::Uint16 => out.put_u16(if default { 0 } else { self.rng.next() as u16 }),
            Type::Float64 => {
                out.put_f64(if default { 0.0 } else { f64::from(self.rng.next() as u32) });
            }
            Type::Uuid if default => out.put_bytes(0, 16),
            Type::Uuid => {
                out.put_u64(self.rng.next());
                out.put_u64(self.rng.next());
            }
            Type::String => {
                let text: String = (0..self.count(default, 12))
                    .map(|_| ['a', '9', '-', 'é', '語'][self.rng.below(5)])
                    .collect();
                length(out, compact, text.len(), 2);
                out.put_slice(text.as_bytes());
            }
            Type::Bytes | Type::Records => {
                let count = self.count(default, 200);
                length(out, compact, count, 4);
                for _ in 0..count {
                    out.put_u8(self.rng.next() as u8);
                }
            }
            Type::Struct(name) => self.structure(out, name, default),
            Type::Array(element) => {
                let count = self.count(default, 4);
                length(out, compact, count, 4);
                for _ in 0..count {
                    self.value(out, element, compact, false, None);
                }
            }
        }
    }

    fn count(&mut self, default: bool, bound: usize) -> usize {
        if default { 0 } else { self.rng.below(bound) }
    }
}

/// A length in the compact form or in so many bytes.
fn length(out: &mut BytesMut, compact: bool, length: usize, width: usize) {
    if compact {
        uvarint(out, length + 1);
    } else {
        out.put_uint(length as u64, width);
    }
}

fn uvarint(out: &mut BytesMut, mut value: usize) {
    while value > 0x7f {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
