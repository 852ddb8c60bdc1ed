//! A log, its checkpoints and `quorum-state` on a disk that forgets: the power goes at every change of a run,
//! and again at every change of the recovery.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kraftig_log::checkpoint::{self, CheckpointError, LOG_START, RECOVERY_POINT};
use kraftig_log::disk::simulated::{Disk, Fault};
use kraftig_log::disk::{self, DiskError};
use kraftig_log::quorum_state::{QuorumState, QuorumStateError, Version};
use kraftig_log::{Known, Log, LogConfig, LogError};
use kraftig_spec::types::{Epoch, NodeId, TopicId, Uuid};
use kraftig_wire::batch::{self as wire, BatchBuilder};

const TOPIC: TopicId = TopicId(Uuid([7; 16]));

/// Why something did not go on.
#[derive(Debug)]
enum Failure {
    /// The power is off.
    Power,
    /// What had to be there is not, or cannot be read.
    Lost(String),
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        let text = error.to_string();
        if text.contains("the power") { Self::Power } else { Self::Lost(text) }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Disk(error) => error.into(),
            error => Self::Lost(error.to_string()),
        }
    }
}

impl From<QuorumStateError> for Failure {
    fn from(error: QuorumStateError) -> Self {
        match error {
            QuorumStateError::Disk(error) => error.into(),
            error => Self::Lost(error.to_string()),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many batches in one write.
    Append(usize),
    Flush,
    /// The next leader epoch.
    NextEpoch,
    /// Cut so many batches off.
    Truncate(usize),
    /// Let the log begin so many batches later.
    AdvanceStart(usize),
    /// The metadata log begins so many batches later, after a snapshot.
    Clean(usize),
    /// A snapshot, so many offsets further on, takes the place of all of the metadata log.
    Replace(i64),
    /// Write the recovery point and the log's start.
    Checkpoint,
    /// Write `quorum-state`.
    Promise,
    /// Stop cleanly, and start again.
    Restart,
}

/// Which log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A partition's: a clean stop and checkpoints are believed.
    Partition,
    /// The metadata log: nothing is believed, and no offset may be missing.
    Metadata,
}

/// What was done, and what of it was acknowledged.
#[derive(Clone, Debug, Default)]
struct Expected {
    batches: Vec<Batch>,
    end: i64,
    /// What else there may be: the log as it was before a truncation that was not acknowledged.
    before_cut: Option<Vec<Batch>>,
    /// What else there may be: an empty log that begins here.
    replacing: Option<i64>,
    /// All below is acknowledged.
    flushed: i64,
    start: i64,
    start_in_checkpoint: i64,
    epoch: i32,
    promised: Option<QuorumState>,
    /// A promise that was not acknowledged.
    promising: Option<QuorumState>,
    /// Counts batches, so that no two are alike.
    written: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    base: i64,
    end: i64,
    bytes: Bytes,
}

impl From<&wire::Batch> for Batch {
    fn from(batch: &wire::Batch) -> Self {
        let (base, end) = (batch.header().base_offset, batch.header().next_offset());
        Self { base, end, bytes: batch.bytes().clone() }
    }
}

impl Expected {
    fn next_batch(&mut self) -> Batch {
        let base = self.end;
        let count = 1 + self.written % 3;
        let mut builder = BatchBuilder::new(base, self.epoch, 1000 + self.written as i64);
        for record in 0..count {
            // Some batches reach over several sectors.
            let text = format!("{} {record} ", self.written).repeat(1 + self.written as usize % 40);
            builder.push(None, Some(text.as_bytes()));
        }
        self.written += 1;
        self.end += count as i64;
        Batch { base, end: self.end, bytes: builder.build() }
    }
}

/// A directory of a log directory, taken up as the node does it.
struct Store<'a> {
    root: &'a Path,
    kind: Kind,
    config: Arc<LogConfig>,
}

impl Store<'_> {
    fn new(root: &Path, kind: Kind) -> Store<'_> {
        // Small segments and indexes: little data makes much happen.
        let config = LogConfig {
            segment_bytes: 4000,
            index_interval_bytes: 300,
            index_bytes: 1200,
            ..LogConfig::default()
        };
        Store { root, kind, config: Arc::new(config) }
    }

    fn open(&self) -> Result<Log, Failure> {
        let directory = self.root.join("t-0");
        let offset = |name| -> i64 {
            let offsets = checkpoint::read_offsets(&self.root.join(name)).unwrap_or_default();
            offsets.get(&("t".to_owned(), 0)).copied().unwrap_or_default()
        };
        let known = match self.kind {
            Kind::Partition => Known {
                clean: checkpoint::take_clean_shutdown(self.root)?.is_some(),
                recovery_point: offset(RECOVERY_POINT),
                start_offset: offset(LOG_START),
                contiguous: false,
            },
            Kind::Metadata => Known { contiguous: true, ..Known::default() },
        };
        let is_log = |name: &String| name.strip_suffix(".log").is_some();
        let mut log = if disk::exists(&directory)? && disk::list(&directory)?.iter().any(is_log) {
            Log::open(&directory, known, self.config.clone(), 0)?.0
        } else {
            Log::create(&directory, TOPIC, Some(0), self.config.clone(), 0)?
        };
        if self.kind == Kind::Metadata {
            log.flush(0)?;
        }
        Ok(log)
    }

    /// Stops cleanly, in the node's order.
    fn close(&self, log: Log, expected: &mut Expected) -> Result<(), Failure> {
        let (start, end) = (log.start_offset(), log.end_offset());
        log.close(0)?;
        expected.flushed = expected.end;
        if self.kind == Kind::Partition {
            self.checkpoint(start, end, expected)?;
            checkpoint::write_clean_shutdown(self.root, 1)?;
        }
        Ok(())
    }

    fn checkpoint(&self, start: i64, flushed: i64, expected: &mut Expected) -> Result<(), Failure> {
        for (name, offset) in [(RECOVERY_POINT, flushed), (LOG_START, start)] {
            checkpoint::write_offsets(&self.root.join(name), [("t", 0, offset)].into_iter())
                .map_err(|e| match e {
                    CheckpointError::Disk(e) => e.into(),
                    e @ CheckpointError::Malformed { .. } => Failure::Lost(e.to_string()),
                })?;
        }
        expected.start_in_checkpoint = start;
        Ok(())
    }

    /// Does the steps and notes what was acknowledged.
    fn run(&self, steps: &[Step], expected: &mut Expected) -> Result<(), Failure> {
        let mut log = self.open()?;
        log.assign_topic_id(TOPIC)?;
        for step in steps {
            match *step {
                Step::Append(count) => {
                    let mut bytes = Vec::new();
                    for _ in 0..count {
                        let batch = expected.next_batch();
                        bytes.extend_from_slice(&batch.bytes);
                        expected.batches.push(batch);
                    }
                    log.append(&bytes, 0)?;
                }
                Step::Flush => expected.flushed = log.flush(0)?,
                Step::NextEpoch => expected.epoch += 1,
                Step::Truncate(count) => {
                    let keep = expected.batches.len().saturating_sub(count);
                    let before = expected.batches.clone();
                    expected.batches.truncate(keep);
                    let to = expected.batches.last().map_or(0, |b| b.end).max(expected.start);
                    expected.end = to;
                    expected.flushed = expected.flushed.min(to);
                    expected.before_cut = Some(before);
                    log.truncate_to(to, 0)?;
                    expected.before_cut = None;
                }
                Step::AdvanceStart(count) => {
                    let later = expected.batches.iter().filter(|batch| batch.base > expected.start);
                    expected.start =
                        later.clone().nth(count - 1).map_or(expected.start, |batch| batch.base);
                    log.advance_start_to(expected.start)?;
                }
                Step::Clean(count) => {
                    let later = expected.batches.iter().filter(|batch| batch.base > expected.start);
                    expected.start =
                        later.clone().nth(count - 1).map_or(expected.start, |batch| batch.base);
                    log.clean_to(expected.start)?;
                }
                Step::Replace(further) => {
                    let to = expected.end + further;
                    // What was acknowledged is in the snapshot.
                    expected.flushed = 0;
                    expected.before_cut = Some(std::mem::take(&mut expected.batches));
                    expected.replacing = Some(to);
                    log.restart_at(to, 0)?;
                    (expected.start, expected.end, expected.flushed) = (to, to, to);
                    (expected.before_cut, expected.replacing) = (None, None);
                }
                Step::Checkpoint => {
                    self.checkpoint(log.start_offset(), log.flushed_offset(), expected)?;
                }
                Step::Promise => {
                    let epoch =
                        Epoch(expected.promised.as_ref().map_or(1, |last| last.epoch.0 + 1));
                    let voters = Version::V0 { voters: vec![NodeId(1)] };
                    let voted = Some(NodeId(epoch.0 % 3));
                    let promise = QuorumState { leader: None, epoch, voted, version: voters };
                    expected.promising = Some(promise.clone());
                    promise.write(self.root)?;
                    expected.promised = expected.promising.take();
                }
                Step::Restart => {
                    self.close(log, expected)?;
                    log = self.open()?;
                }
            }
        }
        Ok(())
    }

    /// Takes up what is left; everything acknowledged must be there, and nothing that was never written.
    fn recover(&self, expected: &Expected) -> Result<Log, Failure> {
        let mut log = self.open()?;
        let lost = |what: String| Err(Failure::Lost(what));
        let promise = QuorumState::read(self.root)?;
        if promise != expected.promised && (promise.is_none() || promise != expected.promising) {
            return lost(format!("quorum-state is {promise:?}, not {:?}", expected.promised));
        }
        if expected.flushed > 0 && log.topic_id() != Some(TOPIC) {
            return lost(format!("the topic id is {:?}", log.topic_id()));
        }
        let (start, end) = (log.start_offset(), log.end_offset());
        if expected.replacing == Some(start) && start == end {
            return Ok(log);
        }
        // Each segment is an entry of its directory, and each may be lost while nothing is acknowledged: where a partition
        // made its second segment before its first flush, there may be only that one. A flush makes all names safe, so
        // what is acknowledged is never behind the beginning.
        let nothing_safe = self.kind == Kind::Partition && expected.flushed <= expected.start;
        let late = start > expected.start && !nothing_safe;
        if late || start < expected.start_in_checkpoint {
            return lost(format!("the log begins at {start}, not at {}", expected.start));
        }
        if end < expected.flushed {
            return lost(format!(
                "the log ends at {end}, and is acknowledged to {}",
                expected.flushed
            ));
        }
        let mut found = Vec::new();
        for batch in log.batches_from(expected.start.min(end).max(start))? {
            found.push(Batch::from(&batch?));
        }
        let is_there = |all: &Vec<Batch>| {
            let mut all = all.iter().filter(|batch| batch.base >= expected.start);
            match self.kind {
                Kind::Metadata => found.iter().all(|batch| all.next() == Some(batch)),
                // A whole segment may be lost before one that is not, as far as nothing is acknowledged: offsets
                // may be missing in a partition.
                Kind::Partition => found.iter().all(|batch| all.any(|one| one == batch)),
            }
        };
        if !is_there(&expected.batches) && !expected.before_cut.as_ref().is_some_and(is_there) {
            return lost(format!("the log has batches that it should not have, up to {end}"));
        }
        let mut acknowledged = expected
            .batches
            .iter()
            .filter(|batch| batch.base >= expected.start && batch.end <= expected.flushed);
        if let Some(batch) = acknowledged.find(|batch| !found.contains(batch)) {
            return lost(format!("the batch at {} is gone", batch.base));
        }
        Ok(log)
    }

    /// Recovers and goes on: what is acknowledged after a recovery is as safe as before.
    fn go_on(&self, expected: &mut Expected) -> Result<(), Failure> {
        let mut log = self.recover(expected)?;
        log.assign_topic_id(TOPIC)?;
        let from = log.start_offset();
        expected.start = from;
        expected.batches.clear();
        expected.before_cut = None;
        for batch in log.batches_from(from)? {
            expected.batches.push(Batch::from(&batch?));
        }
        expected.end = log.end_offset();
        expected.epoch += 1;
        expected.promised = QuorumState::read(self.root)?;
        expected.promising = None;
        let batch = expected.next_batch();
        expected.batches.push(batch.clone());
        log.append(&batch.bytes, 0)?;
        expected.flushed = log.flush(0)?;
        Ok(())
    }
}

/// What a test has counted.
#[derive(Debug, Default)]
struct Counted {
    losses: u64,
    changes: u64,
}

/// Cuts the power at every change of a run, and looks at what `seeds` power losses leave. Where `again` is set,
/// cuts it once more at every change of the recovery after the first of them.
fn everywhere(
    name: &str,
    kind: Kind,
    steps: &[Step],
    seeds: u64,
    fault: Option<Fault>,
    again: bool,
) -> Result<Counted, String> {
    let (path, left_path) = (format!("/simulated/{name}"), format!("/simulated/{name}-left"));
    let (path, left_path) = (Path::new(&path), Path::new(&left_path));
    let mut counted = Counted::default();
    loop {
        let disk = Disk::mount(path);
        disk.set_fault(fault);
        disk.power_off_after(counted.changes);
        let mut expected = Expected::default();
        let done = match Store::new(path, kind).run(steps, &mut expected) {
            Ok(()) => true,
            Err(Failure::Power) => false,
            Err(Failure::Lost(what)) => return Err(format!("{steps:?}: {what}")),
        };
        let cut = disk.lost_at().unwrap_or_else(|| "the end".to_owned());
        for seed in 0..seeds {
            let store = Store::new(left_path, kind);
            let lost = |what| {
                format!(
                    "{kind:?}, power lost at change {} ({cut}), seed {seed}: {what}\n{steps:?}",
                    counted.changes
                )
            };
            // The last time around the recovery gets to its end.
            for second in 0.. {
                let left = disk.after_power_loss(left_path, seed);
                let mut expected = expected.clone();
                if again && seed == 0 {
                    left.power_off_after(second);
                }
                let recovered = store.go_on(&mut expected);
                let ended = match recovered {
                    Ok(()) => true,
                    Err(Failure::Power) => false,
                    Err(Failure::Lost(what)) => return Err(lost(what)),
                };
                let cut = left.lost_at();
                left.power_on(seed + 1);
                counted.losses += 1;
                if let Err(failure) = store.recover(&expected) {
                    return Err(lost(format!("then at change {second} ({cut:?}): {failure:?}")));
                }
                if ended {
                    break;
                }
            }
        }
        if done {
            return Ok(counted);
        }
        counted.changes += 1;
    }
}

/// Something of everything.
const PARTITION: &[Step] = &[
    Step::Append(1),
    Step::Flush,
    Step::Append(2),
    Step::Append(1),
    Step::Checkpoint,
    Step::Flush,
    Step::Promise,
    Step::NextEpoch,
    Step::Append(3),
    Step::Append(3),
    Step::Flush,
    Step::Checkpoint,
    Step::Append(4),
    Step::Append(2),
    Step::Truncate(3),
    Step::NextEpoch,
    Step::Append(1),
    Step::Flush,
    Step::Promise,
    Step::Append(3),
    Step::AdvanceStart(6),
    Step::Append(3),
    Step::Checkpoint,
    Step::Restart,
    Step::Append(3),
    Step::Flush,
    Step::Truncate(9),
    Step::Append(2),
    Step::Restart,
    Step::NextEpoch,
    Step::Append(2),
];

fn for_metadata(steps: &[Step]) -> Vec<Step> {
    let kept = |step: &Step| match *step {
        Step::AdvanceStart(count) => Some(Step::Clean(count)),
        Step::Checkpoint => None,
        step => Some(step),
    };
    steps.iter().filter_map(kept).collect()
}

/// What only the metadata log does, beside its snapshots.
const METADATA: &[Step] = &[
    Step::Append(4),
    Step::Append(4),
    Step::NextEpoch,
    Step::Append(4),
    Step::Append(4),
    Step::Append(4),
    Step::Flush,
    Step::Clean(13),
    Step::Append(2),
    Step::Restart,
    Step::Truncate(3),
    Step::NextEpoch,
    Step::Append(4),
    Step::Append(4),
    Step::Clean(5),
    Step::Append(1),
    Step::Replace(7),
    Step::Restart,
    Step::NextEpoch,
    Step::Append(3),
    Step::Flush,
    Step::Append(3),
    Step::Append(3),
    Step::Append(3),
    Step::Replace(0),
    Step::Append(1),
    Step::Flush,
    Step::Clean(1),
    Step::Append(1),
];

/// Other runs, from a seed.
fn random_steps(seed: u64, count: usize) -> Vec<Step> {
    let mut random = seed;
    let mut below = |bound: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((random >> 33) % bound) as usize
    };
    let mut steps = Vec::new();
    for _ in 0..count {
        steps.push(match below(20) {
            0..8 => Step::Append(1 + below(4)),
            8..12 => Step::Flush,
            12 => Step::NextEpoch,
            13 | 14 => Step::Truncate(1 + below(8)),
            15 => Step::AdvanceStart(1 + below(5)),
            16 => Step::Checkpoint,
            17 | 18 => Step::Promise,
            _ => Step::Restart,
        });
    }
    steps
}

#[test]
fn a_partition_keeps_what_was_flushed() {
    let counted = everywhere("partition", Kind::Partition, PARTITION, 6, None, true).unwrap();
    println!(
        "power losses: {} at {} changes of a partition, 6 seeds",
        counted.losses, counted.changes
    );
    assert!(counted.changes > 150, "{counted:?}");
}

#[test]
fn the_metadata_log_keeps_what_was_flushed() {
    let steps = for_metadata(PARTITION);
    let counted = everywhere("metadata", Kind::Metadata, &steps, 6, None, true).unwrap();
    println!(
        "power losses: {} at {} changes of the metadata log, 6 seeds",
        counted.losses, counted.changes
    );
    assert!(counted.changes > 120, "{counted:?}");
}

#[test]
fn the_metadata_log_keeps_what_no_snapshot_holds() {
    let counted = everywhere("cleaned", Kind::Metadata, METADATA, 6, None, true).unwrap();
    println!(
        "power losses: {} at {} changes of a metadata log with snapshots, 6 seeds",
        counted.losses, counted.changes
    );
    assert!(counted.changes > 150, "{counted:?}");
}

#[test]
fn other_runs_keep_what_was_flushed() {
    let mut counted: BTreeMap<_, u64> = BTreeMap::new();
    for run in 0..12 {
        let steps = random_steps(run, 25);
        let found = everywhere("runs-partition", Kind::Partition, &steps, 12, None, false).unwrap();
        let steps = for_metadata(&steps);
        let more = everywhere("runs-metadata", Kind::Metadata, &steps, 12, None, false).unwrap();
        *counted.entry("losses").or_default() += found.losses + more.losses;
        *counted.entry("changes").or_default() += found.changes + more.changes;
    }
    println!(
        "power losses: {} at {} changes of 24 runs, 2 seeds",
        counted["losses"], counted["changes"]
    );
}

/// Of several segments that are cut off the last one goes first: what a power cut leaves is still a log's beginning.
#[test]
fn a_truncation_leaves_no_gap() {
    let path = Path::new("/simulated/truncation");
    let left_path = Path::new("/simulated/truncation-left");
    for changes in 0.. {
        let disk = Disk::mount(path);
        let mut expected = Expected::default();
        let store = Store::new(path, Kind::Partition);
        store
            .run(&[[Step::Append(3); 20].as_slice(), &[Step::Flush]].concat(), &mut expected)
            .unwrap();
        let mut log = store.open().unwrap();
        log.flush(0).unwrap();
        assert!(log.size() > 3 * 4000, "four segments");
        disk.power_off_after(changes);
        let done = log.truncate_to(2, 0).is_ok();
        for seed in 0..10 {
            let _left = disk.after_power_loss(left_path, seed);
            let mut log = Store::new(left_path, Kind::Partition).open().unwrap();
            let found: Vec<_> =
                log.batches_from(0).unwrap().map(|batch| Batch::from(&batch.unwrap())).collect();
            assert!(expected.batches.starts_with(&found), "change {changes}, seed {seed}");
            assert!(!done || log.end_offset() <= 2);
        }
        if done {
            break;
        }
    }
}

/// Of several segments that are cleaned away the first one goes first: what a power cut leaves is still a log's end.
#[test]
fn a_cleaning_leaves_no_gap() {
    let path = Path::new("/simulated/cleaning");
    let left_path = Path::new("/simulated/cleaning-left");
    for changes in 0.. {
        let disk = Disk::mount(path);
        let mut expected = Expected::default();
        let store = Store::new(path, Kind::Metadata);
        store
            .run(&[[Step::Append(3); 20].as_slice(), &[Step::Flush]].concat(), &mut expected)
            .unwrap();
        let mut log = store.open().unwrap();
        assert!(log.size() > 3 * 4000, "four segments");
        disk.power_off_after(changes);
        let done = log.clean_to(expected.end - 2).is_ok();
        for seed in 0..40 {
            let _left = disk.after_power_loss(left_path, seed);
            let mut log = Store::new(left_path, Kind::Metadata).open().unwrap();
            assert_eq!(log.end_offset(), expected.end, "change {changes}, seed {seed}");
            let all = log.batches_from(log.start_offset()).unwrap();
            let found: Vec<_> = all.map(|batch| Batch::from(&batch.unwrap())).collect();
            assert!(expected.batches.ends_with(&found), "change {changes}, seed {seed}");
            assert!(!done || log.start_offset() > 0);
        }
        if done {
            break;
        }
    }
}

/// The tests above would see it if nothing were flushed.
#[test]
fn a_disk_that_does_not_flush_loses() {
    for fault in [Fault::FlushDoesNothing, Fault::DirectorySyncLeftOut] {
        for (kind, steps) in [
            (Kind::Partition, PARTITION.to_vec()),
            (Kind::Metadata, for_metadata(PARTITION)),
            (Kind::Metadata, METADATA.to_vec()),
        ] {
            let lost = everywhere("broken", kind, &steps, 6, Some(fault), false).unwrap_err();
            println!("{fault:?}: {}", lost.lines().next().unwrap_or_default());
        }
    }
}
