//! The Rust code of one struct: its definition, its default, and how it is read and written.

use std::fmt::Write as _;

use crate::names::{camel, snake};
use crate::schema::{Field, Message, Struct, Type, Versions};

/// Writes the code of one struct.
pub(crate) struct Emitter<'a> {
    pub(crate) message: &'a Message,
    pub(crate) structure: &'a Struct,
}

impl Emitter<'_> {
    /// The fields that at least one valid version carries, as the schema has them.
    fn written_fields(&self) -> impl Iterator<Item = &Field> {
        let valid = self.message.versions;
        let carried = move |f: &&Field| f.versions.min <= valid.max && f.versions.max >= valid.min;
        self.structure.fields.iter().filter(carried)
    }

    /// The same fields with the tagged ones last, by tag, as on the wire.
    fn fields(&self) -> impl Iterator<Item = &Field> {
        let mut fields: Vec<&Field> = self.written_fields().collect();
        fields.sort_by_key(|field| field.tag);
        fields.into_iter()
    }

    /// The condition for `versions` on the valid versions; `None` where it always holds.
    fn condition(&self, versions: Versions) -> Option<String> {
        let valid = self.message.versions;
        let (above, below) = (versions.min > valid.min, versions.max < valid.max);
        match (above, below) {
            (false, false) => None,
            (true, false) => Some(format!("message_version >= {}", versions.min)),
            (false, true) => Some(format!("message_version <= {}", versions.max)),
            (true, true) => {
                Some(format!("({}..={}).contains(&message_version)", versions.min, versions.max))
            }
        }
    }

    /// The condition for every valid version that is not among `versions`.
    fn opposite(&self, versions: Versions) -> Option<String> {
        let valid = self.message.versions;
        match (versions.min > valid.min, versions.max < valid.max) {
            (false, false) => None,
            (true, false) => Some(format!("message_version < {}", versions.min)),
            (false, true) => Some(format!("message_version > {}", versions.max)),
            (true, true) => {
                Some(format!("!({}..={}).contains(&message_version)", versions.min, versions.max))
            }
        }
    }

    /// The expression that says whether a field's length is compact.
    fn compact(&self, field: &Field) -> &'static str {
        if field.inflexible {
            "false"
        } else if self.condition(self.message.flexible).is_none() {
            "true"
        } else {
            "flexible"
        }
    }

    /// Whether the field is an `Option`.
    fn optional(&self, field: &Field) -> bool {
        let valid = self.message.versions;
        field.nullable.is_some_and(|n| n.min <= valid.max && n.max >= valid.min)
    }

    fn rust_type(kind: &Type) -> String {
        match kind {
            Type::Bool => "bool".to_owned(),
            Type::Int(bits) => format!("i{bits}"),
            Type::Uint16 => "u16".to_owned(),
            Type::Float64 => "f64".to_owned(),
            Type::String => "crate::Str".to_owned(),
            Type::Bytes | Type::Records => "bytes::Bytes".to_owned(),
            Type::Uuid => "crate::Uuid".to_owned(),
            Type::Struct(name) => name.clone(),
            Type::Array(element) => format!("Vec<{}>", Self::rust_type(element)),
        }
    }

    /// The struct, with a doc comment for each field.
    pub(crate) fn definition(&self) -> Result<String, String> {
        let mut out = format!("/// `{}` of Kafka's protocol.\n", self.structure.name);
        out.push_str("#[derive(Clone, Debug, PartialEq");
        let defaults = self.fields().all(|f| self.default_value(f).is_ok_and(|d| d.is_none()));
        if defaults {
            out.push_str(", Default");
        }
        let _ = writeln!(out, ")]\npub struct {} {{", self.structure.name);
        for field in self.fields() {
            let _ = write!(out, "/// `{}`, versions {}", field.name, field.versions);
            if let Some(nullable) = field.nullable {
                let _ = write!(out, ", nullable in {nullable}");
            }
            if let Some(tag) = field.tag {
                let _ = write!(out, ", tag {tag}");
            }
            let mut kind = Self::rust_type(&field.kind);
            if self.optional(field) {
                kind = format!("Option<{kind}>");
            }
            let name = snake(&field.name);
            if ["type", "match", "ref", "move", "use", "self"].contains(&name.as_str()) {
                return Err(format!("{}: {name} is a keyword", self.structure.name));
            }
            let _ = writeln!(out, ".\npub {name}: {kind},");
        }
        Ok(out + "}\n\n")
    }

    /// The default of a field where it is not the default of its Rust type.
    fn default_value(&self, field: &Field) -> Result<Option<String>, String> {
        let written = field.default.as_deref();
        if self.optional(field) {
            return Ok(match (written, &field.kind) {
                // Kafka's own default of nullable records is null, that of anything else is empty.
                (Some("null"), _) | (None, Type::Records) => None,
                (None | Some("\"\""), _) => Some(format!("Some({})", Self::zero_of(&field.kind))),
                (Some(text), _) => return Err(format!("{}: default {text}", field.name)),
            });
        }
        Ok(match (written, &field.kind) {
            (None | Some("0" | "false" | "\"\""), _) => None,
            (Some("true"), Type::Bool) => Some("true".to_owned()),
            (Some("0x7fffffff"), Type::Int(32)) => Some("i32::MAX".to_owned()),
            (Some(text), Type::Int(bits)) => {
                let value: i64 =
                    text.parse().map_err(|_| format!("{}: default {text}", field.name))?;
                let at = |bound: i64| value == bound >> (64 - u32::from(*bits));
                Some(if at(i64::MAX) && *bits > 8 {
                    format!("i{bits}::MAX")
                } else if at(i64::MIN) && *bits > 8 {
                    format!("i{bits}::MIN")
                } else {
                    value.to_string()
                })
            }
            (Some(text), _) => return Err(format!("{}: default {text}", field.name)),
        })
    }

    /// The default of a field's Rust type.
    fn zero(&self, field: &Field) -> String {
        if self.optional(field) { "None".to_owned() } else { Self::zero_of(&field.kind) }
    }

    fn zero_of(kind: &Type) -> String {
        match kind {
            Type::Bool => "false".to_owned(),
            Type::Int(_) | Type::Uint16 => "0".to_owned(),
            Type::Float64 => "0.0".to_owned(),
            Type::String => "crate::Str::default()".to_owned(),
            Type::Bytes | Type::Records => "bytes::Bytes::new()".to_owned(),
            Type::Uuid => "crate::Uuid::ZERO".to_owned(),
            Type::Struct(name) => format!("{name}::default()"),
            Type::Array(_) => "Vec::new()".to_owned(),
        }
    }

    /// `Default`, where it cannot be derived.
    pub(crate) fn default(&self) -> Result<String, String> {
        let mut values = String::new();
        let mut plain = true;
        for field in self.fields() {
            let value = self.default_value(field)?;
            plain &= value.is_none();
            let value = value.unwrap_or_else(|| self.zero(field));
            let _ = writeln!(values, "{}: {value},", snake(&field.name));
        }
        if plain {
            return Ok(String::new());
        }
        let name = &self.structure.name;
        Ok(format!(
            "impl Default for {name} {{\nfn default() -> Self {{\nSelf {{ {values} }}\n}}\n}}\n\n"
        ))
    }

    /// The expression that holds where a field is not at its default.
    fn is_set(&self, field: &Field) -> Result<String, String> {
        let value = format!("self.{}", snake(&field.name));
        let default = self.default_value(field)?;
        if self.optional(field) {
            return Ok(match default {
                None => format!("{value}.is_some()"),
                Some(_) => format!("{value}.as_ref().is_none_or(|v| !v.is_empty())"),
            });
        }
        Ok(match (&field.kind, default) {
            (Type::Bool, None) => value,
            (Type::Bool, Some(_)) => format!("!{value}"),
            (Type::Int(_) | Type::Uint16, default) => {
                format!("{value} != {}", default.unwrap_or_else(|| "0".to_owned()))
            }
            (Type::Float64, _) => format!("{value}.to_bits() != 0"),
            (Type::Uuid, _) => format!("!{value}.is_zero()"),
            (Type::Struct(name), _) => format!("{value} != {name}::default()"),
            _ => format!("!{value}.is_empty()"),
        })
    }

    /// The expression that reads a value of `kind` from `r`.
    fn read(kind: &Type, compact: &str) -> String {
        match kind {
            Type::Bool => "r.bool()".to_owned(),
            Type::Int(bits) => format!("r.i{bits}()"),
            Type::Uint16 => "r.u16()".to_owned(),
            Type::Float64 => "r.f64()".to_owned(),
            Type::String => format!("r.string({compact})"),
            Type::Bytes | Type::Records => format!("r.bytes({compact})"),
            Type::Uuid => "r.uuid()".to_owned(),
            Type::Struct(name) => format!("{name}::read(r, message_version)"),
            Type::Array(element) => {
                format!("r.array({compact}, {})", Self::reader(element, compact))
            }
        }
    }

    /// The function that reads an element of an array.
    fn reader(element: &Type, compact: &str) -> String {
        match element {
            Type::Bool | Type::Int(_) | Type::Uint16 | Type::Float64 | Type::Uuid => {
                let call = Self::read(element, compact);
                format!("crate::Reader::{}", call.trim_start_matches("r.").trim_end_matches("()"))
            }
            _ => format!("|r| {}", Self::read(element, compact)),
        }
    }

    fn read_field(&self, field: &Field) -> Result<String, String> {
        let compact = self.compact(field);
        let plain = Self::read(&field.kind, compact);
        let at = format!(".at(\"{}\")", field.name);
        if !self.optional(field) {
            return Ok(plain + &at);
        }
        let nullable = match &field.kind {
            Type::Array(element) => {
                format!("r.nullable_array({compact}, {})", Self::reader(element, compact))
            }
            Type::String => format!("r.nullable_string({compact})"),
            Type::Bytes | Type::Records => format!("r.nullable_bytes({compact})"),
            Type::Struct(_) => format!("r.nullable_struct(|r| {plain})"),
            kind => return Err(format!("{}: {kind:?} cannot be nullable", field.name)),
        };
        match self.nullable_condition(field) {
            None => Ok(nullable + &at),
            Some(condition) => {
                Ok(format!("if {condition} {{ {nullable}{at} }} else {{ {plain}.map(Some){at} }}"))
            }
        }
    }

    /// The condition for null being legal, among the versions that carry the field.
    fn nullable_condition(&self, field: &Field) -> Option<String> {
        let nullable = field.nullable.filter(|n| !n.covers(field.versions))?;
        self.condition(nullable)
    }

    /// The call that writes `value` to `buf`, and whether it can fail. `by_ref` says that `value` is a
    /// reference, as it is inside an array.
    fn write(kind: &Type, compact: &str, value: &str, by_ref: bool) -> (String, bool) {
        let copied = if by_ref { format!("*{value}") } else { value.to_owned() };
        let borrowed = if by_ref { value.to_owned() } else { format!("&{value}") };
        match kind {
            Type::Bool => (format!("buf.put_u8(u8::from({copied}))"), false),
            Type::Int(bits) => (format!("buf.put_i{bits}({copied})"), false),
            Type::Uint16 => (format!("buf.put_u16({copied})"), false),
            Type::Float64 => (format!("buf.put_f64({copied})"), false),
            Type::Uuid => (format!("buf.put_slice(&{value}.0)"), false),
            Type::String => (format!("crate::write::string(buf, {compact}, {borrowed})"), true),
            Type::Bytes | Type::Records => {
                (format!("crate::write::bytes(buf, {compact}, {borrowed})"), true)
            }
            Type::Struct(_) => (format!("{value}.write(buf, message_version)"), true),
            Type::Array(element) => {
                let writer = Self::result(Self::write(element, compact, "v", true));
                (
                    format!("crate::write::array(buf, {compact}, {borrowed}, |buf, v| {writer})"),
                    true,
                )
            }
        }
    }

    /// A writing call as an expression of type `Result<(), EncodeError>`.
    fn result((call, fails): (String, bool)) -> String {
        if fails { call } else { format!("{{ {call}; Ok(()) }}") }
    }

    fn write_field(&self, field: &Field) -> (String, bool) {
        let compact = self.compact(field);
        let value = format!("self.{}", snake(&field.name));
        if !self.optional(field) {
            return Self::write(&field.kind, compact, &value, false);
        }
        let allowed = self.nullable_condition(field).unwrap_or_else(|| "true".to_owned());
        let null = if field.kind == Type::String { "Short" } else { "Long" };
        let writer = Self::result(Self::write(&field.kind, compact, "v", true));
        if let Type::Struct(_) = field.kind {
            let call =
                format!("crate::write::nullable_struct(buf, {value}.as_ref(), |buf, v| {writer})");
            return (call, true);
        }
        let call = format!(
            "crate::write::nullable(buf, {compact}, crate::write::Null::{null}, {allowed}, {value}.as_ref(), |buf, v| {writer})"
        );
        (call, true)
    }

    /// `read` and `write`.
    pub(crate) fn codec(&self) -> Result<String, String> {
        let name = &self.structure.name;
        let flexible = self.condition(self.message.flexible);
        let (mut reads, mut tag_reads, mut result) = (String::new(), String::new(), String::new());
        let (mut writes, mut tag_counts, mut tag_writes) =
            (String::new(), Vec::new(), String::new());
        for field in self.fields() {
            let var = snake(&field.name);
            let kafka = &field.name;
            let condition = self.condition(field.versions);
            let read = self.read_field(field)?;
            let write = self.write_field(field);
            let at = if write.1 { format!(".at(\"{kafka}\")?;") } else { ";".to_owned() };
            let own_default = self.default_value(field)?;
            let default = own_default.clone().unwrap_or_else(|| self.zero(field));
            let refuse = (!field.ignorable && condition.is_some())
                .then(|| self.is_set(field))
                .transpose()?
                .map(|set| format!("if {set} {{ return Err(crate::EncodeError::not_in_version(\"{kafka}\")); }}"));
            if let Some(tag) = field.tag {
                let carried =
                    condition.as_ref().filter(|_| field.versions != self.message.flexible);
                let guard = carried.map(|c| format!(" if {c}")).unwrap_or_default();
                let _ = writeln!(reads, "let mut {var} = None;");
                let _ =
                    writeln!(tag_reads, "{tag}{guard} => {{ r.once(&mut {var}, |r| {read})?; }}");
                let value = if own_default.is_none() {
                    format!("{var}.unwrap_or_default()")
                } else {
                    format!("{var}.unwrap_or({default})")
                };
                let _ = writeln!(result, "{var}: {value},");
                let set = self.is_set(field)?;
                let set = condition.as_ref().map_or(set.clone(), |c| format!("{c} && ({set})"));
                let _ = writeln!(writes, "let tag_{var} = {set};");
                if let (Some(_), Some(opposite)) = (refuse, self.opposite(field.versions)) {
                    let set = self.is_set(field)?;
                    let _ = writeln!(
                        writes,
                        "if {opposite} && ({set}) {{ return Err(crate::EncodeError::not_in_version(\"{kafka}\")); }}"
                    );
                }
                tag_counts.push(format!("u32::from(tag_{var})"));
                let _ = writeln!(
                    tag_writes,
                    "if tag_{var} {{ crate::write::tag(buf, {tag}, |buf| {}).at(\"{kafka}\")?; }}",
                    Self::result(write)
                );
                continue;
            }
            let _ = writeln!(result, "{var},");
            let write = write.0;
            match condition {
                None => {
                    let _ = writeln!(reads, "let {var} = {read}?;");
                    let _ = writeln!(writes, "{write}{at}");
                }
                Some(condition) => {
                    let _ = writeln!(
                        reads,
                        "let {var} = if {condition} {{ {read}? }} else {{ {default} }};"
                    );
                    let refuse = refuse.map(|refuse| format!(" else {refuse}")).unwrap_or_default();
                    let _ = writeln!(writes, "if {condition} {{ {write}{at} }}{refuse}");
                }
            }
        }
        let tags_read = if tag_reads.is_empty() {
            "r.tags(|_, _| Ok(false))?;".to_owned()
        } else {
            format!(
                "r.tags(|r, tag| {{ match tag {{ {tag_reads} _ => return Ok(false), }} Ok(true) }})?;"
            )
        };
        let count = if tag_counts.is_empty() { "0".to_owned() } else { tag_counts.join(" + ") };
        let tags_write = format!("crate::write::uvarint(buf, {count});\n{tag_writes}");
        match &flexible {
            None => {
                reads.push_str(&tags_read);
                writes.push_str(&tags_write);
            }
            Some(condition) => {
                let _ = write!(reads, "if flexible {{ {tags_read} }}");
                let _ = write!(writes, "if flexible {{ {tags_write} }}");
                reads = format!("let flexible = {condition};\n{reads}");
                writes = format!("let flexible = {condition};\n{writes}");
            }
        }
        let version = |body: &str| {
            let used = body
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "message_version");
            if used { "message_version" } else { "_message_version" }
        };
        let this = if self.fields().next().is_some() { "&self" } else { "_: &Self" };
        Ok(format!(
            "impl {name} {{\n\
             fn read(r: &mut crate::Reader, {}: i16) -> Result<Self, crate::DecodeError> {{\n\
             {reads}\nOk(Self {{ {result} }})\n}}\n\n\
             fn write({this}, buf: &mut bytes::BytesMut, {}: i16) -> Result<(), crate::EncodeError> {{\n\
             {writes}\nOk(())\n}}\n}}\n\n",
            version(&reads),
            version(&writes),
        ))
    }

    /// How the struct becomes JSON.
    pub(crate) fn json(&self) -> Result<String, String> {
        let mut fields = String::new();
        for field in self.written_fields() {
            let (name, var) = (camel(&field.name), snake(&field.name));
            let mut conditions: Vec<String> = self.condition(field.versions).into_iter().collect();
            if field.tag.is_some() {
                conditions.push(self.is_set(field)?);
            }
            let call = format!("object.field(\"{name}\", &self.{var});");
            let _ = if conditions.is_empty() {
                writeln!(fields, "{call}")
            } else {
                writeln!(fields, "if {} {{ {call} }}", conditions.join(" && "))
            };
        }
        let binding = if fields.is_empty() { "object" } else { "mut object" };
        Ok(format!(
            "impl crate::json::Json for {} {{\n\
             fn json(&self, out: &mut String, message_version: i16) {{\n\
             let {binding} = crate::json::Object::new(out, message_version);\n\
             {fields}object.end();\n}}\n}}\n\n",
            self.structure.name
        ))
    }
}
