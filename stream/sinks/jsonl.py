"""Messages as lines of a file."""

import errno
from pathlib import Path
from typing import Self

from dancetype.engine.errors import SinkError
from dancetype.stream.messages import Message


class JsonlSink:
    """Appends each message to a file, one JSON text a line.

    Args:
        path: made if it is not there; its folder has to be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._torn = False

    async def __aenter__(self) -> Self:
        """Opens the file.

        Raises:
            SinkError: it cannot be written.
        """
        try:
            # Without a buffer each line is out when `send` returns, and nothing is left to be
            # written on closing, when a full disk would be one fault too many.
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise SinkError(
                f"cannot write {self._path}: {error.strerror}; give another file to --jsonl"
            ) from error
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Closes the file."""
        self._file.close()

    async def send(self, message: Message, text: str) -> None:
        """Appends `text`.

        Raises:
            OSError: the line could not be written, or not all of it.
        """
        # What a full disk cut off is ended here, so that it spoils one line and not two.
        line = (b"\n" if self._torn else b"") + text.encode() + b"\n"
        written = self._file.write(line)
        self._torn = 0 < written < len(line)
        if written < len(line):
            raise OSError(errno.ENOSPC, "only part of a line could be written", str(self._path))
