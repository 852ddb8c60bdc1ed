use std::path::Path;
use std::time::Duration;

use kraftig_spec::model::Landmark;
use kraftig_spec::model::Story;
use kraftig_spec::model::quorum::{Bounds, QuorumModel};
use kraftig_spec::quorum::mutant::{Mutant, Mutants};
use stateright::{Checker, Model, Property};

use super::*;

fn quorum((nodes, epochs, values): (u8, u8, u8), crashes: Option<u8>) -> QuorumModel {
    QuorumModel::new(Bounds::of((nodes, epochs, values), crashes)).unwrap()
}

fn all(model: &impl Explorable, limits: &Limits) -> Found {
    search(model, limits, |_| {}).unwrap()
}

#[test]
fn nothing_depends_on_threads_or_memory() {
    let mutated = quorum((3, 2, 0), None).with_mutants(Mutants::of(&[Mutant::GrantsTwice]));
    for model in [quorum((3, 2, 0), None), quorum((2, 2, 1), Some(1)), mutated] {
        let one = all(&model, &Limits::of(1));
        assert_eq!(one.spilled, 0);
        let two = all(&model, &Limits::of(3));
        assert_eq!(one, two);
        // Room for what is seen, and for little of what waits.
        let spilling = all(&model, &Limits { memory: one.seen_bytes, ..Limits::of(2) });
        assert!(spilling.spilled > 0);
        assert_eq!(Found { spilled: 0, ..spilling }, one);
        let paths = |found: &Found| {
            found.violations.iter().map(|violation| path(&model, violation)).collect::<Vec<_>>()
        };
        assert_eq!(paths(&one), paths(&two));
    }
}

#[test]
fn too_little_memory_is_told() {
    let model = quorum((2, 2, 1), Some(1));
    let found = all(&model, &Limits { memory: 1 << 12, ..Limits::of(1) });
    assert_eq!((found.end, found.complete()), (End::Memory, false));
}

#[test]
fn stateright_sees_the_same() {
    for (bounds, crashes) in [((2, 2, 1), None), ((3, 1, 1), Some(1)), ((3, 2, 0), None)] {
        let ours = all(&quorum(bounds, crashes), &Limits::of(2));
        let theirs = quorum(bounds, crashes).checker().spawn_bfs().join();
        assert_eq!(ours.unique, theirs.unique_state_count() as u64);
        assert_eq!(ours.generated, theirs.state_count() as u64);
        assert!(theirs.discoveries().is_empty());
    }
}

#[test]
fn a_cut_search_is_not_complete() {
    let model = quorum((2, 1, 1), Some(0));
    let whole = all(&model, &Limits::of(1));
    assert!(whole.complete());
    let cut = |max_depth| all(&model, &Limits { max_depth: Some(max_depth), ..Limits::of(1) });
    assert!(cut(whole.depth()).complete());
    let less = cut(whole.depth() - 1);
    assert_eq!(less.end, End::MaxDepth);
    assert_eq!(less.levels, whole.levels[..whole.depth()]);
    assert_eq!(cut(0).unique, 1);
}

/// Steps up a ladder of `height` rungs, or off it at each.
struct Ladder {
    height: u32,
    /// From there one may go down again.
    broken: u32,
}

impl Model for Ladder {
    type State = u32;
    type Action = i32;

    fn init_states(&self) -> Vec<u32> {
        vec![0]
    }

    fn actions(&self, state: &u32, actions: &mut Vec<i32>) {
        if *state < self.height {
            actions.push(1);
        }
        if *state == self.broken {
            actions.push(-1);
        }
    }

    fn next_state(&self, state: &u32, step: i32) -> Option<u32> {
        state.checked_add_signed(step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("in reach", |ladder: &Self, state| *state <= ladder.height)]
    }
}

impl Explorable for Ladder {
    fn encode(&self, state: &u32, to: &mut Vec<u8>) {
        to.extend_from_slice(&state.to_le_bytes());
    }

    fn decode(&self, bytes: &[u8]) -> u32 {
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    fn step_properties(&self) -> Vec<StepProperty<Self>> {
        vec![StepProperty { name: "never down", holds: |_, before, _, after| before <= after }]
    }

    fn landmarks(&self) -> Vec<Landmark> {
        ["up", "down"].map(|name| Landmark { name, required: true }).to_vec()
    }

    fn covered(&self, action: Option<&i32>, _: &u32) -> u64 {
        action.map_or(0, |step| if *step > 0 { 1 } else { 2 })
    }

    fn story(&self, _: &[u32]) -> Story {
        Story { lanes: Vec::new(), steps: Vec::new() }
    }
}

#[test]
fn a_step_is_judged_though_its_state_is_known() {
    let found = all(&Ladder { height: 9, broken: 4 }, &Limits::of(2));
    assert_eq!(found.end, End::Violated);
    let [violation] = &found.violations[..] else { panic!("{found:?}") };
    assert_eq!((violation.property, violation.steps()), ("never down", 5));
    let model = Ladder { height: 9, broken: 4 };
    assert_eq!(path(&model, violation), [0, 1, 2, 3, 4, 3]);
    assert_eq!(found.covered, [5, 1]);
    let sound = all(&Ladder { height: 9, broken: 99 }, &Limits::of(2));
    assert_eq!((sound.end, sound.unique, sound.covered), (End::Complete, 10, vec![9, 0]));
}

/// Goes on from a checkpoint, after a kill in the middle of a block, until it is done.
#[test]
fn interrupted_as_often_as_you_like() {
    let directory = tempfile::tempdir().unwrap();
    let mutated = quorum((3, 2, 0), None).with_mutants(Mutants::of(&[Mutant::GrantsTwice]));
    for model in [quorum((2, 2, 1), None), mutated] {
        let whole = all(&model, &Limits::of(2));
        let limits = Limits {
            checkpoint: Some(CheckpointAt {
                directory: directory.path().to_owned(),
                subject: "this".to_owned(),
                every: Duration::ZERO,
            }),
            ..Limits::of(2)
        };
        let mut runs = 0;
        let last = loop {
            runs += 1;
            let mut blocks = 0;
            let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                search(&model, &limits, |_| {
                    blocks += 1;
                    assert!(blocks < 4, "killed");
                })
            }));
            match stopped {
                Ok(found) => break found.unwrap(),
                Err(_) => assert!(directory.path().join("state.json").exists()),
            }
        };
        assert!(runs > 3, "{runs}");
        assert_eq!(last.resumed, runs - 1);
        assert!(last.before > Duration::ZERO);
        let (resumed, before) = (0, Duration::ZERO);
        assert_eq!(Found { seen_bytes: whole.seen_bytes, resumed, before, ..last }, whole);
        assert!(!directory.path().join("state.json").exists());
    }
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = |subject: &str, path: &Path| Limits {
        checkpoint: Some(CheckpointAt {
            directory: path.to_owned(),
            subject: subject.to_owned(),
            every: Duration::ZERO,
        }),
        ..Limits::of(1)
    };
    let model = Ladder { height: 9, broken: 99 };
    let stop = |limits: &Limits| {
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            search(&model, limits, |progress| assert!(progress.level < 5, "killed"))
        }));
        assert!(stopped.is_err());
    };
    stop(&at("nine rungs", directory.path()));
    let other = search(&model, &at("ten rungs", directory.path()), |_| {}).unwrap_err();
    assert!(other.to_string().contains("holds a search of nine rungs, and not of ten rungs"));
    let state = directory.path().join("state.json");
    let text = std::fs::read_to_string(&state).unwrap();
    std::fs::write(&state, text.replace("\"build\":\"", "\"build\":\"0")).unwrap();
    let build = search(&model, &at("nine rungs", directory.path()), |_| {}).unwrap_err();
    assert!(build.to_string().contains("another build"), "{build}");
    std::fs::write(&state, &text[..text.len() / 2]).unwrap();
    let damaged = search(&model, &at("nine rungs", directory.path()), |_| {}).unwrap_err();
    assert!(damaged.to_string().contains("is damaged"), "{damaged}");
    std::fs::write(&state, &text).unwrap();
    let seen = std::fs::read(directory.path().join("seen")).unwrap();
    std::fs::write(directory.path().join("seen"), &seen[..seen.len() - 1]).unwrap();
    let cut = search(&model, &at("nine rungs", directory.path()), |_| {}).unwrap_err();
    assert!(cut.to_string().contains("is damaged (seen)"), "{cut}");
}

/// Whichever bit of a checkpoint is another than was written.
#[test]
fn a_flipped_bit_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits {
        checkpoint: Some(CheckpointAt {
            directory: directory.path().to_owned(),
            subject: "nine rungs".to_owned(),
            every: Duration::ZERO,
        }),
        ..Limits::of(1)
    };
    let model = Ladder { height: 9, broken: 99 };
    let run = || search(&model, &limits, |progress| assert!(progress.level < 5, "killed"));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
    let files: Vec<_> = ["seen", "state.json"].map(|name| directory.path().join(name)).into();
    let waiting = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let waiting = waiting.filter(|path| path.to_string_lossy().contains("waiting-"));
    let files: Vec<_> = files.into_iter().chain(waiting).collect();
    assert_eq!(files.len(), 3);
    for file in &files {
        let whole = std::fs::read(file).unwrap();
        for bit in (0..whole.len() * 8).step_by(whole.len() / 2 + 1) {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(file, damaged).unwrap();
            let found = search(&model, &limits, |_| {});
            assert!(found.is_err(), "bit {bit} of {}", file.display());
        }
        std::fs::write(file, whole).unwrap();
    }
    assert_eq!(search(&model, &limits, |_| {}).unwrap().unique, 10);
}
