//! Snapshots on a disk that forgets: the power goes at every change while some are written, received and
//! removed. What has a snapshot's name afterwards is whole, and what was acknowledged is there.

use std::path::Path;

use bytes::Bytes;
use kraftig_log::disk;
use kraftig_log::disk::simulated::{Disk, Fault};
use kraftig_log::snapshot::{
    self, SnapshotError, SnapshotFile, SnapshotHeader, SnapshotId, SnapshotReceiver, SnapshotWriter,
};
use kraftig_spec::types::{Epoch, Offset};

/// What is acknowledged: these are there, and those are gone.
#[derive(Debug, Default)]
struct Acknowledged {
    there: Vec<SnapshotId>,
    gone: Vec<SnapshotId>,
}

fn id(end: i64) -> SnapshotId {
    SnapshotId { end: Offset(end), epoch: Epoch(2) }
}

/// Snapshots of several batches over many sectors; no two are alike.
fn records(id: SnapshotId) -> Vec<Bytes> {
    (0..2200).map(|n| Bytes::from(format!("{} of {id}", n * id.end.0))).collect()
}

fn write(directory: &Path, id: SnapshotId) -> Result<(), SnapshotError> {
    let header = SnapshotHeader::default();
    let mut writer = SnapshotWriter::create(directory, id, &header, 1)?.expect("a new one");
    records(id).iter().try_for_each(|record| writer.append(record, 1))?;
    writer.freeze(1)
}

fn run(root: &Path, sent: &[u8], done: &mut Acknowledged) -> Result<(), SnapshotError> {
    let directory = &root.join("__cluster_metadata-0");
    disk::create_dir_durably(directory)?;
    for end in [10, 20] {
        write(directory, id(end))?;
        done.there.push(id(end));
    }
    let mut receiver = SnapshotReceiver::create(directory, id(30))?;
    for chunk in sent.chunks(20_000) {
        receiver.append(receiver.position(), chunk)?;
    }
    receiver.seal()?.publish()?;
    done.there.push(id(30));
    done.there.retain(|other| *other != id(10));
    snapshot::retire(directory, id(10))?;
    done.gone.push(id(10));
    snapshot::remove_retired(directory, id(10))?;
    done.there.retain(|other| *other != id(20));
    snapshot::clean(directory, Offset(30))?;
    Ok(())
}

/// Starts on what a power loss left.
fn check(root: &Path, done: &Acknowledged) -> Result<(), String> {
    let directory = &root.join("__cluster_metadata-0");
    let text = |error: SnapshotError| error.to_string();
    let found = snapshot::clean(directory, Offset(0)).map_err(|e| e.to_string())?;
    if let Some(lost) = done.there.iter().find(|id| !found.contains(id)) {
        return Err(format!("{lost} is lost"));
    }
    if let Some(back) = done.gone.iter().find(|id| found.contains(id)) {
        return Err(format!("{back} is back"));
    }
    for id in found {
        let file = SnapshotFile::open(directory, id).map_err(|e| e.to_string())?.unwrap();
        let mut values = Vec::new();
        for batch in file.contents().map_err(text)?.1 {
            let batch = batch.map_err(text)?;
            for record in &batch {
                let value = record.map_err(|e| format!("{id}: {e}"))?.value.unwrap_or_default();
                values.push(batch.slice(value));
            }
        }
        if values != records(id) {
            return Err(format!("{id} holds other records"));
        }
    }
    Ok(())
}

/// Cuts the power at every change, and looks at what eight power losses leave. Gives the number of changes.
fn everywhere(name: &str, fault: Option<Fault>) -> Result<u64, String> {
    let source = Disk::mount(Path::new(&format!("/simulated/{name}-source")));
    write(source.path(), id(30)).unwrap();
    let sent = disk::read(&snapshot::path(source.path(), id(30))).unwrap();
    let (path, left) = (format!("/simulated/{name}"), format!("/simulated/{name}-left"));
    for changes in 0.. {
        let disk = Disk::mount(Path::new(&path));
        disk.set_fault(fault);
        disk.power_off_after(changes);
        let mut done = Acknowledged::default();
        let ended = run(disk.path(), &sent, &mut done).is_ok();
        assert!(ended == disk.is_on(), "nothing but the power stops it");
        let cut = disk.lost_at().unwrap_or_else(|| "the end".to_owned());
        for seed in 0..8 {
            let left = disk.after_power_loss(Path::new(&left), seed);
            check(left.path(), &done)
                .map_err(|what| format!("power lost at {cut}, seed {seed}: {what}"))?;
        }
        if ended {
            println!("power losses: {} at {changes} changes, 8 seeds", (changes + 1) * 8);
            return Ok(changes);
        }
    }
    unreachable!("it ends")
}

#[test]
fn a_snapshot_is_there_whole_or_not_at_all() {
    assert!(everywhere("snapshots", None).unwrap() > 30);
}

/// The test above would see it if nothing were flushed.
#[test]
fn a_disk_that_does_not_flush_loses() {
    for fault in [Fault::FlushDoesNothing, Fault::DirectorySyncLeftOut] {
        let lost = everywhere("broken-snapshots", Some(fault)).unwrap_err();
        println!("{fault:?}: {lost}");
    }
}
