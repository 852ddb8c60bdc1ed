//! How far a search goes: as flags, as a line and as JSON.

use std::fmt::Write as _;

use clap::Args;
use kraftig_spec::model::quorum::{Bounds, Changes, Snapshots};
use serde_json::{Value, json};

#[derive(Args, Clone, Copy)]
#[group(skip)]
pub(crate) struct BoundsArgs {
    /// Nodes. All of them vote, if `--voters` does not say how many.
    #[arg(long, value_name = "N", default_value_t = 3)]
    nodes: u8,
    /// The highest epoch that a node may campaign in; with `--voters` the number of epochs after the first.
    #[arg(long, value_name = "N", default_value_t = 2)]
    epochs: u8,
    /// Values that clients propose.
    #[arg(long, value_name = "N", default_value_t = 1)]
    values: u8,
    /// How many crashes there can be; `any`: crashes are always possible and not counted.
    #[arg(long, value_name = "N|any", default_value = "any", value_parser = crashes)]
    crashes: Crashes,
    /// Nodes may take snapshots of what is committed, at any point, and drop what these hold from their logs. Which there are is
    /// decided when something reads it, or with `stored` kept in the state, which makes many more of them.
    #[arg(long, value_name = "FORM", num_args = 0..=1, default_missing_value = "deferred", value_parser = snapshots)]
    snapshots: Option<Snapshots>,
    /// Any node that asks for pre-votes may get enough of them at any time: more than can happen, and fewer states. That a node
    /// makes no new epoch without them is not judged then.
    #[arg(long)]
    assume_pre_votes: bool,
    /// Voters are named in the log and may change (kraft.version 1, KIP-853); so many nodes vote at first.
    #[arg(long, value_name = "N", group = "dynamic")]
    voters: Option<u8>,
    /// How often a node becomes a voter.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "dynamic")]
    adds: u8,
    /// How often a voter ceases to be one.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "dynamic")]
    removes: u8,
    /// How often a node loses its disk and comes back with an empty one, a directory of another id.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "voters")]
    wipes: u8,
    /// The voters are first those that the configurations name (kraft.version 0), all nodes, and leaders may upgrade.
    #[arg(long, group = "dynamic", conflicts_with = "wipes")]
    upgrade: bool,
    /// An operator may take the other voters for lost, and let one directory go on alone (`kraftig quorum recover`).
    #[arg(long, requires = "voters", conflicts_with = "snapshots")]
    recovers: bool,
}

#[derive(Clone, Copy)]
struct Crashes(Option<u8>);

fn crashes(text: &str) -> Result<Crashes, String> {
    match text {
        "any" => Ok(Crashes(None)),
        _ => text
            .parse()
            .map(|count| Crashes(Some(count)))
            .map_err(|_| format!("'{text}' is neither a number from 0 to 14 nor 'any'")),
    }
}

fn snapshots(text: &str) -> Result<Snapshots, String> {
    match text {
        "deferred" => Ok(Snapshots::Deferred),
        "stored" => Ok(Snapshots::Stored),
        _ => Err(format!("there is no form '{text}' of snapshots; there are deferred and stored")),
    }
}

impl From<BoundsArgs> for Bounds {
    fn from(args: BoundsArgs) -> Self {
        let BoundsArgs { nodes, epochs, values, crashes, snapshots, assume_pre_votes, .. } = args;
        let BoundsArgs { voters, adds, removes, wipes, upgrade, recovers, .. } = args;
        let snapshots = snapshots.unwrap_or(Snapshots::None);
        let first = voters.or(upgrade.then_some(nodes));
        let voters =
            first.map(|first| (first, Changes { adds, removes, wipes, upgrade, recovers }));
        Self {
            nodes,
            voters,
            epochs,
            values,
            crashes: crashes.0,
            resign: true,
            snapshots,
            assumes_pre_votes: assume_pre_votes,
        }
    }
}

fn crashes_text(crashes: Option<u8>) -> String {
    crashes.map_or("any".to_owned(), |count| count.to_string())
}

/// All of it in words.
pub(crate) fn sentence(bounds: Bounds) -> String {
    let Bounds { nodes, voters, epochs, values, crashes, snapshots, assumes_pre_votes, .. } =
        bounds;
    let crashes = crashes.map_or("any number of".to_owned(), |count| count.to_string());
    let mut text = format!(
        "{nodes} nodes, {epochs} epochs, {values} values, {crashes} crashes, resignation{} at any time",
        match snapshots {
            Snapshots::None => "",
            Snapshots::Deferred => ", snapshots",
            Snapshots::Stored => ", snapshots (stored)",
        }
    );
    if assumes_pre_votes {
        text.push_str(", pre-votes assumed");
    }
    if let Some((first, Changes { adds, removes, wipes, upgrade, recovers })) = voters {
        let _ = write!(
            text,
            "; {first} vote at first{}, {adds} may be added, {removes} removed, {wipes} disks lost",
            if upgrade { " by their configurations" } else { "" }
        );
        if recovers {
            text.push_str(", one may go on alone");
        }
    }
    text
}

/// Nodes, epochs, values, crashes and what else there is, as tables show them.
pub(crate) fn text(bounds: Bounds) -> String {
    let Bounds { nodes, voters, epochs, values, crashes, snapshots, .. } = bounds;
    let mut text = format!("{nodes} {epochs} {values} {:>3}", crashes_text(crashes));
    text.push_str(match snapshots {
        Snapshots::None => "",
        Snapshots::Deferred => " snapshots",
        Snapshots::Stored => " stored snapshots",
    });
    if let Some((first, Changes { adds, removes, wipes, upgrade, recovers })) = voters {
        let first = if upgrade { "upgrade".to_owned() } else { format!("voters {first}") };
        let _ = write!(text, " {first} +{adds} -{removes}");
        if wipes > 0 {
            let _ = write!(text, " wipes {wipes}");
        }
        if recovers {
            text.push_str(" recovers");
        }
    }
    text
}

/// The same as `check` takes them.
pub(crate) fn flags(bounds: Bounds) -> String {
    let Bounds { nodes, voters, epochs, values, crashes, snapshots, .. } = bounds;
    let crashes = crashes_text(crashes);
    let mut flags =
        format!("--nodes {nodes} --epochs {epochs} --values {values} --crashes {crashes}");
    flags.push_str(match snapshots {
        Snapshots::None => "",
        Snapshots::Deferred => " --snapshots",
        Snapshots::Stored => " --snapshots stored",
    });
    if bounds.assumes_pre_votes {
        flags.push_str(" --assume-pre-votes");
    }
    if let Some((first, Changes { adds, removes, wipes, upgrade, recovers })) = voters {
        if upgrade {
            flags.push_str(" --upgrade");
        } else {
            let _ = write!(flags, " --voters {first}");
        }
        for (flag, count) in [("adds", adds), ("removes", removes), ("wipes", wipes)] {
            if count > 0 {
                let _ = write!(flags, " --{flag} {count}");
            }
        }
        if recovers {
            flags.push_str(" --recovers");
        }
    }
    flags
}

pub(crate) fn machine(bounds: Bounds) -> Value {
    let Bounds { nodes, voters, epochs, values, crashes, resign, snapshots, assumes_pre_votes } =
        bounds;
    let crashes = crashes.map_or(json!("any"), |count| json!(count));
    let snapshots = match snapshots {
        Snapshots::None => Value::Null,
        Snapshots::Deferred => json!("deferred"),
        Snapshots::Stored => json!("stored"),
    };
    let voters = voters.map(|(first, Changes { adds, removes, wipes, upgrade, recovers })| {
        json!({ "first": first, "adds": adds, "removes": removes, "wipes": wipes, "upgrade": upgrade, "recovers": recovers })
    });
    json!({
        "nodes": nodes, "voters": voters, "epochs": epochs, "values": values, "crashes": crashes,
        "resign": resign, "snapshots": snapshots, "assumesPreVotes": assumes_pre_votes,
    })
}
