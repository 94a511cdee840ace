"""Errors that are to be expected."""


class ExpectedError(Exception):
    """Something a user can do something about; the text is one line and says what.

    Attributes:
        exit_code: what the command ends with: 1, or 2 where it was used wrongly.
    """

    exit_code = 1

    def __init__(self, reason: str) -> None:
        # Names of files and what stands in them may hold anything, and go to terminals and logs.
        super().__init__(printable(reason))


def first_line(error: BaseException) -> str:
    """Of what an error says, or its kind where it says nothing; libraries add whole pages to it."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def printable(text: str, *, keep: str = "") -> str:
    """`text` in which nothing steers a terminal: what is not printed, nor in `keep`, is escaped."""
    return "".join(
        char if char.isprintable() or char in keep else ascii(char)[1:-1] for char in text
    )
