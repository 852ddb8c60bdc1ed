//! Versions, brokers, configurations; starting and stopping.

use kraftig_log::checkpoint::CLEAN_SHUTDOWN;
use kraftig_server::NodeError;
use kraftig_wire::messages::api_versions_request::ApiVersionsRequest;
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use kraftig_wire::messages::find_coordinator_request::FindCoordinatorRequest;
use kraftig_wire::messages::metadata_request::MetadataRequest;
use kraftig_wire::{ErrorCode, Request, Str};

use crate::{BROKER, CLUSTER_ID, CONTROLLER, connect, format, fresh, start, try_start};

fn software() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: Str::from("test"),
        client_software_version: Str::from("1.0"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_versions() {
    let (_dir, node) = fresh(&[]).await;
    let mut client = connect(&node, BROKER).await;
    for version in 0..=4 {
        let request = if version < 3 { ApiVersionsRequest::default() } else { software() };
        let response = client.ask(version, &request).await;
        assert_eq!(response.error_code, 0, "version {version}");
        let metadata =
            response.api_keys.iter().find(|api| api.api_key == MetadataRequest::KEY).unwrap();
        assert_eq!((metadata.min_version, metadata.max_version), (0, 13));
        // Whoever does not say that it understands a lowest level of 0 is not shown one (KAFKA-17011).
        let features: Vec<i16> =
            response.supported_features.iter().map(|feature| feature.min_version).collect();
        match version {
            0..3 => assert!(features.is_empty()),
            3 => assert_eq!(features, [7]),
            _ => assert_eq!(features, [0, 0, 7, 0, 0, 0, 0]),
        }
        assert_eq!(response.finalized_features.len(), if version < 3 { 0 } else { 2 });
    }
    let nameless = client.ask(4, &ApiVersionsRequest::default()).await;
    assert_eq!(nameless.error_code, ErrorCode::INVALID_REQUEST.0);

    // A version that is too new is answered in version 0: correlation id, error 35, ApiVersions 0 to 4.
    client.send(&[0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 77, 0, 0, 0]).await;
    let answer = client.receive().await.unwrap();
    assert_eq!(answer[..], [0, 0, 0, 77, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_and_controllers() {
    let (_dir, node) = fresh(&[]).await;
    let port = |listener| i32::from(node.address(listener).unwrap().port());
    let mut client = connect(&node, BROKER).await;
    let no_topics = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    for version in 0..=13 {
        let response = client.ask(version, &no_topics).await;
        let [broker] = &response.brokers[..] else {
            panic!("{response:?}");
        };
        assert_eq!((broker.node_id, broker.port), (1, port(BROKER)));
        assert!(response.topics.is_empty());
        if version >= 1 {
            assert_eq!(response.controller_id, 1);
        }
        if version >= 2 {
            assert_eq!(response.cluster_id.as_deref(), Some(CLUSTER_ID));
        }
    }

    let mut controller = connect(&node, CONTROLLER).await;
    for (client, endpoint_type, listener) in
        [(&mut client, 1, BROKER), (&mut controller, 2, CONTROLLER)]
    {
        let request = |endpoint_type| DescribeClusterRequest {
            endpoint_type,
            include_cluster_authorized_operations: true,
            ..DescribeClusterRequest::default()
        };
        let response = client.ask(2, &request(endpoint_type)).await;
        let [node] = &response.brokers[..] else {
            panic!("{response:?}");
        };
        assert_eq!((node.broker_id, node.port), (1, port(listener)));
        assert_eq!(response.controller_id, 1);
        // Kafka's bits of what may be done to a cluster.
        assert_eq!(response.cluster_authorized_operations, 8096);
        let other = client.ask(2, &request(3 - endpoint_type)).await;
        assert_eq!(other.error_code, ErrorCode::MISMATCHED_ENDPOINT_TYPE.0);
        let refused = client.ask(2, &request(9)).await;
        assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE.0);
    }
    // A controller listener serves no Metadata: the connection ends.
    controller.send(&[0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 255, 255]).await;
    assert!(controller.receive().await.is_none());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configurations_and_coordinators() {
    let (_dir, node) = fresh(&[("log.retention.hours", "5")]).await;
    let mut client = connect(&node, BROKER).await;
    let resource = |resource_type, name: &str, key: &str| DescribeConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configuration_keys: Some(vec![Str::from(key)]),
    };
    let request = DescribeConfigsRequest {
        resources: vec![
            resource(4, "1", "log.retention.hours"),
            resource(4, "1", "log.retention.ms"),
            resource(4, "2", "log.retention.ms"),
            resource(4, "", "min.insync.replicas"),
            resource(2, "nope", "retention.ms"),
            resource(2, "bad name", "retention.ms"),
        ],
        include_synonyms: true,
        include_documentation: false,
    };
    let response = client.ask(4, &request).await;
    let errors: Vec<i16> = response.results.iter().map(|one| one.error_code).collect();
    assert_eq!(errors, [0, 0, 42, 0, 3, 17]);
    let hours = &response.results[0].configs[0];
    assert_eq!(hours.value.as_deref(), Some("5"));
    assert_eq!((hours.config_source, hours.read_only), (4, true));
    let ms = &response.results[1].configs[0];
    assert_eq!((ms.value.as_deref(), ms.read_only), (None, false));
    assert_eq!((ms.config_source, ms.synonyms.len()), (5, 0));
    let synonyms: Vec<(Option<&str>, i8)> =
        hours.synonyms.iter().map(|one| (one.value.as_deref(), one.source)).collect();
    assert_eq!(synonyms, [(Some("5"), 4), (Some("168"), 5)]);
    assert_eq!(response.results[3].configs[0].config_source, 3);

    for version in 0..=6 {
        let request = FindCoordinatorRequest {
            key: if version < 4 { Str::from("g") } else { Str::default() },
            coordinator_keys: if version < 4 { Vec::new() } else { vec![Str::from("g")] },
            ..FindCoordinatorRequest::default()
        };
        let response = client.ask(version, &request).await;
        let error = match response.coordinators.first() {
            Some(coordinator) => coordinator.error_code,
            None => response.error_code,
        };
        assert_eq!(error, ErrorCode::COORDINATOR_NOT_AVAILABLE.0, "version {version}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_has_one_node() {
    let (dir, node) = fresh(&[]).await;
    let second = try_start(dir.path(), &[]).await;
    assert!(matches!(second, Err(NodeError::Lock(_))));
    assert!(dir.path().join(".lock").exists(), "the first node's");
    let mut client = connect(&node, BROKER).await;
    client.ask(0, &ApiVersionsRequest::default()).await;
    node.stop().await;
    assert!(!dir.path().join(".lock").exists());
    assert!(dir.path().join(CLEAN_SHUTDOWN).exists());

    let node = start(dir.path(), &[]).await;
    assert!(!dir.path().join(CLEAN_SHUTDOWN).exists());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let unformatted = try_start(dir.path(), &[]).await;
    assert!(matches!(unformatted, Err(NodeError::Ensemble(_))));
    assert!(!dir.path().join(".lock").exists());

    format(dir.path());
    let other = tempfile::tempdir().unwrap();
    format(other.path());
    let (other, taken) = {
        let node = start(other.path(), &[]).await;
        let port = node.address(BROKER).unwrap().port();
        let listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:0");
        (node, listeners)
    };
    let refused = try_start(dir.path(), &[("listeners", &taken)]).await;
    assert!(matches!(refused, Err(NodeError::Bind(_))));
    assert!(!dir.path().join("__cluster_metadata-0").exists());
    start(dir.path(), &[]).await.stop().await;
    other.stop().await;
}
