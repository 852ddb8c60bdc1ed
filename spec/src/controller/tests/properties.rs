//! Whatever brokers do, the invariants hold; whatever a log holds, nothing panics.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::record::{self, BrokerRegistrationChange, PartitionChange, RegisterBroker};
use super::*;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Register { broker: i32, clean: bool },
    Heartbeat { broker: i32, want_fence: bool, want_shut_down: bool, behind: bool, offline: bool },
    Wait(i64),
    Create { replication_factor: i16, unclean: bool, min_isr: i32, seed: u64 },
    Delete(usize),
    Elr(bool),
    Activate,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let broker = 1..4_i32;
    prop_oneof![
        3 => (broker.clone(), any::<bool>()).prop_map(|(broker, clean)| Step::Register { broker, clean }),
        6 => (broker, prop::bool::weighted(0.1), prop::bool::weighted(0.3), prop::bool::weighted(0.1), prop::bool::weighted(0.1))
            .prop_map(|(broker, want_fence, want_shut_down, behind, offline)| Step::Heartbeat { broker, want_fence, want_shut_down, behind, offline }),
        2 => (0..SESSION_MS).prop_map(Step::Wait),
        2 => (1..4_i16, any::<bool>(), 1..4_i32, any::<u64>())
            .prop_map(|(replication_factor, unclean, min_isr, seed)| Step::Create { replication_factor, unclean, min_isr, seed }),
        1 => any::<usize>().prop_map(Step::Delete),
        1 => any::<bool>().prop_map(Step::Elr),
        1 => Just(Step::Activate),
    ]
}

impl Controller {
    /// Takes a step; what is refused changes nothing.
    pub(super) fn step(&mut self, step: &Step) {
        match *step {
            Step::Register { broker, clean } => {
                let epoch = self.image().brokers.get(&NodeId(broker)).map(|broker| broker.epoch);
                let request = self.registration(broker, epoch.filter(|_| clean));
                let _ = self.try_register(&request);
            }
            Step::Heartbeat { broker, want_fence, want_shut_down, behind, offline } => {
                let mut request = Heartbeat { want_fence, want_shut_down, ..self.beat(broker) };
                if behind {
                    request.current_metadata_offset = Offset(-1);
                }
                if offline {
                    request.offline_log_dirs = vec![directory(broker)];
                }
                let _ = self.try_heartbeat(&request);
            }
            Step::Wait(ms) => {
                self.now_ms += ms;
                while self.expire().is_some() {}
            }
            Step::Create { replication_factor, unclean, min_isr, seed } => {
                let mut topic = self.topic(&format!("t{}", self.ids), 2, replication_factor);
                topic.configs = vec![
                    ("unclean.leader.election.enable".to_owned(), Some(unclean.to_string())),
                    ("min.insync.replicas".to_owned(), Some(min_isr.to_string())),
                ];
                let request = CreateTopics {
                    topics: vec![topic],
                    validate_only: false,
                    placement_seed: seed,
                };
                let decision = create_topics(self.image(), &request, &self.settings);
                self.take(decision);
            }
            Step::Delete(index) => {
                let count = self.image().topics.len().max(1);
                if let Some(id) = self.image().topics.keys().nth(index % count).copied() {
                    self.delete(vec![by_id(id)]);
                }
            }
            Step::Elr(on) => {
                // With the feature goes what it remembers; nobody may be without an ISR when it goes.
                if on
                    || self.image().partitions().all(|(_, _, partition)| !partition.isr.is_empty())
                {
                    let level = Record::FeatureLevel {
                        name: ELR_VERSION.to_owned(),
                        feature_level: i16::from(on),
                    };
                    let clear = Record::ClearElr { topic_name: String::new() };
                    self.take(Decision { records: vec![level, clear], atomic: true, response: () });
                }
            }
            Step::Activate => self.activate(),
        }
    }
}

proptest! {
    #[test]
    fn decisions_keep_the_invariants(steps in vec(step(), 1..120)) {
        let mut controller = Controller::active();
        for step in steps {
            controller.step(&step);
        }
        // Every broker comes back cleanly enough: what has an eligible leader is led again.
        controller.now_ms += SESSION_MS + 1;
        while controller.expire().is_some() {}
        for broker in 1..4 {
            controller.register(broker, None);
            controller.unfence(broker);
        }
        for (topic, number, partition) in controller.image().partitions() {
            prop_assert!(partition.leader.is_some() || partition.isr.is_empty(), "{}-{number}: {partition:?}", topic.name);
        }
    }

    #[test]
    fn replay_refuses_and_never_panics(records in vec(record(), 0..60)) {
        let mut metadata = Metadata::default();
        for record in &records {
            let before = metadata.clone();
            let end = metadata.end();
            match metadata.replay(record, end, Epoch(1)) {
                Ok(()) => prop_assert_eq!(metadata.end(), end.plus(1)),
                Err(error) => {
                    prop_assert_eq!(error.offset, end);
                    prop_assert_eq!(&metadata, &before);
                }
            }
        }
        // A decision about what no sane log holds may be odd, but it is made.
        let (image, settings) = (metadata.image(), settings());
        let mut sessions = Sessions::new(image, SESSION_MS, 0);
        let now = Now { ms: 0, next_offset: metadata.end() };
        for broker in image.brokers.values() {
            let request = Heartbeat {
                broker_id: broker.id,
                broker_epoch: broker.epoch,
                current_metadata_offset: metadata.end(),
                want_fence: false,
                want_shut_down: broker.epoch % 2 == 0,
                offline_log_dirs: broker.directories.clone(),
            };
            heartbeat(image, &mut sessions, &request, now, &settings).unwrap();
        }
        while expire_session(image, &mut sessions, i64::MAX, &settings).is_some() {}
        let name = image.topic_ids.keys().next().map_or_else(String::new, ToString::to_string);
        prop_assert_eq!(topic_config::describe(image, &settings, &name).len(), 33);
        let _ = activate(&metadata, &[], &settings);
    }
}

fn id() -> impl Strategy<Value = NodeId> {
    (-3..4_i32).prop_map(NodeId)
}

fn id_list() -> impl Strategy<Value = Vec<NodeId>> {
    vec(id(), 0..4)
}

fn topic_id() -> impl Strategy<Value = TopicId> {
    (0..3_u128).prop_map(|id| TopicId(Uuid(id.to_be_bytes())))
}

fn dirs() -> impl Strategy<Value = Vec<DirectoryId>> {
    vec((0..5_u128).prop_map(|id| DirectoryId(Uuid(id.to_be_bytes()))), 0..4)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a.b".to_owned()),
        Just("a_b".to_owned()),
        Just("min.insync.replicas".to_owned()),
        Just(ELR_VERSION.to_owned()),
        Just(String::new())
    ]
}

pub(super) fn record() -> impl Strategy<Value = Record> {
    prop_oneof![broker_record(), topic_record(), topic_record(), other_record()]
}

fn broker_record() -> impl Strategy<Value = Record> {
    let tiny = -2..4_i64;
    prop_oneof![
        (id(), tiny.clone(), dirs(), any::<bool>()).prop_map(
            |(broker_id, broker_epoch, log_dirs, fenced)| Record::RegisterBroker(RegisterBroker {
                broker_id,
                is_migrating_zk_broker: false,
                incarnation_id: Uuid::ZERO,
                broker_epoch,
                end_points: Vec::new(),
                features: Vec::new(),
                rack: None,
                fenced,
                in_controlled_shutdown: false,
                log_dirs,
            })
        ),
        (id(), tiny.clone()).prop_map(|(broker_id, broker_epoch)| Record::UnregisterBroker {
            broker_id,
            broker_epoch
        }),
        (id(), tiny.clone(), any::<bool>()).prop_map(|(id, epoch, fence)| if fence {
            Record::FenceBroker { id, epoch }
        } else {
            Record::UnfenceBroker { id, epoch }
        }),
        (id(), tiny.clone(), -2..3_i8, -1..3_i8, dirs()).prop_map(
            |(broker_id, broker_epoch, fenced, in_controlled_shutdown, log_dirs)| {
                Record::BrokerRegistrationChange(BrokerRegistrationChange {
                    broker_id,
                    broker_epoch,
                    fenced,
                    in_controlled_shutdown,
                    log_dirs,
                })
            }
        ),
    ]
}

fn topic_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (name(), topic_id()).prop_map(|(name, topic_id)| Record::Topic { name, topic_id }),
        topic_id().prop_map(|topic_id| Record::RemoveTopic { topic_id }),
        (
            -1..3_i32,
            topic_id(),
            id_list(),
            id_list(),
            id(),
            -1..3_i8,
            any::<i32>(),
            dirs(),
            option::of(id_list())
        )
            .prop_map(
                |(
                    partition_id,
                    topic_id,
                    replicas,
                    isr,
                    leader,
                    leader_recovery_state,
                    epoch,
                    directories,
                    elr,
                )| Record::Partition(record::Partition {
                    partition_id,
                    topic_id,
                    replicas,
                    isr,
                    removing_replicas: Vec::new(),
                    adding_replicas: Vec::new(),
                    leader,
                    leader_recovery_state,
                    leader_epoch: epoch,
                    partition_epoch: epoch,
                    directories,
                    last_known_elr: elr.clone(),
                    eligible_leader_replicas: elr,
                })
            ),
        (
            -1..3_i32,
            topic_id(),
            option::of(id_list()),
            id(),
            option::of(id_list()),
            -2..3_i8,
            option::of(dirs()),
            option::of(id_list())
        )
            .prop_map(
                |(
                    partition_id,
                    topic_id,
                    isr,
                    leader,
                    replicas,
                    leader_recovery_state,
                    directories,
                    elr,
                )| Record::PartitionChange(PartitionChange {
                    partition_id,
                    topic_id,
                    isr,
                    leader,
                    replicas,
                    leader_recovery_state,
                    directories,
                    eligible_leader_replicas: elr.clone(),
                    last_known_elr: elr,
                    ..PartitionChange::default()
                })
            ),
    ]
}

fn other_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (0..5_i8, name(), name(), option::of(name())).prop_map(
            |(resource_type, resource_name, name, value)| Record::Config {
                resource_type,
                resource_name,
                name,
                value
            }
        ),
        (name(), -1..30_i16)
            .prop_map(|(name, feature_level)| Record::FeatureLevel { name, feature_level }),
        (id(), any::<i64>()).prop_map(|(broker_id, next_producer_id)| Record::ProducerIds {
            broker_id,
            broker_epoch: 0,
            next_producer_id
        }),
        name().prop_map(|topic_name| Record::ClearElr { topic_name }),
        (any::<i32>(), any::<i32>())
            .prop_map(|(api_key, version)| Record::Unknown { api_key, version }),
        Just(Record::NoOp),
        Just(Record::BeginTransaction { name: None }),
        Just(Record::EndTransaction),
        Just(Record::AbortTransaction { reason: None }),
    ]
}
