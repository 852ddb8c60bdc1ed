//! The state machine with its log, its timers and what is under way: all but the thread.

mod disk_space;
mod requests;
mod snapshots;
mod told;
mod voters;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::LogConfig;
use kraftig_spec::quorum::{
    self, Answer, Batch, Config, Effect, Error, Event, Fetch, FetchAnswer, NewBatch, ReadFrom,
    Request, Response, Role, State, Timer, VoterChangeError,
};
use kraftig_spec::types::{Epoch, NodeId, Offset};

use super::peers::Peers;
use super::replicas::Replicas;
use super::snapshots::{Retention, Snapshots};
use super::storage::{Storage, data_batch};
use super::tracer::Tracer;
use super::{NotLeader, QuorumError, QuorumEvent, QuorumStatus, Voters, lost_voters};
use disk_space::DiskSpace;
use requests::Parked;
use voters::Change;

/// How often the log and its snapshots are looked at for what may go, as in Kafka.
const CLEAN_INTERVAL: Duration = Duration::from_mins(1);

/// What a [`Driver`] needs beside its disk: clocks, chance, and those whom it talks to.
pub trait World {
    /// What an answer needs to find the way to whoever asked.
    type Reply;

    /// The time on a clock that never goes back, from any beginning.
    fn now(&self) -> Duration;

    /// Milliseconds since 1970, for the timestamps of batches.
    fn unix_ms(&self) -> i64;

    /// A random number below `bound`; 0 if there is none to be had.
    fn random_below(&mut self, bound: u64) -> u64;

    /// Sends a request to another voter. Its answer comes by [`Driver::answered`] with the same correlation id,
    /// or never.
    fn send(&mut self, to: NodeId, correlation: u32, request: Request);

    /// Sends an answer. Records are the bytes of whole batches; `chunk` is that of a snapshot, and empty in other answers.
    fn answer(&mut self, reply: Self::Reply, response: Response<Bytes>, chunk: Bytes);

    /// Tells the controller.
    fn tell(&mut self, event: QuorumEvent);

    /// Shows what the quorum is doing now.
    fn status(&mut self, status: QuorumStatus);

    /// Shows who votes now. Of interest where who votes is also where they are.
    fn voters(&mut self, _voters: &Arc<Voters>) {}
}

/// What a [`Driver`] starts with. See [`QuorumOptions`](super::QuorumOptions).
pub struct DriverOptions {
    /// Who this node is and who votes.
    pub config: Config,
    /// The directory of the metadata log.
    pub directory: PathBuf,
    /// How the log is cut into segments.
    pub log: LogConfig,
    /// How much of the log and its snapshots is kept.
    pub retention: Retention,
    /// How long another voter may take to answer.
    pub request_timeout: Duration,
    /// How long to wait before a failed request is sent again.
    pub retry_backoff: Duration,
    /// About how many bytes of records, or of a snapshot, a fetch is answered with; one batch may be more.
    pub fetch_bytes: usize,
    /// Where every event and effect is written down.
    pub trace: Option<Tracer>,
}

/// A node of the quorum with its disk. It never waits but for the disk and for [`World`]: whoever owns it calls
/// [`settle`](Self::settle) after what has come in, and [`fire`](Self::fire) at the [`deadline`](Self::deadline).
/// After an error it can only be dropped: nobody knows what the disk holds.
pub struct Driver<W: World> {
    world: W,
    state: State,
    /// What the start asked for and [`begin`](Self::begin) has yet to carry out.
    first: Vec<Effect<Bytes>>,
    storage: Storage,
    snapshots: Snapshots,
    disk_space: DiskSpace,
    /// The bytes of a snapshot that the answer of this step brought.
    chunk: Bytes,
    retention: Retention,
    clean_at: Duration,
    tracer: Option<Tracer>,
    timers: BTreeMap<Timer, Duration>,
    parked: VecDeque<Parked<W::Reply>>,
    peers: Peers,
    replicas: Replicas,
    /// Changes of the voters that are not committed yet.
    changes: Vec<Change>,
    shown_voters: Option<Arc<Voters>>,
    fetch_bytes: usize,
    /// Something was appended and is not flushed.
    flush: bool,
    /// Where the next [`QuorumEvent::Committed`] begins.
    delivered: Offset,
    refused: u64,
}

/// What became of a step.
#[derive(Default)]
struct Outcome {
    response: Option<Response<ReadFrom>>,
    parked: bool,
    appended: Option<Offset>,
    wake: bool,
    refused: bool,
    voters_refused: Option<VoterChangeError>,
}

impl<W: World> Driver<W> {
    /// Recovers the metadata log. Nobody hears of the node before it [begins](Self::begin).
    pub fn recover(options: DriverOptions, world: W) -> Result<Self, QuorumError> {
        let DriverOptions { config, directory, log, retention, trace, .. } = options;
        let fixed = Voters::fixed(&config.voters);
        let voters = (config.local, fixed);
        let (storage, restored) = Storage::open(&directory, log, voters, world.unix_ms())?;
        let mut tracer = trace;
        if let Some(tracer) = &mut tracer {
            tracer.start(&config, &restored);
        }
        let (state, first) = quorum::start(config, restored)?;
        if quorum::is_interrupted(&state) {
            return Err(QuorumError::Interrupted(directory));
        }
        let clean_at = world.now() + CLEAN_INTERVAL;
        Ok(Self {
            world,
            state,
            first,
            storage,
            snapshots: Snapshots::new(&directory),
            disk_space: DiskSpace::new(&directory),
            chunk: Bytes::new(),
            retention,
            clean_at,
            tracer,
            timers: BTreeMap::new(),
            parked: VecDeque::new(),
            peers: Peers::new(options.request_timeout, options.retry_backoff),
            replicas: Replicas::default(),
            changes: Vec::new(),
            shown_voters: None,
            fetch_bytes: options.fetch_bytes,
            flush: false,
            delivered: Offset::ZERO,
            refused: 0,
        })
    }

    /// Does what the start asks for. Must come before all else.
    pub fn begin(&mut self) -> Result<(), QuorumError> {
        let latest = self.state.log().latest;
        if !latest.is_none() {
            self.tell_snapshot(latest, true)?;
        }
        let effects = std::mem::take(&mut self.first);
        self.carry_out(effects)?;
        self.has_room_for(0)?;
        Ok(())
    }

    /// The world around it.
    pub fn world(&mut self) -> &mut W {
        &mut self.world
    }

    /// Appends batches of framed metadata records as leader of `epoch`, and tells the base offset of the first.
    pub fn append(
        &mut self,
        epoch: Epoch,
        batches: &[Vec<Bytes>],
    ) -> Result<Result<Offset, NotLeader>, QuorumError> {
        let now = self.world.unix_ms();
        let new = |records: &Vec<Bytes>| NewBatch {
            records: records.len() as u32,
            payload: data_batch(records, now),
        };
        let batches: Vec<_> = batches.iter().map(new).collect();
        // A leader without room resigns here, and the core refuses what it was to append.
        self.has_room_for(batches.iter().map(|batch| batch.payload.len()).sum())?;
        let event = Event::Append { epoch, batches };
        Ok(self.step(event)?.appended.ok_or(NotLeader))
    }

    /// Takes the answer of another voter, with the bytes of a snapshot where it brings some. One to a request that is no longer under way is dropped.
    pub fn answered(
        &mut self,
        from: NodeId,
        correlation: u32,
        response: &Response<Bytes>,
        chunk: Bytes,
    ) -> Result<(), QuorumError> {
        let Some(request) = self.peers.answered(from, correlation) else { return Ok(()) };
        let brought = match &response.answer {
            Answer::Fetch(FetchAnswer { records: Some(records), .. }) => records.len(),
            _ => chunk.len(),
        };
        let mut failed = response.error != Error::None;
        let mut unfit = false;
        if brought > 0 && !self.has_room_for(brought)? {
            failed = true;
        } else if let Some(mut response) = self.checked(response)? {
            unfit = self.is_unfit_end(from, &request, &mut response, &chunk)?;
            self.chunk = chunk;
            let event = Event::Answered { from, request, response };
            failed |= self.step(event)?.refused;
            self.chunk = Bytes::new();
        } else {
            tracing::warn!("refused what node {from} sent of its log: no log holds it");
            self.refused += 1;
            failed = true;
            self.show_status();
        }
        if unfit {
            self.rest_after_unfit_end(from);
        } else if failed {
            self.peers.rest(from, self.world.now());
        }
        Ok(())
    }

    /// Takes note that a request has no answer and will have none. One that is no longer under way is of no interest.
    pub fn failed(&mut self, to: NodeId, correlation: u32) {
        if self.peers.answered(to, correlation).is_some() {
            self.peers.rest(to, self.world.now());
        }
    }

    /// Takes the hint that the connection to a node was closed and that there is no other to be had.
    pub fn unreachable(&mut self, node: NodeId) -> Result<(), QuorumError> {
        self.step(Event::Unreachable { node })?;
        Ok(())
    }

    /// Gives up leadership.
    pub fn resign(&mut self) -> Result<(), QuorumError> {
        self.step(Event::Resign)?;
        Ok(())
    }

    /// Whether this node has resigned and there is somebody who is yet to hear of it.
    pub fn is_leaving(&self) -> bool {
        matches!(self.state.role(), Role::Resigned { .. })
            && !quorum::requests(&self.state).is_empty()
    }

    /// Flushes what was appended, once for all of it, and then asks the other voters what there is to ask.
    pub fn settle(&mut self) -> Result<(), QuorumError> {
        while std::mem::take(&mut self.flush) {
            let end = self.storage.flush(self.world.unix_ms())?;
            self.step(Event::Flushed { end })?;
        }
        let now = self.world.now();
        let requests = self.peers.send(now, quorum::requests(&self.state));
        if !requests.is_empty()
            && let Some(tracer) = &mut self.tracer
        {
            // An event without effects may be why there is something to say: it is written before that is said.
            tracer.write()?;
        }
        for (to, correlation, request) in requests {
            self.world.send(to, correlation, request);
        }
        Ok(())
    }

    /// When [`fire`](Self::fire) has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        let parked = self.parked.iter().map(|parked| parked.until);
        let peers = self.peers.deadline(&quorum::requests(&self.state));
        self.timers
            .values()
            .copied()
            .chain(parked)
            .chain(peers)
            .chain([self.clean_at, self.disk_space.deadline()])
            .min()
    }

    /// Does what is due: timers, parked fetches whose time is up, requests that took too long.
    pub fn fire(&mut self) -> Result<(), QuorumError> {
        let now = self.world.now();
        while let Some(timer) =
            self.timers.iter().find(|(_, at)| **at <= now).map(|(timer, _)| *timer)
        {
            self.timers.remove(&timer);
            self.step(Event::TimerFired { timer })?;
        }
        for parked in std::mem::take(&mut self.parked) {
            if parked.until > now {
                self.parked.push_back(parked);
            } else {
                let fetch = Fetch { may_park: false, ..parked.fetch };
                self.ask(Request::Fetch(fetch), Duration::ZERO, parked.reply)?;
            }
        }
        self.peers.expire(now);
        if self.disk_space.deadline() <= now {
            self.has_room_for(0)?;
        }
        if self.clean_at <= now {
            self.clean_at = now + CLEAN_INTERVAL;
            self.clean()?;
        }
        Ok(())
    }

    /// Stops cleanly. What is not flushed yet is.
    pub fn close(mut self) -> Result<(), QuorumError> {
        if let Some(tracer) = &mut self.tracer {
            tracer.write()?;
        }
        self.storage.close(self.world.unix_ms())
    }

    /// The answer with its batches told apart. `None` if they are none, or if it names a place to cut that would
    /// cut a batch in two.
    fn checked(
        &mut self,
        response: &Response<Bytes>,
    ) -> Result<Option<Response<Vec<Batch<Bytes>>>>, QuorumError> {
        let mut batches = Vec::new();
        if let Answer::Fetch(FetchAnswer { diverging, records, .. }) = &response.answer {
            if let Some(diverging) = diverging
                && self.storage.is_split_by(*diverging)?
            {
                return Ok(None);
            }
            if let Some(records) = records {
                let Some(found) = self.storage.batches_in(records) else { return Ok(None) };
                batches = found;
            }
        }
        Ok(Some(response.map(|_| batches)))
    }

    /// Runs a step, then those of the parked fetches that it woke.
    fn step(&mut self, event: Event<Bytes>) -> Result<Outcome, QuorumError> {
        let outcome = self.step_alone(event)?;
        if outcome.wake {
            self.wake()?;
        }
        Ok(outcome)
    }

    fn step_alone(&mut self, event: Event<Bytes>) -> Result<Outcome, QuorumError> {
        if let Some(tracer) = &mut self.tracer {
            tracer.event(&event);
        }
        let effects = quorum::step(&mut self.state, event);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect<Bytes>>) -> Result<Outcome, QuorumError> {
        let mut outcome = Outcome::default();
        for effect in effects {
            if let Some(tracer) = &mut self.tracer {
                tracer.effect(&effect);
                tracer.write()?;
            }
            match effect {
                Effect::WriteElectionState { state } => self.storage.write_election_state(state)?,
                Effect::Truncate { to } => self.storage.truncate(to, self.world.unix_ms())?,
                Effect::Append { batches } => {
                    self.storage.append(&batches, self.world.unix_ms())?;
                    outcome.appended = batches.first().map(|batch| batch.base_offset);
                }
                Effect::KeepChunk { snapshot, position } => {
                    self.snapshots.keep(snapshot, position.unsigned_abs(), &self.chunk)?;
                }
                Effect::InstallSnapshot { snapshot } => {
                    self.snapshots.install(snapshot)?;
                    tracing::info!("the snapshot {snapshot} of the metadata is loaded");
                }
                Effect::ReplaceLog { snapshot } => {
                    self.storage.restart_after(snapshot, self.world.unix_ms())?;
                    self.snapshots.remove_before(snapshot)?;
                }
                Effect::CleanLog { to } => {
                    self.storage.clean_to(to)?;
                    self.snapshots.remove_before(to)?;
                    tracing::info!("the metadata log begins after the snapshot {to} now");
                }
                Effect::Flush => self.flush = true,
                Effect::SetTimer { timer, min_ms, max_ms } => {
                    let delay = min_ms + self.world.random_below(max_ms - min_ms + 1);
                    self.timers.insert(timer, self.world.now() + Duration::from_millis(delay));
                }
                Effect::CancelTimer { timer } => {
                    self.timers.remove(&timer);
                }
                Effect::BecameLeader { epoch, epoch_start } => {
                    self.replicas.clear();
                    tracing::info!("leading the quorum in epoch {epoch} from offset {epoch_start}");
                    self.world.tell(QuorumEvent::BecameLeader { epoch, epoch_start });
                }
                Effect::LostLeader { epoch } => {
                    self.fail_changes();
                    tracing::info!("no longer leading the quorum in epoch {epoch}");
                    self.world.tell(QuorumEvent::LostLeader { epoch });
                }
                Effect::AdvanceHighWatermark { to } => {
                    self.storage.remember_voters(to)?;
                    self.answer_changes(to);
                    self.tell_committed(to)?;
                }
                Effect::WakeParked => outcome.wake = true,
                Effect::Respond { response } => outcome.response = Some(response),
                Effect::Park => outcome.parked = true,
                Effect::RefuseVoters { error } => outcome.voters_refused = Some(error),
                Effect::Refuse { refusal } => {
                    outcome.refused = true;
                    self.refused += 1;
                    // A flood of them must not fill the log.
                    if self.refused.is_power_of_two() {
                        let count = self.refused;
                        tracing::warn!(
                            "refused a message to the quorum: {} ({count} so far)",
                            lost_voters::told(refusal)
                        );
                    }
                }
            }
        }
        let download = match self.state.role() {
            Role::Follower { download: Some(download), .. } => Some(download.snapshot),
            _ => None,
        };
        self.snapshots.only(download);
        self.show_voters();
        self.show_status();
        Ok(outcome)
    }
}
