"""Errors that are to be expected."""


class ExpectedError(Exception):
    """Something a user can do something about; the text is one line and says what.

    Attributes:
        exit_code: what the command ends with: 1, or 2 where it was used wrongly.
    """

    exit_code = 1
