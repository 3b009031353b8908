"""Every command as a person types it: what it prints, what it leaves alone, and its exit status."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_studies.claims import (
    EXACT,
    FAULTY,
    IMPOSSIBLE,
    OWN,
    PROFILE_TOML,
    RELEASED_LOG,
    SOUND,
    claim,
    criterion,
    reading,
    single,
)

from suite import profile
from suite.claim import Finding, Released
from suite.cli import main
from suite.commands import verbs
from suite.evidence.store import Store
from suite.judge import Verdict
from suite.options import parse
from suite.run import execute as execute_module
from suite.run.plan import plan

OK, NOT_OK, USAGE = 0, 1, 2
FAKES = Path(__file__).parents[1] / "run"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command on fake claims in an empty folder: status, lines on stdout, lines on stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUITE_EVIDENCE", raising=False)
    (tmp_path / "toy.toml").write_text(PROFILE_TOML)
    monkeypatch.setattr("suite.catalog.bundles", list)  # evidence that comes with other claims than these

    def command(*arguments, claims=(SOUND,), toy=True):
        monkeypatch.setattr("suite.catalog.discover", lambda: list(claims))
        monkeypatch.setattr("suite.show.page.report.write_report", draw)
        capsys.readouterr()
        options = ("--profile", "toy.toml", "--device", "cpu") if toy else ()
        once = ("--no-sync", "--workers", "1") if "claims" in arguments[:1] else ()
        status = main([*arguments, *options, *once])
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err.splitlines()

    command.folder = tmp_path
    return command


def draw(root, _sessions, *, history, more=(), into=None):
    """A report page without its figures, which are slow."""
    assert history == {}
    folder = into or root / "report"
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text("".join(filter(None, more)))
    return folder / "index.html"


def require_one_line(outcome, words):
    status, out, err = outcome
    assert status == USAGE, (out, err)
    assert out == []
    assert len(err) == 1, err
    assert err[0].startswith("suite: ")
    assert words in err[0]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# -------------------------------------------------------------------------------------------------- exit statuses


def test_all_as_registered_is_0_and_a_second_run_computes_nothing(run, monkeypatch):
    status, out, err = run("claims")
    assert status == OK, (out, err)
    assert any("seen here" in line for line in out)
    assert err[0] == "computing 8 cells with 1 worker"
    stored = json.loads((run.folder / "evidence" / "claims-toy.json").read_text())
    assert [entry["verdict"] for entry in stored["criteria"]] == ["seen here", "not seen here"]
    monkeypatch.setattr(execute_module, "_compute", lambda *_: pytest.fail("computed again"))
    assert run("claims")[0] == OK
    assert run("judge")[0] == OK


def test_a_departure_is_1(run):
    moved = claim("moved", criterion("moved", reading("low"), expected=Verdict.SEEN_HERE))
    status, out, _ = run("claims", claims=(moved,))
    assert status == NOT_OK
    assert any("moved.moved (not seen here, not seen here)" in line for line in out)


def test_a_failed_cell_is_1_and_everything_else_is_judged(run):
    status, out, err = run("claims", claims=(FAULTY, SOUND))
    assert status == NOT_OK
    assert sum(line.startswith("failed: broken, seed ") for line in err) == 4
    text = "\n".join(out)
    assert "seen here" in text
    assert "FakeFault: it broke and the reason" in text
    status, out, _ = run("status", claims=(FAULTY, SOUND))
    assert status == OK
    assert any("failed" in line and "FakeFault: it broke and the reason" in " ".join(out) for line in out)


def test_nothing_measured_is_1(run):
    for command in ("judge", "claims"):
        status, out, _ = run(command, claims=(IMPOSSIBLE,))
        assert status == NOT_OK
        assert any("nothing was measured" in line for line in out)


def test_never_computing_leaves_what_is_missing_missing(run):
    status, _, _ = run("claims", "--cache", "never")
    assert status == NOT_OK
    kept = ["evidence", "evidence/claims-toy.json", "evidence/report", "evidence/report/index.html", "toy.toml"]
    assert files(run.folder) == kept


def test_other_seeds_are_held_to_nothing(run):
    moved = claim("moved", criterion("moved", reading("low"), expected=Verdict.SEEN_HERE))
    assert run("claims", "--seeds", "3", claims=(moved,))[0] == OK
    require_one_line(run("record", "--seeds", "3", claims=(moved,)), "only a profile as it is can be recorded")


# -------------------------------------------------------------------------------------------------- dry runs


def test_a_dry_run_and_a_status_write_nothing(run):
    for command in (("claims", "--dry-run"), ("status",)):
        status, out, err = run(*command, claims=(SOUND, IMPOSSIBLE))
        assert (status, err) == (OK, [])
        assert any("8 to compute" in line for line in out), out
        assert any("profile toy has no network for 'swin'" in line for line in out)
        assert files(run.folder) == ["toy.toml"]


def test_again_is_cache_always(run):
    run("claims")
    store = Store(run.folder / "evidence")
    before = {key: store.folder(key).stat().st_ino for key in store.keys()}  # noqa: SIM118
    assert run("claims", "--cache", "always")[0] == OK
    assert not {store.folder(key).stat().st_ino for key in before} & set(before.values())


# -------------------------------------------------------------------------------------------------- garbage


def test_garbage_is_listed_then_deleted_and_nothing_else(run, monkeypatch):
    monkeypatch.setattr("suite.profile.FOLDER", run.folder)  # toy is the only profile that comes with the suite
    run("claims", "--seeds", "6", claims=(SOUND, claim("old", criterion("old", reading("stale")))), toy=True)
    store = Store(run.folder / "evidence")
    everything = store.keys()
    stale = [key for key in everything if "stale" in str(json.loads(path_of(store, key).read_text())["label"])]
    assert len(stale) == 6
    status, out, _ = run("gc", "--dry-run", toy=False)
    assert status == OK
    assert out == [*(f"cells/{key}" for key in stale), "6 folders to delete"]
    assert store.keys() == everything
    status, out, _ = run("gc", toy=False)
    assert (status, out[0].partition(",")[0]) == (OK, "6 folders deleted")
    assert store.keys() == sorted(set(everything) - set(stale)), "cells of more seeds than the profile's are kept"
    assert run("judge", "--seeds", "6")[0] == OK


def path_of(store, key):
    return store.folder(key) / "cell.json"


def test_garbage_of_a_gpu_is_not_told_by_a_machine_without_one(run, monkeypatch):
    monkeypatch.setattr("suite.profile.FOLDER", run.folder)
    store = Store(run.folder / "evidence")
    for step in plan([SOUND], replace(profile.load("toy.toml"), device="cuda"), store).to_run:
        store.begin(step.cell).finish({}, [], seconds=1, device="cpu")
    assert len(store.keys()) == 8
    assert run("gc", toy=False)[1][0].startswith("0 folders deleted")


def test_a_session_keeps_its_cells_until_todays_code_asks_for_others(run):
    run("claims", claims=(OWN,))
    assert run("gc", "--dry-run", claims=(OWN,), toy=False)[1][-1] == "0 folders to delete"
    assert run("gc", "--dry-run", toy=False)[1][-1] == "4 folders to delete", "no claim asks for them"
    (run.folder / "toy.toml").rename(run.folder / "gone.toml")
    assert run("gc", "--dry-run", toy=False)[1][-1] == "0 folders to delete", "what it asked for cannot be told anew"


def test_a_profile_of_ones_own_keeps_its_cells(run):
    run("claims", claims=(OWN,))
    shutil.rmtree(run.folder / "evidence" / "sessions")
    assert run("gc", "--dry-run", claims=(OWN,), toy=False)[1][-1] == "4 folders to delete"
    assert run("gc", "--profile", "toy.toml", claims=(OWN,), toy=False)[1][0].startswith("0 folders deleted")


def test_claims_that_were_not_selected_keep_their_cells(run):
    other = claim("other", criterion("other", reading("other")))
    for only in ((), ("-k", "sound"), ("-k", "other")):
        assert run("claims", *only, claims=(SOUND, other))[0] == OK
    (stored,) = (run.folder / "evidence" / "sessions").glob("*.json")
    assert json.loads(stored.read_text())["cells"] == Store(run.folder / "evidence").keys()
    (run.folder / "toy.toml").unlink()
    assert run("gc", "--dry-run", claims=(SOUND, other), toy=False)[1][-1] == "0 folders to delete"


def test_nothing_is_deleted_for_a_claim_that_cannot_say_what_it_needs(run):
    run("claims", claims=(SOUND, FAULTY))
    everything = Store(run.folder / "evidence").keys()
    status, out, _ = run("gc", claims=(FAULTY,), toy=False)
    assert (status, out[0].partition(",")[0]) == (OK, "0 folders deleted")
    assert Store(run.folder / "evidence").keys() == everything


def test_garbage_of_nothing_is_nothing_with_the_suites_own_profiles_and_claims(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    assert main(["gc", "--dry-run", "--evidence", "nowhere"]) == OK
    assert capsys.readouterr().out.splitlines() == ["0 folders to delete"]
    assert files(tmp_path) == []


# -------------------------------------------------------------------------------------------------- one clear line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("claims", "-k", "nope"), "no claim matches 'nope': there are sound"),
        (("explain", "nope"), "no claim matches 'nope': there are sound"),
        (("claims", "--released", "nowhere"), "--released nowhere: no such folder; clone the authors' repository"),
        (("claims", "--images", "nowhere"), "--images nowhere: no such folder; give one, or a timm data set"),
        (
            ("claims", "--weights", "cait=nowhere"),
            "--weights cait=nowhere: give NAME=FILE, a network of the profile and",
        ),
        (("judge", "--seeds", "0"), "argument --seeds: give at least 1, not 0: see python -m suite judge --help"),
        (("judge", "--seeds", "two"), "argument --seeds: invalid whole number value: 'two'"),
        (("claims", "--threads", "0"), "argument --threads: give at least 1, not 0"),
        (("claims", "--cache", "maybe"), "argument --cache: invalid choice: 'maybe'"),
        (("claims", "--wrokers", "3"), "unrecognized arguments: --wrokers"),
        (("ui", "--port", "99999"), "--port 99999: give one from 1 to 65535"),
        (("ui", "--port", "http"), "argument --port: invalid int value: 'http'"),
        (("table", "--into", "nowhere.md"), "nowhere.md does not exist"),
    ],
)
def test_faults_of_the_command_line_are_one_line(run, arguments, words):
    require_one_line(run(*arguments), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("clams",), "invalid choice: 'clams'"),
        (("judge", "--profile", "nope"), "no profile 'nope': choose from cifar100, desk"),
        (("judge", "--profile", "broken.toml"), "broken.toml is not a profile: "),
        (("judge", "--device", "tpu"), "no device 'tpu': choose from auto, cpu, cuda"),
        (("goldens", "nowhere"), "nowhere is not a folder"),
    ],
)
def test_faults_without_a_session_are_one_line(run, arguments, words):
    (run.folder / "broken.toml").write_text("scope = [")
    require_one_line(run(*arguments, toy=False), words)


def test_evidence_that_cannot_be_written_is_one_line_after_what_was_about_to_run(run):
    (run.folder / "file").write_text("in the way")
    status, out, err = run("claims", "--evidence", "file")
    assert (status, out) == (USAGE, [])
    assert [line for line in err if line.startswith("suite: ")] == err[-1:]
    assert err[-1].startswith("suite: cannot write evidence to file (")
    assert err[-1].endswith("): name another folder with --evidence DIR")


def test_verdicts_that_cannot_be_stored_are_shown_all_the_same(run):
    run("claims")
    (run.folder / "evidence" / "claims-toy.json").unlink()
    (run.folder / "evidence" / "claims-toy.json").mkdir()
    status, out, err = run("judge")
    assert status == OK, "by the rule"
    assert any("seen here" in line for line in out)
    assert len(err) == 1
    assert err[0].startswith("suite: the verdicts are not kept: cannot write evidence to evidence (")


def test_a_port_that_is_taken_is_said_before_anything_else(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        require_one_line(run("ui", "--port", port), f"--port {port} cannot be used (")


def test_a_full_disk_is_one_line_and_2_with_what_is_finished_kept(run):
    full = claim("full", criterion("full", reading("full", "full")))
    status, _, err = run("claims", claims=(SOUND, full))
    assert status == USAGE
    (line,) = [line for line in err if line.startswith("suite: ")]
    assert line == (
        "suite: the disk that holds evidence is full: free space and run the same command again; "
        "finished cells are kept, unfinished ones resume"
    )
    assert run("judge")[0] == OK


def again(verb):
    return f"python -m suite {verb} --profile toy.toml --device cpu"


def test_a_view_that_fails_changes_no_verdict_and_no_status(run, monkeypatch, capsys):
    run("claims")
    command = ["claims", "--profile", "toy.toml", "--device", "cpu"]
    monkeypatch.setattr("suite.show.mlflow.view.sync", lambda *_: 1 / 0)
    monkeypatch.setattr("suite.show.page.report.write_report", lambda *_, **__: {}["x"])
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    assert main(command) == OK
    assert capsys.readouterr().err.splitlines() == [
        f"suite: the report page is not up to date: KeyError: 'x'; '{again('report')}' tries again",
        f"suite: MLflow is not up to date: ZeroDivisionError: division by zero; '{again('sync')}' tries again",
    ]
    monkeypatch.setattr("suite.show.page.report.write_report", draw)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert main(command) == OK
    assert capsys.readouterr().err.splitlines() == [
        f"suite: the report page is {Path('evidence/report/index.html')}",
        f"suite: MLflow is not installed: the evidence is complete without it; '{again('sync')}' adds the view",
    ]


def test_released_figures_are_judged_beside_the_profile_with_or_without_copies(run, monkeypatch):
    printed = criterion("printed", Released((RELEASED_LOG,), single), needs=("released",))
    both = replace(claim("both", criterion("measured", reading("high")), printed), finding="fake")
    monkeypatch.setattr("suite.catalog.findings", lambda: (Finding("fake", "Fake", "It is fake."),))
    status, out, _ = run("claims", claims=(both,))
    assert status == OK
    assert out[:4] == [
        "What the figures say that the authors released:",
        "Fake",
        "  released: 1 consistent",
        "  It is fake.",
    ]
    entries = json.loads((run.folder / "evidence" / "claims-toy.json").read_text())["criteria"]
    assert [(entry["name"], entry["profile"]) for entry in entries] == [
        ("both.measured", "toy"),
        ("both.printed", "released"),
    ]
    assert entries[1]["command"] == "python -m suite claims -k both --profile released"
    again = run("claims", claims=(both,))[1]
    assert again[0].startswith("Fake  [released: 1 consistent | toy: 1 "), "said once, where nothing is left to compute"


@pytest.mark.parametrize("columns", ["60", "80", "100", "200", ""])
@pytest.mark.parametrize("colour", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_the_screen_reads_the_same_whatever_it_is_shown_on(run, monkeypatch, columns, colour):
    own = replace(claim("both", criterion("measured", reading("high"))), finding="fake")
    monkeypatch.setattr("suite.catalog.findings", lambda: (Finding("fake", "Fake", "It is " + 40 * "very " + "fake."),))
    for name, value in ({"COLUMNS": columns} | colour).items():
        monkeypatch.setenv(name, value)
    status, out, _ = run("judge", claims=(own,))
    assert (status, out[0]) == (NOT_OK, "Fake  [toy: 1 not run]")
    assert "Session: FAILED: nothing was measured." in out
    assert "\x1b" not in "".join(out)
    assert max(map(len, out[:-3])) <= min(int(columns or 100), 100), "but for what can be typed"


def test_copies_are_compared_and_one_that_differs_is_named_once_and_fails(run):
    printed = [criterion(name, Released((TABLE_LOG,), single), needs=("released",)) for name in ("one", "two")]
    both = claim("both", criterion("measured", reading("high")), *printed)
    (run.folder / "clone").mkdir()
    (run.folder / "clone" / "log.txt").write_text("1")
    assert run("judge", "--released", "clone", claims=(both,))[2] == [
        "suite: https://example.org/authors: 1 of 1 files equal the embedded figures, 1 in all"
    ]
    (run.folder / "clone" / "log.txt").write_text("2")
    status, _, err = run("claims", "--released", "clone", claims=(both,))
    assert status == NOT_OK
    assert sum("log.txt: 1 figures differ, first number, row 1: 2, 1 embedded" in line for line in err) == 1
    (run.folder / "clone" / "log.txt").unlink()
    require_one_line(run("judge", "--released", "clone", claims=(both,)), "lies in clone: give a clone, or a folder of")


class Number:
    """A released file with one number."""

    def __init__(self, value):
        self.file, self.value = "log.txt", value

    def figures(self):
        return {"number": np.asarray([self.value])}


def read_number(path):
    return Number(int(path.read_text()))


TABLE_LOG = replace(RELEASED_LOG, read=read_number, embedded=lambda: Number(1))


def test_a_report_that_cannot_be_written_is_one_line(run):
    (run.folder / "evidence").mkdir()
    (run.folder / "evidence" / "report").write_text("in the way")
    status, _, err = run("report")
    assert status == USAGE
    assert len(err) == 1
    assert err[0].startswith("suite: cannot write evidence to evidence (")


def test_ctrl_c_is_130_and_one_line(run, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(execute_module, "_compute", interrupted)
    status, _, err = run("claims")
    assert status == 130
    assert err[-1] == "suite: stopped; what is finished is kept, the rest resumes when run again"


# -------------------------------------------------------------------------------------------------- the rest


def test_verdicts_as_json_are_one_document(run):
    status, out, _ = run("claims", "--json", claims=(SOUND, EXACT, IMPOSSIBLE))
    document = json.loads("\n".join(out))
    assert status == OK
    assert document["ok"] is True
    assert {entry["name"]: entry["verdict"] for entry in document["criteria"]}["impossible.never"] == "unverifiable"
    assert document["criteria"][0]["command"] == ("python -m suite claims -k sound --profile toy.toml --device cpu")


def test_claims_are_listed_explained_and_asked_again(run):
    run("claims")
    assert any("sound" in line for line in run("list", "-k", "sound", toy=False)[1])
    assert run("explain", "sound")[0] == OK
    status, out, _ = run("explain", "sound.holds")
    assert status == OK
    assert any("sound.holds" in line for line in out)
    assert not any("sound.fails" in line for line in out)
    assert run("judge", "-k", "sound.holds")[0] == OK
    status, out, _ = run("what-if", "sound", "--margin", "0.2")
    assert status == OK
    assert out
    status, out, _ = run("table")
    assert status == OK
    assert any(line.startswith("| sound") for line in out)


def test_where_evidence_lies_comes_from_option_then_environment(run, monkeypatch):
    monkeypatch.setenv("SUITE_EVIDENCE", str(run.folder / "elsewhere"))
    run("claims")
    assert (run.folder / "elsewhere" / "cells").is_dir()
    run("claims", "--evidence", "third")
    assert (run.folder / "third" / "cells").is_dir()
    assert not (run.folder / "evidence").exists()


def test_every_command_that_can_be_typed_is_there(capsys):
    for name in verbs():
        with pytest.raises(SystemExit) as ended:
            parse([name, "--help"])
        assert ended.value.code == 0
    assert verbs().keys() == set(listed(capsys))


def listed(capsys):
    capsys.readouterr()
    with pytest.raises(SystemExit):
        parse(["--help"])
    lines = capsys.readouterr().out.partition("COMMAND\n")[2].partition("\n\n")[0].splitlines()
    return [line.split()[0] for line in lines if line.startswith("    ") and not line.startswith("     ")]


def test_whoever_has_read_enough_may_leave(tmp_path):
    """``python -m suite judge | head -1`` ends without a complaint, with the status that the rule gives."""
    code = (
        "import sys\nfrom suite import cli\nfrom suite.commands import list as verb\n"
        "def flood(*_):\n    for _ in range(10_000):\n        print('x' * 1000)\n    return 1\n"
        "verb.run = flood\nsys.exit(cli.main(['list']))\n"
    )
    reader, writer = os.pipe()
    child = subprocess.Popen([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    os.read(reader, 10)
    os.close(reader)
    _, complaints = child.communicate(timeout=60)
    assert (child.returncode, complaints) == (1, b"")


@pytest.mark.parametrize("change", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"}, {"COLUMNS": "0"}])
def test_any_encoding_and_width_shows_the_verdicts(run, change):
    run("claims")
    (run.folder / "claims").mkdir()
    (run.folder / "claims" / "__init__.py").touch()
    (run.folder / "claims" / "sound.py").write_text(
        f"import sys\nsys.path.insert(0, {str(FAKES)!r})\nfrom fake_studies.claims import SOUND as CLAIM\n"
    )
    command = [sys.executable, "-m", "suite", "judge", "--profile", "toy.toml", "--device", "cpu"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(run.folder), str(FAKES.parents[1])])} | change
    done = subprocess.run(command, cwd=run.folder, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (OK, b"")
    assert b"seen here" in done.stdout
    entry = json.loads((run.folder / "evidence" / "claims-toy.json").read_text())
    assert entry["ok"]


# -------------------------------------------------------------------------------------------------- profiles of a page


def page_profiles(run, monkeypatch, *arguments):
    """Names of the profiles that the page is made of, and what was said."""
    found = []

    def noted(root, sessions, *, history, more):
        found.extend((one.evidence.profile.name, len(one.evidence.profile.seeds)) for one in sessions)
        return draw(root, sessions, history=history)

    monkeypatch.setattr("suite.catalog.discover", lambda: [SOUND])
    monkeypatch.setattr("suite.show.page.report.write_report", noted)
    assert main([*arguments, "--device", "cpu"]) == OK
    return found


def test_the_page_shows_every_profile_that_has_evidence(run, monkeypatch, capsys):
    for name, scope in (("second", "proxy"), ("third", "proxy"), ("tiny", "smoke")):
        (run.folder / f"{name}.toml").write_text(PROFILE_TOML.replace('"proxy"', f'"{scope}"'))
    report = ("report", "--profile", "toy.toml")
    run("claims")
    assert page_profiles(run, monkeypatch, *report) == [("toy", 4)]
    for name in ("second", "tiny"):
        assert main(["claims", "--profile", f"{name}.toml", "--seeds", "3", "--device", "cpu", "--no-sync"]) == OK
    assert page_profiles(run, monkeypatch, *report) == [("toy", 4), ("second", 3)]
    assert main(["judge", "--profile", "third.toml", "--seeds", "9", "--device", "cpu"]) == NOT_OK
    assert page_profiles(run, monkeypatch, *report) == [("toy", 4), ("second", 3)], "nothing was measured at third"
    (run.folder / "second.toml").unlink()
    capsys.readouterr()
    assert page_profiles(run, monkeypatch, *report) == [("toy", 4)]
    said = capsys.readouterr().err
    assert f"suite: evidence of profile second is not shown: no profile '{run.folder / 'second.toml'}'" in said
    (run.folder / "evidence" / "sessions" / "second-3-seeds-cpu.json").write_text("[")
    assert page_profiles(run, monkeypatch, *report) == [("toy", 4)]


def test_the_page_of_smoke_shows_smoke_alone_of_its_kind(run, monkeypatch):
    (run.folder / "tiny.toml").write_text(PROFILE_TOML.replace('"proxy"', '"smoke"'))
    run("claims")
    assert page_profiles(run, monkeypatch, "report", "--profile", "tiny.toml") == [("tiny", 4), ("toy", 4)]


# -------------------------------------------------------------------------------------------------- bundles


def test_somebody_else_judges_from_a_bundle_without_computing(run, monkeypatch):
    run("claims")
    status, out, err = run("bundle", "desk.tar.gz")
    assert (status, err) == (OK, [])
    assert out[0].startswith("desk.tar.gz: 8 cells, ")
    monkeypatch.setattr(execute_module, "_compute", lambda *_: pytest.fail("computed"))
    monkeypatch.setenv("SUITE_EVIDENCE", "elsewhere")
    for command in ("judge", "claims", "table", "report", "status", "explain sound", "what-if sound --margin 0.1"):
        status, out, err = run(*command.split(), "--with", "desk.tar.gz")
        assert status == OK, (command, out, err)
        assert err[-1].startswith("suite: 8 of 8 cells of profile toy are used, from desk.tar.gz, sha256 "), command
    assert run("judge")[0] == NOT_OK
    status, out, _ = run("judge", "--with", "desk.tar.gz", "--json")
    entry = json.loads("\n".join(out))["criteria"][0]
    assert entry["command"].endswith(" --with desk.tar.gz")
    assert entry["origin"].startswith("all its runs are from desk.tar.gz, sha256 ")
    assert {cell["origin"].partition(",")[0] for cell in entry["cells"]} == {"desk.tar.gz"}
    assert sorted(path.name for path in (run.folder / "elsewhere").iterdir()) == [
        "bundles",
        "claims-toy.json",
        "report",
    ]


def test_what_is_published_is_judged_elsewhere_and_names_no_folder_of_this_machine(run, monkeypatch):
    run("claims")
    status, out, err = run("publish", "site", "--by", "Somebody", "--url", "https://example.org/toy/")
    assert (status, err) == (OK, [])
    site = run.folder / "site"
    assert files(site) == ["badge.svg", "index.html", "reproduction.json", "toy.tar.gz"]
    judge = out[-1].removeprefix("a reader judges it with: ")
    digest = hashlib.sha256((site / "toy.tar.gz").read_bytes()).hexdigest()
    assert judge.endswith(f" --with https://example.org/toy/toy.tar.gz#sha256={digest}")
    page = (site / "index.html").read_text()
    assert digest in page
    assert "Somebody" in page
    assert not [path for path in site.glob("*.[hjs]*") if str(run.folder) in path.read_text()]
    shutil.copytree(site, run.folder / "reproductions")
    monkeypatch.setenv("SUITE_EVIDENCE", "elsewhere")
    assert run("judge", "--with", "site/toy.tar.gz")[0] == OK
    run("report", "--with", "site/toy.tar.gz")
    assert "Somebody" in (run.folder / "elsewhere/report/index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("publish", "site"), "nothing to pack: no cell is finished"),
        (("publish", "site", "--url", "example.org"), "--url example.org: give an address that begins with http"),
        (("publish", "toy.toml"), "cannot write"),
    ],
)
def test_what_cannot_be_published_is_one_line(run, arguments, words):
    require_one_line(run(*arguments), words)


def test_theirs_stand_beside_ours_or_before_them(run):
    run("claims")
    run("bundle", "desk.zip")
    assert run("judge", "--with", "desk.zip")[2][-1].startswith("suite: desk.zip: none of its 8 cells ")
    status, out, err = run("judge", "--prefer", "desk.zip")
    assert (status, len(err)) == (OK, 1)
    assert err[0].startswith("suite: 8 of 8 cells of profile toy are used, from desk.zip")
    assert any("every criterion: all its runs are from desk.zip" in line for line in out)


def test_a_bundle_of_half_the_work_says_so(run):
    run("claims", "-k", "sound")
    status, out, err = run("bundle", "desk.zip", claims=(SOUND, claim("more", criterion("more", reading("other")))))
    assert status == OK
    assert out[0].startswith("desk.zip: 8 cells, ")
    assert err == ["suite: 4 cells that the profile asks for are not finished, so not packed"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bundle", "desk.rar"), "desk.rar: name a bundle .tar.gz or .zip"),
        (("bundle", "desk.zip"), "nothing to pack: no cell is finished; python -m suite claims --profile toy.toml"),
        (("judge", "--with", "none.zip"), "none.zip: there is no such bundle"),
        (("judge", "--with", "toy.toml"), "toy.toml is not read as a bundle: it is truncated or damaged"),
        (("record", "--with", "none.zip"), "unrecognized arguments: --with none.zip"),
    ],
)
def test_faults_of_bundles_are_one_line(run, arguments, words):
    require_one_line(run(*arguments), words)


def test_what_if_foresees_seeds_without_asking_for_them(run):
    run("claims")
    status, out, _ = run("what-if", "sound", "--seeds", "40")
    assert status == OK
    assert any("what if 40 seeds of the present mean and spread?" in line for line in out)
    require_one_line(run("what-if", "sound", "--seeds", "1"), "--seeds 1: one seed shows no spread, give at least 2")
    require_one_line(run("what-if", "sound"), "give --margin, --seeds or both")
    require_one_line(run("what-if", "sound", "--n", "4"), "unrecognized arguments: --n 4")
