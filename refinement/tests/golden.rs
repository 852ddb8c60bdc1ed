//! The golden files: what stock Kafka wrote is read as what it says, and written again byte for byte.
//!
//! `golden/make` writes them with stock Kafka's own classes, and checks them against those.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use kraftig_wire::{Message, Request, decode_all};
use serde_json::Value;

/// A message of a golden file.
struct Golden {
    name: String,
    version: i16,
    /// As stock Kafka's converter to JSON names them, without those of other versions.
    fields: Value,
    bytes: Bytes,
}

fn golden() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "golden") {
            let text = std::fs::read_to_string(path).unwrap();
            all.extend(text.split_terminator("\n\n").map(block));
        }
    }
    all
}

fn block(text: &str) -> Golden {
    let [head, fields, digits] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    let mut words = head.split(' ');
    Golden {
        name: words.next().unwrap().to_owned(),
        version: words.next().unwrap().parse().unwrap(),
        fields: serde_json::from_str(fields).unwrap(),
        bytes: (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect(),
    }
}

/// What we read, as text; `None` for a message of another name. It is written again as it was.
fn read<M: Message + std::fmt::Debug>(golden: &Golden) -> Option<String> {
    (golden.name == M::NAME).then(|| {
        let Golden { name, version, bytes, .. } = golden;
        let message: M = decode_all(bytes.clone(), *version)
            .unwrap_or_else(|error| panic!("{name} {version}: {error}"));
        let mut again = BytesMut::new();
        message.encode(&mut again, *version).unwrap();
        assert_eq!(again, bytes, "{name} {version}: {message:?}");
        format!("{message:?}")
    })
}

fn either<R>(golden: &Golden) -> Option<String>
where
    R: Request + std::fmt::Debug,
    R::Response: std::fmt::Debug,
{
    read::<R>(golden).or_else(|| read::<R::Response>(golden))
}

macro_rules! by_name {
    ($($request:ty,)*) => {
        fn message(golden: &Golden) -> String {
            let found = None$(.or_else(|| either::<$request>(golden)))*;
            found.unwrap_or_else(|| panic!("we have no {}", golden.name))
        }
    };
}
kraftig_wire::with_requests!(by_name);

#[test]
fn golden_messages_are_read_and_written() {
    let all = golden();
    for golden in &all {
        let ours = debug::parse(&message(golden));
        let differences = debug::differences(&golden.fields, &ours, "");
        assert!(differences.is_empty(), "{} {}: {differences:?}", golden.name, golden.version);
    }
    let versions = |name: &str| {
        let of = all.iter().filter(|golden| golden.name == name).map(|golden| golden.version);
        let mut versions: Vec<i16> = of.collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    };
    for (name, expected) in [
        ("Vote", vec![0, 1, 2]),
        ("BeginQuorumEpoch", vec![0, 1]),
        ("EndQuorumEpoch", vec![0, 1]),
        ("Fetch", vec![17, 18]),
        ("FetchSnapshot", vec![0, 1]),
        ("DescribeQuorum", vec![0, 1, 2]),
        ("AddRaftVoter", vec![0, 1]),
        ("RemoveRaftVoter", vec![0]),
        ("UpdateRaftVoter", vec![0]),
        ("BrokerRegistration", vec![0, 1, 2, 3, 4]),
        ("BrokerHeartbeat", vec![0, 1]),
        ("ControllerRegistration", vec![0]),
        ("Envelope", vec![0]),
        ("ApiVersions", vec![4]),
    ] {
        assert_eq!(versions(&format!("{name}Request")), expected, "requests of {name}");
        assert_eq!(versions(&format!("{name}Response")), expected, "responses of {name}");
    }
}

/// A field that is read wrongly shows: the comparison is no formality.
#[test]
fn golden_messages_tell_values_apart() {
    let all = golden();
    let of = |name: &str| all.iter().rfind(|golden| golden.name == name).unwrap();
    let ours = |name: &str| debug::parse(&message(of(name)));
    for (name, pointer, wrong) in [
        ("VoteResponse", "/errorCode", Value::from(5)),
        ("FetchSnapshotResponse", "/topics/0/partitions/0/unalignedRecordsSizeInBytes", 17.into()),
        ("FetchSnapshotRequest", "/topics/0/partitions/0/position", Value::from(1)),
        ("AddRaftVoterRequest", "/clusterId", "another".into()),
        ("BrokerRegistrationRequest", "/incarnationId", "AAAAAAAAAAAAAAAAAAAAAQ".into()),
        ("EndQuorumEpochRequest", "/topics/0/partitions", Value::Array(Vec::new())),
    ] {
        let mut fields = of(name).fields.clone();
        *fields.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = wrong;
        let differences = debug::differences(&fields, &ours(name), "");
        assert_eq!(differences.len(), 1, "{name} {pointer}: {differences:?}");
    }
}

/// What `{:?}` writes, parsed: so that values are compared without a word about each message here.
mod debug {
    use std::collections::BTreeMap;

    use serde_json::Value;

    #[derive(Debug)]
    pub(super) enum Debug {
        /// Fields by their names in small letters without underscores.
        Struct(BTreeMap<String, Self>),
        List(Vec<Self>),
        Text(String),
        Bytes(Vec<u8>),
        /// A number, a truth value, `None`, or the id of a directory.
        Word(String),
    }

    pub(super) fn parse(text: &str) -> Debug {
        let mut parser = Parser { rest: text };
        let value = parser.value();
        assert!(parser.rest.is_empty(), "{} is left of {text}", parser.rest);
        value
    }

    struct Parser<'a> {
        rest: &'a str,
    }

    impl Parser<'_> {
        fn takes(&mut self, token: &str) -> bool {
            let after = self.rest.strip_prefix(token);
            self.rest = after.unwrap_or(self.rest);
            after.is_some()
        }

        fn value(&mut self) -> Debug {
            if self.takes("[") {
                let mut items = Vec::new();
                while !self.takes("]") {
                    items.push(self.value());
                    self.takes(", ");
                }
                return Debug::List(items);
            }
            if self.takes("b\"") {
                return Debug::Bytes(self.quoted());
            }
            if self.takes("\"") {
                return Debug::Text(String::from_utf8(self.quoted()).unwrap());
            }
            let word = self.word();
            if self.takes("(") {
                assert_eq!(word, "Some");
                let value = self.value();
                assert!(self.takes(")"));
                return value;
            }
            if !self.takes(" { ") {
                return Debug::Word(word);
            }
            let mut fields = BTreeMap::new();
            while !self.takes(" }") {
                let name = self.word().replace('_', "").to_lowercase();
                assert!(self.takes(": "));
                fields.insert(name, self.value());
                self.takes(", ");
            }
            Debug::Struct(fields)
        }

        fn word(&mut self) -> String {
            let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            word.to_owned()
        }

        /// What follows a quotation mark, up to the next.
        fn quoted(&mut self) -> Vec<u8> {
            let mut out = Vec::new();
            loop {
                let c = self.rest.chars().next().expect("a quotation mark");
                self.rest = &self.rest[c.len_utf8()..];
                match c {
                    '"' => return out,
                    '\\' => {
                        let escape = self.rest.chars().next().expect("an escape");
                        self.rest = &self.rest[1..];
                        out.push(match escape {
                            'n' => b'\n',
                            'r' => b'\r',
                            't' => b'\t',
                            '0' => 0,
                            'x' => {
                                let (digits, rest) = self.rest.split_at(2);
                                self.rest = rest;
                                u8::from_str_radix(digits, 16).unwrap()
                            }
                            other => u8::try_from(other).unwrap(),
                        });
                    }
                    c => out.extend(c.to_string().as_bytes()),
                }
            }
        }
    }

    /// What stock Kafka appends to the name of a field with records, of which it says no more than the length.
    const LENGTH: &str = "SizeInBytes";

    /// Where what stock Kafka says is not what we read.
    pub(super) fn differences(stock: &Value, ours: &Debug, at: &str) -> Vec<String> {
        let equal = match (stock, ours) {
            (Value::Object(fields), Debug::Struct(values)) => {
                let field = |(name, value): (&String, &Value)| match values
                    .get(&name.trim_end_matches(LENGTH).to_lowercase())
                {
                    Some(ours) => differences(value, ours, &format!("{at}/{name}")),
                    None => vec![format!("{at}/{name} is nothing of ours")],
                };
                return fields.iter().flat_map(field).collect();
            }
            (Value::Array(items), Debug::List(ours)) if items.len() == ours.len() => {
                let items = items.iter().zip(ours).enumerate();
                return items
                    .flat_map(|(index, (one, ours))| {
                        differences(one, ours, &format!("{at}/{index}"))
                    })
                    .collect();
            }
            (Value::String(text), Debug::Text(ours) | Debug::Word(ours)) => text == ours,
            (Value::String(text), Debug::Bytes(ours)) => base64(text) == *ours,
            (Value::Number(length), Debug::Bytes(ours)) => {
                length.as_u64() == Some(ours.len() as u64)
            }
            (Value::Null, Debug::Word(word)) => word == "None",
            (Value::Number(_) | Value::Bool(_), Debug::Word(word)) => {
                let said = stock.to_string();
                said == *word
            }
            _ => false,
        };
        if equal { Vec::new() } else { vec![format!("{at}: {stock} is read as {ours:?}")] }
    }

    fn base64(text: &str) -> Vec<u8> {
        let digit = |byte: u8| match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("{other} in base64"),
        };
        let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
        for byte in text.bytes().filter(|byte| *byte != b'=') {
            bits = bits << 6 | u32::from(digit(byte));
            count += 6;
            if count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
            }
        }
        out
    }
}
