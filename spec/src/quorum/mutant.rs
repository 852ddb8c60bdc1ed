//! Known bugs of the protocol, each one line of the core switched wrong, so that a checker can show that it
//! would have found them.
//!
//! Only builds with the feature `mutants` can switch anything: without it the right line is all that the
//! compiler ever sees. Where each was seen stands in `Mutant::bug`; bounds and what finds it in
//! `papers/quorum.md`.

/// `mutant!(Name: wrong, else right)`: the right expression, unless the mutant of that name is switched on.
/// `mutant!(Name: wrong)`: nothing, unless it is.
#[cfg(feature = "mutants")]
macro_rules! mutant {
    ($name:ident: $wrong:expr, else $right:expr) => {
        if $crate::quorum::mutant::Mutant::$name.is_on() { $wrong } else { $right }
    };
    ($name:ident: $wrong:expr) => {
        mutant!($name: $wrong, else ())
    };
}

/// The right expression: this build has no mutants.
#[cfg(not(feature = "mutants"))]
macro_rules! mutant {
    ($name:ident: $wrong:expr, else $right:expr) => {
        $right
    };
    ($name:ident: $wrong:expr) => {};
}

#[cfg(feature = "mutants")]
pub use switch::{Mutant, Mutants, within};
#[cfg(feature = "mutants")]
pub(crate) use switch::{
    but_check_quorum, forgetful, leader_again, leader_or_vote, next_if, pre_votes,
};

#[cfg(feature = "mutants")]
mod switch {
    use std::cell::Cell;
    use std::collections::{BTreeMap, BTreeSet};

    use crate::quorum::event::{Answer, Timer, VoteAnswer};
    use crate::quorum::log_summary::LogSummary;
    use crate::quorum::state::{ElectionState, Role};
    use crate::quorum::step::Step;
    use crate::types::{Epoch, NodeId, Offset};

    /// A bug that can be switched on.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    #[allow(missing_docs, reason = "each is described by Mutant::bug")]
    pub enum Mutant {
        RestartForgetsVote,
        RestartResumesLeading,
        CountsUnflushed,
        FetchesUnflushed,
        CommitsAtEpochStart,
        CommitsOldEpochs,
        TruncatesCommitted,
        VoteIgnoresLog,
        GrantsTwice,
        HalfIsMajority,
        OneIsMajority,
        CountsNextOffset,
        NoDivergence,
        DivergenceByEpochOnly,
        TruncationDoesNothing,
        VoteClaimsUnflushed,
        AnswersBeforeWriting,
        EndsOverwritten,
        AnswersNotCorrelated,
        NamesVoteAsLeader,
        ObeysFormerEpoch,
        AppendsWhenResigned,
        HighWatermarkBeforeTruncation,
        HighWatermarkOverwritten,
        HighWatermarkBeyondLog,
        CutsForNewLeader,
        FlushDropsTail,
        CampaignsWithoutPreVotes,
        PreVotesCountAsVotes,
        RecordsPreVotes,
        PreVoteOfNextEpoch,
        FollowsItself,
        EmptyLogHasNoEpoch,
        InstallKeepsLog,
        KeepsLogBesideSnapshot,
        SnapshotEndInclusive,
        SnapshotsUncommitted,
        CleansBeyondSnapshot,
        ObserversCampaign,
        IgnoresDirectory,
        RemovedLeaderCounts,
        ChangesBeforeCommit,
        ChangesTwice,
        AddReplacesDirectory,
        TruncationKeepsVoters,
        InstallForgetsVoters,
        RecoversLongest,
        ComparesHalf,
        HearsLostVoters,
        NeverChecksQuorum,
        ChecksQuorumWithoutLeader,
        RefusesWithoutLeader,
        StuckInProspective,
        ObserversRefuseVotes,
        RefusesUnknownCandidates,
        ServesVotersOnly,
        RemovedNeverCampaigns,
        RemovedVotesForItself,
        RemovedLeaderServesNobody,
        ObserversWaitForLeader,
        ForgetsLostLeader,
        LeadsOnInFormerEpoch,
        ChecksQuorumWithRemovedLeader,
    }

    impl Mutant {
        /// All.
        pub const ALL: [Self; 63] = [
            Self::RestartForgetsVote,
            Self::RestartResumesLeading,
            Self::CountsUnflushed,
            Self::FetchesUnflushed,
            Self::CommitsAtEpochStart,
            Self::CommitsOldEpochs,
            Self::TruncatesCommitted,
            Self::VoteIgnoresLog,
            Self::GrantsTwice,
            Self::HalfIsMajority,
            Self::OneIsMajority,
            Self::CountsNextOffset,
            Self::NoDivergence,
            Self::DivergenceByEpochOnly,
            Self::TruncationDoesNothing,
            Self::VoteClaimsUnflushed,
            Self::AnswersBeforeWriting,
            Self::EndsOverwritten,
            Self::AnswersNotCorrelated,
            Self::NamesVoteAsLeader,
            Self::ObeysFormerEpoch,
            Self::AppendsWhenResigned,
            Self::HighWatermarkBeforeTruncation,
            Self::HighWatermarkOverwritten,
            Self::HighWatermarkBeyondLog,
            Self::CutsForNewLeader,
            Self::FlushDropsTail,
            Self::CampaignsWithoutPreVotes,
            Self::PreVotesCountAsVotes,
            Self::RecordsPreVotes,
            Self::PreVoteOfNextEpoch,
            Self::FollowsItself,
            Self::EmptyLogHasNoEpoch,
            Self::InstallKeepsLog,
            Self::KeepsLogBesideSnapshot,
            Self::SnapshotEndInclusive,
            Self::SnapshotsUncommitted,
            Self::CleansBeyondSnapshot,
            Self::ObserversCampaign,
            Self::IgnoresDirectory,
            Self::RemovedLeaderCounts,
            Self::ChangesBeforeCommit,
            Self::ChangesTwice,
            Self::AddReplacesDirectory,
            Self::TruncationKeepsVoters,
            Self::InstallForgetsVoters,
            Self::RecoversLongest,
            Self::ComparesHalf,
            Self::HearsLostVoters,
            Self::NeverChecksQuorum,
            Self::ChecksQuorumWithoutLeader,
            Self::RefusesWithoutLeader,
            Self::StuckInProspective,
            Self::ObserversRefuseVotes,
            Self::RefusesUnknownCandidates,
            Self::ServesVotersOnly,
            Self::RemovedNeverCampaigns,
            Self::RemovedVotesForItself,
            Self::RemovedLeaderServesNobody,
            Self::ObserversWaitForLeader,
            Self::ForgetsLostLeader,
            Self::LeadsOnInFormerEpoch,
            Self::ChecksQuorumWithRemovedLeader,
        ];

        /// The name by which a command line switches it on.
        pub fn name(self) -> &'static str {
            self.about().0
        }

        /// What is wrong with it, and where the bug was seen.
        pub fn bug(self) -> &'static str {
            self.about().1
        }

        fn about(self) -> (&'static str, &'static str) {
            match self {
                Self::RestartForgetsVote => (
                    "restart-forgets-vote",
                    "a restart forgets leader and vote, so the node votes again in an epoch that it led or voted in (KAFKA-10661)",
                ),
                Self::RestartResumesLeading => (
                    "restart-resumes-leading",
                    "a leader that restarts goes on leading, though it may have lost entries that others fetched (KAFKA-10527)",
                ),
                Self::CountsUnflushed => (
                    "counts-unflushed",
                    "the leader counts its own end before it is flushed (KAFKA-10533)",
                ),
                Self::FetchesUnflushed => (
                    "fetches-unflushed",
                    "a follower fetches from beyond what it has flushed (KAFKA-10533)",
                ),
                Self::CommitsAtEpochStart => (
                    "commits-at-epoch-start",
                    "entries are committed when a majority reaches the epoch's start, not its first entry (KAFKA-12619)",
                ),
                Self::CommitsOldEpochs => (
                    "commits-old-epochs",
                    "entries of former epochs are committed by counting (Raft, figure 8)",
                ),
                Self::TruncatesCommitted => (
                    "truncates-committed",
                    "a truncation below the high watermark is carried out (KAFKA-12460)",
                ),
                Self::VoteIgnoresLog => {
                    ("vote-ignores-log", "a vote is granted whatever the candidate's log")
                }
                Self::GrantsTwice => {
                    ("grants-twice", "a vote is granted to a second candidate of the epoch")
                }
                Self::HalfIsMajority => {
                    ("half-is-majority", "half of the voters count as a majority, rounded down")
                }
                Self::OneIsMajority => (
                    "one-is-majority",
                    "the high watermark is the largest end of all, not that of a majority",
                ),
                Self::CountsNextOffset => (
                    "counts-next-offset",
                    "the leader counts one entry more than a follower has fetched",
                ),
                Self::NoDivergence => {
                    ("no-divergence", "the leader never tells a follower that their logs differ")
                }
                Self::DivergenceByEpochOnly => (
                    "divergence-by-epoch-only",
                    "the leader compares the follower's last epoch, and not where it ends",
                ),
                Self::TruncationDoesNothing => (
                    "truncation-does-nothing",
                    "a follower that is told to cut its log leaves it as it is",
                ),
                Self::VoteClaimsUnflushed => (
                    "vote-claims-unflushed",
                    "a candidate claims a log end that it has not flushed",
                ),
                Self::AnswersBeforeWriting => {
                    ("answers-before-writing", "answers leave before the election state is written")
                }
                Self::EndsOverwritten => (
                    "ends-overwritten",
                    "a follower's end at the leader is what it fetched last, so a late fetch moves it back",
                ),
                Self::AnswersNotCorrelated => {
                    ("answers-not-correlated", "any answer is taken for one to what was asked last")
                }
                Self::NamesVoteAsLeader => (
                    "names-vote-as-leader",
                    "where a vote is refused, whom it was given to is named as the leader",
                ),
                Self::ObeysFormerEpoch => {
                    ("obeys-former-epoch", "BeginQuorumEpoch of an epoch that is over is obeyed")
                }
                Self::AppendsWhenResigned => {
                    ("appends-when-resigned", "a leader that resigned still appends (KAFKA-17333)")
                }
                Self::HighWatermarkBeforeTruncation => (
                    "high-watermark-before-truncation",
                    "a follower learns the high watermark before it cuts what differs (KAFKA-14704)",
                ),
                Self::HighWatermarkOverwritten => (
                    "high-watermark-overwritten",
                    "a follower's high watermark is what it was told last",
                ),
                Self::HighWatermarkBeyondLog => (
                    "high-watermark-beyond-log",
                    "a follower takes over a high watermark that its log does not reach (KAFKA-9491)",
                ),
                Self::CutsForNewLeader => (
                    "cuts-for-new-leader",
                    "a follower that hears of a new leader cuts what it neither flushed nor knows to be committed",
                ),
                Self::FlushDropsTail => (
                    "flush-drops-tail",
                    "a leader whose flush is complete drops what it appended meanwhile",
                ),
                Self::CampaignsWithoutPreVotes => (
                    "campaigns-without-pre-votes",
                    "a node whose timer fires makes a new epoch without asking first (before KIP-996)",
                ),
                Self::PreVotesCountAsVotes => {
                    ("pre-votes-count-as-votes", "a candidate counts the pre-votes as votes")
                }
                Self::RecordsPreVotes => {
                    ("records-pre-votes", "a granted pre-vote is recorded as the vote of the epoch")
                }
                Self::PreVoteOfNextEpoch => (
                    "pre-vote-of-next-epoch",
                    "a pre-vote names the epoch to come, and so deposes the leader that it should spare",
                ),
                Self::FollowsItself => (
                    "follows-itself",
                    "a leader that resigned follows itself when an answer names it as the leader (KAFKA-18379)",
                ),
                Self::EmptyLogHasNoEpoch => (
                    "empty-log-has-no-epoch",
                    "the last epoch of a log that is empty behind a snapshot is 0, not the snapshot's (KAFKA-10761)",
                ),
                Self::InstallKeepsLog => (
                    "install-keeps-log",
                    "a log in whose place a snapshot was loaded stays beside it",
                ),
                Self::KeepsLogBesideSnapshot => (
                    "keeps-log-beside-snapshot",
                    "a restart keeps a log that ends before its snapshot, or is on another way",
                ),
                Self::SnapshotEndInclusive => (
                    "snapshot-end-inclusive",
                    "a snapshot is named by the last offset in it, not by the one after (KAFKA-14618)",
                ),
                Self::SnapshotsUncommitted => (
                    "snapshots-uncommitted",
                    "a snapshot is taken of records that are not committed",
                ),
                Self::CleansBeyondSnapshot => (
                    "cleans-beyond-snapshot",
                    "records that are committed go, though no snapshot holds them",
                ),
                Self::ObserversCampaign => {
                    ("observers-campaign", "an observer whose timer fires campaigns (KAFKA-17067)")
                }
                Self::IgnoresDirectory => (
                    "ignores-directory",
                    "a voter that comes back with an empty disk is taken for what it was (KAFKA-12181)",
                ),
                Self::RemovedLeaderCounts => (
                    "removed-leader-counts",
                    "a leader that removed itself counts itself among the majority (KAFKA-16530)",
                ),
                Self::ChangesBeforeCommit => (
                    "changes-before-commit",
                    "voters change before an entry of the leader's epoch is committed (KAFKA-16535)",
                ),
                Self::ChangesTwice => {
                    ("changes-twice", "voters change while the last change is not committed")
                }
                Self::AddReplacesDirectory => (
                    "add-replaces-directory",
                    "who is added may take the place of a voter of the same id",
                ),
                Self::TruncationKeepsVoters => {
                    ("truncation-keeps-voters", "a change of voters outlives its record")
                }
                Self::InstallForgetsVoters => (
                    "install-forgets-voters",
                    "the voters that a snapshot names are not taken from it",
                ),
                Self::RecoversLongest => (
                    "recovers-longest",
                    "of the directories that are left the longest log is taken for the one that holds most",
                ),
                Self::ComparesHalf => (
                    "compares-half",
                    "half of the voters that a log names are taken to meet each majority, though another may have been added since",
                ),
                Self::HearsLostVoters => {
                    ("hears-lost-voters", "a recovered node heeds voters that were given up")
                }
                Self::NeverChecksQuorum => (
                    "never-checks-quorum",
                    "a leader that hears from no majority leads on (KAFKA-15489)",
                ),
                Self::ChecksQuorumWithoutLeader => (
                    "check-quorum-without-leader",
                    "a leader that waits to hear from a majority does not count itself (KAFKA-16144)",
                ),
                Self::RefusesWithoutLeader => (
                    "refuses-without-leader",
                    "a follower refuses pre-votes though its leader is gone (KAFKA-20895)",
                ),
                Self::StuckInProspective => (
                    "stuck-in-prospective",
                    "a node that does not get its pre-votes goes on asking for them, and never follows again",
                ),
                Self::ObserversRefuseVotes => (
                    "observers-refuse-votes",
                    "who does not know yet that it votes refuses its vote (KAFKA-16526)",
                ),
                Self::RefusesUnknownCandidates => (
                    "refuses-unknown-candidates",
                    "a voter refuses a candidate that its own log does not name as a voter (KIP-853)",
                ),
                Self::ServesVotersOnly => (
                    "serves-voters-only",
                    "a leader refuses the fetches of all but the voters of its own log (KIP-853)",
                ),
                Self::RemovedNeverCampaigns => (
                    "removed-never-campaigns",
                    "who is removed does not campaign, though nobody else may hold the record of it (Ongaro 2014, 4.2.2)",
                ),
                Self::RemovedVotesForItself => (
                    "removed-votes-for-itself",
                    "who is removed and campaigns counts its own vote (Ongaro 2014, 4.2.2)",
                ),
                Self::RemovedLeaderServesNobody => (
                    "removed-leader-serves-nobody",
                    "a leader that removed itself takes no fetches before that is committed (KIP-853)",
                ),
                Self::ObserversWaitForLeader => (
                    "observers-wait-for-leader",
                    "an observer that lost its leader goes on asking it, and nobody else (KAFKA-19605)",
                ),
                Self::ForgetsLostLeader => (
                    "forgets-lost-leader",
                    "a voter whose pre-votes nobody answers asks its former leader again, and nobody else (KIP-853)",
                ),
                Self::LeadsOnInFormerEpoch => (
                    "leads-on-in-former-epoch",
                    "a leader goes on leading its epoch when an observer asks it from a later one (Raft 5.1)",
                ),
                Self::ChecksQuorumWithRemovedLeader => (
                    "check-quorum-with-removed-leader",
                    "a leader that removed itself counts itself among those that it hears from (KAFKA-16531)",
                ),
            }
        }

        /// The mutant of that name.
        pub fn named(name: &str) -> Option<Self> {
            Self::ALL.into_iter().find(|mutant| mutant.name() == name)
        }

        /// Whether it is switched on for this thread.
        pub(crate) fn is_on(self) -> bool {
            ON.get().0 & 1 << self as u32 != 0
        }
    }

    /// A set of mutants.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Mutants(u64);

    impl Mutants {
        /// The protocol as it should be.
        pub const NONE: Self = Self(0);

        /// These mutants together.
        pub const fn of(mutants: &[Mutant]) -> Self {
            let (mut set, mut index) = (0, 0);
            while index < mutants.len() {
                set |= 1 << mutants[index] as u32;
                index += 1;
            }
            Self(set)
        }

        /// Those in the set.
        pub fn iter(self) -> impl Iterator<Item = Mutant> {
            Mutant::ALL.into_iter().filter(move |mutant| self.0 & 1 << *mutant as u32 != 0)
        }
    }

    /// An election state of which only the epoch is left.
    pub(crate) fn forgetful(election: ElectionState) -> ElectionState {
        ElectionState { epoch: election.epoch, ..ElectionState::default() }
    }

    /// The leader, or where a vote is refused, whoever has it.
    pub(crate) fn leader_or_vote<R>(election: ElectionState, answer: &Answer<R>) -> Option<NodeId> {
        let refused = matches!(answer, Answer::Vote(VoteAnswer { granted: false }));
        election.leader.or(election.voted.filter(|_| refused).map(|voted| voted.id))
    }

    /// The epoch to come, for a pre-vote.
    pub(crate) fn next_if(pre_vote: bool, epoch: Epoch) -> Epoch {
        epoch.next().filter(|_| pre_vote).unwrap_or(epoch)
    }

    /// The timer, or in place of that of check-quorum one that no leader has.
    pub(crate) fn but_check_quorum(timer: Timer) -> Timer {
        if timer == Timer::CheckQuorum { Timer::Election } else { timer }
    }

    /// Who granted a pre-vote.
    pub(crate) fn pre_votes(role: &Role) -> BTreeSet<NodeId> {
        match role {
            Role::Prospective { granted, .. } => granted.clone(),
            _ => BTreeSet::new(),
        }
    }

    /// The role of a leader that takes up its epoch again.
    pub(crate) fn leader_again(log: &LogSummary) -> Role {
        Role::Leader {
            epoch_start: log.epochs.last().map_or(log.end, |last| last.start),
            progress: BTreeMap::new(),
            heard: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
        }
    }

    impl<P> Step<'_, P> {
        /// Cuts everything from `to` on, if there is anything.
        pub(in crate::quorum) fn cut_beyond(&mut self, to: Offset) {
            if to < self.state.log.end {
                self.cut(to);
            }
        }

        /// Cuts what is neither flushed nor known to be committed.
        pub(in crate::quorum) fn cut_doubtful(&mut self) {
            let known = self.state.high_watermark.unwrap_or_default();
            self.cut_beyond(self.state.log.flushed.max(known));
        }
    }

    thread_local! {
        static ON: Cell<Mutants> = const { Cell::new(Mutants::NONE) };
    }

    /// Runs `work` with these mutants, and no others, switched on in this thread.
    pub fn within<T>(mutants: Mutants, work: impl FnOnce() -> T) -> T {
        struct Restore(Mutants);
        impl Drop for Restore {
            fn drop(&mut self) {
                ON.set(self.0);
            }
        }
        let _restore = Restore(ON.replace(mutants));
        work()
    }
}
