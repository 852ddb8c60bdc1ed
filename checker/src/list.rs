//! `list`: what there is to check.

use std::fmt::Write as _;
use std::process::ExitCode;

use kraftig_spec::model::quorum::Witness;
use kraftig_spec::quorum::properties::Property;

pub(crate) fn run() -> Result<ExitCode, String> {
    let mut text = String::from(
        "quorum      elections and replication of the metadata log (KIP-595), snapshots (KIP-630), voters that change (KIP-853)
            bounds: --nodes, --epochs, --values, --crashes N|any, --snapshots [stored], --voters N --adds N --removes N --wipes N
            properties:\n",
    );
    for property in Property::ALL {
        let _ = writeln!(text, "              {}", property.name());
    }
    text.push_str("            witnesses:\n");
    for witness in Witness::ALL {
        let _ = writeln!(text, "              {}", witness.name());
    }
    text.push_str(
        "            promises (live quorum): EventuallyLeader, LeaderStays, NoZombieLeader, ValueDecided, FollowersConverge
            bounds of these: --nodes, --faults, --values

kraft-tla   the public TLA+ specification KRaft.tla; TLC counts the same
            bounds: --servers, --values, --elections, --restarts, --symmetry
            judged: NoLogDivergence, NeverTwoLeadersInSameEpoch, LeaderHasAllAckedValues; NoIllegalState with --check-illegal-state
",
    );
    crate::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
