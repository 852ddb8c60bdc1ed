//! Restarts, deletions, retention, and many partitions.

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
    assert_eq!(names().iter().filter(|name| name.ends_with("-delete")).count(), 2, "{:?}", names());
    let next = node.replicas.remove_deleted().expect("a time to come");
    assert!(next > std::time::Instant::now(), "file.delete.delay.ms");
    assert_eq!(names().iter().filter(|name| name.ends_with("-delete")).count(), 2);
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
    assert_eq!(names.iter().filter(|name| name.ends_with("-stray")).count(), 2, "{names:?}");
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
