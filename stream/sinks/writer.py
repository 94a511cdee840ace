"""Writes takes to a folder, on a thread of its own."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Condition, Thread
from typing import Final

from dancetype.stream.sinks.take import About, Take

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 8
"""Takes that may wait for a disk; of five minutes each has some megabytes a dancer."""


class Keeper:
    """Writes what it is given, in that order, and keeps nobody waiting.

    Where a take cannot be written it waits for the next one, with which it is tried again. Where
    too many wait the oldest is dropped.

    Args:
        folder: that is there, at first.
        save: writes a take; raises an OSError where it cannot.
    """

    def __init__(self, folder: Path, *, save: Callable[[Take, Path], None] = Take.save) -> None:
        self._folder = folder
        self._save = save
        self._changed = Condition()
        self._waiting: deque[Callable[[], Take]] = deque()
        self._news = False
        self._closed = False
        self._failing = False
        # A disk may hang for good, which must not keep the program alive.
        self._thread = Thread(target=self._run, name="takes", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def put(self, finish: Callable[[], Take]) -> None:
        """Has a take written; `finish` is called for it on the thread."""
        with self._changed:
            self._waiting.append(finish)
            self._drop()
            self._news = True
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for what is still to be written, and says what is lost."""
        with self._changed:
            self._closed = self._news = True
            self._changed.notify_all()
        self._thread.join(timeout)
        with self._changed:
            lost = len(self._waiting) + self._thread.is_alive()
        if lost:
            _log.error("%s: takes that could not be written and are lost: %d", self._folder, lost)

    def _run(self) -> None:
        while self._wait():
            while finish := self._next():
                if not self._write(finish):
                    break

    def _wait(self) -> bool:
        """Waits for something new; False where there is nothing more to come."""
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._closed)
            news, self._news = self._news, False
            return news

    def _next(self) -> Callable[[], Take] | None:
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def _write(self, finish: Callable[[], Take]) -> bool:
        """Whether a take is done with; else it waits again."""
        try:
            take = finish()
            path = _free(self._folder, take.about)
            self._save(take, path)
        except OSError as error:
            if not self._failing:
                _log.error(
                    "%s: takes cannot be written: %s (said once)", self._folder, error.strerror
                )
            self._failing = True
            with self._changed:
                self._waiting.appendleft(lambda: take)
                self._drop()
            return False
        except Exception:
            _log.exception("%s: a take could not be made, and is lost", self._folder)
            return True
        _log.info("kept %s", path)
        self._failing = False
        return True

    def _drop(self) -> None:
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            _log.error("%s: the oldest take that was not yet written is dropped", self._folder)


def _free(folder: Path, about: About) -> Path:
    """A name that sorts by time, says the source and is not taken."""
    begun = f"{datetime.fromtimestamp(about.started, UTC):%Y%m%d-%H%M%S}-{about.source}"
    paths = (folder / f"{begun}-{number:03}.npz" for number in count(1))
    return next(path for path in paths if not path.exists())
