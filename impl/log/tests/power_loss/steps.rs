//! What a run does: runs that are written down, and others from a seed.

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// So many batches in one write.
    Append(usize),
    Flush,
    /// The next leader epoch.
    NextEpoch,
    /// Cut so many batches off.
    Truncate(usize),
    /// Let the log begin so many batches later.
    AdvanceStart(usize),
    /// Let retention delete what is before the last so many batches, as far as whole segments are.
    Expire(usize),
    /// The metadata log begins so many batches later, after a snapshot.
    Clean(usize),
    /// A snapshot, so many offsets further on, takes the place of all of the metadata log.
    Replace(i64),
    /// Write the recovery point and the log's start.
    Checkpoint,
    /// Write `quorum-state`.
    Promise,
    /// Stop cleanly, and start again.
    Restart,
}

/// Something of everything.
pub(crate) const PARTITION: &[Step] = &[
    Step::Append(1),
    Step::Flush,
    Step::Append(2),
    Step::Append(1),
    Step::Checkpoint,
    Step::Flush,
    Step::Promise,
    Step::NextEpoch,
    Step::Append(3),
    Step::Append(3),
    Step::Flush,
    Step::Checkpoint,
    Step::Append(4),
    Step::Append(2),
    Step::Truncate(3),
    Step::NextEpoch,
    Step::Append(1),
    Step::Flush,
    Step::Promise,
    Step::Append(3),
    Step::AdvanceStart(6),
    Step::Append(3),
    Step::Checkpoint,
    Step::Restart,
    Step::Append(3),
    Step::Flush,
    Step::Truncate(9),
    Step::Append(2),
    Step::Restart,
    Step::NextEpoch,
    Step::Append(2),
];

/// Short ones that are easily got wrong.
pub(crate) const SHORT: &[&[Step]] = &[
    // The second segment comes before the first flush.
    &[Step::Append(4), Step::Append(4), Step::Append(4), Step::Append(4), Step::Flush],
    // The log begins past what is flushed.
    &[
        Step::Append(1),
        Step::Flush,
        Step::Append(3),
        Step::AdvanceStart(3),
        Step::Checkpoint,
        Step::Append(1),
    ],
    // What is appended after a truncation, a segment and more, lies below the recovery point of before.
    &[
        Step::Append(12),
        Step::Append(12),
        Step::Flush,
        Step::Checkpoint,
        Step::Truncate(23),
        Step::Append(6),
        Step::Append(5),
        Step::Append(4),
    ],
    // A clean stop when there is nothing to flush but names.
    &[Step::Append(1), Step::Truncate(1), Step::Restart, Step::Append(1), Step::Flush],
    // Retention deletes all that was flushed, and what was not.
    &[Step::Append(3), Step::Flush, Step::Expire(0), Step::Append(1), Step::Flush],
    &[Step::Append(3), Step::Flush, Step::Append(3), Step::Expire(0), Step::Checkpoint],
    // A segment that retention made when all was flushed.
    &[Step::Append(3), Step::Flush, Step::Expire(0), Step::Restart, Step::Append(1), Step::Flush],
];

pub(crate) fn for_metadata(steps: &[Step]) -> Vec<Step> {
    let kept = |step: &Step| match *step {
        Step::AdvanceStart(count) => Some(Step::Clean(count)),
        Step::Checkpoint | Step::Expire(_) => None,
        step => Some(step),
    };
    steps.iter().filter_map(kept).collect()
}

/// What only the metadata log does, beside its snapshots.
pub(crate) const METADATA: &[Step] = &[
    Step::Append(4),
    Step::Append(4),
    Step::NextEpoch,
    Step::Append(4),
    Step::Append(4),
    Step::Append(4),
    Step::Flush,
    Step::Clean(13),
    Step::Append(2),
    Step::Restart,
    Step::Truncate(3),
    Step::NextEpoch,
    Step::Append(4),
    Step::Append(4),
    Step::Clean(5),
    Step::Append(1),
    Step::Replace(7),
    Step::Restart,
    Step::NextEpoch,
    Step::Append(3),
    Step::Flush,
    Step::Append(3),
    Step::Append(3),
    Step::Append(3),
    Step::Replace(0),
    Step::Append(1),
    Step::Flush,
    Step::Clean(1),
    Step::Append(1),
];

/// Other runs, from a seed.
pub(crate) fn random_steps(seed: u64, count: usize) -> Vec<Step> {
    let mut random = seed;
    let mut below = |bound: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((random >> 33) % bound) as usize
    };
    let mut steps = Vec::new();
    for _ in 0..count {
        steps.push(match below(21) {
            0..8 => Step::Append(1 + below(4)),
            8..12 => Step::Flush,
            12 => Step::NextEpoch,
            13 | 14 => Step::Truncate(1 + below(8)),
            15 => Step::AdvanceStart(1 + below(5)),
            16 => Step::Checkpoint,
            17 | 18 => Step::Promise,
            19 => Step::Expire(below(6)),
            _ => Step::Restart,
        });
    }
    steps
}
