#!/usr/bin/env bash
# Walks at random over the machines of a Slurm cluster: one task of a job array for each share of the seeds.
#
#   sbatch checker/batch/slurm.sh
#   kraftig-check merge --json swarm/share-*.json      # when all of them have ended
#
# Or let Slurm do that too:  sbatch --dependency=afterany:JOBID --wrap 'kraftig-check merge --json swarm/share-*.json'
#SBATCH --job-name=kraftig-swarm
#SBATCH --array=1-64
#SBATCH --cpus-per-task=4
#SBATCH --mem=1G
#SBATCH --time=02:00:00
#SBATCH --output=/dev/null
set -euo pipefail

mkdir -p swarm
share=swarm/share-$SLURM_ARRAY_TASK_ID.json
status=0
srun kraftig-check check quorum --nodes 5 --epochs 4 --values 3 \
    --swarm 0..1000000 --depth 300 --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --threads "$SLURM_CPUS_PER_TASK" --json >"$share.part" || status=$?
# 3: walked, and nothing is broken; 1: something is. Both are reports; what was cut off stays a part, and merge misses it.
[ "$status" -eq 3 ] || [ "$status" -eq 1 ] || exit "$status"
mv "$share.part" "$share"
