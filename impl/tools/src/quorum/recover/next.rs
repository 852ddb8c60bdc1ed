//! What there is to do after a recovery.

use std::collections::BTreeSet;
use std::path::Path;

use kraftig_server::quorum::QuorumOptions;
use kraftig_spec::types::{DirectoryId, ReplicaKey};

use crate::output::Output;

pub(super) struct Next<'a> {
    pub(super) options: &'a QuorumOptions,
    pub(super) config: &'a Path,
    /// Those that were given up.
    pub(super) lost: &'a [ReplicaKey],
    /// Whether it is known that nothing committed is lost.
    pub(super) loses_nothing: bool,
}

fn listed(keys: impl Iterator<Item = ReplicaKey>) -> String {
    let ids: BTreeSet<i32> = keys.map(|key| key.id.0).collect();
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Next<'_> {
    pub(super) fn describe(&self, out: &mut Output) {
        for (number, step) in self.steps().iter().enumerate() {
            out.line(format!("{}. {step}", number + 1));
        }
    }

    pub(super) fn steps(&self) -> Vec<String> {
        let options = self.options;
        let at = options.endpoints.first();
        let at = at.map_or_else(String::new, |at| format!("{}:{}", at.host, at.port));
        let lost = listed(self.lost.iter().copied());
        let nameless = self.lost.iter().filter(|key| key.directory == DirectoryId::ABSENT);
        let nameless = listed(nameless.copied());
        let mut steps = Vec::new();
        if !self.loses_nothing {
            steps.push(
                "Stop all brokers, if any runs: what some of them know may be lost.".to_owned(),
            );
        }
        let servers = format!("controller.quorum.bootstrap.servers={at}");
        steps.push(if options.config.voters.is_empty() {
            format!("Before anything starts, take the addresses of the lost nodes ({lost}) out of controller.quorum.bootstrap.servers of every node, this one too: {servers}.")
        } else {
            format!("Before anything starts, put {servers} in place of controller.quorum.voters in the configuration of every node, this one too, without the addresses of the lost nodes ({lost}): the log names the voters from now on (kraft.version 1).")
        });
        steps.push(format!(
            "The old directories of the lost voters ({lost}) must never start again, nor any other controller directory of the old quorum, listed here or not."
        ));
        steps.push(format!(
            "Start this controller, which leads alone: kraftig server start {}",
            self.config.display()
        ));
        let id = if nameless.is_empty() {
            String::new()
        } else {
            format!(
                " Each needs a new node.id: nodes {nameless} are not heard any more, whatever their directory, nor as brokers."
            )
        };
        steps.push(format!(
            "For each lost controller (process.roles=controller) format a new directory: kraftig storage format --cluster-id {} --config ITS_FILE --no-initial-controllers.{id}",
            options.cluster_id
        ));
        steps.push(if nameless.is_empty() {
            format!("Where a lost controller is a broker too (process.roles=broker,controller), never format its log.dirs, which hold its partitions: remove __cluster_metadata-0 from them, name a new, empty metadata.log.dir in its configuration, and format just that: kraftig storage format --cluster-id {} --config ITS_FILE --no-initial-controllers --ignore-formatted.", options.cluster_id)
        } else {
            format!("Where a lost controller was a broker too (process.roles=broker,controller), that broker is given up with its node.id: never format its log.dirs as long as a partition may be there alone; make another node, and reassign the partitions of nodes {nameless} to it.")
        });
        steps.push(format!(
            "Start each, and add it: kraftig metadata-quorum --bootstrap-controller {at} --command-config ITS_FILE add-controller. With controller.quorum.auto.join.enable=true it adds itself."
        ));
        steps.push(if self.loses_nothing {
            "Restart the brokers: what they have of the metadata log beyond this one's was never committed, and they cut it off.".to_owned()
        } else {
            "On every node that is just a broker remove __cluster_metadata-0 from its metadata.log.dir (by default the first of log.dirs), and nothing else: it may hold what is lost, and fetches all anew. Then start the brokers.".to_owned()
        });
        steps
    }
}
