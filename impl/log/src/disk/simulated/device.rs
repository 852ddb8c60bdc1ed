//! The calls of the host's file system, answered by the disk that the path lies on.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::real::{self, Opening};
use super::directory::Directory;
use super::file::Content;
use super::{Fault, Node, SECTOR, Shared, State, disk_of, lock, power_is_off};

/// An open file.
#[derive(Debug)]
pub(in super::super) struct Handle {
    file: real::Handle,
    simulated: Option<Simulated>,
}

#[derive(Debug)]
struct Simulated {
    disk: Arc<Shared>,
    node: Arc<Node>,
    path: PathBuf,
    boot: u64,
}

impl Simulated {
    /// Lets `act` use the disk, if it has power and had it all the time since the file was opened.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = lock(&self.disk.state);
        if state.on && state.boot == self.boot { act(&mut state) } else { Err(power_is_off()) }
    }

    fn change(
        &self,
        action: &str,
        make: impl FnOnce(&mut Content) -> io::Result<()>,
    ) -> io::Result<()> {
        self.with(|state| state.change(action, &self.path, |_| make(&mut *self.node.file()?)))
    }
}

impl Handle {
    fn check(&self) -> io::Result<&real::Handle> {
        if let Some(simulated) = &self.simulated {
            simulated.with(|_| Ok(()))?;
        }
        Ok(&self.file)
    }

    pub(in super::super) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.check()?.metadata()
    }

    pub(in super::super) fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.check()?.read_at(buffer, position)
    }

    pub(in super::super) fn read_exact_at(
        &self,
        buffer: &mut [u8],
        position: u64,
    ) -> io::Result<()> {
        self.check()?.read_exact_at(buffer, position)
    }

    pub(in super::super) fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        match &self.simulated {
            None => self.file.write_all_at(bytes, position),
            Some(simulated) => {
                let end = position + bytes.len() as u64;
                let grows = end > self.file.metadata()?.len().next_multiple_of(SECTOR as u64);
                simulated.with(|state| match state.room {
                    0 if grows => Err(io::ErrorKind::StorageFull.into()),
                    _ => Ok(()),
                })?;
                simulated.change("write", |content| content.write(bytes, position))
            }
        }
    }

    pub(in super::super) fn set_len(&self, length: u64) -> io::Result<()> {
        match &self.simulated {
            None => self.file.set_len(length),
            Some(simulated) => simulated.change("truncate", |content| content.set_len(length)),
        }
    }

    /// Permissions are not simulated: whoever opens a file may read and write it.
    pub(in super::super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let file = self.check()?;
        if self.simulated.is_none() { file.set_mode(mode) } else { Ok(()) }
    }

    pub(in super::super) fn sync(&self) -> io::Result<()> {
        let Some(simulated) = &self.simulated else { return self.file.sync() };
        simulated.with(|state| {
            state.change("flush", &simulated.path, |state| {
                if state.flushes(Fault::FlushDoesNothing) {
                    simulated.node.file()?.flush();
                }
                Ok(())
            })
        })
    }

    pub(in super::super) fn as_std(&self) -> &fs::File {
        self.file.as_std()
    }
}

pub(in super::super) fn open(path: &Path, opening: Opening) -> io::Result<Handle> {
    let Some(disk) = disk_of(path) else {
        return Ok(Handle { file: real::open(path, opening)?, simulated: None });
    };
    let mut state = lock(&disk.state);
    if !state.on {
        return Err(power_is_off());
    }
    let (parent, name) = disk.find_parent(&state, path)?;
    let there = parent.directory()?.get(&name);
    let node = match (there, opening) {
        (None, Opening::Reading | Opening::Existing) => return Err(io::ErrorKind::NotFound.into()),
        (None, Opening::OrCreate | Opening::Empty) if state.room == 0 => {
            return Err(io::ErrorKind::StorageFull.into());
        }
        (None, Opening::OrCreate | Opening::Empty) => state.change("create", path, |_| {
            let node = Node::new_file(Content::empty()?);
            parent.directory()?.insert(name, node.clone());
            Ok(node)
        })?,
        (Some(node), Opening::Reading | Opening::Existing | Opening::OrCreate) => node,
        (Some(node), Opening::Empty) => {
            state.change("empty", path, |_| node.file()?.set_len(0))?;
            node
        }
    };
    let file = real::Handle(node.file()?.seen().try_clone()?);
    let boot = state.boot;
    drop(state);
    let simulated = Some(Simulated { disk, node, path: path.to_path_buf(), boot });
    Ok(Handle { file, simulated })
}

pub(in super::super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    if disk_of(path).is_none() {
        return real::read(path);
    }
    let file = open(path, Opening::Existing)?;
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

pub(in super::super) fn metadata(path: &Path) -> io::Result<fs::Metadata> {
    match disk_of(path) {
        None => real::metadata(path),
        Some(disk) => disk.read(|state| disk.find(state, path)?.file()?.seen().metadata()),
    }
}

pub(in super::super) fn exists(path: &Path) -> io::Result<bool> {
    let Some(disk) = disk_of(path) else { return real::exists(path) };
    disk.read(|state| match disk.find(state, path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true),
    })
}

pub(in super::super) fn room(path: &Path) -> io::Result<u64> {
    match disk_of(path) {
        None => real::room(path),
        Some(disk) => disk.read(|state| Ok(state.room)),
    }
}

pub(in super::super) fn canonical(path: &Path) -> io::Result<PathBuf> {
    match disk_of(path) {
        None => real::canonical(path),
        // There are no links.
        Some(disk) => {
            disk.read(|state| disk.find(state, path).map(|_| path.components().collect()))
        }
    }
}

pub(in super::super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let disk = match (disk_of(from), disk_of(to)) {
        (None, None) => return real::rename(from, to),
        (Some(disk), Some(other)) if Arc::ptr_eq(&disk, &other) => disk,
        _ => return Err(io::ErrorKind::CrossesDevices.into()),
    };
    let mut state = lock(&disk.state);
    state.change("rename", from, |state| {
        let (old_parent, old_name) = disk.find_parent(state, from)?;
        let (new_parent, new_name) = disk.find_parent(state, to)?;
        let node = old_parent.directory()?.get(&old_name).ok_or(io::ErrorKind::NotFound)?;
        let there = new_parent.directory()?.get(&new_name);
        match there {
            Some(there) if there.id == node.id => return Ok(()),
            Some(there) if there.is_directory() != node.is_directory() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Some(there) if there.is_directory() && !there.directory()?.is_empty() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        if old_parent.id == new_parent.id {
            return old_parent.directory()?.rename(old_name, new_name);
        }
        new_parent.directory()?.insert(new_name, node);
        old_parent.directory()?.remove(old_name);
        Ok(())
    })
}

/// Both in one directory.
pub(in super::super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let Some(disk) = disk_of(one) else { return real::exchange(one, other) };
    let mut state = lock(&disk.state);
    state.change("rename", one, |state| {
        let (parent, name) = disk.find_parent(state, one)?;
        let (_, other) = disk.find_parent(state, other)?;
        parent.directory()?.exchange(name, other)
    })
}

pub(in super::super) fn remove(path: &Path) -> io::Result<()> {
    let Some(disk) = disk_of(path) else { return real::remove(path) };
    let mut state = lock(&disk.state);
    state.change("remove", path, |state| {
        let node = disk.find(state, path)?;
        // An error for a directory.
        drop(node.file()?);
        let (parent, name) = disk.find_parent(state, path)?;
        parent.directory()?.remove(name);
        Ok(())
    })
}

pub(in super::super) fn create_dir(path: &Path) -> io::Result<()> {
    let Some(disk) = disk_of(path) else { return real::create_dir(path) };
    let mut state = lock(&disk.state);
    if !state.on {
        return Err(power_is_off());
    }
    let mut path_so_far = disk.at.clone();
    let mut directory = state.root.clone();
    for name in disk.names(path)? {
        path_so_far.push(&name);
        let there = directory.directory()?.get(&name);
        let next = match there {
            Some(next) => next,
            None => state.change("create", &path_so_far, |_| {
                let next = Node::new_directory(Directory::default());
                directory.directory()?.insert(name, next.clone());
                Ok(next)
            })?,
        };
        directory = next;
    }
    directory.directory().map(drop)
}

pub(in super::super) fn remove_dir(path: &Path) -> io::Result<()> {
    let Some(disk) = disk_of(path) else { return real::remove_dir(path) };
    for name in list(path)? {
        let entry = path.join(name);
        let is_directory = disk.read(|state| Ok(disk.find(state, &entry)?.is_directory()))?;
        if is_directory { remove_dir(&entry)? } else { remove(&entry)? }
    }
    let mut state = lock(&disk.state);
    state.change("remove", path, |state| {
        let (parent, name) = disk.find_parent(state, path)?;
        if !disk.find(state, path)?.directory()?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        parent.directory()?.remove(name);
        Ok(())
    })
}

pub(in super::super) fn sync_dir(path: &Path) -> io::Result<()> {
    let Some(disk) = disk_of(path) else { return real::sync_dir(path) };
    let mut state = lock(&disk.state);
    state.change("flush", path, |state| {
        let node = disk.find(state, path)?;
        let mut directory = node.directory()?;
        if state.flushes(Fault::DirectorySyncLeftOut) {
            directory.flush();
        }
        Ok(())
    })
}

pub(in super::super) fn list(path: &Path) -> io::Result<Vec<OsString>> {
    match disk_of(path) {
        None => real::list(path),
        Some(disk) => disk.read(|state| Ok(disk.find(state, path)?.directory()?.names())),
    }
}
