//! A node: all of it, started and stopped in Kafka's order.

mod announced;
mod locks;
mod membership;
mod stopped;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use kraftig_log::bootstrap::{self, BootstrapError};
use kraftig_log::checkpoint;
use kraftig_log::disk::DiskError;
use kraftig_log::lock::LockError;
use kraftig_log::meta_properties::{
    DirState, Ensemble, EnsembleError, FILE_NAME, METADATA_DIR_NAME, random_uuid,
};
use kraftig_spec::controller::record::RegisterController;
use kraftig_spec::controller::{Image, MetadataVersion, Record, Settings, bootstrap_records};
use kraftig_spec::quorum;
use kraftig_spec::types::{DirectoryId, NodeId, ReplicaKey};
use kraftig_wire::messages::broker_registration_request::BrokerRegistrationRequest;
use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinHandle, block_in_place};

use crate::broker::Broker;
use crate::broker::lifecycle::{self, RegistrationError};
use crate::broker::replica::{LogDir, OpenError, ReplicaManager};
use crate::config::{Config, ConfigError, HostPort};
use crate::controller::{
    self, ControllerFailure, ControllerHandle, ControllerOptions, DecisionOptions, SnapshotOptions,
    records,
};
use crate::net::{BindError, Bound, Limits};
use crate::quorum::{
    LostVotersError, Peer, QuorumError, QuorumEvent, QuorumHandle, QuorumOptions, Retention,
    lost_voters,
};

use announced::{endpoints, features, registration};
use locks::Locks;
pub use stopped::{StoppedNode, check_unused};

/// What a node can be told beside its configuration.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Where every event and effect of the metadata quorum is written down.
    pub trace: Option<PathBuf>,
}

/// Why a node does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration asks for what is not served.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A log directory is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The log directories are not this node's, or not formatted.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A listener's address cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// `bootstrap.checkpoint` is damaged.
    #[error("{}: {source}", .path.display())]
    Bootstrap {
        /// The directory that it is in.
        path: PathBuf,
        /// What is wrong with it.
        source: BootstrapError,
    },
    /// The partitions cannot be opened.
    #[error(transparent)]
    Replicas(#[from] OpenError),
    /// The metadata quorum cannot start.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// It is not known whom the metadata quorum must not hear.
    #[error(transparent)]
    LostVoters(#[from] LostVotersError),
    /// The controller stopped.
    #[error(transparent)]
    Controller(#[from] ControllerFailure),
    /// The broker is not let into the cluster.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// Every log directory is offline.
    #[error("every log directory is offline: nothing can be stored any more")]
    NoDirectoryLeft,
    /// The runtime or a socket cannot be had.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A node that serves.
pub struct Node {
    running: Running,
    locks: Locks,
}

struct Running {
    broker: Arc<Broker>,
    quorum: QuorumHandle,
    controller: JoinHandle<Result<(), ControllerFailure>>,
    addresses: Vec<(String, SocketAddr)>,
    /// What serves clients.
    broker_tasks: Vec<JoinHandle<()>>,
    /// What serves other nodes.
    controller_tasks: Vec<JoinHandle<()>>,
    keeps_alive: Option<JoinHandle<()>>,
    /// The epoch with which the broker's last process left cleanly, or -1.
    previous_epoch: i64,
}

impl Node {
    /// Starts a node. It serves when this returns. Call it on a runtime of several threads: recovery blocks.
    pub async fn start(config: Config, options: ServerOptions) -> Result<Self, NodeError> {
        match Self::start_until(config, options, std::future::pending::<()>()).await? {
            ControlFlow::Continue(node) => Ok(node),
            ControlFlow::Break(()) => unreachable!("what is pending never comes"),
        }
    }

    /// Starts a node, unless `stop` comes before it serves: then it leaves everything as it was.
    pub async fn start_until<S>(
        config: Config,
        options: ServerOptions,
        stop: impl Future<Output = S>,
    ) -> Result<ControlFlow<S, Self>, NodeError> {
        config.check_served()?;
        let locks = Locks::acquire(&config)?;
        match Running::start(config, options, stop).await {
            Ok(ControlFlow::Continue(running)) => {
                Ok(ControlFlow::Continue(Self { running, locks }))
            }
            Ok(ControlFlow::Break(stopped)) => {
                locks.release();
                Ok(ControlFlow::Break(stopped))
            }
            Err(error) => {
                locks.release();
                Err(error)
            }
        }
    }

    /// Where a listener listens.
    pub fn address(&self, listener: &str) -> Option<SocketAddr> {
        let addresses = &self.running.addresses;
        addresses.iter().find(|(name, _)| name == listener).map(|(_, address)| *address)
    }

    /// Returns when the node cannot go on, and why.
    pub async fn failed(&mut self) -> NodeError {
        let running = &mut self.running;
        let is_broker = running.broker.config.roles.broker;
        tokio::select! {
            ended = &mut running.controller => why_it_ended(ended).into(),
            () = running.broker.replicas.all_directories_offline(), if is_broker => {
                NodeError::NoDirectoryLeft
            }
        }
    }

    /// Stops the node so that its next start has nothing to recover: the broker leaves the cluster, connections
    /// end, and what is in memory goes to the disk.
    pub async fn stop(self) {
        let Self { mut running, locks } = self;
        let config = &running.broker.config;
        end(running.keeps_alive.take().into_iter().collect()).await;
        if config.roles.broker && config.broker.controlled_shutdown_enable {
            lifecycle::leave(&running.broker).await;
        }
        running.end().await;
        locks.release();
    }
}

/// Ends tasks, and returns when they have ended.
async fn end(tasks: Vec<JoinHandle<()>>) {
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        // The error is the one that was asked for.
        let _ = task.await;
    }
}

fn why_it_ended(
    ended: Result<Result<(), ControllerFailure>, tokio::task::JoinError>,
) -> ControllerFailure {
    match ended {
        Ok(Err(failure)) => failure,
        Ok(Ok(())) | Err(_) => ControllerFailure::Gone,
    }
}

impl Running {
    async fn start<S>(
        config: Config,
        options: ServerOptions,
        stop: impl Future<Output = S>,
    ) -> Result<ControlFlow<S, Self>, NodeError> {
        let begun = Instant::now();
        let mut ensemble = Ensemble::load(&config.log_dirs, &config.metadata_log_dir);
        for (dir, state) in &ensemble.dirs {
            if let DirState::Unreadable(problem) = state {
                tracing::error!("{}: {problem}", dir.join(FILE_NAME).display());
            }
        }
        ensemble.verify_start(config.node_id)?;
        let bound = bind(&config)?;
        ensemble.assign_directory_ids()?;

        let settings = Arc::new(settings(&config, &ensemble));
        let is_broker = config.roles.broker;
        // Just a controller has no partitions: what is in its directories beside the metadata is left alone.
        let (log_dirs, previous_epoch) =
            if is_broker { take_log_dirs(&config, &ensemble)? } else { (Vec::new(), -1) };
        let replicas =
            block_in_place(|| ReplicaManager::open(&config, settings.clone(), &log_dirs))?;
        let decisions = decisions(&config, &bound, settings.clone())?;
        let options = quorum_options(&config, &ensemble, &bound, options)?;
        let (quorum, events) = block_in_place(|| crate::quorum::start(options))?;

        let metadata = Arc::new(ArcSwap::from_pointee(Image::default()));
        let announced = decisions.registration.clone();
        let (handle, controller) =
            start_controller(&config, decisions, &metadata, &replicas, (&quorum, events));
        let registration = if is_broker {
            Some(registration(&config, &bound, &settings, &log_dirs, previous_epoch)?)
        } else {
            None
        };
        let broker =
            Arc::new(Broker::new(config, settings, metadata, replicas, handle, quorum.clone()));
        let mut running = Self {
            broker,
            quorum,
            controller,
            addresses: Vec::new(),
            broker_tasks: Vec::new(),
            controller_tasks: Vec::new(),
            keeps_alive: None,
            previous_epoch,
        };
        let outcome = tokio::select! {
            joined = running.join_and_serve(bound, registration, announced) => {
                joined.map(ControlFlow::Continue)
            }
            stopped = stop => Ok(ControlFlow::Break(stopped)),
        };
        match outcome {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(stopped)) => {
                running.end().await;
                return Ok(ControlFlow::Break(stopped));
            }
            Err(error) => {
                running.end().await;
                return Err(error);
            }
        }
        let listeners: Vec<String> =
            running.addresses.iter().map(|(name, address)| format!("{name}://{address}")).collect();
        tracing::info!(
            "node {} is ready after {} ms: {}",
            running.broker.id(),
            begun.elapsed().as_millis(),
            listeners.join(", ")
        );
        Ok(ControlFlow::Continue(running))
    }

    /// Ends all that there is, in a way that leaves the next start nothing to recover.
    async fn end(self) {
        end(self.keeps_alive.into_iter().collect()).await;
        end(self.broker_tasks).await;
        // Before the partitions are closed: what it did later would make new ones, or write to these.
        self.broker.controller.stop();
        // It may have ended by itself.
        if !self.controller.is_finished() {
            let _ = self.controller.await;
        }
        // Others can lead from now on, and need not wait for what is left to do here.
        self.quorum.leave().await;
        end(self.controller_tasks).await;
        let clean = block_in_place(|| self.broker.replicas.close());
        self.quorum.stop().await;
        // Of a broker that is not registered yet, the controller remembers the one before.
        let epoch = self.broker.epoch().max(self.previous_epoch);
        for dir in clean.iter().filter(|_| epoch >= 0) {
            if let Err(error) = checkpoint::write_clean_shutdown(dir, epoch) {
                tracing::warn!("{error}; the next start recovers as after a crash");
            }
        }
    }

    /// Serves other controllers, becomes part of the cluster, and then serves clients.
    async fn join_and_serve(
        &mut self,
        bound: Vec<Bound>,
        registration: Option<BrokerRegistrationRequest>,
        announced: RegisterController,
    ) -> Result<(), NodeError> {
        let limits = Limits::new(&self.broker.config.sockets);
        let (of_controllers, of_brokers): (Vec<Bound>, Vec<Bound>) =
            bound.into_iter().partition(Bound::is_controller);
        for listener in of_controllers {
            self.addresses.push((listener.name().to_owned(), listener.address()));
            self.controller_tasks.push(listener.serve(self.broker.clone(), limits.clone())?);
        }
        let config = &self.broker.config;
        if config.roles.controller {
            let task = membership::keep(self.broker.clone(), announced.end_points.clone());
            self.controller_tasks.push(tokio::spawn(task));
            let task = controller::registration::keep(self.broker.clone(), announced);
            self.controller_tasks.push(tokio::spawn(task));
        }
        // A controller among others serves before any of them leads.
        let leads_alone = match &self.quorum.voters().voters[..] {
            [voter] => config.roles.controller && voter.replica.id == config.node_id,
            _ => false,
        };
        tokio::select! {
            ended = &mut self.controller => return Err(why_it_ended(ended).into()),
            joined = join(&self.broker, registration, leads_alone) => joined?,
        }
        if config.roles.broker {
            self.broker.replicas.start_housekeeping();
            self.keeps_alive = Some(tokio::spawn(lifecycle::keep_alive(self.broker.clone())));
        }
        for listener in of_brokers {
            self.addresses.push((listener.name().to_owned(), listener.address()));
            self.broker_tasks.push(listener.serve(self.broker.clone(), limits.clone())?);
        }
        Ok(())
    }
}

/// Waits until a controller that is alone is active, and until the broker, if the node is one, serves.
async fn join(
    broker: &Broker,
    registration: Option<BrokerRegistrationRequest>,
    leads_alone: bool,
) -> Result<(), NodeError> {
    if leads_alone && !broker.controller.wait_until_active().await {
        return Err(ControllerFailure::Gone.into());
    }
    if let Some(registration) = registration {
        lifecycle::join(broker, registration).await?;
    }
    Ok(())
}

fn bind(config: &Config) -> Result<Vec<Bound>, BindError> {
    let listeners = &config.listeners;
    listeners
        .all
        .iter()
        .map(|listener| Bound::bind(listener, listeners.is_controller(listener), &config.sockets))
        .collect()
}

fn settings(config: &Config, ensemble: &Ensemble) -> Settings {
    Settings {
        cluster_id: ensemble.cluster_id().unwrap_or_default().to_owned(),
        node_id: config.node_id,
        num_partitions: config.topics.num_partitions,
        default_replication_factor: i16::try_from(config.topics.replication_factor)
            .unwrap_or(i16::MAX),
        delete_topic_enable: config.broker.delete_topic_enable,
        static_config: config.originals().clone(),
        // The controller asks the log whenever it matters.
        kraft_version: 0,
    }
}

/// The log directories that can be used, and the epoch of the broker that left all of them cleanly, or -1. From now on
/// an end is taken for a crash unless it is a clean stop.
fn take_log_dirs(config: &Config, ensemble: &Ensemble) -> Result<(Vec<LogDir>, i64), DiskError> {
    let mut log_dirs = Vec::new();
    let mut epochs = Vec::new();
    for (path, properties) in ensemble.formatted() {
        if !config.log_dirs.iter().any(|dir| dir == path) {
            continue;
        }
        let epoch = checkpoint::take_clean_shutdown(path)?;
        log_dirs.push(LogDir {
            path: path.to_owned(),
            id: properties.directory_id.unwrap_or_default(),
            clean: epoch.is_some(),
        });
        epochs.push(epoch.unwrap_or(-1));
    }
    epochs.dedup();
    match epochs[..] {
        [epoch] => Ok((log_dirs, epoch)),
        _ => Ok((log_dirs, -1)),
    }
}

/// How the cluster begins, if this node is its first controller.
fn bootstrap_of(metadata_dir: &Path) -> Result<Vec<Record>, NodeError> {
    let records = bootstrap::read(metadata_dir).map_err(|source| NodeError::Bootstrap {
        path: metadata_dir.join(bootstrap::FILE_NAME),
        source,
    })?;
    Ok(match records {
        Some(records) => records
            .into_iter()
            .map(|record| {
                let version = record.max_version();
                records::from_wire(record, version)
            })
            .collect(),
        // Kafka begins with the newest metadata.version and no other feature.
        None => bootstrap_records(MetadataVersion::LATEST).into_iter().take(1).collect(),
    })
}

fn quorum_options(
    config: &Config,
    ensemble: &Ensemble,
    bound: &[Bound],
    options: ServerOptions,
) -> Result<QuorumOptions, LostVotersError> {
    let peer = |id: NodeId, at: &HostPort| Peer { id, host: at.host.clone(), port: at.port };
    let servers = &config.bootstrap_servers;
    // Who listens there is not known: they have ids of their own, as in Kafka.
    let servers: Vec<_> = (2..).map(|number| NodeId(-number)).zip(servers).collect();
    let voters = config.voters.iter().map(|voter| peer(voter.id, &voter.address));
    let directory = ensemble
        .formatted()
        .find(|(dir, _)| *dir == config.metadata_log_dir)
        .and_then(|(_, properties)| properties.directory_id);
    let ms = |ms: i32| u64::try_from(ms).unwrap_or_default();
    let metadata = config.metadata_log_dir.join(METADATA_DIR_NAME);
    Ok(QuorumOptions {
        config: quorum::Config {
            local: ReplicaKey {
                id: config.node_id,
                directory: directory.unwrap_or(DirectoryId::ABSENT),
            },
            voters: config.voters.iter().map(|voter| voter.id).collect(),
            bootstrap: servers.iter().map(|(id, _)| *id).collect(),
            outside: lost_voters::read(&metadata)?,
            timeouts: quorum::Timeouts {
                election_ms: ms(config.quorum.election_timeout_ms),
                fetch_ms: ms(config.quorum.fetch_timeout_ms),
                election_backoff_max_ms: ms(config.quorum.election_backoff_max_ms),
            },
        },
        cluster_id: ensemble.cluster_id().unwrap_or_default().to_owned(),
        peers: voters.chain(servers.iter().map(|(id, at)| peer(*id, at))).collect(),
        listener: config.listeners.controller_names.first().cloned().unwrap_or_default(),
        endpoints: endpoints(&config.listeners.advertised_controller, bound),
        directory: metadata,
        log: kraftig_log::LogConfig::metadata(
            u32::try_from(config.metadata.segment_bytes).unwrap_or_default(),
            config.metadata.segment_ms,
        ),
        retention: Retention {
            bytes: u64::try_from(config.metadata.max_retention_bytes).ok(),
            ms: u64::try_from(config.metadata.max_retention_ms).ok(),
        },
        request_timeout: Duration::from_millis(ms(config.quorum.request_timeout_ms)),
        retry_backoff: Duration::from_millis(ms(config.quorum.retry_backoff_ms)),
        trace: options.trace,
    })
}

fn decisions(
    config: &Config,
    bound: &[Bound],
    settings: Arc<Settings>,
) -> Result<DecisionOptions, NodeError> {
    Ok(DecisionOptions {
        settings,
        bootstrap: bootstrap_of(&config.metadata_log_dir)?,
        registration: RegisterController {
            controller_id: config.node_id,
            incarnation_id: random_uuid()?,
            zk_migration_ready: false,
            end_points: endpoints(&config.listeners.advertised_controller, bound),
            features: features(),
        },
        session_timeout_ms: i64::from(config.broker.session_timeout_ms),
        max_idle_interval_ms: u64::try_from(config.metadata.max_idle_interval_ms)
            .unwrap_or_default(),
        max_batch_bytes: usize::try_from(
            config.metadata.max_batch_bytes.min(config.metadata.segment_bytes),
        )
        .unwrap_or_default(),
    })
}

fn snapshot_options(config: &Config) -> SnapshotOptions {
    let interval_ms = config.metadata.max_snapshot_interval_ms.unsigned_abs();
    SnapshotOptions {
        directory: config.metadata_log_dir.join(METADATA_DIR_NAME),
        between_bytes: config.metadata.max_record_bytes_between_snapshots.unsigned_abs(),
        interval: (interval_ms > 0).then(|| Duration::from_millis(interval_ms)),
    }
}

fn start_controller(
    config: &Config,
    decisions: DecisionOptions,
    published: &Arc<ArcSwap<Image>>,
    replicas: &Arc<ReplicaManager>,
    (quorum, events): (&QuorumHandle, Receiver<QuorumEvent>),
) -> (ControllerHandle, JoinHandle<Result<(), ControllerFailure>>) {
    let replicas = replicas.clone();
    let is_broker = config.roles.broker;
    let options = ControllerOptions {
        decisions,
        published: published.clone(),
        apply: Box::new(move |old, new| {
            // Just a controller hosts nothing, even where it was a broker once and is named as a replica.
            if is_broker {
                replicas.apply(old, new);
            }
        }),
        snapshots: snapshot_options(config),
        is_broker,
    };
    controller::start(options, quorum.clone(), events)
}
