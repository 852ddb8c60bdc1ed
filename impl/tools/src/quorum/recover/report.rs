//! What is said of a recovery.

use kraftig_server::quorum::QuorumOptions;
use kraftig_server::quorum::lost_majority::{Found, Plan};
use kraftig_spec::quorum::LogSummary;
use kraftig_spec::types::{DirectoryId, Offset, ReplicaKey};
use serde_json::{Value, json};

use super::super::explain::escaped;
use super::super::reason::Heard;
use super::next::Next;
use super::others::{Asked, Compared, Place, Voted};
use crate::output::Output;

pub(super) struct Report<'a> {
    pub(super) options: &'a QuorumOptions,
    pub(super) found: &'a Found,
    pub(super) compared: &'a [Compared],
    pub(super) asked: &'a Asked,
    pub(super) plan: &'a Plan,
    /// What there is to do after it.
    pub(super) next: &'a Next<'a>,
    /// How many of the voters were compared, this one included.
    pub(super) count: usize,
    /// Why nothing is done.
    pub(super) refused: Option<String>,
    /// Whether it is more than a plan.
    pub(super) is_done: bool,
}

/// Where a log ends.
pub(super) fn place(log: &LogSummary) -> String {
    format!("ends at offset {} in epoch {}", log.end, log.last_epoch())
}

fn directory(key: ReplicaKey) -> String {
    match key.directory {
        DirectoryId::ABSENT => "unknown".to_owned(),
        known => known.to_string(),
    }
}

/// What came of asking, in words.
fn word(heard: &Heard) -> String {
    match heard {
        Heard::Refused => "refuses connections".to_owned(),
        Heard::Silent => "does not answer".to_owned(),
        Heard::Unreachable(why) => format!("cannot be reached ({why})"),
        Heard::Broken(why) => format!("something else answers ({why})"),
        Heard::Answer(other) => match other.node_id {
            Some(id) => format!("another answers: node {id} of cluster {}", other.cluster_id),
            None => format!("another answers, of cluster {}", other.cluster_id),
        },
    }
}

fn heard(one: &Voted) -> String {
    let word = |place: &Place| match &place.heard {
        Heard::Answer(_) if one.answers => "ANSWERS".to_owned(),
        heard => word(heard),
    };
    if one.places.is_empty() {
        return "nobody knows where it is".to_owned();
    }
    one.places.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// What was cut off, where anything is.
fn damage(bytes_lost: u64) -> String {
    match bytes_lost {
        0 => String::new(),
        lost => format!("; {lost} damaged bytes behind that are not counted"),
    }
}

impl Report<'_> {
    fn log(&self) -> &LogSummary {
        &self.found.restored.log
    }

    /// Up to where all is known to be committed: what a snapshot holds.
    fn committed(&self) -> Option<Offset> {
        Some(self.log().latest).filter(|latest| !latest.is_none()).map(|latest| latest.end)
    }

    /// What may be lost; nothing to say where nothing is done.
    fn loss(&self) -> Option<String> {
        if self.refused.is_some() {
            return None;
        }
        Some(self.lost())
    }

    fn lost(&self) -> String {
        if self.next.loses_nothing {
            return "Nothing that was committed is lost, if these are the directories as they last ran, not copies of an earlier time: any majority has one of the voters that were compared, and none of them holds more.".to_owned();
        }
        let sure = match self.committed() {
            Some(end) => {
                format!("What was committed before offset {end} is here. Of what came later, what")
            }
            None => "What was committed and".to_owned(),
        };
        format!(
            "{sure} only the lost voters held may be lost: this log cannot tell whether there was any. All that it holds, up to offset {}, stays, and counts as committed from now on. Compare every directory that is left of another controller (--compare): the more, the less can be lost. What was decided in the lost part is lost too: a partition's leader epoch may be given twice, so stop all brokers first and compare the replicas of what was written to last; a producer's id may be given twice; topics that were made there are stray on the brokers.",
            self.log().end
        )
    }

    /// Whose silence was taken for their loss.
    fn silent(&self) -> Option<String> {
        let silent = self.asked.voters.iter().filter(|voter| !voter.answers);
        let name = |voter: &Voted| match &voter.places[..] {
            [] => format!("node {}", voter.replica.id),
            _ => format!("node {} ({})", voter.replica.id, voter.address()),
        };
        let names = silent.map(name).collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("Not heard from: {names}. A node that is cut off from here looks the same as a lost one: make sure that each is down for good."))
    }

    /// What is known before anything is done.
    pub(super) fn describe(&self, out: &mut Output) {
        let Self { options, found, .. } = self;
        let (local, log) = (options.config.local, self.log());
        out.line(format!(
            "Node {}, directory.id {}, cluster {}: {}",
            local.id,
            directory(local),
            options.cluster_id,
            options.directory.display()
        ));
        out.line(format!(
            "Its log {}; the election epoch is {}{}.",
            place(log),
            found.restored.election.epoch,
            damage(found.bytes_lost)
        ));
        out.line(match self.committed() {
            Some(end) => {
                format!(
                    "Known here to be committed: all before offset {end} (the latest snapshot)."
                )
            }
            None => "Known here to be committed: nothing (there is no snapshot).".to_owned(),
        });
        out.line(format!("Voters ({}):", found.voters.voters.len()));
        let voters = &found.voters.voters;
        for voter in voters {
            let one = self.asked.voters.iter().find(|one| one.replica == voter.replica);
            let text = match one {
                Some(one) => format!("{}: {}", one.address(), heard(one)),
                None => "this directory".to_owned(),
            };
            let of = directory(voter.replica);
            out.line(escaped(&format!("  {}  directory.id {of}  {text}", voter.replica.id)));
        }
        for place in &self.asked.beside {
            let (at, heard) = (place.address(), word(&place.heard));
            out.line(escaped(&format!("Asked too: {at}: {heard}")));
        }
        if let Some(silent) = self.silent() {
            out.line(escaped(&silent));
        }
        out.line(format!("Compared, with this one: {} of {} voters.", self.count, voters.len()));
        for other in self.compared {
            let (id, at) = (other.replica.id, other.directory.display());
            out.line(format!(
                "  {id}  directory.id {}  {at}: {}{}{}",
                directory(other.replica),
                place(&other.log),
                damage(other.bytes_lost),
                if other.is_whole() { "" } else { "; it does not count: it may have held more" }
            ));
        }
        if self.asked.voters.len() == voters.len() {
            out.line("This directory does not vote by its log: it is that of an observer.");
        }
        if let Some(loss) = self.loss() {
            out.line(loss);
        }
    }

    /// What was done, and what there is to do.
    pub(super) fn conclude(&self, out: &mut Output) {
        let (id, epoch) = (self.options.config.local.id, self.plan.epoch);
        out.line("");
        if self.is_done {
            out.line(format!("Done: node {id} is the only voter from epoch {epoch} on."));
        } else {
            out.line(format!(
                "Nothing was changed. Without --dry-run node {id} becomes the only voter from epoch {epoch} on."
            ));
        }
        out.line(if self.is_done { "What to do next:" } else { "What to do then:" });
        self.next.describe(out);
    }

    pub(super) fn object(&self) -> Value {
        let options = self.options;
        let key = |key: &ReplicaKey| json!({ "nodeId": key.id.0, "directoryId": directory(*key) });
        let voter = |one: &Voted| {
            json!({
                "nodeId": one.replica.id.0,
                "directoryId": directory(one.replica),
                "address": one.address(),
                "answers": one.answers,
                "heard": escaped(&heard(one)),
            })
        };
        let compared = |other: &Compared| {
            json!({
                "nodeId": other.replica.id.0,
                "directoryId": directory(other.replica),
                "directory": other.directory.display().to_string(),
                "logEndOffset": other.log.end.0,
                "lastEpoch": other.log.last_epoch().0,
                "damagedBytes": other.bytes_lost,
                "counts": other.is_whole(),
            })
        };
        let beside = |place: &Place| json!({ "address": place.address(), "heard": escaped(&word(&place.heard)) });
        json!({
            "nodeId": options.config.local.id.0,
            "directoryId": directory(options.config.local),
            "clusterId": options.cluster_id,
            "directory": options.directory.display().to_string(),
            "logEndOffset": self.log().end.0,
            "lastEpoch": self.log().last_epoch().0,
            "electionEpoch": self.found.restored.election.epoch.0,
            "damagedBytes": self.found.bytes_lost,
            "committedOffset": self.committed().map(|end| end.0),
            "kraftVersion": self.found.voters.kraft_version,
            "voters": self.found.voters.voters.len(),
            "otherVoters": self.asked.voters.iter().map(voter).collect::<Vec<_>>(),
            "askedToo": self.asked.beside.iter().map(beside).collect::<Vec<_>>(),
            "comparedVoters": self.count,
            "compared": self.compared.iter().map(compared).collect::<Vec<_>>(),
            "losesNothing": self.next.loses_nothing,
            "loss": self.loss(),
            "refused": self.refused,
            "recovered": self.is_done,
            "epoch": self.plan.epoch.0,
            "lostVoters": self.plan.outside.iter().map(key).collect::<Vec<_>>(),
            "next": if self.refused.is_none() { self.next.steps() } else { Vec::new() },
        })
    }
}
