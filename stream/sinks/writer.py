"""Write recordings to a folder, on a thread of its own."""

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

_log = logging.getLogger(__name__)

MAX_WAITING: Final = 8
"""Recordings that may wait for a disk; five minutes take some megabytes per dancer."""


class RecordingWriter:
    """Writer that writes recordings in order without blocking its callers.

    A recording that cannot be written is tried again with the next one. If too many wait, the
    oldest is dropped.

    Args:
        folder: Folder for the recordings; it exists at first.
        save: Function that writes a recording; raises an OSError if it cannot.
    """

    def __init__(
        self, folder: Path, *, save: Callable[[Recording, Path], None] = Recording.save
    ) -> None:
        self._folder = folder
        self._save = save
        self._changed = Condition()
        self._waiting: deque[Callable[[], Recording]] = deque()
        self._is_new = self._closed = self._failing = False
        # A daemon: a disk that hangs must not keep the process alive.
        self._thread = Thread(target=self._run, name="recordings", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, finish: Callable[[], Recording]) -> None:
        """Write the recording that `finish` returns, which is called on the thread."""
        with self._changed:
            self._waiting.append(finish)
            self._drop_oldest()
            self._is_new = True
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for the rest to be written, and log what is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        if lost := len(self._waiting) + self._thread.is_alive():
            _log.error(LogEvent("recordings_lost", folder=str(self._folder), count=lost))

    def _run(self) -> None:
        closed = False
        while not closed:
            with self._changed:
                self._changed.wait_for(lambda: self._is_new or self._closed)
                closed, self._is_new = self._closed, False
            while self._waiting and self._write(self._waiting.popleft()):
                pass

    def _write(self, finish: Callable[[], Recording]) -> bool:
        """Return whether a recording is finished; if not, it waits again."""
        try:
            recording = finish()
            path = _free_path(self._folder, recording.header)
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
                self._waiting.appendleft(lambda: recording)
                self._drop_oldest()
            return False
        except Exception:
            _log.exception(LogEvent("recording_failed", folder=str(self._folder)))
            return True
        _log.info(LogEvent("recording_written", path=str(path)))
        self._failing = False
        return True

    def _drop_oldest(self) -> None:
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            _log.error(LogEvent("recording_dropped", folder=str(self._folder)))


def _free_path(folder: Path, header: Header) -> Path:
    """Return an unused path whose name sorts by time and contains the source."""
    stem = f"{datetime.fromtimestamp(header.started, UTC):%Y%m%d-%H%M%S}-{header.source}"
    paths = (folder / f"{stem}-{number:03}.npz" for number in count(1))
    return next(path for path in paths if not path.exists())
