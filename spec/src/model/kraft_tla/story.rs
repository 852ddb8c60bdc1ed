//! A path, told with the same names from its start to its end.

use stateright::Model;

use super::KraftTla;
use super::server::{ASKED, Log, Role, Server, VOTED, VOTES, end_of};
use super::state::State;
use super::step::Action;
use crate::model::{Story, Told};

/// Each state of a path has names of its own where the model is symmetric: so what happens is looked for again, from the
/// start, and nobody is renamed.
pub(super) fn tell(model: &KraftTla, path: &[State]) -> Story {
    let servers = 1..=model.bounds().servers;
    let mut lanes: Vec<_> = servers.map(|id| format!("server {id}")).collect();
    lanes.push("clients".to_owned());
    lanes.push("network".to_owned());
    let mut steps = Vec::new();
    if let Some(first) = path.first() {
        let mut now = first.clone();
        steps.push(told(model, "all begin".to_owned(), None, &now));
        for next in &path[1..] {
            let Some((action, after)) = step(model, &now, next) else {
                break;
            };
            let message = action
                .message
                .map(|message| (usize::from(message.from()) - 1, usize::from(message.to()) - 1));
            steps.push(told(model, format!("{action:?}"), message, &after));
            now = after;
        }
    }
    Story { lanes, steps }
}

/// What leads from a state to one that differs from `next` in names only.
fn step(model: &KraftTla, now: &State, next: &State) -> Option<(Action, State)> {
    let mut actions = Vec::new();
    model.actions(now, &mut actions);
    actions.into_iter().find_map(|action| {
        let after = model.unrenamed(now, action)?;
        (model.canonical(after.clone()) == *next).then_some((action, after))
    })
}

fn told(model: &KraftTla, action: String, message: Option<(usize, usize)>, state: &State) -> Told {
    let servers = 1..=model.bounds().servers;
    let mut lanes: Vec<_> = servers.clone().map(|id| server(model, state.server(id))).collect();
    let values = 1..=model.bounds().values;
    let values = values.map(|value| format!("v{value} {:?}", state.progress(value)));
    lanes.push(vec![("values", values.collect::<Vec<_>>().join(", "))]);
    let under_way = state.messages().iter().filter(|message| message.count() > 0);
    let under_way = under_way.map(|message| match message.count() {
        1 => format!("{message}"),
        count => format!("{message} ({count} times)"),
    });
    lanes.push(vec![("under way", under_way.collect::<Vec<_>>().join("; "))]);
    Told { action, message, lanes }
}

fn server(model: &KraftTla, server: Server) -> Vec<(&'static str, String)> {
    let name = |id: u64| if id == 0 { "-".to_owned() } else { id.to_string() };
    let mut fields = vec![
        ("role", format!("{:?}", server.role())),
        ("epoch", server.epoch().to_string()),
        ("leader", name(u64::from(server.leader()))),
        ("voted", name(server.get(VOTED))),
        ("log", Log(server).to_string()),
        ("high watermark", server.high_watermark().to_string()),
        ("fetches from", name(server.get(ASKED))),
    ];
    let ids = 1..=model.bounds().servers;
    if server.role() == Role::Candidate {
        let has = |id: &u8| server.get(VOTES) >> (id - 1) & 1 == 1;
        let votes = ids.clone().filter(has).map(|id| id.to_string());
        fields.push(("votes", votes.collect::<Vec<_>>().join(", ")));
    }
    if server.role() == Role::Leader {
        let ends = ids.map(|id| format!("{id}@{}", server.get(end_of(usize::from(id) - 1))));
        fields.push(("ends", ends.collect::<Vec<_>>().join(", ")));
    }
    fields
}
