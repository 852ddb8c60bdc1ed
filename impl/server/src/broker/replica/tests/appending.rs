//! Produce, and what a crash leaves of it.

use super::*;

#[tokio::test]
async fn produced_records_are_fetched() {
    let node = Node::new();
    assert_eq!(outcome(&node.produce("t", batch(3)).await), (0, 0, 0));
    assert_eq!(outcome(&node.produce("t", batch(2)).await), (0, 3, 0));
    let read = node.fetch_from("t", 0).await;
    assert_eq!(found(&read), [(0, LEADER_EPOCH, 3), (3, LEADER_EPOCH, 2)]);
    assert_eq!((read.high_watermark, read.last_stable_offset, read.log_start_offset), (5, 5, 0));
    assert_eq!(
        found(&node.fetch_from("t", 4).await),
        [(3, LEADER_EPOCH, 2)],
        "the batch that holds it"
    );
    assert_eq!(node.fetch_from("t", 5).await.records, Some(Bytes::new()));

    assert_eq!(node.send("t", 0, batch(1)).await, Answer::Silence);
    assert_eq!(node.send("t", 0, batch(1)[..30].to_vec()).await, Answer::Close);
    assert_eq!(node.fetch_from("t", 0).await.high_watermark, 6);
}

#[tokio::test]
async fn records_that_another_replica_would_lack_are_refused() {
    let mut node = Node::new();
    let mut shared = topic("shared", 2, 1);
    let mut partition = controller::Partition::clone(&shared.partitions[&0]);
    partition.replicas.push(NodeId(2));
    partition.isr.push(NodeId(2));
    shared.partitions.insert(0, Arc::new(partition.clone()));
    node.change(|image| put(image, shared.clone()));
    let refused = ErrorCode::NOT_ENOUGH_REPLICAS.0;
    assert_eq!(outcome(&node.produce("shared", batch(1)).await).0, refused);
    // The other one is out of sync, but may lead next.
    partition.elr.extend(partition.isr.pop());
    shared.partitions.insert(0, Arc::new(partition.clone()));
    node.change(|image| put(image, shared.clone()));
    assert_eq!(outcome(&node.produce("shared", batch(1)).await).0, refused);
    // It cannot lead.
    partition.elr.clear();
    shared.partitions.insert(0, Arc::new(partition));
    node.change(|image| put(image, shared));
    assert_eq!(outcome(&node.produce("shared", batch(1)).await), (0, 0, 0));
}

/// Error, base offset and log start are those of Kafka 4.2.0, but for what it answers with -1 or not at all.
#[tokio::test]
async fn wrong_batches_are_refused() {
    let mut node = Node::new();
    let one = batch(1);
    let with = |at: usize, bytes: &[u8]| patched(one.clone(), at, bytes);
    let mut corrupt = one.clone();
    corrupt[70] ^= 1;
    let mut old = one.clone();
    old[16] = 1;
    let mut unknown_magic = one.clone();
    unknown_magic[16] = 3;
    let mut no_length = one.clone();
    no_length[8..12].fill(0);
    let mut based = one.clone();
    based[7] = 5;
    let hour = 3_600_000;
    for (what, batch, error, start) in [
        ("nothing", Vec::new(), 87, -1),
        ("half a header", one[..30].to_vec(), 87, -1),
        ("half a batch", one[..one.len() - 1].to_vec(), 87, -1),
        ("two batches", [&one[..], &one[..]].concat(), 87, -1),
        ("a wrong checksum", corrupt, 2, -1),
        ("magic 1", old, 87, -1),
        ("magic 3", unknown_magic, 2, -1),
        ("no length", no_length, 2, -1),
        ("a base offset", based, 87, 0),
        ("no records", with(57, &[0; 4]), 87, 0),
        ("more records than offsets", with(57, &2i32.to_be_bytes()), 87, 0),
        ("a count that the records do not have", with(23, &[0, 0, 0, 1]), 87, 0),
        ("a control batch", with(21, &[0, 0x20]), 87, 0),
        ("a transaction without an id", with(21, &[0, 0x10]), 53, -1),
        ("a codec that does not exist", with(21, &[0, 5]), 87, 0),
        ("records that are no gzip", with(21, &[0, 1]), 87, 0),
        ("a producer without a sequence", with(43, &[0; 8]), 87, 0),
        ("a record with a length that it does not have", with(61, &[0x30]), 87, 0),
        ("a time to come", batch_at(1, now_ms() + 2 * hour), 32, 0),
    ] {
        assert_eq!(outcome(&node.produce("t", batch).await), (error, -1, start), "{what}");
    }
    assert_eq!(outcome(&node.produce("nope", batch(1)).await), (3, -1, -1));
    match node.send("t", 2, batch(1)).await {
        Answer::Response(response) => {
            assert_eq!(response.responses[0].partition_responses[0].error_code, 21);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(node.fetch_from("t", 0).await.high_watermark, 0, "nothing of it is there");
    let trailing = [&batch(1)[..], b"xx"].concat();
    assert_eq!(outcome(&node.produce("t", trailing).await), (0, 0, 0), "what follows is cut off");
    assert_eq!(found(&node.fetch_from("t", 0).await).len(), 1);

    node.config("t", &[("max.message.bytes", "100")]);
    assert_eq!(outcome(&node.produce("t", batch(9)).await), (10, -1, -1));
    node.config("t", &[("internal.segment.bytes", "100")]);
    assert_eq!(outcome(&node.produce("t", batch(9)).await), (18, -1, -1));
    node.config("t", &[("cleanup.policy", "compact")]);
    let keyless = node.produce("t", batch(2)).await;
    assert_eq!(outcome(&keyless), (87, -1, 0));
    let indexes: Vec<_> = keyless.record_errors.iter().map(|error| error.batch_index).collect();
    assert_eq!(indexes, [0, 1]);
    node.config("t", &[("message.timestamp.before.max.ms", "1000")]);
    assert_eq!(node.produce("t", batch_at(2, now_ms() - hour)).await.record_errors.len(), 2);
    assert_eq!(
        outcome(&node.produce("t", batch_at(2, -1)).await),
        (0, 1, 0),
        "no time is never too old"
    );
}

#[tokio::test]
async fn log_append_time() {
    let mut node = Node::new();
    node.config("t", &[("message.timestamp.type", "LogAppendTime")]);
    let before = now_ms();
    let given = node.produce("t", batch_at(2, 5)).await.log_append_time_ms;
    assert!((before..=now_ms()).contains(&given));
    let records = node.fetch_from("t", 0).await.records.unwrap();
    let batch = batches(records).next().unwrap().unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.header().timestamp_type(), TimestampType::LogAppendTime);
    assert!(batch.records(1000).unwrap().iter().all(|record| record.unwrap().timestamp == given));
}

#[tokio::test]
async fn compression_type() {
    let mut node = Node::new();
    for (name, codec) in [
        ("zstd", Compression::Zstd),
        ("gzip", Compression::Gzip),
        ("uncompressed", Compression::None),
        ("producer", Compression::None),
    ] {
        node.config("t", &[("compression.type", name)]);
        let offset = node.produce("t", batch(3)).await.base_offset;
        let stored = node.fetch_from("t", offset).await.records.unwrap();
        let stored = batches(stored).next().unwrap().unwrap();
        stored.verify_crc().unwrap();
        assert_eq!(stored.header().compression(), Ok(codec), "{name}");
        assert_eq!((stored.header().base_offset, stored.header().record_count), (offset, 3));
        let records = stored.records(1000).unwrap();
        assert!(records.iter().all(|record| record.unwrap().value == Some(b"value")));
    }
}

#[tokio::test]
async fn sequences_survive_a_crash_and_a_stop() {
    let mut node = Node::new();
    assert_eq!(outcome(&node.produce("t", sequenced(2, 9, 0, 0)).await), (0, 0, 0));
    assert_eq!(outcome(&node.produce("t", sequenced(1, 9, 0, 2)).await), (0, 2, 0));
    for how in ["running", "killed", "stopped"] {
        if how == "killed" {
            node = node.after_crash();
        } else if how == "stopped" {
            node = node.after_stop();
        }
        let again = node.produce("t", sequenced(1, 9, 0, 2)).await;
        assert_eq!(outcome(&again), (0, 2, 0), "{how}: a duplicate has the first offset");
        assert_eq!(
            outcome(&node.produce("t", sequenced(1, 9, 0, 5)).await),
            (45, -1, 0),
            "{how}: a gap"
        );
        assert_eq!(
            outcome(&node.produce("t", sequenced(1, 9, -1, 3)).await),
            (47, -1, 0),
            "{how}: an old epoch"
        );
        assert_eq!(node.fetch_from("t", 0).await.high_watermark, 3, "{how}");
    }
    assert_eq!(outcome(&node.produce("t", sequenced(1, 9, 0, 3)).await), (0, 3, 0));
    assert_eq!(found(&node.fetch_from("t", 0).await), [(0, 3, 2), (2, 3, 1), (3, 3, 1)]);
}

#[tokio::test]
async fn flush_messages_is_waited_for() {
    let mut node = Node::new();
    node.produce("t", batch(1)).await;
    let offsets =
        |node: &Node| node.replicas.find(TopicRef::Name("t"), 0).unwrap().offsets().unwrap();
    assert_eq!((offsets(&node).flushed, offsets(&node).high_watermark), (0, 1));
    node.config("t", &[("flush.messages", "3")]);
    node.produce("t", batch(1)).await;
    assert_eq!((offsets(&node).flushed, offsets(&node).high_watermark), (0, 2));
    node.produce("t", batch(1)).await;
    assert_eq!((offsets(&node).flushed, offsets(&node).high_watermark), (3, 3));
}

#[tokio::test]
async fn who_leads_counts() {
    let mut node = Node::new();
    node.config("t", &[("min.insync.replicas", "2")]);
    assert_eq!(
        outcome(&node.produce("t", batch(1)).await),
        (0, 0, 0),
        "no more than there are replicas"
    );
    let mut lead = |change: fn(&mut controller::Partition)| {
        let mut topic = topic("t", 1, 2);
        change(Arc::make_mut(topic.partitions.get_mut(&0).unwrap()));
        node.change(|image| put(image, topic));
    };
    lead(|partition| partition.replicas.push(NodeId(2)));
    assert_eq!(outcome(&node.produce("t", batch(1)).await), (19, -1, -1));
    assert_eq!(node.send("t", 0, batch(1)).await, Answer::Silence, "only acks=all asks for it");
    let mut lead = |change: fn(&mut controller::Partition)| {
        let mut topic = topic("t", 1, 2);
        change(Arc::make_mut(topic.partitions.get_mut(&0).unwrap()));
        node.change(|image| put(image, topic));
    };
    lead(|partition| partition.leader = None);
    assert_eq!(outcome(&node.produce("t", batch(1)).await), (6, -1, -1));
    assert_eq!(node.fetch_from("t", 0).await.error_code, 6);
}
