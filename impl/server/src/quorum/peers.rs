//! What is under way to the other voters: to each at most one request, known by its correlation id.

use std::collections::BTreeMap;
use std::time::Duration;

use kraftig_spec::quorum::Request;
use kraftig_spec::types::NodeId;

pub(super) struct Peers {
    timeout: Duration,
    backoff: Duration,
    last_correlation: u32,
    /// A voter that is not here can be asked at once.
    slots: BTreeMap<NodeId, Slot>,
}

struct Slot {
    /// What was asked, and its correlation id. `None`: what was asked last has failed.
    asked: Option<(u32, Request)>,
    /// When to give the request up, or when the voter can be asked again.
    until: Duration,
}

impl Peers {
    pub(super) fn new(timeout: Duration, backoff: Duration) -> Self {
        Self { timeout, backoff, last_correlation: 0, slots: BTreeMap::new() }
    }

    /// Of what there is to say, what can be sent now. It is under way from now on.
    pub(super) fn send(
        &mut self,
        now: Duration,
        requests: Vec<(NodeId, Request)>,
    ) -> Vec<(NodeId, u32, Request)> {
        let mut sent = Vec::new();
        for (to, request) in requests {
            let free =
                self.slots.get(&to).is_none_or(|slot| slot.asked.is_none() && slot.until <= now);
            if free {
                self.last_correlation = self.last_correlation.wrapping_add(1);
                let correlation = self.last_correlation;
                let asked = Some((correlation, request.clone()));
                self.slots.insert(to, Slot { asked, until: now + self.timeout });
                sent.push((to, correlation, request));
            }
        }
        sent
    }

    /// The request that an answer is to. `None` for an answer that comes too late, or twice.
    pub(super) fn answered(&mut self, from: NodeId, correlation: u32) -> Option<Request> {
        let slot = self.slots.get(&from)?;
        let current = slot.asked.as_ref().is_some_and(|(asked, _)| *asked == correlation);
        let slot = if current { self.slots.remove(&from) } else { None };
        slot?.asked.map(|(_, request)| request)
    }

    /// Leaves a voter alone for a while: what it was asked has failed.
    pub(super) fn rest(&mut self, voter: NodeId, now: Duration) {
        self.rest_until(voter, now + self.backoff);
    }

    /// Leaves a voter alone until then.
    pub(super) fn rest_until(&mut self, voter: NodeId, until: Duration) {
        self.slots.insert(voter, Slot { asked: None, until });
    }

    /// Gives up the requests that took too long.
    pub(super) fn expire(&mut self, now: Duration) {
        for slot in self.slots.values_mut() {
            if slot.asked.is_some() && slot.until <= now {
                *slot = Slot { asked: None, until: now + self.backoff };
            }
        }
    }

    /// When there is something to do: give a request up, or send one of these.
    pub(super) fn deadline(&self, requests: &[(NodeId, Request)]) -> Option<Duration> {
        let wanted = |id: &NodeId| requests.iter().any(|(to, _)| to == id);
        let due = |(id, slot): (&NodeId, &Slot)| {
            (slot.asked.is_some() || wanted(id)).then_some(slot.until)
        };
        self.slots.iter().filter_map(due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kraftig_spec::quorum::BeginQuorumEpoch;
    use kraftig_spec::types::{DirectoryId, Epoch, ReplicaKey};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn begin(epoch: i32) -> Vec<(NodeId, Request)> {
        let voter = ReplicaKey { id: NodeId(2), directory: DirectoryId::ABSENT };
        let begin = BeginQuorumEpoch { epoch: Epoch(epoch), leader: NodeId(1), voter };
        vec![(NodeId(2), Request::BeginQuorumEpoch(begin))]
    }

    #[test]
    fn one_request_is_under_way_and_only_its_own_answer_counts() {
        let mut peers = Peers::new(MS(100), MS(20));
        let sent = peers.send(MS(0), begin(1));
        let (to, first, _) = sent[0];
        assert_eq!((sent.len(), to), (1, NodeId(2)));
        assert!(peers.send(MS(1), begin(2)).is_empty(), "one is under way");
        assert_eq!(peers.deadline(&[]), Some(MS(100)));

        // It takes too long; then the voter is left alone for a while.
        peers.expire(MS(99));
        assert_eq!(peers.deadline(&[]), Some(MS(100)));
        peers.expire(MS(100));
        assert!(peers.send(MS(119), begin(2)).is_empty());
        assert_eq!(peers.deadline(&[]), None, "there is nothing to say");
        assert_eq!(peers.deadline(&begin(2)), Some(MS(120)));
        let (_, second, _) = peers.send(MS(120), begin(2))[0];

        assert_eq!(peers.answered(NodeId(2), first), None, "too late");
        assert_eq!(peers.answered(NodeId(3), second), None, "from another");
        assert_eq!(peers.answered(NodeId(2), second), Some(begin(2)[0].1.clone()));
        assert_eq!(peers.answered(NodeId(2), second), None, "twice");
        assert_eq!(peers.send(MS(121), begin(3)).len(), 1, "answered: free at once");
    }
}
