"""The command line: ``python -m suite COMMAND``, or ``vit-claims COMMAND``; ``nox -s claims`` is its ``claims``."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

from suite import commands
from suite.commands._common import INTERRUPTED, USAGE, say
from suite.errors import SuiteError
from suite.options import parse, session_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Output:
    """A stream whose reader may leave: the command goes on, so that its status is by the rule all the same."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # verdicts must appear in any encoding

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._leave()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        """Whoever read has seen enough; Python would complain when it flushes at its end."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 if all is as expected, 1 if a verdict departs, something failed or nothing was measured, 2 for a
        fault the user can mend (one line says how), 130 after Ctrl-C.
    """
    out, err = _Output(sys.stdout), _Output(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = _run(arguments)
        out.flush()
    return status


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = parse(arguments)
        status: int = commands.verbs()[options.command].run(session_of(options), options)
    except SuiteError as error:
        say(str(error))
        return USAGE
    except KeyboardInterrupt as how:
        say(str(how) or "stopped; what is finished is kept, the rest resumes when run again")
        return INTERRUPTED
    except OSError as error:
        say(f"{error.filename or 'a file'}: {error.strerror or error}")
        return USAGE
    return status
