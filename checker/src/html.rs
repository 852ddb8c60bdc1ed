//! The report as one page: any browser opens it, and it fetches nothing.
//!
//! What can be seen is written here; the script only turns the steps of a counterexample. So the page can be read
//! without it too, and printed.

mod diagram;
mod plot;

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use kraftig_spec::model::{Story, brief};

use crate::counterexample::Counterexample;
use crate::live::report::LiveReport;
use crate::report::{Cost, Report, Subject, grouped, per_second};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// Nothing is fetched, whatever the page holds.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Text for HTML, in an element or an attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A file for a page. That it cannot be written is better known before the search.
pub(crate) struct Page {
    path: PathBuf,
    file: File,
}

impl Page {
    pub(crate) fn create(path: &Path) -> Result<Self, String> {
        let path = path.to_owned();
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    pub(crate) fn write(mut self, page: &str) -> Result<(), String> {
        self.file.write_all(page.as_bytes()).map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("--html {}: {error}", path.display())
}

/// The whole page of a check.
pub(crate) fn of_check(report: &Report) -> String {
    let Report { subject, verdict, sentence, complete, compared, levels, .. } = report;
    let Report { unique, generated, landmarks, .. } = report;
    let mut page = begin(subject, verdict, sentence);
    let depth = grouped(report.depth as u64);
    // Who walks at random compares no states.
    let (counts, rate) = if *unique > 0 {
        let counts = vec![
            ("unique states", grouped(*unique), seen(*complete)),
            ("generated", grouped(*generated), "by all steps from each state"),
            ("depth", depth, "steps to the farthest state"),
        ];
        (counts, ("states", *unique))
    } else {
        let counts = vec![
            ("generated", grouped(*generated), "steps of all walks"),
            ("depth", depth, "steps of the longest walk"),
        ];
        (counts, ("steps", *generated))
    };
    page.push_str(&figures(&counts, rate, &report.cost));
    page.push_str(&bounds(subject, compared, *complete));
    page.push_str(&counterexamples(&report.counterexamples));
    if !levels.is_empty() {
        let plot = plot::levels(levels);
        let _ = write!(page, "<section>\n<h2>States by level</h2>\n{plot}</section>\n");
    }
    page.push_str("<div class=\"pair\">\n");
    let rows =
        report.properties.iter().map(|(name, standing)| (name.as_str(), standing.as_str(), None));
    page.push_str(&properties("Properties", rows));
    if !landmarks.is_empty() {
        page.push_str(&coverage(landmarks, *complete));
    }
    page.push_str("</div>\n");
    page.push_str(&end());
    page
}

/// The whole page of what is promised.
pub(crate) fn of_live(report: &LiveReport) -> String {
    let LiveReport { subject, verdict, sentence, complete, states, .. } = report;
    let mut page = begin(subject, verdict, sentence);
    let counts = [
        ("states", grouped(*states), seen(*complete)),
        ("edges", grouped(report.edges), "steps that change a state"),
        ("depth", grouped(report.depth as u64), "steps to the farthest state"),
    ];
    page.push_str(&figures(&counts, ("states", *states), &report.cost));
    page.push_str(&bounds(subject, "compared whole", *complete));
    page.push_str(&counterexamples(&report.counterexamples));
    let rows = report.promises.iter().map(|it| (it.name, it.standing, Some(it.owed())));
    page.push_str(&properties("Promises", rows));
    page.push_str(&end());
    page
}

/// The page as far as the verdict.
fn begin(Subject { model, .. }: &Subject, verdict: &str, sentence: &str) -> String {
    let (class, mark) = match verdict {
        "clean" => ("good", "✓"),
        "violated" => ("bad", "✕"),
        _ => ("doubt", "!"),
    };
    let (verdict, sentence) = (Escaped(verdict), Escaped(sentence));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{verdict}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"verdict {class}\">\n<p class=\"brand\">kraftig-check</p>\n\
         <h1><span class=\"mark\" aria-hidden=\"true\">{mark}</span> {verdict}</h1>\n<p class=\"sentence\">{sentence}</p>\n</header>\n",
        Escaped(model),
    )
}

fn end() -> String {
    format!("<script>\n{SCRIPT}</script>\n</body>\n</html>\n")
}

fn seen(complete: bool) -> &'static str {
    if complete { "all within the bounds" } else { "not all there are" }
}

/// What was counted: name, number, and what it is of; then what it took, and how many a second of what that was.
fn figures(
    counts: &[(&str, String, &str)],
    (what, count): (&str, u64),
    Cost { seconds, threads, peak_bytes }: &Cost,
) -> String {
    let mut text = "<dl class=\"figures\">\n".to_owned();
    let mut figure = |name: &str, value: &str, more: &str| {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{value}</dd><dd>{more}</dd></div>");
    };
    for (name, value, more) in counts {
        figure(name, value, more);
    }
    let on = if *threads == 1 { "thread" } else { "threads" };
    let speed = format!("{threads} {on}, {} {what}/s", grouped(per_second(count, *seconds)));
    figure("time", &format!("{seconds:.1} s"), &speed);
    figure("memory", &format!("{} MiB", grouped(peak_bytes >> 20)), "at most");
    text.push_str("</dl>\n");
    text
}

fn bounds(subject: &Subject, compared: &str, complete: bool) -> String {
    let Subject { model, network, bounds, mutants, .. } = subject;
    let mut text = "<section>\n<h2>Bounds</h2>\n<table class=\"bounds\">\n".to_owned();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", Escaped(value));
    };
    row("model", model);
    row("network", network);
    row("bounds", bounds);
    if !mutants.is_empty() {
        row("mutants", &mutants.join(", "));
    }
    if !compared.is_empty() {
        row("states", compared);
    }
    row("complete", if complete { "yes: nothing was left to explore" } else { "no" });
    text.push_str("</table>\n</section>\n");
    text
}

/// How each stands, and what there is to say of it.
fn properties<'a>(
    title: &str,
    rows: impl Iterator<Item = (&'a str, &'a str, Option<String>)>,
) -> String {
    let mut text = format!("<section class=\"properties\">\n<h2>{title}</h2>\n<table>\n");
    for (name, standing, more) in rows {
        let (class, mark) = match standing {
            "holds" | "kept" => ("good", "✓"),
            "violated" | "broken" => ("bad", "✕"),
            _ => ("doubt", "·"),
        };
        let more = more.map(|more| format!("<td class=\"more\">{}</td>", Escaped(&more)));
        let _ = writeln!(
            text,
            "<tr class=\"{class}\"><th scope=\"row\">{}</th><td><span class=\"mark\" aria-hidden=\"true\">{mark}</span> {}</td>{}</tr>",
            Escaped(name),
            Escaped(standing),
            more.unwrap_or_default(),
        );
    }
    text.push_str("</table>\n</section>\n");
    text
}

/// The bars are logarithmic: what happens once should be seen beside what happens a million times.
fn coverage(landmarks: &[(String, bool, u64)], complete: bool) -> String {
    let log = |count: u64| (plot::drawn(count) + 1.0).ln();
    let most = landmarks.iter().map(|(_, _, count)| log(*count)).fold(1.0, f64::max);
    let mut text = "<section class=\"coverage\">\n<h2>Coverage</h2>\n<table>\n".to_owned();
    for (name, required, count) in landmarks {
        let (class, outcome) = match (count, required) {
            (0, true) if complete => ("bad", "not seen".to_owned()),
            (0, true) => ("none", "not yet".to_owned()),
            (0, false) => ("none", "not required".to_owned()),
            (count, _) => ("seen", grouped(*count)),
        };
        let width = 100.0 * log(*count) / most;
        let bar = if *count == 0 {
            String::new()
        } else {
            format!("<i style=\"width:{width:.1}%\"></i>")
        };
        let _ = writeln!(
            text,
            "<tr class=\"{class}\"><th scope=\"row\">{}</th><td class=\"bar\">{bar}</td><td class=\"count\">{outcome}</td></tr>",
            Escaped(name)
        );
    }
    text.push_str("</table>\n<p class=\"note\">How often each was come across; bars are logarithmic.</p>\n</section>\n");
    text
}

fn counterexamples(all: &[Counterexample]) -> String {
    (1..).zip(all).map(|(number, it)| counterexample(number, it)).collect()
}

fn counterexample(number: usize, it: &Counterexample) -> String {
    let (story, last) = (&it.story, it.last());
    let wide = if story.lanes.len() > diagram::MOST_LANES { " wide" } else { "" };
    let (begins, round) = match it.round() {
        Some(begins) => (
            format!(" data-begins=\"{begins}\""),
            format!(
                "<span class=\"round\"><i style=\"left:calc(100% * {begins} / {last})\"></i></span>"
            ),
        ),
        None => Default::default(),
    };
    let mut text = format!(
        "<section class=\"counterexample{wide}\" id=\"counterexample-{number}\"{begins}>\n<h2>{}</h2>\n<div class=\"walk\">\n\
         <div class=\"sequence\">\n{}</div>\n<div class=\"panel\">\n\
         <div class=\"controls\"><button type=\"button\" class=\"back\" aria-label=\"one step back\">←</button>\
         <span class=\"track\"><input type=\"range\" min=\"0\" max=\"{last}\" value=\"{}\" aria-label=\"step\">{round}</span>\
         <button type=\"button\" class=\"onward\" aria-label=\"one step on\">→</button>\
         <output></output></div>\n",
        Escaped(&it.title),
        diagram::sequence(it),
        last.min(1)
    );
    for step in 0..story.steps.len() {
        text.push_str(&difference(it, step));
    }
    text.push_str("</div>\n</div>\n</section>\n");
    text
}

/// What a step is to a behaviour without end.
fn turn(it: &Counterexample, step: usize) -> Option<String> {
    let last = it.last();
    let begins = it.begins.filter(|begins| step == *begins || step == last)?;
    Some(match (step == last, begins == last) {
        (true, true) => diagram::STAYS.to_owned(),
        (true, false) => diagram::closes(begins),
        (false, _) => diagram::opens(last - begins),
    })
}

/// Every lane after a step: one that the step changed field by field, others on a line.
fn difference(it: &Counterexample, step: usize) -> String {
    let story = &it.story;
    let told = &story.steps[step];
    let before = step.checked_sub(1).map(|before| &story.steps[before]);
    let mut text = format!(
        "<div class=\"told\" data-step=\"{step}\">\n<p class=\"action\"><b>{step}</b> {}</p>\n",
        Escaped(&told.action)
    );
    if let Some(turn) = turn(it, step) {
        let _ = writeln!(text, "<p class=\"turn\">{}</p>", Escaped(&turn));
    }
    for (lane, name) in story.lanes.iter().enumerate() {
        let fields = &told.lanes[lane];
        let before = before.map(|before| &before.lanes[lane]);
        if before == Some(fields) {
            let _ = writeln!(
                text,
                "<div class=\"lane\"><h3>{}</h3><p>{}</p></div>",
                Escaped(name),
                Escaped(&brief(fields))
            );
            continue;
        }
        let class = if before.is_some() { " changed" } else { "" };
        let _ = writeln!(text, "<div class=\"lane{class}\"><h3>{}</h3><table>", Escaped(name));
        for (at, (field, value)) in fields.iter().enumerate() {
            let old = before.and_then(|before| before.get(at)).map(|(_, old)| old.as_str());
            if ever(story, lane, at) {
                text.push_str(&row(field, old, value));
            }
        }
        text.push_str("</table></div>\n");
    }
    text.push_str("</div>\n");
    text
}

/// Whether the field has a value anywhere in the story; others would only be in the way.
fn ever(story: &Story, lane: usize, field: usize) -> bool {
    let values = story.steps.iter().filter_map(|told| told.lanes[lane].get(field));
    values.into_iter().any(|(_, value)| !value.is_empty())
}

fn row(field: &str, old: Option<&str>, value: &str) -> String {
    let shown =
        |value: &str| if value.is_empty() { "–".to_owned() } else { Escaped(value).to_string() };
    let changed = old.filter(|old| *old != value);
    let name = match field {
        "" => "<td colspan=\"2\">".to_owned(),
        field => format!("<th scope=\"row\">{}</th><td>", Escaped(field)),
    };
    match changed {
        Some(old) => format!(
            "<tr class=\"changed\">{name}<del>{}</del> → <ins>{}</ins></td></tr>\n",
            shown(old),
            shown(value)
        ),
        None => format!("<tr>{name}{}</td></tr>\n", shown(value)),
    }
}

#[cfg(test)]
mod tests {
    use kraftig_spec::model::Told;

    use crate::live::report::Promised;

    use super::*;

    const HOSTILE: &str = "</script><script>alert(\"1\")</script> & '<b>";

    fn counterexample(title: &str) -> Counterexample {
        let lanes = vec![HOSTILE.to_owned(), "committed".to_owned()];
        let told = |value: &str| Told {
            action: format!("{HOSTILE}, answer lost; {HOSTILE} crashes"),
            message: Some((0, 1)),
            lanes: vec![vec![("role", value.to_owned())], vec![("", format!("{HOSTILE}{value}"))]],
        };
        let steps = vec![told("one"), told(HOSTILE), told("three"), told(HOSTILE)];
        Counterexample::path(title.to_owned(), Story { lanes, steps })
    }

    fn subject() -> Subject {
        let text = HOSTILE.to_owned();
        Subject {
            name: "quorum",
            model: text.clone(),
            network: text.clone(),
            bounds: text.clone(),
            bounds_machine: serde_json::Value::Null,
            mutants: vec![text],
            left_out: Vec::new(),
        }
    }

    const COST: Cost = Cost { seconds: 0.0, threads: 1, peak_bytes: 0 };

    fn check() -> String {
        let text = HOSTILE.to_owned();
        of_check(&Report {
            subject: subject(),
            engine: "kraftig",
            compared: String::new(),
            seen_bytes: 0,
            resumed: 0,
            sample: None,
            spilled: 0,
            verdict: text.clone(),
            sentence: text.clone(),
            complete: false,
            unique: 2,
            generated: 3,
            depth: 1,
            levels: vec![1, 1],
            cost: COST,
            properties: vec![(text.clone(), text.clone())],
            landmarks: vec![(text, true, 0)],
            counterexamples: vec![counterexample(HOSTILE)],
        })
    }

    /// A page of what is promised, where the loop begins after so many of three steps.
    fn live(begins: usize) -> String {
        let broken = Counterexample { begins: Some(begins), ..counterexample(HOSTILE) };
        of_live(&LiveReport {
            subject: subject(),
            verdict: "violated",
            sentence: HOSTILE,
            complete: true,
            states: 3,
            edges: 3,
            depth: 2,
            cost: COST,
            graph_bytes: 0,
            promises: vec![Promised { name: HOSTILE, standing: "broken", owed: 1 }],
            counterexamples: vec![broken],
        })
    }

    #[test]
    fn what_comes_from_the_model_is_text() {
        assert_eq!(
            Escaped("<a href=\"'&'\">").to_string(),
            "&lt;a href=&quot;&#39;&amp;&#39;&quot;&gt;"
        );
        for page in [check(), live(1), live(3)] {
            assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot;)"), "{page}");
            assert!(!page.contains("alert(\"") && !page.contains("<b>,"), "{page}");
            assert_eq!(page.matches("<script").count(), 1);
            assert_eq!(page.matches("</script").count(), 1);
        }
    }

    #[test]
    fn nothing_is_fetched() {
        for page in [check(), live(1)] {
            for word in ["http:", "https:", "://", " src=", "@import", "url("] {
                let found = page.find(word).map(|at| &page[at..page.len().min(at + 60)]);
                assert_eq!(found, None, "{word}");
            }
        }
    }

    #[test]
    fn a_step_shows_what_it_changes_and_from_what() {
        let page = check();
        let (start, step) = page.split_once("data-step=\"1\">\n<p class").expect("two steps");
        assert!(!start.contains("<del>"));
        assert!(step.contains(
            "<tr class=\"changed\"><th scope=\"row\">role</th><td><del>one</del> → <ins>&lt;/script"
        ));
    }

    #[test]
    fn a_loop_is_marked_where_it_begins_and_where_it_closes() {
        let turns = |page: &str| {
            let told = page.split("<div class=\"told\"").skip(1);
            told.map(|step| step.contains("<p class=\"turn\">")).collect::<Vec<_>>()
        };
        let page = live(1);
        assert!(
            page.contains(" data-begins=\"1\">") && page.contains("left:calc(100% * 1 / 3)"),
            "{page}"
        );
        assert_eq!(turns(&page), [false, true, false, true]);
        assert_eq!(page.matches("class=\"turn\"").count(), 4, "two told, two drawn");
        assert_eq!(page.matches("class=\"around\"").count(), 1);
        // Nothing happens any more: there is nothing to go round in.
        let page = live(3);
        assert!(!page.contains("data-begins=") && !page.contains("class=\"around\""), "{page}");
        assert_eq!(turns(&page), [false, false, false, true]);
        assert_eq!(turns(&check()), [false; 4]);
    }
}
