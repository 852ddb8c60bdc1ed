//! The operating system's files.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};

/// What to do where there is a file, and where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// To read only.
    Reading,
    Existing,
    OrCreate,
    Empty,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Handle(pub(super) fs::File);

impl Handle {
    pub(super) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.0.metadata()
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buffer, position)
    }

    pub(super) fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, position)
    }

    pub(super) fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, position)
    }

    pub(super) fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.0.set_permissions(fs::Permissions::from_mode(mode))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    pub(super) fn as_std(&self) -> &fs::File {
        &self.0
    }
}

pub(super) fn open(path: &Path, opening: Opening) -> io::Result<Handle> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(opening != Opening::Reading).mode(0o644);
    match opening {
        Opening::Reading | Opening::Existing => {}
        Opening::OrCreate => drop(options.create(true)),
        Opening::Empty => drop(options.create(true).truncate(true)),
    }
    options.open(path).map(Handle)
}

pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

pub(super) fn metadata(path: &Path) -> io::Result<fs::Metadata> {
    fs::metadata(path)
}

pub(super) fn exists(path: &Path) -> io::Result<bool> {
    path.try_exists()
}

pub(super) fn room(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    if found.f_blocks == 0 {
        return Ok(u64::MAX);
    }
    // Some file systems do not count files.
    let takes_files = found.f_files == 0 || found.f_favail > 0;
    Ok(if takes_files { found.f_bavail.saturating_mul(found.f_frsize) } else { 0 })
}

pub(super) fn canonical(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Gives each of two files the other's name.
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

pub(super) fn remove_dir(path: &Path) -> io::Result<()> {
    fs::remove_dir_all(path)
}

pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path).and_then(|dir| dir.sync_all())
}

pub(super) fn list(path: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_size_is_told_there_is_room() {
        assert_eq!(room(Path::new("/proc")).unwrap(), u64::MAX);
        let here = room(&std::env::temp_dir()).unwrap();
        assert!(here < u64::MAX, "{here}");
    }
}
