"""Sink that writes messages as JSON lines to a file."""

import errno
from pathlib import Path
from typing import Self

from dancetype.engine.errors import SinkError
from dancetype.stream.messages import Message
from dancetype.stream.sink import Sink


class JsonlSink(Sink):
    """Sink that appends each message as a line of JSON to a file, which is created if missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends_in_partial_line = False

    async def __aenter__(self) -> Self:
        """Open the file."""
        try:
            # Unbuffered: each line is written when `send` returns, and closing cannot fail on a
            # full disk.
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise SinkError(
                f"cannot write {self._path}: {error.strerror}; choose another file for --jsonl"
            ) from error
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the file."""
        self._file.close()

    async def send(self, message: Message, text: str) -> None:
        """Append `text`.

        Raises:
            OSError: The line was not written, or only part of it.
        """
        # After a partial line, which a full disk may cause, start a new line.
        line = (b"\n" if self._ends_in_partial_line else b"") + text.encode() + b"\n"
        written = self._file.write(line)
        self._ends_in_partial_line = 0 < written < len(line)
        if written < len(line):
            raise OSError(errno.ENOSPC, "only part of a line could be written", str(self._path))
