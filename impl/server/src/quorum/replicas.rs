//! What a leader knows of those who fetch from it, for whoever describes the quorum. Nothing is decided by it.

use std::collections::BTreeMap;

use kraftig_spec::quorum::{Fetched, VoterSet};
use kraftig_spec::types::{Epoch, NodeId, Offset, ReplicaKey};

/// An observer that was not heard of for this long is told of no more, as in Kafka.
const OBSERVER_SILENCE_MS: i64 = 300_000;
/// Replicas that are remembered; further observers are not told of.
const MOST_REPLICAS: usize = 1024;

/// The quorum as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumDescription {
    /// The leader: this node.
    pub leader: NodeId,
    /// The epoch that it leads.
    pub epoch: Epoch,
    /// Everything below is committed.
    pub high_watermark: Option<Offset>,
    /// Whether it is committed that the log names the voters (`kraft.version` 1).
    pub names_voters: bool,
    /// All voters, the leader among them.
    pub voters: Vec<ReplicaDescription>,
    /// Others that fetch.
    pub observers: Vec<ReplicaDescription>,
}

/// A replica of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaDescription {
    /// Who it is. Static voters have no directory.
    pub replica: ReplicaKey,
    /// Where its log ends, where known.
    pub end: Option<Offset>,
    /// When it fetched last, in milliseconds since 1970.
    pub last_fetch_ms: Option<i64>,
    /// When it had last all that the leader had, in milliseconds since 1970.
    pub last_caught_up_ms: Option<i64>,
}

/// Who fetched in the epoch that this node leads.
#[derive(Default)]
pub(super) struct Replicas {
    known: BTreeMap<ReplicaKey, Known>,
}

#[derive(Clone, Copy)]
struct Known {
    at_ms: i64,
    told: Fetched,
    caught_up_ms: Option<i64>,
}

impl Replicas {
    /// Forgets all: another epoch begins.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// What is known of a replica's log.
    pub(super) fn get(&self, replica: ReplicaKey) -> Option<Fetched> {
        self.known.get(&replica).map(|known| known.told)
    }

    /// Notes what a fetch told of a replica's log.
    pub(super) fn fetched(&mut self, replica: ReplicaKey, told: Fetched, now_ms: i64) {
        let before = self.known.get(&replica).copied();
        if before.is_none() && self.known.len() >= MOST_REPLICAS {
            return;
        }
        let caught_up_ms = match before {
            _ if told.caught_up == Some(told.leader_end) => Some(now_ms),
            // It has all that there was when it asked last.
            Some(before) if told.caught_up != before.told.caught_up => Some(before.at_ms),
            Some(before) => before.caught_up_ms,
            None => None,
        };
        self.known.insert(replica, Known { at_ms: now_ms, told, caught_up_ms });
    }

    /// All voters, and the observers that are not silent. `leader` is what this node says of itself.
    pub(super) fn describe(
        &mut self,
        leader: &ReplicaDescription,
        voters: &VoterSet,
        now_ms: i64,
    ) -> (Vec<ReplicaDescription>, Vec<ReplicaDescription>) {
        let describe = |replica, known: Option<&Known>| ReplicaDescription {
            replica,
            end: known.map(|known| known.told.end),
            last_fetch_ms: known.map(|known| known.at_ms),
            last_caught_up_ms: known.and_then(|known| known.caught_up_ms),
        };
        let local = leader.replica;
        let voter = |key: ReplicaKey| {
            if voters.contains(local) && key.id == local.id {
                return ReplicaDescription { replica: key, ..leader.clone() };
            }
            let is_its = |replica: &ReplicaKey| replica.id == key.id && voters.contains(*replica);
            let its = self.known.iter().filter(|(replica, _)| is_its(replica));
            let latest = its.map(|(_, known)| known).max_by_key(|known| known.at_ms);
            describe(key, latest)
        };
        let described = voters.keys().map(voter).collect();
        self.known.retain(|replica, known| {
            voters.contains(*replica) || now_ms - known.at_ms < OBSERVER_SILENCE_MS
        });
        let observers = self.known.iter();
        let observers =
            observers.filter(|(replica, _)| !voters.contains(**replica) && **replica != local);
        let observers = observers.map(|(replica, known)| describe(*replica, Some(known))).collect();
        (described, observers)
    }
}

#[cfg(test)]
mod tests {
    use kraftig_spec::types::DirectoryId;

    use super::*;

    fn replica(id: i32) -> ReplicaKey {
        ReplicaKey { id: NodeId(id), directory: DirectoryId::ABSENT }
    }

    #[test]
    fn who_keeps_up_is_told_from_who_lags_and_who_is_gone() {
        let mut replicas = Replicas::default();
        let told = |replicas: &mut Replicas, now_ms| {
            let leader = ReplicaDescription {
                replica: replica(1),
                end: None,
                last_fetch_ms: None,
                last_caught_up_ms: None,
            };
            let voters = [1, 2, 3].map(NodeId).into();
            let (voters, observers) = replicas.describe(&leader, &voters, now_ms);
            voters
                .into_iter()
                .filter(|voter| voter.replica != replica(1))
                .chain(observers)
                .map(|it| (it.replica.id.0, it.end, it.last_fetch_ms, it.last_caught_up_ms))
                .collect::<Vec<_>>()
        };
        let fetched = |end, leader_end, caught_up: Option<i64>| Fetched {
            end: Offset(end),
            leader_end: Offset(leader_end),
            caught_up: caught_up.map(Offset),
        };
        replicas.fetched(replica(2), fetched(10, 10, Some(10)), 1000);
        replicas.fetched(replica(7), fetched(0, 10, None), 1000);
        let two = (2, Some(Offset(10)), Some(1000), Some(1000));
        let three = (3, None, None, None);
        assert_eq!(told(&mut replicas, 1001), [two, three, (7, Some(Offset(0)), Some(1000), None)]);
        // It has what there was, and then not.
        replicas.fetched(replica(7), fetched(10, 12, Some(10)), 1100);
        let seven = (7, Some(Offset(10)), Some(1100), Some(1000));
        assert_eq!(told(&mut replicas, 1101), [two, three, seven]);
        replicas.fetched(replica(7), fetched(11, 13, Some(10)), 1200);
        let seven = (7, Some(Offset(11)), Some(1200), Some(1000));
        assert_eq!(told(&mut replicas, 1200 + OBSERVER_SILENCE_MS - 1), [two, three, seven]);
        assert_eq!(told(&mut replicas, 1200 + OBSERVER_SILENCE_MS), [two, three]);
    }

    #[test]
    fn strangers_take_no_more_than_their_room() {
        let mut replicas = Replicas::default();
        for id in 0..2 * MOST_REPLICAS as i32 {
            let told = Fetched { end: Offset(0), leader_end: Offset(1), caught_up: None };
            replicas.fetched(replica(id), told, 0);
        }
        assert_eq!(replicas.known.len(), MOST_REPLICAS);
    }
}
