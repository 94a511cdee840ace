"""Errors that a user or a caller can act on.

    ExpectedError               the text is one line: what happened, and what to do
    ├── SettingsError           a flag, variable or settings file (exit code 2)
    ├── ModelError              a genre model, checkpoint or pose model
    ├── FileError               a video, track, recording, recipe or data file
    │   └── MissingFileError    there is no such file
    ├── AssetError              a file to download, such as the pose model
    ├── SourceError             a camera, stream or file that is read live, with a `Fault`
    │   └── SourceUnavailableError   it may be available again later; retry
    ├── SinkError               a sink, such as the connection to the MQTT broker
    └── WorkerError             a worker process, Ray, or the graphics driver
    MessageError (ValueError)   a message that does not follow the protocol

Any other exception raised by a public function is a bug.
"""

from enum import StrEnum


class ExpectedError(Exception):
    """An error that the user can act on; its text is one line.

    Attributes:
        exit_code: Exit status of the command: 1, or 2 if it was called incorrectly.
    """

    exit_code = 1

    def __init__(self, reason: str) -> None:
        # Names and contents of files may put control characters into texts for terminals and logs.
        super().__init__(printable(reason))


class SettingsError(ExpectedError):
    """Invalid settings; the text names the key and what it accepts."""

    exit_code = 2


class ModelError(ExpectedError):
    """A genre model, checkpoint or pose model that cannot be loaded, run or written."""


class FileError(ExpectedError):
    """A file that cannot be read or written, or whose content is invalid."""


class MissingFileError(FileError):
    """A file that does not exist."""


class AssetError(ExpectedError):
    """A downloadable file that is missing and cannot be fetched or stored."""


class Fault(StrEnum):
    """Machine-readable kind of a source's fault."""

    REFUSED = "refused"
    """The host is reachable, but refuses the connection."""
    TIMED_OUT = "timed_out"
    """The source does not respond, or has stopped sending."""
    AUTHENTICATION = "authentication"
    """The source rejects the user name or password."""
    NOT_FOUND = "not_found"
    """The host, path, device or file does not exist."""
    CODEC = "codec"
    """The source has no video that can be decoded."""
    ENDED = "ended"
    """The connection broke, or the source has ended."""
    OTHER = "other"
    """Any other fault; see the error's text."""


class SourceError(ExpectedError):
    """A source that cannot be read; the text contains no credentials.

    Attributes:
        fault: Kind of fault.
    """

    def __init__(self, reason: str, fault: Fault = Fault.OTHER) -> None:
        super().__init__(reason)
        self.fault = fault


class SourceUnavailableError(SourceError):
    """A live source that cannot be read now, but may be available again later."""


class SinkError(ExpectedError):
    """A sink that cannot start with its settings."""


class WorkerError(ExpectedError):
    """A worker process, cluster or renderer that cannot start or has failed."""


class MessageError(ValueError):
    """Text that is not a message of the protocol; the error names the place and the problem."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its type if the text is empty.

    Some libraries append long explanations to their messages.
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def printable(text: str, *, keep: str = "") -> str:
    """Escape everything in `text` that could control a terminal, except characters in `keep`."""
    return "".join(
        char if char.isprintable() or char in keep else ascii(char)[1:-1] for char in text
    )
