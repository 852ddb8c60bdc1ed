//! The bugs, one row each: the bounds in which it is looked for, and what must come of it.

use kraftig_spec::model::quorum::{Bounds, Changes, Snapshots};
use kraftig_spec::quorum::mutant::Mutant;
use kraftig_spec::quorum::properties::Property;

/// A bug, or two together, and what must come of it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) mutants: &'static [Mutant],
    pub(super) bounds: Bounds,
    pub(super) expected: Expected,
}

#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// The first property that breaks, after so many steps.
    Killed(Property, usize),
    /// The same, and no other property ever breaks.
    KilledByNothingElse(Property, usize),
    /// The property breaks, if it is the only one that is judged; with the first of the mutants alone it
    /// does not.
    KilledByTheSecond(Property, usize),
    /// As [`Self::Killed`], in bounds that nothing explores to their end: the core as it is is searched as deep as that.
    KilledFar(Property, usize),
    /// Nothing breaks: the reason.
    Exempt(&'static str),
}

const fn row(
    mutants: &'static [Mutant],
    bounds: (u8, u8, u8),
    crashes: Option<u8>,
    expected: Expected,
) -> Row {
    let bounds = Bounds::of(bounds, crashes);
    Row { mutants, bounds, expected }
}

/// The same with snapshots at any point, each kept in the state: a mutant may break what the other form rests on.
const fn with_snapshots(row: Row) -> Row {
    Row { bounds: Bounds { snapshots: Snapshots::Stored, ..row.bounds }, ..row }
}

/// The same where the log names the voters: the first so many nodes, with so many more, fewer and lost disks to come.
const fn with_voters(row: Row, first: u8, (adds, removes, wipes): (u8, u8, u8)) -> Row {
    let voters = Some((first, Changes { adds, removes, wipes, upgrade: false, recovers: false }));
    Row { bounds: Bounds { voters, ..row.bounds }, ..row }
}

/// The same where an operator may let a directory go on alone.
const fn recovering(row: Row) -> Row {
    let Some((first, changes)) = row.bounds.voters else {
        panic!("only a voter that the log names goes on alone")
    };
    let voters = Some((first, Changes { recovers: true, ..changes }));
    Row { bounds: Bounds { voters, ..row.bounds }, ..row }
}

use Expected::{Exempt, Killed, KilledByNothingElse, KilledByTheSecond, KilledFar};
use Mutant as M;
use Property as P;

pub(super) const ROWS: &[Row] = &[
    row(&[M::RestartForgetsVote], (3, 1, 0), None, Killed(P::ElectionSafety, 9)),
    row(&[M::RestartResumesLeading], (3, 1, 0), None, Killed(P::LeaderCompleteness, 10)),
    row(&[M::RestartResumesLeading], (3, 2, 1), Some(1), Killed(P::LogMatching, 8)),
    row(&[M::CountsUnflushed], (3, 1, 0), None, KilledByNothingElse(P::Durability, 7)),
    row(&[M::FetchesUnflushed], (3, 1, 0), None, Killed(P::Durability, 8)),
    row(&[M::CommitsAtEpochStart], (3, 4, 0), Some(0), Killed(P::LeaderCompleteness, 18)),
    row(&[M::CommitsOldEpochs], (3, 4, 0), Some(0), Killed(P::LeaderCompleteness, 18)),
    row(
        &[M::CountsUnflushed, M::TruncatesCommitted],
        (3, 2, 0),
        None,
        KilledByTheSecond(P::HighWatermarkWithinLog, 14),
    ),
    row(&[M::VoteIgnoresLog], (3, 2, 0), Some(0), Killed(P::LeaderCompleteness, 13)),
    row(
        &[M::VoteIgnoresLog, M::TruncationDoesNothing],
        (3, 2, 0),
        Some(0),
        KilledByNothingElse(P::LeaderCompleteness, 13),
    ),
    row(&[M::GrantsTwice], (3, 1, 0), None, Killed(P::ElectionSafety, 8)),
    row(&[M::HalfIsMajority], (3, 1, 0), None, Killed(P::CampaignHasPreVotes, 1)),
    row(&[M::OneIsMajority], (3, 1, 0), None, Killed(P::Durability, 5)),
    row(&[M::CountsNextOffset], (3, 1, 0), None, Killed(P::Durability, 7)),
    row(&[M::NoDivergence], (3, 2, 0), Some(0), Killed(P::Durability, 12)),
    row(&[M::DivergenceByEpochOnly], (3, 2, 1), None, Killed(P::LogMatching, 11)),
    row(&[M::VoteClaimsUnflushed], (3, 2, 0), Some(1), Killed(P::LeaderCompleteness, 17)),
    row(&[M::AnswersBeforeWriting], (3, 1, 0), None, Killed(P::ElectionSafety, 8)),
    row(&[M::ObeysFormerEpoch], (3, 2, 0), None, Killed(P::LeaderCompleteness, 12)),
    row(&[M::NamesVoteAsLeader], (3, 1, 0), None, KilledByNothingElse(P::ElectionSafety, 9)),
    row(&[M::AppendsWhenResigned], (3, 1, 2), None, KilledByNothingElse(P::LogMatching, 8)),
    row(
        &[M::HighWatermarkBeforeTruncation],
        (3, 2, 1),
        None,
        KilledByNothingElse(P::CommittedImmutable, 14),
    ),
    row(
        &[M::HighWatermarkOverwritten],
        (3, 2, 0),
        None,
        KilledByNothingElse(P::HighWatermarkMonotonic, 14),
    ),
    row(
        &[M::HighWatermarkBeyondLog],
        (3, 1, 1),
        None,
        KilledByNothingElse(P::HighWatermarkWithinLog, 11),
    ),
    row(
        &[M::CutsForNewLeader],
        (3, 2, 0),
        None,
        KilledByNothingElse(P::NoTruncationBelowHighWatermark, 15),
    ),
    row(&[M::FlushDropsTail], (2, 1, 1), None, KilledByNothingElse(P::LeaderAppendOnly, 6)),
    row(
        &[M::CampaignsWithoutPreVotes],
        (3, 1, 0),
        None,
        KilledByNothingElse(P::CampaignHasPreVotes, 1),
    ),
    row(&[M::PreVotesCountAsVotes], (3, 2, 0), None, Killed(P::ElectionSafety, 6)),
    row(&[M::RecordsPreVotes], (3, 2, 0), None, Killed(P::ElectionSafety, 11)),
    row(&[M::PreVoteOfNextEpoch], (3, 2, 0), None, KilledByNothingElse(P::EpochNotInvented, 2)),
    row(&[M::FollowsItself], (3, 1, 0), None, KilledByNothingElse(P::NoSelfFollower, 5)),
    with_snapshots(row(
        &[M::EmptyLogHasNoEpoch],
        (3, 2, 1),
        Some(0),
        KilledFar(P::LeaderCompleteness, 19),
    )),
    with_snapshots(row(
        &[M::InstallKeepsLog],
        (3, 1, 1),
        None,
        Killed(P::HighWatermarkWithinLog, 13),
    )),
    with_snapshots(row(
        &[M::KeepsLogBesideSnapshot],
        (3, 1, 1),
        None,
        Killed(P::HighWatermarkWithinLog, 12),
    )),
    with_snapshots(row(
        &[M::SnapshotEndInclusive],
        (3, 1, 1),
        None,
        KilledByNothingElse(P::SnapshotEqualsPrefix, 9),
    )),
    with_snapshots(row(
        &[M::SnapshotsUncommitted],
        (3, 1, 1),
        None,
        Killed(P::SnapshotEqualsPrefix, 5),
    )),
    with_snapshots(row(
        &[M::CleansBeyondSnapshot],
        (3, 1, 1),
        Some(0),
        KilledByNothingElse(P::SnapshotCoversLogStart, 10),
    )),
    with_voters(
        row(&[M::ObserversCampaign], (3, 1, 0), None, KilledByNothingElse(P::CandidateIsVoter, 15)),
        3,
        (0, 1, 0),
    ),
    with_voters(
        row(&[M::RemovedVotesForItself], (2, 2, 0), None, Killed(P::CampaignHasPreVotes, 11)),
        2,
        (0, 1, 0),
    ),
    with_voters(
        row(&[M::IgnoresDirectory], (2, 1, 1), None, KilledByNothingElse(P::VotesAreOfVoters, 5)),
        2,
        (0, 0, 1),
    ),
    with_voters(
        row(
            &[M::AddReplacesDirectory],
            (2, 1, 0),
            None,
            KilledByNothingElse(P::VotersChangeByOne, 14),
        ),
        2,
        (1, 0, 1),
    ),
    with_voters(
        row(&[M::RemovedLeaderCounts], (3, 1, 0), None, Killed(P::Durability, 12)),
        3,
        (0, 1, 0),
    ),
    with_voters(
        row(&[M::ChangesTwice], (3, 2, 0), Some(0), Killed(P::LeaderCompleteness, 16)),
        3,
        (0, 2, 0),
    ),
    with_voters(
        row(&[M::ChangesBeforeCommit], (4, 3, 0), Some(0), KilledFar(P::Durability, 19)),
        4,
        (0, 2, 0),
    ),
    with_voters(
        row(
            &[M::TruncationKeepsVoters],
            (3, 2, 0),
            Some(0),
            KilledByNothingElse(P::VotersAreOfLog, 17),
        ),
        3,
        (0, 1, 0),
    ),
    with_snapshots(with_voters(
        row(&[M::InstallForgetsVoters], (2, 1, 0), None, Killed(P::VotersAreOfLog, 6)),
        1,
        (1, 1, 0),
    )),
    recovering(with_voters(
        row(
            &[M::RecoversLongest],
            (3, 3, 0),
            Some(0),
            KilledByNothingElse(P::RecoveryKeepsCommitted, 14),
        ),
        3,
        (0, 0, 0),
    )),
    recovering(with_voters(
        row(&[M::ComparesHalf], (3, 3, 0), Some(0), KilledFar(P::RecoveryKeepsCommitted, 16)),
        2,
        (1, 0, 0),
    )),
    recovering(with_voters(
        row(&[M::HearsLostVoters], (3, 3, 0), Some(1), KilledFar(P::Durability, 11)),
        3,
        (0, 0, 0),
    )),
    row(
        &[M::TruncationDoesNothing],
        (3, 2, 1),
        None,
        Exempt("the follower never gets on, but nothing false is ever believed: liveness"),
    ),
    row(
        &[M::EndsOverwritten],
        (3, 2, 1),
        None,
        Exempt("only a late fetch shows it: `crosscheck --mutant ends-overwritten` does"),
    ),
    row(
        &[M::AnswersNotCorrelated],
        (3, 2, 1),
        None,
        Exempt(
            "an answer comes at once, or while its request is asked, in every form of the network",
        ),
    ),
];
