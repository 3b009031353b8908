"""Judging: from finished cells to verdicts, as a person does it, with every file verified on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from bench_timing import Seconds
from made_up import fill

from suite import catalog, profile
from suite.evidence.store import Store
from suite.run.plan import plan

VERBS = ("judge", "list", "status", "explain")
SEEDS = (4, 38)  # about 336 and 3,360 cells of the desk profile
MOST_SECONDS, MOST_MIB, MOST_GROWTH = 3.0, 300.0, 1.5e-3  # of the processor; the last one a cell more

RUN = """
import contextlib, io, json, resource, sys
from suite.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


@dataclass(frozen=True)
class Cost:
    """Of one command: seconds of the processor, and the most memory it took, in MiB."""

    seconds: float
    memory: float


def cost(*arguments):
    """What a command costs, the least of three times."""
    found = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, check=True, env=os.environ
        )
        found.append(Cost(*json.loads(done.stdout.splitlines()[-1])))
    return min(found, key=lambda one: one.seconds)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """By number of seeds: how many cells, and the folder of made-up numbers that was judged once."""
    claims, desk, found = catalog.discover(), profile.load("desk"), {}
    for seeds in SEEDS:
        store = Store(tmp_path_factory.mktemp("evidence"))
        steps = plan(claims, desk.with_seeds(seeds), store).steps
        fill(store, steps)
        cost("judge", "--evidence", str(store.root), "--seeds", str(seeds))
        found[seeds] = len(steps), str(store.root)
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_looking_at_evidence_takes_seconds(verb, evidence, ledger):
    few, many = (evidence[seeds] for seeds in SEEDS)
    given = [verb, *(["u_shape"] if verb == "explain" else [])]
    costs = [
        cost(*given, *(() if verb == "list" else ("--evidence", root, "--seeds", str(seeds))))
        for seeds, (_, root) in evidence.items()
    ]
    ledger.show(lambda: None)

    def asserted(what, value, most):
        assert ledger.compare(f"{verb}: {what}", Seconds(value, value), Seconds(most, most), threads=1, limit=1.0) <= 1

    asserted(f"{few[0]} cells / {MOST_SECONDS:g} s", costs[0].seconds, MOST_SECONDS)
    asserted(f"MiB, {few[0]} cells / {MOST_MIB:g} MiB", costs[0].memory, MOST_MIB)
    growth = (costs[1].seconds - costs[0].seconds) / (many[0] - few[0])
    asserted(f"a cell more, to {many[0]:,} / {1e3 * MOST_GROWTH:g} ms", max(0.0, growth), MOST_GROWTH)
