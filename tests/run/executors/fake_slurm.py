"""A SLURM of one machine, as commands on PATH: enough of it to submit, hold, run and account for jobs.

Its state is a folder of small files, ``$FAKE_SLURM``: ``N.sh`` the script, ``N.state``, ``N.after``. While a file
``hold`` lies there, jobs stay pending; without it, each starts as a process of its own once its dependencies ended.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = ("sbatch", "squeue", "sacct", "srun")
LIVE = ("PENDING", "RUNNING")


def install(folder: Path, monkeypatch) -> Path:
    """Put the commands on PATH; gives the folder of its state."""
    (folder / "bin").mkdir()
    state = folder / "slurm"
    state.mkdir()
    for name in COMMANDS:
        command = folder / "bin" / name
        command.write_text(f'#!/bin/bash\nexec {sys.executable} -S {__file__} {name} "$@"\n')
        command.chmod(0o755)
    monkeypatch.setenv("FAKE_SLURM", str(state))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return state


def _states(root: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(root.glob("*.state"))}


def sbatch(root: Path, script: str) -> None:
    job = str(101 + len(list(root.glob("*.sh"))))
    text = Path(script).read_text()
    (root / f"{job}.sh").write_text(text)
    (root / f"{job}.state").write_text("PENDING")
    if not (root / "hold").exists():
        nothing = subprocess.DEVNULL
        subprocess.Popen([sys.executable, "-S", __file__, "start", job], stdout=nothing, stderr=nothing)
    print(f"Submitted batch job {job}")


def start(root: Path, job: str) -> None:
    script = root / f"{job}.sh"
    dependency = re.search(r"--dependency=afterany:([\d:]+)", script.read_text())
    before = dependency.group(1).split(":") if dependency else []
    while any(_states(root)[other] in LIVE for other in before):
        time.sleep(0.05)
    (root / f"{job}.state").write_text("RUNNING")
    environment = {**os.environ, "SLURM_JOB_ID": job, "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
    done = subprocess.run(["bash", str(script)], env=environment, check=False)
    (root / f"{job}.state").write_text("FAILED" if done.returncode else "COMPLETED")


def squeue(root: Path, *_options: str) -> None:
    for job, state in _states(root).items():
        if state in LIVE:
            print(job, state, "Resources" if state == "PENDING" else "None", sep="|")


def sacct(root: Path, *options: str) -> None:
    for job in options[-1].split(","):
        print(f"{job}|{_states(root)[job]}")


def srun(_root: Path, *arguments: str) -> None:
    """``srun --unbuffered --output FILE --error FILE --export=ALL COMMAND...``."""
    options = dict(zip(arguments[1:5:2], arguments[2:6:2], strict=True))
    places = {name: path.replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0") for name, path in options.items()}
    with Path(places["--output"]).open("a") as out, Path(places["--error"]).open("a") as err:
        sys.exit(subprocess.run(arguments[6:], stdout=out, stderr=err, check=False).returncode)


if __name__ == "__main__":
    called = {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "srun": srun, "start": start}
    called[sys.argv[1]](Path(os.environ["FAKE_SLURM"]), *sys.argv[2:])
