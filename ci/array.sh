#!/bin/bash
# Compute what claims lack from exported shell lines, as array jobs of SLURM: one a stage, each after the one before.
#
#   bash ci/array.sh --profile desk                        # submits, and prints the number of the last job
#   SBATCH_PARTITION=gpu bash ci/array.sh --profile frozen --images DIR
#
# All options are those of 'python -m suite claims'; what a job asks for is said to sbatch by its SBATCH_ variables. A
# line that fails ends no other. When the last job has ended, 'python -m suite judge' with the same options judges;
# 'python -m suite status' tells what is missing, and this command submits it again.
set -euo pipefail

folder=$(mktemp -d "$PWD/lines.XXXXXX")
python -m suite claims --executor export "$@" >"$folder/all"

after=()
for ((stage = 1; stage <= $(grep -c '^# stage' "$folder/all"); stage++)); do
  awk -v wanted="$stage" '/^# stage/ { now = $3 } now == wanted && !/^#/' "$folder/all" >"$folder/$stage"
  job=$(sbatch --parsable --job-name=suite --requeue --array="1-$(wc -l <"$folder/$stage")" "${after[@]}" \
    --output="$folder/%A_%a.log" --wrap='bash -c "$(sed -n "${SLURM_ARRAY_TASK_ID}p" '"$(printf %q "$folder/$stage")"')"')
  after=(--dependency="afterany:$job")
done
echo "${job:-nothing to compute}"
