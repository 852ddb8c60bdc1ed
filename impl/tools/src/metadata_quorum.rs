//! `kraftig metadata-quorum`: what `kafka-metadata-quorum.sh` prints.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Args, Subcommand};
use kraftig_server::config::HostPort;
use kraftig_server::net::client::{ClientOptions, Connection};
use kraftig_wire::messages::describe_cluster_request::DescribeClusterRequest;
use kraftig_wire::messages::describe_cluster_response::DescribeClusterResponse;
use kraftig_wire::messages::describe_quorum_request::{
    DescribeQuorumRequest, PartitionData as Asked, TopicData,
};
use kraftig_wire::messages::describe_quorum_response::{
    DescribeQuorumResponse, Node, PartitionData, ReplicaState,
};
use kraftig_wire::{ErrorCode, Str, Uuid};
use serde_json::json;

use crate::output::{Failure, Output, fail};

/// How long a node may take for all of it.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is taken.
const LONGEST_ANSWER: usize = 16 << 20;
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

#[derive(Args)]
pub(crate) struct MetadataQuorum {
    #[command(flatten)]
    bootstrap: Bootstrap,
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
    Describe(Describe),
}

#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("what").required(true).args(["status", "replication"])))]
struct Describe {
    /// In short: who leads, how far it has committed, and who votes
    #[arg(long)]
    status: bool,
    /// How far each replica has come
    #[arg(long)]
    replication: bool,
    /// Times as what has passed since, with --replication
    #[arg(long, requires = "replication")]
    human_readable: bool,
}

/// The quorum, as its leader tells.
struct Description {
    cluster_id: Str,
    log: PartitionData,
    nodes: Vec<Node>,
}

impl MetadataQuorum {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let Command::Describe(describe) = &self.command;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let description = runtime.block_on(self.bootstrap.describe())?;
        if describe.status {
            description.print_status(out)?;
        } else {
            description.print_replication(out, describe.human_readable)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Bootstrap {
    async fn describe(&self) -> Result<Description, Failure> {
        let (servers, endpoint_type) = if self.bootstrap_server.is_empty() {
            (&self.bootstrap_controller, CONTROLLERS)
        } else {
            (&self.bootstrap_server, BROKERS)
        };
        let mut silent = Vec::new();
        for HostPort { host, port } in servers {
            match connect(host, *port).await {
                Ok(connection) => return describe(connection, endpoint_type).await,
                Err(error) => silent.push(format!("{host}:{port}: {error}")),
            }
        }
        fail(format!("No node could be reached: {}", silent.join("; ")))
    }
}

fn address(text: &str) -> Result<HostPort, String> {
    // The last colon divides, so that an IPv6 address needs no brackets.
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| format!("{text} is not HOST:PORT"))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok(HostPort { host: host.to_owned(), port })
}

async fn connect(
    host: &str,
    port: u16,
) -> Result<Connection, kraftig_server::net::client::ClientError> {
    let options = ClientOptions {
        client_id: "kraftig-metadata-quorum".to_owned(),
        connect_timeout: TIMEOUT,
        max_response_bytes: LONGEST_ANSWER,
    };
    Connection::open(host, port, &options).await
}

async fn describe(mut connection: Connection, endpoint_type: i8) -> Result<Description, Failure> {
    let request = DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() };
    let answer = tokio::time::timeout(TIMEOUT, connection.send(&request)).await;
    let cluster: DescribeClusterResponse = answer.map_err(|_| silence())??;
    refuse(cluster.error_code, cluster.error_message.as_ref())?;
    if endpoint_type == CONTROLLERS {
        // Brokers hand it on; a controller that is not active does not.
        let leader = cluster.brokers.iter().find(|node| node.broker_id == cluster.controller_id);
        let Some(leader) = leader else { return fail("No controller is active.") };
        let port = u16::try_from(leader.port).unwrap_or_default();
        connection = connect(&leader.host, port).await?;
    }
    let log = TopicData {
        topic_name: Str::from_static("__cluster_metadata"),
        partitions: vec![Asked { partition_index: 0 }],
    };
    let request = DescribeQuorumRequest { topics: vec![log] };
    let answer = tokio::time::timeout(TIMEOUT, connection.send(&request)).await;
    let quorum: DescribeQuorumResponse = answer.map_err(|_| silence())??;
    refuse(quorum.error_code, quorum.error_message.as_ref())?;
    let log = quorum.topics.into_iter().flat_map(|topic| topic.partitions).next();
    let Some(log) = log else { return fail("The answer describes no quorum.") };
    refuse(log.error_code, log.error_message.as_ref())?;
    Ok(Description { cluster_id: cluster.cluster_id, log, nodes: quorum.nodes })
}

fn silence() -> Failure {
    Failure(format!("No answer within {} s.", TIMEOUT.as_secs()))
}

fn refuse(code: i16, message: Option<&Str>) -> Result<(), Failure> {
    match (ErrorCode(code), message) {
        (ErrorCode::NONE, _) => Ok(()),
        (_, Some(message)) if !message.is_empty() => fail(message.to_string()),
        (code, _) => fail(format!("The node answers {code:?}.")),
    }
}

impl Description {
    fn leader(&self) -> Result<&ReplicaState, Failure> {
        let mut voters = self.log.current_voters.iter();
        let leader = voters.find(|voter| voter.replica_id == self.log.leader_id);
        leader.map_or_else(|| fail("The leader is not among the voters."), Ok)
    }

    fn print_status(&self, out: &mut Output) -> Result<(), Failure> {
        let leader = self.leader()?;
        let slowest = self.log.current_voters.iter().min_by_key(|voter| voter.log_end_offset);
        let slowest = slowest.unwrap_or(leader);
        let lag_ms = if slowest.replica_id == leader.replica_id {
            0
        } else if leader.last_caught_up_timestamp < 0 || slowest.last_caught_up_timestamp < 0 {
            -1
        } else {
            leader.last_caught_up_timestamp - slowest.last_caught_up_timestamp
        };
        let voters = self.log.current_voters.iter().map(|voter| self.json(voter));
        let observers = self.log.observers.iter().map(|observer| self.json(observer));
        let list = |items: Vec<String>| format!("[{}]", items.join(", "));
        for (name, value) in [
            ("ClusterId", self.cluster_id.to_string()),
            ("LeaderId", self.log.leader_id.to_string()),
            ("LeaderEpoch", self.log.leader_epoch.to_string()),
            ("HighWatermark", self.log.high_watermark.to_string()),
            ("MaxFollowerLag", (leader.log_end_offset - slowest.log_end_offset).to_string()),
            ("MaxFollowerLagTimeMs", lag_ms.to_string()),
            ("CurrentVoters", list(voters.collect())),
            ("CurrentObservers", list(observers.collect())),
        ] {
            out.line(format!("{:<24}{value}", format!("{name}:")));
        }
        Ok(())
    }

    /// A replica in Kafka's order and with its blanks.
    fn json(&self, replica: &ReplicaState) -> String {
        let mut fields = vec![format!("\"id\": {}", replica.replica_id)];
        if replica.replica_directory_id != Uuid::ZERO {
            fields.push(format!("\"directoryId\": \"{}\"", replica.replica_directory_id));
        }
        let listeners = self.nodes.iter().filter(|node| node.node_id == replica.replica_id);
        let endpoints: Vec<String> = listeners
            .flat_map(|node| &node.listeners)
            .map(|at| json!(format!("{}://{}:{}", at.name, at.host, at.port)).to_string())
            .collect();
        if !endpoints.is_empty() {
            fields.push(format!("\"endpoints\": [{}]", endpoints.join(", ")));
        }
        format!("{{{}}}", fields.join(", "))
    }

    fn print_replication(&self, out: &mut Output, human_readable: bool) -> Result<(), Failure> {
        let leader = self.leader()?;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let time = |ms: i64| match ms {
            ..0 => "-1".to_owned(),
            _ if human_readable => format!("{} ms ago", now_ms - ms),
            _ => ms.to_string(),
        };
        let row = |replica: &ReplicaState, status: &str| {
            [
                replica.replica_id.to_string(),
                replica.replica_directory_id.to_string(),
                replica.log_end_offset.to_string(),
                (leader.log_end_offset - replica.log_end_offset).to_string(),
                time(replica.last_fetch_timestamp),
                time(replica.last_caught_up_timestamp),
                status.to_owned(),
            ]
        };
        let mut rows = vec![
            [
                "NodeId",
                "DirectoryId",
                "LogEndOffset",
                "Lag",
                "LastFetchTimestamp",
                "LastCaughtUpTimestamp",
                "Status",
            ]
            .map(str::to_owned),
            row(leader, "Leader"),
        ];
        let followers =
            self.log.current_voters.iter().filter(|voter| voter.replica_id != leader.replica_id);
        rows.extend(followers.map(|voter| row(voter, "Follower")));
        rows.extend(self.log.observers.iter().map(|observer| row(observer, "Observer")));
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        for row in &rows {
            let cells = row.iter().enumerate();
            let cells = cells.map(|(column, cell)| format!("{cell:<0$}\t", width(column)));
            out.line(cells.collect::<String>());
        }
        Ok(())
    }
}
