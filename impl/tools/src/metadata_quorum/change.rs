//! `add-controller` and `remove-controller`: one voter more or one less (KIP-853).

use std::time::{Duration, Instant};

use clap::Args;
use kraftig_log::meta_properties::MetaProperties;
use kraftig_server::config::{Config, Properties};
use kraftig_spec::types::{NodeId, Uuid};
use kraftig_wire::messages::add_raft_voter_request::{AddRaftVoterRequest, Listener};
use kraftig_wire::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use kraftig_wire::{ErrorCode, Request, Str};

use super::{Bootstrap, NOBODY_ACTIVE, ask, block_on, refuse};
use crate::output::{Failure, Output, fail};

/// How long the leader may take to have a new voter catch up, and the change committed.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How much longer its answer may take than the work.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait before the controller that is active now is looked for again.
const BACKOFF: Duration = Duration::from_millis(100);
/// What a node answers that leads no more; it has changed nothing.
const MOVED: [ErrorCode; 2] = [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::NOT_CONTROLLER];

#[derive(Args)]
pub(super) struct AddController {
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(super) struct RemoveController {
    /// The id of the controller to remove
    #[arg(short = 'i', long, value_name = "ID", allow_negative_numbers = true)]
    controller_id: i32,
    /// Its metadata directory's id, as describe --replication prints it
    #[arg(short = 'd', long, value_name = "ID")]
    controller_directory_id: String,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl AddController {
    pub(super) fn run(
        &self,
        bootstrap: &Bootstrap,
        properties: Option<Properties>,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let Some(properties) = properties else {
            return fail(
                "You must supply the configuration file of the controller you are adding when using add-controller.",
            );
        };
        let request = voter(properties)?;
        if !self.dry_run {
            block_on(change(bootstrap, &request, |answer| {
                (answer.error_code, answer.error_message)
            }))?;
        }
        let endpoint = |at: &Listener| {
            let (left, right) = if at.host.contains(':') { ("[", "]") } else { ("", "") };
            format!("{}://{left}{}{right}:{}", at.name, at.host, at.port)
        };
        let endpoints: Vec<String> = request.listeners.iter().map(endpoint).collect();
        out.line(format!(
            "{} controller {} with directory id {} and endpoints: {}",
            if self.dry_run { "DRY RUN of adding" } else { "Added" },
            request.voter_id,
            request.voter_directory_id,
            endpoints.join(", ")
        ));
        Ok(())
    }
}

impl RemoveController {
    pub(super) fn run(&self, bootstrap: &Bootstrap, out: &mut Output) -> Result<(), Failure> {
        let Self { controller_id, controller_directory_id, dry_run } = self;
        if *controller_id < 0 {
            return fail(format!("Invalid negative --controller-id: {controller_id}"));
        }
        let Ok(directory) = controller_directory_id.parse::<Uuid>() else {
            return fail(format!(
                "Failed to parse --controller-directory-id: {controller_directory_id} is not the 22 characters of a directory's id."
            ));
        };
        let request = RemoveRaftVoterRequest {
            cluster_id: None,
            voter_id: *controller_id,
            voter_directory_id: directory,
        };
        if !dry_run {
            block_on(change(bootstrap, &request, |answer| {
                (answer.error_code, answer.error_message)
            }))?;
        }
        // With two blanks, as Kafka prints it.
        out.line(format!(
            "{}  KRaft controller {controller_id} with directory id {directory}",
            if *dry_run { "DRY RUN of removing" } else { "Removed" },
        ));
        Ok(())
    }
}

/// The controller whose configuration this is, as a voter.
fn voter(properties: Properties) -> Result<AddRaftVoterRequest, Failure> {
    let set = |key: &str| properties.contains_key(key);
    let roles = properties.get("process.roles").map_or("", String::as_str);
    if !roles.split(',').any(|role| role.trim() == "controller") {
        return fail(
            "process.roles did not contain 'controller' in configuration file. Is this a valid controller configuration file?",
        );
    }
    if !set("node.id") {
        return fail(
            "node.id not found in configuration file. Is this a valid controller configuration file?",
        );
    }
    if !set("metadata.log.dir") && !set("log.dirs") {
        return fail(
            "Neither metadata.log.dir nor log.dirs were found. Is this a valid controller configuration file?",
        );
    }
    if !set("controller.listener.names") {
        return fail(
            "controller.listener.names was not found. Is this a valid controller configuration file?",
        );
    }
    let config = Config::from_properties(properties)?;
    let directory = &config.metadata_log_dir;
    let Ok(formatted) = MetaProperties::read(directory) else {
        return fail(format!("Unable to read meta.properties from {}", directory.display()));
    };
    let Some(directory_id) = formatted.directory_id else {
        return fail(format!("No directory id found in {}", directory.display()));
    };
    if let Some(NodeId(stored)) = formatted.node_id.filter(|id| *id != config.node_id) {
        return fail(format!(
            "node.id={} is not the {stored} of meta.properties in {}: name the configuration file of the node that the directory belongs to.",
            config.node_id,
            directory.display()
        ));
    }
    let listener = |at: &kraftig_server::config::Listener| Listener {
        name: Str::from(&at.name),
        host: if at.host.is_empty() { Str::from_static("localhost") } else { Str::from(&at.host) },
        port: at.port,
    };
    Ok(AddRaftVoterRequest {
        cluster_id: formatted.cluster_id.map(Str::from),
        timeout_ms: CHANGE_TIMEOUT.as_millis() as i32,
        voter_id: config.node_id.0,
        voter_directory_id: directory_id.0,
        listeners: config.listeners.advertised_controller.iter().map(listener).collect(),
        ack_when_committed: true,
    })
}

/// Has the leader change the voters. Where nobody leads, or one leads no more, the next is waited for, while there is time.
async fn change<R: Request>(
    bootstrap: &Bootstrap,
    request: &R,
    outcome: impl Fn(R::Response) -> (i16, Option<Str>),
) -> Result<(), Failure> {
    let deadline = Instant::now() + CHANGE_TIMEOUT;
    loop {
        let why = match bootstrap.way().await? {
            Some(way) => {
                let answer = ask(&way.connection, request, CHANGE_TIMEOUT + GRACE).await?;
                let (code, message) = outcome(answer);
                match refuse(code, message.as_ref()) {
                    Err(why) if MOVED.contains(&ErrorCode(code)) => why,
                    done => return done,
                }
            }
            None => Failure(NOBODY_ACTIVE.to_owned()),
        };
        if Instant::now() > deadline {
            return Err(why);
        }
        tokio::time::sleep(BACKOFF).await;
    }
}
