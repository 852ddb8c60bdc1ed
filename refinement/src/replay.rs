//! Runs a node's traces through the functions of the model.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use kraftig_spec::quorum::properties::{self, Entry, NodeView, Property, Violations};
use kraftig_spec::quorum::trace::TraceRecord;
use kraftig_spec::quorum::{
    Config, Effect, ElectionState, Event, Restored, State, Timer, start, step,
};
use kraftig_spec::types::Offset;

use crate::disk::{Content, Disk};

/// What was replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How often the node started.
    pub starts: u64,
    /// Events.
    pub events: u64,
    /// Effects.
    pub effects: u64,
    /// Lines that a crash tore.
    pub torn: u64,
    /// What the disk may hold after the last line: after its effect, and before it, as nobody knows
    /// whether it was done.
    pub disks: Vec<Disk>,
    /// The high watermark at the end.
    pub high_watermark: Option<Offset>,
}

/// Why a trace is not one of the model's.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The trace cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// There is nothing to replay.
    #[error("no start of a node in {0:?}: an empty trace says nothing")]
    Empty(Vec<PathBuf>),
    /// A line does not follow from those before it.
    #[error("{file}:{line}: {why}")]
    Refused {
        /// The trace.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What the model says instead.
        why: String,
    },
}

/// Replays the traces of one node, oldest first.
pub fn replay(files: &[PathBuf]) -> Result<Replayed, ReplayError> {
    let mut node = Node::default();
    for file in files {
        read(file, |line, text| {
            let refused = |why| ReplayError::Refused { file: file.clone(), line, why };
            match serde_json::from_str(text) {
                Ok(record) => node.take(record).map_err(refused),
                // Whether that is legal is seen at the next line: only a start may follow.
                Err(error) => node.tear(&error).map_err(refused),
            }
        })?;
    }
    if node.done.starts == 0 {
        return Err(ReplayError::Empty(files.to_vec()));
    }
    let mut done = node.done;
    if let Some(running) = node.running {
        done.high_watermark = running.state.high_watermark();
        done.disks = running.disks();
    }
    Ok(done)
}

fn read(
    path: &Path,
    mut each: impl FnMut(u64, &str) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let unreadable = |error| ReplayError::Read(path.to_owned(), error);
    let reader = BufReader::new(File::open(path).map_err(unreadable)?);
    for (index, line) in reader.lines().enumerate() {
        each(index as u64 + 1, &line.map_err(unreadable)?)?;
    }
    Ok(())
}

#[derive(Default)]
struct Node {
    running: Option<Running>,
    /// Everything that was ever committed; it must outlive every crash.
    committed: Vec<Entry<Content>>,
    torn: Option<String>,
    done: Replayed,
}

/// What it takes to have the disk as it was before an effect.
enum Before {
    Election(ElectionState),
    Appended { batches: usize },
    Truncated { removed: Vec<Entry<Content>>, flushed: Offset },
}

impl Before {
    fn of(effect: &Effect<u32>, disk: &Disk) -> Option<Self> {
        match effect {
            Effect::WriteElectionState { .. } => Some(Self::Election(disk.election)),
            Effect::Append { .. } => Some(Self::Appended { batches: disk.log.len() }),
            Effect::Truncate { to } => {
                let removed = disk.log.iter().filter(|entry| entry.end > *to).cloned().collect();
                Some(Self::Truncated { removed, flushed: disk.flushed })
            }
            _ => None,
        }
    }

    fn undo(self, mut disk: Disk) -> Disk {
        match self {
            Self::Election(election) => disk.election = election,
            Self::Appended { batches } => disk.log.truncate(batches),
            Self::Truncated { removed, flushed } => {
                disk.log.extend(removed);
                disk.flushed = flushed;
            }
        }
        disk
    }
}

struct Running {
    config: Config,
    state: State,
    disk: Disk,
    /// How the disk was before the last effect, which a crash may have prevented.
    before: Option<Before>,
    /// What the step asked for and the trace has yet to show.
    expected: VecDeque<Effect<u32>>,
    timers: BTreeSet<Timer>,
    flush_asked: bool,
}

impl Node {
    fn tear(&mut self, error: &serde_json::Error) -> Result<(), String> {
        if let Some(torn) = &self.torn {
            return Err(torn.clone());
        }
        self.torn = Some(format!(
            "not a trace record ({error}), and no crash follows that could have torn it"
        ));
        self.done.torn += 1;
        Ok(())
    }

    fn take(&mut self, record: TraceRecord<u32>) -> Result<(), String> {
        if let TraceRecord::Start { config, restored } = record {
            self.torn = None;
            return self.start(config, restored);
        }
        if let Some(torn) = self.torn.take() {
            return Err(torn);
        }
        let running = self.running.as_mut().ok_or("the trace does not begin with a start")?;
        match record {
            TraceRecord::Event(event) => {
                self.done.events += 1;
                running.event(event)?;
            }
            TraceRecord::Effect(effect) => {
                self.done.effects += 1;
                let seen = running.effect(&effect, &mut self.committed)?;
                if !seen {
                    return Ok(());
                }
            }
            TraceRecord::Start { .. } => unreachable!("taken above"),
        }
        self.judge()
    }

    fn start(&mut self, config: Config, restored: Restored) -> Result<(), String> {
        self.done.starts += 1;
        if restored.log.flushed != restored.log.end {
            return Err("what is read at a start must be flushed before anything else".to_owned());
        }
        let disk = match self.running.take() {
            None => Disk::found(&restored),
            Some(last) => last.restart(&config, &restored)?,
        };
        let (state, effects) =
            start(config.clone(), restored).map_err(|error| format!("cannot start: {error}"))?;
        self.running = Some(Running {
            config,
            state,
            disk,
            before: None,
            expected: effects.into(),
            timers: BTreeSet::new(),
            flush_asked: false,
        });
        self.judge()
    }

    /// The properties, at this cut. Of other voters nothing is known here, so what is on a majority can be
    /// judged only where this node is one.
    fn judge(&self) -> Result<(), String> {
        let Some(Running { config, state, disk, .. }) = &self.running else {
            return Ok(());
        };
        let view = NodeView {
            id: config.local.id,
            role: Some(state.role()),
            epoch: state.election().epoch,
            leader: state.election().leader,
            log: &disk.log,
            flushed: disk.flushed,
            high_watermark: state.high_watermark(),
        };
        let alone = config.voters.len() == 1;
        let found = properties::violations(config.voters.len(), &[view], &self.committed);
        let judged = if alone { found } else { found & !Property::Durability.bit() };
        broken(judged)
    }
}

fn broken(violations: Violations) -> Result<(), String> {
    match Property::ALL.into_iter().find(|property| violations & property.bit() != 0) {
        Some(property) => Err(format!("{} does not hold here", property.name())),
        None => Ok(()),
    }
}

impl Running {
    /// The disk after the last effect, and as it was before it.
    fn disks(self) -> Vec<Disk> {
        let before = self.before.map(|before| before.undo(self.disk.clone()));
        [self.disk].into_iter().chain(before).collect()
    }

    /// The disk of the next start, if a crash here can have left it so.
    fn restart(self, config: &Config, found: &Restored) -> Result<Disk, String> {
        if self.config.local != config.local || self.config.voters != config.voters {
            return Err(format!(
                "starts as {:?}, but ran as {:?}",
                config.local, self.config.local
            ));
        }
        let mut why = String::new();
        for mut disk in self.disks() {
            match disk.cannot_leave(found) {
                None => {
                    disk.keep(found.log.end);
                    return Ok(disk);
                }
                Some(reason) if why.is_empty() => why = reason,
                Some(_) => {}
            }
        }
        Err(why)
    }

    fn event(&mut self, event: Event<u32>) -> Result<(), String> {
        if let Some(missing) = self.expected.front() {
            return Err(format!("before this event the model does {missing:?}"));
        }
        self.before = None;
        match &event {
            Event::TimerFired { timer } if !self.timers.remove(timer) => {
                return Err(format!("timer {timer:?} was not set"));
            }
            Event::Flushed { .. } if !self.flush_asked => {
                return Err("a flush completed that nothing asked for".to_owned());
            }
            Event::Flushed { end } if *end > self.disk.end() => {
                return Err(format!(
                    "flushed up to {end}, but the log ends at {}",
                    self.disk.end()
                ));
            }
            Event::Flushed { end } => {
                self.flush_asked = false;
                self.disk.flushed = self.disk.flushed.max(*end);
            }
            _ => {}
        }
        self.expected = step(&mut self.state, event).into();
        Ok(())
    }

    /// Whether anything changed that a property could see.
    fn effect(
        &mut self,
        effect: &Effect<u32>,
        committed: &mut Vec<Entry<Content>>,
    ) -> Result<bool, String> {
        match self.expected.pop_front() {
            Some(expected) if expected == *effect => {}
            Some(expected) => return Err(format!("the model does {expected:?} here")),
            None => return Err("the model does nothing here".to_owned()),
        }
        self.before = Before::of(effect, &self.disk);
        match effect {
            Effect::SetTimer { timer, .. } => {
                self.timers.insert(*timer);
            }
            Effect::CancelTimer { timer } => {
                self.timers.remove(timer);
            }
            Effect::Flush => self.flush_asked = true,
            Effect::AdvanceHighWatermark { to } => {
                let agrees = properties::commit(committed, &self.disk.log, *to);
                if !agrees {
                    broken(Property::CommittedImmutable.bit())?;
                }
            }
            Effect::Truncate { to } => {
                let log = &self.disk.log;
                let keeps = properties::truncation_keeps_committed(log, *to, committed);
                if !keeps {
                    broken(Property::NoTruncationBelowHighWatermark.bit())?;
                }
            }
            _ => {}
        }
        self.disk.carry_out(effect);
        Ok(self.before.is_some() || matches!(effect, Effect::AdvanceHighWatermark { .. }))
    }
}
