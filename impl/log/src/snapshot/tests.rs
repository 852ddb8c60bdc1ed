use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use kraftig_spec::types::{Epoch, Offset, Uuid};
use kraftig_wire::batch::{BatchBuilder, batches};
use kraftig_wire::messages::voters_record::{Endpoint, KRaftVersionFeature, Voter, VotersRecord};

use super::*;

const NOW: i64 = 1_700_000_000_000;
const ID: SnapshotId = SnapshotId { end: Offset(1569), epoch: Epoch(3) };

fn header() -> SnapshotHeader {
    let voter = Voter {
        voter_id: 1,
        voter_directory_id: Uuid([9; 16]),
        endpoints: vec![Endpoint {
            name: "CONTROLLER".into(),
            host: "localhost".into(),
            port: 9093,
        }],
        kraft_version_feature: KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: 1,
        },
    };
    let voters = VotersRecord { version: 0, voters: vec![voter] };
    SnapshotHeader { last_contained_log_timestamp: 77, kraft_version: 1, voters: Some(voters) }
}

fn write(directory: &Path, id: SnapshotId, records: &[Bytes]) {
    let mut writer = SnapshotWriter::create(directory, id, &header(), NOW).unwrap().unwrap();
    for record in records {
        writer.append(record, NOW).unwrap();
    }
    writer.freeze(NOW).unwrap();
}

fn records(count: usize, size: usize) -> Vec<Bytes> {
    (0..count).map(|n| Bytes::from(vec![n as u8; size])).collect()
}

fn values(file: &SnapshotFile) -> Result<Vec<Bytes>, SnapshotError> {
    let (_, contents) = file.contents()?;
    let mut values = Vec::new();
    for batch in contents {
        let batch = batch?;
        values.extend(batch.iter().map(|record| batch.slice(record.unwrap().value.unwrap())));
    }
    Ok(values)
}

fn names(directory: &Path) -> Vec<String> {
    disk::list(directory).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    assert!(SnapshotFile::open(directory, ID).unwrap().is_none());
    let records = records(2500, 30);
    write(directory, ID, &records);
    assert_eq!(names(directory), ["00000000000000001569-0000000003.checkpoint"]);
    let mode = std::fs::metadata(path(directory, ID)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o400);

    let file = SnapshotFile::open(directory, ID).unwrap().unwrap();
    assert_eq!(file.contents().unwrap().0, header());
    assert_eq!(values(&file).unwrap(), records);
    assert!(SnapshotWriter::create(directory, ID, &header(), NOW).unwrap().is_none());

    // Offsets count from 0, and all is of the snapshot's epoch.
    let batches: Vec<_> = batches(file.read(0, usize::MAX).unwrap()).map(Result::unwrap).collect();
    let offsets: Vec<_> =
        batches.iter().map(|b| (b.header().base_offset, b.header().record_count)).collect();
    assert_eq!(offsets, [(0, 3), (3, 1024), (1027, 1024), (2051, 452), (2503, 1)]);
    assert!(batches.iter().all(|batch| batch.header().leader_epoch == 3));
    assert!(batches.iter().all(|batch| batch.header().max_timestamp == NOW));
}

#[test]
fn a_batch_takes_8_mib() {
    let directory = tempfile::tempdir().unwrap();
    let records = records(20, 3 << 20);
    write(directory.path(), ID, &records);
    let file = SnapshotFile::open(directory.path(), ID).unwrap().unwrap();
    assert_eq!(values(&file).unwrap(), records);
    for batch in batches(file.read(0, usize::MAX).unwrap()) {
        assert!(batch.unwrap().bytes().len() <= MAX_BATCH);
    }
    let id = SnapshotId { end: Offset(2000), ..ID };
    let mut writer = SnapshotWriter::create(directory.path(), id, &header(), NOW).unwrap().unwrap();
    let error = writer.append(&vec![0; MAX_BATCH], NOW).unwrap_err().to_string();
    assert!(error.contains("a record takes 8388608 bytes"), "{error}");
    drop(writer);
    assert_eq!(names(directory.path()), [ID.to_string()]);
}

#[test]
fn chunks_arrive_in_order() {
    let [from, to] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    write(from.path(), ID, &records(100, 30));
    let sent = SnapshotFile::open(from.path(), ID).unwrap().unwrap();
    let mut receiver = SnapshotReceiver::create(to.path(), ID).unwrap();
    while receiver.position() < sent.len() {
        let position = receiver.position();
        let chunk = sent.read(position, 1000).unwrap();
        let again = receiver.append(position + 1, &chunk).unwrap_err().to_string();
        assert!(again.contains(&format!("cannot follow the first {position}")), "{again}");
        receiver.append(position, &chunk).unwrap();
    }
    assert!(sent.read(sent.len(), 10).unwrap().is_empty());
    assert!(sent.read(u64::MAX, 10).unwrap().is_empty());
    assert!(list(to.path()).unwrap().is_empty(), "it has its name when it is whole");
    receiver.seal().unwrap().publish().unwrap();
    let [one, other] = [&from, &to].map(|dir| std::fs::read(path(dir.path(), ID)).unwrap());
    assert!(one == other);
}

#[test]
fn what_is_not_whole_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(directory, ID, &records(3, 30));
    let whole = std::fs::read(path(directory, ID)).unwrap();
    let received = |bytes: &[u8]| {
        let id = SnapshotId { end: Offset(9), ..ID };
        let mut receiver = SnapshotReceiver::create(directory, id).unwrap();
        receiver.append(0, bytes).unwrap();
        let result = receiver.seal().and_then(|whole| Ok(whole.publish()?));
        assert_eq!(list(directory).unwrap().contains(&id), result.is_ok());
        if result.is_ok() {
            std::fs::remove_file(path(directory, id)).unwrap();
        }
        result
    };
    received(&whole).unwrap();
    for len in 0..whole.len() {
        received(&whole[..len]).unwrap_err();
    }
    received(&[&whole[..], &whole[..]].concat()).unwrap_err();
    let mut batch = BatchBuilder::new(0, 3, NOW);
    batch.push(None, Some(b"x"));
    let headless = received(&[&batch.build()[..], &whole[..]].concat()).unwrap_err().to_string();
    assert!(headless.ends_with("it does not begin with a header"), "{headless}");
    let footer = batches(whole.clone().into()).last().unwrap().unwrap().bytes().len();
    let cut = received(&whole[..whole.len() - footer]).unwrap_err().to_string();
    assert!(cut.ends_with("it does not end with a footer"), "{cut}");
    // A byte that is wrong is seen, but for offsets and epochs, from which nothing is read.
    let second = batches(whole.clone().into()).next().unwrap().unwrap().bytes().len();
    for at in (0..whole.len()).filter(|at| (16..second).contains(at) || *at >= second + 16) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        let base = whole.len() - footer;
        let uncovered = (base..base + 8).contains(&at) || (base + 12..base + 16).contains(&at);
        assert_eq!(received(&flipped).is_ok(), uncovered, "flipped at {at}");
    }
}

/// A length is not believed, even where the file is as long.
#[test]
fn a_batch_of_any_length_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(directory, ID, &[]);
    let mut bytes = std::fs::read(path(directory, ID)).unwrap();
    let size = format::LARGEST_BATCH as i32 + 1;
    bytes[8..12].copy_from_slice(&(size - 12).to_be_bytes());
    let long = directory.join("long");
    std::fs::write(&long, bytes).unwrap();
    // It has holes, and takes no room.
    std::fs::File::options().write(true).open(&long).unwrap().set_len(size as u64 * 2).unwrap();
    let error = SnapshotFile::open_at(&long).unwrap().contents().unwrap_err().to_string();
    assert!(error.ends_with("a batch of 67108865 bytes; none is longer than 67108864"), "{error}");
}

#[test]
fn what_a_try_left_is_no_hindrance() {
    let directory = tempfile::tempdir().unwrap();
    let left = directory.path().join("00000000000000001569-0000000003-0.checkpoint.part");
    std::fs::write(&left, [7; 5000]).unwrap();
    let read_only = std::fs::Permissions::from_mode(0o400);
    std::fs::set_permissions(&left, read_only).unwrap();
    write(directory.path(), ID, &[]);
    let file = SnapshotFile::open(directory.path(), ID).unwrap().unwrap();
    assert!(values(&file).unwrap().is_empty());
    assert_eq!(names(directory.path()), [ID.to_string()]);
}

#[test]
fn a_start_cleans_up() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    assert!(clean(&directory.join("none"), Offset(0)).unwrap().is_empty());
    let id = |end| SnapshotId { end: Offset(end), ..ID };
    for end in [0, 10, 20, 30] {
        write(directory, id(end), &[]);
    }
    retire(directory, id(30)).unwrap();
    assert_eq!(list(directory).unwrap(), [id(0), id(10), id(20)]);
    let others = ["00000000000000000000.log", "quorum-state", "mine.part", "mine.deleted"];
    for name in others {
        std::fs::write(directory.join(name), "").unwrap();
    }
    let part = "00000000000000001569-0000000001-674206646693823876.checkpoint.part";
    std::fs::write(directory.join(part), "").unwrap();

    assert_eq!(clean(directory, Offset(10)).unwrap(), [id(10), id(20)]);
    let mut expected: Vec<_> = [id(10), id(20)].map(|id| id.to_string()).into();
    expected.extend(others.map(str::to_owned));
    expected.sort();
    assert_eq!(names(directory), expected);

    retire(directory, id(10)).unwrap();
    remove_retired(directory, id(10)).unwrap();
    assert_eq!(list(directory).unwrap(), [id(20)]);
}
