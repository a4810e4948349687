"""What can go wrong for a user, each with an exit code of its own.

Every message says what was wrong, where, and what to do.
"""


class Problem(Exception):
    """An error that is shown to the user as one message, without a traceback."""

    exit_code = 1


class UsageProblem(Problem):
    """The command line asks for something that does not exist (exit code 2)."""

    exit_code = 2


class BadSource(Problem):
    """A source checkpoint is damaged, hostile or not supported (exit code 3)."""

    exit_code = 3


class HashMismatch(Problem):
    """A file's size or SHA-256 is not the expected one (exit code 4)."""

    exit_code = 4


class FetchFailed(Problem):
    """A download did not finish (exit code 5)."""

    exit_code = 5


class NoSpace(Problem):
    """The disk is full, or would be (exit code 6)."""

    exit_code = 6


class Busy(Problem):
    """Another run holds the lock (exit code 7)."""

    exit_code = 7


class BadBundle(Problem):
    """A bundle on disk is damaged, hostile or of another format (exit code 8)."""

    exit_code = 8
