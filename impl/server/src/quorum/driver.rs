//! The thread that owns the state machine.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kraftig_spec::quorum::{
    self, Effect, Event, Fetch, NewBatch, ReadFrom, Request, Response, State, Timer,
};
use kraftig_spec::types::Offset;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{oneshot, watch};

use super::storage::{Storage, data_batch};
use super::tracer::Tracer;
use super::{
    Command, NotLeader, QUEUE, QuorumError, QuorumEvent, QuorumHandle, QuorumOptions, QuorumStatus,
};

/// How long a fetch may wait for something to fetch.
const MOST_FETCH_WAIT: Duration = Duration::from_millis(500);
/// Fetches that may wait at once; the next one is answered with what there is.
const MOST_PARKED: usize = 1024;
/// Commands that one flush may serve.
const MOST_COMMANDS: usize = 1024;
/// About how much of the log is told to the controller at once.
const COMMITTED_BYTES: usize = 1 << 20;
/// Events that may wait for the controller; the thread waits for it then. It takes events whatever else it waits for.
const EVENTS: usize = 16;

/// Recovers the metadata log and starts the thread.
pub fn start(options: QuorumOptions) -> Result<(QuorumHandle, Receiver<QuorumEvent>), QuorumError> {
    let QuorumOptions { config, directory, log, trace } = options;
    if config.voters.len() > 1 {
        return Err(QuorumError::SeveralVoters(config.voters.len()));
    }
    let voters = config.voters.iter().copied().collect();
    let (storage, restored) = Storage::open(&directory, log, voters)?;
    let mut tracer = trace.as_deref().map(Tracer::open).transpose()?;
    if let Some(tracer) = &mut tracer {
        tracer.start(&config, &restored);
    }
    let delivered = restored.log.start;
    let (state, effects) = quorum::start(config, restored)?;
    let (commands, queue) = mpsc::sync_channel(QUEUE);
    let (events, told) = channel(EVENTS);
    let (status, watched) = watch::channel(QuorumStatus::default());
    let driver = Driver {
        state,
        storage,
        tracer,
        events,
        status,
        timers: BTreeMap::new(),
        parked: VecDeque::new(),
        flush: false,
        delivered,
        refused: 0,
    };
    let thread = std::thread::Builder::new()
        .name("quorum".into())
        .stack_size(512 << 10)
        .spawn(move || driver.run(effects, &queue))
        .map_err(QuorumError::Thread)?;
    let thread = Arc::new(Mutex::new(Some(thread)));
    Ok((QuorumHandle { commands, status: watched, thread }, told))
}

struct Driver {
    state: State,
    storage: Storage,
    tracer: Option<Tracer>,
    events: Sender<QuorumEvent>,
    status: watch::Sender<QuorumStatus>,
    timers: BTreeMap<Timer, Instant>,
    parked: VecDeque<Parked>,
    /// Something was appended and is not flushed.
    flush: bool,
    /// Where the next [`QuorumEvent::Committed`] begins.
    delivered: Offset,
    refused: u64,
}

struct Parked {
    fetch: Fetch,
    until: Instant,
    reply: oneshot::Sender<Response<ReadFrom>>,
}

/// What became of the request of a step.
#[derive(Default)]
struct Outcome {
    response: Option<Response<ReadFrom>>,
    parked: bool,
    appended: Option<Offset>,
    wake: bool,
}

impl Driver {
    fn run(mut self, effects: Vec<Effect<Bytes>>, queue: &mpsc::Receiver<Command>) {
        let ended = self.carry_out(effects).and_then(|_| self.serve(queue));
        match ended {
            Ok(reply) => {
                if let Err(error) = self.close() {
                    tracing::error!("cannot close the metadata log: {error}");
                }
                if let Some(reply) = reply {
                    let _ = reply.send(());
                }
            }
            Err(error) => {
                tracing::error!("the quorum stops: {error}");
                let _ = self.events.blocking_send(QuorumEvent::Stopped(error));
            }
        }
    }

    fn close(mut self) -> Result<(), QuorumError> {
        if let Some(tracer) = &mut self.tracer {
            tracer.write()?;
        }
        self.storage.close()
    }

    /// Until it is told to stop, or nobody is left who could tell it.
    fn serve(
        &mut self,
        queue: &mpsc::Receiver<Command>,
    ) -> Result<Option<oneshot::Sender<()>>, QuorumError> {
        loop {
            self.flush_if_due()?;
            let mut next = match self.next_deadline() {
                None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            // What is waiting already shares one flush.
            for _ in 0..MOST_COMMANDS {
                match next {
                    Ok(Command::Stop { reply }) => {
                        self.flush_if_due()?;
                        return Ok(Some(reply));
                    }
                    Ok(command) => self.obey(command)?,
                    Err(mpsc::RecvTimeoutError::Timeout) => break,
                    Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(None),
                }
                next = queue.try_recv().map_err(|error| match error {
                    mpsc::TryRecvError::Empty => mpsc::RecvTimeoutError::Timeout,
                    mpsc::TryRecvError::Disconnected => mpsc::RecvTimeoutError::Disconnected,
                });
            }
            self.fire_timers()?;
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), QuorumError> {
        match command {
            Command::Append { epoch, batches, reply } => {
                let batches = batches.iter().map(|records| NewBatch {
                    records: records.len() as u32,
                    payload: data_batch(records),
                });
                let event = Event::Append { epoch, batches: batches.collect() };
                let appended = self.step(event)?.appended;
                let _ = reply.send(appended.ok_or(NotLeader));
            }
            Command::Request { request, reply } => self.ask(request, MOST_FETCH_WAIT, reply)?,
            Command::Resign => {
                self.step(Event::Resign)?;
            }
            Command::Stop { .. } => unreachable!("handled where commands are taken"),
        }
        Ok(())
    }

    fn ask(
        &mut self,
        mut request: Request,
        wait: Duration,
        reply: oneshot::Sender<Response<ReadFrom>>,
    ) -> Result<(), QuorumError> {
        if let Request::Fetch(fetch) = &mut request {
            fetch.may_park &= self.parked.len() < MOST_PARKED;
        }
        let outcome = self.step(Event::Requested { request: request.clone() })?;
        match (outcome.response, request) {
            (Some(response), _) => {
                let _ = reply.send(response);
            }
            (None, Request::Fetch(fetch)) if outcome.parked => {
                self.parked.push_back(Parked { fetch, until: Instant::now() + wait, reply });
            }
            // The core answers or parks every request; a dropped reply closes the connection.
            (None, _) => {}
        }
        Ok(())
    }

    /// Runs a step, then those of the parked fetches that it woke.
    fn step(&mut self, event: Event<Bytes>) -> Result<Outcome, QuorumError> {
        if let Some(tracer) = &mut self.tracer {
            tracer.event(&event);
        }
        let effects = quorum::step(&mut self.state, event);
        let outcome = self.carry_out(effects)?;
        if outcome.wake {
            for parked in std::mem::take(&mut self.parked) {
                let left = parked.until.saturating_duration_since(Instant::now());
                self.ask(Request::Fetch(parked.fetch), left, parked.reply)?;
            }
        }
        Ok(outcome)
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
                Effect::Truncate { to } => self.storage.truncate(to)?,
                Effect::Append { batches } => {
                    self.storage.append(&batches)?;
                    outcome.appended = batches.first().map(|batch| batch.base_offset);
                }
                Effect::Flush => self.flush = true,
                Effect::SetTimer { timer, min_ms, max_ms } => {
                    let delay = min_ms + random_below(max_ms - min_ms + 1);
                    self.timers.insert(timer, Instant::now() + Duration::from_millis(delay));
                }
                Effect::CancelTimer { timer } => {
                    self.timers.remove(&timer);
                }
                Effect::BecameLeader { epoch, epoch_start } => {
                    tracing::info!("leading the quorum in epoch {epoch} from offset {epoch_start}");
                    let _ =
                        self.events.blocking_send(QuorumEvent::BecameLeader { epoch, epoch_start });
                }
                Effect::LostLeader { epoch } => {
                    tracing::info!("no longer leading the quorum in epoch {epoch}");
                    let _ = self.events.blocking_send(QuorumEvent::LostLeader { epoch });
                }
                Effect::AdvanceHighWatermark { to } => self.tell_committed(to)?,
                Effect::WakeParked => outcome.wake = true,
                Effect::Respond { response } => outcome.response = Some(response),
                Effect::Park => outcome.parked = true,
                Effect::Refuse { refusal } => {
                    self.refused += 1;
                    tracing::warn!("refused a message to the quorum: {refusal:?}");
                }
            }
        }
        self.tell_status();
        Ok(outcome)
    }

    fn tell_committed(&mut self, to: Offset) -> Result<(), QuorumError> {
        while self.delivered < to {
            let batches = self.storage.committed(self.delivered, to, COMMITTED_BYTES)?;
            let Some(last) = batches.last() else { break };
            self.delivered = last.last_offset.plus(1);
            let _ = self.events.blocking_send(QuorumEvent::Committed(batches));
        }
        Ok(())
    }

    fn flush_if_due(&mut self) -> Result<(), QuorumError> {
        while std::mem::take(&mut self.flush) {
            let end = self.storage.flush()?;
            self.step(Event::Flushed { end })?;
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let parked = self.parked.iter().map(|parked| parked.until);
        self.timers.values().copied().chain(parked).min()
    }

    fn fire_timers(&mut self) -> Result<(), QuorumError> {
        let now = Instant::now();
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
        Ok(())
    }

    fn tell_status(&self) {
        let state = &self.state;
        let status = QuorumStatus {
            epoch: state.election().epoch,
            leader: state.election().leader,
            high_watermark: state.high_watermark(),
            end: state.log().end,
            refused: self.refused,
        };
        self.status.send_if_modified(|known| std::mem::replace(known, status) != status);
    }
}

/// A random number below `bound`, 0 if there is none to be had.
fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) if bound > 0 => u64::from_le_bytes(bytes) % bound,
        _ => 0,
    }
}
