//! A snapshot's records make the image that it was taken of.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::properties::{record, step};
use super::*;

/// The image that a snapshot of `image` makes.
fn restored(image: &Image) -> Image {
    let mut restored = Image::default();
    let offset = Offset(image.end.0 - 1);
    for record in snapshot_records(image) {
        restored.replay(&record, offset, image.epoch).unwrap();
    }
    restored
}

/// The image as it is but for what a snapshot does not tell: where in the log its registrations and features were.
fn without_offsets(image: &Image) -> Image {
    let mut image = image.clone();
    image.features_end = image.end;
    let ids: Vec<NodeId> = image.brokers.keys().copied().collect();
    for id in ids {
        if let Some(broker) = image.brokers.get_mut(&id) {
            Arc::make_mut(broker).registration_offset = Offset(image.end.0 - 1);
        }
    }
    image
}

proptest! {
    #[test]
    fn what_requests_make_is_restored(steps in vec(step(), 1..120)) {
        let mut controller = Controller::active();
        controller.register_controller();
        for step in steps {
            controller.step(&step);
            if let Some(broker) = controller.image().brokers.values().next().cloned()
                && let Ok(block) = allocate_producer_ids(controller.image(), broker.id, broker.epoch)
            {
                controller.take(block);
            }
        }
        prop_assert_eq!(restored(controller.image()), without_offsets(controller.image()));
    }

    #[test]
    fn what_a_log_may_hold_is_restored(records in vec(record(), 0..60)) {
        let mut metadata = Metadata::default();
        let bootstrap = bootstrap_records(MetadataVersion::LATEST);
        for record in bootstrap.iter().chain(&records) {
            let _ = metadata.replay(record, metadata.end(), Epoch(1));
        }
        let image = metadata.image();
        prop_assert_eq!(restored(image), without_offsets(image));
    }
}

#[test]
fn the_order_is_kafkas() {
    let mut controller = serving();
    controller.register_controller();
    let epoch = controller.beat(1).broker_epoch;
    let mut topic = controller.topic("c", 1, 1);
    topic.configs = vec![("retention.ms".to_owned(), Some("60000".to_owned()))];
    controller.create(vec![topic]);
    let block = allocate_producer_ids(controller.image(), NodeId(1), epoch).unwrap();
    controller.take(block);

    let records: Vec<Record> = snapshot_records(controller.image()).collect();
    let keys: Vec<i32> = records.iter().map(Record::api_key).collect();
    assert_eq!(keys, [12, 12, 12, 12, 12, 12, 0, 27, 2, 3, 3, 2, 3, 4, 4, 15]);
    let first = Record::FeatureLevel { name: METADATA_VERSION.to_owned(), feature_level: 29 };
    assert_eq!(records[0], first);
    let last = Record::ProducerIds {
        broker_id: NodeId(-1),
        broker_epoch: -1,
        next_producer_id: i64::from(PRODUCER_ID_BLOCK),
    };
    assert_eq!(records.last(), Some(&last));
}

#[test]
fn an_older_level_has_no_room_for_the_newer_state() {
    let mut image = serving().image().clone();
    let id = *image.topics.keys().next().unwrap();
    let version =
        |level| Record::FeatureLevel { name: METADATA_VERSION.to_owned(), feature_level: level };
    let mut partition = image.topics[&id].partitions[&0].as_ref().clone();
    partition.elr = ids(&[2]);
    let topic = Arc::make_mut(image.topics.get_mut(&id).unwrap());
    topic.partitions.insert(0, Arc::new(partition));

    for (level, directories, elr) in [(7, false, false), (17, true, false), (23, true, true)] {
        image.replay(&version(level), image.end, Epoch(1)).unwrap();
        let records: Vec<Record> = snapshot_records(&image).collect();
        let broker = records.iter().find_map(|record| match record {
            Record::RegisterBroker(broker) => Some(broker),
            _ => None,
        });
        assert_eq!(broker.unwrap().log_dirs.is_empty(), !directories, "{level}");
        let partition = records.iter().find_map(|record| match record {
            Record::Partition(partition) => Some(partition),
            _ => None,
        });
        let partition = partition.unwrap();
        assert_eq!(partition.directories.is_empty(), !directories, "{level}");
        assert_eq!(partition.eligible_leader_replicas, elr.then(|| ids(&[2])), "{level}");
        assert_eq!(partition.last_known_elr, None);
    }
}
