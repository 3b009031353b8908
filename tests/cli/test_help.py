"""Help is complete, and instant: nothing heavy is imported for it."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys

import pytest

from suite import options
from suite.commands import verbs

HEAVY = ("torch", "timm", "mlflow", "scipy", "numpy", "sklearn", "matplotlib", "rich", "suite.judge", "claims")


def subparsers():
    parser = options.parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return parser, {name: commands.choices[name] for name in commands.choices}, commands._choices_actions


def test_every_command_and_every_option_says_what_it_does():
    parser, commands, entries = subparsers()
    assert set(commands) == set(verbs()) == {entry.dest for entry in entries}
    for name, command in {"": parser, **commands}.items():
        assert re.fullmatch(r"[A-Z].*\.", command.description), name
        for action in command._actions:
            if isinstance(action, argparse._SubParsersAction):
                continue
            assert action.help, (name, action.dest)
            assert re.fullmatch(r"[a-z.$'].*[^.\s]", action.help), (name, action.help)
            assert "  " not in action.help
    for entry in entries:
        assert re.fullmatch(r"[a-z].*[^.]", entry.help)


@pytest.mark.parametrize("name", sorted(verbs()))
def test_defaults_are_said_where_there_are_any(name):
    _, commands, _ = subparsers()
    for action in commands[name]._actions:
        said = re.search(r"default: ([^,;)]+)", action.help or "")
        if said and action.dest not in ("evidence", "workers", "executor"):  # these depend on the machine
            assert said.group(1) == str(action.default)
        if action.default not in (None, False, True, argparse.SUPPRESS):
            assert said, (name, action.dest)


def test_exit_statuses_are_documented(capsys):
    with pytest.raises(SystemExit):
        options.parse(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Exit status: 0 if all is as expected; 1 if a verdict departs, something failed or nothing was" in text
    assert "2 for a fault you can mend" in text
    assert "130 after Ctrl-C" in text


def test_help_imports_nothing_heavy():
    code = (
        "import sys, contextlib, io\n"
        "import suite, suite.cli\n"
        "for name in ('', *suite.cli.commands.verbs()):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        suite.cli.main([*([name] if name else []), '--help'])\n"
        "with contextlib.redirect_stderr(io.StringIO()):\n"
        "    assert suite.cli.main(['nope']) == 2\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_version_is_said(capsys):
    with pytest.raises(SystemExit):
        options.parse(["--version"])
    assert re.fullmatch(r"python -m suite \d+\.\d+\.\d+\n", capsys.readouterr().out)
