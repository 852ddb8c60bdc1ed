//! A story as a sequence diagram: a lane for each node, time from top to bottom.
//!
//! What does not follow from a story's shape is taken from its words: `answer lost`, `answered` and `brings` of a request
//! whose answer comes in the same step, `its answer` or a name that ends in `Response` of an answer, `is sent` and `is lost`
//! of what does not arrive in it, and `N crashes`.

use std::fmt::Write as _;

use kraftig_spec::model::{Story, Told, brief};

use super::Escaped;
use crate::counterexample::Counterexample;

/// More do not fit beside the differences.
pub(super) const MOST_LANES: usize = 5;

/// Where the lanes begin: the text of a step stands before.
const TEXT: usize = 232;
const LANE: usize = 112;
const LINE: usize = 15;
/// Of what is said of a loop.
const TURN: usize = 26;
/// Letters of the text on a line, and of what stands in a lane.
const LETTERS: usize = 28;
const SHORT: usize = 15;
/// Letters of an arrow's name, which has no box around it.
const NAME: usize = 16;

const LEGEND: &str = "<p class=\"note legend\">\
    <span><svg viewBox=\"0 0 30 10\"><path class=\"way\" d=\"M0 5H28\"/><path class=\"tip\" d=\"M30 5 22 1V9Z\"/></svg> request</span> \
    <span><svg viewBox=\"0 0 30 10\"><path class=\"way answer\" d=\"M0 5H28\"/><path class=\"tip\" d=\"M30 5 22 1V9Z\"/></svg> answer</span> \
    <span><svg viewBox=\"-15 -5 30 10\"><path class=\"way answer\" d=\"M-15 0H0\"/><path class=\"cross\" d=\"M-4-4 4 4M-4 4 4-4\"/></svg> lost</span> \
    <span><svg viewBox=\"-8 -8 16 16\"><path class=\"bolt\" d=\"M2-8-5 1H-1L-2 8 5-1H1Z\"/></svg> crash</span> \
    <span><svg viewBox=\"-8 -8 16 16\"><circle class=\"dot\" r=\"3.5\"/></svg> other fields changed</span></p>\n";

/// What is said where a behaviour comes to its last state.
pub(super) const STAYS: &str = "so it stays for ever: nothing happens any more";

/// What is said where a loop of so many steps begins.
pub(super) fn opens(steps: usize) -> String {
    format!("from here it goes round for ever, {steps} steps each time")
}

/// What is said where a loop closes that began after a step.
pub(super) fn closes(begins: usize) -> String {
    format!("all is as after step {begins}: on with step {}", begins + 1)
}

/// The names of the lanes, under them each step, and what the marks mean. A bracket holds the steps of a loop together.
pub(super) fn sequence(it: &Counterexample) -> String {
    let Counterexample { title, story, begins } = it;
    let (last, round) = (it.last(), it.round());
    let width = TEXT + LANE * story.lanes.len();
    let (mut steps, mut bottom, mut opened) = (String::new(), 0, 0);
    for step in 0..story.steps.len() {
        let ends = step == last && step > 0 && round.is_none();
        bottom = draw(&mut steps, story, step, bottom, width, ends);
        if round == Some(step) {
            opened = bottom + TURN / 2;
            bottom = turn(&mut steps, &opens(last - step), bottom, width);
        }
    }
    match (round, begins) {
        (Some(begins), _) => {
            let closed = bottom + TURN / 2;
            bottom = turn(&mut steps, &closes(begins), bottom, width);
            let _ = writeln!(
                steps,
                "<path class=\"around\" d=\"M26 {closed}H3V{opened}H18\"/><path class=\"point\" d=\"M27 {opened} 18 {}V{}Z\"/>",
                opened - 5,
                opened + 5
            );
        }
        (None, Some(_)) => bottom = turn(&mut steps, STAYS, bottom, width),
        (None, None) => {}
    }
    let (mut heads, mut lives) = (String::new(), String::new());
    for (lane, name) in story.lanes.iter().enumerate() {
        let x = middle(lane);
        let _ = writeln!(
            heads,
            "<g class=\"lane\"><rect x=\"{}\" y=\"4\" width=\"{}\" height=\"24\" rx=\"5\"/><text x=\"{x}\" y=\"20.5\">{}</text></g>",
            x - LANE / 2 + 5,
            LANE - 10,
            Escaped(&short(name, SHORT))
        );
        let _ = writeln!(lives, "<path class=\"life\" d=\"M{x} 0V{bottom}\"/>");
    }
    format!(
        "<div>\n<svg class=\"head\" viewBox=\"0 0 {width} 32\" style=\"max-width:{width}px\" aria-hidden=\"true\">\n{heads}</svg>\n\
         <svg class=\"diagram\" viewBox=\"0 0 {width} {bottom}\" style=\"max-width:{width}px\" role=\"img\" aria-label=\"{}\">\n{lives}{steps}</svg>\n</div>\n\
         {LEGEND}",
        Escaped(title)
    )
}

/// Says across all lanes what a behaviour without end does here, and where that ends.
fn turn(svg: &mut String, text: &str, top: usize, width: usize) -> usize {
    let _ = writeln!(
        svg,
        "<g class=\"turn\"><rect y=\"{top}\" width=\"{width}\" height=\"{TURN}\"/><text x=\"34\" y=\"{}\">{}</text></g>",
        top + TURN / 2 + 4,
        Escaped(text)
    );
    top + TURN
}

fn middle(lane: usize) -> usize {
    TEXT + LANE * lane + LANE / 2
}

/// Draws a step from `top` on, and says where it ends. With one that `ends` all something is broken.
fn draw(
    svg: &mut String,
    story: &Story,
    step: usize,
    top: usize,
    width: usize,
    ends: bool,
) -> usize {
    let told = &story.steps[step];
    let clauses = told.action.split_inclusive(';');
    let text: Vec<_> = clauses.flat_map(|clause| wrapped(clause, LETTERS)).collect();
    let (event, tall) = match told.message {
        Some(ends) => message(&told.action, ends, &crashed(story, told), top),
        None if step > 0 => alone(story, told, step, top),
        None => (String::new(), 0),
    };
    let marks_at = top + 10 + tall;
    let marks = changed(story, step, marks_at);
    let marked = if marks.is_empty() { 0 } else { 24 };
    let height = (16 + LINE * text.len()).max(12 + tall + marked).max(38);
    let last = if ends { " last" } else { "" };
    let _ = writeln!(
        svg,
        "<g class=\"step{last}\" data-step=\"{step}\"><rect class=\"hit\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>"
    );
    if step > 0 {
        let _ = write!(svg, "<text class=\"number\" x=\"24\" y=\"{}\">{step}</text>", top + 21);
    }
    for (line, text) in text.iter().enumerate() {
        let y = top + 21 + LINE * line;
        let _ = write!(svg, "<text class=\"what\" x=\"34\" y=\"{y}\">{}</text>", Escaped(text));
    }
    let _ = writeln!(svg, "{event}{marks}</g>");
    top + height
}

/// An arrow, the answer under it, and who crashed meanwhile; with the room that they take.
fn message(
    action: &str,
    (from, to): (usize, usize),
    crashed: &[usize],
    top: usize,
) -> (String, usize) {
    let (start, end) = (middle(from), middle(to));
    let y = top + 26;
    let answer = action.contains("its answer") || kind(action).ends_with("Response");
    let stops = action.contains("is sent");
    let lost = action.contains("is lost");
    let mut svg = arrow(start, end, y, answer, stops || lost, lost);
    let _ = write!(
        svg,
        "<text class=\"kind\" x=\"{}\" y=\"{}\">{}</text>",
        usize::midpoint(start, end),
        y - 6,
        Escaped(&short(kind(action), NAME))
    );
    let answer_lost = action.contains("answer lost");
    let answered = action.contains("answered") || action.contains("brings");
    let replies = !answer && !action.contains("arrives") && (answered || answer_lost);
    if replies {
        svg.push_str(&arrow(end, start, y + 16, true, answer_lost, answer_lost));
    }
    for lane in crashed {
        // Who is asked crashes as the request comes, who asks as the answer does; both beside their lanes.
        let outside: isize = if (*lane == to) == (end > start) { 12 } else { -12 };
        let x = middle(*lane).saturating_add_signed(outside);
        svg.push_str(&bolt(x, if *lane == from && replies { y + 16 } else { y }));
    }
    (svg, if replies { 42 } else { 26 })
}

/// What a message is called: the word before `1 -> 2`, or else the first that names nobody.
fn kind(action: &str) -> &str {
    let before = action.split_once(" -> ").and_then(|(before, _)| before.rsplit(' ').nth(1));
    let first = || action.split(' ').find(|word| word.parse::<u64>().is_err());
    before.or_else(first).unwrap_or_default()
}

/// A line with a tip; one that ends halfway with `stops`, and there with a cross if it is `lost`.
fn arrow(start: usize, end: usize, y: usize, back: bool, stops: bool, lost: bool) -> String {
    let tip = if stops { usize::midpoint(start, end) } else { end };
    let class = if back { "way answer" } else { "way" };
    let barb = if end > start { tip - 8 } else { tip + 8 };
    let mut svg =
        format!("<path class=\"{class}\" d=\"M{start} {y}H{}\"/>", if lost { tip } else { barb });
    if lost {
        let (left, right, up, down) = (tip - 5, tip + 5, y - 5, y + 5);
        let _ = write!(
            svg,
            "<path class=\"cross\" d=\"M{left} {up} {right} {down}M{left} {down} {right} {up}\"/>"
        );
    } else {
        let _ = write!(svg, "<path class=\"tip\" d=\"M{tip} {y} {barb} {}V{}Z\"/>", y - 4, y + 4);
    }
    svg
}

fn bolt(x: usize, y: usize) -> String {
    format!(
        "<path class=\"bolt\" transform=\"translate({x} {y})\" d=\"M2-8-5 1H-1L-2 8 5-1H1Z\"><title>a crash</title></path>"
    )
}

/// A box in the lane of who acts alone, with the room that it takes.
fn alone(story: &Story, told: &Told, step: usize, top: usize) -> (String, usize) {
    let (first, rest) = told.action.split_once(' ').unwrap_or(("", &told.action));
    let before = &story.steps[step - 1];
    let named = lane(story, first);
    let moved = || (0..story.lanes.len()).find(|lane| before.lanes[*lane] != told.lanes[*lane]);
    let Some(actor) = named.or_else(moved) else { return (String::new(), 0) };
    let text = if named.is_some() { rest } else { &told.action };
    let lines = wrapped(text.split(';').next().unwrap_or_default(), SHORT);
    let (x, tall) = (middle(actor), 8 + 14 * lines.len());
    let crashes = crashed(story, told).contains(&actor);
    let class = if crashes { "own crash" } else { "own" };
    let mut svg = format!(
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{tall}\" rx=\"4\"/>",
        x - LANE / 2 + 3,
        top + 8,
        LANE - 6
    );
    for (line, text) in lines.iter().enumerate() {
        let y = top + 22 + 14 * line;
        let _ = write!(svg, "<text class=\"in\" x=\"{x}\" y=\"{y}\">{}</text>", Escaped(text));
    }
    if crashes {
        svg.push_str(&bolt(x + LANE / 2 - 3, top + 8));
    }
    (svg, tall + 2)
}

/// In each lane that the step changed what it is now, if that is what changed, or a dot.
fn changed(story: &Story, step: usize, top: usize) -> String {
    let told = &story.steps[step];
    let mut svg = String::new();
    for lane in 0..story.lanes.len() {
        let fields = &told.lanes[lane];
        let before = step.checked_sub(1).map(|before| &story.steps[before].lanes[lane]);
        if before == Some(fields) {
            continue;
        }
        // What stands alone in its lane, or the first two: role and epoch.
        let most = if fields.first().is_some_and(|(name, _)| name.is_empty()) { 1 } else { 2 };
        let head = fields.len().min(most);
        let (x, y) = (middle(lane), top + 13);
        if before.is_some_and(|before| before[..head] == fields[..head]) {
            let _ = write!(svg, "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>");
            continue;
        }
        let whole = match brief(&fields[..head]) {
            nothing if nothing.is_empty() => "–".to_owned(),
            something => something,
        };
        let _ = write!(
            svg,
            "<g class=\"now\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"18\" rx=\"9\"/><text x=\"{x}\" y=\"{}\">{}</text></g>",
            Escaped(&whole),
            x - LANE / 2 + 3,
            y - 9,
            LANE - 6,
            y + 4,
            Escaped(&short(&whole, SHORT))
        );
    }
    svg
}

/// The lane that has this name, or a name that ends so.
fn lane(story: &Story, name: &str) -> Option<usize> {
    story.lanes.iter().position(|lane| lane == name || lane.rsplit(' ').next() == Some(name))
}

fn crashed(story: &Story, told: &Told) -> Vec<usize> {
    let who = |clause: &str| {
        let mut words = clause.split_whitespace();
        let name = words.next()?;
        (words.next()? == "crashes").then(|| lane(story, name))?
    };
    told.action.split([';', ',']).filter_map(who).collect()
}

/// So many letters of a text; of a list its end, where the new is.
fn short(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let Some(beyond) = letters.len().checked_sub(most).filter(|beyond| *beyond > 0) else {
        return text.to_owned();
    };
    if text.starts_with('[') {
        ['…'].iter().chain(&letters[beyond + 1..]).collect()
    } else {
        letters[..most - 1].iter().chain(&['…']).collect()
    }
}

/// The text on lines of so many letters; a longer word is cut.
fn wrapped(text: &str, letters: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let line = lines.last_mut().expect("one from the first");
            let used = line.chars().count() + usize::from(!line.is_empty());
            if used + word.len() <= letters || line.is_empty() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.extend(word.drain(..word.len().min(letters - used)));
            } else {
                lines.push(String::new());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(action: &str, message: Option<(usize, usize)>, role: &str) -> Told {
        let node = |role: &str| vec![("role", role.to_owned()), ("log", "[|]".to_owned())];
        let lanes = vec![node(role), node("Follower"), vec![("", "[1:L1]".to_owned())]];
        Told { action: action.to_owned(), message, lanes }
    }

    fn drawn(steps: Vec<Told>) -> String {
        let lanes = vec!["node 1".to_owned(), "node 2".to_owned(), "committed".to_owned()];
        let svg = sequence(&Counterexample::path("a way".to_owned(), Story { lanes, steps }));
        svg.split_once(LEGEND).expect("a legend").0.to_owned()
    }

    #[test]
    fn arrows_say_what_arrives() {
        let count = |action: &str| {
            let svg = drawn(vec![told("start", None, ""), told(action, Some((0, 1)), "Leader")]);
            ["\"way\"", "\"way answer\"", "\"tip\"", "\"cross\"", "\"bolt\""]
                .map(|class| svg.matches(class).count())
        };
        assert_eq!(count("Vote 1 -> 2, answered"), [1, 1, 2, 0, 0]);
        assert_eq!(count("Vote 1 -> 2, answer lost"), [1, 1, 1, 1, 0]);
        assert_eq!(
            count("Fetch 1 -> 2, brings 2; 1 crashes after effect 1 and keeps 0"),
            [1, 1, 2, 0, 1]
        );
        assert_eq!(count("Vote 1 -> 2 is sent"), [1, 0, 1, 0, 0]);
        assert_eq!(count("Vote 1 -> 2 is lost"), [1, 0, 0, 1, 0]);
        assert_eq!(count("Vote 1 -> 2 arrives, answered"), [1, 0, 1, 0, 0]);
        assert_eq!(count("Vote 1 -> 2: its answer arrives"), [0, 1, 1, 0, 0]);
        assert_eq!(count("Vote 1 -> 2: its answer is lost"), [0, 1, 0, 1, 0]);
    }

    #[test]
    fn messages_have_names() {
        assert_eq!(kind("PreVote 1 -> 3: its answer arrives; 1 crashes"), "PreVote");
        assert_eq!(kind("HandleVoteResponse: VoteResponse 1 -> 2, epoch 2"), "VoteResponse");
        assert_eq!(kind("1 loads the snapshot up to 2 from 3"), "loads");
        assert_eq!(kind(""), "");
    }

    #[test]
    fn who_acts_alone_has_a_box() {
        let svg =
            drawn(vec![told("start", None, ""), told("2 crashes, keeps 0, restarts", None, "")]);
        assert!(svg.contains("\"own crash\"") && svg.contains("\"bolt\""), "{svg}");
        assert!(svg.contains(">crashes, keeps<") && svg.contains(">0, restarts<"), "{svg}");
        assert_eq!(svg.matches("class=\"step").count(), 2);
        assert_eq!(svg.matches("class=\"lane\"").count(), 3);
    }

    #[test]
    fn texts_fit() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a very-long-word", 6), ["a", "very-l", "ong-wo", "rd"]);
        assert_eq!(wrapped("", 6), [""]);
        assert_eq!(short("[1:L1 1:v1 1:v2 2:L2]", 15), "…:v1 1:v2 2:L2]");
        assert_eq!(short("BeginQuorumEpoch", 16), "BeginQuorumEpoch");
        assert_eq!(short("Prospective epoch 1", 15), "Prospective ep…");
    }
}
