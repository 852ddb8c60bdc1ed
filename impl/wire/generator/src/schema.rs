//! The schema notation, parsed.

use std::fmt;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The header of a request or a response.
    Header,
    /// A request.
    Request,
    /// A response; its request stands before it in the file.
    Response,
    /// A record of the metadata log.
    Metadata,
    /// A record of a control batch.
    Control,
}

/// A range of versions, both ends included; open above is [`i16::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first version.
    pub min: i16,
    /// The last version.
    pub max: i16,
}

impl Versions {
    /// Whether `version` is one of them.
    pub fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// Whether all of `other` are among them.
    pub fn covers(self, other: Self) -> bool {
        self.min <= other.min && self.max >= other.max
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(min) = text.strip_suffix('+') {
            return Some(Self { min: min.parse().ok()?, max: i16::MAX });
        }
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        let versions = Self { min: min.parse().ok()?, max: max.parse().ok()? };
        (versions.min <= versions.max).then_some(versions)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, i16::MAX) => write!(f, "{min}+"),
            (min, max) if min == max => write!(f, "{min}"),
            (min, max) => write!(f, "{min}-{max}"),
        }
    }
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// One byte, 0 or 1.
    Bool,
    /// A signed integer of so many bits.
    Int(u8),
    /// An unsigned 16-bit integer.
    Uint16,
    /// An IEEE 754 double.
    Float64,
    /// UTF-8 text with its length.
    String,
    /// Bytes with their length.
    Bytes,
    /// Record batches with their length in bytes.
    Records,
    /// 16 bytes.
    Uuid,
    /// A struct of the same message.
    Struct(String),
    /// Any number of one type.
    Array(Box<Type>),
}

impl Type {
    fn parse(text: &str) -> Self {
        match text {
            "bool" => Self::Bool,
            "int8" => Self::Int(8),
            "int16" => Self::Int(16),
            "int32" => Self::Int(32),
            "int64" => Self::Int(64),
            "uint16" => Self::Uint16,
            "float64" => Self::Float64,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "records" => Self::Records,
            "uuid" => Self::Uuid,
            _ => match text.strip_prefix("[]") {
                Some(element) => Self::Array(Box::new(Self::parse(element))),
                None => Self::Struct(text.to_owned()),
            },
        }
    }

    /// The struct that this type is, or is an array of.
    pub fn structure(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.structure(),
            _ => None,
        }
    }
}

/// One field of a message or of a struct in it.
#[derive(Clone, Debug)]
pub struct Field {
    /// Kafka's name of it.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// The versions that carry it.
    pub versions: Versions,
    /// The versions in which it may be null.
    pub nullable: Option<Versions>,
    /// Its default as written; `None` is the zero of its type.
    pub default: Option<String>,
    /// Its tag; `None` for a field that is always there.
    pub tag: Option<u32>,
    /// Whether a version without the field may drop a value that is set.
    pub ignorable: bool,
    /// Whether its length keeps the form of inflexible versions.
    pub inflexible: bool,
}

/// A struct: the message itself or one inside it.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Kafka's name of it.
    pub name: String,
    /// Its fields, in the order of the wire.
    pub fields: Vec<Field>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// What it is for.
    pub kind: Kind,
    /// The API key, or the type of the record.
    pub key: Option<i16>,
    /// The versions that we know in full.
    pub versions: Versions,
    /// The versions with compact lengths and tagged fields (KIP-482).
    pub flexible: Versions,
    /// The message itself, then the structs inside it.
    pub structs: Vec<Struct>,
}

impl Message {
    /// Kafka's name of the message.
    pub fn name(&self) -> &str {
        &self.structs[0].name
    }

    /// The struct named `name`.
    pub fn structure(&self, name: &str) -> Option<&Struct> {
        self.structs.iter().find(|s| s.name == name)
    }
}

/// The messages of one schema file, or the line that is wrong and why.
pub fn parse(text: &str) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    // The structs that the current line is inside of, as indexes into the message's.
    let mut open: Vec<usize> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let error = |what: &str| format!("line {}: {what}: {line}", number + 1);
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() || words[0].starts_with('#') {
            continue;
        }
        let depth = (line.len() - line.trim_start().len()) / 4;
        if depth == 0 {
            if words[0] == "struct" {
                let message = messages.last_mut().ok_or_else(|| error("no message above"))?;
                let name = (*words.get(1).ok_or_else(|| error("no name"))?).to_owned();
                open = vec![message.structs.len()];
                message.structs.push(Struct { name, fields: Vec::new() });
            } else {
                messages.push(message(&words).ok_or_else(|| error("not a message"))?);
                open = vec![0];
            }
            continue;
        }
        let message = messages.last_mut().ok_or_else(|| error("no message above"))?;
        if depth > open.len() {
            return Err(error("indented deeper than the struct above"));
        }
        open.truncate(depth);
        let field = field(&words).ok_or_else(|| error("not a field"))?;
        if let Some(name) = field.kind.structure()
            && message.structure(name).is_none()
            && next_depth(text, number) > depth
        {
            open.push(message.structs.len());
            message.structs.push(Struct { name: name.to_owned(), fields: Vec::new() });
        }
        message.structs[open[depth - 1]].fields.push(field);
    }
    for message in &messages {
        for field in message.structs.iter().flat_map(|s| &s.fields) {
            if let Some(name) = field.kind.structure()
                && message.structure(name).is_none()
            {
                return Err(format!(
                    "{}: {} has the unknown type {name}",
                    message.name(),
                    field.name
                ));
            }
        }
    }
    Ok(messages)
}

/// How deep the line after `number` is indented.
fn next_depth(text: &str, number: usize) -> usize {
    text.lines().nth(number + 1).map_or(0, |line| (line.len() - line.trim_start().len()) / 4)
}

fn message(words: &[&str]) -> Option<Message> {
    let kind = match words[0] {
        "header" => Kind::Header,
        "request" => Kind::Request,
        "response" => Kind::Response,
        "metadata" => Kind::Metadata,
        "control" => Kind::Control,
        _ => return None,
    };
    let after = |word: &str| {
        let at = words.iter().position(|w| *w == word)?;
        words.get(at + 1).copied()
    };
    Some(Message {
        kind,
        key: after("key").and_then(|key| key.parse().ok()),
        versions: Versions::parse(after("versions")?)?,
        flexible: Versions::parse(after("flexible")?)?,
        structs: vec![Struct { name: words[1].to_owned(), fields: Vec::new() }],
    })
}

fn field(words: &[&str]) -> Option<Field> {
    let mut field = Field {
        name: (*words.first()?).to_owned(),
        kind: Type::parse(words.get(1)?),
        versions: Versions::parse(words.get(2)?)?,
        nullable: None,
        default: None,
        tag: None,
        ignorable: false,
        inflexible: false,
    };
    let mut rest = words[3..].iter();
    while let Some(word) = rest.next() {
        match *word {
            "null" => field.nullable = Some(Versions::parse(rest.next()?)?),
            "default" => field.default = Some((*rest.next()?).to_owned()),
            "tag" => field.tag = Some(rest.next()?.parse().ok()?),
            "ignorable" => field.ignorable = true,
            "inflexible" => field.inflexible = true,
            _ => return None,
        }
    }
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_found_by_indentation() {
        let text = "request ARequest key 7 versions 1-3 flexible 2+ # a comment\n    \
                    List  []Item  1+  null 2+ default null tag 3 ignorable\n        \
                    Name  string  0-1\n    \
                    Last  int16   3\n\
                    struct Other 0+\n    \
                    Id  uuid  1+\n";
        let messages = parse(text).unwrap();
        let [message] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!(
            (message.kind, message.key, message.name()),
            (Kind::Request, Some(7), "ARequest")
        );
        assert_eq!((message.versions, message.flexible.min), (Versions { min: 1, max: 3 }, 2));
        let names = |name: &str| -> Vec<&str> {
            message.structure(name).unwrap().fields.iter().map(|f| f.name.as_str()).collect()
        };
        assert_eq!(names("ARequest"), ["List", "Last"]);
        assert_eq!((names("Item"), names("Other")), (vec!["Name"], vec!["Id"]));
        let list = &message.structs[0].fields[0];
        assert_eq!(
            (list.tag, list.ignorable, list.default.as_deref()),
            (Some(3), true, Some("null"))
        );
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, error) in [
            ("    Name  string  0+", "line 1: no message above"),
            ("answer A versions 0 flexible 0+", "line 1: not a message"),
            ("request A versions 3-1 flexible 0+", "line 1: not a message"),
            ("request A versions 0 flexible 0+\n    Name  string", "line 2: not a field"),
            (
                "request A versions 0 flexible 0+\n    Name  string  0+  nullable",
                "line 2: not a field",
            ),
            (
                "request A versions 0 flexible 0+\n        Name  string  0+",
                "line 2: indented deeper",
            ),
            (
                "request A versions 0 flexible 0+\n    Name  text  0+",
                "A: Name has the unknown type text",
            ),
        ] {
            let found = parse(text).expect_err(text);
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }
}
