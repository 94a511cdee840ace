"""Named pipes, which another program writes video to."""

import os
import select
import sys
from pathlib import Path
from typing import Final

from dancetype.stream.sources.sockets import Deadline

_MAX_READ: Final = 65_536
# Without a writer, polling returns at once.
_POLL_SECONDS: Final = 0.05

if sys.platform == "win32":
    _NONBLOCKING: Final = 0  # `parse_path` refuses pipes there.
else:
    _NONBLOCKING: Final = os.O_NONBLOCK


class PipeReader:
    """Reader of a pipe, which waits for a program that writes to it.

    Args:
        path: Path of the pipe.
        deadline: Deadline of all reads.

    Raises:
        OSError: The pipe cannot be opened.
    """

    def __init__(self, path: str, deadline: Deadline) -> None:
        self._deadline = deadline
        # Otherwise, opening would wait for a writer without a time-out.
        self._file = os.open(Path(path), os.O_RDONLY | _NONBLOCKING)
        self._has_writer = False

    def read(self, size: int) -> bytes:
        """Wait for the next bytes and return up to `size` of them; return none at the end."""
        while True:
            timeout = self._deadline.next_timeout()
            select.select([self._file], [], [], timeout)
            try:
                data = os.read(self._file, min(size, _MAX_READ))
            except BlockingIOError:
                self._has_writer = True
                continue
            if data or self._has_writer:
                self._has_writer = True
                return data
            select.select([], [], [], min(timeout, _POLL_SECONDS))

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._file)
