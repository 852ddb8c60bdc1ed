//! What the disk keeps and what it forgets.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::disk;

/// A disk at a path of the test's own.
fn mount(name: &str) -> (Disk, PathBuf) {
    let path = Path::new("/simulated").join(name);
    (Disk::mount(&path), path)
}

fn write(path: &Path, bytes: &[u8]) -> disk::File {
    let file = disk::open_or_create(path).unwrap();
    file.write_at(bytes, 0).unwrap();
    file
}

/// Everything that `look` finds after a power loss now, with many seeds.
fn outcomes<T: Ord>(disk: &Disk, name: &str, look: impl Fn(&Path) -> T) -> BTreeSet<T> {
    let path = Path::new("/simulated").join(format!("{name}-outcome"));
    let outcome = |seed| {
        let left = disk.after_power_loss(&path, seed);
        look(left.path())
    };
    (0..400).map(outcome).collect()
}

#[test]
fn acts_as_a_file_system_while_the_power_is_on() {
    let (disk, root) = mount("acts");
    disk::create_dir(&root.join("a/b")).unwrap();
    let path = root.join("a/b/file");
    assert!(disk::open(&path).unwrap_err().is_not_found());
    let file = write(&path, b"hello");
    file.write_at(b"end", 10_000_000).unwrap();
    assert_eq!((file.len().unwrap(), disk::len(&path).unwrap()), (10_000_003, 10_000_003));
    file.set_len(7).unwrap();
    file.set_len(9).unwrap();
    assert_eq!(disk::read(&path).unwrap(), b"hello\0\0\0\0");
    let mut bytes = [1; 20];
    assert_eq!(file.read_at(&mut bytes, 1).unwrap(), 8);
    assert!(file.read_exact_at(&mut bytes, 1).is_err());
    assert_eq!(disk::list(&root.join("a/b")).unwrap(), ["file"]);

    let other = write(&root.join("a/b/other"), b"other");
    disk::rename(&root.join("a/b/other"), &path).unwrap();
    assert!(other.is_at(&path).unwrap() && !file.is_at(&path).unwrap());
    assert_eq!(disk::list(&root.join("a/b")).unwrap(), ["file"]);
    assert_eq!(file.len().unwrap(), 9, "an open file outlives its name");
    disk::rename(&root.join("a/b"), &root.join("c")).unwrap();
    assert_eq!(disk::read(&root.join("c/file")).unwrap(), b"other");
    assert!(!disk::exists(&path).unwrap() && disk::exists(&root.join("c")).unwrap());
    disk::create(&root.join("c/file")).unwrap();
    assert_eq!(disk::len(&root.join("c/file")).unwrap(), 0, "emptied");
    disk::replace(&root.join("c/file"), b"new").unwrap();
    assert_eq!(disk::read(&root.join("c/file")).unwrap(), b"new");
    disk::remove(&root.join("c/file")).unwrap();
    disk::remove(&root.join("c/file")).unwrap();
    disk::create_dir(&root.join("c/d/e")).unwrap();
    write(&root.join("c/d/e/f"), b"");
    assert!(disk::remove(&root.join("c/d")).is_err());
    disk::remove_dir(&root.join("c")).unwrap();
    disk::remove_dir(&root.join("c")).unwrap();
    assert_eq!(disk::list(&root).unwrap(), ["a"]);
    drop(disk);
    assert!(!disk::exists(&root).unwrap());
}

#[test]
fn the_host_has_everything_else() {
    let (_disk, root) = mount("else");
    let directory = tempfile::tempdir().unwrap();
    disk::replace(&directory.path().join("file"), b"x").unwrap();
    assert_eq!(std::fs::read(directory.path().join("file")).unwrap(), b"x");
    assert!(disk::rename(&directory.path().join("file"), &root.join("file")).is_err());
    disk::remove_dir(directory.path()).unwrap();
}

#[test]
fn sectors_survive_one_by_one() {
    let (disk, root) = mount("sectors");
    let path = root.join("file");
    let file = write(&path, &[1; 3 * SECTOR]);
    file.sync().unwrap();
    disk::sync_dir(&root).unwrap();
    file.write_at(&[2; 2 * SECTOR], SECTOR as u64 / 2).unwrap();
    let look = |root: &Path| -> Vec<Vec<u8>> {
        let bytes = disk::read(&root.join("file")).unwrap();
        bytes.chunks(SECTOR).map(<[u8]>::to_vec).collect()
    };
    let found = outcomes(&disk, "sectors", look);
    assert_eq!(found.len(), 8, "each of three sectors is old or new");
    assert!(found.iter().all(|sectors| sectors.len() == 3));
    assert!(found.contains(&vec![vec![1; SECTOR]; 3]));
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "sectors", look).len(), 1);
}

#[test]
fn lengths_and_data_survive_apart() {
    let (disk, root) = mount("lengths");
    let path = root.join("file");
    let file = write(&path, &[1; 100]);
    file.sync().unwrap();
    disk::sync_dir(&root).unwrap();
    file.write_at(&[2; SECTOR], 100).unwrap();
    let look = |root: &Path| {
        let mut bytes = disk::read(&root.join("file")).unwrap();
        assert_eq!(bytes[..100], [1; 100], "what was flushed is there");
        bytes.drain(..100);
        let rest: Vec<_> = bytes.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
        rest
    };
    let (head, tail) = (SECTOR - 100, 100);
    let expected = [
        vec![],
        vec![(0, head)],
        vec![(2, head)],
        vec![(0, SECTOR)],
        vec![(2, SECTOR)],
        vec![(0, head), (2, tail)],
        vec![(2, head), (0, tail)],
    ];
    assert_eq!(outcomes(&disk, "lengths", look), BTreeSet::from(expected));

    // A cut that is not flushed may not have been; what was cut off does not come back with a later length.
    file.sync().unwrap();
    file.set_len(50).unwrap();
    file.set_len(80).unwrap();
    let look = |root: &Path| {
        let bytes = disk::read(&root.join("file")).unwrap();
        (bytes.len(), bytes.iter().filter(|byte| **byte != 0).count())
    };
    let all = 100 + SECTOR;
    let expected = [(all, all), (50, 50), (80, 50), (80, 80)];
    assert_eq!(outcomes(&disk, "lengths", look), BTreeSet::from(expected));
}

#[test]
fn a_name_is_safe_when_its_directory_is_flushed() {
    let (disk, root) = mount("names");
    let names = |root: &Path| disk::list(root).unwrap();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    write(&root.join("a"), b"a").sync().unwrap();
    assert_eq!(outcomes(&disk, "names", names), BTreeSet::from([set(&[]), set(&["a"])]));
    disk::sync_dir(&root).unwrap();
    assert_eq!(outcomes(&disk, "names", names), BTreeSet::from([set(&["a"])]));

    disk::rename(&root.join("a"), &root.join("b")).unwrap();
    write(&root.join("c"), b"c");
    let expected = [set(&["a"]), set(&["b"]), set(&["a", "c"]), set(&["b", "c"])];
    assert_eq!(outcomes(&disk, "names", names), BTreeSet::from(expected));
    disk::sync_dir(&root).unwrap();
    disk::remove(&root.join("b")).unwrap();
    let expected = [set(&["b", "c"]), set(&["c"])];
    assert_eq!(outcomes(&disk, "names", names), BTreeSet::from(expected));
    let content = |root: &Path| disk::read(&root.join("c")).unwrap();
    assert_eq!(
        outcomes(&disk, "names", content),
        BTreeSet::from([b"".to_vec(), b"\0".to_vec(), b"c".to_vec()]),
        "a flush of the directory flushes no file"
    );
    // The first renaming is lost, the second is not: one name, not two.
    write(&root.join("x"), b"");
    disk::sync_dir(&root).unwrap();
    disk::rename(&root.join("x"), &root.join("y")).unwrap();
    disk::rename(&root.join("y"), &root.join("z")).unwrap();
    let last = |root: &Path| names(root).split_off(1);
    let expected = [set(&["x"]), set(&["y"]), set(&["z"])];
    assert_eq!(outcomes(&disk, "names", last), BTreeSet::from(expected));

    disk::create_dir(&root.join("d")).unwrap();
    write(&root.join("d/e"), b"").sync().unwrap();
    disk::sync_dir(&root.join("d")).unwrap();
    let there = |root: &Path| disk::exists(&root.join("d/e")).unwrap();
    assert_eq!(outcomes(&disk, "names", there), BTreeSet::from([false, true]));
    disk::sync_dir(&root).unwrap();
    assert_eq!(outcomes(&disk, "names", there), BTreeSet::from([true]));
}

#[test]
fn a_directory_is_made_durably() {
    let (disk, root) = mount("durably");
    disk::create_dir(&root.join("a")).unwrap();
    disk::create_dir_durably(&root.join("b/c/d")).unwrap();
    disk::create_dir_durably(&root.join("b/c/d")).unwrap();
    let look = |root: &Path| disk::exists(&root.join("b/c/d")).unwrap();
    assert_eq!(outcomes(&disk, "durably", look), BTreeSet::from([true]));
}

#[test]
fn the_power_goes_at_any_change() {
    // Nine changes: make, write, flush, make, write, flush, rename, remove, flush.
    let run = |root: &Path| -> Result<(), disk::DiskError> {
        let file = disk::open_or_create(&root.join("a"))?;
        file.write_at(b"1", 0)?;
        file.sync()?;
        let other = disk::create(&root.join("b.tmp"))?;
        other.write_at(b"2", 0)?;
        other.sync()?;
        disk::rename(&root.join("b.tmp"), &root.join("b"))?;
        disk::remove(&root.join("a"))?;
        disk::sync_dir(root)
    };
    for after in 0..9 {
        let (disk, root) = mount("changes");
        disk.power_off_after(after);
        let error = run(&root).unwrap_err();
        assert!(error.to_string().contains("power"), "{error}");
        assert_eq!((disk.changes(), disk.is_on()), (after + 1, false));
        assert!(disk.lost_at().unwrap().contains("/simulated/changes"));
        assert!(disk::list(&root).is_err() && disk::open(&root.join("a")).is_err());
        disk.power_on(after);
        assert!(disk.is_on());
        disk::list(&root).unwrap();
    }
    let (disk, root) = mount("changes");
    disk.power_off_after(9);
    run(&root).unwrap();
    assert!(disk.is_on());
    assert!(disk::create(&root.join("c")).is_err(), "the tenth");
    disk.power_on(0);
    assert_eq!(disk::read(&root.join("b")).unwrap(), b"2");

    let open = disk::open(&root.join("b")).unwrap();
    disk.power_off();
    assert!(open.len().is_err() && open.sync().is_err());
    disk.power_on(0);
    assert!(open.len().is_err() && open.write_at(b"3", 0).is_err(), "opened before");
    assert_eq!(disk::read(&root.join("b")).unwrap(), b"2");
}

#[test]
fn what_was_being_done_may_be_done() {
    let (disk, root) = mount("torn");
    let file = write(&root.join("a"), &[1; 2 * SECTOR]);
    file.sync().unwrap();
    disk::sync_dir(&root).unwrap();
    disk.power_off_after(0);
    file.write_at(&[2; 2 * SECTOR], 0).unwrap_err();
    let sectors = |root: &Path| {
        let bytes = disk::read(&root.join("a")).unwrap();
        (bytes[0], bytes[SECTOR])
    };
    let expected = [(1, 1), (1, 2), (2, 1), (2, 2)];
    assert_eq!(outcomes(&disk, "torn", sectors), BTreeSet::from(expected));

    let (disk, root) = mount("torn-flush");
    let file = write(&root.join("a"), b"1");
    disk.power_off_after(0);
    file.sync().unwrap_err();
    let there = |root: &Path| disk::read(&root.join("a")).unwrap_or_default() == b"1";
    assert_eq!(outcomes(&disk, "torn", there), BTreeSet::from([false, true]));
}

#[test]
fn faults_are_faults() {
    for (fault, kept) in [
        (None, BTreeSet::from([true])),
        (Some(Fault::FlushDoesNothing), BTreeSet::from([false, true])),
        (Some(Fault::DirectorySyncLeftOut), BTreeSet::from([false, true])),
    ] {
        let (disk, root) = mount("faults");
        disk.set_fault(fault);
        disk::replace(&root.join("file"), b"content").unwrap();
        let whole = |root: &Path| disk::read(&root.join("file")).unwrap_or_default() == b"content";
        assert_eq!(outcomes(&disk, "faults", whole), kept, "{fault:?}");
    }
}

#[test]
fn what_is_replaced_in_turn_needs_no_room() {
    let (disk, root) = mount("in-turn");
    let path = root.join("file");
    disk::keep_room_to_replace(&path).unwrap();
    disk::replace_in_turn(&path, b"one").unwrap();
    disk::replace_in_turn(&path, b"another").unwrap();
    disk.set_room(0);
    assert!(disk::replace(&root.join("other"), b"").unwrap_err().is_out_of_room());
    let whole = |root: &Path| disk::read(&root.join("file")).unwrap();
    for content in [&b"third"[..], b"fourth", b"1"] {
        disk::replace_in_turn(&path, content).unwrap();
        assert_eq!(outcomes(&disk, "in-turn", whole), [content.to_vec()].into());
    }
    // Wherever the power goes.
    for changes in 0..5 {
        disk::replace_in_turn(&path, b"old").unwrap();
        disk.power_off_after(changes);
        disk::replace_in_turn(&path, b"new").unwrap_err();
        disk.power_on(changes);
        let left = disk::read(&path).unwrap();
        assert!(left == b"old" || left == b"new", "{left:?} after {changes} changes");
    }
}

#[test]
fn what_was_replaced_once_needs_no_room() {
    let (disk, root) = mount("once");
    let path = root.join("file");
    disk::replace_in_turn(&path, b"one").unwrap();
    disk.set_room(0);
    disk::replace_in_turn(&path, b"another").unwrap();
    assert_eq!(disk::read(&path).unwrap(), b"another");
    // The first time there is only room for the file itself: it is written, and room for the next one is not needed yet.
    let other = root.join("other");
    disk.set_room(u64::MAX);
    disk::keep_room_to_replace(&other).unwrap();
    disk.set_room(0);
    disk::replace_in_turn(&other, b"one").unwrap();
    assert!(disk::replace_in_turn(&other, b"another").unwrap_err().is_out_of_room());
    assert_eq!(disk::read(&other).unwrap(), b"one");
}

#[test]
fn a_seed_has_one_outcome() {
    let build = |name: &str| {
        let (disk, root) = mount(name);
        for index in 0..20 {
            write(&root.join(format!("file {index}")), &[index; 3000]);
        }
        disk
    };
    let look = |root: &Path| {
        let names = disk::list(root).unwrap();
        names.iter().map(|name| disk::read(&root.join(name)).unwrap()).collect::<Vec<_>>()
    };
    let one = build("seed-1");
    let mut found = BTreeSet::new();
    for seed in 0..20 {
        let left = one.after_power_loss(Path::new("/simulated/seed-3"), seed);
        let other = build("seed-2");
        other.power_on(seed);
        assert_eq!(look(left.path()), look(other.path()), "seed {seed}");
        found.insert(look(left.path()));
    }
    assert!(found.len() > 15, "{} outcomes of 20 seeds", found.len());
}
