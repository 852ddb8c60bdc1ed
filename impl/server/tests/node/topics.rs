//! Topics: created, shown, deleted, and found again by the next process.

use kraftig_server::Node;
use kraftig_wire::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kraftig_wire::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use kraftig_wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kraftig_wire::messages::metadata_response::MetadataResponseTopic;
use kraftig_wire::{ErrorCode, Str, Uuid};

use crate::client::Client;
use crate::{BROKER, CONTROLLER, connect, fresh, start};

/// A request for topics with one replica.
pub(crate) fn create(names: &[&str], partitions: i32) -> CreateTopicsRequest {
    let topic = |name: &&str| CreatableTopic {
        name: Str::from(*name),
        num_partitions: partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    CreateTopicsRequest {
        topics: names.iter().map(topic).collect(),
        timeout_ms: 30_000,
        ..CreateTopicsRequest::default()
    }
}

fn by_name(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic { name: Some(Str::from(name)), ..MetadataRequestTopic::default() }
}

async fn describe(
    client: &mut Client,
    topics: Option<Vec<MetadataRequestTopic>>,
    allow_auto_topic_creation: bool,
) -> Vec<MetadataResponseTopic> {
    let request =
        MetadataRequest { topics, allow_auto_topic_creation, ..MetadataRequest::default() };
    client.ask(13, &request).await.topics
}

/// Errors and numbers of partitions that lead on this node, by name.
async fn all_topics(node: &Node) -> Vec<(String, i16, usize)> {
    let mut client = connect(node, BROKER).await;
    let topics = describe(&mut client, None, false).await;
    let seen = |topic: MetadataResponseTopic| {
        let led = topic
            .partitions
            .iter()
            .filter(|partition| partition.error_code == 0 && partition.leader_id == 1)
            .count();
        (topic.name.unwrap().into(), topic.error_code, led)
    };
    topics.into_iter().map(seen).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_created_topic_is_there_and_stays() {
    let (dir, node) = fresh(&[]).await;
    let mut client = connect(&node, BROKER).await;
    for version in 2..=7 {
        let name = format!("t{version}");
        let response = client.ask(version, &create(&[&name], 2)).await;
        assert_eq!(response.topics[0].error_code, 0, "version {version}");
        // What is acknowledged can be used: no client has to ask twice.
        let topics = describe(&mut client, Some(vec![by_name(&name)]), false).await;
        assert_eq!(topics[0].error_code, 0);
        assert!(topics[0].partitions.iter().all(|one| one.leader_id == 1));
        // An empty partition has no files.
        assert!(!dir.path().join(format!("t{version}-1")).exists());
        if version == 7 {
            assert_eq!(response.topics[0].topic_id, topics[0].topic_id);
        }
    }
    let mut request = create(&["t7", "bad name!", "odd", "twice", "twice"], 1);
    request.topics[2].configs = vec![CreatableTopicConfig {
        name: Str::from("retention.ms"),
        value: Some(Str::from("pear")),
    }];
    let mut errors: Vec<(Str, i16)> = client
        .ask(7, &request)
        .await
        .topics
        .into_iter()
        .map(|topic| (topic.name, topic.error_code))
        .collect();
    errors.sort();
    let expected = [
        ("bad name!", ErrorCode::INVALID_TOPIC_EXCEPTION),
        ("odd", ErrorCode::INVALID_CONFIG),
        ("t7", ErrorCode::TOPIC_ALREADY_EXISTS),
        ("twice", ErrorCode::INVALID_REQUEST),
    ];
    assert_eq!(errors, expected.map(|(name, error)| (Str::from(name), error.0)));
    let mut checked = create(&["checked"], 1);
    checked.validate_only = true;
    assert_eq!(client.ask(7, &checked).await.topics[0].error_code, 0);

    let before = all_topics(&node).await;
    let expected: Vec<(String, i16, usize)> = (2..=7).map(|n| (format!("t{n}"), 0, 2)).collect();
    assert_eq!(before, expected);
    node.stop().await;
    let node = start(dir.path(), &[]).await;
    assert_eq!(all_topics(&node).await, before);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_topic_is_gone() {
    let (_dir, node) = fresh(&[]).await;
    let mut client = connect(&node, BROKER).await;
    client.ask(7, &create(&["one", "two", "three"], 1)).await;
    let topics = describe(&mut client, None, false).await;
    let id = |name: &str| {
        let topic = topics.iter().find(|topic| topic.name.as_deref() == Some(name));
        topic.unwrap().topic_id
    };
    let delete = DeleteTopicsRequest {
        topic_names: vec![Str::from("one"), Str::from("nope")],
        timeout_ms: 30_000,
        ..DeleteTopicsRequest::default()
    };
    for (version, errors) in [(1, [0, 3]), (5, [3, 3])] {
        let mut response = client.ask(version, &delete).await.responses;
        response.sort_by(|a, b| b.name.as_deref().cmp(&a.name.as_deref()));
        let found: Vec<i16> = response.iter().map(|topic| topic.error_code).collect();
        assert_eq!(found, errors, "version {version}");
        assert_eq!(response[1].error_message.is_some(), version >= 5);
    }
    let by_id = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: None, topic_id: id("two") }],
        timeout_ms: 30_000,
        ..DeleteTopicsRequest::default()
    };
    // The controller's listener takes it as well.
    let response = connect(&node, CONTROLLER).await.ask(6, &by_id).await.responses;
    assert_eq!((response[0].name.as_deref(), response[0].error_code), (Some("two"), 0));

    assert_eq!(all_topics(&node).await, [("three".to_owned(), 0, 1)]);
    let ids = [id("one"), id("three"), Uuid([9; 16])]
        .map(|topic_id| MetadataRequestTopic { topic_id, name: None });
    let found = describe(&mut client, Some(ids.to_vec()), false).await;
    let errors: Vec<i16> = found.iter().map(|topic| topic.error_code).collect();
    assert_eq!(errors, [100, 0, 100]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_created_when_it_is_asked_for() {
    let (_dir, node) = fresh(&[("num.partitions", "3")]).await;
    let mut client = connect(&node, BROKER).await;
    let ask = |name| Some(vec![by_name(name)]);
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
    assert_eq!(describe(&mut client, ask("asked"), false).await[0].error_code, unknown);
    assert_eq!(describe(&mut client, ask("asked"), true).await[0].error_code, unknown);
    let topic = loop {
        let mut topics = describe(&mut client, ask("asked"), true).await;
        if topics[0].error_code != unknown {
            break topics.remove(0);
        }
    };
    assert_eq!((topic.error_code, topic.partitions.len()), (0, 3));
    let wrong = describe(&mut client, ask("bad name!"), true).await;
    assert_eq!(wrong[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION.0);
    // What uses Kafka's own topics creates them, with configurations of their own.
    for _ in 0..2 {
        let internal = describe(&mut client, ask("__consumer_offsets"), true).await;
        assert_eq!((internal[0].error_code, internal[0].is_internal), (unknown, true));
    }
    node.stop().await;

    let (_dir, node) = fresh(&[("auto.create.topics.enable", "false")]).await;
    let mut client = connect(&node, BROKER).await;
    describe(&mut client, ask("asked"), true).await;
    // Requests to the controller are answered in order: the one before had its chance.
    client.ask(7, &create(&["made"], 1)).await;
    assert_eq!(all_topics(&node).await, [("made".to_owned(), 0, 1)]);
    node.stop().await;
}
