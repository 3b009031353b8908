"""``pytest claims/``: every criterion a test, judged from finished cells; nothing is ever trained here.

This module is loaded in every pytest run where the suite is installed, so it imports pytest and nothing else,
and does nothing unless the command line names the project's ``claims`` folder or a file in it.

A criterion *fails* if its verdict departs from the expected one; a verdict "error" fails always; missing
evidence counts as skipped, with the command that computes it. Everything else passes, under its own word.
The session fails on a departure, on an error, or if nothing was measured at all.
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from suite.show.pytest_items import ClaimFile

PACKAGE = "claims"
_UNMEASURED = ("not run", "error", "unverifiable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for judging; they have no effect on other tests."""
    group = parser.getgroup(PACKAGE, "judging claims (pytest claims/)")
    group.addoption("--claims-profile", default="desk", metavar="NAME", help="scale, by name or .toml file")
    group.addoption("--claims-seeds", type=int, metavar="N", help="use N seeds instead of the profile's own")
    group.addoption("--claims-device", default="auto", help="auto, cpu or cuda: cells are named by it")
    group.addoption("--claims-released", action="append", metavar="DIR", help="an author's repository as cloned")
    group.addoption("--claims-images", default="", metavar="DIR", help="where images lie, or a timm data set")
    group.addoption("--claims-weights", action="append", metavar="NAME=FILE", help="a network's weights file")
    group.addoption(
        "--claims-with", action="append", metavar="BUNDLE", help="use somebody's runs where ours are missing"
    )
    group.addoption("--claims-prefer", action="append", metavar="BUNDLE", help="the same, and rather than ours")
    group.addoption(
        "--claims-evidence",
        default="",
        metavar="DIR",
        help="where evidence lies (default: $SUITE_EVIDENCE, else ./evidence)",
    )
    group.addoption(
        "--claims-fail-on-departure",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="fail a criterion whose verdict departs from the expected one (default: yes)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Wake up only if the command line names the claims folder or something in it."""
    folder, start = (config.rootpath / PACKAGE).resolve(), config.invocation_params.dir
    asked = [(start / argument.split("::", maxsplit=1)[0]).resolve() for argument in config.args]
    named = any(folder in (path, *path.parents) for path in asked)
    if named and any(map(_states_a_claim, folder.glob("*.py"))):
        config.pluginmanager.register(ClaimsPlugin(folder), "claims-session")


def _states_a_claim(path: Path) -> bool:
    """Whether a module defines ``CLAIM``, told from its text: other projects have folders of this name, too."""
    if path.name.startswith("_"):
        return False
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"^CLAIM\s*[:=]", text, flags=re.MULTILINE) is not None


class ClaimsPlugin:
    """The hooks of a run that judges claims."""

    def __init__(self, folder: Path) -> None:
        """Counts fill as reports come in, from this process or from xdist's workers."""
        self.folder = folder
        self.verdicts: dict[str, str] = {}
        self.remedies: dict[str, None] = {}

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Open the evidence first: a profile that is not there is one line, not an error in every file."""
        from suite.show.pytest_items import evidence_of  # noqa: PLC0415 - only where claims are judged

        evidence_of(session.config)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> ClaimFile | None:
        """A module of the claims package becomes a collector of its criteria."""
        if file_path.parent != self.folder or file_path.suffix != ".py" or not _states_a_claim(file_path):
            return None
        from suite.show.pytest_items import ClaimFile  # noqa: PLC0415 - only where claims are judged

        found: ClaimFile = ClaimFile.from_parent(parent, path=file_path)
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Put the verdict on the report, which xdist carries to the process that prints."""
        report = yield
        verdict = getattr(item, "verdict", None)
        if report.when == "call" and verdict is not None:
            report.claim = verdict
        return report

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """The verdict's own word and letter; a departure stays a failure, an error an error."""
        found: dict[str, str] | None = getattr(report, "claim", None)
        if found is None:
            return None
        word = found["verdict"]
        if word == "error":
            return "error", found["letter"], "ERROR"
        if report.failed:
            return "failed", "F", f"{word} (NOT AS EXPECTED)".upper()
        return word, found["letter"], word.upper()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what was measured."""
        found: dict[str, str] | None = getattr(report, "claim", None)
        if found is not None:
            self.verdicts[report.nodeid] = found["verdict"]
            if found["verdict"] == "not run":
                self.remedies[found["remedy"]] = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A session that measured nothing has shown nothing: it does not pass."""
        if self._nothing_measured() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _nothing_measured(self) -> bool:
        return bool(self.verdicts) and all(verdict in _UNMEASURED for verdict in self.verdicts.values())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how to get what is missing, and why a session without failures may fail."""
        for remedy in self.remedies:
            terminalreporter.write_line(f"not run: {remedy}")
        if self._nothing_measured():
            terminalreporter.write_line("FAILED: nothing was measured, so nothing was shown", red=True, bold=True)
