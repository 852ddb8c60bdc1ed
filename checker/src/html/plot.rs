//! New states of each level as bars.

use std::fmt::Write as _;

use crate::report::grouped;

const WIDTH: f64 = 1160.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 36.0;
/// A label over or under a bar needs so much room.
const LABEL: f64 = 38.0;

/// A bar for each level, and a sentence about them.
pub(super) fn levels(levels: &[u64]) -> String {
    let most = levels.iter().copied().max().unwrap_or(1).max(1);
    let peak = levels.iter().position(|count| *count == most).unwrap_or(0);
    let slot = (WIDTH - LEFT) / drawn(levels.len().max(1) as u64);
    let bar = (slot * 0.76).min(56.0);
    let base = HEIGHT - BOTTOM;
    let height = |count: u64| (base - TOP) * drawn(count) / drawn(most);
    let mut svg = format!(
        "<svg class=\"levels\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"New states of each level\">\n"
    );
    for tick in ticks(most) {
        let y = base - height(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            compact(tick)
        );
    }
    let every = (LABEL * 0.65 / slot).ceil().max(1.0) as usize;
    for (level, count) in levels.iter().enumerate() {
        let middle = LEFT + slot * (drawn(level as u64) + 0.5);
        // A level has at least one state, and one state should be seen.
        let tall = height(*count).max(1.5);
        let _ = write!(
            svg,
            "<g class=\"level\"><title>level {level}: {} new states</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{bar:.1}\" height=\"{tall:.1}\" rx=\"1.5\"/>",
            grouped(*count),
            middle - bar / 2.0,
            base - tall
        );
        if slot >= LABEL || level == peak {
            let y = base - tall - 6.0;
            let _ = write!(
                svg,
                "<text class=\"value\" x=\"{middle:.1}\" y=\"{y:.1}\">{}</text>",
                compact(*count)
            );
        }
        if level % every == 0 {
            let _ = write!(
                svg,
                "<text class=\"name\" x=\"{middle:.1}\" y=\"{:.1}\">{level}</text>",
                base + 16.0
            );
        }
        svg.push_str("</g>\n");
    }
    let _ = writeln!(
        svg,
        "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\">steps from the initial state</text>\n</svg>",
        f64::midpoint(LEFT, WIDTH),
        HEIGHT - 3.0
    );
    let _ = writeln!(
        svg,
        "<p class=\"note\">{} levels; most new states in level {peak}: {}.</p>",
        levels.len(),
        grouped(most)
    );
    svg
}

/// A number to draw with.
#[allow(clippy::cast_precision_loss, reason = "a pixel is far less exact")]
pub(super) fn drawn(number: u64) -> f64 {
    number as f64
}

/// Up to five round numbers up to `most`, the largest first.
fn ticks(most: u64) -> Vec<u64> {
    let mut step = 1;
    while most / step > 5 {
        // 1, 2, 5, 10, 20, 50 ...
        step = if step.to_string().starts_with('2') { step / 2 * 5 } else { step * 2 };
    }
    (0..=most / step).rev().map(|tick| tick * step).collect()
}

/// `1234567` as `1.2M`; up to four digits are left as they are.
fn compact(number: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| number >= *unit) else {
        return number.to_string();
    };
    match (number / unit, number % unit * 10 / unit) {
        _ if number < 10_000 => grouped(number),
        (whole @ 0..=9, tenth @ 1..) => format!("{whole}.{tenth}{name}"),
        (whole, _) => format!("{whole}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let numbers = [0, 999, 1_000, 1_250, 12_345, 1_999_999, 3_000_000_000];
        assert_eq!(numbers.map(compact), ["0", "999", "1,000", "1,250", "12k", "1.9M", "3G"]);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(1), [1, 0]);
        assert_eq!(ticks(9), [8, 6, 4, 2, 0]);
        assert_eq!(ticks(1_234), [1_000, 500, 0]);
    }

    #[test]
    fn a_bar_for_each_level() {
        let svg = levels(&[1, 3, 7, 2]);
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains("4 levels; most new states in level 2: 7."), "{svg}");
    }
}
