//! A controller in a test: decisions are replayed as they are taken, and the image's invariants hold after each.

mod brokers;
mod dump;
mod kafka;
mod properties;
mod snapshot;
mod topics;

use std::collections::BTreeSet;

use super::record::{Endpoint, RegisterController, SupportedFeature};
use super::*;
use crate::types::{DirectoryId, Epoch, NodeId, TopicId, Uuid};

const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";
const SESSION_MS: i64 = 9_000;

fn settings() -> Settings {
    Settings {
        cluster_id: CLUSTER.to_owned(),
        node_id: NodeId(1),
        num_partitions: 1,
        default_replication_factor: 1,
        delete_topic_enable: true,
        static_config: std::collections::BTreeMap::new(),
        kraft_version: 0,
    }
}

struct Controller {
    metadata: Metadata,
    sessions: Sessions,
    settings: Settings,
    now_ms: i64,
    records: Vec<Record>,
    ids: u128,
}

impl Controller {
    fn new() -> Self {
        let sessions = Sessions::new(&Image::default(), SESSION_MS, 0);
        Self {
            metadata: Metadata::default(),
            sessions,
            settings: settings(),
            now_ms: 0,
            records: Vec::new(),
            ids: 1_000,
        }
    }

    /// One that is active, at the newest level.
    fn active() -> Self {
        let mut controller = Self::new();
        controller.activate();
        controller
    }

    fn image(&self) -> &Image {
        self.metadata.image()
    }

    fn now(&self) -> Now {
        Now { ms: self.now_ms, next_offset: self.metadata.end() }
    }

    fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid(self.ids.to_be_bytes())
    }

    /// Appends and replays.
    fn take<R>(&mut self, decision: Decision<R>) -> R {
        let before = self.image().clone();
        for record in decision.records {
            self.metadata.replay(&record, self.metadata.end(), Epoch(1)).unwrap();
            self.records.push(record);
        }
        check_invariants(&before, self.image());
        decision.response
    }

    fn activate(&mut self) {
        let bootstrap = bootstrap_records(MetadataVersion::LATEST);
        let decision = activate(&self.metadata, &bootstrap, &self.settings).unwrap();
        self.take(decision);
        self.sessions = Sessions::new(self.image(), SESSION_MS, self.now_ms);
    }

    fn register_controller(&mut self) {
        let request = RegisterController {
            controller_id: NodeId(1),
            incarnation_id: self.new_id(),
            zk_migration_ready: false,
            end_points: vec![endpoint("CONTROLLER", 19502)],
            features: features(),
        };
        let decision = register_controller(self.image(), request).unwrap();
        self.take(decision);
    }

    /// The request of a new incarnation of a broker that stopped with `previous_epoch`, or without notice.
    fn registration(&mut self, broker: i32, previous_epoch: Option<i64>) -> BrokerRegistration {
        BrokerRegistration {
            broker_id: NodeId(broker),
            cluster_id: CLUSTER.to_owned(),
            incarnation_id: self.new_id(),
            listeners: vec![endpoint("PLAINTEXT", 19501)],
            features: features(),
            rack: None,
            is_migrating_zk_broker: false,
            log_dirs: vec![directory(broker)],
            previous_broker_epoch: Some(previous_epoch.unwrap_or(-1)),
        }
    }

    fn try_register(&mut self, request: &BrokerRegistration) -> Result<i64, ApiError> {
        let now = self.now();
        let decision = register_broker(
            self.metadata.image(),
            &mut self.sessions,
            request,
            now,
            &self.settings,
        )?;
        Ok(self.take(decision))
    }

    fn register(&mut self, broker: i32, previous_epoch: Option<i64>) -> i64 {
        let request = self.registration(broker, previous_epoch);
        self.try_register(&request).unwrap()
    }

    /// A heartbeat of a broker that has replayed everything.
    fn beat(&self, broker: i32) -> Heartbeat {
        let id = NodeId(broker);
        Heartbeat {
            broker_id: id,
            broker_epoch: self.image().brokers.get(&id).map_or(-1, |broker| broker.epoch),
            current_metadata_offset: Offset(self.metadata.end().0 - 1),
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
        }
    }

    fn try_heartbeat(&mut self, request: &Heartbeat) -> Result<HeartbeatReply, ApiError> {
        let now = self.now();
        let decision =
            heartbeat(self.metadata.image(), &mut self.sessions, request, now, &self.settings)?;
        Ok(self.take(decision))
    }

    fn unfence(&mut self, broker: i32) -> HeartbeatReply {
        self.try_heartbeat(&self.beat(broker)).unwrap()
    }

    fn shut_down(&mut self, broker: i32) -> HeartbeatReply {
        self.try_heartbeat(&Heartbeat { want_shut_down: true, ..self.beat(broker) }).unwrap()
    }

    fn expire(&mut self) -> Option<NodeId> {
        let decision =
            expire_session(self.metadata.image(), &mut self.sessions, self.now_ms, &self.settings)?;
        Some(self.take(decision))
    }

    fn topic(
        &mut self,
        name: &str,
        num_partitions: i32,
        replication_factor: i16,
    ) -> CreatableTopic {
        CreatableTopic {
            name: name.to_owned(),
            topic_id: TopicId(self.new_id()),
            num_partitions,
            replication_factor,
            assignments: Vec::new(),
            configs: Vec::new(),
        }
    }

    fn create(&mut self, topics: Vec<CreatableTopic>) -> Vec<CreatedTopic> {
        let request = CreateTopics { topics, ..CreateTopics::default() };
        let decision = create_topics(self.image(), &request, &self.settings);
        self.take(decision)
    }

    fn delete(&mut self, topics: Vec<TopicRef>) -> Vec<DeletedTopic> {
        let request = DeleteTopics { api_version: 6, topics };
        let decision = delete_topics(self.image(), &request, &self.settings);
        self.take(decision)
    }

    fn partition(&self, topic: &str, number: i32) -> &Partition {
        &self.image().topic(topic).unwrap().partitions[&number]
    }
}

/// One serving broker with the topic `a.b`.
fn serving() -> Controller {
    let mut controller = Controller::active();
    controller.register(1, None);
    controller.unfence(1);
    let topic = controller.topic("a.b", 2, 1);
    assert_eq!(controller.create(vec![topic])[0].error, None);
    controller
}

fn by_name(name: &str) -> TopicRef {
    TopicRef { name: Some(name.to_owned()), topic_id: TopicId::default() }
}

fn by_id(topic_id: TopicId) -> TopicRef {
    TopicRef { name: None, topic_id }
}

fn directory(broker: i32) -> DirectoryId {
    DirectoryId(Uuid((500 + broker as u128).to_be_bytes()))
}

fn endpoint(name: &str, port: u16) -> Endpoint {
    Endpoint { name: name.to_owned(), host: "localhost".to_owned(), port, security_protocol: 0 }
}

fn features() -> Vec<SupportedFeature> {
    let feature = |feature: &Feature| SupportedFeature {
        name: feature.name.to_owned(),
        min_supported_version: feature.min,
        max_supported_version: feature.max,
    };
    FEATURES.iter().map(feature).collect()
}

fn ids(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// What holds of every partition after every decision.
fn check_invariants(before: &Image, after: &Image) {
    for (topic, number, partition) in after.partitions() {
        let place = format!("{}-{number}: {partition:?}", topic.name);
        let replicas: BTreeSet<NodeId> = partition.replicas.iter().copied().collect();
        let isr: BTreeSet<NodeId> = partition.isr.iter().copied().collect();
        let elr: BTreeSet<NodeId> = partition.elr.iter().copied().collect();
        assert_eq!(
            (replicas.len(), isr.len(), elr.len()),
            (partition.replicas.len(), partition.isr.len(), partition.elr.len()),
            "{place}"
        );
        assert!(isr.is_subset(&replicas) && elr.is_subset(&replicas), "{place}");
        assert!(isr.is_disjoint(&elr), "{place}");
        assert!(after.elr_enabled() || !isr.is_empty(), "{place}");
        if let Some(leader) = partition.leader {
            assert!(isr.contains(&leader) && after.is_active(leader), "{place}");
            assert!(partition.last_known_elr.is_empty(), "{place}");
        }
        let old = before.topics.get(&topic.id).and_then(|topic| topic.partitions.get(&number));
        if let Some(old) = old {
            assert!(partition.partition_epoch >= old.partition_epoch, "{place}");
            assert!(
                partition.leader_epoch
                    >= old.leader_epoch + i32::from(partition.leader != old.leader),
                "{place}"
            );
        }
    }
}
