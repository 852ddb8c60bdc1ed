//! The power goes at every change of a run, and again at every change of the recovery.

use std::path::Path;

use kraftig_log::disk::simulated::{Disk, Fault};

use crate::expected::Expected;
use crate::failure::Failure;
use crate::steps::Step;
use crate::store::{Kind, Store};

/// What a test has counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) losses: u64,
    pub(crate) changes: u64,
}

/// Cuts the power at every change of a run, and looks at what `seeds` power losses leave. Where `again` is set,
/// cuts it once more at every change of the recovery after the first of them.
pub(crate) fn everywhere(
    name: &str,
    kind: Kind,
    steps: &[Step],
    seeds: u64,
    fault: Option<Fault>,
    again: bool,
) -> Result<Counted, String> {
    let (path, left_path) = (format!("/simulated/{name}"), format!("/simulated/{name}-left"));
    let (path, left_path) = (Path::new(&path), Path::new(&left_path));
    let mut counted = Counted::default();
    loop {
        let disk = Disk::mount(path);
        disk.set_fault(fault);
        disk.power_off_after(counted.changes);
        let mut expected = Expected::default();
        let done = match Store::new(path, kind).run(steps, &mut expected) {
            Ok(()) => true,
            Err(Failure::Power) => false,
            Err(Failure::Lost(what)) => return Err(format!("{steps:?}: {what}")),
        };
        let cut = disk.lost_at().unwrap_or_else(|| "the end".to_owned());
        for seed in 0..seeds {
            let store = Store::new(left_path, kind);
            let lost = |what| {
                format!(
                    "{kind:?}, power lost at change {} ({cut}), seed {seed}: {what}\n{steps:?}",
                    counted.changes
                )
            };
            // The last time around the recovery gets to its end.
            for second in 0.. {
                let left = disk.after_power_loss(left_path, seed);
                let mut expected = expected.clone();
                if again && seed == 0 {
                    left.power_off_after(second);
                }
                let recovered = store.go_on(&mut expected);
                let ended = match recovered {
                    Ok(()) => true,
                    Err(Failure::Power) => false,
                    Err(Failure::Lost(what)) => return Err(lost(what)),
                };
                let cut = left.lost_at();
                left.power_on(seed + 1);
                counted.losses += 1;
                if let Err(failure) = store.recover(&expected) {
                    return Err(lost(format!("then at change {second} ({cut:?}): {failure:?}")));
                }
                if ended {
                    break;
                }
            }
        }
        if done {
            return Ok(counted);
        }
        counted.changes += 1;
    }
}
