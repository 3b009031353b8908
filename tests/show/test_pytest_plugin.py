"""``pytest claims/`` in a project of made-up claims: what is collected, said, and how the session ends."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import synthetic

from suite.judge import Verdict

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent
INSTALLED = any(entry.value == "suite.show.pytest_plugin" for entry in entry_points(group="pytest11"))
PLUGIN = () if INSTALLED else ("-p", "suite.show.pytest_plugin")

ALL = """
from synthetic import *
CLAIM = claim("first", (
    criterion("holds", "high", expected=registered(Verdict.SEEN_HERE)),
    criterion("fails", "low", control="high", expected=registered(Verdict.NOT_SEEN_HERE)),
    criterion("surprise", "high", expected=registered(Verdict.NOT_SEEN_HERE)),
    criterion("vacuous", "high", control="higher"),
    criterion("open", "edge"),
    criterion("absent", "broken"),
    criterion("elsewhere", "high", needs=("distill.nowhere",)),
))
"""
FINE = """
from synthetic import *
CLAIM = claim("fine", (criterion("holds", "high", expected=registered(Verdict.SEEN_HERE)), exact()))
"""
ABSENT = """
from synthetic import *
CLAIM = claim("nothing", (criterion("absent", "broken"),))
"""
VANISHED = """
from synthetic import *
CLAIM = claim("vanished", (criterion("gone", "broken", expected=registered(Verdict.SEEN_HERE)), exact()))
"""
CRASHED = """
from synthetic import *
CLAIM = claim("crashed", (criterion("nan", "broken"), exact()))
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """A project with a claims package, evidence for most of it, and a test of its own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1]), str(HERE)]))
    for name in [name for name in sys.modules if name.partition(".")[0] == "claims"]:
        monkeypatch.delitem(sys.modules, name)  # the real ones, if another test imported them
    monkeypatch.setenv("SUITE_EVIDENCE", "evidence")
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config")
    pytester.mkpydir("claims")
    pytester.path.joinpath("tiny.toml").write_text(synthetic.PROFILE_TOML)
    pytester.mkdir("tests").joinpath("test_arithmetic.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n")

    def write(**modules):
        for name, source in modules.items():
            pytester.path.joinpath("claims", f"{name}.py").write_text(source)
        synthetic.evidence(pytester.path / "evidence")
        return pytester

    return write


OPTIONS = (*PLUGIN, "-p", "no:cacheprovider", "--claims-profile", "tiny.toml", "--claims-device", "cpu")


def run(pytester, *arguments):
    return pytester.runpytest_inprocess(*OPTIONS, *arguments)


def test_every_verdict_has_its_word_and_only_a_departure_fails(project):
    result = run(project(first=ALL), "claims", "-v")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    summary = result.outlines[-1]
    for count in ("1 failed", "1 seen here", "1 not seen here", "1 uninformative", "1 inconclusive", "1 not run"):
        assert count in summary
    assert "passed" not in summary
    result.stdout.fnmatch_lines(["claims/first.py::surprise SEEN HERE (NOT AS EXPECTED)*"])
    result.stdout.fnmatch_lines(["first.surprise: seen here (NOT as recorded: not seen here). *4 seeds*"])
    result.stdout.fnmatch_lines(["not run: python -m suite claims -k first --profile tiny.toml --device cpu"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*elsewhere*")


def test_junit_holds_the_numbers(project):
    pytester = project(first=ALL)
    run(pytester, "claims", "--junitxml=out.xml")
    tree = ET.parse(pytester.path / "out.xml")  # noqa: S314 - our own file
    cases = {case.get("name"): case for case in tree.iter("testcase")}
    properties = {
        name: {entry.get("name"): entry.get("value") for entry in case.iter("property")} for name, case in cases.items()
    }
    assert properties["holds"]["verdict"] == "seen here"
    assert float(properties["holds"]["low"]) == pytest.approx(0.2802, abs=1e-4)
    assert float(properties["holds"]["estimate"]) == pytest.approx(0.2983, abs=1e-4)
    assert properties["holds"]["published"] == "0.25 bits"
    assert properties["holds"]["region"] == "≥ 0.14 bits"
    assert (properties["holds"]["scope"], properties["holds"]["profile"]) == ("proxy", "tiny")
    assert "lies inside the claimed region" in properties["holds"]["reason"]
    assert properties["absent"]["estimate"] == ""
    assert cases["surprise"].find("failure") is not None
    assert "python -m suite claims -k first" in cases["absent"].find("skipped").get("message")
    assert cases["fails"].find("failure") is None


def test_departures_may_be_tolerated(project):
    result = run(project(first=ALL), "claims", "--no-claims-fail-on-departure")
    assert result.ret == pytest.ExitCode.OK
    assert "2 seen here" in result.outlines[-1]


def test_one_criterion_is_judged_within_its_whole_family(project, monkeypatch):
    """Alone, "weak" would be seen; among its six siblings its p-value is not small enough."""
    siblings = ", ".join(f"criterion('s{index}', 'edge')" for index in range(6))
    family = f"from synthetic import *\nCLAIM = claim('family', (criterion('weak', 'weak'), {siblings}))"
    alone = "from synthetic import *\nCLAIM = claim('alone', (criterion('weak', 'weak'),))"
    monkeypatch.setitem(synthetic.MEANS, "weak", 0.167)
    pytester = project(family=family, alone=alone)
    synthetic.fill(synthetic.Store(pytester.path / "evidence"), ("weak",))
    result = run(pytester, "claims", "-k", "weak", "-v")
    result.stdout.fnmatch_lines(["claims/alone.py::weak SEEN HERE*", "claims/family.py::weak INCONCLUSIVE*"])
    assert "6 deselected" in result.outlines[-1]


def test_a_node_id_selects_one_criterion(project):
    result = run(project(first=ALL, fine=FINE), "claims/fine.py::holds", "-v")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["claims/fine.py::holds SEEN HERE*"])
    assert "1 seen here in" in result.outlines[-1]


def test_tests_are_left_alone(project):
    pytester = project(first=ALL)
    for arguments in (("tests",), ("tests/test_arithmetic.py",)):
        result = run(pytester, *arguments)
        assert result.ret == pytest.ExitCode.OK
        assert "1 passed in" in result.outlines[-1]


def test_a_bare_run_does_not_judge(project):
    result = run(project(first=ALL))
    assert result.ret == pytest.ExitCode.OK
    assert "1 passed in" in result.outlines[-1]


def test_nothing_measured_is_no_success(project):
    result = run(project(nothing=ABSENT), "claims")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*1 not run*"])
    result.stdout.fnmatch_lines(["FAILED: nothing was measured*"])
    result.stdout.fnmatch_lines(["not run: python -m suite claims -k nothing --profile tiny.toml --device cpu"])


def test_evidence_that_vanished_departs(project):
    result = run(project(vanished=VANISHED), "claims")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["vanished.gone: not run (NOT as recorded: seen here)*is not computed*"])


def test_a_broken_number_is_an_error_whatever_is_registered(project):
    pytester = project(crashed=CRASHED)
    synthetic.fill(synthetic.Store(pytester.path / "evidence"), ("broken",))
    result = run(pytester, "claims", "--no-claims-fail-on-departure")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "1 error" in result.outlines[-1]
    assert "1 reproduced" in result.outlines[-1]
    result.stdout.fnmatch_lines(["crashed.nan: error. *value 1 of 4 (seed 0) is nan*"])


def test_seeds_make_another_profile_that_is_held_to_nothing(project):
    result = run(project(first=ALL), "claims/first.py::surprise", "--claims-seeds", "3")
    assert result.ret == pytest.ExitCode.OK


def test_an_unknown_profile_is_one_line(project):
    result = run(project(fine=FINE), "claims", "--claims-profile", "tinny")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no profile 'tinny'*"])


def test_workers_agree_with_one_process(project, monkeypatch):
    pytest.importorskip("xdist")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # three processes: load only what is needed
    pytester = project(first=ALL, fine=FINE)
    arguments = ("-p", "suite.show.pytest_plugin", "-p", "xdist.plugin", "-n", "2", "--dist", "loadgroup")
    result = pytester.runpytest_subprocess(*OPTIONS[len(PLUGIN) :], *arguments, "claims")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    summary = result.outlines[-1]
    for count in (
        "1 failed",
        "2 seen here",
        "1 reproduced",
        "1 not seen here",
        "1 uninformative",
        "1 inconclusive",
        "1 not run",
    ):
        assert count in summary


def test_loading_the_plugin_loads_nothing_else():
    """It is loaded in every pytest run of whoever installs the suite."""
    code = (
        "import sys, suite.show.pytest_plugin\n"
        "heavy = {'numpy', 'scipy', 'torch', 'rich', 'claims', 'suite.judge', 'mlflow'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=HERE.parents[1], check=True)


def test_every_verdict_has_a_letter_of_its_own():
    from suite.show.verdicts import LOOKS

    assert set(LOOKS) == set(Verdict)
    letters = [mark.letter for mark in LOOKS.values()]
    assert len(set(letters)) == len(letters)
    assert len({mark.glyph for mark in LOOKS.values()}) == len(LOOKS)


def test_another_project_with_options_and_claims_of_its_own_is_left_alone(pytester):
    options = ("--evidence", "--fail-on-departure", "--images", "--profile", "--seeds", "--weights", "--released")
    added = "".join(f"    parser.addoption({name!r}, default='x')\n" for name in options)
    pytester.makeconftest(f"def pytest_addoption(parser):\n{added}")
    folder = pytester.mkdir("claims")
    folder.joinpath("insurance.py").write_text("raise RuntimeError('nobody imports this')\n")
    folder.joinpath("test_insurance.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n")
    for arguments in ((), ("claims",), ("claims/test_insurance.py", "--evidence", "y")):
        result = pytester.runpytest_inprocess(*PLUGIN, "-p", "no:cacheprovider", *arguments)
        assert result.ret == pytest.ExitCode.OK
        assert "1 passed in" in result.outlines[-1]
    assert not pytester.path.joinpath("evidence").exists()


def test_evidence_lies_where_the_environment_says(project, monkeypatch):
    pytester = project(fine=FINE)
    pytester.path.joinpath("evidence").rename(pytester.path / "elsewhere")
    assert run(pytester, "claims").ret == pytest.ExitCode.TESTS_FAILED
    monkeypatch.setenv("SUITE_EVIDENCE", str(pytester.path / "elsewhere"))
    assert run(pytester, "claims").ret == pytest.ExitCode.OK
    monkeypatch.delenv("SUITE_EVIDENCE")
    assert run(pytester, "claims", "--claims-evidence", "elsewhere").ret == pytest.ExitCode.OK
