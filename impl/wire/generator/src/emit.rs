//! Rust modules from messages.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::names::snake;
use crate::schema::{Kind, Message};
use crate::structure::Emitter;

/// The modules for `messages`, as unformatted source by file name, `mod.rs` included.
pub fn modules(messages: &[Message]) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    let mut index = String::from(
        "//! Kafka's messages, written by `kraftig-wire-generator` from `schemas/`. Do not edit.\n\n\
         #![allow(clippy::unnecessary_wraps, reason = \"every struct is read and written in the same way\")]\n\n",
    );
    for message in messages {
        let module = snake(message.name());
        let _ = writeln!(index, "pub mod {module};");
        files.insert(format!("{module}.rs"), module_of(message)?);
    }
    index.push_str(&apis(messages));
    for (kind, name, what) in [
        (Kind::Metadata, "MetadataRecord", "Any record of the metadata log."),
        (Kind::Control, "ControlRecord", "Any record of a control batch of the metadata log."),
    ] {
        let records: Vec<&Message> = messages.iter().filter(|m| m.kind == kind).collect();
        index.push_str(&record_enum(name, what, &records)?);
    }
    files.insert("mod.rs".to_owned(), index);
    Ok(files)
}

fn key(message: &Message) -> Result<i16, String> {
    message.key.ok_or_else(|| format!("{} has no key", message.name()))
}

/// The table of the APIs, for headers and for `ApiVersions`, and the list of their requests' types.
fn apis(messages: &[Message]) -> String {
    let mut out = String::from(
        "/// Every API that this crate has messages for, by key.\npub const APIS: &[crate::Api] = &[\n",
    );
    let mut list = String::new();
    let mut requests: Vec<&Message> = messages.iter().filter(|m| m.kind == Kind::Request).collect();
    requests.sort_by_key(|m| m.key);
    for request in requests {
        let name = request.name();
        let _ = writeln!(list, "$crate::messages::{}::{name},", snake(name));
        let _ = writeln!(
            out,
            "crate::Api {{ key: {}, name: \"{}\", min_version: {}, max_version: {}, flexible_since: {} }},",
            request.key.unwrap_or(-1),
            name.trim_end_matches("Request"),
            request.versions.min,
            request.versions.max,
            request.flexible.min,
        );
    }
    let _ = writeln!(
        out,
        "];\n\n\
         /// Gives the types of all requests, by key and each with a comma, to the macro that is named.\n\
         #[macro_export]\n\
         macro_rules! with_requests {{ ($name:ident) => {{ $name! {{\n{list}}} }}; }}\n"
    );
    out
}

/// An enum over the records of one family, with its decoding by key.
fn record_enum(name: &str, what: &str, records: &[&Message]) -> Result<String, String> {
    let (mut variants, mut keys, mut names, mut ranges) =
        (String::new(), String::new(), String::new(), String::new());
    let (mut reads, mut writes, mut froms) = (String::new(), String::new(), String::new());
    let mut jsons = String::new();
    for record in records {
        let full = record.name();
        let variant = full.trim_end_matches("Record").trim_end_matches("Message");
        let path = format!("{}::{full}", snake(full));
        let key = key(record)?;
        let _ = writeln!(variants, "/// `{full}`, key {key}.\n{variant}({path}),");
        let _ = writeln!(keys, "Self::{variant}(_) => {key},");
        let _ = writeln!(names, "Self::{variant}(_) => \"{full}\",");
        let _ = writeln!(ranges, "Self::{variant}(_) => <{path} as crate::Message>::MAX_VERSION,");
        let _ = writeln!(reads, "{key} => Self::{variant}(crate::Message::decode(r, version)?),");
        let _ = writeln!(
            writes,
            "Self::{variant}(record) => crate::Message::encode(record, buf, version),"
        );
        let _ = writeln!(jsons, "Self::{variant}(record) => record.json(out, version),");
        let _ = writeln!(
            froms,
            "impl From<{path}> for {name} {{ fn from(record: {path}) -> Self {{ Self::{variant}(record) }} }}\n"
        );
    }
    Ok(format!(
        "/// {what}\n#[derive(Clone, Debug, PartialEq)]\npub enum {name} {{\n{variants}}}\n\n\
         impl {name} {{\n\
         /// The number that tells this kind of record from the others.\n\
         pub fn key(&self) -> i16 {{ match self {{ {keys} }} }}\n\n\
         /// Kafka's name of this kind of record.\n\
         pub fn name(&self) -> &'static str {{ match self {{ {names} }} }}\n\n\
         /// The latest version of this kind of record.\n\
         pub fn max_version(&self) -> i16 {{ match self {{ {ranges} }} }}\n\n\
         /// Reads the record that `key` and `version` name.\n\
         pub(crate) fn read(r: &mut crate::Reader, key: i16, version: i16) -> Result<Self, crate::DecodeError> {{\n\
         Ok(match key {{ {reads} _ => return Err(r.error(crate::DecodeErrorKind::UnknownKey(key))) }}) }}\n\n\
         /// Writes the record's fields, without its key.\n\
         pub(crate) fn write(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {{\n\
         match self {{ {writes} }} }}\n\
         }}\n\n\
         impl crate::json::Json for {name} {{\n\
         fn json(&self, out: &mut String, version: i16) {{ match self {{ {jsons} }} }}\n\
         }}\n\n{froms}"
    ))
}

fn module_of(message: &Message) -> Result<String, String> {
    let name = message.name();
    let mut out = format!(
        "//! `{name}`{}, versions {}. Written by `kraftig-wire-generator`; do not edit.\n\n",
        message.key.map(|key| format!(", key {key}")).unwrap_or_default(),
        message.versions,
    );
    if message.structs.iter().any(|s| !s.fields.is_empty()) {
        out.push_str("use crate::error::At as _;\n\n");
    }
    let body_at = out.len();
    for structure in &message.structs {
        let emitter = Emitter { message, structure };
        out.push_str(&emitter.definition()?);
        out.push_str(&emitter.default()?);
        out.push_str(&emitter.codec()?);
        if matches!(message.kind, Kind::Metadata | Kind::Control) {
            out.push_str(&emitter.json()?);
        }
    }
    let _ = writeln!(
        out,
        "impl crate::Message for {name} {{\n\
         const NAME: &'static str = \"{name}\";\n\
         const MIN_VERSION: i16 = {};\n\
         const MAX_VERSION: i16 = {};\n\
         const FLEXIBLE_SINCE: i16 = {};\n\n\
         fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {{\n\
         crate::message::decode(r, version, Self::read)\n}}\n\n\
         fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {{\n\
         crate::message::encode(self, buf, version, Self::write)\n}}\n}}",
        message.versions.min, message.versions.max, message.flexible.min,
    );
    if message.kind == Kind::Request {
        let response = name.replace("Request", "Response");
        let _ = writeln!(
            out,
            "\nimpl crate::Request for {name} {{\nconst KEY: i16 = {};\n\
             type Response = super::{}::{response};\n}}",
            key(message)?,
            snake(&response),
        );
    }
    if out.contains("buf.put_") {
        out.insert_str(body_at, "use bytes::BufMut as _;\n\n");
    }
    Ok(out)
}
