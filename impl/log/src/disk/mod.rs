//! The one seam to the file system: every file of this crate is created, read, written, flushed, renamed
//! and removed through here, so that a disk that forgets can stand in at one place (`simulated`, in tests).

mod real;
#[cfg(feature = "simulated-disk")]
pub mod simulated;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

#[cfg(not(feature = "simulated-disk"))]
use real as device;
use real::Opening;
#[cfg(feature = "simulated-disk")]
use simulated::device;

/// What the operating system refused, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub struct DiskError {
    /// What was tried, as a verb: "open", "write", ...
    pub action: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The operating system's answer.
    pub source: io::Error,
}

impl DiskError {
    /// Whether the file or directory does not exist.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// Whether there was no room for something new. What was there before is as it was; after a flush nobody knows that,
    /// so it is never so then.
    pub fn is_out_of_room(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        self.action != FLUSH && matches!(self.source.kind(), StorageFull | QuotaExceeded)
    }
}

/// Lets what can wait for room wait.
pub(crate) fn unless_out_of_room(result: Result<()>) -> Result<()> {
    result.or_else(|error| if error.is_out_of_room() { Ok(()) } else { Err(error) })
}

type Result<T> = std::result::Result<T, DiskError>;

/// The action of a flush, of a file or a directory.
const FLUSH: &str = "flush";

fn at<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|source| DiskError { action, path: path.to_path_buf(), source })
}

/// An open file. All reads and writes say their position, so that readers need no lock.
#[derive(Debug)]
pub struct File {
    inner: device::Handle,
    path: Box<Path>,
}

impl File {
    /// Where the file was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's length in bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a length on the disk is asked for, with its error"
    )]
    pub fn len(&self) -> Result<u64> {
        at("read the length of", &self.path, self.inner.metadata().map(|m| m.len()))
    }

    /// Reads at `position` until `buffer` is full or the file ends; returns the bytes read.
    pub fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.inner.read_at(&mut buffer[read..], position + read as u64) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return at("read", &self.path, Err(e)),
            }
        }
        Ok(read)
    }

    /// Fills `buffer` from `position`; an error if the file ends before.
    pub fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> Result<()> {
        at("read", &self.path, self.inner.read_exact_at(buffer, position))
    }

    /// Writes all of `bytes` at `position`.
    pub fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        at("write", &self.path, self.inner.write_all_at(bytes, position))
    }

    /// Cuts or extends (with a hole) the file to `length` bytes.
    pub fn set_len(&self, length: u64) -> Result<()> {
        at("truncate", &self.path, self.inner.set_len(length))
    }

    /// Takes the right to write away from whoever opens the file from now on (mode 0400).
    pub fn set_read_only(&self) -> Result<()> {
        at("change the mode of", &self.path, self.inner.set_mode(0o400))
    }

    /// Returns when the file's content and length are on the disk.
    pub fn sync(&self) -> Result<()> {
        at(FLUSH, &self.path, self.inner.sync())
    }

    /// Whether `path` still names this very file.
    pub fn is_at(&self, path: &Path) -> Result<bool> {
        let mine = at("look at", path, self.inner.metadata())?;
        match device::metadata(path) {
            Ok(there) => Ok((mine.dev(), mine.ino()) == (there.dev(), there.ino())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => at("look at", path, Err(e)),
        }
    }

    /// The descriptor, for `sendfile` and record locks.
    pub fn as_std(&self) -> &fs::File {
        self.inner.as_std()
    }
}

fn open_with(opening: Opening, action: &'static str, path: &Path) -> Result<File> {
    let inner = at(action, path, device::open(path, opening))?;
    Ok(File { inner, path: path.into() })
}

/// Opens an existing file to read.
pub fn open_to_read(path: &Path) -> Result<File> {
    open_with(Opening::Reading, "open", path)
}

/// Opens an existing file to read and write.
pub fn open(path: &Path) -> Result<File> {
    open_with(Opening::Existing, "open", path)
}

/// Opens a file to read and write; makes it if there is none.
pub fn open_or_create(path: &Path) -> Result<File> {
    open_with(Opening::OrCreate, "open", path)
}

/// Makes an empty file; one of that name is emptied.
pub fn create(path: &Path) -> Result<File> {
    open_with(Opening::Empty, "create", path)
}

/// The whole of a small file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    at("read", path, device::read(path))
}

/// A file's length in bytes.
pub fn len(path: &Path) -> Result<u64> {
    at("look at", path, device::metadata(path).map(|m| m.len()))
}

/// When a file was last written, in ms since 1970.
pub fn modified_ms(path: &Path) -> Result<i64> {
    let modified = at("look at", path, device::metadata(path).and_then(|m| m.modified()))?;
    Ok(modified.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64))
}

/// How many bytes can still be written to the file system that `path` lies on; none where it takes no more files, and
/// `u64::MAX` where it does not tell its size.
pub fn room(path: &Path) -> Result<u64> {
    at("look for the room left at", path, device::room(path))
}

/// Whether something of that name exists.
pub fn exists(path: &Path) -> Result<bool> {
    at("look for", path, device::exists(path))
}

/// The one path that the directory has, links resolved.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    at("open", path, device::canonical(path))
}

/// Makes `path` hold `bytes`, all or nothing, and returns when that is durable: written to `path.tmp`,
/// flushed, renamed, the directory flushed.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary(path);
    let file = create(&temporary)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    rename(&temporary, path)?;
    sync_parent(path)
}

/// As [`replace`], but what `path` held stays as `path.tmp` and is written over the next time. So a small file that was
/// written once finds room where there is none left for others. Where it could not stay, room is kept anew, if there is any.
pub fn replace_in_turn(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary(path);
    let file = open_or_create(&temporary)?;
    file.write_at(bytes, 0)?;
    file.set_len(bytes.len() as u64)?;
    file.sync()?;
    if device::exchange(&temporary, path).is_ok() {
        return sync_parent(path);
    }
    // There is no file yet, or the file system cannot do this.
    rename(&temporary, path)?;
    sync_parent(path)?;
    // What was to be written is.
    unless_out_of_room(keep_room_to_replace(path))
}

/// Makes sure that there is what [`replace_in_turn`] writes over.
pub fn keep_room_to_replace(path: &Path) -> Result<()> {
    let file = open_or_create(&temporary(path))?;
    if file.len()? == 0 {
        file.write_at(&[0; 512], 0)?;
        file.sync()?;
        sync_parent(path)?;
    }
    Ok(())
}

fn temporary(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    PathBuf::from(temporary)
}

fn sync_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

/// Renames a file or directory; replaces a file of the new name.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    at("rename", from, device::rename(from, to))
}

/// Removes a file; one that is not there is no error.
pub fn remove(path: &Path) -> Result<()> {
    match device::remove(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => at("remove", path, result),
    }
}

/// Makes a directory and those above it; an existing one is no error.
pub fn create_dir(path: &Path) -> Result<()> {
    at("create", path, device::create_dir(path))
}

/// Makes a directory and those above it, durably: each new one is an entry of the one above it.
pub fn create_dir_durably(path: &Path) -> Result<()> {
    let mut above = Vec::new();
    for directory in path.ancestors() {
        if directory.as_os_str().is_empty() || exists(directory)? {
            break;
        }
        above.extend(directory.parent());
    }
    create_dir(path)?;
    // The parent of a relative path of one name is the working directory.
    let here = |path: &&Path| path.as_os_str().is_empty();
    above.into_iter().try_for_each(|path| sync_dir(if here(&path) { Path::new(".") } else { path }))
}

/// Removes a directory with all that is in it; one that is not there is no error.
pub fn remove_dir(path: &Path) -> Result<()> {
    match device::remove_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => at("remove", path, result),
    }
}

/// Returns when the directory's entries (files made, renamed, removed) are on the disk.
pub fn sync_dir(path: &Path) -> Result<()> {
    at(FLUSH, path, device::sync_dir(path))
}

/// The names in a directory, sorted; names that are not UTF-8 are none of Kafka's and are left out.
pub fn list(path: &Path) -> Result<Vec<String>> {
    let names = at("list", path, device::list(path))?;
    let mut names: Vec<_> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    Ok(names)
}
