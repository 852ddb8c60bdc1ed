//! `kraftig metadata-quorum`: what `kafka-metadata-quorum.sh` does and prints.

mod change;
mod describe;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use kraftig_server::config::{HostPort, Properties, parse_properties};
use kraftig_server::net::client::{ClientError, ClientOptions, Connection};
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_cluster_response::DescribeClusterResponse;
use kraftig_wire::{ErrorCode, Request, Str};

use crate::output::{Failure, Output, fail};

/// How long a node may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is taken.
const LONGEST_ANSWER: usize = 16 << 20;
const NOBODY_ACTIVE: &str = "No controller is active.";
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

#[derive(Args)]
pub(crate) struct MetadataQuorum {
    #[command(flatten)]
    bootstrap: Bootstrap,
    /// A property file for this client, which speaks PLAINTEXT only; for add-controller the server.properties of the
    /// controller to add
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Bootstrap {
    /// Brokers to ask: HOST:PORT,...
    #[arg(long, value_delimiter = ',', value_parser = address)]
    bootstrap_server: Vec<HostPort>,
    /// Controllers to ask: HOST:PORT,...
    #[arg(long, value_delimiter = ',', value_parser = address)]
    bootstrap_controller: Vec<HostPort>,
}

#[derive(Subcommand)]
enum Command {
    /// Describe the metadata quorum
    Describe(describe::Describe),
    /// Make a controller that runs as an observer a voter
    ///
    /// Its server.properties (--command-config) say its id, its metadata directory and where it is told to listen.
    AddController(change::AddController),
    /// Make a voter an observer
    RemoveController(change::RemoveController),
}

impl MetadataQuorum {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let properties = self.command_config.as_deref().map(client_properties).transpose()?;
        match self.command {
            Command::Describe(describe) => describe.run(&self.bootstrap, out)?,
            Command::AddController(add) => add.run(&self.bootstrap, properties, out)?,
            Command::RemoveController(remove) => remove.run(&self.bootstrap, out)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What `--command-config` says.
fn client_properties(file: &Path) -> Result<Properties, Failure> {
    if !file.exists() {
        return fail(format!("Properties file {} does not exists!", file.display()));
    }
    let bytes = std::fs::read(file).map_err(|error| in_file(file, &error))?;
    let properties = parse_properties(&bytes).map_err(|error| in_file(file, &error))?;
    match properties.get("security.protocol").map(|protocol| protocol.trim()) {
        None | Some("PLAINTEXT") => Ok(properties),
        Some(other) => fail(format!(
            "security.protocol={other} in {}: this tool speaks PLAINTEXT only. Ask a PLAINTEXT listener, or use kafka-metadata-quorum.sh.",
            file.display()
        )),
    }
}

fn in_file(file: &Path, error: &dyn std::error::Error) -> Failure {
    Failure(format!("{}: {error}", file.display()))
}

/// `HOST:PORT`.
pub(crate) fn address(text: &str) -> Result<HostPort, String> {
    // The last colon divides, so that an IPv6 address needs no brackets.
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| format!("{text} is not HOST:PORT"))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok(HostPort { host: host.to_owned(), port })
}

/// A connection to a node that serves the whole cluster.
struct Way {
    /// To the broker that was named, or to the active controller.
    connection: Connection,
    cluster_id: Str,
}

impl Bootstrap {
    /// The first broker of those named that can be reached, for brokers hand on what they are asked; or the active
    /// controller, as the first controller that can be reached knows it: one that is not active does not hand on. `None`
    /// where it knows none.
    async fn way(&self) -> Result<Option<Way>, Failure> {
        let (servers, endpoint_type) = if self.bootstrap_server.is_empty() {
            (&self.bootstrap_controller, CONTROLLERS)
        } else {
            (&self.bootstrap_server, BROKERS)
        };
        let mut silent = Vec::new();
        for HostPort { host, port } in servers {
            match connect(host, *port).await {
                Ok(connection) => return way(connection, endpoint_type).await,
                Err(error) => silent.push(format!("{host}:{port}: {error}")),
            }
        }
        fail(format!("No node could be reached: {}", silent.join("; ")))
    }
}

async fn way(connection: Connection, endpoint_type: i8) -> Result<Option<Way>, Failure> {
    let request = DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() };
    let cluster: DescribeClusterResponse = ask(&connection, &request, TIMEOUT).await?;
    refuse(cluster.error_code, cluster.error_message.as_ref())?;
    if endpoint_type == BROKERS {
        return Ok(Some(Way { connection, cluster_id: cluster.cluster_id }));
    }
    let leader = cluster.brokers.iter().find(|node| node.broker_id == cluster.controller_id);
    let Some(leader) = leader else { return Ok(None) };
    let port = u16::try_from(leader.port).unwrap_or_default();
    let connection = connect(&leader.host, port).await?;
    Ok(Some(Way { connection, cluster_id: cluster.cluster_id }))
}

async fn connect(host: &str, port: u16) -> Result<Connection, ClientError> {
    let options = ClientOptions {
        client_id: "kraftig-metadata-quorum".to_owned(),
        connect_timeout: TIMEOUT,
        max_response_bytes: LONGEST_ANSWER,
    };
    Connection::open(host, port, &options).await
}

async fn ask<R: Request>(
    connection: &Connection,
    request: &R,
    within: Duration,
) -> Result<R::Response, Failure> {
    match tokio::time::timeout(within, connection.send(request)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => fail(format!("No answer within {} s.", within.as_secs())),
    }
}

fn refuse(code: i16, message: Option<&Str>) -> Result<(), Failure> {
    match (ErrorCode(code), message) {
        (ErrorCode::NONE, _) => Ok(()),
        (_, Some(message)) if !message.is_empty() => fail(message.to_string()),
        (code, _) => fail(format!("The node answers {code:?}.")),
    }
}

/// Runs a client.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
