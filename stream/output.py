"""Standard output and standard error of the commands: UTF-8, with readable errors."""

import io
import os
import sys
from contextlib import suppress
from typing import BinaryIO, Final, TextIO

from dancetype.engine.errors import ExpectedError

# Escape sequences for bytes of file names that are not UTF-8.
_ERRORS: Final = "backslashreplace"


class OutputError(ExpectedError):
    """Standard output cannot be written, such as on a full disk or a closed pipe."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output cannot be written: {error.strerror or error}")


class StandardOutput(io.TextIOWrapper):
    """Text stream whose errors are OutputErrors."""

    def write(self, text: str, /) -> int:
        """Write `text`.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        """Write what is buffered.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            super().flush()
        except OSError as error:
            raise OutputError(error) from error


class StandardError(io.TextIOWrapper):
    """Text stream that drops what cannot be written: nothing depends on progress and warnings."""

    def write(self, text: str, /) -> int:
        """Write `text` if possible."""
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered if possible."""
        with suppress(OSError):
            super().flush()


def open_standard_error(descriptor: int) -> StandardError:
    """Return a stream that writes each line to a file descriptor, and owns it."""
    return StandardError(
        os.fdopen(descriptor, "wb"), line_buffering=True, encoding="utf-8", errors=_ERRORS
    )


def set_up_standard_streams() -> None:
    """Replace `sys.stdout` and `sys.stderr` by streams of this module, unless they are captured.

    If the process was started without them, writing to them fails as on any other closed stream.
    """
    for name, stream_type in (("stdout", StandardOutput), ("stderr", StandardError)):
        stream: TextIO | None = getattr(sys, name)
        buffer: BinaryIO
        if stream is None:
            # Takes the free file descriptor, which another file would otherwise get.
            buffer, by_line = os.fdopen(os.open(os.devnull, os.O_RDONLY), "wb"), True
        elif isinstance(stream, io.TextIOWrapper) and stream is getattr(sys, f"__{name}__"):
            with suppress(OSError):
                stream.flush()
            by_line = stream.line_buffering or stream.write_through
            buffer = stream.detach()
        else:
            continue
        replacement = stream_type(buffer, encoding="utf-8", errors=_ERRORS, line_buffering=by_line)
        setattr(sys, name, replacement)


def discard_standard_output() -> None:
    """Let the interpreter, which writes what is buffered when it exits, write it to nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
