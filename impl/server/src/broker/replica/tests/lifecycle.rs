//! Restarts, deletions, retention, and many partitions.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

#[tokio::test]
async fn a_torn_tail_is_cut_off() {
    let node = Node::new();
    node.produce("t", batch(3)).await;
    node.produce("t", batch(1)).await;
    let log = node.directory.path().join("t-0/00000000000000000000.log");
    let len = std::fs::metadata(&log).unwrap().len();
    std::fs::File::options().write(true).open(&log).unwrap().set_len(len - 1).unwrap();
    let node = node.after_crash();
    assert_eq!(found(&node.fetch_from("t", 0).await), [(0, LEADER_EPOCH, 3)]);
    assert_eq!(outcome(&node.produce("t", batch(1)).await), (0, 3, 0));
}

#[tokio::test]
async fn a_topic_made_anew_is_empty() {
    let mut node = Node::new();
    node.produce("t", batch(3)).await;
    node.change(|image| {
        remove(image, "t");
        put(image, topic("t", 2, 1));
    });
    assert_eq!(node.fetch_from("t", 0).await.high_watermark, 0);
    assert_eq!(outcome(&node.produce("t", batch(1)).await), (0, 0, 0));
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(node.directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    // t-1 never had a record, and so no directory.
    assert_eq!(names().iter().filter(|name| name.ends_with("-delete")).count(), 1, "{:?}", names());
    let next = node.replicas.remove_deleted().expect("a time to come");
    assert!(next > std::time::Instant::now(), "file.delete.delay.ms");
    assert_eq!(names().iter().filter(|name| name.ends_with("-delete")).count(), 1);
}

#[tokio::test]
async fn a_topic_made_anew_keeps_its_records_in_a_crash() {
    let mut node = Node::new();
    node.config("t", &[("internal.segment.bytes", "200"), ("retention.ms", "1000")]);
    for age in [5000, 4000, 0] {
        node.produce("t", batch_at(5, now_ms() - age)).await;
    }
    node.replicas.find(TopicRef::Name("t"), 0).unwrap().clean(now_ms(), i64::MIN);
    // The checkpoints hold 15 and 10 for the topic that was, as this start and the ones before have written them.
    let mut node = node.after_stop();
    node.change(|image| {
        remove(image, "t");
        put(image, topic("t", 2, 1));
    });
    node.produce("t", batch(3)).await;
    let node = node.after_crash();
    assert_eq!(found(&node.fetch_from("t", 0).await), [(0, LEADER_EPOCH, 3)]);

    // The same where the node was down meanwhile.
    let mut node = node.after_stop();
    node.replicas.close();
    for name in ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint"] {
        std::fs::write(node.directory.path().join(name), "0\n1\nt 0 10\n").unwrap();
    }
    remove(&mut node.image, "t");
    put(&mut node.image, topic("t", 3, 1));
    let node = node.after_stop();
    node.produce("t", batch(4)).await;
    let node = node.after_crash();
    assert_eq!(found(&node.fetch_from("t", 0).await), [(0, LEADER_EPOCH, 4)]);
}

#[tokio::test]
async fn what_a_crash_left_unflushed_is_flushed() {
    let mut node = Node::new();
    node.config("t", &[("flush.messages", "10")]);
    node.produce("t", sequenced(1, 9, 0, 0)).await;
    let offsets =
        |node: &Node| node.replicas.find(TopicRef::Name("t"), 0).unwrap().offsets().unwrap();
    assert_eq!(offsets(&node).flushed, 0);
    let node = node.after_crash();
    assert_eq!((offsets(&node).flushed, offsets(&node).high_watermark), (1, 1));
}

#[tokio::test]
async fn a_lost_topic_id_is_written_again() {
    let node = Node::new();
    node.produce("t", batch(3)).await;
    std::fs::remove_file(node.directory.path().join("t-0/partition.metadata")).unwrap();
    let mut node = node.after_crash();
    assert_eq!(found(&node.fetch_from("t", 0).await), [(0, LEADER_EPOCH, 3)]);
    remove(&mut node.image, "t");
    put(&mut node.image, topic("t", 2, 1));
    let node = node.after_crash();
    assert_eq!(node.fetch_from("t", 0).await.high_watermark, 0, "another topic's records");
}

#[tokio::test]
async fn what_the_cluster_does_not_know_is_set_aside() {
    let node = Node::new();
    node.produce("t", batch(3)).await;
    let directory = tempfile::tempdir().unwrap();
    copy(node.directory.path(), directory.path());
    let mut image = Image::default();
    put(&mut image, topic("t", 9, 1));
    let replicas = open(directory.path(), false);
    replicas.apply(&Image::default(), &image);
    let names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.iter().filter(|name| name.ends_with("-stray")).count(), 1, "{names:?}");
    assert_eq!(replicas.find(TopicRef::Name("t"), 0).unwrap().offsets().unwrap().high_watermark, 0);
}

#[tokio::test]
async fn retention_and_checkpoints() {
    let mut node = Node::new();
    node.config("t", &[("internal.segment.bytes", "200"), ("retention.ms", "1000")]);
    for age in [5000, 4000, 0] {
        node.produce("t", batch_at(5, now_ms() - age)).await;
    }
    let partition = node.replicas.find(TopicRef::Name("t"), 0).unwrap();
    partition.clean(now_ms(), i64::MIN);
    assert_eq!(partition.offsets().unwrap().start, 10);
    assert_eq!(node.fetch_from("t", 0).await.error_code, ErrorCode::OFFSET_OUT_OF_RANGE.0);
    assert_eq!(node.list(1, -2, -1).2, 10);

    let node = node.after_stop();
    assert_eq!((node.list(1, -2, -1).2, node.list(1, -1, -1).2), (10, 15));
    let file = |name| std::fs::read_to_string(node.directory.path().join(name)).unwrap();
    assert_eq!(file("recovery-point-offset-checkpoint"), "0\n2\nt 0 15\nt 1 0\n");
    assert_eq!(file("replication-offset-checkpoint"), "0\n2\nt 0 15\nt 1 0\n");
    assert_eq!(file("log-start-offset-checkpoint"), "0\n1\nt 0 10\n");
}

#[test]
fn many_partitions() {
    let directory = tempfile::tempdir().unwrap();
    let replicas = open(directory.path(), true);
    let mut image = Image::default();
    put(&mut image, topic("many", 1, 300));
    replicas.apply(&Image::default(), &image);
    for index in 0..300 {
        let partition = replicas.find(TopicRef::Name("many"), index).unwrap();
        assert_eq!((partition.index, partition.offsets().unwrap().high_watermark), (index, 0));
    }
    assert_eq!(
        replicas.find(TopicRef::Name("many"), 300).unwrap_err(),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
}

/// Set where the test runs alone in a process, whose limit of open files it may change.
const ALONE: &str = "KRAFTIG_TEST_ALONE";

#[test]
fn running_out_of_descriptors_takes_nothing_offline() {
    if std::env::var_os(ALONE).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(without_descriptors());
        return;
    }
    let name =
        "broker::replica::tests::lifecycle::running_out_of_descriptors_takes_nothing_offline";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

async fn without_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let starve = || setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).unwrap();
    let relieve = || setrlimit(Resource::Nofile, limit).unwrap();
    let mut node = Node::new();
    node.config("t", &[("internal.segment.bytes", "200"), ("flush.messages", "1")]);
    assert_eq!(outcome(&node.produce("t", batch(5)).await), (0, 0, 0));

    // A roll that is not possible; what is smaller still fits into the segment that there is.
    starve();
    let answer = node.produce("t", batch(8)).await;
    assert_eq!(answer.error_code, ErrorCode::KAFKA_STORAGE_ERROR.0);
    node.change(|image| {
        remove(image, "t");
        put(image, topic("t", 2, 1));
        put(image, topic("u", 3, 1));
    });
    let answer = node.produce("u", batch(1)).await;
    assert_ne!(answer.error_code, 0);
    node.replicas.make_again();
    assert!(node.replicas.directories.iter().all(|directory| !directory.is_offline()));
    relieve();

    node.replicas.make_again();
    assert_eq!(outcome(&node.produce("u", batch(1)).await), (0, 0, 0));
    assert_eq!(outcome(&node.produce("t", batch(2)).await), (0, 0, 0));
    let node = node.after_crash();
    assert_eq!(found(&node.fetch_from("t", 0).await), [(0, LEADER_EPOCH, 2)]);

    // A stop that could not write everything is no clean one.
    starve();
    assert!(node.replicas.close().is_empty());
    relieve();
}

#[tokio::test]
async fn nothing_changes_after_the_stop() {
    let mut node = Node::new();
    node.produce("t", batch(3)).await;
    assert_eq!(node.replicas.close().len(), 1);
    node.change(|image| {
        remove(image, "t");
        put(image, topic("u", 3, 1));
    });
    assert!(node.directory.path().join("t-0").exists());
    assert!(!node.directory.path().join("u-0").exists());
}
