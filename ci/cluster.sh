#!/bin/bash
# Compute what claims lack from exported shell lines, a few at once, then judge. Runs anywhere bash does:
#
#   bash ci/cluster.sh --profile smoke -k u_shape          # here, two lines at once
#   AT_ONCE=4 bash ci/cluster.sh --profile desk            # four at once
#   sbatch ci/cluster.sh --profile desk                    # as one SLURM job, on the node it is given
#
# All options are those of 'python -m suite claims'. A line that fails ends no other; interrupted, the same command
# goes on where it stopped. Where a scheduler should place every line itself, 'python -m suite claims --executor slurm'
# submits them as jobs of their own; for other schedulers, replace the last command of the pipe below by theirs.
#
# What the one job asks for (SLURM reads these lines; a second # in front turns one off):
#SBATCH --job-name=suite
#SBATCH --time=12:00:00
#SBATCH --cpus-per-task=2
##SBATCH --gpus-per-node=1
##SBATCH --partition=NAME
set -uo pipefail

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
python -m suite claims --executor export "$@" >"$lines" || exit

# Lines of one stage need only earlier stages: they may run in any order, at once.
stages=$(grep -c '^# stage' "$lines")
for ((stage = 1; stage <= stages; stage++)); do
  awk -v wanted="$stage" '/^# stage/ { now = $3 } now == wanted && !/^#/' "$lines" |
    xargs -d '\n' -P "${AT_ONCE:-2}" -I{} bash -c '{}'
done

python -m suite claims "$@" --cache never # computes nothing, judges, writes the report
