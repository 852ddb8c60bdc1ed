//! Java's properties syntax, in which `server.properties` is written.

use std::collections::BTreeMap;

/// Keys and values as a file or the command line gave them.
pub type Properties = BTreeMap<String, String>;

/// A `\u` that four hexadecimal digits do not follow: the only thing that this syntax refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Malformed \\uxxxx encoding in the line that starts at line {line}: write four hexadecimal digits after \\u, or \\\\u for a backslash and a u."
)]
pub struct PropertiesError {
    /// Counted from 1; where lines are continued, the first of them.
    pub line: usize,
}

/// Reads a file's bytes, which are ISO 8859-1 as in Java; other characters are written `\uXXXX`. Of a
/// key that comes twice, the last value counts.
pub fn parse(bytes: &[u8]) -> Result<Properties, PropertiesError> {
    let mut properties = Properties::new();
    let mut lines = split_lines(bytes).zip(1..);
    while let Some((first, line)) = lines.next() {
        let first = trim_start(first);
        if first.is_empty() || first[0] == b'#' || first[0] == b'!' {
            continue;
        }
        let mut logical = first.to_vec();
        while is_continued(&logical) {
            logical.pop();
            let Some((next, _)) = lines.next() else { break };
            logical.extend_from_slice(trim_start(next));
        }
        let (key, value) = split_key(&logical);
        let unescape = |text| unescape(text).ok_or(PropertiesError { line });
        properties.insert(unescape(key)?, unescape(value)?);
    }
    Ok(properties)
}

/// Lines end in `\n`, `\r` or `\r\n`.
fn split_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(bytes);
        };
        let skip = if bytes[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = Some(&bytes[end + skip..]);
        Some(&bytes[..end])
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn trim_start(line: &[u8]) -> &[u8] {
    let start = line
        .iter()
        .position(|byte| !is_blank(*byte))
        .unwrap_or(line.len());
    &line[start..]
}

/// A line goes on in the next one where an odd number of backslashes ends it.
fn is_continued(line: &[u8]) -> bool {
    line.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that no backslash precedes; one `=` or `:` and the blanks
/// around it belong to neither side.
fn split_key(line: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    while end < line.len() && !matches!(line[end], b'=' | b':') && !is_blank(line[end]) {
        end += if line[end] == b'\\' { 2 } else { 1 };
    }
    let end = end.min(line.len());
    let mut value = trim_start(&line[end..]);
    if let [b'=' | b':', rest @ ..] = value {
        value = trim_start(rest);
    }
    (&line[..end], value)
}

fn unescape(text: &[u8]) -> Option<String> {
    // `\uXXXX` is a UTF-16 unit: a character beyond the first plane takes two of them.
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let mut unit = u16::from(*byte);
        if *byte == b'\\' {
            let [escaped, tail @ ..] = rest else { break };
            rest = tail;
            unit = match escaped {
                b't' => 0x09,
                b'n' => 0x0a,
                b'r' => 0x0d,
                b'f' => 0x0c,
                b'u' => {
                    let (digits, tail) = rest.split_at_checked(4)?;
                    rest = tail;
                    digits.iter().try_fold(0, |unit, digit| {
                        Some(unit << 4 | char::from(*digit).to_digit(16)? as u16)
                    })?
                }
                other => u16::from(*other),
            };
        }
        units.push(unit);
    }
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).unwrap().into_iter().collect()
    }

    #[test]
    fn each_form_of_a_line() {
        let cases = [
            ("a=b", "a", "b"),
            ("  a : b ", "a", "b "),
            ("a b c", "a", "b c"),
            ("a\t=\t=b", "a", "=b"),
            ("a", "a", ""),
            ("a\\=b\\ c=d", "a=b c", "d"),
            ("a=b\\\n   c\\\r\n\td", "a", "bcd"),
            ("a=b\\\\\n#c", "a", "b\\"),
            ("a=b\\\n#c", "a", "b#c"),
            ("a=b\\", "a", "b"),
            ("a=\\u00e9\\uD83D\\uDE00\\t\\z", "a", "é\u{1f600}\tz"),
            ("a=1\na=2", "a", "2"),
            ("# c\n! d\n \n\ra=1", "a", "1"),
        ];
        for (text, key, value) in cases {
            assert_eq!(
                pairs(text),
                [(key.to_owned(), value.to_owned())],
                "{text:?}"
            );
        }
        assert_eq!(pairs("#a=\\u\n"), []);
        assert_eq!(parse(b"a=\xe9").unwrap()["a"], "é");
    }

    #[test]
    fn a_cut_escape_is_refused_with_its_line() {
        for text in ["\na=\\u12", "\na=\\u12g4", "\na\\u=1", "#\na=b\\\n\\u1"] {
            assert_eq!(
                parse(text.as_bytes()),
                Err(PropertiesError { line: 2 }),
                "{text:?}"
            );
        }
    }
}
