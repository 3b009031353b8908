"""Exported lines, run by a shell as they are; and the command that they call."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from toy import Toy

import suite
from suite import profile as profiles
from suite.cli import main
from suite.evidence.code import code_digest
from suite.options import parse
from suite.run import planned
from suite.run.executors.export import lines

CLUSTER = Path(suite.__file__).parents[1] / "ci" / "cluster.sh"
CELLS = {
    "need": {"group": "first"},
    "bad": {"group": "first", "does": "raise"},
    "a": {"study": "fake_studies.block", "group": "block of two"},
    "b": {"study": "fake_studies.block", "group": "block of two"},
    "after": {"group": "last", "needs": ["need"], "value": 2.0},
    "after bad": {"group": "last", "needs": ["bad"]},
}


def export(toy, capsys):
    status = main(["claims", "--executor", "export", "--profile", "toy.toml", "--device", "cpu"])
    printed = capsys.readouterr()
    assert (status, printed.err) == (0, "")
    return printed.out


def test_the_lines_compute_what_they_name_and_one_that_fails_ends_no_other(tmp_path, monkeypatch, capsys):
    toy = Toy(tmp_path, monkeypatch, CELLS)
    text = export(toy, capsys)
    commands = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(commands) == 3
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# stage 1 of 2, 2 lines",
        "# stage 2 of 2, 1 line: start when every line of stage 1 has ended",
    ]
    assert set(toy.words().values()) == {"missing"}, "exporting computes nothing"
    script = ["bash", str(CLUSTER), "--profile", "toy.toml", "--device", "cpu"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert toy.words() == {
        "need": "done",
        "bad": "failed",
        "a": "done",
        "b": "done",
        "after": "done",
        "after bad": "missing",
    }, done.stderr
    assert list(toy.store.read(toy.cells["a"]).arrays["company"]) == ["a", "b"], "one line a job"
    assert float(toy.store.read(toy.cells["after"]).arrays["value"]) == 3.0
    assert "toy: Claim toy." in done.stdout, "what there is was judged"
    assert f"suite: blocked: after bad: it needs 'bad' ({toy.cells['bad'].key}), which is failed" in done.stderr
    assert done.returncode == 1
    again = [shlex.split(line) for line in export(toy, capsys).splitlines() if not line.startswith("#")]
    assert [words[4] for words in again] == [toy.cells["bad"].key, toy.cells["after bad"].key]


def test_several_processes_stand_behind_torchrun_and_the_command_is_one_that_exists(tmp_path, monkeypatch):
    toy = Toy(tmp_path, monkeypatch, CELLS)
    section = {"processes": 4, "fake_studies.block": {"nodes": 2}}
    profile = profiles.replace(toy.profile, sections={"compute": section})
    found = [line for line in lines(toy.plan(), profile, toy.launch) if not line.startswith("# stage")]
    key, bad = (toy.cells[name].key for name in ("need", "bad"))
    options = f"--evidence {tmp_path}/evidence"
    assert found[0] == f"torchrun --standalone --nproc-per-node 4 -m suite compute {key} {bad} {options}"
    assert found[1] == "# on every one of 2 nodes, MASTER_ADDR naming the first"
    block = " ".join(toy.cells[name].key for name in "ab")
    assert found[2] == (
        f"torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-id {toy.cells['a'].key} "
        f'--rdzv-endpoint "${{MASTER_ADDR:?name the first node}}:${{MASTER_PORT:-29500}}" -m suite compute {block} '
        + options
    )
    asked = parse(shlex.split(found[0])[shlex.split(found[0]).index("compute") :])
    assert asked.keys == [key, bad]


# -------------------------------------------------------------------------------------------------- compute


def compute(toy, *names, more=()):
    toy.write_plans()
    keys = [toy.cells[name].key if name in toy.cells else name for name in names]
    return main(["compute", *keys, *more])


def test_compute_computes_these_cells_alone_in_the_order_of_their_needs(tmp_path, monkeypatch, capsys):
    toy = Toy(tmp_path, monkeypatch, CELLS)
    assert compute(toy, "after", "need") == 0
    assert toy.words() == dict.fromkeys(CELLS, "missing") | {"need": "done", "after": "done"}
    assert compute(toy, "after") == 0
    assert compute(toy, "bad", "a") == 1
    assert toy.words()["a"] == "done"
    before = toy.store.generation(toy.cells["a"].key)
    assert compute(toy, "a") == 0
    assert toy.store.generation(toy.cells["a"].key) == before
    assert compute(toy, "a", more=["--again"]) == 0
    assert toy.store.generation(toy.cells["a"].key) != before
    capsys.readouterr()


def test_a_need_that_is_not_there_is_named_and_the_other_cells_are_computed(tmp_path, monkeypatch, capsys):
    toy = Toy(tmp_path, monkeypatch, CELLS)
    assert compute(toy, "after", "a") == 1
    assert capsys.readouterr().err.splitlines()[0] == (
        f"suite: blocked: after: it needs 'need' ({toy.cells['need'].key}), which is missing; compute that first"
    )
    assert toy.words() == dict.fromkeys(CELLS, "missing") | {"a": "done"}


def test_a_key_that_was_not_planned_is_refused(tmp_path, monkeypatch, capsys):
    toy = Toy(tmp_path, monkeypatch, CELLS)
    assert compute(toy, "need", "network-0123") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "suite: no cell 'network-0123' is planned in evidence: 'claims', with any executor, plans what it will compute"
    )
    assert toy.words()["need"] == "missing"


def test_a_plan_that_is_out_of_date_or_damaged_is_refused(tmp_path, monkeypatch, capsys):
    toy = Toy(tmp_path, monkeypatch, CELLS)
    toy.write_plans()
    file = planned.path_of(toy.store.root, toy.cells["a"].key)
    whole = json.loads(file.read_text())
    for change, words in (
        ({"seed": 7}, "code or libraries changed since 'fake_studies.block-"),
        ({"code": code_digest("suite.errors"), "modules": ["suite.errors"]}, "code or libraries changed since"),
        ({"modules": ["suite.errors"]}, "code or libraries changed since 'fake_studies.block-"),
        ({"needs": 3}, "is damaged: plan again"),
    ):
        file.write_text(json.dumps(whole | change))
        assert main(["compute", toy.cells["a"].key]) == 2
        assert words in capsys.readouterr().err
    assert toy.words()["a"] == "missing"


def test_a_planned_cell_is_the_cell(tmp_path, monkeypatch):
    toy = Toy(tmp_path, monkeypatch, CELLS)
    toy.write_plans()
    for cell in toy.cells.values():
        found = planned.read(toy.store.root, cell.key)
        assert found == cell
        assert [getattr(found, name) for name in ("label", "weight", "group", "local", "device")] == [
            getattr(cell, name) for name in ("label", "weight", "group", "local", "device")
        ]
        assert found.needs == cell.needs


@pytest.mark.parametrize("tries", [2, 9])
def test_a_cell_that_is_busy_for_a_moment_is_tried_again_and_then_those_that_need_it(tmp_path, monkeypatch, tries):
    from fake_studies.plans import quiet

    from suite.run.compute import choose
    from suite.run.compute import compute as compute_chosen
    from suite.run.executors import Work
    from suite.run.executors.inline import Inline

    toy = Toy(tmp_path, monkeypatch, CELLS | {"both": {"needs": ["need", "bad"]}})
    keys = [toy.cells[name].key for name in ("need", "after", "bad", "after bad", "both")]
    toy.write_plans()
    made, blocked = choose(toy.store, keys)
    assert not blocked
    lock = toy.store.lock(toy.cells["need"].key)
    lock.__enter__()
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == tries:
            lock.__exit__(None, None, None)

    assert not compute_chosen(made, Inline(Work(toy.store, "cpu")), quiet(made), sleep=sleep)
    got = toy.words()
    assert (got["bad"], got["after bad"], got["both"]) == ("failed", "missing", "missing")
    assert (got["need"], got["after"]) == (("done", "done") if tries == 2 else ("missing", "missing"))
    if tries == 9:
        lock.__exit__(None, None, None)
