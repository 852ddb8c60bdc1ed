//! A node that is just a controller.

use kraftig_log::checkpoint::CLEAN_SHUTDOWN;
use kraftig_server::controller::records;
use kraftig_spec::controller::Record;
use kraftig_wire::ErrorCode;
use kraftig_wire::batch::batches;
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;

use crate::topics::create;
use crate::{CONTROLLER, connect, format, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_alone_is_no_broker() {
    let alone = [("process.roles", "controller"), ("listeners", "CONTROLLER://127.0.0.1:0")];
    let dir = tempfile::tempdir().unwrap();
    format(dir.path());
    for _ in 0..2 {
        let node = start(dir.path(), &alone).await;
        let mut client = connect(&node, CONTROLLER).await;
        let request = DescribeClusterRequest { endpoint_type: 2, ..Default::default() };
        let cluster = client.ask(2, &request).await;
        assert_eq!((cluster.controller_id, cluster.brokers.len()), (1, 1));
        let created = client.ask(7, &create(&["topic"], 1)).await;
        assert_eq!(created.topics[0].error_code, ErrorCode::INVALID_REPLICATION_FACTOR.0);
        assert_eq!(
            created.topics[0].error_message.as_deref(),
            Some("Unable to replicate the partition 1 time(s): All brokers are currently fenced.")
        );
        node.stop().await;
        assert!(!dir.path().join(CLEAN_SHUTDOWN).exists(), "the mark of a broker");
    }

    let log = dir.path().join("__cluster_metadata-0/00000000000000000000.log");
    let mut controllers = 0;
    for batch in batches(std::fs::read(log).unwrap().into()) {
        let batch = batch.unwrap();
        if batch.header().is_control() {
            continue;
        }
        for record in &batch.records(usize::MAX).unwrap() {
            let record = records::decode(record.unwrap().value.unwrap()).unwrap();
            controllers += usize::from(matches!(record, Record::RegisterController(_)));
            let of_broker =
                matches!(record, Record::RegisterBroker(_) | Record::BrokerRegistrationChange(_));
            assert!(!of_broker, "{record:?}");
        }
    }
    assert_eq!(controllers, 2);
}
