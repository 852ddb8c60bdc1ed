//! What breaks something, as a table with a lane for each node.

use std::fmt::Write as _;

use kraftig_spec::model::{Story, Told, brief};
use serde_json::{Value, json};

/// A behaviour that breaks something.
pub(crate) struct Counterexample {
    /// What is broken, and in how many steps.
    pub(crate) title: String,
    /// The start, and each step.
    pub(crate) story: Story,
    /// Of a behaviour without end the step after which its loop begins: the last step leads back to there. If it is the last
    /// itself, nothing happens any more.
    pub(crate) begins: Option<usize>,
}

impl Counterexample {
    /// A path that ends where something is broken.
    pub(crate) fn path(title: String, story: Story) -> Self {
        Self { title, story, begins: None }
    }

    /// Steps from the start to the end of what is told.
    pub(crate) fn last(&self) -> usize {
        self.story.steps.len().saturating_sub(1)
    }

    /// Where the loop begins, if steps go round in it.
    pub(crate) fn round(&self) -> Option<usize> {
        self.begins.filter(|begins| *begins < self.last())
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let Self { title, story: Story { lanes, steps }, begins } = self;
        let part = |steps: &[Told]| Story { lanes: lanes.clone(), steps: steps.to_vec() };
        let Some(begins) = *begins else { return table(title, &self.story) };
        let stem = table(title, &part(&steps[..=begins]));
        let Some(begins) = self.round() else {
            return format!("{stem}\nso it stays for ever: nothing happens any more\n");
        };
        let mut around = part(&steps[begins..]);
        "here it begins".clone_into(&mut around.steps[0].action);
        format!("{stem}\n{}", table_from(begins, "the loop, for ever", &around))
    }

    /// For machines: what happens, step by step.
    pub(crate) fn machine(&self) -> Value {
        let Self { title, story, begins } = self;
        let actions: Vec<_> = story.steps.iter().skip(1).map(|told| &told.action).collect();
        match begins {
            None => json!({ "title": title, "steps": actions }),
            Some(begins) => {
                let (stem, around) = actions.split_at(*begins);
                json!({ "title": title, "stem": stem, "loop": around })
            }
        }
    }
}

/// The path, step by step: what happened, and each lane that it changed.
pub(crate) fn table(title: &str, story: &Story) -> String {
    table_from(0, title, story)
}

/// The same of a path whose first state is that after so many steps.
fn table_from(first: usize, title: &str, story: &Story) -> String {
    let before = [None].into_iter().chain(story.steps.iter().map(Some));
    let steps = before.zip(&story.steps).map(|(before, told)| row(before, told));
    let rows: Vec<_> = [heading(&story.lanes)].into_iter().chain(steps).collect();
    format!("{title}:\n\n{}", render(first, &rows))
}

fn heading(lanes: &[String]) -> Vec<String> {
    let first = [String::new(), "what happens".to_owned()];
    first.into_iter().chain(lanes.iter().cloned()).collect()
}

fn row(before: Option<&Told>, after: &Told) -> Vec<String> {
    let lane = |lane: usize| {
        let same = before.is_some_and(|before| before.lanes[lane] == after.lanes[lane]);
        if same { String::new() } else { brief(&after.lanes[lane]).replacen(" log", "\nlog", 1) }
    };
    let action = after.action.replacen(", ", ",\n", 1).replacen("; ", ";\n", 1);
    let first = [String::new(), action];
    first.into_iter().chain((0..after.lanes.len()).map(lane)).collect()
}

fn render(first: usize, rows: &[Vec<String>]) -> String {
    let columns = rows[0].len();
    let width = |column: usize| {
        let cells = rows.iter().flat_map(|row| row[column].lines());
        cells.map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> =
        (0..columns).map(|column| if column == 0 { 3 } else { width(column) }).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or(1);
        for line in 0..height {
            let mut out = String::new();
            for (column, cell) in row.iter().enumerate() {
                let cell = match (column, number) {
                    (0, 2..) if line == 0 => (first + number - 1).to_string(),
                    _ => cell.lines().nth(line).unwrap_or_default().to_owned(),
                };
                let _ = write!(out, "{cell:<width$}  ", width = widths[column]);
            }
            let _ = writeln!(text, "{}", out.trim_end());
        }
        if number == 0 {
            let total = widths.iter().map(|width| width + 2).sum::<usize>();
            let _ = writeln!(text, "{}", "-".repeat(total.saturating_sub(2)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use kraftig_spec::model::Explorable;
    use kraftig_spec::model::quorum::{Bounds, QuorumModel};

    use super::*;

    #[test]
    fn every_path_can_be_walked_again() {
        let model = QuorumModel::new(Bounds::of((3, 2, 1), Some(1))).unwrap();
        let mut path = vec![model.initial()];
        for step in 0..12 {
            let mut found = model.transitions(&path[step]);
            path.push(found.swap_remove(step * 7 % found.len()).next);
        }
        let story = model.story(&path);

        assert_eq!(story.lanes, ["node 1", "node 2", "node 3", "committed"]);
        assert_eq!(story.steps.len(), 13);
        for steps in story.steps.windows(2) {
            assert_ne!(steps[0].lanes, steps[1].lanes, "{} changes nothing", steps[1].action);
        }
        let table = table("twelve steps", &story);
        // Every step changes something, and says what.
        assert!(table.lines().any(|line| line.starts_with("12 ")), "{table}");
        assert!(table.contains("times out") && table.contains("log ["), "{table}");
    }

    fn told(action: &str, epoch: &str) -> Told {
        let lanes = vec![vec![("epoch", epoch.to_owned())]];
        Told { action: action.to_owned(), message: None, lanes }
    }

    #[test]
    fn a_loop_is_told_apart_from_its_stem() {
        let steps = vec![told("start", "0"), told("a", "1"), told("b", "2"), told("c", "1")];
        let story = Story { lanes: vec!["node 1".to_owned()], steps };
        let title = "never".to_owned();
        let mut it = Counterexample { title, story, begins: Some(1) };
        let wanted = "\
never:

     what happens  node 1
-------------------------
     start         e0
1    a             e1

the loop, for ever:

     what happens    node 1
---------------------------
     here it begins  e1
2    b               e2
3    c               e1
";
        assert_eq!(it.text(), wanted);
        assert_eq!(it.machine(), json!({ "title": "never", "stem": ["a"], "loop": ["b", "c"] }));

        it.begins = Some(3);
        assert_eq!(it.round(), None);
        assert!(it.text().ends_with(
            "3    c             e1\n\nso it stays for ever: nothing happens any more\n"
        ));
        assert_eq!(it.machine()["loop"], json!([]));
    }

    #[test]
    fn what_did_not_change_is_left_out() {
        let told = |action: &str, epoch: &str, log: &str| Told {
            action: action.to_owned(),
            message: None,
            lanes: vec![
                vec![("role", "Leader".into()), ("epoch", epoch.into()), ("log", log.into())],
                vec![("", "[]".to_owned())],
            ],
        };
        let steps = vec![
            told("start", "1", "[|]"),
            told("1 times out; 1 crashes", "2", "[|]"),
            told("1 appends", "2", "[|2:v1]"),
        ];
        let story = Story { lanes: vec!["node 1".to_owned(), "committed".to_owned()], steps };
        let wanted = "\
two steps:

     what happens  node 1       committed
-----------------------------------------
     start         Leader e1    []
                   log [|]
1    1 times out;  Leader e2
     1 crashes     log [|]
2    1 appends     Leader e2
                   log [|2:v1]
";
        assert_eq!(table("two steps", &story), wanted);
    }
}
