//! Snapshots in a simulation: each holds what stands for the batches before its end, so that it can be seen whether it is
//! what it says.

use std::path::Path;

use bytes::Bytes;
use kraftig_log::snapshot::{
    SealedSnapshot, SnapshotError, SnapshotFile, SnapshotHeader, SnapshotWriter,
};
use kraftig_server::quorum::Driver;
use kraftig_spec::types::SnapshotId;

use super::Failure;
use super::cluster::Cluster;
use super::node::id;

impl Cluster {
    /// A controller has written down what it knows to be committed; and a cleaner comes by.
    pub(super) fn take_snapshot(&mut self) -> Result<(), Failure> {
        let node = self.random.below(self.nodes.len() as u64) as usize;
        let told = self.nodes[node].told;
        let Some((snapshot, content)) = self.judge.before(told) else { return Ok(()) };
        if self.nodes[node].driver.is_none() {
            return Ok(());
        }
        let now = self.now.as_millis() as i64;
        match write(&self.nodes[node].directory(), snapshot, &content, now) {
            Ok(None) => return Ok(()),
            Ok(Some(sealed)) => self.drive(node, |driver| driver.snapshot(sealed))?,
            Err(error) => return self.fell(node, error.into()),
        }
        self.counts.snapshots += 1;
        if self.random.percent(50) { self.drive(node, Driver::clean) } else { Ok(()) }
    }

    /// A node's controller is told to begin with a snapshot.
    pub(super) fn begin_with(
        &mut self,
        node: usize,
        snapshot: SnapshotId,
        file: &SnapshotFile,
    ) -> Result<(), Failure> {
        let found = match read(file) {
            Ok(found) => found,
            Err(error) => return self.fell(node, error.into()),
        };
        let told = self.judge.batches_before(snapshot.end);
        let expected = self.judge.before(told);
        if expected.is_none_or(|(id, content)| id != snapshot || found != [content]) {
            return Err(Failure::OtherSnapshot { node: id(node), snapshot });
        }
        self.nodes[node].told = told;
        Ok(())
    }
}

fn write(
    directory: &Path,
    snapshot: SnapshotId,
    content: &[u8],
    now: i64,
) -> Result<Option<SealedSnapshot>, SnapshotError> {
    let header = SnapshotHeader { last_contained_log_timestamp: now, ..SnapshotHeader::default() };
    let Some(mut writer) = SnapshotWriter::create(directory, snapshot, &header, now)? else {
        return Ok(None);
    };
    writer.append(content, now)?;
    writer.seal(now).map(Some)
}

fn read(file: &SnapshotFile) -> Result<Vec<Bytes>, SnapshotError> {
    let (_, contents) = file.contents()?;
    let mut found = Vec::new();
    for records in contents {
        let records = records?;
        let values = records.iter().flatten().filter_map(|record| record.value);
        found.extend(values.map(Bytes::copy_from_slice));
    }
    Ok(found)
}
