//! The table of broker and controller keys: it drives parsing, validation and `DescribeConfigs`.

mod table;

/// What a value is. The numbers are the config types of `DescribeConfigs` (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean = 1,
    /// Any text.
    String = 2,
    /// 32 bits, signed.
    Int = 3,
    /// 16 bits, signed.
    Short = 4,
    /// 64 bits, signed.
    Long = 5,
    /// A 64-bit floating point number.
    Double = 6,
    /// Texts with commas between them.
    List = 7,
    /// The name of a Java class.
    Class = 8,
    /// A text that is never shown.
    Password = 9,
}

impl Kind {
    /// The type's name in Kafka's messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// What holds where a file does not name the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// There is none: the key must be set.
    Required,
    /// The key stays without a value.
    Null,
    /// This text.
    Value(&'static str),
}

/// Which values are legal, beyond the type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// All of them.
    Any,
    /// A number that is not smaller.
    AtLeast(i64),
    /// A number from the first to the second, both included.
    Between(i64, i64),
    /// A number from 0 to this one, both included.
    Fraction(f64),
    /// 1 to 9, or -1 for the codec's own choice.
    GzipLevel,
    /// A text that is not empty.
    NonEmpty,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts, in upper or lower case.
    OneOfIgnoringCase(&'static [&'static str]),
    /// A list that is not empty; of these texts, where there are any.
    ListOf(&'static [&'static str]),
    /// A list; of these texts, where there are any.
    ListOrEmpty(&'static [&'static str]),
    /// `id@host:port` of each static voter (KIP-595).
    Voters,
    /// `host:port` of controllers to ask for the quorum (KIP-853).
    BootstrapServers,
}

/// How a running broker can be told another value (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Not at all.
    ReadOnly,
    /// For one broker.
    PerBroker,
    /// For one broker or for all.
    ClusterWide,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// The key.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What holds without it.
    pub default: Default,
    /// Which values are legal.
    pub rule: Rule,
    /// Whether it can be changed on a running broker.
    pub update: Update,
    /// Undocumented: `DescribeConfigs` lists it only where it was set.
    pub internal: bool,
}

impl Definition {
    /// Whether the value must not be shown.
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }
}

/// Every key of Kafka 4.2, sorted by name.
pub fn broker() -> &'static [Definition] {
    &table::BROKER
}

/// The place of a key in [`broker`], or `None` where Kafka has no such key.
pub(super) fn position(name: &str) -> Option<usize> {
    table::BROKER.binary_search_by(|definition| definition.name.cmp(name)).ok()
}

/// The definition of a key, or `None` where Kafka has no such key.
pub fn find(name: &str) -> Option<&'static Definition> {
    position(name).map(|at| &table::BROKER[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_found() {
        assert!(broker().is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(find("num.partitions").map(|key| key.default), Some(Default::Value("1")));
        assert!(find("zookeeper.connect").is_none());
    }
}
