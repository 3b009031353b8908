"""What a person does before a cluster: follow jobs, press Ctrl-C, ask for the status, cancel; and what is seen."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from toy import Toy, text_of

LONG = 900.0  # seconds; nobody waits for it but on a machine that is busy with something else


def wait_for(happened, what, within=LONG):
    """Look until something is true, and give it back."""
    deadline = time.monotonic() + within
    while not (found := happened()):
        assert time.monotonic() < deadline, f"never: {what() if callable(what) else what}"
        time.sleep(0.1)
    return found


def _hears_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs tests in the background ignores it, and its children


class Follower:
    """The program in a shell of its own."""

    def __init__(self, command, file, environment):
        self.file = file
        with file.open("w") as said:
            self.process = subprocess.Popen(
                command,
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
                preexec_fn=_hears_ctrl_c,  # noqa: PLW1509 - nothing here has threads
            )

    @property
    def text(self):
        """What it said, in one line."""
        return " ".join(text_of(self.file).split())

    def says(self, words):
        """Wait until it says something, by a pattern; gives the match."""
        return wait_for(lambda: re.search(words, self.text), lambda: f"{words!r} in {self.text!r}")

    def ends(self):
        """Wait for its end; what it said."""
        self.process.wait(LONG)
        return self.text

    def interrupt(self):
        """Ctrl-C, as a terminal does it."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.ends()

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(LONG)


class Project:
    """Fake cells, each of which counts how often it is computed, in a folder of their own."""

    def __init__(self, machine, folder, monkeypatch, cells, more):
        self.machine = machine
        self.folder = folder
        self._tally = folder / "tally.txt"
        counted = {name: {"tally": str(self._tally), **self._filled(spec)} for name, spec in cells.items()}
        self.toy = Toy(folder, monkeypatch, counted, more)
        self._followers = []

    def _filled(self, spec):
        """With the files by which a cell that waits or takes steps can be watched."""
        places = {"wait": {"started": "started", "go": "go"}, "steps": {"trace": "trace.txt"}}.get(spec.get("does"), {})
        return spec | {key: str(self.folder / name) for key, name in places.items()}

    # ------------------------------------------------------------------ what a person does

    def follow(self, *options, **environment):
        """``python -m suite claims --executor slurm`` in a shell of its own."""
        return self.shell("claims", "--executor", "slurm", "--no-sync", *options, **environment)

    def shell(self, *arguments, **environment):
        """The program in a shell of its own."""
        command = [sys.executable, "-m", "suite", *arguments, "--profile", "toy.toml", "--device", "cpu"]
        file = self.folder / f"said-{len(self._followers)}.txt"
        self._followers.append(Follower(command, file, {**os.environ, **environment}))
        return self._followers[-1]

    def status(self):
        """What ``status`` says."""
        return self.shell("status").ends()

    def go(self):
        """Let cells that wait go on."""
        (self.folder / "go").write_text("")

    def leave(self):
        """End whoever still follows."""
        for one in self._followers:
            one.kill()
        self.go()

    def power_off(self):
        """Kill everything that jobs of this project run, as when their node loses its power."""
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(self.toy.store.root).encode() in (place / "cmdline").read_bytes():
                    os.kill(int(place.name), signal.SIGKILL)

    # ------------------------------------------------------------------ what is seen

    def started(self):
        """Wait until a cell that waits is being computed."""
        return wait_for(lambda: text_of(self.folder / "started"), lambda: f"it starts; {self.queue()}")

    def queue(self):
        return self.machine.ask("squeue", "--noheader", "--states=all", "--format=%i %T %r").stdout

    def job(self, name):
        """The number of the job that computes a cell, from the ledger."""
        file = self.toy.store.root / "jobs" / f"{self.toy.cells[name].key}.json"
        return wait_for(lambda: file.exists() and json.loads(file.read_text())["job"], f"{name} is submitted")

    def state(self, job):
        return self.machine.ask("squeue", "--noheader", "--states=all", "--jobs", job, "--format=%T").stdout.strip()

    @property
    def computed(self):
        """How often each cell was begun."""
        return Counter(text_of(self._tally).split("\n")[:-1])

    @property
    def steps(self):
        """How often each step of a training was taken."""
        return Counter(map(int, text_of(self.folder / "trace.txt").split()))

    @property
    def submitted(self):
        """How many jobs were ever submitted."""
        return len(self.toy.submitted)

    def is_done(self, follower, *, jobs=None, begun=None):
        """Check the end as it must be: every cell there, computed once, nothing called failed or lost."""
        text = follower.ends()
        cells = len(self.toy.cells)
        assert set(self.toy.words().values()) == {"done"}, text
        assert f"{cells}/{cells} cells, " in text, text
        assert not re.search(r"\blost\b|(?<!submission )\bfailed:|\d failed|\bblocked\b|Traceback", text), text
        assert self.computed == Counter(dict.fromkeys(self.toy.cells, 1)) + Counter(begun or {}), text
        assert self.submitted == (cells if jobs is None else jobs), text
        return text


def bin_with(folder: Path, name: str, script: str) -> str:
    """A PATH on which a command is another one."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/bash\n{script}\n")
    (place / name).chmod(0o755)
    return f"{place}{os.pathsep}{os.environ['PATH']}"
