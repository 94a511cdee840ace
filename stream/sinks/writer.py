"""Writer of recordings that does not block its callers."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Condition, Thread
from typing import Final

from dancetype.engine.log_event import LogEvent
from dancetype.engine.media.recording import Header, Recording
from dancetype.stream.sources.names import file_part

_log = logging.getLogger(__name__)

MAX_QUEUED: Final = 8
"""Maximum number of queued recordings; each has up to some megabytes per dancer."""


class RecordingWriter:
    """Thread that writes recordings to a folder in order.

    A recording that cannot be written is retried when the next one arrives. If too many are queued,
    the oldest is dropped.

    Args:
        folder: Existing folder for the recordings.
        save: Function that writes a recording, or raises an OSError.
    """

    def __init__(
        self, folder: Path, *, save: Callable[[Recording, Path], None] = Recording.save
    ) -> None:
        self._folder = folder
        self._save = save
        self._changed = Condition()
        self._queue: deque[Callable[[], Recording]] = deque()
        self._has_new = self._closed = self._failing = False
        # A daemon thread, so that a hanging disk does not keep the process alive.
        self._thread = Thread(target=self._run, name="recordings", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, finish: Callable[[], Recording]) -> None:
        """Queue a recording; the thread calls `finish` to get it."""
        with self._changed:
            self._queue.append(finish)
            self._limit_queue()
            self._has_new = True
            self._changed.notify_all()

    def close(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for the queue to be written.

        Returns:
            Number of lost recordings, which is also logged.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        if lost := len(self._queue) + self._thread.is_alive():
            _log.error(LogEvent("recordings_lost", folder=str(self._folder), count=lost))
        return lost

    def _run(self) -> None:
        closed = False
        while not closed:
            with self._changed:
                self._changed.wait_for(lambda: self._has_new or self._closed)
                closed, self._has_new = self._closed, False
            while self._queue and self._write(self._queue.popleft()):
                pass

    def _write(self, finish: Callable[[], Recording]) -> bool:
        """Write a recording; return False if it has to be retried, and put it back in the queue."""
        try:
            recording = finish()
            path = _unused_path(self._folder, recording.header)
            self._save(recording, path)
        except OSError as error:
            if not self._failing:
                _log.error(
                    LogEvent(
                        "recording_write_failed", folder=str(self._folder), error=error.strerror
                    )
                )
            self._failing = True
            with self._changed:
                self._queue.appendleft(lambda: recording)
                self._limit_queue()
            return False
        except Exception:
            _log.exception(LogEvent("recording_failed", folder=str(self._folder)))
            return True
        _log.info(LogEvent("recording_written", path=str(path)))
        self._failing = False
        return True

    def _limit_queue(self) -> None:
        if len(self._queue) > MAX_QUEUED:
            self._queue.popleft()
            _log.error(LogEvent("recording_dropped", folder=str(self._folder)))


def _unused_path(folder: Path, header: Header) -> Path:
    """Return an unused path whose name sorts by time and contains the source."""
    stem = f"{datetime.fromtimestamp(header.started, UTC):%Y%m%d-%H%M%S}-{file_part(header.source)}"
    paths = (folder / f"{stem}-{number:03}.npz" for number in count(1))
    return next(path for path in paths if not path.exists())
