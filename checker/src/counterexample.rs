//! A path of the search as a table with a lane for each node.

use std::fmt::Write as _;

use kraftig_spec::model::quorum::{Packed, QuorumModel, World};

/// The path, step by step: what happened, and each node that it changed.
///
/// The states of a path are canonical: node 1 of one may be node 2 of the next. So the path is walked
/// again from the start, each time to a world of which the next state is the canonical form.
pub(crate) fn table(model: &QuorumModel, title: &str, path: &[Packed]) -> String {
    let mut world = model.initial_world();
    let nodes = world.nodes.len();
    let mut rows = vec![heading(nodes), row("start".to_owned(), None, &world)];
    for next in &path[1..] {
        let successors = model.successors(&world).into_iter();
        let step = successors
            .map(|step| (Packed::canonical(&step.world, step.violations), step))
            .find_map(|(canonical, step)| (canonical == *next).then_some(step))
            .expect("a path is made of steps");
        let action = step.action.to_string();
        let action = action.replacen(", ", ",\n", 1).replacen("; ", ";\n", 1);
        rows.push(row(action, Some(&world), &step.world));
        world = step.world;
    }
    format!("{title}:\n\n{}", render(&rows))
}

fn heading(nodes: usize) -> Vec<String> {
    let lanes = (1..=nodes).map(|node| format!("node {node}"));
    [String::new(), "what happens".to_owned()]
        .into_iter()
        .chain(lanes)
        .chain(["committed".to_owned()])
        .collect()
}

fn row(action: String, before: Option<&World>, after: &World) -> Vec<String> {
    let lane = |node: usize| {
        let same = before.is_some_and(|before| before.nodes[node] == after.nodes[node]);
        if same {
            String::new()
        } else {
            after.nodes[node].to_string().replacen(" log", "\nlog", 1)
        }
    };
    let same = before.is_some_and(|before| before.committed == after.committed);
    let committed = if same { String::new() } else { after.committed_text() };
    [String::new(), action]
        .into_iter()
        .chain((0..after.nodes.len()).map(lane))
        .chain([committed])
        .collect()
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
    use kraftig_spec::model::quorum::Bounds;

    use super::*;
    use crate::search::search;

    #[test]
    fn every_path_can_be_walked_again() {
        let bounds = Bounds {
            nodes: 3,
            voters: None,
            epochs: 2,
            values: 1,
            crashes: Some(1),
            resign: true,
            snapshots: false,
        };
        let model = QuorumModel::new(bounds).unwrap();
        let found = search(&model, 1, Some(12), |_| {});
        let path = found.path(found.unique() - 1);
        assert_eq!(path.len(), 13);
        let table = table(&model, "twelve steps", &path);
        // Every step changes something, and says what.
        assert!(table.lines().any(|line| line.starts_with("12 ")), "{table}");
        assert!(table.contains("times out") && table.contains("log ["), "{table}");
    }
}
