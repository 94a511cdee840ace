"""Video files as a source, with the times from the file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dancetype.engine.errors import Fault, FileError, MissingFileError, SourceError
from dancetype.engine.log_event import LogEvent
from dancetype.engine.media.sampler import FrameRate
from dancetype.engine.media.video import Video
from dancetype.stream.sources.base import Frame

_log = logging.getLogger(__name__)


class FileSource:
    """Source that reads a video file.

    Args:
        path: Path of the file.
        epoch: Epoch of the source.
        start: Capture time of the first frame, in seconds.
        fps: Maximum number of frames per second to return; all frames if None.

    Raises:
        SourceError: The file does not exist, or contains no readable video.
    """

    live = False

    def __init__(
        self,
        path: str | Path,
        *,
        epoch: int = 0,
        start: float = 0.0,
        fps: FrameRate | None = None,
    ) -> None:
        # The times of `Video` begin with 0.
        rate = (lambda time: fps(start + time)) if callable(fps) else fps
        with _as_source_errors():
            self._video = Video(path, fps=rate, realtime=True)
        self._path = str(path)
        self._epoch = epoch
        self._start = start

    @property
    def frames(self) -> int | None:
        """Approximate number of frames from the file's header; None if the header lacks it."""
        return self._video.frames

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end."""
        with _as_source_errors():
            timed_picture = self._video.read_deferred()
        if timed_picture is None:
            return None
        time, picture = timed_picture
        return Frame(picture, self._start + time, self._video.position - 1, self._epoch)

    def close(self) -> None:
        """Close the file, and log the number of damaged packets if there were any."""
        if self._video.damaged:
            _log.warning(LogEvent("damaged_packets", file=self._path, packets=self._video.damaged))
        self._video.close()


@contextmanager
def _as_source_errors() -> Iterator[None]:
    try:
        yield
    except MissingFileError as error:
        raise SourceError(str(error), Fault.NOT_FOUND) from error
    except FileError as error:
        raise SourceError(str(error), Fault.CODEC) from error
