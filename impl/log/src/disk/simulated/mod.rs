//! A disk in memory that forgets at a power loss what was not flushed. Mounted at a path, it takes every
//! call of [`disk`](super) for the paths below; the host's files are all others.
//!
//! What a power loss may leave, which is as little as POSIX promises:
//!
//! * **A file's content and length** are safe once [`File::sync`](super::File::sync) has returned. Of what was
//!   done since, each sector written (512 bytes) and each step of the length survives or does not, whatever became of
//!   those before it: a torn write, a length without its data (zeros), data without its length (gone). A write
//!   that lengthens a file does so sector by sector. A sector itself is never torn.
//! * **A directory's entries** are safe once [`sync_dir`](super::sync_dir) of that directory has returned; flushing
//!   a file does not make its name safe. Of what was done since, each creation, removal and renaming survives or does
//!   not, whatever became of those before it. A renaming within a directory is one step: at least one of the
//!   two names is there. Between two directories it is two steps. A new directory is an entry of the one above it.
//!
//! Each file and each directory loses on its own: nothing orders them but flushes. Journals promise more than that.
//!
//! The same calls and the same seeds leave the same bytes: there is no clock in it (but the times of
//! [`modified_ms`](super::modified_ms), which are the host's), no order by hash, no thread.
//!
//! What a process sees of a file is held in a `memfd`, so that [`File::as_std`](super::File::as_std) is a file of the
//! operating system like any other.

pub(super) mod device;
mod directory;
mod file;
mod random;

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use directory::{Directory, Survivors};
use file::Content;

/// The unit that is written as a whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// A way in which a disk does less than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A flush of a file returns at once and makes nothing safe.
    FlushDoesNothing,
    /// A flush of a directory returns at once and makes nothing safe.
    DirectorySyncLeftOut,
}

/// A simulated disk, mounted until it is dropped. Handles that are open then stay what they are.
#[derive(Debug)]
pub struct Disk {
    shared: Arc<Shared>,
}

/// The mounted disks, and where.
static MOUNTED: RwLock<Vec<Arc<Shared>>> = RwLock::new(Vec::new());

#[derive(Debug)]
struct Shared {
    at: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    root: Arc<Node>,
    fault: Option<Fault>,
    /// What it says of its room, in bytes.
    room: u64,
    on: bool,
    /// How many changes may still be done before the power goes.
    left: Option<u64>,
    /// How many changes were done or tried.
    changes: u64,
    /// Counts the times that the power came back: what was opened before is of no use any more.
    boot: u64,
    /// What was being done when the power went.
    last: Option<String>,
}

/// What a name stands for.
#[derive(Debug)]
struct Node {
    /// Never given again: it tells nodes apart.
    id: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File(Mutex<Content>),
    Directory(Mutex<Directory>),
}

impl Node {
    fn new(kind: Kind) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), kind })
    }

    fn new_file(content: Content) -> Arc<Self> {
        Self::new(Kind::File(Mutex::new(content)))
    }

    fn new_directory(directory: Directory) -> Arc<Self> {
        Self::new(Kind::Directory(Mutex::new(directory)))
    }

    fn directory(&self) -> io::Result<MutexGuard<'_, Directory>> {
        match &self.kind {
            Kind::Directory(directory) => Ok(lock(directory)),
            Kind::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&self) -> io::Result<MutexGuard<'_, Content>> {
        match &self.kind {
            Kind::File(content) => Ok(lock(content)),
            Kind::Directory(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }
}

/// Nothing is half done when a thread panics here: a mutex is never poisoned with a reason.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn power_is_off() -> io::Error {
    io::Error::other("the power of the simulated disk is off")
}

impl Disk {
    /// Makes an empty disk whose root is at `path`.
    ///
    /// # Panics
    ///
    /// If `path` is not absolute, or a disk is mounted at, above or below it.
    #[must_use = "it is mounted until it is dropped"]
    pub fn mount(path: &Path) -> Self {
        Self::mount_root(path, Node::new_directory(Directory::default()), None)
    }

    fn mount_root(path: &Path, root: Arc<Node>, fault: Option<Fault>) -> Self {
        assert!(path.is_absolute(), "{} is not absolute", path.display());
        let state = State {
            root,
            fault,
            room: u64::MAX,
            on: true,
            left: None,
            changes: 0,
            boot: 0,
            last: None,
        };
        let shared = Arc::new(Shared { at: path.to_path_buf(), state: Mutex::new(state) });
        let mut mounted = MOUNTED.write().unwrap_or_else(PoisonError::into_inner);
        let overlaps =
            |other: &Arc<Shared>| path.starts_with(&other.at) || other.at.starts_with(path);
        assert!(!mounted.iter().any(overlaps), "a disk is mounted over {}", path.display());
        mounted.push(shared.clone());
        Self { shared }
    }

    /// Where the disk's root is.
    pub fn path(&self) -> &Path {
        &self.shared.at
    }

    /// How many changes were made since the disk was mounted: files and directories made, renamed and removed,
    /// writes, changes of length, flushes. Reading is none. The one that the power cut short counts.
    pub fn changes(&self) -> u64 {
        lock(&self.shared.state).changes
    }

    /// Lets the disk do `changes` more, see [`changes`](Self::changes). The next one fails, and everything after it, reading
    /// too, until the power comes back. What it was to do may be done all the same, wholly or in part; a flush makes
    /// nothing safe.
    pub fn power_off_after(&self, changes: u64) {
        lock(&self.shared.state).left = Some(changes);
    }

    /// Cuts the power between two calls.
    pub fn power_off(&self) {
        let mut state = lock(&self.shared.state);
        state.on = false;
        state.left = None;
    }

    /// Whether the disk has power.
    pub fn is_on(&self) -> bool {
        lock(&self.shared.state).on
    }

    /// What was being done when the power went: a verb and a path. `None` where it went between two calls.
    pub fn lost_at(&self) -> Option<String> {
        lock(&self.shared.state).last.clone()
    }

    /// Lets the power come back: what is there now is safe, and is what was safe before, with what `seed`
    /// chooses of the rest. If the power is on it goes first. Files that are open stay useless.
    pub fn power_on(&self, seed: u64) {
        let mut state = lock(&self.shared.state);
        state.root = survivors(&state.root, seed);
        state.on = true;
        state.left = None;
        state.last = None;
        state.boot += 1;
    }

    /// Mounts at `path` what a power loss now would leave of this disk, as [`power_on`](Self::power_on) with the
    /// same seed does, with the same fault. This disk stays as it is, so that several outcomes of one run can be looked at.
    #[must_use = "it is mounted until it is dropped"]
    pub fn after_power_loss(&self, path: &Path, seed: u64) -> Self {
        let (root, fault) = {
            let state = lock(&self.shared.state);
            (survivors(&state.root, seed), state.fault)
        };
        Self::mount_root(path, root, fault)
    }

    /// Lets the disk say from now on that it has room for so many bytes. Without any it takes no new
    /// file and no new sector; otherwise it takes all the same.
    pub fn set_room(&self, bytes: u64) {
        lock(&self.shared.state).room = bytes;
    }

    /// Breaks the disk, or mends it.
    pub fn set_fault(&self, fault: Option<Fault>) {
        lock(&self.shared.state).fault = fault;
    }
}

/// What a power loss leaves of a tree.
///
/// # Panics
///
/// If the host has no memory or no descriptor left.
fn survivors(root: &Node, seed: u64) -> Arc<Node> {
    Survivors::new(seed).of(root).expect("the host's memory and descriptors suffice")
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut mounted = MOUNTED.write().unwrap_or_else(PoisonError::into_inner);
        mounted.retain(|shared| !Arc::ptr_eq(shared, &self.shared));
    }
}

/// The disk that `path` lies on; `None` for the host's.
fn disk_of(path: &Path) -> Option<Arc<Shared>> {
    let mounted = MOUNTED.read().unwrap_or_else(PoisonError::into_inner);
    mounted.iter().find(|shared| path.starts_with(&shared.at)).cloned()
}

impl Shared {
    /// The names that lead from the root to `path`.
    fn names(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let below = path.strip_prefix(&self.at).map_err(|_| io::ErrorKind::CrossesDevices)?;
        let name = |component| match component {
            Component::Normal(name) => Ok(name.to_owned()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        below.components().map(name).collect()
    }

    /// What is at `path`.
    fn find(&self, state: &State, path: &Path) -> io::Result<Arc<Node>> {
        let mut node = state.root.clone();
        for name in self.names(path)? {
            let next = node.directory()?.get(&name).ok_or(io::ErrorKind::NotFound)?;
            node = next;
        }
        Ok(node)
    }

    /// The directory that has, or can take, the entry `path`, and the entry's name.
    fn find_parent(&self, state: &State, path: &Path) -> io::Result<(Arc<Node>, OsString)> {
        let name =
            path.file_name().filter(|_| path != self.at).ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.find(state, path.parent().unwrap_or(path))?;
        Ok((parent, name.to_owned()))
    }

    /// Lets `look` read.
    fn read<T>(&self, look: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let state = lock(&self.state);
        if state.on { look(&state) } else { Err(power_is_off()) }
    }
}

impl State {
    /// Counts a change, `action` at `path`, and makes it. If the power goes with it, the change may have been
    /// made, but who asked for it is not told so. What fails of itself does not count.
    fn change<T>(
        &mut self,
        action: &str,
        path: &Path,
        make: impl FnOnce(&State) -> io::Result<T>,
    ) -> io::Result<T> {
        if !self.on {
            return Err(power_is_off());
        }
        let done = make(self)?;
        self.changes += 1;
        if !self.goes_next() {
            self.left = self.left.map(|left| left - 1);
            return Ok(done);
        }
        self.on = false;
        self.last = Some(format!("{action} {}", path.display()));
        Err(power_is_off())
    }

    /// Whether the power goes with the next change.
    fn goes_next(&self) -> bool {
        self.left == Some(0)
    }

    /// Whether a flush that such a fault is about does what it says.
    fn flushes(&self, fault: Fault) -> bool {
        self.fault != Some(fault) && !self.goes_next()
    }
}

#[cfg(test)]
mod tests;
