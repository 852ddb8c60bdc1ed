//! The report as one page: any browser opens it, and it fetches nothing.
//!
//! What can be seen is written here; the script only turns the steps of a counterexample. So the page can be read
//! without it too, and printed.

mod diagram;
mod plot;

use std::fmt::{self, Write as _};

use kraftig_spec::model::{Story, brief};

use crate::report::Report;
use crate::report::{grouped, per_second};

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

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let Report { model, verdict, counterexamples, levels, .. } = report;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        Escaped(verdict),
        Escaped(model),
    );
    page.push_str(&header(report));
    page.push_str(&figures(report));
    page.push_str(&bounds(report));
    for (number, (title, story)) in counterexamples.iter().enumerate() {
        page.push_str(&counterexample(number + 1, title, story));
    }
    if !levels.is_empty() {
        let plot = plot::levels(levels);
        let _ = write!(page, "<section>\n<h2>States by level</h2>\n{plot}</section>\n");
    }
    page.push_str("<div class=\"pair\">\n");
    page.push_str(&properties(&report.properties));
    if !report.landmarks.is_empty() {
        page.push_str(&coverage(&report.landmarks, report.complete));
    }
    page.push_str("</div>\n");
    let _ = write!(page, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

fn header(Report { verdict, sentence, .. }: &Report) -> String {
    let (class, mark) = match verdict.as_str() {
        "clean" => ("good", "✓"),
        "violated" => ("bad", "✕"),
        _ => ("doubt", "!"),
    };
    format!(
        "<header class=\"verdict {class}\">\n<p class=\"brand\">kraftig-check</p>\n\
         <h1><span class=\"mark\" aria-hidden=\"true\">{mark}</span> {}</h1>\n<p class=\"sentence\">{}</p>\n</header>\n",
        Escaped(verdict),
        Escaped(sentence),
    )
}

fn figures(report: &Report) -> String {
    let Report { complete, unique, generated, depth, seconds, threads, peak_bytes, .. } = report;
    let mut text = "<dl class=\"figures\">\n".to_owned();
    let mut figure = |name: &str, value: &str, more: &str| {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{value}</dd><dd>{more}</dd></div>");
    };
    let on = if *threads == 1 { "thread" } else { "threads" };
    let speed = |what: &str, count: u64| {
        format!("{threads} {on}, {} {what}/s", grouped(per_second(count, *seconds)))
    };
    // Who walks at random compares no states.
    let speed = if *unique > 0 {
        let all = if *complete { "all within the bounds" } else { "not all there are" };
        figure("unique states", &grouped(*unique), all);
        figure("generated", &grouped(*generated), "by all steps from each state");
        figure("depth", &grouped(*depth as u64), "steps to the farthest state");
        speed("states", *unique)
    } else {
        figure("generated", &grouped(*generated), "steps of all walks");
        figure("depth", &grouped(*depth as u64), "steps of the longest walk");
        speed("steps", *generated)
    };
    figure("time", &format!("{seconds:.1} s"), &speed);
    figure("memory", &format!("{} MiB", grouped(peak_bytes >> 20)), "at most");
    text.push_str("</dl>\n");
    text
}

fn bounds(report: &Report) -> String {
    let Report { model, network, bounds, mutants, complete, compared, .. } = report;
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
    row("complete", if *complete { "yes: nothing was left to explore" } else { "no" });
    text.push_str("</table>\n</section>\n");
    text
}

fn properties(properties: &[(String, String)]) -> String {
    let mut text = "<section class=\"properties\">\n<h2>Properties</h2>\n<table>\n".to_owned();
    for (name, standing) in properties {
        let (class, mark) = match standing.as_str() {
            "holds" => ("good", "✓"),
            "violated" => ("bad", "✕"),
            _ => ("doubt", "·"),
        };
        let _ = writeln!(
            text,
            "<tr class=\"{class}\"><th scope=\"row\">{}</th><td><span class=\"mark\" aria-hidden=\"true\">{mark}</span> {}</td></tr>",
            Escaped(name),
            Escaped(standing)
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

fn counterexample(number: usize, title: &str, story: &Story) -> String {
    let last = story.steps.len().saturating_sub(1);
    let wide = if story.lanes.len() > diagram::MOST_LANES { " wide" } else { "" };
    let mut text = format!(
        "<section class=\"counterexample{wide}\" id=\"counterexample-{number}\">\n<h2>{}</h2>\n<div class=\"walk\">\n\
         <div class=\"sequence\">\n{}</div>\n<div class=\"panel\">\n\
         <div class=\"controls\"><button type=\"button\" class=\"back\" aria-label=\"one step back\">←</button>\
         <input type=\"range\" min=\"0\" max=\"{last}\" value=\"{}\" aria-label=\"step\">\
         <button type=\"button\" class=\"onward\" aria-label=\"one step on\">→</button>\
         <output></output></div>\n",
        Escaped(title),
        diagram::sequence(title, story),
        last.min(1)
    );
    for step in 0..story.steps.len() {
        text.push_str(&difference(story, step));
    }
    text.push_str("</div>\n</div>\n</section>\n");
    text
}

/// Every lane after a step: one that the step changed field by field, others on a line.
fn difference(story: &Story, step: usize) -> String {
    let told = &story.steps[step];
    let before = step.checked_sub(1).map(|before| &story.steps[before]);
    let mut text = format!(
        "<div class=\"told\" data-step=\"{step}\">\n<p class=\"action\"><b>{step}</b> {}</p>\n",
        Escaped(&told.action)
    );
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

    use super::*;

    const HOSTILE: &str = "</script><script>alert(\"1\")</script> & '<b>";

    fn hostile() -> Report {
        let lanes = vec![HOSTILE.to_owned(), "committed".to_owned()];
        let told = |value: &str| Told {
            action: format!("{HOSTILE}, answer lost; {HOSTILE} crashes"),
            message: Some((0, 1)),
            lanes: vec![vec![("role", value.to_owned())], vec![("", format!("{HOSTILE}{value}"))]],
        };
        let story = Story { lanes, steps: vec![told("one"), told(HOSTILE)] };
        let text = HOSTILE.to_owned();
        Report {
            name: "quorum",
            bounds_machine: serde_json::Value::Null,
            engine: "kraftig",
            compared: String::new(),
            seen_bytes: 0,
            resumed: 0,
            sample: None,
            spilled: 0,
            model: text.clone(),
            network: text.clone(),
            bounds: text.clone(),
            mutants: vec![text.clone()],
            verdict: text.clone(),
            sentence: text.clone(),
            complete: false,
            unique: 2,
            generated: 3,
            depth: 1,
            levels: vec![1, 1],
            seconds: 0.0,
            threads: 1,
            peak_bytes: 0,
            properties: vec![(text.clone(), text.clone())],
            landmarks: vec![(text.clone(), true, 0)],
            counterexamples: vec![(text, story)],
        }
    }

    #[test]
    fn what_comes_from_the_model_is_text() {
        assert_eq!(
            Escaped("<a href=\"'&'\">").to_string(),
            "&lt;a href=&quot;&#39;&amp;&#39;&quot;&gt;"
        );
        let page = page(&hostile());
        assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot;)"), "{page}");
        assert!(!page.contains("alert(\"") && !page.contains("<b>,"), "{page}");
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("</script").count(), 1);
    }

    #[test]
    fn nothing_is_fetched() {
        let page = page(&hostile());
        for word in ["http:", "https:", "://", " src=", "@import", "url("] {
            let found = page.find(word).map(|at| &page[at..page.len().min(at + 60)]);
            assert_eq!(found, None, "{word}");
        }
    }

    #[test]
    fn a_step_shows_what_it_changes_and_from_what() {
        let page = page(&hostile());
        let (start, step) = page.split_once("data-step=\"1\">\n<p class").expect("two steps");
        assert!(!start.contains("<del>"));
        assert!(step.contains(
            "<tr class=\"changed\"><th scope=\"row\">role</th><td><del>one</del> → <ins>&lt;/script"
        ));
    }
}
