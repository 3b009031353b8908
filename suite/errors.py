"""The one exception the command line turns into a clear line and a non-zero exit."""


class SuiteError(ValueError):
    """A fault the user can mend; its message is one line that says what to do."""
