//! Brokers come, serve, fail and stop, case by case. Codes and texts are those that Kafka 4.2.0 answered with.

use super::*;

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
    let without_elr =
        features().into_iter().filter(|feature| feature.name != ELR_VERSION).collect();
    let cases = [
        (
            BrokerRegistration { cluster_id: "x".to_owned(), ..good.clone() },
            104,
            "Expected cluster ID 4L6g3nShT-eMCtK--X86sw, but got cluster ID x",
        ),
        (BrokerRegistration { broker_id: NodeId(-1), ..good.clone() }, 119, "Invalid broker ID -1"),
        (
            BrokerRegistration { is_migrating_zk_broker: true, ..good.clone() },
            102,
            "Controller does not support registering ZK brokers.",
        ),
        (
            BrokerRegistration { log_dirs: vec![], ..good.clone() },
            119,
            "No directories specified in request",
        ),
        (
            BrokerRegistration { log_dirs: vec![DirectoryId::LOST], ..good.clone() },
            119,
            "Reserved directory ID in request",
        ),
        (
            BrokerRegistration { log_dirs: vec![directory(2); 2], ..good.clone() },
            119,
            "Duplicate directory ID in request",
        ),
        (
            BrokerRegistration { log_dirs: vec![directory(1)], ..good.clone() },
            119,
            &format!("Broker 1 is already registered with directory {}", directory(1)),
        ),
        (
            BrokerRegistration { features: vec![], ..good.clone() },
            119,
            "Request features do not contain 'metadata.version'",
        ),
        (
            BrokerRegistration { features: feature(METADATA_VERSION, 7, 28), ..good.clone() },
            35,
            "Unable to register because the broker does not support finalized version 29 of metadata.version. The broker wants a version between 7 and 28, inclusive.",
        ),
        (
            BrokerRegistration { features: feature(KRAFT_VERSION, 1, 1), ..good.clone() },
            35,
            "Unable to register because the broker does not support finalized version 0 of kraft.version. The broker wants a version between 1 and 1, inclusive.",
        ),
        (
            BrokerRegistration { features: without_elr, ..good.clone() },
            35,
            "Unable to register because the broker does not support finalized version 1 of eligible.leader.replicas.version. The broker wants a version between 0 and 0, inclusive.",
        ),
        (
            BrokerRegistration { broker_id: NodeId(1), ..good.clone() },
            101,
            "Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once the heartbeat manager expires the broker's session.",
        ),
    ];
    for (request, code, message) in cases {
        let refused = controller.try_register(&request).unwrap_err();
        assert_eq!((refused.code.code(), refused.message.as_deref()), (code, Some(message)));
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
        stale(Heartbeat { broker_epoch: beat.broker_epoch + 1, ..beat.clone() }, &mut controller),
        77
    );
    assert_eq!(stale(Heartbeat { broker_id: NodeId(7), ..beat }, &mut controller), 77);
    assert_eq!(
        allocate_producer_ids(controller.image(), NodeId(2), epoch + 1).unwrap_err().code.code(),
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
    assert!(!controller.shut_down(1).should_shut_down, "2 and 3 have not seen it");
    controller.unfence(2);
    assert!(!controller.shut_down(1).should_shut_down, "3 has not seen it");
    controller.unfence(3);
    let reply = controller.shut_down(1);
    assert_eq!((reply.is_fenced, reply.should_shut_down), (true, true));
    assert!(controller.unfence(1).is_fenced, "it has to register anew");

    // The next process of it may come at once; it is fenced until it has replayed its own registration.
    let epoch = controller.beat(1).broker_epoch;
    controller.now_ms += SESSION_MS + 1;
    while controller.expire().is_some() {}
    controller.register(1, Some(epoch));
    let behind = Heartbeat { current_metadata_offset: Offset(0), ..controller.beat(1) };
    let reply = controller.try_heartbeat(&behind).unwrap();
    assert_eq!((reply.is_caught_up, reply.is_fenced), (false, true));
    assert!(
        controller
            .try_heartbeat(&Heartbeat { want_fence: true, ..controller.beat(1) })
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
            .try_heartbeat(&Heartbeat { want_fence: true, ..controller.beat(broker) })
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
    let request =
        Heartbeat { offline_log_dirs: vec![directory(1), directory(7)], ..controller.beat(1) };
    controller.try_heartbeat(&request).unwrap();
    let partition = controller.partition("t", 0);
    assert_eq!((partition.leader, &partition.isr), (Some(NodeId(2)), &ids(&[2, 3])));
    assert!(
        matches!(controller.records.last(), Some(Record::BrokerRegistrationChange(change)) if change.broker_id == NodeId(1))
    );
}

#[test]
fn a_controller_registers_once_a_run() {
    let mut controller = serving();
    let registration = |incarnation| RegisterController {
        controller_id: NodeId(2),
        incarnation_id: Uuid([incarnation; 16]),
        zk_migration_ready: false,
        end_points: vec![endpoint("CONTROLLER", 1)],
        features: features(),
    };
    for (incarnation, records) in [(1, 1), (1, 0), (2, 1), (2, 0)] {
        let request = registration(incarnation);
        assert_eq!(needs_registration(controller.image(), &request), records == 1);
        let decision = register_controller(controller.image(), request).unwrap();
        assert_eq!(decision.records.len(), records, "{incarnation}");
        controller.take(decision);
    }
    // A level that knows no registrations.
    let old = Image::default();
    assert!(!needs_registration(&old, &registration(3)));
    let error = register_controller(&old, registration(3)).unwrap_err();
    assert_eq!(error.code, ErrorCode::UnsupportedVersion);
}

#[test]
fn activation_at_each_level() {
    let kinds = |metadata: &Metadata, level| {
        let bootstrap = bootstrap_records(MetadataVersion(level));
        let decision = activate(metadata, &bootstrap, &settings()).unwrap();
        decision.records.iter().map(Record::api_key).collect::<Vec<_>>()
    };
    let empty = Metadata::default();
    assert_eq!(kinds(&empty, 7), [12]);
    assert_eq!(kinds(&empty, 21), [23, 12, 24]);
    assert_eq!(kinds(&empty, 25), [23, 12, 12, 12, 24]);
    assert_eq!(kinds(&empty, 29), [23, 12, 12, 12, 12, 12, 12, 4, 24]);
    // A controller that died while it wrote them: none of them counts.
    let mut torn = Metadata::default();
    for record in &activate(&empty, &bootstrap_records(MetadataVersion::LATEST), &settings())
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
    let decision =
        activate(&torn, &bootstrap_records(MetadataVersion::LATEST), &settings()).unwrap();
    for record in &decision.records {
        torn.replay(record, torn.end(), Epoch(2)).unwrap();
    }
    assert_eq!(
        (torn.image().metadata_version(), torn.transaction_begin()),
        (Some(MetadataVersion::LATEST), None)
    );
    assert_eq!(kinds(&torn, 29), [0; 0]);
    assert_eq!(activate(&empty, &[], &settings()), Err(ActivationError::NoMetadataVersion));
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
