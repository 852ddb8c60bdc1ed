//! A directory of a simulated disk: the entries that a process sees, those that are safe, and what lies between.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;

use super::random::Random;
use super::{Kind, Node};

type Entries = BTreeMap<OsString, Arc<Node>>;

#[derive(Debug, Default)]
pub(super) struct Directory {
    /// What a process sees.
    seen: Entries,
    safe: Entries,
    /// What was done since the last flush, oldest first.
    unflushed: Vec<Change>,
}

/// One step: the names that it sets or, with `None`, removes.
#[derive(Debug)]
struct Change(Vec<(OsString, Option<Arc<Node>>)>);

impl Change {
    fn apply(&self, entries: &mut Entries) {
        for (name, node) in &self.0 {
            match node {
                None => drop(entries.remove(name)),
                Some(node) => {
                    // A renaming whose source was a name that did not survive: the node has one name all the same.
                    entries.retain(|_, other| other.id != node.id);
                    entries.insert(name.clone(), node.clone());
                }
            }
        }
    }
}

impl Directory {
    pub(super) fn get(&self, name: &OsStr) -> Option<Arc<Node>> {
        self.seen.get(name).cloned()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    pub(super) fn names(&self) -> Vec<OsString> {
        self.seen.keys().cloned().collect()
    }

    fn change(&mut self, names: Vec<(OsString, Option<Arc<Node>>)>) {
        let change = Change(names);
        change.apply(&mut self.seen);
        self.unflushed.push(change);
    }

    pub(super) fn insert(&mut self, name: OsString, node: Arc<Node>) {
        self.change(vec![(name, Some(node))]);
    }

    pub(super) fn remove(&mut self, name: OsString) {
        self.change(vec![(name, None)]);
    }

    /// Gives the entry `from` the name `to`.
    pub(super) fn rename(&mut self, from: OsString, to: OsString) -> io::Result<()> {
        let node = self.get(&from).ok_or(io::ErrorKind::NotFound)?;
        self.change(vec![(from, None), (to, Some(node))]);
        Ok(())
    }

    /// Gives the entries `one` and `other` each other's name, in one step.
    pub(super) fn exchange(&mut self, one: OsString, other: OsString) -> io::Result<()> {
        let first = self.get(&one).ok_or(io::ErrorKind::NotFound)?;
        let second = self.get(&other).ok_or(io::ErrorKind::NotFound)?;
        self.change(vec![(one, Some(second)), (other, Some(first))]);
        Ok(())
    }

    pub(super) fn flush(&mut self) {
        self.safe = self.seen.clone();
        self.unflushed.clear();
    }
}

/// What a power loss leaves of a tree.
pub(super) struct Survivors {
    random: Random,
    /// A node with a name in each of two directories is one node still.
    done: BTreeMap<u64, Arc<Node>>,
}

impl Survivors {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), done: BTreeMap::new() }
    }

    pub(super) fn of(&mut self, node: &Node) -> io::Result<Arc<Node>> {
        if let Some(done) = self.done.get(&node.id) {
            return Ok(done.clone());
        }
        let left = match &node.kind {
            Kind::File(_) => Node::new_file(node.file()?.survivor(&mut self.random)?),
            Kind::Directory(_) => {
                let mut entries = Entries::new();
                {
                    let directory = node.directory()?;
                    entries.clone_from(&directory.safe);
                    for change in self.random.survivors(&directory.unflushed) {
                        change.apply(&mut entries);
                    }
                }
                // In the order of the names, so that a seed has one outcome.
                for node in entries.values_mut() {
                    *node = self.of(node)?;
                }
                Node::new_directory(Directory {
                    seen: entries.clone(),
                    safe: entries,
                    unflushed: Vec::new(),
                })
            }
        };
        self.done.insert(node.id, left.clone());
        Ok(left)
    }
}
