//! Java's properties text, as `java.util.Properties` loads and stores it: comments, continuation lines,
//! separators and escapes. `meta.properties` is written in it.

use std::fmt::Write as _;

/// Why a text is no properties file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: '\\u' must be followed by four hexadecimal digits")]
pub struct PropertiesError {
    /// The line, counted from 1.
    pub line: usize,
}

/// One key and its value, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The key, escapes resolved.
    pub key: String,
    /// The value, escapes resolved; trailing blanks belong to it.
    pub value: String,
}

const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// Reads all properties of `text`; a key that occurs twice is returned twice (the last one counts).
pub fn parse(text: &str) -> Result<Vec<Property>, PropertiesError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = text.split('\n').zip(1..);
    let mut properties = Vec::new();
    while let Some((first, line)) = lines.next() {
        let first = first.trim_start_matches(BLANK);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_in_escape(&logical) {
            logical.pop();
            let Some((next, _)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(BLANK));
        }
        let (key, value) = split(&logical);
        properties.push(Property {
            line,
            key: unescape(key, line)?,
            value: unescape(value, line)?,
        });
    }
    Ok(properties)
}

/// Whether the line goes on: it ends in an odd number of backslashes.
fn ends_in_escape(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

/// The key ends at the first unescaped blank, `=` or `:`; one `=` or `:` and the blanks around it part the two.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || BLANK.contains(&c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANK);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(BLANK))
}

/// Resolves `\t`, `\n`, `\r`, `\f`, `\uXXXX` (UTF-16, so a pair may make one character) and `\c` for any other `c`.
fn unescape(text: &str, line: usize) -> Result<String, PropertiesError> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits = chars.as_str().get(..4).ok_or(PropertiesError { line })?;
                    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return Err(PropertiesError { line });
                    }
                    units.push(
                        u16::from_str_radix(digits, 16).map_err(|_| PropertiesError { line })?,
                    );
                    chars = chars.as_str()[4..].chars();
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            c => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    Ok(String::from_utf16_lossy(&units))
}

/// Appends the line `key=value`, escaped as `Properties.store` does for a character stream.
pub fn store(out: &mut String, key: &str, value: &str) {
    escape(out, key, true);
    out.push('=');
    escape(out, value, false);
    out.push('\n');
}

fn escape(out: &mut String, text: &str, every_space: bool) {
    for (index, c) in text.chars().enumerate() {
        match c {
            ' ' if index == 0 || every_space => out.push_str("\\ "),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '=' | ':' | '#' | '!' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
}

/// Appends the comment lines that Kafka's files begin with: an empty one, and the time (`Date.toString` in UTC).
pub fn store_header(out: &mut String, unix_seconds: i64) {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = unix_seconds.div_euclid(86_400);
    let second = unix_seconds.rem_euclid(86_400);
    // Civil date from days since 1970-01-01, in years that begin in March, so that the leap day is the last one.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    let year = era * 400 + year_of_era + i64::from(month < 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let weekday = DAYS[days.rem_euclid(7) as usize];
    let month = MONTHS[month as usize];
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "#\n#{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_as_java_does() {
        let text = "# comment\n! too\n\n  a = 1 \r\nb:2\rc 3\nd\\=e\\ f==g\nlong=one,\\\n   two\\\\\nempty\nu=\\u0041\\ud83d\\ude00\\q\nlast=\\";
        let found: Vec<(String, String)> =
            parse(text).unwrap().into_iter().map(|p| (p.key, p.value)).collect();
        let expected = [
            ("a", "1 "),
            ("b", "2"),
            ("c", "3"),
            ("d=e f", "=g"),
            ("long", "one,two\\"),
            ("empty", ""),
            ("u", "A\u{1f600}q"),
            ("last", ""),
        ];
        assert_eq!(found, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(parse("a=1\nb=\\u00g1"), Err(PropertiesError { line: 2 }));
        assert_eq!(parse("b=\\u00"), Err(PropertiesError { line: 1 }));
    }

    #[test]
    fn stores_as_java_does() {
        // Printed by java.util.Properties.store of Java 17.
        let mut out = String::new();
        store(&mut out, "directory.id", " x y");
        store(&mut out, "cluster.id", "a b=:#!\\\té中");
        assert_eq!(out, "directory.id=\\ x y\ncluster.id=a b\\=\\:\\#\\!\\\\\\té中\n");
        let values: Vec<String> = parse(&out).unwrap().into_iter().map(|p| p.value).collect();
        assert_eq!(values, [" x y", "a b=:#!\\\té中"]);
    }

    #[test]
    fn dates_are_javas() {
        let header = |seconds| {
            let mut out = String::new();
            store_header(&mut out, seconds);
            out
        };
        assert_eq!(header(0), "#\n#Thu Jan 01 00:00:00 UTC 1970\n");
        assert_eq!(header(1_795_322_002), "#\n#Sun Nov 22 04:33:22 UTC 2026\n");
        assert_eq!(header(951_782_400), "#\n#Tue Feb 29 00:00:00 UTC 2000\n");
        assert_eq!(header(4_107_542_399), "#\n#Sun Feb 28 23:59:59 UTC 2100\n");
    }
}
