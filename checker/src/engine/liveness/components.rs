//! Strongly connected components (Tarjan), without recursion.

use super::NONE;

/// Of each state that is `in_it` the number of its component; `NONE` of others.
pub(super) fn components<I: Iterator<Item = u32>>(
    states: usize,
    in_it: impl Fn(u32) -> bool,
    next: impl Fn(u32) -> I,
) -> Vec<u32> {
    let mut of = vec![NONE; states];
    // When each was found, and the earliest that it leads back to.
    let (mut found, mut low) = (vec![NONE; states], vec![NONE; states]);
    let (mut clock, mut count) = (0, 0);
    let mut open: Vec<u32> = Vec::new();
    let mut calls: Vec<(u32, I)> = Vec::new();
    for root in (0..states as u32).filter(|id| in_it(*id)) {
        if found[root as usize] != NONE {
            continue;
        }
        let mut enter = Some(root);
        loop {
            if let Some(id) = enter.take() {
                (found[id as usize], low[id as usize]) = (clock, clock);
                clock += 1;
                open.push(id);
                calls.push((id, next(id)));
            }
            let Some((id, rest)) = calls.last_mut() else { break };
            let at = *id as usize;
            if let Some(to) = rest.next() {
                if !in_it(to) {
                    continue;
                }
                if found[to as usize] == NONE {
                    enter = Some(to);
                } else if of[to as usize] == NONE {
                    low[at] = low[at].min(found[to as usize]);
                }
                continue;
            }
            calls.pop();
            if let Some((caller, _)) = calls.last() {
                low[*caller as usize] = low[*caller as usize].min(low[at]);
            }
            if low[at] == found[at] {
                while let Some(member) = open.pop() {
                    of[member as usize] = count;
                    if member as usize == at {
                        break;
                    }
                }
                count += 1;
            }
        }
    }
    of
}
