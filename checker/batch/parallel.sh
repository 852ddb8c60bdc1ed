#!/usr/bin/env bash
# Walks at random on all cores of one machine, by GNU parallel: one job for each share of the seeds.
#
#   SHARES=8 SEEDS=0..100000 checker/batch/parallel.sh --nodes 5 --epochs 4 --values 3
#
# KRAFTIG_CHECK names the binary. What is given goes to `check quorum`. Ends as the whole would: 1 violated, 3 sampled.
# On many machines: parallel's --sshlogin and --return.
set -euo pipefail

export check=${KRAFTIG_CHECK:-kraftig-check} shares=${SHARES:-8} seeds=${SEEDS:-0..10000} depth=${DEPTH:-300} bounds=$*
out=$(mktemp -d)
export out
trap 'rm -rf "$out"' EXIT

# Exit codes 3 and 1 are reports, and merge sees to it that none is missing. How the walks go on is told on standard error.
# shellcheck disable=SC2016 # the jobs' shells fill these in
parallel '"$check" check quorum $bounds --swarm "$seeds" --depth "$depth" --shard {}/"$shares" --threads 1 --json \
    >"$out/share-{}.json" 2>/dev/null' ::: $(seq "$shares") || true
"$check" merge --json "$out"/share-*.json
