//! Why nobody leads, or who does: a pure function of what the controllers were heard to say.

use std::collections::BTreeMap;

use kraftig_wire::Uuid;

/// A follower that had not all of the leader's log for this long is behind; it matters to nobody before.
const BEHIND_MS: i64 = 2000;
/// Who fetched from the leader within this time is with it. A leader that hears of no majority for one and a half times
/// `controller.quorum.fetch.timeout.ms` resigns.
const WITH_LEADER_MS: i64 = 3000;

/// All that was asked.
#[derive(Debug)]
pub(super) struct Survey {
    /// The cluster that is asked about; `None` where nobody answers.
    pub(super) cluster_id: Option<String>,
    pub(super) told: Told,
    /// None of them is there twice.
    pub(super) controllers: Vec<Controller>,
}

/// How it is known who votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A leader says it, or a node of ours.
    Voters,
    /// Stock nodes that do not lead tell which controllers are registered: those that vote, and observers.
    Registered,
    /// Not at all.
    Nothing,
}

/// A controller that was asked.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// As the voters name it; `None` for an address of which nobody says who is there.
    pub(super) id: Option<i32>,
    /// `HOST:PORT`.
    pub(super) address: String,
    /// Whether it votes, or may: see [`Told`].
    pub(super) is_voter: bool,
    /// The directory that votes, in a dynamic quorum.
    pub(super) directory: Option<Uuid>,
    pub(super) heard: Heard,
}

/// What came of asking.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// Nobody listens there.
    Refused,
    /// Nothing in time.
    Silent,
    /// No way leads there: the name is not known, or the network says so.
    Unreachable(String),
    /// Something else than an answer.
    Broken(String),
    Answer(Box<Answer>),
}

/// What a controller says of itself; `None` is what it does not say.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) cluster_id: String,
    pub(super) node_id: Option<i32>,
    pub(super) directory: Option<Uuid>,
    /// Kafka's name of the part that it plays.
    pub(super) role: Option<String>,
    pub(super) epoch: Option<i32>,
    /// Who leads the epoch, as far as it knows.
    pub(super) leader: Option<i32>,
    /// Whom it voted for in the epoch.
    pub(super) vote: Vote,
    pub(super) log_start: Option<i64>,
    pub(super) log_end: Option<i64>,
    pub(super) flushed: Option<i64>,
    pub(super) high_watermark: Option<i64>,
    /// Whether its disk has no room: then it leads nothing.
    pub(super) disk_full: bool,
    /// Who votes; empty where it does not say.
    pub(super) voters: Vec<Voter>,
    /// The controllers that it knows of, where it does not say who votes.
    pub(super) registered: Vec<Voter>,
    /// What a leader knows of the others, by id.
    pub(super) followers: BTreeMap<i32, Follower>,
}

/// A voter's vote in its epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Vote {
    /// It does not say.
    #[default]
    Unknown,
    Nobody,
    For(i32, Uuid),
}

/// A voter as another one names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Voter {
    pub(super) id: i32,
    pub(super) directory: Option<Uuid>,
    pub(super) host: String,
    pub(super) port: u16,
}

/// A voter as its leader sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follower {
    /// Records that it lacks.
    pub(super) lag: i64,
    /// Since when it has not fetched; `None`: it never has.
    pub(super) silent_ms: Option<i64>,
    /// Since when it has not had all.
    pub(super) behind_ms: Option<i64>,
}

/// Who leads, and the reason in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Who leads with a majority, and in which epoch.
    pub(super) leader: Option<(i32, i32)>,
    pub(super) sentence: String,
}

impl Controller {
    pub(super) fn name(&self) -> String {
        self.id.map_or_else(|| self.address.clone(), |id| id.to_string())
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        match &self.heard {
            Heard::Answer(answer) => Some(answer),
            _ => None,
        }
    }

    /// What keeps it from taking part in the quorum of a cluster, so far as can be seen from here.
    fn trouble(&self, cluster_id: &str) -> Option<String> {
        let answer = match &self.heard {
            Heard::Refused => return Some("refuses connections".to_owned()),
            Heard::Silent => return Some("does not answer".to_owned()),
            Heard::Unreachable(why) => return Some(format!("cannot be reached: {why}")),
            Heard::Broken(why) => return Some(format!("cannot be asked: {why}")),
            Heard::Answer(answer) => answer,
        };
        if answer.cluster_id != cluster_id {
            return Some(format!("is of another cluster, {}", answer.cluster_id));
        }
        if let (Some(want), Some(found)) = (self.id, answer.node_id)
            && want != found
        {
            return Some(format!("is node {found} at {}", self.address));
        }
        if let (Some(want), Some(found)) = (self.directory, answer.directory)
            && want != found
        {
            return Some(format!("has directory {found}, and not {want} that votes"));
        }
        None
    }

    fn is_leading(&self, answer: &Answer) -> bool {
        match (&answer.role, answer.leader) {
            (Some(role), _) => role == "Leader",
            (None, Some(leader)) => self.id == Some(leader),
            _ => false,
        }
    }
}

/// What there is to say of these controllers.
pub(super) fn reason(survey: &Survey) -> Finding {
    let voters: Vec<&Controller> = survey.controllers.iter().filter(|one| one.is_voter).collect();
    let Some(cluster_id) = &survey.cluster_id else {
        let troubles = voters.iter().filter_map(|voter| named(voter, "")).collect::<Vec<_>>();
        return none(format!("No leader can be seen: nobody answers ({}).", troubles.join(", ")));
    };
    let finding = of_voters(&voters, survey.told, cluster_id);
    let others = survey.controllers.iter().filter(|one| !one.is_voter);
    let foreign = others.filter(|one| one.answer().is_some_and(|it| it.cluster_id != *cluster_id));
    let foreign: Vec<String> = foreign.filter_map(|one| named(one, cluster_id)).collect();
    if foreign.is_empty() {
        return finding;
    }
    Finding { sentence: format!("{} Beside, {}.", finding.sentence, foreign.join(", ")), ..finding }
}

fn of_voters(voters: &[&Controller], told: Told, cluster_id: &str) -> Finding {
    let majority = voters.len() / 2 + 1;
    let troubles: Vec<String> =
        voters.iter().filter_map(|voter| named(voter, cluster_id)).collect();
    let present: Vec<(&Controller, &Answer)> = voters
        .iter()
        .filter(|voter| voter.trouble(cluster_id).is_none())
        .filter_map(|voter| Some((*voter, voter.answer()?)))
        .collect();
    let epoch = present.iter().filter_map(|(_, answer)| answer.epoch).max();

    if told != Told::Voters {
        return none(untold(voters, &present, &troubles, (told, cluster_id), epoch));
    }
    let leading = present.iter().filter(|(voter, answer)| voter.is_leading(answer));
    if let Some((leader, answer)) = leading.max_by_key(|(_, answer)| answer.epoch) {
        return led(voters, &present, &troubles, (leader, answer), epoch);
    }
    if let Some(sets) = disagreement(&present) {
        return none(format!("No leader: the voters disagree about who votes ({sets})."));
    }
    if present.len() < majority {
        let foreign =
            voters.iter().filter(|voter| voter.answer().is_some()).count() > present.len();
        let cannot = if foreign { "cannot take part" } else { "cannot be reached" };
        return none(format!(
            "No leader: {} of {} voters {cannot} ({}), so there is no majority.",
            voters.len() - present.len(),
            voters.len(),
            troubles.join(", ")
        ));
    }
    let full: Vec<String> =
        present.iter().filter(|(_, it)| it.disk_full).map(|(voter, _)| voter.name()).collect();
    if present.len() - full.len() < majority {
        return none(format!(
            "No leader: only {} of {} voters can be reached and have room on their disks (no room: {}), so there is no majority.",
            present.len() - full.len(),
            voters.len(),
            full.join(", ")
        ));
    }
    none(unled(voters, &present, cluster_id, epoch))
}

fn named(voter: &Controller, cluster_id: &str) -> Option<String> {
    voter.trouble(cluster_id).map(|trouble| format!("{} {trouble}", voter.name()))
}

fn none(sentence: String) -> Finding {
    Finding { leader: None, sentence }
}

/// Somebody leads, or believes so.
fn led(
    voters: &[&Controller],
    present: &[(&Controller, &Answer)],
    troubles: &[String],
    (leader, answer): (&Controller, &Answer),
    latest: Option<i32>,
) -> Finding {
    let epoch = answer.epoch.unwrap_or_default();
    let (name, id) = (leader.name(), leader.id);
    if let Some((voter, _)) =
        present.iter().find(|(_, it)| it.epoch == latest && latest > Some(epoch))
    {
        let latest = latest.unwrap_or_default();
        return none(format!(
            "No leader: node {name} leads epoch {epoch} and does not know yet that {} is in epoch {latest} already, so an election is under way.",
            voter.name()
        ));
    }
    let follows = |voter: &Controller| {
        // Who has no room fetches nothing.
        let says = voter
            .answer()
            .is_some_and(|it| it.leader == id && it.epoch == Some(epoch) && !it.disk_full);
        let fetched = voter.id.and_then(|id| answer.followers.get(&id)?.silent_ms);
        voter.id == id
            || says && present.iter().any(|(one, _)| one.id == voter.id)
            || fetched.is_some_and(|ago| ago <= WITH_LEADER_MS)
    };
    let with_it = voters.iter().filter(|voter| follows(voter)).count();
    let mut notes = troubles.to_vec();
    for (voter, it) in present {
        if it.disk_full {
            notes.push(format!("the disk of {} is full", voter.name()));
            continue;
        }
        let role = it.role.as_deref().unwrap_or("something else");
        if !follows(voter) {
            notes.push(format!("{} does not follow it: it is {role}", voter.name()));
        } else if let Some(Follower { lag: lag @ 1.., behind_ms, .. }) =
            voter.id.filter(|voter| Some(*voter) != id).and_then(|id| answer.followers.get(&id))
            && behind_ms.is_none_or(|ago| ago > BEHIND_MS)
        {
            notes.push(format!("{} lags by {lag} records", voter.name()));
        }
    }
    if with_it <= voters.len() / 2 {
        return none(format!(
            "No leader that can commit: only {with_it} of {} voters are with node {name}, who leads epoch {epoch} and is about to resign ({}).",
            voters.len(),
            notes.join(", ")
        ));
    }
    let sentence = match &notes[..] {
        [] if voters.len() == 1 => format!("Node {name} leads epoch {epoch}."),
        [] => {
            format!("Node {name} leads epoch {epoch}, and all {} voters are with it.", voters.len())
        }
        notes => format!("Node {name} leads epoch {epoch}; {}.", notes.join(", ")),
    };
    Finding { leader: id.map(|id| (id, epoch)), sentence }
}

/// Who votes by whom, where they do not say the same.
fn disagreement(present: &[(&Controller, &Answer)]) -> Option<String> {
    let ids = |answer: &Answer| {
        let mut ids: Vec<i32> = answer.voters.iter().map(|voter| voter.id).collect();
        ids.sort_unstable();
        ids.iter().map(i32::to_string).collect::<Vec<_>>().join(" ")
    };
    let said = present.iter().filter(|(_, answer)| !answer.voters.is_empty());
    let said: Vec<(String, String)> =
        said.map(|(voter, answer)| (voter.name(), ids(answer))).collect();
    let differ = said.iter().any(|(_, ids)| *ids != said[0].1);
    let lines = said.iter().map(|(voter, ids)| format!("{voter} says {ids}"));
    differ.then(|| lines.collect::<Vec<_>>().join(", "))
}

/// Nobody says who votes, and so nobody leads: who does knows it. Of majorities nothing can be said.
fn untold(
    all: &[&Controller],
    present: &[(&Controller, &Answer)],
    troubles: &[String],
    (told, cluster_id): (Told, &str),
    epoch: Option<i32>,
) -> String {
    let here = present.iter().map(|(voter, _)| voter.name()).collect::<Vec<_>>().join(", ");
    let mut latest = present.iter().filter(|(_, it)| it.epoch == epoch);
    let leader = latest.find_map(|(_, it)| it.leader);
    let what = match (leader, epoch) {
        (Some(led), Some(epoch)) => {
            let before = all.iter().find(|one| one.id == Some(led));
            let trouble = match before.map(|one| one.trouble(cluster_id)) {
                None => "is not found".to_owned(),
                Some(trouble) => trouble.unwrap_or_else(|| "does not say that it leads".to_owned()),
            };
            format!("No leader can be seen: node {led}, who led epoch {epoch}, {trouble}")
        }
        (_, Some(epoch)) => format!("No leader of epoch {epoch} is named by {here}"),
        (_, None) => "No leader can be seen".to_owned(),
    };
    let these = match told {
        Told::Registered => "registered controllers",
        Told::Voters | Told::Nothing => "controllers that were asked",
    };
    let missing = match troubles {
        [] => String::new(),
        troubles => format!(" ({})", troubles.join(", ")),
    };
    format!(
        "{what}; {} of {} {these} can be reached{missing}, and nobody says which of them vote.",
        present.len(),
        all.len()
    )
}

/// A majority is there, and none of it leads.
fn unled(
    all: &[&Controller],
    present: &[(&Controller, &Answer)],
    cluster_id: &str,
    epoch: Option<i32>,
) -> String {
    let names =
        |them: Vec<&Controller>| them.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
    let here = names(present.iter().map(|(voter, _)| *voter).collect());
    let Some(epoch) = epoch else {
        return format!("No leader is named by {here}, which do not say in which epoch they are.");
    };
    let latest = || present.iter().filter(|(_, it)| it.epoch == Some(epoch));
    if let Some(led) = latest().find_map(|(_, it)| it.leader) {
        let before = all.iter().find(|voter| voter.id == Some(led));
        return match before.map(|voter| voter.trouble(cluster_id)) {
            None => format!("No leader: node {led}, who led epoch {epoch}, is no voter."),
            Some(Some(trouble)) => format!(
                "No leader: node {led}, who led epoch {epoch}, {trouble}; {here} are a majority and elect another."
            ),
            Some(None) => format!(
                "No leader: node {led}, who led epoch {epoch}, leads no more; {here} are a majority and elect another."
            ),
        };
    }
    let votes: Vec<(String, i32)> = latest()
        .filter_map(|(voter, it)| match it.vote {
            Vote::For(to, _) => Some((voter.name(), to)),
            Vote::Unknown | Vote::Nobody => None,
        })
        .collect();
    let count = |candidate: i32| votes.iter().filter(|(_, to)| *to == candidate).count();
    let most = votes.iter().map(|(_, to)| count(*to)).max().unwrap_or(0);
    let differ = votes.iter().any(|(_, to)| *to != votes[0].1);
    // Who has not voted yet may still decide it.
    if differ && most + present.len() - votes.len() <= all.len() / 2 {
        let votes: Vec<String> =
            votes.iter().map(|(by, to)| format!("{by} voted for {to}")).collect();
        return format!(
            "No leader: the votes of epoch {epoch} are split ({}), so another election follows.",
            votes.join(", ")
        );
    }
    let playing = |role: &str| {
        let them = present.iter().filter(|(_, it)| it.role.as_deref() == Some(role));
        names(them.map(|(voter, _)| *voter).collect())
    };
    let (candidates, prospective) = (playing("Candidate"), playing("Prospective"));
    if !candidates.is_empty() {
        format!(
            "No leader: an election is under way in epoch {epoch}; {candidates} asks for votes."
        )
    } else if !prospective.is_empty() {
        format!(
            "No leader: {prospective} asks whether an election after epoch {epoch} would be won, and has no majority for it yet."
        )
    } else {
        format!(
            "No leader: {here} are a majority and know no leader of epoch {epoch}, so an election is due."
        )
    }
}

#[cfg(test)]
mod tests;
