//! The task that owns the metadata.

mod appends;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kraftig_log::snapshot::SnapshotError;
use kraftig_spec::controller::{
    self, ActivationError, Decision, Metadata, Now, ReplayError, Sessions, Settings,
};
use kraftig_spec::quorum::VoterChangeError;
use kraftig_spec::types::{Epoch, Offset};
use kraftig_wire::DecodeError;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::loader::{Begins, Loader};
use super::snapshots::Snapshots;
use super::{
    ControllerError, ControllerHandle, ControllerOptions, DecisionOptions, QUEUE, Reply, Request,
};
use crate::quorum::{CommittedBatch, QuorumError, QuorumEvent, QuorumHandle};
use appends::{InFlight, VotersChange, appended};

/// How long a controller that is asked to stop waits for what it has decided to be committed.
const MOST_STOP: Duration = Duration::from_secs(1);

/// Why the controller ended by itself. The node cannot go on: what it shows would not be the cluster.
#[derive(Debug, thiserror::Error)]
pub enum ControllerFailure {
    /// The quorum ended.
    #[error("the metadata quorum stopped: {0}")]
    Quorum(QuorumError),
    /// The quorum's thread or the controller's task is gone without a word.
    #[error("the controller is gone")]
    Gone,
    /// A committed record cannot be read.
    #[error("the metadata record at offset {offset} cannot be read: {source}")]
    Record {
        /// Where it is.
        offset: Offset,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A snapshot cannot be read.
    #[error("the metadata cannot be loaded: {0}")]
    Snapshot(#[from] SnapshotError),
    /// A committed record contradicts those before it, or is not understood.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The controller cannot become active.
    #[error(transparent)]
    Activation(#[from] ActivationError),
}

/// Starts the task. Its result is the end of the controller: `Ok` when it was asked to stop.
pub fn start(
    options: ControllerOptions,
    quorum: QuorumHandle,
    events: mpsc::Receiver<QuorumEvent>,
) -> (ControllerHandle, JoinHandle<Result<(), ControllerFailure>>) {
    let (sender, requests) = mpsc::channel(QUEUE);
    let (active_sender, active) = watch::channel(false);
    let (shown_sender, shown) = watch::channel(Offset::ZERO);
    let (registered, registration) = watch::channel(None);
    let stop = Arc::new(Notify::new());
    let ControllerOptions { decisions, published, apply, snapshots, is_broker } = options;
    let publisher = quorum.clone();
    let publish = Arc::new(move |snapshot| publisher.snapshot(snapshot));
    let snapshots = Snapshots::new(snapshots, publish, Instant::now());
    let begins = if is_broker { Begins::At(registration) } else { Begins::Known };
    let controller = Controller {
        options: decisions,
        quorum,
        started: Instant::now(),
        loader: Loader::new(begins, published, apply, shown_sender, snapshots),
        claim: None,
        active: None,
        is_active: active_sender,
    };
    let task = tokio::spawn(controller.run(events, requests, stop.clone()));
    let registered = Arc::new(registered);
    let handle = ControllerHandle { requests: sender, active, shown, registered, stop };
    (handle, task)
}

struct Controller {
    options: DecisionOptions,
    quorum: QuorumHandle,
    started: Instant,
    loader: Loader,
    /// The epoch that this node leads, and where it began, until all up to there is replayed.
    claim: Option<(Epoch, Offset)>,
    active: Option<Active>,
    is_active: watch::Sender<bool>,
}

/// What a controller has while it is the active one.
struct Active {
    epoch: Epoch,
    /// What the records say when those are counted that are appended and not yet committed.
    metadata: Metadata,
    /// The offset of the next record.
    next_offset: Offset,
    sessions: Sessions,
    /// Batches that are decided and wait to be appended together.
    gathered: Vec<Vec<Bytes>>,
    /// The offset of the first of `gathered`.
    gathered_base: Offset,
    /// Changes of the voters that wait until all that is gathered is appended.
    changes: VecDeque<VotersChange>,
    /// The append that is under way. Only one is: meanwhile the next requests wait.
    in_flight: Option<InFlight>,
    /// Answers and the last record that each waits for, in order.
    pending: VecDeque<(Offset, Answer)>,
    next_no_op: Option<Instant>,
}

type Answer = Box<dyn FnOnce(Result<(), ControllerError>) + Send>;

impl Controller {
    async fn run(
        mut self,
        mut events: mpsc::Receiver<QuorumEvent>,
        mut requests: mpsc::Receiver<Request>,
        stop: Arc<Notify>,
    ) -> Result<(), ControllerFailure> {
        let mut stop_by = None;
        loop {
            let in_flight = self.active.as_ref().is_some_and(|active| active.in_flight.is_some());
            let stops = stop_by.is_some();
            if stops && self.active.as_ref().is_none_or(|active| active.pending.is_empty()) {
                return Ok(());
            }
            // Who is about to be active takes what was asked as soon as it is: nobody has to ask again.
            let takes = !in_flight && !stops && self.claim.is_none();
            let deadline = self.next_deadline();
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.event(event)?,
                    None => return Err(ControllerFailure::Gone),
                },
                () = stop.notified() => stop_by = Some(Instant::now() + MOST_STOP),
                () = sleep_until(stop_by), if stops => return Ok(()),
                () = self.loader.told() => self.loader.show(&self.quorum.status()),
                appended = appended(&mut self.active), if in_flight => self.appended(&appended),
                request = requests.recv(), if takes => {
                    let mut next = request;
                    if next.is_none() {
                        return Ok(());
                    }
                    // What waits is decided together, so that one flush serves all of it.
                    for left in (0..QUEUE).rev() {
                        match next {
                            Some(request) => self.request(request),
                            None => break,
                        }
                        next = if left > 0 { requests.try_recv().ok() } else { None };
                    }
                }
                () = sleep_until(deadline), if !in_flight => self.periodic(),
            }
            self.append_gathered();
        }
    }

    /// Milliseconds of a clock that never goes back.
    fn now_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let active = self.active.as_ref()?;
        let session = active
            .sessions
            .next_deadline_ms()
            .map(|ms| self.started + Duration::from_millis(ms.max(0).unsigned_abs()));
        session.into_iter().chain(active.next_no_op).min()
    }

    fn event(&mut self, event: QuorumEvent) -> Result<(), ControllerFailure> {
        match event {
            QuorumEvent::BecameLeader { epoch, epoch_start } => {
                self.claim = Some((epoch, epoch_start));
            }
            QuorumEvent::LostLeader { epoch } => {
                tracing::info!("the controller is no longer active (epoch {epoch})");
                self.renounce();
            }
            QuorumEvent::Snapshot { id, file, at_start } => {
                // It takes a while, and reads from the disk.
                tokio::task::block_in_place(|| self.loader.load(id, &file))?;
                // What this node had when it stopped is no news: it waits until its leader tells what is committed.
                if !at_start {
                    self.loader.show(&self.quorum.status());
                }
            }
            QuorumEvent::Committed(batches) => self.replay(batches)?,
            QuorumEvent::Stopped(error) => return Err(ControllerFailure::Quorum(error)),
        }
        match self.claim {
            Some((epoch, epoch_start)) if self.loader.end > epoch_start => {
                self.claim = None;
                self.activate(epoch)
            }
            _ => Ok(()),
        }
    }

    fn renounce(&mut self) {
        self.claim = None;
        self.is_active.send_replace(false);
        if let Some(active) = self.active.take() {
            for (_, answer) in active.pending {
                answer(Err(ControllerError::not_controller()));
            }
        }
    }

    fn replay(&mut self, batches: Vec<CommittedBatch>) -> Result<(), ControllerFailure> {
        self.loader.replay(batches)?;
        self.loader.show(&self.quorum.status());
        let end = self.loader.end;
        if let Some(active) = &mut self.active {
            while let Some((_, answer)) = active.pending.pop_front_if(|(last, _)| *last < end) {
                answer(Ok(()));
            }
        }
        Ok(())
    }

    fn activate(&mut self, epoch: Epoch) -> Result<(), ControllerFailure> {
        self.loader.complete();
        let committed = self.loader.committed.clone();
        let now_ms = self.now_ms();
        // Behind what opens the epoch there is nothing yet.
        let next_offset = self.loader.end;
        self.active = Some(Active {
            epoch,
            sessions: Sessions::new(committed.image(), self.options.session_timeout_ms, now_ms),
            metadata: committed.clone(),
            next_offset,
            gathered: Vec::new(),
            gathered_base: next_offset,
            changes: VecDeque::new(),
            in_flight: None,
            pending: VecDeque::new(),
            next_no_op: None,
        });
        let decision =
            controller::activate(&committed, &self.options.bootstrap, &self.options.settings)?;
        self.decided(Ok(decision), None);
        let registration = &self.options.registration;
        if let Some(active) = &self.active
            && controller::needs_registration(active.metadata.image(), registration)
        {
            let decision =
                controller::register_controller(active.metadata.image(), registration.clone());
            self.decided(decision, None);
        }
        self.schedule_no_op();
        // Active is who has what it begins with committed: the node that then serves shows its controller.
        let is_active = self.is_active.clone();
        self.when_committed(move |outcome| {
            is_active.send_replace(outcome.is_ok());
        });
        Ok(())
    }

    /// Answers when all that is decided so far is committed, or leadership is lost.
    fn when_committed(
        &mut self,
        answer: impl FnOnce(Result<(), ControllerError>) + Send + 'static,
    ) {
        let Some(active) = &mut self.active else {
            return;
        };
        let last = active.next_offset.plus(-1);
        if last < self.loader.end {
            answer(Ok(()));
        } else {
            active.pending.push_back((last, Box::new(answer)));
        }
    }

    fn schedule_no_op(&mut self) {
        let interval = self.options.max_idle_interval_ms;
        if let Some(active) = &mut self.active {
            active.next_no_op =
                (interval > 0).then(|| Instant::now() + Duration::from_millis(interval));
        }
    }

    fn periodic(&mut self) {
        let now_ms = self.now_ms();
        while let Some(active) = &mut self.active {
            let expired = controller::expire_session(
                active.metadata.image(),
                &mut active.sessions,
                now_ms,
                &self.options.settings,
            );
            let Some(decision) = expired else { break };
            tracing::warn!(
                "no heartbeat of broker {} for {} ms: it is fenced",
                decision.response,
                self.options.session_timeout_ms
            );
            let decision =
                Decision { records: decision.records, atomic: decision.atomic, response: () };
            self.decided(Ok(decision), None);
        }
        let is_due = self
            .active
            .as_ref()
            .and_then(|active| active.next_no_op)
            .is_some_and(|due| due <= Instant::now());
        if is_due {
            self.decided(Ok(controller::no_op()), None);
            self.schedule_no_op();
        }
    }

    fn request(&mut self, request: Request) {
        let now_ms = self.now_ms();
        let Some(active) = &mut self.active else {
            return refuse(request);
        };
        let settings = self.options.settings.as_ref();
        let image = active.metadata.image();
        let now = Now { ms: now_ms, next_offset: active.next_offset };
        match request {
            Request::CreateTopics(request, reply) => {
                let decision = controller::create_topics(image, &request, settings);
                self.decided(Ok(decision), Some(reply));
            }
            Request::DeleteTopics(request, reply) => {
                let decision = controller::delete_topics(image, &request, settings);
                self.decided(Ok(decision), Some(reply));
            }
            Request::RegisterBroker(request, reply) => {
                // The log may have come to name the voters since the node started.
                let kraft_version = self.quorum.voters().kraft_version;
                let decision = controller::register_broker(
                    image,
                    &mut active.sessions,
                    &request,
                    now,
                    &Settings { kraft_version, ..settings.clone() },
                );
                self.decided(decision, Some(reply));
            }
            Request::Heartbeat(request, reply) => {
                let decision =
                    controller::heartbeat(image, &mut active.sessions, &request, now, settings);
                self.decided(decision, Some(reply));
            }
            Request::AllocateProducerIds(broker_id, broker_epoch, reply) => {
                let decision = controller::allocate_producer_ids(image, broker_id, broker_epoch);
                self.decided(decision, Some(reply));
            }
            Request::ChangeVoters(change, when, reply) => {
                active.changes.push_back((change, when, reply));
            }
            Request::RegisterController(request, reply) => {
                let decision = controller::register_controller(image, request);
                self.decided(decision, Some(reply));
            }
        }
    }
}

fn refuse(request: Request) {
    fn with_not_controller<R>(reply: Reply<R>) {
        drop(reply.send(Err(ControllerError::not_controller())));
    }
    match request {
        Request::CreateTopics(_, reply) => with_not_controller(reply),
        Request::DeleteTopics(_, reply) => with_not_controller(reply),
        Request::RegisterBroker(_, reply) | Request::AllocateProducerIds(_, _, reply) => {
            with_not_controller(reply);
        }
        Request::Heartbeat(_, reply) => with_not_controller(reply),
        Request::RegisterController(_, reply) => with_not_controller(reply),
        Request::ChangeVoters(_, _, reply) => {
            let _ = reply.send(Err(VoterChangeError::NotLeaderOrFollower.into()));
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
