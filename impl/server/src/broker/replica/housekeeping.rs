//! What has to be done from time to time: retention, flushes, checkpoints, and removing what was deleted.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::checkpoints::Kind;
use super::partition::Partition;
use super::{ReplicaManager, lock, now_ms};
use crate::config::Config;

/// How often each job runs, by Kafka's keys.
#[derive(Clone, Debug)]
pub(super) struct Intervals {
    /// `log.initial.task.delay.ms`.
    initial_delay: Duration,
    /// `log.retention.check.interval.ms`.
    retention: Duration,
    /// `log.flush.scheduler.interval.ms`.
    flush: Duration,
    /// `log.flush.offset.checkpoint.interval.ms`.
    recovery_point: Duration,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    log_start: Duration,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    high_watermark: Duration,
    /// `producer.id.expiration.ms`.
    producer_expiration_ms: i64,
}

/// A century: longer than any node runs. Kafka's "never" is later than a clock can show.
const NEVER: Duration = Duration::from_hours(100 * 365 * 24);

/// How long after a partition could not be made it is tried again.
const MAKE_AGAIN: Duration = Duration::from_secs(1);

impl Intervals {
    pub(super) fn new(config: &Config) -> Self {
        let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default()).min(NEVER);
        Self {
            initial_delay: ms(config.log.initial_task_delay_ms),
            retention: ms(config.log.retention_check_interval_ms),
            flush: ms(config.log.flush_scheduler_interval_ms),
            recovery_point: ms(config.log.flush_offset_checkpoint_interval_ms.into()),
            log_start: ms(config.log.flush_start_offset_checkpoint_interval_ms.into()),
            high_watermark: ms(config.broker.high_watermark_checkpoint_interval_ms),
            producer_expiration_ms: config.broker.producer_id_expiration_ms.into(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Job {
    Clean,
    Flush,
    Checkpoint(Kind),
    RemoveDeleted,
    /// Partitions that could not be made.
    Make,
}

/// A job, when it is due, and how long after that again.
struct Due {
    job: Job,
    at: Instant,
    interval: Duration,
}

impl ReplicaManager {
    /// Starts the housekeeping, on the runtime that it is called on. It ends with the manager.
    pub fn start_housekeeping(self: &Arc<Self>) {
        let intervals = &self.intervals;
        let now = Instant::now();
        let due = |job, first, interval: Duration| Due {
            job,
            at: now + first,
            interval: interval.max(Duration::from_millis(1)),
        };
        let checkpoint = |kind, interval| due(Job::Checkpoint(kind), interval, interval);
        let jobs = vec![
            due(Job::Clean, intervals.initial_delay, intervals.retention),
            due(Job::Flush, intervals.initial_delay.max(intervals.flush), intervals.flush),
            checkpoint(Kind::RecoveryPoint, intervals.recovery_point),
            checkpoint(Kind::LogStart, intervals.log_start),
            checkpoint(Kind::HighWatermark, intervals.high_watermark),
            due(Job::RemoveDeleted, Duration::ZERO, NEVER),
            due(Job::Make, MAKE_AGAIN, MAKE_AGAIN),
        ];
        tokio::spawn(keep_house(Arc::downgrade(self), jobs));
    }

    /// Does a job; gives when it is due again, if that is not its interval. Blocks.
    fn run(&self, job: Job) -> Option<Instant> {
        let serving = lock(&self.serving);
        if !*serving {
            // What is in the checkpoint files is still right, and nothing here knows better.
            return None;
        }
        let now = now_ms();
        match job {
            Job::Clean => {
                let before = now - self.intervals.producer_expiration_ms;
                for partition in self.partitions() {
                    partition.clean(now, before);
                }
            }
            Job::Flush => {
                for partition in self.partitions() {
                    partition.flush_if_due(now);
                }
            }
            Job::Checkpoint(kind) => {
                let offsets =
                    |partition: Arc<Partition>| Some((partition.clone(), partition.offsets()?));
                let partitions =
                    || self.partitions().into_iter().filter_map(offsets).collect::<Vec<_>>();
                self.checkpoints.write(kind, &self.directories, partitions);
            }
            Job::RemoveDeleted => return self.remove_deleted(),
            Job::Make => {
                drop(serving);
                self.make_again();
            }
        }
        None
    }
}

async fn keep_house(manager: Weak<ReplicaManager>, mut jobs: Vec<Due>) {
    loop {
        let running = manager.upgrade().filter(|manager| !manager.closed.load(Ordering::Acquire));
        let Some(more_deleted) = running.map(|manager| manager.more_deleted.clone()) else {
            return;
        };
        let Some(next) = jobs.iter_mut().min_by_key(|due| due.at) else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep_until(next.at.into()) => {
                let (job, manager) = (next.job, manager.clone());
                let work = move || manager.upgrade().and_then(|manager| manager.run(job));
                // An error is a panic in the job; it has been reported, and the next time may be better.
                let again = tokio::task::spawn_blocking(work).await.unwrap_or_default();
                next.at = again.unwrap_or_else(|| Instant::now() + next.interval);
            }
            () = more_deleted.notified() => {
                for due in jobs.iter_mut().filter(|due| matches!(due.job, Job::RemoveDeleted)) {
                    due.at = Instant::now();
                }
            }
        }
    }
}
