//! The same script gives the records that Kafka 4.2.0 wrote, as its `kafka-dump-log` printed them.

use super::dump::dump;
use super::record::PartitionChange;
use super::*;

/// What Kafka wrote, ids and epochs named in the order in which they appear, control records and no-ops left out.
const ONE_NODE: &str = include_str!("kafka-4.2.0.txt");

/// The same of three brokers and a controller of their own, from the first registration on.
const THREE_BROKERS: &str = include_str!("kafka-4.2.0-three.txt");

/// The snapshot that Kafka took of one node at the end of its life.
const SNAPSHOT: &str = include_str!("kafka-4.2.0-snapshot.txt");

#[test]
fn one_node_through_its_life() {
    assert_eq!(named(&one_node().records), ONE_NODE);
}

#[test]
fn a_snapshot_of_one_node() {
    let records: Vec<Record> = snapshot_records(one_node().image()).collect();
    assert_eq!(unordered(&named(&records)), unordered(SNAPSHOT));
}

/// The lines, with those of one kind that Kafka takes from a hash table sorted. The first is not one of them.
fn unordered(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    let kind = |line: &&str| line.split(' ').next().unwrap_or_default().to_owned();
    for run in lines[1..].chunk_by_mut(|a, b| kind(a) == kind(b)) {
        if run[0].starts_with("FEATURE_LEVEL") || run[0].starts_with("CONFIG") {
            run.sort_unstable();
        }
    }
    lines
}

fn one_node() -> Controller {
    let mut node = Controller::active();
    node.register_controller();
    let epoch = node.register(1, None);
    node.unfence(1);
    let mut topic = node.topic("a", 2, 1);
    // In the order in which the tool sent them.
    let configs = [
        "retention.ms=60000",
        "min.insync.replicas=1",
        "cleanup.policy=compact",
        "segment.bytes=2000000",
        "compression.type=lz4",
    ];
    let pair = |config: &str| {
        config.split_once('=').map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
    };
    topic.configs = configs.into_iter().filter_map(pair).collect();
    node.create(vec![topic]);
    let topic = node.topic("b", 1, 1);
    node.create(vec![topic]);
    node.delete(vec![by_name("b")]);
    let block = allocate_producer_ids(node.image(), NodeId(1), epoch).unwrap();
    assert_eq!(node.take(block), 0);

    // SIGTERM, and a restart.
    assert!(!node.shut_down(1).should_shut_down);
    assert!(node.shut_down(1).should_shut_down);
    node.activate();
    node.register_controller();
    node.register(1, Some(epoch));
    node.unfence(1);

    // kill -9, and a restart: the new process waits until the session of the killed one ends.
    node.activate();
    node.register_controller();
    let request = node.registration(1, None);
    assert_eq!(
        node.try_register(&request).unwrap_err().code,
        ErrorCode::DuplicateBrokerRegistration
    );
    node.now_ms += SESSION_MS;
    assert_eq!(node.expire(), None);
    node.now_ms += 1;
    assert_eq!(node.expire(), Some(NodeId(1)));
    node.try_register(&request).unwrap();
    node.unfence(1);
    node
}

#[test]
fn three_brokers_stop_and_fail() {
    let mut cluster = Controller::active();
    cluster.records.clear();
    for broker in 1..=3 {
        cluster.register(broker, None);
        cluster.unfence(broker);
    }
    let topic = cluster.topic("t", -1, -1);
    let topic = CreatableTopic {
        assignments: vec![(0, ids(&[1, 2, 3]))],
        configs: vec![("min.insync.replicas".to_owned(), Some("2".to_owned()))],
        ..topic
    };
    cluster.create(vec![topic]);

    // The leader stops and comes back.
    let epoch = cluster.beat(1).broker_epoch;
    cluster.shut_down(1);
    cluster.unfence(2);
    cluster.unfence(3);
    assert!(cluster.shut_down(1).should_shut_down);
    cluster.register(1, Some(epoch));
    cluster.unfence(1);
    cluster.in_sync(&[1, 2, 3], None);
    // The leader is killed, then the next one; both come back, one after the other.
    cluster.kill(2, &[1, 3]);
    cluster.kill(3, &[1]);
    cluster.register(2, None);
    cluster.unfence(2);
    cluster.in_sync(&[1, 2], Some(&[]));
    cluster.register(3, None);
    cluster.unfence(3);
    cluster.in_sync(&[1, 2, 3], None);
    // All are killed. Who comes back first was not the last to lead.
    cluster.kill(2, &[3, 1]);
    cluster.kill(3, &[1]);
    cluster.kill(1, &[]);
    cluster.register(3, None);
    cluster.unfence(3);

    assert_eq!(named(&cluster.records), THREE_BROKERS);
}

impl Controller {
    /// A broker is killed while others live.
    fn kill(&mut self, broker: i32, others: &[i32]) {
        self.now_ms += SESSION_MS;
        for other in others {
            self.unfence(*other);
        }
        self.now_ms += 1;
        assert_eq!(self.expire(), Some(NodeId(broker)));
    }

    /// The leader of the only partition reports who is in sync.
    fn in_sync(&mut self, isr: &[i32], elr: Option<&[i32]>) {
        let topic_id = *self.image().topics.keys().next().unwrap();
        let change = PartitionChange {
            topic_id,
            partition_id: 0,
            isr: Some(ids(isr)),
            eligible_leader_replicas: elr.map(ids),
            ..PartitionChange::default()
        };
        let records = vec![Record::PartitionChange(change)];
        self.take(Decision { records, atomic: true, response: () });
    }
}

fn named(records: &[Record]) -> String {
    let mut text: String =
        records.iter().map(|record| dump(record, MetadataVersion::LATEST) + "\n").collect();
    name_all(&mut text, "\"incarnationId\":\"", "I");
    name_all(&mut text, "\"topicId\":\"", "T");
    name_all(&mut text, "\"brokerEpoch\":", "E");
    for broker in 1..=3 {
        text = text.replace(&directory(broker).to_string(), &format!("D{broker}"));
    }
    text
}

/// Gives what stands after `field` a name: the first gets 1.
fn name_all(text: &mut String, field: &str, name: &str) {
    let mut seen: Vec<String> = Vec::new();
    let mut result = String::new();
    let mut parts = text.split(field);
    result.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(['"', ',', '}']).unwrap();
        let (value, rest) = part.split_at(end);
        let number = seen.iter().position(|old| old == value).unwrap_or_else(|| {
            seen.push(value.to_owned());
            seen.len() - 1
        });
        result.push_str(&[field, name, &(number + 1).to_string(), rest].concat());
    }
    *text = result;
}
