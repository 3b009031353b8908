"""Training as printed, end to end on a small copy of its profile: images on disk, a teacher, a block, verdicts.

About fifteen seconds: two runs of the program, of which the first is killed, with seventeen students each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from full_profile import write_images, write_profile

ROOT = Path(__file__).parents[2]
SMALL = {
    "distill": {"lengths": {"standard": 2, "long": 3}, "recipe": {"micro_batch": 8}},
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    images = write_images(folder / "images", train=16)
    return folder, images, write_profile(folder / "my-full.toml", **SMALL)


def command(folder, images, profile, *more):
    return [
        *(sys.executable, "-m", "suite", "claims", "-k", "late_layer", "--profile", str(profile)),
        *("--images", str(images), "--evidence", str(folder / "evidence"), "--seeds", "1", "--no-sync", *more),
    ]


def start(arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        arguments, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(running, found, *, seconds=120.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found():
            return
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.05)
    raise AssertionError("it never came so far")


def test_claims_are_judged_at_full_scale_and_a_kill_loses_no_epoch(setting):
    folder, images, profile = setting
    evidence = folder / "evidence"
    running = start(command(folder, images, profile, "--workers", "1"))
    wait_for(running, lambda: len(list(evidence.glob("partial/*/checkpoints/student.pt"))) > 5)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    begun = {path.parts[-3] for path in evidence.glob("partial/*/checkpoints/student.pt")}
    running = start(command(folder, images, profile, "--workers", "1", "--json"))
    out, err = running.communicate(timeout=240)
    assert running.returncode == 0, err[-3000:]
    verdicts = {entry["criterion"]: entry for entry in json.loads(out)["criteria"]}
    assert not {name for name, entry in verdicts.items() if entry["verdict"] in ("not run", "error")}
    for key in begun:
        log = (evidence / "cells" / key / "log.txt").read_text(encoding="utf-8")
        assert log.count("epoch 1/") == 1, "an epoch that was kept was trained again"
        assert log.count("goes on after") == 1, "it was begun twice"
