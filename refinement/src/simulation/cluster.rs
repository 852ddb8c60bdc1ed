//! The run of a seed: what happens, in the order of its time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::disk::simulated;
use kraftig_server::quorum::{Driver, QuorumError, QuorumEvent};
use kraftig_spec::quorum::{Request, Response};
use kraftig_spec::types::NodeId;

use super::judge::Judge;
use super::network::{self, Network};
use super::node::{Asker, Node, Settings, Surroundings, id, index};
use super::random::Random;
use super::{Counts, Failure, Fault, Options};

/// How long everything may go wrong.
const TROUBLE: Duration = Duration::from_secs(20);
/// How long the quorum may take to come together afterwards. An election takes up to two election timeouts, of which a few
/// may be in vain.
const PATIENCE: Duration = Duration::from_secs(30);

enum Happening {
    /// A request arrives.
    Request { asker: Asker, to: usize, request: Request },
    /// An answer arrives.
    Answer { asker: Asker, from: usize, response: Response<Bytes>, chunk: Bytes },
    /// A node has done what came in, and flushes.
    Settle { node: usize, life: u64 },
    /// A node's deadline.
    Fire { node: usize, life: u64 },
    /// A node that is down starts.
    Start { node: usize },
    /// A client appends.
    Append,
    /// A node takes a snapshot.
    Snapshot,
    /// Something goes wrong.
    Trouble,
    /// Nothing goes wrong any more.
    Peace,
}

pub(super) struct Cluster {
    settings: Settings,
    fault: Option<Fault>,
    pub(super) random: Random,
    pub(super) now: Duration,
    /// What will happen, by its time and, at one time, by its turn.
    coming: BTreeMap<(Duration, u64), Happening>,
    turns: u64,
    pub(super) nodes: Vec<Node>,
    network: Network,
    pub(super) judge: Judge,
    pub(super) counts: Counts,
    values: u64,
    peace: bool,
    /// In peace, how many batches were committed when the first append was acknowledged.
    goal: Option<usize>,
}

impl Cluster {
    pub(super) fn new(seed: u64, options: Options) -> Self {
        // Runs of several threads mount their disks side by side.
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let root = PathBuf::from(format!("/simulation/{}/{run}", std::process::id()));
        let mut random = Random::new(seed);
        let settings = Settings::new(&mut random, options.nodes);
        let nodes: Vec<Node> = (0..options.nodes).map(|index| Node::new(index, &root)).collect();
        let fault = match options.fault {
            Some(Fault::FlushDoesNothing) => Some(simulated::Fault::FlushDoesNothing),
            Some(Fault::DirectorySyncLeftOut) => Some(simulated::Fault::DirectorySyncLeftOut),
            _ => None,
        };
        for node in &nodes {
            node.disk.set_fault(fault);
        }
        Self {
            settings,
            fault: options.fault,
            random,
            now: Duration::ZERO,
            coming: BTreeMap::new(),
            turns: 0,
            nodes,
            network: Network::good(),
            judge: Judge::default(),
            counts: Counts::default(),
            values: 0,
            peace: false,
            goal: None,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            committed: self.judge.committed() as u64,
            acknowledged: self.judge.acknowledged,
            ..self.counts
        }
    }

    pub(super) fn traces(&self) -> Vec<(NodeId, Vec<u8>)> {
        self.nodes.iter().map(|node| (id(node.index), node.trace.take())).collect()
    }

    pub(super) fn directory(&self, id: NodeId) -> PathBuf {
        self.nodes[index(id)].directory()
    }

    /// Runs until the quorum has come together after its troubles, and stops it.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        for node in 0..self.nodes.len() {
            self.after(Duration::ZERO, Happening::Start { node });
        }
        self.after(Duration::ZERO, Happening::Append);
        self.after(Duration::from_secs(1), Happening::Snapshot);
        self.after(Duration::from_secs(3), Happening::Trouble);
        self.after(TROUBLE, Happening::Peace);
        while let Some(((at, _), happening)) = self.coming.pop_first() {
            self.now = at;
            self.happen(happening)?;
            if self.is_together() {
                return self.stop_all();
            }
            if self.now > TROUBLE + PATIENCE {
                break;
            }
        }
        Err(Failure::NoProgress(PATIENCE))
    }

    fn after(&mut self, delay: Duration, happening: Happening) {
        self.turns += 1;
        self.coming.insert((self.now + delay, self.turns), happening);
    }

    fn is_together(&self) -> bool {
        self.goal.is_some_and(|goal| self.nodes.iter().all(|node| node.told >= goal))
    }

    fn stop_all(&mut self) -> Result<(), Failure> {
        let counts = self.counts;
        for node in 0..self.nodes.len() {
            self.stop(node)?;
        }
        // That the last leader stops at the end is none of the troubles.
        self.counts = counts;
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Failure> {
        match happening {
            Happening::Request { asker, to, request } => {
                let passes = self.network.passes(asker.node, to);
                if passes && self.nodes[to].driver.is_some() {
                    self.drive(to, |driver| driver.request(request, Duration::MAX, asker))?;
                } else if !passes && self.random.percent(50) {
                    // It is lost, and nobody is told.
                } else if self.nodes[asker.node].life == asker.life {
                    // The connection is refused, or closed again.
                    self.counts.hints += 1;
                    self.drive(asker.node, |driver| {
                        driver.failed(id(to), asker.correlation);
                        driver.unreachable(id(to))
                    })?;
                }
            }
            Happening::Answer { asker, from, response, chunk } => {
                let Asker { node, life, correlation } = asker;
                if self.network.passes(from, node) && self.nodes[node].life == life {
                    self.drive(node, |driver| {
                        driver.answered(id(from), correlation, &response, chunk)
                    })?;
                }
            }
            Happening::Settle { node, life } if self.nodes[node].life == life => {
                self.settle(node)?;
            }
            Happening::Fire { node, life } if self.nodes[node].life == life => {
                // A deadline that is no more is nothing to it.
                self.nodes[node].fires_at = None;
                self.drive(node, Driver::fire)?;
            }
            Happening::Settle { .. } | Happening::Fire { .. } => {}
            Happening::Start { node } => self.start(node)?,
            Happening::Append => self.append()?,
            Happening::Snapshot => {
                let delay = self.random.millis(100..=2_000);
                self.after(delay, Happening::Snapshot);
                self.take_snapshot()?;
            }
            Happening::Trouble => self.trouble()?,
            Happening::Peace => self.make_peace(),
        }
        Ok(())
    }

    // ---------- nodes

    /// Lets a node's driver act, and carries away what it says. Its disk may lose power meanwhile.
    pub(super) fn drive(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Driver<Surroundings>) -> Result<(), QuorumError>,
    ) -> Result<(), Failure> {
        let Some(driver) = &mut self.nodes[node].driver else { return Ok(()) };
        driver.world().now = self.now;
        let acted = act(driver);
        self.carry_away(node)?;
        match acted {
            Ok(()) => self.will_settle(node),
            Err(error) => self.fell(node, error)?,
        }
        Ok(())
    }

    /// A node ended by an error. Only a disk without power may do that.
    pub(super) fn fell(&mut self, node: usize, error: QuorumError) -> Result<(), Failure> {
        if self.nodes[node].disk.is_on() {
            return Err(Failure::Ended(id(node), error));
        }
        self.counts.power_losses += 1;
        self.crashed(node);
        Ok(())
    }

    fn crashed(&mut self, node: usize) {
        self.counts.leaders_lost += u64::from(self.nodes[node].leads.is_some());
        drop(self.nodes[node].end());
        let delay = if self.peace { Duration::ZERO } else { self.random.millis(10..=4_000) };
        self.after(delay, Happening::Start { node });
    }

    fn start(&mut self, node: usize) -> Result<(), Failure> {
        if self.nodes[node].driver.is_some() {
            return Ok(());
        }
        if !self.nodes[node].disk.is_on() {
            let seed = self.random.next();
            self.nodes[node].disk.power_on(seed);
        }
        if !self.peace && self.random.percent(5) {
            self.nodes[node].disk.power_off_after(self.random.below(30));
        }
        let random = Random::new(self.random.next());
        match self.nodes[node].start(&self.settings, self.now, random) {
            Ok(()) => self.drive(node, Driver::begin),
            Err(error) => self.fell(node, error),
        }
    }

    fn stop(&mut self, node: usize) -> Result<(), Failure> {
        self.drive(node, Driver::settle)?;
        let led = self.nodes[node].leads.is_some();
        let Some(mut driver) = self.nodes[node].end() else { return Ok(()) };
        driver.world().now = self.now;
        match driver.close() {
            Ok(()) => self.counts.leaders_lost += u64::from(led),
            Err(error) if self.nodes[node].disk.is_on() => {
                return Err(Failure::Ended(id(node), error));
            }
            Err(_) => self.counts.power_losses += 1,
        }
        Ok(())
    }

    /// It settles soon after something has come in, as its thread would. Until then it is not woken.
    fn will_settle(&mut self, node: usize) {
        let Node { driver: Some(_), life, settles: settles @ false, .. } = &mut self.nodes[node]
        else {
            return;
        };
        *settles = true;
        let life = *life;
        // How long the disk takes, and the thread to come to it.
        let most = if self.random.percent(2) { 100_000 } else { 3_000 };
        let delay = self.random.micros(50..=most);
        self.after(delay, Happening::Settle { node, life });
    }

    fn settle(&mut self, node: usize) -> Result<(), Failure> {
        self.drive(node, Driver::settle)?;
        let Node { driver: Some(driver), life, settles, fires_at, .. } = &mut self.nodes[node]
        else {
            return Ok(());
        };
        *settles = false;
        let life = *life;
        if let Some(at) = driver.deadline().filter(|at| Some(*at) != *fires_at) {
            *fires_at = Some(at);
            self.after(at.saturating_sub(self.now), Happening::Fire { node, life });
        }
        Ok(())
    }

    fn carry_away(&mut self, node: usize) -> Result<(), Failure> {
        let Node { driver: Some(driver), life, .. } = &mut self.nodes[node] else {
            return Ok(());
        };
        let life = *life;
        let world = driver.world();
        let requests = std::mem::take(&mut world.requests);
        let answers = std::mem::take(&mut world.answers);
        let told = std::mem::take(&mut world.told);
        for (to, correlation, request) in requests {
            let (asker, to) = (Asker { node, life, correlation }, index(to));
            for delay in self.network.delays(&mut self.random, node, to) {
                let forge = self.fault == Some(Fault::ForgedMessages) && self.random.percent(2);
                let request = request.clone();
                let request = if forge { network::forged(request) } else { request };
                self.after(delay, Happening::Request { asker, to, request });
            }
        }
        for (asker, response, chunk) in answers {
            for delay in self.network.delays(&mut self.random, node, asker.node) {
                let sent = self.network.wear(&mut self.random, response.clone());
                self.counts.damaged += u64::from(sent != response);
                self.after(
                    delay,
                    Happening::Answer { asker, from: node, response: sent, chunk: chunk.clone() },
                );
            }
        }
        told.into_iter().try_for_each(|event| self.told(node, event))
    }

    fn told(&mut self, node: usize, event: QuorumEvent) -> Result<(), Failure> {
        match event {
            QuorumEvent::BecameLeader { epoch, .. } => self.nodes[node].leads = Some(epoch),
            QuorumEvent::LostLeader { .. } => {
                self.counts.leaders_lost += 1;
                self.nodes[node].leads = None;
                self.nodes[node].pending.clear();
            }
            QuorumEvent::Committed(batches) => {
                let Node { told, pending, .. } = &mut self.nodes[node];
                self.judge.told(id(node), *told, &batches)?;
                *told += batches.len();
                let Some(last) = batches.last() else { return Ok(()) };
                for (base, records) in pending.extract_if(.., |(base, _)| *base <= last.last_offset)
                {
                    self.judge.acknowledge(base, &records)?;
                    if self.peace && self.goal.is_none() {
                        self.goal = Some(self.judge.committed());
                    }
                }
            }
            QuorumEvent::Snapshot { id: snapshot, file, .. } => {
                self.begin_with(node, snapshot, &file)?;
            }
            // The node's thread says so, and there is none.
            QuorumEvent::Stopped(error) => return Err(Failure::Ended(id(node), error)),
        }
        Ok(())
    }

    // ---------- what is done to them

    /// A client appends to a node that says it leads.
    fn append(&mut self) -> Result<(), Failure> {
        let delay = self.random.pick(&[2, 20, 100, 300]);
        let delay = self.random.millis(1..=delay);
        self.after(delay, Happening::Append);
        let leaders: Vec<(usize, _)> =
            self.nodes.iter().filter_map(|node| Some((node.index, node.leads?))).collect();
        if leaders.is_empty() {
            return Ok(());
        }
        let (node, epoch) = self.random.pick(&leaders);
        let mut batches = Vec::new();
        for _ in 0..self.random.within(1..=3) {
            let mut records = Vec::new();
            for _ in 0..self.random.within(1..=3) {
                self.values += 1;
                let length = self.random.pick(&[8, 20, 150]);
                records.push(Bytes::from(format!("{:>length$}", self.values)));
            }
            batches.push(records);
        }
        let mut pending = Vec::new();
        self.drive(node, |driver| {
            if let Ok(mut base) = driver.append(epoch, &batches)? {
                for records in batches {
                    let count = records.len() as i64;
                    pending.push((base, records));
                    base = base.plus(count);
                }
            }
            Ok(())
        })?;
        self.nodes[node].pending.append(&mut pending);
        Ok(())
    }

    /// The node that leads, most of the time; else any.
    fn victim(&mut self) -> usize {
        let leader = self.nodes.iter().position(|node| node.leads.is_some());
        match leader {
            Some(leader) if self.random.percent(60) => leader,
            _ => self.random.below(self.nodes.len() as u64) as usize,
        }
    }

    fn trouble(&mut self) -> Result<(), Failure> {
        if self.peace {
            return Ok(());
        }
        let delay = self.random.millis(100..=3_000);
        self.after(delay, Happening::Trouble);
        let (node, nodes) = (self.victim(), self.nodes.len());
        match self.random.below(12) {
            0..=2 => {
                self.counts.cuts += 1;
                self.network.isolate(node, nodes);
            }
            3 => {
                self.counts.cuts += 1;
                self.network.split(&mut self.random, nodes);
            }
            4 => {
                self.counts.cuts += 1;
                let to = self.random.below(nodes as u64) as usize;
                self.network.cut_one_way(node, to);
            }
            5 | 6 => {
                self.counts.heals += u64::from(self.network.is_cut());
                self.network.heal();
            }
            7 | 8 => {
                let changes = self.random.pick(&[3, 10, 50]);
                self.nodes[node].disk.power_off_after(self.random.below(changes));
            }
            9 => {
                // All at once, or each by chance.
                let percent = self.random.pick(&[50, 100]);
                for node in 0..nodes {
                    if self.random.percent(percent) && self.nodes[node].driver.is_some() {
                        self.nodes[node].disk.power_off();
                        self.counts.power_losses += 1;
                        self.crashed(node);
                    }
                }
            }
            10 => match self.random.below(3) {
                0 => self.drive(node, Driver::resign)?,
                1 if self.nodes[node].driver.is_some() => {
                    self.counts.kills += 1;
                    self.crashed(node);
                }
                _ => {
                    self.counts.stops += u64::from(self.nodes[node].driver.is_some());
                    self.stop(node)?;
                    self.after(Duration::from_millis(500), Happening::Start { node });
                }
            },
            _ => self.network.change(&mut self.random),
        }
        Ok(())
    }

    /// Mends everything, and starts what is down.
    fn make_peace(&mut self) {
        self.peace = true;
        self.network = Network::good();
        for node in 0..self.nodes.len() {
            self.nodes[node].pending.clear();
            if self.nodes[node].disk.is_on() {
                self.nodes[node].disk.power_off_after(u64::MAX);
            }
            self.after(Duration::ZERO, Happening::Start { node });
        }
    }
}
