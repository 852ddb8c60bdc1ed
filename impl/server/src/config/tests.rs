use super::*;

const COMBINED: &str = "process.roles=broker,controller\nnode.id=1\n\
    controller.quorum.voters=1@localhost:9093\n\
    listeners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\n\
    controller.listener.names=CONTROLLER\nlog.dirs=/data/a,/data/b\n";

/// The combined node of [`COMBINED`] with more lines, which go before its own.
fn with(lines: &str) -> Result<Config, ConfigError> {
    Config::from_properties(parse_properties(format!("{COMBINED}{lines}").as_bytes()).unwrap())
}

#[test]
fn a_combined_node() {
    let config = with("broker.rack = r1").unwrap();
    assert_eq!(config.roles, Roles { broker: true, controller: true });
    assert_eq!(config.node_id, NodeId(1));
    assert_eq!(config.voters[0].id, NodeId(1));
    assert_eq!(config.voters[0].address.port, 9093);
    let listeners = &config.listeners;
    assert_eq!(listeners.all.len(), 2);
    assert_eq!(listeners.advertised_broker[0].to_string(), "PLAINTEXT://localhost:9092");
    assert_eq!(listeners.advertised_controller[0].to_string(), "CONTROLLER://:9093");
    assert_eq!(listeners.inter_broker_name, "PLAINTEXT");
    assert_eq!(config.rack.as_deref(), Some("r1"));
    assert_eq!(config.log_dirs, [Path::new("/data/a"), Path::new("/data/b")]);
    assert_eq!(config.metadata_log_dir, Path::new("/data/a"));
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.check_served(), Ok(()));
}

#[test]
fn times_take_the_finest_key() {
    let log = with("").unwrap().log;
    assert_eq!((log.retention_ms, log.roll_ms), (604_800_000, 604_800_000));
    assert_eq!(log.flush_interval_ms, i64::MAX);
    let log = with("log.retention.minutes=2\nlog.roll.hours=3\nlog.flush.scheduler.interval.ms=7")
        .unwrap()
        .log;
    assert_eq!((log.retention_ms, log.roll_ms, log.flush_interval_ms), (120_000, 10_800_000, 7));
    let log = with(
        "log.retention.ms=-9\nlog.retention.minutes=2\nlog.roll.ms=5\nlog.flush.interval.ms=6",
    )
    .unwrap()
    .log;
    assert_eq!((log.retention_ms, log.roll_ms, log.flush_interval_ms), (-1, 5, 6));
}

/// Each rule, one broken at a time: the line that breaks it, the key that the error names, Kafka's words.
#[test]
fn each_rule_names_key_and_way_out() {
    let cases = [
        (
            "process.roles=foo",
            "process.roles",
            "Invalid value foo for configuration process.roles: String must be one of: broker, controller",
        ),
        (
            "process.roles=",
            "process.roles",
            "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]",
        ),
        (
            "process.roles=broker",
            "node.id",
            "If process.roles contains just the 'broker' role, the node id 1 must not be included in the set of voters controller.quorum.voters=Set(1)",
        ),
        (
            "process.roles=broker\nnode.id=2",
            "controller.listener.names",
            "controller.listener.names must not contain a value appearing in the 'listeners' configuration when running KRaft with just the broker role",
        ),
        (
            "process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://:1\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT",
            "controller.listener.names",
            "Controller listener with name CONTROLLER defined in controller.listener.names not found in listener.security.protocol.map",
        ),
        (
            "process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://:1\ncontroller.quorum.auto.join.enable=true",
            "controller.quorum.auto.join.enable",
            "controller.quorum.auto.join.enable is only supported when process.roles contains the 'controller' role.",
        ),
        (
            "process.roles=controller",
            "listeners",
            "The listeners config must only contain KRaft controller listeners from controller.listener.names when process.roles=controller",
        ),
        (
            "node.id=-1",
            "node.id",
            "Invalid value -1 for configuration node.id: Value must be at least 0",
        ),
        (
            "node.id=9",
            "controller.quorum.voters",
            "If process.roles contains the 'controller' role, the node id 9 must be included in the set of voters controller.quorum.voters=Set(1)",
        ),
        ("broker.id=2", "broker.id", "You must set `node.id` to the same value as `broker.id`."),
        (
            "controller.quorum.voters=",
            "controller.quorum.voters",
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap controllers or",
        ),
        (
            "controller.quorum.voters=1",
            "controller.quorum.voters",
            "Invalid configuration value for controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.",
        ),
        (
            "controller.quorum.voters=x@h:1",
            "controller.quorum.voters",
            "Failed to parse voter ID as an integer from x",
        ),
        (
            "controller.quorum.voters=1@localhost",
            "controller.quorum.voters",
            "Failed to parse host name from entry 1@localhost for the configuration controller.quorum.voters.",
        ),
        (
            "controller.quorum.bootstrap.servers=localhost",
            "controller.quorum.bootstrap.servers",
            "Failed to parse host name from localhost for the configuration controller.quorum.bootstrap.servers.",
        ),
        (
            "controller.listener.names=PLAINTEXT,CONTROLLER",
            "listeners",
            "There must be at least one broker advertised listener. Perhaps all listeners appear in controller.listener.names?",
        ),
        (
            "controller.listener.names=CONTROLLER,FOO",
            "controller.listener.names",
            "controller.listener.names must only contain values appearing in the 'listeners' configuration",
        ),
        (
            "listeners=PLAINTEXT://:1",
            "controller.listener.names",
            "controller.listener.names must contain at least one value appearing in the 'listeners' configuration",
        ),
        (
            "listeners=localhost:9092",
            "listeners",
            "Error creating broker listeners from '[localhost:9092]': Unable to parse localhost:9092 to a broker endpoint",
        ),
        (
            "listeners=FOO://localhost:9092",
            "listeners",
            "Error creating broker listeners from '[FOO://localhost:9092]': No security protocol defined for listener FOO",
        ),
        (
            "listeners=PLAINTEXT://:1,PLAINTEXT://:2,CONTROLLER://:3",
            "listeners",
            "Each listener must have a different name, listeners: [",
        ),
        (
            "listeners=PLAINTEXT://:1,CONTROLLER://:1",
            "listeners",
            "Each listener must have a different port, listeners: [",
        ),
        (
            "listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.2:1",
            "listeners",
            "If you have two listeners on the same port then one needs to be IPv4 and the other IPv6",
        ),
        (
            "advertised.listeners=PLAINTEXT://:1,SSL://:2",
            "advertised.listeners",
            "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found PLAINTEXT,SSL.",
        ),
        (
            "listeners=PLAINTEXT://0.0.0.0:1,CONTROLLER://:2",
            "listeners",
            "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0.",
        ),
        (
            "inter.broker.listener.name=SSL",
            "inter.broker.listener.name",
            "inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are PLAINTEXT",
        ),
        (
            "inter.broker.listener.name=FOO",
            "inter.broker.listener.name",
            "Listener with name FOO defined in inter.broker.listener.name not found in listener.security.protocol.map.",
        ),
        (
            "inter.broker.listener.name=PLAINTEXT\nsecurity.inter.broker.protocol=PLAINTEXT",
            "inter.broker.listener.name",
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.",
        ),
        (
            "listener.security.protocol.map=PLAINTEXT:FOO",
            "listener.security.protocol.map",
            "Invalid security protocol `FOO` defined in listener.security.protocol.map",
        ),
        (
            "early.start.listeners=FOO",
            "early.start.listeners",
            "early.start.listeners contains listener FOO, but this is not contained in listeners or controller.listener.names",
        ),
        (
            "log.dirs=",
            "log.dirs",
            "Configuration 'log.dirs' must not be empty. Valid values include: any non-empty value",
        ),
        ("log.dirs=/a,,/b", "log.dirs", "Configuration 'log.dirs' values must not be empty."),
        (
            "log.retention.ms=0",
            "log.retention.ms",
            "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        ),
        (
            "replica.socket.timeout.ms=1",
            "replica.socket.timeout.ms",
            "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts",
        ),
        (
            "replica.lag.time.max.ms=1",
            "replica.fetch.wait.max.ms",
            "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR",
        ),
        (
            "group.coordinator.rebalance.protocols=consumer",
            "group.coordinator.rebalance.protocols",
            "Disabling the 'classic' protocol is not supported.",
        ),
        (
            "group.share.heartbeat.interval.ms=1",
            "group.share.heartbeat.interval.ms",
            "group.share.heartbeat.interval.ms must be greater than or equal to group.share.min.heartbeat.interval.ms",
        ),
        (
            "offsets.topic.replication.factor=40000",
            "offsets.topic.replication.factor",
            "Invalid value 40000 for configuration offsets.topic.replication.factor: Not a number of type SHORT",
        ),
        (
            "delete.topic.enable=yes",
            "delete.topic.enable",
            "Invalid value yes for configuration delete.topic.enable: Expected value to be either true or false",
        ),
        (
            "log.cleaner.min.cleanable.ratio=2",
            "log.cleaner.min.cleanable.ratio",
            "Invalid value 2.0 for configuration log.cleaner.min.cleanable.ratio: Value must be no more than 1",
        ),
    ];
    for (lines, key, words) in cases {
        let error = with(lines).expect_err(lines);
        assert_eq!(error.key, key, "{lines}");
        assert!(error.rule.starts_with(words), "{lines}: {}", error.rule);
        assert!(!error.way_out.is_empty(), "{lines}");
        assert!(error.to_string().contains(&error.way_out), "{lines}");
    }
}

#[test]
fn required_keys_are_named() {
    for key in ["process.roles", "node.id", "controller.listener.names"] {
        let mut properties = parse_properties(COMBINED.as_bytes()).unwrap();
        properties.remove(key);
        let error = Config::from_properties(properties).expect_err(key);
        let words = format!("Missing required configuration \"{key}\" which has no default value.");
        assert_eq!((error.key.as_str(), error.rule), (key, words));
    }
}

#[test]
fn strange_but_legal_is_warned_of() {
    let cases = [
        ("no.such.key=1", "no.such.key"),
        ("zookeeper.connect=localhost", "zookeeper.connect"),
        ("log.dirs=/a,/a", "log.dirs"),
        ("broker.heartbeat.interval.ms=4501", "broker.heartbeat.interval.ms"),
    ];
    for (line, key) in cases {
        let warnings = with(line).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{line}: {warnings:?}");
        assert!(warnings[0].contains(key), "{warnings:?}");
    }
    assert_eq!(with("log.dirs=/a,/a").unwrap().log_dirs.len(), 1);
}

#[test]
fn what_is_not_served_is_refused() {
    let cases = [
        ("listener.security.protocol.map=PLAINTEXT:SSL,CONTROLLER:PLAINTEXT", "listeners"),
        (
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "authorizer.class.name",
        ),
        ("create.topic.policy.class.name=a.B", "create.topic.policy.class.name"),
        (
            "process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://:1\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SSL",
            "controller.listener.names",
        ),
    ];
    for (lines, key) in cases {
        let error = with(lines).expect(lines).check_served().expect_err(lines);
        assert_eq!(error.key, key, "{error}");
    }
    for lines in [
        "controller.quorum.voters=1@a:1,2@b:1,3@c:1",
        "controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=a:1",
        "process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://:1",
    ] {
        assert_eq!(with(lines).expect(lines).check_served(), Ok(()), "{lines}");
    }
}

#[test]
fn values_are_shown_as_kafka_shows_them() {
    let config =
        with("num.partitions = +7\nsasl.jaas.config=secret\nlog.cleaner.min.cleanable.ratio=1")
            .unwrap();
    let show = |key: &str| config.value(key).unwrap();
    assert_eq!(show("num.partitions"), "7");
    assert_eq!(show("log.cleaner.min.cleanable.ratio"), "1.0");
    assert_eq!(show("log.cleaner.io.max.bytes.per.second"), "1.7976931348623157E308");
    assert_eq!(show("controller.listener.names"), "CONTROLLER");
    assert_eq!(config.value("log.retention.ms"), None);
    assert!(config.is_set("num.partitions") && !config.is_set("num.io.threads"));
    // Every default reads as its own text.
    for key in definitions::broker().iter().filter(|key| !config.is_set(key.name)) {
        if let definitions::Default::Value(text) = key.default
            && key.name != "broker.id"
        {
            assert_eq!(show(key.name), text, "{}", key.name);
        }
    }
}

#[test]
fn overrides_go_before_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.properties");
    std::fs::write(&file, COMBINED).unwrap();
    let overrides = [("num.partitions".to_owned(), "3".to_owned())];
    assert_eq!(Config::load(&file, &overrides).unwrap().topics.num_partitions, 3);
    let missing = Config::load(&dir.path().join("none"), &[]).unwrap_err();
    assert!(matches!(missing, LoadError::Io { .. }));
}

#[test]
fn files_are_latin1() {
    assert_eq!(parse_properties(b"a=1\na=\xe9\\u4e2d").unwrap()["a"], "\u{e9}\u{4e2d}");
    assert!(parse_properties(b"a=\\u12").is_err());
}
