//! A path of the search as a table with a lane for each node.

use std::fmt::Write as _;

use kraftig_spec::model::{Story, Told, brief};

/// The path, step by step: what happened, and each lane that it changed.
pub(crate) fn table(title: &str, story: &Story) -> String {
    let before = [None].into_iter().chain(story.steps.iter().map(Some));
    let steps = before.zip(&story.steps).map(|(before, told)| row(before, told));
    let rows: Vec<_> = [heading(&story.lanes)].into_iter().chain(steps).collect();
    format!("{title}:\n\n{}", render(&rows))
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

fn render(rows: &[Vec<String>]) -> String {
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
                    (0, 2..) if line == 0 => (number - 1).to_string(),
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
