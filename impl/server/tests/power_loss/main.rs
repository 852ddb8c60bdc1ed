//! A whole node on a disk that forgets: the power goes at any change, and what was acknowledged is there when it
//! comes back.

mod client;
mod directories;
mod node;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::time::Duration;

use client::{Client, GONE, Session, Shared, Told, check};
use kraftig_log::disk::simulated::{Disk, Fault};
use node::{format, start};

/// Longer than anything here takes: a node whose disk fails ends, and does not hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name of its threads.
const NODE: &str = "node";

/// Runs at once: most of the time a run waits for a session to end.
const RUNS: usize = 12;

/// Where on its disk a node has its files.
fn log_dir(disk: &Disk) -> PathBuf {
    disk.path().join("kafka/logs")
}

/// What the client does in the node's first life. `None` as soon as something is not acknowledged.
async fn first_life(session: &mut Session<'_>) -> Option<()> {
    session.create(&[("a", 2)]).await?;
    session.produce("a", 0, 20).await?;
    session.produce("a", 1, 700).await?;
    session.produce("a", 0, 1500).await?;
    session.create(&[("b", 1), ("c", 2), ("d", 1)]).await?;
    session.create_together(&["p", "q", "r", "s"], 10).await?;
    session.produce("b", 0, 400).await?;
    session.produce("a", 0, 900).await?;
    session.delete("a").await?;
    session.produce("b", 0, 30).await?;
    session.create(&[("a", 2)]).await?;
    session.produce("a", 1, 10).await?;
    session.produce("c", 1, 10).await
}

/// And in the second.
async fn second_life(session: &mut Session<'_>) -> Option<()> {
    session.produce("b", 0, 1000).await?;
    session.produce("a", 1, 1000).await?;
    session.create(&[("e", 1)]).await?;
    session.create_together(&["t", "u", "v"], 10).await?;
    session.produce("e", 0, 100).await?;
    session.delete("d").await?;
    session.produce("b", 0, 2000).await
}

/// And after a power loss.
async fn later_life(session: &mut Session<'_>) -> Option<()> {
    session.create(&[("z", 1)]).await?;
    session.produce("z", 0, 800).await?;
    session.produce("z", 0, 10).await
}

/// How a life of the node ends that does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stop,
    Kill,
}

/// The first panic of a node's thread. The runtime would hide it.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let of_node =
                std::thread::current().name().is_some_and(|name| [NODE, "quorum"].contains(&name));
            // A node that is killed may look at its clock when the runtime's is gone.
            let text = panic.to_string();
            if of_node && !text.contains("it is being shutdown") {
                PANIC.lock().unwrap().get_or_insert(text);
            }
            shown(panic);
        }));
    });
}

/// A node's life: what its client does, until that is done or the disk has failed and the node has ended of it.
fn live(
    disk: &Disk,
    told: &Shared,
    client: impl AsyncFnOnce(&mut Session<'_>) -> Result<(), String>,
    end: End,
) -> Result<(), String> {
    note_panics();
    let life = async {
        let mut node = match start(&[log_dir(disk)]).await {
            Ok(node) => node,
            Err(_) if !disk.is_on() => return Ok(()),
            Err(error) => return Err(format!("the node does not start: {error}")),
        };
        let address = node.address("PLAINTEXT").expect("a broker listens");
        let lived = async {
            let connection = Client::connect(address).await.ok_or(GONE)?;
            client(&mut Session { address, client: connection, told }).await
        };
        // A process whose node has failed ends, and answers nobody any more.
        let (lived, failed) = tokio::select! {
            biased;
            lived = lived => (lived, false),
            error = node.failed() => (Err(format!("the node fails: {error}")), true),
        };
        match lived {
            Ok(()) if end == End::Kill => Ok(()),
            Ok(()) => {
                node.stop().await;
                Ok(())
            }
            Err(_) if !disk.is_on() => {
                if !failed {
                    node.failed().await;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(NODE)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, life).await });
    // Nothing is left of the node then.
    drop(runtime);
    match PANIC.lock().unwrap().clone() {
        Some(panic) => Err(format!("a panic: {panic}")),
        None => ended.unwrap_or_else(|_| Err("the node hangs".to_owned())),
    }
}

/// The client's two lives, as far as the power lasts.
fn run(disk: &Disk, told: &Shared) -> Result<(), String> {
    let unanswered = || GONE.to_owned();
    let first = async |session: &mut Session<'_>| first_life(session).await.ok_or_else(unanswered);
    live(disk, told, first, End::Stop)?;
    if !disk.is_on() {
        return Ok(());
    }
    let second =
        async |session: &mut Session<'_>| second_life(session).await.ok_or_else(unanswered);
    live(disk, told, second, End::Stop)
}

/// Looks at what a power loss has left. With `cut` the power goes again after so many changes.
fn come_back(left: &Disk, told: Told, cut: Option<u64>, seed: u64) -> Result<(), String> {
    let told = Shared::new(Mutex::new(told));
    if let Some(changes) = cut {
        left.power_off_after(changes);
    }
    let again = async |session: &mut Session<'_>| {
        check(session).await?;
        later_life(session).await.ok_or_else(|| GONE.to_owned())
    };
    live(left, &told, again, End::Kill)?;
    left.power_on(seed);
    live(left, &told, check, End::Kill)
        .map_err(|what| format!("a second power loss ({cut:?} changes later): {what}"))
}

/// Cuts the power once a run, after so many changes, and looks at what `seeds` power losses leave. Gives whether
/// the run came to its end before.
fn cut(name: &str, changes: u64, seeds: u64, fault: Option<Fault>) -> Result<bool, String> {
    let path = Path::new("/simulated").join(name);
    let disk = Disk::mount(&path);
    format(&log_dir(&disk));
    disk.set_fault(fault);
    disk.power_off_after(changes);
    let told = Shared::default();
    let at = |seed, what| {
        let cut = disk.lost_at().unwrap_or_else(|| "the end".to_owned());
        format!("power lost at change {changes} ({cut}), seed {seed}: {what}")
    };
    run(&disk, &told).map_err(|what| at(0, what))?;
    let left_path = Path::new("/simulated").join(format!("{name}-left"));
    for seed in 0..seeds {
        let left = disk.after_power_loss(&left_path, seed);
        // Every other time the power goes again: during the recovery, or soon after.
        let again = (seed % 2 == 1).then_some((changes * 7 + seed * 13) % 60);
        let told = told.lock().unwrap().clone();
        come_back(&left, told, again, seed + 1).map_err(|what| at(seed, what))?;
    }
    Ok(disk.is_on())
}

/// Cuts the power at each `step`th change. Gives how many there are, or what was lost.
fn everywhere(name: &str, step: u64, seeds: u64, fault: Option<Fault>) -> Result<u64, String> {
    let next = AtomicU64::new(0);
    let found: Mutex<Option<Result<u64, String>>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for run in 0..RUNS {
            let (next, found) = (&next, &found);
            scope.spawn(move || {
                while found.lock().unwrap().is_none() {
                    let changes = next.fetch_add(step, Ordering::Relaxed);
                    let end = cut(&format!("{name}-{run}"), changes, seeds, fault);
                    let end = end.map(|end| end.then_some(changes)).transpose();
                    if let Some(end) = end {
                        found.lock().unwrap().get_or_insert(end);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap().expect("one run comes to an end")
}

#[test]
fn what_was_acknowledged_is_there() {
    const SEEDS: u64 = 3;
    let changes = everywhere("node", 1, SEEDS, None).unwrap();
    println!("power losses: {} at {changes} changes of a node, {SEEDS} seeds", changes * SEEDS * 2);
    assert!(changes > 300, "{changes}");
}

/// The test above sees it if nothing is flushed.
#[test]
fn a_disk_that_does_not_flush_loses() {
    for fault in [Fault::FlushDoesNothing, Fault::DirectorySyncLeftOut] {
        let lost = everywhere(&format!("{fault:?}"), 20, 4, Some(fault)).unwrap_err();
        println!("{fault:?}: {lost}");
        assert!(!lost.contains("hangs") && !lost.contains("a panic"), "{lost}");
    }
}
