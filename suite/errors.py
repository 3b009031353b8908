"""The one exception the command line turns into a clear line and a non-zero exit."""

_LONGEST = 500  # characters; whole tracebacks belong in logs


class SuiteError(ValueError):
    """A fault the user can mend; its message is one line that says what to do."""


class Stopped(SuiteError):
    """Work stopped through no fault of what it computes, which stays unfinished and resumes when run again."""


class LostProcess(Stopped):
    """Another process of the job is gone."""


class Unobtainable(SuiteError):
    """Something that a cell needs cannot be had here (weights, say); the message says what, and how to give it."""


class Diverged(SuiteError):
    """A training ended in numbers that are none: no fault of the machine, never a result, and counted apart."""


class Unavailable(Exception):
    """The evidence a reading needs is not there; the message says what is missing and how to get it."""


class Ungiven(Unavailable):
    """Something that an option of the command line gives was not given."""

    def __init__(self, message: str, *options: str) -> None:
        """The message says what is missing; ``options`` would give it (``--images``, ``DIR``)."""
        super().__init__(message)
        self.options = options


class Unverifiable(Unavailable):
    """Evidence that nobody outside can have; the message says what was never released."""


def one_line(fault: BaseException) -> str:
    """A fault in one line: our own as it is, others with their type; messages of torch span many lines."""
    said = " ".join(str(fault).split())
    line = said if said and isinstance(fault, SuiteError) else f"{type(fault).__name__}: {said}".removesuffix(": ")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
