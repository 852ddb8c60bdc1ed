//! `describe`: who leads the quorum, and how far each replica has come.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Args};
use kraftig_wire::messages::describe_quorum_request::{
    DescribeQuorumRequest, PartitionData as Asked, TopicData,
};
use kraftig_wire::messages::describe_quorum_response::{
    DescribeQuorumResponse, Node, PartitionData, ReplicaState,
};
use kraftig_wire::{Str, Uuid};
use serde_json::json;

use super::{Bootstrap, NOBODY_ACTIVE, TIMEOUT, ask, block_on, refuse};
use crate::output::{Failure, Output, fail};

#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("what").required(true).args(["status", "replication"])))]
pub(super) struct Describe {
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

impl Describe {
    pub(super) fn run(&self, bootstrap: &Bootstrap, out: &mut Output) -> Result<(), Failure> {
        let description = block_on(describe(bootstrap))?;
        if self.status {
            description.print_status(out)
        } else {
            description.print_replication(out, self.human_readable)
        }
    }
}

async fn describe(bootstrap: &Bootstrap) -> Result<Description, Failure> {
    let Some(way) = bootstrap.way().await? else { return fail(NOBODY_ACTIVE) };
    let log = TopicData {
        topic_name: Str::from_static("__cluster_metadata"),
        partitions: vec![Asked { partition_index: 0 }],
    };
    let request = DescribeQuorumRequest { topics: vec![log] };
    let quorum: DescribeQuorumResponse = ask(&way.connection, &request, TIMEOUT).await?;
    refuse(quorum.error_code, quorum.error_message.as_ref())?;
    let log = quorum.topics.into_iter().flat_map(|topic| topic.partitions).next();
    let Some(log) = log else { return fail("The answer describes no quorum.") };
    refuse(log.error_code, log.error_message.as_ref())?;
    Ok(Description { cluster_id: way.cluster_id, log, nodes: quorum.nodes })
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
