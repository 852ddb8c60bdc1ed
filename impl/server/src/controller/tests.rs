//! The controller on a real quorum of one, without a broker.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kraftig_log::snapshot::{self, SnapshotFile};
use kraftig_spec::controller::{
    Broker, CreatableTopic, FEATURES, METADATA_VERSION, MetadataVersion, bootstrap_records,
    record::SupportedFeature,
};
use kraftig_spec::quorum::{Config, Timeouts};
use kraftig_spec::types::{DirectoryId, Offset, ReplicaKey, TopicId, Uuid};
use tokio::task::JoinHandle;

use super::*;
use crate::quorum::{self, KRAFT_VERSIONS, QuorumEvent, QuorumHandle, QuorumOptions, Voter};

const BROKER: NodeId = NodeId(1);
/// Of a batch, and of a segment.
const MOST_BYTES: usize = 10_000;

fn quorum_options(dir: &Path, voters: &[NodeId]) -> QuorumOptions {
    QuorumOptions {
        config: Config {
            local: ReplicaKey { id: BROKER, directory: DirectoryId(Uuid([4; 16])) },
            voters: voters.iter().copied().collect(),
            bootstrap: Vec::new(),
            outside: Vec::new(),
            timeouts: Timeouts { election_ms: 1, ..Timeouts::default() },
        },
        cluster_id: String::new(),
        listener: "CONTROLLER".to_owned(),
        peers: Vec::new(),
        endpoints: Vec::new(),
        directory: dir.join("__cluster_metadata-0"),
        log: kraftig_log::LogConfig::metadata(MOST_BYTES as u32, i64::MAX),
        retention: quorum::Retention::default(),
        request_timeout: Duration::from_secs(2),
        retry_backoff: Duration::from_millis(20),
        trace: None,
    }
}

struct Running {
    controller: ControllerHandle,
    task: JoinHandle<Result<(), ControllerFailure>>,
    quorum: QuorumHandle,
    published: Arc<ArcSwap<Image>>,
    applied: Arc<AtomicUsize>,
}

impl Running {
    /// The only voter, once it is active.
    async fn start(dir: &Path, session_timeout_ms: i64, max_idle_interval_ms: u64) -> Self {
        let (quorum, events) = quorum::start(quorum_options(dir, &[BROKER])).unwrap();
        let running = Self::on(quorum, events, dir, session_timeout_ms, max_idle_interval_ms);
        assert!(running.controller.wait_until_active().await);
        running
    }

    fn on(
        quorum: QuorumHandle,
        events: mpsc::Receiver<QuorumEvent>,
        dir: &Path,
        session_timeout_ms: i64,
        max_idle_interval_ms: u64,
    ) -> Self {
        let published = Arc::new(ArcSwap::from_pointee(Image::default()));
        let applied = Arc::new(AtomicUsize::new(0));
        let topics = applied.clone();
        let decisions = DecisionOptions {
            settings: Arc::new(Settings {
                cluster_id: "cluster".to_owned(),
                node_id: BROKER,
                num_partitions: 1,
                default_replication_factor: 1,
                delete_topic_enable: true,
                static_config: std::collections::BTreeMap::new(),
                kraft_version: 0,
            }),
            bootstrap: bootstrap_records(MetadataVersion::LATEST),
            registration: RegisterController {
                controller_id: BROKER,
                incarnation_id: Uuid([1; 16]),
                zk_migration_ready: false,
                end_points: Vec::new(),
                features: Vec::new(),
            },
            session_timeout_ms,
            max_idle_interval_ms,
            max_batch_bytes: MOST_BYTES,
        };
        let options = ControllerOptions {
            decisions,
            published: published.clone(),
            apply: Box::new(move |_, new| topics.store(new.topics.len(), Ordering::Release)),
            snapshots: SnapshotOptions {
                directory: dir.join("__cluster_metadata-0"),
                between_bytes: 1000,
                interval: None,
            },
            is_broker: false,
        };
        let (controller, task) = start(options, quorum.clone(), events);
        Self { controller, task, quorum, published, applied }
    }

    /// Registers a broker and lets it serve; gives its epoch.
    async fn serve(&self) -> i64 {
        let feature = |feature: &kraftig_spec::controller::Feature| SupportedFeature {
            name: feature.name.to_owned(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        };
        let registration = BrokerRegistration {
            broker_id: BROKER,
            cluster_id: "cluster".to_owned(),
            incarnation_id: Uuid([2; 16]),
            listeners: Vec::new(),
            features: FEATURES.iter().map(feature).collect(),
            rack: None,
            is_migrating_zk_broker: false,
            log_dirs: vec![DirectoryId(Uuid([3; 16]))],
            previous_broker_epoch: Some(-1),
        };
        let epoch = self.controller.register_broker(registration).await.unwrap();
        let reply = self.heartbeat(epoch, false).await;
        assert!(reply.is_caught_up && !reply.is_fenced, "{reply:?}");
        epoch
    }

    async fn heartbeat(&self, broker_epoch: i64, want_fence: bool) -> HeartbeatReply {
        let heartbeat = Heartbeat {
            broker_id: BROKER,
            broker_epoch,
            current_metadata_offset: Offset(self.published.load().end.0 - 1),
            want_fence,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
        };
        self.controller.heartbeat(heartbeat).await.unwrap()
    }

    async fn create(&self, name: &str, config: &str) -> Result<CreatedTopic, ControllerError> {
        self.create_with(name, config, 1).await
    }

    async fn create_with(
        &self,
        name: &str,
        config: &str,
        num_partitions: i32,
    ) -> Result<CreatedTopic, ControllerError> {
        let mut id = [0; 16];
        id[..name.len()].copy_from_slice(name.as_bytes());
        let topic = CreatableTopic {
            name: name.to_owned(),
            topic_id: TopicId(Uuid(id)),
            num_partitions,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: vec![(
                "follower.replication.throttled.replicas".to_owned(),
                Some(config.to_owned()),
            )],
        };
        let request = CreateTopics { topics: vec![topic], validate_only: false, placement_seed: 0 };
        Ok(self.controller.create_topics(request).await?.remove(0))
    }

    async fn stop(self) -> Arc<Image> {
        self.controller.stop();
        self.task.await.unwrap().unwrap();
        self.quorum.stop().await;
        self.published.load_full()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_survives_leaderships_and_starts() {
    let dir = tempfile::tempdir().unwrap();
    let node = Running::start(dir.path(), i64::MAX, 0).await;
    node.serve().await;
    assert_eq!(node.create("one", "").await.unwrap().error, None);
    assert_eq!(node.applied.load(Ordering::Acquire), 1, "applied before it is acknowledged");
    assert!(node.published.load().topic("one").is_some());

    // More than a batch may hold is refused, and leaves nothing behind.
    let too_long = "1:1,".repeat(3000);
    let error = node.create("two", &too_long).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::POLICY_VIOLATION);

    let epoch = node.quorum.status().epoch;
    node.quorum.resign();
    let created = loop {
        match node.create("two", "").await {
            Ok(created) if node.quorum.status().epoch > epoch => break created,
            // Still of the old epoch: it comes back as a topic that exists.
            Ok(_) => {}
            Err(error) => assert_eq!(error.code, ErrorCode::NOT_CONTROLLER),
        }
    };
    let exists = kraftig_spec::controller::ErrorCode::TopicAlreadyExists;
    assert!(created.error.is_none_or(|error| error.code == exists));
    let before = node.stop().await;
    assert_eq!(before.topics.len(), 2);

    let node = Running::start(dir.path(), i64::MAX, 0).await;
    let after = node.published.load_full();
    assert_eq!(after.topics, before.topics);
    // After a snapshot a broker counts as registered by its last record.
    let registered = |image: &Image| {
        let registration = |broker: &Arc<Broker>| (broker.epoch, broker.fenced);
        image.brokers.values().map(registration).collect::<Vec<_>>()
    };
    assert_eq!(registered(&after), registered(&before));
    assert_eq!(after.features.get(METADATA_VERSION), Some(&29));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_passes() {
    let dir = tempfile::tempdir().unwrap();
    let node = Running::start(dir.path(), 1, 1).await;
    node.serve().await;
    // Nobody sends heartbeats: the session ends.
    while !node.published.load().brokers[&BROKER].fenced {
        tokio::task::yield_now().await;
    }
    let fenced = node.published.load().end;
    // Nobody asks for anything: the log grows all the same.
    while node.published.load().end < fenced.plus(3) {
        tokio::task::yield_now().await;
    }
    node.stop().await;
}

/// No batch is larger than a segment, for which there would be no place: what need not be one batch is cut, and the rest refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_fits_into_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let node = Running::start(dir.path(), i64::MAX, 0).await;
    let epoch = node.serve().await;
    let (mut fit, mut refused) = (0, 0);
    for length in MOST_BYTES - 300..MOST_BYTES {
        let list = format!("1:{}", "1".repeat(length - 2));
        match node.create(&length.to_string(), &list).await {
            Ok(created) => {
                assert_eq!((created.error, refused), (None, 0), "{length}");
                fit += 1;
            }
            Err(error) => {
                assert_eq!(error.code, ErrorCode::POLICY_VIOLATION);
                refused += 1;
            }
        }
    }
    assert!(fit > 0 && refused > 0, "{fit} fit, {refused} were refused");

    // All partitions of a broker that is fenced change at once.
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        assert_eq!(node.create_with(name, "", 90).await.unwrap().error, None);
    }
    let before = node.published.load().end;
    assert!(node.heartbeat(epoch, true).await.is_fenced);
    let image = node.published.load_full();
    assert!(image.end > before.plus(8 * 90), "each has a record");
    assert!(image.brokers[&BROKER].fenced);
    node.stop().await;
}

/// Whoever would be a voter and lags keeps no other change waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lags_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let node = Running::start(dir.path(), i64::MAX, 0).await;
    let change = async |change| {
        let day = Duration::from_hours(24);
        let changed = node.controller.change_voters(change, Acknowledge::Committed, day);
        let limit = Duration::from_mins(2);
        tokio::time::timeout(limit, changed).await.expect("an answer, and not after a day")
    };
    let voter = |id, directory| Voter {
        replica: ReplicaKey { id: NodeId(id), directory: DirectoryId(Uuid([directory; 16])) },
        endpoints: Vec::new(),
        kraft_versions: KRAFT_VERSIONS,
    };
    assert_eq!(change(ChangeVoters::Upgrade(vec![voter(1, 4)])).await, Ok(()));
    let refused = change(ChangeVoters::Add(voter(2, 5))).await;
    assert_eq!(refused, Err(VoterChangeError::Lagging.into()));
    node.stop().await;
}

/// A snapshot that was taken meanwhile holds what is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 60_000, 1).await;
    running.serve().await;
    running.create("topic", "*").await.unwrap();
    let shown = running.published.load_full();
    let directory = dir.path().join("__cluster_metadata-0");
    // There is always another NoOp, so there is always another snapshot.
    let id = loop {
        match snapshot::list(&directory).unwrap().last() {
            Some(id) if id.end > shown.end => break *id,
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    let file = SnapshotFile::open(&directory, id).unwrap().unwrap();
    let mut restored = Image::default();
    for batch in file.contents().unwrap().1 {
        for record in &batch.unwrap() {
            let record = records::decode(record.unwrap().value.unwrap()).unwrap();
            restored.replay(&record, id.end.plus(-1), id.epoch).unwrap();
        }
    }
    assert_eq!((restored.end, restored.epoch), (id.end, id.epoch));
    assert_eq!(restored.topics, shown.topics);
    assert_eq!(restored.configs, shown.configs);
    assert_eq!(restored.features, shown.features);
    assert_eq!(restored.controllers, shown.controllers);
    assert_eq!(restored.brokers[&BROKER].epoch, shown.brokers[&BROKER].epoch);
    running.stop().await;
}

/// What a node had when it stopped may be long out of date: a start shows none of it before a leader says what is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_cut_off_shows_nothing_of_before_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 60_000, 1).await;
    let directory = dir.path().join("__cluster_metadata-0");
    while snapshot::list(&directory).unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.stop().await;

    // The other voter is not there, so nobody leads.
    let options = quorum_options(dir.path(), &[BROKER, NodeId(2)]);
    let (quorum, mut told) = quorum::start(options).unwrap();
    let (events, receiver) = mpsc::channel(1);
    let cut_off = Running::on(quorum, receiver, dir.path(), 60_000, 1);
    let Some(QuorumEvent::Snapshot { id, file, at_start: true }) = told.recv().await else {
        panic!("it begins with its snapshot");
    };
    while cut_off.quorum.status().high_watermark != Some(id.end) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for (at_start, shown) in [(true, Offset::ZERO), (false, id.end)] {
        let file = file.clone();
        events.send(QuorumEvent::Snapshot { id, file, at_start }).await.unwrap();
        // When the third has a place the second is taken, and the first is done.
        for _ in 0..2 {
            let epoch = kraftig_spec::types::Epoch(0);
            events.send(QuorumEvent::LostLeader { epoch }).await.unwrap();
        }
        assert_eq!(cut_off.published.load().end, shown);
    }
    cut_off.stop().await;
}
