//! A node with two disks, of which one fails.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kraftig_log::disk::{self, simulated::Disk};

use crate::client::{Client, Session, Shared, Told, check};
use crate::node::{format, start};
use crate::{PATIENCE, log_dir};

const TOPICS: [&str; 4] = ["s", "t", "u", "v"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_whose_disk_fails_acknowledges_nothing() {
    let disks = ["/simulated/good", "/simulated/bad"].map(|path| Disk::mount(Path::new(path)));
    let dirs = [log_dir(&disks[0]), log_dir(&disks[1])];
    for dir in &dirs {
        format(dir);
    }
    let told = Shared::new(Mutex::new(Told::default()));
    tokio::time::timeout(PATIENCE, life(&disks[1], &dirs, &told)).await.expect("nothing hangs");

    disks[1].power_on(1);
    let node = start(&dirs).await.unwrap();
    let address = node.address("PLAINTEXT").unwrap();
    let client = Client::connect(address).await.unwrap();
    check(&mut Session { address, client, told: &told }).await.unwrap();
    node.stop().await;
}

async fn life(bad: &Disk, dirs: &[PathBuf], told: &Shared) {
    let node = start(dirs).await.unwrap();
    let address = node.address("PLAINTEXT").unwrap();
    let client = Client::connect(address).await.unwrap();
    let mut session = Session { address, client, told };
    for topic in TOPICS {
        session.create(&[(topic, 1)]).await.unwrap();
        session.produce(topic, 0, 1000).await.unwrap();
    }
    let is_bad = TOPICS.map(|topic| disk::exists(&dirs[1].join(format!("{topic}-0"))).unwrap());
    assert!(is_bad.contains(&true) && is_bad.contains(&false), "{is_bad:?}");
    bad.power_off();
    for _ in 0..2 {
        for (topic, is_bad) in TOPICS.iter().zip(is_bad) {
            let acknowledged = session.produce(topic, 0, 1000).await.is_some();
            assert_eq!(acknowledged, !is_bad, "topic {topic}");
        }
    }
    node.stop().await;
}
