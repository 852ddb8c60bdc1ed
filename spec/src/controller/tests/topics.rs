//! Topics are created, described and deleted, case by case. Codes and texts are those that Kafka 4.2.0 answered with.

use super::record::NO_LEADER;
use super::topic_config::{self, ConfigEntry, ConfigSource, ConfigSynonym, ConfigType};
use super::*;

#[test]
fn topics_are_refused() {
    use ErrorCode::{
        InvalidConfig, InvalidPartitions, InvalidReplicaAssignment, InvalidReplicationFactor,
        InvalidRequest, InvalidTopicException, PolicyViolation, TopicAlreadyExists,
    };
    let mut controller = serving();
    let mut topic = |name: &str, partitions, factor| controller.topic(name, partitions, factor);
    let assigned = |topic: CreatableTopic, assignments: &[(i32, &[i32])]| CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: assignments
            .iter()
            .map(|(number, replicas)| (*number, ids(replicas)))
            .collect(),
        ..topic
    };
    let configured = |topic, name: &str, value: Option<&str>| CreatableTopic {
        configs: vec![(name.to_owned(), value.map(ToOwned::to_owned))],
        ..topic
    };
    let long = "x".repeat(250);
    let too_long = format!(
        "Topic name is invalid: the length of '{long}' is longer than the max allowed length 249"
    );
    let cases = [
        (
            topic("a_b", 1, 1),
            InvalidTopicException,
            "Topic 'a_b' collides with existing topic: a.b",
        ),
        (topic("a.b", 1, 1), TopicAlreadyExists, "Topic 'a.b' already exists."),
        (
            topic("", 1, 1),
            InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed",
        ),
        (topic("..", 1, 1), InvalidTopicException, "Topic name is invalid: '..' is not allowed"),
        (topic(&long, 1, 1), InvalidTopicException, &too_long),
        (
            topic("a b", 1, 1),
            InvalidTopicException,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        (
            topic("p", 0, 1),
            InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("p", -2, 1),
            InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("p", 1, 0),
            InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            topic("p", 1, 2),
            InvalidReplicationFactor,
            "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are registered.",
        ),
        (
            topic("p", i32::MAX, 1),
            PolicyViolation,
            "Excessively large number of partitions per request.",
        ),
        (
            topic("p", 10_000, 1),
            PolicyViolation,
            "Unable to perform excessively large batch operation.",
        ),
        (
            topic("__cluster_metadata", 1, 1),
            InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        (
            CreatableTopic { num_partitions: 1, ..assigned(topic("p", 1, 1), &[(0, &[1])]) },
            InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            CreatableTopic { replication_factor: 1, ..assigned(topic("p", 1, 1), &[(0, &[1])]) },
            InvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ),
        (
            assigned(topic("p", 1, 1), &[(0, &[9])]),
            InvalidReplicaAssignment,
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (
            assigned(topic("p", 1, 1), &[(0, &[1, 1])]),
            InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            assigned(topic("p", 1, 1), &[(1, &[1])]),
            InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            assigned(topic("p", 1, 1), &[(0, &[])]),
            InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            assigned(topic("p", 1, 1), &[(0, &[1]), (0, &[1])]),
            InvalidReplicaAssignment,
            "Found multiple manual partition assignments for partition 0",
        ),
        (
            configured(topic("p", 1, 1), "retention.ms", Some("-5")),
            InvalidConfig,
            "Invalid value -5 for configuration retention.ms: Value must be at least -1",
        ),
        (
            configured(topic("p", 1, 1), "retention.ms", None),
            InvalidConfig,
            "Null value not supported for topic configs: retention.ms",
        ),
    ];
    for (topic, code, message) in cases {
        let end = controller.metadata.end();
        let refused = controller.create(vec![topic]);
        assert_eq!(refused[0].error, Some(ApiError::new(code, message)));
        assert_eq!((refused[0].num_partitions, refused[0].topic_id), (-1, TopicId::default()));
        assert_eq!(controller.metadata.end(), end, "nothing is written");
    }
    // One name twice: neither is made. The others are.
    let topics = vec![
        controller.topic("twice", 1, 1),
        controller.topic("twice", 1, 1),
        controller.topic("good", -1, -1),
    ];
    let answers = controller.create(topics);
    assert_eq!(
        (answers[0].name.as_str(), answers[0].num_partitions, answers[0].replication_factor),
        ("good", 1, 1)
    );
    assert_eq!(
        (answers[1].name.as_str(), &answers[1].error),
        ("twice", &Some(ApiError::new(InvalidRequest, "Duplicate topic name.")))
    );
    assert_eq!(answers.len(), 2);
    // Validation alone writes nothing and answers the same.
    let topics = vec![controller.topic("v", 3, 1)];
    let request = CreateTopics { topics, validate_only: true, placement_seed: 0 };
    let decision = create_topics(controller.image(), &request, &controller.settings);
    assert_eq!((decision.records.len(), decision.response[0].num_partitions), (0, 3));
    // Nobody serves.
    assert!(!controller.shut_down(1).is_fenced);
    assert!(controller.shut_down(1).is_fenced);
    let topics = vec![controller.topic("late", 1, 1)];
    let message = "Unable to replicate the partition 1 time(s): All brokers are currently fenced.";
    assert_eq!(
        controller.create(topics)[0].error,
        Some(ApiError::new(InvalidReplicationFactor, message))
    );
}

#[test]
fn topic_configs_are_checked_as_one_set() {
    let ok = "";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("retention.ms", "x")],
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (&[("retention.ms", " 5 ")], ok),
        (
            &[("segment.bytes", "14")],
            "Invalid value 14 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            &[("segment.bytes", "99999999999")],
            "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT",
        ),
        (
            &[("cleanup.policy", "foo")],
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (&[("cleanup.policy", "compact,compact")], ok),
        (
            &[("cleanup.policy", "compact,,delete")],
            "Configuration 'cleanup.policy' values must not be empty.",
        ),
        (&[("cleanup.policy", "")], ok),
        (&[("cleanup.policy", "compact , delete")], ok),
        (
            &[("compression.type", "brotli")],
            "Invalid value brotli for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        (
            &[("compression.gzip.level", "0")],
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        (
            &[("compression.zstd.level", "23")],
            "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22",
        ),
        (
            &[("preallocate", "yes")],
            "Invalid value yes for configuration preallocate: Expected value to be either true or false",
        ),
        (&[("preallocate", "TRUE")], ok),
        (
            &[("min.cleanable.dirty.ratio", "2")],
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            &[("min.cleanable.dirty.ratio", "-0.5")],
            "Invalid value -0.5 for configuration min.cleanable.dirty.ratio: Value must be at least 0",
        ),
        (
            &[("leader.replication.throttled.replicas", "1:2,3")],
            "Invalid value [1:2, 3] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (&[("leader.replication.throttled.replicas", "*")], ok),
        (&[("leader.replication.throttled.replicas", "1:2,3:4")], ok),
        (
            &[("min.insync.replicas", "")],
            "Invalid value  for configuration min.insync.replicas: Not a number of type INT",
        ),
        (&[("min.insync.replicas", "+2")], ok),
        (
            &[("max.compaction.lag.ms", "5"), ("min.compaction.lag.ms", "6")],
            "conflict topic config setting min.compaction.lag.ms (6) > max.compaction.lag.ms (5)",
        ),
        (
            &[("remote.storage.enable", "true")],
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
        (&[("nope", "1")], "Unknown topic config name: nope"),
        (&[("internal.segment.bytes", "1")], ok),
        (
            &[("retention.ms", "x"), ("segment.bytes", "y")],
            "Invalid value y for configuration segment.bytes: Not a number of type INT",
        ),
    ];
    for (configs, message) in cases {
        let result = topic_config::validate(&Image::default(), &settings(), configs);
        let expected = if message.is_empty() {
            Ok(())
        } else {
            Err(ApiError::new(ErrorCode::InvalidConfig, *message))
        };
        assert_eq!(result, expected, "{configs:?}");
    }
    let mut limited = settings();
    limited.static_config.insert("log.cleaner.max.compaction.lag.ms".to_owned(), "5".to_owned());
    assert!(
        topic_config::validate(&Image::default(), &limited, &[("min.compaction.lag.ms", "6")])
            .is_err()
    );
}

/// `DescribeConfigs` of a topic as Kafka answered it: value, source, type and synonyms of every configuration.
#[test]
fn topic_configs_are_described() {
    let mut controller = serving();
    for (key, value) in [("log.retention.hours", "100"), ("log.segment.bytes", "300000000")] {
        controller.settings.static_config.insert(key.to_owned(), value.to_owned());
    }
    let mut topic = controller.topic("many", 1, 1);
    let configs = [
        "retention.ms= 1000 ",
        "min.insync.replicas=1",
        "cleanup.policy=compact, delete",
        "segment.bytes=2000000",
        "compression.type=lz4",
        "min.cleanable.dirty.ratio=1",
    ];
    let pair = |config: &str| {
        config.split_once('=').map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
    };
    topic.configs = configs.into_iter().filter_map(pair).collect();
    let created = controller.create(vec![topic]).remove(0);
    let entry = created.configs.iter().find(|entry| entry.name == "retention.ms").unwrap();
    assert_eq!(
        (entry.value.as_deref(), entry.source),
        (Some(" 1000 "), ConfigSource::DynamicTopic)
    );

    let source = |source| match source {
        ConfigSource::DynamicTopic => "DYNAMIC_TOPIC_CONFIG",
        ConfigSource::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
        ConfigSource::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource::StaticBroker => "STATIC_BROKER_CONFIG",
        ConfigSource::Default => "DEFAULT_CONFIG",
    };
    let config_type = |config_type: ConfigType| format!("{config_type:?}").to_uppercase();
    let line = |entry: ConfigEntry| {
        let synonym = |synonym: &ConfigSynonym| {
            format!("{}:{}={}", source(synonym.source), synonym.name, synonym.value)
        };
        let synonyms: Vec<String> = entry.synonyms.iter().map(synonym).collect();
        format!(
            "{}={} {} {} [{}]",
            entry.name,
            entry.value.unwrap_or_default(),
            source(entry.source),
            config_type(entry.config_type),
            synonyms.join(", ")
        )
    };
    let described = topic_config::describe(controller.image(), &controller.settings, "many");
    let lines: Vec<String> = described.into_iter().map(line).collect();
    let expected: Vec<&str> = include_str!("kafka-4.2.0-configs.txt").lines().collect();
    assert_eq!(lines, expected);

    // Hours count, though nobody names them; a dynamic default in milliseconds beats them, and then they are named.
    let retention = |controller: &Controller| {
        let entries = topic_config::describe(controller.image(), &controller.settings, "a.b");
        entries.into_iter().find(|entry| entry.name == "retention.ms").unwrap()
    };
    let entry = retention(&controller);
    assert_eq!(
        (entry.value.as_deref(), entry.source, entry.synonyms.len()),
        (Some("360000000"), ConfigSource::Default, 0)
    );
    let record = Record::Config {
        resource_type: record::BROKER_RESOURCE,
        resource_name: String::new(),
        name: "log.retention.ms".to_owned(),
        value: Some("77777777".to_owned()),
    };
    controller.take(Decision { records: vec![record], atomic: true, response: () });
    let entry = retention(&controller);
    assert_eq!(
        (entry.value.as_deref(), entry.source, entry.synonyms.len()),
        (Some("77777777"), ConfigSource::DynamicDefaultBroker, 3)
    );
}

/// In the order of a Java hash map, which grows at the thirteenth.
#[test]
fn topic_configs_are_recorded_in_kafkas_order() {
    let orders = [
        "compression.type cleanup.policy file.delete.delay.ms max.compaction.lag.ms flush.ms max.message.bytes compression.lz4.level compression.gzip.level index.interval.bytes compression.zstd.level delete.retention.ms flush.messages",
        "compression.type file.delete.delay.ms max.compaction.lag.ms max.message.bytes min.insync.replicas index.interval.bytes delete.retention.ms cleanup.policy flush.ms compression.lz4.level compression.gzip.level compression.zstd.level flush.messages",
    ];
    for (name, expected) in ["twelve", "thirteen"].into_iter().zip(orders) {
        let mut controller = serving();
        let mut topic = controller.topic(name, 1, 1);
        let mut names: Vec<&str> = expected.split(' ').collect();
        names.sort_unstable();
        let entries = topic_config::describe(controller.image(), &controller.settings, "");
        let set = |entry: ConfigEntry| (entry.name.to_owned(), entry.value);
        topic.configs =
            entries.into_iter().filter(|entry| names.contains(&entry.name)).map(set).collect();
        assert_eq!(controller.create(vec![topic])[0].error, None);
        let recorded = |record: &Record| match record {
            Record::Config { resource_name, name: config, .. } if resource_name == name => {
                Some(config.clone())
            }
            _ => None,
        };
        let recorded: Vec<String> = controller.records.iter().filter_map(recorded).collect();
        assert_eq!(recorded.join(" "), expected);
    }
}

#[test]
fn topics_are_deleted_once() {
    let mut controller = serving();
    let topics = ["b", "c", "d", "e"].map(|name| controller.topic(name, 1, 1));
    let id = |index: usize| topics[index].topic_id;
    let request = vec![
        by_name("a.b"),
        by_id(id(0)),
        by_name("c"),
        by_id(id(1)),
        by_name("d"),
        by_name("d"),
        by_id(id(3)),
        by_id(id(3)),
        by_name("nope"),
        by_id(TopicId(Uuid([9; 16]))),
        by_id(TopicId::default()),
        TopicRef { name: Some("b".to_owned()), topic_id: id(0) },
    ];
    controller.create(topics.to_vec());
    let mut answers = controller.delete(request);
    answers.sort_by_key(|answer| (answer.name.clone(), answer.topic_id));
    let answers: Vec<(&str, i16, &str)> = answers
        .iter()
        .map(|answer| {
            let error = answer.error.as_ref();
            (
                answer.name.as_deref().unwrap_or("-"),
                error.map_or(0, |error| error.code.code()),
                error.and_then(|error| error.message.as_deref()).unwrap_or_default(),
            )
        })
        .collect();
    let expected = [
        ("-", 42, "Neither topic name nor id were specified."),
        ("-", 42, "Duplicate topic id."),
        ("-", 100, "This server does not host this topic ID."),
        ("a.b", 0, ""),
        ("b", 42, "You may not specify both topic name and topic id."),
        ("b", 0, ""),
        ("c", 42, "The provided topic name maps to an ID that was already supplied."),
        ("d", 42, "Duplicate topic name."),
        ("nope", 3, "This server does not host this topic-partition."),
    ];
    assert_eq!(answers, expected);
    let left: Vec<&str> = controller.image().topic_ids.keys().map(AsRef::as_ref).collect();
    assert_eq!(left, ["c", "d", "e"]);
    // The name is free again, and so is what it collided with.
    let topic = controller.topic("a_b", 1, 1);
    assert_eq!(controller.create(vec![topic])[0].error, None);

    controller.settings.delete_topic_enable = false;
    assert_eq!(controller.delete(vec![by_name("c")])[0].error.as_ref().unwrap().code.code(), 73);
}

#[test]
fn replicas_are_spread() {
    let mut controller = Controller::active();
    for broker in 1..=6 {
        let mut request = controller.registration(broker, None);
        request.rack = Some(format!("rack{}", broker % 3));
        controller.try_register(&request).unwrap();
        if broker != 6 {
            controller.unfence(broker);
        }
    }
    for seed in 0..50 {
        let topics = vec![controller.topic(&format!("t{seed}"), 15, 3)];
        let decision = create_topics(
            controller.image(),
            &CreateTopics { topics, validate_only: false, placement_seed: seed },
            &controller.settings,
        );
        let again = decision.clone();
        controller.take(decision);
        let mut leaders = std::collections::BTreeMap::new();
        for record in again.records {
            let Record::Partition(partition) = record else {
                continue;
            };
            let racks: BTreeSet<i32> =
                partition.replicas.iter().map(|replica| replica.0 % 3).collect();
            assert_eq!(
                (partition.replicas.len(), racks.len()),
                (3, 3),
                "a replica in each rack: {partition:?}"
            );
            assert!(
                partition.leader == partition.replicas[0]
                    && partition.leader != NodeId(6)
                    && partition.leader != NO_LEADER
            );
            *leaders.entry(partition.leader).or_insert(0) += 1;
        }
        assert!(leaders.values().all(|count| (1..=6).contains(count)), "{leaders:?}");
    }
}
