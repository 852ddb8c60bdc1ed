//! Who leads a partition, and who is in sync with it, when brokers come and go (KIP-966).

use std::collections::BTreeSet;

use super::features::MetadataVersion;
use super::image::{Image, Partition, Topic};
use super::record::{NO_LEADER, NO_LEADER_CHANGE, PartitionChange, Record};
use super::settings::Settings;
use super::topic_config;
use crate::types::NodeId;

/// What happens to a broker, as far as elections go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokerChange {
    /// It leaves the ISRs: it is fenced or about to stop.
    Leaves(NodeId),
    /// It may lead again.
    Returns(NodeId),
    /// It stopped without notice: what it had in memory only is gone, so it leaves the ELRs too.
    LostUncleanly(NodeId),
}

/// The changes of every partition that the broker's change touches, by topic and number.
pub(super) fn partition_changes(
    image: &Image,
    settings: &Settings,
    change: BrokerChange,
) -> Vec<Record> {
    let mut records = Vec::new();
    for (topic, number, partition) in image.partitions() {
        let touched = match change {
            BrokerChange::Leaves(broker) | BrokerChange::LostUncleanly(broker) => {
                partition.isr.contains(&broker)
            }
            BrokerChange::Returns(_) => partition.leader.is_none(),
        };
        if touched {
            records.extend(partition_change(image, settings, topic, number, partition, change));
        }
    }
    if let BrokerChange::LostUncleanly(broker) = change {
        for (topic, number, partition) in
            image.partitions().filter(|(_, _, partition)| partition.elr.contains(&broker))
        {
            records.extend(partition_change(image, settings, topic, number, partition, change));
        }
    }
    records
}

/// The change of one partition; `None` where nothing changes.
pub(super) fn partition_change(
    image: &Image,
    settings: &Settings,
    topic: &Topic,
    number: i32,
    partition: &Partition,
    change: BrokerChange,
) -> Option<Record> {
    let (gone, lost) = match change {
        BrokerChange::Leaves(broker) => (Some(broker), None),
        BrokerChange::LostUncleanly(broker) => (Some(broker), Some(broker)),
        BrokerChange::Returns(_) => (None, None),
    };
    let acceptable = |replica: NodeId| {
        Some(replica) != gone
            && image.brokers.get(&replica).is_some_and(|broker| {
                (broker.is_active() || change == BrokerChange::Returns(replica))
                    && broker.has_online_directory(partition.directory(replica))
            })
    };
    let election = Election {
        partition,
        isr: partition.isr.iter().copied().filter(|replica| Some(*replica) != gone).collect(),
        lost,
        min_isr: effective_min_isr(image, settings, topic),
        elr_enabled: image.elr_enabled(),
        unclean: topic_config::effective(
            image,
            settings,
            &topic.name,
            "unclean.leader.election.enable",
        )
        .is_some_and(|v| v == "true"),
        bump_on_shrink: image
            .metadata_version()
            .is_some_and(MetadataVersion::bumps_leader_epoch_on_isr_shrink),
    };
    let change = election.change(&acceptable)?;
    Some(Record::PartitionChange(PartitionChange {
        partition_id: number,
        topic_id: topic.id,
        ..change
    }))
}

/// `min.insync.replicas`, but never more than there are replicas.
fn effective_min_isr(image: &Image, settings: &Settings, topic: &Topic) -> usize {
    let configured = topic_config::effective(image, settings, &topic.name, "min.insync.replicas");
    let replicas = topic.partitions.get_min().map_or(1, |(_, partition)| partition.replicas.len());
    configured.and_then(|value| value.trim().parse().ok()).unwrap_or(1).min(replicas)
}

struct Election<'a> {
    partition: &'a Partition,
    isr: Vec<NodeId>,
    lost: Option<NodeId>,
    min_isr: usize,
    elr_enabled: bool,
    unclean: bool,
    bump_on_shrink: bool,
}

impl Election<'_> {
    fn change(mut self, acceptable: &dyn Fn(NodeId) -> bool) -> Option<PartitionChange> {
        let partition = self.partition;
        let mut elr = self.target_elr();
        let mut change = PartitionChange::default();

        let (winner, is_unclean) = self.winner(&elr, acceptable);
        if winner != partition.leader {
            change.leader = winner.unwrap_or(NO_LEADER);
            if let Some(winner) = winner {
                if elr.contains(&winner) {
                    self.isr = vec![winner];
                    elr.retain(|replica| *replica != winner);
                }
                if is_unclean {
                    // Nobody else can be in sync with a leader that may have lost records.
                    change.isr = Some(vec![winner]);
                    if !partition.recovering {
                        change.leader_recovery_state = 1;
                    }
                }
            }
        }
        if change.isr.is_some() || !self.elr_enabled {
            elr.clear();
        }
        if elr != partition.elr {
            change.eligible_leader_replicas = Some(elr);
        }
        // Without ELR the last member stays in the ISR, so that it is known who may lead again.
        if change.isr.is_none()
            && (self.elr_enabled || !self.isr.is_empty())
            && self.isr != partition.isr
        {
            change.isr = Some(self.isr);
        }
        if self.bump_on_shrink
            && change.leader == NO_LEADER_CHANGE
            && change
                .isr
                .as_ref()
                .is_some_and(|isr| !partition.isr.iter().all(|replica| isr.contains(replica)))
        {
            change.leader = partition.leader.unwrap_or(NO_LEADER);
        }
        if self.elr_enabled {
            change.last_known_elr = last_known_leader(partition, &change);
        }
        (change != PartitionChange::default()).then_some(change)
    }

    /// Those who left a too small ISR and lost nothing. In ascending order, as Kafka writes them.
    fn target_elr(&self) -> Vec<NodeId> {
        if !self.elr_enabled {
            return self.partition.elr.clone();
        }
        if self.isr.len() >= self.min_isr {
            return Vec::new();
        }
        let candidates: BTreeSet<NodeId> =
            self.partition.elr.iter().chain(&self.partition.isr).copied().collect();
        candidates
            .into_iter()
            .filter(|replica| !self.isr.contains(replica) && Some(*replica) != self.lost)
            .collect()
    }

    fn winner(
        &self,
        elr: &[NodeId],
        acceptable: &dyn Fn(NodeId) -> bool,
    ) -> (Option<NodeId>, bool) {
        let partition = self.partition;
        let valid = |replica: &NodeId| {
            (self.isr.contains(replica) || self.isr.is_empty() && elr.contains(replica))
                && acceptable(*replica)
        };
        let clean = partition
            .leader
            .filter(valid)
            .or_else(|| partition.replicas.iter().copied().find(valid));
        if clean.is_some() {
            return (clean, false);
        }
        if self.elr_enabled
            && self.isr.is_empty()
            && elr.is_empty()
            && let [last] = partition.last_known_elr[..]
            && acceptable(last)
        {
            return (Some(last), true);
        }
        let unclean = if self.unclean {
            partition.replicas.iter().copied().find(|replica| acceptable(*replica))
        } else {
            None
        };
        (unclean, unclean.is_some())
    }
}

/// Remembers the leader when the ISR runs empty, and forgets it when there is one again.
fn last_known_leader(partition: &Partition, change: &PartitionChange) -> Option<Vec<NodeId>> {
    let runs_empty = change.isr.as_ref().is_some_and(Vec::is_empty);
    if let Some(leader) = partition.leader
        && runs_empty
        && partition.last_known_elr != [leader]
    {
        return Some(vec![leader]);
    }
    let has_leader = match change.leader {
        NO_LEADER => false,
        NO_LEADER_CHANGE => partition.leader.is_some(),
        _ => true,
    };
    (has_leader && !partition.last_known_elr.is_empty()).then(Vec::new)
}
