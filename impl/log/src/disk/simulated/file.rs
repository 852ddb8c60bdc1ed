//! A file of a simulated disk: what a process sees of it, what is safe, and what lies between.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, memfd_create};

use super::SECTOR;
use super::random::Random;

type Sector = Box<[u8; SECTOR]>;

#[derive(Debug)]
pub(super) struct Content {
    /// What a process sees.
    seen: fs::File,
    safe: Safe,
    /// What was done since the last flush, oldest first.
    unflushed: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Sector(u64, Sector),
    Length(u64),
}

/// Bytes that survive. A sector that is not there is all zeros; none holds anything past the length.
#[derive(Clone, Debug, Default)]
struct Safe {
    length: u64,
    sectors: BTreeMap<u64, Sector>,
}

impl Content {
    pub(super) fn empty() -> io::Result<Self> {
        let seen = memfd_create("simulated file", MemfdFlags::CLOEXEC)?.into();
        Ok(Self { seen, safe: Safe::default(), unflushed: Vec::new() })
    }

    /// The file that a process reads.
    pub(super) fn seen(&self) -> &fs::File {
        &self.seen
    }

    pub(super) fn write(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        let before = self.seen.metadata()?.len();
        self.seen.write_all_at(bytes, position)?;
        let end = position + bytes.len() as u64;
        for index in position / SECTOR as u64..end.div_ceil(SECTOR as u64) {
            self.changed(index)?;
            let length = end.min((index + 1) * SECTOR as u64);
            if length > before {
                self.unflushed.push(Change::Length(length));
            }
        }
        Ok(())
    }

    pub(super) fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.seen.set_len(length)?;
        self.unflushed.push(Change::Length(length));
        Ok(())
    }

    /// Notes a sector as it is now.
    fn changed(&mut self, index: u64) -> io::Result<()> {
        let mut sector = Box::new([0; SECTOR]);
        let mut read = 0;
        while read < SECTOR {
            let position = index * SECTOR as u64 + read as u64;
            match self.seen.read_at(&mut sector[read..], position)? {
                0 => break,
                more => read += more,
            }
        }
        self.unflushed.push(Change::Sector(index, sector));
        Ok(())
    }

    pub(super) fn flush(&mut self) {
        for change in &self.unflushed {
            self.safe.apply(change);
        }
        self.unflushed.clear();
        self.safe.trim();
    }

    /// What a power loss leaves.
    pub(super) fn survivor(&self, random: &mut Random) -> io::Result<Self> {
        let mut left = Self { safe: self.safe.clone(), ..Self::empty()? };
        for change in random.survivors(&self.unflushed) {
            left.safe.apply(change);
        }
        left.safe.trim();
        for (index, sector) in &left.safe.sectors {
            left.seen.write_all_at(&sector[..], index * SECTOR as u64)?;
        }
        left.seen.set_len(left.safe.length)?;
        Ok(left)
    }
}

impl Safe {
    fn apply(&mut self, change: &Change) {
        match change {
            // It may lie beyond the length, which may still come.
            Change::Sector(index, sector) => drop(self.sectors.insert(*index, sector.clone())),
            Change::Length(length) => {
                let cut = *length < self.length;
                self.length = *length;
                if cut {
                    self.trim();
                }
            }
        }
    }

    /// Forgets what is past the length.
    fn trim(&mut self) {
        let length = self.length;
        self.sectors.split_off(&length.div_ceil(SECTOR as u64));
        if let Some(sector) = self.sectors.get_mut(&(length / SECTOR as u64)) {
            sector[(length % SECTOR as u64) as usize..].fill(0);
        }
    }
}
