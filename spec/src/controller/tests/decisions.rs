//! Requests and what they become, case by case. Codes and texts are those that Kafka 4.2.0 answered with.

use super::record::NO_LEADER;
use super::topic_config::{self, ConfigSource, ConfigType};
use super::*;

fn error(code: ErrorCode, message: &str) -> Option<ApiError> {
    Some(ApiError::new(code, message))
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
        (
            topic("a.b", 1, 1),
            TopicAlreadyExists,
            "Topic 'a.b' already exists.",
        ),
        (
            topic("", 1, 1),
            InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed",
        ),
        (
            topic("..", 1, 1),
            InvalidTopicException,
            "Topic name is invalid: '..' is not allowed",
        ),
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
            CreatableTopic {
                num_partitions: 1,
                ..assigned(topic("p", 1, 1), &[(0, &[1])])
            },
            InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            CreatableTopic {
                replication_factor: 1,
                ..assigned(topic("p", 1, 1), &[(0, &[1])])
            },
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
        assert_eq!(refused[0].error, error(code, message));
        assert_eq!(
            (refused[0].num_partitions, refused[0].topic_id),
            (-1, TopicId::default())
        );
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
        (
            answers[0].name.as_str(),
            answers[0].num_partitions,
            answers[0].replication_factor
        ),
        ("good", 1, 1)
    );
    assert_eq!(
        (answers[1].name.as_str(), &answers[1].error),
        ("twice", &error(InvalidRequest, "Duplicate topic name."))
    );
    assert_eq!(answers.len(), 2);
    // Validation alone writes nothing and answers the same.
    let topics = vec![controller.topic("v", 3, 1)];
    let request = CreateTopics {
        topics,
        validate_only: true,
        placement_seed: 0,
    };
    let decision = create_topics(controller.image(), &request, &controller.settings);
    assert_eq!(
        (decision.records.len(), decision.response[0].num_partitions),
        (0, 3)
    );
    // Nobody serves.
    assert!(controller.shut_down(1).is_fenced || controller.shut_down(1).is_fenced);
    let topics = vec![controller.topic("late", 1, 1)];
    let message = "Unable to replicate the partition 1 time(s): All brokers are currently fenced.";
    assert_eq!(
        controller.create(topics)[0].error,
        error(InvalidReplicationFactor, message)
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
            &[
                ("max.compaction.lag.ms", "5"),
                ("min.compaction.lag.ms", "6"),
            ],
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
    limited.static_config.insert(
        "log.cleaner.max.compaction.lag.ms".to_owned(),
        "5".to_owned(),
    );
    assert!(
        topic_config::validate(
            &Image::default(),
            &limited,
            &[("min.compaction.lag.ms", "6")]
        )
        .is_err()
    );
}

/// `DescribeConfigs` of a topic as Kafka answered it: value, source, type and synonyms of every configuration.
#[test]
fn topic_configs_are_described() {
    let mut controller = serving();
    for (key, value) in [
        ("log.retention.hours", "100"),
        ("log.segment.bytes", "300000000"),
    ] {
        controller
            .settings
            .static_config
            .insert(key.to_owned(), value.to_owned());
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
        config
            .split_once('=')
            .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
    };
    topic.configs = configs.into_iter().filter_map(pair).collect();
    let created = controller.create(vec![topic]).remove(0);
    let entry = created
        .configs
        .iter()
        .find(|entry| entry.name == "retention.ms")
        .unwrap();
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
    let mut text = String::new();
    for entry in topic_config::describe(controller.image(), &controller.settings, "many") {
        let synonyms: Vec<String> = entry
            .synonyms
            .iter()
            .map(|synonym| {
                format!(
                    "{}:{}={}",
                    source(synonym.source),
                    synonym.name,
                    synonym.value
                )
            })
            .collect();
        let value = entry.value.unwrap_or_default();
        text += &format!(
            "{}={value} {} {} [{}]\n",
            entry.name,
            source(entry.source),
            config_type(entry.config_type),
            synonyms.join(", ")
        );
    }
    assert_eq!(text, include_str!("kafka-4.2.0-configs.txt"));

    // Hours count, though nobody names them; a dynamic default in milliseconds beats them, and then they are named.
    let retention = |controller: &Controller| {
        let entries = topic_config::describe(controller.image(), &controller.settings, "a.b");
        entries
            .into_iter()
            .find(|entry| entry.name == "retention.ms")
            .unwrap()
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
    controller.take(Decision {
        records: vec![record],
        atomic: true,
        response: (),
    });
    let entry = retention(&controller);
    assert_eq!(
        (entry.value.as_deref(), entry.source, entry.synonyms.len()),
        (Some("77777777"), ConfigSource::DynamicDefaultBroker, 3)
    );
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
        TopicRef {
            name: Some("b".to_owned()),
            topic_id: id(0),
        },
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
                error
                    .and_then(|error| error.message.as_deref())
                    .unwrap_or_default(),
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
        (
            "c",
            42,
            "The provided topic name maps to an ID that was already supplied.",
        ),
        ("d", 42, "Duplicate topic name."),
        ("nope", 3, "This server does not host this topic-partition."),
    ];
    assert_eq!(answers, expected);
    let left: Vec<&str> = controller
        .image()
        .topic_ids
        .keys()
        .map(AsRef::as_ref)
        .collect();
    assert_eq!(left, ["c", "d", "e"]);
    // The name is free again, and so is what it collided with.
    let topic = controller.topic("a_b", 1, 1);
    assert_eq!(controller.create(vec![topic])[0].error, None);

    controller.settings.delete_topic_enable = false;
    assert_eq!(
        controller.delete(vec![by_name("c")])[0]
            .error
            .as_ref()
            .unwrap()
            .code
            .code(),
        73
    );
}

#[test]
fn brokers_are_refused() {
    let mut controller = serving();
    let good = controller.registration(2, None);
    let feature = |name: &str, min: i16, max: i16| {
        let mut features = features();
        features.retain(|feature| feature.name != name);
        features.push(SupportedFeature {
            name: name.to_owned(),
            min_supported_version: min,
            max_supported_version: max,
        });
        features
    };
    let without_elr = features()
        .into_iter()
        .filter(|feature| feature.name != ELR_VERSION)
        .collect();
    let cases = [
        (
            BrokerRegistration {
                cluster_id: "x".to_owned(),
                ..good.clone()
            },
            104,
            "Expected cluster ID 4L6g3nShT-eMCtK--X86sw, but got cluster ID x",
        ),
        (
            BrokerRegistration {
                broker_id: NodeId(-1),
                ..good.clone()
            },
            119,
            "Invalid broker ID -1",
        ),
        (
            BrokerRegistration {
                is_migrating_zk_broker: true,
                ..good.clone()
            },
            102,
            "Controller does not support registering ZK brokers.",
        ),
        (
            BrokerRegistration {
                log_dirs: vec![],
                ..good.clone()
            },
            119,
            "No directories specified in request",
        ),
        (
            BrokerRegistration {
                log_dirs: vec![DirectoryId::LOST],
                ..good.clone()
            },
            119,
            "Reserved directory ID in request",
        ),
        (
            BrokerRegistration {
                log_dirs: vec![directory(2); 2],
                ..good.clone()
            },
            119,
            "Duplicate directory ID in request",
        ),
        (
            BrokerRegistration {
                log_dirs: vec![directory(1)],
                ..good.clone()
            },
            119,
            &format!(
                "Broker 1 is already registered with directory {}",
                directory(1)
            ),
        ),
        (
            BrokerRegistration {
                features: vec![],
                ..good.clone()
            },
            119,
            "Request features do not contain 'metadata.version'",
        ),
        (
            BrokerRegistration {
                features: feature(METADATA_VERSION, 7, 28),
                ..good.clone()
            },
            35,
            "Unable to register because the broker does not support finalized version 29 of metadata.version. The broker wants a version between 7 and 28, inclusive.",
        ),
        (
            BrokerRegistration {
                features: feature(KRAFT_VERSION, 1, 1),
                ..good.clone()
            },
            35,
            "Unable to register because the broker does not support finalized version 0 of kraft.version. The broker wants a version between 1 and 1, inclusive.",
        ),
        (
            BrokerRegistration {
                features: without_elr,
                ..good.clone()
            },
            35,
            "Unable to register because the broker does not support finalized version 1 of eligible.leader.replicas.version. The broker wants a version between 0 and 0, inclusive.",
        ),
        (
            BrokerRegistration {
                broker_id: NodeId(1),
                ..good.clone()
            },
            101,
            "Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once the heartbeat manager expires the broker's session.",
        ),
    ];
    for (request, code, message) in cases {
        let refused = controller.try_register(&request).unwrap_err();
        assert_eq!(
            (refused.code.code(), refused.message.as_deref()),
            (code, Some(message))
        );
    }
    // The same incarnation again keeps its epoch, and writes a record all the same.
    let epoch = controller.try_register(&good).unwrap();
    let end = controller.metadata.end();
    assert_eq!(controller.try_register(&good).unwrap(), epoch);
    assert_eq!(controller.metadata.end(), end.plus(1));

    let stale = |request: Heartbeat, controller: &mut Controller| {
        controller.try_heartbeat(&request).unwrap_err().code.code()
    };
    let beat = controller.beat(2);
    assert_eq!(
        stale(
            Heartbeat {
                broker_epoch: beat.broker_epoch + 1,
                ..beat.clone()
            },
            &mut controller
        ),
        77
    );
    assert_eq!(
        stale(
            Heartbeat {
                broker_id: NodeId(7),
                ..beat
            },
            &mut controller
        ),
        77
    );
    assert_eq!(
        allocate_producer_ids(controller.image(), NodeId(2), epoch + 1)
            .unwrap_err()
            .code
            .code(),
        77
    );
}

/// Three brokers, one topic on all of them, `min.insync.replicas` 2.
fn three() -> Controller {
    let mut controller = Controller::active();
    for broker in 1..=3 {
        controller.register(broker, None);
        controller.unfence(broker);
    }
    let topic = controller.topic("t", 0, 0);
    let topic = CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![(0, ids(&[1, 2, 3]))],
        configs: vec![("min.insync.replicas".to_owned(), Some("2".to_owned()))],
        ..topic
    };
    assert_eq!(controller.create(vec![topic])[0].error, None);
    controller
}

#[test]
fn a_broker_stops_once_all_have_seen_that_it_leads_nothing() {
    let mut controller = three();
    let reply = controller.shut_down(1);
    assert_eq!((reply.is_fenced, reply.should_shut_down), (false, false));
    let partition = controller.partition("t", 0);
    assert_eq!(
        (partition.leader, &partition.isr, partition.leader_epoch),
        (Some(NodeId(2)), &ids(&[2, 3]), 1)
    );
    assert!(partition.elr.is_empty(), "two in sync are enough");
    assert!(
        !controller.shut_down(1).should_shut_down,
        "2 and 3 have not seen it"
    );
    controller.unfence(2);
    assert!(
        !controller.shut_down(1).should_shut_down,
        "3 has not seen it"
    );
    controller.unfence(3);
    let reply = controller.shut_down(1);
    assert_eq!((reply.is_fenced, reply.should_shut_down), (true, true));
    assert!(
        !controller.unfence(1).is_caught_up || controller.image().brokers[&NodeId(1)].fenced,
        "it has to register anew"
    );

    // The next process of it may come at once; it is fenced until it has replayed its own registration.
    let epoch = controller.beat(1).broker_epoch;
    controller.now_ms += SESSION_MS + 1;
    while controller.expire().is_some() {}
    controller.register(1, Some(epoch));
    let behind = Heartbeat {
        current_metadata_offset: Offset(0),
        ..controller.beat(1)
    };
    let reply = controller.try_heartbeat(&behind).unwrap();
    assert_eq!((reply.is_caught_up, reply.is_fenced), (false, true));
    assert!(
        controller
            .try_heartbeat(&Heartbeat {
                want_fence: true,
                ..controller.beat(1)
            })
            .unwrap()
            .is_fenced
    );
    assert!(!controller.unfence(1).is_fenced);
}

#[test]
fn who_lost_nothing_may_lead_again() {
    let mut controller = three();
    let fence = |controller: &mut Controller, broker| {
        controller
            .try_heartbeat(&Heartbeat {
                want_fence: true,
                ..controller.beat(broker)
            })
            .unwrap();
    };
    fence(&mut controller, 1);
    fence(&mut controller, 2);
    let partition = controller.partition("t", 0);
    assert_eq!(
        (partition.leader, &partition.isr, &partition.elr),
        (Some(NodeId(3)), &ids(&[3]), &ids(&[2]))
    );
    fence(&mut controller, 3);
    let partition = controller.partition("t", 0);
    assert_eq!(
        (partition.leader, &partition.isr, &partition.elr),
        (None, &ids(&[]), &ids(&[2, 3]))
    );
    assert_eq!(partition.last_known_elr, ids(&[3]));
    // 1 left while two others were in sync: what was acknowledged since then it does not have.
    controller.unfence(1);
    assert_eq!(controller.partition("t", 0).leader, None);
    controller.unfence(2);
    let partition = controller.partition("t", 0);
    assert_eq!(
        (partition.leader, &partition.isr, &partition.elr),
        (Some(NodeId(2)), &ids(&[2]), &ids(&[3]))
    );
    assert!(!partition.recovering && partition.last_known_elr.is_empty());
    // 3 comes back without its predecessor's clean stop: it may have lost what it had not flushed.
    controller.now_ms += SESSION_MS + 1;
    while controller.expire().is_some() {}
    controller.register(3, None);
    let partition = controller.partition("t", 0);
    assert_eq!((partition.leader, &partition.elr), (None, &ids(&[2])));
}

#[test]
fn a_directory_fails() {
    let mut controller = three();
    let request = Heartbeat {
        offline_log_dirs: vec![directory(1), directory(7)],
        ..controller.beat(1)
    };
    controller.try_heartbeat(&request).unwrap();
    let partition = controller.partition("t", 0);
    assert_eq!(
        (partition.leader, &partition.isr),
        (Some(NodeId(2)), &ids(&[2, 3]))
    );
    assert!(
        matches!(controller.records.last(), Some(Record::BrokerRegistrationChange(change)) if change.broker_id == NodeId(1))
    );
}

#[test]
fn activation_at_each_level() {
    let kinds = |metadata: &Metadata, level| {
        let bootstrap = bootstrap_records(MetadataVersion(level));
        let decision = activate(metadata, &bootstrap, &settings()).unwrap();
        decision
            .records
            .iter()
            .map(Record::api_key)
            .collect::<Vec<_>>()
    };
    let empty = Metadata::default();
    assert_eq!(kinds(&empty, 7), [12]);
    assert_eq!(kinds(&empty, 21), [23, 12, 24]);
    assert_eq!(kinds(&empty, 25), [23, 12, 12, 12, 24]);
    assert_eq!(kinds(&empty, 29), [23, 12, 12, 12, 12, 12, 12, 4, 24]);
    // A controller that died while it wrote them: none of them counts.
    let mut torn = Metadata::default();
    for record in &activate(
        &empty,
        &bootstrap_records(MetadataVersion::LATEST),
        &settings(),
    )
    .unwrap()
    .records[..3]
    {
        torn.replay(record, torn.end(), Epoch(1)).unwrap();
    }
    assert_eq!(
        (torn.image().metadata_version(), torn.transaction_begin()),
        (None, Some(Offset(0)))
    );
    assert_eq!(kinds(&torn, 29)[..3], [25, 23, 12]);
    let decision = activate(
        &torn,
        &bootstrap_records(MetadataVersion::LATEST),
        &settings(),
    )
    .unwrap();
    for record in &decision.records {
        torn.replay(record, torn.end(), Epoch(2)).unwrap();
    }
    assert_eq!(
        (torn.image().metadata_version(), torn.transaction_begin()),
        (Some(MetadataVersion::LATEST), None)
    );
    assert_eq!(kinds(&torn, 29), [0; 0]);
    assert_eq!(
        activate(&empty, &[], &settings()),
        Err(ActivationError::NoMetadataVersion)
    );
}

#[test]
fn versions_of_records() {
    let mut controller = serving();
    controller.shut_down(1);
    let versions = |level| {
        let version = MetadataVersion(level);
        let of = |api_key| {
            controller
                .records
                .iter()
                .find(|record| record.api_key() == api_key)
                .unwrap()
                .version(version)
        };
        [of(0), of(3), of(5)]
    };
    for (level, expected) in [
        (7, [1, 0, 0]),
        (8, [2, 0, 0]),
        (16, [2, 0, 0]),
        (17, [3, 1, 1]),
        (22, [3, 1, 1]),
        (23, [3, 2, 2]),
        (29, [3, 2, 2]),
    ] {
        assert_eq!(versions(level), expected, "level {level}");
    }
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
            &CreateTopics {
                topics,
                validate_only: false,
                placement_seed: seed,
            },
            &controller.settings,
        );
        let again = decision.clone();
        controller.take(decision);
        let mut leaders = std::collections::BTreeMap::new();
        for record in again.records {
            let Record::Partition(partition) = record else {
                continue;
            };
            let racks: BTreeSet<i32> = partition
                .replicas
                .iter()
                .map(|replica| replica.0 % 3)
                .collect();
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
        assert!(
            leaders.values().all(|count| (1..=6).contains(count)),
            "{leaders:?}"
        );
    }
}
