//! The way to the other controllers: who they are and where changes with the voters, and with what others say of the leader.
//! Each has a [`link`]: one task and one connection, as long as anybody needs it.

mod link;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use kraftig_spec::quorum::Request;
use kraftig_spec::types::{NodeId, ReplicaKey};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::messages::Sender;
use super::recovery::LARGEST_BATCH;
use super::voters::{Voter, Voters};
use super::{Command, identity};
use crate::net::client::ClientOptions;
use link::{Asked, Link, Shared, lock};

/// What an answer holds beside its records.
const BESIDE_RECORDS: usize = 64 << 10;

/// Another controller, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its node id. A negative one stands for whoever listens there.
    pub id: NodeId,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, host, port } = self;
        if id.0 < 0 { write!(f, "the controller") } else { write!(f, "node {id}") }?;
        write!(f, " at {host}:{port}")
    }
}

/// Where controllers listen, by their ids.
pub(super) type Addresses = Arc<Mutex<BTreeMap<NodeId, Peer>>>;

/// What links need.
pub(super) struct LinksOptions {
    pub(super) local: ReplicaKey,
    /// The name of the listener on which controllers reach each other.
    pub(super) listener: String,
    pub(super) sender: Sender,
    /// How long a connection may take.
    pub(super) timeout: Duration,
    /// Where answers go.
    pub(super) commands: Weak<mpsc::SyncSender<Command>>,
    /// Kept for others to read.
    pub(super) addresses: Addresses,
}

/// The links to all other controllers. Dropped they end.
pub(super) struct Links {
    local: ReplicaKey,
    listener: String,
    runtime: Handle,
    addresses: Addresses,
    shared: Arc<Shared>,
    asked: BTreeMap<NodeId, watch::Sender<Option<Asked>>>,
    /// Whom this node takes for the leader, or took for it last.
    leader: Option<NodeId>,
    /// The leader that is no voter, as far as this node knows, and that others have said where it is.
    stranger: Option<NodeId>,
    /// Whether it is found out who listens where the voters have this node.
    watches: bool,
}

impl Links {
    /// Links from this node to the others of these peers, on this thread's runtime.
    pub(super) fn start(options: LinksOptions, peers: Vec<Peer>) -> Self {
        let LinksOptions { local, listener, sender, timeout, commands, addresses } = options;
        let options = ClientOptions {
            client_id: format!("raft-client-{}", local.id),
            connect_timeout: timeout,
            max_response_bytes: LARGEST_BATCH + BESIDE_RECORDS,
        };
        let unnamed = peers.iter().filter(|peer| peer.id.0 < 0).count();
        let (voters, foreign, misplaced, lost) = Default::default();
        let shared =
            Shared { sender, options, commands, voters, unnamed, foreign, misplaced, lost };
        let mut links = Self {
            local,
            listener,
            runtime: Handle::current(),
            addresses,
            shared: Arc::new(shared),
            asked: BTreeMap::new(),
            leader: None,
            stranger: None,
            watches: false,
        };
        for peer in peers {
            links.reach(peer);
        }
        links
    }

    /// These vote now.
    pub(super) fn voters(&mut self, voters: &Arc<Voters>) {
        *lock(&self.shared.voters) = voters.clone();
        let here = |voter: &Voter| voters.address(voter.replica.id, &self.listener);
        for peer in voters.voters.iter().filter_map(here).collect::<Vec<_>>() {
            self.reach(peer);
        }
        self.close_useless();
    }

    /// This node takes `leader` for the leader now. As long as it knows of none, the one before may be of use.
    pub(super) fn leads(&mut self, leader: Option<NodeId>) {
        if leader.is_none() || leader == self.leader {
            return;
        }
        let before = std::mem::replace(&mut self.leader, leader);
        if before == self.stranger {
            self.stranger = None;
        }
        self.close_useless();
    }

    /// Whoever votes no more may still lead, until that is committed. Then nobody has anything to say to it.
    fn close_useless(&mut self) {
        let voters = lock(&self.shared.voters).clone();
        let leads = [self.leader, self.stranger];
        // Negative ids stand for whoever can be asked for the leader at any time.
        let is_useless =
            |id: &NodeId| id.0 >= 0 && voters.get(*id).is_none() && !leads.contains(&Some(*id));
        for id in self.asked.keys().copied().filter(is_useless).collect::<Vec<_>>() {
            self.close(id);
        }
    }

    fn close(&mut self, id: NodeId) {
        lock(&self.addresses).remove(&id);
        self.shared.forget(id);
        if let Some(asked) = self.asked.remove(&id) {
            self.end(id, &asked);
        }
    }

    /// What was asked last on a link that ends has no answer.
    fn end(&self, id: NodeId, asked: &watch::Sender<Option<Asked>>) {
        let asked = asked.borrow().as_ref().map(|(correlation, _)| *correlation);
        if let (Some(correlation), Some(commands)) = (asked, self.shared.commands.upgrade()) {
            // If there is no room, it ends by its timeout.
            let _ = commands.try_send(Command::Failed { to: id, correlation });
        }
    }

    /// Somebody says where the leader listens. What the log or the configuration says of a voter is not taken from others;
    /// but the log of a node that was down may have the address that its leader had before.
    pub(super) fn located(&mut self, leader: Peer, itself: bool) {
        let voters = lock(&self.shared.voters).clone();
        let logged = voters.address(leader.id, &self.listener);
        if leader.id.0 < 0 || logged.is_some() && voters.kraft_version == 0 {
            return;
        }
        if let Some(logged) = logged.clone().filter(|_| !itself) {
            let tried = lock(&self.addresses).get(&leader.id).cloned();
            if tried.is_some() && lock(&self.shared.lost).get(&leader.id) == tried.as_ref() {
                // Who says so may know less than the log: each address has its turn.
                let next = if tried.as_ref() == Some(&leader) { logged } else { leader };
                self.reach(next);
            }
            return;
        }
        if logged.is_none()
            && let Some(other) = self.stranger.replace(leader.id)
            && other != leader.id
            && voters.get(other).is_none()
        {
            // One is enough, whatever others say.
            self.close(other);
        }
        self.reach(leader);
    }

    /// A link to a peer at this address, if there is none.
    fn reach(&mut self, peer: Peer) {
        let known = lock(&self.addresses).insert(peer.id, peer.clone());
        if peer.id == self.local.id {
            return self.watch(peer);
        }
        if known.as_ref() == Some(&peer) {
            return;
        }
        let (to, asked) = watch::channel(None);
        let id = peer.id;
        // What was found at the other address says nothing of this one.
        self.shared.forget(id);
        let link = Link::new(peer, self.shared.clone(), asked);
        self.runtime.spawn(link.run());
        // The one to another address ends.
        if let Some(before) = self.asked.insert(id, to) {
            self.end(id, &before);
        }
    }

    /// Finds out, once, who listens where the voters have this node.
    fn watch(&mut self, own: Peer) {
        if !std::mem::replace(&mut self.watches, true) {
            let Shared { sender, options, commands, .. } = &*self.shared;
            let (cluster_id, options) = (sender.cluster_id.clone(), options.clone());
            let (retry, commands) = (identity::RETRY, commands.clone());
            let watch = identity::watch(own, self.local, cluster_id, options, retry, commands);
            self.runtime.spawn(watch);
        }
    }

    /// Sends a request in place of the one before, which nobody waits for any longer.
    pub(super) fn send(&self, to: NodeId, correlation: u32, request: Request) {
        if let Some(asked) = self.asked.get(&to) {
            asked.send_replace(Some((correlation, request)));
        } else if let Some(commands) = self.shared.commands.upgrade() {
            // Nobody has said yet where it is. If there is no room, the request ends by its timeout.
            let _ = commands.try_send(Command::Failed { to, correlation });
        }
    }
}

#[cfg(test)]
mod tests {
    use kraftig_spec::controller::record::Endpoint;
    use kraftig_spec::quorum::Fetch;
    use kraftig_spec::types::{DirectoryId, Epoch, Offset};

    use super::*;
    use crate::quorum::KRAFT_VERSIONS;

    const LISTENER: &str = "CONTROLLER";

    fn peer(port: u16) -> Peer {
        Peer { id: NodeId(2), host: "127.0.0.1".to_owned(), port }
    }

    /// A port where nobody listens.
    const CLOSED: u16 = 1;

    const LOCAL: ReplicaKey = ReplicaKey { id: NodeId(1), directory: DirectoryId::ABSENT };

    /// What the log says: these nodes vote, and listen there.
    fn logged<const N: usize>(nodes: [(i32, u16); N]) -> Arc<Voters> {
        let voter = |(id, port)| {
            let endpoint = Endpoint {
                name: LISTENER.to_owned(),
                host: "127.0.0.1".to_owned(),
                port,
                security_protocol: 0,
            };
            let directory = DirectoryId(kraftig_wire::Uuid([2; 16]));
            let replica = ReplicaKey { id: NodeId(id), directory };
            Voter { replica, endpoints: vec![endpoint], kraft_versions: KRAFT_VERSIONS }
        };
        Arc::new(Voters { kraft_version: 1, voters: nodes.map(voter).into() })
    }

    /// Links of node 1 to nobody yet.
    fn links(commands: &Arc<mpsc::SyncSender<Command>>) -> Links {
        let options = LinksOptions {
            local: LOCAL,
            listener: LISTENER.to_owned(),
            sender: Sender { cluster_id: "cluster".into(), endpoints: Vec::new() },
            timeout: Duration::from_secs(2),
            commands: Arc::downgrade(commands),
            addresses: Addresses::default(),
        };
        Links::start(options, Vec::new())
    }

    fn fetch() -> Fetch {
        Fetch {
            epoch: Epoch(1),
            replica: LOCAL,
            offset: Offset(0),
            last_fetched_epoch: Epoch(0),
            high_watermark: Offset(0),
            may_park: false,
        }
    }

    #[tokio::test]
    async fn a_leader_that_is_not_where_the_log_has_it_is_looked_for_where_others_say() {
        let (commands, told) = mpsc::sync_channel(16);
        let commands = Arc::new(commands);
        let mut links = links(&commands);
        links.voters(&logged([(2, CLOSED)]));
        let addresses = links.addresses.clone();
        let at = || lock(&addresses)[&NodeId(2)].port;
        links.located(peer(9002), false);
        assert_eq!(at(), CLOSED, "it may be there");

        links.send(NodeId(2), 7, Request::Fetch(fetch()));
        let heard = tokio::task::spawn_blocking(move || {
            let heard = (told.recv().unwrap(), told.recv().unwrap());
            (told, heard)
        });
        let (told, heard) = heard.await.unwrap();
        assert!(matches!(heard.0, Command::Unreachable { node: NodeId(2) }));
        assert!(matches!(heard.1, Command::Failed { to: NodeId(2), correlation: 7 }));
        links.located(peer(9002), false);
        assert_eq!(at(), 9002);
        let ended = told.try_recv().unwrap();
        assert!(matches!(ended, Command::Failed { to: NodeId(2), correlation: 7 }));
        links.located(peer(9003), false);
        assert_eq!(at(), 9002, "it may be there");
        // Nor is it there: whoever says so may know less.
        lock(&links.shared.lost).insert(NodeId(2), peer(9002));
        links.located(peer(9002), false);
        assert_eq!(at(), CLOSED);
        // It knows best, and the next record that names the voters counts.
        links.located(peer(9004), true);
        assert_eq!(at(), 9004);
        links.voters(&logged([(2, 9005)]));
        assert_eq!(at(), 9005);
    }

    #[tokio::test]
    async fn who_neither_votes_nor_leads_is_left_alone() {
        let (commands, told) = mpsc::sync_channel(16);
        let commands = Arc::new(commands);
        let mut links = links(&commands);
        links.reach(Peer { id: NodeId(-2), ..peer(9000) });
        let known = |links: &Links| links.asked.keys().map(|id| id.0).collect::<Vec<_>>();
        links.voters(&logged([(2, 9002), (3, 9003), (4, 9004)]));
        links.leads(Some(NodeId(3)));
        links.voters(&logged([(2, 9002)]));
        assert_eq!(known(&links), [-2, 2, 3], "node 3 leads until it hears that it is removed");
        links.leads(None);
        assert_eq!(known(&links), [-2, 2, 3], "nobody else leads");
        links.leads(Some(NodeId(2)));
        assert_eq!(known(&links), [-2, 2]);
        assert_eq!(lock(&links.addresses).keys().map(|id| id.0).collect::<Vec<_>>(), [-2, 2]);

        // One of whom the log knows nothing leads, and then another.
        links.located(Peer { id: NodeId(5), ..peer(9005) }, false);
        links.leads(Some(NodeId(4)));
        assert_eq!(known(&links), [-2, 2, 5], "it may not be known yet that it leads");
        links.leads(Some(NodeId(5)));
        links.send(NodeId(5), 7, Request::Fetch(fetch()));
        links.leads(Some(NodeId(2)));
        assert_eq!(known(&links), [-2, 2]);
        let ended = told.try_recv().unwrap();
        assert!(matches!(ended, Command::Failed { to: NodeId(5), correlation: 7 }));
        // A task for each that is left.
        while Arc::strong_count(&links.shared) > 3 {
            tokio::task::yield_now().await;
        }
    }
}
