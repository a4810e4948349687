"""The errors that users see, each with its own exit code.

Every message says what went wrong, where, and what to do.
"""


class UserError(Exception):
    """An error that the user sees as one message, without a traceback."""

    exit_code = 1


class UsageError(UserError):
    """The command line asks for something that does not exist or is not allowed (exit code 2)."""

    exit_code = 2


class BadSource(UserError):
    """A checkpoint is damaged, malicious or not supported (exit code 3)."""

    exit_code = 3


class HashMismatch(UserError):
    """A file's size or SHA-256 is not the expected one (exit code 4)."""

    exit_code = 4


class FetchFailed(UserError):
    """A download failed or is incomplete (exit code 5).

    `advice` is shown only if no other source is left.
    """

    exit_code = 5

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(f"{problem}; {advice}" if advice else problem)
        self.problem = problem


class NoSpace(UserError):
    """The disk is full, or would become full (exit code 6)."""

    exit_code = 6


class Busy(UserError):
    """Another run holds the lock (exit code 7)."""

    exit_code = 7


class BadBundle(UserError):
    """A bundle on disk is damaged, malicious or has another format (exit code 8)."""

    exit_code = 8
