//! Fetch and `ListOffsets`.

use super::*;

#[tokio::test]
async fn a_waiting_fetch_wakes() {
    let mut node = Node::new();
    let waiting = |partitions: &[(i32, i64, i32)], min_bytes| FetchRequest {
        max_wait_ms: i32::MAX,
        min_bytes,
        ..request("t", partitions)
    };
    let replicas = node.replicas.clone();
    let fetch = fetch::handle(&replicas, 12, waiting(&[(1, 0, 1000), (0, 0, 1000)], 1));
    let mut fetch = pin!(fetch);
    assert!(is_pending(&mut fetch).await);
    node.produce("t", batch(1)).await;
    assert_eq!(found(&soon(&mut fetch).await.response.responses[0].partitions[1]).len(), 1);

    let size = batch(1).len() as i32;
    let fetch = fetch::handle(&replicas, 12, waiting(&[(0, 1, 1000)], 2 * size));
    let mut fetch = pin!(fetch);
    assert!(is_pending(&mut fetch).await);
    node.produce("t", batch(1)).await;
    assert!(is_pending(&mut fetch).await, "there are too few bytes");
    node.produce("t", batch(1)).await;
    assert_eq!(found(&soon(&mut fetch).await.response.responses[0].partitions[0]).len(), 2);

    let fetch = fetch::handle(&replicas, 12, waiting(&[(0, 3, 1000)], 1));
    let mut fetch = pin!(fetch);
    assert!(is_pending(&mut fetch).await);
    node.change(|image| remove(image, "t"));
    let gone = soon(&mut fetch).await.response.responses[0].partitions[0].error_code;
    assert_eq!(gone, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);
    let partition = replicas.find(TopicRef::Name("t"), 0);
    assert!(partition.is_err());
}

#[tokio::test]
async fn a_fetch_that_has_ended_is_forgotten() {
    let node = Node::new();
    {
        let request = FetchRequest { max_wait_ms: i32::MAX, ..request("t", &[(0, 0, 1000)]) };
        let fetch = node.fetch(request);
        let mut fetch = pin!(fetch);
        assert!(is_pending(&mut fetch).await);
        assert_eq!(node.replicas.find(TopicRef::Name("t"), 0).unwrap().waiting(), 1);
    }
    assert_eq!(node.replicas.find(TopicRef::Name("t"), 0).unwrap().waiting(), 0);
}

#[tokio::test]
async fn limits_of_a_fetch() {
    let node = Node::new();
    let size = batch(1).len() as i32;
    for _ in 0..3 {
        node.produce("t", batch(1)).await;
    }
    let max = i32::MAX;
    let both = &[(1, 0, max), (0, 0, max)][..];
    for (what, max_bytes, partitions, sizes) in [
        ("no limit", max, both, vec![0, 3 * size]),
        ("at least one batch", 1, both, vec![0, size]),
        ("a cut batch", size + 5, both, vec![0, size + 5]),
        ("a limit of one partition", max, &[(0, 0, 1)][..], vec![size]),
        ("the first takes all", size, &[(0, 1, max), (0, 0, max)][..], vec![size, 0]),
        ("what is left", 3 * size, &[(0, 1, max), (0, 0, max)][..], vec![2 * size, size]),
        (
            "less than a batch is left",
            2 * size + 9,
            &[(0, 1, max), (0, 0, max)][..],
            vec![2 * size, 0],
        ),
    ] {
        let response = node.fetch(FetchRequest { max_bytes, ..request("t", partitions) }).await;
        let partitions = &response.responses[0].partitions;
        let got: Vec<_> =
            partitions.iter().map(|data| data.records.as_ref().unwrap().len() as i32).collect();
        assert_eq!(got, sizes, "{what}");
    }
}

#[tokio::test]
async fn errors_of_a_fetch() {
    let node = Node::new();
    node.produce("t", batch(1)).await;
    let with = |topic, change: &dyn Fn(&mut FetchRequest)| {
        let mut request = request(topic, &[(0, 0, 1000)]);
        change(&mut request);
        request
    };
    let partition = |change: fn(&mut FetchPartition)| {
        move |request: &mut FetchRequest| change(&mut request.topics[0].partitions[0])
    };
    for (what, request, error) in [
        ("beyond the end", with("t", &partition(|one| one.fetch_offset = 2)), 1),
        ("before the start", with("t", &partition(|one| one.fetch_offset = -1)), 1),
        ("an unknown partition", with("t", &partition(|one| one.partition = 2)), 3),
        ("an unknown topic", with("nope", &|_| ()), 3),
        ("an old epoch", with("t", &partition(|one| one.current_leader_epoch = 2)), 74),
        ("the epoch", with("t", &partition(|one| one.current_leader_epoch = LEADER_EPOCH)), 0),
        ("a future epoch", with("t", &partition(|one| one.current_leader_epoch = 4)), 75),
        ("a follower", with("t", &|request| request.replica_id = 7), 6),
    ] {
        let response = node.fetch(request).await;
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, error, "{what}");
        let watermark = if error == 0 { 1 } else { -1 };
        assert_eq!(
            (data.high_watermark, data.last_stable_offset),
            (watermark, watermark),
            "{what}"
        );
    }
    let session = node.fetch(with("t", &|request| request.session_epoch = 4)).await;
    assert_eq!((session.error_code, session.session_id, session.responses.len()), (70, 0, 0));
    let mut by_id = request("", &[(0, 0, 1000)]);
    by_id.topics[0].topic_id = Uuid([1; 16]);
    let response = fetch::handle(&node.replicas, 13, by_id.clone()).await.response;
    assert_eq!(found(&response.responses[0].partitions[0]).len(), 1);
    by_id.topics[0].topic_id = Uuid([2; 16]);
    let response = fetch::handle(&node.replicas, 13, by_id).await.response;
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID.0);
}

#[tokio::test]
async fn offsets_are_listed() {
    let node = Node::new();
    assert_eq!(node.list(8, -3, -1), (0, -1, -1, -1), "an empty log has no largest timestamp");
    for timestamp in [1000, 3000, 2000] {
        node.produce("t", batch_at(2, timestamp)).await;
    }
    for (version, timestamp, epoch, listed) in [
        (3, -1, -1, (0, -1, 6, -1)),
        (4, -1, -1, (0, -1, 6, LEADER_EPOCH)),
        (4, -2, -1, (0, -1, 0, LEADER_EPOCH)),
        (7, -3, -1, (0, 3000, 2, LEADER_EPOCH)),
        (6, -3, -1, (35, -1, -1, -1)),
        (8, -4, -1, (0, -1, 0, LEADER_EPOCH)),
        (9, -5, -1, (0, -1, -1, -1)),
        (8, -5, -1, (35, -1, -1, -1)),
        (11, -6, -1, (0, -1, -1, -1)),
        (11, -7, -1, (35, -1, -1, -1)),
        (4, 0, -1, (0, 1000, 0, LEADER_EPOCH)),
        (4, 1001, -1, (0, 3000, 2, LEADER_EPOCH)),
        (4, 3001, -1, (0, -1, -1, -1)),
        (4, -1, 2, (74, -1, -1, -1)),
        (4, -1, 4, (75, -1, -1, -1)),
        (4, -1, LEADER_EPOCH, (0, -1, 6, LEADER_EPOCH)),
    ] {
        assert_eq!(
            node.list(version, timestamp, epoch),
            listed,
            "v{version} {timestamp} epoch {epoch}"
        );
    }
}
