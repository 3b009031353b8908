"""Who looks at evidence does not wait for torch."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from made_up import fill

from suite import catalog, profile
from suite.evidence import seal
from suite.evidence.store import Store
from suite.run.plan import plan

SEEDS = 2
VERBS = ("list", "status", "judge", "explain u_shape", "table", "register --log")
RUN = """
import contextlib, io, sys
from suite.cli import main
root, *verbs = sys.argv[1:]
for verb in verbs:
    asked = verb.split()
    given = [] if asked[0] in ("list", "register") else ["--evidence", root, "--seeds", "{seeds}"]
    with contextlib.redirect_stdout(io.StringIO()):
        status = main([*asked, *given])
    loaded = sorted({{"torch", "timm", "torchvision", "mlflow"}} & set(sys.modules))
    print(asked[0], "ran" if status in (0, 1) else status, *loaded)
"""


def told(root, *verbs, folder):
    """What each verb says for itself, and which of the heavy libraries were loaded by then."""
    code, place = RUN.format(seeds=SEEDS), os.environ | {"XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), *verbs], capture_output=True, text=True, check=True, env=place
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def judged_once(tmp_path_factory, folder):
    """A folder with all that the desk profile asks for, of two seeds, that was judged."""
    store = Store(tmp_path_factory.mktemp("evidence"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(seal, "sync", lambda _: None)  # nobody pulls the plug on made-up numbers
        fill(store, plan(catalog.discover(), profile.load("desk").with_seeds(SEEDS), store).steps)
    assert told(store.root, "judge", folder=folder)[-1].split()[:2] == ["judge", "ran"]
    return store.root


def test_every_figure_of_the_desk_is_drawn(judged_once, folder):
    told(judged_once, "report", folder=folder)
    page = (judged_once / "report" / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") > 100
    assert "could not be drawn" not in page


def test_no_verb_that_only_looks_loads_torch_once_all_is_there(judged_once, folder):
    assert told(judged_once, *VERBS, folder=folder) == [f"{verb.split()[0]} ran" for verb in VERBS]
